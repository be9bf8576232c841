"""A page loads its pack where that is of today's files, and its modules where it is not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from edge.runtime.packed_pages import with_packs
from edge.runtime.static_files import StaticFiles

PAGE = """<!doctype html>
<link rel="icon" href="/kit/mark.svg">
<link rel="stylesheet" href="/kit/keys.css">
<link rel="stylesheet" href="/till/till.css">
<link rel="modulepreload" href="/kit/words.js">
<link rel="modulepreload" href="/till/store.js">
<script type="module" src="/till/main.js"></script>
"""
PACKED = """<!doctype html>
<link rel="icon" href="/kit/mark.svg">
<link rel="stylesheet" href="/packed/till.css">
<script type="module" src="/packed/till.js"></script>
"""
FILES = {
    "kit/keys.css": "a {}",
    "kit/words.js": "words",
    "till/main.js": "main",
    "till/store.js": "store",
    "till/till.css": "b {}",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of packs of `FILES`."""
    packs = tmp_path / "packed"
    packs.mkdir()
    packed = FILES | {"till/index.html": PAGE}
    sources = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in packed.items()}
    (packs / "pages.json").write_text(json.dumps({"till": sources}))
    (packs / "till.js").write_text("all")
    (packs / "till.css").write_text("a{}b{}")
    return packs


def table(**changed: str) -> StaticFiles:
    files = {"till/index.html": PAGE, "display/index.html": PAGE} | FILES
    files |= {name.replace("__", "/").replace("_", "."): text for name, text in changed.items()}
    return StaticFiles.of({name: text.encode() for name, text in files.items() if text})


def test_a_page_loads_its_pack(folder: Path) -> None:
    files = with_packs(table(), folder)
    assert files.table["till/index.html"].content.decode() == PACKED
    assert files.table["packed/till.js"].content == b"all"
    # what has no pack is as it was, and so are the files that the pack is of
    assert files.table["display/index.html"].content.decode() == PAGE
    assert files.table["till/main.js"].content == b"main"


def test_packed_pages_keep_their_policy_and_have_addresses_of_their_version(folder: Path) -> None:
    files = with_packs(table(), folder).versioned()
    page = files.table["till/index.html"]
    assert dict(page.headers)["Content-Security-Policy"]
    version = next(name for name in files.names if name.endswith("/packed/till.js"))
    assert version.startswith("v/")
    assert f'src="/{version}"' in page.content.decode()


@pytest.mark.parametrize(
    "changed",
    [{"till__store_js": "newer"}, {"till__store_js": ""}, {"kit__keys_css": "a { top: 0 }"}],
    ids=["changed", "gone", "sheet"],
)
def test_a_pack_of_other_files_is_left_alone(folder: Path, changed: dict[str, str]) -> None:
    files = with_packs(table(**changed), folder)
    assert files.table["till/index.html"].content.decode() == PAGE


def test_a_pack_of_another_page_is_left_alone(folder: Path) -> None:
    # one more sheet: the packed one is without it
    page = PAGE.replace("<script", '<link rel="stylesheet" href="/till/new.css">\n<script')
    files = with_packs(table(till__index_html=page), folder)
    assert files.table["till/index.html"].content.decode() == page
    assert "till/index.html" not in with_packs(table(till__index_html=""), folder)


def test_without_packs_nothing_changes(tmp_path: Path) -> None:
    files = table()
    assert with_packs(files, tmp_path / "none") is files
