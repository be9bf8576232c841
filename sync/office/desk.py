"""A box at head office: it proves who it is, its frames take turns, and feeds come down to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.contract.book_readiness import BOOKS_READY, BooksHeld
from edge.contract.digest import DIGEST, Digest
from edge.contract.feed_snapshots import SNAPSHOTS, SnapshotHeld
from edge.contract.history_mending import MENDING
from edge.contract.instant import Clock
from edge.contract.limits import FEED_SEARCHES_AT_ONCE_MAX
from edge.contract.line_class import LINE, LineSaid, line_class
from edge.contract.ratchet import RatchetKept
from edge.contract.receipt_letter import LETTER
from edge.contract.reference_data import FeedPage
from edge.contract.replication import (
    BUDGET,
    FEED_REFUSED,
    Ack,
    Budget,
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
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.keys import SigningKey
from edge.runtime.structured_log import Log
from sync.appending.denial import DeniedError, out_of_turn
from sync.appending.event_store import EventStore
from sync.appending.ingest import BoxIdentity, Ingest
from sync.appending.visits import Down, Intake, Said, Send
from sync.office.admission import Admission
from sync.office.feed_push import FeedPush
from sync.office.feed_signing import FeedSigning
from sync.office.feed_snapshots import FeedSnapshots
from sync.office.feeds import Feeds
from sync.office.page_packer import PagePacker
from sync.office.price_books import PriceBooks
from sync.office.snapshot_push import SnapshotPush
from sync.office.store_directory import RegisteredStore, StoreDirectory
from sync.office.upload_turns import TurnIntake, Upload, UploadTurns

TakeLetter = Callable[[int, str, bytes], Awaitable[None]]
TakeDigest = Callable[[RegisteredStore, Digest], Awaitable[None]]

_HEARS: Final = (FEED_REFUSED, LETTER, BOOKS_READY, LINE)


@dataclass
class OfficeDesk:
    """Where boxes introduce themselves to head office, and what it has for them.

    `take_letter` puts a receipt by e-mail on disk: store number, its `ref`, its bytes;
    `take_digest` what a box says ahead of its frames; `changed` is called after that. `books`
    hears which price books it holds, `turns` whose backlog comes up now.
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
    turns: UploadTurns
    changed: Callable[[], None] = lambda: None
    hears_at_once: tuple[str, ...] = (DIGEST, MENDING)
    pushes: set[FeedPush] = field(default_factory=set)
    """Of the boxes that are there now."""
    admission: Admission = field(init=False)
    signing: FeedSigning = field(init=False)
    searches: asyncio.Semaphore = field(init=False)
    snapshots: FeedSnapshots = field(init=False)
    packer: PagePacker = field(default_factory=PagePacker)

    def __post_init__(self) -> None:
        """Sign all pages here: no two get one version."""
        self.admission = Admission(self.directory, self.feeds, self.clock, self.log)
        self.signing = FeedSigning(self.key, self.clock)
        self.searches = asyncio.Semaphore(FEED_SEARCHES_AT_ONCE_MAX)
        self.snapshots = FeedSnapshots(self.feeds.file, self.clock)

    async def identify(self, hello: Hello, proof: Proof, nonce: str) -> OfficeVisit:
        """Return the visit of a box that proved who it is. Raises DeniedError."""
        store = await self.admission.identify(hello, proof, nonce)
        if hello.head.gen > store.gen:
            here = await self.events.head(store.number, store.gen)
            store = await self.admission.remember_generation(store, hello, here)
        await self.admission.turn_away(store, hello)
        return OfficeVisit(self, store)


