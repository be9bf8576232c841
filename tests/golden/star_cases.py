"""The sample receipts on a Star printer: paper (`star/NAME.txt`, `.png`) and bytes (`.hex`)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image

from devices.protocols.star_encoder import StarEncoder, StarPaperFormat
from devices.simulators.printer_escpos.roll import Receipt
from edge.contract.receipt_document import ReceiptDocument
from tests.devices.star_desk import StarDesk
from tests.golden import script_cases
from tests.golden.paper_cases import CASES as SAMPLES
from tests.golden.paper_picture import picture

FOLDER: Final = Path(__file__).parent / "star"

CASES: Final[dict[str, tuple[StarPaperFormat, ReceiptDocument]]] = {
    "sale_80mm": (StarPaperFormat(), SAMPLES["sale_80mm_48"][1]),
    "sale_58mm": (StarPaperFormat(columns=32), SAMPLES["sale_58mm_32"][1]),
    "copy": (StarPaperFormat(cut="full"), SAMPLES["copy"][1]),
    "many_pages": (
        StarPaperFormat(other_code_pages=("cp852", "cp866", "cp737")),
        SAMPLES["many_pages"][1],
    ),
    "hostile_names": (StarPaperFormat(), SAMPLES["hostile_names"][1]),
    "logo": (StarPaperFormat(), SAMPLES["logo_80mm_48"][1]),
    "symbols": (StarPaperFormat(qr="text", cut="full"), SAMPLES["symbols"][1]),
    "english": (StarPaperFormat(), script_cases.document(script_cases.SHOPS["english"])),
    "arabic": (StarPaperFormat(), script_cases.document(script_cases.SHOPS["arabic"])),
    "chinese_58mm": (
        StarPaperFormat(columns=32),
        script_cases.document(script_cases.SHOPS["chinese"]),
    ),
}


def printed(name: str) -> tuple[Receipt, bytes, int]:
    """Return a case's receipt, the bytes that it was printed from, and how many signs lacked."""
    paper, document = CASES[name]
    encoded = StarEncoder(paper, script_cases.LETTERS).encode(document)
    (receipt,) = StarDesk(paper.columns).feed(encoded.data).roll.receipts
    return receipt, encoded.data, encoded.substituted


def decoded(name: str) -> tuple[str, str, Image.Image]:
    """Return a case's paper as text, its bytes in hexadecimal, and how the paper looks."""
    receipt, sent, substituted = printed(name)
    columns = CASES[name][0].columns
    head = f"columns {columns}, substituted {substituted}, cut {receipt.cut}\n"
    text = head + "".join(line.looks.rstrip() + "\n" for line in receipt.lines)
    data = sent.hex(" ")
    lines = "".join(data[at : at + 96].rstrip() + "\n" for at in range(0, len(data), 96))
    return text, lines, picture(receipt, columns)


def has_bytes(name: str) -> bool:
    """Say whether a case's bytes are kept: drawn letters may change with every HarfBuzz."""
    return name not in {"many_pages", "english", "arabic", "chinese_58mm"}


def write() -> None:
    """Write all cases anew."""
    FOLDER.mkdir(exist_ok=True)
    for name in CASES:
        text, data, paper = decoded(name)
        (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
        paper.save(FOLDER / f"{name}.png", optimize=True)
        if has_bytes(name):
            (FOLDER / f"{name}.hex").write_text(data, encoding="ascii")


if __name__ == "__main__":
    write()
