"""A shop's box over a folder: the real ledger, replica and replicator, and a till that sells.

`done` is what the till was told stands: that must be at head office in the end, once. So must what
is `afar`: sales of this shop that head office has, and this box not yet or not any more.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeVar, cast
from zoneinfo import ZoneInfo

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.contract.envelope import unseal
from edge.contract.errors import Refused, TillboxError
from edge.contract.feed_snapshots import SnapshotOffer, SnapshotStanding, SnapshotStep
from edge.contract.history_mending import GenerationGiven, HashSaid, MendingBegun, MendingState
from edge.contract.instant import Clock
from edge.contract.limits import LINK_WAIT_S
from edge.contract.reference_data import FeedPage
from edge.contract.replication import (
    Ack,
    FeedTaken,
    LinkReport,
    Proof,
    ReplicaStatus,
    parse_header,
)
from edge.contract.sale_events import LineAdded, SaleOpened
from edge.contract.system_events import BoxStarted
from edge.contract.till_protocol import TillState
from edge.contract.wire import encode
from edge.flows.digests import Digests
from edge.flows.feed_trust import FeedTrust
from edge.flows.frame_pace import FramePace
from edge.flows.link_state import LinkState
from edge.flows.lost_history import LostHistory
from edge.flows.ratchet import open_ratchet
from edge.flows.replica import Replica
from edge.flows.snapshot_taking import SnapshotTaking
from edge.ledger.event_log import MIGRATIONS as LEDGER
from edge.ledger.event_log import BusinessCalendar, Ledger
from edge.ledger.mending import Mended, mend_ledger, mended_here
from edge.ledger.mending_stage import STAGE, MendingStage
from edge.ledger.records import CommandReply, LedgerIdentity, Record, Recorded
from edge.reference.snapshot_shelf import SnapshotShelf
from edge.reference.store import MIGRATIONS as REFERENCE
from edge.reference.store import ReferenceStore
from edge.runtime.frame_codec import FrameDictionary, shipped_dictionaries
from edge.runtime.keys import SigningKey
from edge.runtime.migrations import Migration
from edge.runtime.structured_log import Log
from sync.replicator.edge_client import EdgeClient
from sync.replicator.replicator import Replicator
from sync.replicator.troubles import EdgeRefused
from tests.replication_laws.inline_file import Death, InlineFile
from tests.replication_laws.memory_line import Net
from tests.replication_laws.sales import Sold, added, completion, opening, refund, total_of

T = TypeVar("T")

WHOLE_TILL, SLOW_TILL = "till-1", "till-2"
"""One rings up sales at once; the other one's customers take their time."""
_ROOM: Final = 10**12
_EVENTS_PER_COMMIT: Final = 5
"""Of a history that is put in place of another: so few that there are many moments to die in."""


def key_of(*words: object) -> SigningKey:
    """The same key for the same words in every run."""
    seed = hashlib.sha256(repr(words).encode()).digest()
    return SigningKey(Ed25519PrivateKey.from_private_bytes(seed))


