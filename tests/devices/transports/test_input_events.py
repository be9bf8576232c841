from __future__ import annotations

import asyncio
import builtins
import errno
import os
import struct
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from devices.transports.asyncio_stream import READER_BYTES_MAX
from devices.transports.input_events import (
    InputEventStream,
    InputNode,
    InputSystem,
    find_nodes,
    input_connector,
)
from devices.transports.plugged_in import PluggedAddress
from edge.contract.errors import DeviceUnreachable
from edge.runtime.system_clock import SystemClock
from tests.devices.virtual_clock import VirtualClock

EVENT = struct.Struct("<qqHHi")
KEYS = {0: [], 1: [2, 28], 4: [4], 17: [1]}
NO_KEYS = {0: [], 3: [0]}


class FakeDevice:
    """evdev's InputDevice over a pipe: what is written there is what the kernel has to say."""

    def __init__(self, inputs: FakeInputs, path: str) -> None:
        self.inputs, self.path = inputs, path
        self.fd, self.pen = os.pipe()
        os.set_blocking(self.fd, False)
        self.grabbed = self.closed = False
        self.gone: OSError | None = None

    def capabilities(self) -> dict[int, Any]:
        return self.inputs.capabilities.get(self.path, KEYS)

    def leds(self) -> list[int]:
        return self.inputs.leds

    def grab(self) -> None:
        if self.inputs.taken:
            raise OSError(errno.EBUSY, "Device or resource busy")
        self.grabbed = True

    def ungrab(self) -> None:
        if not self.grabbed or self.gone:
            raise OSError(errno.ENODEV, "No such device")
        self.grabbed = False

    def read(self) -> Iterator[Any]:
        if self.gone:
            raise self.gone
        data = os.read(self.fd, EVENT.size * 64)  # BlockingIOError as the real one
        for sec, usec, kind, code, value in EVENT.iter_unpack(data):
            yield SimpleNamespace(sec=sec, usec=usec, type=kind, code=code, value=value)

    def close(self) -> None:
        assert not self.closed
        self.closed = True
        os.close(self.fd)
        with suppress(OSError):
            os.close(self.pen)

    # --- the other side ---

    def types(self, *events: tuple[int, int, int, int, int]) -> None:
        os.write(self.pen, b"".join(EVENT.pack(*event) for event in events))

    def unplug(self) -> None:
        self.gone = OSError(errno.ENODEV, "No such device")
        os.close(self.pen)  # the descriptor becomes readable, as a device's does


