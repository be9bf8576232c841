"""What edge may answer, and what becomes of it: a case table over a bare HTTP server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from typing_extensions import override

from edge.contract.errors import ReplicaFork, TillboxError
from edge.contract.limits import (
    FRAME_COMPRESSED_BYTES_MAX,
)
from edge.contract.replication import Ack, Head
from edge.runtime.system_clock import SystemClock
from sync.replicator.edge_client import EdgeClient
from sync.replicator.troubles import EdgeRefused, EdgeUnreachable

ACK = Ack("musterstadt", Head(1, 3, "0" * 64), 0, 1, "00")
FORK = b'{"code":"replica_fork","message":"Another event 3.","advice":"Call."}'
BUSY = b'{"code":"storage_failed","message":"The disk is full.","advice":"Call."}'


class HastyClock(SystemClock):
    """Everybody is given a three-hundredth of his time."""

    @override
    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        return super().timeout(None if seconds is None else seconds / 300)


@asynccontextmanager
async def edge_that_answers(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], clock: SystemClock
) -> AsyncIterator[EdgeClient]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession(auto_decompress=False) as http:
            yield EdgeClient(http, f"http://127.0.0.1:{runner.addresses[0][1]}", clock)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (200, b"", EdgeUnreachable, "edge_answer_malformed"),
        (200, b"{}", EdgeUnreachable, "edge_answer_malformed"),
        (200, b"\xff\xfe", EdgeUnreachable, "edge_answer_malformed"),
        (200, b"[" * 60_000, EdgeUnreachable, "edge_answer_malformed"),
        (200, b" " * 70_000, EdgeUnreachable, "edge_answer_too_large"),
        (204, b"", EdgeUnreachable, "edge_answer_malformed"),
        (302, b"", EdgeRefused, "http_302"),
        (404, b"<html>", EdgeRefused, "http_404"),
        (409, FORK, EdgeRefused, "replica_fork"),
        (500, b"\xff", EdgeUnreachable, "http_500"),
        (503, BUSY, EdgeUnreachable, "storage_failed"),
    ],
)
async def test_answers_to_status(
    status: int, body: bytes, kind: type[TillboxError], code: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body or None, headers={"Location": "/elsewhere"})

    async with edge_that_answers(answer, SystemClock()) as edge:
        with pytest.raises(kind) as raised:
            await edge.status()
    assert raised.value.code == code


async def test_a_fork_is_told_from_other_refusals_of_an_acknowledgement() -> None:
    said = [(409, FORK), (403, b'{"code":"ack_signature_wrong","message":"No.","advice":""}')]

    async def answer(_: web.Request) -> web.Response:
        status, body = said.pop(0)
        return web.Response(status=status, body=body)

    async with edge_that_answers(answer, SystemClock()) as edge:
        with pytest.raises(ReplicaFork, match="Another event 3"):
            await edge.take_ack(ACK)
        with pytest.raises(EdgeRefused) as refused:
            await edge.take_ack(ACK)
    assert (refused.value.status, refused.value.code) == (403, "ack_signature_wrong")


@pytest.mark.parametrize("more", [0, 1])
async def test_a_frame_is_taken_up_to_its_limit(more: int) -> None:
    frame = bytes(FRAME_COMPRESSED_BYTES_MAX + more)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=frame)

    async with edge_that_answers(answer, SystemClock()) as edge:
        if more:
            with pytest.raises(EdgeUnreachable, match="over 524288 bytes"):
                await edge.frame(0)
        else:
            assert await edge.frame(0) == frame


async def test_a_body_that_stops_half_way_is_no_answer() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return response

    async with edge_that_answers(answer, SystemClock()) as edge:
        with pytest.raises(EdgeUnreachable):
            await edge.frame(0)


async def test_silence_has_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with aiohttp.ClientSession() as http:
            edge = EdgeClient(http, url, HastyClock())
            with pytest.raises(EdgeUnreachable) as raised:
                await edge.status()
    assert raised.value.code == "edge_silent"
