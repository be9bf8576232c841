"""What may happen in a sale: a wish and a cart in, events or a refusal out.

Decisions that are this shop's policy:

- Nothing is added, voided or paid while a card payment runs or is in doubt.
- Nothing is paid, parked or priced by hand while the scale has not answered: its answer changes
  the basket and its total.
- Nothing is voided once something was tendered: money already given would have to go back
  in part. Such a sale is completed or abandoned whole.
- Cash may exceed what is due (the rest is change), a card may not.
- A sale completes by itself as soon as its tenders cover its total.
- A sale that costs nothing (free articles, a price of zero) still needs a live line, and is
  completed by taking any cash, all of which goes back as change. A sale whose lines are all
  voided cannot be paid: it is abandoned.
- A charged card is never abandoned away: the sale is completed, and refunded afterwards. Nor is
  what went back to a card, nor a sale of which that is not known yet.
- Goods that come back count below zero. While the total is below zero nothing is paid, only given
  back, unless a terminal gave back too much: that is owed again. A sale that comes to nothing is
  completed by `settle`. Nothing is added, and nothing more comes back, once some of the money went
  either way.
- A coupon may come before the goods. It is used up by a completed sale in which it takes something
  off, and by no other.
- A tip is beside the total: no takings, no tax, and nothing that promotions or discounts see. It
  stays as it was set when the basket changes: see `edge.engine.tip_rules`.
- Goods with a minimum age hold the payment until somebody answered: see `edge.engine.age_rules`.
- Deposits follow their goods, and empties come back without a receipt: `edge.engine.deposit_rules`.
- Promotions and discounts see only lines that sell: goods that come back give what was paid for
  them, and make nothing cheaper.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.money import format_amount
from edge.contract.sale_events import SaleAbandoned
from edge.contract.till_commands import (
    Abandon,
    AddCoupon,
    AddItem,
    AnyTillCommand,
    AskTerminal,
    AttachEvidence,
    BeginTraining,
    CancelCard,
    ConfirmAge,
    ConfirmSignature,
    EmailReceipt,
    EndTraining,
    GiveCash,
    GiveDiscount,
    GiveTender,
    NextSale,
    OpenDrawer,
    OverridePrice,
    Park,
    PayByCard,
    PrintGiftReceipt,
    RefundByCard,
    RefuseAge,
    RefuseSignature,
    RemoveCoupon,
    RemoveDiscount,
    ReprintReceipt,
    Resume,
    ReturnEmpties,
    ReturnItem,
    ReturnLine,
    ReturnTip,
    ReverseInDoubt,
    SetCustomer,
    SetNote,
    SetQuantity,
    SetTip,
    Settle,
    SettleCardAlarm,
    TakeCash,
    TakeForeignCash,
    TakeTender,
    VoidLine,
    WeighItem,
)
from edge.contract.till_protocol import TillState
from edge.engine.age_rules import confirm_age, refuse_age
from edge.engine.basket_pricing import PricedStep, priced_step
from edge.engine.card_desk_rules import (
    ask_terminal,
    attach_evidence,
    reverse_in_doubt,
    settle_card_alarm,
)
from edge.engine.card_refund_rules import refund_by_card
from edge.engine.cart import Cart
from edge.engine.circumstances import Circumstances
from edge.engine.coupon_rules import add_coupon, coupon_asked, remove_coupon
from edge.engine.customer_rules import customer_of_card, set_customer
from edge.engine.deposit_rules import return_empties
from edge.engine.drawer_rules import open_drawer
from edge.engine.letter_rules import email_receipt
from edge.engine.line_rules import add_item, set_quantity, void_line
from edge.engine.other_tenders import take_foreign_cash, take_tender
from edge.engine.parking_rules import park, resume
from edge.engine.price_rules import (
    give_discount,
    override_price,
    remove_discount,
    set_note,
)
from edge.engine.reference_view import ReferenceView
from edge.engine.refund_rules import give_cash, give_tender, settle
from edge.engine.reprint_rules import print_gift_receipt, reprint_receipt
from edge.engine.return_rules import return_item, return_line
from edge.engine.signature_rules import confirm_signature, refuse_signature
from edge.engine.state_refusals import refuse_unless_open, refuse_while_paying
from edge.engine.tender_rules import cancel_card, pay_by_card, take_cash
from edge.engine.text_safety import check_free_text
from edge.engine.tip_return_rules import return_tip
from edge.engine.tip_rules import set_tip
from edge.engine.training_rules import (
    begin_training,
    check_trained,
    end_training,
    simulated,
)
from edge.engine.weighing_rules import weigh_item


def decide(
    cart: Cart, command: AnyTillCommand, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Return the events that a command brings, to be committed together.

    `NextSale`, `CancelCard` and `AskTerminal` bring none when they are allowed: the first clears
    the screen (`EMPTY`), the others ask the terminal. Raises Refused in words; nothing happened
    then.
    """
    return decide_and_price(cart, command, reference, given).events


