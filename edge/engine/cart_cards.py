"""How card payments, and refunds to cards, change the sale on a till.

A refund is a card tender with an amount below zero; while one is asked for or in doubt the till
is `paying` or `in_doubt`, as with a payment.
"""

from __future__ import annotations

from msgspec.structs import replace

from edge.contract.card_desk_events import (
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
    CardReversalDeclined,
    CardReversalRequested,
    CardReversalUnknown,
)
from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundRequested,
    CardRefundUnknown,
)
from edge.contract.card_signature_events import CardSignatureAsked, CardSignatureChecked
from edge.contract.card_slip_events import CardSlipComposed
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentUnknown,
)
from edge.contract.return_events import RefundPart
from edge.contract.till_protocol import TillState
from edge.engine.card_slips import CardSlip
from edge.engine.cart import (
    APPROVED,
    ASKED,
    CARD,
    DECLINED,
    OTHER,
    SIGNING,
    UNKNOWN,
    Cart,
    Tender,
)


def payment_requested(cart: Cart, event: CardPaymentRequested, _: int) -> Cart:
    """Return the cart while a card is being charged."""
    tender = Tender(event.payment, CARD, event.amount_minor, ASKED, terminal=event.terminal)
    return replace(cart, tenders=(*cart.tenders, tender), state=TillState.PAYING)


def refund_requested(cart: Cart, event: CardRefundRequested, _: int) -> Cart:
    """Return the cart while money goes back to a card."""
    tender = Tender(
        event.refund,
        CARD,
        -event.amount_minor,
        ASKED,
        last4=event.last4,
        scheme=event.scheme,
        terminal=event.terminal,
        parts=event.parts,
        reverses=event.reverses,
    )
    return replace(cart, tenders=(*cart.tenders, tender), state=TillState.PAYING)


def payment_approved(cart: Cart, event: CardPaymentApproved, _: int) -> Cart:
    """Return the cart after a card was charged."""
    return _approved(cart, event, event.payment, event.amount_minor)


def refund_approved(cart: Cart, event: CardRefundApproved, _: int) -> Cart:
    """Return the cart after money went back to a card: as much as the terminal said."""
    after = _approved(cart, event, event.refund, -event.amount_minor)
    given = _find(after, event.refund)
    return after if given is None else _with_changed(after, replace(given, parts=event.parts))


def _approved(
    cart: Cart, event: CardPaymentApproved | CardRefundApproved, name: str, amount_minor: int
) -> Cart:
    asked = _find(cart, name)
    if asked is None:
        return cart
    approved = replace(
        asked,
        amount_minor=amount_minor,
        state=APPROVED,
        words="",
        last4=event.last4,
        scheme=event.scheme,
        authorisation=event.authorisation,
        terminal_id=event.terminal_id,
        receipt=event.receipt,
        trace=event.trace,
    )
    return _with_changed(cart, approved)


def payment_declined(cart: Cart, event: CardPaymentDeclined, _: int) -> Cart:
    """Return the cart after a card was not charged."""
    return _with_state(cart, event.payment, DECLINED, event.reason)


def refund_declined(cart: Cart, event: CardRefundDeclined, _: int) -> Cart:
    """Return the cart after nothing went back to a card."""
    return _with_state(cart, event.refund, DECLINED, event.reason)


def payment_unknown(cart: Cart, event: CardPaymentUnknown, at: int) -> Cart:
    """Return the cart while nobody knows whether a card was charged."""
    return _with_state(cart, event.payment, UNKNOWN, event.reason, at)


def refund_unknown(cart: Cart, event: CardRefundUnknown, at: int) -> Cart:
    """Return the cart while nobody knows whether money went back to a card."""
    return _with_state(cart, event.refund, UNKNOWN, event.reason, at)


def payment_resolved(cart: Cart, event: CardPaymentResolved, _: int) -> Cart:
    """Return the cart after a person settled whether a card was charged."""
    return _resolved(cart, event, event.payment, event.amount_minor, ())


def refund_resolved(cart: Cart, event: CardRefundResolved, _: int) -> Cart:
    """Return the cart after a person settled whether money went back to a card."""
    return _resolved(cart, event, event.refund, -event.amount_minor, event.parts)


