"""A second copy on a free loopback port, and boxes that talk to it over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import ClientSession, ClientWebSocketResponse, DummyCookieJar, WSMsgType

from edge.contract.instant import Clock
from edge.contract.replication import (
    BoxMessage,
    Challenge,
    Denied,
    Head,
    Hello,
    KeeperMessage,
    Kept,
    Proof,
    Welcome,
    keeper_proof_bytes,
)
from edge.runtime.keys import SigningKey, create_key, load_key
from edge.runtime.structured_log import open_log
from sync.keeper.box_directory import KnownBox
from sync.keeper.server import Keeper, running_keeper
from sync.keeper.settings import KeeperSettings, WebSettings
from tests.sync.office.head_office import AT, Box

M = TypeVar("M")
_DECODER = msgspec.json.Decoder(KeeperMessage)


@dataclass
class Line:
    """The box's end of a session."""

    socket: ClientWebSocketResponse[bool]
    heard: list[Any] = field(default_factory=list)

    async def say(self, message: BoxMessage) -> None:
        await self.socket.send_str(msgspec.json.encode(message).decode())

    async def next(self) -> Any:
        """Return the next message; None once the line is closed."""
        async with asyncio.timeout(20):
            message = await self.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return None
        self.heard.append(_DECODER.decode(message.data))
        return self.heard[-1]

    async def hear(self, shape: type[M]) -> M:
        message = await self.next()
        assert isinstance(message, shape), f"{message} where {shape.__name__} was expected"
        return message

    async def send(self, *frames: bytes) -> None:
        for frame in frames:
            await self.socket.send_bytes(frame)

    async def upload(self, frame: bytes) -> Kept:
        await self.send(frame)
        return await self.hear(Kept)


@dataclass
class SecondCopy:
    """A running second copy."""

    keeper: Keeper
    settings: KeeperSettings
    key: SigningKey
    http: ClientSession
    log: io.StringIO

    async def add(self, box: Box) -> None:
        await self.keeper.boxes.add(KnownBox(box.number, box.store, box.key.public.hex, box.gen))

    @contextlib.asynccontextmanager
    async def raw_line(self) -> AsyncIterator[Line]:
        url = f"{self.keeper.web.origin}/sync/v1/session"
        async with self.http.ws_connect(url) as socket:
            yield Line(socket)

    @contextlib.asynccontextmanager
    async def line(self, box: Box, **changed: Any) -> AsyncIterator[Line]:
        """A session up to (not with) the answer to Hello and Proof."""
        async with self.raw_line() as line:
            challenge = await line.hear(Challenge)
            public = box.key.public.hex
            values: dict[str, Any] = {
                "store": box.store,
                "box": public,
                "head": box.head,
                "cursors": {},
                "clock": AT,
                "version": "0.1.0",
                "nonce": challenge.nonce,
            }
            signer = changed.pop("signer", box.key)
            signed = changed.pop(
                "signed",
                keeper_proof_bytes(box.store, challenge.nonce, public, self.key.public.hex),
            )
            await line.say(Hello(**{**values, **changed}))
            signed = signed(challenge.nonce) if callable(signed) else signed
            await line.say(Proof(signer.sign(signed).hex()))
            yield line

    @contextlib.asynccontextmanager
    async def session(self, box: Box, **changed: Any) -> AsyncIterator[tuple[Line, Welcome]]:
        async with self.line(box, **changed) as line:
            welcome = await line.hear(Welcome)
            if welcome.head.seq:
                assert (await line.hear(Kept)).kept == welcome.head
            yield line, welcome

    async def denied(self, box: Box, *frames: bytes) -> Denied:
        """Send frames in a session of its own and return how they are refused."""
        async with self.session(box) as (line, _):
            await line.send(*frames)
            refusal = await line.hear(Denied)
            assert await line.next() is None
        return refusal

    async def head(self, box: Box) -> Head:
        return await self.keeper.events.head(box.number, box.gen)

    async def alarms(self, box: Box) -> list[str]:
        alarms = await self.keeper.boxes.alarms.all()
        return [alarm.kind for alarm in alarms.get(box.number, ())]


@contextlib.asynccontextmanager
async def keep(
    folder: Path, *boxes: Box, clock: Clock | None = None, **more: Any
) -> AsyncIterator[SecondCopy]:
    folder.mkdir(exist_ok=True)
    key_file = folder / "keep.key"
    if not key_file.exists():
        create_key(key_file)
    settings = KeeperSettings(folder, key_file, web=WebSettings(port=0), **more)
    log = io.StringIO()
    async with (
        running_keeper(settings, open_log("keep", log), clock) as keeper,
        ClientSession(cookie_jar=DummyCookieJar()) as http,
    ):
        copy = SecondCopy(keeper, settings, load_key(key_file), http, log)
        for box in boxes:
            await copy.add(box)
        yield copy
