"""What the ledger expects of a terminal's end of day: counted by hand beside the rule."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from edge.contract.card_desk_events import (
    CardAnsweredLate,
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
)
from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundRequested,
)
from edge.contract.event_registry import Event
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentUnknown,
)
from edge.contract.terminal_day_events import SchemeSum, TerminalDayAsked
from edge.contract.terminal_messages import BatchTotals, EndOfDayOutcome, SchemeTotal
from edge.engine.terminal_day_rules import Booked, booked_at, by_scheme, day_ended, words_of


def asked(payment: str, minor: int, terminal: str = "t-1") -> Event:
    return CardPaymentRequested(sale="s", payment=payment, amount_minor=minor, terminal=terminal)


def back(refund: str, minor: int, terminal: str = "t-1") -> Event:
    return CardRefundRequested(sale="s", refund=refund, amount_minor=minor, terminal=terminal)


def paid(payment: str, minor: int) -> Event:
    return CardPaymentApproved(sale="s", payment=payment, amount_minor=minor)


def gave(refund: str, minor: int) -> Event:
    return CardRefundApproved(sale="s", refund=refund, amount_minor=minor)


def settled(payment: str, outcome: str, minor: int) -> Event:
    return CardPaymentResolved(
        sale="s", payment=payment, outcome=outcome, amount_minor=minor, source="slip", reason="r"
    )


def late(payment: str, outcome: str, minor: int, reversal: str = "") -> Event:
    return CardAnsweredLate(
        sale="s", payment=payment, outcome=outcome, amount_minor=minor, differs=True,
        reversal=reversal,
    )  # fmt: skip


def undone(payment: str, minor: int, asked_minor: int) -> Event:
    return CardReversalApproved(
        sale="s", payment=payment, reversal=f"v-{payment}", amount_minor=minor,
        asked_minor=asked_minor,
    )  # fmt: skip


DAY = TerminalDayAsked(terminal="t-1", job="day")
OTHER_DAY = TerminalDayAsked(terminal="t-1", job="one that was not closed")
REFUND_SETTLED = CardRefundResolved(
    sale="s", refund="r", outcome="approved", amount_minor=40, source="slip", reason="r"
)
NOT_REFUNDED = CardRefundResolved(
    sale="s", refund="r", outcome="declined", amount_minor=0, source="slip", reason="r"
)


@pytest.mark.parametrize(
    ("events", "minor"),
    [
        ([], 0),
        ([asked("a", 100)], 0),
        ([asked("a", 100), paid("a", 100)], 100),
        ([asked("a", 100), paid("a", 105)], 105),  # as the terminal said it
        ([asked("a", 100), CardPaymentDeclined(sale="s", payment="a", reason="no")], 0),
        (
            [
                asked("a", 100),
                CardPaymentUnknown(sale="s", payment="a", reason="cut"),
                paid("a", 100),
            ],
            100,
        ),
        ([asked("a", 100, "t-2"), paid("a", 100)], 0),  # another terminal's
        ([paid("a", 100)], 0),  # asked for in the day before
        ([asked("a", 100), paid("a", 100), asked("b", 20), paid("b", 20)], 120),
        ([asked("a", 100), paid("a", 100), back("r", 40), gave("r", 40)], 60),
        ([back("r", 40), gave("r", 40)], -40),
        ([back("r", 40, "t-2"), gave("r", 40)], 0),
        ([back("r", 40), CardRefundDeclined(sale="s", refund="r", reason="no")], 0),
        # asked for behind the end of day that is counted; another terminal's ends nothing
        ([asked("a", 9), DAY, asked("b", 70), paid("a", 9), paid("b", 70), back("r", 40)], 9),
        ([asked("a", 9), DAY, paid("a", 9), back("r", 4), gave("r", 4)], 9),
        ([OTHER_DAY, asked("a", 9), paid("a", 9)], 9),
        ([asked("a", 100), settled("a", "approved", 90)], 90),
        ([asked("a", 100), settled("a", "declined", 0)], 0),
        ([asked("a", 100), settled("a", "approved", 100), late("a", "declined", 0)], 0),
        ([asked("a", 100), settled("a", "declined", 0), late("a", "approved", 100)], 100),
        ([asked("a", 100), settled("a", "declined", 0), late("a", "approved", 0)], 100),
        ([asked("a", 100), settled("a", "approved", 100), late("a", "approved", 100, "v")], 0),
        ([asked("a", 100), settled("a", "approved", 100), late("a", "declined", 0, "v")], 100),
        (
            [
                asked("b", 30),
                paid("b", 30),
                asked("a", 100),
                settled("a", "approved", 100),
                late("a", "approved", 30, "v"),  # it took b back
            ],
            100,
        ),
        ([back("r", 40), REFUND_SETTLED], -40),
        ([back("r", 40), NOT_REFUNDED], 0),
        ([back("r", 40), NOT_REFUNDED, late("r", "approved", 0)], -40),
        ([back("r", 40), NOT_REFUNDED, late("r", "approved", 38)], -38),
        ([asked("a", 100), undone("a", 100, 100)], 0),
        # it took another payment back; the one in doubt was then charged
        (
            [asked("b", 30), paid("b", 30), asked("a", 100), undone("a", 30, 100), paid("a", 100)],
            100,
        ),
    ],
)
def test_what_a_terminal_booked_is_counted_from_the_ledger(events: list[Event], minor: int) -> None:
    assert sum(each.amount_minor for each in booked_at(events, "t-1", "day")) == minor


CLOSED = EndOfDayOutcome("closed", BatchTotals(600), trace="000012", code="00")


@pytest.mark.parametrize(
    ("outcome", "ledger", "told", "difference", "code", "words"),
    [
        (CLOSED, 600, True, 0, "day_agrees", "handed in 6.00, as the ledger"),
        (CLOSED, -600, True, 0, "day_agrees", "handed in 6.00, as the ledger"),
        (CLOSED, 450, True, 150, "day_more", "1.50 more than the 4.50"),
        (CLOSED, 700, True, -100, "day_less", "1.00 less than the 7.00"),
        (CLOSED, -700, True, -100, "day_less", "1.00 less than the 7.00"),
        (EndOfDayOutcome("closed"), 0, False, 0, "day_empty", "nothing to hand in"),
        (EndOfDayOutcome("closed"), 5, False, 0, "day_sum_missing", "the ledger has 0.05"),
        (
            EndOfDayOutcome("not_closed", BatchTotals(600), reason="No line."),
            600,
            False,
            0,
            "day_not_closed",
            "did not end its day: No line.",
        ),
        (EndOfDayOutcome("unknown"), 600, False, 0, "day_unknown", "Nobody knows"),
    ],
)
def test_a_days_end_is_compared_and_said_in_words(
    outcome: EndOfDayOutcome, ledger: int, told: bool, difference: int, code: str, words: str
) -> None:
    event = day_ended("t-1", "job", outcome, (Booked("Visa", ledger),), "inquiry")
    assert (event.told, event.difference_minor) == (told, difference)
    assert (event.ledger_minor, event.resolved_by) == (ledger, "inquiry")
    assert event.amount_minor == (600 if told else 0)
    said = words_of(event, "EUR")
    assert said[0] == code
    assert words in said[1]
    assert bool(said[2]) == (code not in {"day_agrees", "day_empty"})


def test_both_sums_of_each_kind_of_card_stand_side_by_side() -> None:
    totals = BatchTotals(
        1_250,
        schemes=(
            SchemeTotal("girocard", 1, 500),
            SchemeTotal("Visa", 2, 700),
            SchemeTotal("other", 1, 50),
        ),
    )
    booked = (
        Booked("VISA Electron", 400),
        Booked("Visa", 300),
        Booked("girocard", 450),
        Booked("UnionPay", 50),
        Booked("", 20),
        Booked("Visa", -100),
    )
    assert by_scheme(totals, booked) == (
        SchemeSum("girocard", True, 1, 500, 1, 450),
        SchemeSum("Visa", True, 2, 700, 3, 600),
        SchemeSum("other", True, 1, 50, 1, 50),
        SchemeSum("", ledger_count=1, ledger_minor=20),
    )
    assert by_scheme(None, booked[1:3]) == (
        SchemeSum("Visa", ledger_count=1, ledger_minor=300),
        SchemeSum("girocard", ledger_count=1, ledger_minor=450),
    )
    event = day_ended("t-1", "job", EndOfDayOutcome("closed", totals), booked, "")
    assert event.schemes == by_scheme(totals, booked)
    assert event.ledger_minor == 1_120
    assert day_ended("t-1", "job", EndOfDayOutcome("unknown", totals), booked, "").schemes == ()


def test_a_booking_has_the_terminals_name_of_its_card() -> None:
    events: list[Event] = [
        asked("a", 100),
        replace(paid("a", 100), scheme="Visa"),
        replace(back("r", 40), scheme="girocard"),  # of the card that had paid
        gave("r", 40),
        asked("b", 10),
    ]
    assert booked_at(events, "t-1", "day") == (Booked("Visa", 100), Booked("girocard", -40))
