"""Scanners that people plug in and pull out: named so that the name stays, and waited for."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from devices.transports.byte_stream import ByteStream, Connector
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock
from edge.contract.limits import DEVICE_LOST_AFTER_MS, INPUT_LOOK_MS

Node = TypeVar("Node")

_PERMISSION_TRIES: Final = 10
_PERMISSION_EVERY_S: Final = 0.2
"""udev needs a moment after plugging in before it has given the nodes to our group: 2 s."""

PLUG_IN: Final = "Check that the scanner is plugged in and set to this mode."
_ADVICE: Final = {
    errno.ENOENT: PLUG_IN,
    errno.ENODEV: PLUG_IN,
    errno.EACCES: "Let the service's user use it: its group, by udev, is to be input.",
    errno.EBUSY: "Another program holds the scanner: stop it.",
}


@dataclass(frozen=True)
class PluggedAddress:
    """Which scanner: by the stable path of a node, by its USB ids, or by the port it is in.

    `path`: such as `/dev/input/by-id/usb-ACME_Scanner-event-kbd`. `vendor`, `product`: USB
    ids, with `serial` where there is more than one of that kind. `port`: the beginning of
    what the kernel calls `phys`, such as `usb-0000:00:14.0-1.2`, for scanners without serial.
    """

    path: str = ""
    vendor: int = 0
    product: int = 0
    serial: str = ""
    port: str = ""

    @property
    def words(self) -> str:
        """What messages call it."""
        if self.path or self.port:
            return self.path or f"at port {self.port}"
        serial = f" with serial {self.serial}" if self.serial else ""
        return f"{self.vendor:04x}:{self.product:04x}{serial}"


def plugged_connector(
    scanner: PluggedAddress,
    find: Callable[[], Sequence[Node]],
    open_nodes: Callable[[Sequence[Node]], Awaitable[ByteStream]],
    clock: Clock,
) -> Connector:
    """Return a connector to what `find` finds; empty where nothing is plugged in.

    `open_nodes` raises OSError. A scanner that is known to be lost is waited for: looking for
    it costs a few files of sysfs a second, and it is there again before anyone uses it.
    """
    missing_since_ms: int | None = None

    async def connect() -> ByteStream:
        nonlocal missing_since_ms
        while not (nodes := find()):
            now_ms = clock.monotonic_ms()
            missing_since_ms = now_ms if missing_since_ms is None else missing_since_ms
            if now_ms - missing_since_ms <= DEVICE_LOST_AFTER_MS + INPUT_LOOK_MS:
                raise DeviceUnreachable(
                    "scanner_missing", f"There is no scanner {scanner.words}.", advice=PLUG_IN
                )
            await clock.sleep(INPUT_LOOK_MS / 1000)
        missing_since_ms = None
        for _ in range(_PERMISSION_TRIES - 1):
            try:
                return await open_nodes(nodes)
            except PermissionError:
                await clock.sleep(_PERMISSION_EVERY_S)
            except OSError as error:
                raise _unreachable(scanner, error) from error
        try:
            return await open_nodes(nodes)
        except OSError as error:
            raise _unreachable(scanner, error) from error

    return connect


def ambiguous(scanner: PluggedAddress, ports: set[str]) -> DeviceUnreachable:
    """Return the refusal to choose between scanners of one name."""
    return DeviceUnreachable(
        "scanner_ambiguous",
        f"There is more than one scanner {scanner.words}: at the ports {', '.join(sorted(ports))}.",
        advice="Name one of them by its serial number, or by its port (port/PORT).",
    )


def unplugged(name: str, error: OSError) -> DeviceUnreachable:
    """Return what a read raises when the scanner is gone."""
    return DeviceUnreachable(
        "scanner_unplugged",
        f"The scanner {name} was unplugged: {error.strerror or error}.",
        advice=PLUG_IN,
    )


def _unreachable(scanner: PluggedAddress, error: OSError) -> DeviceUnreachable:
    code = "scanner_taken" if error.errno == errno.EBUSY else "scanner_not_open"
    return DeviceUnreachable(
        code,
        f"The scanner {scanner.words} cannot be opened: {error.strerror or error}.",
        advice=_ADVICE.get(error.errno or 0, "Unplug the scanner and plug it in again."),
    )
