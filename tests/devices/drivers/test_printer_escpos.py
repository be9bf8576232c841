"""The printer's driver against the simulated printer, on a clock that jumps."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from devices.driver import DeviceJob, SimulatorPorts
from devices.drivers.printer_escpos import DRIVER, PrinterEscpos, PrinterEscposSettings
from devices.protocols.escpos_encoder import EscposEncoder
from devices.simulators.printer_escpos import (
    SIMULATOR,
    SimulatedPrinter,
    SimulatedPrinterSettings,
)
from devices.transports.memory_pipe import MemoryCable, PipeVariant
from edge.contract.device_messages import (
    CheckHealthArgs,
    DrawerOutcome,
    DriverState,
    JobKind,
    JobResult,
    JobStatus,
    KickDrawerArgs,
    PrintOutcome,
    PrintReceiptArgs,
)
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable, SettingsInvalid
from edge.contract.receipt_document import (
    Align,
    Emphasis,
    QrBlock,
    ReceiptDocument,
    RowBlock,
    TextBlock,
)
from edge.runtime.structured_log import open_log
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

EscposEncoder.load()  # the clock must not jump while a thread imports

DOCUMENT = ReceiptDocument(
    "Receipt 1",
    (
        TextBlock("Corner Shop", Align.CENTRE, Emphasis.LARGE),
        *(RowBlock(f"Article {n}", f"{n}.00") for n in range(1, 11)),
        RowBlock("Total", "55.00", Emphasis.LARGE),
        QrBlock("TILLBOX1|1"),
    ),
)
LONG = ReceiptDocument("long", tuple(TextBlock(f"line {n} " + "x" * 30) for n in range(600)))


class Bench:
    """A driver, a cable, a simulated printer, and the clock they share."""

    def __init__(
        self,
        clock: VirtualClock,
        settings: dict[str, Any],
        printer: dict[str, Any],
        variant: PipeVariant | None,
    ) -> None:
        self.clock = clock
        self.cable = MemoryCable(variant)
        log = open_log("test", io.StringIO())
        self.printer: SimulatedPrinter = SIMULATOR.build(
            SimulatedPrinterSettings(**printer), SimulatorPorts(clock, log)
        )
        self.ports = KeptPorts(self.cable.connect, clock)
        self.driver = DRIVER.build(
            PrinterEscposSettings(address="tcp://192.0.2.7:9100", **settings), self.ports
        )
        assert isinstance(self.driver, PrinterEscpos)
        self._jobs = 0

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for a condition with a deadline in the clock's own time."""
        ends = self.clock.monotonic_ms() + 120_000
        while not true():
            assert self.clock.monotonic_ms() < ends, (self.ports.states[-3:], self.ports.counts)
            await self.clock.sleep(0.02)

    async def in_state(self, state: DriverState) -> None:
        await self.until(lambda: self.driver.state is state)

    async def do(self, kind: JobKind, args: Any) -> JobResult:
        self._jobs += 1
        job = DeviceJob(f"job-{self._jobs:08d}", kind, args, self.clock.now_ms() + 60_000)
        return await self.driver.perform(job)

    async def print(self, document: ReceiptDocument = DOCUMENT) -> JobResult:
        return await self.do(JobKind.PRINT_RECEIPT, PrintReceiptArgs(document))

    async def kick(self) -> JobResult:
        return await self.do(JobKind.KICK_DRAWER, KickDrawerArgs())

    async def check(self) -> JobResult:
        return await self.do(JobKind.CHECK_HEALTH, CheckHealthArgs())

    async def attend(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self.printer.attend(await self.cable.accept()))


@asynccontextmanager
async def bench(
    variant: PipeVariant | None = None,
    printer: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Bench]:
    clock = VirtualClock()
    made = Bench(clock, settings, printer or {}, variant)
    async with clock.running():
        tasks = [asyncio.create_task(made.attend()), asyncio.create_task(made.driver.run())]
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


