from __future__ import annotations

import asyncio
import errno
import os
import pty
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devices.transports.byte_stream import ByteStream
from devices.transports.usb_printer import UsbId, usb_printer_connector
from edge.contract.errors import DeviceUnreachable
from edge.runtime.system_clock import SystemClock
from tests.devices.virtual_clock import VirtualClock

EVERY = bytes(range(256))


@dataclass
class Socket:
    """A pseudo-terminal in the place of a printer's device file: both are character devices."""

    printer: int
    path: str


@pytest.fixture
def plugged() -> Iterator[Socket]:
    printer, ours = pty.openpty()
    tty.setraw(ours)
    os.set_blocking(printer, False)
    yield Socket(printer, os.ttyname(ours))
    os.close(ours)
    os.close(printer)


async def opened(plugged: Socket) -> ByteStream:
    return await usb_printer_connector(plugged.path, SystemClock())()


async def test_bytes_pass_unchanged_both_ways(plugged: Socket) -> None:
    stream = await opened(plugged)
    reading = asyncio.create_task(stream.read(300))
    await asyncio.sleep(0.01)
    assert not reading.done()
    os.write(plugged.printer, EVERY)
    found = await reading
    while len(found) < len(EVERY):
        found += await stream.read(300)
    assert found == EVERY
    await stream.write(EVERY)
    assert os.read(plugged.printer, 300) == EVERY
    await stream.close()
    await stream.close()
    with pytest.raises(DeviceUnreachable, match="closed"):
        await stream.write(b"x")
    assert await stream.read(1) == b""


async def test_writing_waits_while_the_printer_takes_nothing_and_loses_nothing(
    plugged: Socket,
) -> None:
    stream = await opened(plugged)
    text = EVERY * 1_000
    writing = asyncio.create_task(stream.write(text))
    await asyncio.sleep(0.05)
    assert not writing.done()
    taken = b""
    while len(taken) < len(text):
        try:
            taken += os.read(plugged.printer, 4_096)
        except BlockingIOError:
            await asyncio.sleep(0)
    await writing
    assert taken == text
    await stream.close()


@pytest.mark.parametrize("doing", ["reading", "writing"])
async def test_closing_ends_what_waits(plugged: Socket, doing: str) -> None:
    stream = await opened(plugged)
    work = stream.read(10) if doing == "reading" else stream.write(EVERY * 1_000)
    waiting = asyncio.create_task(work)
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await stream.close()
    if doing == "reading":
        assert await waiting == b""
    else:
        with pytest.raises(DeviceUnreachable, match="closed"):
            await waiting


async def test_a_cancelled_reader_leaves_the_bytes_to_the_next(plugged: Socket) -> None:
    stream = await opened(plugged)
    reading = asyncio.create_task(stream.read(10))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    os.write(plugged.printer, b"\x12")
    assert await stream.read(10) == b"\x12"
    await stream.close()


# --- what only a real printer does, told by the calls it answers -------------------------------


async def test_an_empty_packet_is_no_end(plugged: Socket, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [b"", b"", b"\x14"]
    monkeypatch.setattr(os, "read", lambda *_: said.pop(0))
    stream = await opened(plugged)
    assert await stream.read(10) == b"\x14"
    await stream.close()


async def test_a_printer_that_only_listens_is_written_to_and_says_nothing(
    plugged: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytes:
        raise OSError(errno.EINVAL, "Invalid argument")

    with monkeypatch.context() as patched:
        patched.setattr(os, "read", refuse)
        stream = await opened(plugged)
        reading = asyncio.create_task(stream.read(10))
        await stream.write(b"\x1b@")
        await asyncio.sleep(0.01)
        assert not reading.done()
        await stream.close()
        assert await reading == b""
    assert os.read(plugged.printer, 10) == b"\x1b@"


@pytest.mark.parametrize("call", ["read", "write"])
async def test_an_unplugged_printer_is_unreachable(
    plugged: Socket, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def gone(*_: object) -> bytes:
        raise OSError(errno.ENODEV, "No such device")

    stream = await opened(plugged)
    monkeypatch.setattr(os, call, gone)
    with pytest.raises(DeviceUnreachable, match=r"broke: No such device.*cable"):
        await (stream.read(10) if call == "read" else stream.write(b"x"))
    await stream.close()


# --- finding and opening ------------------------------------------------------------------------


async def test_a_printer_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(DeviceUnreachable, match=r"lp7 cannot be opened.*plugged in"):
        await usb_printer_connector(str(tmp_path / "lp7"), SystemClock())()


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.EBUSY, "Another program"), (errno.EIO, "its settings")]
)
async def test_why_it_cannot_be_opened_is_said(
    monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DeviceUnreachable, match=advice):
        await usb_printer_connector("/dev/usb/lp0", SystemClock())()


@pytest.mark.parametrize(("refusals", "opens"), [(0, True), (9, True), (10, False)])
async def test_permission_is_asked_for_again_while_udev_is_at_work(
    plugged: Socket, monkeypatch: pytest.MonkeyPatch, refusals: int, opens: bool
) -> None:
    clock, left, real = VirtualClock(), [refusals], os.open

    def open_later(path: str, flags: int) -> int:
        if left[0]:
            left[0] -= 1
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags)

    monkeypatch.setattr(os, "open", open_later)
    connect = usb_printer_connector(plugged.path, clock)
    async with clock.running():
        if opens:
            await (await connect()).close()
        else:
            with pytest.raises(DeviceUnreachable, match="group lp"):
                await connect()
    assert clock.monotonic_ms() == min(refusals, 9) * 200


def listed(root: Path, name: str, vendor: str, product: str, serial: str = "") -> None:
    """List a printer as the kernel does: `lp0/device` is the interface below the device."""
    device = root / "devices" / f"usb-{name}"
    interface = device / "1-1:1.0"
    interface.mkdir(parents=True)
    (device / "idVendor").write_text(f"{vendor}\n")
    (device / "idProduct").write_text(f"{product}\n")
    if serial:
        (device / "serial").write_text(f"{serial}\n")
    place = root / "usbmisc" / name
    place.mkdir(parents=True)
    (place / "device").symlink_to(interface)


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (UsbId("04b8", "0e15", "B2"), "/dev/usb/lp1"),
        (UsbId("04b8", "0e15"), "/dev/usb/lp0"),
        (UsbId("0519", "0003"), "/dev/usb/lp2"),
    ],
)
async def test_a_printer_is_found_by_its_ids_wherever_it_is_plugged_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: UsbId, path: str
) -> None:
    listed(tmp_path, "lp0", "04b8", "0e15", "A1")
    listed(tmp_path, "lp1", "04b8", "0e15", "B2")
    listed(tmp_path, "lp2", "0519", "0003")
    tried: list[str] = []

    def refuse(tried_path: str, _: int) -> int:
        tried.append(tried_path)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DeviceUnreachable, match="plugged in"):
        await usb_printer_connector(wanted, SystemClock(), tmp_path / "usbmisc")()
    assert tried == [path]


async def test_ids_that_nothing_here_has_are_named(tmp_path: Path) -> None:
    listed(tmp_path, "lp0", "04b8", "0e15", "A1")
    (tmp_path / "usbmisc" / "lp1").mkdir()  # unplugged while we look
    for wanted in (UsbId("04b8", "0e15", "B2"), UsbId("04b8", "0202"), UsbId("1111", "0e15")):
        with pytest.raises(DeviceUnreachable, match=f"no USB printer {wanted.vendor}"):
            await usb_printer_connector(wanted, SystemClock(), tmp_path / "usbmisc")()
