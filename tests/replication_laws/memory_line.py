"""A line to head office in memory: real HTTP and WebSocket at both ends, any trouble in between.

Bytes are counted as TCP would carry them. Trouble strikes whole messages (of WebSocket) or the
line itself; a paced line lets each byte take its time by the clock of the test.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

import aiohttp
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from typing_extensions import override

from edge.contract.history_mending import MENDING_PATH
from edge.contract.instant import Clock
from edge.contract.limits import LINK_PING_S
from sync.replicator.mending import MendingLine
from sync.replicator.office_link import OfficeLink, open_socket
from sync.replicator.troubles import OFFICE

Way = Literal["up", "down"]
Trouble = Literal["drop", "twice", "swap", "shorten", "half", "cut", "dead"]
TROUBLES: tuple[Trouble, ...] = ("drop", "twice", "swap", "shorten", "half", "cut", "dead")
"""What becomes of a message: it is lost, comes twice, comes behind the next one, comes without its
end; half of its bytes come and the line breaks, none come and it breaks, or from it on nothing
comes either way and nobody hears that."""
_HOST = "ws://office"
_SESSION_PATH = "/sync/v1/session"
_HEAD_ENDS = b"\r\n\r\n"
_BINARY = 2
_CONTROL = 8


class Message(NamedTuple):
    """A message that was sent: which way, if it is bytes, its size on the line, when, its contents.

    What goes up as bytes is a frame of events, of which no contents are kept.
    """

    way: Way
    is_frame: bool
    size: int
    at_ms: int
    text: bytes


@dataclass(frozen=True)
class Pace:
    """How fast a line is: bits per second each way, and half of a round trip."""

    bits_per_s: float
    one_way_s: float


@dataclass
class Fate:
    """What will become of a shop's messages: by way and number, over all its lines."""

    plan: dict[tuple[Way, int], Trouble] = field(default_factory=dict)
    counts: dict[Way, int] = field(default_factory=lambda: {"up": 0, "down": 0})

    def foretell(self, way: Way, number: int, trouble: Trouble) -> None:
        """Let trouble strike the message that is so many messages ahead; 1 is the next."""
        self.plan[way, self.counts[way] + number] = trouble

    def of_next(self, way: Way) -> Trouble | None:
        """Count a message and say what becomes of it."""
        self.counts[way] += 1
        return self.plan.pop((way, self.counts[way]), None)


