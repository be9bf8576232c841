from __future__ import annotations

import pytest

from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from tests.devices.escpos_desk import Desk
from tests.golden import script_cases
from tests.golden.paper_cases import CASES, FOLDER, decoded
from tests.golden.paper_picture import difference, picture, read


@pytest.mark.parametrize("name", CASES)
def test_paper_looks_as_agreed(name: str) -> None:
    text, data = decoded(name)
    assert text == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert data == (FOLDER / f"{name}.hex").read_text(encoding="ascii")


def test_no_golden_file_without_its_case() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(CASES)
    assert len(list(FOLDER.iterdir())) == 2 * len(CASES)


@pytest.mark.parametrize("name", script_cases.CASES)
def test_receipts_in_six_languages_look_as_agreed(name: str) -> None:
    text, paper = script_cases.printed(name)
    assert text == (script_cases.FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    agreed = read(script_cases.FOLDER / f"{name}.png")
    # a newer HarfBuzz may put a dot elsewhere, but no letter
    assert difference(paper, agreed) < 0.1


def test_the_comparison_of_pictures_sees_one_wrong_word() -> None:
    agreed = read(script_cases.FOLDER / "arabic_80mm.png")
    shop = script_cases.SHOPS["arabic"]
    other = shop._replace(name=shop.name[::-1])
    encoded = EscposEncoder(PaperFormat(), script_cases.LETTERS).encode(
        script_cases.document(other)
    )
    (receipt,) = Desk().feed(encoded.data).roll.receipts
    assert difference(picture(receipt, 42), agreed) > 0.3


def test_no_picture_without_its_case() -> None:
    names = {path.name for path in script_cases.FOLDER.iterdir()}
    assert names == {f"{name}.{kind}" for name in script_cases.CASES for kind in ("txt", "png")}
