"""MQTT inside one process: for tests and simulated shops.

It keeps the promises of the bus and those of a real broker that the contract relies on:
wildcards, retained messages, last will after an ungraceful end, one connection per client
id, acknowledgement once the broker has the message. Expiry stands in the message bodies
and is not looked at here, as with an MQTT 3.1.1 broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from edge.contract.limits import (
    SUBSCRIPTION_QUEUE_MAX,
)
from edge.runtime.bus import BusMessage, BusUnavailable, LastWill
from edge.runtime.outgoing_message import check_outgoing
from edge.runtime.subscription_queue import SubscriptionQueue


class MemoryBroker:
    """Holds the retained messages and the connections; `stop` and `start` cut and heal all."""

    def __init__(self) -> None:
        self._retained: dict[str, BusMessage] = {}
        self._online: dict[str, MemoryBus] = {}
        self._up = asyncio.Event()
        self._up.set()

    def connect(self, client_id: str, will: LastWill | None = None) -> MemoryBus:
        """Return a bus; it is connected while its `run` runs and the broker is up."""
        return MemoryBus(self, client_id, will)

    def stop(self) -> None:
        """Cut every connection; retained messages stay, last wills are not sent."""
        self._up.clear()
        for bus in list(self._online.values()):
            bus.cut()
        self._online.clear()

    def start(self) -> None:
        """Let everybody connect again."""
        self._up.set()

    def drop(self, client_id: str) -> None:
        """Cut one client without a goodbye: its last will is sent; it comes back by itself."""
        self._leave(client_id, graceful=False)

    # --- for MemoryBus --------------------------------------------------------------------

    async def admit(self, bus: MemoryBus) -> None:
        """Wait until the broker is up and take the client in; throws off its namesake."""
        await self._up.wait()
        self._leave(bus.client_id, graceful=False)
        self._online[bus.client_id] = bus

    def depart(self, bus: MemoryBus) -> None:
        """Say goodbye: no last will."""
        if self._online.get(bus.client_id) is bus:
            self._leave(bus.client_id, graceful=True)

    def take(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Deliver a message to all who are subscribed, and keep it if it is to be retained."""
        if retain and payload:
            self._retained[topic] = BusMessage(topic, payload, retained=True)
        elif retain:
            self._retained.pop(topic, None)
        for bus in self._online.values():
            bus.deliver(BusMessage(topic, payload))

    def give_retained(self, subscription: SubscriptionQueue) -> None:
        """Deliver the retained messages that a new subscription stands for."""
        for message in self._retained.values():
            subscription.offer(message)

    def _leave(self, client_id: str, *, graceful: bool) -> None:
        bus = self._online.pop(client_id, None)
        if bus is None:
            return
        bus.cut()
        if bus.will is not None and not graceful:
            self.take(bus.will.topic, bus.will.payload, retain=True)


class MemoryBus:
    """One client of a `MemoryBroker`; a `Bus`."""

    def __init__(self, broker: MemoryBroker, client_id: str, will: LastWill | None) -> None:
        self.client_id = client_id
        self.will = will
        self._broker = broker
        self._connected = False
        self._lost = asyncio.Event()
        self._subscriptions: list[SubscriptionQueue] = []
        self._greetings: list[Callable[[], Awaitable[None]]] = []
        self._mourners: list[Callable[[], None]] = []

    @property
    def connected(self) -> bool:
        """Whether `run` runs and the broker is up."""
        return self._connected

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,  # noqa: ARG002 - the contract's expiry stands in the body
    ) -> None:
        """Hand a message to the broker. Raises BusUnavailable; Refused when it is too large."""
        check_outgoing(topic, payload, qos)
        if not self._connected:
            raise BusUnavailable("bus_unavailable", "There is no connection to the broker.")
        self._broker.take(topic, payload, retain=retain)
        if qos:
            await asyncio.sleep(0)  # an acknowledgement takes a while: others get their turn

    def subscribe(
        self, filters: Sequence[str], *, queue_max: int = SUBSCRIPTION_QUEUE_MAX
    ) -> SubscriptionQueue:
        """Return the deliveries for some topic filters from now on, over all reconnections."""
        subscription = SubscriptionQueue(filters, queue_max, self._subscriptions.remove)
        self._subscriptions.append(subscription)
        if self._connected:
            self._broker.give_retained(subscription)
        return subscription

    def on_connect(self, greet: Callable[[], Awaitable[None]]) -> None:
        """Have `greet` awaited after each connection, when the filters are subscribed."""
        self._greetings.append(greet)

    def on_lost(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when a connection is lost."""
        self._mourners.append(tell)

    async def run(self) -> None:
        """Hold the connection until cancelled."""
        try:
            while True:
                await self._broker.admit(self)
                self._connected = True
                self._lost.clear()
                for subscription in self._subscriptions:
                    self._broker.give_retained(subscription)
                await self._greet()
                await self._lost.wait()
        finally:
            self._broker.depart(self)

    async def _greet(self) -> None:
        for greet in self._greetings:
            try:
                await greet()
            except BusUnavailable:
                return  # lost again meanwhile: the next connection greets anew

    # --- for MemoryBroker -----------------------------------------------------------------

    def deliver(self, message: BusMessage) -> None:
        """Hand a message to the subscriptions that stand for it."""
        for subscription in self._subscriptions:
            subscription.offer(message)

    def cut(self) -> None:
        """Lose the connection; `run` makes the next one."""
        was, self._connected = self._connected, False
        self._lost.set()
        if was:
            for tell in self._mourners:
                tell()
