"""The link for as long as the process lives: one session after the other, for ever."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Final

from edge.contract.errors import ReplicaFork, TillboxError
from edge.contract.instant import Clock
from edge.contract.limits import (
    BACKOFF_MS_MAX,
    BACKOFF_MS_MIN,
    LINK_DENIED_RETRY_MS,
    LINK_GOODBYE_S_MAX,
)
from edge.contract.ratchet import BOX_COPIED
from edge.contract.replication import LinkReport
from edge.runtime.backoff import Backoff
from edge.runtime.structured_log import Log
from sync.replicator.edge_client import EdgeClient
from sync.replicator.line_use import LineMeter
from sync.replicator.mending import Mending, MendingLine
from sync.replicator.office_link import OfficeLink
from sync.replicator.session import Session, link_report
from sync.replicator.troubles import EdgeRefused, EdgeUnreachable, PeerDenied

_LOST: Final = frozenset({"fork", "behind", "frame_of_other_generation", BOX_COPIED})
"""Denials of a box whose history is another one than head office has, or that is a copy."""
_PASSING: Final = frozenset({"closing", "ending", "replaced", "too_slow", "busy"})
"""Denials that nobody has to mend: head office was restarted, or another session came first."""

Dial = Callable[[], AbstractAsyncContextManager[OfficeLink]]
DialMending = Callable[[], AbstractAsyncContextManager[MendingLine]]


@dataclass
class Replicator:
    """Keeps a session with head office, or with a second copy; `dial` opens a line for a block.

    `meter` counts what goes over the line, where that is head office's.
    `dial_mending` opens the one on which head office gives back what a box lost.

    Every error ends the session, is told once (in the log when it is another one than
    before, to edge each time) and followed by the next try. The waits are seeded by the
    store: after a mass outage the shops do not come back in one instant.
    """

    edge: EdgeClient
    dial: Dial
    clock: Clock
    log: Log
    meter: LineMeter | None = None
    dial_mending: DialMending | None = None
    _store: str = ""
    _told: str = ""
    _mends: bool = False
    _waits: Backoff = field(default_factory=lambda: Backoff(BACKOFF_MS_MIN, BACKOFF_MS_MAX))
    _long_waits: Backoff = field(default_factory=lambda: _long(None))
    _resend_pause: Backoff = field(default_factory=lambda: Backoff(BACKOFF_MS_MIN, BACKOFF_MS_MAX))

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            try:
                await self._session()
            except TillboxError as ended:
                error = await self._mended(ended)
                if error is None:
                    continue
                await self._tell(error)
                for_person = isinstance(error, PeerDenied | ReplicaFork | EdgeRefused)
                if isinstance(error, PeerDenied) and error.code in _PASSING:
                    for_person = False
                waits = self._long_waits if for_person else self._waits
                await self.clock.sleep(waits.next_ms() / 1000)

    async def say_goodbye(self) -> None:
        """Tell edge that nobody looks after the link now; it may be gone itself."""
        with suppress(TillboxError):
            await self.edge.report(
                LinkReport("down", "tillbox sync was stopped."), answer_s_max=LINK_GOODBYE_S_MAX
            )

    async def _session(self) -> None:
        status = await self.edge.status()
        self._seed(status.store)
        self._mends = False
        if status.waits_to_mend and not self.edge.keeper:
            raise EdgeUnreachable(
                "history_waits",
                "This box's lost history is back, and is taken over when no sale is open.",
            )
        async with self.dial() as office:
            session = Session(
                self.edge, office, status, self._resend_pause, self.clock, self.log, self.meter
            )
            try:
                await session.run()
            finally:
                if self.meter is not None:
                    self.meter.saw(office.wire_bytes())
                    self.meter.hung_up()
                self._mends = session.mends
                self._count(session)

    async def _mended(self, ended: TillboxError) -> TillboxError | None:
        """Fetch what this box lost when that ended the session; return what is still wrong."""
        lost = isinstance(ended, ReplicaFork) or (
            isinstance(ended, PeerDenied) and ended.code in _LOST
        )
        if not lost or not self._mends or self.dial_mending is None:
            return ended
        self.log.warning("history_differs", code=ended.code, reason=str(ended))
        try:
            async with self.dial_mending() as line:
                copied = ended.code == BOX_COPIED
                found = await Mending(self.edge, line, self.clock, self.log, copied=copied).run()
        except TillboxError as error:
            return error
        return None if found else ended

    def _seed(self, store: str) -> None:
        if store != self._store:
            seed = zlib.crc32((store + self.edge.keeper).encode())
            self._store = store
            self._waits = Backoff(BACKOFF_MS_MIN, BACKOFF_MS_MAX, seed)
            self._long_waits = _long(seed)
            self._resend_pause = Backoff(BACKOFF_MS_MIN, BACKOFF_MS_MAX, seed)

    def _count(self, session: Session) -> None:
        """Wait briefly again after a session that was of use, not after one that just opened."""
        if session.up_since_ms is None:
            return
        up_ms = self.clock.monotonic_ms() - session.up_since_ms
        if session.advances or up_ms >= BACKOFF_MS_MAX:
            self._waits.reset()
            self._told = ""

    async def _tell(self, error: TillboxError) -> None:
        words = f"{error.code}: {error}"
        if words != self._told:
            self._told = words
            self.log.warning("link_down", code=error.code, reason=str(error))
        with suppress(TillboxError):
            # who is told is often the one that cannot be reached
            await self.edge.report(link_report(error, self.meter))


def _long(seed: int | None) -> Backoff:
    return Backoff(LINK_DENIED_RETRY_MS // 2, LINK_DENIED_RETRY_MS, seed)
