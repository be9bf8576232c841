"""Which events of a branch that is set aside are written again behind the one that stays.

A box that was restored from an older copy sold on from there: up to the *fork* its history and
head office's are the same, behind it they are two branches. Head office's stays as it is. Of the
box's own branch

- an event whose whole content (kind, time, till, person, data) is in the other branch is known;
- a sale that only this branch went on with is written again, event by event;
- a sale that both completed with the same receipt and total is one sale: a till that had no answer
  gave its command again. It stands once;
- a sale that both went on with, and that ended here with nothing sold and no money moved, is known;
- any other sale that both went on with is written again whole under an id of its own, since two
  ends of one sale cannot both be true of it: *doubtful*, a person looks at it;
- what is told of a sale that had ended before (its receipt was printed, it was sent by e-mail) and
  of no sale at all is written again;
- what speaks of the chain itself (`generation_opened`, `history_mended`,
  `survivor_salvaged`) is left out.

Receipts keep the numbers that are printed on them, whoever else has the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from edge.contract.envelope import SealedEnvelope, unseal

OF_THE_CHAIN: Final = frozenset({"generation_opened", "history_mended", "survivor_salvaged"})
"""What is true of the chain it stands in, and of no other."""
_OPENED: Final = "sale_opened"
COMPLETED: Final = "sale_completed"
_ENDED: Final = frozenset({COMPLETED, "sale_abandoned"})
_MONEY: Final = frozenset(
    {
        "cash_tendered",
        "foreign_cash_tendered",
        "tender_taken",
        "cash_returned",
        "tender_returned",
        "card_payment_requested",
        "card_refund_requested",
        "card_reversal_requested",
    }
)
"""With these money moved, or may have."""


class BranchEvent(NamedTuple):
    """An event where it stood; `hash` is the chain's there, `sale` the one it tells of, if any."""

    seq: int
    body: bytes
    hash: bytes
    sealed: SealedEnvelope
    sale: str


class Completion(NamedTuple):
    """How a sale ended: what makes two completions the same one."""

    receipt: str
    total_minor: int


class Fate(Enum):
    """What becomes of a sale of the branch that is set aside."""

    AGAIN = auto()
    """Only this branch went on with it."""
    SAME = auto()
    """Both completed it alike."""
    KNOWN = auto()
    """The other branch has all that counts of it."""
    DOUBTFUL = auto()
    """Both went on with it and ended it otherwise."""
    TOLD = auto()
    """It had ended before the fork, or it is none of this ledger's sales."""


class _Named(msgspec.Struct):
    sale: str = ""


class _Completed(msgspec.Struct):
    receipt: str
    total_minor: int


_NAMED: Final = msgspec.json.Decoder(_Named)
_COMPLETED: Final = msgspec.json.Decoder(_Completed)


def branch_event(seq: int, body: bytes, digest: bytes) -> BranchEvent:
    """Read an event of a ledger; of a type that is not known here, too."""
    sealed = unseal(body)
    return BranchEvent(seq, body, digest, sealed, _NAMED.decode(sealed.data).sale)


def completion_of(event: BranchEvent) -> Completion | None:
    """Return how an event completes its sale; None when it does not."""
    if event.sealed.type != COMPLETED:
        return None
    done = _COMPLETED.decode(event.sealed.data)
    return Completion(done.receipt, done.total_minor)


def content_of(sealed: SealedEnvelope, data: bytes) -> bytes:
    """Return what stands for an event whatever its place: all of it but generation and seq."""
    where = (sealed.type, sealed.v, sealed.day, sealed.at, sealed.till, sealed.actor)
    return hashlib.sha256(msgspec.msgpack.encode((*where, bytes(data)))).digest()[:16]


@dataclass
class OfficeBranch:
    """What head office's branch holds behind the fork; `take` all of its events.

    `ends` are the completions of a sale, by the id that it was sold under: more than one where
    an earlier mending wrote a doubtful one again.
    """

    sales: dict[str, Completion | None] = field(default_factory=dict)
    ends: dict[str, set[Completion]] = field(default_factory=dict)
    receipts: set[str] = field(default_factory=set)
    completed: int = 0
    events: int = 0
    _contents: set[bytes] = field(default_factory=set)

    def take(self, event: BranchEvent) -> None:
        """Note an event."""
        self.events += 1
        self._contents.add(content_of(event.sealed, bytes(event.sealed.data)))
        if not event.sale:
            return
        done = completion_of(event)
        self.sales[event.sale] = done or self.sales.get(event.sale)
        if done is not None:
            origin = event.sealed.origin
            sold_as = event.sale if origin is None else origin.sale or event.sale
            self.ends.setdefault(sold_as, set()).add(done)
            self.completed += 1
            self.receipts.add(done.receipt)

    def has(self, sealed: SealedEnvelope, data: bytes) -> bool:
        """Say whether an event with this content is in it."""
        return content_of(sealed, data) in self._contents


