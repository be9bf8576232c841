"""What the build fetches: libraries of the screens, fonts of the receipts."""

from __future__ import annotations

import importlib.util
import json
import struct
import zlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hook() -> ModuleType:
    """Load it as hatchling does: the module is in no register."""
    path = ROOT / "edge" / "screens" / "hatch_build.py"
    spec = importlib.util.spec_from_file_location("hatch_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_font_is_unpacked_whole(hook: ModuleType) -> None:
    tables = {b"cmap": b"a" * 41, b"glyf": b"bc"}
    body, directory = b"", b""
    begins = 44 + 20 * len(tables)
    for tag, data in tables.items():
        packed = min(zlib.compress(data), data, key=len)
        directory += struct.pack(">4sIIII", tag, begins + len(body), len(packed), len(data), 7)
        body += packed
    head = b"wOFF" + struct.pack(">IIH", 0x10000, 0, len(tables))
    font = hook.unpacked(head.ljust(44, b"\0") + directory + body)
    assert font[:6] == struct.pack(">IH", 0x10000, 2)
    for at, (tag, data) in enumerate(tables.items()):
        entry = font[12 + 16 * at : 28 + 16 * at]
        assert entry[:8] == tag + struct.pack(">I", 7)
        begin, size = struct.unpack(">II", entry[8:])
        assert font[begin : begin + size] == data
        assert begin % 4 == 0


def test_what_was_fetched_is_there_whole_and_licensed(hook: ModuleType) -> None:
    for kit in hook.KITS:
        assert kit.is_current, f"{kit.place} was made from another lock: make it anew"
    fonts = ROOT / "devices" / "lettering" / "fonts"
    held = json.loads((fonts / "held.json").read_bytes())
    assert {path.name for path in fonts.glob("*.ttf")} == set(held)
    for family in {name.partition("-")[0] for name in held}:
        assert "SIL Open Font License" in (fonts / f"{family}.LICENSE.txt").read_text("utf-8")


def test_another_lock_makes_a_folder_stale(hook: ModuleType, tmp_path: Path) -> None:
    def fill(_: Path, place: Path) -> None:
        (place / "needed").write_text("x")

    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "package.json").write_text('{"name": "nothing", "version": "1.0.0"}')
    kit = hook.Kit(tmp_path, "made", fill, "needed")
    assert not kit.is_current
    kit.fetch(["true"])  # a program that takes any words and does nothing
    assert kit.is_current
    (tmp_path / "package-lock.json").write_text("{ }")
    assert not kit.is_current
