"""A display that hangs on the receipt printer: its bytes stand between others, never in them."""

from __future__ import annotations

import asyncio

import pytest

from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import PipeVariant
from edge.contract.device_messages import (
    DisplayLine,
    JobKind,
    JobResult,
    JobStatus,
    PrintOutcome,
    ShowLinesArgs,
    ShowOutcome,
)
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceNeedsPerson
from tests.devices.printer_bench import LONG, Bench, bench

DARK = " " * 20
SELECT_DISPLAY, SELECT_PRINTER = b"\x1b=\x02", b"\x1b=\x01"


async def show(shop: Bench, *lines: tuple[str, str]) -> JobResult:
    args = ShowLinesArgs(tuple(DisplayLine(start, end) for start, end in lines))
    return await shop.do(JobKind.SHOW_LINES, args)


async def test_lines_pass_through_the_printer_and_nothing_is_printed() -> None:
    async with bench(pole_display=True) as shop:
        await shop.in_state(DriverState.READY)
        result = await show(shop, ("Crème fraîche", "1.29"), ("TOTAL", "1.29"))
        assert (result.status, result.result) == (JobStatus.DONE, ShowOutcome(0))
        await shop.until(lambda: shop.printer.pole[1] == "TOTAL           1.29")
        assert shop.printer.pole[0] == "Crème fraîche   1.29"
        assert (shop.printer.current(), shop.printer.receipts()) == ([], [])
        await show(shop, ("牛", ""))
        await shop.until(lambda: shop.printer.pole == ("?".ljust(20), DARK))
        assert shop.ports.counts["SubstitutedCharacterCount"] == 1


async def test_the_page_of_the_display_is_its_own() -> None:
    async with bench(pole_display=True, pole_page="cp852") as shop:
        await shop.in_state(DriverState.READY)
        await show(shop, ("Żółty ser", ""))
        await shop.until(lambda: shop.printer.pole[0] == "Żółty ser".ljust(20))


@pytest.mark.parametrize("chunk", [1, 7, 4_096])
async def test_receipts_polls_and_lines_never_cut_into_each_other(chunk: int) -> None:
    """Everything at once over minutes: each receipt whole, the display never told a printer's."""
    variant = PipeVariant("chunks", chunk_bytes=chunk)
    async with bench(variant, printer={"answers": "real_time"}, pole_display=True) as shop:
        await shop.in_state(DriverState.READY)

        async def printing() -> None:
            for _ in range(5):
                await shop.print()

        async def showing() -> None:
            for number in range(60):
                await show(shop, ("Number", str(number)), ("\x10\x04\x01\x1b=\x01", "\x1d\x56\x00"))
                await shop.clock.sleep(0.7)

        async def checking() -> None:
            for _ in range(30):
                await shop.check()
                await shop.clock.sleep(1.1)

        await asyncio.gather(printing(), showing(), checking())
        await shop.until(lambda: len(shop.printer.receipts()) == 5)
        assert len(set(shop.printer.receipts())) == 1
        assert shop.printer.pole[0] == "Number            59"
        assert (shop.printer.pole_unknown_commands, shop.printer.unknown_commands) == (0, 0)
        assert shop.driver.state is DriverState.READY


async def test_every_passage_is_one_piece_that_gives_the_printer_back() -> None:
    async with bench(pole_display=True) as shop:
        await shop.in_state(DriverState.READY)
        stream = await shop.driver.live_stream()
        written: list[bytes] = []
        write = stream.write

        async def keep(data: bytes) -> None:
            written.append(data)
            await write(data)

        stream.write = keep  # type: ignore[method-assign]  # listens in
        await show(shop, ("a", "b"))
        await shop.print()
        passages = [data for data in written if SELECT_DISPLAY in data]
        assert len(passages) == 1
        assert passages[0].startswith(SELECT_DISPLAY)
        assert passages[0].endswith(SELECT_PRINTER)
        receipt = next(data for data in written if b"Corner Shop" in data)
        assert receipt.startswith(SELECT_PRINTER)
        assert not any(SELECT_DISPLAY in data for data in written if b"Corner Shop" in data)


