"""The kernel's news has a host look at once; without it the host looks by its clock."""

from __future__ import annotations

import errno
import io
from pathlib import Path

from devices.host.device_finder import FolderFinder
from devices.host.plug_watch import PlugWatch
from devices.transports.kernel_events import UeventSocket
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.structured_log import open_log
from tests.devices.host_bench import HostBench, until
from tests.devices.plugged_in import PluggedIn
from tests.devices.transports.test_kernel_events import KernelSide
from tests.devices.virtual_clock import VirtualClock


def message(subsystem: str, action: str = "add") -> bytes:
    keys = (
        f"{action}@/devices/x",
        f"ACTION={action}",
        "DEVPATH=/devices/x",
        f"SUBSYSTEM={subsystem}",
        "SEQNUM=1",
    )
    return "".join(key + "\0" for key in keys).encode()


class Watched:
    def __init__(self) -> None:
        self.news = 0
        self.log_text = io.StringIO()
        self.kernel = KernelSide()
        self.watch = PlugWatch(self.tell, open_log("test", self.log_text), lambda: self.kernel)

    def tell(self) -> None:
        self.news += 1


async def test_a_device_is_news_and_a_network_card_a_lie_or_a_ruin_is_none() -> None:
    watched = Watched()
    watched.watch.open()
    for other in (message("net"), b"libudev\0" + message("usb"), b"\xff", message("usb")[:-1]):
        watched.kernel.send(other)
    watched.kernel.send(message("usb"))
    await until(lambda: watched.news)
    assert watched.news == 1
    watched.kernel.pid = 77
    watched.kernel.send(message("usb", "remove"))
    await until(lambda: watched.watch.forged)
    watched.kernel.pid = 0
    watched.kernel.send(message("hidraw", "remove"))
    await until(lambda: watched.news == 2)
    watched.watch.close()
    watched.kernel.ours.close()


async def test_lost_messages_are_news() -> None:
    watched = Watched()
    watched.watch.open()
    watched.kernel.fault = errno.ENOBUFS
    watched.kernel.send(message("net"))
    await until(lambda: watched.news == 1)
    watched.watch.close()
    watched.kernel.ours.close()


async def test_a_machine_that_lets_nobody_listen_is_said_once_in_words() -> None:
    def refuse() -> UeventSocket:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    log_text = io.StringIO()
    watch = PlugWatch(lambda: None, open_log("test", log_text), refuse)
    watch.open()
    watch.close()
    assert log_text.getvalue().count("plugging_not_watched") == 1
    assert "is looked for every few seconds" in log_text.getvalue()


async def test_what_is_plugged_in_is_reported_without_waiting_for_the_next_look(
    tmp_path: Path,
) -> None:
    machine = PluggedIn(tmp_path / "machine")
    clock = VirtualClock(settle_s=0.02)
    finder = FolderFinder(machine.root)
    bench = HostBench(tmp_path / "devices.db", MemoryBroker(), clock, finder)
    kernel = KernelSide()

    def found() -> int:
        info = bench.edge.info()
        return len(info.found) if info else -1

    machine.printer(machine.usb("1-1", "04b8:0e15"), "lp0")
    async with bench.running() as host:
        watch = PlugWatch(host.look_soon, bench.log, lambda: kernel)
        watch.open()
        looking = host._around.tasks.start("discovery", host.run_discovery)
        await until(lambda: found() == 1)
        machine.printer(machine.usb("1-2", "0519:0003"), "lp1")
        await clock.advance(1.0)
        assert found() == 1  # nobody said a word: the next look comes after three seconds
        kernel.send(message("usb"))
        await clock.advance(0.3)
        await until(lambda: found() == 2)
        looking.cancel()
        watch.close()
    kernel.ours.close()
