"""Refunds and reversals at a ZVT terminal: money goes back once, or it is found out whether."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from devices.driver import DeviceJob
from devices.simulators.terminal_zvt.scripts import Point, SimulatedTerminalSettings
from edge.contract.device_messages import JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable, Refused
from edge.contract.terminal_messages import PaymentOutcome
from tests.devices.scripted_terminal import scripted
from tests.devices.zvt_shop import ZvtShop, outcome_of, zvt_shop

AMOUNT = 1234
KINDS = ["refund", "reversal"]
POINTS = [point for point in Point if not point.value.startswith("re")]
"""Those of a transaction, without those of 06 00 and 06 20."""


async def paid(shop: ZvtShop, amount: int = AMOUNT) -> PaymentOutcome:
    outcome = outcome_of(await shop.driver.perform(shop.pay(amount)))
    assert outcome.outcome == "approved"
    return outcome


async def wish(shop: ZvtShop, kind: str) -> DeviceJob:
    """Return a refund or a reversal of a payment that was made just now."""
    payment = await paid(shop)
    return shop.refund(AMOUNT) if kind == "refund" else shop.reversal(AMOUNT, payment.receipt)


def went_back(shop: ZvtShop, kind: str) -> bool:
    """Say what the acquirer's books say, and check that they are as one of the two ways."""
    done = {
        "refund": [("payment", AMOUNT), ("refund", AMOUNT)],
        "reversal": [("reversal", AMOUNT)],
    }
    books = shop.books()
    assert books in (done[kind], [("payment", AMOUNT)])
    assert shop.terminal.balance_minor == (0 if books == done[kind] else AMOUNT)
    return books == done[kind]


async def test_a_refund_is_approved_with_numbers_and_receipts_of_its_own() -> None:
    async with zvt_shop() as shop:
        back = outcome_of(await shop.driver.perform(await wish(shop, "refund")))
        assert (back.outcome, back.amount_minor, back.last4) == ("approved", AMOUNT, "0042")
        assert (back.receipt, back.trace) == ("0002", "000002")
        assert back.merchant_receipt[5] == "Gutschrift EUR     12,34"
        assert back.customer_receipt[0] == "** Kundenbeleg **"
        assert went_back(shop, "refund")


async def test_a_reversal_takes_the_payment_back_whole() -> None:
    async with zvt_shop() as shop:
        back = outcome_of(await shop.driver.perform(await wish(shop, "reversal")))
        assert (back.outcome, back.amount_minor, back.receipt) == ("approved", AMOUNT, "0002")
        assert "Storno zu Beleg     0001" in back.customer_receipt
        assert went_back(shop, "reversal")


async def test_the_command_carries_the_password_and_the_last_receipt_number() -> None:
    async with zvt_shop() as shop:
        await shop.driver.perform(await wish(shop, "reversal"))
        await shop.driver.perform(shop.refund(AMOUNT))
        sent = [e.data.hex() for e in shop.ports.recorder.entries() if e.data[:1] == b"\x06"]
        assert "06300deeeeee870001" + "06051f1f020001" in sent
        assert "063114eeeeee04000000001234490978" + "06051f1f020002" in sent


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
async def test_every_script_ends_in_what_the_acquirer_has_booked(
    script: str, status: JobStatus, settled: str, kind: str, sync: bool
) -> None:
    async with zvt_shop(SimulatedTerminalSettings(sync_receipt=sync)) as shop:
        job = await wish(shop, kind)
        shop.terminal.next_script = script
        assert (await shop.driver.perform(job)).status is status
        outcome = await shop.definite(job)
        certain, _, only = settled.partition(" if ")
        assert outcome.outcome == (certain if sync or not only else "declined")
        assert went_back(shop, kind) == (outcome.outcome == "approved")


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
@pytest.mark.parametrize("fault", [no_more, kill, power_off])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_at_every_point_a_fault_is_found_out(
    kind: str, point: Point, fault: Fault, sync: bool, tmp_path: Path
) -> None:
    settings = SimulatedTerminalSettings(journal=str(tmp_path / "books"), sync_receipt=sync)
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
        await asyncio.wait([task])
        outcome = await shop.definite(job)
        assert outcome.outcome in {"approved", "declined"}
        assert went_back(shop, kind) == (outcome.outcome == "approved")
        # the next one is told apart from this one, and changes nothing about it
        await shop.until(DriverState.READY)
        second = outcome_of(await shop.driver.perform(shop.refund(AMOUNT)))
        assert second.receipt != outcome.receipt
        assert await shop.definite(job) == outcome


