"""Payments over a serial line, and through a bad one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from devices.driver import SimulatorSpec
from devices.driver_catalogue import driver
from devices.drivers.terminal_zvt import DRIVER
from devices.drivers.terminal_zvt.settings import TerminalZvtSettings
from devices.simulators.terminal_zvt import SIMULATOR
from devices.simulators.terminal_zvt.scripts import Point, SimulatedTerminalSettings
from devices.simulators.terminal_zvt.terminal import SimulatedTerminal
from devices.transports.memory_pipe import PipeVariant
from edge.contract.device_messages import JobStatus
from tests.devices.conformance import CHECKS, VARIANTS, Check, DriverBench
from tests.devices.scripted_terminal import STATUS_OK, scripted
from tests.devices.zvt_shop import SERIAL_ADDRESS, ZvtShop, day_of, outcome_of, zvt_shop

YES = "1002 8000 00 1003 F51F"


# --- the driver and the simulated terminal over it --------------------------------------------

SERIAL_DRIVER = replace(DRIVER, example=TerminalZvtSettings(SERIAL_ADDRESS))
SERIAL_SIMULATOR: SimulatorSpec[SimulatedTerminalSettings] = replace(
    SIMULATOR,
    build=lambda settings, ports: SimulatedTerminal(replace_line(settings), ports),
)


def replace_line(settings: SimulatedTerminalSettings) -> SimulatedTerminalSettings:
    return msgspec.structs.replace(settings, line="serial")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
async def test_the_driver_keeps_its_promises_over_a_serial_line(
    variant: PipeVariant, check: Check
) -> None:
    await check(DriverBench(SERIAL_DRIVER, SERIAL_SIMULATOR, variant))


def test_the_address_chooses_the_line() -> None:
    assert driver("terminal_zvt") is DRIVER
    assert TerminalZvtSettings(SERIAL_ADDRESS).serial
    assert not DRIVER.example.serial


async def test_a_day_over_a_serial_line() -> None:
    async with zvt_shop(serial=True) as shop:
        paid = outcome_of(await shop.driver.perform(shop.pay(1010)))
        assert (paid.outcome, paid.amount_minor, paid.receipt) == ("approved", 1010, "0001")
        assert paid.customer_receipt[-1] == "Bitte Beleg aufbewahren"
        back = outcome_of(await shop.driver.perform(shop.reversal(1010, "0001")))
        assert back.outcome == "approved"
        assert outcome_of(await shop.driver.perform(shop.refund(500))).outcome == "approved"
        assert shop.books() == [("reversal", 1010), ("refund", 500)]
        assert (await shop.driver.perform(shop.health())).result == {"health": "ok"}
        assert not {name for name in shop.ports.counts if name.startswith("Block")}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize(
    ("fault", "counted"),
    [
        ("spoil_blocks", "BlockErrorCount"),
        ("refuse_blocks", "BlockRepeatCount"),
        ("mute_answers", ""),
        ("miss_answers", ""),
    ],
)
async def test_faults_of_single_blocks_are_made_good(
    fault: str, counted: str, blocks: int, strict: bool
) -> None:
    async with zvt_shop(serial=True) as shop:
        for number in range(1, 4):
            setattr(shop.terminal.manners, fault, blocks)
            shop.terminal.manners.strict = strict
            paid = outcome_of(await shop.driver.perform(shop.pay(100 * number)))
            assert (paid.outcome, paid.receipt) == ("approved", f"{number:04d}")
        assert shop.standing() == [100, 200, 300]
        assert not counted or shop.ports.counts[counted] == 3 * blocks
        assert getattr(shop.terminal.manners, fault) == 0


async def test_a_repeat_of_the_approval_is_heard_once() -> None:
    async with zvt_shop(serial=True) as shop:
        job = shop.pay(100)
        going = asyncio.create_task(shop.driver.perform(job))
        shop.terminal.stall_at, shop.terminal.stall_s = Point.BOOKED, 0.1
        while shop.terminal.stall_at is not None:
            await shop.clock.sleep(0.05)
        shop.terminal.manners.miss_answers, shop.terminal.manners.strict = 1, True
        assert outcome_of(await going).outcome == "approved"
        assert shop.ports.counts["BlockAgainCount"] == 1
        told = [e for e in shop.ports.recorder.entries() if e.data[:2] == b"\x04\x0f"]
        assert len(told) == 1


@pytest.mark.parametrize("fault", ["spoil_blocks", "refuse_blocks", "miss_answers"])
async def test_a_line_that_stays_bad_leaves_the_payment_in_doubt_until_it_is_asked_about(
    fault: str,
) -> None:
    async with zvt_shop(serial=True) as shop:
        job = shop.pay(4321)
        shop.terminal.stall_at, shop.terminal.stall_s = Point.ACKNOWLEDGED, 0.1
        going = asyncio.create_task(shop.driver.perform(job))
        while shop.terminal.stall_at is not None:
            await shop.clock.sleep(0.05)
        setattr(shop.terminal.manners, fault, 400)
        shop.terminal.manners.strict = True
        assert (await going).status is JobStatus.UNKNOWN
        setattr(shop.terminal.manners, fault, 0)
        outcome = await shop.definite(job)
        assert shop.standing() == ([4321] if outcome.outcome == "approved" else [])


@pytest.mark.parametrize("sync", [True, False], ids=["1F1F", "old"])
@pytest.mark.parametrize("fault", ["cut", "kill", "adapter"])
@pytest.mark.parametrize("point", list(Point))
async def test_at_every_point_a_fault_is_found_out(point: Point, fault: str, sync: bool) -> None:
    async with zvt_shop(SimulatedTerminalSettings(sync_receipt=sync), serial=True) as shop:
        assert outcome_of(await shop.driver.perform(shop.pay(777))).outcome == "approved"
        job = shop.pay(777)
        if fault == "cut":
            shop.terminal.cut_at = point
        else:
            shop.terminal.stall_at, shop.terminal.stall_s = point, 1.5
        task = asyncio.create_task(shop.driver.perform(job))
        while not (shop.terminal.cut_at is shop.terminal.stall_at is None or task.done()):
            await shop.clock.sleep(0.05)
        await break_in(shop, fault, task)
        await asyncio.gather(task, return_exceptions=True)
        outcome = await shop.definite(job)
        assert outcome.outcome in {"approved", "declined"}
        assert shop.standing() == [777] * (1 + (outcome.outcome == "approved"))
        await shop.until_live()
        shop.terminal.cut_at = shop.terminal.stall_at = None
        assert outcome_of(await shop.driver.perform(shop.pay(1))).outcome == "approved"
        assert await shop.definite(job) == outcome


async def break_in(shop: ZvtShop, fault: str, task: asyncio.Task[object]) -> None:
    if fault == "kill":
        task.cancel()
        await shop.kill_driver()
        await shop.clock.sleep(0.3)
        shop.start_driver()
    elif fault == "adapter":
        await shop.cable.unplug()
        await shop.clock.sleep(0.5)
        shop.cable.plug_in()


async def test_the_till_does_not_speak_before_the_terminal_has_said_what_it_still_had_to_say() -> (
    None
):
    async with zvt_shop(serial=True, start=False, plugged=False) as shop:
        shop.start_driver()
        far = await shop.cable.accept()
        # "done": what a till that was killed had asked for, answered late
        for late in (YES, "1002 060F 00 1003 C633"):
            await shop.clock.sleep(4.5)
            await far.write(bytes.fromhex(late))
            assert await far.read(4096) == b"\x06"
        ended_ms = shop.clock.monotonic_ms()
        register = await far.read(4096)
        assert register[:4] == bytes.fromhex("1002 0600")
        assert shop.clock.monotonic_ms() - ended_ms >= 6_000
        assert shop.ports.counts["UnexpectedMessageCount"] == 2


async def test_a_terminal_that_was_switched_off_is_registered_before_it_is_asked() -> None:
    # a serial line does not tell; "register first" says nothing about the payment
    async with zvt_shop(serial=True) as shop:
        assert outcome_of(await shop.driver.perform(shop.pay(100))).outcome == "approved"
        job = shop.pay(4321)
        shop.terminal.abort_instead_of_completion = True
        assert (await shop.driver.perform(job)).status is JobStatus.UNKNOWN
        shop.terminal.abort_instead_of_completion = False
        shop.terminal._registered = False
        paid = await shop.definite(job)
        assert (paid.outcome, paid.amount_minor) == ("approved", 4321)
        shop.terminal._registered = False
        assert day_of(await shop.driver.perform(shop.end_of_day())).outcome == "closed"
        shop.terminal._registered = False
        assert outcome_of(await shop.driver.perform(shop.pay(1))).outcome == "approved"


async def test_a_payment_refused_to_an_unknown_till_is_followed_by_a_registration() -> None:
    async with scripted() as pt:
        result = await (await pt.payment_begun(1234, answer="84 6B 00"))
        assert result.status is JobStatus.FAILED
        paying = asyncio.create_task(pt.shop.driver.perform(pt.shop.pay(1234)))
        assert await pt.hear() == "0600"
        await pt.write("80 00 00")
        await pt.say("06 0F", "")
        await pt.nothing_stored()
        assert await pt.hear() == "0601"
        paying.cancel()


async def test_the_last_result_told_again_is_not_taken_for_a_new_one() -> None:
    # a till that asked for the last result got no answer, and gets it to its next command
    async with scripted() as pt:
        old = STATUS_OK + "0B 000007"
        job = pt.shop.pay(1234)
        paying = asyncio.create_task(pt.shop.driver.perform(job))
        await pt.stored(old)
        assert await pt.hear() == "0601"
        await pt.write("80 00 00 04 0F 13" + old)
        result = await paying
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "zvt_old_result"
