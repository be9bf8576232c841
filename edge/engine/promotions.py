"""What a basket's promotions take off: lines in, reductions out. See `PROMOTIONS.md` beside this.

A pure function of the basket, the promotions and the occasion: nothing of an earlier answer
is kept, so a voided line, an added coupon or a new price gives what the basket would have
cost had it been so from the start.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import msgspec

from edge.contract.money import Rounding, divide
from edge.contract.price_events import LineReduction, Reduction
from edge.contract.promotion_data import (
    MINUTES_PER_DAY,
    AmountOff,
    BasketAmountOff,
    BasketPercentOff,
    Bundle,
    BuyGet,
    FixedPrice,
    Hours,
    PercentOff,
    Promotion,
    PromotionRule,
    Selection,
)
from edge.contract.quantity import extend
from edge.engine.bundle_filling import Filling
from edge.engine.promotion_units import (
    BasketLine,
    Counts,
    Pool,
    pick,
    plus,
    pools_of,
    selected,
    share,
    times_possible,
    worth,
)
from edge.engine.tax import PPM

PROMOTION: Final = "promotion"
REDUCTION_ROUNDING: Final = Rounding.HALF_UP
"""How a part of a price becomes an amount that comes off: once a promotion, on the sum."""
_BASKET_RULES: Final = (BasketPercentOff, BasketAmountOff)
_NO_LIMIT: Final = 1 << 40
_IMPOSSIBLE: Final = -(1 << 60)


class Occasion(msgspec.Struct, frozen=True):
    """When, for whom and with which coupons a basket is priced.

    `at_ms` since 1970 UTC; `weekday` (ISO, 1 is Monday) and `minute` (since midnight) are the
    store's local time of that instant. `groups` are the customer's, `coupons` campaigns.
    """

    at_ms: int
    weekday: int
    minute: int
    groups: tuple[str, ...] = ()
    coupons: tuple[str, ...] = ()


def reduce_basket(
    lines: Iterable[BasketLine], promotions: Iterable[Promotion], occasion: Occasion
) -> tuple[Reduction, ...]:
    """Return what comes off, in the order it counts; nothing where no promotion does.

    Guarantees: no line falls below zero; no unit is touched twice unless a promotion that
    combines does it; what an article costs depends neither on the order of the lines nor on
    how its pieces are spread over them.
    """
    pools = pools_of(lines)
    valid = [promotion for promotion in promotions if is_valid(promotion, occasion)]
    reductions = []
    for turn in _in_turn(valid):
        waiting = [(promotion, _taking(promotion, pools)) for promotion in turn]
        while waiting := [each for each in waiting if each[1].saving_minor]:
            promotion, best = max(waiting, key=lambda each: each[1].saving_minor)
            lines_off = _apply(best)
            reduction = Reduction(
                PROMOTION, promotion.id, promotion.name, lines_off, promotion.coupon
            )
            reductions.append(reduction)
            # what would take none of these units would do now what it would have done before
            waiting = [
                (other, taking if taking.spares(best) else _taking(other, pools))
                for other, taking in waiting
                if other is not promotion
            ]
    return tuple(reductions)


# --- conditions ------------------------------------------------------------------------------


def is_valid(promotion: Promotion, occasion: Occasion) -> bool:
    """Say whether a promotion counts at all on an occasion."""
    return (
        (not promotion.coupon or promotion.coupon in occasion.coupons)
        and (not promotion.groups or any(group in promotion.groups for group in occasion.groups))
        and is_on(promotion.hours, occasion)
    )


def is_on(hours: Hours, occasion: Occasion) -> bool:
    """Say whether an occasion falls into hours; a night belongs to the day it began on."""
    if occasion.at_ms < hours.from_ms or (hours.until_ms and occasion.at_ms >= hours.until_ms):
        return False
    weekday, minute = occasion.weekday, occasion.minute
    until = hours.until_minute
    if until <= hours.from_minute:
        if minute < until:
            weekday, minute = weekday - 1 or 7, minute + MINUTES_PER_DAY
        until += MINUTES_PER_DAY
    inside = hours.from_minute <= minute < until
    return inside and (not hours.weekdays or weekday in hours.weekdays)


def _in_turn(promotions: Iterable[Promotion]) -> list[list[Promotion]]:
    """Group promotions that compete, by id: goods before baskets, a higher priority first.

    Of one priority those that combine come last: they see what the others have reduced.
    """
    turns: dict[tuple[bool, int, bool], list[Promotion]] = {}
    for promotion in sorted(promotions, key=lambda each: each.id):
        is_basket = isinstance(promotion.rule, _BASKET_RULES)
        key = (is_basket, -promotion.priority, promotion.combines)
        turns.setdefault(key, []).append(promotion)
    return [turns[key] for key in sorted(turns)]


# --- what a promotion would do ---------------------------------------------------------------


@dataclass
class _Taking:
    """What a promotion would do: savings by pool, units used up, and those that cost less.

    With no unit used up the savings come off what the lines cost now.
    """

    savings: Counts = field(default_factory=dict)
    used: Counts = field(default_factory=dict)
    benefiting: Counts = field(default_factory=dict)

    @property
    def saving_minor(self) -> int:
        return sum(self.savings.values())

    def spares(self, other: _Taking) -> bool:
        """Say whether it leaves alone all that another one touches."""
        mine, others = self.savings.keys() | self.used, other.savings.keys() | other.used
        return mine.isdisjoint(others)


def _taking(promotion: Promotion, pools: Sequence[Pool]) -> _Taking:
    return _RULES[type(promotion.rule)](promotion.rule, promotion, pools)


def _apply(taking: _Taking) -> tuple[LineReduction, ...]:
    done: list[LineReduction] = []
    if not taking.used:
        for pool, saving in taking.savings.items():
            done += pool.reduce(saving)
    for pool, used in taking.used.items():
        done += pool.use(used, taking.benefiting.get(pool, 0), taking.savings.get(pool, 0))
    return tuple(done)


def _percent_off(rule: PercentOff, promotion: Promotion, pools: Sequence[Pool]) -> _Taking:
    if promotion.combines:
        return _off_net(rule.selection, pools, lambda base: part_of(base, rule.off_ppm))
    units = _each(rule.selection, promotion, pools)
    return _off_units(units, part_of(sum(worth(units).values()), rule.off_ppm))


def _amount_off(rule: AmountOff, promotion: Promotion, pools: Sequence[Pool]) -> _Taking:
    # of a package so light that nothing comes off, nothing is used up
    worthwhile = [pool for pool in pools if extend(rule.off_minor, pool.unit_quantity)]
    units = _each(rule.selection, promotion, worthwhile)
    savings = {
        pool: count * min(extend(rule.off_minor, pool.unit_quantity), pool.unit_minor)
        for pool, count in units.items()
    }
    return _Taking(savings, units, units)


def _fixed_price(rule: FixedPrice, promotion: Promotion, pools: Sequence[Pool]) -> _Taking:
    dearer = [p for p in pools if p.unit_minor > extend(rule.price_minor, p.unit_quantity)]
    units = _each(rule.selection, promotion, dearer)
    savings = {
        pool: count * (pool.unit_minor - extend(rule.price_minor, pool.unit_quantity))
        for pool, count in units.items()
    }
    return _Taking(savings, units, units)


def _buy_get(rule: BuyGet, promotion: Promotion, pools: Sequence[Pool]) -> _Taking:
    getting = selected(rule.buy if rule.get is None else rule.get, pools)
    may_be_got = frozenset(getting)
    # what can only be bought comes first, so that more can be got
    buying = sorted(selected(rule.buy, pools), key=lambda pool: pool in may_be_got)
    left: Counts = {}
    more = promotion.limit or _NO_LIMIT
    used: Counts = {}
    got: Counts = {}
    while more:
        bought = pick(buying, rule.buy_count, left)
        given = None if bought is None else pick(getting, rule.get_count, left)
        if bought is None or given is None:
            break
        group = plus(bought, given)
        again = min(more - 1, times_possible(group, left))
        for pool, count in group.items():
            left[pool] -= count * again
        used, got = plus(used, group, 1 + again), plus(got, given, 1 + again)
        more -= 1 + again
    return _off_units(got, part_of(sum(worth(got).values()), rule.off_ppm), used)


def _bundle(rule: Bundle, promotion: Promotion, pools: Sequence[Pool]) -> _Taking:
    filling = Filling([(part.count, selected(part.selection, pools)) for part in rule.parts], pools)

    @cache
    def saving(times: int) -> int:
        units = filling.units(times) if times else {}
        return _IMPOSSIBLE if units is None else sum(worth(units).values()) - times * price

    def is_enough(times: int) -> bool:
        return saving(times + 1) <= saving(times)

    price = rule.price_minor
    # each further bundle saves less than the one before it
    most = min(filling.times_at_most, promotion.limit or _NO_LIMIT)
    times = bisect_left(range(most), True, key=is_enough)
    units = filling.units(times) if times else None
    return _off_units(units or {}, saving(times))


def _basket_percent_off(
    rule: BasketPercentOff, promotion: Promotion, pools: Sequence[Pool]
) -> _Taking:
    def saving(base: int) -> int:
        return part_of(base, rule.off_ppm) if base >= rule.from_minor else 0

    return _off_basket(rule.selection, promotion, pools, saving)


def _basket_amount_off(
    rule: BasketAmountOff, promotion: Promotion, pools: Sequence[Pool]
) -> _Taking:
    def saving(base: int) -> int:
        times = base // rule.from_minor if rule.from_minor else 1
        if not rule.every:
            times = min(times, 1)
        if promotion.limit:
            times = min(times, promotion.limit)
        return min(times * rule.off_minor, base)

    return _off_basket(rule.selection, promotion, pools, saving)


_RULES: Final[dict[type[PromotionRule], Callable[[Any, Promotion, Sequence[Pool]], _Taking]]] = {
    PercentOff: _percent_off,
    AmountOff: _amount_off,
    FixedPrice: _fixed_price,
    BuyGet: _buy_get,
    Bundle: _bundle,
    BasketPercentOff: _basket_percent_off,
    BasketAmountOff: _basket_amount_off,
}


# --- what rules share ------------------------------------------------------------------------


def part_of(base_minor: int, ppm: int) -> int:
    """Return a part of an amount in parts per million, rounded as reductions are."""
    return divide(base_minor * ppm, PPM, REDUCTION_ROUNDING)


def _each(selection: Selection, promotion: Promotion, pools: Sequence[Pool]) -> Counts:
    """Return all untouched units of a selection, the dearest up to the promotion's limit."""
    left = promotion.limit or _NO_LIMIT
    units: Counts = {}
    for pool in selected(selection, pools):
        if count := min(pool.left, left):
            units[pool] = count
            left -= count
    return units


def _off_units(units: Counts, saving_minor: int, used: Counts | None = None) -> _Taking:
    """Spread a saving over units by what they cost."""
    if not saving_minor:
        return _Taking()
    return _Taking(share(saving_minor, worth(units)), units if used is None else used, units)


def _off_net(
    selection: Selection, pools: Sequence[Pool], saving_of: Callable[[int], int]
) -> _Taking:
    """Spread a saving over what a selection costs now."""
    net = {pool: pool.net_minor for pool in selected(selection, pools) if pool.net_minor}
    saving = saving_of(sum(net.values()))
    return _Taking(share(saving, net)) if saving else _Taking()


def _off_basket(
    selection: Selection,
    promotion: Promotion,
    pools: Sequence[Pool],
    saving_of: Callable[[int], int],
) -> _Taking:
    """Spread a saving over a basket: over what it costs now, or what nothing has touched."""
    if promotion.combines:
        return _off_net(selection, pools, saving_of)
    units = {pool: pool.left for pool in selected(selection, pools) if pool.left}
    return _off_units(units, saving_of(sum(worth(units).values())))
