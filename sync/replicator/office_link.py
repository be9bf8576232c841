"""The line to head office, or to a second copy: one WebSocket, JSON as text, frames as binary."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
import msgspec

from edge.contract.errors import ProtocolViolation
from edge.contract.feed_snapshots import BUNDLE, PACKED_PAGE
from edge.contract.instant import Clock
from edge.contract.limits import (
    FRAME_BODY_BYTES_MAX,
    LINK_GOODBYE_S_MAX,
    LINK_PING_S,
    LINK_SILENCE_S_MAX,
)
from edge.contract.replication import (
    Ack,
    BoxMessage,
    Budget,
    Challenge,
    Denied,
    Kept,
    LetterTaken,
    Resend,
    Welcome,
)
from edge.contract.wire import encode
from edge.runtime.item_packing import opened_page
from sync.replicator.daemon_resolver import DaemonResolver
from sync.replicator.line_use import wire_bytes
from sync.replicator.troubles import OFFICE, Peer

_WRAPPING_BYTES: Final = 1_024
"""The message around a feed page, which itself may fill `FRAME_BODY_BYTES_MAX`."""
_ENDINGS: Final = (
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.CLOSED,
)


class FeedCarried(msgspec.Struct, frozen=True, tag="feed", tag_field="msg"):
    """`FeedDown` with its page as the bytes it came in: `edge` reads it, not this process."""

    page: msgspec.Raw


class SnapshotCarried(msgspec.Struct, frozen=True, tag="snapshot", tag_field="msg"):
    """`SnapshotDown` with its offer as the bytes it came in."""

    offer: msgspec.Raw


class BundleCarried(msgspec.Struct, frozen=True):
    """Parts of a snapshot, as the bytes that came."""

    bundle: bytes


class Unheard(msgspec.Struct, frozen=True):
    """A message of a kind that a newer head office knows and this program does not."""

    msg: str


OfficeWord = (
    Challenge
    | Welcome
    | Budget
    | Ack
    | FeedCarried
    | SnapshotCarried
    | LetterTaken
    | Resend
    | Denied
)
_WORDS: Final = msgspec.json.Decoder(OfficeWord)
_KNOWN: Final = frozenset(
    {
        "challenge",
        "welcome",
        "budget",
        "ack",
        "feed",
        "snapshot",
        "letter_taken",
        "resend",
        "denied",
    }
)
KeeperWord = Challenge | Welcome | Kept | Resend | Denied
_KEEPER_WORDS: Final = msgspec.json.Decoder(KeeperWord)
_KNOWN_OF_KEEPERS: Final = frozenset({"challenge", "welcome", "kept", "resend", "denied"})
"""A second copy says nothing else: prices, say, come from head office alone."""
_KIND: Final = msgspec.json.Decoder(Unheard)


class OfficeLink:
    """An open line to a `peer`.

    Whatever is wrong with it is the peer's `unreachable`, or ProtocolViolation.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool], peer: Peer = OFFICE) -> None:
        self._socket = socket
        self.peer = peer

    async def next(self) -> OfficeWord | BundleCarried | KeeperWord | Unheard:
        """Return the next message of the other end."""
        peer = self.peer
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return _word(message.data, peer)
        if message.type is aiohttp.WSMsgType.BINARY and peer is OFFICE:
            return _packed_word(message.data)
        if message.type in _ENDINGS:
            raise peer.unreachable("link_closed", f"{peer.name} closed the line{self._why()}.")
        if message.type is aiohttp.WSMsgType.ERROR:
            raise peer.unreachable("link_lost", f"The line broke: {self._socket.exception()!r}.")
        raise ProtocolViolation(
            f"{peer.code}_message_binary", f"{peer.name} sent bytes where only messages may come."
        )

    async def say(self, message: BoxMessage) -> None:
        """Send a message."""
        await self._send(aiohttp.WSMsgType.TEXT, encode(message))

    async def pass_on(self, message: bytes) -> None:
        """Send a message of the box as the bytes it is."""
        await self._send(aiohttp.WSMsgType.TEXT, message)

    async def send_frame(self, frame: bytes) -> None:
        """Send a signed frame as it is."""
        await self._send(aiohttp.WSMsgType.BINARY, frame)

    async def _send(self, kind: aiohttp.WSMsgType, content: bytes) -> None:
        try:
            await self._socket.send_frame(content, kind)
        except (aiohttp.ClientError, OSError) as error:
            raise self.peer.unreachable("link_lost", f"The line broke: {error}.") from None

    def wire_bytes(self) -> int:
        """Return what went over this line so far, both ways; 0 where that is not known."""
        line = self._socket.get_extra_info("socket")
        return 0 if line is None else wire_bytes(line)

    def _why(self) -> str:
        code = self._socket.close_code
        return "" if code is None else f" (code {code})"


