"""A line that fails: passes bytes on, until it is told to cut them off or to swallow them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress


class TcpCutter:
    """Listens on loopback and passes on to a port.

    `budgets` gives each new connection the bytes that pass, both ways together, before it
    is cut; None, or the end of them, is no limit. While `swallowing`, bytes vanish and
    nobody is told: a dead line with live ends.
    """

    def __init__(self, target_port: int, budgets: Iterator[int | None] | None = None) -> None:
        self.target_port = target_port
        self.port = 0
        self.connections = 0
        self.cuts = 0
        self.swallowing = False
        self._budgets = budgets
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        """Cut every connection now."""
        for writer in self._writers:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        budget = [next(self._budgets, None) if self._budgets is not None else None]
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target_port)
            self._writers.add(far)
            ways = [
                asyncio.create_task(self._one_way(reader, far, budget)),
                asyncio.create_task(self._one_way(far_reader, writer, budget)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass
        finally:
            for end in (writer, far):
                if end is not None:
                    self._writers.discard(end)
                    end.transport.abort()

    async def _one_way(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        budget: list[int | None],
    ) -> None:
        with suppress(OSError):
            while content := await source.read(65_536):
                if self.swallowing:
                    continue
                left = budget[0]
                if left is not None:
                    content = content[:left]
                    budget[0] = left - len(content)
                target.write(content)
                await target.drain()
                if budget[0] == 0:
                    self.cuts += 1
                    return
