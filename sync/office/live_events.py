"""Server-sent events for the page of head office: sales as they arrive, stores, and alarms.

Each sale has its place in the order of arrival as its event id, so that a browser that lost
the line goes on where it was: it says so by itself (`Last-Event-ID`). Alarms have none: every
stream begins with all that stand (`alarms`, again when one goes on), and tells each that begins,
is taken on or ends (`alarm`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import msgspec
from aiohttp import web

from edge.contract.attention_limits import ALARMS_SHOWN_MAX
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.limits import EVENT_STREAMS_MAX, SOCKET_HEARTBEAT_S, SOCKET_SEND_S_MAX
from edge.runtime.http_sessions import Sessions, cookie_secret
from sync.appending.event_store import EventStoreAway
from sync.office.alarm_cases import AlarmDesk
from sync.office.gate import OFFICE_COOKIE
from sync.office.people import BOUND_TO
from sync.office.sales import Sales

CONTENT_TYPE: Final = "text/event-stream"
_PLACE_DIGITS_MAX: Final = 18
_SALES_PER_WRITE: Final = 50


def place(text: str) -> int:
    """Read a place in the order of arrival. Raises Refused (400)."""
    if not (text.isascii() and text.isdigit() and len(text) <= _PLACE_DIGITS_MAX):
        raise Refused(
            "place_malformed",
            f"{text[:40]!r} is not a place in the order of arrival.",
            advice="Give the `next` of an earlier answer, or 0.",
            status=400,
        )
    return int(text)


@dataclass(eq=False)
class LiveEvents:
    """Serves the event streams; `changed` wakes them all."""

    sales: Sales
    alarms: AlarmDesk
    sessions: Sessions
    clock: Clock
    _streams: set[asyncio.Event] = field(default_factory=set)
    _closing: bool = False

    def changed(self) -> None:
        """Have every stream look what is new."""
        for stream in self._streams:
            stream.set()

    def close(self) -> None:
        """End every stream; browsers come back by themselves."""
        self._closing = True
        self.changed()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Stream until the browser goes, the session ends, or head office stops.

        `after` or `Last-Event-ID` is the last sale that the page has; without either it
        begins with what comes next.
        """
        given = request.headers.get("Last-Event-ID") or request.query.get("after")
        if len(self._streams) >= EVENT_STREAMS_MAX:
            raise Refused(
                "too_many_streams",
                f"{EVENT_STREAMS_MAX} pages listen already.",
                advice="Close one, or ask again later.",
                status=503,
            )
        after = await self.sales.newest() if given is None else place(given)
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
        if request.method == "HEAD":
            return response
        news = asyncio.Event()
        self._streams.add(news)
        try:
            await response.prepare(request)
            await self._stream(request, response, news, after)
        except (ConnectionError, TimeoutError, EventStoreAway):
            # the browser comes back by itself
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._streams.discard(news)
        return response

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, news: asyncio.Event, after: int
    ) -> None:
        secret = cookie_secret(request, OFFICE_COOKIE) or ""
        stores = alarms = b""
        step = await self.alarms.newest_step()
        while not self._closing:
            news.clear()
            if await self.sessions.find(secret, BOUND_TO) is None:
                return
            page = await self.sales.page(after, limit=_SALES_PER_WRITE)
            for sale in page.sales:
                body = msgspec.json.encode(sale)
                await self._write(response, b"id: %d\nevent: sale\ndata: " % sale.arrival + body)
            after = page.next
            if (now := msgspec.json.encode(await self.sales.stores())) != stores:
                stores = now
                await self._write(response, b"event: stores\ndata: " + stores)
            step, cases = await self.alarms.steps(step)
            for case in cases:
                await self._write(response, b"event: alarm\ndata: " + msgspec.json.encode(case))
            if (now := msgspec.json.encode(await self.alarms.standing())) != alarms:
                alarms = now
                await self._write(response, b"event: alarms\ndata: " + alarms)
            if not page.sales and len(cases) < ALARMS_SHOWN_MAX:
                await self._wait(response, news)

    async def _wait(self, response: web.StreamResponse, news: asyncio.Event) -> None:
        try:
            async with self.clock.timeout(SOCKET_HEARTBEAT_S):
                await news.wait()
        except TimeoutError:
            await self._write(response, b": still here")

    async def _write(self, response: web.StreamResponse, event: bytes) -> None:
        async with self.clock.timeout(SOCKET_SEND_S_MAX):
            await response.write(event + b"\n\n")
