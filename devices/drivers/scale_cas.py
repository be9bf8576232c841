"""Counter scales that speak the CAS protocol (AP, PD-II), on a serial line or a serial server."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from typing_extensions import override

from devices.driver import ConnectedDriver, DeviceJob, DriverPorts, DriverSpec, Rung
from devices.protocols.scale_cas import ASK_WEIGHT, CALL, Line, Reading, ScaleAnswers
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from edge.contract.device_messages import JobKind, JobResult, WeighOutcome
from edge.contract.device_states import DeviceClass, WeightState
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable, ProtocolViolation
from edge.contract.limits import (
    SCALE_ANSWER_MS_MAX,
    SCALE_NOISE_BYTES_MAX,
    SCALE_POLL_EAGER_MS,
    SCALE_POLL_MS,
    SCALE_QUIET_MS,
    SCALE_SHOW_MS,
    SCALE_SILENCES_MAX,
    SCALE_STILL_MS_MAX,
    SCALE_WEIGHT_G_MAX,
)

_READ_BYTES_MAX: Final = 1_024
_AGREE: Final = 2
"""Readings in a row that must say the same before anything is sold by them."""

_TROUBLE: Final = {
    WeightState.UNSTABLE: (
        "scale_unstable",
        "The goods on the scale do not lie still.",
        "Wait until the scale is still, then weigh again.",
    ),
    WeightState.OVERLOAD: (
        "scale_overloaded",
        "There is too much on the scale.",
        "Take the goods off and weigh them in parts.",
    ),
    WeightState.BELOW_ZERO: (
        "scale_below_zero",
        "The scale shows less than zero.",
        "Take the goods off and press the scale's zero key.",
    ),
    WeightState.NOT_KILOGRAMS: (
        "scale_not_kilograms",
        "The scale does not weigh in kilograms.",
        "Set the scale to kg.",
    ),
}


class ScaleCasSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`; CAS scales leave the works at 9600 8N1."""

    address: str


