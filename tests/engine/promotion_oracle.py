"""PROMOTIONS.md once more, naively: every piece a unit of its own, every way tried.

Written from the document, not from the code, for small baskets and for promotions that do not
combine. It shares with the code only the declarations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import floor

from edge.contract.promotion_data import (
    AmountOff,
    BasketAmountOff,
    BasketPercentOff,
    Bundle,
    BuyGet,
    FixedPrice,
    PercentOff,
    Promotion,
    Selection,
)
from edge.engine.promotion_units import BasketLine

Article = tuple[int, str, int]
"""A pool in the document's order: price of a unit (negative), SKU, weight."""


@dataclass
class Piece:
    """One unit."""

    article: Article
    group: str
    touched: bool = False

    @property
    def cost(self) -> int:
        return -self.article[0]

    @property
    def weight(self) -> Fraction:
        return Fraction(self.article[2], 1000)


@dataclass
class Plan:
    """What a promotion would take off by article, and the units it would touch."""

    off: dict[Article, int]
    touches: list[Piece]

    @property
    def total(self) -> int:
        return sum(self.off.values())


NOTHING = Plan({}, [])


def explode(lines: Sequence[BasketLine]) -> list[Piece]:
    pieces: list[Piece] = []
    for line in lines:
        if line.amount_minor <= 0:
            continue
        if line.unit == "piece" and line.amount_minor * 1000 == line.price_minor * line.quantity:
            pieces += [
                Piece((-line.price_minor, line.sku, 1000), line.group)
                for _ in range(line.quantity // 1000)
            ]
        else:
            pieces.append(Piece((-line.amount_minor, line.sku, line.quantity), line.group))
    return sorted(pieces, key=lambda piece: piece.article)


def expected(
    lines: Sequence[BasketLine], promotions: Sequence[Promotion]
) -> list[tuple[str, dict[Article, int]]]:
    """Return what each promotion takes off by article, in the order they count."""
    pieces = explode(lines)
    answer: list[tuple[str, dict[Article, int]]] = []
    for basket in (False, True):
        here = [p for p in promotions if basket == isinstance(p.rule, _BASKET)]
        for priority in sorted({p.priority for p in here}, reverse=True):
            turn = [p for p in here if p.priority == priority]
            while turn:
                plans = {p.id: plan(p, [u for u in pieces if not u.touched]) for p in turn}
                most = max(each.total for each in plans.values())
                if most == 0:
                    break
                first = min(key for key, each in plans.items() if each.total == most)
                answer.append((first, {a: off for a, off in plans[first].off.items() if off}))
                for piece in plans[first].touches:
                    assert not piece.touched
                    piece.touched = True
                turn = [p for p in turn if p.id != first]
    return answer


_BASKET = (BasketPercentOff, BasketAmountOff)


def plan(promotion: Promotion, pieces: list[Piece]) -> Plan:
    rule, limit = promotion.rule, promotion.limit or len(pieces)
    match rule:
        case PercentOff():
            mine = matching(rule.selection, pieces)[:limit]
            return spread(half_up(cost(mine) * part(rule.off_ppm)), mine, mine)
        case AmountOff() | FixedPrice():
            able = [(each, off_one(rule, each)) for each in matching(rule.selection, pieces)]
            return one_by_one([(each, off) for each, off in able if off > 0][:limit])
        case BuyGet():
            return plan_groups(rule, limit, pieces)
        case Bundle():
            return plan_bundles(rule, limit, pieces)
        case BasketPercentOff() | BasketAmountOff():
            mine = matching(rule.selection, pieces)
            return spread(off_basket(rule, promotion.limit, cost(mine)), mine, mine)


def off_one(rule: AmountOff | FixedPrice, piece: Piece) -> int:
    if isinstance(rule, AmountOff):
        return min(half_up(rule.off_minor * piece.weight), piece.cost)
    return piece.cost - half_up(rule.price_minor * piece.weight)


def off_basket(rule: BasketPercentOff | BasketAmountOff, limit: int, total: int) -> int:
    if total < rule.from_minor:
        return 0
    if isinstance(rule, BasketPercentOff):
        return half_up(total * part(rule.off_ppm))
    times = total // rule.from_minor if rule.every else 1
    return min(min(times, limit or times) * rule.off_minor, total)


def plan_groups(rule: BuyGet, limit: int, pieces: list[Piece]) -> Plan:
    left = list(pieces)
    touched: list[Piece] = []
    got: list[Piece] = []
    get = rule.buy if rule.get is None else rule.get
    for _ in range(limit):
        may_be_got = ids(matching(get, left))
        may_be_bought = matching(rule.buy, left)
        only = [each for each in may_be_bought if id(each) not in may_be_got]
        both = [each for each in may_be_bought if id(each) in may_be_got]
        bought = (only + both)[: rule.buy_count]
        rest = [each for each in left if id(each) not in ids(bought)]
        given = matching(get, rest)[: rule.get_count]
        if len(bought) < rule.buy_count or len(given) < rule.get_count:
            break
        left = [each for each in rest if id(each) not in ids(given)]
        touched += bought + given
        got += given
    return spread(half_up(cost(got) * part(rule.off_ppm)), got, touched)


def plan_bundles(rule: Bundle, limit: int, pieces: list[Piece]) -> Plan:
    best, best_total = NOTHING, 0
    fitting = [p for p in pieces if any(matching(each.selection, [p]) for each in rule.parts)]
    size = sum(each.count for each in rule.parts)
    for times in range(1, min(limit, len(fitting) // size) + 1):
        room = [(each.count * times, each.selection) for each in rule.parts]
        for chosen in combinations(fitting, size * times):
            total = cost(chosen) - times * rule.price_minor
            if total > best_total and fills(list(chosen), room):
                best, best_total = spread(total, list(chosen), list(chosen)), total
    return best


def fills(pieces: list[Piece], room: list[tuple[int, Selection]]) -> bool:
    """Try every part for the first piece, and so on."""
    if not pieces:
        return True
    first, rest = pieces[0], pieces[1:]
    for index, (count, selection) in enumerate(room):
        if count and matching(selection, [first]):
            fewer = [*room[:index], (count - 1, selection), *room[index + 1 :]]
            if fills(rest, fewer):
                return True
    return False


def matching(selection: Selection, pieces: Sequence[Piece]) -> list[Piece]:
    every = not selection.skus and not selection.groups
    return [
        each
        for each in pieces
        if every
        or each.article[1] in selection.skus
        or (each.group != "" and each.group in selection.groups)
    ]


def one_by_one(each_off: list[tuple[Piece, int]]) -> Plan:
    off: dict[Article, int] = {}
    for each, amount in each_off:
        off[each.article] = off.get(each.article, 0) + amount
    return Plan(off, [each for each, _ in each_off])


def spread(amount: int, over: list[Piece], touches: list[Piece]) -> Plan:
    """Allot an amount to articles by what they cost, the largest remainders first."""
    if not amount:
        return NOTHING
    weights: dict[Article, int] = {}
    for each in over:
        weights[each.article] = weights.get(each.article, 0) + each.cost
    exact = {a: Fraction(amount * weight, cost(over)) for a, weight in weights.items()}
    off = {article: floor(share) for article, share in exact.items()}
    for article in sorted(off, key=lambda a: (off[a] - exact[a], a))[: amount - sum(off.values())]:
        off[article] += 1
    return Plan(off, touches)


def cost(pieces: Sequence[Piece]) -> int:
    return sum(each.cost for each in pieces)


def ids(pieces: Sequence[Piece]) -> set[int]:
    return {id(each) for each in pieces}


def part(ppm: int) -> Fraction:
    return Fraction(ppm, 1_000_000)


def half_up(amount: Fraction) -> int:
    return floor(amount + Fraction(1, 2))
