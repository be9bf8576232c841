"""Letters as boxes send them, for the tests of head office."""

from __future__ import annotations

from typing import Any

from edge.contract.receipt_document import (
    Align,
    BarcodeBlock,
    ColumnsBlock,
    Emphasis,
    FeedBlock,
    PictureBlock,
    QrBlock,
    ReceiptDocument,
    RowBlock,
    RuleBlock,
    TextBlock,
)
from edge.contract.receipt_letter import ReceiptLetter

ANNA = "anna.maria@example.org"
CODE = "TILLBOX2:6BFOXN%TSMAHN-H"
BLOCKS = (
    TextBlock("*** COPY BY E-MAIL ***", Align.CENTRE, Emphasis.LARGE),
    TextBlock("Harbour Street", Align.CENTRE, Emphasis.LARGE),
    FeedBlock(),
    RowBlock("Receipt", "till-1-000001"),
    RuleBlock(),
    RowBlock('Milk <1 l> & "more"', "1.29"),
    RowBlock("全脂牛奶", "1.29"),
    RowBlock("A name that is far too long for one line of this", "1234.56"),
    TextBlock("  2 \u00d7 0.45"),
    TextBlock("at the end", Align.END, Emphasis.BOLD),
    ColumnsBlock(("VAT %", "Net", "VAT", "Gross")),
    BarcodeBlock("ABC-123"),
    PictureBlock(8, b"\x00"),
    QrBlock(CODE, "TILLBOX1|till-1-000001|s|129|EUR"),
)  # fmt: skip


def letter(ref: str = "letter-0001", **given: Any) -> ReceiptLetter:
    values: dict[str, Any] = {
        "ref": ref,
        "sale": "sale-1",
        "receipt": "till-1-000001",
        "asked_at": 1_795_000_000_000,
        "address": ANNA,
        "salt": "a-salt",
        "store_name": "Harbour Street",
        "document": ReceiptDocument("Receipt till-1-000001", BLOCKS, "en", 1),
    }
    return ReceiptLetter(**{**values, **given})
