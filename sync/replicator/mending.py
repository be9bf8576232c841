"""What a box lost is fetched from head office: where both part, what follows there, and on.

`sync` compares hashes and carries frames; it decodes no event. What has come is kept by `edge`,
so a line that breaks costs nothing but the time.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final, TypeVar

import aiohttp
import msgspec

from edge.contract.errors import ProtocolViolation
from edge.contract.history_mending import (
    MENDING_PATH,
    FrameAsked,
    GenerationAsked,
    GenerationGiven,
    HashAsked,
    HashSaid,
    MendingAsked,
    MendingBegun,
    MendingSaid,
    MendingState,
    Standing,
)
from edge.contract.instant import Clock
from edge.contract.limits import LINK_PING_S, LINK_SILENCE_S_MAX
from edge.contract.mending_limits import MENDING_ROUNDS_MAX
from edge.contract.replication import Challenge, Denied, Hello, ReplicaStatus
from edge.contract.wire import encode
from edge.runtime.structured_log import Log
from sync.replicator.daemon_resolver import DaemonResolver
from sync.replicator.edge_client import EdgeClient
from sync.replicator.office_link import open_socket
from sync.replicator.settings import SESSION_PATH
from sync.replicator.troubles import OFFICE, OfficeDenied, OfficeUnreachable

M = TypeVar("M")
_SAID: Final = msgspec.json.Decoder(MendingSaid)


class MendingLine:
    """The open line. Whatever is wrong with it is OfficeUnreachable, or ProtocolViolation."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool], clock: Clock) -> None:
        self._socket = socket
        self._clock = clock

    async def say(self, message: MendingAsked) -> None:
        """Send a message."""
        try:
            await self._socket.send_frame(encode(message), aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, OSError) as error:
            raise OfficeUnreachable("link_lost", f"The line broke: {error}.") from None

    async def hear(self, shape: type[M]) -> M:
        """Return the next message, which has to be of this shape. Raises OfficeDenied."""
        said = await self.next()
        if not isinstance(said, shape):
            raise _out_of_turn()
        return said

    async def next(self) -> MendingSaid:
        """Return the next message. Raises OfficeDenied for a denial."""
        said = _said(await self._receive(aiohttp.WSMsgType.TEXT))
        if isinstance(said, Denied):
            raise OfficeDenied(said.code, said.message)
        return said

    async def frame(self) -> bytes:
        """Return the frame that was asked for. Raises OfficeDenied when there is none."""
        frame: bytes = await self._receive(aiohttp.WSMsgType.BINARY)
        return frame

    async def _receive(self, kind: aiohttp.WSMsgType) -> bytes:
        try:
            async with self._clock.timeout(LINK_SILENCE_S_MAX):
                message = await self._socket.receive()
        except TimeoutError:
            raise OfficeUnreachable(
                "office_silent", f"Head office said nothing for {LINK_SILENCE_S_MAX:g} s."
            ) from None
        if message.type is kind:
            data: bytes = message.data
            return data
        if message.type is aiohttp.WSMsgType.TEXT:
            said = _said(message.data)
            if isinstance(said, Denied):
                raise OfficeDenied(said.code, said.message)
            raise _out_of_turn()
        if message.type is aiohttp.WSMsgType.BINARY:
            raise _out_of_turn()
        raise OfficeUnreachable("link_closed", "Head office closed the line.")


@asynccontextmanager
async def dial_mending(
    session_url: str, tls: ssl.SSLContext | None, clock: Clock
) -> AsyncIterator[MendingLine]:
    """Open the line for a block, beside that of sessions. Raises OfficeUnreachable."""
    url = session_url.removesuffix(SESSION_PATH) + MENDING_PATH
    connector = aiohttp.TCPConnector(ssl=tls or True, resolver=DaemonResolver(), limit=1)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as http:
        socket = await open_socket(http, url, clock, OFFICE, LINK_PING_S)
        try:
            yield MendingLine(socket, clock)
        finally:
            await socket.close()


@dataclass
class Mending:
    """One attempt to fetch what this box lost.

    `copied`: head office takes it for a copy of the box, which needs a generation of its own to go
    on in even where nothing is missing.
    """

    edge: EdgeClient
    line: MendingLine
    clock: Clock
    log: Log
    copied: bool = False

    async def run(self) -> bool:
        """Fetch until the box may go on; False when nothing is missing. Raises TillboxError."""
        status = await self.edge.status()
        standing = await self._greet(status)
        fork = await self._fork(min(status.head.seq, standing.head.seq))
        in_step = fork.seq == standing.head.seq and standing.gen <= status.head.gen
        if in_step and not self.copied:
            return False  # whatever it was: the box goes on from what head office has
        self.log.warning(
            "history_parts", fork=fork.seq, box=status.head.seq, office=standing.head.seq
        )
        begun = MendingBegun(fork.seq, fork.hash)
        state = await self.edge.begin_mending(begun)
        if state.head is not None and state.head.seq > fork.seq:
            await self.line.say(HashAsked(state.head.seq))
            said = await self.line.hear(HashSaid)
            if said.hash != state.head.hash:  # head office itself was restored meanwhile
                state = await self.edge.begin_mending(msgspec.structs.replace(begun, anew=True))
        while not state.ready:
            state = await self._fetch(state, standing)
            await self.line.say(GenerationAsked(standing.head))
            answer = await self.line.next()
            if isinstance(answer, GenerationGiven):
                state = await self.edge.take_generation(answer)
            elif isinstance(answer, Standing):
                standing = answer
            else:
                raise _out_of_turn()
        return True

    async def _greet(self, mine: ReplicaStatus) -> Standing:
        challenge = await self.line.hear(Challenge)
        proof = await self.edge.prove(challenge.nonce)
        hello = Hello(
            mine.store,
            mine.box,
            mine.head,
            {},
            self.clock.now_ms(),
            version("tillbox"),
            challenge.nonce,
            ratchet=mine.ratchet,
        )
        await self.line.say(hello)
        await self.line.say(proof)
        return await self.line.hear(Standing)

    async def _fork(self, upto: int) -> HashSaid:
        """Return the last event that both have: half of what is left with each question."""
        known, doubtful = HashSaid(0, bytes(32).hex()), upto
        for _ in range(MENDING_ROUNDS_MAX):
            if known.seq == doubtful:
                return known
            middle = (known.seq + doubtful + 1) // 2
            await self.line.say(HashAsked(middle))
            there = await self.line.hear(HashSaid)
            if there.seq != middle:
                raise _out_of_turn()
            here = await self.edge.hash_at(middle)
            if there.hash and there.hash == here.hash:
                known = here
            else:
                doubtful = middle - 1
        raise ProtocolViolation(
            "office_history_odd", "Head office's answers about its history lead nowhere."
        )

    async def _fetch(self, state: MendingState, standing: Standing) -> MendingState:
        while state.head is not None and state.head.seq < standing.head.seq:
            await self.line.say(FrameAsked(state.head.seq + 1))
            state = await self.edge.take_lost_frame(await self.line.frame())
        return state


def _said(message: bytes) -> MendingSaid:
    try:
        said: MendingSaid = _SAID.decode(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolViolation(
            "office_message_malformed", f"Head office said what is no message: {error}."
        ) from None
    return said


def _out_of_turn() -> ProtocolViolation:
    return ProtocolViolation(
        "office_out_of_turn", "Head office said something else than it was asked."
    )
