"""Real nodes and sockets are pulled and put back, each time as another node: nothing leaks.

The kernel's own files are named pipes and terminal lines in folders laid out as Linux has them;
the drivers, their transports and the simulators are the real ones. What happens at each message
is `test_unplugged`'s.
"""

from __future__ import annotations

import asyncio
import os
import pty
import socket
import struct
import tty
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from typing_extensions import override

from devices import driver_catalogue
from devices.driver import SERVING, DeviceJob, SimulatorPorts
from devices.transports.addresses import connector_to
from devices.transports.asyncio_stream import AsyncioStream
from devices.transports.byte_stream import ByteStream, Connector
from devices.transports.hidraw_reports import hidraw_connector
from devices.transports.input_events import input_connector
from devices.transports.plugged_in import PluggedAddress
from devices.transports.usb_printer import UsbPrinterStream
from edge.contract.device_messages import CheckHealthArgs, JobKind, JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from tests.devices.driver_ports import KeptPorts
from tests.devices.host_bench import until
from tests.devices.transports.test_hidraw_reports import FakeHidraw
from tests.devices.transports.test_input_events import FakeInputs

PULLS: Final = 3
BACK_S: Final = 20.0
CLOCK: Final = SystemClock()
LINGER_NOT: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: closing resets the connection, as a device does that lost its power."""


class PenStream:
    """What a simulated scanner writes into: a pipe that the kernel's node reads from."""

    def __init__(self, pen: Callable[[], int]) -> None:
        self._pen = pen
        self._over = asyncio.Event()

    async def read(self, max_bytes: int) -> bytes:
        _ = await self._over.wait()
        return b""[:max_bytes]

    async def write(self, data: bytes) -> None:
        os.write(self._pen(), data)

    async def close(self) -> None:
        self._over.set()


class Plug(ABC):
    """One device at one kind of node."""

    driver: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ports = SimulatorPorts(CLOCK, open_log("test"))
        spec = driver_catalogue.simulator(self.driver)
        self.actions = spec.actions
        self.device: Any = spec.build(spec.settings(), ports)
        self.attending: asyncio.Task[None] | None = None
        self.times = 0

    @abstractmethod
    def connector(self) -> Connector:
        """How a driver gets there."""

    async def plug_in(self) -> None:
        self.times += 1
        stream = self.node()
        if stream is not None:
            self.attending = asyncio.create_task(self._attend(stream))

    async def _attend(self, stream: ByteStream) -> None:
        try:
            await self.device.attend(stream)
        except DeviceUnreachable:
            return

    async def pull(self) -> None:
        self.vanish()
        if self.attending is not None:
            self.attending.cancel()
            await asyncio.gather(self.attending, return_exceptions=True)
            self.attending = None

    @abstractmethod
    def node(self) -> ByteStream | None:
        """Make the node, each time another one; return the device's end of it."""

    @abstractmethod
    def vanish(self) -> None:
        """Take the node away."""


class HidrawPlug(Plug):
    driver = "scanner_hidpos"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.machine = FakeHidraw(folder)
        self.name = ""

    @override
    def connector(self) -> Connector:
        return hidraw_connector(
            PluggedAddress(vendor=0x0C2E, product=0x0B67), CLOCK, self.machine.system
        )

    @override
    def node(self) -> ByteStream:
        self.name = f"hidraw{self.times}"
        self.machine.plug_in(self.name)
        return PenStream(lambda: self.machine.pens[self.name])

    @override
    def vanish(self) -> None:
        self.machine.unplug(self.name)
        (self.machine.dev / self.name).unlink()
        for file in ("uevent", "report_descriptor"):
            (self.machine.sysfs / self.name / "device" / file).unlink()
        (self.machine.sysfs / self.name / "device").rmdir()
        (self.machine.sysfs / self.name).rmdir()


class InputPlug(Plug):
    driver = "scanner_hid"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.machine = FakeInputs(folder)
        self.name = ""

    @override
    def connector(self) -> Connector:
        return input_connector(
            PluggedAddress(vendor=0x0C2E, product=0x0B61), CLOCK, self.machine.system
        )

    @override
    def node(self) -> ByteStream:
        self.name = f"event{self.times}"
        self.machine.plug_in(self.name)
        return PenStream(lambda: self.machine.opened[-1].pen)

    @override
    def vanish(self) -> None:
        (self.machine.dev / self.name).unlink()
        device = self.machine.sysfs / self.name / "device"
        for file in ("id/vendor", "id/product", "uniq", "phys"):
            (device / file).unlink()
        (device / "id").rmdir()
        device.rmdir()
        (self.machine.sysfs / self.name).rmdir()
        for opened in self.machine.opened:
            if opened.gone is None and not opened.closed:
                opened.unplug()


