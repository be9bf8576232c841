"""One shop of the fleet: the real replicator, and an `edge` that is a chain in memory."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
import zlib
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.contract.errors import ReplicaFork
from edge.contract.instant import Clock
from edge.contract.limits import FRAME_RAW_BYTES_TARGET, LINK_WAIT_S
from edge.contract.reference_data import FEED_ORDER, FeedPage
from edge.contract.replication import (
    Ack,
    Budget,
    Denied,
    FeedTaken,
    LinkReport,
    Proof,
    ReplicaStatus,
    Resend,
    Welcome,
    ack_bytes,
    proof_bytes,
)
from edge.runtime.frame_codec import CURRENT_DICTIONARY, encode_frame, shipped_dictionaries
from edge.runtime.keys import SigningKey, VerifyingKey
from edge.runtime.structured_log import Log
from sync.replicator.office_link import KeeperWord, OfficeLink, OfficeWord, Unheard, dial
from sync.replicator.replicator import Replicator
from tests.fleet.synthetic_chain import Chain

DICTIONARY = shipped_dictionaries()[CURRENT_DICTIONARY]


def slug(number: int) -> str:
    """The slug of a store of the fleet."""
    return f"shop-{number:05d}"


def box_key(number: int) -> SigningKey:
    """The key of a shop's box: the same in every process of a run."""
    seed = hashlib.sha256(f"fleet {number}".encode()).digest()
    return SigningKey(Ed25519PrivateKey.from_private_bytes(seed))


@dataclass
class Connections:
    """What a shop's lines were since the last `forget`: `opened`, `most` open at once.

    `waited` counts lines on which head office had a backlog wait, `turns` the budgets it gave
    then; `came_s` is when the first of them was open.
    """

    opened: int = 0
    open_now: int = 0
    most: int = 0
    tries: int = 0
    came_s: float = 0.0
    waited: int = 0
    turns: int = 0

    def forget(self) -> None:
        """Count anew."""
        self.opened = self.tries = self.waited = self.turns = 0
        self.most = self.open_now
        self.came_s = 0.0


class WatchedLink:
    """A line to head office that notes what must not be said, on either side."""

    def __init__(self, office: OfficeLink, shop: SimulatedShop) -> None:
        self._office = office
        self._shop = shop
        self._may_send: int | None = None
        self.peer = office.peer
        self.say = office.say
        self.pass_on = office.pass_on

    async def next(self) -> OfficeWord | KeeperWord | Unheard:
        word = await self._office.next()
        shop = self._shop
        if isinstance(word, Welcome):
            if word.head.seq < shop.accepted_seq:
                lost = f"{word.head.seq} of {shop.accepted_seq}"
                shop.faults.append(f"head office has only {lost} events that it signed for")
            self._may_send = word.budget
            shop.lines.waited += word.budget == 0
        elif isinstance(word, Budget):
            shop.lines.turns += word.frames is not None
            if word.frames is None or self._may_send is None:
                self._may_send = None
            else:
                self._may_send += word.frames
        elif isinstance(word, Resend):
            shop.faults.append(f"head office lost frames on a whole line: {word.reason}")
        elif isinstance(word, Denied):
            shop.faults.append(f"head office denied a box: {word.code}, {word.message}")
        return word

    async def send_frame(self, frame: bytes) -> None:
        if self._may_send is not None:
            self._may_send -= 1
            if self._may_send < 0:
                self._shop.faults.append("a frame was sent that no budget allowed")
        await self._office.send_frame(frame)


