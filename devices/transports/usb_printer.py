"""Receipt printers of the USB printer class, as the kernel's usblp offers them: `/dev/usb/lp0`.

What usblp does, by its source (`drivers/usb/class/usblp.c` of Linux): one opener at a time
(EBUSY), an empty read when the printer sent an empty packet (which is no end), EINVAL for reading
from a printer that only listens, ENODEV and a hang-up once it is unplugged.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devices.transports.byte_stream import ByteStream, Connector
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

USBLP: Final = Path("/sys/class/usbmisc")
"""Where the kernel lists the printers: `lp0/device` is the interface, its parent the device."""
_EMPTY_PAUSE_S: Final = 0.02
"""After an empty packet: a printer that sends nothing else must not keep a core busy."""
_PERMISSION_TRIES: Final = 10
_PERMISSION_EVERY_S: Final = 0.2
"""udev needs a moment after plugging in before it has given the printer to our group."""
_LISTENS_ONLY: Final = frozenset({errno.EINVAL, errno.EBADF})

_ADVICE: Final = {
    errno.ENOENT: "Check that the printer is on and plugged in.",
    errno.ENODEV: "Check that the printer is on and plugged in.",
    errno.EACCES: "Let the service's user use the printer: add it to the group lp.",
    errno.EBUSY: "Another program holds the printer: stop it.",
}


@dataclass(frozen=True)
class UsbId:
    """A printer by its ids, wherever it is plugged in. Four hex digits each; `serial` may be empty.

    Without a serial number the first such printer is taken: give it only where there is one.
    """

    vendor: str
    product: str
    serial: str = ""


def usb_printer_connector(place: str | UsbId, clock: Clock, listed: Path = USBLP) -> Connector:
    """Return a connector to a printer's device file, or to the printer that has these ids."""

    async def connect() -> ByteStream:
        path = place if isinstance(place, str) else _path_of(place, listed)
        for attempt in range(_PERMISSION_TRIES):
            try:
                return UsbPrinterStream(os.open(path, _FLAGS), path, clock)
            except PermissionError as error:
                if attempt == _PERMISSION_TRIES - 1:
                    raise _unreachable(path, error) from error
                await clock.sleep(_PERMISSION_EVERY_S)
            except OSError as error:
                raise _unreachable(path, error) from error
        raise AssertionError("the last try returned or raised")

    return connect


_FLAGS: Final = os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class UsbPrinterStream:
    """A printer's device file as a `ByteStream`. `fd` does not block and is ours to close."""

    def __init__(self, fd: int, path: str, clock: Clock) -> None:
        self._fd = fd
        self._path = path
        self._clock = clock
        self._closed = asyncio.Event()
        self._waiting: set[asyncio.Future[None]] = set()

    async def read(self, max_bytes: int) -> bytes:
        """Return what the printer says; one that only listens never says anything."""
        while not self._closed.is_set():
            try:
                data = os.read(self._fd, max_bytes)
            except BlockingIOError:
                await self._until(self._loop.add_reader, self._loop.remove_reader)
            except OSError as error:
                if error.errno not in _LISTENS_ONLY:
                    raise self._broken(error) from error
                _ = await self._closed.wait()
            else:
                if data:
                    return data
                await self._clock.sleep(_EMPTY_PAUSE_S)
        return b""

    async def write(self, data: bytes) -> None:
        """Send all; waits while the printer takes nothing (out of paper, slow)."""
        left = memoryview(data)
        while left:
            if self._closed.is_set():
                raise DeviceUnreachable(
                    "stream_closed", f"The connection to {self._path} is closed."
                )
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:
                await self._until(self._loop.add_writer, self._loop.remove_writer)
            except OSError as error:
                raise self._broken(error) from error

    async def close(self) -> None:
        """Close it; safe to call twice."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        os.close(self._fd)

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def _until(self, add: Callable[..., None], remove: Callable[[int], object]) -> None:
        """Wait until the file can be read or written, or is closed."""
        ready: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(ready)
        add(self._fd, _tell, ready)
        try:
            await ready
        finally:
            self._waiting.discard(ready)
            if not self._closed.is_set():
                _ = remove(self._fd)

    def _broken(self, error: OSError) -> DeviceUnreachable:
        return DeviceUnreachable(
            "connection_broken",
            f"The connection to {self._path} broke: {error.strerror or error}.",
            advice="Check the printer's power and its cable.",
        )


def _tell(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _path_of(wanted: UsbId, listed: Path) -> str:
    for place in sorted(listed.glob("lp*")):
        device = (place / "device").resolve().parent
        if (
            _said(device / "idVendor") == wanted.vendor
            and _said(device / "idProduct") == wanted.product
            and (not wanted.serial or _said(device / "serial") == wanted.serial)
        ):
            return f"/dev/usb/{place.name}"
    name = ":".join(filter(None, (wanted.vendor, wanted.product, wanted.serial)))
    raise DeviceUnreachable(
        "printer_not_plugged_in",
        f"There is no USB printer {name} at this machine.",
        advice="Check that the printer is on and plugged in.",
    )


def _said(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:  # unplugged this very moment, or it has no serial number
        return ""


def _unreachable(path: str, error: OSError) -> DeviceUnreachable:
    return DeviceUnreachable(
        "printer_not_open",
        f"The printer {path} cannot be opened: {error.strerror or error}.",
        advice=_ADVICE.get(error.errno or 0, "Check the printer, its cable and its settings."),
    )
