"""Screens from a table: nothing leads out of it, and what is served is dressed right."""

from __future__ import annotations

import base64
import gzip
import hashlib
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from edge.contract.errors import Refused, SettingsInvalid
from edge.contract.limits import (
    STATIC_BYTES_MAX,
)
from edge.runtime.openapi import ANYONE, Route
from edge.runtime.static_files import (
    CONTENT_TYPES,
    StaticFiles,
    content_security_policy,
    importmap_hashes,
)
from tests.runtime.served import serve

MAP = b'\n{"imports": {"kit": "/kit.js"}}\n'
PAGE = b'<!doctype html><script type="importmap">' + MAP + b"</script><h1>Till</h1>" + b" " * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    screens = tmp_path / "screens"
    (screens / "fonts").mkdir(parents=True)
    (screens / "index.html").write_bytes(PAGE)
    (screens / "till.js").write_text("export const one = 1;\n" * 50)
    (screens / "tiny.css").write_text("a{}")
    (screens / "fonts" / "a.woff2").write_bytes(b"\0" * 500)
    (screens / ".hidden.js").write_text("secret")
    (screens / "notes.md").write_text("secret")
    (screens / "folder.js").mkdir()
    (tmp_path / "outside.js").write_text("secret")
    return screens


def _request(**headers: str) -> web.Request:
    return make_mocked_request("GET", "/", headers=headers)


def test_only_known_kinds_are_in_the_table(folder: Path) -> None:
    assert StaticFiles.load(folder).names == [
        "fonts/a.woff2",
        "index.html",
        "till.js",
        "tiny.css",
    ]
    prefixed = StaticFiles.load(folder, prefix="kit/")
    assert "kit/till.js" in prefixed
    assert "till.js" not in prefixed


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "..",
        "../outside.js",
        "fonts/../../outside.js",
        "/etc/passwd",
        "%2e%2e/outside.js",
        "..%2foutside.js",
        "..\\outside.js",
        "till.js\0",
        "till.js/",
        "TILL.JS",
        "fonts",
        ".hidden.js",
        "notes.md",
        "folder.js",
    ],
)
def test_nothing_leads_out(folder: Path, name: str) -> None:
    files = StaticFiles.load(folder)
    with pytest.raises(Refused) as caught:
        files.respond(_request(), name)
    assert caught.value.status == 404


