"""Counter scales that speak the CAS protocol (AP, PD-II), on a serial line or a serial server."""

from __future__ import annotations

from typing import Final

import msgspec
from typing_extensions import override

from devices.driver import DriverPorts, DriverSpec, Rung
from devices.protocols.scale_cas import ASK_WEIGHT, CALL, Line, ScaleAnswers
from devices.protocols.weight_readings import Reading
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from devices.weighing.live_scale import SCALE_JOBS, LiveScale
from edge.contract.device_states import DeviceClass, WeightState


class ScaleCasSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`; CAS scales leave the works at 9600 8N1."""

    address: str


class ScaleCas(LiveScale):
    """Calls the scale, then asks what it weighs; 15 in answer to the call means not now."""

    kind = "a CAS scale"
    language = "the CAS protocol at 9600 baud"

    def __init__(self, _: ScaleCasSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._answers = ScaleAnswers()

    @override
    async def ask(self, stream: ByteStream) -> Reading | None:
        first = await self.exchange(stream, CALL, self._answers)
        if first is Line.NOT_NOW:
            return Reading(WeightState.UNSTABLE)
        if first is not Line.READY:
            return None
        second = await self.exchange(stream, ASK_WEIGHT, self._answers)
        return second if isinstance(second, Reading) else None


DRIVER: Final = DriverSpec(
    name="scale_cas",
    device_class=DeviceClass.SCALE,
    settings=ScaleCasSettings,
    example=ScaleCasSettings(address="serial:///dev/ttyUSB0?baud=9600"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=ScaleCas,
    job_kinds=SCALE_JOBS,
    model="CAS AP and PD-II, or a scale set to the CAS protocol",
    capabilities=("live_weight",),
    rung=Rung.SIMULATED,
)