class End(asyncio.Transport):
    """One end of a line, as its protocol sees it."""

    def __init__(self, line: Line, way: Way) -> None:
        super().__init__({"peername": ("192.0.2.1", 1)})
        self._line = line
        self._way: Way = way
        self._protocol: asyncio.Protocol | None = None
        self._held: list[bytes] | None = None
        self._closing = False
        self._lost = False

    def connect(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol
        protocol.connection_made(self)

    @override
    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._closing:
            self._line.send(self._way, bytes(data))

    @override
    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._line.send(self._way, None)
            self._line.loop.call_soon(self.lose, None)

    @override
    def abort(self) -> None:
        self._line.break_off()

    @override
    def is_closing(self) -> bool:
        return self._closing

    @override
    def get_write_buffer_size(self) -> int:
        return 0

    @override
    def pause_reading(self) -> None:
        self._held = self._held or []

    @override
    def resume_reading(self) -> None:
        held, self._held = self._held or [], None
        for data in held:
            self.arrive(data)

    def arrive(self, data: bytes | None) -> None:
        """Take what came; None is the end of it."""
        if self._lost or self._protocol is None:
            return
        if data is None:
            self._protocol.eof_received()
            self.close()
        elif self._held is not None:
            self._held.append(data)
        else:
            self._protocol.data_received(data)

    def lose(self, error: Exception | None) -> None:
        """Have the protocol hear that the line is gone."""
        self._closing = True
        if not self._lost and self._protocol is not None:
            self._lost = True
            self._protocol.connection_lost(error)


class Line:
    """One connection; `shop` and `office` are its ends, `messages` what was sent over it."""

    def __init__(
        self,
        fate: Fate,
        clock: Clock,
        pace: Pace | None = None,
        seen: Callable[[Message], None] = lambda _: None,
    ) -> None:
        self.shop = End(self, "up")
        self.office = End(self, "down")
        self.bytes: dict[Way, int] = {"up": 0, "down": 0}
        self.messages: list[Message] = []
        self.is_whole = True
        """Nothing was lost, doubled, moved or spoilt on it so far."""
        self.is_open = True
        self.loop = asyncio.get_running_loop()
        self._fate = fate
        self._clock = clock
        self._pace = pace
        self._seen = seen
        self._is_dead = False
        self._raw: dict[Way, bytes] = {"up": b"", "down": b""}
        self._talks: dict[Way, bool | None] = {"up": None, "down": None}
        self._late: dict[Way, bytes] = {"up": b"", "down": b""}
        self._free_at: dict[Way, float] = {"up": 0.0, "down": 0.0}
        self._carried: dict[Way, deque[tuple[float, bytes | None]]] = {
            "up": deque(),
            "down": deque(),
        }
        self._carriers: dict[Way, asyncio.Task[None]] = {}

    def break_off(self) -> None:
        """End it at once: what is under way is lost, and both ends hear of it."""
        if self.is_open:
            self.is_open = False
            for end in (self.shop, self.office):
                self.loop.call_soon(end.lose, ConnectionResetError("the line broke"))
            for carrier in self._carriers.values():
                carrier.cancel()

    # --- sending --------------------------------------------------------------------------

    def send(self, way: Way, data: bytes | None) -> None:
        """Take what an end writes; None is that it writes no more."""
        if not self.is_open:
            return
        if data is None:
            self._deliver(way, None)
            return
        self.bytes[way] += len(data)
        self._raw[way] += data
        if self._talks[way] is None:
            head, end, _ = self._raw[way].partition(_HEAD_ENDS)
            if not end:
                return
            self._talks[way] = way == "up" or b" 101 " in head
            self._raw[way] = self._raw[way][len(head + end) :]
            self._deliver(way, head + end)
        if not self._talks[way]:
            raw, self._raw[way] = self._raw[way], b""
            self._deliver(way, raw)
            return
        while (size := _message_bytes(self._raw[way])) and size <= len(self._raw[way]):
            message, self._raw[way] = self._raw[way][:size], self._raw[way][size:]
            self._strike(way, message)

    def _strike(self, way: Way, message: bytes) -> None:
        kind = message[0] & 0x0F
        trouble = None
        if kind < _CONTROL:
            is_frame = kind == _BINARY
            text = _payload(message) if way == "down" or not is_frame else b""
            now = self._clock.monotonic_ms()
            told = Message(way, is_frame, len(message), now, text)
            self.messages.append(told)
            self._seen(told)
            trouble = self._fate.of_next(way)
        late, self._late[way] = self._late[way], b""
        if trouble is None:
            self._deliver(way, message + late)
            return
        self.is_whole = False
        if trouble == "swap":
            self._late[way] = message
        self._is_dead = self._is_dead or trouble == "dead"
        self._deliver(way, _struck(message, trouble) + late)
        if trouble in {"half", "cut"}:
            self.loop.call_soon(self.break_off)

    def _deliver(self, way: Way, data: bytes | None) -> None:
        if self._is_dead or data == b"":
            return
        if self._pace is None:
            self.loop.call_soon(self._arrive, way, data)
            return
        now = self._clock.monotonic_ms() / 1000
        size = 0 if data is None else len(data)
        sent = max(now, self._free_at[way]) + size * 8 / self._pace.bits_per_s
        self._free_at[way] = sent
        self._carried[way].append((sent + self._pace.one_way_s, data))
        if way not in self._carriers or self._carriers[way].done():
            self._carriers[way] = asyncio.create_task(self._carry(way), name=f"line {way}")

    async def _carry(self, way: Way) -> None:
        while self._carried[way]:
            due, data = self._carried[way].popleft()
            await self._clock.sleep(max(0.0, due - self._clock.monotonic_ms() / 1000))
            self._arrive(way, data)

    def _arrive(self, way: Way, data: bytes | None) -> None:
        if self.is_open:
            (self.office if way == "up" else self.shop).arrive(data)


def _message_bytes(raw: bytes) -> int:
    """Return how long the first message is with its header; 0 when that is not known yet."""
    if len(raw) < 2:
        return 0
    said, mask = raw[1] & 0x7F, 4 if raw[1] & 0x80 else 0
    more = {126: 2, 127: 8}.get(said, 0)
    if len(raw) < 2 + more:
        return 0
    size = int.from_bytes(raw[2 : 2 + more], "big") if more else said
    return 2 + more + mask + size


def _parts(message: bytes) -> tuple[bytes, bytes]:
    """Return the mask (empty for none) and the payload as it lies on the line."""
    more = {126: 2, 127: 8}.get(message[1] & 0x7F, 0)
    mask = 4 if message[1] & 0x80 else 0
    return message[2 + more : 2 + more + mask], message[2 + more + mask :]


def _payload(message: bytes) -> bytes:
    mask, payload = _parts(message)
    if not mask:
        return payload
    whole = mask * (len(payload) // 4 + 1)
    return bytes(a ^ b for a, b in zip(payload, whole, strict=False))


def _struck(message: bytes, trouble: Trouble) -> bytes:
    """Return what comes of a message in its place."""
    match trouble:
        case "twice":
            return message + message
        case "shorten":
            return _shortened(message)
        case "half":
            return message[: len(message) // 2]
        case _:
            return b""


def _shortened(message: bytes) -> bytes:
    """Return a message, in good order for WebSocket, that lacks the last third of what it says."""
    mask, payload = _parts(message)
    kept = payload[: len(payload) * 2 // 3]
    masked = 0x80 if mask else 0
    if len(kept) < 126:
        head = bytes([message[0], masked | len(kept)])
    elif len(kept) < 65_536:
        head = bytes([message[0], masked | 126]) + len(kept).to_bytes(2, "big")
    else:
        head = bytes([message[0], masked | 127]) + len(kept).to_bytes(8, "big")
    return head + mask + kept


@dataclass
class Net:
    """The lines of all shops to one head office; `server` answers while it is there."""

    clock: Clock
    server: web.Server[web.BaseRequest] | None = None
    pace: Pace | None = None
    fates: dict[int, Fate] = field(default_factory=dict)
    lines: dict[int, list[Line]] = field(default_factory=dict)
    without_line: set[int] = field(default_factory=set)
    """Shops that cannot reach head office."""
    seen: Callable[[Message], None] = lambda _: None
    """Told of each message before it is on its way."""

    def fate(self, shop: int) -> Fate:
        return self.fates.setdefault(shop, Fate())

    def cut(self, shop: int) -> None:
        """Break the lines that a shop has."""
        for line in self.lines.get(shop, []):
            line.break_off()
        self.lines[shop] = []

    def cut_spoilt(self) -> None:
        """Break the lines that lost or changed something; nothing is foretold any more."""
        for fate in self.fates.values():
            fate.plan.clear()
        for lines in self.lines.values():
            for line in lines:
                if not line.is_whole:
                    line.break_off()

    @asynccontextmanager
    async def dial(self, shop: int) -> AsyncIterator[OfficeLink]:
        """Open a shop's line for a block, as `sync.replicator.office_link.dial` does."""
        async with self._socket(shop, _SESSION_PATH) as socket:
            yield OfficeLink(socket)

    @asynccontextmanager
    async def dial_mending(self, shop: int) -> AsyncIterator[MendingLine]:
        """Open the line on which a lost history comes back, as `sync.replicator.mending` does."""
        async with self._socket(shop, MENDING_PATH) as socket:
            yield MendingLine(socket, self.clock)

    @asynccontextmanager
    async def _socket(
        self, shop: int, path: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse[bool]]:
        async with aiohttp.ClientSession(
            connector=_Connector(self, shop), cookie_jar=aiohttp.DummyCookieJar()
        ) as http:
            socket = await open_socket(http, f"{_HOST}{path}", self.clock, OFFICE, LINK_PING_S)
            try:
                yield socket
            finally:
                await socket.close()

    def open(self, shop: int) -> Line:
        """Return a new line to head office. Raises ClientConnectionError where there is none."""
        if self.server is None or shop in self.without_line:
            raise aiohttp.ClientConnectionError("there is no line")
        line = Line(self.fate(shop), self.clock, self.pace, self.seen)
        kept = [each for each in self.lines.get(shop, []) if each.is_open]
        self.lines[shop] = [*kept, line]
        line.office.connect(cast("asyncio.Protocol", self.server()))
        return line


class _Connector(aiohttp.BaseConnector):
    def __init__(self, net: Net, shop: int) -> None:
        super().__init__(limit=1)
        self._net = net
        self._shop = shop

    @override
    async def _create_connection(self, *_: Any) -> ResponseHandler:
        protocol = self._factory()
        self._net.open(self._shop).shop.connect(protocol)
        return protocol
