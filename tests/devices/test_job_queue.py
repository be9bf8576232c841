"""A device's jobs: each once, one at a time, in order, in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from devices.driver import DeviceJob
from devices.job_router.incoming_jobs import read_job
from edge.contract.device_limits import (
    JOB_RUN_S_MAX,
    JOBS_PER_DEVICE_MAX,
)
from edge.contract.device_messages import (
    JobError,
    JobKind,
    JobResult,
    JobStatus,
)
from edge.contract.device_states import DriverState
from edge.contract.errors import (
    DeviceNeedsPerson,
    DeviceUnreachable,
    OutcomeUnknown,
    ProtocolViolation,
    Refused,
    StorageFailed,
)
from tests.devices.queue_desk import Desk, payload
from tests.devices.virtual_clock import VirtualClock


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Desk(VirtualClock()).open() as made:
        yield made


K = JobKind


@pytest.mark.parametrize("kind", [K.PRINT_RECEIPT, K.KICK_DRAWER, K.AUTHORISE_PAYMENT])
async def test_a_job_is_done_once_and_a_repeat_gets_the_same_answer(
    desk: Desk, kind: JobKind
) -> None:
    await desk.send(kind, "job-00001")
    await desk.send(kind, "job-00001", correlation="again")
    assert desk.driver.performed == ["job-00001"]
    first, second = desk.answers
    assert first.status is JobStatus.DONE
    assert (first.correlation, second.correlation) == ("c-job-00001", "again")
    assert msgspec.structs.replace(second, correlation="c-job-00001") == first


async def test_a_repeat_after_a_restart_is_answered_from_the_disk(desk: Desk) -> None:
    await desk.send(K.KICK_DRAWER, "job-00001")
    await desk.journal.close()
    desk.journal._recent.clear()
    await desk.send(K.KICK_DRAWER, "job-00001")
    assert desk.driver.performed == ["job-00001"]
    assert desk.of("job-00001") == ["done", "done"]


async def test_a_repeat_while_the_job_runs_or_waits_adds_nothing(desk: Desk) -> None:
    go = desk.driver.holds("job-00001")
    await desk.send(K.PRINT_RECEIPT, "job-00001")
    await desk.send(K.PRINT_RECEIPT, "job-00002")
    await desk.send(K.PRINT_RECEIPT, "job-00001")
    await desk.send(K.PRINT_RECEIPT, "job-00002")
    assert desk.answers == []
    go.set()
    await desk.clock.advance(0)
    assert desk.driver.performed == ["job-00001", "job-00002"]
    assert [answer.id for answer in desk.answers] == ["job-00001", "job-00002"]


async def test_one_job_at_a_time_in_the_order_of_arrival(desk: Desk) -> None:
    go = desk.driver.holds("job-00001")
    for number in range(1, 6):
        await desk.send(K.KICK_DRAWER, f"job-0000{number}")
    go.set()
    await desk.clock.advance(0)
    assert desk.driver.performed == [f"job-0000{number}" for number in range(1, 6)]
    assert desk.driver.at_work_max == 1


async def test_each_job_that_may_not_run_twice_costs_one_write_and_others_none(
    desk: Desk,
) -> None:
    before = desk.database.writes
    await desk.send(K.CHECK_HEALTH, "job-00001")
    assert desk.database.writes == before
    await desk.send(K.PRINT_RECEIPT, "job-00002")
    await desk.send(K.KICK_DRAWER, "job-00003")
    assert desk.database.writes == before + 2
    await desk.send(K.AUTHORISE_PAYMENT, "job-00004")
    assert desk.database.writes == before + 4


# --- what is refused ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "open_safe"}, "kind_unknown"),
        ({"kind": ""}, "kind_unknown"),
        ({"args": {"reason": 7}}, "args_invalid"),
        ({"args": []}, "args_invalid"),
        ({"args": None}, "args_invalid"),
        ({"v": 2}, "version_unknown"),
        ({"delivery": "repeatable"}, "delivery_wrong"),
    ],
)
async def test_a_job_that_cannot_be_run_is_refused_in_words(
    desk: Desk, changes: dict[str, Any], code: str
) -> None:
    await desk.send(K.KICK_DRAWER, "job-00001", **changes)
    assert desk.of("job-00001") == [f"failed:{code}"]
    assert desk.driver.performed == []
    assert desk.queue.counts == {code: 1}


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"NaN",
        b"{" * 5000,
        b"[" * 50_000,
        b'{"id":"x"}',
        b'{"id":"\xff"}',
    ],
)
def test_what_is_no_job_is_none(garbage: bytes) -> None:
    assert read_job(garbage) is None


async def test_a_full_queue_refuses(desk: Desk) -> None:
    desk.state(DriverState.LOST)
    for number in range(JOBS_PER_DEVICE_MAX + 1):
        deadline = desk.clock.now_ms() + 60_000
        job = read_job(payload(K.KICK_DRAWER, f"job-{number:05}", deadline))
        assert job is not None
        desk.queue.take(job)
    await desk.clock.advance(0)
    assert desk.of(f"job-{JOBS_PER_DEVICE_MAX:05}") == ["failed:queue_full"]
    assert desk.jobs_waiting == JOBS_PER_DEVICE_MAX


# --- deadlines and waiting ---------------------------------------------------------------


async def test_an_expired_job_is_not_begun(desk: Desk) -> None:
    await desk.send(K.KICK_DRAWER, "job-00001", in_s=0)
    assert desk.of("job-00001") == ["failed:expired"]
    assert desk.driver.performed == []


async def test_the_deadline_is_looked_at_again_after_the_disk_was_slow(desk: Desk) -> None:
    begin = desk.database.write

    async def slow(unit: Any) -> Any:
        result = await begin(unit)
        desk.clock._elapsed_s += 11.0
        return result

    desk.database.write = slow  # type: ignore[method-assign]  # a disk that takes 11 s
    await desk.send(K.KICK_DRAWER, "job-00001", in_s=10)
    assert desk.of("job-00001") == ["failed:expired"]
    assert desk.driver.performed == []
    await desk.send(K.KICK_DRAWER, "job-00001")
    assert desk.of("job-00001") == ["failed:expired", "failed:expired"]


async def test_a_receipt_waits_for_paper_while_the_drawer_opens(desk: Desk) -> None:
    desk.state(DriverState.ATTENTION)
    await desk.send(K.PRINT_RECEIPT, "job-00001", in_s=3600)
    await desk.send(K.KICK_DRAWER, "job-00002")
    assert desk.driver.performed == ["job-00002"]
    assert desk.of("job-00001") == ["accepted:device_attention"]
    assert desk.jobs_waiting == 1
    await desk.clock.advance(1800)
    desk.state(DriverState.READY)
    await desk.clock.advance(0)
    assert desk.of("job-00001") == ["accepted:device_attention", "done"]
    assert desk.jobs_waiting == 0


async def test_labels_wait_for_paper_as_receipts_do_and_each_job_is_printed_once(
    desk: Desk,
) -> None:
    desk.state(DriverState.ATTENTION)
    await desk.send(K.PRINT_LABELS, "job-00001", in_s=3600)
    assert desk.of("job-00001") == ["accepted:device_attention"]
    desk.driver.raises("job-00001", DeviceNeedsPerson("labels_out", "No labels."), None)
    desk.state(DriverState.READY)
    await desk.clock.advance(5)
    assert desk.driver.performed == ["job-00001", "job-00001"], "sent back before the first byte"
    assert desk.of("job-00001")[-1] == "done"
    await desk.send(K.PRINT_LABELS, "job-00001")
    assert desk.driver.performed == ["job-00001", "job-00001"], "a repeat touches nothing"


# --- only the newest lines count ---------------------------------------------------------


async def test_of_lines_that_wait_only_the_newest_is_shown(desk: Desk) -> None:
    go = desk.driver.holds("job-00001")
    await desk.send(K.SHOW_LINES, "job-00001")
    for number in range(2, 6):
        await desk.send(K.SHOW_LINES, f"job-0000{number}")
    go.set()
    await desk.clock.advance(0)
    assert desk.driver.performed == ["job-00001", "job-00005"]
    assert desk.of("job-00004") == ["failed:superseded"]
    assert desk.of("job-00005") == ["done"]
    assert desk.queue.counts == {"superseded": 3}


async def test_lines_for_a_display_that_is_away_never_fill_its_queue(desk: Desk) -> None:
    desk.state(DriverState.LOST)
    for number in range(JOBS_PER_DEVICE_MAX + 10):
        await desk.send(K.SHOW_LINES, f"job-{number:05}")
    assert desk.jobs_waiting == 1
    desk.state(DriverState.READY)
    await desk.clock.advance(0)
    assert desk.driver.performed == [f"job-{JOBS_PER_DEVICE_MAX + 9:05}"]


async def test_lines_come_before_what_waits_and_leave_it_where_it_is(desk: Desk) -> None:
    go = desk.driver.holds("job-00001")
    await desk.send(K.PRINT_RECEIPT, "job-00001")
    await desk.send(K.PRINT_RECEIPT, "job-00002")
    await desk.send(K.SHOW_LINES, "job-00003")
    go.set()
    await desk.clock.advance(0)
    assert desk.driver.performed == ["job-00001", "job-00003", "job-00002"]


async def test_lines_that_are_superseded_while_others_expire_are_answered_once(desk: Desk) -> None:
    desk.state(DriverState.LOST)
    await desk.send(K.KICK_DRAWER, "job-00001", in_s=10)
    await desk.send(K.SHOW_LINES, "job-00002", in_s=10)
    desk.queue._waiting.reverse()
    find = desk.journal.find

    async def slow(job_id: str) -> Any:
        await desk.clock.sleep(1)
        return await find(job_id)

    desk.journal.find = slow  # type: ignore[method-assign]  # a disk that takes its time
    await desk.clock.advance(10)
    await desk.send(K.SHOW_LINES, "job-00003", in_s=60)
    await desk.clock.advance(5)
    finals = [each for each in desk.of("job-00002") if not each.startswith("accepted")]
    assert finals == ["failed:superseded"]
    assert desk.of("job-00001")[-1] == "failed:expired"
    desk.state(DriverState.READY)
    await desk.clock.advance(5)
    assert desk.of("job-00003")[-1] == "done", "the worker lives"


async def test_lines_superseded_while_the_record_is_read_are_not_told_to_wait(desk: Desk) -> None:
    find = desk.journal.find

    async def slow(job_id: str) -> Any:
        await desk.clock.sleep(1)
        return await find(job_id)

    desk.journal.find = slow  # type: ignore[method-assign]  # a disk that takes its time
    desk.state(DriverState.LOST)
    await desk.send(K.SHOW_LINES, "job-00001")
    await desk.send(K.SHOW_LINES, "job-00002")
    await desk.clock.advance(5)
    assert desk.of("job-00001") == ["failed:superseded"]
    assert desk.of("job-00002") == ["accepted:device_lost"]


async def test_a_waiting_job_says_once_for_what_and_again_when_that_changes(desk: Desk) -> None:
    desk.state(DriverState.ATTENTION)
    await desk.send(K.PRINT_RECEIPT, "job-00001", in_s=60)
    desk.queue.wake()
    await desk.clock.advance(1)
    desk.state(DriverState.LOST)
    await desk.clock.advance(1)
    assert desk.of("job-00001") == ["accepted:device_attention", "accepted:device_lost"]
    await desk.send(K.PRINT_RECEIPT, "job-00001", in_s=60)
    assert desk.of("job-00001")[2:] == ["accepted:device_lost"]
    await desk.clock.advance(60)
    assert desk.of("job-00001")[3:] == ["failed:expired"]
    late = desk.answers[-1].error
    assert late is not None
    assert late.advice == "Help it."


@pytest.mark.parametrize("kind", [K.KICK_DRAWER, K.AUTHORISE_PAYMENT, K.CHECK_HEALTH])
async def test_other_jobs_wait_until_the_device_answers_at_all(desk: Desk, kind: JobKind) -> None:
    desk.state(DriverState.LOST)
    await desk.send(kind, "job-00001", in_s=10)
    await desk.send(kind, "job-00002", in_s=30)
    await desk.clock.advance(20)
    desk.state(DriverState.ATTENTION)
    await desk.clock.advance(0)
    assert desk.of("job-00001") == ["accepted:device_lost", "failed:expired"]
    assert desk.of("job-00002") == ["accepted:device_lost", "done"]


async def test_a_repeat_of_a_done_job_needs_no_device(desk: Desk) -> None:
    await desk.send(K.KICK_DRAWER, "job-00001")
    await desk.journal.close()
    desk.journal._recent.clear()
    desk.state(DriverState.LOST)
    await desk.send(K.KICK_DRAWER, "job-00001")
    assert desk.of("job-00001") == ["done", "done"]
    desk.journal._recent.clear()
    await desk.send(K.KICK_DRAWER, "job-00001", in_s=0)
    assert desk.of("job-00001") == ["done", "done", "done"]


async def test_a_clock_that_steps_forward_expires_what_waits(desk: Desk) -> None:
    desk.state(DriverState.LOST)
    await desk.send(K.KICK_DRAWER, "job-00001", in_s=3600)
    desk.clock._start_ms += 3_600_000
    await desk.clock.advance(31)
    assert desk.of("job-00001")[-1] == "failed:expired"


# --- how a driver's job may end ----------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (DeviceUnreachable("cable_out", "x"), "failed:cable_out"),
        (DeviceNeedsPerson("cover_open", "x"), "failed:cover_open"),
        (Refused("no_such_drawer", "x"), "failed:no_such_drawer"),
        (OutcomeUnknown("cut", "x"), "unknown:cut"),
        (ProtocolViolation("nonsense", "x"), "unknown:nonsense"),
        (RuntimeError("bug"), "unknown:driver_defect"),
        (TimeoutError(), "unknown:no_end"),
    ],
)
async def test_an_error_ends_a_job_as_the_taxonomy_says(
    desk: Desk, error: Exception, ends: str
) -> None:
    desk.driver.raises("job-00001", error)
    await desk.send(K.KICK_DRAWER, "job-00001")
    await desk.send(K.KICK_DRAWER, "job-00002")
    assert desk.of("job-00001") == [ends]
    assert desk.of("job-00002") == ["done"]
    await desk.send(K.KICK_DRAWER, "job-00001")
    assert desk.of("job-00001") == [ends, ends]
    assert desk.driver.performed == ["job-00001", "job-00002"]


@pytest.mark.parametrize(
    "result",
    [
        lambda _: JobResult("another-1", JobStatus.DONE, 1),
        lambda job: JobResult(job.id, JobStatus.ACCEPTED, 1),
    ],
)
async def test_a_result_that_is_none_is_a_defect(
    desk: Desk, result: Callable[[DeviceJob], JobResult]
) -> None:
    desk.driver.returns("job-00001", result)
    await desk.send(K.KICK_DRAWER, "job-00001")
    assert desk.of("job-00001") == ["unknown:driver_defect"]
    assert "job_defect" in desk.log_text.getvalue()


async def test_a_job_without_end_is_given_up(desk: Desk) -> None:
    desk.driver.holds("job-00001")
    await desk.send(K.KICK_DRAWER, "job-00001")
    await desk.clock.advance(JOB_RUN_S_MAX)
    assert desk.of("job-00001") == ["unknown:no_end"]


async def test_a_disk_that_fails_ends_the_process(desk: Desk) -> None:
    desk.driver.raises("job-00001", StorageFailed("disk", "The disk failed."))
    await desk.send(K.KICK_DRAWER, "job-00001")
    with pytest.raises(StorageFailed):
        await desk.tasks.wait()


async def test_a_receipt_sent_back_before_its_first_byte_waits_and_is_printed(desk: Desk) -> None:
    trouble = DeviceNeedsPerson("paper_out", "No paper.", advice="Put paper in.")
    desk.driver.raises("job-00001", trouble, trouble)
    before = desk.database.writes
    await desk.send(K.PRINT_RECEIPT, "job-00001")
    await desk.send(K.KICK_DRAWER, "job-00002")
    assert desk.driver.performed == ["job-00001", "job-00002"]
    await desk.clock.advance(3)
    assert desk.of("job-00001") == ["accepted:paper_out", "done"]
    assert desk.driver.performed == ["job-00001", "job-00002", "job-00001", "job-00001"]
    assert desk.database.writes == before + 2


async def test_a_receipt_that_was_sent_back_until_its_deadline_failed_for_certain(
    desk: Desk,
) -> None:
    desk.driver.raises("job-00001", *[DeviceUnreachable("cable_out", "x")] * 20)
    await desk.send(K.PRINT_RECEIPT, "job-00001", in_s=5)
    await desk.clock.advance(6)
    assert desk.of("job-00001")[-1] == "failed:expired"
    await desk.send(K.PRINT_RECEIPT, "job-00001")
    assert desk.of("job-00001")[-1] == "failed:expired"
    assert desk.driver.performed == ["job-00001"] * 5


async def test_a_job_cut_by_stopping_is_unknown_for_ever() -> None:
    desk = Desk(VirtualClock())
    async with desk.open():
        desk.driver.holds("job-00001")
        await desk.send(K.KICK_DRAWER, "job-00001")
    assert desk.of("job-00001") == ["unknown:broken_off"]
    again = desk.new_queue()
    task = asyncio.create_task(again.run())
    job = read_job(payload(K.KICK_DRAWER, "job-00001", desk.clock.now_ms() + 9_000))
    assert job is not None
    again.take(job)
    await desk.clock.advance(0)
    task.cancel()
    assert desk.of("job-00001")[1:] == ["unknown:broken_off"]
    assert desk.driver.performed == ["job-00001"]


# --- a new driver, a removed device ------------------------------------------------------


async def test_what_waits_moves_to_the_new_driver_or_is_refused() -> None:
    desk = Desk(VirtualClock())
    async with desk.open():
        desk.driver.raises("job-00003", DeviceUnreachable("cable_out", "x"))
        await desk.send(K.PRINT_RECEIPT, "job-00003")
        desk.state(DriverState.LOST)
        await desk.send(K.PRINT_RECEIPT, "job-00001")
        await desk.send(K.AUTHORISE_PAYMENT, "pay-00001")
        old = desk.queue
        desk.kinds = frozenset({K.PRINT_RECEIPT})
        desk.queue = desk.new_queue()
        await desk.queue.take_over(old)
        assert desk.of("pay-00001")[-1] == "failed:kind_unknown"
        desk.tasks.start("jobs of the new driver", desk.queue.run, restart=False)
        await desk.clock.advance(2)
        desk.state(DriverState.READY)
        await desk.clock.advance(0)
        assert desk.of("job-00001")[-1] == "done"
        assert desk.of("job-00003")[-1] == "done"


async def test_what_waits_for_a_removed_device_is_refused(desk: Desk) -> None:
    desk.driver.raises("job-00001", DeviceUnreachable("cable_out", "x"))
    await desk.send(K.PRINT_RECEIPT, "job-00001")
    desk.state(DriverState.LOST)
    await desk.send(K.KICK_DRAWER, "job-00002")
    await desk.queue.dismiss(JobError("device_not_configured", "Gone."))
    assert desk.of("job-00001")[-1] == "failed:device_not_configured"
    assert desk.of("job-00002")[-1] == "failed:device_not_configured"
    await desk.send(K.PRINT_RECEIPT, "job-00001")
    assert desk.of("job-00001")[-1] == "failed:device_not_configured"


async def test_a_stuck_device_delays_nobody_else() -> None:
    clock = VirtualClock()
    stuck, free = Desk(clock, "stuck"), Desk(clock, "free")
    async with stuck.open(), free.open():
        stuck.driver.holds("job-00001")
        await stuck.send(K.PRINT_RECEIPT, "job-00001")
        await free.send(K.PRINT_RECEIPT, "job-00002")
        assert free.of("job-00002") == ["done"]
        assert stuck.answers == []
