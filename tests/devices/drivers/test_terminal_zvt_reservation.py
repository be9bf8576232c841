"""Money set aside on a card, charged or set free later: each once, or it is found out whether."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import pytest

from devices.driver import DeviceJob
from devices.simulators.terminal_zvt.scripts import Point, SimulatedTerminalSettings
from edge.contract.device_messages import JobStatus
from edge.contract.errors import DeviceUnreachable, Refused
from edge.contract.terminal_messages import PaymentOutcome
from tests.devices.scripted_terminal import scripted
from tests.devices.zvt_shop import ZvtShop, outcome_of, zvt_shop

RESERVED, CHARGED = 2_500, 958
KINDS = ["reservation", "capture", "release"]
POINTS = [point for point in Point if not point.value.startswith("re")]
HELD = ("reservation", RESERVED)
DONE = {
    "reservation": [HELD, HELD],
    "capture": [("capture", CHARGED)],
    "release": [("release", RESERVED)],
}
OWED = {"reservation": 0, "capture": CHARGED, "release": 0}


async def held(shop: ZvtShop) -> PaymentOutcome:
    before = shop.terminal.balance_minor
    outcome = outcome_of(await shop.driver.perform(shop.reservation(RESERVED)))
    assert (outcome.outcome, outcome.amount_minor) == ("approved", RESERVED)
    assert shop.terminal.balance_minor == before, "setting aside charges nothing"
    return outcome


async def wish(shop: ZvtShop, kind: str) -> DeviceJob:
    """Return a wish of this kind, behind one reservation that was made just now."""
    receipt = (await held(shop)).receipt
    match kind:
        case "reservation":
            return shop.reservation(RESERVED)
        case "capture":
            return shop.capture(CHARGED, RESERVED, receipt)
        case _:
            return shop.release(RESERVED, receipt)


def happened(shop: ZvtShop, kind: str) -> bool:
    """Say what the acquirer's books say, and check that they are as one of the two ways."""
    books = shop.books()
    assert books in (DONE[kind], [HELD])
    assert shop.terminal.balance_minor == (OWED[kind] if books == DONE[kind] else 0)
    return books == DONE[kind]


@pytest.mark.parametrize("tells", ["charged", "released"])
@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_approved_with_a_receipt_of_its_own(
    kind: str, tells: Literal["charged", "released"]
) -> None:
    async with zvt_shop(SimulatedTerminalSettings(capture_tells=tells)) as shop:
        told = outcome_of(await shop.driver.perform(await wish(shop, kind)))
        amount = CHARGED if kind == "capture" else RESERVED
        assert (told.outcome, told.amount_minor, told.receipt) == ("approved", amount, "0002")
        assert told.customer_receipt[0] == "** Kundenbeleg **"
        assert happened(shop, kind)


async def test_what_is_not_charged_stands_in_the_command() -> None:
    async with zvt_shop() as shop:
        await shop.driver.perform(await wish(shop, "capture"))
        receipt = (await held(shop)).receipt
        await shop.driver.perform(shop.capture(RESERVED, RESERVED, receipt))
        receipt = (await held(shop)).receipt
        await shop.driver.perform(shop.release(RESERVED, receipt))
        sent = [e.data.hex() for e in shop.ports.recorder.entries() if e.way == "out"]
        assert "062314" + "870001" + "04000000001542" + "490978" + "06051f1f020001" in sent
        assert "062314" + "870003" + "04000000000000" + "490978" + "06051f1f020003" in sent
        assert "062506" + "870005" + "490978" in sent
        assert shop.terminal.balance_minor == CHARGED + RESERVED


