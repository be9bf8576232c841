"""The sessions of head office: frames as everywhere, and news of feeds for who is there.

What is said in a session beside frames is in `desk`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import BOX_KEYS_GATHERED_S
from edge.contract.reference_data import Feed
from edge.runtime.metrics import Counter, Metrics
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor
from sync.appending.denial import DeniedError
from sync.appending.frame_sessions import FrameSessions
from sync.office.desk import OfficeDesk
from sync.office.store_directory import RegisteredStore


class BoxSessions(FrameSessions):
    """Serves `/sync/v1/session` of head office."""

    def __init__(
        self, desk: OfficeDesk, clock: Clock, ids: Ids, log: Log, tasks: Supervisor
    ) -> None:
        self._office = desk
        self._box_keys_changed = asyncio.Event()
        counter = Counter(
            "tillbox_office_frames_total", "Frames that came, by what became of them", ("outcome",)
        )
        super().__init__(
            "head office", desk, desk.events, desk.dictionaries, counter, clock, ids, log, tasks
        )

    def open(self, metrics: Metrics) -> None:
        """Listen to the feeds and declare what is counted."""
        metrics.add(self.counter)
        self._office.feeds.listeners.append(self._feed_changed)
        _ = self.tasks.start("keys of boxes", self._tell_box_keys)
        _ = self.tasks.start("snapshots of feeds", self._office.snapshots.run)

    def refusals(self, slug: str) -> Mapping[tuple[Feed, str], str]:
        """Return which items the box of a store refuses in this session, and why."""
        pushes = (each for each in self._office.pushes if each.slug == slug)
        return next((each.refusals for each in pushes), {})

    async def replace_box(self, slug: str, box_key: str, gen: int) -> RegisteredStore:
        """Let another box take the place of one, and end the session of that. Raises Refused."""
        store = await self._office.admission.replace_box(slug, box_key, gen)
        await self.let_go(slug)
        return store

    async def let_go(self, slug: str) -> None:
        """End the session of a store: it was let in under a generation that is over."""
        if (session := self._sessions.get(slug)) is not None:
            await self._end(
                session,
                DeniedError("box_replaced", f"Another box took the place of this one in {slug}."),
            )

    # --- news of feeds --------------------------------------------------------------------

    def _feed_changed(self, feed: Feed) -> None:
        if feed is Feed.BOX_KEY:
            self._box_keys_changed.set()
        else:
            self._tell(feed)

    async def _tell_box_keys(self) -> None:
        """Send new keys down together: where all boxes are new, each is news for all others."""
        while True:
            await self._box_keys_changed.wait()
            self._box_keys_changed.clear()
            self._tell(Feed.BOX_KEY)
            await self.clock.sleep(BOX_KEYS_GATHERED_S)

    def _tell(self, feed: Feed) -> None:
        for push in self._office.pushes:
            push.changed(feed)
