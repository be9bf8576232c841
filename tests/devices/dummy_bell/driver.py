"""A bell on the counter: a driver as small as one can be. It says `ring`, and `ok` when asked."""

from __future__ import annotations

from typing import Final

import msgspec
from typing_extensions import override

from devices.driver import ConnectedDriver, DeviceJob, DriverPorts, DriverSpec, Rung
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from edge.contract.device_messages import EVENT_SCAN, BarcodeScanned, JobKind, JobResult
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable

_ASK: Final = b"?\n"
_ASK_EVERY_S: Final = 2.0
_SILENCES_MAX: Final = 3
_LINE_BYTES_MAX: Final = 16


class DummyBellSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`."""

    address: str


class DummyBell(ConnectedDriver):
    """Asks whether the bell is there, and tells when it rings."""

    def __init__(self, _settings: DummyBellSettings, ports: DriverPorts) -> None:
        super().__init__(ports)

    @override
    async def serve(self, stream: ByteStream) -> None:
        held, silences = b"", 0
        await stream.write(_ASK)
        while silences < _SILENCES_MAX:
            try:
                async with self.ports.clock.timeout(_ASK_EVERY_S):
                    data = await stream.read(64)
            except TimeoutError:
                silences += 1
                await stream.write(_ASK)
                continue
            if not data:
                return
            *lines, held = (held + data).split(b"\n")
            held = held[-_LINE_BYTES_MAX:]
            for line in lines:
                if line == b"ok":
                    silences = 0
                    self.ready()
                elif line == b"ring":
                    self.ports.emit(EVENT_SCAN, BarcodeScanned("bell"), 1_000)
        raise DeviceUnreachable("bell_silent", "The bell does not answer.", advice="Ring it.")

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        await self.live_stream()
        return job.done(self.ports.clock.now_ms(), {"health": "connected"})


DRIVER: Final = DriverSpec(
    name="dummy_bell",
    device_class=DeviceClass.SCANNER,
    settings=DummyBellSettings,
    example=DummyBellSettings(address="serial:///dev/ttyACM0"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=DummyBell,
    job_kinds=frozenset({JobKind.CHECK_HEALTH}),
    model="no bell there is",
    capabilities=(),
    rung=Rung.SIMULATED,
)
