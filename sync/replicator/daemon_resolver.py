"""Names of head office looked up in a thread that nobody waits for.

A shop without a line looks names up for half a minute in vain. The event loop's own pool is
joined when the process ends: that would hold up a clean stop for as long.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""What `socket.getaddrinfo` gives: family, kind, protocol, canonical name, address."""


class DaemonResolver(AbstractResolver):
    """Resolves by the machine's own means. Raises OSError for a name that leads nowhere."""

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[AddressInfo]] = loop.create_future()

        def settle(found: list[AddressInfo] | OSError) -> None:
            if answer.done():
                return
            if isinstance(found, OSError):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def look_up() -> None:
            found: list[AddressInfo] | OSError
            try:
                found = list[AddressInfo](
                    socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
                )
            except OSError as error:
                found = error
            # the loop may have ended meanwhile
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, found)

        threading.Thread(target=look_up, name=f"look up {host}", daemon=True).start()
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in await answer
        ]

    @override
    async def close(self) -> None:
        """Nothing is held."""
