"""A card payment that the customer signs for: checked by the cashier, or taken back.

Decisions that are this shop's policy:

- The money has moved when the terminal asks for a signature; but the sale is complete only once a
  cashier has compared it with the card's. Until then the till waits, as while a card is paying.
- A cashier needs nobody to refuse a signature: the goods are still on the counter. The terminal is
  asked once to take the payment back, by its own number of it; what is not known of that is in
  doubt, and asked about, as any other reversal.
- After a terminal that took nothing back it may be asked again, or the signature be accepted; one
  that took another payment back is not asked again.
"""

from __future__ import annotations

from edge.contract.card_desk_events import CardReversalRequested
from edge.contract.card_signature_events import CardSignatureChecked, CardSignatureRefused
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.till_commands import ConfirmSignature, RefuseSignature
from edge.engine.cart import OTHER, SIGNING, Cart, Tender
from edge.engine.cart_changes import apply
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.tender_rules import complete_if_covered

REASON = "signature"
"""Why a payment is taken back whose signature a cashier refused."""


def confirm_signature(
    cart: Cart, command: ConfirmSignature, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Let a payment count whose signature was compared; the sale goes on from there."""
    signed = _to_be_signed(cart, command.payment)
    checked = CardSignatureChecked(sale=cart.sale, payment=signed.tender_id)
    after = apply(cart, checked, 0)
    return (checked, *complete_if_covered(after, till=given.till, receipts=given.receipts))


def refuse_signature(
    cart: Cart, command: RefuseSignature, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Commit the wish to have a payment taken back that was not signed for as it should be."""
    signed = _to_be_signed(cart, command.payment)
    if not given.desk.can_reverse or not signed.receipt or signed.reversal_state == OTHER:
        raise Refused(
            "signature_not_reversible",
            "This terminal does not take the payment back by itself.",
            advice="Keep the goods. Confirm here so that the sale is complete; then take the goods "
            "back and give the money back to the card.",
        )
    return (
        CardSignatureRefused(sale=cart.sale, payment=signed.tender_id),
        CardReversalRequested(
            sale=cart.sale,
            payment=signed.tender_id,
            # named by the command that asked for it: ids are made where the wish is born
            reversal=command.command_id,
            amount_minor=signed.amount_minor,
            terminal=signed.terminal,
            receipt=signed.receipt,
            reason=REASON,
        ),
    )


def _to_be_signed(cart: Cart, payment: str) -> Tender:
    """Return the payment that waits for its signature, or refuse: there is none, or another."""
    tender = cart.open_payment
    if tender is None or tender.tender_id != payment or tender.state != SIGNING:
        raise Refused(
            "no_signature_waits",
            "No signature of this payment is waited for.",
            advice="Look at the sale again: it may be settled already.",
        )
    if tender.being_reversed:
        raise Refused(
            "reversal_running",
            "The terminal is taking the payment back.",
            advice="Wait for its answer; it is asked by itself again and again.",
        )
    return tender
