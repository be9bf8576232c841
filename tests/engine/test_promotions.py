"""What the examples of PROMOTIONS.md do not say: conditions, edges, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    BUNDLE_PARTS_MAX,
    PROMOTION_SELECTION_MAX,
    PROMOTION_UNITS_MAX,
)
from edge.contract.price_events import LineReduction, Reduction
from edge.contract.promotion_data import (
    EVERYTHING,
    AmountOff,
    AnyPromotionRule,
    BasketAmountOff,
    BasketPercentOff,
    Bundle,
    BundlePart,
    BuyGet,
    FixedPrice,
    Hours,
    PercentOff,
    Promotion,
    Selection,
)
from edge.engine.promotion_units import BasketLine
from edge.engine.promotions import Occasion, is_on, is_valid, reduce_basket

NOON = Occasion(at_ms=1_000, weekday=3, minute=720)
HALF = PercentOff(500_000)


def line(number: int, sku: str, pieces: int, price: int, group: str = "") -> BasketLine:
    return BasketLine(str(number), sku, group, pieces * 1000, price, pieces * price)


def package(number: int, sku: str, weight: int, price: int, amount: int) -> BasketLine:
    return BasketLine(str(number), sku, "", weight, price, amount, "kg")


def offer(rule: AnyPromotionRule, id_: str = "offer", **more: Any) -> Promotion:
    return Promotion(id_, id_.title(), rule, **more)


def off(lines: list[BasketLine], *offers: Promotion) -> dict[str, dict[str, int]]:
    return {
        reduction.id: {less.line: less.amount_minor for less in reduction.lines}
        for reduction in reduce_basket(lines, offers, NOON)
    }


def of(*skus: str) -> Selection:
    return Selection(skus)


# --- conditions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "weekday", "minute", "on"),
    [
        (Hours(), 1, 0, True),
        (Hours(), 7, 1_439, True),
        (Hours(weekdays=(1, 3)), 3, 0, True),
        (Hours(weekdays=(1, 3)), 2, 0, False),
        (Hours(from_minute=600, until_minute=660), 1, 599, False),
        (Hours(from_minute=600, until_minute=660), 1, 600, True),
        (Hours(from_minute=600, until_minute=660), 1, 659, True),
        (Hours(from_minute=600, until_minute=660), 1, 660, False),
        (Hours(from_minute=600), 1, 1_439, True),
        (Hours(from_minute=600), 1, 599, False),
        # past midnight
        (Hours(from_minute=1_320, until_minute=120), 4, 1_319, False),
        (Hours(from_minute=1_320, until_minute=120), 4, 1_320, True),
        (Hours(from_minute=1_320, until_minute=120), 4, 119, True),
        (Hours(from_minute=1_320, until_minute=120), 4, 120, False),
        (Hours(weekdays=(7,), from_minute=1_320, until_minute=120), 7, 1_320, True),
        (Hours(weekdays=(7,), from_minute=1_320, until_minute=120), 1, 60, True),
        (Hours(weekdays=(7,), from_minute=1_320, until_minute=120), 7, 60, False),
        (Hours(weekdays=(1,), from_minute=1_320, until_minute=120), 1, 60, False),
        (Hours(weekdays=(5,), from_minute=1_320, until_minute=0), 5, 1_439, True),
        (Hours(weekdays=(5,), from_minute=1_320, until_minute=0), 6, 0, False),
        # a day that begins and ends at ten
        (Hours(weekdays=(5,), from_minute=600, until_minute=600), 5, 600, True),
        (Hours(weekdays=(5,), from_minute=600, until_minute=600), 6, 599, True),
        (Hours(weekdays=(5,), from_minute=600, until_minute=600), 5, 599, False),
    ],
)
def test_hours(hours: Hours, weekday: int, minute: int, on: bool) -> None:
    assert is_on(hours, Occasion(0, weekday, minute)) is on


@pytest.mark.parametrize(
    ("from_ms", "until_ms", "on"),
    [(0, 0, True), (1_000, 0, True), (1_001, 0, False), (0, 1_000, False), (0, 1_001, True)],
)
def test_instants(from_ms: int, until_ms: int, on: bool) -> None:
    assert is_on(Hours(from_ms, until_ms), NOON) is on


@pytest.mark.parametrize(
    ("conditions", "groups", "coupons", "valid"),
    [
        ({}, (), (), True),
        ({"groups": ("a", "b")}, ("b", "c"), (), True),
        ({"groups": ("a",)}, ("b",), (), False),
        ({"coupon": "x"}, (), ("y", "x"), True),
        ({"coupon": "x"}, (), ("y",), False),
        ({"coupon": "x", "groups": ("a",)}, ("a",), ("x",), True),
        ({"coupon": "x", "groups": ("a",)}, ("a",), (), False),
        ({"coupon": "x", "groups": ("a",)}, (), ("x",), False),
        ({"hours": Hours(weekdays=(1,))}, (), (), False),
    ],
)
def test_for_whom(
    conditions: dict[str, Any], groups: tuple[str, ...], coupons: tuple[str, ...], valid: bool
) -> None:
    occasion = Occasion(0, 3, 720, groups, coupons)
    assert is_valid(offer(HALF, **conditions), occasion) is valid


# --- edges -----------------------------------------------------------------------------------


def test_a_reduction_says_whose_it_is() -> None:
    (reduction,) = reduce_basket([line(1, "tea", 1, 300)], [offer(HALF)], NOON)
    assert reduction == Reduction("promotion", "offer", "Offer", (LineReduction("1", 150),))
    assert reduction.amount_minor == 150


def test_nothing_in_or_nothing_selected_gives_nothing_out() -> None:
    assert reduce_basket([], [offer(HALF)], NOON) == ()
    assert reduce_basket([line(1, "tea", 1, 300)], [], NOON) == ()
    for rule in (
        PercentOff(1, of("x")),
        AmountOff(1, of("x")),
        FixedPrice(0, of("x")),
        BuyGet(1, 1, of("x")),
        BuyGet(1, 1, of("tea"), of("x")),
        BuyGet(1, 1, of("x"), of("tea")),
        Bundle(0, (BundlePart(1, of("x")),)),
        Bundle(0, (BundlePart(1, of("tea")), BundlePart(1, of("x")))),
        BasketPercentOff(1, 0, of("x")),
        BasketAmountOff(1, 0, of("x")),
    ):
        assert off([line(1, "tea", 2, 300)], offer(rule)) == {}


def test_money_back_is_no_goods() -> None:
    lines = [line(1, "crate", 1, -300, "deposit"), line(2, "beer", 1, 200)]
    assert off(lines, offer(HALF)) == {"offer": {"2": 100}}
    assert off(lines, offer(BasketAmountOff(500))) == {"offer": {"2": 200}}


def test_an_article_of_no_group_is_in_no_selection_of_groups() -> None:
    lines = [line(1, "tea", 1, 300), line(2, "milk", 1, 100, "dairy")]
    assert off(lines, offer(PercentOff(500_000, Selection(groups=("", "dairy"))))) == {
        "offer": {"2": 50}
    }


def test_a_selection_takes_articles_and_groups_together() -> None:
    lines = [line(1, "tea", 1, 300), line(2, "milk", 1, 100, "dairy"), line(3, "jam", 1, 200)]
    chosen = Selection(("tea",), ("dairy",))
    assert off(lines, offer(PercentOff(500_000, chosen))) == {"offer": {"1": 150, "2": 50}}


def test_pieces_whose_amount_is_not_their_price_times_their_number_are_one_package() -> None:
    priced = BasketLine("1", "cake", "", 3_000, 100, 250)
    assert off([priced], offer(FixedPrice(50, of("cake")))) == {"offer": {"1": 100}}
    assert off([priced], offer(BuyGet(2, 1, EVERYTHING))) == {}


def test_a_package_of_two_kilograms_sharp_is_one_package() -> None:
    assert off([package(1, "rice", 2_000, 300, 600)], offer(BuyGet(1, 1, EVERYTHING))) == {}


def test_what_costs_nothing_makes_no_group_and_uses_up_nothing() -> None:
    lines = [line(1, "tea", 5, 300), line(2, "bag", 1, 0)]
    three = offer(BuyGet(2, 1, EVERYTHING), "three", priority=1)
    assert off(lines, three, offer(HALF)) == {"three": {"1": 300}, "offer": {"1": 300}}


def test_what_nothing_comes_off_is_not_used_up() -> None:
    crumb = package(1, "cheese", 4, 1890, 8)  # 4 g: 1.00 a kilogram is 0.4 cents
    kilo_off = offer(AmountOff(100, of("cheese", "tea")), "a-kilo", priority=1)
    assert off([crumb, line(2, "tea", 1, 300)], kilo_off, offer(HALF)) == {
        "a-kilo": {"2": 100},
        "offer": {"1": 4},
    }


def test_what_is_not_dearer_than_a_fixed_price_is_not_used_up() -> None:
    fixed = offer(FixedPrice(300), "fixed", priority=1)
    lines = [line(1, "tea", 1, 300), line(2, "jam", 1, 301)]
    assert off(lines, fixed, offer(HALF)) == {"fixed": {"2": 1}, "offer": {"1": 150}}


def test_what_was_bought_for_something_else_is_used_up_and_the_rest_is_not() -> None:
    lines = [line(1, "tea", 4, 300)]
    three = offer(BuyGet(2, 1, of("tea")), "three", priority=1)
    assert off(lines, three, offer(HALF)) == {"three": {"1": 300}, "offer": {"1": 150}}


def test_the_newest_lines_show_what_is_free() -> None:
    lines = [line(1, "tea", 2, 300), line(2, "tea", 1, 300), line(3, "tea", 3, 300)]
    assert off(lines, offer(BuyGet(4, 2, of("tea")))) == {"offer": {"3": 600}}
    assert off(lines, offer(BuyGet(1, 1, of("tea")), limit=1)) == {"offer": {"3": 300}}


def test_a_second_promotion_takes_the_lines_that_the_first_left() -> None:
    lines = [line(1, "tea", 1, 300), line(2, "tea", 1, 300)]
    free = offer(PercentOff(1_000_000), "free", limit=1, priority=1)
    assert off(lines, free, offer(HALF)) == {"free": {"2": 300}, "offer": {"1": 150}}


def test_groups_go_over_lines_and_pools_as_often_as_they_last() -> None:
    lines = [line(1, "a", 5, 500), line(2, "b", 5, 400), line(3, "c", 5, 300)]
    # aaa, aab, bbb, bcc, ccc
    assert off(lines, offer(BuyGet(2, 1, EVERYTHING))) == {"offer": {"1": 500, "2": 800, "3": 600}}
    assert off(lines, offer(BuyGet(2, 1, EVERYTHING), limit=2)) == {"offer": {"1": 500, "2": 400}}


def test_every_group_that_was_bought_and_got_is_used_up() -> None:
    lines = [line(1, "tea", 6, 300)]
    late = offer(AmountOff(50), "late", priority=-1)
    # three groups of two leave nothing for the later one; two groups of three neither
    assert off(lines, offer(BuyGet(1, 1, of("tea"))), late) == {"offer": {"1": 900}}
    assert off(lines, offer(BuyGet(2, 1, of("tea"))), late) == {"offer": {"1": 600}}
    # four groups of two and one piece over; of a limit of three groups, three pieces
    nine = [line(1, "tea", 9, 300)]
    assert off(nine, offer(BuyGet(1, 1, of("tea"))), late) == {
        "offer": {"1": 1_200},
        "late": {"1": 50},
    }
    assert off(nine, offer(BuyGet(1, 1, of("tea")), limit=3), late) == {
        "offer": {"1": 900},
        "late": {"1": 150},
    }


def test_what_was_only_bought_is_taken_from_the_oldest_lines() -> None:
    lines = [line(1, "tea", 1, 300), line(2, "tea", 1, 300), line(3, "jam", 1, 200)]
    jam_free = offer(BuyGet(1, 1, of("tea"), of("jam")))
    late = offer(AmountOff(50, of("tea")), "late", priority=-1)
    assert off(lines, jam_free, late) == {"offer": {"3": 200}, "late": {"2": 50}}


def test_of_equal_prices_the_first_article_by_number() -> None:
    lines = [line(1, "b", 1, 300), line(2, "a", 1, 300)]
    assert off(lines, offer(HALF, limit=1)) == {"offer": {"2": 150}}
    assert off(lines, offer(Bundle(100, (BundlePart(1, EVERYTHING),)), limit=1)) == {
        "offer": {"2": 200}
    }


def test_a_cent_that_cannot_be_shared_falls_on_the_first() -> None:
    lines = [line(1, "b", 1, 300), line(2, "a", 1, 300)]
    assert off(lines, offer(BasketAmountOff(1))) == {"offer": {"2": 1}}
    same = [line(1, "a", 1, 300), line(2, "a", 1, 300)]
    assert off(same, offer(BasketAmountOff(3))) == {"offer": {"2": 2, "1": 1}}
    assert off(same, offer(BasketAmountOff(3), combines=True)) == {"offer": {"1": 2, "2": 1}}


def test_a_unit_moves_to_another_part_of_a_bundle_over_two_others() -> None:
    parts = (
        BundlePart(1, of("a", "b")),
        BundlePart(1, of("b", "c")),
        BundlePart(2, of("c", "d", "a")),
    )
    lines = [line(1, "a", 2, 900), line(2, "b", 1, 800), line(3, "c", 1, 700), line(4, "d", 1, 1)]
    # b and c are needed in the first two; both a in the third
    assert sum(off(lines, offer(Bundle(100, parts)))["offer"].values()) == 3_300 - 100
    assert off(lines[:1] + lines[3:], offer(Bundle(0, parts))) == {}


def test_units_of_two_articles_that_fit_alike_all_move_to_another_part() -> None:
    parts = (BundlePart(2, of("a", "b", "c")), BundlePart(2, of("a", "b")))
    lines = [line(1, "a", 1, 900), line(2, "b", 1, 800), line(3, "c", 2, 700)]
    # a and b come into the first part, and both leave it to the two c
    assert sum(off(lines, offer(Bundle(100, parts)))["offer"].values()) == 3_100 - 100


def test_of_units_in_a_part_as_many_move_as_are_needed() -> None:
    parts = (BundlePart(3, of("a", "c")), BundlePart(1, of("a")))
    lines = [line(1, "a", 3, 900), line(2, "c", 1, 700)]
    # all three a come into the first part, and one of them leaves it to the c
    assert sum(off(lines, offer(Bundle(100, parts)))["offer"].values()) == 3_400 - 100


def test_bundles_are_made_as_long_as_each_saves() -> None:
    lines = [line(1, "a", 2, 300), line(2, "b", 2, 200), line(3, "c", 2, 100)]
    pair = Bundle(250, (BundlePart(2, EVERYTHING),))
    # a third one would cost more than its parts
    assert off(lines, offer(pair)) == {"offer": {"1": 300, "2": 200}}
    assert sum(off(lines, offer(pair, limit=1))["offer"].values()) == 350


def test_baskets_compete_among_themselves() -> None:
    lines = [line(1, "tea", 1, 1_000)]
    percent, fixed = (
        offer(BasketPercentOff(100_000), "percent"),
        offer(BasketAmountOff(90), "amount"),
    )
    assert off(lines, percent, fixed) == {"percent": {"1": 100}}
    assert off(lines, percent, msgspec.structs.replace(fixed, priority=1)) == {"amount": {"1": 90}}


def test_what_combines_adds_up_along_the_way_but_never_past_the_price() -> None:
    lines = [line(1, "tea", 1, 1_000)]
    half = offer(HALF, "half", combines=True)
    nine = offer(PercentOff(900_000), "nine", priority=0)
    all_off = offer(BasketAmountOff(900), "all", combines=True)
    assert off(lines, half, nine) == {"nine": {"1": 900}, "half": {"1": 50}}
    first = msgspec.structs.replace(half, priority=1)
    assert off(lines, first, nine) == {"half": {"1": 500}}
    assert off(lines, first, nine, all_off) == {"half": {"1": 500}, "all": {"1": 500}}
    whole = offer(PercentOff(1_000_000), "whole", combines=True, priority=2)
    assert off(lines, whole, first, all_off) == {"whole": {"1": 1_000}}


def test_what_combines_leaves_alone_what_it_does_not_select() -> None:
    lines = [line(1, "tea", 1, 1_000), line(2, "jam", 1, 1_000)]
    half = offer(PercentOff(500_000, of("tea")), "half", combines=True, priority=1)
    assert off(lines, half, offer(HALF)) == {"half": {"1": 500}, "offer": {"2": 500}}


def test_a_taking_is_worked_out_again_only_where_units_are_gone() -> None:
    lines = [line(1, "tea", 3, 300), line(2, "jam", 1, 1_000)]
    teas = offer(BuyGet(2, 1, of("tea")), "teas")
    jams = offer(AmountOff(500, of("jam")), "jams")
    everything = offer(PercentOff(200_000), "everything")
    # 20 % of 19.00 is less than the jam's 5.00; of what is left then it is less than the tea's
    assert off(lines, everything, teas, jams) == {"jams": {"2": 500}, "teas": {"1": 300}}


# --- what is refused when it is read ---------------------------------------------------------

WHOLE: dict[str, Any] = {"id": "a", "name": "A", "rule": {"kind": "percent_off", "off_ppm": 1}}


def read(**changes: Any) -> Promotion:
    return msgspec.json.decode(msgspec.json.encode(WHOLE | changes), type=Promotion)


def test_the_least_promotion_is_read() -> None:
    assert read() == Promotion("a", "A", PercentOff(1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "Not short"),
        ("id", ""),
        ("name", "x" * 201),
        ("priority", -1),
        ("priority", 1_001),
        ("limit", -1),
        ("limit", PROMOTION_UNITS_MAX + 1),
        ("combines", 1),
        ("coupon", None),
        ("groups", ["x"] * (PROMOTION_SELECTION_MAX + 1)),
        ("surprise", 1),
        ("hours", {"from_ms": -1}),
        ("hours", {"weekdays": [0]}),
        ("hours", {"weekdays": [8]}),
        ("hours", {"from_minute": 1_440}),
        ("hours", {"until_minute": 1_441}),
        ("hours", {"until_minute": -1}),
        ("hours", {"till_minute": 5}),
    ],
)
def test_a_field_out_of_bounds_is_refused(field: str, value: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(**{field: value})


TEA: dict[str, Any] = {"skus": ["tea"]}


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"kind": "giveaway"},
        {"kind": "percent_off"},
        {"kind": "percent_off", "off_ppm": 0},
        {"kind": "percent_off", "off_ppm": 1_000_001},
        {"kind": "percent_off", "off_ppm": 0.5},
        {"kind": "percent_off", "off_ppm": 1, "selection": {"sku": ["tea"]}},
        {"kind": "percent_off", "off_ppm": 1, "selection": {"skus": "tea"}},
        {"kind": "percent_off", "off_ppm": 1, "selection": {"skus": ["x"] * 1_001}},
        {"kind": "amount_off", "off_minor": 0},
        {"kind": "amount_off", "off_minor": AMOUNT_MINOR_MAX + 1},
        {"kind": "fixed_price", "price_minor": -1},
        {"kind": "fixed_price", "price_minor": AMOUNT_MINOR_MAX + 1},
        {"kind": "buy_get", "buy_count": 0, "get_count": 1, "buy": TEA},
        {"kind": "buy_get", "buy_count": 1, "get_count": 0, "buy": TEA},
        {"kind": "buy_get", "buy_count": 1_000, "get_count": 1, "buy": TEA},
        {"kind": "buy_get", "buy_count": 1, "get_count": 1},
        {"kind": "buy_get", "buy_count": 1, "get_count": 1, "buy": TEA, "off_ppm": 1_000_001},
        {"kind": "bundle", "price_minor": 1, "parts": []},
        {"kind": "bundle", "price_minor": -1, "parts": [{"count": 1, "selection": TEA}]},
        {"kind": "bundle", "price_minor": 1, "parts": [{"count": 0, "selection": TEA}]},
        {"kind": "bundle", "price_minor": 1, "parts": [{"count": 1}]},
        {
            "kind": "bundle",
            "price_minor": 1,
            "parts": [{"count": 1, "selection": TEA}] * (BUNDLE_PARTS_MAX + 1),
        },
        {"kind": "basket_percent_off", "off_ppm": 1, "from_minor": -1},
        {"kind": "basket_amount_off", "off_minor": 1, "from_minor": AMOUNT_MINOR_MAX + 1},
        {"kind": "basket_amount_off", "off_minor": 1, "per": 5},
    ],
)
def test_a_rule_out_of_bounds_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(rule=rule)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hours": {"from_ms": 5, "until_ms": 5}}, "end before they begin"),
        ({"hours": {"from_ms": 5, "until_ms": 4}}, "end before they begin"),
        ({"rule": {"kind": "basket_amount_off", "off_minor": 1, "every": True}}, "from_minor"),
        ({"combines": True, "limit": 1}, "A limit counts pieces"),
        ({"combines": True, "rule": {"kind": "amount_off", "off_minor": 1}}, "counts pieces"),
        ({"combines": True, "rule": {"kind": "fixed_price", "price_minor": 1}}, "counts pieces"),
        (
            {
                "combines": True,
                "rule": {"kind": "buy_get", "buy_count": 1, "get_count": 1, "buy": TEA},
            },
            "counts pieces",
        ),
    ],
)
def test_a_promotion_that_would_not_do_what_it_says_is_refused_in_words(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        read(**changes)


def test_what_combines_with_a_limit_of_times_is_read() -> None:
    rule = {"kind": "basket_amount_off", "off_minor": 1, "from_minor": 5, "every": True}
    assert read(rule=rule, combines=True, limit=2).limit == 2
    assert read(hours={"from_ms": 5, "until_ms": 6}).hours.until_ms == 6