@pytest.mark.parametrize("sync", [True, False], ids=["1F1F", "old"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("script", "status", "settled"),
    [
        ("approve", JobStatus.DONE, "approved"),
        ("decline", JobStatus.DONE, "declined"),
        ("abort", JobStatus.DONE, "cancelled"),
        ("silent", JobStatus.UNKNOWN, "declined"),
        ("cut_before_result", JobStatus.UNKNOWN, "declined"),
        ("cut_after_approval", JobStatus.UNKNOWN, "approved if 1F1F"),
        ("approve_after_cut", JobStatus.UNKNOWN, "approved if 1F1F"),
    ],
)
async def test_every_script_ends_in_what_the_acquirer_has(
    script: str, status: JobStatus, settled: str, kind: str, sync: bool
) -> None:
    async with zvt_shop(SimulatedTerminalSettings(sync_receipt=sync)) as shop:
        job = await wish(shop, kind)
        shop.terminal.next_script = script
        assert (await shop.driver.perform(job)).status is status
        outcome = await shop.definite(job)
        certain, _, only = settled.partition(" if ")
        assert outcome.outcome == (certain if sync or not only else "declined")
        assert happened(shop, kind) == (outcome.outcome == "approved")


Fault = Callable[[ZvtShop, "asyncio.Task[object]"], Awaitable[None]]


async def no_more(_shop: ZvtShop, _task: asyncio.Task[object]) -> None:
    """Let the cut alone be the fault."""


async def kill(shop: ZvtShop, task: asyncio.Task[object]) -> None:
    task.cancel()
    await shop.kill_driver()
    await shop.clock.sleep(0.3)
    shop.start_driver()


async def power_off(shop: ZvtShop, _task: asyncio.Task[object]) -> None:
    shop.restart_terminal()


@pytest.mark.parametrize("sync", [True, False], ids=["1F1F", "old"])
@pytest.mark.parametrize("tells", ["charged", "released"])
@pytest.mark.parametrize("fault", [no_more, kill, power_off])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_at_every_point_a_fault_is_found_out(
    kind: str,
    point: Point,
    fault: Fault,
    tells: Literal["charged", "released"],
    sync: bool,
    tmp_path: Path,
) -> None:
    settings = SimulatedTerminalSettings(
        journal=str(tmp_path / "books"), sync_receipt=sync, capture_tells=tells
    )
    async with zvt_shop(settings) as shop:
        job = await wish(shop, kind)
        if fault is no_more:
            shop.terminal.cut_at = point
        else:
            shop.terminal.stall_at, shop.terminal.stall_s = point, 1.5
        task: asyncio.Task[object] = asyncio.create_task(shop.driver.perform(job))
        while not (shop.terminal.cut_at is shop.terminal.stall_at is None or task.done()):
            await shop.clock.sleep(0.05)
        await fault(shop, task)
        await asyncio.gather(task, return_exceptions=True)
        outcome = await shop.definite(job)
        assert outcome.outcome in {"approved", "declined"}
        assert happened(shop, kind) == (outcome.outcome == "approved")
        # the next one is told apart from this one, and changes nothing about it
        await shop.until_live()
        second = outcome_of(await shop.driver.perform(shop.pay(CHARGED)))
        assert second.receipt != outcome.receipt
        assert await shop.definite(job) == outcome


@pytest.mark.parametrize("kind", ["capture", "release"])
async def test_a_reservation_is_used_up_once(kind: str) -> None:
    async with zvt_shop() as shop:
        await shop.driver.perform(await wish(shop, kind))
        books = shop.books()
        for job in (shop.capture(CHARGED, RESERVED, "0001"), shop.release(RESERVED, "0001")):
            again = outcome_of(await shop.driver.perform(job))
            assert (again.outcome, again.code) == ("declined", "B8")
            assert "does not know this reservation" in again.reason
            assert "journal" in again.advice
        assert shop.books() == books


async def test_a_payment_is_no_reservation() -> None:
    async with zvt_shop() as shop:
        paid = outcome_of(await shop.driver.perform(shop.pay(RESERVED)))
        for job in (
            shop.capture(CHARGED, RESERVED, paid.receipt),
            shop.release(RESERVED, paid.receipt),
        ):
            assert outcome_of(await shop.driver.perform(job)).code == "B8"
        assert shop.standing() == [RESERVED]


async def test_no_more_is_charged_than_was_set_aside() -> None:
    async with zvt_shop() as shop:
        receipt = (await held(shop)).receipt
        with pytest.raises(Refused, match="More was to be charged"):
            await shop.driver.perform(shop.capture(RESERVED + 1, RESERVED, receipt))
        with pytest.raises(Refused, match="of another amount"):
            await shop.driver.perform(shop.capture(CHARGED, RESERVED + 1, receipt))
        with pytest.raises(Refused, match="of another amount"):
            await shop.driver.perform(shop.release(CHARGED, receipt))
        with pytest.raises(Refused, match="no receipt number"):
            await shop.driver.perform(shop.release(RESERVED, "FFFF"))
        assert shop.books() == [HELD]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_terminal_that_does_not_offer_it_says_so(kind: str) -> None:
    async with zvt_shop(SimulatedTerminalSettings(reservations=False)) as shop:
        job = {
            "reservation": shop.reservation(RESERVED),
            "capture": shop.capture(CHARGED, RESERVED, "0001"),
            "release": shop.release(RESERVED, "0001"),
        }[kind]
        no = outcome_of(await shop.driver.perform(job))
        assert (no.outcome, no.code) == ("declined", "83")
        assert no.advice
        assert shop.books() == []


@pytest.mark.parametrize(
    ("told", "amount"),
    [("000000000958", CHARGED), ("000000001542", CHARGED), ("000000000077", 77)],
)
async def test_another_amount_is_told_as_the_terminal_said_it(told: str, amount: int) -> None:
    async with scripted() as pt:
        going = asyncio.create_task(
            pt.shop.driver.perform(pt.shop.capture(CHARGED, RESERVED, "0041"))
        )
        await pt.nothing_stored()
        assert await pt.hear() == "0623"
        await pt.write("80 00 00")
        await pt.say("04 0F", f"27 00 04 {told} 49 0978 87 0042 0B 000042")
        await pt.say("06 0F", "")
        assert outcome_of(await going).amount_minor == amount


@pytest.mark.parametrize(
    ("stored", "outcome"),
    [
        ("04 000000000958 49 0978 87 0042 0B 000042 37 000041", "approved"),
        ("04 000000001542 49 0978 87 0042 0B 000042", "approved"),
        ("04 000000002500 49 0978 87 0042 0B 000042", "unknown"),
        ("04 000000000958 49 0978 87 0042 0B 000042 37 000017", "unknown"),
        ("04 000000002500 49 0978 87 0041 0B 000041", "declined"),
    ],
)
async def test_what_is_stored_decides_a_capture_in_doubt(stored: str, outcome: str) -> None:
    async with scripted() as pt:
        job = pt.shop.capture(CHARGED, RESERVED, "0041")
        going = asyncio.create_task(pt.shop.driver.perform(job))
        await pt.stored("27 00 04 000000002500 49 0978 87 0041 0B 000041")
        assert await pt.hear() == "0623"
        await pt.write("80 00 00")
        await pt.say("06 0F", "")
        assert (await going).status is JobStatus.UNKNOWN
        await pt.shop.clock.sleep(6.0)
        asking = asyncio.create_task(pt.shop.driver.perform(pt.shop.inquiry(job)))
        await pt.stored("27 00 " + stored)
        assert outcome_of(await asking).outcome == outcome


async def test_an_end_of_day_hands_in_what_was_charged_and_keeps_what_is_set_aside() -> None:
    async with zvt_shop() as shop:
        await shop.driver.perform(await wish(shop, "capture"))
        receipt = (await held(shop)).receipt
        await shop.driver.perform(shop.end_of_day())
        assert [each["sum_minor"] for each in shop.terminal.closed()] == [CHARGED]
        later = outcome_of(await shop.driver.perform(shop.capture(1, RESERVED, receipt)))
        assert later.outcome == "approved"


async def test_an_unreachable_terminal_has_set_nothing_aside() -> None:
    async with zvt_shop() as shop:
        await shop.cable.unplug()
        job = shop.reservation(RESERVED)
        with pytest.raises(DeviceUnreachable):
            await shop.driver.perform(job)
        assert (await shop.definite(job)).code == "never_begun"
