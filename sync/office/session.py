"""A box at head office: frames up, feeds down, letters and digests beside them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.book_readiness import BOOKS_READY, BooksHeld
from edge.contract.digest import DIGEST, Digest
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.receipt_letter import LETTER
from edge.contract.reference_data import BoxKey, Feed
from edge.contract.replication import (
    FEED_REFUSED,
    Ack,
    FeedDown,
    FeedRefused,
    FeedTaken,
    Head,
    Hello,
    LetterTaken,
    LetterUp,
    Proof,
    Welcome,
    ack_bytes,
)
from edge.contract.wire import encode
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.keys import SigningKey
from edge.runtime.metrics import Counter, Metrics
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor
from sync.appending.denial import DeniedError, out_of_turn
from sync.appending.event_store import EventStore
from sync.appending.frame_sessions import FrameSessions, Said, Send
from sync.appending.ingest import BoxIdentity, Ingest
from sync.office.admission import Admission
from sync.office.feed_push import FeedPush
from sync.office.feed_signing import FeedSigning
from sync.office.feeds import Feeds, NewItem
from sync.office.price_books import PriceBooks
from sync.office.store_directory import RegisteredStore, StoreDirectory

TakeLetter = Callable[[int, str, bytes], Awaitable[None]]
TakeDigest = Callable[[RegisteredStore, Digest], Awaitable[None]]

_HEARS: Final = (FEED_REFUSED, LETTER, BOOKS_READY)


@dataclass
class OfficeDesk:
    """Where boxes introduce themselves to head office, and what it has for them.

    `take_letter` puts a receipt by e-mail on disk: store number, its `ref`, its bytes;
    `take_digest` what a box says ahead of its frames; `changed` is called after that. `books`
    hears which price books it holds.
    """

    directory: StoreDirectory
    events: EventStore
    feeds: Feeds
    key: SigningKey
    dictionaries: Dictionaries
    clock: Clock
    log: Log
    take_letter: TakeLetter
    take_digest: TakeDigest
    books: PriceBooks
    changed: Callable[[], None] = lambda: None
    hears_at_once: tuple[str, ...] = (DIGEST,)
    pushes: set[FeedPush] = field(default_factory=set)
    signing: FeedSigning = field(init=False)

    def __post_init__(self) -> None:
        """Sign all pages here: no two get one version."""
        self.signing = FeedSigning(self.key, self.clock)

    async def identify(self, hello: Hello, proof: Proof, nonce: str) -> OfficeVisit:
        """Return the visit of a box that proved who it is. Raises DeniedError."""
        admission = Admission(self.directory, self.feeds, self.clock, self.log)
        return OfficeVisit(self, admission, await admission.identify(hello, proof, nonce))


@dataclass
class OfficeVisit:
    """A box that proved who it is. `push` exists once it is admitted."""

    desk: OfficeDesk
    admission: Admission
    store: RegisteredStore
    feeds: FeedPush | None = None

    @property
    def box(self) -> BoxIdentity:
        """Whose frames it may send."""
        return self.store.box

    async def admit(self, hello: Hello, ingest: Ingest, head: Head) -> None:
        """Compare histories, and find out how far the box has taken each feed."""
        store, desk = self.store, self.desk
        await self.admission.compare_heads(store, ingest, hello, head)
        key = BoxKey(store.number, store.gen, store.box_key)
        _ = await desk.feeds.put(Feed.BOX_KEY, (NewItem(key.key, msgspec.Raw(encode(key))),))
        cursors = await self.admission.cursors(store, hello)
        await desk.books.greeted(store, cursors)
        self.feeds = FeedPush(
            desk.feeds,
            store.slug,
            cursors,
            desk.clock,
            lambda slug, page: desk.signing.sign(slug, page, hello.feed_version),
        )

    async def welcome(self, head: Head) -> Welcome:
        """Return the answer to its introduction."""
        settled = await self.desk.events.settled(self.store.number)
        dictionaries = tuple(sorted(self.desk.dictionaries))
        now = self.desk.clock.now_ms()
        return Welcome(self.store.number, head, settled, now, dictionaries, _HEARS)

    async def acknowledge(self, head: Head) -> Ack:
        """Return head office's signed word that everything up to `head` is durable."""
        slug = self.store.slug
        settled = await self.desk.events.settled(self.store.number)
        at = self.desk.clock.now_ms()
        signature = self.desk.key.sign(ack_bytes(slug, head, settled, at)).hex()
        return Ack(slug, head, settled, at, signature)

    async def refusal(self, code: str, words: str) -> DeniedError:
        """Return why the box is denied, after an alarm where a person has to look at it."""
        return await self.admission.refusal(self.store, code, words)

    def heard(self, box_seq: int | None = None) -> None:
        """Note that the box was heard."""
        self.desk.directory.heard(self.store.number, box_seq)

    async def push(self, send: Send) -> None:
        """Send feeds down until cancelled."""
        feeds = self._push
        self.desk.pushes.add(feeds)
        try:
            while True:
                feeds.news.clear()
                async for page in feeds.due():
                    await send(FeedDown(page))
                    if feeds.news.is_set():
                        break  # what is urgent may have come meanwhile
                await feeds.news.wait()
        finally:
            self.desk.pushes.discard(feeds)

    async def hear(self, said: Said, send: Send) -> None:
        """Take a message that is no frame."""
        desk, store = self.desk, self.store
        if isinstance(said, FeedTaken):
            self._push.taken(said)
        elif isinstance(said, FeedRefused):
            words = self._push.refused(said)
            if words:
                await desk.directory.alarm(store.number, "feed_refused", words)
                desk.log.error("alarm", store=store.slug, code=said.code, reason=words)
        elif isinstance(said, LetterUp):
            await desk.take_letter(store.number, said.ref, bytes(said.letter))
            await send(LetterTaken(said.ref))
        elif isinstance(said, BooksHeld):
            await desk.books.take(store, said)
        elif isinstance(said, Digest):
            await desk.take_digest(store, said)
            desk.changed()
        else:
            out_of_turn()

    @property
    def _push(self) -> FeedPush:
        assert self.feeds is not None  # noqa: S101 - a box that is not admitted is not heard
        return self.feeds


class BoxSessions(FrameSessions):
    """Serves `/sync/v1/session` of head office."""

    def __init__(
        self, desk: OfficeDesk, clock: Clock, ids: Ids, log: Log, tasks: Supervisor
    ) -> None:
        self._office = desk
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

    def refusals(self, slug: str) -> Mapping[tuple[Feed, str], str]:
        """Return which items the box of a store refuses in this session, and why."""
        pushes = (each for each in self._office.pushes if each.slug == slug)
        return next((each.refusals for each in pushes), {})

    async def box_replaced(self, slug: str) -> None:
        """End the session of a box whose place another one took."""
        if (session := self._sessions.get(slug)) is not None:
            await self._end(
                session,
                DeniedError("box_replaced", f"Another box took the place of this one in {slug}."),
            )

    def _feed_changed(self, _: Feed) -> None:
        for push in self._office.pushes:
            push.news.set()
