"""What became of it: every step of a transaction broken off, and asked about afterwards."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from devices.driver import DeviceJob
from devices.protocols.nexo_outcomes import PaymentNote
from devices.simulators.terminal_adyen.scripts import Point, Script, SimulatedAdyenSettings, Spoil
from edge.contract.device_limits import (
    NEXO_MEMORY_MS,
    NEXO_SETTLED_MS,
)
from edge.contract.device_messages import JobResult, JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable, Refused
from tests.devices.adyen_shop import SETTINGS, AdyenShop, adyen_shop, outcome_of

OF_A_TRANSACTION = [
    Point.UNREAD,
    Point.REQUEST,
    Point.BEFORE_BOOKING,
    Point.BOOKED,
    Point.HALF_TOLD,
    Point.TOLD,
]
OTHER_POINTS = [Point.STATUS, Point.STATUS_TOLD, Point.DIAGNOSIS]


async def job_of(shop: AdyenShop, kind: str) -> DeviceJob:
    if kind == "payment":
        return shop.pay(1999)
    if kind == "refund":
        return shop.refund(1999)
    paid = outcome_of(await shop.driver.perform(shop.pay(1999)))
    return shop.reversal(1999, paid.receipt)


def money(shop: AdyenShop) -> tuple[int, int]:
    """What the acquirer owes, and how many bookings there are."""
    return shop.terminal.balance_minor, len(shop.terminal.booked())


MOVES = {"payment": 1999, "refund": -1999, "reversal": -1999}


async def check_once(shop: AdyenShop, job: DeviceJob, kind: str, before: tuple[int, int]) -> str:
    """Return the outcome after checking that the books are just that."""
    outcome = await shop.definite(job)
    assert outcome.outcome in {"approved", "declined"}, outcome
    moved = outcome.outcome == "approved"
    assert money(shop) == (before[0] + moved * MOVES[kind], before[1] + moved)
    # whatever is asked now, nothing moves any more and the answer stays
    assert await shop.definite(job) == outcome
    await shop.until(DriverState.READY)
    assert shop.terminal.repeated == 0
    return outcome.outcome


# --- every boundary --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MOVES)
@pytest.mark.parametrize("point", OF_A_TRANSACTION)
async def test_a_cut_at_every_boundary_moves_money_once_or_not_at_all(
    kind: str, point: Point
) -> None:
    async with adyen_shop() as shop:
        job = await job_of(shop, kind)
        before = money(shop)
        shop.terminal.cut_at = point
        result = await shop.driver.perform(job)
        if point is Point.TOLD:  # the answer had left
            assert result.status is JobStatus.DONE
        else:
            assert result.status is JobStatus.UNKNOWN
            assert shop.ports.counts[f"Unknown{kind.capitalize()}Count"] == 1
        # the terminal goes on without its till
        assert await check_once(shop, job, kind, before) == "approved"


@pytest.mark.parametrize("kind", MOVES)
@pytest.mark.parametrize("point", [*OF_A_TRANSACTION, Point.DIAGNOSIS])
async def test_a_kill_at_every_boundary_moves_money_once_or_not_at_all(
    kind: str, point: Point
) -> None:
    async with adyen_shop() as shop:
        job = await job_of(shop, kind)
        before = money(shop)
        shop.terminal.stall_at, shop.terminal.stall_s = point, 2.0
        going = asyncio.create_task(shop.driver.perform(job))
        while shop.terminal.stall_at is not None:
            await shop.clock.sleep(0.01)
        going.cancel()
        await shop.kill_driver()
        shop.start_driver()
        ending = await check_once(shop, job, kind, before)
        assert ending == ("declined" if point is Point.DIAGNOSIS else "approved")


@pytest.mark.parametrize("point", OF_A_TRANSACTION)
async def test_a_terminal_switched_off_at_every_boundary_booked_it_or_not(point: Point) -> None:
    async with adyen_shop() as shop:
        job = shop.pay(1999)
        shop.terminal.stall_at, shop.terminal.stall_s = point, 2.0
        going = asyncio.create_task(shop.driver.perform(job))
        while shop.terminal.stall_at is not None:
            await shop.clock.sleep(0.01)
        books = shop.books()
        await shop.cable.unplug()
        for task in shop.tasks:
            task.cancel()
        # its journal is on disk: here it is carried over
        acquirer, shop.terminal = shop.terminal._acquirer, shop.new_terminal()
        shop.terminal._acquirer = acquirer
        shop.terminal._asked = {
            each.asked_by: shop.terminal._approved(each) for each in acquirer.transactions
        }
        shop.cable.plug_in()
        await going
        outcome = await shop.definite(job)
        assert outcome.outcome == ("approved" if books else "declined")
        assert shop.books() == books


@pytest.mark.parametrize("point", OTHER_POINTS)
@pytest.mark.parametrize("how", ["cut", "stall"])
async def test_asking_can_be_broken_off_too(point: Point, how: str) -> None:
    async with adyen_shop() as shop:
        job = shop.pay(1999)
        shop.terminal.next_script = "cut_after_approval"
        assert (await shop.driver.perform(job)).status is JobStatus.UNKNOWN
        if how == "cut":
            shop.terminal.cut_at = point
        else:
            shop.terminal.stall_at, shop.terminal.stall_s = point, 45.0
        assert await check_once(shop, job, "payment", (0, 0)) == "approved"
        assert shop.terminal.cut_at is None
        assert shop.terminal.stall_at is None


# --- what the answer is like ---------------------------------------------------------------------


@pytest.mark.parametrize("spoil", [each for each in Spoil if each is not Spoil.NO_RESULT])
async def test_an_answer_that_is_not_to_be_believed_is_asked_about(spoil: Spoil) -> None:
    async with adyen_shop() as shop:
        shop.terminal.spoil = spoil
        job = shop.pay(1999)
        result = await shop.driver.perform(job)
        if spoil is Spoil.TWICE:  # the first of the two is good; the second goes unheard
            assert result.status is JobStatus.DONE
        else:
            assert result.status is JobStatus.UNKNOWN, result
        assert await check_once(shop, job, "payment", (0, 0)) == "approved"
        await shop.clock.sleep(1)
        assert outcome_of(await shop.driver.perform(shop.pay(5))).outcome == "approved"


async def test_an_old_answer_in_the_line_is_found_before_money_is_asked_for() -> None:
    async with adyen_shop() as shop:
        shop.terminal.spoil = Spoil.TWICE
        await shop.driver.perform(shop.pay(1999))
        job = shop.pay(5)
        with pytest.raises(Refused, match="answered another request"):
            await shop.driver.perform(job)
        assert (job.id, "payment") not in shop.ports.notes
        assert shop.standing() == [1999]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (Spoil.SEAL, "nexo_seal_broken"),
        (Spoil.PADDING, "nexo_seal_broken"),
        (Spoil.KEY_VERSION, "nexo_other_key"),
        (Spoil.SERVICE_ID, "nexo_other_answer"),
        (Spoil.NO_JSON, "nexo_unsealed"),
        (Spoil.IN_CLEAR, "nexo_unsealed"),
        (Spoil.HTTP_ERROR, "nexo_http"),
        (Spoil.KEY_REFUSED, "nexo_key_refused"),
        (Spoil.OWN_MESSAGE, "nexo_no_answer"),
        (Spoil.EMPTY, "nexo_unsealed"),
    ],
)
async def test_why_it_is_not_known_is_told(spoil: Spoil, code: str) -> None:
    async with adyen_shop() as shop:
        shop.terminal.spoil = spoil
        result = await shop.driver.perform(shop.pay(1999))
    assert result.error is not None
    assert result.error.code == code
    assert result.error.detail


@pytest.mark.parametrize("kind", MOVES)
async def test_what_the_terminal_itself_cannot_tell_goes_to_a_person(kind: str) -> None:
    async with adyen_shop() as shop:
        job = await job_of(shop, kind)
        shop.terminal.spoil = Spoil.NO_RESULT
        assert (await shop.driver.perform(job)).status is JobStatus.UNKNOWN
        key = list(shop.terminal._asked)[-1]
        (name,) = shop.terminal._asked[key]
        shop.terminal._asked[key] = {name: {"Response": {"Result": "Perhaps"}}}
        outcome = await shop.definite(job)
        assert (outcome.outcome, outcome.code) == ("unknown", "terminal_cannot_say")
        assert "look it up at the acquirer" in outcome.reason
        # the next customer is served, and the question stays decided
        await shop.until(DriverState.READY)
        assert outcome_of(await shop.driver.perform(shop.pay(5))).outcome == "approved"
        assert (await shop.definite(job)).outcome == "unknown"


# --- time ----------------------------------------------------------------------------------------


async def test_after_two_minutes_without_an_answer_the_terminal_is_asked() -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = "late"
        job = shop.pay(1999)
        began = shop.clock.monotonic_ms()
        result = await shop.driver.perform(job)
        assert result.status is JobStatus.UNKNOWN
        assert shop.clock.monotonic_ms() - began == 120_000
        await shop.until(DriverState.ATTENTION)
        assert shop.ports.state["health"] == "The terminal is still at the last payment."
        with pytest.raises(Refused, match="still at the last payment"):
            await shop.driver.perform(shop.pay(5))
        assert shop.books() == []
        # it is approved ten seconds later all the same
        assert await check_once(shop, job, "payment", (0, 0)) == "approved"


async def test_a_request_that_was_never_looked_at_was_never_got() -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = "silent"
        job = shop.pay(1999)
        assert (await shop.driver.perform(job)).status is JobStatus.UNKNOWN
        began = shop.clock.monotonic_ms()
        outcome = await shop.definite(job)
        assert (outcome.outcome, outcome.code) == ("declined", "not_booked")
        # it was said once, and again a while later
        assert shop.clock.monotonic_ms() - began >= NEXO_SETTLED_MS
        assert shop.books() == []


async def test_a_request_that_lay_unread_is_found_when_it_is_taken_up() -> None:
    async with adyen_shop() as shop:
        shop.terminal.stall_at, shop.terminal.stall_s = Point.UNREAD, 8.0
        job = shop.pay(1999)
        going = asyncio.create_task(shop.driver.perform(job))
        while shop.terminal.stall_at is not None:
            await shop.clock.sleep(0.01)
        going.cancel()
        await shop.kill_driver()
        shop.start_driver()
        # the terminal says that it never got it, and then begins with it
        await shop.until(DriverState.ATTENTION)
        assert shop.terminal._asked == {}
        assert await check_once(shop, job, "payment", (0, 0)) == "approved"


async def test_how_long_it_was_never_got_is_counted_anew_after_a_crash() -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = "silent"
        job = shop.pay(1999)
        await shop.driver.perform(job)
        await shop.clock.sleep(NEXO_SETTLED_MS / 1000 - 2)
        await shop.kill_driver()
        shop.start_driver()
        began = shop.clock.monotonic_ms()
        assert (await shop.definite(job)).outcome == "declined"
        assert shop.clock.monotonic_ms() - began >= NEXO_SETTLED_MS


async def test_what_the_terminal_has_long_forgotten_goes_to_a_person() -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = "cut_after_approval"
        job = shop.pay(1999)
        await shop.kill_after(job)
        shop.terminal.forget()
        await shop.clock.sleep(NEXO_MEMORY_MS / 1000)
        shop.start_driver()
        outcome = await shop.definite(job)
        assert (outcome.outcome, outcome.code) == ("unknown", "terminal_cannot_say")
        assert shop.standing() == [1999]


async def test_another_terminal_is_not_asked_for_what_the_first_was_at() -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = "cut_after_approval"
        job = shop.pay(1999)
        await shop.kill_after(job)
        booked = shop.books()
        till = msgspec.structs.replace(SETTINGS, poi_id="S1F2-9")
        async with adyen_shop(SimulatedAdyenSettings(poi_id="S1F2-9"), till, start=False) as other:
            other.ports.notes |= shop.ports.notes
            other.start_driver()
            outcome = await other.definite(job)
            assert (outcome.outcome, outcome.code) == ("unknown", "terminal_cannot_say")
            assert other.terminal._asked == {}
        assert booked == [("payment", 1999)]


# --- broken off by the host ----------------------------------------------------------------------


async def test_a_payment_that_its_host_broke_off_is_found_out() -> None:
    async with adyen_shop(SimulatedAdyenSettings(customer_ms=5_000)) as shop:
        job = shop.pay(1999)
        going = asyncio.create_task(shop.driver.perform(job))
        await shop.clock.sleep(2)
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        assert await check_once(shop, job, "payment", (0, 0)) == "approved"
        assert outcome_of(await shop.driver.perform(shop.pay(5))).outcome == "approved"


async def test_a_question_that_was_given_up_leaves_no_answer_behind() -> None:
    async with adyen_shop() as shop:
        shop.terminal.stall_at, shop.terminal.stall_s = Point.DIAGNOSIS, 31.0
        with pytest.raises(DeviceUnreachable, match="within 30 s"):
            await shop.driver.perform(shop.health())
        await shop.clock.sleep(5)
        assert outcome_of(await shop.driver.perform(shop.pay(5))).outcome == "approved"


async def test_an_end_that_was_not_kept_is_asked_for_before_the_next_begins() -> None:
    async with adyen_shop() as shop:
        job = shop.pay(1999)
        await shop.driver.perform(job)
        note = msgspec.json.decode(shop.ports.notes[job.id, "payment"], type=PaymentNote)
        unended = msgspec.structs.replace(note, outcome=None, service_id="UNHEARDOF")
        shop.ports.notes[job.id, "payment"] = msgspec.json.encode(unended)
        other = shop.pay(5)
        with pytest.raises(Refused, match="busy"):
            await shop.driver.perform(other)
        assert (other.id, "payment") not in shop.ports.notes
        shop.ports.notes[job.id, "payment"] = msgspec.json.encode(
            msgspec.structs.replace(note, outcome=None)
        )
        assert outcome_of(await shop.driver.perform(other)).outcome == "approved"
        assert (await shop.definite(job)).outcome == "approved"


# --- one at a time -------------------------------------------------------------------------------


@pytest.mark.parametrize("next_kind", ["pay", "refund"])
async def test_while_one_is_unknown_no_other_begins(next_kind: str) -> None:
    async with adyen_shop(SimulatedAdyenSettings(customer_ms=60_000)) as shop:
        job = shop.pay(1999)
        going = asyncio.create_task(shop.driver.perform(job))
        await shop.clock.sleep(2)
        await shop.cable.unplug()
        shop.cable.plug_in()
        assert (await going).status is JobStatus.UNKNOWN
        asked = len(shop.terminal._asked)
        other = shop.pay(5) if next_kind == "pay" else shop.refund(5)
        for _ in range(20):
            with pytest.raises((Refused, DeviceUnreachable)):
                await shop.driver.perform(other)
            await shop.clock.sleep(1)
        assert len(shop.terminal._asked) == asked
        assert (other.id, "payment") not in shop.ports.notes
        assert (await shop.definite(job)).outcome == "approved"
        assert outcome_of(await shop.driver.perform(other)).outcome == "approved"


async def test_an_inquiry_meanwhile_says_that_it_is_not_over() -> None:
    async with adyen_shop(SimulatedAdyenSettings(customer_ms=60_000)) as shop:
        job = shop.pay(1999)
        going = asyncio.create_task(shop.driver.perform(job))
        await shop.clock.sleep(2)
        await shop.kill_driver()
        going.cancel()
        shop.start_driver()
        await shop.until(DriverState.ATTENTION)
        with pytest.raises(Refused, match="still at the last payment"):
            await shop.driver.perform(shop.inquiry(job))


async def test_a_job_of_which_there_is_no_note_was_never_begun() -> None:
    async with adyen_shop() as shop:
        outcome = outcome_of(await shop.driver.perform(shop.inquiry(shop.pay(1))))
        assert (outcome.outcome, outcome.code) == ("declined", "never_begun")


async def test_a_settled_one_is_told_without_asking_again() -> None:
    async with adyen_shop() as shop:
        job = shop.pay(1999)
        told: JobResult = await shop.driver.perform(job)
        await shop.cable.unplug()
        assert await shop.definite(job) == outcome_of(told)


async def test_the_receipts_come_with_the_repeated_answer() -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = Script.CUT_AFTER_APPROVAL.value
        job = shop.pay(1999)
        await shop.driver.perform(job)
        outcome = await shop.definite(job)
        assert "TOTAL EUR 19.99" in outcome.customer_receipt
        assert outcome.last4 == "0042"


def test_notes_of_older_versions_can_be_read() -> None:
    kept = (
        b'{"job":"pay-1","kind":"payment","amount_minor":1999,"currency":"EUR",'
        b'"sale_id":"Tillbox","poi_id":"S1F2-1","service_id":"0123456789","begun_ms":1}'
    )
    note = msgspec.json.decode(kept, type=PaymentNote)
    assert note.open
    assert note.header.service_id == "0123456789"
