"""Which devices a shop has, which till each serves in which role, and how each is.

Desired state goes down retained (`HostConfig`), reported state comes up retained: a host
that restarts, or a replaced one, needs nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from edge.contract.device_adoption import BoundDevice, DeviceRole
from edge.contract.device_states import (
    ONLINE,
    WEIGHT_AT_PRICE,
    DeviceMeta,
    DeviceState,
    DriverState,
    HostConfig,
    HostInfo,
    WantedDevice,
)
from edge.contract.device_topics import HostTopics, every_device, every_host, parse_topic
from edge.contract.limits import (
    HOSTS_PER_STORE_MAX,
)
from edge.contract.till_protocol import DeviceView
from edge.contract.wire import UNREADABLE, encode
from edge.runtime.bus import Bus, BusMessage, BusUnavailable
from edge.runtime.structured_log import Log

_STATE: Final = msgspec.json.Decoder(DeviceState)
_META: Final = msgspec.json.Decoder(DeviceMeta)
_INFO: Final = msgspec.json.Decoder(HostInfo)
_ROLE_ORDER: Final = tuple(role.value for role in DeviceRole)


@dataclass(frozen=True)
class Binding:
    """A device that serves a till in a role."""

    device: str
    host: str
    role: str
    till: str


@dataclass
class _Reported:
    """What is known of a device now."""

    online: bool = False
    state: DeviceState | None = None
    capabilities: tuple[str, ...] = ()


@dataclass
class DeviceDirectory:
    """The devices of one store; `assign` gives it others while the box runs.

    `changed(till)` is called when what a till shows changed; `host_back(host)` when a host
    came (back) online; `assigned` are called with `left` when the store's devices are others,
    before tills and hosts are told: `left` are those that a host has no more, with that host.
    """

    store: str
    devices: Sequence[BoundDevice]
    bus: Bus
    log: Log
    changed: Callable[[str], None]
    host_back: Callable[[str], None]
    assigned: list[Callable[[dict[str, str]], None]] = field(default_factory=list)
    dropped: int = 0
    left_open: set[str] = field(default_factory=set)
    """Drawers that `OpenDrawers` found to stand open for too long."""
    _reported: dict[str, _Reported] = field(default_factory=dict)
    _hosts_online: dict[str, bool] = field(default_factory=dict)
    _config_errors: dict[str, str] = field(default_factory=dict)
    _boots: dict[str, str] = field(default_factory=dict)
    _relieved: set[str] = field(default_factory=set)
    """Hosts that had devices and have none: they are told so after a connection too."""
    _views: dict[str, tuple[DeviceView, ...]] = field(default_factory=dict)

    def binding(self, till: str, role: str) -> Binding | None:
        """Return the device that serves a till in a role; None when it has none."""
        for device in self.devices:
            if device.till == till and role in device.roles:
                return Binding(device.id, device.host, role, till)
        return None

    def device_of(self, till: str, role: str) -> str:
        """Return the id of the device that serves a till in a role; empty when it has none."""
        binding = self.binding(till, role)
        return binding.device if binding else ""

    def served_till(self, host: str, device: str, role: str) -> str | None:
        """Return the till that a device of a host serves in a role; None for a stranger."""
        for known in self.devices:
            if known.id == device and known.host == host and role in known.roles:
                return known.till
        return None

    def host_of(self, device: str) -> str | None:
        """Return the host that runs a device; None for a stranger."""
        return next((known.host for known in self.devices if known.id == device), None)

    def can(self, device: str, capability: str) -> bool:
        """Say whether a device's driver has said that it can do something."""
        reported = self._reported.get(device)
        return reported is not None and capability in reported.capabilities

    def drawer(self, device: str) -> str:
        """Return `open` or `closed` as the sensor of a drawer says now; empty: not known."""
        host, reported = self.host_of(device), self._reported.get(device)
        if host is None or reported is None or reported.state is None:
            return ""
        there = reported.online and self._hosts_online.get(host, False)
        return reported.state.drawer if there else ""

    def mark_left_open(self, device: str, *, left_open: bool) -> bool:
        """Let a till say that its drawer was left open, or no more; True when that is news."""
        if (device in self.left_open) == left_open:
            return False
        (self.left_open.add if left_open else self.left_open.discard)(device)
        self._tell_tills({known.till for known in self.devices if known.id == device})
        return True

    async def greet(self) -> None:
        """Publish what each host is to run; after every connection, retained."""
        for host in sorted({device.host for device in self.devices} | self._relieved):
            await self.configure(host)

    async def configure(self, host: str) -> None:
        """Publish what one host is to run: the whole truth, nothing where it has no device."""
        wanted = tuple(
            WantedDevice(device.id, device.driver, device.settings)
            for device in self.devices
            if device.host == host
        )
        await self.bus.publish(
            HostTopics(self.store, host).config, encode(HostConfig(wanted)), retain=True
        )

    async def assign(self, devices: Sequence[BoundDevice]) -> None:
        """Take these for the store's devices from now on, and tell hosts and tills at once.

        Without the broker hosts are told by the next greeting.
        """
        before, after = tuple(self.devices), tuple(devices)
        changed = [
            device for device in (*before, *after) if (device in before) != (device in after)
        ]
        self.devices = after
        homes = {device.id: device.host for device in after}
        left = {device.id: device.host for device in before if homes.get(device.id) != device.host}
        for device_id in left:
            self._reported.pop(device_id, None)  # another's report, if it has one again
        self.left_open &= {device.id for device in after if "drawer" in device.roles}
        self._relieved |= {device.host for device in before} - set(homes.values())
        for tell in self.assigned:
            tell(left)
        self._tell_tills({device.till for device in changed})
        try:
            for host in sorted({device.host for device in changed}):
                await self.configure(host)
        except BusUnavailable:
            self.log.info("hosts_not_told")

    def forget_hosts(self) -> None:
        """Take every host for gone: without the broker nothing it says or hears arrives.

        Those that are there are heard of again when the connection is back, by what the
        broker retained or by their greeting to a new one.
        """
        self._hosts_online.clear()
        self._tell_tills({device.till for device in self.devices})

    async def run(self) -> None:
        """Follow what hosts and devices report, until cancelled."""
        filters = [
            every_host(self.store, "availability"),
            every_host(self.store, "info"),
            every_device(self.store, "availability"),
            every_device(self.store, "state"),
            every_device(self.store, "meta"),
        ]
        reports = self.bus.subscribe(filters)
        try:
            async for message in reports:
                self._take(message)
        finally:
            reports.close()

    def _take(self, message: BusMessage) -> None:
        topic = parse_topic(message.topic)
        if topic is None:
            self.dropped += 1
        elif topic.leaf == "info":
            self._take_info(topic.host, message.payload)
        elif topic.device:
            self._take_report(topic.host, topic.device, topic.leaf, message.payload)
        else:
            self._take_host(topic.host, online=message.payload == ONLINE)

    def _take_host(self, host: str, *, online: bool) -> None:
        if host not in {device.host for device in self.devices}:
            self.dropped += 1
            if host in self._hosts_online or len(self._hosts_online) < HOSTS_PER_STORE_MAX:
                self._hosts_online[host] = online  # until it is given a device
            return
        was = self._hosts_online.get(host, False)
        self._hosts_online[host] = online
        if online != was:
            (self.log.info if online else self.log.warning)(
                "host_online" if online else "host_offline", host=host
            )
            self._tell_tills({device.till for device in self.devices if device.host == host})
        if online:
            # every birth, not only a first one: after the broker itself was gone, what was sent
            # before the host had subscribed again is lost, and nobody saw the host leave
            self.host_back(host)

    def _take_info(self, host: str, payload: bytes) -> None:
        try:
            info = _INFO.decode(payload)
        except UNREADABLE as error:
            self._drop("host_info_garbled", host, error)
            return
        if info.config_error and info.config_error != self._config_errors.get(host):
            self.log.error("host_config_refused", host=host, reason=info.config_error)
        self._config_errors[host] = info.config_error
        known = self._boots.get(host)
        self._boots[host] = info.boot
        if known is not None and known != info.boot:
            self.host_back(host)  # it started anew so fast that nobody saw it gone

    def _take_report(self, host: str, device: str, leaf: str, payload: bytes) -> None:
        tills = {known.till for known in self.devices if (known.id, known.host) == (device, host)}
        if not tills:
            self.dropped += 1
            return
        reported = self._reported.setdefault(device, _Reported())
        try:
            if leaf == "availability":
                reported.online = payload == ONLINE
            elif leaf == "meta":
                before = WEIGHT_AT_PRICE in reported.capabilities
                reported.capabilities = _META.decode(payload).capabilities
                if before == (WEIGHT_AT_PRICE in reported.capabilities):
                    return  # no screen shows the others
            else:
                reported.state = _STATE.decode(payload)
        except UNREADABLE as error:
            self._drop(f"device_{leaf}_garbled", device, error)
            return
        self._tell_tills(tills)

    def _drop(self, event: str, who: str, error: Exception) -> None:
        self.dropped += 1
        self.log.warning(event, who=who, reason=str(error))

    def _tell_tills(self, tills: set[str]) -> None:
        for till in tills:
            self._views.pop(till, None)
        for till in tills:
            self.changed(till)

    def host_online(self, host: str) -> bool:
        """Say whether a host is there."""
        return self._hosts_online.get(host, False)

    # --- for the screens ------------------------------------------------------------------

    def views(self, till: str) -> tuple[DeviceView, ...]:
        """Return a till's devices in the order of their roles, with words for what is not well."""
        views = self._views.get(till)
        if views is None:
            views = self._views[till] = tuple(
                self._view(device, role)
                for role in _ROLE_ORDER
                for device in self.devices
                if device.till == till and role in device.roles
            )
        return views

    def view(self, device: BoundDevice) -> DeviceView:
        """Return how a device is, named by the first of its roles."""
        return self._view(device, device.roles[0] if device.roles else "device")

    def _view(self, device: BoundDevice, role: str) -> DeviceView:
        name = f"{role} of {spoken(device.till)}"
        reported = self._reported.get(device.id)
        if not self._hosts_online.get(device.host, False):
            return DeviceView(
                device.id,
                role,
                "offline",
                well=False,
                code="host_offline",
                words=f"The {name} is not reachable: its service is not running.",
                advice="It starts again by itself within seconds. Selling goes on.",
            )
        if reported is None or reported.state is None:
            return DeviceView(
                device.id,
                role,
                "connecting",
                well=False,
                code="connecting",
                words=f"The {name} is being looked for.",
            )
        state = reported.state
        well = reported.online and state.state is DriverState.READY
        code = "" if well else str(state.state)
        words = "" if well else state.health or f"The {name} is {state.state}."
        advice = "" if well else state.advice
        if role == "drawer" and device.id in self.left_open:
            well, code = False, "drawer_left_open"
            words, advice = f"The {name} was left open.", "Shut it."
        return DeviceView(
            device.id,
            role,
            str(state.state),
            well=well,
            code=code,
            words=words,
            advice=advice,
            paper=state.paper,
            drawer=state.drawer,
            jobs_waiting=state.jobs_waiting,
            weight=state.weight if reported.online else "",
            weight_g=state.weight_g if reported.online else 0,
            weighs_at_price=_weighs_at_price(role, reported),
        )


def _weighs_at_price(role: str, reported: _Reported) -> bool | UnsetType:
    """Return True for a scale with that capability; unset, and so left out, for all others."""
    return True if role == "scale" and WEIGHT_AT_PRICE in reported.capabilities else UNSET


def spoken(till: str) -> str:
    """Return a till's id as people say it: `till 2` for `till-2`."""
    return till.replace("-", " ")
