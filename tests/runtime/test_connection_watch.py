"""Half-said requests, floods, and idle connections, over real sockets and a hand-moved clock."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from aiohttp import web

from edge.contract.limits import (
    KEEP_ALIVE_S_MAX,
    REQUEST_HEAD_S_MAX,
)
from edge.runtime.connection_watch import SWEEP_S, ConnectionWatch, is_loopback
from edge.runtime.http_errors import json_response
from edge.runtime.openapi import ANYONE, Route
from tests.runtime.hand_clock import HandClock
from tests.runtime.served import Served, serve, until

HALF_SAID = (
    b"",
    b"G",
    b"GET /ok HTTP/1.1",
    b"GET /ok HTTP/1.1\r\n",
    b"GET /ok HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
)


class Slow:
    """A handler that waits until it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def handle(self, _: web.Request) -> web.StreamResponse:
        self.begun.set()
        await self.go_on.wait()
        return json_response({"ok": "slow"})


async def _ok(_: web.Request) -> web.StreamResponse:
    return json_response({"ok": True})


def _routes(slow: Slow) -> list[Route]:
    return [
        Route(method="GET", path="/ok", handler=_ok, summary="Answers.", access=ANYONE),
        Route(method="GET", path="/slow", handler=slow.handle, summary="Waits.", access=ANYONE),
    ]


async def _tick(served: Served, seconds: float) -> None:
    """Let time pass in the sweeper's steps."""
    for _ in range(int(seconds / SWEEP_S)):
        await until(lambda: served.clock.waiting > 0)
        served.clock.advance(SWEEP_S)
        await asyncio.sleep(0)
    await until(lambda: served.clock.waiting > 0)


def _request(path: str = "/ok") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def test_fifty_half_said_requests_are_cut_and_a_till_is_served_meanwhile() -> None:
    async with serve(_routes(Slow())) as served, contextlib.AsyncExitStack() as stack:
        watch = served.service.watch
        readers = []
        for number in range(50):
            reader, writer = await stack.enter_async_context(served.socket())
            writer.write(HALF_SAID[number % len(HALF_SAID)])
            readers.append(reader)
        await until(lambda: watch.open_connections == 50)
        async with served.http.get(f"{served.url}/ok") as response:
            assert response.status == 200
        talkative = [r for number, r in enumerate(readers) if number % len(HALF_SAID)]
        silent = [r for number, r in enumerate(readers) if not number % len(HALF_SAID)]
        await until(lambda: sum(c._half_said for c in watch._connections) == len(talkative))

        await _tick(served, REQUEST_HEAD_S_MAX - 1)
        assert watch.cut == 0
        await _tick(served, 3)
        await until(lambda: watch.cut == len(talkative))
        for reader in talkative:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        async with served.http.get(f"{served.url}/ok") as response:
            assert response.status == 200

        await _tick(served, KEEP_ALIVE_S_MAX + 2)
        await until(lambda: watch.open_connections == 0)
        for reader in silent:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""


async def test_one_byte_a_second_wins_no_time() -> None:
    async with serve(_routes(Slow())) as served, served.socket() as (reader, writer):
        for byte in _request()[:8]:
            writer.write(bytes((byte,)))
            await writer.drain()
            await _tick(served, SWEEP_S)
        await _tick(served, REQUEST_HEAD_S_MAX)
        await until(lambda: served.service.watch.cut == 1)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


async def test_a_second_request_half_said_is_cut_too() -> None:
    async with serve(_routes(Slow())) as served, served.socket() as (reader, writer):
        writer.write(_request())
        assert b" 200 " in await reader.readuntil(b"}")
        await _tick(served, REQUEST_HEAD_S_MAX + 5)  # idle is allowed for longer
        assert served.service.watch.cut == 0
        writer.write(b"GET /o")
        [connection] = served.service.watch._connections
        await until(lambda: connection._half_said)
        await _tick(served, REQUEST_HEAD_S_MAX - 2)
        assert served.service.watch.cut == 0  # its time began with its first byte
        await _tick(served, 4)
        await until(lambda: served.service.watch.cut == 1)


