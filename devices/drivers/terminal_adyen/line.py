"""One connection to an Adyen terminal: sealed requests out, their answers in, one at a time."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Final

from devices.driver import DriverPorts
from devices.drivers.terminal_adyen.nexo_crypto import decrypt, encrypt
from devices.drivers.terminal_adyen.settings import SharedKey, TerminalAdyenSettings
from devices.protocols.http_exchange import HttpAnswer, HttpClient
from devices.protocols.nexo_envelope import (
    NONCE_BYTES,
    Sealed,
    complaint_of,
    encode_envelope,
    read_envelope,
)
from devices.protocols.nexo_messages import Answer, Request, read_answer
from devices.protocols.nexo_redaction import redact
from devices.transports.byte_stream import ByteStream
from devices.transports.flight_recorder import IN, OUT
from edge.contract.errors import DeviceUnreachable, ProtocolViolation

_READ_BYTES_MAX: Final = 4_096
_PATH: Final = "/nexo"
_HTTP_OK: Final = range(200, 300)
_HTTP_UNAUTHORISED: Final = 401


class KeyRefused(ProtocolViolation):
    """The two sides do not hold the same key, or one of them says so."""


class NotSent(DeviceUnreachable):
    """The connection had ended before the first byte of the request."""


class NexoLine:
    """Holds one connection; the flight recorder sees its messages without card data.

    Until `pump` runs, whoever asks reads; from then on only `pump` does.
    """

    def __init__(
        self,
        stream: ByteStream,
        settings: TerminalAdyenSettings,
        ports: DriverPorts,
        key: Callable[[], SharedKey],
    ) -> None:
        self._stream = stream
        self._settings = settings
        self._ports = ports
        self._key = key
        self._http = HttpClient(settings.host)
        self._answer: HttpAnswer | None = None
        self._arrived = asyncio.Condition()
        self._pumping = False
        self._ended: DeviceUnreachable | ProtocolViolation | None = None
        self._talking = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether another request can be made here."""
        return self._ended is None

    async def pump(self) -> None:
        """Read until the connection is over; raises DeviceUnreachable, ProtocolViolation."""
        self._pumping = True
        try:
            while self._ended is None:
                await self._read()
        except (DeviceUnreachable, ProtocolViolation) as error:
            self._ended = error
            raise
        finally:
            async with self._arrived:
                self._arrived.notify_all()

    async def ask(self, request: Request, within_ms: int) -> Answer:
        """Send a request and return its answer.

        Whatever comes instead of it closes the connection and is raised: DeviceUnreachable, or
        ProtocolViolation (KeyRefused, AnswerUnreadable among them). The request may then have
        been obeyed. SettingsInvalid: the key cannot be read, nothing was sent.
        """
        key = self._key()
        async with self._talking:
            try:
                http = await self._exchange(self._sealed(request, key), request, within_ms)
                return self._opened(http, request, key)
            except BaseException:
                # an answer that comes later would be taken for that to the next request
                await self.close()
                raise

    async def tell(self, request: Request, within_ms: int) -> None:
        """Send a request that has no answer of its own, and close; raises as `ask`."""
        try:
            http = await self._exchange(self._sealed(request, self._key()), request, within_ms)
            _check_status(http)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connection; nothing more is asked on it."""
        self._ended = self._ended or _gone()
        await self._stream.close()

    # --- sealing -------------------------------------------------------------------------

    def _sealed(self, request: Request, key: SharedKey) -> bytes:
        chance = base64.urlsafe_b64decode(self._ports.ids.secret() + "=")
        nonce = chance[:NONCE_BYTES]
        blob, mac = encrypt(request.plain, key.keys, nonce)
        sealed = Sealed(blob, nonce, mac, key.key_identifier, key.key_version)
        return encode_envelope(request.header, sealed)

    def _opened(self, http: HttpAnswer, request: Request, key: SharedKey) -> Answer:
        _check_status(http)
        sealed = read_envelope(http.body)
        if (sealed.key_identifier, sealed.key_version) != (key.key_identifier, key.key_version):
            words = "The terminal answers with another key than the till's."
            raise KeyRefused("nexo_other_key", words, advice="Check the terminal's shared key.")
        plain = decrypt(sealed.blob, sealed.mac, key.keys, sealed.nonce)
        self._ports.recorder.record(IN, redact(plain))
        return read_answer(plain, request.header)

    # --- bytes ---------------------------------------------------------------------------

    async def _exchange(self, body: bytes, request: Request, within_ms: int) -> HttpAnswer:
        if self._ended is not None:
            raise NotSent(self._ended.code, self._ended.message, advice=self._ended.advice)
        self._ports.recorder.record(OUT, redact(request.plain))
        try:
            async with self._ports.clock.timeout(within_ms / 1000):
                await self._stream.write(self._http.post(_PATH, body))
                answer = await self._receive()
        except TimeoutError:
            raise DeviceUnreachable(
                "terminal_silent",
                f"The payment terminal did not answer within {within_ms / 1000:g} s.",
                advice="Look at the terminal's display.",
            ) from None
        self._ports.recorder.note(f"HTTP {answer.status}, {len(answer.body)} bytes")
        if answer.last:
            # ended from here on, so that `pump` lets a new connection be made
            await self.close()
        return answer

    async def _receive(self) -> HttpAnswer:
        while (answer := self._answer) is None:
            if self._ended is not None:
                raise self._ended
            if not self._pumping:
                await self._read()
                continue
            async with self._arrived:
                await self._arrived.wait_for(
                    lambda: self._answer is not None or self._ended is not None
                )
        self._answer = None
        return answer

    async def _read(self) -> None:
        data = await self._stream.read(_READ_BYTES_MAX)
        self._http.feed(data)
        if not data:
            self._ended = self._ended or _gone()
        answer = self._http.next_answer()
        if answer is not None:
            self._answer = answer
            async with self._arrived:
                self._arrived.notify_all()


def _check_status(http: HttpAnswer) -> None:
    """Raise for an answer that is none; what stands in clear is for people only."""
    if http.status in _HTTP_OK:
        return
    words = complaint_of(http.body)
    said = f": {words}" if words else ""
    if http.status == _HTTP_UNAUTHORISED:
        raise KeyRefused(
            "nexo_key_refused",
            f"The terminal does not accept the till's key{said}.",
            advice="Compare the key file with the shared key in the terminal's settings at Adyen.",
        )
    raise ProtocolViolation("nexo_http", f"The terminal answered with HTTP {http.status}{said}.")


def _gone() -> DeviceUnreachable:
    return DeviceUnreachable(
        "terminal_gone",
        "The payment terminal closed the connection.",
        advice="Check its power and its network cable.",
    )
