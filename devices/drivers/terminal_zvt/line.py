"""One connection to a ZVT terminal: units out and in, and dialogues made of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from devices.driver import DriverPorts
from devices.drivers.terminal_zvt.settings import TerminalZvtSettings
from devices.protocols.zvt_apdu import Apdu, ApduReader, encode_apdu
from devices.protocols.zvt_commands import NOT_SUPPORTED, POSITIVE
from devices.protocols.zvt_messages import (
    Aborted,
    Answer,
    Completion,
    IntermediateStatus,
    Message,
    OtherMessage,
    read_message,
)
from devices.protocols.zvt_redaction import redact
from devices.protocols.zvt_results import NOT_REGISTERED
from devices.transports.byte_stream import ByteStream
from devices.transports.flight_recorder import IN, OUT
from edge.contract.device_limits import (
    ZVT_MESSAGES_QUEUED_MAX,
)
from edge.contract.errors import DeviceUnreachable, ProtocolViolation

_READ_BYTES_MAX: Final = 4_096
_MINUTE_MS: Final = 60_000

End = Completion | Aborted | Answer
"""How a dialogue ended: done, given up, or refused at once (`Answer` with a code)."""


def code_of(end: End) -> int | None:
    """Return why a dialogue was refused or given up; None when no code says so."""
    match end:
        case Answer(refusal):
            return refusal
        case Aborted(code):
            return code
        case _:
            return None


Listen = Callable[[Message], Awaitable[None]]
"""Returns when what it was told is durable; only then the terminal gets its 80 00."""


class ZvtLine:
    """Holds one connection; the flight recorder sees its units without card data.

    Until `pump` runs, whoever receives reads; from then on only `pump` does.
    """

    def __init__(
        self, stream: ByteStream, settings: TerminalZvtSettings, ports: DriverPorts
    ) -> None:
        self._stream = stream
        self._settings = settings
        self._ports = ports
        self._reader = ApduReader()
        self._units: deque[Apdu] = deque()
        self._arrived = asyncio.Condition()
        self._pumping = False
        self._ended: DeviceUnreachable | ProtocolViolation | None = None
        self._talking = asyncio.Lock()
        self.forgotten = False
        """Whether the terminal said that it does not know this till: it was switched off."""

    async def pump(self) -> None:
        """Read until the other end closes; raises DeviceUnreachable, ProtocolViolation."""
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

    async def send(self, apdu: Apdu) -> None:
        """Write one unit; raises DeviceUnreachable, and then parts may have got out."""
        self._ports.recorder.record(OUT, encode_apdu(redact(apdu)))
        await self._stream.write(encode_apdu(apdu))

    async def converse(
        self, command: Apdu, listen: Listen, answered: Callable[[int], None] = lambda _code: None
    ) -> End:
        """Send a command and answer the terminal until the dialogue is over.

        `answered` is told the code of an answer to an abort that was sent in between.
        Whatever breaks the dialogue off closes the connection and is raised:
        DeviceUnreachable, ProtocolViolation, or what `listen` raises.
        """
        async with self._talking:
            try:
                first = await self._begin(command)
                end = first if first.refusal else await self._follow(listen, answered)
            except BaseException:
                # half a dialogue cannot be gone on with, whatever broke it off
                await self._close()
                raise
            self.forgotten = code_of(end) == NOT_REGISTERED
            return end

    async def ask(self, command: Apdu) -> Answer:
        """Send a command that has one answer and no dialogue; raises as `converse` does."""
        async with self._talking:
            try:
                return await self._begin(command)
            except BaseException:
                await self._close()
                raise

    async def _begin(self, command: Apdu) -> Answer:
        if self._units:
            self._ports.count("UnexpectedMessageCount", len(self._units))
            self._units.clear()
        await self.send(command)
        return await self._first_answer()

    async def _first_answer(self) -> Answer:
        first = self._read_unit(await self._receive(self._settings.answer_ms_max))
        if not isinstance(first, Answer):
            raise ProtocolViolation(
                "zvt_no_answer", "The payment terminal spoke without answering first."
            )
        return first

    async def _follow(self, listen: Listen, answered: Callable[[int], None]) -> End:
        silence_ms = self._settings.silence_ms_max
        while True:
            message = self._read_unit(await self._receive(silence_ms))
            match message:
                case Answer(refusal):
                    answered(refusal)
                    continue
                case OtherMessage():
                    await self.send(NOT_SUPPORTED)
                    continue
                case IntermediateStatus(minutes=minutes) if minutes:
                    silence_ms = minutes * _MINUTE_MS
                case _:
                    pass
            await listen(message)
            if isinstance(message, Completion | Aborted):
                await self._answer_last()
                return message
            await self.send(POSITIVE)

    async def _answer_last(self) -> None:
        """Answer the end of a dialogue; that it could not be answered changes nothing."""
        try:
            await self.send(POSITIVE)
        except DeviceUnreachable as error:
            self._ports.recorder.note(error.message)

    def _read_unit(self, apdu: Apdu) -> Message:
        return read_message(apdu, self._settings.text_encoding)

    async def _receive(self, within_ms: int) -> Apdu:
        try:
            async with self._ports.clock.timeout(within_ms / 1000):
                while not self._units:
                    if self._ended is not None:
                        raise self._ended
                    if not self._pumping:
                        await self._read()
                        continue
                    async with self._arrived:
                        await self._arrived.wait_for(
                            lambda: bool(self._units) or self._ended is not None
                        )
        except TimeoutError:
            raise DeviceUnreachable(
                "terminal_silent",
                f"The payment terminal did not answer within {within_ms / 1000:g} s.",
                advice="Look at the terminal's display.",
            ) from None
        return self._units.popleft()

    async def _read(self) -> None:
        data = await self._stream.read(_READ_BYTES_MAX)
        if not data:
            self._ended = self._ended or _gone()
            return
        self._reader.feed(data)
        while (apdu := self._reader.next_apdu()) is not None:
            self._ports.recorder.record(IN, encode_apdu(redact(apdu)))
            self._units.append(apdu)
            if len(self._units) > ZVT_MESSAGES_QUEUED_MAX:
                raise ProtocolViolation(
                    "zvt_flood", "The payment terminal sends messages without waiting for answers."
                )
        async with self._arrived:
            self._arrived.notify_all()

    async def _close(self) -> None:
        self._ended = self._ended or _gone()
        await self._stream.close()


def _gone() -> DeviceUnreachable:
    return DeviceUnreachable(
        "terminal_gone",
        "The payment terminal closed the connection.",
        advice="Check its power and its network cable.",
    )