def _resolved(
    cart: Cart,
    event: CardPaymentResolved | CardRefundResolved,
    name: str,
    amount_minor: int,
    parts: tuple[RefundPart, ...],
) -> Cart:
    if event.outcome != APPROVED:
        return _with_state(cart, name, DECLINED, event.reason)
    asked = _find(cart, name)
    if asked is None:
        return cart
    approved = replace(
        asked,
        amount_minor=amount_minor,
        state=APPROVED,
        words="",
        terminal_id=event.terminal_id,
        receipt=event.receipt,
        trace=event.trace,
        parts=parts,
        by_hand=True,
    )
    return _with_changed(cart, approved)


def reversal_requested(cart: Cart, event: CardReversalRequested, _: int) -> Cart:
    """Return the cart while a payment in doubt is being taken back."""
    return _reversal(cart, event.payment, event.reversal, ASKED, "")


def reversal_approved(cart: Cart, event: CardReversalApproved, _: int) -> Cart:
    """Return the cart after the terminal took a payment back: the one in doubt, or another."""
    if not event.fits:
        after = _reversal(cart, event.payment, event.reversal, OTHER, "")
        return _to_sign_again(after, event.payment)
    return _with_state(cart, event.payment, DECLINED, "It was taken back at the terminal.")


def reversal_declined(cart: Cart, event: CardReversalDeclined, _: int) -> Cart:
    """Return the cart after the terminal took nothing back: as in doubt, or to sign, as before."""
    after = _reversal(cart, event.payment, event.reversal, DECLINED, event.reason)
    return _to_sign_again(after, event.payment)


def reversal_unknown(cart: Cart, event: CardReversalUnknown, at: int) -> Cart:
    """Return the cart while nobody knows whether the payment was taken back."""
    after = _reversal(cart, event.payment, event.reversal, UNKNOWN, event.reason)
    doubted = _find(after, event.payment)
    if doubted is None or doubted.state != SIGNING:
        return after
    return _with_changed(after, replace(doubted, state=UNKNOWN, doubtful_since=at))


def signature_asked(cart: Cart, event: CardSignatureAsked, _: int) -> Cart:
    """Return the cart while the customer signs for a payment."""
    charged = _find(cart, event.payment)
    if charged is None:
        return cart
    return _with_changed(cart, replace(charged, state=SIGNING, to_sign=True))


def signature_checked(cart: Cart, event: CardSignatureChecked, _: int) -> Cart:
    """Return the cart after a signature was found good: the payment counts."""
    return _with_state(cart, event.payment, APPROVED, "")


def _to_sign_again(cart: Cart, name: str) -> Cart:
    """Return the cart in which a payment is charged for sure, and its signature still open."""
    charged = _find(cart, name)
    if charged is None or not charged.to_sign:
        return cart
    return _with_changed(cart, replace(charged, state=SIGNING, doubtful_since=0))


def slip_composed(cart: Cart, event: CardSlipComposed, _: int) -> Cart:
    """Return the cart with one more receipt of a terminal."""
    slip = CardSlip(event.payment, event.outcome, event.customer, event.merchant, event.signature)
    return replace(cart, card_slips=(*cart.card_slips, slip))


def _reversal(cart: Cart, name: str, reversal: str, state: str, words: str) -> Cart:
    doubted = _find(cart, name)
    if doubted is None:
        return cart
    return _with_changed(
        cart, replace(doubted, reversal=reversal, reversal_state=state, reversal_words=words)
    )


def _find(cart: Cart, name: str) -> Tender | None:
    return next((tender for tender in cart.tenders if tender.tender_id == name), None)


def _with_state(cart: Cart, name: str, state: str, words: str, since: int = 0) -> Cart:
    asked = _find(cart, name)
    if asked is None:
        return cart
    return _with_changed(cart, replace(asked, state=state, words=words, doubtful_since=since))


def _with_changed(cart: Cart, changed: Tender) -> Cart:
    tenders = tuple(
        changed if tender.tender_id == changed.tender_id else tender for tender in cart.tenders
    )
    states = {tender.state for tender in tenders}
    if UNKNOWN in states:
        state = TillState.IN_DOUBT
    elif states & {ASKED, SIGNING}:
        state = TillState.PAYING
    else:
        state = TillState.OPEN
    return replace(
        cart,
        tenders=tenders,
        state=state,
        card_minor=sum(t.amount_minor for t in tenders if t.state == APPROVED),
    )
