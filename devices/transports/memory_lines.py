"""Signal lines inside one process: what one end drives is what the other reads."""

from __future__ import annotations

import asyncio

from edge.contract.errors import DeviceUnreachable


class MemoryLines:
    """One end of the lines of a `memory_pipe`; names are the same at both ends."""

    def __init__(self, changes: asyncio.Condition) -> None:
        self._changes = changes
        self._on: set[str] = set()
        self._other: MemoryLines | None = None
        self._over = ""

    def join(self, other: MemoryLines) -> None:
        """Put the other end on."""
        self._other = other

    async def levels(self) -> frozenset[str]:
        """Return what the other end drives; see `SignalLines.levels`."""
        if self._over:
            raise DeviceUnreachable("lines_over", self._over)
        return frozenset(self._other._on) if self._other else frozenset()  # noqa: SLF001 - its twin

    async def changed(self, since: frozenset[str]) -> frozenset[str]:
        """Wait for another picture; see `SignalLines.changed`."""
        async with self._changes:
            while (now := await self.levels()) == since:
                await self._changes.wait()
        return now

    async def drive(self, line: str, *, on: bool) -> None:
        """Drive a line; see `SignalLines.drive`."""
        if self._over:
            raise DeviceUnreachable("lines_over", self._over)
        (self._on.add if on else self._on.discard)(line)
        async with self._changes:
            self._changes.notify_all()

    async def end(self, words: str) -> None:
        """Let this end be over: it drives nothing any more, and whoever waits here is told."""
        self._over = self._over or words
        self._on.clear()
        async with self._changes:
            self._changes.notify_all()


def memory_lines() -> tuple[MemoryLines, MemoryLines]:
    """Return two joined ends."""
    changes = asyncio.Condition()
    near, far = MemoryLines(changes), MemoryLines(changes)
    near.join(far)
    far.join(near)
    return near, far
