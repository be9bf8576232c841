"""What devices and their hosts are and how they are doing: the retained messages on MQTT.

`HostConfig` is what a host is to run, written by edge; all others are reports.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from edge.contract.device_limits import (
    DRIVERS_PER_HOST_MAX,
    FOUND_DEVICES_MAX,
    FOUND_TEXT_CHARS_MAX,
)
from edge.contract.device_messages import MESSAGE_VERSION
from edge.contract.identity import ShortId
from edge.contract.limits import (
    DEVICES_PER_HOST_MAX,
)


class DeviceClass(StrEnum):
    """UnifiedPOS device categories, in topic spelling."""

    SCANNER = "scanner"
    PRINTER = "printer"
    DRAWER = "drawer"
    TERMINAL = "terminal"
    SCALE = "scale"
    DISPLAY = "display"
    LABELS = "labels"


WEIGHT_AT_PRICE: Final = "weight_at_price"
"""The capability of a scale that weighs only at a price, with no live weight."""


class DriverState(StrEnum):
    """Where a driver is in its life. `LEGAL_MOVES` lists every allowed step."""

    CONFIGURED = "configured"
    CONNECTING = "connecting"
    READY = "ready"
    ATTENTION = "attention"
    LOST = "lost"
    STOPPED = "stopped"


LEGAL_MOVES: Final[dict[DriverState, frozenset[DriverState]]] = {
    DriverState.CONFIGURED: frozenset({DriverState.CONNECTING, DriverState.STOPPED}),
    DriverState.CONNECTING: frozenset(
        {DriverState.READY, DriverState.ATTENTION, DriverState.LOST, DriverState.STOPPED}
    ),
    DriverState.READY: frozenset({DriverState.ATTENTION, DriverState.LOST, DriverState.STOPPED}),
    DriverState.ATTENTION: frozenset({DriverState.READY, DriverState.LOST, DriverState.STOPPED}),
    DriverState.LOST: frozenset({DriverState.CONNECTING, DriverState.STOPPED}),
    DriverState.STOPPED: frozenset(),
}


class WeightState(StrEnum):
    """What a scale says of what lies on it. Only a `STABLE` weight is one to sell by."""

    STABLE = "stable"
    UNSTABLE = "unstable"
    OVERLOAD = "overload"
    BELOW_ZERO = "below_zero"
    NOT_KILOGRAMS = "not_kilograms"


class DeviceState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device's whole reported state, retained.

    `paper`: `ok`, `near_end`, `out` or empty; `cover`: `closed`, `open` or empty; `drawer`:
    `closed`, `open` or empty; `weight`: a `WeightState` or empty, with `weight_g` what the
    scale shows while it is `stable` or `unstable`: for people to look at, never to sell by
    (that is the job `weigh`); changes only, each at least `SCALE_SHOW_MS` after the last.
    `health` says in words how it is; `advice` what to do. `boot`
    changes with every start of the driver and `seq` counts up inside it.
    """

    state: DriverState
    boot: str
    seq: int
    ts: int
    health: str = ""
    advice: str = ""
    paper: str = ""
    cover: str = ""
    drawer: str = ""
    jobs_waiting: int = 0
    weight: str = ""
    weight_g: int = 0
    v: int = MESSAGE_VERSION


class DeviceMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a device is."""

    device_class: DeviceClass
    driver: str
    model: str = ""
    serial_number: str = ""
    firmware: str = ""
    capabilities: tuple[str, ...] = ()
    v: int = MESSAGE_VERSION


class DeviceStatistics(msgspec.Struct, frozen=True):
    """UnifiedPOS statistics: name to count."""

    counts: dict[str, int]
    ts: int
    v: int = MESSAGE_VERSION


FoundText = Annotated[str, Meta(max_length=FOUND_TEXT_CHARS_MAX)]
"""What a device says of itself, as far as it is shown."""


class FoundDevice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that is there and not adopted: shown, never hidden, never written to.

    `address` is written as drivers take it. `driver` is the one that its USB id, or what it
    says it is, makes likely; empty where nothing does. `drivers` are all of this host that can
    be reached at such an address. `kind` is how it is attached: `serial`, `keyboard`,
    `printer` or `hid`; or what announces itself on the network: `network_printer`,
    `office_printer`, `network_terminal` or `tillbox`, another box. `usb` is `VVVV:PPPP` in
    hexadecimal.
    """

    address: FoundText
    description: FoundText
    driver: str = ""
    drivers: tuple[str, ...] = ()
    kind: str = ""
    usb: str = ""
    serial_number: FoundText = ""


class SettingKind(StrEnum):
    """What a setting of a driver is."""

    TEXT = "text"
    NUMBER = "number"
    """A whole one."""
    YES_NO = "yes_no"
    CHOICE = "choice"
    OTHER = "other"
    """Lists and tables: JSON that the host alone checks."""


class SettingOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One setting that a driver takes; `low` and `high` bound a number, both included."""

    name: str
    kind: SettingKind
    required: bool = False
    default: Any = None
    choices: tuple[str | int, ...] = ()
    low: int | None = None
    high: int | None = None
    chars_max: int | None = None


class DriverOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A driver that a host has: edge knows no drivers of its own."""

    name: str
    device_class: str
    model: str = ""
    rung: str = ""
    settings: tuple[SettingOffer, ...] = ()
    capabilities: tuple[str, ...] = ()
    job_kinds: tuple[str, ...] = ()


class UnfitDevice(msgspec.Struct, frozen=True):
    """A wanted device that the host cannot run as it is wanted, and why, in words."""

    device: str
    words: str


class HostInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a host reports of itself."""

    version: str
    boot: str
    found: Annotated[tuple[FoundDevice, ...], Meta(max_length=FOUND_DEVICES_MAX)] = ()
    config_error: str = ""
    """Why the wanted configuration could not be taken; empty when it was."""
    unfit: Annotated[tuple[UnfitDevice, ...], Meta(max_length=DEVICES_PER_HOST_MAX)] = ()
    """The same by device."""
    drivers: Annotated[tuple[DriverOffer, ...], Meta(max_length=DRIVERS_PER_HOST_MAX)] = ()
    network_trouble: FoundText = ""
    """Why devices on the network are not looked for, though they should be, and what to do."""
    v: int = MESSAGE_VERSION


class WantedDevice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One device that a host is to run. `settings` has the shape its driver declares."""

    id: ShortId
    driver: str
    settings: dict[str, Any] = {}


class HostConfig(msgspec.Struct, frozen=True):
    """The devices a host is to run: retained, the whole truth, written by edge alone.

    It *names* secrets (a file on the host), never contains them.
    """

    devices: Annotated[tuple[WantedDevice, ...], Meta(max_length=DEVICES_PER_HOST_MAX)]
    v: int = MESSAGE_VERSION


ONLINE: Final = b"online"


OFFLINE: Final = b"offline"
