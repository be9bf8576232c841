"""Sockets that follow a till: the whole view on every change, newest wins.

A till's own is resumed by version; a customer display's has what the customer may see, and takes
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.limits import (
    SOCKET_HEARTBEAT_S,
    SOCKET_MESSAGE_BYTES_MAX,
    SOCKET_SEND_S_MAX,
)
from edge.flows.till import Till, TillViews
from edge.runtime.supervisor import Supervisor


@dataclass(eq=False)
class TillScreen:
    """One open socket. It holds at most one view that is not sent: the newest."""

    _newest: bytes | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, view: bytes) -> None:
        """Take the newest view; one that was not sent yet is dropped."""
        self._newest = view
        self._news.set()

    async def next(self) -> bytes:
        """Return the newest view once there is one."""
        while self._newest is None:
            self._news.clear()
            await self._news.wait()
        view, self._newest = self._newest, None
        return view


@dataclass(frozen=True)
class TillSockets:
    """Serves the sockets of all tills."""

    views: TillViews
    clock: Clock
    tasks: Supervisor
    _open: set[web.WebSocketResponse] = field(default_factory=set)

    async def close(self) -> None:
        """Say goodbye to every screen: the box is stopping, they come back by themselves."""
        for socket in list(self._open):
            _ = await socket.close(code=WSCloseCode.GOING_AWAY)

    async def serve(
        self, request: web.Request, till: Till, face: Callable[[bytes], bytes] | None = None
    ) -> web.WebSocketResponse:
        """Hold a socket until either side ends it. `after` is the version the till has.

        With a `face` it is another's than the till's: it gets what that makes of the view, when
        it is something new, and is ended by the first thing it says.
        """
        socket = web.WebSocketResponse(
            heartbeat=SOCKET_HEARTBEAT_S, max_msg_size=SOCKET_MESSAGE_BYTES_MAX, compress=False
        )
        after = _version(request.query.get("after", "0")) if face is None else -1
        await socket.prepare(request)
        screen = TillScreen()
        till.screens.add(screen)
        self._open.add(socket)
        if after < till.version or till.version == 0:
            screen.show(self.views.build(till))
        sender = self.tasks.spawn(f"socket of {till.id}", self._send(socket, screen, face))
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT or face is not None:
                    break  # a till has nothing to say here; text is taken as a sign of life
        finally:
            till.screens.discard(screen)
            self._open.discard(socket)
            sender.cancel()
        return socket

    async def _send(
        self,
        socket: web.WebSocketResponse,
        screen: TillScreen,
        face: Callable[[bytes], bytes] | None,
    ) -> None:
        sent = b""
        try:
            while not socket.closed:
                view = await screen.next()
                if face is not None:
                    view = face(view)
                    if view == sent:
                        continue  # a device or a till's own affair changed
                    sent = view
                async with self.clock.timeout(SOCKET_SEND_S_MAX):
                    await socket.send_frame(view, web.WSMsgType.TEXT)
        except (ConnectionError, TimeoutError):
            await socket.close()


def _version(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):  # noqa: PLR2004 - 64 bits
        raise Refused(
            "version_malformed", f"after={text!r} is not the version of a view.", status=400
        )
    return int(text)
