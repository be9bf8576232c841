"""What a till does in training: everything as in a sale, but nothing that leaves the screen.

Decisions that are this shop's policy:

- Training begins and ends between sales only. It begins with a second person where a cashier has
  no permission; whoever is there may end it.
- Prices, promotions, discounts and tenders are those of a sale. A card is not asked for: it is
  approved at once, and its scheme says TRAINING.
- The scale weighs: reading it changes nothing.
- What would reach into other sales, or wants the real thing, is not trained: parked sales, receipts
  of real sales, copies, receipts by e-mail, the drawer without a sale.
"""

from __future__ import annotations

from typing import Final

from edge.contract.card_refund_events import CardRefundApproved, CardRefundRequested
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.payment_events import CardPaymentApproved, CardPaymentRequested
from edge.contract.permissions import Permission
from edge.contract.till_commands import (
    AnyTillCommand,
    AskTerminal,
    AttachEvidence,
    BeginTraining,
    EmailReceipt,
    EndTraining,
    OpenDrawer,
    Park,
    PrintGiftReceipt,
    ReprintReceipt,
    Resume,
    ReturnLine,
    ReturnTip,
    ReverseInDoubt,
)
from edge.contract.till_protocol import TillState
from edge.contract.training_events import TrainingBegan, TrainingEnded
from edge.engine.approval_rules import authorise
from edge.engine.cart import Cart
from edge.engine.cart_changes import replay
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.tender_rules import complete_if_covered

SCHEME: Final = "TRAINING"
"""What a simulated card calls itself, on the screen and on paper."""
_NOT_TRAINED: Final = (
    Park,
    Resume,
    OpenDrawer,
    ReturnLine,
    ReturnTip,
    ReprintReceipt,
    PrintGiftReceipt,
    EmailReceipt,
    AskTerminal,
    AttachEvidence,
    ReverseInDoubt,
)


def begin_training(
    cart: Cart, _: BeginTraining, __: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Put a till in training, between sales."""
    _refuse_within_a_sale(cart)
    if given.training:
        raise Refused("training_already", "This till is in training already.")
    return (TrainingBegan(approver=authorise(Permission.TRAINING, given)),)


def end_training(
    cart: Cart, _: EndTraining, __: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Let a till sell again, between sales."""
    if not given.training:
        raise Refused("no_training", "This till is not in training.")
    _refuse_within_a_sale(cart)
    return (TrainingEnded(),)


def check_trained(command: AnyTillCommand) -> None:
    """Refuse what is not done in training."""
    if isinstance(command, _NOT_TRAINED):
        raise Refused(
            "not_in_training",
            "This is not done in training: it would reach beyond it.",
            advice="End the training first; or go on with something else.",
        )


def simulated(cart: Cart, events: tuple[Event, ...], given: Circumstances) -> tuple[Event, ...]:
    """Return the events with what a terminal would answer: yes, and at once."""
    answers: list[Event] = []
    for event in events:
        if isinstance(event, CardPaymentRequested):
            answers.append(
                CardPaymentApproved(
                    sale=event.sale,
                    payment=event.payment,
                    amount_minor=event.amount_minor,
                    scheme=SCHEME,
                )
            )
        elif isinstance(event, CardRefundRequested):
            answers.append(
                CardRefundApproved(
                    sale=event.sale,
                    refund=event.refund,
                    amount_minor=event.amount_minor,
                    scheme=SCHEME,
                )
            )
    if not answers:
        return events
    after = replay(((event, 0) for event in (*events, *answers)), cart)
    completed = complete_if_covered(after, till=given.till, receipts=given.receipts)
    return (*events, *answers, *completed)


def _refuse_within_a_sale(cart: Cart) -> None:
    if cart.state not in {TillState.IDLE, TillState.DONE}:
        raise Refused(
            "sale_still_open",
            "This sale is not finished.",
            advice="Complete, park or abandon it first.",
        )