@dataclass
class OfficeVisit:
    """A box that proved who it is. `feeds` exist once it is admitted, `upload` from `enter` on.

    `token` is the one that it is to keep, empty for none.
    """

    desk: OfficeDesk
    store: RegisteredStore
    feeds: FeedPush = field(init=False)
    upload: Upload = field(init=False)
    token: str = ""

    @property
    def box(self) -> BoxIdentity:
        """Whose frames it may send."""
        return self.store.box

    async def admit(self, hello: Hello, ingest: Ingest, head: Head) -> None:
        """Compare histories, and find out how far the box has taken each feed."""
        store, desk = self.store, self.desk
        await desk.admission.compare_heads(store, ingest, hello, head)
        self.token = await desk.admission.token(store, hello)
        await desk.admission.publish_key(store)
        cursors = await desk.admission.cursors(store, hello)
        await desk.books.greeted(store, cursors)
        self.feeds = FeedPush(
            desk.feeds,
            store.slug,
            cursors,
            desk.clock,
            lambda slug, page: desk.signing.sign(slug, page, hello.feed_version),
            desk.searches,
            line_class(hello.line),
        )
        if SNAPSHOTS in hello.hears:
            self.feeds.packer = desk.packer
            self.feeds.snapshots = SnapshotPush(
                desk.snapshots,
                store.slug,
                lambda slug, offer: desk.signing.sign_offer(slug, offer, hello.feed_version),
                desk.clock,
                self.feeds.changed,
            )

    def enter(self, hello: Hello, head: Head) -> Intake:
        """Let it send, or have it wait for its turn when it has a backlog."""
        turns = self.desk.turns
        self.upload = turns.enter(
            here=head.seq, upto=hello.head.seq, hears_budget=BUDGET in hello.hears
        )
        return TurnIntake(turns, self.upload)

    async def welcome(self, head: Head) -> Welcome:
        """Return the answer to its introduction."""
        settled = await self.desk.events.settled(self.store.number)
        dictionaries = tuple(sorted(self.desk.dictionaries))
        now, budget = self.desk.clock.now_ms(), self.upload.budget
        return Welcome(
            self.store.number, head, settled, now, dictionaries, _HEARS, budget, self.token
        )

    async def acknowledge(self, head: Head) -> Ack:
        """Return head office's signed word that everything up to `head` is durable."""
        slug = self.store.slug
        settled = await self.desk.events.settled(self.store.number)
        at = self.desk.clock.now_ms()
        signature = self.desk.key.sign(ack_bytes(slug, head, settled, at)).hex()
        return Ack(slug, head, settled, at, signature)

    async def refusal(self, code: str, words: str) -> DeniedError:
        """Return why the box is denied, after an alarm where a person has to look at it.

        What a box of another history said ahead of its frames would be held against this one.
        """
        if code == "fork":
            await self.desk.directory.forget_digest(self.store.number)
        return await self.desk.admission.refusal(self.store, code, words)

    def heard(self, box_seq: int | None = None) -> None:
        """Note that the box was heard."""
        self.desk.directory.heard(self.store.number, box_seq)

    async def hear(self, said: Said, send: Send) -> None:
        """Take a message that is no frame. Raises DeniedError."""
        desk, store = self.desk, self.store
        if isinstance(said, FeedTaken):
            self.feeds.taken(said)
        elif isinstance(said, FeedRefused):
            words = self.feeds.refused(said)
            desk.log.info("feed_refused", store=store.slug, code=said.code, reason=said.reason)
            if words:
                await desk.directory.alarm(store.number, "feed_refused", words)
                desk.log.error("alarm", store=store.slug, code=said.code, reason=words)
        elif isinstance(said, SnapshotHeld):
            self.feeds.held(said)
        elif isinstance(said, LetterUp):
            await desk.take_letter(store.number, said.ref, bytes(said.letter))
            await send(LetterTaken(said.ref))
        elif isinstance(said, BooksHeld):
            await desk.books.take(store, said)
        elif isinstance(said, RatchetKept):
            await desk.directory.ratchets.kept(store.number, said.token)
        elif isinstance(said, LineSaid):
            self.feeds.line_is(line_class(said.line))
        elif isinstance(said, Digest):
            await desk.take_digest(store, said)
            desk.changed()
        else:
            out_of_turn()

    # --- down -----------------------------------------------------------------------------

    def down(self) -> Mapping[str, Down]:
        """Return what sends feeds, and how much of a backlog may come while it takes turns."""
        return {"feeds": self._push, **({"budget": self._pace} if self.upload.is_paced else {})}

    async def _push(self, send: Send) -> None:
        """Send feeds down until cancelled."""
        feeds = self.feeds
        self.desk.pushes.add(feeds)
        try:
            while True:
                feeds.news.clear()
                async for part in feeds.due():
                    await send(FeedDown(part) if isinstance(part, FeedPage) else part)
                    if feeds.news.is_set():
                        break  # what is urgent may have come meanwhile
                await feeds.news.wait()
        finally:
            self.desk.pushes.discard(feeds)

    async def _pace(self, send: Send) -> None:
        """Tell a box how much of its backlog it may send, until it is in step."""
        async for frames in self.upload.grants():
            await send(Budget(frames))
