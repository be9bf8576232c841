"""A PNG as a logo: a dot is a dot, transparent is white, and what does not fit is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from edge.contract.errors import Refused
from edge.contract.reference_data import Feed, Logo, StoreProfile
from sync.office.logo_file import read_logo
from sync.office.shop_folder import ShopFolder

DEMO = Path("sync/office/demo_shop")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_each_dark_dot_is_black_and_nothing_else(tmp_path: Path, mode: str) -> None:
    picture = Image.new("L", (11, 3), 255)
    for x, y, grey in ((0, 0, 0), (10, 0, 0), (8, 1, 127), (3, 2, 0), (4, 2, 128)):
        picture.putpixel((x, y), grey if mode != "1" or grey != 127 else 0)
    path = tmp_path / "logo.png"
    picture.convert(mode, dither=Image.Dither.NONE).save(path)
    assert read_logo(path) == Logo(11, bytes((0x80, 0x20, 0x00, 0x80, 0x10, 0x00)))


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (8, 1), (0, 0, 0, 0))
    picture.putpixel((7, 0), (0, 0, 0, 255))
    picture.save(tmp_path / "logo.png")
    assert read_logo(tmp_path / "logo.png").rows == b"\x01"


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    for size in ((385, 1), (1, 241)):
        Image.new("1", size).save(path)
        with pytest.raises(ValueError, match="384 x 240 is the most"):
            read_logo(path)
    Image.new("1", (384, 240)).save(path)
    whole = path.read_bytes()
    assert len(read_logo(path).rows) == 48 * 240
    for broken in (whole[: len(whole) // 2], whole[:20], b"GIF89a", b""):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="cannot be read as a PNG"):
            read_logo(path)
    path.write_bytes(whole + bytes(1_048_577))
    with pytest.raises(ValueError, match="over 1048576 bytes"):
        read_logo(path)


def test_a_shops_folder_may_hold_one(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path, dirs_exist_ok=True)
    Image.new("1", (16, 2)).save(tmp_path / "logo.png")
    shop = ShopFolder(tmp_path)
    shop.read()
    (item,) = shop.items[Feed.CONFIG]
    assert msgspec.json.decode(item.value, type=StoreProfile).logo == Logo(16, b"\xff" * 4)
    Image.new("1", (400, 2)).save(tmp_path / "logo.png")
    with pytest.raises(Refused, match=r"logo\.png: it is 400 x 2 dots"):
        ShopFolder(tmp_path).read()