async def test_a_printer_without_a_display_is_never_told_of_one() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        result = await show(shop, ("a", "b"))
        assert result.status is JobStatus.FAILED
        assert result.error is not None
        assert (result.error.code, result.error.advice) == (
            "no_pole_display",
            "Set pole_display for this printer, or give the till another display.",
        )
        await shop.print()
        sent = b"".join(entry.data for entry in shop.ports.recorder.entries())
        assert b"\x1b=" not in sent


@pytest.mark.parametrize("answers", ["all", "real_time"])
async def test_an_offline_printer_is_not_filled_with_lines(answers: str) -> None:
    async with bench(printer={"answers": answers}, pole_display=True) as shop:
        await shop.in_state(DriverState.READY)
        await show(shop, ("before", ""))
        await shop.until(lambda: shop.printer.pole[0] == "before".ljust(20))
        shop.printer.paper = "out"
        await shop.in_state(DriverState.ATTENTION)
        with pytest.raises(DeviceNeedsPerson) as raised:
            await show(shop, ("meanwhile", ""))
        assert "passes nothing on" in raised.value.message
        assert raised.value.advice == "Put in a new roll and close the cover."
        shop.printer.paper = "ok"
        await shop.in_state(DriverState.READY)
        await shop.clock.sleep(1)
        assert shop.printer.pole[0] == "before".ljust(20), "nothing waited in the printer"
        await show(shop, ("after", ""))
        await shop.until(lambda: shop.printer.pole[0] == "after".ljust(20))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 15, 16, 17, 18, 19, 30, 40, 41, 42, 60, 61, 62, 63])
async def test_half_a_passage_costs_the_next_receipt_nothing(count: int) -> None:
    async with bench(pole_display=True) as shop:
        await shop.in_state(DriverState.READY)
        await shop.until(lambda: "firmware" in shop.ports.meta)
        shop.printer.drop_after(count)
        await show(shop, ("Whole milk 1 l", "1.29"), ("TOTAL", "1.29"))
        await shop.until(lambda: shop.printer.connections == 2)
        await shop.in_state(DriverState.READY)
        result = await shop.print()
        assert result.result == PrintOutcome("confirmed")
        await shop.until(lambda: len(shop.printer.receipts()) == 1)
        assert "Corner Shop" in shop.printer.receipts()[0]
        await show(shop, ("after", ""))
        await shop.until(lambda: shop.printer.pole == ("after".ljust(20), DARK))
        # at most the command that was cut: the greeting was for the printer
        assert shop.printer.pole_unknown_commands <= 1


async def test_a_lost_end_of_a_passage_costs_the_next_receipt_nothing_nor_the_drawer() -> None:
    """On a serial line a byte may be lost without anybody noticing."""
    async with bench(pole_display=True) as shop:
        await shop.in_state(DriverState.READY)
        await shop.until(lambda: "firmware" in shop.ports.meta)
        stream: ByteStream = await shop.driver.live_stream()
        write = stream.write

        async def lose(data: bytes) -> None:
            await write(data.removesuffix(SELECT_PRINTER))

        stream.write = lose  # type: ignore[method-assign]  # a noisy line
        await show(shop, ("a", "b"))
        await shop.kick()
        assert len(shop.printer.pulses) == 1
        await show(shop, ("a", "c"))
        stream.write = write  # type: ignore[method-assign]
        result = await shop.print()
        assert result.result == PrintOutcome("confirmed")
        await shop.until(lambda: len(shop.printer.receipts()) == 1)


async def test_lines_wait_behind_a_receipt_that_is_being_written() -> None:
    async with bench(PipeVariant("slow", bytes_per_s=9_600), pole_display=True) as shop:
        await shop.in_state(DriverState.READY)
        printing = asyncio.create_task(shop.print(LONG))
        await shop.clock.sleep(0.5)
        result = await show(shop, ("after", ""))
        assert result.status is JobStatus.DONE
        assert printing.done()
        await shop.until(lambda: shop.printer.pole[0] == "after".ljust(20))
        assert (await printing).result == PrintOutcome("confirmed")
