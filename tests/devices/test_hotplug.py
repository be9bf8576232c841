"""Unplugged and plugged in again in every state: the role is back and nobody did anything.

A whole box with its device wall, a real host on its bus, real drivers, and hardware that goes and
comes: a scanner on a terminal line behind its stable name, a simulated printer on a socket.
"""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from devices.driver import SimulatorPorts
from devices.host.device_finder import FolderFinder
from devices.host.device_host import DeviceHost
from devices.host.running_device import Surroundings
from devices.job_journal import MIGRATIONS, JobJournal
from devices.simulators.printer_escpos import SIMULATOR, SimulatedPrinter, SimulatedPrinterSettings
from devices.simulators.printer_escpos.peer import PrinterPeer
from devices.transports.asyncio_stream import AsyncioStream
from edge.contract.device_states import OFFLINE
from edge.contract.device_topics import HostTopics
from edge.runtime.bus import LastWill
from edge.runtime.database_file import DatabaseFile
from edge.runtime.ids import SystemIds
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from tests.flows.box import PIN, Box, selling_box
from tests.flows.fake_host import STORE, until

CLOCK = SystemClock()
NAME = "usb-Symbol_Bar_Code_Scanner-if00"


@dataclass
class Counter:
    """A box, its host, and the wall's calls."""

    box: Box
    host: DeviceHost
    machine: Path
    wishes: int = 0

    async def adopt(
        self, driver: str, till: str, roles: list[str], address: str, **settings: Any
    ) -> str:
        self.wishes += 1
        body = {
            "command_id": f"wish-{self.wishes:06d}",
            "host": "box",
            "driver": driver,
            "till": till,
            "roles": roles,
            "settings": {"address": address, **settings},
        }
        status, answer = await self.box.call("POST", "/api/v1/technician/devices", body)
        assert status == 200, answer
        device: str = answer["device"]
        return device

    async def wish(self, path: str, **fields: Any) -> None:
        """Bind, replace or give up a device."""
        self.wishes += 1
        body = {"command_id": f"wish-{self.wishes:06d}", **fields}
        status, answer = await self.box.call("POST", f"/api/v1/technician/devices{path}", body)
        assert status == 200, answer

    async def test(self, device: str, test: str) -> Any:
        self.wishes += 1
        return await self.box.call(
            "POST",
            f"/api/v1/technician/devices/{device}/tests",
            {"command_id": f"wish-{self.wishes:06d}", "test": test},
        )

    def state(self, device: str) -> str:
        directory = self.box.edge.dispatch.directory
        return next(directory.view(each).state for each in directory.devices if each.id == device)

    def serves(self, till: str, role: str) -> bool:
        """Say whether a till's role is filled by a device that is well."""
        directory = self.box.edge.dispatch.directory
        binding = directory.binding(till, role)
        return binding is not None and any(
            view.well and view.role == role for view in directory.views(till)
        )

    async def wall(self) -> Any:
        status, view = await self.box.call("GET", "/api/v1/technician/devices")
        assert status == 200, view
        return view


@asynccontextmanager
async def counter(folder: Path) -> AsyncIterator[Counter]:
    broker = MemoryBroker()
    topics = HostTopics(STORE, "box")
    log = open_log("devices", StringIO())
    machine = folder / "machine"
    async with (
        selling_box(folder, broker=broker, devices=()) as box,
        Supervisor(CLOCK, log) as tasks,
    ):
        bus = broker.connect("box", LastWill(topics.availability, OFFLINE))
        journal = JobJournal(DatabaseFile(folder / "devices.db", MIGRATIONS), CLOCK)
        around = Surroundings(
            bus=bus, journal=journal, clock=CLOCK, ids=SystemIds(CLOCK), log=log, tasks=tasks
        )
        host = DeviceHost(topics, "0.1.0", around, FolderFinder(machine))
        await host.open()
        for name, work in (("host", host.run), ("bus", bus.run)):
            tasks.start(name, work)
        status, _ = await box.call(
            "POST", "/api/v1/technician/session", {"cashier": "tech", "pin": PIN}
        )
        assert status == 200
        made = Counter(box, host, machine)
        async with asyncio.timeout(10):
            while not any(each["drivers"] for each in (await made.wall())["hosts"]):
                await asyncio.sleep(0.005)
        try:
            yield made
        finally:
            await host.close()


