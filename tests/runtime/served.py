"""A guarded application on a free loopback port, and bare sockets to talk to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, web

from edge.contract.errors import Refused
from edge.runtime.connection_watch import ConnectionWatch
from edge.runtime.http_guard import GuardSettings, guarded_app
from edge.runtime.http_service import HttpService
from edge.runtime.http_sessions import bearer_secret
from edge.runtime.ids import SystemIds
from edge.runtime.openapi import Access, Route
from tests.runtime.hand_clock import HandClock


@dataclass
class LogLines:
    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def error(self, event: str, /, **fields: Any) -> None:
        self.lines.append((event, fields))


async def gate(request: web.Request, access: Access) -> object:
    """Knows one caller, by a token; `forbidden` is a permission that nobody has."""
    if bearer_secret(request) != "right":
        raise Refused("not_signed_in", "Nobody is signed in.", status=401)
    if access.permission == "forbidden":
        raise Refused("not_allowed", "Not allowed.", status=403)
    return "the caller"


@dataclass
class Served:
    service: HttpService
    clock: HandClock
    log: LogLines
    http: ClientSession

    @property
    def url(self) -> str:
        return self.service.origin

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.service.port}"

    @contextlib.asynccontextmanager
    async def socket(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.service.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def raw(self, request: bytes) -> bytes:
        """Say this on a fresh connection and return everything until the server closes it."""
        async with self.socket() as (reader, writer):
            writer.write(request)
            return await reader.read()


@contextlib.asynccontextmanager
async def serve(
    routes: Sequence[Route],
    *,
    settings: GuardSettings | None = None,
    watch: Callable[[HandClock], ConnectionWatch] | None = None,
) -> AsyncIterator[Served]:
    clock = HandClock()
    log = LogLines()
    app = guarded_app(
        routes,
        settings=settings or GuardSettings(),
        gate=gate,
        clock=clock,
        ids=SystemIds(clock),
        log=log,
    )
    service = HttpService(
        app,
        address="127.0.0.1",
        port=0,
        clock=clock,
        watch=watch(clock) if watch else None,
    )
    await service.open()
    try:
        async with ClientSession(auto_decompress=False) as http:
            yield Served(service, clock, log, http)
    finally:
        await service.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; the deadline is a failure, never the normal way."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)
