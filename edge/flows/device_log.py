"""What happens between the box and each device, newest last, for a technician to look at.

What was asked, what was answered, how the device was: kinds, states, codes, and the device's own
words. Never what a job or an answer holds: receipts, amounts, cards, and codes of customers stay
out, for they are not even read here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.device_limits import (
    LOG_ENTRIES_PER_DEVICE_MAX,
    LOG_WORDS_CHARS_MAX,
    LOGGED_DEVICES_MAX,
)
from edge.contract.device_messages import (
    EVENT_SCAN,
    BarcodeScanned,
    DeviceEvent,
    JobError,
    JobStatus,
)
from edge.contract.device_states import ONLINE, DeviceState
from edge.contract.device_topics import ParsedTopic, parse_topic
from edge.contract.errors import TillboxError
from edge.contract.instant import Clock
from edge.contract.limits import (
    SUBSCRIPTION_QUEUE_MAX,
)
from edge.contract.technician_views import DeviceLogView, LogEntry
from edge.contract.wire import UNREADABLE
from edge.engine.text_safety import without_pans
from edge.runtime.bus import Bus, BusMessage, Subscription

_JOBS_REMEMBERED: Final = LOG_ENTRIES_PER_DEVICE_MAX
_DELIVERIES_REMEMBERED: Final = 16


class _Asked(msgspec.Struct, frozen=True):
    """Of a job what is noted; its arguments are not read."""

    id: str
    kind: str


class _Answered(msgspec.Struct, frozen=True):
    """Of a result what is noted; what it brought is not read."""

    id: str
    status: JobStatus
    error: JobError | None = None


_ASKED: Final = msgspec.json.Decoder(_Asked)
_ANSWERED: Final = msgspec.json.Decoder(_Answered)
_STATE: Final = msgspec.json.Decoder(DeviceState)
_EVENT: Final = msgspec.json.Decoder(DeviceEvent)
_SCAN: Final = msgspec.json.Decoder(BarcodeScanned)


@dataclass
class _Notes:
    """The entries of one device, and what they follow from."""

    entries: deque[LogEntry] = field(
        default_factory=lambda: deque(maxlen=LOG_ENTRIES_PER_DEVICE_MAX)
    )
    count: int = 0
    there: bool | None = None
    state: tuple[str, str] = ("", "")
    parts: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    """Kinds of the newest jobs, by their ids."""
    heard: deque[tuple[str, str, str]] = field(
        default_factory=lambda: deque(maxlen=_DELIVERIES_REMEMBERED)
    )
    """What was delivered last: a broker may deliver twice, and does where filters overlap."""

    def again(self, *delivery: str) -> bool:
        """Say whether this was delivered before; from now on it was."""
        known = delivery in self.heard
        self.heard.append((delivery[0], delivery[1], delivery[2]))
        return known


@dataclass
class DeviceLog:
    """Notes what goes to devices and comes from them. `changed` is called when it noted."""

    clock: Clock
    changed: Callable[[], None]
    dropped: int = 0
    _notes: dict[tuple[str, str], _Notes] = field(default_factory=dict)

    def view(self, host: str, device: str) -> DeviceLogView:
        """Return what is kept of one device."""
        notes = self._notes.get((host, device))
        if notes is None:
            return DeviceLogView(device, 0, ())
        return DeviceLogView(device, notes.count, tuple(notes.entries))

    def noted(self, host: str, device: str) -> int:
        """Return how many entries one device has had."""
        notes = self._notes.get((host, device))
        return 0 if notes is None else notes.count

    def sent(self, topic: str, payload: bytes) -> None:
        """Take what this box is about to publish: the answer may be here before that returns."""
        asked = self._asked(topic, payload)
        if asked is None:
            return
        notes, job = asked
        notes.kinds[job.id] = job.kind
        while len(notes.kinds) > _JOBS_REMEMBERED:
            del notes.kinds[next(iter(notes.kinds))]
        self._note(notes, "asked", name=job.kind)

    def not_sent(self, topic: str, payload: bytes, code: str) -> None:
        """Take that the broker did not take it."""
        asked = self._asked(topic, payload)
        if asked is not None:
            notes, job = asked
            self._note(notes, "answered", name=job.kind, value=JobStatus.FAILED.value, code=code)

    def _asked(self, topic: str, payload: bytes) -> tuple[_Notes, _Asked] | None:
        parsed = parse_topic(topic)
        if parsed is None or parsed.leaf != "job":
            return None
        notes = self._of(parsed)
        if notes is None:
            return None
        try:
            return notes, _ASKED.decode(payload)
        except UNREADABLE:
            return None

    def take(self, message: BusMessage) -> None:
        """Take what a device said; what is garbled is counted, never raised."""
        topic = parse_topic(message.topic)
        if topic is None or not topic.device:
            return
        notes = self._of(topic)
        if notes is None:
            return
        try:
            self._take(notes, topic, message)
        except UNREADABLE:
            self.dropped += 1

    def _take(self, notes: _Notes, topic: ParsedTopic, message: BusMessage) -> None:
        match topic.leaf:
            case "availability":
                there = message.payload == ONLINE
                if there != notes.there:
                    notes.there = there
                    self._note(notes, "there" if there else "gone")
            case "state":
                self._take_state(notes, _STATE.decode(message.payload))
            case "result":
                self._take_result(notes, _ANSWERED.decode(message.payload))
            case "event" if not message.retained:
                self._take_event(notes, topic.event_kind, message.payload)
            case _:
                pass

    def _take_state(self, notes: _Notes, state: DeviceState) -> None:
        now = (state.state.value, state.health)
        if now != notes.state:
            notes.state = now
            self._note(notes, "state", value=now[0], words=now[1])
        for part in ("paper", "cover", "drawer"):
            value = getattr(state, part)
            if value and value != notes.parts.get(part):
                notes.parts[part] = value
                self._note(notes, part, value=value)

    def _take_result(self, notes: _Notes, result: _Answered) -> None:
        error = result.error
        if notes.again(result.id, result.status.value, error.detail if error else ""):
            return
        self._note(
            notes,
            "answered",
            name=notes.kinds.get(result.id, ""),
            value=result.status.value,
            code=error.code if error else "",
            words=error.detail if error else "",
        )

    def _take_event(self, notes: _Notes, kind: str, payload: bytes) -> None:
        event = _EVENT.decode(payload)
        if notes.again(event.id, kind, ""):
            return
        if kind == EVENT_SCAN:
            self._note(notes, "scan", count=len(_SCAN.decode(event.data).text))
        else:
            self._note(notes, "event", name=kind)

    def _of(self, topic: ParsedTopic) -> _Notes | None:
        key = (topic.host, topic.device)
        notes = self._notes.get(key)
        if notes is None and len(self._notes) < LOGGED_DEVICES_MAX:
            notes = self._notes[key] = _Notes()
        return notes

    def _note(
        self,
        notes: _Notes,
        what: str,
        *,
        name: str = "",
        value: str = "",
        count: int = 0,
        code: str = "",
        words: str = "",
    ) -> None:
        shown = without_pans(words[:LOG_WORDS_CHARS_MAX]) if words else ""
        entry = LogEntry(self.clock.now_ms(), what, name[:LOG_WORDS_CHARS_MAX], value, count,
                         code[:LOG_WORDS_CHARS_MAX], shown)  # fmt: skip
        notes.entries.append(entry)
        notes.count += 1
        self.changed()


class NotedBus:
    """A bus that notes in a device log what was published on it; all else as the bus does it."""

    def __init__(self, bus: Bus, log: DeviceLog) -> None:
        self._bus = bus
        self._log = log

    @property
    def connected(self) -> bool:
        """See `Bus`."""
        return self._bus.connected

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
    ) -> None:
        """Hand a message to the broker, and note it; see `Bus`."""
        self._log.sent(topic, payload)
        try:
            await self._bus.publish(topic, payload, qos=qos, retain=retain, expiry_s=expiry_s)
        except TillboxError as error:
            self._log.not_sent(topic, payload, error.code)
            raise

    def subscribe(
        self, filters: Sequence[str], *, queue_max: int = SUBSCRIPTION_QUEUE_MAX
    ) -> Subscription:
        """See `Bus`."""
        return self._bus.subscribe(filters, queue_max=queue_max)

    def on_connect(self, greet: Callable[[], Awaitable[None]]) -> None:
        """See `Bus`."""
        self._bus.on_connect(greet)

    def on_lost(self, tell: Callable[[], None]) -> None:
        """See `Bus`."""
        self._bus.on_lost(tell)

    async def run(self) -> None:
        """See `Bus`."""
        await self._bus.run()