async def test_idle_time_begins_with_the_answer() -> None:
    async with serve(_routes(Slow())) as served, served.socket() as (reader, writer):
        whole = _request()
        writer.write(whole[:5])
        await until(lambda: any(c._half_said for c in served.service.watch._connections))
        await _tick(served, REQUEST_HEAD_S_MAX - 3)
        writer.write(whole[5:])
        assert b" 200 " in await reader.readuntil(b"}")
        await _tick(served, KEEP_ALIVE_S_MAX - 2)
        assert served.service.watch.cut == 0
        await _tick(served, 4)
        await until(lambda: served.service.watch.cut == 1)


async def test_a_handler_may_take_its_time() -> None:
    slow = Slow()
    async with serve(_routes(slow)) as served, served.socket() as (reader, writer):
        writer.write(_request("/slow"))
        await slow.begun.wait()
        await _tick(served, KEEP_ALIVE_S_MAX + REQUEST_HEAD_S_MAX)
        slow.go_on.set()
        assert b'"slow"' in await reader.readuntil(b"}")
        assert served.service.watch.cut == 0


async def test_an_address_has_so_many_connections_and_no_more() -> None:
    def watch(clock: HandClock) -> ConnectionWatch:
        return ConnectionWatch(clock, loopback_max=3)

    async with serve(_routes(Slow()), watch=watch) as served:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(3):
                _, writer = await stack.enter_async_context(served.socket())
                writer.write(b"G")
            await until(lambda: served.service.watch.open_connections == 3)
            reader, _ = await stack.enter_async_context(served.socket())
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            assert served.service.watch.turned_away == 1
        await until(lambda: served.service.watch.open_connections == 0)
        async with served.http.get(f"{served.url}/ok") as response:
            assert response.status == 200  # there is room again


async def test_all_addresses_together_are_limited() -> None:
    async with serve(
        _routes(Slow()), watch=lambda clock: ConnectionWatch(clock, total_max=0)
    ) as served:
        async with served.socket() as (reader, _):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        assert served.service.watch.turned_away == 1


def test_strangers_and_this_machine_are_counted_apart() -> None:
    watch = ConnectionWatch(HandClock(), per_address_max=1, loopback_max=2)
    connections = [object() for _ in range(6)]
    admitted = [
        watch.admit(connection, address)  # type: ignore[arg-type]  # only its identity counts
        for connection, address in zip(
            connections,
            ["10.0.0.7", "10.0.0.7", "127.0.0.1", "127.0.0.1", "127.0.0.1", "10.0.0.8"],
            strict=True,
        )
    ]
    assert admitted == [True, False, True, True, False, True]
    watch.release(connections[0], "10.0.0.7")  # type: ignore[arg-type]
    assert watch.admit(connections[1], "10.0.0.7")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("fe80::1%eth0", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to judge, nothing listens
        ("", False),
        ("localhost", False),
    ],
)
def test_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03secret",
        b"GET\r\n\r\n",
        b"GET /ok HTTP/9.9\r\n\r\n",
        b"GET /ok HTTP/1.1\r\nHost: localhost\r\nBad Header: secret\r\n\r\n",
        b"GET /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /ok HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"".join(
            (
                b"POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n",
                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            )
        ),
    ],
)
async def test_what_is_not_http_gets_a_plain_no(garbage: bytes) -> None:
    async with serve(_routes(Slow())) as served:
        answer = await served.raw(garbage)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        assert b"secret" not in answer
        assert b"aiohttp" not in answer
        assert b"Python" not in answer
        assert b'"code":"bad_request"' in body
        assert served.service.watch.malformed == 1
        assert served.log.lines == []


async def test_garbage_behind_an_answer_that_has_begun_ends_the_connection() -> None:
    class Sent:
        output_size = 1

    class Request:
        writer = Sent()

    async with serve(_routes(Slow())) as served, served.socket() as (_, writer):
        writer.write(b"G")
        await until(lambda: served.service.watch.open_connections == 1)
        [connection] = served.service.watch._connections
        with pytest.raises(ConnectionResetError):
            connection.handle_error(Request())  # type: ignore[arg-type]  # all that is looked at


async def test_a_connection_that_is_gone_is_cut_without_harm() -> None:
    async with serve(_routes(Slow())) as served:
        async with served.socket() as (_, writer):
            writer.write(b"G")
            await until(lambda: served.service.watch.open_connections == 1)
            [connection] = served.service.watch._connections
        await until(lambda: served.service.watch.open_connections == 0)
        connection.cut()
        assert served.service.watch.open_connections == 0
        async with served.socket():
            await until(lambda: served.service.watch.open_connections == 1)