class ScaleCas(ConnectedDriver):
    """Asks the scale all the time: shows what lies on it, and sells by it only what is still."""

    def __init__(self, settings: ScaleCasSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._settings = settings
        self._answers = ScaleAnswers()
        self._reading: Reading | None = None
        self._heard = 0
        """Good readings so far."""
        self._same_since = 0
        """The number of the first of those that say what the newest does."""
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._weighing = 0
        self._load = ""
        self._load_g = 0
        self._shown: Reading | None = None
        self._shown_at_ms = 0

    # --- listening ------------------------------------------------------------------------

    @override
    async def serve(self, stream: ByteStream) -> None:
        silences = 0
        self._shown = None
        try:
            while True:
                reading = await self._ask(stream)
                if reading is not None:
                    silences = 0
                    self._take(reading)
                    self._show(reading)
                else:
                    silences += 1
                    self.ports.count("ScaleErrorCount")
                    if silences >= SCALE_SILENCES_MAX:
                        raise DeviceUnreachable(
                            "scale_silent",
                            f"{self.ports.device} does not answer as a CAS scale does.",
                            advice="Check its power, its cable, and that it is set to the CAS "
                            "protocol at 9600 baud.",
                        )
                    await self._until_quiet(stream)
                await self._rest()
        finally:
            self.ports.report(weight="", weight_g=0)  # nobody may read an old weight off a screen

    async def _rest(self) -> None:
        self._hurry.clear()
        wait_ms = SCALE_POLL_EAGER_MS if self._weighing else SCALE_POLL_MS
        try:
            async with self.ports.clock.timeout(wait_ms / 1000):
                await self._hurry.wait()
        except TimeoutError:
            return

    async def _ask(self, stream: ByteStream) -> Reading | None:
        """Put the question; None when there was no good answer in time."""
        self._answers.flush()
        await stream.write(CALL)
        first = await self._answer(stream)
        if first is Line.NOT_NOW:
            return Reading(WeightState.UNSTABLE)
        if first is not Line.READY:
            return None
        await stream.write(ASK_WEIGHT)
        second = await self._answer(stream)
        return second if isinstance(second, Reading) else None

    async def _answer(self, stream: ByteStream) -> Reading | Line | None:
        """Return the one answer to what was asked; more than one is noise."""
        try:
            async with self.ports.clock.timeout(SCALE_ANSWER_MS_MAX / 1000):
                while True:
                    found = self._answers.feed(await self._read(stream))
                    if found:
                        return found[0] if len(found) == 1 else Line.NOISE
        except TimeoutError:
            return None

    async def _until_quiet(self, stream: ByteStream) -> None:
        """Let an answer that comes too late, or noise, run out: it must not answer the next."""
        dropped = 0
        try:
            while dropped <= SCALE_NOISE_BYTES_MAX:
                async with self.ports.clock.timeout(SCALE_QUIET_MS / 1000):
                    dropped += len(await self._read(stream))
        except TimeoutError:
            return
        raise ProtocolViolation(
            "scale_babbles",
            f"{self.ports.device} sends without a pause.",
            advice="See that the cable leads to the scale.",
        )

    async def _read(self, stream: ByteStream) -> bytes:
        data = await stream.read(_READ_BYTES_MAX)
        if not data:
            raise DeviceUnreachable(
                "connection_closed",
                f"{self.ports.device} closed the connection.",
                advice="Check its power and its cable.",
            )
        return data

    def _take(self, reading: Reading) -> None:
        self._heard += 1
        if reading != self._reading:
            self._same_since = self._heard
        self._reading = reading
        if reading.state is not WeightState.STABLE or not reading.weight_g:
            self._load = ""  # moved, or taken off: what lies there next is another load
        elif not self._load or reading.weight_g != self._load_g:
            self._load, self._load_g = self.ports.ids.new(), reading.weight_g
        self._news.set()
        self._news = asyncio.Event()

    def _show(self, reading: Reading) -> None:
        now = self.ports.clock.monotonic_ms()
        too_soon = now - self._shown_at_ms < SCALE_SHOW_MS
        if self._shown is not None and (reading == self._shown or too_soon):
            return
        self._shown, self._shown_at_ms = reading, now
        shows: dict[str, str | int] = {"weight": reading.state.value, "weight_g": reading.weight_g}
        if reading.state in {WeightState.STABLE, WeightState.UNSTABLE}:
            self.ready(**shows)
        else:
            _, health, advice = _TROUBLE[reading.state]
            self.attention(health, advice, **shows)

    # --- jobs -----------------------------------------------------------------------------

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        await self.live_stream()
        if job.kind is JobKind.WEIGH:
            outcome = await self._weigh(job.deadline)
            return job.done(self.ports.clock.now_ms(), outcome)
        return job.done(self.ports.clock.now_ms(), {"health": "connected"})

    async def _weigh(self, deadline: int) -> WeighOutcome:
        """Return the weight once it is still; raises DeviceNeedsPerson in words."""
        clock = self.ports.clock
        before = self._heard
        self._weighing += 1
        self._hurry.set()
        wait_ms = max(0, min(SCALE_STILL_MS_MAX, deadline - clock.now_ms()))
        try:
            async with clock.timeout(wait_ms / 1000):
                while not self._agreed_since(before):
                    await self._news.wait()
        except TimeoutError:
            pass
        finally:
            self._weighing -= 1
        reading = self._reading if self._heard > before else None
        if reading is None:
            raise DeviceUnreachable(
                "scale_silent",
                "The scale does not answer.",
                advice="Check its power and its cable.",
            )
        state = reading.state
        if state is WeightState.STABLE and not self._agreed_since(before):
            state = WeightState.UNSTABLE
        elif reading.weight_g > SCALE_WEIGHT_G_MAX:
            state = WeightState.OVERLOAD
        if state is not WeightState.STABLE:
            code, words, advice = _TROUBLE[state]
            raise DeviceNeedsPerson(code, words, advice=advice)
        return WeighOutcome(reading.weight_g, self._load)

    def _agreed_since(self, before: int) -> bool:
        if self._reading is None or self._reading.state is WeightState.UNSTABLE:
            return False
        return self._heard - max(before, self._same_since - 1) >= _AGREE


DRIVER: Final = DriverSpec(
    name="scale_cas",
    device_class=DeviceClass.SCALE,
    settings=ScaleCasSettings,
    example=ScaleCasSettings(address="serial:///dev/ttyUSB0?baud=9600"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=ScaleCas,
    job_kinds=frozenset({JobKind.WEIGH, JobKind.CHECK_HEALTH}),
    model="CAS AP and PD-II, or a scale set to the CAS protocol",
    capabilities=("live_weight",),
    rung=Rung.SIMULATED,
)
