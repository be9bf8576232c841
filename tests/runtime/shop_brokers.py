"""The same shop over every broker: `client` gives a bus, `outage` takes the broker away."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from edge.runtime.broker_passwords import password_file
from edge.runtime.broker_settings import BrokerSettings
from edge.runtime.bus import Bus, BusMessage, LastWill, Subscription
from edge.runtime.embedded_broker import serve
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.mqtt_bus import MqttBus, MqttSettings
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from tests.brokers import (
    READER,
    STORE,
    USERS,
    Mosquitto,
    TlsDoor,
    find_free_port,
    write_password,
)
from tests.runtime.raw_mqtt import RawClient, raw_client

DEADLINE_S = 20.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; fails when the deadline passes."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def next_of(subscription: Subscription) -> BusMessage:
    async with asyncio.timeout(DEADLINE_S):
        return await anext(aiter(subscription))


class ShopBroker(Protocol):
    def bus(self, user: str, will: LastWill | None = None) -> Bus: ...

    async def stop(self) -> None: ...

    async def start(self) -> None: ...

    def cut(self, user: str) -> Awaitable[None]: ...


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[Bus]:
    """Run a bus for the length of the block, connected at its beginning."""
    task = asyncio.create_task(bus.run())
    try:
        await until(lambda: bus.connected or task.done())
        if task.done():
            task.result()
        yield bus
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@dataclass
class MemoryShop:
    broker: MemoryBroker = field(default_factory=MemoryBroker)

    def bus(self, user: str, will: LastWill | None = None) -> Bus:
        return self.broker.connect(user, will)

    async def stop(self) -> None:
        self.broker.stop()

    async def start(self) -> None:
        self.broker.start()

    async def cut(self, user: str) -> None:
        self.broker.drop(user)


@dataclass
class WireShop:
    """Over TCP, through a relay for each client that a test can cut."""

    folder: Path
    port: int
    protocol: str
    log_text: io.StringIO = field(default_factory=io.StringIO)
    links: dict[str, Relay] = field(default_factory=dict)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    tls: TlsDoor | None = None
    """The door for other machines; without one they come by `port`."""

    def outside(self) -> AbstractAsyncContextManager[RawClient]:
        """Come as another machine does."""
        if self.tls is None:
            return raw_client(self.port)
        return raw_client(self.tls.port, self.tls.context())

    def bus(self, user: str, will: LastWill | None = None) -> MqttBus:
        self.folder.mkdir(exist_ok=True)
        settings = MqttSettings(
            user=user,
            password_file=write_password(self.folder, user, USERS[user]),
            port=self.links[user].port,
            protocol=self.protocol,
        )
        return MqttBus(settings, will, SystemClock(), open_log(user, self.log_text))

    async def cut(self, user: str) -> None:
        self.links[user].cut()

    async def open_links(self) -> None:
        for user in USERS:
            self.links[user] = await self.stack.enter_async_context(relay(self.port))


class EmbeddedShop(WireShop):
    _ending: asyncio.Event
    _task: asyncio.Task[None]

    async def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        passwords = self.folder / "passwords"
        passwords.write_bytes(password_file(USERS))
        passwords.chmod(0o600)
        settings = BrokerSettings(STORE, passwords, port=self.port, home_assistant_user=READER)
        if self.tls is not None:
            settings = msgspec.structs.replace(
                settings,
                port=self.tls.port,
                certificate_file=self.tls.certificate_file,
                key_file=self.tls.key_file,
                loopback_port=self.port,
            )
        self._ending = asyncio.Event()
        self._task = asyncio.create_task(
            serve(settings, open_log("broker", self.log_text), self._ending)
        )
        ports = [self.port, *([self.tls.port] if self.tls else [])]
        await until(lambda: self._task.done() or all(map(listening, ports)))
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        self._ending.set()
        await self._task


@dataclass
class MosquittoShop(WireShop):
    broker: Mosquitto | None = None

    async def start(self) -> None:
        assert self.broker is not None
        await asyncio.to_thread(self.broker.start)

    async def stop(self) -> None:
        assert self.broker is not None
        await asyncio.to_thread(self.broker.stop)


def listening(port: int) -> bool:
    """Whether somebody has this port of loopback, from the kernel's own table: no connection."""
    wanted = f"0100007F:{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return any(line.split()[1] == wanted and line.split()[3] == "0A" for line in lines[1:])


@dataclass
class Relay:
    """A port in front of another; `cut` closes what runs through it, rudely."""

    port: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


@asynccontextmanager
async def relay(target: int) -> AsyncIterator[Relay]:
    link = Relay()
    tasks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        pair = {writer, back}
        link.writers |= pair
        try:
            await asyncio.gather(pump(reader, back), pump(there, writer))
        finally:
            link.writers -= pair
            writer.close()
            back.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        link.cut()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def embedded_shop(folder: Path, tls: TlsDoor | None = None) -> AsyncIterator[EmbeddedShop]:
    shop = EmbeddedShop(folder, find_free_port(), "3.1.1", tls=tls)
    await shop.start()
    async with shop.stack:
        await shop.open_links()
        try:
            yield shop
        finally:
            await shop.stop()


@asynccontextmanager
async def mosquitto_shop(folder: Path, broker: Mosquitto) -> AsyncIterator[MosquittoShop]:
    shop = MosquittoShop(folder, broker.port, broker.protocol, broker=broker, tls=broker.tls)
    async with shop.stack:
        await shop.open_links()
        yield shop
