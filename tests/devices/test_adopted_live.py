"""Each class of device, adopted while box and host run: it is of use at once, nothing is restarted.

A box with its device wall, a real host on its bus, real drivers, simulated hardware on sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from devices import driver_catalogue
from devices.driver import SimulatorPorts
from devices.host.device_host import DeviceHost
from devices.host.running_device import Surroundings
from devices.job_journal import MIGRATIONS, JobJournal
from devices.transports.asyncio_stream import AsyncioStream
from edge.contract.device_states import OFFLINE
from edge.contract.device_topics import HostTopics
from edge.runtime.bus import LastWill
from edge.runtime.database_file import DatabaseFile
from edge.runtime.ids import SystemIds
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from tests.devices.test_hotplug import CLOCK, Counter, counter
from tests.flows.box import MILK
from tests.flows.fake_host import STORE, until, until_view
from tests.flows.test_selling import event_types

APPLES = "4011"


@dataclass
class Hardware:
    """A simulated device behind a port; `does` is the simulator."""

    does: Any
    port: int

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def shown(self) -> tuple[str, str]:
        """What stands on a display, without the room between."""
        upper, lower = (" ".join(row.split()) for row in self.does.text)
        return upper, lower


@asynccontextmanager
async def hardware(driver: str, **settings: Any) -> AsyncIterator[Hardware]:
    spec = driver_catalogue.simulator(driver)
    log = open_log("counter", StringIO())
    does = spec.build(spec.settings(**settings), SimulatorPorts(CLOCK, log))
    writers: list[asyncio.StreamWriter] = []

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await does.attend(AsyncioStream(reader, writer, CLOCK, "host"))

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    try:
        yield Hardware(does, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


async def adopt(on: Counter, driver: str, there: Hardware, role: str) -> str:
    # one with a power supply of its own need not be waited for until it is charged
    own = {"own_power": True} if driver == "drawer_serial" else {}
    device = await on.adopt(driver, "till-1", [role], there.address, **own)
    await until(lambda: on.serves("till-1", role), what=f"the {role} is served")
    return device


async def sell_for_cash(on: Counter) -> None:
    status, view = await on.box.command("add_item", code=MILK)
    assert status == 200, view
    status, view = await on.box.command("take_cash", amount_minor=200)
    assert (status, view["state"]) == (200, "done")


# --- one of each class --------------------------------------------------------------------


async def use_printer(on: Counter, there: Hardware) -> None:
    await sell_for_cash(on)
    await until(lambda: "Whole milk" in str(there.does.receipts()), what="the receipt")
    await until(lambda: "receipt_printed" in event_types(on.box), what="it is on record")


async def use_drawer(on: Counter, there: Hardware) -> None:
    await sell_for_cash(on)
    await until(lambda: len(there.does.openings) == 1, what="it springs open")


async def use_display(on: Counter, there: Hardware) -> None:
    await until(lambda: there.shown == ("Harbour Street", "Welcome"), what="the greeting")
    await sell_for_cash(on)
    await until(lambda: there.shown == ("TOTAL 1.29", "Change 0.71"), what="the change")


async def use_scanner(on: Counter, there: Hardware) -> None:
    await there.does.scan(MILK)
    await until_view(on.box.view, lambda view: len(view["lines"]) == 1, what="the scanned line")


async def use_scale(on: Counter, there: Hardware) -> None:
    there.does.put(742)
    status, view = await on.box.command("weigh_item", code=APPLES)
    assert status == 200, view
    view = await until_view(on.box.view, lambda view: bool(view["lines"]), what="the line")
    assert view["lines"][0]["quantity"] == 742


async def use_terminal(on: Counter, there: Hardware) -> None:
    there.does.next_script = "approve"
    await on.box.command("add_item", code=MILK)
    status, view = await on.box.command("pay_by_card", amount_minor=129)
    assert status == 200, view
    await until_view(on.box.view, lambda view: view["state"] == "done", what="it is paid")
    assert [each["amount_minor"] for each in there.does.booked()] == [129]
    path = "/api/v1/technician/devices/terminal-1/end-of-day"
    status, day = await on.box.call("POST", path, {"command_id": "day-000001"})
    assert (status, day["outcome"], day["difference_minor"]) == (200, "closed", 0)


Use = Callable[[Counter, Hardware], Any]


@pytest.mark.parametrize(
    ("driver", "settings", "role", "use"),
    [
        ("printer_escpos", {}, "printer", use_printer),
        ("drawer_serial", {"power_supply": True}, "drawer", use_drawer),
        ("display_cd5220", {}, "display", use_display),
        ("display_escpos", {}, "display", use_display),
        ("scanner_serial", {}, "scanner", use_scanner),
        ("scale_cas", {}, "scale", use_scale),
        ("scale_dialog06", {}, "scale", use_scale),
        ("terminal_zvt", {"customer_ms": 1, "network_ms": 1}, "terminal", use_terminal),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
async def test_what_is_adopted_is_of_use_at_once(
    tmp_path: Path, driver: str, settings: dict[str, Any], role: str, use: Use
) -> None:
    async with hardware(driver, **settings) as there, counter(tmp_path) as on:
        await adopt(on, driver, there, role)
        await use(on, there)


# --- the one that was bound at the start ---------------------------------------------------


async def test_a_display_moves_with_its_till_and_another_takes_its_place(tmp_path: Path) -> None:
    async with (
        hardware("display_cd5220") as first,
        hardware("display_escpos") as second,
        counter(tmp_path) as on,
    ):
        device = await adopt(on, "display_cd5220", first, "display")
        await on.box.command("add_item", code=MILK)
        await until(lambda: first.shown == ("Whole milk 1 l 1.29", "TOTAL 1.29"), what="the sale")
        await on.wish(f"/{device}/binding", till="till-2", roles=["display"], name="")
        await until(lambda: first.shown == ("Harbour Street", "Till closed"), what="the other till")
        other = await adopt(on, "display_escpos", second, "display")
        await until(lambda: second.shown == ("Whole milk 1 l 1.29", "TOTAL 1.29"), what="in place")
        await on.box.command("add_item", code=MILK)
        await until(
            lambda: second.shown == ("Whole milk 1 l 1.29", "TOTAL 2.58"), what="it follows"
        )
        assert first.shown == ("Harbour Street", "Till closed")
        await on.wish(f"/{other}/release", reason="It fell.")
        await on.wish(f"/{device}/binding", till="till-1", roles=["display"], name="")
        await until(lambda: first.shown == ("Whole milk 1 l 1.29", "TOTAL 2.58"), what="it is back")
        screens = on.box.edge.selling.tills["till-1"].screens
        assert len([each for each in screens if hasattr(each, "bound")]) == 1
        assert on.box.edge.selling.tills["till-2"].screens == set()
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert sorted(name for name in names if name.startswith("lines")) == [
            f"lines of {device}",
        ], "those of the others have ended"


async def test_a_display_that_is_replaced_by_another_make_shows_the_sale(tmp_path: Path) -> None:
    async with (
        hardware("display_cd5220") as first,
        hardware("display_escpos") as second,
        counter(tmp_path) as on,
    ):
        device = await adopt(on, "display_cd5220", first, "display")
        await on.box.command("add_item", code=MILK)
        await until(lambda: first.shown == ("Whole milk 1 l 1.29", "TOTAL 1.29"), what="the sale")
        await on.wish(
            f"/{device}/replacement",
            host="box",
            driver="display_escpos",
            settings={"address": second.address},
        )
        await until(lambda: second.shown == ("Whole milk 1 l 1.29", "TOTAL 1.29"), what="in place")


# --- what a device owes when it goes -------------------------------------------------------


@asynccontextmanager
async def second_host(on: Counter, folder: Path) -> AsyncIterator[DeviceHost]:
    """Run another machine of the same shop, once the wall knows it."""
    topics, log = HostTopics(STORE, "attic"), open_log("devices", StringIO())
    async with Supervisor(CLOCK, log) as tasks:
        bus = on.box.broker.connect("attic", LastWill(topics.availability, OFFLINE))
        journal = JobJournal(DatabaseFile(folder / "attic.db", MIGRATIONS), CLOCK)
        around = Surroundings(
            bus=bus, journal=journal, clock=CLOCK, ids=SystemIds(CLOCK), log=log, tasks=tasks
        )
        host = DeviceHost(topics, "0.1.0", around, None)
        await host.open()
        for name, work in (("host", host.run), ("bus", bus.run)):
            tasks.start(name, work)
        try:
            offers = on.box.edge.dispatch.directory
            await until(lambda: offers.host_online("attic"), what="it is heard")
            yield host
        finally:
            await host.close()


async def a_receipt_that_waits(on: Counter, there: Hardware) -> str:
    """Adopt a printer without paper, sell, and return the printer."""
    device = await adopt(on, "printer_escpos", there, "printer")
    there.does.cover_open = True
    await until(lambda: on.state(device) == "attention", what="its cover is open")
    await sell_for_cash(on)
    await until_view(on.box.view, lambda view: view["receipt"]["words"] != "", what="it waits")
    return device


async def test_a_waiting_receipt_comes_from_the_printer_that_another_machine_has_now(
    tmp_path: Path,
) -> None:
    async with (
        hardware("printer_escpos") as first,
        hardware("printer_escpos") as second,
        counter(tmp_path) as on,
        second_host(on, tmp_path),
    ):
        device = await a_receipt_that_waits(on, first)
        await on.wish(
            f"/{device}/replacement",
            host="attic",
            driver="printer_escpos",
            settings={"address": second.address},
        )
        await until(lambda: bool(second.does.receipts()), what="it comes")
        (paper,) = second.does.receipts()
        assert "Whole milk" in str(paper)
        assert "COPY" not in str(paper), "the first never began it"
        await until_view(
            on.box.view, lambda view: view["receipt"]["state"] == "printed", what="it is known"
        )
        assert first.does.receipts() == []


async def test_a_receipt_of_a_printer_that_is_given_up_does_not_wait_for_it(tmp_path: Path) -> None:
    async with hardware("printer_escpos") as there, counter(tmp_path) as on:
        device = await a_receipt_that_waits(on, there)
        await on.wish(f"/{device}/release", reason="It fell.")
        view = await until_view(
            on.box.view, lambda view: view["receipt"]["state"] == "failed", what="it is known"
        )
        assert "Assign the device again" in view["receipt"]["words"]
        assert on.box.edge.dispatch.open_jobs() == []
