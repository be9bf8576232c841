"""The deliveries of one subscription, the same for every bus: filters in, messages out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from edge.contract.limits import (
    MQTT_PAYLOAD_BYTES_MAX,
)
from edge.runtime.bounded_queue import BoundedQueue, QueueClosed, QueueFull
from edge.runtime.bus import BusMessage
from edge.runtime.topic_filters import check_filter, matches

_TOPICS_KNOWN_MAX: Final = 1_024
"""Topics that are not compared anew with each message: those of a hundred devices."""
_TOPIC_CHARS_KNOWN: Final = 256
"""Ours are shorter; what strangers invent is not kept."""

QOS_MAX: Final = 1
"""QoS 2 costs two more packets and dedups less than our ids do."""


class SubscriptionQueue:
    """A `Subscription`: `offer` puts in what matches, iterating takes it out.

    A full queue drops the newest delivery and counts it, so that what came first is handled
    first. A message over `MQTT_PAYLOAD_BYTES_MAX` is dropped and counted as well.
    """

    def __init__(
        self,
        filters: Sequence[str],
        queue_max: int,
        on_close: Callable[[SubscriptionQueue], None],
    ) -> None:
        for topic_filter in filters:
            check_filter(topic_filter)
        self.filters = tuple(dict.fromkeys(filters))
        self._queue: BoundedQueue[BusMessage] = BoundedQueue(queue_max)
        self._on_close = on_close
        self._dropped = 0
        self._known: dict[str, bool] = {}

    def __len__(self) -> int:
        """Return how many deliveries wait."""
        return len(self._queue)

    @property
    def dropped(self) -> int:
        """Deliveries lost to a limit so far."""
        return self._dropped

    def __aiter__(self) -> AsyncIterator[BusMessage]:
        """Yield deliveries until `close`."""
        return self._deliveries()

    def close(self) -> None:
        """End the iteration; what waits is thrown away. Safe to call twice."""
        if not self._queue.closed:
            self._queue.close()
            self._on_close(self)

    def offer(self, message: BusMessage, *, room: bool = True) -> bool:
        """Take a message if a filter stands for its topic; say whether one was dropped.

        `room` is whether the limit over all subscriptions leaves any.
        """
        wanted = self._known.get(message.topic)
        if wanted is None:
            wanted = self._compare(message.topic)
        if not wanted or self._queue.closed:
            return False
        try:
            if room and len(message.payload) <= MQTT_PAYLOAD_BYTES_MAX:
                self._queue.put_nowait(message)
                return False
        except QueueFull:
            pass
        self._dropped += 1
        return True

    def _compare(self, topic: str) -> bool:
        wanted = any(matches(topic, topic_filter) for topic_filter in self.filters)
        if len(topic) <= _TOPIC_CHARS_KNOWN:
            if len(self._known) >= _TOPICS_KNOWN_MAX:
                self._known.clear()
            self._known[topic] = wanted
        return wanted

    async def _deliveries(self) -> AsyncIterator[BusMessage]:
        while not self._queue.closed:
            try:
                yield await self._queue.get()
            except QueueClosed:
                return
