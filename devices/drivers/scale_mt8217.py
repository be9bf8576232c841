"""Mettler-Toledo scales that speak the 8217 protocol: most scanner scales, and many others do."""

from __future__ import annotations

from typing import Final

import msgspec
from typing_extensions import override

from devices.driver import DriverPorts, DriverSpec, Rung
from devices.protocols.scale_mt8217 import ASK_WEIGHT, answers
from devices.protocols.weight_readings import Reading
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from devices.weighing.live_scale import SCALE_JOBS, LiveScale
from edge.contract.device_limits import (
    SCALE_8217_RETRY_MS,
)
from edge.contract.device_states import DeviceClass


class ScaleMt8217Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`; 8217 scales leave the works at 9600 7E1."""

    address: str


class ScaleMt8217(LiveScale):
    """Asks for the weight, letter by letter as the protocol is."""

    kind = "an 8217 scale"
    language = "the 8217 protocol at 9600 baud, 7 bits, even parity"
    eager_ms = SCALE_8217_RETRY_MS

    def __init__(self, _: ScaleMt8217Settings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._answers = answers()

    @override
    async def ask(self, stream: ByteStream) -> Reading | None:
        return await self.exchange(stream, ASK_WEIGHT, self._answers)


DRIVER: Final = DriverSpec(
    name="scale_mt8217",
    device_class=DeviceClass.SCALE,
    settings=ScaleMt8217Settings,
    example=ScaleMt8217Settings(address="serial:///dev/ttyUSB0?baud=9600&bits=7&parity=e"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=ScaleMt8217,
    job_kinds=SCALE_JOBS,
    model="Mettler-Toledo 8217, or a scale set to that protocol",
    capabilities=("live_weight",),
    rung=Rung.SIMULATED,
)
