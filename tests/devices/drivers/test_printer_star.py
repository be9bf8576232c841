"""The Star driver against the simulated printer: receipts, evidence, the connection."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from devices.drivers.printer_star import DRIVER, PrinterStarSettings
from devices.transports.memory_pipe import PipeVariant
from edge.contract.device_messages import DrawerOutcome, JobStatus, PrintOutcome
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable, SettingsInvalid
from edge.contract.receipt_document import ReceiptDocument, RowBlock, TextBlock
from tests.devices.printer_bench import LONG
from tests.devices.star_bench import bench
from tests.devices.virtual_clock import VirtualClock

CONFIRMED = PrintOutcome("confirmed")


@pytest.mark.parametrize(
    "variant",
    [PipeVariant(), PipeVariant("one byte", chunk_bytes=1)],
    ids=lambda variant: variant.name,
)
@pytest.mark.parametrize("network_card", [False, True])
async def test_a_receipt_is_confirmed_by_its_mark(
    variant: PipeVariant, *, network_card: bool
) -> None:
    async with bench(variant, printer={"network_card": network_card}) as shop:
        await shop.in_state(DriverState.READY)
        result = await shop.print()
        assert (result.status, result.result) == (JobStatus.DONE, CONFIRMED)
        (text,) = shop.printer.receipts()
        assert "Article 10                                 10.00" in text
        assert "[QR] TILLBOX1|1" in text
        assert shop.printer.unknown_commands == 0
        assert shop.printer.pulses == []
        assert shop.ports.moves == ["connecting", "ready"]
        assert shop.ports.state["paper"] == "ok"
        assert shop.ports.state["cover"] == "closed"
        await shop.until(lambda: "firmware" in shop.ports.meta)
        assert shop.ports.meta["model"] == "TSP654"
        assert shop.ports.meta["firmware"] == "1.0"
        assert "GarbageByteCount" not in shop.ports.counts


@pytest.mark.parametrize(
    ("evidence", "answers", "outcome"),
    [
        ("marks", "all", "confirmed"),
        ("marks", "no_documents", "confirmed"),
        ("marks", "no_count", "confirmed"),
        ("marks", "asked", "confirmed"),
        ("marks", "none", "sent_unconfirmed"),
        ("document", "all", "confirmed"),
        ("document", "no_documents", "sent_unconfirmed"),
        ("document", "asked", "sent_unconfirmed"),
        ("document", "none", "sent_unconfirmed"),
        ("none", "all", "sent_unconfirmed"),
        ("none", "none", "sent_unconfirmed"),
    ],
)
async def test_what_counts_as_printed(evidence: str, answers: str, outcome: str) -> None:
    async with bench(printer={"answers": answers}, evidence=evidence) as shop:
        await shop.in_state(DriverState.READY)
        for _ in range(3):
            result = await shop.print()
            assert (result.status, result.result) == (JobStatus.DONE, PrintOutcome(outcome))
        await shop.until(lambda: len(shop.printer.receipts()) == 3)


async def test_forty_receipts_are_confirmed_though_the_count_comes_round() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        for _ in range(40):
            assert (await shop.print()).result == CONFIRMED
        assert len(shop.printer.receipts()) == 40


async def test_a_printer_without_evidence_is_waited_for_long_only_once() -> None:
    async with bench(printer={"answers": "none"}) as shop:
        await shop.in_state(DriverState.READY)
        took = []
        for _ in range(3):
            begun = shop.clock.monotonic_ms()
            await shop.print()
            took.append(shop.clock.monotonic_ms() - begun)
        assert took[0] >= 20_000
        assert max(took[1:]) < 3_000
        assert shop.ports.counts["UnconfirmedReceiptCount"] == 3


async def test_a_printer_that_is_only_asked_does_not_wait_for_the_next_round() -> None:
    async with bench(printer={"answers": "asked"}) as shop:
        await shop.in_state(DriverState.READY)
        await shop.print()
        begun = shop.clock.monotonic_ms()
        assert (await shop.print()).result == CONFIRMED
        assert shop.clock.monotonic_ms() - begun < 2_500


async def test_an_unknown_status_never_stops_a_receipt() -> None:
    async with bench(printer={"answers": "none"}) as shop:
        await shop.in_state(DriverState.READY)
        assert shop.ports.state["health"] == "The receipt printer does not report its state."
        assert shop.ports.state["paper"] == ""
        assert (await shop.print()).status is JobStatus.DONE
        assert (await shop.kick()).result == DrawerOutcome("pulsed")
        health = (await shop.check()).result
        assert health["health"] == "The receipt printer does not report its state."
        # it is asked no more, so it is never taken for gone
        await shop.clock.sleep(120)
        assert shop.driver.state is DriverState.READY
        assert shop.cable.connections == 1


@pytest.mark.parametrize("evidence", ["marks", "document"])
@pytest.mark.parametrize("dropped_after", [1, 40, 300, 500])
async def test_a_connection_lost_inside_a_receipt_leaves_it_unknown(
    dropped_after: int, evidence: str
) -> None:
    async with bench(evidence=evidence) as shop:
        await shop.in_state(DriverState.READY)
        await shop.until(lambda: "firmware" in shop.ports.meta)
        shop.printer.drop_after(dropped_after)
        result = await shop.print()
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert "copy" in result.error.advice
        await shop.until(lambda: shop.printer.connections == 2)
        await shop.until(lambda: shop.ports.state["state"] == "ready")
        assert "lost" not in shop.ports.moves  # a blip
        assert (await shop.print()).result == CONFIRMED
        assert shop.printer.receipts()[-1].strip().startswith("Corner Shop")


BEER = "\u9752\u5c9b\u5564\u9152"


async def test_a_picture_cut_in_half_does_not_swallow_the_next_receipt() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        await shop.until(lambda: "firmware" in shop.ports.meta)
        shop.printer.drop_after(500)  # inside the dots of the first band
        drawn = ReceiptDocument("x", tuple(RowBlock(BEER, f"{n}.00") for n in range(9)))
        assert (await shop.print(drawn)).status is JobStatus.UNKNOWN
        await shop.until(lambda: shop.printer.connections == 2)
        assert (await shop.print()).result == CONFIRMED
        assert "Article 10                                 10.00" in shop.printer.receipts()[-1]


async def test_power_cut_inside_a_receipt() -> None:
    async with bench(printer={"speed_mm_s": 50}) as shop:
        await shop.in_state(DriverState.READY)
        printing = asyncio.create_task(shop.print())
        await shop.until(lambda: len(shop.printer.current()) > 3)
        shop.printer.power_cycle()
        assert (await printing).status is JobStatus.UNKNOWN
        await shop.until(lambda: shop.printer.connections == 2)
        assert (await shop.print()).result == CONFIRMED


async def test_power_cut_that_the_cable_does_not_notice() -> None:
    async with bench(printer={"speed_mm_s": 50}) as shop:
        await shop.in_state(DriverState.READY)
        assert (await shop.print()).result == CONFIRMED
        printing = asyncio.create_task(shop.print())
        await shop.until(lambda: len(shop.printer.current()) > 3)
        shop.star._forget_buffer()  # a serial line stays as it is
        shop.star._reset()
        await asyncio.sleep(0)
        shop.star.tell_status()
        shop.star._stirred.set()
        result = await printing
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "printer_restarted"
        # it reports by itself again from the next receipt on
        assert (await shop.print()).result == CONFIRMED
        assert (await shop.print()).result == CONFIRMED


async def test_a_slow_printer_is_waited_for() -> None:
    async with bench(printer={"speed_mm_s": 20}) as shop:
        await shop.in_state(DriverState.READY)
        begun = shop.clock.monotonic_ms()
        assert (await shop.print()).result == CONFIRMED
        assert shop.clock.monotonic_ms() - begun > 2_000
        assert len(shop.printer.receipts()) == 1


async def test_a_printer_that_takes_nothing_leaves_the_receipt_unknown() -> None:
    async with bench(printer={"answers": "none", "speed_mm_s": 1}) as shop:
        await shop.in_state(DriverState.READY)
        result = await shop.print(LONG)
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "printer_takes_nothing"


async def test_a_job_that_is_cancelled_half_way_flushes_before_the_next() -> None:
    async with bench(printer={"speed_mm_s": 50}) as shop:
        await shop.in_state(DriverState.READY)
        printing = asyncio.create_task(shop.print(LONG))
        await shop.until(lambda: len(shop.printer.current()) > 3)
        printing.cancel()
        await asyncio.gather(printing, return_exceptions=True)
        assert (await shop.print()).result == CONFIRMED
        scrap, whole = shop.printer.receipts()
        assert "line 0 " in scrap
        assert "line 599" not in scrap
        assert whole.strip().startswith("Corner Shop")
        assert "Article 10                                 10.00" in whole


async def test_health_is_asked_of_the_printer() -> None:
    async with bench(drawer_open_level="high") as shop:
        await shop.in_state(DriverState.READY)
        assert (await shop.check()).result == {
            "state": "ready",
            "health": "",
            "advice": "",
            "paper": "ok",
            "cover": "closed",
            "drawer": "closed",
        }
        shop.printer.cover_open = True
        await shop.in_state(DriverState.ATTENTION)
        result = await shop.check()
        assert result.status is JobStatus.DONE
        assert result.result["cover"] == "open"
        assert "open" in result.result["health"]


async def test_cable_out_and_in_again() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        await shop.cable.unplug()
        await shop.in_state(DriverState.LOST)
        with pytest.raises(DeviceUnreachable):
            await shop.print()
        shop.cable.plug_in()
        await shop.in_state(DriverState.READY)
        assert (await shop.print()).result == CONFIRMED
        assert shop.ports.moves == ["connecting", "ready", "lost", "connecting", "ready"]


async def test_a_printer_that_falls_silent_is_connected_anew() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        await shop.until(lambda: "firmware" in shop.ports.meta)
        shop.star._settings = type(shop.star._settings)(answers="none")
        with pytest.raises(DeviceUnreachable, match="does not answer"):
            await shop.check()
        await shop.until(lambda: shop.printer.connections == 2)


async def test_signs_that_the_printer_lacks_are_counted_and_logged() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        await shop.print(ReceiptDocument("x", (RowBlock("\u0e0a\u0e32 beer", "1.00"),)))
        assert shop.ports.counts["SubstitutedCharacterCount"] == 2
        assert "signs_missing" in shop.ports.log_text.getvalue()
        assert shop.printer.receipts()[0].startswith("?? beer")


async def test_letters_that_the_printer_lacks_are_drawn() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        document = ReceiptDocument("x", (RowBlock(BEER, "1.00"), TextBlock("a")))
        for _ in range(2):
            assert (await shop.print(document)).result == CONFIRMED
        drawn, written = shop.printer.roll.receipts[-1].lines[:2]
        assert (drawn.mark, drawn.width_dots, written.text) == ("picture", 576, "a")
        assert "SubstitutedCharacterCount" not in shop.ports.counts


async def test_a_drawn_receipt_goes_over_a_slow_line() -> None:
    async with bench(PipeVariant("9600 baud", bytes_per_s=960)) as shop:
        await shop.in_state(DriverState.READY)
        rows = tuple(RowBlock(BEER, f"{n}.00") for n in range(15))
        before = shop.clock.monotonic_ms()
        result = await shop.print(ReceiptDocument("x", rows))
        assert shop.clock.monotonic_ms() - before > 25_000
        assert result.result == CONFIRMED


async def test_a_machine_without_letters_prints_on_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "uharfbuzz", None)
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        document = ReceiptDocument("x", (RowBlock("\u9752\u5c9b beer", "1.00"),))
        for _ in range(2):
            assert (await shop.print(document)).result == CONFIRMED
        assert shop.printer.receipts()[-1].startswith("?? beer")
        assert shop.ports.log_text.getvalue().count("letters_missing") == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"address": "tcp://192.0.2.7"}, "address"),
        ({"address": "tcp://192.0.2.7:9100", "code_page": "cp850"}, "code page 'cp850'"),
        ({"address": "tcp://192.0.2.7:9100", "other_code_pages": ("x",)}, "code page 'x'"),
        ({"address": "tcp://192.0.2.7:9100", "code_page_numbers": {"y": 1}}, "code page 'y'"),
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        DRIVER.connector(PrinterStarSettings(**settings), VirtualClock())


@pytest.mark.parametrize(
    "address",
    [
        "tcp://192.0.2.8:9100",
        "serial:///dev/ttyUSB0?baud=38400",
        "usb:///dev/usb/lp0",
        "usb:0519:0003",
    ],
)
def test_ways_to_a_printer(address: str) -> None:
    assert DRIVER.connector(PrinterStarSettings(address=address), VirtualClock()) is not None
