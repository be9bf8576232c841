"""Receipts by e-mail on their way up: beside the frames, one at a time, and never read here.

Head office says which it has on its disk, and the box erases those. Whatever breaks in between,
the box still has the letter, and head office acts once on what it gets twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.contract.instant import Clock
from edge.contract.limits import (
    BACKOFF_MS_MIN,
    LINK_ACK_S_MAX,
)
from edge.contract.replication import LetterTaken, LetterUp
from edge.runtime.bounded_queue import BoundedQueue
from edge.runtime.structured_log import Log
from sync.replicator.edge_client import EdgeClient
from sync.replicator.office_link import OfficeLink
from sync.replicator.troubles import EdgeRefused

_ANSWERS_MAX = 16
"""One letter is under way; what head office says of others is old news."""


@dataclass
class LetterUpload:
    """Carries letters in a task of its own; nothing else waits for it."""

    edge: EdgeClient
    office: OfficeLink
    clock: Clock
    log: Log
    _answers: BoundedQueue[str] = field(default_factory=lambda: BoundedQueue(_ANSWERS_MAX))

    def taken(self, word: LetterTaken) -> None:
        """Take what head office says that it has."""
        if len(self._answers) < _ANSWERS_MAX:
            self._answers.put_nowait(word.ref)

    async def run(self) -> None:
        """Carry letters until cancelled, or until the box says that it knows of none."""
        after = 0
        while True:
            asked_ms = self.clock.monotonic_ms()
            try:
                waiting = await self.edge.letter(after)
            except EdgeRefused as error:
                # an older box: it writes none
                self.log.warning("letters_refused", code=error.code, reason=str(error))
                return
            if waiting is None:
                after = 0
                if self.clock.monotonic_ms() - asked_ms < BACKOFF_MS_MIN:
                    # whoever does not let us wait would have us ask without end
                    await self.clock.sleep(BACKOFF_MS_MIN / 1000)
                continue
            after = waiting.n
            await self.office.say(LetterUp(waiting.ref, waiting.letter))
            if await self._is_taken(waiting.ref):
                await self.edge.letters_taken(waiting.ref)
            else:
                self.log.warning("letter_unanswered", ref=waiting.ref)

    async def _is_taken(self, ref: str) -> bool:
        try:
            async with self.clock.timeout(LINK_ACK_S_MAX):
                while await self._answers.get() != ref:
                    pass
        except TimeoutError:
            return False
        return True
