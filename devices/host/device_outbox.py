"""What one device has to say on the bus, kept until the broker has it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Final

import msgspec

from edge.contract.device_limits import (
    EVENTS_UNSENT_MAX,
    RESULTS_UNSENT_MAX,
)
from edge.contract.device_messages import DeviceEvent, JobResult
from edge.contract.device_states import OFFLINE, ONLINE, DeviceMeta, DeviceState, DeviceStatistics
from edge.contract.device_topics import DeviceTopics
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.runtime.bus import Bus, BusUnavailable

_EXPIRY_S_MIN: Final = 1
"""MQTT counts expiry in whole seconds; the body says it in milliseconds."""


class DeviceOutbox:
    """Sends events first, then results, then the newest state; one message at a time.

    Events that grew too old are dropped and counted; results wait for the broker; of
    states only the newest is sent. `greet` says everything again after a new connection.
    """

    def __init__(self, bus: Bus, topics: DeviceTopics, clock: Clock) -> None:
        self._bus = bus
        self._topics = topics
        self._clock = clock
        self._wake = asyncio.Event()
        self._events: deque[tuple[str, DeviceEvent]] = deque()
        self._results: OrderedDict[str, JobResult] = OrderedDict()
        self._retained: dict[str, bytes] = {}
        self._unsent: OrderedDict[str, None] = OrderedDict()
        self.dropped_events = 0
        self.dropped_results = 0
        self.dropped_too_large = 0

    def event(self, kind: str, event: DeviceEvent) -> None:
        """Send an event at once, or not at all."""
        self._events.append((kind, event))
        while len(self._events) > EVENTS_UNSENT_MAX:
            self._events.popleft()
            self.dropped_events += 1
        self._wake.set()

    def result(self, result: JobResult) -> None:
        """Send a job's result; a newer one of the same job takes its place."""
        self._results.pop(result.id, None)
        self._results[result.id] = result
        while len(self._results) > RESULTS_UNSENT_MAX:
            self._results.popitem(last=False)
            self.dropped_results += 1
        self._wake.set()

    def online(self, meta: DeviceMeta) -> None:
        """Say that the device is run here and what it is."""
        self._retain(self._topics.meta, msgspec.json.encode(meta))
        self._retain(self._topics.availability, ONLINE)

    def offline(self) -> None:
        """Say that the device is not run any more."""
        self._retain(self._topics.availability, OFFLINE)

    def state(self, state: DeviceState) -> None:
        """Report a state; of several that wait only the newest is sent."""
        self._retain(self._topics.state, msgspec.json.encode(state))

    async def statistics(self, counts: DeviceStatistics) -> None:
        """Publish statistics; lost when there is no connection, the next come soon."""
        try:
            await self._bus.publish(
                self._topics.stats, msgspec.json.encode(counts), qos=0, retain=True
            )
        except BusUnavailable:
            return

    def greet(self) -> None:
        """Say everything that is retained again: the connection is new."""
        self._unsent.update(dict.fromkeys(self._retained))
        self._wake.set()

    def take_over(self, other: DeviceOutbox) -> None:
        """Take over the results that the same device's former driver could not send."""
        for result in other._results.values():
            self.result(result)

    async def run(self) -> None:
        """Send until cancelled; without a connection wait for `greet`."""
        while True:
            self._wake.clear()
            try:
                while await self._send_one():
                    pass
            except BusUnavailable:
                self._wake.clear()  # what comes now waits too: greet will call
            await self._wake.wait()

    async def drain(self) -> None:
        """Send what is left, once; used after `run` has ended."""
        try:
            while await self._send_one():
                pass
        except BusUnavailable:
            return

    def _retain(self, topic: str, payload: bytes) -> None:
        self._retained[topic] = payload
        self._unsent[topic] = None
        self._wake.set()

    async def _send_one(self) -> bool:
        if self._events:
            first = self._events[0]
            await self._send_event(*first)
            if self._events and self._events[0] is first:
                self._events.popleft()
            return True
        if self._results:
            job_id, result = next(iter(self._results.items()))
            await self._publish(self._topics.result, msgspec.json.encode(result))
            if self._results.get(job_id) is result:
                del self._results[job_id]
            return True
        if self._unsent:
            topic = next(iter(self._unsent))
            payload = self._retained[topic]
            await self._publish(topic, payload, retain=True)
            if self._retained[topic] is payload:
                self._unsent.pop(topic, None)
            return True
        return False

    async def _send_event(self, kind: str, event: DeviceEvent) -> None:
        left_ms = event.expires_at - self._clock.now_ms()
        if left_ms <= 0:
            self.dropped_events += 1
            return
        await self._publish(
            self._topics.event(kind),
            msgspec.json.encode(event),
            expiry_s=max(_EXPIRY_S_MIN, -(-left_ms // 1000)),
        )

    async def _publish(
        self, topic: str, payload: bytes, *, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        try:
            await self._bus.publish(topic, payload, retain=retain, expiry_s=expiry_s)
        except Refused:  # larger than any broker of ours takes: no later try would fare better
            self.dropped_too_large += 1
