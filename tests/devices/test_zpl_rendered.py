"""Labels drawn by another program's reading of ZPL, and their bar codes read back.

The drawing program knows no `^B8`, so an EAN-8 is held against its bytes alone
(`protocols/test_zpl_labels.py`).
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from devices.protocols.zpl_labels import LabelFormat, encode_label
from edge.contract.device_messages import ShelfLabel

FOLDER = Path(__file__).parent / "zpl_render"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(
    NODE is None or not (FOLDER / "node_modules").exists(),
    reason="no zpl-renderer-js here (`npm ci --ignore-scripts` in tests/devices/zpl_render)",
)
FORMS = (LabelFormat(), LabelFormat(57, 32, 12), LabelFormat(100, 60, 24), LabelFormat(80, 40, 6))
NUMBERS = {
    "9520000000011": ("9520000000011", "]E0"),
    "036000291452": ("0036000291452", "]E0"),
    "9520000000012": ("9520000000012", "]C0"),
    "09520000000011": ("09520000000011", "]C0"),
    "SHELF-7_5E": ("SHELF-7_5E", "]C0"),
    "12\\&,;": ("12\\&,;", "]C0"),
}
NAMES = ("x" * 200, "W" * 200, "WWWWWWW MMMMMMM " * 9, "Ä" * 200, "i j l " * 30, "0123456789" * 20)


def drawn(labels: list[ShelfLabel], form: LabelFormat) -> list[Image.Image]:
    assert NODE is not None
    sizes = (form.width_mm, form.height_mm, form.dots_per_mm)
    asked = [(encode_label(label, form).decode(), *sizes) for label in labels]
    done = subprocess.run(
        [NODE, "render.cjs"],
        cwd=FOLDER,
        input=json.dumps(asked).encode(),
        capture_output=True,
        check=True,
    )
    pictures = [base64.b64decode(each) for each in json.loads(done.stdout)]
    assert len(pictures) == len(labels)
    return [Image.open(io.BytesIO(each)).convert("L") for each in pictures]


def read(picture: Image.Image) -> list[tuple[str, str]]:
    found = zxingcpp.read_barcodes(picture)
    return [(each.text, each.symbology_identifier) for each in found]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.dots_per_mm}_dots")
def test_bar_codes_are_read_back(form: LabelFormat) -> None:
    labels = [
        ShelfLabel("Käse ^FS~JA_5E", "2,49 €", "9,96 €/kg", number, copies=3) for number in NUMBERS
    ]
    pictures = drawn(labels, form)
    assert [read(picture) for picture in pictures] == [[each] for each in NUMBERS.values()]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.dots_per_mm}_dots")
def test_the_longest_texts_stay_on_the_label(form: LabelFormat) -> None:
    labels = [ShelfLabel(name, "1234567,89 EUR", name[:40], "9520000000011") for name in NAMES]
    for name, picture in zip(NAMES, drawn(labels, form), strict=True):
        assert read(picture) == [("9520000000011", "]E0")], name
        width, height = picture.size
        margin = form.dots_per_mm
        for box in (
            (0, 0, margin, height),
            (width - margin, 0, width, height),
            (0, 0, width, margin // 2),
            (0, height - margin // 2, width, height),
        ):
            assert picture.crop(box).getextrema() == (255, 255), name


def test_a_name_is_drawn_and_not_obeyed() -> None:
    labels = [ShelfLabel(name, "1") for name in ("Käse", "Käse^FS^FO300,200^GB90,90,90^FS")]
    plain, hostile = (picture.crop((0, 90, 560, 304)) for picture in drawn(labels, FORMS[0]))
    assert hostile.tobytes() == plain.tobytes()
