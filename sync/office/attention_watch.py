"""Looks how shops stand: raises alarms for what a person has to see to, ends what is over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.attention_limits import (
    ALARM_SETTLED_MS,
    ATTENTION_GATHERED_S,
    ATTENTION_LOOK_S,
    OFFICE_DISK_FREE_BYTES_MIN,
)
from edge.contract.book_readiness import BooksHeld
from edge.contract.instant import Clock
from edge.contract.limits import BOOK_CLOCK_OFF_MS_MAX
from edge.runtime.database_file import DatabaseFile
from edge.runtime.structured_log import Log
from sync.appending.alarms import Alarm
from sync.appending.event_store import EventStoreAway
from sync.office.alarm_advice import CLOCK_OFF, DISK_FULL, QUARANTINE, WRONG_KEY
from sync.office.alarm_cases import AlarmDesk
from sync.office.aside_store import AsideStore
from sync.office.replication_standing import ReplicationBody, ReplicationStanding, ShopStanding
from sync.office.store_directory import StoreDirectory

HEAD_OFFICE: Final = 0
"""The number under which alarms of head office itself stand: no store has it."""
_ENDS_IN_STEP: Final = frozenset(
    {
        "fork",
        "behind",
        "signature_wrong",
        "frame_of_other_store",
        "frame_of_other_generation",
        "feed_out_of_reach",
        WRONG_KEY,
    }
)
"""What is over once the right box was let in after it, and all it has is here and was checked."""
_REFUSED: Final = "feed_refused"
_LOOKS_PER_TRIM: Final = 240
_HELD: Final = msgspec.json.Decoder(BooksHeld)
_MIB: Final = 1_048_576


@dataclass
class AttentionWatch:
    """The look at all shops. `news` asks for one; `standing` is what the last one found."""

    file: DatabaseFile
    directory: StoreDirectory
    alarms: AlarmDesk
    replication: ReplicationStanding
    connected: Callable[[], set[str]]
    refuses: Callable[[str], bool]
    """Whether the box of a store refuses something in this session."""
    free_bytes: Callable[[], int]
    clock: Clock
    log: Log
    aside: AsideStore
    news: asyncio.Event = field(default_factory=asyncio.Event)
    standing: ReplicationBody = field(default_factory=lambda: ReplicationBody(0, ()))
    _since: dict[str, int] = field(default_factory=dict)
    _clocks_from: int = 0
    _looks: int = 0

    def noticed(self) -> None:
        """Take that a box came or went."""
        here = self.connected()
        now = self.clock.now_ms()
        self._since = {slug: self._since.get(slug, now) for slug in here}

    async def run(self) -> None:
        """Look every `ATTENTION_LOOK_S`, and at what stands aside whenever there is news."""
        due_ms = self.clock.monotonic_ms()
        while True:
            self.news.clear()
            with contextlib.suppress(EventStoreAway):  # it tells the log by itself, once
                if self.clock.monotonic_ms() >= due_ms:
                    due_ms = self.clock.monotonic_ms() + round(ATTENTION_LOOK_S * 1000)
                    await self.look()
                else:
                    await self.look_aside()
            await self.clock.sleep(ATTENTION_GATHERED_S)
            try:
                async with self.clock.timeout(max(0, due_ms - self.clock.monotonic_ms()) / 1000):
                    await self.news.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Look at everything once."""
        self.standing = await self.replication.look()
        numbers = {store.slug: store.number for store in await self.directory.all()}
        alarms = await self.directory.alarms()
        await self.look_aside()
        await self._clocks(numbers, alarms)
        await self._disk(alarms)
        await self._ends(numbers, alarms)
        if self._looks % _LOOKS_PER_TRIM == 0:
            await self.alarms.trim()
        self._looks += 1

    async def look_aside(self) -> None:
        """Look at what stands aside: nearly always nothing, and two small questions."""
        counts = {each.store: each for each in await self.aside.counts()}
        told: dict[int, int] = await self.file.read(
            lambda connection: dict(
                connection.execute(
                    "SELECT store, last_at FROM alarm WHERE kind = ?", (QUARANTINE,)
                ).fetchall()
            )
        )
        if not counts and not told:
            return
        for store in await self.directory.all():
            number, slug = store.number, store.slug
            found, told_at = counts.get(number), told.get(number)
            if found is None:
                if told_at is not None:
                    await self.directory.withdraw(number, QUARANTINE)
            elif told_at is None or told_at < found.newest:
                words = (
                    f"Event {found.first} of store {slug} is not in its sales: it does not fit "
                    "what is there."
                    if found.count == 1
                    else f"{found.count} events of store {slug} are not in its sales: they do not "
                    f"fit what is there. The first is event {found.first}."
                )
                await self._raise(number, slug, QUARANTINE, words)

    async def _clocks(
        self, numbers: Mapping[str, int], alarms: Mapping[int, Iterable[Alarm]]
    ) -> None:
        """Hold the clocks of boxes, as these told them last, against our own."""
        rows = await self.file.read(
            lambda connection: connection.execute(
                "SELECT store, came_at, body FROM books_held WHERE came_at > ? ORDER BY came_at",
                (self._clocks_from,),
            ).fetchall()
        )
        slugs = {number: slug for slug, number in numbers.items()}
        for number, came_at, body in rows:
            self._clocks_from = came_at
            known = _of(alarms, number, CLOCK_OFF)
            if known is not None and known.last_at >= came_at:
                continue  # it was told before this start
            ahead = _HELD.decode(body).clock - came_at
            if abs(ahead) > BOOK_CLOCK_OFF_MS_MAX:
                words = (
                    f"The clock of the box of store {slugs[number]} is {abs(ahead) // 1000} s "
                    f"{'ahead' if ahead > 0 else 'behind'}: its sales and prices have that time."
                )
                if known is None or known.words != words:
                    await self._raise(number, slugs[number], CLOCK_OFF, words)
            elif known is not None:
                await self.directory.withdraw(number, CLOCK_OFF)

    async def _disk(self, alarms: Mapping[int, Iterable[Alarm]]) -> None:
        free = await asyncio.to_thread(self.free_bytes)
        known = _of(alarms, HEAD_OFFICE, DISK_FULL)
        if free >= OFFICE_DISK_FREE_BYTES_MIN:
            if known is not None:
                await self.directory.withdraw(HEAD_OFFICE, DISK_FULL)
        elif known is None:
            words = (
                f"Only {free // _MIB} MiB are free on the disk of head office: once it is full, "
                "shops sell on, and nothing of it arrives."
            )
            await self._raise(HEAD_OFFICE, "", DISK_FULL, words)

    async def _ends(
        self, numbers: Mapping[str, int], alarms: Mapping[int, Iterable[Alarm]]
    ) -> None:
        """Withdraw alarms whose cause is over, as far as that can be seen from here."""
        shops = {shop.store: shop for shop in self.standing.shops}
        for slug, number in numbers.items():
            over = [
                each
                for each in alarms.get(number, ())
                if self._is_over(slug, each, shops.get(slug))
            ]
            if not over:
                continue
            # how far its box is was noted with no commit of its own: have it written, look again
            await self.file.write(lambda _: None)
            again = {shop.store: shop for shop in (await self.replication.look()).shops}
            for each in over:
                if self._is_over(slug, each, again.get(slug)):
                    await self.directory.withdraw(number, each.kind)
                    self.log.info("alarm_over", store=slug, code=each.kind)

    def _is_over(self, slug: str, alarm: Alarm, shop: ShopStanding | None) -> bool:
        since = self._since.get(slug)
        if since is None or shop is None or shop.lag_events:
            return False
        settled = self.clock.now_ms() - max(since, alarm.last_at) >= ALARM_SETTLED_MS
        if alarm.kind in _ENDS_IN_STEP:
            return settled and since > alarm.last_at
        if alarm.kind == _REFUSED:
            return settled and not self.refuses(slug) and not shop.feed_age_ms
        return False

    async def _raise(self, number: int, slug: str, kind: str, words: str) -> None:
        await self.directory.alarm(number, kind, words)
        self.log.error("alarm", store=slug, code=kind, reason=words)


def _of(alarms: Mapping[int, Iterable[Alarm]], number: int, kind: str) -> Alarm | None:
    return next((each for each in alarms.get(number, ()) if each.kind == kind), None)
