"""What the box in memory knows of cards in doubt, and what a test lets the terminal say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.contract.card_desk_events import (
    CardReversalApproved,
    CardReversalDeclined,
    CardReversalUnknown,
)
from edge.contract.card_signature_events import CardSignatureAsked
from edge.contract.card_slip_events import CardSlipComposed
from edge.contract.device_messages import TERMINAL_CANNOT_SAY
from edge.contract.payment_events import CardPaymentApproved
from edge.contract.terminal_messages import PaymentOutcome
from edge.contract.till_commands import AnyTillCommand, AskTerminal, SettleCardAlarm
from edge.engine.cart import Cart
from edge.engine.circumstances import AtTheDesk
from edge.flows.card_desk import CardDesk, late_event

if TYPE_CHECKING:
    from tests.screens.fake_box import FakeBox


class FakeDesk(CardDesk):
    """The real desk, without a ledger: numbers of other payments are in `taken`."""

    def __init__(self) -> None:
        super().__init__(lambda _terminal: self.reverses)
        self.reverses = True
        self.taken: set[str] = set()
        self.asked_times = 0

    def known(self, command: AnyTillCommand, cart: Cart) -> AtTheDesk:
        """Return what the rules are told."""
        if isinstance(command, SettleCardAlarm):
            waits = [a.sale_id for a in self.alarms() if a.payment == command.payment]
            return AtTheDesk(alarm="".join(waits))
        payment = cart.open_payment
        if payment is None:
            return AtTheDesk()
        taken = "payment-9" if getattr(command, "receipt", "") in self.taken else ""
        return AtTheDesk(self.says(payment.tender_id), can_reverse=self.reverses, taken_by=taken)

    def carried_out(self, command: AnyTillCommand, at: int) -> None:
        """The terminal is asked when a cashier wishes it."""
        if isinstance(command, AskTerminal):
            self.asked_times += 1
            self.asked(command.payment, at)

    async def cannot_say(self, box: FakeBox) -> None:
        """The terminal answers that it does not know."""
        payment = box.cart.open_payment
        assert payment is not None
        self.asked(payment.tender_id, box.at)
        words = "The terminal cannot say what became of the payment: look at its journal."
        self.answered(payment.tender_id, box.at + 1_000, TERMINAL_CANNOT_SAY, words)
        await box.publish()

    async def reversal(self, box: FakeBox, end: str, amount_minor: int = 0) -> None:
        """The terminal took it back, or did not: `approved`, `declined` or `unknown`."""
        payment = box.cart.open_payment
        assert payment is not None
        about = {"sale": box.cart.sale, "payment": payment.tender_id, "reversal": payment.reversal}
        if end == "approved":
            amount = amount_minor or payment.amount_minor
            await box.settle(
                CardReversalApproved(**about, amount_minor=amount, asked_minor=payment.amount_minor)
            )
        elif end == "declined":
            await box.settle(CardReversalDeclined(**about, reason="It knows no such payment."))
        else:
            await box.settle(CardReversalUnknown(**about, reason="No answer."))

    async def wants_signature(self, box: FakeBox) -> None:
        """The terminal charges the card, and the customer is to sign."""
        payment = box.cart.open_payment
        assert payment is not None
        about = {"sale": box.cart.sale, "payment": payment.tender_id}
        lines = ("MERCHANT COPY", "EUR 6.05")
        box.take(
            CardPaymentApproved(
                **about, amount_minor=payment.amount_minor, receipt="0042", last4="4417"
            ),
            CardSignatureAsked(**about),
            CardSlipComposed(**about, outcome="approved", merchant=lines, signature=True),
        )
        await box.publish()

    async def answers_late(self, box: FakeBox, payment: str, outcome: PaymentOutcome) -> None:
        """The terminal says something of what was settled by hand."""
        resolved = self.resolution(payment)
        assert resolved is not None
        self.take((late_event(resolved, outcome, "inquiry"),), "till-2", box.at)
        box.say(
            "card_alarm",
            "A terminal now says something else of a card payment than was settled by hand.",
            {},
            "trouble",
        )
        await box.publish()
