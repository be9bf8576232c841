"""What keeps a receipt printer from printing is told in words, and ends; so does its paper."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devices.simulators.printer_escpos import SimulatedPrinter
from edge.contract.device_messages import JobStatus, PrintOutcome
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceNeedsPerson
from tests.devices.printer_bench import LONG, bench

TROUBLES: list[tuple[Callable[[SimulatedPrinter], None], str]] = [
    (lambda printer: setattr(printer, "paper", "out"), "has no paper"),
    (lambda printer: setattr(printer, "cover_open", True), "cover of the receipt printer is open"),
    (lambda printer: printer.set_trouble(cutter_jammed=True), "cutter"),
    (lambda printer: printer.set_trouble(broken=True), "reports a fault"),
    (lambda printer: printer.set_trouble(hot=True), "cooling down"),
    (lambda printer: printer.set_trouble(switched_offline=True), "is offline"),
]


def mend(printer: SimulatedPrinter) -> None:
    printer.paper = "ok"
    printer.cover_open = False
    printer.set_trouble()


@pytest.mark.parametrize("answers", ["all", "real_time"])
@pytest.mark.parametrize(("happens", "words"), TROUBLES, ids=[words for _, words in TROUBLES])
async def test_trouble_is_told_in_words_and_ends(
    happens: Callable[[SimulatedPrinter], None], words: str, answers: str
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
    happens: Callable[[SimulatedPrinter], None], words: str
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
        shop.printer.paper = "near_end"
        await shop.until(lambda: shop.ports.state["paper"] == "near_end")
        assert shop.driver.state is DriverState.READY
        assert shop.ports.state["health"] == "The paper roll is nearly used up."
        assert (await shop.print()).result == PrintOutcome("confirmed")


@pytest.mark.parametrize("evidence", ["process_id", "status"])
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
        # the rest comes out with the new roll, and its late answer confirms nothing else
        shop.printer.paper = "ok"
        await shop.in_state(DriverState.READY)
        assert (await shop.print()).result == PrintOutcome("confirmed")
        assert len(shop.printer.receipts()) == 2


async def test_nothing_is_cut_off_before_a_receipt_where_nothing_hangs_out() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        taken = []
        for _ in range(2):
            await shop.until(lambda: "firmware" in shop.ports.meta)
            before = shop.printer.received_bytes
            assert (await shop.print()).result == PrintOutcome("confirmed")
            taken.append(shop.printer.received_bytes - before)
        assert taken[1] == taken[0]


async def test_paper_that_ends_while_a_long_receipt_is_being_written() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.paper_lasts(5)
        result = await shop.print(LONG)
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "no_paper"
        await shop.in_state(DriverState.ATTENTION)
        shop.printer.paper = "ok"
        await shop.in_state(DriverState.READY)
        assert (await shop.print()).result == PrintOutcome("confirmed")
        scrap, whole = shop.printer.receipts()
        assert "line 0 " in scrap
        assert "line 599" not in scrap
        assert whole.strip().startswith("Corner Shop")