def decide_and_price(
    cart: Cart, command: AnyTillCommand, reference: ReferenceView, given: Circumstances
) -> PricedStep:
    """Do what `decide` does, and return the cart after the events too where pricing made it."""
    if given.training:
        check_trained(command)
    events = _RULES[type(command)](cart, command, reference, given)
    priced = priced_step(cart, events, reference, given)
    return PricedStep(simulated(cart, priced.events, given), None) if given.training else priced


def _add_item(
    cart: Cart, command: AddItem, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Add what a code means: an article, a coupon, or a customer's card."""
    if coupon_asked(command, reference):
        return add_coupon(cart, command, reference, given)
    if customer_of_card(command.code, reference) is not None:
        return set_customer(cart, command, reference, given)
    return add_item(cart, command, reference, given)


def _abandon(
    cart: Cart, command: Abandon, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    refuse_unless_open(cart)
    if cart.charged_minor:
        charged = format_amount(cart.charged_minor, cart.currency)
        raise Refused(
            "card_was_charged",
            f"A card was charged {charged} for this sale; it cannot simply be dropped.",
            advice="Complete the sale; give the money back as a refund afterwards.",
            params={"charged": charged},
        )
    if cart.card_refund_minor:
        refunded = format_amount(cart.card_refund_minor, cart.currency)
        raise Refused(
            "card_was_refunded",
            f"{refunded} went back on a card in this sale; it cannot simply be dropped.",
            advice="Complete the sale.",
            params={"refunded": refunded},
        )
    reason = check_free_text(command.reason, field="reason")
    return (SaleAbandoned(sale=cart.sale, reason=reason, returned_minor=cart.cash_minor),)


def _next_sale(cart: Cart, _: NextSale, __: ReferenceView, ___: Circumstances) -> tuple[Event, ...]:
    if cart.state in {TillState.DONE, TillState.IDLE}:
        return ()
    refuse_while_paying(cart)
    raise Refused(
        "sale_still_open",
        "This sale is not finished.",
        advice="Complete it or abandon it first.",
    )


_RULES: Final[
    dict[type, Callable[[Cart, Any, ReferenceView, Circumstances], tuple[Event, ...]]]
] = {
    AddItem: _add_item,
    WeighItem: weigh_item,
    VoidLine: void_line,
    SetQuantity: set_quantity,
    OverridePrice: override_price,
    GiveDiscount: give_discount,
    RemoveDiscount: remove_discount,
    SetNote: set_note,
    AddCoupon: add_coupon,
    RemoveCoupon: remove_coupon,
    SetCustomer: set_customer,
    Park: park,
    Resume: resume,
    OpenDrawer: open_drawer,
    ReprintReceipt: reprint_receipt,
    PrintGiftReceipt: print_gift_receipt,
    EmailReceipt: email_receipt,
    TakeCash: take_cash,
    PayByCard: pay_by_card,
    TakeTender: take_tender,
    TakeForeignCash: take_foreign_cash,
    ReturnLine: return_line,
    ReturnItem: return_item,
    GiveCash: give_cash,
    GiveTender: give_tender,
    RefundByCard: refund_by_card,
    SetTip: set_tip,
    ReturnTip: return_tip,
    Settle: settle,
    CancelCard: cancel_card,
    Abandon: _abandon,
    NextSale: _next_sale,
    AskTerminal: ask_terminal,
    AttachEvidence: attach_evidence,
    ReverseInDoubt: reverse_in_doubt,
    ConfirmSignature: confirm_signature,
    RefuseSignature: refuse_signature,
    SettleCardAlarm: settle_card_alarm,
    ConfirmAge: confirm_age,
    RefuseAge: refuse_age,
    ReturnEmpties: return_empties,
    BeginTraining: begin_training,
    EndTraining: end_training,
}
