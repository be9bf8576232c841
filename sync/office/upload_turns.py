"""Whose backlog comes up now: live sales first, the rest in turns that nobody holds for long.

After a mass outage every box has a day to tell. All of them are let in at once and get their
feeds; then each sends its backlog when it is told to (`Budget`), a slice at a time, in the
order in which they came. What a box in step sells meanwhile waits for none of that.

A box that knows no budgets sends as it likes: its batches wait here, one behind the other,
and what it may leave in memory is bounded over all boxes together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from edge.contract.errors import ProtocolViolation
from edge.contract.instant import Clock
from edge.contract.limits import (
    BULK_BATCHES_AT_ONCE_MAX,
    FRAMES_QUEUED_BYTES_MAX,
    LIVE_BATCH_RAW_BYTES_MAX,
    UPLOAD_LAG_BYTES_MAX,
    UPLOAD_LAG_PAUSE_MS,
    UPLOAD_LOOK_S,
    UPLOAD_QUIET_MS,
    UPLOAD_SLICE_FRAMES,
    UPLOAD_TAIL_EVENTS_MAX,
    UPLOADS_AT_ONCE_MAX,
)
from edge.contract.replication import parse_header
from sync.appending.denial import DeniedError


@dataclass(eq=False)
class Upload:
    """What one session sends. `upto` is its box's head when it came: behind it, it is in step.

    `budget` is what its Welcome says; `queued` counts frames that came and were not taken yet,
    `may_come` those that it was allowed and has not sent.
    """

    upto: int
    is_paced: bool
    budget: int | None = None
    queued: int = 0
    queued_bytes: int = 0
    may_come: int = 0
    stirred_ms: int = 0
    _grants: deque[int | None] = field(default_factory=deque)
    _granted: asyncio.Event = field(default_factory=asyncio.Event)

    def grant(self, frames: int | None) -> None:
        """Have the box told how many frames more it may send."""
        self._grants.append(frames)
        self._granted.set()

    async def grants(self) -> AsyncIterator[int | None]:
        """Give what the box is to be told, until it may send whatever it has."""
        while True:
            while not self._grants:
                self._granted.clear()
                await self._granted.wait()
            frames = self._grants.popleft()
            yield frames
            if frames is None:
                return


class UploadTurns:
    """The line of backlogs, for all sessions. `run` gives the turns.

    `waiting` and `queued_bytes` are for whoever looks at it; `lag_bytes` are frames taken that
    the projector has not read yet.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._line: deque[Upload] = deque()
        self._at_it: set[Upload] = set()
        self._bulk = asyncio.Semaphore(BULK_BATCHES_AT_ONCE_MAX)
        self._news = asyncio.Event()
        self._given_ms = 0
        self.queued_bytes = 0
        self.lag_bytes = 0

    @property
    def waiting(self) -> int:
        """How many backlogs wait for their turn."""
        return len(self._line)

    def enter(self, *, here: int, upto: int, hears_budget: bool) -> Upload:
        """Let a box in whose head is `upto`, where head office has `here`."""
        is_behind = upto - here > UPLOAD_TAIL_EVENTS_MAX
        upload = Upload(upto, is_paced=is_behind and hears_budget)
        if upload.is_paced:
            upload.budget = 0
            self._line.append(upload)
            self._news.set()
        return upload

    def leave(self, upload: Upload) -> None:
        """Forget a session that is over; its frames were taken or dropped."""
        self._out_of_line(upload)
        self.dropped(upload, upload.queued, upload.queued_bytes)

    # --- frames ---------------------------------------------------------------------------

    def came(self, upload: Upload, frame: bytes) -> None:
        """Take note of a frame. Raises DeniedError when there is no room in memory for it."""
        size = len(frame)
        if self.queued_bytes + size > FRAMES_QUEUED_BYTES_MAX and not _is_live([frame]):
            raise DeniedError(
                "busy", "Head office has its hands full with what others send; come again soon."
            )
        self.queued_bytes += size
        upload.queued_bytes += size
        upload.queued += 1
        upload.may_come = max(0, upload.may_come - 1)
        upload.stirred_ms = self._clock.monotonic_ms()

    def dropped(self, upload: Upload, frames: int, size: int) -> None:
        """Take note that so many frames, of that size together, are out of memory again."""
        size = min(size, upload.queued_bytes)  # a session that was given up has none any more
        self.queued_bytes -= size
        upload.queued_bytes -= size
        upload.queued = max(0, upload.queued - frames)

    @asynccontextmanager
    async def room(self, upload: Upload, frames: Sequence[bytes]) -> AsyncIterator[None]:
        """Wait until frames may be taken: a few sales at once, more of them in turn."""
        size = sum(map(len, frames))
        try:
            if _is_live(frames):
                yield
            else:
                async with self._bulk:
                    yield
        finally:
            self.dropped(upload, len(frames), size)

    def taken(self, upload: Upload, head_seq: int, size: int) -> None:
        """Take note of where a store stands, and how many bytes of frames that took."""
        self.lag_bytes += size
        if not upload.is_paced:
            return
        if head_seq >= upload.upto:
            upload.is_paced = False
            self._out_of_line(upload)
            upload.grant(None)
        elif not upload.queued and not upload.may_come and upload in self._at_it:
            self._at_it.discard(upload)
            self._line.append(upload)
            self._news.set()

    def projected(self, size: int) -> None:
        """Take note of what the projector has read: bytes of frames, 0 when nothing is left."""
        self.lag_bytes = max(0, self.lag_bytes - size) if size else 0

    # --- turns ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Give turns until cancelled."""
        while True:
            self._news.clear()
            while (upload := self._next()) is not None:
                self._at_it.add(upload)
                upload.may_come = UPLOAD_SLICE_FRAMES
                upload.stirred_ms = self._given_ms = self._clock.monotonic_ms()
                upload.grant(UPLOAD_SLICE_FRAMES)
            if self._line:
                try:
                    async with self._clock.timeout(UPLOAD_LOOK_S):
                        await self._news.wait()
                except TimeoutError:
                    continue
            else:
                await self._news.wait()

    def _next(self) -> Upload | None:
        """Return the backlog whose turn begins now, or None."""
        if not self._line:
            return None
        now = self._clock.monotonic_ms()
        busy = sum(
            upload.queued > 0 or now - upload.stirred_ms <= UPLOAD_QUIET_MS
            for upload in self._at_it
        )
        if busy >= UPLOADS_AT_ONCE_MAX:
            return None
        if self.lag_bytes > UPLOAD_LAG_BYTES_MAX and now - self._given_ms < UPLOAD_LAG_PAUSE_MS:
            return None
        return self._line.popleft()

    def _out_of_line(self, upload: Upload) -> None:
        self._at_it.discard(upload)
        if upload in self._line:
            self._line.remove(upload)
        self._news.set()


@dataclass
class TurnIntake:
    """The intake of one session, as the line of backlogs sees it."""

    turns: UploadTurns
    upload: Upload

    def came(self, frame: bytes) -> None:
        """Take note of a frame. Raises DeniedError when there is no room in memory for it."""
        self.turns.came(self.upload, frame)

    def room(self, frames: Sequence[bytes]) -> AbstractAsyncContextManager[None]:
        """Wait until frames may be taken."""
        return self.turns.room(self.upload, frames)

    def taken(self, head_seq: int, frames: Sequence[bytes]) -> None:
        """Take note of where a store stands after frames of it."""
        self.turns.taken(self.upload, head_seq, sum(map(len, frames)))

    def leave(self) -> None:
        """Forget a session that is over; its frames were taken or dropped."""
        self.turns.leave(self.upload)


def _is_live(frames: Sequence[bytes]) -> bool:
    """Say whether frames are a few sales; a backlog packs so well that its bytes do not tell."""
    try:
        return sum(parse_header(frame).raw_len for frame in frames) <= LIVE_BATCH_RAW_BYTES_MAX
    except ProtocolViolation:
        return True  # it is refused before anything of it is unpacked