@asynccontextmanager
async def dial(
    session_url: str,
    tls: ssl.SSLContext | None,
    clock: Clock,
    peer: Peer = OFFICE,
    *,
    ping_s: float = LINK_PING_S,
) -> AsyncIterator[OfficeLink]:
    """Open the line for a block, probed every `ping_s`. Raises the peer's `unreachable`."""
    connector = aiohttp.TCPConnector(ssl=tls or True, resolver=DaemonResolver(), limit=1)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as http:
        socket = await open_socket(http, session_url, clock, peer, ping_s)
        try:
            yield OfficeLink(socket, peer)
        finally:
            await socket.close()


async def open_socket(
    http: aiohttp.ClientSession, session_url: str, clock: Clock, peer: Peer, ping_s: float
) -> aiohttp.ClientWebSocketResponse[bool]:
    """Open a WebSocket to the other end. Raises what its peer calls unreachable."""
    try:
        async with clock.timeout(LINK_SILENCE_S_MAX):
            return await http.ws_connect(
                session_url,
                timeout=aiohttp.ClientWSTimeout(ws_close=LINK_GOODBYE_S_MAX),
                heartbeat=ping_s,
                compress=0,
                max_msg_size=FRAME_BODY_BYTES_MAX + _WRAPPING_BYTES,
                decode_text=False,
            )
    except TimeoutError:
        raise peer.unreachable(
            f"{peer.code}_silent", f"{peer.name} did not answer within {LINK_SILENCE_S_MAX:g} s."
        ) from None
    except aiohttp.WSServerHandshakeError as error:
        raise peer.unreachable(
            f"{peer.code}_refuses_line",
            f"What answers at {session_url} opens no line (status {error.status}).",
            advice=f"Check {peer.setting}, or what stands between.",
        ) from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise peer.unreachable(
            f"{peer.code}_not_trusted",
            f"{peer.name} shows a certificate that ca_file does not vouch for: {error}.",
            advice=f"Check ca_file and the name in {peer.setting}; the clock may be wrong too.",
        ) from None
    except (aiohttp.ClientError, OSError) as error:
        raise peer.unreachable(
            f"{peer.code}_unreachable", f"{peer.name} cannot be reached: {error}."
        ) from None


def _packed_word(message: bytes) -> FeedCarried | BundleCarried:
    if message[:1] == BUNDLE:
        return BundleCarried(message)
    if message[:1] == PACKED_PAGE:
        return FeedCarried(msgspec.Raw(encode(opened_page(message))))
    raise ProtocolViolation(
        "office_message_binary", f"{OFFICE.name} sent bytes that are neither page nor chunks."
    )


def _word(text: bytes, peer: Peer) -> OfficeWord | KeeperWord | Unheard:
    of_office = peer is OFFICE
    known = _KNOWN if of_office else _KNOWN_OF_KEEPERS
    word: OfficeWord | KeeperWord
    try:
        word = _WORDS.decode(text) if of_office else _KEEPER_WORDS.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = str(error)
    else:
        return word
    try:
        unheard = _KIND.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        unheard = None
    if unheard is None or unheard.msg in known:
        raise ProtocolViolation(
            f"{peer.code}_message_malformed", f"{peer.name} said what is no message: {why}."
        )
    return unheard
