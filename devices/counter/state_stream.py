"""The counter's state as server-sent events: whole, whenever it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from devices.counter.counter_messages import CounterState
from edge.contract.device_limits import (
    COUNTER_LOOK_MS,
    COUNTER_WATCHERS_MAX,
)
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.limits import (
    SOCKET_HEARTBEAT_S,
)

_RETRY: bytes = b"retry: 1000\n\n"
_HEARTBEAT: bytes = b": still here\n\n"


class StateStream:
    """Serves watchers until `close`; looks at the state only while somebody watches."""

    def __init__(self, state: Callable[[], CounterState], clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._encoder = msgspec.json.Encoder()
        self._closing = asyncio.Event()
        self._watchers = 0

    def close(self) -> None:
        """End every stream: pages come back by themselves."""
        self._closing.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Stream to one watcher until it goes; raises Refused when too many watch."""
        if self._watchers >= COUNTER_WATCHERS_MAX:
            raise Refused(
                "too_many_watchers",
                f"{COUNTER_WATCHERS_MAX} pages watch the counter already.",
                advice="Close some of them.",
                status=503,
            )
        self._watchers += 1
        try:
            return await self._stream(request)
        finally:
            self._watchers -= 1

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(_RETRY)
        shown = b""
        spoken_ms = self._clock.monotonic_ms()
        while not self._closing.is_set() and not _gone(request):
            now_ms = self._clock.monotonic_ms()
            state = self._encoder.encode(self._state())
            if state != shown:
                shown, spoken_ms = state, now_ms
                await response.write(b"data: " + state + b"\n\n")
            elif now_ms - spoken_ms > SOCKET_HEARTBEAT_S * 1000:
                spoken_ms = now_ms
                await response.write(_HEARTBEAT)
            try:
                async with self._clock.timeout(COUNTER_LOOK_MS / 1000):
                    await self._closing.wait()
            except TimeoutError:
                continue
        return response


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
