"""Lines beside the bytes: the modem lines of a serial port, the pins of a GPIO chip.

A stream may have them (`lines_of`); TCP and pseudo-terminals have none. A line is on or off,
whatever voltage that is; inputs are what the device drives, outputs what this end drives.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    LINES_LOOK_MS,
)
from edge.contract.instant import Clock


class SignalLines(Protocol):
    """The lines of one open connection; they end with it."""

    async def levels(self) -> frozenset[str]:
        """Return the names of the inputs that are on; raises DeviceUnreachable when it broke."""
        ...

    async def changed(self, since: frozenset[str]) -> frozenset[str]:
        """Return the levels once they are others than `since`; raises as `levels`."""
        ...

    async def drive(self, line: str, *, on: bool) -> None:
        """Let an output be on or off; raises DeviceUnreachable when that cannot be done."""
        ...


def lines_of(stream: ByteStream) -> SignalLines | None:
    """Return the lines beside a stream's bytes; None when it has none."""
    lines: SignalLines | None = getattr(stream, "lines", None)
    return lines


async def looked_at(
    levels: Callable[[], Awaitable[frozenset[str]]], since: frozenset[str], clock: Clock
) -> frozenset[str]:
    """Look every `LINES_LOOK_MS` until the levels are others than `since`; return them."""
    while (now := await levels()) == since:
        await clock.sleep(LINES_LOOK_MS / 1000)
    return now
