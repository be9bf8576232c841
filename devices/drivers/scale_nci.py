"""Weigh-Tronix scales that speak the NCI protocol (SCP-01, "ECR"), and others that have it."""

from __future__ import annotations

from typing import Final

import msgspec
from typing_extensions import override

from devices.driver import DriverPorts, DriverSpec, Rung
from devices.protocols.scale_nci import ASK_WEIGHT, answers
from devices.protocols.weight_readings import Reading, Trouble
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from devices.weighing.live_scale import SCALE_JOBS, LiveScale
from edge.contract.device_states import DeviceClass


class ScaleNciSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`; 7 bits always, usually 9600 7E1."""

    address: str


class ScaleNci(LiveScale):
    """Asks for weight and status in one question."""

    kind = "an NCI scale"
    language = "the NCI (ECR) protocol at 9600 baud, 7 bits, even parity"

    def __init__(self, _: ScaleNciSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._answers = answers()

    @override
    async def ask(self, stream: ByteStream) -> Reading | Trouble | None:
        return await self.exchange(stream, ASK_WEIGHT, self._answers)


DRIVER: Final = DriverSpec(
    name="scale_nci",
    device_class=DeviceClass.SCALE,
    settings=ScaleNciSettings,
    example=ScaleNciSettings(address="serial:///dev/ttyUSB0?baud=9600&bits=7&parity=e"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=ScaleNci,
    job_kinds=SCALE_JOBS,
    model="Weigh-Tronix (NCI) 67xx, or a scale set to the NCI protocol",
    capabilities=("live_weight",),
    rung=Rung.SIMULATED,
)