class FakeInputs:
    """A folder as /sys/class/input, one as /dev/input, and devices that open as told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sysfs, self.dev = root / "sys", root / "dev"
        self.sysfs.mkdir()
        (self.dev / "by-id").mkdir(parents=True)
        self.opened: list[FakeDevice] = []
        self.capabilities: dict[str, dict[int, Any]] = {}
        self.leds: list[int] = []
        self.taken = False
        self.refusals: list[OSError] = []
        self.system = InputSystem(self.dev, self.sysfs, self.open)

    def plug_in(
        self, name: str, ids: str = "0c2e:0b61", phys: str = "", serial: str = "", by_id: str = ""
    ) -> str:
        folder = self.sysfs / name / "device"
        (folder / "id").mkdir(parents=True)
        vendor, product = ids.split(":")
        (folder / "id/vendor").write_text(vendor + "\n")
        (folder / "id/product").write_text(product + "\n")
        (folder / "uniq").write_text(serial + "\n")
        (folder / "phys").write_text(phys + "\n")
        (self.dev / name).write_text("")
        if by_id:
            (self.dev / "by-id" / by_id).symlink_to(f"../{name}")
        return str(self.dev / name)

    def open(self, path: str) -> FakeDevice:
        if self.refusals:
            raise self.refusals.pop(0)
        self.opened.append(FakeDevice(self, path))
        return self.opened[-1]


@pytest.fixture
def inputs(tmp_path: Path) -> Iterator[FakeInputs]:
    made = FakeInputs(tmp_path)
    yield made
    for device in made.opened:
        if not device.closed:
            device.close()


USB = PluggedAddress(vendor=0x0C2E, product=0x0B61)
NINE_DOWN = (1_795_000_000, 250_000, 1, 10, 1)
SYN = (1_795_000_000, 250_000, 0, 0, 0)
NINE_DOWN_BYTES = bytes.fromhex(
    "c086fd6a00000000 90d0030000000000 0100 0a00 01000000"
    "c086fd6a00000000 90d0030000000000 0000 0000 00000000"
)


@asynccontextmanager
async def opened(
    inputs: FakeInputs, scanner: PluggedAddress = USB
) -> AsyncIterator[InputEventStream]:
    stream = await input_connector(scanner, SystemClock(), inputs.system)()
    assert isinstance(stream, InputEventStream)
    try:
        yield stream
    finally:
        await stream.close()


# --- finding ------------------------------------------------------------------------------


def names(inputs: FakeInputs, scanner: PluggedAddress) -> list[str]:
    return [node.name for node in find_nodes(scanner, inputs.system)]


def test_all_nodes_of_one_scanner_are_found_and_no_other(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1.2/input0", serial="S1", by_id="usb-ACME-event-kbd")
    inputs.plug_in("event4", phys="usb-1.2/input1", serial="S1")
    inputs.plug_in("event5", phys="usb-1.2/input2", serial="S1")
    inputs.plug_in("event6", ids="046d:c31c", phys="usb-1.3/input0")  # somebody's keyboard
    inputs.plug_in("event7", phys="usb-1.4/input0", serial="S2")
    inputs.plug_in("event8", ids="046d:c31d", phys="usb-1.2/input0")
    (inputs.sysfs / "mouse0").mkdir()
    (inputs.sysfs / "event9").mkdir()  # gone while we looked
    every = ["event3", "event4", "event5"]
    assert names(inputs, PluggedAddress(path=str(inputs.dev / "by-id/usb-ACME-event-kbd"))) == every
    assert names(inputs, PluggedAddress(path=str(inputs.dev / "event4"))) == every
    assert names(inputs, PluggedAddress(vendor=0x0C2E, product=0x0B61, serial="S1")) == every
    assert names(inputs, PluggedAddress(port="usb-1.4")) == ["event7"]
    assert names(inputs, PluggedAddress(path=str(inputs.dev / "by-id/nothing"))) == []
    assert names(inputs, PluggedAddress(vendor=0x0C2E, product=0x0B61, serial="S9")) == []
    assert names(inputs, PluggedAddress(port="usb-1")) == []


def test_two_scanners_of_one_kind_are_never_chosen_between(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1.2/input0")
    inputs.plug_in("event4", phys="usb-1.4/input0")
    with pytest.raises(DeviceUnreachable, match=r"usb-1\.2, usb-1\.4\. .*serial number") as caught:
        find_nodes(USB, inputs.system)
    assert caught.value.code == "scanner_ambiguous"


def test_nodes_of_two_bluetooth_scanners_are_told_apart_by_their_address(
    inputs: FakeInputs,
) -> None:
    inputs.plug_in("event3", phys="b8:27:eb:00:00:01", serial="aa:aa:aa:aa:aa:01")
    inputs.plug_in("event4", phys="b8:27:eb:00:00:01", serial="aa:aa:aa:aa:aa:02")
    assert names(inputs, PluggedAddress(path=str(inputs.dev / "event4"))) == ["event4"]


def test_nodes_of_which_nobody_knows_where_they_are_stay_alone(inputs: FakeInputs) -> None:
    inputs.plug_in("event3")
    inputs.plug_in("event4")
    assert names(inputs, PluggedAddress(path=str(inputs.dev / "event3"))) == ["event3"]
    assert not InputNode("a", 1, 2, "", "").belongs_with(InputNode("b", 1, 2, "", ""))


# --- opening ------------------------------------------------------------------------------


async def test_every_node_with_keys_is_grabbed_and_given_back(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    other = inputs.plug_in("event4", phys="usb-1/input1")
    inputs.capabilities[other] = NO_KEYS
    inputs.plug_in("event5", phys="usb-1/input2")
    async with opened(inputs) as stream:
        keyboard, joystick, keys = inputs.opened
        assert keyboard.grabbed
        assert keys.grabbed
        assert joystick.closed
        assert not joystick.grabbed
        await stream.close()
        await stream.close()
        assert await stream.read(100) == b""
    assert not keyboard.grabbed
    assert not keys.grabbed
    assert keyboard.closed
    assert keys.closed


async def test_events_come_as_the_kernel_writes_them(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    async with opened(inputs) as stream:
        reading = asyncio.create_task(stream.read(4096))
        await asyncio.sleep(0)
        inputs.opened[0].types(NINE_DOWN, SYN)
        assert await reading == NINE_DOWN_BYTES
        inputs.opened[0].types(NINE_DOWN, SYN)
        assert await stream.read(24) == NINE_DOWN_BYTES[:24]
        assert await stream.read(100) == NINE_DOWN_BYTES[24:]


async def test_nodes_are_merged_by_the_times_of_their_events(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    inputs.plug_in("event4", phys="usb-1/input1")
    async with opened(inputs) as stream:
        inputs.opened[0].types((7, 0, 1, 3, 1), (7, 0, 0, 0, 0), (8, 5, 1, 3, 0), (8, 5, 0, 0, 0))
        inputs.opened[1].types((7, 9, 1, 4, 1), (7, 9, 0, 0, 0))
        data = await stream.read(4096)
    times = [event[:2] for event in EVENT.iter_unpack(data)]
    assert times == [(7, 0), (7, 0), (7, 9), (7, 9), (8, 5), (8, 5)]
    assert [event[3] for event in EVENT.iter_unpack(data)] == [3, 0, 4, 0, 3, 0]


async def test_a_lit_caps_lock_is_told_first(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    inputs.leds = [0, 1]
    async with opened(inputs) as stream:
        inputs.opened[0].types(NINE_DOWN)
        assert await stream.read(24) == EVENT.pack(0, 0, 17, 1, 1)
    inputs.leds = [0]
    async with opened(inputs) as stream:
        inputs.opened[1].types(NINE_DOWN)
        assert await stream.read(24) == NINE_DOWN_BYTES[:24]


async def test_one_who_does_not_read_holds_the_kernel_back(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    async with opened(inputs) as stream:
        for _ in range(60):
            inputs.opened[0].types(*[NINE_DOWN, SYN] * 32)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert not stream._listening
        assert len(stream._bytes) <= READER_BYTES_MAX + 16 * 64 * EVENT.size
        found = b""
        while len(found) < 60 * 64 * EVENT.size:
            found += await stream.read(10_000)
        assert found == NINE_DOWN_BYTES * 60 * 32


@pytest.mark.parametrize("node", [0, 1])
async def test_an_unplugged_scanner_is_unreachable_after_what_it_said(
    inputs: FakeInputs, node: int
) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    inputs.plug_in("event4", phys="usb-1/input1")
    async with opened(inputs) as stream:
        inputs.opened[0].types(NINE_DOWN, SYN)
        await asyncio.sleep(0.01)
        inputs.opened[node].unplug()
        assert await stream.read(4096) == NINE_DOWN_BYTES
        with pytest.raises(DeviceUnreachable, match=r"0c2e:0b61 was unplugged.*plugged in"):
            await stream.read(4096)
    assert all(device.closed for device in inputs.opened)


async def test_a_waiting_read_ends_when_the_stream_is_closed(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    async with opened(inputs) as stream:
        reading = asyncio.create_task(stream.read(10))
        await asyncio.sleep(0)
        await stream.close()
        assert await reading == b""


async def test_nothing_can_be_written(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    async with opened(inputs) as stream:
        with pytest.raises(DeviceUnreachable, match="nothing can be sent"):
            await stream.write(b"\x16T\r")


# --- what goes wrong ----------------------------------------------------------------------


async def test_a_scanner_that_somebody_else_holds_says_so(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    inputs.taken = True
    with pytest.raises(DeviceUnreachable, match="Another program holds the scanner") as caught:
        await input_connector(USB, SystemClock(), inputs.system)()
    assert caught.value.code == "scanner_taken"
    assert [device.closed for device in inputs.opened] == [True]


async def test_nodes_opened_before_one_that_fails_are_given_back(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    inputs.plug_in("event4", phys="usb-1/input1")
    clock = SystemClock()

    def open_one(path: str) -> FakeDevice:
        if path.endswith("event4"):
            raise OSError(errno.ENODEV, "No such device")
        return inputs.open(path)

    system = InputSystem(inputs.dev, inputs.sysfs, open_one)
    with pytest.raises(DeviceUnreachable, match=r"No such device.*plugged in"):
        await input_connector(USB, clock, system)()
    assert [(device.closed, device.grabbed) for device in inputs.opened] == [(True, False)]


async def test_a_scanner_without_keys_is_none(inputs: FakeInputs) -> None:
    inputs.capabilities[inputs.plug_in("event3", phys="usb-1/input0")] = NO_KEYS
    with pytest.raises(DeviceUnreachable, match="has no keys"):
        await input_connector(USB, SystemClock(), inputs.system)()


@pytest.mark.parametrize(("refusals", "opens"), [(0, True), (9, True), (10, False)])
async def test_permission_is_asked_for_again_while_udev_is_at_work(
    inputs: FakeInputs, refusals: int, opens: bool
) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    inputs.refusals = [PermissionError(errno.EACCES, "Permission denied")] * refusals
    clock = VirtualClock()
    connect = input_connector(USB, clock, inputs.system)
    async with clock.running():
        if opens:
            await (await connect()).close()
        else:
            with pytest.raises(DeviceUnreachable, match="group, by udev, is to be input"):
                await connect()
    assert clock.monotonic_ms() == min(refusals, 9) * 200


async def test_a_scanner_that_is_out_is_missed_in_words_then_waited_for(
    inputs: FakeInputs,
) -> None:
    clock = VirtualClock()
    connect = input_connector(USB, clock, inputs.system)
    for _ in range(4):
        with pytest.raises(DeviceUnreachable, match=r"no scanner 0c2e:0b61\. Check .*plugged in"):
            await connect()
        await clock.advance(1)
    connecting = asyncio.create_task(connect())
    await clock.advance(3600)
    assert not connecting.done()
    inputs.plug_in("event3", phys="usb-1/input0")
    await clock.advance(1)
    stream = await connecting
    await stream.close()
    # out again, it is missed in words again
    for path in sorted((inputs.sysfs / "event3").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(DeviceUnreachable, match="no scanner"):
        await connect()


async def test_giving_up_while_it_opens_leaves_nothing_open(inputs: FakeInputs) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    loop = asyncio.get_running_loop()
    began, go_on = asyncio.Event(), asyncio.Event()

    def open_slowly(path: str) -> FakeDevice:
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        return inputs.open(path)

    system = InputSystem(inputs.dev, inputs.sysfs, open_slowly)
    connecting = asyncio.create_task(input_connector(USB, SystemClock(), system)())
    await began.wait()
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)
    go_on.set()
    for _ in range(500):
        if inputs.opened and inputs.opened[0].closed:
            break
        await asyncio.sleep(0.01)
    assert [(device.closed, device.grabbed) for device in inputs.opened] == [(True, False)]


# --- evdev --------------------------------------------------------------------------------


async def test_without_evdev_it_says_what_to_install(
    inputs: FakeInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs.plug_in("event3", phys="usb-1/input0")
    importing = builtins.__import__

    def no_evdev(name: str, *args: Any, **kwargs: Any) -> ModuleType:
        if name == "evdev":
            raise ModuleNotFoundError("No module named 'evdev'")
        return importing(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_evdev)
    with pytest.raises(DeviceUnreachable, match=r"python3-evdev, or tillbox\[hardware\]"):
        await input_connector(USB, SystemClock(), InputSystem(inputs.dev, inputs.sysfs))()


async def test_evdev_opens_the_nodes_when_it_is_there(
    inputs: FakeInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inputs.plug_in("event3", phys="usb-1/input0")
    evdev = ModuleType("evdev")
    evdev.InputDevice = inputs.open  # type: ignore[attr-defined]  # what the real one has
    monkeypatch.setitem(sys.modules, "evdev", evdev)
    stream = await input_connector(USB, SystemClock(), InputSystem(inputs.dev, inputs.sysfs))()
    assert [device.path for device in inputs.opened] == [path]
    await stream.close()


@pytest.fixture
def uinput() -> Iterator[Callable[..., Any]]:
    evdev = pytest.importorskip("evdev", reason="evdev is not installed: tillbox[hardware]")
    if not os.access("/dev/uinput", os.W_OK):
        pytest.skip("/dev/uinput is missing or not ours: modprobe uinput, as root")
    made: list[Any] = []

    def make(**how: Any) -> Any:
        keys = {evdev.ecodes.EV_KEY: [*range(1, 128)], evdev.ecodes.EV_LED: [1]}
        made.append(evdev.UInput(keys, vendor=0x7115, product=0x0001, **how))
        return made[-1]

    yield make
    for keyboard in made:
        with suppress(OSError):
            keyboard.close()


async def test_a_keyboard_that_the_kernel_makes_up_is_read_and_grabbed(
    uinput: Callable[..., Any],
) -> None:
    keyboard = uinput(name="tillbox test scanner", phys="tillbox-test/input0")
    address = PluggedAddress(vendor=0x7115, product=0x0001)
    stream = await input_connector(address, SystemClock())()
    with pytest.raises(DeviceUnreachable, match="Another program"):
        await input_connector(address, SystemClock())()
    keyboard.write(1, 10, 1)
    keyboard.syn()
    found = b""
    while len(found) < 48:
        found += await stream.read(4096)
    assert [event[2:] for event in EVENT.iter_unpack(found)] == [(1, 10, 1), (0, 0, 0)]
    keyboard.close()
    with pytest.raises(DeviceUnreachable, match="unplugged"):
        await stream.read(4096)
    await stream.close()
