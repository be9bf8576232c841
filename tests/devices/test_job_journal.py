from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices.job_journal import MIGRATIONS, JobJournal, Stage
from edge.contract.device_limits import (
    JOB_MEMORY_DAYS,
    RECENT_RESULTS_MAX,
)
from edge.contract.device_messages import JobKind, JobResult, JobStatus
from edge.runtime.database_file import DatabaseFile
from tests.devices.loop_database import LoopDatabase
from tests.devices.virtual_clock import VirtualClock

PRINT = JobKind.PRINT_RECEIPT


def done(job_id: str) -> JobResult:
    return JobResult(job_id, JobStatus.DONE, 1, {"evidence": "confirmed"})


class Shelf:
    """Journals on one file, one after the other, as processes would open it."""

    def __init__(self, path: Path) -> None:
        self.clock = VirtualClock()
        self.path = path
        self.files: list[DatabaseFile] = []

    async def journal(self) -> JobJournal:
        self.files.append(DatabaseFile(self.path, MIGRATIONS))
        return JobJournal(self.files[-1], self.clock)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    made = Shelf(tmp_path / "devices.db")
    yield made
    for file in made.files:
        await file.close()


async def test_a_job_begins_once_and_its_result_outlives_the_process(shelf: Shelf) -> None:
    journal = await shelf.journal()
    assert await journal.open() == ()
    assert await journal.begin("job-00001", "printer", PRINT) is None
    begun = await journal.begin("job-00001", "printer", PRINT)
    assert begun is not None
    assert begun.stage is Stage.BEGUN
    await journal.finish("printer", PRINT, done("job-00001"), now=False)
    assert journal.recent("job-00001") is not None
    await journal.close()

    journal = await shelf.journal()
    assert await journal.open() == ()
    assert journal.recent("job-00001") is None
    known = await journal.begin("job-00001", "printer", PRINT)
    assert known is not None
    assert known.result == done("job-00001")
    assert await journal.find("job-00001") == known
    assert await journal.find("job-00002") is None


async def test_a_job_broken_off_by_a_crash_ends_unknown(shelf: Shelf) -> None:
    crashed = await shelf.journal()
    await crashed.open()
    await crashed.begin("job-00001", "drawer", JobKind.KICK_DRAWER)
    await crashed.finish("drawer", JobKind.KICK_DRAWER, done("job-00001"), now=False)
    # no close: what only waits for the next commit is gone with the process
    journal = await shelf.journal()
    (ended,) = await journal.open()
    assert ended.result is not None
    assert (ended.id, ended.device, ended.result.status) == (
        "job-00001",
        "drawer",
        JobStatus.UNKNOWN,
    )
    again = await shelf.journal()
    assert await again.open() == ()
    known = await again.find("job-00001")
    assert known is not None
    assert known.result == ended.result


async def test_the_end_of_a_print_rides_in_the_next_commit(shelf: Shelf) -> None:
    journal = await shelf.journal()
    await journal.open()
    commits = shelf.files[0].counts.commits
    for number in range(10):
        await journal.begin(f"job-0000{number}", "printer", PRINT)
        await journal.finish("printer", PRINT, done(f"job-0000{number}"), now=False)
    assert shelf.files[0].counts.commits == commits + 10  # one sync for each job, not two
    await journal.tidy()
    assert shelf.files[0].counts.commits == commits + 11
    await journal.tidy()
    assert shelf.files[0].counts.commits == commits + 11  # nothing to write: nothing written
    other = await shelf.journal()
    assert await other.open() == ()


async def test_the_end_of_a_payment_is_on_disk_at_once(shelf: Shelf) -> None:
    journal = await shelf.journal()
    await journal.open()
    await journal.begin("pay-00001", "terminal", JobKind.AUTHORISE_PAYMENT)
    await journal.finish("terminal", JobKind.AUTHORISE_PAYMENT, done("pay-00001"), now=True)
    other = await shelf.journal()  # no close in between
    assert await other.open() == ()
    known = await other.find("pay-00001")
    assert known is not None
    assert known.stage is Stage.FINISHED


async def test_a_refused_job_can_never_begin(shelf: Shelf) -> None:
    journal = await shelf.journal()
    await journal.open()
    kind = JobKind.AUTHORISE_PAYMENT
    assert await journal.refuse("pay-00001", "terminal", kind) is None
    other = await shelf.journal()  # on disk at once
    await other.open()
    known = await other.begin("pay-00001", "terminal", kind)
    assert known is not None
    assert known.stage is Stage.REFUSED
    assert (await journal.refuse("pay-00001", "terminal", kind)) == known
    await journal.begin("pay-00002", "terminal", kind)
    begun = await journal.refuse("pay-00002", "terminal", kind)
    assert begun is not None
    assert begun.stage is Stage.BEGUN
    await journal.finish("terminal", kind, done("pay-00002"), now=False)
    finished = await journal.refuse("pay-00002", "terminal", kind)
    assert finished is not None
    assert finished.stage is Stage.FINISHED
    assert await journal.begin("pay-00002", "terminal", kind) == finished


async def test_notes_are_kept_and_replaced(shelf: Shelf) -> None:
    journal = await shelf.journal()
    await journal.open()
    assert await journal.recall("pay-00001", "status") is None
    await journal.remember("pay-00001", "status", b"\x04\x0f")
    await journal.remember("pay-00001", "status", b"\x04\x0f\x00")
    await journal.remember("pay-00001", "trace", b"1")
    other = await shelf.journal()
    await other.open()
    assert await other.recall("pay-00001", "status") == b"\x04\x0f\x00"
    assert await other.recall("pay-00002", "status") is None


async def test_old_jobs_are_forgotten_and_memory_is_bounded() -> None:
    clock = VirtualClock()
    journal = JobJournal(LoopDatabase(), clock)
    await journal.open()
    await journal.begin("job-00000", "printer", PRINT)
    await journal.remember("job-00000", "note", b"1")
    await clock.advance(JOB_MEMORY_DAYS * 86_400 + 1)
    for number in range(RECENT_RESULTS_MAX + 1):
        job_id = f"job-1{number:05}"
        await journal.begin(job_id, "printer", PRINT)
        await journal.finish("printer", PRINT, done(job_id), now=False)
    await journal.tidy()
    assert await journal.find("job-00000") is None
    assert await journal.recall("job-00000", "note") is None
    assert journal.recent("job-100000") is None
    assert await journal.find("job-100000") is not None
    assert len(journal._recent) == RECENT_RESULTS_MAX
