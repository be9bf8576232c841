"""The end of a terminal's day: once, or it is found out whether."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from devices.driver import DeviceJob
from devices.simulators.terminal_zvt.scripts import Point, SimulatedTerminalSettings
from edge.contract.device_messages import JobResult, JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable, Refused
from edge.contract.terminal_messages import BatchTotals, SchemeTotal
from tests.devices.scripted_terminal import STATUS_OK, Scripted, scripted
from tests.devices.zvt_shop import ZvtShop, day_of, outcome_of, zvt_shop

POINTS = [point for point in Point if not point.value.startswith("re")]
DAY = BatchTotals(800, "0001", "0003", (SchemeTotal("girocard", 3, 800),))


async def a_day(shop: ZvtShop) -> None:
    """Two payments and a refund: 5.00 + 4.00 - 1.00."""
    for job in (shop.pay(500), shop.pay(400), shop.refund(100)):
        assert outcome_of(await shop.driver.perform(job)).outcome == "approved"


async def test_a_day_is_closed_with_its_totals_and_its_slip() -> None:
    async with zvt_shop() as shop:
        await a_day(shop)
        books = shop.books()
        job = shop.end_of_day()
        told = day_of(await shop.driver.perform(job))
        assert (told.outcome, told.totals, told.inferred) == ("closed", DAY, False)
        assert told.lines[0] == "** Kassenschnitt **"
        assert told.lines[-1] == "Summe EUR           8,00"
        assert shop.terminal.closed() == [{"count": 3, "sum_minor": 800, "first": 1, "last": 3}]
        assert shop.books() == books, "an end of day moved money"
        assert day_of(await shop.driver.perform(shop.day_inquiry(job))) == told
        # the next day begins with nothing, and its numbers go on
        paid = outcome_of(await shop.driver.perform(shop.pay(70)))
        assert (paid.outcome, paid.receipt) == ("approved", "0004")
        told = day_of(await shop.driver.perform(shop.end_of_day()))
        assert told.totals is not None
        assert (told.totals.amount_minor, told.totals.first_receipt) == (70, "0004")


async def test_the_till_shows_what_the_terminal_does_and_then_how_it_is() -> None:
    async with zvt_shop() as shop:
        await shop.driver.perform(shop.end_of_day())
        assert "The terminal is doing its end-of-day batch" in [
            state.get("health") for state in shop.ports.states
        ]
        assert shop.ports.state["health"] == ""


async def test_the_terminal_is_asked_for_its_totals_before_and_told_once() -> None:
    async with zvt_shop() as shop:
        await shop.driver.perform(shop.end_of_day())
        sent = [e.data.hex() for e in shop.ports.recorder.entries() if e.data[:1] == b"\x06"]
        assert [each[:4] for each in sent if each[:4] in ("0610", "0650")] == ["0610", "0650"]
        assert "065003eeeeee" in sent


@pytest.mark.parametrize(
    ("script", "status", "settled"),
    [
        ("approve", JobStatus.DONE, "closed"),
        ("decline", JobStatus.DONE, "not_closed"),
        ("abort", JobStatus.DONE, "not_closed"),
        ("silent", JobStatus.UNKNOWN, "not_closed"),
        ("cut_before_result", JobStatus.UNKNOWN, "not_closed"),
        ("cut_after_approval", JobStatus.UNKNOWN, "closed"),
        ("approve_after_cut", JobStatus.UNKNOWN, "closed"),
    ],
)
@pytest.mark.parametrize("totals", ["filled", "always"])
async def test_every_script_ends_in_what_was_handed_in(
    script: str, status: JobStatus, settled: str, totals: str
) -> None:
    async with zvt_shop(SimulatedTerminalSettings(totals=totals)) as shop:  # type: ignore[arg-type]
        await a_day(shop)
        job = shop.end_of_day()
        shop.terminal.next_script = script
        assert (await shop.driver.perform(job)).status is status
        told = await shop.definite_day(job)
        assert told.outcome == settled
        assert len(shop.terminal.closed()) == (settled == "closed")
        assert told.totals == (DAY if settled == "closed" else None)
        assert told.inferred == (settled == "closed" and status is JobStatus.UNKNOWN)


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


@pytest.mark.parametrize("after", ["keeps", "forgets", "names"])
@pytest.mark.parametrize("serial", [False, True], ids=["tcp", "serial"])
@pytest.mark.parametrize("fault", [no_more, kill, power_off])
@pytest.mark.parametrize("point", POINTS)
async def test_at_every_point_a_fault_is_found_out(
    point: Point, fault: Fault, serial: bool, after: str, tmp_path: Path
) -> None:
    settings = SimulatedTerminalSettings(
        journal=str(tmp_path / "books"),
        after_end_of_day=after,  # type: ignore[arg-type]
    )
    async with zvt_shop(settings, serial=serial) as shop:
        await a_day(shop)
        books = shop.books()
        job = shop.end_of_day()
        if fault is no_more:
            shop.terminal.cut_at = point
        else:
            shop.terminal.stall_at, shop.terminal.stall_s = point, 1.5
        task: asyncio.Task[object] = asyncio.create_task(shop.driver.perform(job))
        while not (shop.terminal.cut_at is shop.terminal.stall_at is None or task.done()):
            await shop.clock.sleep(0.05)
        await fault(shop, task)
        await asyncio.gather(task, return_exceptions=True)
        told = await shop.definite_day(job)
        assert told.outcome in {"closed", "not_closed"}
        assert len(shop.terminal.closed()) == (told.outcome == "closed")
        assert told.totals == (DAY if told.outcome == "closed" else None)
        assert shop.books() == books
        # the next payment is told apart from the day before, and changes nothing about it
        await shop.until_live()
        shop.terminal.next_script = "cut_after_approval"
        pay = shop.pay(800)
        assert (await shop.driver.perform(pay)).status is JobStatus.UNKNOWN
        paid = await shop.definite(pay)
        assert (paid.outcome, paid.amount_minor) in {("approved", 800), ("unknown", 0)}
        assert shop.books() == [*books, ("payment", 800)]
        assert await shop.definite_day(job) == told


async def test_a_terminal_without_totals_leaves_a_lost_answer_to_a_person() -> None:
    async with zvt_shop(SimulatedTerminalSettings(totals="")) as shop:
        await a_day(shop)
        job = shop.end_of_day()
        assert day_of(await shop.driver.perform(job)).totals == DAY
        job = shop.end_of_day()
        shop.terminal.next_script = "cut_after_approval"
        assert (await shop.driver.perform(job)).status is JobStatus.UNKNOWN
        told = await shop.definite_day(job)
        assert (told.outcome, told.code) == ("unknown", "terminal_cannot_say")
        assert "slip" in told.advice


async def test_a_terminal_that_ends_no_days_says_so() -> None:
    async with zvt_shop(SimulatedTerminalSettings(ends_days=False)) as shop:
        job = shop.end_of_day()
        result = await shop.driver.perform(job)
        assert result.status is JobStatus.FAILED
        assert result.error is not None
        assert result.error.code == "terminal_refused"
        assert (await shop.definite_day(job)).outcome == "not_closed"


async def test_an_end_of_day_that_was_asked_about_before_it_came_is_never_begun() -> None:
    async with zvt_shop() as shop:
        job = shop.end_of_day()
        assert (await shop.definite_day(job)).code == "never_begun"
        assert day_of(await shop.driver.perform(job)).code == "never_begun"
        assert shop.terminal.closed() == []


async def test_no_day_is_closed_over_a_payment_in_doubt() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        await pt.say("06 0F", "")
        assert (await paying).status is JobStatus.UNKNOWN
        closing = asyncio.create_task(pt.shop.driver.perform(pt.shop.end_of_day()))
        await pt.nothing_stored()
        with pytest.raises(Refused, match="busy"):
            await closing


async def test_the_totals_are_on_disk_before_they_are_acknowledged() -> None:
    async with scripted() as pt:
        job, closing = await closing_begun(pt)
        may_write = asyncio.Event()
        kept = pt.shop.ports.remember

        async def slow_disk(job_id: str, key: str, value: bytes) -> None:
            await may_write.wait()
            await kept(job_id, key, value)

        pt.shop.ports.remember = slow_disk  # type: ignore[method-assign]  # a disk that waits
        await pt.write("04 0F 09 27 00 04 000000001234")
        answer = asyncio.create_task(pt.hear())
        await pt.shop.clock.sleep(30.0)
        assert not answer.done()
        may_write.set()
        assert await answer == "8000"
        await pt.stream.close()  # the end is lost: what was told counts
        assert (await closing).status is JobStatus.UNKNOWN
        await pt.accept()
        told = await pt.shop.definite_day(job)
        assert (told.outcome, told.inferred) == ("closed", False)
        assert told.totals == BatchTotals(1234)


async def closing_begun(pt: Scripted) -> tuple[DeviceJob, asyncio.Task[JobResult]]:
    job = pt.shop.end_of_day()
    closing = asyncio.create_task(pt.shop.driver.perform(job))
    await pt.nothing_stored()
    assert await pt.hear() == "0610"
    await pt.write("80 00 00")
    await pt.say("04 0F", "27 00 04 000000001234")
    await pt.say("06 0F", "")
    assert await pt.hear() == "0650"
    await pt.write("80 00 00")
    return job, closing


async def test_why_a_terminal_gave_up_its_end_of_day_is_told_in_its_words() -> None:
    async with scripted() as pt:
        _, closing = await closing_begun(pt)
        await pt.say("06 1E", "77 06 07 1F17 04 4E65696E")
        told = day_of(await closing)
        assert (told.outcome, told.code) == ("not_closed", "77")
        assert told.reason == "The end-of-day batch is not possible now. (Nein)"


@pytest.mark.parametrize(
    ("script", "status", "what"),
    [
        pytest.param([("04 0F", "27 00"), ("06 0F", "")], "done", "closed", id="no totals"),
        pytest.param([("04 0F", "04 000000000001"), ("06 0F", "")], "done", "closed", id="no 27"),
        pytest.param([("04 0F", "27 77"), ("06 0F", "")], "done", "not_closed", id="refused"),
        pytest.param([("04 0F", "27 A0"), ("06 1E", "77")], "done", "not_closed", id="aborted"),
        pytest.param([("06 1E", "")], "done", "not_closed", id="given up without a code"),
        pytest.param([("06 0F", "")], "unknown", "end_contradicts", id="nothing told"),
        pytest.param(
            [("04 0F", "27 00"), ("06 1E", "77")], "unknown", "end_contradicts", id="both"
        ),
        pytest.param(
            [("04 0F", "27 00"), ("04 0F", "27 77"), ("06 0F", "")],
            "unknown",
            "end_contradicts",
            id="and then not",
        ),
    ],
)
async def test_every_end_of_the_dialogue(
    script: list[tuple[str, str]], status: str, what: str
) -> None:
    async with scripted() as pt:
        _, closing = await closing_begun(pt)
        for command, data in script:
            await pt.say(command, data)
        result = await closing
        assert result.status.value == status
        if status == "done":
            assert day_of(result).outcome == what
        else:
            assert result.error is not None
            assert result.error.code == what


async def test_the_last_end_of_day_is_never_taken_for_a_payment() -> None:
    # the terminal names its end of day as the last thing it did, and its sum is the payment's
    async with scripted() as pt:
        job = pt.shop.pay(1234)
        paying = asyncio.create_task(pt.shop.driver.perform(job))
        await pt.stored(STATUS_OK + "0B 000007")
        assert await pt.hear() == "0601"
        await pt.write("80 00 00")
        await pt.stream.close()
        assert (await paying).status is JobStatus.UNKNOWN
        await pt.accept()
        schemes = "60 F0F5F3 0001 0001" + "01 000000001234" + "00 000000000000" * 6
        await pt.stored("27 00 04 000000001234 49 0978 0B 000008 " + schemes)
        await pt.shop.until(DriverState.READY)
        assert (await pt.shop.definite(job)).code == "terminal_cannot_say"


async def test_what_cannot_reach_the_terminal_was_not_done() -> None:
    async with zvt_shop() as shop:
        await shop.cable.unplug()
        job = shop.end_of_day()
        with pytest.raises(DeviceUnreachable):
            await shop.driver.perform(job)
        assert (await shop.definite_day(job)).code == "never_begun"


async def test_still_open_is_not_believed_before_t3_is_over() -> None:
    async with scripted() as pt:
        job, closing = await closing_begun(pt)
        begun_ms = pt.shop.clock.monotonic_ms()
        await pt.stream.close()
        await closing
        await pt.accept()
        asked = 0
        while pt.shop.driver.state is not DriverState.READY or asked == 0:
            assert await pt.hear() == "0610"
            asked += 1
            await pt.write("80 00 00")
            await pt.say("04 0F", "27 00 04 000000001234")
            await pt.say("06 0F", "")
            await pt.shop.clock.sleep(0.1)
        assert asked > 3
        assert pt.shop.clock.monotonic_ms() - begun_ms >= 4_000
        assert (await pt.shop.definite_day(job)).code == "still_open"
