"""A box, a device host with its real ZVT driver, and a simulated terminal: their sums agree.

The terminal's journal stays through restarts of box and host, as a terminal's own does.
"""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from devices.driver import SimulatorPorts
from devices.host.device_host import DeviceHost
from devices.host.running_device import Surroundings
from devices.job_journal import MIGRATIONS, JobJournal
from devices.recordings.recording_folder import RecordingFolder
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from devices.simulators.terminal_zvt.terminal import SimulatedTerminal
from devices.transports.asyncio_stream import AsyncioStream
from edge.contract.device_messages import JobKind
from edge.contract.device_states import OFFLINE
from edge.contract.device_topics import HostTopics
from edge.contract.limits import TERMINAL_DAY_AGE_MS_MAX
from edge.contract.terminal_day_events import TerminalDayAsked
from edge.contract.terminal_messages import EndOfDayArgs
from edge.contract.wire import encode
from edge.ledger.integrity import verify
from edge.ledger.records import OpenJob, Record
from edge.runtime.bus import LastWill
from edge.runtime.database_file import DatabaseFile
from edge.runtime.ids import SystemIds
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from edge.settings import DeviceSettings
from tests.flows.box import MILK, PIN, Box, selling_box
from tests.flows.fake_host import STORE, until, until_view
from tests.flows.test_promotions import events
from tests.flows.test_selling import event_types

SCRIPTS = ("approve", "approve", "decline", "cut_after_approval", "approve_after_cut",
           "cut_before_result")  # fmt: skip
TOPICS = HostTopics(STORE, "box")


@dataclass
class Counter:
    """A terminal on TCP that outlives boxes."""

    folder: Path
    terminal: SimulatedTerminal
    port: int = 0
    sold: list[str] = field(default_factory=list)

    @property
    def open_minor(self) -> int:
        """What the terminal itself holds: counted from its bookings, not by its totals."""
        signs = {"payment": 1, "refund": -1}
        handed_in = max((batch["last"] for batch in self.terminal.closed()), default=0)
        return sum(
            each["amount_minor"] * signs.get(each["kind"], 0)
            for each in self.terminal.booked()
            if each["state"] == "booked" and int(each["receipt"]) > handed_in
        )


@asynccontextmanager
async def counter(folder: Path) -> AsyncIterator[Counter]:
    clock = SystemClock()
    settings = SimulatedTerminalSettings(customer_ms=1, network_ms=1)
    ports = SimulatorPorts(clock, open_log("counter", io.StringIO()))
    made = Counter(folder, SimulatedTerminal(settings, ports))

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.terminal.attend(AsyncioStream(reader, writer, clock, "till"))

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


@asynccontextmanager
async def shop(at: Counter) -> AsyncIterator[Box]:
    """Run a box and a host on what the last run left, with a technician signed in."""
    broker, clock = MemoryBroker(), SystemClock()
    settings = {"address": f"tcp://127.0.0.1:{at.port}", "answer_ms_max": 1_000}
    device = DeviceSettings("terminal-1", "box", "terminal_zvt", ("terminal",), "till-1", settings)
    log = open_log("devices", io.StringIO())
    bus = broker.connect("box", LastWill(TOPICS.availability, OFFLINE))
    async with (
        selling_box(at.folder, broker=broker, devices=(device,)) as box,
        Supervisor(clock, log) as tasks,
    ):
        journal = JobJournal(DatabaseFile(at.folder / "devices.db", MIGRATIONS), clock)
        recordings = RecordingFolder(at.folder / "recordings")
        around = Surroundings(
            bus=bus, journal=journal, clock=clock, ids=SystemIds(clock), log=log, tasks=tasks,
            recordings=recordings, version="0.0.0",
        )  # fmt: skip
        host = DeviceHost(TOPICS, "0.0.0", around, None)
        await host.open()
        tasks.start("host", host.run)
        tasks.start("bus", bus.run)
        try:
            wish = {"cashier": "tech", "pin": PIN}
            status, body = await box.call("POST", "/api/v1/technician/session", wish)
            assert status == 200, body
            await until_view(
                lambda: card(box),
                lambda seen: seen["ends_day"] and seen["state"] == "ready",
                what="the terminal is ready",
            )
            yield box
        finally:
            await host.close()


async def card(box: Box) -> Any:
    _, wall = await box.call("GET", "/api/v1/technician/devices")
    return wall["devices"][0]


async def end(box: Box, job: str) -> Any:
    path = "/api/v1/technician/devices/terminal-1/end-of-day"
    status, day = await box.call("POST", path, {"command_id": job})
    assert status == 200, day
    return await until_view(
        lambda: day_of(box), lambda seen: not seen["state"], what="the day is ended"
    )


async def day_of(box: Box) -> Any:
    return (await card(box))["day"]


async def settled(box: Box) -> Any:
    return await until_view(
        box.view,
        lambda view: view["state"] not in {"paying", "in_doubt"},
        what="the terminal has said it",
    )


