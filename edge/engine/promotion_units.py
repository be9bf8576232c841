"""The basket as promotions see it: pools of equal units, and which of them are used up.

A pool holds the units of one article at one price, however many lines they stand on. All
choices are made between pools, in an order that does not know the lines: neither the order
of scanning nor the splitting of a quantity over lines changes what an article costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from edge.contract.money import allocate
from edge.contract.price_events import LineReduction
from edge.contract.promotion_data import Selection
from edge.contract.quantity import ONE, Unit


class BasketLine(msgspec.Struct, frozen=True):
    """A live line whose price may be reduced; `group` is its article's.

    What is `only_named` is of no promotion that is for all articles. `own_price` is one that the
    line brought with it: typed, or printed on its label.

    `quantity` in thousandths; `amount_minor` is what it costs before any promotion.
    """

    line_id: str
    sku: str
    group: str
    quantity: int
    price_minor: int
    amount_minor: int
    unit: str = "piece"
    only_named: bool = False
    own_price: bool = False

    @property
    def units(self) -> int:
        """How many units it counts for: a package that was weighed or priced is one."""
        pieces = self.quantity // ONE
        counted = self.unit == Unit.PIECE and pieces * self.price_minor == self.amount_minor
        return pieces if counted else 1


@dataclass
class _LineState:
    line: BasketLine
    left: int
    net_minor: int


@dataclass(eq=False)
class Pool:
    """The units of one article at one price.

    `unit_quantity` is the quantity of one unit in thousandths (1000, or a package's weight);
    `left` units are touched by no promotion yet; `net_minor` is what its lines cost now.
    """

    sku: str
    group: str
    unit_minor: int
    unit_quantity: int
    only_named: bool = False
    left: int = 0
    net_minor: int = 0
    _lines: list[_LineState] = field(default_factory=list)

    def add(self, line: BasketLine) -> None:
        """Take a line in."""
        self._lines.append(_LineState(line, line.units, line.amount_minor))
        self.left += line.units
        self.net_minor += line.amount_minor

    def use(self, used: int, benefiting: int, saving_minor: int) -> list[LineReduction]:
        """Use units up; the benefiting ones among them share a saving.

        The newest lines benefit first: the piece that is free is the one just scanned.
        """
        shares = self._take(benefiting, reversed(self._lines))
        self._take(used - benefiting, self._lines)
        self.left -= used
        return self._save(saving_minor, shares)

    def reduce(self, saving_minor: int) -> list[LineReduction]:
        """Take a saving off what the lines cost now, in proportion; all units are touched then."""
        self._take(self.left, self._lines)
        self.left = 0
        return self._save(saving_minor, [(state, state.net_minor) for state in self._lines])

    @staticmethod
    def _take(units: int, lines: Iterable[_LineState]) -> list[tuple[_LineState, int]]:
        taken = []
        for state in lines:
            some = min(state.left, units)
            state.left -= some
            units -= some
            taken.append((state, some))
        return taken

    def _save(
        self, saving_minor: int, shares: Sequence[tuple[_LineState, int]]
    ) -> list[LineReduction]:
        if not saving_minor:
            return []
        self.net_minor -= saving_minor
        parts = allocate(saving_minor, [weight for _, weight in shares])
        reductions = []
        for (state, _), part in zip(shares, parts, strict=True):
            state.net_minor -= part
            if part:
                reductions.append(LineReduction(state.line.line_id, part))
        return reductions


Counts = dict[Pool, int]
"""Units, or minor units, by pool."""


def pools_of(lines: Iterable[BasketLine]) -> list[Pool]:
    """Return the pools of a basket, the dearest units first; what costs nothing is in none."""
    pools: dict[tuple[int, str, int], Pool] = {}
    for line in lines:
        if line.amount_minor <= 0:
            continue
        units = line.units
        unit_minor, unit_quantity = line.amount_minor // units, line.quantity // units
        key = (-unit_minor, line.sku, unit_quantity)
        if key not in pools:
            pools[key] = Pool(line.sku, line.group, unit_minor, unit_quantity, line.only_named)
        pools[key].add(line)
    return [pools[key] for key in sorted(pools)]


def selected(selection: Selection, pools: Iterable[Pool]) -> list[Pool]:
    """Return the pools whose article a selection names, in their order."""
    if not selection.skus and not selection.groups:
        return [pool for pool in pools if not pool.only_named]
    skus, groups = frozenset(selection.skus), frozenset(selection.groups)
    return [pool for pool in pools if pool.sku in skus or (pool.group and pool.group in groups)]


def pick(pools: list[Pool], count: int, left: Counts) -> Counts | None:
    """Take `count` of the units that are left, the first pools first; None when there are too few.

    `left` holds the pools that were taken from before. Pools that have none left are dropped
    from the front of the list.
    """
    while pools and not left.get(pools[0], pools[0].left):
        del pools[0]
    chosen: Counts = {}
    for pool in pools:
        there = left.get(pool, pool.left)
        if free := min(there, count):
            chosen[pool] = free
            left[pool] = there - free
            count -= free
        if not count:
            return chosen
    return None


def plus(counts: Mapping[Pool, int], more: Mapping[Pool, int], times: int = 1) -> Counts:
    """Return units and more units together."""
    total = dict(counts)
    for pool, count in more.items():
        total[pool] = total.get(pool, 0) + count * times
    return total


def times_possible(units: Mapping[Pool, int], left: Mapping[Pool, int]) -> int:
    """Return how often these units can be taken from those that are left."""
    return min(left[pool] // count for pool, count in units.items())


def worth(units: Mapping[Pool, int]) -> Counts:
    """Return what units cost, by pool."""
    return {pool: count * pool.unit_minor for pool, count in units.items()}


def share(saving_minor: int, weights: Mapping[Pool, int]) -> Counts:
    """Spread a saving over pools in proportion to weights, in minor units."""
    parts = allocate(saving_minor, list(weights.values()))
    return dict(zip(weights, parts, strict=True))