@dataclass
class SimulatedShop:
    """A shop that sells when it is told to. It is its own edge: `status`, `prove`, `frame`, …"""

    number: int
    office_key: VerifyingKey
    session_url: str
    clock: Clock
    log: Log
    packing: asyncio.Lock
    """Of all shops of this process: each has a processor of its own, and here they share one."""
    poison: frozenset[int] = frozenset()
    keeper: str = ""
    """Nobody: its line is head office's."""
    chain: Chain = field(init=False)
    lines: Connections = field(default_factory=Connections)
    accepted_seq: int = 0
    waits_ms: array[float] = field(default_factory=lambda: array("d"))
    """From commit to signed acceptance, of sales of this window."""
    pages: int = 0
    acks: int = 0
    faults: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    _cursors: dict[str, int] = field(default_factory=dict)
    _committed: array[float] = field(default_factory=lambda: array("d"))
    _measured_from: int = 0
    _accepted_sales: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.chain = Chain(self.number, self.poison)
        self._key = box_key(self.number)
        self._cursors = dict.fromkeys(map(str, FEED_ORDER), 0)
        self._replicator = Replicator(self, self._dial, self.clock, self.log)

    # --- what happens in the shop ---------------------------------------------------------

    def sell(self, count: int = 1) -> None:
        """Ring up sales now."""
        for _ in range(count):
            self.chain.sell()
            self._committed.append(time.monotonic())
        news, self._news = self._news, asyncio.Event()
        news.set()

    def measure_from_here(self) -> None:
        """Forget what was measured; the lines of before are not counted any more."""
        self.lines.forget()
        self.measure_sales_from_here()

    def measure_sales_from_here(self) -> None:
        """Forget how long sales waited; those of before are not counted any more."""
        self.waits_ms = array("d")
        self._measured_from = self.chain.sales

    @property
    def waiting_s(self) -> float:
        """How long the oldest sale waits that is not accepted; 0 for none."""
        if self._accepted_sales >= self.chain.sales:
            return 0.0
        return time.monotonic() - self._committed[self._accepted_sales]

    @property
    def is_in_step(self) -> bool:
        """Whether head office has signed for everything."""
        return self.accepted_seq == self.chain.last_seq

    def start(self) -> None:
        """Begin to replicate."""
        self._task = asyncio.create_task(self._replicator.run(), name=slug(self.number))

    async def stop(self) -> None:
        """End the replicator; a defect of it becomes a fault."""
        if self._task is not None:
            self._task.cancel()
            [outcome] = await asyncio.gather(self._task, return_exceptions=True)
            if not isinstance(outcome, asyncio.CancelledError):
                self.faults.append(f"the replicator died of {outcome!r}")
            self._task = None

    @asynccontextmanager
    async def _dial(self) -> AsyncIterator[WatchedLink]:
        self.lines.tries += 1
        async with dial(self.session_url, None, self.clock) as office:
            self.lines.opened += 1
            self.lines.open_now += 1
            self.lines.most = max(self.lines.most, self.lines.open_now)
            self.lines.came_s = self.lines.came_s or time.monotonic()
            try:
                yield WatchedLink(office, self)
            finally:
                self.lines.open_now -= 1

    # --- its edge, as the replicator calls it ---------------------------------------------

    async def status(self) -> ReplicaStatus:
        chain = self.chain
        return ReplicaStatus(
            slug(self.number),
            self.number,
            self._key.public.hex,
            chain.head(chain.last_seq),
            chain.head(self.accepted_seq),
            self._cursors,
        )

    async def prove(self, nonce: str) -> Proof:
        signed = proof_bytes(slug(self.number), nonce, self._key.public.hex)
        return Proof(self._key.sign(signed).hex())

    async def frame(self, after: int, *, metered: bool = False) -> bytes | None:
        assert not metered
        if after >= self.chain.last_seq:
            news = self._news
            try:
                async with self.clock.timeout(LINK_WAIT_S):
                    await news.wait()
            except TimeoutError:
                return None
        async with self.packing:
            await asyncio.sleep(0)
            return self._pack(after)

    def _pack(self, after: int) -> bytes:
        bodies, last_hash = self.chain.bodies(after, FRAME_RAW_BYTES_TARGET)
        return encode_frame(
            store=self.number,
            gen=1,
            first_seq=after + 1,
            last_hash=last_hash,
            bodies=bodies,
            sign=self._key.sign,
            dictionary=DICTIONARY,
        )

    async def digest(self) -> bytes | None:
        return None

    async def take_ack(self, ack: Ack) -> None:
        self.office_key.verify(
            bytes.fromhex(ack.signature),
            ack_bytes(ack.store, ack.accepted, ack.settled_seq, ack.at),
        )
        seq = ack.accepted.seq
        if ack.store != slug(self.number) or seq > self.chain.last_seq:
            self.faults.append(f"an acknowledgement of {ack.store} up to {seq}")
            raise ReplicaFork("replica_fork", "Head office has another history.")
        if ack.accepted != self.chain.head(seq) and seq:
            self.faults.append(f"head office signed for another event {seq}")
            raise ReplicaFork("replica_fork", "Head office has another history.")
        if seq < self.accepted_seq:
            self.faults.append(f"head office went back from {self.accepted_seq} to {seq}")
            return
        self.acks += 1
        self.accepted_seq = seq
        now = time.monotonic()
        upto = self.chain.index_behind(seq)
        for index in range(max(self._accepted_sales, self._measured_from), upto):
            self.waits_ms.append((now - self._committed[index]) * 1000)
        self._accepted_sales = upto

    async def take_feed(self, page: msgspec.Raw) -> FeedTaken:
        read = msgspec.json.decode(page, type=FeedPage)
        self.pages += 1
        self._cursors[read.feed] = max(self._cursors.get(read.feed, 0), read.next)
        return FeedTaken(read.feed, self._cursors[read.feed])

    async def letter(self, after: int) -> None:
        _ = after
        await self.clock.sleep(LINK_WAIT_S)

    async def books(self, known: str) -> None:
        _ = known
        await self.clock.sleep(LINK_WAIT_S)

    async def letters_taken(self, ref: str) -> None:
        self.faults.append(f"a letter {ref} that was never written")

    async def report(self, report: LinkReport, **_: object) -> None:
        if report.reason and (not self.troubles or self.troubles[-1] != report.reason):
            self.troubles.append(report.reason)


class Customers:
    """When a shop sells: seeded, at random, `per_s` of all shops together."""

    def __init__(self, shops: list[SimulatedShop], per_s: float, seed: int) -> None:
        self._shops = shops
        self._per_s = per_s
        self._chance = random.Random(zlib.crc32(f"customers {seed}".encode()))

    async def come(self) -> None:
        """Have customers come until cancelled."""
        due = time.monotonic()
        while True:
            due += self._chance.expovariate(self._per_s)
            if (wait_s := due - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            self._chance.choice(self._shops).sell()
            await asyncio.sleep(0)
