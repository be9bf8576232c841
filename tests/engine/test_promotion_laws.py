"""Laws of promotions, whatever the basket and whatever head office thought of."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from types import FrameType
from typing import Any, Final, Self

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from edge.contract.limits import (
    BUNDLE_PARTS_MAX,
    LINES_PER_SALE_MAX,
)
from edge.contract.price_events import Reduction
from edge.contract.promotion_data import (
    COMBINING,
    EVERYTHING,
    AmountOff,
    AnyPromotionRule,
    BasketAmountOff,
    BasketPercentOff,
    Bundle,
    BundlePart,
    BuyGet,
    FixedPrice,
    PercentOff,
    Promotion,
    Selection,
)
from edge.contract.quantity import extend
from edge.engine.promotion_units import BasketLine
from edge.engine.promotions import Occasion, reduce_basket
from tests.engine.promotion_oracle import expected

NOON: Final = Occasion(at_ms=0, weekday=3, minute=720)
GROUPS: Final = {"apple": "fruit", "pear": "fruit", "bread": "bakery", "cake": "bakery", "bag": ""}
PRICES: Final = (100, 100, 149, 150, 333, 1)
Key = tuple[str, int, int]

# --- baskets and promotions of all kinds -----------------------------------------------------

numbers = st.integers
skus = st.sampled_from(sorted(GROUPS))


@st.composite
def line(draw: st.DrawFn, pieces_max: int) -> BasketLine:
    sku = draw(skus)
    if sku == "pear":  # weighed
        weight = draw(st.sampled_from([4, 500, 742]))
        return BasketLine("", sku, GROUPS[sku], weight, 399, extend(399, weight), "kg")
    pieces, price = draw(numbers(1, pieces_max)), draw(st.sampled_from([*PRICES, 0]))
    return BasketLine("", sku, GROUPS[sku], pieces * 1000, price, pieces * price)


@st.composite
def basket(draw: st.DrawFn, lines_max: int = 8, pieces_max: int = 5) -> list[BasketLine]:
    return numbered(draw(st.lists(line(pieces_max), max_size=lines_max)))


def numbered(lines: Sequence[BasketLine]) -> list[BasketLine]:
    return [msgspec.structs.replace(each, line_id=str(i)) for i, each in enumerate(lines, 1)]


selection = st.builds(
    lambda some, groups: Selection(tuple(sorted(some)), tuple(sorted(groups))),
    st.sets(skus, max_size=2),
    st.sets(st.sampled_from(["fruit", "bakery"]), max_size=1),
)
rate = st.sampled_from([1, 50_000, 100_000, 333_333, 500_000, 1_000_000])
amount = st.sampled_from([1, 50, 120, 400])
floor_minor = st.sampled_from([0, 1, 300, 500])
count = numbers(1, 3)
goods_rules = st.one_of(
    st.builds(PercentOff, rate, selection),
    st.builds(AmountOff, amount, selection),
    st.builds(FixedPrice, st.sampled_from([0, 90, 149, 200]), selection),
    st.builds(BuyGet, count, numbers(1, 2), selection, st.none() | selection, rate),
    st.builds(
        lambda price, parts: Bundle(price, tuple(parts)),
        st.sampled_from([0, 150, 250]),
        st.lists(st.builds(BundlePart, numbers(1, 2), selection), min_size=1, max_size=3),
    ),
)
basket_rules = st.one_of(
    st.builds(BasketPercentOff, rate, floor_minor, selection),
    st.builds(BasketAmountOff, amount, floor_minor, selection),
    st.builds(BasketAmountOff, amount, st.sampled_from([1, 300]), selection, st.just(True)),
)
rules = goods_rules | basket_rules


@st.composite
def promotions(draw: st.DrawFn, *, combining: bool, most: int = 5) -> list[Promotion]:
    made = []
    for id_ in draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=most)):
        rule: AnyPromotionRule = draw(rules)
        combines = combining and isinstance(rule, COMBINING) and draw(st.booleans())
        pieces = combines and isinstance(rule, PercentOff)
        limit = 0 if pieces else draw(st.sampled_from([0, 0, 1, 2]))
        priority = draw(st.sampled_from([0, 0, 1]))
        made.append(Promotion(id_, id_, rule, priority=priority, combines=combines, limit=limit))
    return made


# --- how answers are looked at ---------------------------------------------------------------


def unit_of(each: BasketLine) -> Key:
    if each.unit == "kg":
        return each.sku, each.amount_minor, each.quantity
    return each.sku, each.price_minor, 1000


def by_unit(
    lines: Sequence[BasketLine], reductions: Sequence[Reduction]
) -> list[tuple[str, dict[Key, int]]]:
    keys = {each.line_id: unit_of(each) for each in lines}
    answer = []
    for reduction in reductions:
        sums: Counter[Key] = Counter()
        for less in reduction.lines:
            sums[keys[less.line]] += less.amount_minor
        answer.append((reduction.id, dict(sums)))
    return answer


def taken_off(lines: Sequence[BasketLine], rule: AnyPromotionRule, limit: int = 0) -> int:
    reductions = reduce_basket(lines, [Promotion("a", "a", rule, limit=limit)], NOON)
    return sum(each.amount_minor for each in reductions)


def selections_of(rule: AnyPromotionRule) -> list[Selection]:
    match rule:
        case BuyGet():
            return [rule.buy if rule.get is None else rule.get]
        case Bundle():
            return [part.selection for part in rule.parts]
        case _:
            return [rule.selection]


def may_cost_less(each: BasketLine, rule: AnyPromotionRule) -> bool:
    return any(
        chosen == EVERYTHING or each.sku in chosen.skus or each.group in chosen.groups
        for chosen in selections_of(rule)
    )


# --- the laws --------------------------------------------------------------------------------


@settings(max_examples=150)
@given(lines=basket(), offers=promotions(combining=True))
def test_no_line_below_zero_and_nothing_dearer(
    lines: list[BasketLine], offers: list[Promotion]
) -> None:
    net = {each.line_id: each.amount_minor for each in lines}
    for reduction in reduce_basket(lines, offers, NOON):
        assert reduction.lines
        for less in reduction.lines:
            assert less.amount_minor > 0
            net[less.line] -= less.amount_minor
    assert all(left >= 0 for left in net.values())


@settings(max_examples=150)
@given(lines=basket(), offers=promotions(combining=True))
def test_what_comes_off_is_of_the_selected_and_never_more_than_that(
    lines: list[BasketLine], offers: list[Promotion]
) -> None:
    ruled = {offer.id: offer.rule for offer in offers}
    reductions = reduce_basket(lines, offers, NOON)
    assert len({each.id for each in reductions}) == len(reductions)
    for reduction in reductions:
        rule = ruled[reduction.id]
        able = {each.line_id: each.amount_minor for each in lines if may_cost_less(each, rule)}
        assert {less.line for less in reduction.lines} <= able.keys()
        assert reduction.amount_minor <= sum(able.values())
        if isinstance(rule, PercentOff | BasketPercentOff | BuyGet):
            assert 2_000_000 * reduction.amount_minor <= (
                2 * rule.off_ppm * sum(able.values()) + 1_000_000
            )


@settings(max_examples=150)
@given(lines=basket(), offers=promotions(combining=True), data=st.data())
def test_an_article_costs_the_same_however_it_is_scanned(
    lines: list[BasketLine], offers: list[Promotion], data: st.DataObject
) -> None:
    before = by_unit(lines, reduce_basket(lines, offers, NOON))
    loose: list[BasketLine] = []
    for each in lines:
        pieces = each.quantity // 1000
        first = data.draw(numbers(0, pieces)) if each.unit == "piece" else 0
        loose += [
            msgspec.structs.replace(
                each, quantity=some * 1000, amount_minor=some * each.price_minor
            )
            for some in (first, pieces - first)
            if some
        ]
        if each.unit != "piece":
            loose.append(each)
    other = numbered(data.draw(st.permutations(loose)))
    after = by_unit(other, reduce_basket(other, data.draw(st.permutations(offers)), NOON))
    assert after == before


@settings(max_examples=250)
@given(lines=basket(lines_max=5, pieces_max=2), offers=promotions(combining=False, most=4))
def test_a_naive_reading_of_the_document_says_the_same(
    lines: list[BasketLine], offers: list[Promotion]
) -> None:
    came = by_unit(lines, reduce_basket(lines, offers, NOON))
    naive = expected(lines, offers)
    for id_, _ in naive:
        event(next(type(offer.rule).__name__ for offer in offers if offer.id == id_))
    assert came == [
        (id_, {(sku, -price, weight): off for (price, sku, weight), off in sums.items()})
        for id_, sums in naive
    ]


@settings(max_examples=150)
@given(lines=basket(lines_max=5, pieces_max=3), rule=goods_rules | basket_rules)
def test_a_naive_reading_of_one_rule_says_the_same(
    lines: list[BasketLine], rule: AnyPromotionRule
) -> None:
    if sum(each.units for each in lines) <= 9:
        naive = expected(lines, [Promotion("a", "a", rule)])
        assert taken_off(lines, rule) == sum(sum(sums.values()) for _, sums in naive)


@settings(max_examples=150)
@given(lines=basket(), rule=goods_rules, limit=numbers(1, 4))
def test_a_limit_is_kept(lines: list[BasketLine], rule: AnyPromotionRule, limit: int) -> None:
    dearest = sorted(
        (price for each in lines for price in [unit_of(each)[1]] * each.units
         if may_cost_less(each, rule)),
        reverse=True,
    )  # fmt: skip
    most = limit
    if isinstance(rule, BuyGet):
        most *= rule.get_count
    elif isinstance(rule, Bundle):
        most *= sum(part.count for part in rule.parts)
    limited = taken_off(lines, rule, limit)
    assert limited <= sum(dearest[:most])
    assert limited <= taken_off(lines, rule, limit + 1) <= taken_off(lines, rule)
    if isinstance(rule, AmountOff) and all(each.unit == "piece" for each in lines):
        assert limited <= limit * rule.off_minor


@settings(max_examples=100)
@given(lines=basket(), rule=basket_rules, limit=numbers(1, 3))
def test_an_amount_for_each_sum_keeps_its_limit(
    lines: list[BasketLine], rule: AnyPromotionRule, limit: int
) -> None:
    limited = taken_off(lines, rule, limit)
    assert limited <= taken_off(lines, rule)
    if isinstance(rule, BasketAmountOff):
        assert limited <= limit * rule.off_minor


@settings(max_examples=100)
@given(lines=basket(), offers=promotions(combining=True), data=st.data())
def test_a_void_gives_what_would_have_been_and_a_basket_voided_away_nothing(
    lines: list[BasketLine], offers: list[Promotion], data: st.DataObject
) -> None:
    reduce_basket(lines, offers, NOON)  # leaves nothing behind
    kept = [each for each in lines if data.draw(st.booleans())]
    again = reduce_basket(kept, offers, NOON)
    assert again == reduce_basket(msgspec.convert(msgspec.to_builtins(kept), list[BasketLine]),
                                  offers, NOON)  # fmt: skip
    assert {less.line for each in again for less in each.lines} <= {k.line_id for k in kept}
    assert reduce_basket([], offers, NOON) == ()


@settings(max_examples=100)
@given(lines=basket(), offers=promotions(combining=True))
def test_the_wire_changes_no_promotion(lines: list[BasketLine], offers: list[Promotion]) -> None:
    body = msgspec.json.encode(offers)
    read = msgspec.json.decode(body, type=list[Promotion])
    assert read == offers
    assert reduce_basket(lines, read, NOON) == reduce_basket(lines, offers, NOON)


without_parts_of_a_cent = st.one_of(
    st.builds(BuyGet, count, numbers(1, 2), selection),
    st.builds(FixedPrice, st.sampled_from([0, 90, 149]), selection),
    st.builds(AmountOff, amount, selection),
    st.builds(
        lambda price, parts: Bundle(price, tuple(parts)),
        st.sampled_from([0, 150, 250]),
        st.lists(st.builds(BundlePart, numbers(1, 2), selection), min_size=1, max_size=3),
    ),
)


@settings(max_examples=250)
@given(lines=basket(), more=basket(), rule=without_parts_of_a_cent)
def test_more_goods_never_lessen_what_comes_off_and_two_receipts_never_cost_less(
    lines: list[BasketLine], more: list[BasketLine], rule: AnyPromotionRule
) -> None:
    together = taken_off(numbered([*lines, *more]), rule)
    assert together >= taken_off(lines, rule) + taken_off(more, rule)


@settings(max_examples=150)
@given(lines=basket(), more=line(3), rule=goods_rules | basket_rules)
def test_another_article_never_lessens_what_one_promotion_takes_off(
    lines: list[BasketLine], more: BasketLine, rule: AnyPromotionRule
) -> None:
    assert taken_off(numbered([*lines, more]), rule) >= taken_off(lines, rule)


# --- size ------------------------------------------------------------------------------------


class Steps:
    """Counts the calls of functions, of Python's own too, while it is open."""

    def __init__(self) -> None:
        self.count = 0
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = sys.getprofile()
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)

    def _see(self, _frame: FrameType, what: str, _argument: object) -> None:
        self.count += what in {"call", "c_call"}