@dataclass
class ScannerOnCable:
    """A scanner on a terminal line; each time it is plugged in it is another node."""

    link: Path
    ends: list[int] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"serial://{self.link}"

    def plug_in(self) -> None:
        master, slave = pty.openpty()
        tty.setraw(slave)
        self.ends = [master, slave]
        self.link.parent.mkdir(parents=True, exist_ok=True)
        self.link.symlink_to(os.ttyname(slave))

    def pull(self) -> None:
        self.link.unlink(missing_ok=True)
        for end in self.ends:
            os.close(end)
        self.ends = []

    def scan(self, code: str) -> None:
        os.write(self.ends[0], f"{code}\r".encode())


@dataclass
class PrinterOnCable:
    """A simulated printer on a port of its own, which is closed while it is unplugged."""

    printer: PrinterPeer
    port: int = 0
    server: asyncio.Server | None = None

    async def plug_in(self) -> None:
        self.server = await asyncio.start_server(self._attend, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def pull(self) -> None:
        if self.server is not None:
            self.server.close()
            self.printer.hang_up()
            self.server = None

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.printer.attend(AsyncioStream(reader, writer, CLOCK, "host"))


def printer_on_cable() -> PrinterOnCable:
    ports = SimulatorPorts(CLOCK, open_log("printer", StringIO()))
    made = SIMULATOR.build(SimulatedPrinterSettings(), ports)
    assert isinstance(made, SimulatedPrinter)
    return PrinterOnCable(made)


async def test_a_scanner_is_found_adopted_pulled_and_back_on_another_node(tmp_path: Path) -> None:
    scanner = ScannerOnCable(tmp_path / "machine/dev/serial/by-id" / NAME)
    async with counter(tmp_path) as on:
        scanner.plug_in()
        try:
            await on.host.look()
            async with asyncio.timeout(10):
                while not (found := (await on.wall())["hosts"][0]["found"]):
                    await asyncio.sleep(0.005)
            assert found[0]["address"] == f"serial:///dev/serial/by-id/{NAME}"
            device = await on.adopt("scanner_serial", "till-2", ["scanner"], scanner.address)
            await until(lambda: on.serves("till-2", "scanner"), what="it serves its till")
            await scans(on, scanner, device, "9521234567892")
            for code in ("9520000000011", "9520000000028"):
                scanner.pull()
                await until(lambda: on.state(device) == "lost", what="it is lost", seconds=20)
                assert not on.serves("till-2", "scanner")
                scanner.plug_in()
                await until(lambda: on.serves("till-2", "scanner"), what="back", seconds=20)
                await scans(on, scanner, device, code)
        finally:
            scanner.pull()


async def scans(on: Counter, scanner: ScannerOnCable, device: str, code: str) -> None:
    """Scan until the wall shows it: what is read before the driver listens is nobody's."""
    async with asyncio.timeout(10):
        while True:
            scanner.scan(code)
            await asyncio.sleep(0.05)
            card = next(each for each in (await on.wall())["devices"] if each["id"] == device)
            if card["last_scan"] == code:
                return


@pytest.mark.parametrize("state", ["connecting", "ready", "attention", "lost"])
async def test_a_printer_that_is_unplugged_in_any_state_has_its_role_again(
    tmp_path: Path, state: str
) -> None:
    cable = printer_on_cable()
    await cable.plug_in()
    async with counter(tmp_path) as on:
        try:
            if state == "connecting":
                await cable.pull()  # never there: it is adopted before it is plugged in
            device = await on.adopt(
                "printer_escpos", "till-2", ["printer", "drawer"], f"tcp://127.0.0.1:{cable.port}"
            )
            if state != "connecting":
                await until(lambda: on.serves("till-2", "printer"), what="it serves its till")
            if state == "attention":
                cable.printer.cover_open = True
            if state == "lost":
                await cable.pull()
            await until(lambda: on.state(device) == state, what=f"it is {state}", seconds=20)
            await cable.pull()
            await until(lambda: on.state(device) == "lost", what="it is lost", seconds=20)
            assert not on.serves("till-2", "printer")
            cable.printer.cover_open = False
            await cable.plug_in()
            await until(lambda: on.serves("till-2", "printer"), what="it is back", seconds=30)
            assert on.serves("till-2", "drawer")
            status, body = await on.test(device, "test_page")
            assert (status, body["outcome"]) == (200, "done")
            assert "TEST PAGE" in str(cable.printer.receipts())
        finally:
            await cable.pull()
