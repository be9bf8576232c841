"""Card numbers do not get into free text; ordinary words and numbers do.

The numbers below are the card industry's public test numbers, taken apart so that no whole
one stands in this file.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.errors import Refused
from edge.engine.text_safety import check_free_text, looks_like_pan, luhn_holds

VISA = "4" + "1" * 15
MASTERCARD = "5555" * 3 + "4444"
MASTERCARD_2 = "2223" + "000048400011"
AMEX = "3782" + "822463" + "10005"
DINERS = "3056" + "9309" + "025904"
JCB = "3530" + "1113" + "3330" + "0000"
DISCOVER = "6011" + "1" * 11 + "7"
UNIONPAY = "6200" + "0" * 11 + "5"
MAESTRO = "6759" + "6498" + "2643" + "8453"
EVERY_SCHEME = (VISA, MASTERCARD, MASTERCARD_2, AMEX, DINERS, JCB, DISCOVER, UNIONPAY, MAESTRO)


def grouped(digits: str, separator: str) -> str:
    return separator.join(digits[at : at + 4] for at in range(0, len(digits), 4))


@pytest.mark.parametrize("number", EVERY_SCHEME)
@pytest.mark.parametrize("separator", ["", " ", "-", ".", "\u00a0", " - ", "/"])
def test_card_numbers_are_seen_however_they_are_grouped(number: str, separator: str) -> None:
    assert looks_like_pan(f"card {grouped(number, separator)} was refused")


@pytest.mark.parametrize(
    "text",
    [
        f"12 {VISA}",
        f"{VISA}7",
        f"00{VISA}",
        "".join(chr(0x0660 + int(digit)) for digit in VISA),
        "".join(chr(0xFF10 + int(digit)) for digit in VISA),
        f"{VISA} exp 12/28",
        "4" + "2" * 12,  # Visa has 13 digits too
    ],
)
def test_card_numbers_are_seen_inside_longer_numbers_and_in_other_scripts(text: str) -> None:
    assert looks_like_pan(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "customer changed their mind",
        VISA[:12],
        VISA[:-1] + "2",  # no Luhn
        "9" + VISA[1:-1] + "6",  # Luhn, but no scheme's
        "9520000079192",  # a GTIN of the demo
        "call 0351 210 000 000",
        f"{VISA[:8]} and then {VISA[8:]}",
        f"{VISA[:8]} .. .{VISA[8:]}",  # too far apart
        "2026-11-22 18:08, 3 pieces",
    ],
)
def test_other_text_is_kept(text: str) -> None:
    assert not looks_like_pan(text)
    assert check_free_text(text, field="reason") == text


def test_the_refusal_names_the_field_and_does_not_repeat_the_number() -> None:
    with pytest.raises(Refused) as refused:
        check_free_text(f"see {VISA}", field="reason")
    assert refused.value.code == "looks_like_card_number"
    assert refused.value.params == {"field": "reason"}
    assert "1111" not in str(refused.value)


@pytest.mark.parametrize(
    ("digits", "holds"), [("0", True), ("18", True), ("79927398713", True), ("79927398710", False)]
)
def test_luhn(digits: str, holds: bool) -> None:
    assert luhn_holds(digits) is holds


@given(number=st.sampled_from(EVERY_SCHEME), place=st.integers(0, 15), by=st.integers(1, 9))
def test_luhn_sees_every_single_wrong_digit(number: str, place: int, by: int) -> None:
    place %= len(number)
    wrong = number[:place] + str((int(number[place]) + by) % 10) + number[place + 1 :]
    assert luhn_holds(number)
    assert not luhn_holds(wrong)


@given(text=st.text(max_size=200))
def test_any_text_gets_an_answer(text: str) -> None:
    assert looks_like_pan(text) in {True, False}