@pytest.mark.parametrize(
    ("script", "outcome"), [("cut_before_result", "declined"), ("cut_after_approval", "approved")]
)
async def test_two_refunds_of_one_amount_are_two(script: str, outcome: str) -> None:
    async with zvt_shop() as shop:
        first, second = shop.refund(500), shop.refund(500)
        one = outcome_of(await shop.driver.perform(first))
        shop.terminal.next_script = script
        assert (await shop.driver.perform(second)).status is JobStatus.UNKNOWN
        two = await shop.definite(second)
        assert two.outcome == outcome
        assert two.receipt != one.receipt
        assert shop.books() == [("refund", 500)] * (2 if outcome == "approved" else 1)
        assert await shop.definite(first) == one


async def test_nothing_new_is_begun_while_a_refund_is_open() -> None:
    async with scripted() as pt:
        job = pt.shop.refund(AMOUNT)
        going = asyncio.create_task(pt.shop.driver.perform(job))
        await pt.nothing_stored()
        assert await pt.hear() == "0631"
        await pt.write("80 00 00")
        await pt.say("06 0F", "")
        assert (await going).status is JobStatus.UNKNOWN
        for begin in (pt.shop.pay(500), pt.shop.refund(AMOUNT), pt.shop.reversal(500, "0001")):
            next_one = asyncio.create_task(pt.shop.driver.perform(begin))
            await pt.nothing_stored()
            with pytest.raises(Refused, match="busy"):
                await next_one
        assert pt.shop.ports.counts["UnknownRefundCount"] == 1


async def test_a_refund_that_waits_for_a_card_can_be_given_up() -> None:
    async with zvt_shop(SimulatedTerminalSettings(customer_ms=20_000)) as shop:
        job = shop.refund(100)
        going = asyncio.create_task(shop.driver.perform(job))
        await shop.clock.sleep(1.0)
        assert (await shop.driver.perform(shop.abortion(job))).status is JobStatus.DONE
        back = outcome_of(await going)
        assert back.outcome == "cancelled"
        assert back.reason == "The refund was given up at the terminal, or time ran out."
        assert shop.books() == []


# --- what the terminal will not do ---------------------------------------------------------


async def test_a_payment_is_reversed_once() -> None:
    async with zvt_shop() as shop:
        job = await wish(shop, "reversal")
        await shop.driver.perform(job)
        again = outcome_of(await shop.driver.perform(shop.reversal(AMOUNT, "0001")))
        assert (again.outcome, again.code) == ("declined", "already_reversed")
        assert again.reason.startswith("The payment was reversed already.")
        assert again.advice.startswith("The customer has the money back already")
        assert went_back(shop, "reversal")


@pytest.mark.parametrize("receipt", ["0002", "4711"])
async def test_a_refund_and_an_unknown_receipt_cannot_be_reversed(receipt: str) -> None:
    async with zvt_shop() as shop:
        await shop.driver.perform(await wish(shop, "refund"))
        no = outcome_of(await shop.driver.perform(shop.reversal(AMOUNT, receipt)))
        assert (no.outcome, no.code) == ("declined", "B5")
        assert no.advice.startswith("Refund the amount to the card instead")
        assert went_back(shop, "refund")


@pytest.mark.parametrize(
    ("kind", "words"),
    [("refund", "does not give refunds"), ("reversal", "does not reverse payments")],
)
async def test_a_terminal_that_does_not_offer_it_says_so(kind: str, words: str) -> None:
    settings = SimulatedTerminalSettings(refunds=False, reversals=False)
    async with zvt_shop(settings) as shop:
        no = outcome_of(await shop.driver.perform(await wish(shop, kind)))
        assert (no.outcome, no.code) == ("declined", "83")
        assert words in no.reason
        assert "another way" in no.advice
        assert not went_back(shop, kind)


@pytest.mark.parametrize("receipt", ["0000", "10000", "12a4", "١٢", "-1"])
async def test_a_receipt_number_that_is_none_is_not_sent(receipt: str) -> None:
    async with zvt_shop() as shop:
        with pytest.raises(Refused, match="is no receipt number"):
            await shop.driver.perform(shop.reversal(AMOUNT, receipt))


async def test_a_receipt_number_may_come_without_its_zeros() -> None:
    async with zvt_shop() as shop:
        await paid(shop)
        assert outcome_of(await shop.driver.perform(shop.reversal(AMOUNT, "1"))).code == "00"
        assert went_back(shop, "reversal")


async def test_the_last_receipt_is_not_reversed_for_another_amount() -> None:
    async with zvt_shop() as shop:
        payment = await paid(shop)
        job = shop.reversal(AMOUNT + 1, payment.receipt)
        with pytest.raises(Refused, match="receipt 0001 is of another amount"):
            await shop.driver.perform(job)
        assert (await shop.definite(job)).code == "never_begun"
        assert not went_back(shop, "reversal")


