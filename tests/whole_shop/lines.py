"""Lines between the real processes that a test may hold, cut, or cut in the middle of a message.

Each line is a small proxy in a thread of its own (a test that waits for a program does not
stop the line). "out" is the way from the process that dials, "back" the way to it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from tests.whole_shop.demo_shop import Shop, demo_shop, eventually

T = TypeVar("T")
Way = Literal["out", "back"]
IDLE_S = 0.4
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass
class Carrier:
    """The thread that all lines of a shop live in."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    servers: list[asyncio.Server] = field(default_factory=list)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self.loop.run_forever, name="lines", daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], T]) -> T:
        """Do something in the thread of the lines and return what it returned."""

        async def inside() -> T:
            return work()

        return self.wait(inside())

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def stop(self) -> None:
        async def end() -> None:
            for server in self.servers:
                server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for server in self.servers:
                await server.wait_closed()
            await asyncio.sleep(0.1)  # the ends of connections are closed a turn later

        self.wait(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        if self._thread is not None:
            self._thread.join(10)
        self.loop.close()


@dataclass(eq=False)
class _Connection:
    """One connection through a line: both ends, and what is held of each way."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    held: dict[Way, bytearray] = field(
        default_factory=lambda: {"out": bytearray(), "back": bytearray()}
    )

    def reset(self) -> None:
        for writer in (self.near, self.far):
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()

    def target(self, way: Way) -> asyncio.StreamWriter:
        return self.far if way == "out" else self.near


class Line:
    """Listens on loopback and carries on to `target_port`."""

    def __init__(self, carrier: Carrier, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self._carrier = carrier
        self._live: set[_Connection] = set()
        self._holding: set[Way] = set()
        self._left: dict[Way, int] = {}
        self._from: dict[Way, bytes] = {}
        self._carried_at = 0.0

    def open(self) -> None:
        async def start() -> None:
            server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
            self._carrier.servers.append(server)
            self.port = server.sockets[0].getsockname()[1]

        self._carrier.wait(start())

    # --- what a test does to it -----------------------------------------------------------

    def hold(self, way: Way) -> None:
        """Take bytes of one way and keep them, until `flow`; a cut throws them away."""
        self._carrier.call(lambda: self._holding.add(way))

    def hold_from(self, way: Way, needle: bytes) -> None:
        """Hold one way from the first piece on that has these bytes in it."""
        self._carrier.call(lambda: self._from.__setitem__(way, needle))

    async def until_idle(self) -> None:
        """Wait until nothing has been carried for a while."""

        async def attempt() -> bool | None:
            now = self._carrier.loop.time()
            return True if now - self._carried_at > IDLE_S else None

        await eventually(attempt, what="nothing is said on the line")

    def held(self, way: Way) -> bytes:
        """Return what is kept of one way now."""
        return self._carrier.call(lambda: b"".join(bytes(each.held[way]) for each in self._live))

    def cut(self) -> None:
        """Reset every connection; what was held is lost, and the line carries again."""
        self._carrier.call(self._cut)

    def cut_after(self, way: Way, count: int) -> None:
        """Reset the connection that carries the next `count` bytes of one way, after them."""
        self._carrier.call(lambda: self._left.__setitem__(way, count))

    def flow(self) -> None:
        """Carry everything again, what was held first."""

        def release() -> None:
            self._holding.clear()
            self._from.clear()
            self._left.clear()
            for each in self._live:
                for way, kept in each.held.items():
                    if kept:
                        each.target(way).write(bytes(kept))
                        kept.clear()

        self._carrier.call(release)

    def drop(self) -> None:
        """Lose what is held, and reset: what a killed process had under way."""
        self.cut()

    def say(self, way: Way, content: bytes) -> None:
        """Say something that the other end never said."""

        def put() -> None:
            for each in self._live:
                each.target(way).write(content)

        self._carrier.call(put)

    async def until_held(self, way: Way, *needles: bytes) -> None:
        """Wait until all of these words are kept of one way."""

        async def attempt() -> bool | None:
            kept = self.held(way)
            return True if kept and all(needle in kept for needle in needles) else None

        await eventually(attempt, what=f"{needles} held on the way {way}")

    async def until_cut(self) -> None:
        """Wait until `cut_after` has cut."""

        async def attempt() -> bool | None:
            return True if not self._left else None

        await eventually(attempt, what="the line is cut in the middle")

    # --- in the thread --------------------------------------------------------------------

    def _cut(self) -> None:
        self._holding.clear()
        self._from.clear()
        self._left.clear()
        for each in list(self._live):
            each.reset()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(writer, far)
        self._live.add(connection)
        ways = [
            asyncio.create_task(self._one_way("out", reader, connection)),
            asyncio.create_task(self._one_way("back", far_reader, connection)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._live.discard(connection)
            for end in (writer, far):
                with suppress(OSError):
                    end.close()  # an end that said all it had to say is not a cut

    async def _one_way(
        self, way: Way, source: asyncio.StreamReader, connection: _Connection
    ) -> None:
        target = connection.target(way)
        with suppress(OSError):
            while content := await source.read(65_536):
                self._carried_at = self._carrier.loop.time()
                if (needle := self._from.get(way)) is not None and needle in content:
                    self._holding.add(way)
                if way in self._holding:
                    connection.held[way] += content
                    continue
                left = self._left.get(way)
                if left is not None and len(content) >= left:
                    target.write(content[:left])
                    await target.drain()
                    await asyncio.sleep(0.05)  # let the last bytes be read before the reset
                    self._cut()
                    return
                if left is not None:
                    self._left[way] = left - len(content)
                target.write(content)
                await target.drain()


@dataclass
class Lines:
    """The lines of a shop, by who dials whom."""

    edge_to_broker: Line
    devices_to_broker: Line
    sync_to_edge: Line
    sync_to_office: Line
    till_to_edge: Line
    printer: Line
    terminal: Line

    def flow(self) -> None:
        for line in vars(self).values():
            line.flow()


def _lead_over(path: Path, place: str, line: Line) -> None:
    """Let a settings file name the line's port in place of its target's."""
    text = path.read_text()
    old, new = place.format(line.target_port), place.format(line.port)
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new))


@asynccontextmanager
async def wired_shop(folder: Path) -> AsyncIterator[tuple[Shop, Lines]]:
    """Run a demo whose processes reach each other, printer and terminal over `Lines`."""
    carrier = Carrier()
    async with AsyncExitStack() as stack:
        carrier.start()
        stack.callback(carrier.stop)
        shop = await stack.enter_async_context(demo_shop(folder))
        config = shop.folder / "config"
        ports = json.loads((config / "ports.json").read_text())
        edge_port = int(shop.ready["edge_api"].rpartition(":")[2])

        def line(port: int) -> Line:
            made = Line(carrier, port)
            made.open()
            return made

        lines = Lines(
            edge_to_broker=line(ports["broker"]),
            devices_to_broker=line(ports["broker"]),
            sync_to_edge=line(edge_port),
            sync_to_office=line(ports["link"]),
            till_to_edge=line(edge_port),
            printer=line(ports["printer"]),
            terminal=line(ports["terminal"]),
        )
        broker = "\nport = {}\n"
        _lead_over(config / "edge.toml", broker, lines.edge_to_broker)
        _lead_over(config / "edge.toml", "tcp://127.0.0.1:{}", lines.printer)
        _lead_over(config / "edge.toml", "tcp://127.0.0.1:{}", lines.terminal)
        _lead_over(config / "devices.toml", broker, lines.devices_to_broker)
        _lead_over(config / "sync.toml", "http://127.0.0.1:{}", lines.sync_to_edge)
        _lead_over(config / "sync.toml", "ws://127.0.0.1:{}", lines.sync_to_office)
        for name in ("edge", "devices", "sync"):
            await shop.kill_and_wait(name)
        yield shop, lines
