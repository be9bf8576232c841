"""A queue with a limit that says when it is full or closed, instead of growing or hanging."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class QueueFull(Exception):
    """The queue holds as many as it may; what was offered was not taken."""


class QueueClosed(Exception):
    """The queue was closed: nothing goes in, and what was in it has been taken out."""


class BoundedQueue(Generic[T]):
    """First in, first out, at most `size`; for one event loop, any number of takers."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: deque[T] = deque()
        self._takers: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether `close` was called; what is inside can still be taken."""
        return self._closed

    def put_nowait(self, item: T) -> None:
        """Add an item. Raises QueueFull or QueueClosed, with nothing added."""
        if self._closed:
            raise QueueClosed
        if len(self._items) >= self._size:
            raise QueueFull
        self._items.append(item)
        self._wake_one()

    async def get(self) -> T:
        """Return the oldest item, waiting for one. Raises QueueClosed at the end."""
        await self._wait()
        return self._items.popleft()

    async def get_batch(self, most: int) -> list[T]:
        """Return what is there, one to `most` items, waiting for the first.

        Raises QueueClosed at the end.
        """
        await self._wait()
        return [self._items.popleft() for _ in range(min(most, len(self._items)))]

    def close(self) -> None:
        """Take nothing more; takers get what is inside and then QueueClosed. Safe twice."""
        self._closed = True
        while self._takers:
            self._wake_one()

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield items until the queue is closed and empty."""
        while True:
            try:
                item = await self.get()
            except QueueClosed:
                return
            yield item

    async def _wait(self) -> None:
        while not self._items:
            if self._closed:
                raise QueueClosed
            taker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._takers.append(taker)
            try:
                await taker
            except BaseException:
                # woken and cancelled at once: the item is for the next who waits
                if taker.done() and not taker.cancelled():
                    self._wake_one()
                elif taker in self._takers:
                    self._takers.remove(taker)
                raise

    def _wake_one(self) -> None:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                return
