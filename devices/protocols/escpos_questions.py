"""When a printer is asked for its status, and when it counts as gone. Time comes in as a value."""

from __future__ import annotations

from collections import deque

from devices.protocols.escpos_commands import STATUS_KINDS
from devices.protocols.escpos_status import Answer, RealTimeStatus, StatusBack
from edge.contract.device_limits import (
    PRINTER_ANSWER_MS_MAX,
    PRINTER_HEARTBEAT_MS,
    PRINTER_POLL_MS,
    PRINTER_SILENCES_MAX,
)


class StatusQuestions:
    """Rounds of DLE EOT: all four kinds at first, then whenever it is time.

    A printer that reports by itself is only asked whether it is there; one that answered
    nothing in the first round is left alone.
    """

    def __init__(self) -> None:
        self._round: deque[int] = deque(STATUS_KINDS)
        self._due_ms = 0
        self._asking = False
        self._silences = 0
        self.introduced = False
        """The first round is over: what can be known is known."""
        self.answers = False
        """It has answered DLE EOT on this connection."""
        self.reports_itself = False
        """It has sent automatic status on this connection."""

    @property
    def gone(self) -> bool:
        """Whether it answered once and does not any more."""
        return self._silences >= PRINTER_SILENCES_MAX

    def wait_ms(self, now_ms: int) -> int:
        """Return how long nothing is to be asked, at least 1."""
        return max(1, self._due_ms - now_ms)

    def heard(self, answer: Answer, now_ms: int) -> None:
        """Take note of an answer."""
        match answer:
            case RealTimeStatus():
                self.answers = True
                self._asking = False
                self._silences = 0
                if not self._round:
                    self._rest(now_ms)
            case StatusBack():
                self.reports_itself = True
            case _:
                pass

    def postpone(self, now_ms: int) -> None:
        """Ask nothing for a while: somebody else is writing."""
        self._due_ms = now_ms + PRINTER_ANSWER_MS_MAX

    def next_kind(self, now_ms: int) -> int | None:
        """Return the kind whose turn it is, or None when nothing is to be asked."""
        if self._asking and now_ms >= self._due_ms:
            self._asking = False
            self._round.clear()  # who does not answer one kind does not know the others
            self._silences += self.answers
            self._rest(now_ms)
            if self._silences and not self.gone:
                self._due_ms = now_ms  # once more at once
        if self._asking or (not self._round and now_ms < self._due_ms):
            return None
        if not self._round:
            if not self.answers:
                self._rest(now_ms)
                return None
            self._round.extend(STATUS_KINDS[:1] if self.reports_itself else STATUS_KINDS)
        self._asking = True
        self._due_ms = now_ms + PRINTER_ANSWER_MS_MAX
        return self._round.popleft()

    def _rest(self, now_ms: int) -> None:
        self.introduced = True
        self._due_ms = now_ms + (PRINTER_HEARTBEAT_MS if self.reports_itself else PRINTER_POLL_MS)
