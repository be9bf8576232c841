"""The history of a simulated shop, made again whenever it is asked for: a thousand fit in memory.

A sale is one of a few dozen of `SyntheticShop`, with the store, the place in the chain, the ids
and the instant of its own. What is kept of it is where it begins, the hash behind it and when it
was committed; its canonical bytes follow from that.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache

import msgspec

from edge.contract.envelope import GENESIS, link_all
from edge.contract.replication import Head
from tests.bench.synthetic_sales import SyntheticShop

AT = 1_795_000_000_000
_HASH_BYTES = 32
_PATTERNS = 48
_OPENING = re.compile(
    rb'^\{"store":1,"gen":1,"seq":\d+,(.*"day":)"[^"]*","at":\d+(,.*)$', re.DOTALL
)


@dataclass(frozen=True)
class Pattern:
    """A sale with blanks: what is before and behind the instant in each of its events."""

    events: tuple[tuple[bytes, bytes], ...]
    total_minor: int


@cache
def patterns() -> tuple[Pattern, ...]:
    """The sales that all shops sell."""
    shop = SyntheticShop(20_261_127)
    return tuple(_pattern(shop.sale(plain=True)) for _ in range(_PATTERNS))


def _pattern(bodies: list[bytes]) -> Pattern:
    sale, receipt, total = b"", b"", 0
    for body in bodies:
        data = msgspec.json.decode(body)["data"]
        sale = data.get("sale", sale.decode()).encode()
        if "receipt" in data:
            receipt, total = data["receipt"].encode(), data["total_minor"]
    events = []
    for body in bodies:
        match = _OPENING.match(body)
        assert match is not None
        parts = [part.replace(b"%", b"%%") for part in match.groups()]
        parts = [part.replace(sale, b"%(sale)b").replace(receipt, b"%(receipt)b") for part in parts]
        events.append((parts[0], parts[1]))
    return Pattern(tuple(events), total)


def sale_id(number: int, index: int) -> str:
    """The id of a shop's sale: time-ordered, as `edge` makes them, and no two alike."""
    at = AT + 60_000 * index
    chance = f"7{index & 0xFFF:03x}-8{index >> 12 & 0xFFF:03x}-{number:012x}"
    return f"{at >> 16:08x}-{at & 0xFFFF:04x}-{chance}"


@dataclass
class Chain:
    """The events of one shop. `number` is its store's, `poison` says which sales are bad."""

    number: int
    poison: frozenset[int] = frozenset()
    starts: array[int] = field(default_factory=lambda: array("q", [1]))
    hashes: bytearray = field(default_factory=lambda: bytearray(GENESIS))

    @property
    def sales(self) -> int:
        """How many sales there are."""
        return len(self.starts) - 1

    @property
    def last_seq(self) -> int:
        """The seq of the newest event."""
        return self.starts[-1] - 1

    def sell(self) -> int:
        """Append a sale; return the seq of its last event."""
        bodies = self._bodies(self.sales)
        self.hashes += link_all(self.hashes[-_HASH_BYTES:], bodies)
        self.starts.append(self.starts[-1] + len(bodies))
        return self.last_seq

    def index_behind(self, seq: int) -> int:
        """Return the sale that begins behind a seq, which must be the last of a sale."""
        index = bisect_right(self.starts, seq)
        if index == len(self.starts) or self.starts[index] != seq + 1:
            raise ValueError(f"event {seq} of store {self.number} ends no sale")
        return index

    def hash_behind(self, index: int) -> bytes:
        """Return the chain's hash before a sale."""
        return bytes(self.hashes[index * _HASH_BYTES : (index + 1) * _HASH_BYTES])

    def head(self, seq: int) -> Head:
        """Return the place behind the last event of a sale."""
        return Head(1, seq, self.hash_behind(self.index_behind(seq) if seq else 0).hex())

    def bodies(self, after: int, raw_max: int) -> tuple[list[bytes], bytes]:
        """Return the events of whole sales behind a seq, and the hash behind them."""
        index = self.index_behind(after)
        found: list[bytes] = []
        size = 0
        while index < self.sales and (not found or size < raw_max):
            made = self._bodies(index)
            size += sum(map(len, made))
            found += made
            index += 1
        return found, self.hash_behind(index)

    def total_minor(self, index: int) -> int:
        """What a sale came to."""
        return patterns()[(index + self.number) % _PATTERNS].total_minor

    def _bodies(self, index: int) -> list[bytes]:
        pattern = patterns()[(index + self.number) % _PATTERNS]
        seq, at = self.starts[index], AT + 60_000 * index
        names = {
            b"sale": sale_id(self.number, index).encode(),
            b"receipt": b"till-1-%06d" % (index + 1),
        }
        made = [
            b'{"store":%d,"gen":1,"seq":%d,' % (self.number, seq + place)
            + (before % names)
            + b'"2026-11-18","at":%d' % (at + 500 * place)
            + (behind % names)
            for place, (before, behind) in enumerate(pattern.events)
        ]
        if index in self.poison:
            # its opening is none that anybody knows: what follows belongs to no sale
            made[0] = b'{"store":%d,"gen":1,"seq":%d,"type":"sale_opened","v":"' % (
                self.number,
                seq,
            )
        return made
