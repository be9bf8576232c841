"""The guard against what browsers, strangers and attackers send."""

from __future__ import annotations

import gzip
import json
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from edge.contract.errors import DeviceUnreachable, Refused
from edge.contract.limits import (
    BODY_BYTES_MAX,
    REQUEST_S_MAX,
)
from edge.runtime.http_errors import json_response
from edge.runtime.http_guard import CALLER, GuardSettings, read_body, read_message
from edge.runtime.openapi import ANYONE, BYTES_TYPE, Access, Route
from tests.runtime.served import Served, serve, until


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    text: str


async def _get(_: web.Request) -> web.StreamResponse:
    return json_response({"ok": True})


async def _wish(request: web.Request) -> web.StreamResponse:
    wish = await read_message(request, Wish)
    return json_response({"text": wish.text})


async def _bytes(request: web.Request) -> web.StreamResponse:
    return json_response({"size": len(await read_body(request))})


async def _caller(request: web.Request) -> web.StreamResponse:
    return json_response({"caller": request[CALLER]})


async def _defect(_: web.Request) -> web.StreamResponse:
    raise ZeroDivisionError("the secret of the defect")


async def _payload(_: web.Request) -> web.StreamResponse:
    raise web.RequestPayloadError("chunk of no length")  # as aiohttp's Python parser does


async def _unreachable(_: web.Request) -> web.StreamResponse:
    raise DeviceUnreachable("no_printer", "The printer is away.", advice="Plug it in.")


async def _socket(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.data == "break":
            raise ZeroDivisionError("in the middle")
        await socket.send_str(f"heard {message.data}")
    return socket


async def _late(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"begun")
    raise Refused("too_late", "Something was said already.")


def _route(method: str, path: str, handler: Any, access: Access = ANYONE, **more: Any) -> Route:
    return Route(
        method=method, path=path, handler=handler, summary="Tries it.", access=access, **more
    )


ROUTES = (
    _route("GET", "/get", _get),
    _route("POST", "/wish", _wish, request=Wish),
    _route("POST", "/nothing", _get),
    _route("POST", "/bytes", _bytes, takes=BYTES_TYPE, body_bytes_max=1_000),
    _route("POST", "/gzip", _bytes, takes=BYTES_TYPE, encodings=("gzip",)),
    _route("GET", "/caller", _caller, Access("till")),
    _route("POST", "/caller", _caller, Access("till"), request=Wish),
    _route("GET", "/forbidden", _caller, Access("till", "forbidden")),
    _route("GET", "/defect", _defect),
    _route("GET", "/payload", _payload),
    _route("GET", "/unreachable", _unreachable),
    _route("GET", "/socket", _socket, socket=True),
    _route("GET", "/late", _late),
    _route("GET", "/tills/{till}", _get),
)
JSON = {"Content-Type": "application/json"}


async def _refusal(response: aiohttp.ClientResponse) -> tuple[int, str]:
    body = await response.json()
    assert set(body) == {"code", "message", "advice", "params"}
    assert body["message"].endswith(".")
    return response.status, body["code"]


# --- names -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST", 200),
        ("[::1]:{port}", 200),
        ("shop.example:{port}", 200),
        ("shop.example.", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.1", 421),
        ("0x7f.0.0.1", 421),
        ("localhost:80:80", 421),
        ("localhost:999999", 421),
        ("user@localhost", 421),
        ("localhost/", 421),
        ("", 421),
    ],
)
@pytest.mark.parametrize("path", ["/get", "/nowhere"])
async def test_only_names_of_this_box_are_served(host: str, status: int, path: str) -> None:
    async with serve(ROUTES, settings=GuardSettings(hosts=frozenset({"Shop.example"}))) as served:
        name = host.format(port=served.service.port)
        for _ in range(2):  # the second time it may come from memory
            answer = await served.raw(
                f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
            )
            expected = 404 if status == 200 and path == "/nowhere" else status
            assert answer.startswith(f"HTTP/1.1 {expected} ".encode())


async def test_a_request_without_host_is_misdirected() -> None:
    async with serve(ROUTES) as served:
        assert b" 421 " in await served.raw(b"GET /get HTTP/1.0\r\n\r\n")


