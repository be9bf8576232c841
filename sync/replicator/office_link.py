"""The line to head office: one WebSocket, messages as JSON text, frames as binary."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
import msgspec

from edge.contract.errors import ProtocolViolation
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
    LetterTaken,
    Resend,
    Welcome,
)
from edge.contract.wire import encode
from sync.replicator.daemon_resolver import DaemonResolver
from sync.replicator.troubles import OfficeUnreachable

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


class Unheard(msgspec.Struct, frozen=True):
    """A message of a kind that a newer head office knows and this program does not."""

    msg: str


OfficeWord = Challenge | Welcome | Budget | Ack | FeedCarried | LetterTaken | Resend | Denied
_WORDS: Final = msgspec.json.Decoder(OfficeWord)
_KNOWN: Final = frozenset(
    {"challenge", "welcome", "budget", "ack", "feed", "letter_taken", "resend", "denied"}
)
_KIND: Final = msgspec.json.Decoder(Unheard)


class OfficeLink:
    """An open line. Whatever is wrong with it is OfficeUnreachable, or ProtocolViolation."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self._socket = socket

    async def next(self) -> OfficeWord | Unheard:
        """Return the next message of head office."""
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return _word(message.data)
        if message.type in _ENDINGS:
            raise OfficeUnreachable("link_closed", f"Head office closed the line{self._why()}.")
        if message.type is aiohttp.WSMsgType.ERROR:
            raise OfficeUnreachable("link_lost", f"The line broke: {self._socket.exception()!r}.")
        raise ProtocolViolation(
            "office_message_binary", "Head office sent bytes where only messages may come."
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
            raise OfficeUnreachable("link_lost", f"The line broke: {error}.") from None

    def _why(self) -> str:
        code = self._socket.close_code
        return "" if code is None else f" (code {code})"


@asynccontextmanager
async def dial(
    session_url: str, tls: ssl.SSLContext | None, clock: Clock
) -> AsyncIterator[OfficeLink]:
    """Open the line for a block. Raises OfficeUnreachable."""
    connector = aiohttp.TCPConnector(ssl=tls or True, resolver=DaemonResolver(), limit=1)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as http:
        socket = await open_socket(http, session_url, clock)
        try:
            yield OfficeLink(socket)
        finally:
            await socket.close()


async def open_socket(
    http: aiohttp.ClientSession, session_url: str, clock: Clock
) -> aiohttp.ClientWebSocketResponse[bool]:
    """Open a WebSocket to head office. Raises OfficeUnreachable."""
    try:
        async with clock.timeout(LINK_SILENCE_S_MAX):
            return await http.ws_connect(
                session_url,
                timeout=aiohttp.ClientWSTimeout(ws_close=LINK_GOODBYE_S_MAX),
                heartbeat=LINK_PING_S,
                compress=0,
                max_msg_size=FRAME_BODY_BYTES_MAX + _WRAPPING_BYTES,
                decode_text=False,
            )
    except TimeoutError:
        raise OfficeUnreachable(
            "office_silent", f"Head office did not answer within {LINK_SILENCE_S_MAX:g} s."
        ) from None
    except aiohttp.WSServerHandshakeError as error:
        raise OfficeUnreachable(
            "office_refuses_line",
            f"What answers at {session_url} opens no line (status {error.status}).",
            advice="Check office_url, or what stands between.",
        ) from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise OfficeUnreachable(
            "office_not_trusted",
            f"Head office shows a certificate that ca_file does not vouch for: {error}.",
            advice="Check ca_file and the name in office_url; the clock may be wrong too.",
        ) from None
    except (aiohttp.ClientError, OSError) as error:
        raise OfficeUnreachable(
            "office_unreachable", f"Head office cannot be reached: {error}."
        ) from None


def _word(text: bytes) -> OfficeWord | Unheard:
    try:
        word: OfficeWord = _WORDS.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = str(error)
    else:
        return word
    try:
        unheard = _KIND.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        unheard = None
    if unheard is None or unheard.msg in _KNOWN:
        raise ProtocolViolation(
            "office_message_malformed", f"Head office said what is no message: {why}."
        )
    return unheard
