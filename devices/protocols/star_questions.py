"""When a Star printer is asked for its status, and when it counts as gone. Time is a value."""

from __future__ import annotations

from edge.contract.device_limits import (
    PRINTER_ANSWER_MS_MAX,
    PRINTER_HEARTBEAT_MS,
    PRINTER_POLL_MS,
    PRINTER_SILENCES_MAX,
)


class StarQuestions:
    """ESC ACK SOH: at first, then whenever it is time.

    A printer that reports by itself is only asked whether it is there; one that never answered is
    left alone.
    """

    def __init__(self) -> None:
        self._due_ms = 0
        self._asking = False
        self._silences = 0
        self.introduced = False
        """The first question is answered or given up: what can be known is known."""
        self.answers = False
        """It has sent its status on this connection."""
        self.reports_itself = False
        """It has done so unasked."""

    @property
    def gone(self) -> bool:
        """Whether it answered once and does not any more."""
        return self._silences >= PRINTER_SILENCES_MAX

    def wait_ms(self, now_ms: int) -> int:
        """Return how long nothing is to be asked, at least 1."""
        return max(1, self._due_ms - now_ms)

    def heard(self, now_ms: int) -> None:
        """Take note of a status."""
        self.reports_itself = self.reports_itself or not self._asking
        self.answers = True
        self._asking = False
        self._silences = 0
        self._rest(now_ms)

    def postpone(self, now_ms: int) -> None:
        """Ask nothing for a while: somebody else is writing."""
        self._due_ms = now_ms + PRINTER_ANSWER_MS_MAX

    def asked(self, now_ms: int) -> None:
        """Take note of a question that was put beside these."""
        self._asking = True
        self._due_ms = now_ms + PRINTER_ANSWER_MS_MAX

    def to_be_asked(self, now_ms: int) -> bool:
        """Say whether the question is to be put now; it counts as put."""
        if now_ms < self._due_ms:
            return False
        if self._asking:
            self._asking = False
            self._silences += self.answers
            self._rest(now_ms)
            if not self._silences or self.gone:
                return False
        elif self.introduced and not self.answers:
            self._rest(now_ms)
            return False
        self.asked(now_ms)
        return True

    def _rest(self, now_ms: int) -> None:
        self.introduced = True
        self._due_ms = now_ms + (PRINTER_HEARTBEAT_MS if self.reports_itself else PRINTER_POLL_MS)
