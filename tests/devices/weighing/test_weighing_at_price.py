"""A scale that weighs at a price, from the wish at the till to the line: a box, a host, the real
driver of Dialog 06, and its scale on a socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from devices.driver import SimulatorPorts
from devices.host.device_host import DeviceHost
from devices.host.running_device import Surroundings
from devices.job_journal import MIGRATIONS, JobJournal
from devices.simulators.scale_dialog06 import SIMULATOR, SimulatedDialog06
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
from edge.settings import DeviceSettings
from tests.flows.box import Box, selling_box
from tests.flows.fake_host import STORE, until_view

APPLES = "4011"
CLOCK = SystemClock()


@asynccontextmanager
async def scale_on_tcp() -> AsyncIterator[tuple[SimulatedDialog06, int]]:
    scale = SIMULATOR.build(SIMULATOR.settings(), SimulatorPorts(CLOCK, open_log("t", StringIO())))
    assert isinstance(scale, SimulatedDialog06)

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await scale.attend(AsyncioStream(reader, writer, CLOCK, "box"))

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    try:
        yield scale, server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def shop(
    folder: Path, *, takes_tare: bool = False
) -> AsyncIterator[tuple[Box, SimulatedDialog06]]:
    """Run a box whose only device is the scale, until the till knows how it weighs."""
    broker, log = MemoryBroker(), open_log("devices", StringIO())
    topics = HostTopics(STORE, "box")
    async with scale_on_tcp() as (scale, port):
        device = DeviceSettings(
            "scale-1",
            "box",
            "scale_dialog06",
            ("scale",),
            "till-1",
            {"address": f"tcp://127.0.0.1:{port}", "takes_tare": takes_tare},
        )
        async with (
            selling_box(folder, broker=broker, devices=(device,)) as box,
            Supervisor(CLOCK, log) as tasks,
        ):
            bus = broker.connect("box", LastWill(topics.availability, OFFLINE))
            journal = JobJournal(DatabaseFile(folder / "devices.db", MIGRATIONS), CLOCK)
            around = Surroundings(
                bus=bus, journal=journal, clock=CLOCK, ids=SystemIds(CLOCK), log=log, tasks=tasks
            )
            host = DeviceHost(topics, "0.1.0", around)
            await host.open()
            for name, work in (("host", host.run), ("bus", bus.run)):
                tasks.start(name, work)
            try:
                await until_view(box.view, _can_be_used, what="the till can weigh at a price")
                yield box, scale
            finally:
                await host.close()


def _can_be_used(view: Any) -> bool:
    (scale,) = view["devices"]
    return scale["well"] and scale.get("weighs_at_price") is True and scale["weight"] == ""


async def test_what_the_till_may_do_by_its_view_is_sold(tmp_path: Path) -> None:
    async with shop(tmp_path) as (box, scale):
        scale.put(742)
        status, view = await box.command("weigh_item", code=APPLES, tare_g=10, shown_g=0)
        assert (status, view["weighing"]) == (200, {"name": "Apples", "tare_g": 10})
        view = await until_view(box.view, lambda view: bool(view["lines"]), what="the line")
        (line,) = view["lines"]
        assert (line["quantity"], line["tare_g"], line["amount_minor"]) == (732, 10, 212)
        assert scale.shows_minor == 289, "the scale shows the price that is asked for"


async def test_a_scale_that_takes_the_tare_shows_what_the_customer_pays(tmp_path: Path) -> None:
    async with shop(tmp_path, takes_tare=True) as (box, scale):
        scale.put(742)
        status, view = await box.command("weigh_item", code=APPLES, tare_g=10, shown_g=0)
        assert status == 200, view
        view = await until_view(box.view, lambda view: bool(view["lines"]), what="the line")
        (line,) = view["lines"]
        assert (line["quantity"], line["tare_g"], line["amount_minor"]) == (732, 10, 212)
        assert scale.tare_g == 10
        scale.put(500)
        await box.command("weigh_item", code=APPLES)
        view = await until_view(box.view, lambda view: len(view["lines"]) == 2, what="the next")
        assert view["lines"][1]["quantity"] == 500, "of the tare before nothing is left"


async def test_a_tare_that_it_does_not_take_is_said_and_nothing_is_sold(tmp_path: Path) -> None:
    async with shop(tmp_path, takes_tare=True) as (box, scale):
        scale.put(15_000)
        await box.command("weigh_item", code=APPLES, tare_g=10_000)
        view = await until_view(
            box.view,
            lambda view: (
                view["weighing"] is None
                and (view["notice"] or {}).get("code") == "scale_refuses_tare"
            ),
            what="the words",
        )
        assert "type the weight" in view["notice"]["words"]
        assert (view["state"], view["lines"]) == ("idle", [])


async def test_what_it_refuses_is_said_and_the_customer_tries_again(tmp_path: Path) -> None:
    async with shop(tmp_path) as (box, scale):
        scale.put(742)
        await box.command("weigh_item", code=APPLES)
        await until_view(box.view, lambda view: len(view["lines"]) == 1, what="the line")
        await box.command("weigh_item", code=APPLES)
        view = await until_view(
            box.view,
            lambda view: (
                view["weighing"] is None and (view["notice"] or {}).get("code") == "scale_not_moved"
            ),
            what="the words",
        )
        assert "Take it off" in view["notice"]["words"]
        assert len(view["lines"]) == 1
        await until_view(box.view, _can_be_used, what="it is ready again")
        scale.put(0)
        scale.put(500)
        status, _ = await box.command("weigh_item", code=APPLES)
        assert status == 200
        view = await until_view(box.view, lambda view: len(view["lines"]) == 2, what="the next")
        assert [line["quantity"] for line in view["lines"]] == [742, 500]