async def test_nothing_leads_out_over_the_wire_either(folder: Path) -> None:
    files = StaticFiles.load(folder)

    async def screen(request: web.Request) -> web.StreamResponse:
        return files.respond(request, request.match_info["name"])

    route = Route(
        method="GET", path="/screens/{name}", handler=screen, summary="A screen.", access=ANYONE
    )
    async with serve([route]) as served:
        for path in (
            "/screens/../outside.js",
            "/screens/..%2foutside.js",
            "/screens/%2e%2e%2foutside.js",
            "/screens/..%5coutside.js",
            "/screens//etc/passwd",
            "/screens/..;/outside.js",
        ):
            answer = await served.raw(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            assert answer.startswith(b"HTTP/1.1 404 ")
            assert b"secret" not in answer
        async with served.http.get(f"{served.url}/screens/till.js") as response:
            assert response.status == 200
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Cache-Control"] == "no-cache"
        async with served.http.get(f"{served.url}/screens/index.html") as response:
            policy = response.headers.getall("Content-Security-Policy")
            assert policy == [content_security_policy([PAGE])]


def test_a_link_out_of_the_folder_stops_the_start(folder: Path) -> None:
    (folder / "link.js").symlink_to(folder.parent / "outside.js")
    with pytest.raises(SettingsInvalid) as caught:
        StaticFiles.load(folder)
    assert caught.value.code == "file_outside"


def test_a_folder_without_screens(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SettingsInvalid) as caught:
            StaticFiles.load(folder)
        assert caught.value.code == "no_screens"


def test_too_much_to_keep_in_memory(folder: Path) -> None:
    with (folder / "large.png").open("wb") as file:
        file.truncate(STATIC_BYTES_MAX + 1)
    with pytest.raises(SettingsInvalid) as caught:
        StaticFiles.load(folder)
    assert caught.value.code == "too_many_screens"


def test_packed_for_those_who_take_it(folder: Path) -> None:
    files = StaticFiles.load(folder)
    packed = files.respond(_request(**{"Accept-Encoding": "br, gzip"}), "till.js")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(bytes(packed.body)) == (folder / "till.js").read_bytes()  # type: ignore[arg-type]  # bytes
    plain = files.respond(_request(), "till.js")
    assert "Content-Encoding" not in plain.headers
    assert plain.body == (folder / "till.js").read_bytes()
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    for name in ("tiny.css", "fonts/a.woff2"):  # nothing to gain
        response = files.respond(_request(**{"Accept-Encoding": "gzip"}), name)
        assert "Content-Encoding" not in response.headers


def test_what_a_browser_has_is_not_sent_again(folder: Path) -> None:
    files = StaticFiles.load(folder)
    etag = files.respond(_request(), "till.js").headers["ETag"]
    for seen in (etag, f'"other", {etag}'):
        again = files.respond(_request(**{"If-None-Match": seen}), "till.js")
        assert again.status == 304
        assert again.body is None
        assert again.headers["ETag"] == etag
    other = files.respond(_request(**{"If-None-Match": '"other"'}), "till.js")
    assert other.status == 200


def test_a_page_asks_for_the_version_it_came_with(tmp_path: Path) -> None:
    map_before = b'<script type="importmap">{"imports":{"x":"/kit/x.js"}}</script>'
    page = b'<a href="/api/kit/x.js"></a><script src="/kit/x.js"></script>' + map_before
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "x.js").write_bytes(b"let x = 1;")
    (tmp_path / "index.html").write_bytes(page)
    files = StaticFiles.load(tmp_path).versioned()
    (kept,) = (name for name in files.names if name.startswith("v/"))
    assert kept.endswith("/kit/x.js")
    shown = files.respond(_request(), "index.html")
    mapped = map_before.replace(b"/kit", f"/{kept.removesuffix('/x.js')}".encode())
    assert shown.body == (
        b'<a href="/api/kit/x.js"></a><script src="/%b"></script>' % kept.encode() + mapped
    )
    assert shown.headers["Content-Security-Policy"] == content_security_policy([mapped])
    assert shown.headers["Cache-Control"] == "no-cache"
    asked = files.respond(_request(), kept)
    assert (asked.body, "immutable" in asked.headers["Cache-Control"]) == (b"let x = 1;", True)
    assert files.respond(_request(), "kit/x.js").headers["Cache-Control"] == "no-cache"

    (tmp_path / "kit" / "x.js").write_bytes(b"let x = 2;")
    after = StaticFiles.load(tmp_path).versioned()
    assert kept not in after


def test_types(folder: Path) -> None:
    files = StaticFiles.load(folder)
    for name in files.names:
        response = files.respond(_request(), name)
        assert response.headers["Content-Type"] == CONTENT_TYPES[Path(name).suffix]
        assert ("Cross-Origin-Opener-Policy" in response.headers) is name.endswith(".html")


def test_import_maps_and_nothing_else_inline() -> None:
    digest = base64.b64encode(hashlib.sha256(MAP).digest()).decode()
    assert importmap_hashes([PAGE, PAGE, b"<p>"]) == [f"'sha256-{digest}'"]
    other = b"<script src='/a.js'></script><script type='text/javascript'>x</script>"
    assert importmap_hashes([other]) == []
    assert len(importmap_hashes([b"<SCRIPT TYPE=importmap nonce=x>{}</SCRIPT >"])) == 1
    policy = content_security_policy([PAGE])
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_tables_are_put_together(folder: Path) -> None:
    one = StaticFiles.load(folder)
    (folder / "till.js").write_text("newer")
    two = StaticFiles.load(folder)
    both = StaticFiles.together([one, StaticFiles.load(folder, prefix="kit/"), two])
    assert both.respond(_request(), "till.js").body == b"newer"
    assert "kit/tiny.css" in both
