"""Screens from a folder, read once at start: a fixed table of known files, nothing else.

What is not in the table does not exist, so no path can lead out of the folder.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from edge.contract.errors import Refused, SettingsInvalid
from edge.contract.limits import (
    STATIC_BYTES_MAX,
)

CONTENT_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""Files of other kinds are not served."""
_PACKED_ALREADY: Final = frozenset({".ico", ".png", ".webp", ".woff2"})
_GZIP_GAIN_MIN: Final = 0.9
_IMPORT_MAP: Final = re.compile(
    rb"<script\b[^>]*\btype\s*=\s*[\"']?importmap[\"']?[^>]*>(.*?)</script\s*>",
    re.IGNORECASE | re.DOTALL,
)
_PAGE_HEADERS: Final = (
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_ADDRESS: Final = re.compile(rb'"/([^"]+)"')
_ASK_AGAIN: Final = "no-cache"
_KEEP: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class StaticFile:
    """One file in memory: its bytes, packed too where that helps, and its headers."""

    content: bytes
    packed: bytes | None
    etag: str
    headers: tuple[tuple[str, str], ...]

    def respond(self, request: web.Request) -> web.Response:
        """Answer with the file, or 304 when the browser has it already."""
        response = web.Response(headers=self.headers)
        response.headers[hdrs.ETAG] = self.etag
        if self.etag in (
            tag.strip() for tag in request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")
        ):
            response.set_status(304)
            return response
        if self.packed is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            response.headers[hdrs.CONTENT_ENCODING] = "gzip"
            response.body = self.packed
        else:
            response.body = self.content
        return response


class StaticFiles:
    """The table of files below a folder, by their path with `/` between; `load` reads them."""

    def __init__(self, table: Mapping[str, StaticFile]) -> None:
        self.table = table

    @classmethod
    def load(cls, folder: Path, *, prefix: str = "") -> StaticFiles:
        """Read every file of a known kind, once. Names that start with a dot are left out.

        Raises SettingsInvalid: no such folder, nothing in it, too much in it, or a link that
        leads out of it.
        """
        root = folder.resolve()
        contents: dict[str, bytes] = {}
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root)
            if path.suffix not in CONTENT_TYPES or any(part.startswith(".") for part in name.parts):
                continue
            if not path.is_file():
                continue
            if not path.resolve().is_relative_to(root):
                raise SettingsInvalid(
                    "file_outside", f"{path} is a link that leads out of {folder}."
                )
            contents[prefix + name.as_posix()] = path.read_bytes()
        if not contents:
            raise SettingsInvalid(
                "no_screens",
                f"{folder} holds no files to serve.",
                advice="Install the package again: its screens are missing.",
            )
        total = sum(map(len, contents.values()))
        if total > STATIC_BYTES_MAX:
            raise SettingsInvalid(
                "too_many_screens",
                f"The files in {folder} have {total} bytes; {STATIC_BYTES_MAX} is the limit.",
            )
        return cls.of(contents)

    @classmethod
    def of(cls, contents: Mapping[str, bytes]) -> StaticFiles:
        """Return a table of pages and files that are made here, by their path."""
        return cls(_prepare(contents, _ASK_AGAIN))

    @classmethod
    def together(cls, parts: Iterable[StaticFiles]) -> StaticFiles:
        """Return one table of several; a later part wins where two have one path."""
        files: dict[str, StaticFile] = {}
        for part in parts:
            files.update(part.table)
        return cls(files)

    def versioned(self) -> StaticFiles:
        """Return the table with each file also at an address that names the version of them all.

        The pages ask for those addresses, and browsers keep what lies there for good: a page
        that is opened again asks for itself alone, and after an update no page mixes old and
        new modules. Scripts and sheets must name each other by relative addresses.
        """
        digest = hashlib.sha256()
        for name in self.names:
            digest.update(f"{name} {self.table[name].etag}\n".encode())
        version = f"v/{digest.hexdigest()[:16]}/"
        parts = {name: file.content for name, file in self.table.items() if not _is_page(name)}

        def readdress(found: re.Match[bytes]) -> bytes:
            name = found[1].decode()
            return f'"/{version}{name}"'.encode() if name in parts else found[0]

        pages = {
            name: _ADDRESS.sub(readdress, file.content)
            for name, file in self.table.items()
            if _is_page(name)
        }
        kept = {version + name: content for name, content in parts.items()}
        return StaticFiles(
            {
                **self.table,
                **_prepare(pages, _ASK_AGAIN),
                **_prepare(kept, _KEEP),
            }
        )

    def __contains__(self, name: str) -> bool:
        return name in self.table

    @property
    def names(self) -> list[str]:
        """The paths that are served."""
        return sorted(self.table)

    def respond(self, request: web.Request, name: str) -> web.Response:
        """Answer with a file of the table. Raises Refused (404)."""
        file = self.table.get(name)
        if file is None:
            raise Refused(
                "not_found",
                "There is nothing at this address.",
                advice="Check the address.",
                status=404,
            )
        return file.respond(request)


def importmap_hashes(pages: Iterable[bytes]) -> list[str]:
    """Return the CSP sources of the import maps in some pages: `'sha256-...'`."""
    digests = {
        hashlib.sha256(found).digest() for page in pages for found in _IMPORT_MAP.findall(page)
    }
    return sorted(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def content_security_policy(pages: Iterable[bytes]) -> str:
    """Return the policy of our pages: everything from here, nothing inline but import maps."""
    scripts = " ".join(["'self'", *importmap_hashes(pages)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )


def _is_page(name: str) -> bool:
    return name.endswith(".html")


def _prepare(contents: Mapping[str, bytes], caching: str) -> dict[str, StaticFile]:
    policy = content_security_policy(contents.values())
    return {
        name: _prepare_one(name, content, policy, caching) for name, content in contents.items()
    }


def _prepare_one(name: str, content: bytes, policy: str, caching: str) -> StaticFile:
    suffix = Path(name).suffix
    headers: list[tuple[str, str]] = [
        (hdrs.CONTENT_TYPE, CONTENT_TYPES[suffix]),
        (hdrs.CACHE_CONTROL, caching),
    ]
    if _is_page(name):
        headers += [("Content-Security-Policy", policy), *_PAGE_HEADERS]
    packed = None
    if suffix not in _PACKED_ALREADY:
        headers.append((hdrs.VARY, "Accept-Encoding"))
        smaller = gzip.compress(content, 9, mtime=0)
        packed = smaller if len(smaller) < len(content) * _GZIP_GAIN_MIN else None
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return StaticFile(content, packed, etag, tuple(headers))
