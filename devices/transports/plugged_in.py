"""Scanners that people plug in and pull out: named so that the name stays, waited for, read."""

from __future__ import annotations

import asyncio
import errno
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from devices.transports.asyncio_stream import READER_BYTES_MAX
from devices.transports.byte_stream import ByteStream, Connector
from edge.contract.device_limits import (
    DEVICE_LOST_AFTER_MS,
    INPUT_LOOK_MS,
)
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

Node = TypeVar("Node")
Opened = TypeVar("Opened")

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


async def open_in_thread(
    open_all: Callable[[], Opened], close_all: Callable[[Opened], None]
) -> Opened:
    """Open in a thread: the kernel waits 50 ms in each USB device it opens.

    Raises what `open_all` raises. Who is cancelled meanwhile leaves nothing open.
    """
    opening = asyncio.get_running_loop().run_in_executor(None, open_all)

    def close_unwanted(done: asyncio.Future[Opened]) -> None:
        if not done.cancelled() and done.exception() is None:
            close_all(done.result())

    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(close_unwanted)
        raise


class PluggedStream(ABC):
    """An open scanner as a `ByteStream`; concrete ones write `_take` and `_let_go`.

    `fds`: what becomes readable when it has said something, or is gone. `first`: bytes that
    come before what it says.
    """

    def __init__(self, name: str, fds: Sequence[int], first: bytes = b"") -> None:
        self._name = name
        self._fds = tuple(fds)
        self._bytes = bytearray(first)
        self._changed = asyncio.Event()
        self._listening = False
        self._closed = False
        self._gone: OSError | None = None
        self._listen()

    @abstractmethod
    def _take(self) -> bytes:
        """Return what it has said so far. An OSError says that it is gone: set `_gone`."""

    @abstractmethod
    def _let_go(self) -> None:
        """Close what is open."""

    async def read(self, max_bytes: int) -> bytes:
        """Return what came; see `ByteStream.read`. Unplugged: DeviceUnreachable, after the rest."""
        while not self._bytes:
            if self._closed:
                return b""
            if self._gone is not None:
                raise DeviceUnreachable(
                    "scanner_unplugged",
                    f"The scanner {self._name} was unplugged: {self._gone.strerror or self._gone}.",
                    advice=PLUG_IN,
                )
            self._changed.clear()
            await self._changed.wait()
        data = bytes(self._bytes[:max_bytes])
        del self._bytes[:max_bytes]
        self._listen()
        return data

    async def write(self, data: bytes) -> None:  # noqa: ARG002 - the interface of all streams
        """Refuse: a scanner in this mode takes nothing."""
        raise DeviceUnreachable(
            "scanner_only_talks",
            f"The scanner {self._name} is in a mode in which nothing can be sent to it.",
            advice="Set it to serial mode where it is to be told something.",
        )

    async def close(self) -> None:
        """Give the scanner back; see `ByteStream.close`."""
        if not self._closed:
            self._closed = True
            self._stop()
            self._bytes.clear()
            self._let_go()
            self._changed.set()

    def _listen(self) -> None:
        """Read while there is room: beyond it the kernel keeps what is said, or loses it."""
        room = len(self._bytes) < READER_BYTES_MAX
        if room and not (self._listening or self._closed or self._gone):
            self._listening = True
            for fd in self._fds:
                asyncio.get_running_loop().add_reader(fd, self._collect)

    def _stop(self) -> None:
        if self._listening:
            self._listening = False
            for fd in self._fds:
                asyncio.get_running_loop().remove_reader(fd)

    def _collect(self) -> None:
        self._bytes += self._take()
        if self._gone is not None or len(self._bytes) >= READER_BYTES_MAX:
            self._stop()
        self._changed.set()


def _unreachable(scanner: PluggedAddress, error: OSError) -> DeviceUnreachable:
    code = "scanner_taken" if error.errno == errno.EBUSY else "scanner_not_open"
    return DeviceUnreachable(
        code,
        f"The scanner {scanner.words} cannot be opened: {error.strerror or error}.",
        advice=_ADVICE.get(error.errno or 0, "Unplug the scanner and plug it in again."),
    )
