"""Sockets of device walls: the whole wall after each change, newest wins, a few times a second."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, web

from edge.contract.device_limits import (
    WALL_REFRESH_S,
)
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.limits import (
    SOCKET_HEARTBEAT_S,
    SOCKET_MESSAGE_BYTES_MAX,
    SOCKET_SEND_S_MAX,
    WALL_SHOW_MS,
    WALL_SOCKETS_MAX,
)
from edge.contract.wire import encode
from edge.flows.access import Access, CashierSession
from edge.flows.device_wall import DeviceWall
from edge.runtime.supervisor import Supervisor


@dataclass(frozen=True)
class WallSockets:
    """Serves the sockets of all device walls; `changed` says that there is news."""

    wall: DeviceWall
    access: Access
    clock: Clock
    tasks: Supervisor
    _open: dict[web.WebSocketResponse, asyncio.Event] = field(default_factory=dict)

    def changed(self) -> None:
        """Have every open wall shown again. Costs nothing while none is."""
        for news in self._open.values():
            news.set()

    async def close(self) -> None:
        """Say goodbye to every wall: the box is stopping, they come back by themselves."""
        for socket in list(self._open):
            _ = await socket.close(code=WSCloseCode.GOING_AWAY)

    async def serve(self, request: web.Request, session: CashierSession) -> web.WebSocketResponse:
        """Hold a socket until either side ends it, or the sign-in is over. It takes nothing."""
        if len(self._open) >= WALL_SOCKETS_MAX:
            raise Refused(
                "busy",
                f"{WALL_SOCKETS_MAX} device walls are open already.",
                advice="Close one on another screen.",
                status=503,
            )
        socket = web.WebSocketResponse(
            heartbeat=SOCKET_HEARTBEAT_S, max_msg_size=SOCKET_MESSAGE_BYTES_MAX, compress=False
        )
        await socket.prepare(request)
        news = self._open[socket] = asyncio.Event()
        news.set()
        sender = self.tasks.spawn("device wall", self._send(socket, news, session))
        try:
            async for _ in socket:
                break  # a wall has nothing to say here
        finally:
            del self._open[socket]
            sender.cancel()
        return socket

    async def _send(
        self, socket: web.WebSocketResponse, news: asyncio.Event, session: CashierSession
    ) -> None:
        try:
            while not socket.closed:
                await self._news(news)
                news.clear()
                if not self.access.holds(session):
                    _ = await socket.close(code=WSCloseCode.POLICY_VIOLATION)
                    return
                async with self.clock.timeout(SOCKET_SEND_S_MAX):
                    await socket.send_frame(encode(self.wall.view()), web.WSMsgType.TEXT)
                await self.clock.sleep(WALL_SHOW_MS / 1000)
        except (ConnectionError, TimeoutError):
            _ = await socket.close()

    async def _news(self, news: asyncio.Event) -> None:
        """Wait for news, and not for ever: room, temperature and times go on without any."""
        try:
            async with self.clock.timeout(WALL_REFRESH_S):
                await news.wait()
        except TimeoutError:
            return
