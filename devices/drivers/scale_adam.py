"""Adam scales in continuous mode: they send what they show, all the time, and are asked nothing.

Asked for a weight (`P`), an Adam scale answers nothing while the weight is what it sent last, so
that "nothing there" and "the same again" cannot be told apart and an old weight could be sold:
that mode is refused.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from typing_extensions import override

from devices.driver import DriverPorts, DriverSpec, Rung
from devices.protocols.scale_adam import ScaleLines, Unmarked
from devices.protocols.weight_readings import Reading
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream, Connector
from devices.weighing.live_scale import SCALE_JOBS, LiveScale
from edge.contract.device_limits import (
    SCALE_STREAM_BYTES_S_MAX,
    SCALE_STREAM_GAP_MS_MAX,
    SCALE_STREAM_STILL_MS,
)
from edge.contract.device_states import DeviceClass, WeightState
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock

_WINDOW_MS: Final = 1_000


class ScaleAdamSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`; Adam scales leave the works at 4800 8N1.

    `mode`: how the scale is set; only `continuous` is taken.
    """

    address: str
    mode: Literal["continuous", "request"] = "continuous"


class ScaleAdam(LiveScale):
    """Reads line after line; a weight that nobody calls still is when it stays the same."""

    kind = "an Adam scale in continuous mode"
    language = (
        "send continuously, at 4800 baud: asked, it is silent while the weight stays, and an old "
        "weight could be sold"
    )

    def __init__(self, _: ScaleAdamSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._lines = ScaleLines()
        self._weight_g: int | None = None
        self._since_ms: int | None = None
        """Since when lines say nothing but that weight; None: not since the last line."""
        self._marks_rest = False
        self._window_ms = 0
        self._window_bytes = 0

    @override
    async def serve(self, stream: ByteStream) -> None:
        self._forget()
        await super().serve(stream)

    @override
    async def ask(self, stream: ByteStream) -> Reading | None:
        """Wait for the next line; of several at once the last is the one that counts."""
        try:
            async with self.ports.clock.timeout(SCALE_STREAM_GAP_MS_MAX / 1000):
                while True:
                    data = await self.read(stream)
                    self._measure(len(data))
                    found = self._lines.feed(data)
                    if found:
                        return self._settled(found[-1])
        except TimeoutError:
            self._forget()
            self.hide_weight()
            return None

    @override
    async def between_looks(self) -> None:
        """Nothing to wait for: the scale sets the pace."""

    @override
    async def after_silence(self, stream: ByteStream) -> None:
        """Nothing to let run out: no line answers a question."""

    @override
    def proves_motion(self, reading: Reading) -> bool:
        """Not while it is not known yet whether they lie still: then a changed weight does."""
        waiting = reading.state is WeightState.UNSTABLE and not self._marks_rest
        return super().proves_motion(reading) and not waiting

    def _forget(self) -> None:
        self._lines.flush()
        self._since_ms = None

    def _settled(self, line: Reading | Unmarked | None) -> Reading | None:
        self._marks_rest = not isinstance(line, Unmarked)
        if not isinstance(line, Unmarked):
            self._since_ms = None
            return line
        now = self.ports.clock.monotonic_ms()
        if line.weight_g != self._weight_g:
            self.new_load()
            self._weight_g, self._since_ms = line.weight_g, now
        elif self._since_ms is None:
            self._since_ms = now
        still = now - self._since_ms >= SCALE_STREAM_STILL_MS
        return Reading(WeightState.STABLE if still else WeightState.UNSTABLE, line.weight_g)

    def _measure(self, more: int) -> None:
        now = self.ports.clock.monotonic_ms()
        if now - self._window_ms >= _WINDOW_MS:
            self._window_ms, self._window_bytes = now, 0
        self._window_bytes += more
        if self._window_bytes > SCALE_STREAM_BYTES_S_MAX:
            raise self.babbles()


def _connector(settings: ScaleAdamSettings, clock: Clock) -> Connector:
    if settings.mode == "request":
        raise SettingsInvalid(
            "scale_request_mode",
            "An Adam scale that is asked answers nothing while the weight is what it sent last, "
            "so an old weight could be sold: this mode is refused.",
            advice="Set the scale to send continuously, and its mode here to continuous.",
        )
    return connector_to(settings.address, clock)


DRIVER: Final = DriverSpec(
    name="scale_adam",
    device_class=DeviceClass.SCALE,
    settings=ScaleAdamSettings,
    example=ScaleAdamSettings(address="serial:///dev/ttyUSB0?baud=4800"),
    connector=_connector,
    build=ScaleAdam,
    job_kinds=SCALE_JOBS,
    model="Adam scales that can send continuously",
    capabilities=("live_weight",),
    rung=Rung.SIMULATED,
)
