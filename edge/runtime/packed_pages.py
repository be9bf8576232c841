"""Pages that load one script and one sheet, where the build packed just these files.

A page of 76 modules asks a small box for each of them before it shows anything. The build packs
what each page loads (`edge/screens/hatch_build.py`) and writes down of which files. Where any of
them is another today, as while somebody works on it, the page loads its modules as ever.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

import msgspec

from edge.runtime.static_files import StaticFiles

_PACKS: Final = msgspec.json.Decoder(dict[str, dict[str, str]])
_PRELOADED: Final = re.compile(rb'<link rel="modulepreload"[^>]*>\n')
_SHEETS: Final = re.compile(rb'(?:<link rel="stylesheet" href="/[^"]+">\n)+')


def with_packs(files: StaticFiles, folder: Path) -> StaticFiles:
    """Return the table with every page that `folder` has the pack of; without a folder, as it is.

    `pages.json` there names, by page, the SHA-256 of `<page>/index.html` and of every file that
    went into `<page>.js` and `<page>.css`.
    """
    try:
        packs = _PACKS.decode((folder / "pages.json").read_bytes())
    except FileNotFoundError:
        return files
    pages = {
        f"{page}/index.html": _packed(files.table[f"{page}/index.html"].content, page)
        for page, sources in packs.items()
        if all(_digest(files, name) == digest for name, digest in sources.items())
    }
    packed = StaticFiles.load(folder, prefix=f"{folder.name}/")
    return StaticFiles.together([files, packed, StaticFiles.of(pages)])


def _digest(files: StaticFiles, name: str) -> str:
    file = files.table.get(name)
    return "" if file is None else hashlib.sha256(file.content).hexdigest()


def _packed(html: bytes, page: str) -> bytes:
    html = _PRELOADED.sub(b"", html)
    html = _SHEETS.sub(
        f'<link rel="stylesheet" href="/packed/{page}.css">\n'.encode(), html, count=1
    )
    return html.replace(f"/{page}/main.js".encode(), f"/packed/{page}.js".encode())
