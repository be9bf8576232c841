"""Tills with a card in doubt, as far as people went with it, and what they may not do then."""

from __future__ import annotations

from typing import Final

from edge.contract.card_desk_events import (
    CardReversalApproved,
    CardReversalDeclined,
    CardReversalUnknown,
)
from edge.contract.device_messages import TERMINAL_CANNOT_SAY
from edge.engine.circumstances import AtTheDesk
from tests.engine.shop_in_memory import ROLL
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import (
    Story,
    back_in_doubt,
    by_a_technician,
    done,
    idle,
    open_sale,
    paying,
)

PAN: Final = "4111 1111 1111 1111"
CANNOT_SAY: Final = AtTheDesk(says=TERMINAL_CANNOT_SAY, can_reverse=True)


def in_doubt(till: TillInMemory) -> None:
    """A roll, and nobody knows whether the card was charged for it."""
    till.add(ROLL)
    till.card(45)
    till.lose()


def cannot_say(till: TillInMemory) -> None:
    """The terminal was asked, and does not know."""
    in_doubt(till)
    till.desk = CANNOT_SAY


def reversing(till: TillInMemory) -> None:
    """A supervisor had the terminal asked to take it back."""
    cannot_say(till)
    till.role = "supervisor"
    till.reverse()


def reversal_unknown(till: TillInMemory) -> None:
    """Nobody knows whether it did."""
    reversing(till)
    till.take(
        CardReversalUnknown(
            sale=till.cart.sale,
            payment=till.payment,
            reversal=till.asked.reversal,
            reason="No answer.",
        )
    )


def reversal_declined(till: TillInMemory) -> None:
    """It did not: the number was wrong."""
    reversing(till)
    till.take(
        CardReversalDeclined(
            sale=till.cart.sale,
            payment=till.payment,
            reversal=till.asked.reversal,
            reason="It knows no such payment.",
            code="B5",
        )
    )


def took_back(till: TillInMemory, amount_minor: int) -> None:
    """The terminal took a payment of that amount back."""
    asked = till.asked
    till.take(
        CardReversalApproved(
            sale=till.cart.sale,
            payment=asked.tender_id,
            reversal=asked.reversal,
            amount_minor=amount_minor,
            asked_minor=asked.amount_minor,
        )
    )


def another_taken_back(till: TillInMemory) -> None:
    """It took another payment back."""
    reversing(till)
    took_back(till, till.asked.amount_minor + 1)


def number_taken(till: TillInMemory) -> None:
    """What is typed is the number of another payment."""
    cannot_say(till)
    till.desk = AtTheDesk(TERMINAL_CANNOT_SAY, can_reverse=True, taken_by="payment-0009")


def cannot_reverse(till: TillInMemory) -> None:
    """A terminal that does not know, and takes nothing back."""
    in_doubt(till)
    till.desk = AtTheDesk(TERMINAL_CANNOT_SAY)


def not_asked_yet(till: TillInMemory) -> None:
    """It could take it back, but has not said that it does not know."""
    in_doubt(till)
    till.desk = AtTheDesk(can_reverse=True)


def doubt_of_a_technician(till: TillInMemory) -> None:
    """Nobody who sells is at the till."""
    cannot_say(till)
    by_a_technician(till)


def in_training(till: TillInMemory) -> None:
    """Nothing that is done at it counts."""
    till.training = True


def with_an_alarm(till: TillInMemory) -> None:
    """A terminal contradicts what was settled in an earlier sale."""
    till.desk = AtTheDesk(alarm="sale-0007")


OTHER_PAYMENT: Final = "payment-0009"

DESK_REFUSALS: Final[list[tuple[str, Story, Story]]] = [
    *(
        ("not_in_doubt", before, wish)
        for before in (idle, open_sale, paying, done, in_doubt)
        for wish in (
            lambda till: till.ask_again(OTHER_PAYMENT),
            lambda till: till.attach(payment=OTHER_PAYMENT, amount_minor=1),
        )
    ),
    ("not_in_doubt", paying, lambda till: till.ask_again()),
    ("not_in_doubt", paying, lambda till: till.attach()),
    ("not_in_doubt", paying, lambda till: till.reverse()),
    ("needs_approval", in_doubt, lambda till: till.attach()),
    ("needs_approval", in_doubt, lambda till: till.attach(approved=False)),
    ("needs_approval", back_in_doubt, lambda till: till.attach(approved=False)),
    ("needs_approval", cannot_say, lambda till: till.reverse()),
    ("needs_approval", with_an_alarm, lambda till: till.settle_alarm()),
    ("not_permitted", doubt_of_a_technician, lambda till: till.attach()),
    ("not_permitted", doubt_of_a_technician, lambda till: till.reverse()),
    ("no_reason", in_doubt, lambda till: till.attach(reason=" ")),
    ("no_reason", cannot_say, lambda till: till.reverse(reason=" ")),
    ("no_reason", with_an_alarm, lambda till: till.settle_alarm(" ")),
    *(
        ("looks_like_card_number", in_doubt, wish)
        for wish in (
            lambda till: till.attach(reason=PAN),
            lambda till: till.attach(receipt=PAN),
            lambda till: till.attach(trace=PAN),
            lambda till: till.attach(terminal_id=PAN),
        )
    ),
    ("looks_like_card_number", cannot_say, lambda till: till.reverse(PAN)),
    ("looks_like_card_number", cannot_say, lambda till: till.reverse(reason=PAN)),
    ("looks_like_card_number", with_an_alarm, lambda till: till.settle_alarm(PAN)),
    ("no_terminal_number", in_doubt, lambda till: till.attach(receipt=" ")),
    ("no_terminal_number", cannot_say, lambda till: till.reverse(" ")),
    ("amount_not_positive", in_doubt, lambda till: till.attach(amount_minor=0)),
    ("evidence_of_another_amount", in_doubt, lambda till: till.attach(amount_minor=46)),
    ("evidence_of_another_amount", in_doubt, lambda till: till.attach(amount_minor=44)),
    ("evidence_of_another_payment", number_taken, lambda till: till.attach()),
    ("evidence_of_another_payment", number_taken, lambda till: till.reverse()),
    ("refund_not_reversible", back_in_doubt, lambda till: till.reverse()),
    ("terminal_reverses_nothing", cannot_reverse, lambda till: till.reverse()),
    ("terminal_reverses_nothing", in_doubt, lambda till: till.reverse()),
    ("terminal_may_still_say", not_asked_yet, lambda till: till.reverse()),
    ("reversal_running", reversing, lambda till: till.reverse()),
    ("reversal_running", reversing, lambda till: till.attach()),
    ("reversal_running", reversal_unknown, lambda till: till.reverse()),
    ("reversed_another", another_taken_back, lambda till: till.reverse()),
    ("no_card_alarm", idle, lambda till: till.settle_alarm()),
]

TRAINING_REFUSALS: Final[list[tuple[str, Story, Story]]] = [
    ("needs_approval", idle, lambda till: till.begin_training()),
    ("sale_still_open", open_sale, lambda till: till.begin_training()),
    ("training_already", in_training, lambda till: till.begin_training()),
    ("no_training", idle, lambda till: till.end_training()),
    ("not_in_training", in_training, lambda till: till.drawer()),
]
