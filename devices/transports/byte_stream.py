"""A connection that carries bytes and no meaning: what every transport gives its driver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class ByteStream(Protocol):
    """One open connection to a device, both ways. It is never opened again: connect anew."""

    async def read(self, max_bytes: int) -> bytes:
        """Return 1 to `max_bytes` bytes as soon as there are any; b"" when it is over.

        Over means that the other end or this one closed it. Raises DeviceUnreachable when
        it broke: a cable pulled, a reset, an error of the port.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Hand over all bytes, waiting while the other end is slow (back-pressure).

        Raises DeviceUnreachable when the connection is broken or closed; how many of the
        bytes got out is then not known.
        """
        ...

    async def close(self) -> None:
        """Close it; closing twice is allowed and never raises."""
        ...


Connector = Callable[[], Awaitable[ByteStream]]
"""Opens the connection. Raises DeviceUnreachable saying what did not answer and what to check."""