async def sell(box: Box, at: Counter, chance: random.Random) -> None:
    """Sell by card with whatever befalls the terminal; by cash in the end."""
    at.terminal.next_script = chance.choice(SCRIPTS)
    status, view = await box.command("add_item", code=MILK, quantity=1_000 * chance.randint(1, 9))
    assert status == 200, view
    status, view = await box.command("pay_by_card", amount_minor=view["due_minor"])
    assert status == 200, view
    view = await settled(box)
    if view["state"] != "done":
        _, view = await box.command("take_cash", amount_minor=view["due_minor"])
    elif view["tenders"][0]["kind"] == "card":
        at.sold.append(view["receipt_number"])
    await box.command("next_sale")


async def give_back(box: Box, at: Counter, chance: random.Random) -> None:
    """Take one carton of a card sale back: a refund, or a reversal where it was the last one."""
    at.terminal.next_script = chance.choice(("approve", "cut_after_approval", "cut_before_result"))
    receipt = at.sold.pop(chance.randrange(len(at.sold)))
    status, view = await box.command(
        "return_line", receipt=receipt, line_id="1", quantity=1_000, reason="sour"
    )
    assert status == 200, view
    while view["state"] != "done":  # what did not go back is wished again
        status, view = await box.command("refund_by_card", amount_minor=view["refund_due_minor"])
        assert status == 200, view
        view = await settled(box)
    await box.command("next_sale")


async def reverse_the_last(box: Box, at: Counter) -> None:
    """Sell one carton and take it back at once: as if it had not been paid."""
    at.terminal.next_script = "approve"
    await box.command("add_item", code=MILK)
    await box.command("pay_by_card", amount_minor=129)
    receipt = (await settled(box))["receipt_number"]
    await box.command("next_sale")
    await box.command(
        "return_line", receipt=receipt, line_id="1", quantity=1_000, reason="not wanted"
    )
    await box.command("refund_by_card", amount_minor=129)
    assert (await settled(box))["state"] == "done"
    await box.command("next_sale")
    assert at.terminal.booked()[-1]["kind"] == "reversal"


@pytest.mark.parametrize("seed", [1, 2])
async def test_days_of_payments_refunds_and_cuts_agree_and_a_foreign_payment_is_told(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with counter(tmp_path) as at:
        for number in range(2):
            async with shop(at) as box:
                at.sold.clear()
                for _ in range(4):
                    await sell(box, at, chance)
                for _ in range(min(2, len(at.sold))):
                    await give_back(box, at, chance)
                await reverse_the_last(box, at)
                held = at.open_minor
                at.terminal.next_script = chance.choice(("approve", "cut_after_approval"))
                day = await end(box, f"day-{number:06d}")
                assert (day["outcome"], day["difference_minor"]) == ("closed", 0), day
                assert day["ledger_minor"] == held
        async with shop(at) as box:
            at.terminal.next_script = "approve"
            at.terminal._acquirer.book(777, 1, "4242")  # somebody paid at the terminal itself
            day = await end(box, "day-000009")
            assert (day["code"], day["difference_minor"], day["ledger_minor"]) == (
                "day_more", 777, 0,
            )  # fmt: skip
            assert len(at.terminal.closed()) == 3
        assert verify(tmp_path / "edge" / "ledger.db").whole


async def test_a_kill_at_each_step_ends_the_day_once(tmp_path: Path) -> None:
    chance = random.Random(7)
    async with counter(tmp_path) as at:
        async with shop(at) as box:
            at.terminal.next_script = "approve"
            await sell(box, at, random.Random(3))
            asked = TerminalDayAsked(terminal="terminal-1", job="day-killed-1")
            deadline = box.edge.selling.clock.now_ms() + TERMINAL_DAY_AGE_MS_MAX
            job = OpenJob(
                asked.job, JobKind.END_OF_DAY, "till-1", "", "terminal-1", 0, deadline,
                encode(EndOfDayArgs()),
            )  # fmt: skip
            # what is on disk when the process dies behind the commit, before anything was sent
            await box.edge.ledger.record(Record((asked,), "till-1", "tech", (job,)))
        held = at.open_minor
        async with shop(at) as box:
            await until(lambda: "terminal_day_ended" in event_types(box), what="it is known")
            day = await day_of(box)
            assert (day["outcome"], day["job"]) == ("not_closed", asked.job)
            assert at.terminal.closed() == []
            at.terminal.next_script = "cut_after_approval"
            ending = asyncio.create_task(end(box, "day-killed-2"))
            await until(lambda: bool(at.terminal.closed()), what="the terminal closed its day")
            ending.cancel()
        async with shop(at) as box:  # sent, and its answer not heard by this box
            await until(lambda: event_types(box).count("terminal_day_ended") == 2, what="known")
            day = await day_of(box)
            assert (day["outcome"], day["difference_minor"]) == ("closed", 0)
            assert (day["job"], day["ledger_minor"]) == ("day-killed-2", held)
        async with shop(at) as box:  # answered: a repeat asks for nothing
            assert await end(box, "day-killed-2") == day
            await sell(box, at, chance)
            assert len(at.terminal.closed()) == 1
        ends = [each["data"] for each in events(box) if each["type"] == "terminal_day_ended"]
        assert [each["outcome"] for each in ends] == ["not_closed", "closed"]
