"""Money and quantities: rounding by name, parts that add up, amounts as written."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal, localcontext
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    QUANTITY_THOUSANDTHS_MAX,
)
from edge.contract.money import (
    CURRENCY_DIGITS,
    CURRENCY_NUMBERS,
    Rounding,
    allocate,
    check_amount,
    divide,
    format_amount,
    round_to_step,
)
from edge.contract.quantity import Unit, check_quantity, extend, format_quantity

AS_DECIMAL: Final = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.DOWN: ROUND_DOWN,
    Rounding.UP: ROUND_UP,
}
AMOUNTS: Final = st.integers(-(10**12), 10**12)


@given(
    numerator=AMOUNTS,
    denominator=st.integers(-(10**7), 10**7).filter(bool),
    rounding=st.sampled_from(Rounding),
)
def test_division_rounds_as_decimal_does(
    numerator: int, denominator: int, rounding: Rounding
) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(numerator) / Decimal(denominator)
        assert divide(numerator, denominator, rounding) == exact.quantize(
            Decimal(1), AS_DECIMAL[rounding]
        )


@pytest.mark.parametrize(
    ("rounding", "results"),
    [
        (Rounding.HALF_UP, (3, -3, 4, 2, 2)),
        (Rounding.HALF_EVEN, (2, -2, 4, 2, 2)),
        (Rounding.DOWN, (2, -2, 3, 2, 2)),
        (Rounding.UP, (3, -3, 4, 3, 2)),
    ],
)
def test_ties_are_what_the_names_differ_in(rounding: Rounding, results: tuple[int, ...]) -> None:
    quotients = ((5, 2), (5, -2), (7, 2), (9, 4), (4, 2))
    assert tuple(divide(n, d, rounding) for n, d in quotients) == results


def test_nothing_is_divided_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        divide(1, 0, Rounding.UP)


@given(amount=AMOUNTS, weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_allocated_parts_add_up_and_are_fair(amount: int, weights: list[int]) -> None:
    if not any(weights):
        with pytest.raises(ValueError, match="weights"):
            allocate(amount, weights)
        return
    parts = allocate(amount, weights)
    assert sum(parts) == amount
    total = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * total - amount * weight) < total
        assert part == 0 or (part > 0) == (amount > 0)
        assert weight or not part


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, (1, 1, 1), (34, 33, 33)),
        (-100, (1, 1, 1), (-34, -33, -33)),
        (1, (1, 9), (0, 1)),
        (5, (0, 2, 1), (0, 3, 2)),
        (0, (1, 2), (0, 0)),
    ],
)
def test_units_left_over_go_to_the_largest_remainders_the_first_first(
    amount: int, weights: tuple[int, ...], parts: tuple[int, ...]
) -> None:
    assert allocate(amount, weights) == parts


@pytest.mark.parametrize("weights", [(), (0, 0), (1, -1), (5, -1)])
def test_weights_that_make_no_sense_are_refused(weights: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(1, weights)


@given(amount=AMOUNTS, step=st.integers(-1, 1_000), rounding=st.sampled_from(Rounding))
def test_an_amount_in_steps_is_a_multiple_near_by(
    amount: int, step: int, rounding: Rounding
) -> None:
    rounded = round_to_step(amount, step, rounding)
    if step <= 1:
        assert rounded == amount
        return
    assert rounded % step == 0
    assert abs(rounded - amount) < step


@pytest.mark.parametrize(
    ("amount", "code"),
    [(0, "amount_not_positive"), (-1, "amount_not_positive"),
     (AMOUNT_MINOR_MAX + 1, "amount_too_large")],
)  # fmt: skip
def test_amounts_out_of_bounds_are_refused(amount: int, code: str) -> None:
    with pytest.raises(Refused, match="The cash") as refused:
        check_amount(amount, what="The cash")
    assert refused.value.code == code


@pytest.mark.parametrize("amount", [1, AMOUNT_MINOR_MAX])
def test_amounts_in_bounds_come_back(amount: int) -> None:
    assert check_amount(amount, what="The cash") == amount


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1234, "EUR", "12.34"), (-5, "EUR", "-0.05"), (0, "EUR", "0.00"), (7, "EUR", "0.07"),
        (700, "JPY", "700"), (-700, "JPY", "-700"), (1234, "KWD", "1.234"), (1, "KWD", "0.001"),
        (100_000_000, "EUR", "1000000.00"),
    ],
)  # fmt: skip
def test_amounts_are_written_with_their_currencys_places(
    amount: int, currency: str, text: str
) -> None:
    assert format_amount(amount, currency) == text


@given(amount=AMOUNTS, currency=st.sampled_from(sorted(CURRENCY_DIGITS)))
def test_a_written_amount_is_the_amount(amount: int, currency: str) -> None:
    text = format_amount(amount, currency)
    assert Decimal(text).scaleb(CURRENCY_DIGITS[currency]) == amount


def test_every_currency_has_its_number() -> None:
    assert set(CURRENCY_DIGITS) == set(CURRENCY_NUMBERS)
    assert len(set(CURRENCY_NUMBERS.values())) == len(CURRENCY_NUMBERS)


# --- quantities --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "unit", "code", "shown"),
    [
        (0, Unit.PIECE, "quantity_not_positive", "not 0."),
        (-1000, Unit.KILOGRAM, "quantity_not_positive", "not -1."),
        (QUANTITY_THOUSANDTHS_MAX + 1, Unit.KILOGRAM, "quantity_too_large", "quantity 9999.001 is"),
        (4_006_381_333_931_000, Unit.PIECE, "quantity_too_large", "quantity 4006381333931 is"),
        (1500, Unit.PIECE, "quantity_not_whole", "; 1.5 is"),
        (1, Unit.PIECE, "quantity_not_whole", "; 0.001 is"),
    ],
)
def test_quantities_that_make_no_sense_are_refused(
    quantity: int, unit: Unit, code: str, shown: str
) -> None:
    with pytest.raises(Refused) as refused:
        check_quantity(quantity, unit)
    assert refused.value.code == code
    assert refused.value.advice
    assert shown in refused.value.message


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [(1000, Unit.PIECE), (QUANTITY_THOUSANDTHS_MAX, Unit.PIECE), (1, Unit.KILOGRAM)],
)
def test_sound_quantities_come_back(quantity: int, unit: Unit) -> None:
    assert check_quantity(quantity, unit) == quantity


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [(45, 3000, 135), (1890, 742, 1402), (1, 500, 1), (1, 499, 0), (0, 1000, 0), (349, 1, 0)],
)
def test_price_times_quantity_rounds_ties_up(price: int, quantity: int, amount: int) -> None:
    assert extend(price, quantity) == amount


@pytest.mark.parametrize(
    ("quantity", "unit", "text"),
    [
        (3000, Unit.PIECE, "3"), (742, Unit.KILOGRAM, "0.742\u00a0kg"),
        (1000, Unit.KILOGRAM, "1.000\u00a0kg"), (1500, Unit.PIECE, "1.500"),
    ],
)  # fmt: skip
def test_quantities_are_written_with_their_unit(quantity: int, unit: Unit, text: str) -> None:
    assert format_quantity(quantity, unit) == text
