"""Receipts as they go to their printers: with logo, signed code, and fiscal signature if any.

None of them lies in the ledger's jobs, which would carry them to disk with every sale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from edge.contract.device_messages import JobKind, PrintReceiptArgs
from edge.contract.receipt_document import (
    PictureBlock,
    QrBlock,
    ReceiptBlock,
    ReceiptDocument,
)
from edge.contract.wire import encode
from edge.engine.receipt_finding import is_receipt_code, receipt_asked, says_amounts
from edge.flows.fiscal_desk import FiscalDesk
from edge.flows.receipt_codes import ReceiptCodes
from edge.ledger.records import OpenJob
from edge.reference.store import ReferenceStore

_ARGS: Final = msgspec.json.Decoder(PrintReceiptArgs)


@dataclass(frozen=True)
class ReceiptSending:
    """Completes receipts with what `codes` sign, and the logo that `reference` has today.

    `fiscal` says what stands on a receipt of its fiscal signature.
    """

    codes: ReceiptCodes
    reference: ReferenceStore
    fiscal: FiscalDesk

    async def arguments(self, job: OpenJob) -> bytes:
        """Return the arguments of a job as it is sent; of other jobs than receipts, their own."""
        if job.kind != JobKind.PRINT_RECEIPT:
            return job.args
        document = _ARGS.decode(job.args).document
        blocks: list[ReceiptBlock] = list(document.blocks)
        is_receipt = False
        for place, block in enumerate(blocks):
            if isinstance(block, QrBlock) and is_receipt_code(block.data):
                is_receipt = True
                blocks[place] = await self.codes.block(block)
                blocks[place:place] = await self._fiscal(block, document)
                break
        logo = self.reference.store.logo if is_receipt and self.reference.has_store else None
        if logo is not None:
            blocks.insert(0, PictureBlock(logo.width_dots, logo.rows))
        return encode(PrintReceiptArgs(replace(document, blocks=tuple(blocks))))

    async def _fiscal(self, block: QrBlock, document: ReceiptDocument) -> tuple[ReceiptBlock, ...]:
        if not says_amounts(block.data):
            return ()  # a gift receipt proves no sale
        receipt, sale = receipt_asked(block.data)
        original = document.copy == 0
        return await self.fiscal.blocks(receipt, sale, document.language, original=original)