@pytest.mark.parametrize(
    "variant",
    [PipeVariant(), PipeVariant("one byte", chunk_bytes=1)],
    ids=lambda variant: variant.name,
)
async def test_a_receipt_is_confirmed_by_process_id(variant: PipeVariant) -> None:
    async with bench(variant) as shop:
        await shop.in_state(DriverState.READY)
        result = await shop.print()
        assert (result.status, result.result) == (JobStatus.DONE, PrintOutcome("confirmed"))
        (text,) = shop.printer.receipts()
        assert "Article 10                           10.00" in text
        assert "[QR] TILLBOX1|1" in text
        assert shop.printer.unknown_commands == 0
        assert shop.printer.pulses == []
        assert shop.ports.moves == ["connecting", "ready"]
        assert shop.ports.state["paper"] == "ok"
        assert shop.ports.state["cover"] == "closed"
        await shop.until(lambda: "firmware" in shop.ports.meta)
        assert shop.ports.meta["model"] == "TM-T88V"
        assert shop.ports.meta["serial_number"] == "SIM0000001"


@pytest.mark.parametrize(
    ("evidence", "answers", "outcome"),
    [
        ("process_id", "all", "confirmed"),
        ("process_id", "no_process_id", "confirmed"),
        ("process_id", "real_time", "sent_unconfirmed"),
        ("process_id", "none", "sent_unconfirmed"),
        ("status", "all", "confirmed"),
        ("status", "no_process_id", "confirmed"),
        ("status", "real_time", "sent_unconfirmed"),
        ("status", "none", "sent_unconfirmed"),
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


async def test_a_printer_without_evidence_is_waited_for_long_only_once() -> None:
    async with bench(printer={"answers": "real_time"}) as shop:
        await shop.in_state(DriverState.READY)
        took = []
        for _ in range(3):
            begun = shop.clock.monotonic_ms()
            await shop.print()
            took.append(shop.clock.monotonic_ms() - begun)
        assert took[0] >= 20_000
        assert max(took[1:]) < 3_000
        assert shop.ports.counts["UnconfirmedReceiptCount"] == 3


async def test_missing_process_ids_are_waited_for_only_once() -> None:
    async with bench(printer={"answers": "no_process_id"}) as shop:
        await shop.in_state(DriverState.READY)
        took = []
        for _ in range(2):
            begun = shop.clock.monotonic_ms()
            await shop.print()
            took.append(shop.clock.monotonic_ms() - begun)
        assert took[0] >= 2_000
        assert took[1] < 1_000


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


TROUBLES: list[tuple[Callable[[SimulatedPrinter], None], str]] = [
    (lambda printer: setattr(printer, "paper", "out"), "has no paper"),
    (lambda printer: setattr(printer, "cover_open", True), "cover of the receipt printer is open"),
    (lambda printer: printer.set_trouble(cutter_jammed=True), "cutter"),
    (lambda printer: printer.set_trouble(broken=True), "reports a fault"),
    (lambda printer: printer.set_trouble(hot=True), "cooling down"),
    (lambda printer: printer.set_trouble(switched_offline=True), "is offline"),
]


def mend(printer: SimulatedPrinter) -> None:
    printer.paper = "ok"  # type: ignore[assignment]  # the setter takes its word
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
        shop.printer.paper = "near_end"  # type: ignore[assignment]  # the setter takes its word
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
        shop.printer.paper = "ok"  # type: ignore[assignment]  # the setter takes its word
        await shop.in_state(DriverState.READY)
        assert (await shop.print()).result == PrintOutcome("confirmed")
        assert len(shop.printer.receipts()) == 2


async def test_paper_that_ends_while_a_long_receipt_is_being_written() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.paper_lasts(5)
        result = await shop.print(LONG)
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "no_paper"
        await shop.in_state(DriverState.ATTENTION)
        shop.printer.paper = "ok"  # type: ignore[assignment]  # the setter takes its word
        await shop.in_state(DriverState.READY)
        assert (await shop.print()).result == PrintOutcome("confirmed")
        scrap, whole = shop.printer.receipts()
        assert "line 0 " in scrap
        assert "line 599" not in scrap
        assert whole.strip().startswith("Corner Shop")


@pytest.mark.parametrize("dropped_after", [1, 40, 300, 600])
async def test_a_connection_lost_inside_a_receipt_leaves_it_unknown(dropped_after: int) -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        await shop.until(lambda: "firmware" in shop.ports.meta)
        shop.printer.drop_after(dropped_after)
        result = await shop.print()
        assert result.status is JobStatus.UNKNOWN
        await shop.until(lambda: shop.printer.connections == 2)
        await shop.until(lambda: shop.ports.state["state"] == "ready")
        assert "lost" not in shop.ports.moves  # a blip
        assert (await shop.print()).result == PrintOutcome("confirmed")
        assert shop.printer.receipts()[-1].strip().startswith("Corner Shop")


async def test_a_raster_cut_in_half_does_not_swallow_the_next_receipt() -> None:
    async with bench(qr="picture") as shop:
        await shop.in_state(DriverState.READY)
        await shop.until(lambda: "firmware" in shop.ports.meta)
        shop.printer.drop_after(1_200)  # inside the dots of the QR code
        assert (await shop.print()).status is JobStatus.UNKNOWN
        await shop.until(lambda: shop.printer.connections == 2)
        assert (await shop.print()).result == PrintOutcome("confirmed")
        assert "Article 10                           10.00" in shop.printer.receipts()[-1]


async def test_power_cut_inside_a_receipt() -> None:
    async with bench(printer={"speed_mm_s": 50}) as shop:
        await shop.in_state(DriverState.READY)
        printing = asyncio.create_task(shop.print())
        await shop.until(lambda: len(shop.printer.current()) > 3)
        shop.printer.power_cycle()
        assert (await printing).status is JobStatus.UNKNOWN
        await shop.until(lambda: shop.printer.connections == 2)
        assert (await shop.print()).result == PrintOutcome("confirmed")


async def test_a_slow_printer_is_waited_for() -> None:
    async with bench(printer={"speed_mm_s": 20}) as shop:
        await shop.in_state(DriverState.READY)
        begun = shop.clock.monotonic_ms()
        assert (await shop.print()).result == PrintOutcome("confirmed")
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
        await shop.until(lambda: shop.cable.connections == 2)
        shop.printer.power_cycle()
        await shop.until(lambda: shop.printer.connections >= 2)
        await shop.until(lambda: shop.ports.state["state"] == "ready")
        assert (await shop.print()).result == PrintOutcome("confirmed")
        assert "Article 10                           10.00" in shop.printer.receipts()[-1]


@pytest.mark.parametrize("level", ["low", "high"])
@pytest.mark.parametrize("pin", [2, 5])
async def test_a_drawer_is_seen_to_open(level: str, pin: int) -> None:
    async with bench(
        printer={"drawer_open_level": level, "drawer_pin": pin},
        drawer_open_level=level,
        drawer_pin=pin,
    ) as shop:
        await shop.in_state(DriverState.READY)
        assert shop.ports.state["drawer"] == "closed"
        result = await shop.kick()
        assert (result.status, result.result) == (JobStatus.DONE, DrawerOutcome("opened"))
        (pulse,) = shop.printer.pulses
        assert (pulse.pin, pulse.on_ms, pulse.off_ms, pulse.now) == (pin, 100, 200, False)
        await shop.until(lambda: shop.ports.state["drawer"] == "open")
        shop.printer.close_drawer()
        await shop.until(lambda: shop.ports.state["drawer"] == "closed")


@pytest.mark.parametrize("level", ["low", "high"])
@pytest.mark.parametrize("answers", ["all", "real_time"])
async def test_the_level_of_an_open_drawer_is_learnt(level: str, answers: str) -> None:
    async with bench(printer={"drawer_open_level": level, "answers": answers}) as shop:
        await shop.in_state(DriverState.READY)
        assert shop.ports.state["drawer"] == ""
        assert (await shop.kick()).result == DrawerOutcome("opened")
        await shop.until(lambda: shop.ports.state["drawer"] == "open")
        shop.printer.close_drawer()
        await shop.until(lambda: shop.ports.state["drawer"] == "closed")


async def test_a_locked_drawer_and_the_wrong_pin_are_only_pulsed() -> None:
    async with bench(drawer_open_level="low") as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.drawer_locked = True
        assert (await shop.kick()).result == DrawerOutcome("pulsed")
        assert len(shop.printer.pulses) == 1
        assert not shop.printer.drawer_open


@pytest.mark.parametrize("answers", ["all", "real_time"])
async def test_a_drawer_opens_without_paper_and_not_a_second_time_later(answers: str) -> None:
    async with bench(drawer_open_level="low", printer={"answers": answers}) as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.paper = "out"  # type: ignore[assignment]  # the setter takes its word
        await shop.in_state(DriverState.ATTENTION)
        result = await shop.kick()
        assert result.status is JobStatus.DONE
        assert shop.printer.drawer_open
        await shop.until(lambda: shop.ports.state["drawer"] == "open")
        shop.printer.close_drawer()
        shop.printer.paper = "ok"  # type: ignore[assignment]  # the setter takes its word
        await shop.in_state(DriverState.READY)
        await shop.print()
        assert len(shop.printer.pulses) == 1
        assert shop.printer.pulses[0].now


async def test_a_connection_lost_with_the_pulse_is_unknown_or_pulsed() -> None:
    async with bench(drawer_open_level="low") as shop:
        await shop.in_state(DriverState.READY)
        await shop.until(lambda: "firmware" in shop.ports.meta)
        shop.printer.drop_after(5)
        shop.printer.drawer_locked = True
        assert (await shop.kick()).result == DrawerOutcome("pulsed")
        assert len(shop.printer.pulses) <= 1


async def test_health_is_asked_of_the_printer() -> None:
    async with bench(drawer_open_level="low") as shop:
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
        assert (await shop.print()).result == PrintOutcome("confirmed")
        assert shop.ports.moves == ["connecting", "ready", "lost", "connecting", "ready"]


async def test_signs_that_the_printer_lacks_are_counted_and_logged() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        await shop.print(ReceiptDocument("x", (RowBlock("\u9752\u5c9b beer", "1.00"),)))
        assert shop.ports.counts["SubstitutedCharacterCount"] == 2
        assert "signs_missing" in shop.ports.log_text.getvalue()
        assert shop.printer.receipts()[0].startswith("?? beer")


class MuteAfterAWhile:
    """A printer that answers three questions and then only listens, or sends noise."""

    def __init__(self, noise: bytes) -> None:
        self.noise = noise

    async def attend(self, cable: MemoryCable) -> None:
        while True:
            stream = await cable.accept()
            left = 5
            while data := await stream.read(4_096):
                asked = data.count(b"\x10\x04")
                if left > 0 and asked:
                    await stream.write(b"\x12" * asked)
                    left -= asked
                elif self.noise:
                    await stream.write(self.noise)


@pytest.mark.parametrize("noise", [b"", b"\xff\x80"])
async def test_a_printer_that_falls_silent_is_connected_anew(noise: bytes) -> None:
    clock = VirtualClock()
    cable = MemoryCable()
    ports = KeptPorts(cable.connect, clock)
    driver = PrinterEscpos(PrinterEscposSettings(address="tcp://192.0.2.7:9100"), ports)
    async with clock.running():
        tasks = [
            asyncio.create_task(MuteAfterAWhile(noise).attend(cable)),
            asyncio.create_task(driver.run()),
        ]
        while cable.connections < 3:
            assert clock.monotonic_ms() < 120_000
            await clock.sleep(0.1)
        while driver.state is not DriverState.READY:
            await clock.sleep(0.1)
        job = DeviceJob("job-00000001", JobKind.CHECK_HEALTH, CheckHealthArgs(), 0)
        with pytest.raises(DeviceUnreachable, match="does not answer"):
            await driver.perform(job)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert bool(noise) == ("GarbageByteCount" in ports.counts)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"address": "tcp://192.0.2.7"}, "address"),
        ({"address": "tcp://192.0.2.7:9100", "code_page": "cp1"}, "code page 'cp1'"),
        ({"address": "tcp://192.0.2.7:9100", "other_code_pages": ("x",)}, "code page 'x'"),
        ({"address": "tcp://192.0.2.7:9100", "code_page_numbers": {"y": 1}}, "code page 'y'"),
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        DRIVER.connector(PrinterEscposSettings(**settings), VirtualClock())


def test_the_example_can_be_used() -> None:
    assert DRIVER.connector(DRIVER.example, VirtualClock()) is not None


class Greeted:
    """A printer that reads what it is greeted with and then takes nothing more."""

    async def attend(self, cable: MemoryCable) -> None:
        while True:
            stream = await cable.accept()
            heard = b""
            while not heard.endswith(b"\x1da\xff"):
                heard += await stream.read(4_096)


async def test_a_pulse_that_could_not_be_written_is_unknown() -> None:
    clock = VirtualClock()
    cable = MemoryCable()
    ports = KeptPorts(cable.connect, clock)
    settings = PrinterEscposSettings(address="tcp://192.0.2.7:9100", evidence="none")
    driver = PrinterEscpos(settings, ports)
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
            assert ports.counts["DrawerPulseCount"] < 200
            result = await driver.perform(kick)
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "printer_takes_nothing"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
