"""Completed sales of which goods come back, as the ledger and the tills have them now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from edge.contract.receipt_code import read_code
from edge.contract.sold_sale_views import SoldSaleView
from edge.contract.till_commands import (
    AnyTillCommand,
    EmailReceipt,
    GiveCash,
    GiveTender,
    PrintGiftReceipt,
    RefundByCard,
    ReprintReceipt,
    ReturnLine,
    ReturnTip,
)
from edge.engine.cart import APPROVED, CARD, Cart
from edge.engine.originals import Original, Refunded, Returned, Unfinished
from edge.engine.receipt_finding import check_same_sale, receipt_asked, sold_sale_view
from edge.engine.reference_view import ReferenceView
from edge.engine.restored_originals import restored
from edge.engine.return_rules import refuse_unknown_receipt
from edge.flows.parking import ParkedSales, sale_cart
from edge.flows.till import Till
from edge.ledger.past_sales import PastSales, PresentedSale
from edge.ledger.replay import past_events

Returning = (ReturnLine, ReturnTip, GiveCash, GiveTender, RefundByCard)
"""Commands that look into other sales: one at a time in the whole store, so that no two tills
take the same goods back, or give the same money."""

Reprinting = (ReprintReceipt, PrintGiftReceipt, EmailReceipt)
"""Commands that give a completed sale's receipt again: one at a time too, each has its number."""


def receipts_asked_for(command: AnyTillCommand, cart: Cart) -> tuple[tuple[str, str], ...]:
    """Return the receipts that a command looks into: the named one, or all of the sale's goods.

    Each with the id of its sale, empty for whichever of this ledger has the receipt.
    """
    if isinstance(command, ReturnTip):
        return ((command.receipt, ""),)
    if isinstance(command, ReturnLine):
        return ((command.receipt, command.original_sale or ""),)
    if isinstance(command, Reprinting):
        return ((receipt_asked(command.receipt)[0], ""),)
    if isinstance(command, Returning):
        backs = (line.back for line in cart.lines if line.back and not line.voided)
        goods = ((back.receipt, back.original_sale) for back in backs if back.receipt)
        tips = ((back.receipt, back.original_sale) for back in cart.tips_back)
        return tuple(dict.fromkeys((*goods, *tips)))
    return ()


@dataclass
class SoldSales:
    """Answers about completed sales, with what of them is under way on `tills` or `parked`.

    `lock` is held while a till takes goods back, gives money for them, or prints a sale again.
    """

    past: PastSales
    tills: dict[str, Till]
    parked: ParkedSales
    day: Callable[[int], str]
    """The business day of an instant (ms since 1970 UTC)."""
    reference: ReferenceView
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def show(self, text: str) -> SoldSaleView:
        """Return what may come back of the sale that a receipt names: its number, or its QR code.

        Raises Refused for a number that no completed sale of this store has, and for the code
        of another store's receipt with the same number.
        """
        receipt, sale = receipt_asked(text)
        originals = await self._found(receipt, sale) or await self._found(receipt)
        if not originals:
            refuse_unknown_receipt(receipt)
        check_same_sale(originals[0], sale)
        return sold_sale_view(originals[0])

    async def find(self, receipts: Iterable[str]) -> tuple[Original, ...]:
        """Return the completed sales with these receipts; those that nobody knows are left out."""
        originals: list[Original] = []
        for receipt in receipts:
            originals += await self._found(receipt)
        return tuple(originals)

    async def newest(self, receipt: str) -> Original | None:
        """Return the newest sale of this box with this number, or None."""
        sold = await self.past.all_with(receipt)
        found = await self._found(sold[-1].name) if sold else ()
        return found[0] if found else None

    async def _found(self, receipt: str, sale: str = "") -> tuple[Original, ...]:
        sold = await self.past.find(receipt, sale)
        if sold is None:
            return ()
        history = past_events(sold.events)
        cart = sale_cart(history)
        if sold.name != cart.receipt:  # its number alone would not name it
            cart = replace(cart, receipt=sold.name)
        original = Original(
            cart,
            tuple(Returned(*each) for each in sold.came_back.returned),
            tuple(Refunded(*each) for each in sold.came_back.refunded),
            unfinished_sales(self.tills.values(), self.parked),
            tuple(sold.came_back.reversed_before),
            history[-1].till,
            # the answer of a terminal is nobody's: who asked it took the money
            next((past.actor for past in reversed(history) if past.actor), ""),
            sold.copies,
            sold.gifts,
            sold.letters,
            sold.tip_back,
        )
        return (original,)

    async def named(self, asked: Iterable[tuple[str, str]]) -> tuple[Original, ...]:
        """Return the sales with these receipts and ids: of this ledger, or as signed codes say.

        A number with an id is that sale's alone: another store has the same numbers.
        """
        originals: list[Original] = []
        for receipt, sale in asked:
            own = await self._found(receipt, sale)
            if own and sale in {"", own[0].cart.sale}:
                originals += own
            elif sale and (presented := await self.past.presented(sale)):
                originals.append(self.restored(presented))
        return tuple(originals)

    def restored(self, presented: PresentedSale) -> Original:
        """Return a sale as its signed code has it, with what this box took back of it."""
        original = restored(read_code(presented.code).code, self.reference)
        back = presented.came_back
        return replace(
            original,
            returns=tuple(Returned(*each) for each in back.returned),
            refunds=tuple(Refunded(*each) for each in back.refunded),
            unfinished=unfinished_sales(self.tills.values(), self.parked),
        )

    async def reversible(self, originals: Iterable[Original], terminal: str, at: int) -> str:
        """Return the card payment of the originals that a terminal may take back; empty for none.

        It was the last thing that this terminal was asked for, on this business day: a terminal
        forgets what it handed in with its end-of-day batch, and some of them take the last one
        back whichever was named.
        """
        for original in originals:
            if self.day(original.cart.completed_at) != self.day(at):
                continue
            for tender in original.cart.tenders:
                if (tender.kind, tender.state, tender.terminal) == (CARD, APPROVED, terminal):
                    last = await self.past.last_asked(terminal, original.cart.receipt)
                    if last == tender.tender_id:
                        return last
        return ""


def unfinished_sales(tills: Iterable[Till], parked: ParkedSales) -> tuple[Unfinished, ...]:
    """Return every sale that is open on a till or parked, with its place."""
    on_tills = (
        Unfinished(till.cart.sale, till.id)
        for till in tills
        if till.cart.sale and not till.cart.receipt
    )
    aside = (
        Unfinished(each.cart.sale, each.till, parked=True, label=each.label)
        for each in parked.all()
    )
    return (*on_tills, *aside)
