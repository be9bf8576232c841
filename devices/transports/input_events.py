"""Keyboard scanners through the kernel's input devices, behind evdev.

A scanner often has two or three event nodes (keyboard, consumer keys, system keys): all of
them are found by what sysfs says, opened, and grabbed, so that nothing it types reaches a
console. The stream's bytes are `struct input_event` as `devices.protocols.key_events` states
it, 24 bytes each, of all nodes in the order of their times; nothing can be written.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from typing_extensions import override

from devices.transports.byte_stream import Connector
from devices.transports.plugged_in import (
    PluggedAddress,
    PluggedStream,
    ambiguous,
    open_in_thread,
    plugged_connector,
)
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

_EVENT: Final = struct.Struct("<qqHHi")
_EV_KEY: Final = 1
_EV_LED: Final = 17
_LED_CAPSL: Final = 1

_READS_MAX: Final = 16
"""Of 64 events each: one node that babbles must not keep the loop from the others."""
_ID_CHARS_MAX: Final = 256


@dataclass(frozen=True)
class InputNode:
    """One event node as sysfs tells of it; `name` is such as `event7`."""

    name: str
    vendor: int
    product: int
    serial: str
    phys: str

    @property
    def port(self) -> str:
        """The way to the device without its interface: `usb-0000:00:14.0-1.2`."""
        return self.phys.rpartition("/")[0] or self.phys

    def belongs_with(self, other: InputNode) -> bool:
        """Tell whether both are nodes of one piece of hardware."""
        if self.name == other.name:
            return True
        mine = (self.vendor, self.product, self.serial, self.port)
        return bool(self.phys) and mine == (other.vendor, other.product, other.serial, other.port)


class InputDevice(Protocol):
    """What is used of evdev's `InputDevice`."""

    fd: int

    def capabilities(self) -> dict[int, Any]:
        """Event types and their codes."""
        ...

    def leds(self) -> list[int]:
        """Lamps that are lit."""
        ...

    def grab(self) -> None:
        """Let no one else have its events; OSError EBUSY where somebody has them already."""
        ...

    def ungrab(self) -> None:
        """Give it back."""
        ...

    def read(self) -> Iterable[Any]:
        """Events of one read; BlockingIOError when there are none, OSError when it is gone."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


def _open_with_evdev(path: str) -> InputDevice:
    try:
        import evdev  # noqa: PLC0415 - optional, and 40 ms that a host without one does not pay
    except ImportError:
        raise DeviceUnreachable(
            "evdev_missing",
            "Scanners in keyboard mode need evdev, which is not installed here.",
            advice="Install the package python3-evdev, or tillbox[hardware].",
        ) from None
    device: InputDevice = evdev.InputDevice(path)
    return device


@dataclass(frozen=True)
class InputSystem:
    """Where input devices are; tests have their own."""

    devices: Path = Path("/dev/input")
    sysfs: Path = Path("/sys/class/input")
    open_device: Callable[[str], InputDevice] = _open_with_evdev


def input_connector(
    scanner: PluggedAddress, clock: Clock, system: InputSystem | None = None
) -> Connector:
    """Return a connector to a scanner in keyboard mode."""
    inputs = system or InputSystem()
    return plugged_connector(
        scanner,
        lambda: find_nodes(scanner, inputs),
        lambda nodes: _open(scanner, nodes, inputs),
        clock,
    )


def find_nodes(scanner: PluggedAddress, system: InputSystem) -> list[InputNode]:
    """Return all event nodes of the scanner at an address, from sysfs; nothing is opened.

    Empty where it is not plugged in. Raises DeviceUnreachable when there are several scanners.
    """
    nodes = sorted(_all_nodes(system.sysfs), key=lambda node: node.name)
    if scanner.path:
        target = Path(scanner.path).resolve().name if Path(scanner.path).exists() else ""
        chosen = [node for node in nodes if node.name == target]
    elif scanner.port:
        chosen = [node for node in nodes if node.port == scanner.port]
    else:
        ids = (scanner.vendor, scanner.product)
        chosen = [
            node
            for node in nodes
            if (node.vendor, node.product) == ids and scanner.serial in {"", node.serial}
        ]
    found = [node for node in nodes if chosen and node.belongs_with(chosen[0])]
    if others := [node for node in chosen if node not in found]:
        raise ambiguous(scanner, {chosen[0].port, *(node.port for node in others)})
    return found


def _all_nodes(sysfs: Path) -> Iterable[InputNode]:
    for folder in sysfs.glob("event*"):
        with suppress(OSError, ValueError):  # it went away while we looked
            yield InputNode(
                folder.name,
                int(_told(folder, "id/vendor"), 16),
                int(_told(folder, "id/product"), 16),
                _told(folder, "uniq"),
                _told(folder, "phys"),
            )


def _told(folder: Path, name: str) -> str:
    return (folder / "device" / name).read_text("utf-8", "replace")[:_ID_CHARS_MAX].strip()


async def _open(
    scanner: PluggedAddress, nodes: Sequence[InputNode], system: InputSystem
) -> InputEventStream:
    devices, caps_lock = await open_in_thread(
        lambda: _open_all(nodes, system), lambda opened: _close_all(opened[0])
    )
    if not devices:
        raise OSError(errno.ENODEV, "it has no keys")
    return InputEventStream(devices, scanner.words, caps_lock=caps_lock)


def _open_all(nodes: Sequence[InputNode], system: InputSystem) -> tuple[list[InputDevice], bool]:
    """Open and grab those nodes that have keys; tell whether Caps Lock is lit.

    Raises OSError, with all closed again.
    """
    devices: list[InputDevice] = []
    try:
        for node in nodes:
            devices.append(system.open_device(str(system.devices / node.name)))
            if _EV_KEY in devices[-1].capabilities():
                devices[-1].grab()
            else:
                devices.pop().close()
        return devices, any(_LED_CAPSL in device.leds() for device in devices)
    except BaseException:
        _close_all(devices)
        raise


def _close_all(devices: list[InputDevice]) -> None:
    for device in devices:
        with suppress(OSError):
            device.ungrab()
        with suppress(OSError):
            device.close()


class InputEventStream(PluggedStream):
    """The open and grabbed nodes of one scanner as a `ByteStream`."""

    def __init__(self, devices: list[InputDevice], name: str, *, caps_lock: bool) -> None:
        lamp = _EVENT.pack(0, 0, _EV_LED, _LED_CAPSL, 1) if caps_lock else b""
        self._devices = devices
        super().__init__(name, [device.fd for device in devices], lamp)

    @override
    def _take(self) -> bytes:
        """Take what all nodes have, in the order of the kernel's times."""
        events: list[tuple[int, int, int, int, int]] = []
        for device in self._devices:
            try:
                for _ in range(_READS_MAX):
                    events += [
                        (event.sec, event.usec, event.type, event.code, event.value)
                        for event in device.read()
                    ]
            except BlockingIOError:
                continue
            except OSError as error:
                self._gone = error
        events.sort(key=lambda event: event[:2])  # stable: what a node says stays in its order
        return b"".join(_EVENT.pack(*event) for event in events)

    @override
    def _let_go(self) -> None:
        _close_all(self._devices)
