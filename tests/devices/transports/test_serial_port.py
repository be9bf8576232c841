from __future__ import annotations

import asyncio
import errno
import os
import pty
import termios
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import memory_pipe
from devices.transports.serial_port import SerialLine, serial_connector
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock
from edge.runtime.system_clock import SystemClock
from tests.devices.virtual_clock import VirtualClock


@dataclass
class Terminal:
    master: int
    slave: int
    path: str
    open_ends: set[int]

    def unplug(self) -> None:
        for end in self.open_ends:
            os.close(end)
        self.open_ends.clear()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    made = Terminal(master, slave, os.ttyname(slave), {master, slave})
    yield made
    made.unplug()


async def read_some(fd: int) -> bytes:
    for _ in range(500):
        try:
            return os.read(fd, 65_536)
        except BlockingIOError:
            await asyncio.sleep(0.01)
    raise AssertionError("nothing came")


async def test_bytes_pass_unchanged_both_ways(terminal: Terminal) -> None:
    stream = await serial_connector(SerialLine(terminal.path), SystemClock())()
    every = bytes(range(256))
    os.write(terminal.master, every)
    found = b""
    while len(found) < 256:
        found += await stream.read(4096)
    assert found == every
    await stream.write(every)
    assert await read_some(terminal.master) == every
    await stream.close()
    await stream.close()
    with pytest.raises(DeviceUnreachable, match="closed"):
        await stream.write(b"x")


async def test_the_line_is_set_as_asked_and_raw(terminal: Terminal) -> None:
    line = SerialLine(terminal.path, baud=1200, bits=7, parity="e", stop_bits=2)
    stream = await serial_connector(line, SystemClock())()
    _, oflag, cflag, lflag, ispeed, _, _ = termios.tcgetattr(terminal.slave)
    assert ispeed == termios.B1200
    assert cflag & termios.CSIZE == termios.CS7 or cflag & termios.CSIZE == termios.CS8  # pty: CS8
    assert cflag & termios.CSTOPB
    assert not lflag & (termios.ECHO | termios.ICANON | termios.ISIG)
    assert not oflag & termios.OPOST
    await stream.close()


async def test_an_unplugged_device_is_unreachable_or_over(terminal: Terminal) -> None:
    stream = await serial_connector(SerialLine(terminal.path), SystemClock())()
    reading = asyncio.create_task(stream.read(10))
    await asyncio.sleep(0)
    terminal.unplug()
    with suppress(DeviceUnreachable):  # whether the kernel says EIO or end of file
        assert await reading == b""
    await stream.close()


async def test_bytes_from_before_the_connection_are_thrown_away(terminal: Terminal) -> None:
    os.write(terminal.master, b"stale\r")
    stream = await serial_connector(SerialLine(terminal.path), SystemClock())()
    os.write(terminal.master, b"fresh\r")
    assert (await stream.read(100)).endswith(b"fresh\r")
    await stream.close()


async def test_a_port_that_is_not_there_says_so() -> None:
    with pytest.raises(DeviceUnreachable, match=r"/dev/ttyNONE7.*plugged in"):
        await serial_connector(SerialLine("/dev/ttyNONE7"), SystemClock())()


async def test_a_file_is_no_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(DeviceUnreachable, match="cannot be opened"):
        await serial_connector(SerialLine(str(path)), SystemClock())()
    assert path.read_bytes() == b""


async def test_a_speed_that_is_none_says_so(terminal: Terminal) -> None:
    with pytest.raises(DeviceUnreachable, match="cannot be opened"):
        await serial_connector(SerialLine(terminal.path, bits=4), SystemClock())()


@pytest.mark.parametrize(("refusals", "opens"), [(0, True), (4, True), (5, False)])
async def test_permission_is_asked_for_again_while_udev_is_at_work(
    refusals: int, opens: bool
) -> None:
    clock, left, pipe = VirtualClock(), [refusals], memory_pipe()

    async def open_line(line: SerialLine, clock: Clock) -> ByteStream:
        if left[0]:
            left[0] -= 1
            raise PermissionError(errno.EACCES, "Permission denied", line.path)
        return pipe.near

    connect = serial_connector(SerialLine("/dev/ttyUSB0"), clock, open_line)
    async with clock.running():
        if opens:
            assert await connect() is pipe.near
        else:
            with pytest.raises(DeviceUnreachable, match="group dialout"):
                await connect()
    assert clock.monotonic_ms() == min(refusals, 4) * 200
