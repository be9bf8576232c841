"""The terminal's web server, as small as a terminal's is: shares no code with the driver's HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from devices.transports.byte_stream import ByteStream
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

_HEAD_BYTES_MAX: Final = 8_192
_BODY_BYTES_MAX: Final = 262_144
_READ_BYTES: Final = 4_096
_REASONS: Final = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}
_CHUNK_BYTES: Final = 700


class TillGone(Exception):
    """The till is gone, or we pulled the cable ourselves."""


@dataclass(frozen=True)
class Asked:
    """One request: `what` is `POST /nexo`."""

    what: str
    body: bytes


@dataclass
class Manners:
    """How this terminal answers: `close`: it ends the connection behind each answer."""

    delay_ms: int = 0
    fragment: bool = False
    chunked: bool = False
    close: bool = False


class TillDoor:
    """One connection of a till, as the terminal sees it."""

    def __init__(self, stream: ByteStream, clock: Clock, manners: Manners) -> None:
        self._stream = stream
        self._clock = clock
        self._manners = manners
        self._held = b""
        self.lost = False

    async def hear(self) -> Asked:
        """Return the till's next request; raises TillGone, also for what is no HTTP."""
        while b"\r\n\r\n" not in self._held:
            if len(self._held) > _HEAD_BYTES_MAX:
                await self._refuse()
            self._held += await self._read()
        head, _, rest = self._held.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        fields = {name.lower(): value.strip() for name, _, value in map(_parted, lines[1:])}
        length = fields.get("content-length", "0")
        sensible = length.isascii() and length.isdecimal() and int(length[:9]) <= _BODY_BYTES_MAX
        if not sensible or words[2:] != ["HTTP/1.1"] or "host" not in fields:
            await self._refuse()
        while len(rest) < int(length):
            rest += await self._read()
        body, self._held = rest[: int(length)], rest[int(length) :]
        return Asked(" ".join(words[:2]), body)

    async def answer(self, status: int, body: bytes) -> None:
        """Send an answer; raises TillGone."""
        for half in self.halves(status, body):
            await self.put(half)
        await self.done()

    def halves(self, status: int, body: bytes, *, times: int = 1) -> tuple[bytes, bytes]:
        """Return an answer in two pieces, to be put one after the other; `times` over."""
        head = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}\r\nContent-Type: application/json"
        )
        if self._manners.close:
            head += "\r\nConnection: close"
        if self._manners.chunked:
            pieces = [body[at : at + _CHUNK_BYTES] for at in range(0, len(body), _CHUNK_BYTES)]
            whole = f"{head}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + b"".join(
                b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""]
            )
        else:
            whole = f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        whole *= times
        return whole[: len(whole) // 2], whole[len(whole) // 2 :]

    async def put(self, data: bytes) -> None:
        """Send bytes as this terminal does; raises TillGone."""
        if self._manners.delay_ms:
            await self._clock.sleep(self._manners.delay_ms / 1000)
        size = 1 if self._manners.fragment else max(1, len(data))
        try:
            for at in range(0, len(data), size):
                if self.lost:
                    raise TillGone
                await self._stream.write(data[at : at + size])
        except DeviceUnreachable:
            self.lost = True
            raise TillGone from None

    async def done(self) -> None:
        """End the connection if this terminal does so behind each answer."""
        if self._manners.close:
            await self.pull()

    async def pull(self) -> None:
        """Pull the cable."""
        self.lost = True
        await self._stream.close()

    async def until_gone(self) -> None:
        """Take what comes and never answer; raises TillGone in the end."""
        while True:
            await self._read()

    async def _read(self) -> bytes:
        try:
            data = b"" if self.lost else await self._stream.read(_READ_BYTES)
        except DeviceUnreachable:
            data = b""
        if not data:
            self.lost = True
            raise TillGone
        return data

    async def _refuse(self) -> None:
        await self.put(b"".join(self.halves(400, b"{}")))
        await self.pull()
        raise TillGone


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition(":")