@dataclass
class OwnSale:
    """A sale of the branch that is set aside, as far as it goes behind the fork.

    `first` stands for its first event there: no other copy of the box went on with it by that one.
    """

    first: bytes = b""
    opened: bool = False
    completion: Completion | None = None
    moved_money: bool = False


@dataclass
class OwnBranch:
    """A first look through the branch that is set aside: which sales are in it."""

    sales: dict[str, OwnSale] = field(default_factory=dict)
    completed: int = 0

    def take(self, event: BranchEvent) -> None:
        """Note an event."""
        if not event.sale:
            return
        sale = self.sales.get(event.sale)
        if sale is None:
            sale = OwnSale(content_of(event.sealed, bytes(event.sealed.data)))
            self.sales[event.sale] = sale
        kind = event.sealed.type
        sale.opened |= kind == _OPENED
        sale.moved_money |= kind in _MONEY
        if (done := completion_of(event)) is not None:
            sale.completion = done
            self.completed += 1

    @property
    def begun_before(self) -> set[str]:
        """The sales of which more may stand before the fork."""
        return {name for name, sale in self.sales.items() if not sale.opened}


@dataclass
class BeforeFork:
    """What stands before the fork of sales that the branch goes on with."""

    wanted: set[str]
    events: dict[str, list[BranchEvent]] = field(default_factory=dict)

    def take(self, event: BranchEvent) -> None:
        """Note an event when it is of such a sale."""
        if event.sale in self.wanted:
            self.events.setdefault(event.sale, []).append(event)

    def is_open(self, sale: str) -> bool:
        """Say whether a sale was begun before the fork, and not ended."""
        kinds = [event.sealed.type for event in self.events.get(sale, ())]
        return _OPENED in kinds and _ENDED.isdisjoint(kinds)


class Fates(NamedTuple):
    """What becomes of each sale of the branch that is set aside, and the new ids of doubtful ones.

    `names` are pairs of the id that a sale was sold under and the one that it gets.
    """

    of: Mapping[str, Fate]
    names: list[tuple[str, str]]


def fates_of(own: OwnBranch, before: BeforeFork, office: OfficeBranch, fork_hash: bytes) -> Fates:
    """Decide what becomes of each sale of the branch that is set aside."""
    found: dict[str, Fate] = {}
    names = []
    for name, sale in own.sales.items():
        fate = _fate(name, sale, before, office)
        if fate is Fate.DOUBTFUL:
            # it may have been mended once already, and this box been restored once more
            other, fate = _other(name, sale, office, fork_hash)
            if sale.completion in office.ends.get(name, ()):
                fate = Fate.KNOWN  # as a sale that both completed alike is one
            if fate is Fate.DOUBTFUL:
                names.append((name, other))
        found[name] = fate
    return Fates(found, names)


def _fate(name: str, sale: OwnSale, before: BeforeFork, office: OfficeBranch) -> Fate:
    if not sale.opened and not before.is_open(name):
        return Fate.TOLD
    if name not in office.sales:
        return Fate.AGAIN
    theirs = office.sales[name]
    if sale.completion is not None and sale.completion == theirs:
        return Fate.SAME
    if sale.completion is None and not sale.moved_money:
        return Fate.KNOWN
    return Fate.DOUBTFUL


def _other(name: str, sale: OwnSale, office: OfficeBranch, fork_hash: bytes) -> tuple[str, Fate]:
    """Return the id that a doubtful sale gets, and whether the other branch has it under that.

    One copy may be put back many times, and a sale that is open in it end otherwise each time.
    """
    other = name
    while True:
        other = other_id(other, fork_hash, sale.first)
        if other not in office.sales:
            return other, Fate.DOUBTFUL
        if sale.completion is None or sale.completion == office.sales[other]:
            return other, Fate.KNOWN


def other_id(sale: str, fork_hash: bytes, first: bytes) -> str:
    """Return the id that a doubtful sale gets: the same one however often it is asked for.

    `first` stands for the event by which its branch went on with it.
    """
    named = b"tillbox doubtful sale\0" + fork_hash + first + sale.encode()
    return str(UUID(bytes=hashlib.sha256(named).digest()[:16]))


def renamed_in(data: bytes, names: Iterable[tuple[str, str]]) -> bytes:
    """Return an event's data with the ids of doubtful sales replaced, wherever they stand."""
    for old, new in names:
        data = data.replace(b'"%b"' % old.encode(), b'"%b"' % new.encode())
    return data
