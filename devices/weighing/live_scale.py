"""The life that all scales share: look all the time, show what lies there, sell what is still.

A concrete driver says how one look is taken (`ask`). What is shown is for the eye; what is sold
comes from the job `weigh`: looks that began after the job came, and that agree.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from enum import Enum
from typing import ClassVar, Final, Protocol, TypeVar

from typing_extensions import override

from devices.driver import ConnectedDriver, DeviceJob, DriverPorts
from devices.protocols.weight_readings import Reading, Trouble
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    SCALE_ANSWER_MS_MAX,
    SCALE_NOISE_BYTES_MAX,
    SCALE_POLL_EAGER_MS,
    SCALE_POLL_MS,
    SCALE_QUIET_MS,
    SCALE_SHOW_MS,
    SCALE_SILENCES_MAX,
    SCALE_STILL_MS_MAX,
)
from edge.contract.device_messages import JobKind, JobResult, WeighArgs, WeighOutcome
from edge.contract.device_states import WeightState
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable, ProtocolViolation
from edge.contract.limits import (
    SCALE_WEIGHT_G_MAX,
)

A = TypeVar("A")

SCALE_JOBS: Final = frozenset({JobKind.WEIGH, JobKind.CHECK_HEALTH})
READ_BYTES_MAX: Final = 1_024

_SHOWN: Final = frozenset({WeightState.STABLE, WeightState.UNSTABLE})
_NEW_LOAD_AFTER: Final = frozenset(
    {WeightState.UNSTABLE, WeightState.OVERLOAD, WeightState.BELOW_ZERO}
)
"""What goods cannot show that lie as they lay; a unit that was changed moves nothing."""

_TROUBLE: Final = {
    WeightState.UNSTABLE: Trouble(
        "scale_unstable",
        "The goods on the scale do not lie still.",
        "Wait until the scale is still, then weigh again.",
    ),
    WeightState.OVERLOAD: Trouble(
        "scale_overloaded",
        "There is too much on the scale.",
        "Take the goods off and weigh them in parts.",
    ),
    WeightState.BELOW_ZERO: Trouble(
        "scale_below_zero",
        "The scale shows less than zero.",
        "Take the goods off and press the scale's zero key.",
    ),
    WeightState.NOT_KILOGRAMS: Trouble(
        "scale_not_kilograms",
        "The scale does not weigh in kilograms.",
        "Set the scale to kg.",
    ),
}


class Sign(Enum):
    """What a look can give besides a weight."""

    LIFE = "life"
    """The scale answered, and tells no weight now."""


class Answers(Protocol[A]):
    """A codec: bytes in, answers out; `flush` gives up what is not whole."""

    def feed(self, data: bytes) -> list[A]:
        """Take bytes and return what they complete."""
        ...

    def flush(self) -> object:
        """Give up what is not whole."""
        ...


class LiveScale(ConnectedDriver):
    """A driver of a scale; concrete ones write `ask`."""

    kind: ClassVar[str]
    """What it should be, for words: `a CAS scale`."""
    language: ClassVar[str]
    """How it must be set, for words: `the CAS protocol at 9600 baud`."""
    agree: ClassVar[int] = 2
    """Readings in a row that must say the same before anything is sold by them."""
    eager_ms: ClassVar[int] = SCALE_POLL_EAGER_MS
    """How long after one look the next one comes while a weighing waits."""

    def __init__(self, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._answer: Reading | Trouble | None = None
        self._heard = 0
        """Good answers so far."""
        self._same_since = 0
        """The number of the first of those that say what the newest does."""
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._weighing = 0
        self._load = ""
        self._load_g = 0
        self._shown: Reading | Trouble | Sign | None = None
        self._shown_at_ms = 0

    # --- what concrete drivers write ------------------------------------------------------

    @abstractmethod
    async def ask(self, stream: ByteStream) -> Reading | Trouble | Sign | None:
        """Take one look; None when there was no good answer in time."""

    def begin_weighing(self, args: WeighArgs) -> None:
        """Hear what will be weighed; raises DeviceNeedsPerson where that cannot be."""

    def end_weighing(self) -> None:
        """Hear that nobody waits for a weight any more."""

    def tare_taken_g(self, args: WeighArgs) -> int:  # noqa: ARG002 - most take off nothing
        """Return what the scale itself takes off in such a weighing, in grams."""
        return 0

    def proves_motion(self, reading: Reading) -> bool:
        """Say whether the goods cannot lie as they lay before: the next weight is another load."""
        return reading.state in _NEW_LOAD_AFTER or reading == Reading(WeightState.STABLE)

    async def between_looks(self) -> None:
        """Wait until the next look is due; a weighing that begins hurries it."""
        self._hurry.clear()
        wait_ms = self.eager_ms if self._weighing else SCALE_POLL_MS
        try:
            async with self.ports.clock.timeout(wait_ms / 1000):
                await self._hurry.wait()
        except TimeoutError:
            return

    async def after_silence(self, stream: ByteStream) -> None:
        """Let an answer that comes too late, or noise, run out: it must not answer the next."""
        dropped = 0
        try:
            while dropped <= SCALE_NOISE_BYTES_MAX:
                async with self.ports.clock.timeout(SCALE_QUIET_MS / 1000):
                    dropped += len(await self.read(stream))
        except TimeoutError:
            return
        raise self.babbles()

    # --- what they are given --------------------------------------------------------------

    async def exchange(self, stream: ByteStream, question: bytes, answers: Answers[A]) -> A | None:
        """Put a question and return its one answer; None for none in time, or for more."""
        answers.flush()
        await stream.write(question)
        try:
            async with self.ports.clock.timeout(SCALE_ANSWER_MS_MAX / 1000):
                while True:
                    found = answers.feed(await self.read(stream))
                    if found:
                        return found[0] if len(found) == 1 else None
        except TimeoutError:
            return None

    async def read(self, stream: ByteStream) -> bytes:
        """Return some bytes; raises DeviceUnreachable when the other end closed."""
        data = await stream.read(READ_BYTES_MAX)
        if not data:
            raise DeviceUnreachable(
                "connection_closed",
                f"{self.ports.device} closed the connection.",
                advice="Check its power and its cable.",
            )
        return data

    def babbles(self) -> ProtocolViolation:
        """Return what is raised for a line that never falls silent, or sends too much."""
        return ProtocolViolation(
            "scale_babbles",
            f"{self.ports.device} sends without a pause.",
            advice="See that the cable leads to the scale.",
        )

    @property
    def _silent_advice(self) -> str:
        return f"Check its power, its cable, and that it is set to {self.language}."

    def new_load(self) -> None:
        """Say that the goods were moved: what is weighed next is another load."""
        self._load = ""

    def hide_weight(self) -> None:
        """Take the weight off the screens: nobody may read an old one there."""
        self._shown = None
        self.ports.report(weight="", weight_g=0)

    # --- listening ------------------------------------------------------------------------

    @override
    async def serve(self, stream: ByteStream) -> None:
        silences = 0
        self._shown = None
        try:
            while True:
                heard = await self.ask(stream)
                if heard is not None:
                    silences = 0
                    if not isinstance(heard, Sign):
                        self._take(heard)
                    self._show(heard)
                else:
                    silences += 1
                    self.ports.count("ScaleErrorCount")
                    if silences >= SCALE_SILENCES_MAX:
                        raise DeviceUnreachable(
                            "scale_silent",
                            f"{self.ports.device} does not answer as {self.kind} does.",
                            advice=self._silent_advice,
                        )
                await self.between_looks()
                if silences:
                    await self.after_silence(stream)
        finally:
            self.hide_weight()

    def _take(self, heard: Reading | Trouble) -> None:
        self._heard += 1
        if heard != self._answer:
            self._same_since = self._heard
        self._answer = heard
        if isinstance(heard, Reading):
            self._name_load(heard)
        self._news.set()
        self._news = asyncio.Event()

    def _name_load(self, reading: Reading) -> None:
        if self.proves_motion(reading):
            self.new_load()
        # one reading alone may be a damaged one: the goods that lie there keep their name
        agreed = self._heard - self._same_since + 1 >= self.agree
        named = self._load and reading.weight_g == self._load_g
        if reading.state is WeightState.STABLE and reading.weight_g and agreed and not named:
            self._load, self._load_g = self.ports.ids.new(), reading.weight_g

    def _show(self, heard: Reading | Trouble | Sign) -> None:
        now = self.ports.clock.monotonic_ms()
        too_soon = now - self._shown_at_ms < SCALE_SHOW_MS
        if self._shown is not None and (heard == self._shown or too_soon):
            return
        self._shown, self._shown_at_ms = heard, now
        if isinstance(heard, Sign):
            self.ready(weight="", weight_g=0)
        elif isinstance(heard, Trouble):
            self.attention(heard.words, heard.advice, weight="", weight_g=0)
        elif heard.state in _SHOWN:
            self.ready(weight=heard.state.value, weight_g=heard.weight_g)
        else:
            trouble = _TROUBLE[heard.state]
            self.attention(
                trouble.words, trouble.advice, weight=heard.state.value, weight_g=heard.weight_g
            )

    # --- jobs -----------------------------------------------------------------------------

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        await self.live_stream()
        if isinstance(job.args, WeighArgs):
            outcome = await self._weigh(job.args, job.deadline)
            return job.done(self.ports.clock.now_ms(), outcome)
        return job.done(self.ports.clock.now_ms(), {"health": "connected"})

    async def _weigh(self, args: WeighArgs, deadline: int) -> WeighOutcome:
        """Return the weight once it is still; raises DeviceNeedsPerson in words."""
        clock = self.ports.clock
        self.begin_weighing(args)
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
            self.end_weighing()
        return self._outcome(before, self.tare_taken_g(args))

    def _outcome(self, before: int, tare_g: int) -> WeighOutcome:
        heard = self._answer if self._heard > before else None
        if heard is None:
            raise DeviceUnreachable(
                "scale_silent",
                "The scale does not answer.",
                advice=self._silent_advice,
            )
        if isinstance(heard, Trouble):
            raise _for_a_person(heard)
        state = heard.state
        if state is WeightState.STABLE and not self._agreed_since(before):
            state = WeightState.UNSTABLE
        elif heard.weight_g > SCALE_WEIGHT_G_MAX:
            state = WeightState.OVERLOAD
        if state is not WeightState.STABLE:
            raise _for_a_person(_TROUBLE[state])
        return WeighOutcome(heard.weight_g, self._load, tare_g=tare_g)

    def _agreed_since(self, before: int) -> bool:
        heard = self._answer
        if heard is None or (isinstance(heard, Reading) and heard.state is WeightState.UNSTABLE):
            return False
        return self._heard - max(before, self._same_since - 1) >= self.agree


def _for_a_person(trouble: Trouble) -> DeviceNeedsPerson:
    return DeviceNeedsPerson(trouble.code, trouble.words, advice=trouble.advice)
