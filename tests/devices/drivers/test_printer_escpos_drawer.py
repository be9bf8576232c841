"""The cash drawer on a receipt printer: opened once, seen by its sensor, or only pulsed."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from devices.driver import DeviceJob
from devices.drivers.printer_escpos import PrinterEscpos, PrinterEscposSettings
from devices.transports.memory_pipe import MemoryCable
from edge.contract.device_limits import DRAWER_OPENS_MS_MAX, PRINTER_EVIDENCE_MS_MAX
from edge.contract.device_messages import (
    DrawerOutcome,
    JobKind,
    JobResult,
    JobStatus,
    KickDrawerArgs,
    PrintOutcome,
    PrintReceiptArgs,
)
from edge.contract.device_states import DriverState
from edge.contract.receipt_document import ReceiptDocument
from tests.devices.driver_ports import KeptPorts
from tests.devices.printer_bench import LONG, bench
from tests.devices.virtual_clock import VirtualClock


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


def failed_to_open(result: JobResult) -> bool:
    if result.status is not JobStatus.FAILED or result.error is None:
        return False
    assert "locked" in result.error.advice
    assert result.result is None
    return result.error.code == "open_failed"


@pytest.mark.parametrize("answers", ["all", "real_time"])
@pytest.mark.parametrize("wrong", ["locked", "pin"])
async def test_a_drawer_that_its_sensor_saw_stay_shut_has_not_opened(
    answers: str, wrong: str
) -> None:
    pin = 5 if wrong == "pin" else 2
    async with bench(
        printer={"answers": answers, "drawer_pin": pin}, drawer_open_level="low"
    ) as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.drawer_locked = wrong == "locked"
        begun_ms = shop.clock.monotonic_ms()
        assert failed_to_open(await shop.kick())
        assert shop.clock.monotonic_ms() - begun_ms >= DRAWER_OPENS_MS_MAX
        assert len(shop.printer.pulses) == 1
        assert not shop.printer.drawer_open
        assert shop.ports.counts["DrawerFailedOpenCount"] == 1
        assert "DrawerGoodOpenCount" not in shop.ports.counts


@pytest.mark.parametrize("level", ["low", "high"])
async def test_a_level_that_was_learnt_says_that_a_drawer_stayed_shut(level: str) -> None:
    async with bench(printer={"drawer_open_level": level}) as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.drawer_locked = True
        assert (await shop.kick()).result == DrawerOutcome("pulsed"), "no level is known yet"
        shop.printer.drawer_locked = False
        assert (await shop.kick()).result == DrawerOutcome("opened")
        shop.printer.close_drawer()
        await shop.until(lambda: shop.ports.state["drawer"] == "closed")
        shop.printer.drawer_locked = True
        assert failed_to_open(await shop.kick())
        assert shop.ports.counts["DrawerPulseCount"] == 3


async def test_a_level_learnt_from_a_hand_is_put_right_by_the_next_kick() -> None:
    async with bench() as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.open_drawer()
        await shop.clock.sleep(1)
        kicking = asyncio.create_task(shop.kick())
        await shop.clock.sleep(0.2)
        shop.printer.close_drawer()  # somebody leans against it just then
        await kicking
        await shop.until(lambda: shop.ports.state["drawer"] == "open")
        await shop.kick()
        await shop.clock.sleep(1)
        assert shop.printer.drawer_open
        assert shop.ports.state["drawer"] == "open"
        shop.printer.close_drawer()
        await shop.until(lambda: shop.ports.state["drawer"] == "closed")
        assert (await shop.kick()).result == DrawerOutcome("opened")


async def test_a_sensor_that_says_nothing_decides_nothing() -> None:
    async with bench(printer={"answers": "none"}, drawer_open_level="low") as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.drawer_locked = True
        assert (await shop.kick()).result == DrawerOutcome("pulsed")


async def test_a_pulse_behind_a_receipt_without_evidence_may_come_later() -> None:
    async with bench(drawer_open_level="low", evidence="none") as shop:
        await shop.in_state(DriverState.READY)
        assert (await shop.print()).result == PrintOutcome("sent_unconfirmed")
        shop.printer.drawer_locked = True
        assert (await shop.kick()).result == DrawerOutcome("pulsed")
        await shop.clock.sleep(PRINTER_EVIDENCE_MS_MAX / 1000)
        assert failed_to_open(await shop.kick())


async def test_a_level_felt_on_an_earlier_connection_decides_nothing() -> None:
    async with bench(drawer_open_level="low") as shop:
        await shop.in_state(DriverState.READY)
        assert shop.ports.state["drawer"] == "closed"
        await shop.cable.unplug()
        await shop.in_state(DriverState.LOST)
        settings = shop.printer._settings
        shop.printer._settings = msgspec.structs.replace(settings, answers="none")
        shop.printer.drawer_locked = True
        shop.cable.plug_in()
        await shop.in_state(DriverState.READY)
        assert (await shop.kick()).result == DrawerOutcome("pulsed")


@pytest.mark.parametrize("broken_off", [False, True])
async def test_a_pulse_behind_a_receipt_that_was_confirmed_does_not_wait(
    broken_off: bool,
) -> None:
    async with bench(drawer_open_level="low", printer={"speed_mm_s": 200}) as shop:
        await shop.in_state(DriverState.READY)
        if broken_off:
            await shop.print()  # what is loaded for the first one takes real time
            printing = asyncio.create_task(shop.print(LONG))
            await shop.clock.sleep(1)
            shop.printer.paper = "out"
            assert (await printing).status is JobStatus.UNKNOWN
            shop.printer.paper = "ok"
            await shop.in_state(DriverState.READY)
        assert (await shop.print()).result == PrintOutcome("confirmed")
        shop.printer.drawer_locked = True
        assert failed_to_open(await shop.kick())


@pytest.mark.parametrize("answers", ["all", "real_time"])
async def test_a_drawer_opens_without_paper_and_not_a_second_time_later(answers: str) -> None:
    async with bench(drawer_open_level="low", printer={"answers": answers}) as shop:
        await shop.in_state(DriverState.READY)
        shop.printer.paper = "out"
        await shop.in_state(DriverState.ATTENTION)
        result = await shop.kick()
        assert result.status is JobStatus.DONE
        assert shop.printer.drawer_open
        await shop.until(lambda: shop.ports.state["drawer"] == "open")
        shop.printer.close_drawer()
        shop.printer.paper = "ok"
        await shop.in_state(DriverState.READY)
        await shop.print()
        assert len(shop.printer.pulses) == 1
        assert shop.printer.pulses[0].now


async def test_a_connection_lost_with_the_pulse_is_unknown() -> None:
    async with bench(drawer_open_level="low") as shop:
        await shop.in_state(DriverState.READY)
        await shop.until(lambda: "firmware" in shop.ports.meta)
        shop.printer.drop_after(5)
        shop.printer.drawer_locked = True
        result = await shop.kick()
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.advice == "Look whether the drawer is open."
        assert len(shop.printer.pulses) <= 1


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
