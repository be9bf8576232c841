"""A shop's devices in Home Assistant, where a shop has one: described, shown, never commanded.

Everything is retained and worked out anew from the directory and from what devices report:
after a restart, of edge or of the broker, the same is said again, and what nobody wants any
more is taken away. Without the setting `home_assistant` nothing of this is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final

import msgspec

from edge.contract.device_adoption import BoundDevice
from edge.contract.device_limits import (
    SHOWN_AFRESH_EVERY_S,
    SHOWN_EVERY_S,
    SHOWN_SEEN_EVERY_S,
)
from edge.contract.device_states import OFFLINE, ONLINE, DeviceMeta, DeviceState, DriverState
from edge.contract.home_assistant import (
    BIRTH,
    BORN,
    ShownDevice,
    ShownTopics,
    device_of,
    discovery_topic,
    object_id,
)
from edge.contract.instant import Clock, iso_utc
from edge.contract.wire import UNREADABLE, encode
from edge.engine.home_assistant import describe, show
from edge.flows.device_directory import DeviceDirectory
from edge.flows.device_reports import DeviceReports
from edge.runtime.bus import Bus, BusMessage, BusUnavailable, LastWill
from edge.runtime.structured_log import Log
from edge.settings import EdgeSettings

Work = Callable[[], Coroutine[Any, Any, None]]
_ECHO_MS: Final = 5_000
"""What the broker has not sent back to us by then it sends to nobody."""
_SHOWN: Final = msgspec.json.Decoder(ShownDevice)
_THERE: Final = frozenset({DriverState.READY, DriverState.ATTENTION})


def last_will(settings: EdgeSettings) -> LastWill | None:
    """Return what the broker says when edge ends without a goodbye; None: nothing."""
    if settings.home_assistant is None or not settings.home_assistant.enabled:
        return None
    return LastWill(ShownTopics(settings.store.slug).availability, OFFLINE)


def home_assistant(
    settings: EdgeSettings,
    bus: Bus,
    directory: DeviceDirectory,
    reports: DeviceReports,
    clock: Clock,
    log: Log,
    stack: AsyncExitStack,
) -> dict[str, Work]:
    """Return what is to be run by a box that tells Home Assistant; nothing without the setting.

    `stack` is told to say goodbye.
    """
    wanted = settings.home_assistant
    if wanted is None:
        return {}
    store = settings.store.slug
    home = HomeAssistant(
        store, version("tillbox"), wanted.enabled, bus, directory, reports, clock, log
    )
    home.follow()
    stack.push_async_callback(home.close)
    return {"home assistant": home.tell, "home assistant's news": home.listen}


@dataclass
class HomeAssistant:
    """Keeps retained messages as the shop is. With `enabled` false it takes all of them away."""

    store: str
    version: str
    enabled: bool
    bus: Bus
    directory: DeviceDirectory
    reports: DeviceReports
    clock: Clock
    log: Log
    _said: dict[str, bytes] = field(default_factory=dict)
    """What the broker was given on this connection, by topic."""
    _seen: dict[str, str] = field(default_factory=dict)
    """When a device was last certainly there, by its id."""
    _present: set[str] = field(default_factory=set)
    """Devices that were there when last shown."""
    _foreign: set[str] = field(default_factory=set)
    """Devices of this store that are described there, by an earlier life of this box perhaps."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _told_at_ms: int | None = None
    """When the first device was described on this connection."""
    _heard: bool = False
    """Whether the broker let us hear any description, our own included."""
    _warned: bool = False
    _afresh: bool = False
    _afresh_at_ms: int | None = None
    _sure_at_ms: int | None = None

    def follow(self) -> None:
        """Hear of every report of a device from now on, and of every connection."""
        before = self.reports.changed

        def changed() -> None:
            before()
            self.wake()

        self.reports.changed = changed
        self.bus.on_connect(self.greet)

    def wake(self) -> None:
        """Say that something about devices may have changed."""
        self._news.set()

    async def greet(self) -> None:
        """Say everything again, after each connection: the broker may be a new one."""
        self._said.clear()
        self._told_at_ms = None
        word = ONLINE if self.enabled else b""
        await self.bus.publish(ShownTopics(self.store).availability, word, retain=True)
        self.wake()

    async def close(self) -> None:
        """Say goodbye: nobody keeps true what is shown from now on."""
        if self.enabled and self.bus.connected:
            try:
                await self.bus.publish(ShownTopics(self.store).availability, OFFLINE, retain=True)
            except BusUnavailable:
                self.log.info("home_assistant_not_told")  # the last will says it

    # --- what comes in --------------------------------------------------------------------

    async def listen(self) -> None:
        """Hear Home Assistant start, and what the broker kept of an earlier life of this box."""
        shown = ShownTopics(self.store).device("+")
        incoming = self.bus.subscribe([BIRTH, discovery_topic("+"), shown])
        try:
            async for message in incoming:
                self._take(message)
        finally:
            incoming.close()

    def _take(self, message: BusMessage) -> None:
        if message.topic == BIRTH:
            if message.payload == BORN:
                self._afresh = True
                self.wake()
            return
        if message.topic.startswith(ShownTopics(self.store).prefix):
            self._remember(message)
            return
        self._heard = True
        device = device_of(self.store, message.topic)
        if device is None or not message.payload:
            return  # another program's, or our own farewell
        if message.payload != self._said.get(message.topic):
            self._foreign.add(device)
            self._said.pop(message.topic, None)
            self.wake()

    def _remember(self, message: BusMessage) -> None:
        """Take over when a device was last seen, as this box said before it started anew."""
        if not message.retained or not message.payload:
            return
        try:
            seen = _SHOWN.decode(message.payload).last_seen
        except UNREADABLE:
            return  # it is said anew anyway
        if seen is not None:
            self._seen.setdefault(message.topic.rpartition("/")[2], seen)

    # --- what is said ---------------------------------------------------------------------

    async def tell(self) -> None:
        """Keep what is retained as the shop is, until cancelled."""
        while True:
            try:
                async with self.clock.timeout(SHOWN_SEEN_EVERY_S):
                    await self._news.wait()
            except TimeoutError:
                pass  # "last seen" is due
            # what comes together is told once, and what is retained of hosts has arrived by then
            await self.clock.sleep(SHOWN_EVERY_S)
            self._news.clear()
            try:
                await self._tell_all()
            except BusUnavailable:
                self.wake()  # what was not said is said in the next round
            self._check_heard()

    async def _tell_all(self) -> None:
        if not self.bus.connected:
            return
        self._begin_afresh()
        devices = {device.id: device for device in self.directory.devices} if self.enabled else {}
        for device in [*self._foreign - devices.keys(), *self._known() - devices.keys()]:
            await self._take_away(device)
        self._foreign.clear()
        if not self.enabled:
            return
        sure = self._is_due()
        for bound in devices.values():
            meta = self.reports.of(bound.host, bound.id, DeviceMeta)
            described = encode(describe(self.store, bound, meta, self.version))
            await self._say(discovery_topic(object_id(self.store, bound.id)), described)
            await self._show(bound, sure=sure)

    def _begin_afresh(self) -> None:
        now = self.clock.monotonic_ms()
        since = None if self._afresh_at_ms is None else now - self._afresh_at_ms
        if self._afresh and (since is None or since >= SHOWN_AFRESH_EVERY_S * 1000):
            self._afresh, self._afresh_at_ms = False, now
            self._said.clear()
            self.log.info("home_assistant_started")
        elif self._afresh:
            self.wake()  # a little later

    def _is_due(self) -> bool:
        """Say whether "last seen" is to be brought forward now."""
        now = self.clock.monotonic_ms()
        if self._sure_at_ms is not None and now - self._sure_at_ms < SHOWN_SEEN_EVERY_S * 1000:
            return False
        self._sure_at_ms = now
        return True

    async def _show(self, bound: BoundDevice, *, sure: bool) -> None:
        report = self.reports.hosts.get(bound.host)
        said = report.devices.get(bound.id, {}) if report is not None else {}
        present = report is not None and report.online and said.get("availability") == ONLINE
        state = self.reports.of(bound.host, bound.id, DeviceState)
        topic = ShownTopics(self.store).device(bound.id)
        there = present and state is not None and state.state in _THERE
        was = bound.id in self._present
        if there != was or (there and sure):
            # when it comes, when it goes, and every few minutes between
            self._seen[bound.id] = iso_utc(self.clock.now_ms())
            (self._present.add if there else self._present.discard)(bound.id)
        await self._say(
            topic, encode(show(state, present=present, last_seen=self._seen.get(bound.id)))
        )

    async def _take_away(self, device: str) -> None:
        for topic in (
            discovery_topic(object_id(self.store, device)),
            ShownTopics(self.store).device(device),
        ):
            await self.bus.publish(topic, b"", retain=True)
            self._said.pop(topic, None)
        self._seen.pop(device, None)
        self._present.discard(device)
        self.log.info("home_assistant_device_gone", device=device)

    def _known(self) -> set[str]:
        """Return the devices that were described on this connection."""
        found = {device_of(self.store, topic) for topic in self._said}
        return {device for device in found if device is not None}

    def _check_heard(self) -> None:
        if self._told_at_ms is None or self._heard or self._warned:
            return
        if self.clock.monotonic_ms() - self._told_at_ms < _ECHO_MS:
            self.wake()
            return
        self._warned = True
        self.log.warning(
            "home_assistant_not_allowed",
            reason="The broker takes what is said for Home Assistant and passes nothing on.",
            advice="On the box run `tillbox broker add-home-assistant`.",
        )

    async def _say(self, topic: str, payload: bytes) -> None:
        if self._said.get(topic) != payload:
            await self.bus.publish(topic, payload, retain=True)
            self._said[topic] = payload
            if self._told_at_ms is None:
                self._told_at_ms = self.clock.monotonic_ms()