@dataclass
class Box:
    """A box of a store. `raw_max` is how many bytes of events it packs into one frame.

    `gen` is what its settings say, and then the generation that it is in.
    """

    folder: Path
    number: int
    gen: int
    key: SigningKey
    net: Net
    office_key: str
    dictionary: FrameDictionary
    clock: Clock
    log: Log
    raw_max: int
    heard: Callable[[Ack], None] = lambda _: None
    """Told of every acknowledgement that reaches the box."""
    done: list[Sold] = field(default_factory=list)
    unsure: list[Sold] = field(default_factory=list)
    """What the till asked for and got no answer to: it may stand or not."""
    waiting: tuple[str, tuple[tuple[str, int], ...], int] | None = None
    """The sale of the slow till that is not finished yet: its id, its lines, its last event."""
    is_up: bool = False
    denials: list[str] = field(default_factory=list)
    """What it was told of the line each time that it went down."""
    deaths: list[str] = field(default_factory=list)
    """What its tasks died of: that is a defect."""
    keeps_tokens: bool = True
    """A box of an older version keeps none."""
    afar: list[Sold] = field(default_factory=list)
    line: int = 0
    """Which line it has: that of its shop, but for a second box of a shop."""
    again: Callable[[], None] = lambda: None
    """Told when it wants to start anew, with the history that it got back."""
    on_death: Callable[[], None] = lambda: None
    mending_death: Death = field(default_factory=Death)
    """When it dies while it gets a history back, or puts that in its place."""
    mended: Mended | None = None
    unmended: Exception | None = None
    """Why a history that is back could not be put in its place: that is a defect."""
    lost: LostHistory = field(init=False)
    first_gen: int = field(init=False)
    """What its settings say."""
    ledger: Ledger = field(init=False)
    link: LinkState = field(init=False)
    replica: Replica = field(init=False)
    digests: Digests = field(init=False)
    file: InlineFile = field(init=False)
    reference: ReferenceStore = field(init=False)
    snapshots: SnapshotTaking = field(init=False)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _counter: int = 0

    def __post_init__(self) -> None:
        self.line = self.line or self.number
        self.first_gen = self.gen

    @property
    def slug(self) -> str:
        return f"shop-{self.number}"

    @property
    def ledger_path(self) -> Path:
        return self.folder / "ledger.db"

    # --- its processes --------------------------------------------------------------------

    async def start(self, *, connected: bool = True) -> None:
        """Open the ledger and look for head office."""
        self.folder.mkdir(exist_ok=True)
        clock, calendar = self.clock, BusinessCalendar(ZoneInfo("UTC"))
        await self._mend(calendar)
        self.file = InlineFile(self.ledger_path, LEDGER)
        identity = LedgerIdentity(self.slug, self.number, self.gen)
        self.ledger = Ledger(self.file, identity, clock, calendar)
        clean = await self.ledger.open()
        self.reference = ReferenceStore(InlineFile(self.folder / "reference.db", REFERENCE), clock)
        await self.reference.open()
        self.link = LinkState(self.ledger, clock, lambda: None)
        await self.link.open()
        self.replica = Replica(
            self.ledger,
            self.reference,
            self.link,
            self.key,
            self.dictionary,
            clock,
            self.log,
            office_key=self.office_key,
            trust=FeedTrust(self.office_key, self.slug, self.reference, self.log),
        )
        await self.replica.open()
        if self.keeps_tokens:
            self.replica.ratchet = await open_ratchet(self.file, self.log, None)
        shelf = SnapshotShelf(self.reference, clock)
        self.replica.page_taken = shelf.changed
        self.snapshots = SnapshotTaking(self.replica, shelf)
        self.digests = Digests(self.ledger, self.link)
        self.lost = self._lost_history()
        await self.lost.open()
        self.replica.waits_to_mend = lambda: self.lost.is_ready
        await self.ledger.record(Record((BoxStarted("0.1.0", "3.45.1", clean),)))
        self.waiting = await self._open_sale()
        self.is_up = True
        self.file.on_death = self.on_death
        _ = self.spawn(self.lost.run())
        _ = self.spawn(self._start_anew())
        if connected:
            self.connect()

    async def _mend(self, calendar: BusinessCalendar) -> None:
        """Do what `mended_ledger` does, with files that may die."""
        self.mending_death.happened = False
        key = self.key.public.hex
        before, self.unmended = mended_here(self.ledger_path, key), None
        try:
            await mend_ledger(
                self.folder,
                key,
                self.clock,
                calendar,
                lambda _: _ROOM,
                self._mending_file,
                _EVENTS_PER_COMMIT,
            )
        except (TillboxError, sqlite3.Error) as error:
            self.unmended = error
        self.mended = mended_here(self.ledger_path, key)
        if self.mended is not None:
            self.gen = max(self.gen, self.mended.gen)
        if self.mended != before:
            self.merge()

    def merge(self) -> None:
        """Have at hand what was afar."""
        self.done += [sold for sold in self.afar if not any(map(sold.is_same, self.done))]
        self.afar.clear()

    def _mending_file(self, path: Path, migrations: Sequence[Migration]) -> InlineFile:
        return InlineFile(
            path,
            migrations,
            death=self.mending_death,
            on_death=self.on_death,
            may_die_closing=True,
        )

    def _lost_history(self) -> LostHistory:
        cart = SimpleNamespace(cart=SlowCart(self))
        return LostHistory(
            self.ledger,
            MendingStage(self.folder / STAGE, self._mending_file),
            self.key.public.hex,
            lambda: (self.key.public, *self.reference.box_keys(self.number)),
            shipped_dictionaries(),
            self.office_key,
            cast("Any", {SLOW_TILL: cart}),
            cast("Any", SimpleNamespace(open_jobs=tuple)),
            self.clock,
            self.log,
            self.mended,
            cast("TillboxError | None", self.unmended),
        )

    async def _open_sale(self) -> tuple[str, tuple[tuple[str, int], ...], int] | None:
        """Return what is open at the slow till, as its screen shows it after a start."""
        row = next((each for each in await self.ledger.tills() if each.till == SLOW_TILL), None)
        if row is None or not row.open_seq:
            return None
        sale, lines, last = "", [], 0
        for stored in await self.ledger.sale_events(row.open_seq):
            event, last = unseal(stored.body).event(), stored.seq
            if isinstance(event, SaleOpened):
                sale = event.sale
            elif isinstance(event, LineAdded):
                lines.append((event.sku, event.quantity // 1_000))
        return sale, tuple(lines), last

    async def _start_anew(self) -> None:
        await self.lost.again.wait()
        self.again()

    def connect(self) -> None:
        """Start what keeps the line to head office."""
        edge = cast("EdgeClient", Edge(self))
        replicator = Replicator(
            edge,
            lambda: self.net.dial(self.line),
            self.clock,
            self.log,
            dial_mending=lambda: self.net.dial_mending(self.line),
        )
        _ = self.spawn(replicator.run())

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a task that ends with the box."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, TillboxError):
            self.deaths.append(repr(error))

    async def crash(self) -> None:
        """End as processes that are killed."""
        if not self.is_up:
            return
        self.is_up = False
        self.file.die()
        self.mending_death.happened = True
        await self._end()

    async def stop(self) -> None:
        """End in good order, as a box does that starts anew."""
        if not self.is_up:
            return
        self.is_up = False
        try:
            await self.ledger.close()
        finally:
            await self._end()

    async def _end(self) -> None:
        self.net.cut(self.line)
        while self._tasks:
            # a group of tasks that ends by itself in this moment swallows a cancellation (3.11)
            for task in list(self._tasks):
                task.cancel()
            await asyncio.sleep(0)
        await self.file.close()
        await self.reference.close()
        with suppress(asyncio.CancelledError):
            await self.lost.stage.close()

    # --- its tills ------------------------------------------------------------------------

    async def sell(self, lines: tuple[tuple[str, int], ...], change_minor: int) -> None:
        """Ring up a sale and complete it in one step."""
        sale = self._new_sale()
        receipt = await self._next_receipt(WHOLE_TILL)
        events = (*opening(sale, lines), *completion(sale, receipt, lines, change_minor))
        sold = Sold(sale, receipt, total_of(lines), _thousandths(lines))
        await self._complete(Record(events, WHOLE_TILL, "marta"), sold)

    async def begin(self, lines: tuple[tuple[str, int], ...]) -> None:
        """Ring up a sale at the slow till; `finish` completes it."""
        sale = self._new_sale()
        begun = await self.ledger.record(Record(opening(sale, lines), SLOW_TILL, "ana"))
        assert isinstance(begun, Recorded)
        self.waiting = (sale, lines, begun.last_seq)

    async def finish(self, more: tuple[tuple[str, int], ...] = ()) -> None:
        """Complete the sale of the slow till; its customer may have taken some more."""
        assert self.waiting is not None
        sale, begun, _ = self.waiting
        receipt = await self._next_receipt(SLOW_TILL)
        lines = (*begun, *more)
        sold = Sold(sale, receipt, total_of(lines), _thousandths(lines))
        self.waiting = None
        events = (*added(sale, more, len(begun) + 1), *completion(sale, receipt, lines, 0))
        await self._complete(Record(events, SLOW_TILL, "ana"), sold)

    async def take_back(self, original: Sold) -> None:
        """Take back all goods of an earlier sale."""
        sale = self._new_sale()
        receipt = await self._next_receipt(WHOLE_TILL)
        back = tuple((sku, -quantity) for sku, quantity in original.lines)
        sold = Sold(sale, receipt, -original.total_minor, back, original=original.sale)
        record = Record(refund(sale, receipt, original), WHOLE_TILL, "marta")
        await self._complete(record, sold)

    async def frames(self) -> list[bytes]:
        """Return the whole history in frames that this box signed, as a second copy has it."""
        frames: list[bytes] = []
        after = 0
        while (frame := await self.replica._made(FramePace(), after, self.raw_max)) is not None:
            frames.append(frame)
            after = parse_header(frame).last_seq
        head = (await self.ledger.head()).seq
        assert after == head, f"the frames of shop {self.number} end at {after}, not {head}"
        return frames

    async def ask_again(self) -> None:
        """The till asks once more for what it got no answer to, under the same ids."""
        for sold in list(self.unsure):
            kept = await self.ledger.find_reply(_reply_of(sold))
            if kept is None:
                continue
            stands = msgspec.json.decode(kept, type=Sold)
            if not any(map(stands.is_same, self.done)):
                self.done.append(stands)
            if stands.is_same(sold):  # and not what another box answered for this sale
                self.unsure.remove(sold)

    async def say_again(self, sold: Sold) -> None:
        """The till repeats a command that was answered long ago, perhaps by the box before."""
        record = Record(
            (*opening(sold.sale, ()), *completion(sold.sale, "again", (), 0)),
            WHOLE_TILL,
            "marta",
            reply=_reply_of(sold),
        )
        try:
            outcome = await self.ledger.record(record)
        except Refused as error:
            assert error.code == "sale_id_reused"  # noqa: PT017 - either is well
        else:
            assert not isinstance(outcome, Recorded), f"{sold.sale} was rung up a second time"

    async def _complete(self, record: Record, sold: Sold) -> None:
        now = self.clock.now_ms()
        head = (await self.ledger.head()).seq
        sold = replace(sold, last_seq=head + len(record.events), day=self.ledger.calendar.day(now))
        self.unsure.append(sold)
        outcome = await self.ledger.record(msgspec.structs.replace(record, reply=_reply_of(sold)))
        assert isinstance(outcome, Recorded)
        self.unsure.remove(sold)
        # feeds may have been recorded in the same moment
        self.done.append(replace(sold, last_seq=outcome.last_seq))

    def _new_sale(self) -> str:
        self._counter += 1
        return f"{self.slug}-{self.gen}-{self._counter}"

    async def _next_receipt(self, till: str) -> str:
        given = {row.till: row.receipts for row in await self.ledger.tills()}
        return f"{till}-{given.get(till, 0) + 1:06d}"


def _thousandths(lines: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    return tuple((sku, 1_000 * pieces) for sku, pieces in lines)


def _reply_of(sold: Sold) -> CommandReply:
    return CommandReply(f"complete {sold.sale}", b"the same", msgspec.json.encode(sold))


@dataclass
class SlowCart:
    """What is on the screen of the slow till."""

    box: Box

    @property
    def state(self) -> TillState:
        return TillState.IDLE if self.box.waiting is None else TillState.OPEN


@dataclass
class Edge:
    """What `sync` asks of `edge`, without the HTTP in between.

    As behind HTTP, what was begun is finished when whoever asked is gone.
    """

    box: Box
    keeper: str = ""

    async def status(self) -> ReplicaStatus:
        return await self.box.replica.status()

    async def prove(self, nonce: str) -> Proof:
        return self.box.replica.prove(nonce)

    async def frame(self, after: int, *, metered: bool = False) -> bytes | None:
        replica, raw_max = self.box.replica, self.box.raw_max
        frame = await self._asked(
            replica.frame(after, wait_s=LINK_WAIT_S, raw_max=raw_max, metered=metered)
        )
        if frame is not None:
            _ = self.box.spawn(replica.make_next(frame, raw_max=raw_max))
        return frame

    async def digest(self) -> bytes | None:
        digest = await self._asked(self.box.digests.made())
        return None if digest is None else encode(digest)

    async def take_ack(self, ack: Ack) -> None:
        self.box.heard(ack)
        await self._asked(self.box.replica.take_ack(ack))

    async def take_feed(self, page: msgspec.Raw) -> FeedTaken:
        return await self._asked(
            self.box.replica.take_feed(msgspec.json.decode(page, type=FeedPage))
        )

    async def offer_snapshot(self, offer: msgspec.Raw) -> SnapshotStanding:
        decoded = msgspec.json.decode(offer, type=SnapshotOffer)
        return await self._asked(self.box.snapshots.offered(decoded))

    async def take_bundle(self, bundle: bytes) -> SnapshotStanding:
        return await self._asked(self.box.snapshots.came(bundle))

    async def apply_snapshot(self, step: SnapshotStep) -> SnapshotStanding:
        return await self._asked(self.box.snapshots.step(step))

    async def letter(self, after: int) -> None:
        _ = after
        await self.box.clock.sleep(LINK_WAIT_S)

    async def books(self, known: str) -> None:
        _ = known
        await self.box.clock.sleep(LINK_WAIT_S)

    async def take_ratchet(self, token: str) -> None:
        await self._asked(self.box.replica.take_token(token))

    async def hash_at(self, seq: int) -> HashSaid:
        return await self._asked(self.box.lost.hash_at(seq))

    async def begin_mending(self, begun: MendingBegun) -> MendingState:
        return await self._asked(self.box.lost.begin(begun))

    async def take_lost_frame(self, frame: bytes) -> MendingState:
        return await self._asked(self.box.lost.take_frame(frame))

    async def take_generation(self, given: GenerationGiven) -> MendingState:
        return await self._asked(self.box.lost.take_generation(given))

    async def report(self, report: LinkReport, **_: object) -> None:
        self.box.link.report(report.state, report.reason)
        if report.state == "down":
            self.box.denials.append(report.reason)

    async def _asked(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await asyncio.shield(self.box.spawn(work))
        except Refused as error:
            raise EdgeRefused(
                error.status, error.code, error.message, advice=error.advice
            ) from None