class LinePlug(Plug):
    """A terminal line behind its stable name; each time it is another node."""

    scheme = "serial"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.link = folder / "by-id"
        self.slave = -1
        self.stream: UsbPrinterStream | None = None

    @override
    def connector(self) -> Connector:
        return connector_to(f"{self.scheme}://{self.link}", CLOCK)

    @override
    def node(self) -> ByteStream:
        master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(master, False)
        self.link.symlink_to(os.ttyname(self.slave))
        self.stream = UsbPrinterStream(master, "the far end", CLOCK)
        return self.stream

    @override
    def vanish(self) -> None:
        self.link.unlink()

    @override
    async def pull(self) -> None:
        assert self.stream is not None
        await self.stream.close()
        os.close(self.slave)
        await super().pull()


class ScannerLine(LinePlug):
    driver = "scanner_serial"


class ScaleLine(LinePlug):
    driver = "scale_cas"


class UsbPrinter(LinePlug):
    driver = "printer_escpos"
    scheme = "usb"


class NetworkPlug(Plug):
    """A device on the network: its connections are reset, and then nobody answers."""

    driver = "printer_escpos"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server: asyncio.Server | None = None
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    @override
    def connector(self) -> Connector:
        return connector_to(f"tcp://127.0.0.1:{self.port}", CLOCK)

    @override
    async def plug_in(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        await self._attend(AsyncioStream(reader, writer, CLOCK, "the till"))

    @override
    def node(self) -> None:
        return None

    @override
    def vanish(self) -> None:
        assert self.server is not None
        self.server.close()
        writers, self.writers = self.writers, []
        for writer in writers:
            sock = writer.get_extra_info("socket")
            if sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                writer.transport.abort()


class NetworkTerminal(NetworkPlug):
    driver = "terminal_zvt"


class NetworkScanner(NetworkPlug):
    driver = "scanner_serial"


PLUGS: Final[tuple[type[Plug], ...]] = (
    HidrawPlug,
    InputPlug,
    ScannerLine,
    ScaleLine,
    UsbPrinter,
    NetworkPlug,
    NetworkTerminal,
    NetworkScanner,
)


async def works(
    plug: Plug, ports: KeptPorts, perform: Callable[[DeviceJob], Awaitable[Any]]
) -> None:
    """Hold that it serves: a job is done, and what it reads is told once."""
    job = DeviceJob(
        ports.ids.new(), JobKind.CHECK_HEALTH, CheckHealthArgs(), CLOCK.now_ms() + 9_000
    )
    assert (await perform(job)).status is JobStatus.DONE
    if "scan" in plug.actions:
        before = len(ports.events)
        await plug.device.scan("9521234567892")
        await until(lambda: len(ports.events) > before)
        await asyncio.sleep(0.3)
        texts = [data.text for _, data, _ in ports.events[before:]]  # type: ignore[attr-defined]
        assert texts == ["9521234567892"]


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", PLUGS, ids=lambda kind: kind.__name__)
async def test_a_node_that_comes_back_as_another_is_served_as_before(
    kind: type[Plug], tmp_path: Path
) -> None:
    plug = kind(tmp_path)
    await plug.plug_in()
    spec = driver_catalogue.driver(plug.driver)
    settings = spec.example
    ports = KeptPorts(plug.connector(), CLOCK)
    driver = spec.build(settings, ports)
    running = asyncio.create_task(driver.run())
    files, tasks = 0, 0
    try:
        for number in range(PULLS):
            await until(
                lambda: driver.state in SERVING and driver._live.is_set(),  # type: ignore[attr-defined]
                within_s=BACK_S,
            )
            await until(lambda: _attended(plug), within_s=BACK_S)
            await works(plug, ports, driver.perform)
            if number == 1:
                files, tasks = open_files(), len(asyncio.all_tasks())
            await plug.pull()
            await until(lambda: not driver._live.is_set(), within_s=BACK_S)  # type: ignore[attr-defined]
            if number % 2 == 0:
                await until(lambda: driver.state is DriverState.LOST, within_s=BACK_S)
                assert ports.state["advice"]
            await plug.plug_in()
        await until(
            lambda: driver.state in SERVING and driver._live.is_set(),  # type: ignore[attr-defined]
            within_s=BACK_S,
        )
        await until(lambda: _attended(plug), within_s=BACK_S)
        await works(plug, ports, driver.perform)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        assert open_files() <= files, "files were left open"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await plug.pull()


def _attended(plug: Plug) -> bool:
    return bool(getattr(plug.device, "connected", True))
