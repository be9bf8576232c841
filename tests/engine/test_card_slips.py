"""What is kept of a terminal's receipts: their words, within limits, and never a card number."""

from __future__ import annotations

import pytest

from edge.contract.envelope import seal
from edge.contract.limits import (
    CARD_SLIP_LINE_CHARS_MAX,
    CARD_SLIP_LINES_MAX,
    EVENT_BYTES_MAX,
)
from edge.contract.terminal_messages import PaymentOutcome
from edge.engine.card_slips import kept_lines, slip_event
from edge.engine.text_safety import with_masked_pans

VISA = "4111111111111111"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (VISA, "************1111"),
        ("4111 1111 1111 1111", "**** **** **** 1111"),
        ("4111-1111-1111-1111", "****-****-****-1111"),
        ("4111 - 1111 - 1111 - 1111", "**** - **** - **** - 1111"),
        ("4111.1111.1111.1111", "****.****.****.1111"),
        ("4111\u20131111\u00a01111 1111", "****\u2013****\u00a0**** 1111"),
        ("4111 1111\n  1111 1111", "**** ****\n  **** 1111"),
        ("4111 1111   \n        1111 1111", "**** ****   \n        **** 1111"),
        ("Nr. 4111111111111111 12/27", "Nr. ************1111 12/27"),
        ("3782 822463 10005", "**** ****** *0005"),
        ("\u0664\u0661\u0661\u0661" + "\u0661" * 12, "*" * 12 + "\u0661" * 4),
        ("00" + VISA + "00", "00************111100"),
        ("5555 5555 5555 4444", "**** **** **** 4444"),
    ],
)
def test_a_card_number_keeps_its_last_four(text: str, kept: str) -> None:
    assert with_masked_pans(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "24.11.2026 14:40:12",  # a point and a colon: 4112026144012 would be a Visa of 13 digits
        "4,11 11,11 11,11 11,17",
        "Terminal-ID      52500042",
        "Nr. ************1111 0001",
        "411111******1111",
        "4111111111111112",  # its check digit is another
        "TA-Nr 000123   Beleg 0042",
        "9520000000011",
    ],
)
def test_what_is_no_card_number_stays(text: str) -> None:
    assert with_masked_pans(text) == text


def test_lines_are_plain_and_empty_ones_at_the_ends_are_left_out() -> None:
    assert kept_lines(("", "  ", "A\x1bb\tc ", "", "  end\u202e", " ")) == ("A b c", "", "  end")
    assert kept_lines(()) == kept_lines(("", " ")) == ()


def test_a_line_that_is_too_long_goes_on_in_the_next() -> None:
    most = CARD_SLIP_LINE_CHARS_MAX
    assert kept_lines(("x" * (most + 2), "y")) == ("x" * most, "xx", "y")


def test_too_many_lines_end_with_a_word_about_it() -> None:
    most = CARD_SLIP_LINES_MAX
    lines = tuple(f"line {number}" for number in range(most))
    assert kept_lines(lines) == lines
    assert kept_lines((*lines, "one more")) == (*lines[: most - 1], "...")


def test_a_number_broken_over_two_lines_by_a_hostile_driver_is_masked() -> None:
    assert kept_lines(("PAN 41111111", "11111111")) == ("PAN ********", "****1111")


def test_the_longest_receipts_fit_an_event() -> None:
    line = "\U0001f4b3" * CARD_SLIP_LINE_CHARS_MAX
    lines = (line,) * (3 * CARD_SLIP_LINES_MAX)
    event = slip_event("s" * 64, "p" * 64, PaymentOutcome("approved", 1, customer_receipt=lines,
                                                        merchant_receipt=lines))  # fmt: skip
    assert event is not None
    assert len(event.customer) == len(event.merchant) == CARD_SLIP_LINES_MAX
    body = seal(event, store=1, gen=1, seq=1, day="2026-11-27", at=1, till="till-1", actor="")
    assert len(body) < EVENT_BYTES_MAX


def test_an_outcome_without_receipts_keeps_none() -> None:
    assert slip_event("sale-0001", "pay-00001", PaymentOutcome("approved", 129)) is None
    empty = PaymentOutcome("approved", 129, merchant_receipt=("", " "), signature=True)
    assert slip_event("sale-0001", "pay-00001", empty) is None


def test_an_event_says_whose_words_are_whose_and_who_signs() -> None:
    outcome = PaymentOutcome(
        "approved", 129, merchant_receipt=("M " + VISA,), customer_receipt=("C",), signature=True
    )
    event = slip_event("sale-0001", "pay-00001", outcome)
    assert event is not None
    assert (event.sale, event.payment, event.outcome) == ("sale-0001", "pay-00001", "approved")
    assert (event.merchant, event.customer, event.signature) == (
        ("M ************1111",), ("C",), True,
    )  # fmt: skip
