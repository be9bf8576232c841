"""When a reader of frames gets the next one: at once, with a sale, or after waiting for company.

Head office and each second copy read at their own pace: what one of them got says nothing of
what another waits for. Where the line costs by the byte, all of it waits for company.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from edge.contract.limits import (
    IDLE_FRAME_DELAY_MS,
    LIVE_FRAME_DELAY_MS,
    LIVE_FRAME_DELAY_MS_MAX,
    METERED_FRAME_DELAY_MS,
    METERED_FRAME_EVENTS,
)


@dataclass
class FramePace:
    """The pace of one reader; instants are monotonic, in ms.

    `ready` is the frame behind a seq with so many raw bytes at most, made before it was asked for;
    `asked` the seq behind which the newest was. One frame is made at a `turn`: who asks for one
    that is being made waits for it.
    """

    hurried_seq: int = 0
    hurried_at: int = 0
    hurried_since: int = 0
    oldest_at: int = 0
    ready: tuple[int, int, bytes | None] | None = None
    asked: int = -1
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def recorded(self, now: int, hurried_seq: int | None) -> None:
        """Take that something was recorded, and up to where it is in a hurry, if it is."""
        if hurried_seq is not None:
            self.hurried_seq = max(self.hurried_seq, hurried_seq)
            self.hurried_at = now
            self.hurried_since = self.hurried_since or now
        self.oldest_at = self.oldest_at or now

    def made(self, upto: int, head_seq: int) -> None:
        """Take that the reader gets a frame with events up to a seq."""
        if upto >= self.hurried_seq:
            self.hurried_since = 0
        if upto >= head_seq:
            self.oldest_at = 0

    def due_in_ms(
        self, after: int, head_seq: int, now: int, *, metered: bool = False
    ) -> int | None:
        """Return how long what is behind a seq waits yet; None for nothing there."""
        if head_seq <= after:
            return None
        if metered:
            is_much = head_seq - after >= METERED_FRAME_EVENTS
            return 0 if is_much else self._with_company(METERED_FRAME_DELAY_MS, now)
        if self.hurried_seq > after:
            if not self.hurried_since:
                return 0
            quiet_at = self.hurried_at + LIVE_FRAME_DELAY_MS
            # where sales never pause, something leaves all the same
            return max(0, min(quiet_at, self.hurried_since + LIVE_FRAME_DELAY_MS_MAX) - now)
        return self._with_company(IDLE_FRAME_DELAY_MS, now)

    def _with_company(self, delay_ms: int, now: int) -> int:
        """Return how long the oldest event waits yet.

        Not at all where everything was given out before: whoever asks again has lost it.
        """
        return max(0, self.oldest_at + delay_ms - now) if self.oldest_at else 0
