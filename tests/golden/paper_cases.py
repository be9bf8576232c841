"""Sample receipts as decoded paper (`paper/NAME.txt`), their bytes beside it (`NAME.hex`).

Each line of a text begins with a gutter: `B` bold, `L` large. Run `write()` after a wanted
change, through `tests/golden/write.py`, and read the difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from edge.contract.receipt_document import (
    Align,
    BarcodeBlock,
    ColumnsBlock,
    Emphasis,
    FeedBlock,
    PictureBlock,
    QrBlock,
    ReceiptBlock,
    ReceiptDocument,
    RowBlock,
    RuleBlock,
    TextBlock,
)
from tests.devices.escpos_desk import Desk
from tests.golden.signed_receipt import TEXT

FOLDER: Final = Path(__file__).parent / "paper"


def _sale(*lines: ReceiptBlock, copy: bool = False) -> ReceiptDocument:
    marked = (TextBlock("COPY", Align.CENTRE, Emphasis.LARGE),) if copy else ()
    blocks = (
        *marked,
        TextBlock("Corner Shop", Align.CENTRE, Emphasis.LARGE),
        TextBlock("1 Harbour Road, Exampleton", Align.CENTRE),
        FeedBlock(),
        RowBlock("Receipt", "1-000123"),
        RowBlock("Date", "2026-11-22 18:08"),
        RuleBlock(),
        *lines,
        RuleBlock(),
        RowBlock("Total EUR", "17.36", Emphasis.LARGE),
        RowBlock("Cash", "20.00"),
        RowBlock("Change", "2.64", Emphasis.BOLD),
        RuleBlock(),
        ColumnsBlock(("Tax", "Net", "Tax", "Gross")),
        ColumnsBlock(("21%", "8.26", "1.74", "10.00")),
        ColumnsBlock(("9%", "6.75", "0.61", "7.36")),
        FeedBlock(),
        TextBlock("Thank you \u2014 see you soon!", Align.CENTRE),
        QrBlock("TILLBOX1|1-000123|0193-demo|1736|EUR"),
        *marked,
    )
    return ReceiptDocument("Receipt 1-000123", blocks, copy=int(copy))


_PLAIN = (
    RowBlock("K\u00e4se mittelalt", "7.36"),
    TextBlock("  0.742 kg \u00d7 9.92 \u20ac/kg"),
    RowBlock("Wholegrain flour from the mill behind the dyke, stone-ground, 2.5 kg sack", "6.00"),
    RowBlock("Cr\u00e8me fra\u00eeche", "4.00"),
)
_SCRIPTS = (
    RowBlock("\u0141\u00f3d\u017a apples", "1.00"),
    RowBlock("\u0427\u0430\u0439 \u0447\u0451\u0440\u043d\u044b\u0439", "2.00"),
    RowBlock("\u039a\u03b1\u03c6\u03ad\u03c2", "3.00"),
    RowBlock("\u9752\u5c9b beer", "4.00"),
    RowBlock("\u0634\u0627\u064a tea", "5.00"),
)
_HOSTILE = (
    RowBlock("Milk\x1bp\x00\x19\xfa", "1.00"),
    RowBlock("Tea\x10\x14\x01\x00\x05", "2.00"),
    RowBlock("Rice\u202e\x9b\x1dV\x00", "3.00"),
)
_LOGO: Final = ReceiptDocument(
    "l",
    (
        # a frame of 42 by 33 dots: more rows than one raster has, and no whole bytes
        PictureBlock(
            42,
            b"".join(
                b"\xff\xff\xff\xff\xff\xc0" if row in {0, 32} else b"\x80\0\0\0\0\x40"
                for row in range(33)
            ),
        ),
        TextBlock("Corner Shop", Align.CENTRE, Emphasis.LARGE),
        QrBlock(TEXT, instead="TILLBOX1|till-1-004711|0193-demo|1736|EUR"),
    ),
)

CASES: Final[dict[str, tuple[PaperFormat, ReceiptDocument]]] = {
    "sale_80mm_42": (PaperFormat(), _sale(*_PLAIN)),
    "sale_80mm_48": (PaperFormat(columns=48), _sale(*_PLAIN)),
    "sale_58mm_32": (PaperFormat(columns=32), _sale(*_PLAIN)),
    "copy": (PaperFormat(), _sale(*_PLAIN, copy=True)),
    "one_page": (PaperFormat(), _sale(*_SCRIPTS)),
    "many_pages": (
        PaperFormat(other_code_pages=("cp852", "cp866", "cp737")),
        _sale(*_SCRIPTS),
    ),
    "hostile_names": (PaperFormat(), _sale(*_HOSTILE)),
    "logo_58mm_32": (PaperFormat(columns=32), _LOGO),
    "logo_80mm_48": (PaperFormat(columns=48), _LOGO),
    "symbols": (
        PaperFormat(qr="text", cut="full"),
        ReceiptDocument("s", (BarcodeBlock("A-4711"), QrBlock("as text"), BarcodeBlock("\u00e4"))),
    ),
}


def decoded(name: str) -> tuple[str, str]:
    """Return a case's paper and its bytes in hexadecimal, 32 to the line."""
    paper, document = CASES[name]
    encoded = EscposEncoder(paper).encode(document)
    (receipt,) = Desk(paper.columns).feed(encoded.data).roll.receipts
    head = f"columns {paper.columns}, substituted {encoded.substituted}, cut {receipt.cut}\n"
    text = head + "".join(line.looks.rstrip() + "\n" for line in receipt.lines)
    data = encoded.data.hex(" ")
    return text, "".join(data[at : at + 96].rstrip() + "\n" for at in range(0, len(data), 96))


def write() -> None:
    """Write all cases anew."""
    FOLDER.mkdir(exist_ok=True)
    for name in CASES:
        text, data = decoded(name)
        (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
        (FOLDER / f"{name}.hex").write_text(data, encoding="ascii")


if __name__ == "__main__":
    write()
