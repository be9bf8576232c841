"""The bus as everybody sees it: publish, subscribe, greet after each connection.

Two implementations, one promise suite (`tests/runtime/test_bus_promises.py`): `mqtt_bus`
and `memory_bus`. The ledger is the durability; a bus is transport.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.contract.errors import TillboxError
from edge.contract.limits import (
    SUBSCRIPTION_QUEUE_MAX,
)


class BusUnavailable(TillboxError):
    """There is no connection to the broker now; nothing was sent."""

    kind = "bus_unavailable"


@dataclass(frozen=True)
class BusMessage:
    """One delivery. `retained`: it was stored by the broker, not sent just now."""

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True)
class LastWill:
    """What the broker says, retained, for a client that ends without a goodbye."""

    topic: str
    payload: bytes


class Subscription(Protocol):
    """Deliveries for some filters, in order, in a bounded queue; survives reconnections.

    A full queue drops the newest delivery and counts it in `dropped`.
    """

    @property
    def dropped(self) -> int:
        """Deliveries lost to the queue's limit so far."""
        ...

    def __aiter__(self) -> AsyncIterator[BusMessage]:
        """Yield deliveries until `close`."""
        ...

    def close(self) -> None:
        """End the iteration; nothing is delivered any more."""
        ...


class Bus(Protocol):
    """A connection to the broker that comes back by itself."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        ...

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
    ) -> None:
        """Hand a message to the broker; with QoS 1 return once it has acknowledged.

        Raises `BusUnavailable` when there is no connection or it is lost before that:
        the caller keeps what it wanted to say.
        """
        ...

    def subscribe(
        self, filters: Sequence[str], *, queue_max: int = SUBSCRIPTION_QUEUE_MAX
    ) -> Subscription:
        """Return the deliveries for some topic filters from now on, over all reconnections."""
        ...

    def on_connect(self, greet: Callable[[], Awaitable[None]]) -> None:
        """Have `greet` awaited after each connection, when the filters are subscribed."""
        ...

    def on_lost(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when a connection is lost: what is known by it may be old."""
        ...

    async def run(self) -> None:
        """Hold the connection until cancelled; a supervised task."""
        ...
