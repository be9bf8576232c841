"""Who may bring news of hardware: the kernel alone; a socketpair stands in its place."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devices.transports.kernel_events import KernelEvents, is_from_kernel, open_netlink
from tests.devices.host_bench import until

CREDENTIALS = (1, 2)  # SOL_SOCKET, SCM_CREDENTIALS
BY_KERNEL = [(*CREDENTIALS, bytes(12))]  # pid 0, uid 0, gid 0
MESSAGE = b"add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=usb\0SEQNUM=1\0"


@pytest.mark.parametrize(
    ("attached", "sender", "believed"),
    [
        (BY_KERNEL, (0, 1), True),
        # seen on a real kernel: root of this machine sent to the group, and to our port
        ([(*CREDENTIALS, b"?\x16\0\0\0\0\0\0\0\0\0\0")], (2330327986, 1), False),
        ([(*CREDENTIALS, b"?\x16\0\0\0\0\0\0\0\0\0\0")], (2330327986, 0), False),
        ([(*CREDENTIALS, struct.pack("iII", 4711, 1000, 1000))], (0, 1), False),
        (BY_KERNEL, (4711, 1), False),
        ([], (0, 1), False),
        ([(*CREDENTIALS, bytes(8))], (0, 1), False),
        ([(1, 1, bytes(12))], (0, 1), False),  # files, not credentials
        ([*BY_KERNEL, (*CREDENTIALS, struct.pack("iII", 9, 0, 0))], (0, 1), False),
        (BY_KERNEL, None, False),
        (BY_KERNEL, "", False),
    ],
)
def test_only_the_kernel_is_believed(
    attached: list[tuple[int, int, bytes]], sender: object, believed: bool
) -> None:
    assert is_from_kernel(attached, sender) is believed


class KernelSide:
    """A socketpair: what the test sends arrives as if from the kernel, or from a process."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.theirs.setblocking(False)
        self.pid = 0
        self.fault = 0
        self.closed = False

    def send(self, message: bytes) -> None:
        self.ours.send(message)

    def fileno(self) -> int:
        return self.theirs.fileno()

    def recvmsg(
        self, bufsize: int, ancbufsize: int, /
    ) -> tuple[bytes, list[tuple[int, int, bytes]], int, Any]:
        assert ancbufsize >= 12
        message = self.theirs.recv(bufsize)
        if self.fault:
            fault, self.fault = self.fault, 0
            raise OSError(fault, os.strerror(fault))
        return message, [(*CREDENTIALS, struct.pack("iII", self.pid, 0, 0))], 0, (self.pid, 1)

    def close(self) -> None:
        self.closed = True
        self.theirs.close()


@pytest.fixture
def kernel() -> Iterator[KernelSide]:
    side = KernelSide()
    yield side
    side.ours.close()
    side.theirs.close()


@pytest.fixture
def heard() -> list[bytes | None]:
    return []


async def test_news_arrive_and_a_stranger_s_are_counted(
    kernel: KernelSide, heard: list[bytes | None]
) -> None:
    events = KernelEvents(heard.append, lambda: kernel)
    events.open()
    kernel.send(MESSAGE)
    await until(lambda: heard == [MESSAGE])
    kernel.pid = 4711
    kernel.send(MESSAGE)
    await until(lambda: events.forged == 1)
    kernel.pid = 0
    kernel.send(b"another")
    await until(lambda: heard == [MESSAGE, b"another"])
    events.close()
    events.close()
    assert kernel.closed


async def test_a_storm_gives_others_their_turn_and_is_read_whole(
    kernel: KernelSide, heard: list[bytes | None]
) -> None:
    for number in range(200):
        kernel.ours.setblocking(False)
        try:
            kernel.send(b"%d" % number)
        except BlockingIOError:
            break
    else:
        number += 1
    events = KernelEvents(heard.append, lambda: kernel)
    events.open()
    events._read()
    assert 0 < len(heard) <= 64
    await until(lambda: len(heard) == number)
    events.close()


async def test_lost_news_are_said_and_listening_goes_on(
    kernel: KernelSide, heard: list[bytes | None]
) -> None:
    events = KernelEvents(heard.append, lambda: kernel)
    events.open()
    kernel.fault = errno.ENOBUFS
    kernel.send(MESSAGE)
    await until(lambda: heard == [None])
    kernel.send(MESSAGE)
    await until(lambda: heard == [None, MESSAGE])
    events.close()


async def test_a_broken_socket_is_closed_and_spins_no_loop(
    kernel: KernelSide, heard: list[bytes | None]
) -> None:
    events = KernelEvents(heard.append, lambda: kernel)
    events.open()
    kernel.fault = errno.EBADF
    kernel.send(MESSAGE)
    await until(lambda: kernel.closed)
    assert heard == [None]
    events.close()


async def test_who_closes_while_hearing_hears_no_more(kernel: KernelSide) -> None:
    heard: list[bytes | None] = []

    def take(message: bytes | None) -> None:
        heard.append(message)
        events.close()

    events = KernelEvents(take, lambda: kernel)
    events.open()
    kernel.send(b"1")
    kernel.send(b"2")
    await until(lambda: kernel.closed)
    assert heard == [b"1"]


def allowed(act: Callable[[], object]) -> bool:
    try:
        act()
    except OSError:
        return False
    return True


@pytest.mark.skipif(
    not allowed(lambda: open_netlink().close()), reason="netlink is not allowed here"
)
async def test_a_process_of_root_cannot_pass_for_the_kernel(heard: list[bytes | None]) -> None:
    ours = open_netlink()
    assert isinstance(ours, socket.socket)
    events = KernelEvents(heard.append, lambda: ours)
    events.open()
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 15) as other:
            other.bind((0, 0))
            try:
                other.sendto(MESSAGE, (ours.getsockname()[0], 0))
            except OSError:
                pytest.skip("this user may not send to another's port")
        await until(lambda: events.forged == 1)
        assert MESSAGE not in heard
    finally:
        events.close()


UEVENT = "/sys/class/tty/ptmx/uevent"


@pytest.mark.skipif(not os.access(UEVENT, os.W_OK), reason="the kernel cannot be asked to speak")
async def test_the_real_kernel_is_heard(heard: list[bytes | None]) -> None:
    events = KernelEvents(heard.append)
    try:
        events.open()
    except OSError:
        pytest.skip("netlink is not allowed here")
    try:
        try:
            with open(UEVENT, "w", encoding="ascii") as file:  # noqa: PTH123 - a word to the kernel
                file.write("change")
        except OSError:
            pytest.skip("the kernel cannot be asked to speak")
        await until(
            lambda: [m for m in heard if m and m.startswith(b"change@/devices/virtual/tty/ptmx\0")]
        )
    finally:
        events.close()
