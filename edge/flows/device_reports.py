"""What hosts and their devices say of themselves, for people who look at it.

Beside the directory, which knows what tills need. Reports are kept as they came and read when
somebody looks: nobody pays for a wall that is not open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from edge.contract.device_messages import EVENT_SCAN, BarcodeScanned, DeviceEvent
from edge.contract.device_states import (
    ONLINE,
    DeviceMeta,
    DeviceState,
    DeviceStatistics,
    HostInfo,
)
from edge.contract.device_topics import ParsedTopic, every_device, every_host, parse_topic
from edge.contract.limits import (
    DEVICES_PER_HOST_MAX,
    HOSTS_PER_STORE_MAX,
    MQTT_PAYLOAD_BYTES_MAX,
)
from edge.contract.wire import UNREADABLE
from edge.runtime.bus import Bus, BusMessage
from edge.runtime.structured_log import Log

T = TypeVar("T")
_INFO: Final = msgspec.json.Decoder(HostInfo)
_SCAN: Final = msgspec.json.Decoder(BarcodeScanned)
_EVENT: Final = msgspec.json.Decoder(DeviceEvent)
_DECODERS: Final[dict[type, msgspec.json.Decoder[object]]] = {
    shape: msgspec.json.Decoder(shape) for shape in (DeviceState, DeviceMeta, DeviceStatistics)
}
_LEAVES: Final[dict[type, str]] = {
    DeviceState: "state",
    DeviceMeta: "meta",
    DeviceStatistics: "stats",
}


@dataclass
class HostReport:
    """What one host has said, and its devices by id and leaf, as it came."""

    online: bool = False
    info: HostInfo | None = None
    devices: dict[str, dict[str, bytes]] = field(default_factory=dict)


@dataclass
class DeviceReports:
    """Everything that hosts of one store report. `changed` is called when any of it did.

    `host_seen(host)` is called when a host came online, `heard` with each thing a device said.
    """

    store: str
    bus: Bus
    log: Log
    changed: Callable[[], None]
    host_seen: Callable[[str], None] = lambda _host: None
    heard: Callable[[BusMessage], None] = lambda _message: None
    hosts: dict[str, HostReport] = field(default_factory=dict)
    dropped: int = 0

    async def run(self) -> None:
        """Follow the reports until cancelled."""
        filters = [
            every_host(self.store, "availability"),
            every_host(self.store, "info"),
            *(every_device(self.store, leaf) for leaf in ("availability", *_LEAVES.values())),
            every_device(self.store, "event/+"),
            every_device(self.store, "result"),
        ]
        reports = self.bus.subscribe(filters)
        try:
            async for message in reports:
                self.heard(message)
                self.take(message)
        finally:
            reports.close()

    def forget(self) -> None:
        """Take every host for gone: the broker is."""
        for report in self.hosts.values():
            report.online = False
        self.changed()

    def of(self, host: str, device: str, shape: type[T]) -> T | None:
        """Return a device's newest report of a shape; None for none, or one that is garbled."""
        report = self.hosts.get(host)
        payload = report.devices.get(device, {}).get(_LEAVES[shape]) if report else None
        if payload is None:
            return None
        try:
            decoded = _DECODERS[shape].decode(payload)
        except UNREADABLE:
            return None
        return decoded if isinstance(decoded, shape) else None

    def last_scan(self, host: str, device: str) -> tuple[str, int]:
        """Return the newest code a scanner read, and when; empty and 0 for none."""
        report = self.hosts.get(host)
        payload = report.devices.get(device, {}).get(EVENT_SCAN) if report else None
        if payload is None:
            return "", 0
        try:
            event = _EVENT.decode(payload)
            return _SCAN.decode(event.data).text, event.ts
        except UNREADABLE:
            return "", 0

    def take(self, message: BusMessage) -> None:
        """Take one delivery; what is foreign, garbled or too much is counted, never raised."""
        topic = parse_topic(message.topic)
        if topic is None or len(message.payload) > MQTT_PAYLOAD_BYTES_MAX:
            self.dropped += 1
            return
        report = self.hosts.get(topic.host)
        if report is None:
            if len(self.hosts) >= HOSTS_PER_STORE_MAX:
                self.dropped += 1
                return
            report = self.hosts[topic.host] = HostReport()
        if topic.device:
            self._take_device(report, topic, message)
        elif topic.leaf == "info":
            self._take_info(report, topic.host, message.payload)
        else:
            self._take_availability(report, topic.host, online=message.payload == ONLINE)

    def _take_availability(self, report: HostReport, host: str, *, online: bool) -> None:
        report.online = online
        if online:
            self.host_seen(host)
        self.changed()

    def _take_info(self, report: HostReport, host: str, payload: bytes) -> None:
        try:
            report.info = _INFO.decode(payload)
        except UNREADABLE as error:
            self.dropped += 1
            self.log.warning("host_info_garbled", who=host, reason=str(error))
            return
        self.changed()

    def _take_device(self, report: HostReport, topic: ParsedTopic, message: BusMessage) -> None:
        leaf = topic.event_kind or topic.leaf
        if leaf == "result" or (topic.event_kind and leaf != EVENT_SCAN):
            return  # heard, and of no use here
        if leaf == EVENT_SCAN and message.retained:
            self.dropped += 1  # stored by somebody: nobody has just scanned
            return
        known = report.devices.get(topic.device)
        if known is None:
            if len(report.devices) >= 2 * DEVICES_PER_HOST_MAX:  # given up ones stay retained
                self.dropped += 1
                return
            known = report.devices[topic.device] = {}
        if known.get(leaf) != message.payload:
            known[leaf] = message.payload
            self.changed()
