"""Serial ports, USB serial adapters and pseudo-terminals, raw, behind serialx."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from devices.transports.asyncio_stream import AsyncioStream
from devices.transports.byte_stream import ByteStream, Connector
from devices.transports.modem_lines import modem_lines
from devices.transports.signal_lines import SignalLines
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

PARITIES: Final = {"n": "N", "e": "E", "o": "O"}

_PERMISSION_TRIES: Final = 5
_PERMISSION_EVERY_S: Final = 0.2
"""udev needs a moment after plugging in before it has given the port to our group."""

_ADVICE: Final = {
    errno.ENOENT: "Check that the device is plugged in.",
    errno.ENODEV: "Check that the device is plugged in.",
    errno.EACCES: "Let the service's user use the port: add it to the group dialout.",
    errno.EBUSY: "Another program holds the port: stop it.",
}


@dataclass(frozen=True)
class SerialLine:
    """How the line is set: 9600 8N1 unless told. `parity`: `n`, `e` or `o`.

    `modem_lines`: whether its modem lines are wanted beside the bytes (`lines_of`).
    """

    path: str
    baud: int = 9600
    bits: int = 8
    parity: str = "n"
    stop_bits: int = 1
    modem_lines: bool = False


class SerialStream(AsyncioStream):
    """A serial port; `lines` are its modem lines, None where it has none or none were wanted."""

    lines: SignalLines | None = None


OpenLine = Callable[[SerialLine, Clock], Awaitable[ByteStream]]


def serial_connector(
    line: SerialLine, clock: Clock, open_line: OpenLine | None = None
) -> Connector:
    """Return a connector to a serial port; what stood in its buffer is thrown away.

    `open_line` opens the port; serialx unless told otherwise. It raises OSError.
    """
    opener = open_line or _open

    async def connect() -> ByteStream:
        for _ in range(_PERMISSION_TRIES - 1):
            try:
                return await opener(line, clock)
            except PermissionError:
                await clock.sleep(_PERMISSION_EVERY_S)
            except OSError as error:
                raise _unreachable(line, error) from error
        try:
            return await opener(line, clock)
        except OSError as error:
            raise _unreachable(line, error) from error

    return connect


async def _open(line: SerialLine, clock: Clock) -> ByteStream:
    import serialx  # noqa: PLC0415 - 50 ms that a host without serial devices does not pay

    try:
        reader, writer = await serialx.open_serial_connection(
            line.path,
            baudrate=line.baud,
            byte_size=line.bits,
            parity=serialx.Parity(PARITIES[line.parity]),
            stopbits=serialx.StopBits(line.stop_bits),
            exclusive=True,
        )
    except serialx.SerialException as error:
        raise OSError(errno.EINVAL, str(error)) from error
    stream = SerialStream(reader, writer, clock, line.path)
    if line.modem_lines:
        stream.lines = await modem_lines(writer.transport, clock, line.path)
    return stream


def _unreachable(line: SerialLine, error: OSError) -> DeviceUnreachable:
    return DeviceUnreachable(
        "port_not_open",
        f"The port {line.path} cannot be opened: {error.strerror or error}.",
        advice=_ADVICE.get(error.errno or 0, "Check the device, its cable and its settings."),
    )
