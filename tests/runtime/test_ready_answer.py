"""The answer written as one piece says what aiohttp would say, and only where it may."""

from __future__ import annotations

from email.parser import BytesParser
from email.utils import parsedate_to_datetime

import pytest
from aiohttp import web

from edge.runtime.http_errors import JsonResponse
from edge.runtime.http_guard import GuardSettings
from edge.runtime.openapi import ANYONE, Route
from edge.runtime.ready_answer import ReadyAnswer
from tests.runtime.served import serve

BODY = b'{"what":"' + b"x" * 200_000 + b'"}'


async def _ready(_: web.Request) -> web.StreamResponse:
    return ReadyAnswer(BODY)


async def _json(_: web.Request) -> web.StreamResponse:
    return JsonResponse(BODY)


async def _with_a_header(_: web.Request) -> web.StreamResponse:
    answer = ReadyAnswer(BODY)
    answer.headers["X-More"] = "of its own"
    return answer


ROUTES = tuple(
    Route(method="GET", path=path, handler=handler, summary="Tries it.", access=ANYONE)
    for path, handler in (("/ready", _ready), ("/json", _json), ("/header", _with_a_header))
)


def _parts(answer: bytes) -> tuple[bytes, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    return line, dict(BytesParser().parsebytes(fields + b"\r\n\r\n").items()), body


def _dateless(answer: bytes) -> tuple[bytes, dict[str, str], bytes]:
    line, fields, body = _parts(answer)
    assert fields.pop("Date").endswith(" GMT")
    return line, fields, body


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("connection", ["", "Connection: close\r\n", "Connection: keep-alive\r\n"])
async def test_it_is_what_aiohttp_answers(
    tls: bool, method: str, version: str, connection: str
) -> None:
    goes_on = "keep-alive" in connection or (version == "1.1" and not connection)
    async with serve(ROUTES, settings=GuardSettings(tls=tls)) as served:
        host = f"Host: {served.host}\r\n"
        last = f"GET /nowhere HTTP/1.1\r\n{host}Connection: close\r\n\r\n" if goes_on else ""

        async def whole(path: str) -> bytes:
            first = f"{method} {path} HTTP/{version}\r\n{host}{connection}\r\n"
            return await served.raw((first + last).encode())

        ready, plain = await whole("/ready"), await whole("/json")
        assert _dateless(ready)[:2] == _dateless(plain)[:2]
        assert ready.count(BODY) == plain.count(BODY) == (method == "GET")
        # what is asked next on the connection is answered; a connection that ends, ends
        assert ready.count(b"HTTP/1.1 404 ") == goes_on


async def test_what_a_handler_adds_is_said() -> None:
    async with serve(ROUTES) as served, served.http.get(f"{served.url}/header") as response:
        assert response.headers["X-More"] == "of its own"
        assert await response.read() == BODY


async def test_its_date_is_the_clocks_to_the_second() -> None:
    async with serve(ROUTES) as served:
        dates = []
        for step_ms in (0, 999, 1, 3_600_000):
            served.clock.step_wall_clock(step_ms)
            async with served.http.get(f"{served.url}/ready") as response:
                dates.append(parsedate_to_datetime(response.headers["Date"]).timestamp())
        begun = served.clock.now_ms() // 1_000 - 3_601
        assert dates == [begun, begun, begun + 1, begun + 3_601]


async def test_a_client_that_leaves_is_no_defect() -> None:
    async with serve(ROUTES) as served:
        async with served.socket() as (_, writer):
            writer.write(f"GET /ready HTTP/1.1\r\nHost: {served.host}\r\n\r\n".encode())
            writer.transport.abort()
        async with served.http.get(f"{served.url}/ready") as response:
            assert await response.read() == BODY
        assert served.log.lines == []
