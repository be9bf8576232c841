"""What keeps a Star printer from printing is told in words, and ends; drawers open once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from devices.driver import DeviceJob
from devices.drivers.printer_star import PrinterStar, PrinterStarSettings
from devices.simulators.printer_escpos import Paper
from devices.simulators.printer_escpos.peer import PrinterPeer
from devices.transports.memory_pipe import MemoryCable, PipeVariant
from edge.contract.device_messages import (
    DrawerOutcome,
    JobKind,
    JobStatus,
    KickDrawerArgs,
    PrintOutcome,
    PrintReceiptArgs,
)
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceNeedsPerson
from edge.contract.receipt_document import ReceiptDocument
from tests.devices.driver_ports import KeptPorts
from tests.devices.printer_bench import LONG
from tests.devices.star_bench import bench
from tests.devices.virtual_clock import VirtualClock

TROUBLES: list[tuple[Callable[[PrinterPeer], None], str]] = [
    (lambda printer: setattr(printer, "paper", "out"), "has no paper"),
    (lambda printer: setattr(printer, "cover_open", True), "cover of the receipt printer is open"),
    (lambda printer: printer.set_trouble(cutter_jammed=True), "cutter"),
    (lambda printer: printer.set_trouble(broken=True), "reports a fault"),
    (lambda printer: printer.set_trouble(hot=True), "cooling down"),
    (lambda printer: printer.set_trouble(switched_offline=True), "is offline"),
]


def mend(printer: PrinterPeer) -> None:
    printer.paper = Paper.OK
    printer.cover_open = False
    printer.set_trouble()


@pytest.mark.parametrize("answers", ["all", "no_count", "asked"])
@pytest.mark.parametrize(("happens", "words"), TROUBLES, ids=[words for _, words in TROUBLES])
async def test_trouble_is_told_in_words_and_ends(
    happens: Callable[[PrinterPeer], None], words: str, answers: str
) -> None:
    async with bench(printer={"answers": answers}) as shop:
        await shop.in_state(DriverState.READY)
        happens(shop.printer)
        await shop.in_state(DriverState.ATTENTION)
        assert words in shop.ports.state["health"]
        assert shop.ports.state["advice"]
        with pytest.raises(DeviceNeedsPerson, match=words):
            await shop.print()
        assert shop.printer.receipts() == []
        mend(shop.printer)
        await shop.in_state(DriverState.READY)
        assert shop.ports.state["health"] == ""
        assert (await shop.print()).status is JobStatus.DONE
        assert len(shop.printer.receipts()) == 1


@pytest.mark.parametrize(("happens", "words"), TROUBLES, ids=[words for _, words in TROUBLES])
async def test_trouble_before_the_connection(
    happens: Callable[[PrinterPeer], None], words: str
) -> None:
    async with bench() as shop:
        happens(shop.printer)
        await shop.in_state(DriverState.ATTENTION)
        assert words in shop.ports.state["health"]
        mend(shop.printer)
        await shop.in_state(DriverState.READY)
        assert (await shop.print()).result == PrintOutcome("confirmed")


async def test_paper_near_its_end_is_told_and_stops_nothing() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.paper = Paper.NEAR_END
        await shop.until(lambda: shop.ports.state["paper"] == "near_end")
        assert shop.driver.state is DriverState.READY
        assert shop.ports.state["health"] == "The paper roll is nearly used up."
        assert (await shop.print()).result == PrintOutcome("confirmed")


@pytest.mark.parametrize("evidence", ["marks", "document"])
async def test_paper_that_ends_inside_a_receipt_leaves_it_unknown(evidence: str) -> None:
    async with bench(evidence=evidence) as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.paper_lasts(5)
        result = await shop.print()
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "no_paper"
        assert "copy" in result.error.advice
        assert shop.driver.state is DriverState.ATTENTION
        # the rest comes out with the new roll, and its late mark confirms nothing else
        shop.printer.paper = Paper.OK
        await shop.in_state(DriverState.READY)
        assert (await shop.print()).result == PrintOutcome("confirmed")
        assert len(shop.printer.receipts()) == 2


@pytest.mark.parametrize("variant", [None, PipeVariant("slow", bytes_per_s=960)])
async def test_paper_that_ends_while_a_long_receipt_is_being_written(
    variant: PipeVariant | None,
) -> None:
    async with bench(variant) as shop:
        await shop.in_state(DriverState.READY)
        await shop.clock.sleep(5)
        shop.printer.paper_lasts(5)
        result = await shop.print(LONG)
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "no_paper"
        await shop.in_state(DriverState.ATTENTION)
        shop.printer.paper = Paper.OK
        await shop.in_state(DriverState.READY)
        assert (await shop.print()).result == PrintOutcome("confirmed")
        scrap, whole = shop.printer.receipts()
        assert "line 0 " in scrap
        assert "line 599" not in scrap
        assert whole.strip().startswith("Corner Shop")


# --- drawers ------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["low", "high"])
@pytest.mark.parametrize(("drawer", "widths"), [(1, (150, 300)), (2, (200, 200))])
async def test_a_drawer_is_seen_to_open(level: str, drawer: int, widths: tuple[int, int]) -> None:
    async with bench(
        printer={"drawer_open_level": level, "drawer": drawer},
        drawer_open_level=level,
        drawer=drawer,
        drawer_on_ms=150,
        drawer_off_ms=300,
    ) as shop:
        await shop.in_state(DriverState.READY)
        assert shop.ports.state["drawer"] == "closed"
        result = await shop.kick()
        assert (result.status, result.result) == (JobStatus.DONE, DrawerOutcome("opened"))
        (pulse,) = shop.printer.pulses
        assert (pulse.pin, pulse.on_ms, pulse.off_ms, pulse.now) == (drawer, *widths, False)
        await shop.until(lambda: shop.ports.state["drawer"] == "open")
        shop.printer.close_drawer()
        await shop.until(lambda: shop.ports.state["drawer"] == "closed")


@pytest.mark.parametrize("level", ["low", "high"])
@pytest.mark.parametrize("answers", ["all", "asked"])
async def test_the_level_of_an_open_drawer_is_learnt(level: str, answers: str) -> None:
    async with bench(printer={"drawer_open_level": level, "answers": answers}) as shop:
        await shop.in_state(DriverState.READY)
        assert shop.ports.state["drawer"] == ""
        assert (await shop.kick()).result == DrawerOutcome("opened")
        await shop.until(lambda: shop.ports.state["drawer"] == "open")
        shop.printer.close_drawer()
        await shop.until(lambda: shop.ports.state["drawer"] == "closed")


@pytest.mark.parametrize("second_at_once", [False, True])
async def test_the_second_drawer_gets_one_pulse_on_every_model(*, second_at_once: bool) -> None:
    async with bench(printer={"drawer": 2, "second_at_once": second_at_once}, drawer=2) as shop:
        await shop.in_state(DriverState.READY)
        assert (await shop.kick()).result == DrawerOutcome("opened")
        assert [pulse.pin for pulse in shop.printer.pulses] == [2]


@pytest.mark.parametrize(("level", "told"), [("high", "open_failed"), ("", "pulsed")])
async def test_a_locked_drawer_is_told_where_its_level_is_known(level: str, told: str) -> None:
    async with bench(drawer_open_level=level) as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.drawer_locked = True
        result = await shop.kick()
        assert told == (result.error.code if result.error else result.result.outcome)
        assert len(shop.printer.pulses) == 1
        assert not shop.printer.drawer_open


@pytest.mark.parametrize("answers", ["all", "asked"])
async def test_a_drawer_opens_without_paper_and_not_a_second_time_later(answers: str) -> None:
    async with bench(drawer_open_level="high", printer={"answers": answers}) as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.paper = Paper.OUT
        await shop.in_state(DriverState.ATTENTION)
        result = await shop.kick()
        assert (result.status, result.result) == (JobStatus.DONE, DrawerOutcome("opened"))
        await shop.until(lambda: shop.ports.state["drawer"] == "open")
        shop.printer.close_drawer()
        shop.printer.paper = Paper.OK
        await shop.in_state(DriverState.READY)
        await shop.print()
        assert [pulse.now for pulse in shop.printer.pulses] == [True]


async def test_the_second_drawer_is_not_opened_later_when_nobody_expects_it() -> None:
    async with bench(printer={"drawer": 2}, drawer=2) as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.paper = Paper.OUT
        await shop.in_state(DriverState.ATTENTION)
        with pytest.raises(DeviceNeedsPerson, match="second drawer"):
            await shop.kick()
        shop.printer.paper = Paper.OK
        await shop.in_state(DriverState.READY)
        await shop.print()
        assert shop.printer.pulses == []


async def test_a_drawer_whose_printer_was_lost_with_the_pulse_is_in_doubt() -> None:
    async with bench(drawer_open_level="high") as shop:
        await shop.in_state(DriverState.READY)
        await shop.until(lambda: "firmware" in shop.ports.meta)
        shop.printer.drop_after(5)
        shop.printer.drawer_locked = True
        result = await shop.kick()
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "connection_lost"
        await shop.until(lambda: shop.printer.connections == 2)
        await shop.print()
        assert len(shop.printer.pulses) == 1


class Greeted:
    """A printer that reads what it is greeted with and then takes nothing more."""

    async def attend(self, cable: MemoryCable) -> None:
        while True:
            stream = await cable.accept()
            heard = b""
            while not heard.endswith(b"\x1b\x1ea\x01\x17"):
                heard += await stream.read(4_096)


async def test_a_pulse_that_could_not_be_written_is_unknown() -> None:
    clock = VirtualClock()
    cable = MemoryCable()
    ports = KeptPorts(cable.connect, clock)
    settings = PrinterStarSettings(address="tcp://192.0.2.8:9100", evidence="none")
    driver = PrinterStar(settings, ports)
    async with clock.running():
        tasks = [
            asyncio.create_task(Greeted().attend(cable)),
            asyncio.create_task(driver.run()),
        ]
        while driver.state is not DriverState.READY:
            await clock.sleep(0.1)
        await clock.sleep(1)
        much = PrintReceiptArgs(ReceiptDocument("x", LONG.blocks[:100]))
        first = await driver.perform(DeviceJob("job-00000001", JobKind.PRINT_RECEIPT, much, 0))
        assert first.status is JobStatus.DONE
        kick = DeviceJob("job-00000002", JobKind.KICK_DRAWER, KickDrawerArgs(), 0)
        result = await driver.perform(kick)
        while result.status is JobStatus.DONE:  # the line fills up
            assert ports.counts["DrawerPulseCount"] < 2_000
            result = await driver.perform(kick)
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "printer_takes_nothing"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
