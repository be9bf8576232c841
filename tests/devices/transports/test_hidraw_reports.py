from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.transports.asyncio_stream import READER_BYTES_MAX
from devices.transports.hidraw_reports import HidrawSystem, find_scanners, hidraw_connector
from devices.transports.plugged_in import PluggedAddress
from edge.contract.errors import DeviceUnreachable
from edge.runtime.system_clock import SystemClock

SCANNER_DESCRIPTOR = bytes.fromhex("05 8c 09 02 a1 01 85 02 09 fb c0")
KEYBOARD_DESCRIPTOR = bytes.fromhex("05 01 09 06 a1 01 c0")
REPORT = b"\x02\x01]E07" + bytes(58)
USB = PluggedAddress(vendor=0x0C2E, product=0x0B67)


class FakeHidraw:
    """Folders as /sys/class/hidraw and /dev have it; a device is a named pipe."""

    def __init__(self, root: Path) -> None:
        self.sysfs, self.dev = root / "sys", root / "dev"
        self.sysfs.mkdir()
        self.dev.mkdir()
        self.system = HidrawSystem(self.dev, self.sysfs)
        self.pens: dict[str, int] = {}

    def plug_in(
        self,
        name: str,
        ids: str = "00000C2E:00000B67",
        phys: str = "usb-0000:00:14.0-1/input0",
        serial: str = "",
        descriptor: bytes = SCANNER_DESCRIPTOR,
    ) -> None:
        folder = self.sysfs / name / "device"
        folder.mkdir(parents=True)
        (folder / "uevent").write_text(
            f"DRIVER=hid-generic\nHID_ID=0003:{ids}\nHID_NAME=ACME Scanner\n"
            f"HID_PHYS={phys}\nHID_UNIQ={serial}\nMODALIAS=hid:b0003\n"
        )
        (folder / "report_descriptor").write_bytes(descriptor)
        os.mkfifo(self.dev / name)
        self.pens[name] = os.open(self.dev / name, os.O_RDWR | os.O_NONBLOCK)

    def says(self, data: bytes, name: str = "hidraw2") -> None:
        os.write(self.pens[name], data)

    def unplug(self, name: str = "hidraw2") -> None:
        os.close(self.pens.pop(name))


@pytest.fixture
def hidraw(tmp_path: Path) -> Iterator[FakeHidraw]:
    made = FakeHidraw(tmp_path)
    yield made
    for name in list(made.pens):
        made.unplug(name)


def names(hidraw: FakeHidraw, scanner: PluggedAddress) -> list[str]:
    return [node.name for node in find_scanners(scanner, hidraw.system)]


def test_scanners_are_found_by_their_usage_page_and_nothing_is_opened(hidraw: FakeHidraw) -> None:
    hidraw.plug_in("hidraw1", descriptor=KEYBOARD_DESCRIPTOR)
    hidraw.plug_in("hidraw2", serial="S1")
    hidraw.plug_in("hidraw3", ids="0000046D:0000C31C", phys="usb-0000:00:14.0-2/input0")
    (hidraw.sysfs / "hidraw9").mkdir()  # gone while we looked
    assert names(hidraw, USB) == ["hidraw2"]
    assert names(hidraw, PluggedAddress(vendor=0x0C2E, product=0x0B67, serial="S1")) == ["hidraw2"]
    assert names(hidraw, PluggedAddress(vendor=0x0C2E, product=0x0B67, serial="S2")) == []
    assert names(hidraw, PluggedAddress(port="usb-0000:00:14.0-2")) == ["hidraw3"]
    assert names(hidraw, PluggedAddress(path=str(hidraw.dev / "hidraw3"))) == ["hidraw3"]
    assert names(hidraw, PluggedAddress(path=str(hidraw.dev / "hidraw1"))) == []
    assert names(hidraw, PluggedAddress(path=str(hidraw.dev / "hidraw7"))) == []


def test_two_scanners_of_one_kind_are_never_chosen_between(hidraw: FakeHidraw) -> None:
    hidraw.plug_in("hidraw1", phys="usb-1.2/input0")
    hidraw.plug_in("hidraw2", phys="usb-1.4/input0")
    with pytest.raises(DeviceUnreachable, match=r"usb-1\.2, usb-1\.4"):
        find_scanners(USB, hidraw.system)


async def test_reports_come_whole_short_ones_filled_up(hidraw: FakeHidraw) -> None:
    hidraw.plug_in("hidraw2")
    stream = await hidraw_connector(USB, SystemClock(), hidraw.system)()
    reading = asyncio.create_task(stream.read(4096))
    await asyncio.sleep(0)
    hidraw.says(REPORT[:6])
    assert await reading == REPORT
    hidraw.says(REPORT)
    assert await stream.read(60) == REPORT[:60]
    assert await stream.read(60) == REPORT[60:]
    with pytest.raises(DeviceUnreachable, match="nothing can be sent"):
        await stream.write(b"\x04")
    await stream.close()
    await stream.close()
    assert await stream.read(1) == b""


async def test_one_who_does_not_read_is_not_drowned(hidraw: FakeHidraw) -> None:
    hidraw.plug_in("hidraw2")
    stream = await hidraw_connector(USB, SystemClock(), hidraw.system)()
    sent = READER_BYTES_MAX // 64 + 100
    for _ in range(sent):
        hidraw.says(REPORT)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(stream._bytes) == READER_BYTES_MAX  # type: ignore[attr-defined]
    found = b""
    while len(found) < sent * 64:
        found += await stream.read(10_000)
    assert found == REPORT * sent
    await stream.close()


async def test_an_unplugged_scanner_is_unreachable_after_what_it_said(hidraw: FakeHidraw) -> None:
    hidraw.plug_in("hidraw2")
    stream = await hidraw_connector(USB, SystemClock(), hidraw.system)()
    hidraw.says(REPORT)
    await asyncio.sleep(0.01)
    hidraw.unplug()
    assert await stream.read(100) == REPORT
    with pytest.raises(DeviceUnreachable, match="was unplugged"):
        await stream.read(100)
    await stream.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
async def test_a_scanner_that_is_not_ours_says_whose_it_should_be(hidraw: FakeHidraw) -> None:
    hidraw.plug_in("hidraw2")
    (hidraw.dev / "hidraw2").chmod(stat.S_IWUSR)
    with pytest.raises(DeviceUnreachable, match="by udev"):
        await hidraw_connector(USB, SystemClock(), hidraw.system)()


async def test_a_scanner_that_is_out_is_missed_in_words(hidraw: FakeHidraw) -> None:
    with pytest.raises(DeviceUnreachable, match="no scanner 0c2e:0b67") as caught:
        await hidraw_connector(USB, SystemClock(), hidraw.system)()
    assert caught.value.code == "scanner_missing"
