"""What `sync` asks of the box: frames up, acknowledgements and feeds down.

`edge` alone holds the box key and knows what an event is; `sync` carries bytes.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from edge.contract.card_desk_events import (
    CardAnsweredLate,
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
)
from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundUnknown,
)
from edge.contract.envelope import GENESIS, unseal
from edge.contract.errors import ProtocolViolation, Refused, ReplicaFork
from edge.contract.event_registry import Event
from edge.contract.instant import Clock
from edge.contract.limits import (
    FRAME_EVENTS_MAX,
    FRAME_RAW_BYTES_TARGET,
    LINK_WAIT_S,
)
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentUnknown,
)
from edge.contract.reference_data import Feed, FeedPage
from edge.contract.replication import (
    Ack,
    FeedTaken,
    Head,
    MendedProof,
    Proof,
    ReplicaStatus,
    ack_bytes,
    keeper_proof_bytes,
    parse_header,
    proof_bytes,
)
from edge.contract.sale_events import SaleAbandoned, SaleCompleted
from edge.contract.system_events import ReferenceApplied
from edge.contract.wire import encode
from edge.flows.feed_trust import FeedTrust
from edge.flows.frame_pace import FramePace
from edge.flows.link_state import LinkState
from edge.flows.ratchet import Ratchet
from edge.ledger.event_log import Ledger
from edge.ledger.records import Record, Recorded
from edge.reference.store import ReferenceStore
from edge.runtime.frame_codec import FrameDictionary, encode_frame
from edge.runtime.keys import SigningKey, VerifyingKey
from edge.runtime.structured_log import Log

_HURRIED: Final = frozenset(
    (
        SaleCompleted,
        SaleAbandoned,
        CardPaymentApproved,
        CardPaymentDeclined,
        CardPaymentUnknown,
        CardRefundApproved,
        CardRefundDeclined,
        CardRefundUnknown,
        CardPaymentResolved,
        CardRefundResolved,
        CardReversalApproved,
        CardAnsweredLate,
    )
)
"""What head office should see at once; the rest waits for company."""


@dataclass
class Replica:
    """The box's side of replication; `dictionary` is what frames are packed with.

    `keepers` are the public keys of the second copies, each a reader of frames beside head office.
    """

    ledger: Ledger
    reference: ReferenceStore
    link: LinkState
    key: SigningKey
    dictionary: FrameDictionary
    clock: Clock
    log: Log
    office_key: str = ""
    trust: FeedTrust | None = None
    feed_taken: Callable[[FeedPage], Awaitable[None]] | None = None
    keepers: frozenset[str] = frozenset()
    waits_to_mend: Callable[[], bool] = lambda: False
    ratchet: Ratchet | None = None
    page_taken: Callable[[Feed], None] = lambda _: None
    """Told of each page that is on the disk: it ends a snapshot of that feed."""
    mended: MendedProof | None = None
    """What shows second copies that this history was mended."""
    _head_seq: int = 0
    _paces: dict[str, FramePace] = field(default_factory=dict)
    """By the reader: head office is the empty one."""
    _closing: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        """Read the head; everything the ledger holds may be asked for."""
        self._head_seq = (await self.ledger.head()).seq
        self._paces = {reader: FramePace(self._head_seq) for reader in ("", *self.keepers)}
        self.ledger.listeners.append(self._recorded)

    def _recorded(self, recorded: Recorded, events: tuple[Event, ...]) -> None:
        now = self.clock.monotonic_ms()
        self._head_seq = max(self._head_seq, recorded.last_seq)
        hurried = not _HURRIED.isdisjoint(map(type, events))
        for pace in self._paces.values():
            pace.recorded(now, recorded.last_seq if hurried else None)
        self._news.set()

    async def status(self) -> ReplicaStatus:
        """Say who the box is and where it stands."""
        head = await self.ledger.head()
        identity = self.ledger.identity
        accepted_hash = await self.ledger.hash_at(self.link.accepted_seq) or GENESIS
        return ReplicaStatus(
            identity.store,
            identity.store_number,
            self.key.public.hex,
            Head(identity.gen, head.seq, head.hash.hex()),
            Head(identity.gen, self.link.accepted_seq, accepted_hash.hex()),
            self.reference.cursors,
            max(self.reference.versions.values(), default=0),
            self.waits_to_mend(),
            None if self.ratchet is None else self.ratchet.shown,
            mended=self.mended if self.mended and self.mended.gen == identity.gen else None,
        )

    def prove(self, nonce: str, keeper: str = "") -> Proof:
        """Sign a challenge: head office's, or that of a second copy, which is signed otherwise."""
        store, key = self.ledger.identity.store, self.key.public.hex
        signed = (
            keeper_proof_bytes(store, nonce, key, keeper)
            if keeper
            else proof_bytes(store, nonce, key)
        )
        return Proof(self.key.sign(signed).hex())

    async def frame(
        self,
        after: int,
        *,
        wait_s: float,
        raw_max: int,
        reader: str = "",
        metered: bool = False,
    ) -> bytes | None:
        """Return the signed frame that follows a seq, or None when nothing is due in time.

        `reader` is who asks: head office, or a second copy by its public key.

        At once when there is a backlog; `LIVE_FRAME_DELAY_MS` after something hurried, so
        that a sale and what its devices say leave together, but never held back for longer
        than `LIVE_FRAME_DELAY_MS_MAX`; within `IDLE_FRAME_DELAY_MS` for anything else. On a
        `metered` line all of it waits for `METERED_FRAME_DELAY_MS`, or until that is much.
        """
        pace = self._paces[reader]
        try:
            async with self.clock.timeout(min(wait_s, LINK_WAIT_S)):
                await self._wait_until_due(pace, after, metered=metered)
        except TimeoutError:
            return None
        pace.asked = after
        async with pace.turn:
            ready, pace.ready = pace.ready, None
            if ready is not None and ready[:2] == (after, raw_max):
                return ready[2]
            return await self._made(pace, after, raw_max)

    async def make_next(self, frame: bytes, *, raw_max: int, reader: str = "") -> None:
        """Make what follows a frame beforehand, when at least as much again waits behind it.

        Whoever takes up a backlog asks for it at once: the box works while the line does.
        """
        header = parse_header(frame)
        pace = self._paces[reader]
        if self._head_seq - header.last_seq <= header.count:
            return
        async with pace.turn:
            if pace.asked == header.first_seq - 1:  # else it has been asked for meanwhile
                following = await self._made(pace, header.last_seq, raw_max)
                pace.ready = (header.last_seq, raw_max, following)

    async def _made(self, pace: FramePace, after: int, raw_max: int) -> bytes | None:
        raw_max = min(raw_max, FRAME_RAW_BYTES_TARGET)
        last_hash, bodies = await self.ledger.events_after(
            after, raw_max=raw_max, count_max=FRAME_EVENTS_MAX
        )
        if not bodies:
            return None
        gen = unseal(bodies[0]).gen
        if unseal(bodies[-1]).gen != gen:
            # a frame is of one generation: it ends where the next one was opened
            bodies = list(itertools.takewhile(lambda body: unseal(body).gen == gen, bodies))
            last_hash = await self.ledger.hash_at(after + len(bodies)) or GENESIS
        pace.made(after + len(bodies), self._head_seq)
        identity = self.ledger.identity
        return encode_frame(
            store=identity.store_number,
            gen=gen,
            first_seq=after + 1,
            last_hash=last_hash,
            bodies=bodies,
            sign=self.key.sign,
            dictionary=self.dictionary,
        )

    def close(self) -> None:
        """Let nobody wait for news any more: the box is stopping."""
        self._closing = True
        self._news.set()

    async def _wait_until_due(self, pace: FramePace, after: int, *, metered: bool) -> None:
        while not self._closing:
            now = self.clock.monotonic_ms()
            wait_ms = pace.due_in_ms(after, self._head_seq, now, metered=metered)
            if wait_ms == 0:
                return
            self._news.clear()
            try:
                async with self.clock.timeout(None if wait_ms is None else wait_ms / 1000):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def take_ack(self, ack: Ack) -> None:
        """Keep head office's acknowledgement and let the tills see it.

        Raises Refused for a wrong signature or another store, ReplicaFork when head office
        names another hash than this ledger has at that seq.
        """
        if ack.store != self.ledger.identity.store:
            raise Refused("foreign_ack", f"The acknowledgement is for store {ack.store}.")
        signed = ack_bytes(ack.store, ack.accepted, ack.settled_seq, ack.at)
        if self.office_key:
            try:
                VerifyingKey.from_hex(self.office_key).verify(bytes.fromhex(ack.signature), signed)
            except (ProtocolViolation, ValueError):
                raise Refused(
                    "ack_signature_wrong",
                    "The acknowledgement is not signed by this store's head office.",
                    advice="Check the head-office key in the settings; selling goes on.",
                    status=403,
                ) from None
        mine = await self.ledger.hash_at(ack.accepted.seq)
        if mine is None or mine.hex() != ack.accepted.hash:
            raise ReplicaFork(
                "replica_fork",
                f"Head office has another event {ack.accepted.seq} than this box.",
                advice="Selling goes on. Call head office: two boxes may share one identity, "
                "or this one was restored from an old copy.",
            )
        self.ledger.keep_acknowledgement(ack.accepted.seq, encode(ack))
        await self.link.accepted(ack.accepted.seq)

    async def take_token(self, token: str) -> None:
        """Keep head office's token, in the ledger and beside it. Raises Refused, StorageFailed."""
        if self.ratchet is None:
            raise Refused("no_tokens", "This box keeps no tokens of head office.")
        await self.ratchet.take(token)

    async def take_feed(self, page: FeedPage) -> FeedTaken:
        """Apply a page of a feed and say how far it is taken. Raises Refused."""
        if self.trust is not None:
            self.trust.check(page)
        before = self.reference.cursors.get(page.feed, 0)
        cursor = await self.reference.apply(page)
        self.page_taken(page.feed)
        await self.feed_changed(page, cursor=cursor, new=cursor > before, shown=bool(page.items))
        return FeedTaken(page.feed, cursor)

    async def feed_changed(
        self, page: FeedPage, *, cursor: int, new: bool = True, shown: bool = True
    ) -> None:
        """Record that a feed was taken up to a cursor, if no `more` of it comes, and show it.

        Nothing of it is recorded that is not `new`, and nothing told that is not `shown`.
        """
        if new and not page.more:
            await self.ledger.record(Record((ReferenceApplied(feed=page.feed, cursor=cursor),)))
        if self.feed_taken is not None and shown:
            await self.feed_taken(page)