async def test_a_body_may_wait_for_leave_and_nothing_else_is_expected() -> None:
    async with serve(ROUTES) as served:
        head = f"POST /wish HTTP/1.1\r\nHost: 127.0.0.1:{served.service.port}\r\n"
        body = '{"text":"x"}'
        rest = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        asked = f"{head}{rest}Expect: 100-continue\r\nConnection: close\r\n\r\n{body}"
        answer = await served.raw(asked.encode())
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
        refused = await served.raw(asked.replace("100-continue", "wonders").encode())
        assert refused.startswith(b"HTTP/1.1 417 ")
        assert b'"code":"expectation_failed"' in refused
        assert b"wonders" not in refused


async def test_the_memory_of_good_names_is_bounded() -> None:
    async with serve(ROUTES) as served:
        for port in range(1, 200):
            headers = {"Host": f"localhost:{port}"}
            async with served.http.get(f"{served.url}/get", headers=headers) as response:
                assert response.status == 200


# --- origins -----------------------------------------------------------------------------

OWN = "http://{host}"


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Origin": OWN}, True),
        ({"Origin": OWN, "Cookie": "a=b"}, True),
        ({"Origin": "https://office.example", "Cookie": "a=b"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Cookie": "a=b"}, True),
        ({"Authorization": "Bearer right"}, True),
        ({"Cookie": "a=b"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "https://{host}"}, False),
        ({"Origin": "http://127.0.0.1"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, False),
        ({"Origin": "http://evil.example", "Authorization": "Bearer right"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none", "Cookie": "a=b"}, False),
    ],
)
async def test_what_changes_something_comes_from_here(
    headers: dict[str, str], allowed: bool
) -> None:
    settings = GuardSettings(origins=frozenset({"https://office.example"}))
    async with serve(ROUTES, settings=settings) as served:
        sent = {name: value.format(host=served.host) for name, value in headers.items()}
        async with served.http.post(
            f"{served.url}/wish", json={"text": "x"}, headers=sent
        ) as response:
            assert response.status == (200 if allowed else 403)
        async with served.http.get(f"{served.url}/get", headers=sent) as response:
            assert response.status == 200
        if allowed:
            async with served.http.ws_connect(f"{served.url}/socket", headers=sent) as socket:
                await socket.send_str("hello")
                assert (await socket.receive()).data == "heard hello"
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await served.http.ws_connect(f"{served.url}/socket", headers=sent)
            assert caught.value.status == 403


# --- bodies ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "headers", "expected"),
    [
        ("/wish", b'{"text":"x"}', JSON, (200, "")),
        (
            "/wish",
            b'{"text":"x"}',
            {"Content-Type": 'application/json; charset="UTF-8"'},
            (200, ""),
        ),
        ("/wish", b'{"text":"x"}', {"Content-Type": "APPLICATION/JSON"}, (200, "")),
        ("/wish", b'{"text":"x"}', {"Content-Type": "text/plain"}, (415, "wrong_content_type")),
        (
            "/wish",
            b'{"text":"x"}',
            {"Content-Type": "application/json; charset=utf-16"},
            (415, "wrong_content_type"),
        ),
        ("/wish", b"", {"Content-Type": "text/plain"}, (415, "wrong_content_type")),
        ("/wish", b"", JSON, (400, "not_json")),
        ("/wish", b'{"text":', JSON, (400, "not_json")),
        ("/wish", b'{"text":"a","text":"b"}', JSON, (400, "json_not_strict")),
        ("/wish", b'{"text":NaN}', JSON, (400, "json_not_strict")),
        ("/wish", b'{"txt":"x"}', JSON, (422, "wrong_shape")),
        ("/wish", b"[" * 60_000, JSON, (400, "json_too_deep")),
        ("/wish", b" " * (BODY_BYTES_MAX + 1), JSON, (413, "too_large")),
        ("/bytes", b"x" * 1_000, {"Content-Type": BYTES_TYPE}, (200, "")),
        ("/bytes", b"x" * 1_001, {"Content-Type": BYTES_TYPE}, (413, "too_large")),
        ("/bytes", b"x", JSON, (415, "wrong_content_type")),
        ("/nothing", b"{}", JSON, (415, "body_not_expected")),
        ("/wish", b"x", {**JSON, "Content-Encoding": "gzip"}, (415, "encoding_refused")),
        ("/wish", b'{"text":"x"}', {**JSON, "Content-Encoding": "identity"}, (200, "")),
    ],
)
async def test_bodies(
    path: str, body: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    async with (
        serve(ROUTES) as served,
        served.http.post(f"{served.url}{path}", data=body, headers=headers) as response,
    ):
        if expected[0] == 200:
            assert response.status == 200, await response.text()
        else:
            assert await _refusal(response) == expected


async def test_a_route_may_unpack_by_itself() -> None:
    body = gzip.compress(b"x" * 500)
    headers = {"Content-Type": BYTES_TYPE, "Content-Encoding": "gzip"}
    async with (
        serve(ROUTES) as served,
        served.http.post(f"{served.url}/gzip", data=body, headers=headers) as response,
    ):
        assert await response.json() == {"size": len(body)}  # as sent: nothing was unpacked


async def test_no_body_where_none_is_wanted() -> None:
    async with serve(ROUTES) as served, served.http.post(f"{served.url}/nothing") as response:
        assert response.status == 200


def _chunked(path: str, host: str, chunks: list[bytes], media_type: str = BYTES_TYPE) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {media_type}\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    ).encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


async def test_a_body_without_length_is_limited_while_it_is_read() -> None:
    async with serve(ROUTES) as served:
        small = _chunked("/bytes", served.host, [b"x" * 400, b"x" * 600, b""])
        assert b'{"size":1000}' in await served.raw(small)
        large = _chunked("/bytes", served.host, [b"x" * 400, b"x" * 601, b""])
        assert b" 413 " in await served.raw(large)
        endless = _chunked("/bytes", served.host, [b"x" * 60_000])
        assert b" 413 " in await served.raw(endless)


async def test_a_body_may_come_in_parts() -> None:
    async with serve(ROUTES) as served, served.socket() as (reader, writer):
        request = _chunked("/bytes", served.host, [b"x" * 400, b"x" * 600, b""])
        writer.write(request[:-700])
        await until(lambda: served.clock.waiting == 2)  # the handler waits for the rest
        writer.write(request[-700:])
        assert b'{"size":1000}' in await reader.read()


async def test_chunks_that_break_off_are_given_up() -> None:
    # aiohttp's parser tells the waiting handler nothing: the deadline ends it
    async with serve(ROUTES) as served, served.socket() as (reader, writer):
        writer.write(_chunked("/bytes", served.host, [b"abc"]))
        await until(lambda: served.clock.waiting == 2)
        writer.write(b"zz\r\nnonsense")
        await writer.drain()
        served.clock.advance(REQUEST_S_MAX + 0.1)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"nonsense" not in answer
        assert served.log.lines == []


async def test_a_body_that_aiohttp_cannot_read_is_a_bad_request() -> None:
    async with serve(ROUTES) as served, served.http.get(f"{served.url}/payload") as response:
        assert await _refusal(response) == (400, "bad_request")


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    async with serve(ROUTES) as served, served.socket() as (reader, writer):
        writer.write(
            f"POST /bytes HTTP/1.1\r\nHost: {served.host}\r\nContent-Type: {BYTES_TYPE}\r\n"
            "Content-Length: 100\r\n\r\nhalf".encode()
        )
        await until(lambda: served.clock.waiting == 2)  # the sweeper, and the deadline
        served.clock.advance(REQUEST_S_MAX + 0.1)
        answer = await reader.read()
        assert b" 408 " in answer
        assert b"too_slow" in answer


async def test_a_client_that_leaves_in_the_middle_is_no_defect() -> None:
    async with serve(ROUTES) as served:
        async with served.socket() as (_, writer):
            writer.write(
                f"POST /bytes HTTP/1.1\r\nHost: {served.host}\r\nContent-Type: {BYTES_TYPE}\r\n"
                "Content-Length: 100\r\n\r\nhalf".encode()
            )
            await until(lambda: served.clock.waiting == 2)
            writer.transport.abort()
        await until(lambda: served.service.watch.open_connections == 0)
        assert served.log.lines == []


# --- who asks ----------------------------------------------------------------------------


async def test_the_gate_stands_before_the_handler() -> None:
    async with serve(ROUTES) as served:
        url = f"{served.url}/caller"
        async with served.http.get(url) as response:
            assert await _refusal(response) == (401, "not_signed_in")
        token = {"Authorization": "Bearer right"}
        async with served.http.get(url, headers=token) as response:
            assert await response.json() == {"caller": "the caller"}
        async with served.http.get(f"{served.url}/forbidden", headers=token) as response:
            assert await _refusal(response) == (403, "not_allowed")
        # nobody's body is read before it is known who asks
        async with served.http.post(url, json={"text": 1}) as response:
            assert response.status == 401


# --- answers -----------------------------------------------------------------------------


async def test_what_is_not_there() -> None:
    async with serve(ROUTES) as served:
        async with served.http.get(f"{served.url}/nowhere") as response:
            assert await _refusal(response) == (404, "not_found")
        async with served.http.delete(f"{served.url}/wish") as response:
            assert await _refusal(response) == (405, "method_not_allowed")
            assert response.headers["Allow"] == "POST"
        async with served.http.head(f"{served.url}/get") as response:
            assert response.status == 200
            assert await response.read() == b""


async def test_a_defect_is_a_sentence_and_a_line_in_the_log() -> None:
    async with serve(ROUTES) as served, served.http.get(f"{served.url}/defect") as response:
        text = await response.text()
        body = json.loads(text)
        assert response.status == 500
        assert body["code"] == "defect"
        assert "secret" not in text
        assert "Traceback" not in text
        [(event, fields)] = served.log.lines
        assert event == "request_failed"
        assert fields["incident"] == body["params"]["incident"]
        assert fields["incident"] in body["message"]
        assert fields["at"] == "GET /defect"
        assert "the secret of the defect" in "".join(fields["trace"])


async def test_an_expected_error_keeps_its_words() -> None:
    async with serve(ROUTES) as served, served.http.get(f"{served.url}/unreachable") as response:
        assert response.status == 503
        assert await response.json() == {
            "code": "no_printer",
            "message": "The printer is away.",
            "advice": "Plug it in.",
            "params": {},
        }


async def test_nothing_is_said_twice_on_a_stream_that_has_begun() -> None:
    async with serve(ROUTES) as served:
        async with served.http.ws_connect(f"{served.url}/socket") as socket:
            await socket.send_str("break")
            message = await socket.receive()
            assert message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE}
        await until(lambda: len(served.log.lines) == 1)
        answer = await served.raw(f"GET /late HTTP/1.1\r\nHost: {served.host}\r\n\r\n".encode())
        assert answer.count(b"HTTP/1.1") == 1
        assert b"too_late" not in answer


@pytest.mark.parametrize("path", ["/get", "/nowhere", "/defect", "/tills/a%2Fb"])
@pytest.mark.parametrize("tls", [False, True])
async def test_every_answer_is_dressed(path: str, tls: bool) -> None:
    async with (
        serve(ROUTES, settings=GuardSettings(tls=tls)) as served,
        served.http.get(f"{served.url}{path}") as response,
    ):
        headers = response.headers
        assert "Server" not in headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert ("Strict-Transport-Security" in headers) is tls


async def test_behind_tls_the_own_origin_is_https() -> None:
    async with serve(ROUTES, settings=GuardSettings(tls=True)) as served:
        for scheme, status in (("https", 200), ("http", 403)):
            headers = {"Origin": f"{scheme}://{served.host}"}
            async with served.http.post(
                f"{served.url}/wish", json={"text": "x"}, headers=headers
            ) as response:
                assert response.status == status


async def test_the_guard_also_works_behind_another_server(served_elsewhere: Served) -> None:
    async with served_elsewhere.http.get(f"{served_elsewhere.url}/get") as response:
        assert response.status == 200


@pytest.fixture
async def served_elsewhere() -> Any:
    """The same application on aiohttp's own site, without the connection watch."""
    async with serve(ROUTES) as served:
        runner = web.AppRunner(served.service._app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()

        class Elsewhere:
            http = served.http
            url = f"http://127.0.0.1:{site.port}"

        try:
            yield Elsewhere()
        finally:
            await runner.cleanup()
