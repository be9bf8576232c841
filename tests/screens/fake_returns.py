"""Completed sales for the fake box: what of them may come back, and refunds to a card.

The rules are `edge.engine`; only where sales are kept, and what a terminal does, is made up.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundRequested,
    CardRefundUnknown,
)
from edge.contract.event_registry import Event
from edge.contract.receipt_code import ReceiptCode, is_signed_code, read_code
from edge.contract.return_events import CashReturned, RefundPart, TenderReturned
from edge.contract.sale_events import SaleAbandoned, SaleCompleted
from edge.contract.sold_sale_views import SoldSaleView
from edge.contract.till_commands import (
    AddItem,
    AnyTillCommand,
    GiveCash,
    GiveTender,
    PayByCard,
    RefundByCard,
    ReturnLine,
    ReturnTip,
    TakeCash,
)
from edge.contract.till_protocol import TillState
from edge.engine.cart import APPROVED, EMPTY, Cart, Tender
from edge.engine.cart_changes import replay
from edge.engine.circumstances import Circumstances
from edge.engine.originals import Original, Refunded, Returned, Unfinished
from edge.engine.receipt_finding import check_same_sale, receipt_asked, sold_sale_view
from edge.engine.restored_originals import proved_sale_view, restored
from edge.engine.return_rules import refuse_unknown_receipt
from edge.engine.sale_rules import decide
from edge.engine.tender_rules import complete_if_covered
from tests.screens.demo_reference import DemoReference

if TYPE_CHECKING:
    from tests.screens.fake_box import FakeBox


@dataclass
class SoldShelf:
    """Completed sales by receipt, the refunds so far, and the card that is given money back."""

    sold: dict[str, Cart] = field(default_factory=dict)
    refunds: dict[str, dict[str, tuple[RefundPart, ...]]] = field(default_factory=dict)
    """What sales gave back of others, by sale and tender."""
    elsewhere: dict[str, Cart] = field(default_factory=dict)
    """Unfinished sales of other tills, by till."""
    here: Cart = EMPTY
    shown: dict[str, ReceiptCode] = field(default_factory=dict)
    ids: Any = field(default_factory=lambda: itertools.count(1))

    def hear(self, cart: Cart, events: tuple[Event, ...]) -> None:
        """Keep what the till's sale has become."""
        self.here = cart
        for event in events:
            if isinstance(event, SaleCompleted):
                self.sold[event.receipt] = cart
            elif isinstance(event, (CashReturned, TenderReturned)):
                self.refunds.setdefault(event.sale, {})[event.tender] = event.parts
            elif isinstance(event, (CardRefundRequested, CardRefundApproved)):
                self.refunds.setdefault(event.sale, {})[event.refund] = event.parts
            elif isinstance(event, SaleAbandoned):
                self.refunds.pop(event.sale, None)

    def original(self, receipt: str) -> Original:
        """Return a completed sale with all that came back of it."""
        cart = self.sold[receipt]
        unfinished = {**self.elsewhere, "till-2": self.here}
        carts = {each.sale: each for each in (*self.sold.values(), *unfinished.values())}
        backs = [
            (each.sale, line)
            for each in carts.values()
            for line in each.lines
            if line.back and not line.voided and line.back.original_sale == cart.sale
        ]
        return Original(
            cart,
            tuple(
                Returned(
                    sale,
                    line.back.original_line,
                    line.quantity,
                    line.back.net_minor,
                    line.back.tax_minor,
                    line.back.gross_minor,
                )
                for sale, line in backs
                if line.back
            ),
            tuple(
                Refunded(sale, part.original_tender, part.amount_minor)
                for sale, tenders in self.refunds.items()
                for parts in tenders.values()
                for part in parts
                if part.original_sale == cart.sale
            ),
            tuple(
                Unfinished(each.sale, till)
                for till, each in unfinished.items()
                if each.sale and not each.receipt
            ),
            tip_back=next(
                (
                    each.sale
                    for each in carts.values()
                    for back in each.tips_back
                    if back.original_sale == cart.sale
                ),
                "",
            ),
        )

    def restored(self, code: ReceiptCode) -> Original:
        """Return a sale that the box does not have, with what this till takes back of it."""
        plain = restored(code, DemoReference())
        self.sold["restored"] = plain.cart
        held = self.original("restored")
        del self.sold["restored"]
        return msgspec.structs.replace(
            plain, returns=held.returns, refunds=held.refunds, unfinished=held.unfinished
        )

    def originals(self, command: AnyTillCommand, cart: Cart) -> tuple[Original, ...]:
        """Return the completed sales that a command looks into."""
        self.here = cart
        sales = {command.original_sale} if isinstance(command, ReturnLine) else set()
        sales |= {each.back.original_sale for each in cart.lines if each.back and not each.voided}
        proved = tuple(self.restored(code) for sale, code in self.shown.items() if sale in sales)
        if proved:
            return proved
        if isinstance(command, ReturnLine | ReturnTip):
            numbers = [command.receipt]
        elif isinstance(command, (GiveCash, GiveTender, RefundByCard)):
            numbers = [each.back.receipt for each in cart.lines if each.back and not each.voided]
            numbers += [each.receipt for each in cart.tips_back]
        else:
            numbers = []
        return tuple(self.original(each) for each in dict.fromkeys(numbers) if each in self.sold)

    def find(self, text: str, cart: Cart) -> SoldSaleView:
        """Answer the question for a receipt; what is signed is taken for well signed."""
        self.here = cart
        if is_signed_code(text):
            code = read_code(text).code
            self.shown[code.sale_id] = code
            return proved_sale_view(code, DemoReference(), self.restored(code))
        receipt, sale = receipt_asked(text)
        if receipt not in self.sold:
            refuse_unknown_receipt(receipt)
        original = self.original(receipt)
        check_same_sale(original, sale)
        return sold_sale_view(original)

    def sell_at(
        self,
        receipt: str,
        *goods: tuple[str, int],
        reference: DemoReference,
        at: int,
        card_minor: int = 0,
    ) -> SoldSaleView:
        """Let a till have sold goods: by card as far as is said, the rest for cash."""
        till = receipt.rpartition("-")[0]
        sale = f"{len(self.sold) + at:032x}"
        given = Circumstances(till, int(receipt.rpartition("-")[2]) - 1, sale, "terminal-2")
        cart = EMPTY

        def do(command: AnyTillCommand) -> None:
            nonlocal cart
            events = decide(cart, command, reference, given)
            cart = replay(((event, at) for event in events), cart)

        for code, quantity in goods:
            do(AddItem(command_id=self._id(), code=code, quantity=quantity))
        if card_minor:
            do(PayByCard(command_id=self._id(), amount_minor=card_minor))
            tender = cart.tenders[-1]
            paid = msgspec.structs.replace(tender, state=APPROVED, last4="4417", scheme="girocard")
            cart = msgspec.structs.replace(
                cart, tenders=(paid,), card_minor=card_minor, state=TillState.OPEN
            )
            events = complete_if_covered(cart, till=till, receipts=given.receipts)
            cart = replay(((event, at) for event in events), cart)
        if cart.due_minor:
            do(TakeCash(command_id=self._id(), amount_minor=cart.due_minor))
        self.sold[receipt] = cart
        return self.find(receipt, self.here)

    def hold_at(self, till: str, receipt: str, line: str, quantity: int, *, at: int) -> None:
        """Let another till be taking goods back."""
        wish = ReturnLine(
            command_id=self._id(), receipt=receipt, line_id=line, quantity=quantity, reason="sour"
        )
        given = Circumstances(till, 0, self._id(), originals=(self.original(receipt),))
        events = decide(EMPTY, wish, DemoReference(), given)
        self.elsewhere[till] = replay(((event, at) for event in events), EMPTY)

    def _id(self) -> str:
        return f"{next(self.ids):032d}"

    # --- money back to a card ---------------------------------------------------------------

    async def card_unknown(self, box: FakeBox) -> None:
        """Nobody knows whether the card has the money back."""
        await box.settle(
            CardRefundUnknown(sale=box.cart.sale, refund=_asked(box).tender_id, reason="No answer.")
        )

    async def card_approved(self, box: FakeBox) -> None:
        """The terminal gave it back."""
        asked = _asked(box)
        await box.settle(
            CardRefundApproved(
                sale=box.cart.sale,
                refund=asked.tender_id,
                amount_minor=-asked.amount_minor,
                parts=self.refunds[box.cart.sale][asked.tender_id],
                last4="4417",
                scheme="girocard",
            )
        )


def _asked(box: FakeBox) -> Tender:
    asked = box.cart.open_payment
    assert asked is not None, "no refund to a card is under way"
    return asked
