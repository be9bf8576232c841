"""The end of a terminal's day: asked for once, and asked about by its totals when unsure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from devices.driver import DeviceJob, DriverPorts
from devices.drivers.terminal_zvt.line import End, ZvtLine, code_of
from devices.protocols import zvt_commands as commands
from devices.protocols.zvt_end_of_day import (
    STILL_OPEN,
    EndOfDayNote,
    TotalsAnswer,
    closed,
    judge_end_of_day,
    never_begun,
    not_closed,
    totals_of,
    undecided,
)
from devices.protocols.zvt_messages import (
    Aborted,
    Answer,
    Completion,
    IntermediateStatus,
    Message,
    PrintedText,
    StatusInformation,
)
from devices.protocols.zvt_results import ASK_AGAIN, BUSY, OK
from edge.contract.device_limits import (
    TERMINAL_RECEIPT_LINES_MAX,
)
from edge.contract.device_messages import JobResult
from edge.contract.errors import DeviceUnreachable, ProtocolViolation
from edge.contract.terminal_messages import EndOfDayOutcome

_NOTE: Final = "end-of-day"
_LAST: Final = "last-end-of-day"

Keep = Callable[[EndOfDayNote], Awaitable[EndOfDayNote]]
"""Puts a note on disk."""

_decode: Final = msgspec.json.Decoder(EndOfDayNote).decode


class EndOfDay:
    """Runs 06 50 and keeps a note of each, under its job, so that none is guessed at."""

    def __init__(self, ports: DriverPorts, answer_ms_max: int) -> None:
        self._ports = ports
        self._answer_ms_max = answer_ms_max
        self._device = f"zvt:{ports.device}"

    async def run(self, job: DeviceJob, line: ZvtLine, password: str) -> JobResult:
        """Have the terminal close its batch; everything else at it is decided.

        Raises what breaks the question before it off: then nothing was asked for.
        """
        if (note := await self._of(job.id)) is not None:  # it was asked about before it came
            return job.done(self._ports.clock.now_ms(), note.outcome or undecided())
        before = await self._ask(line, password)
        if before is None:
            return _refused(job, self._ports.clock.now_ms(), BUSY)
        note = EndOfDayNote(job.id, before.said, before.totals, begun_ms=self._ports.clock.now_ms())
        await self._keep(note)
        await self._ports.remember(self._device, _LAST, job.id.encode())
        listener = _Listener(note, self._ports, self._keep)
        try:
            end = await line.converse(commands.end_of_day(password), listener.listen)
        except (DeviceUnreachable, ProtocolViolation) as error:
            self._ports.count("UnknownEndOfDayCount")
            return job.unknown(self._ports.clock.now_ms(), error.code, error.message, error.advice)
        outcome = listener.outcome(end)
        now_ms = self._ports.clock.now_ms()
        if outcome is None:
            self._ports.count("UnknownEndOfDayCount")
            return job.unknown(
                now_ms,
                "end_contradicts",
                "The terminal's last words about its end of day contradict each other.",
                "Wait: the terminal is asked for its totals.",
            )
        await self._end(listener.note, outcome)
        if isinstance(end, Answer):
            return _refused(job, now_ms, end.refusal)
        return job.done(now_ms, outcome)

    async def settle(self, line: ZvtLine, password: str) -> bool:
        """Find out what became of the last one that is open; False: ask again in a moment.

        "Still open" is believed once T3 is over, as "not booked" is of a payment.
        """
        job = await self._ports.recall(self._device, _LAST)
        note = None if job is None else await self._of(job.decode())
        if note is None or not note.open:
            return True
        answer = TotalsAnswer(said=False)
        if note.heard is None:
            asked = await self._ask(line, password)
            if asked is None:
                return False
            answer = asked
        outcome = judge_end_of_day(note, answer)
        age_ms = self._ports.clock.now_ms() - note.begun_ms
        if outcome is not None and outcome.code == STILL_OPEN and 0 <= age_ms < self._answer_ms_max:
            return False
        if outcome is None:
            self._ports.log.warning("end_of_day_undecided", job=note.job)
            await self._keep(msgspec.structs.replace(note, undecided=True))
        else:
            self._ports.log.info("end_of_day_settled", job=note.job, outcome=outcome.outcome)
            await self._end(note, outcome)
        return True

    async def is_open(self, job: str) -> bool:
        """Say whether an end of day has still to be asked about."""
        note = await self._of(job)
        return note is not None and note.open

    async def outcome(self, job: str) -> EndOfDayOutcome:
        """Return what became of an end of day; one that was never begun never will be."""
        note = await self._of(job)
        if note is None:
            note = await self._end(EndOfDayNote(job, asked=False), never_begun())
        return note.outcome or undecided()

    async def _ask(self, line: ZvtLine, password: str) -> TotalsAnswer | None:
        """Ask the terminal for its totals; None: ask again, it is busy or was switched off."""
        heard: list[StatusInformation] = []

        async def listen(message: Message) -> None:
            if isinstance(message, StatusInformation):
                heard.append(message)

        end = await line.converse(commands.send_totals(password), listen)
        if code_of(end) in ASK_AGAIN:
            return None
        if heard and heard[-1].result in {OK, None}:
            return TotalsAnswer(said=True, totals=totals_of(heard[-1]))
        return TotalsAnswer(said=isinstance(end, Completion) and not heard)

    async def _of(self, job: str) -> EndOfDayNote | None:
        kept = await self._ports.recall(job, _NOTE)
        return None if kept is None else _decode(kept)

    async def _keep(self, note: EndOfDayNote) -> EndOfDayNote:
        await self._ports.remember(note.job, _NOTE, msgspec.json.encode(note))
        return note

    async def _end(self, note: EndOfDayNote, outcome: EndOfDayOutcome) -> EndOfDayNote:
        return await self._keep(msgspec.structs.replace(note, outcome=outcome))


class _Listener:
    """Listens to one end of day; what the terminal tells is on disk before it is acknowledged."""

    def __init__(self, note: EndOfDayNote, ports: DriverPorts, keep: Keep) -> None:
        self.note = note
        self._ports = ports
        self._keep = keep
        self._lines: list[str] = []
        self._failed: StatusInformation | None = None

    async def listen(self, message: Message) -> None:
        """Take a message; on disk when this returns."""
        match message:
            case IntermediateStatus():
                self._ports.report(health=message.words)
            case StatusInformation() if message.result in {OK, None}:
                heard = closed(message)
                self.note = await self._keep(msgspec.structs.replace(self.note, heard=heard))
            case StatusInformation():
                self._failed = message
            case PrintedText():
                room = TERMINAL_RECEIPT_LINES_MAX - len(self._lines)
                self._lines += message.lines[: max(0, room)]
            case _:
                pass

    def outcome(self, end: End) -> EndOfDayOutcome | None:
        """Return how it ended, or None when that is not said or contradicts itself."""
        lines = tuple(self._lines)
        heard, failed = self.note.heard, self._failed
        match end:
            case Answer(refusal):
                return not_closed(refusal)
            case Aborted(code, named) if heard is None:
                told = None if failed is None else failed.result
                words = named if failed is None else failed.words or named
                return not_closed(told or code, words, lines)
            case Completion() if heard is not None and failed is None:
                return msgspec.structs.replace(heard, lines=lines)
            case Completion() if failed is not None and heard is None:
                return not_closed(failed.result, failed.words, lines)
            case _:
                return None


def _refused(job: DeviceJob, now_ms: int, code: int) -> JobResult:
    outcome = not_closed(code)
    return job.failed(now_ms, "terminal_refused", outcome.reason, outcome.advice)
