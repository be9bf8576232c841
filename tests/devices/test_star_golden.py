"""Receipts of a Star printer as paper: text, bytes, looks, and codes that can be read."""

from __future__ import annotations

import pytest
import zxingcpp
from PIL import Image

from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from devices.protocols.star_encoder import StarEncoder, StarPaperFormat
from devices.simulators.printer_escpos import Receipt
from tests.devices.escpos_desk import Desk
from tests.devices.star_desk import StarDesk
from tests.golden import script_cases
from tests.golden.paper_picture import difference, picture, read
from tests.golden.signed_receipt import TEXT
from tests.golden.star_cases import CASES, FOLDER, decoded, has_bytes, printed


@pytest.mark.parametrize("name", CASES)
def test_paper_looks_as_agreed(name: str) -> None:
    text, data, paper = decoded(name)
    assert text == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    if has_bytes(name):
        assert data == (FOLDER / f"{name}.hex").read_text(encoding="ascii")
    # a newer HarfBuzz may put a dot elsewhere, but no letter
    assert difference(paper, read(FOLDER / f"{name}.png")) < 0.1


def test_the_comparison_sees_one_wrong_word() -> None:
    shop = script_cases.SHOPS["arabic"]
    other = shop._replace(name=shop.name[::-1])
    encoded = StarEncoder(StarPaperFormat(), script_cases.LETTERS).encode(
        script_cases.document(other)
    )
    (receipt,) = StarDesk().feed(encoded.data).roll.receipts
    assert difference(picture(receipt, 48), read(FOLDER / "arabic.png")) > 0.3


def test_no_golden_file_without_its_case() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    kinds = {name: ("txt", "png", "hex") if has_bytes(name) else ("txt", "png") for name in CASES}
    assert names == {f"{name}.{kind}" for name, every in kinds.items() for kind in every}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sale_80mm", "TILLBOX1|1-000123|0193-demo|1736|EUR"),
        ("sale_58mm", "TILLBOX1|1-000123|0193-demo|1736|EUR"),
        ("logo", TEXT),
    ],
)
def test_the_code_on_the_paper_can_be_read(name: str, said: str) -> None:
    with Image.open(FOLDER / f"{name}.png") as paper:
        assert [found.text for found in zxingcpp.read_barcodes(paper.convert("L"))] == [said]


def test_the_printer_is_told_the_code_byte_for_byte() -> None:
    _, sent, _ = printed("logo")
    head, _, rest = sent.partition(b"\x1b\x1dyD1\x00")
    size = int.from_bytes(rest[:2], "little")
    assert rest[2 : 2 + size].decode() == TEXT
    assert rest[2 + size :].startswith(b"\x1b\x1dyP\n")
    # model 2, level M, and modules that leave the code narrower than the paper
    assert b"\x1b\x1dyS0\x02\x1b\x1dyS1\x01\x1b\x1dyS2" in head


@pytest.mark.parametrize("name", ["english", "arabic"])
def test_what_is_written_is_what_the_other_printer_writes(name: str) -> None:
    document = script_cases.document(script_cases.SHOPS[name])
    escpos = EscposEncoder(PaperFormat(columns=48), script_cases.LETTERS).encode(document)
    (other,) = Desk(48).feed(escpos.data).roll.receipts
    mine, _, _ = printed(name)
    assert _written(mine) == _written(other)


def _written(receipt: Receipt) -> list[str]:
    return [line.looks for line in receipt.lines if line.text.strip() and line.mark != "picture"]
