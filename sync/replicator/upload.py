"""Frames on their way up: a few of them unacknowledged, in order, from where head office is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.contract.errors import ProtocolViolation
from edge.contract.instant import Clock
from edge.contract.limits import (
    BACKOFF_MS_MIN,
    FRAMES_IN_FLIGHT_MAX,
    LINK_ACK_S_MAX,
)
from edge.contract.line_class import LineClass
from edge.contract.replication import parse_header
from edge.runtime.backoff import Backoff
from sync.replicator.edge_client import EdgeClient
from sync.replicator.office_link import OfficeLink
from sync.replicator.troubles import OFFICE, Peer


@dataclass
class Upload:
    """Carries frames from edge to its peer in one task of a session's group.

    `store_number` is whose frames they must be. Head office may give a budget: with none left,
    no frame is even asked for until it gives more.
    `advances` counts how often the peer accepted something new; `line` says what the line costs.
    """

    edge: EdgeClient
    office: OfficeLink
    tasks: asyncio.TaskGroup
    store_number: int
    resend_pause: Backoff
    clock: Clock
    peer: Peer = OFFICE
    line: Callable[[], LineClass] = lambda: LineClass.OPEN
    advances: int = 0
    _accepted_seq: int = 0
    _in_flight: deque[int] = field(default_factory=deque)
    _moved_ms: int = 0
    _budget: int | None = None
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None
    _stopped: bool = False

    def begin(self, head_seq: int, *, budget: int | None = None) -> None:
        """Send what is behind a seq; `budget` frames of it at first, None for all."""
        self._budget = budget
        self._begin(head_seq)

    def allow(self, frames: int | None) -> None:
        """Send so many frames more; None for as many as there are, from now on."""
        if frames is None or self._budget is None:
            self._budget = None
        else:
            self._budget += frames
        self._room.set()

    def _begin(self, head_seq: int, *, pause_s: float = 0.0) -> None:
        """Send what is behind a seq, and forget what was under way."""
        if self._stopped:
            return
        if self._task is not None:
            self._task.cancel()
        self._in_flight.clear()
        self._accepted_seq = head_seq
        self._task = self.tasks.create_task(self._send_behind(head_seq, pause_s), name="upload")

    def go_back(self, head_seq: int) -> None:
        """Go on from there after a pause: head office may say so for each frame under way."""
        self._begin(head_seq, pause_s=self.resend_pause.next_ms() / 1000)

    def stop(self) -> None:
        """Send nothing any more."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()

    def accepted(self, seq: int) -> bool:
        """Take how far head office is; say whether that is news."""
        if seq < self._accepted_seq:
            return False
        if seq > self._accepted_seq:
            self._accepted_seq = seq
            self._moved_ms = self.clock.monotonic_ms()
            self.advances += 1
            self.resend_pause.reset()
        while self._in_flight and self._in_flight[0] <= seq:
            self._in_flight.popleft()
        self._room.set()
        return True

    def check_moving(self) -> None:
        """Raise the peer's `unreachable` when frames wait too long for an acknowledgement."""
        waited_ms = self.clock.monotonic_ms() - self._moved_ms
        if self._in_flight and waited_ms > LINK_ACK_S_MAX * 1000:
            raise self.peer.unreachable(
                f"{self.peer.code}_acknowledges_nothing",
                f"{self.peer.name} has acknowledged nothing for {waited_ms // 1000} s of what it "
                "got.",
            )

    async def _send_behind(self, after: int, pause_s: float) -> None:
        await self.clock.sleep(pause_s)
        while True:
            while len(self._in_flight) >= FRAMES_IN_FLIGHT_MAX or self._budget == 0:
                self._room.clear()
                await self._room.wait()
            asked_ms = self.clock.monotonic_ms()
            metered = self.line() is not LineClass.OPEN
            frame = await self.edge.frame(after, metered=metered)
            if frame is None:
                if self.clock.monotonic_ms() - asked_ms < BACKOFF_MS_MIN:
                    # whoever does not let us wait would have us ask without end
                    await self.clock.sleep(BACKOFF_MS_MIN / 1000)
                continue
            header = parse_header(frame)
            if header.first_seq != after + 1 or header.store != self.store_number:
                raise ProtocolViolation(
                    "frame_misplaced",
                    f"The box gave a frame of store {header.store} from seq {header.first_seq}; "
                    f"due is store {self.store_number} from seq {after + 1}.",
                    advice="Compare the store's number on the box and at the other end.",
                )
            if not self._in_flight:
                self._moved_ms = self.clock.monotonic_ms()
            after = header.last_seq
            self._in_flight.append(after)
            if self._budget is not None:
                self._budget = max(0, self._budget - 1)
            await self.office.send_frame(frame)