def many(n: int) -> Sequence[AnyPromotionRule]:
    """Return rules of every kind, over everything, over groups that overlap, over one article."""
    some = (
        EVERYTHING if n % 10 == 0 else Selection((f"s{n + 1}", f"s{n + 2}")),
        Selection(groups=(f"g{n % 20}", f"g{n % 7}")),
        Selection((f"s{n}",)),
    )
    made: list[AnyPromotionRule] = []
    for each in some:
        made += [
            BuyGet(3 + n % 4, 1 + n % 3, each),
            BuyGet(2, 1, each, Selection(groups=(f"g{n % 11}",))),
            Bundle(1_000, (BundlePart(7, each), BundlePart(3, Selection(groups=("g1", "g2"))))),
            Bundle(1, tuple(BundlePart(1, Selection(groups=(f"g{k}", f"g{k + n % 5}")))
                            for k in range(BUNDLE_PARTS_MAX))),
            PercentOff(1_000 + n, each),
            FixedPrice(50 + n, each),
            BasketAmountOff(5, 50 + n, each, every=True),
        ]  # fmt: skip
    return made


def test_a_huge_basket_takes_a_bounded_number_of_steps() -> None:
    lines = [
        BasketLine(str(n), f"s{n}", f"g{n % 20}", 9_999_000, 100 + n, 9_999 * (100 + n))
        for n in range(LINES_PER_SALE_MAX)
    ]
    offers = [
        Promotion(f"p{n}-{k}", "many", rule, limit=997)
        for n in range(3)
        for k, rule in enumerate(many(n))
    ]
    assert len(offers) == 63
    with Steps() as steps:
        reductions = reduce_basket(lines, offers, NOON)
    assert reductions
    print(f"{steps.count} steps, {len(reductions)} reductions")
    assert steps.count < 1_500_000


def test_what_another_promotion_leaves_alone_is_not_worked_out_again() -> None:
    lines = [BasketLine(str(n), f"s{n}", "", 4_000, 100 + n, 400 + 4 * n) for n in range(60)]
    offers = [Promotion(f"p{n}", "own", BuyGet(1, 1, Selection((f"s{n}",)))) for n in range(60)]
    with Steps() as steps:
        assert len(reduce_basket(lines, offers, NOON)) == len(offers)
    print(f"{steps.count} steps")
    assert steps.count < 60_000  # 26,000; five times as many were each worked out after each