async def test_a_reversal_of_another_amount_says_which() -> None:
    async with zvt_shop() as shop:
        for amount in (700, AMOUNT):
            await paid(shop, amount)
        back = outcome_of(await shop.driver.perform(shop.reversal(AMOUNT, "0001")))
        assert (back.outcome, back.amount_minor) == ("approved", 700)
        assert shop.books() == [("payment", AMOUNT), ("reversal", 700)]


async def test_an_unreachable_terminal_has_given_nothing() -> None:
    async with zvt_shop() as shop:
        await shop.cable.unplug()
        with pytest.raises(DeviceUnreachable):
            await shop.driver.perform(shop.refund(100))
        await shop.until(DriverState.LOST)
        shop.cable.plug_in()
        await shop.until(DriverState.READY)
        assert shop.books() == []


# --- a terminal that does not keep to the standard -----------------------------------------

STORED = "27 00 04 000000001234 49 0978 87 0001 0B 000001"
BACK = "27 00 04 000000001234 49 0978 87 0002 0B 000002"
AGAIN = "27 00 04 000000001234 49 0978 87 0003 0B 000003"


async def test_a_terminal_that_was_found_not_to_repeat_refunds_is_not_believed() -> None:
    async with scripted() as pt:

        async def refund(stored: str, end: tuple[tuple[str, str], ...]) -> JobStatus:
            job = pt.job = pt.shop.refund(AMOUNT)
            going = asyncio.create_task(pt.shop.driver.perform(job))
            await pt.stored(stored)
            assert await pt.hear() == "0631"
            await pt.write("80 00 00")
            for command, data in end:
                await pt.say(command, data)
            return (await going).status

        async def asked(stored: str) -> PaymentOutcome:
            await pt.shop.clock.sleep(6.0)  # T3 is over
            asking = asyncio.create_task(pt.shop.driver.perform(pt.shop.inquiry(pt.job)))
            await pt.stored(stored)
            return outcome_of(await asking)

        done, lost = (("04 0F", BACK), ("06 0F", "")), (("06 0F", ""),)
        # it is believed at first, as the standard has it
        assert await refund(STORED, lost) is JobStatus.UNKNOWN
        assert (await asked(STORED)).code == "not_booked"
        # it refunds, and goes on naming the payment before: from here on that proves nothing
        assert await refund(STORED, done) is JobStatus.DONE
        assert await refund(STORED, lost) is JobStatus.UNKNOWN
        doubt = await asked(STORED)
        assert (doubt.outcome, doubt.code) == ("unknown", "terminal_cannot_say")
        assert "what became of the refund" in doubt.reason
        # it names one all the same: it is believed again
        assert await refund(STORED, (("04 0F", AGAIN), ("06 0F", ""))) is JobStatus.DONE
        assert await refund(AGAIN, lost) is JobStatus.UNKNOWN
        assert (await asked(AGAIN)).code == "not_booked"


async def test_a_terminal_that_never_names_a_payment_leaves_it_to_a_person() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        await pt.say("04 0F", STORED)
        await pt.say("06 0F", "")
        assert outcome_of(await paying).outcome == "approved"
        paying = await pt.payment_begun(1234)  # again it says that nothing is stored
        await pt.say("06 0F", "")
        assert (await paying).status is JobStatus.UNKNOWN
        await pt.shop.clock.sleep(6.0)
        asking = asyncio.create_task(pt.shop.driver.perform(pt.shop.inquiry(pt.job)))
        await pt.nothing_stored()
        assert outcome_of(await asking).code == "terminal_cannot_say"


async def test_a_payment_that_the_terminal_cannot_tell_of_is_taken_back_by_its_number() -> None:
    # what the desk of cards in doubt does: a person reads the number in the terminal's journal
    async with zvt_shop() as shop:
        await paid(shop, 500)
        shop.terminal.next_script = "cut_after_approval"
        job = shop.pay(AMOUNT)
        assert (await shop.driver.perform(job)).status is JobStatus.UNKNOWN
        # before the till is back somebody takes a card at the terminal itself
        shop.terminal._acquirer.book(777, shop.clock.now_ms(), "0042")
        assert (await shop.definite(job)).code == "terminal_cannot_say"
        journal = {each["amount_minor"]: each["receipt"] for each in shop.terminal.booked()}
        back = outcome_of(await shop.driver.perform(shop.reversal(AMOUNT, journal[AMOUNT])))
        assert (back.outcome, back.amount_minor) == ("approved", AMOUNT)
        assert [each for each in shop.books() if each[0] == "payment"] == [
            ("payment", 500), ("payment", 777),
        ]  # fmt: skip
        # the wrong line of the journal: the amount says so
        other = outcome_of(await shop.driver.perform(shop.reversal(AMOUNT, journal[500])))
        assert (other.outcome, other.amount_minor) == ("approved", 500)
