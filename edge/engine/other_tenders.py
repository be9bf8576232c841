"""Tenders beside cash and the card terminal: typed references, and notes of another currency.

Gift cards, points and house accounts have no accounts yet: the reference is kept, a second
person allows it, and no balance is checked, kept or promised. A manual card is one that a
terminal of its own charged: the cashier typed the amount and saw it approved.
"""

from __future__ import annotations

from typing import Final

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.money import CURRENCY_DIGITS, Rounding, check_amount, divide, format_amount
from edge.contract.payment_events import ForeignCashTendered, TenderTaken
from edge.contract.permissions import Permission
from edge.contract.reference_data import ForeignCash
from edge.contract.till_commands import OtherTender, TakeForeignCash, TakeTender
from edge.engine.approval_rules import authorise
from edge.engine.cart import Cart
from edge.engine.cart_changes import apply
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.state_refusals import refuse_one_more_part, refuse_unless_payable
from edge.engine.tax import PPM
from edge.engine.tender_rules import complete_if_covered, settled_by_cash
from edge.engine.text_safety import check_free_text

FOREIGN_ROUNDING: Final = Rounding.DOWN
"""What a foreign note is worth: never a unit more than the rate says."""
NEEDS_APPROVAL: Final = frozenset(
    {OtherTender.GIFT_CARD, OtherTender.POINTS, OtherTender.HOUSE_ACCOUNT}
)
"""Kinds that a second person allows: nobody sees whether there is such an account."""


def take_tender(
    cart: Cart, command: TakeTender, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Take a tender of another kind; it completes the sale when it covers what is due."""
    refuse_unless_payable(cart)
    amount = check_amount(command.amount_minor, what="The amount")
    if amount > cart.due_minor:
        due = format_amount(cart.due_minor, cart.currency)
        raise Refused(
            "tender_over_due",
            f"It pays at most what is due, {due}: nothing is given back on it.",
            advice="Type what is due, or less.",
            params={"due": due},
        )
    refuse_one_more_part(cart)
    reference = typed_reference(command.reference)
    approver = ""
    if command.kind in NEEDS_APPROVAL:
        approver = authorise(Permission.UNCHECKED_TENDER, given)
    taken = TenderTaken(
        sale=cart.sale,
        tender=str(len(cart.tenders) + 1),
        kind=command.kind,
        amount_minor=amount,
        reference=reference,
        approver=approver,
    )
    paid = apply(cart, taken, 0)
    return (taken, *complete_if_covered(paid, till=given.till, receipts=given.receipts))


def typed_reference(text: str) -> str:
    """Return what was typed as reference, or refuse none, and what looks like a bank's card."""
    reference = check_free_text(text, field="reference").strip()
    if not reference:
        raise Refused(
            "no_reference",
            "A reference is needed: the number on the card, the voucher or the account.",
            advice="Type it as it stands there; never a card number of a bank.",
        )
    return reference


def take_foreign_cash(
    cart: Cart, command: TakeForeignCash, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Take cash of another currency at the store's rate; change is given in the store's own."""
    refuse_unless_payable(cart)
    rate = next((r for r in reference.store.foreign_cash if r.currency == command.currency), None)
    if rate is None:
        raise Refused(
            "currency_not_taken",
            f"This store takes no {command.currency}.",
            advice="Take another tender.",
            params={"currency": command.currency},
        )
    foreign = check_amount(command.amount_minor, what="The cash given")
    worth = check_amount(worth_of(foreign, rate, cart.currency), what="The worth of the cash given")
    if command.shown_minor and command.shown_minor != worth:
        shown, now = (format_amount(each, cart.currency) for each in (command.shown_minor, worth))
        raise Refused(
            "rate_changed",
            f"The rate has changed: the notes are worth {now}, the screen said {shown}.",
            advice="Tell the customer, and take them anew.",
            params={"shown": shown, "now": now},
        )
    tendered = ForeignCashTendered(
        sale=cart.sale,
        tender=str(len(cart.tenders) + 1),
        currency=rate.currency,
        foreign_minor=foreign,
        rate_ppm=rate.rate_ppm,
        amount_minor=worth,
    )
    return settled_by_cash(cart, tendered, worth, reference, given)


def worth_of(foreign_minor: int, rate: ForeignCash, currency: str) -> int:
    """Return what an amount of another currency is worth in the store's smallest unit."""
    digits = CURRENCY_DIGITS[currency] - CURRENCY_DIGITS[rate.currency]
    up, down = (10**digits, 1) if digits >= 0 else (1, 10**-digits)
    return divide(foreign_minor * rate.rate_ppm * up, PPM * down, FOREIGN_ROUNDING)
