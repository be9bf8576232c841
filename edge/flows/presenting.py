"""Receipts that customers bring: what the ledger says of them, or what their codes prove.

The signed code of a sale that this box does not have (its ledger was lost and put back from an
older image, or another store sold) is kept in the ledger, once: an event lost is not put back in
its place in the chain, but its proof is from then on in the chain, and goes to head office.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from edge.contract.receipt_code import ReceiptCode
from edge.contract.receipt_events import ReceiptPresented
from edge.contract.sold_sale_views import SoldSaleView
from edge.engine.reference_view import ReferenceView
from edge.engine.restored_originals import proved_sale_view
from edge.flows.receipt_codes import ReceiptCodes
from edge.flows.returning import SoldSales
from edge.ledger.event_log import Ledger
from edge.ledger.records import Record


@dataclass(frozen=True)
class PresentedReceipts:
    """Answers what a till asks about a receipt."""

    ledger: Ledger
    codes: ReceiptCodes
    sold: SoldSales
    reference: ReferenceView
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def show(self, text: str, *, till: str, actor: str) -> SoldSaleView:
        """Return the sale that a receipt names: by its number, or the text of its QR code.

        A sale that this box does not have is shown as its signed code proves it, less what this
        box took back of it. Raises Refused for a number that no completed sale of
        this store has, for a code that is damaged, forged or altered, and for the short code of
        another store's receipt with the same number.
        """
        proved = await self.codes.check(text)
        if proved is None:
            return await self.sold.show(await self.codes.name_of(text))
        await self._keep(proved, text.strip(), till, actor)
        presented = await self.codes.past.presented(proved.sale_id)
        assert presented is not None  # noqa: S101 - it was just kept
        return proved_sale_view(proved, self.reference, self.sold.restored(presented))

    async def _keep(self, code: ReceiptCode, text: str, till: str, actor: str) -> None:
        presented = ReceiptPresented(
            sale=code.sale_id,
            receipt=code.receipt,
            store=code.store,
            sale_gen=code.gen,
            sale_seq=code.seq,
            total_minor=code.total_minor,
            currency=code.currency,
            code=text,
        )
        async with self._one_at_a_time:
            if not await self.codes.past.was_presented(code.sale_id):
                _ = await self.ledger.record(Record((presented,), till, actor))
