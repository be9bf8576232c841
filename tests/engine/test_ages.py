"""Goods that not everybody may buy: asked once, paid only after an answer, no birth date kept."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.age_events import AgeChecked, AgeRefused
from edge.contract.errors import Refused
from edge.contract.sale_events import LineAdded, LineVoided
from edge.contract.till_protocol import AgeCheckView, TillState
from edge.contract.wire import encode
from edge.engine.age_rules import age_check_view
from edge.engine.birthdays import birthday, is_likely, is_old_enough, latest_birth_date
from edge.engine.cart_changes import replay
from tests.engine.shop_in_memory import BEER, MILK, ROLL, SPIRITS
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import spirits_and_beer

DAYS = st.dates(date(1990, 1, 1), date(2120, 12, 31))
BIRTHS = st.dates(date(1860, 1, 1), date(2026, 12, 31))
LEAP_DAYS = st.sampled_from([date(year, 2, 29) for year in (1904, 1996, 2000, 2008, 2024)])
YEARS = st.integers(1, 99)


@pytest.mark.parametrize(
    ("born", "years", "expected"),
    [
        (date(2008, 11, 26), 18, date(2026, 11, 26)),
        (date(2008, 2, 29), 18, date(2026, 3, 1)),
        (date(2008, 2, 29), 16, date(2024, 2, 29)),
        (date(2008, 2, 28), 18, date(2026, 2, 28)),
    ],
)
def test_a_birthday_is_that_day_or_the_first_of_march(
    born: date, years: int, expected: date
) -> None:
    assert birthday(born, years) == expected
    assert is_old_enough(born, expected, years)
    assert not is_old_enough(born, expected - timedelta(days=1), years)


@pytest.mark.parametrize(
    ("day", "years", "expected"),
    [
        (date(2026, 11, 26), 18, date(2008, 11, 26)),
        (date(2024, 2, 29), 18, date(2006, 2, 28)),
        (date(2024, 2, 29), 16, date(2008, 2, 29)),
        (date(2026, 2, 28), 18, date(2008, 2, 28)),
        (date(2026, 3, 1), 18, date(2008, 3, 1)),
    ],
)
def test_the_latest_birth_date_that_is_old_enough(day: date, years: int, expected: date) -> None:
    assert latest_birth_date(day, years) == expected


@given(born=BIRTHS | LEAP_DAYS, day=DAYS | LEAP_DAYS, years=YEARS)
def test_the_screen_and_the_rule_agree(born: date, day: date, years: int) -> None:
    assert is_old_enough(born, day, years) == (born <= latest_birth_date(day, years))


@given(day=DAYS | LEAP_DAYS, years=YEARS)
def test_whoever_is_a_day_younger_than_the_latest_is_too_young(day: date, years: int) -> None:
    latest = latest_birth_date(day, years)
    assert is_old_enough(latest, day, years)
    assert not is_old_enough(latest + timedelta(days=1), day, years)


@given(born=BIRTHS | LEAP_DAYS, day=DAYS, years=st.integers(1, 98))
def test_nobody_is_old_enough_for_more_and_not_for_less(born: date, day: date, years: int) -> None:
    assert not is_old_enough(born, day, years + 1) or is_old_enough(born, day, years)


def test_nobody_is_born_tomorrow_or_before_130_years() -> None:
    day = date(2026, 11, 26)
    assert is_likely(day, day)
    assert not is_likely(day + timedelta(days=1), day)
    assert is_likely(date(1896, 1, 1), day)
    assert not is_likely(date(1895, 12, 31), day)


def test_what_is_asked_is_in_the_sale_and_waits() -> None:
    till = TillInMemory()
    (_, added) = till.add(BEER)
    assert isinstance(added, LineAdded)
    assert added.minimum_age == 16
    assert till.cart.age_asked == 16
    assert till.cart.line_views[0].minimum_age == 16
    assert age_check_view(16, "2026-11-26") == AgeCheckView(16, "2010-11-26")
    till.add(MILK)
    till.add(SPIRITS)
    assert till.cart.age_asked == 18
    with pytest.raises(Refused, match="has to be 18 years old"):
        till.cash(5_000)


def test_one_check_counts_for_the_rest_of_the_sale_up_to_its_age() -> None:
    till = TillInMemory()
    till.add(BEER)
    assert till.old_enough(16) == (AgeChecked(sale=till.cart.sale, minimum_age=16),)
    assert till.cart.age_asked == 0
    till.add(BEER)
    assert till.cart.age_asked == 0
    till.add(SPIRITS)
    assert till.cart.age_asked == 18
    till.old_enough(18)
    till.add(BEER)
    assert (till.cart.age_asked, till.cart.age_checked) == (0, 18)
    till.cash(5_000)
    assert till.cart.state is TillState.DONE


def test_the_next_customer_is_asked_anew() -> None:
    till = TillInMemory()
    till.add(BEER)
    till.old_enough(16)
    till.cash(200)
    till.next_sale()
    till.add(BEER)
    assert till.cart.age_asked == 16


def test_a_check_of_what_the_screen_showed_says_nothing_of_what_came_meanwhile() -> None:
    till = TillInMemory()
    spirits_and_beer(till)
    till.old_enough(16)
    assert (till.cart.age_asked, till.cart.age_checked) == (18, 16)
    assert till.old_enough(16) == ()


def test_no_more_is_checked_than_is_asked() -> None:
    till = TillInMemory()
    spirits_and_beer(till)
    till.void("1")
    assert till.old_enough(18) == (AgeChecked(sale=till.cart.sale, minimum_age=16),)


def test_a_birth_date_is_worked_out_and_not_kept() -> None:
    till = TillInMemory()
    spirits_and_beer(till)
    (checked,) = till.old_enough(18, "2008-11-26")
    assert checked == AgeChecked(sale=till.cart.sale, minimum_age=18, how="birth_date")
    assert b"2008" not in encode(checked)


def test_no_refusal_repeats_a_birth_date() -> None:
    till = TillInMemory()
    spirits_and_beer(till)
    for born in ("2008-11-27", "2026-11-27", "2001-02-29"):
        with pytest.raises(Refused) as refused:
            till.old_enough(18, born)
        told = f"{refused.value} {refused.value.params}"
        assert born not in told


def test_a_refusal_takes_out_what_is_asked_and_leaves_the_rest() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.add(SPIRITS)
    till.add(BEER)
    till.add(SPIRITS)
    sale = till.cart.sale
    assert till.too_young(18) == (
        AgeRefused(sale=sale, minimum_age=18),
        LineVoided(sale=sale, line="2", reason="age"),
        LineVoided(sale=sale, line="4", reason="age"),
    )
    assert till.cart.age_asked == 16
    assert till.cart.total_minor == 45 + 119
    till.old_enough(16)
    till.cash(164)
    assert till.cart.state is TillState.DONE


def test_who_is_too_young_for_less_gets_nothing_of_more() -> None:
    till = TillInMemory()
    spirits_and_beer(till)
    till.too_young(16)
    assert till.cart.live_lines == 0
    assert till.cart.age_asked == 0


def test_a_refusal_leaves_what_was_checked() -> None:
    till = TillInMemory()
    till.add(BEER)
    till.old_enough(16)
    till.add(SPIRITS)
    till.too_young(2)
    assert [line.voided for line in till.cart.lines] == [False, True]


def test_a_counted_line_is_still_asked_about() -> None:
    till = TillInMemory()
    till.add(BEER)
    till.set_quantity("1", 6_000)
    assert till.cart.age_asked == 16
    till.old_enough(16)
    till.void("2")
    assert till.cart.age_asked == 0


def test_goods_that_come_back_ask_nobody() -> None:
    till = TillInMemory()
    till.add(BEER)
    till.old_enough(16)
    till.cash(119)
    till.next_sale()
    till.bring_back("till-1-000001")
    assert till.cart.age_asked == 0
    till.give(119)
    assert till.cart.state is TillState.DONE


def test_a_parked_sale_keeps_its_check_and_its_question() -> None:
    till = TillInMemory()
    till.add(BEER)
    till.old_enough(16)
    till.add(SPIRITS)
    again = replay(till.history)
    assert (again.age_checked, again.age_asked) == (16, 18)


def test_after_a_check_such_goods_are_added_to_a_part_paid_sale() -> None:
    till = TillInMemory()
    till.add(BEER)
    till.old_enough(16)
    till.cash(50)
    till.add(BEER)
    with pytest.raises(Refused, match="some of this sale is paid already"):
        till.add(SPIRITS)
