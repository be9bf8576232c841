from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec
import pytest
from msgspec.structs import replace

from edge.contract.device_messages import (
    DEVICE_NOT_CONFIGURED,
    JobError,
    JobKind,
    JobResult,
    JobStatus,
    KickDrawerArgs,
)
from edge.contract.device_topics import HostTopics
from edge.contract.errors import Refused
from edge.contract.limits import (
    JOB_GRACE_MS,
    JOB_SWEEP_S,
    SIDE_JOBS_MAX,
)
from edge.contract.wire import encode
from edge.flows.device_directory import DeviceDirectory
from edge.flows.job_dispatch import JobDispatch
from edge.ledger.records import OpenJob
from edge.runtime.memory_bus import MemoryBroker, MemoryBus
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from tests.flows.box import DEVICES
from tests.flows.fake_host import STORE, until
from tests.runtime.hand_clock import HandClock

HOST = HostTopics(STORE, "box")
EXPIRES_MS = 5_000


@dataclass
class Desk:
    """A dispatch whose results are kept; `deaf` makes so many of them impossible to record."""

    clock: HandClock
    broker: MemoryBroker
    host: MemoryBus
    dispatch: JobDispatch
    told: io.StringIO
    heard: list[str] = field(default_factory=list)
    settled: list[tuple[str, JobStatus]] = field(default_factory=list)
    deaf: int = 0

    async def settle(self, job: OpenJob, result: JobResult) -> None:
        if self.deaf:
            self.deaf -= 1
            raise Refused("not_now", "It cannot be recorded.")
        self.settled.append((job.job_id, result.status))

    def job(
        self, job_id: str, kind: JobKind = JobKind.KICK_DRAWER, device: str = "printer-1"
    ) -> OpenJob:
        args = encode(KickDrawerArgs())
        deadline = self.clock.now_ms() + EXPIRES_MS
        return OpenJob(job_id, kind, "till-1", "sale-1", device, 0, deadline, args)

    async def answer(
        self,
        job_id: str,
        status: JobStatus = JobStatus.DONE,
        *,
        device: str = "printer-1",
    ) -> None:
        await self.host.publish(HOST.device(device).result, encode(JobResult(job_id, status, 1)))

    def words(self, event: str) -> int:
        return sum(json.loads(line)["event"] == event for line in self.told.getvalue().splitlines())

    async def hear_jobs(self) -> None:
        async for message in self.host.subscribe([HOST.all_jobs]):
            self.heard.append(json.loads(message.payload)["id"])


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock, broker, told = HandClock(), MemoryBroker(), io.StringIO()
    edge, host = broker.connect("edge"), broker.connect("box")
    log = open_log("edge", told)
    directory = DeviceDirectory(STORE, DEVICES, edge, log, lambda _till: None, lambda _host: None)
    async with Supervisor(clock, log) as tasks:
        dispatch = JobDispatch(STORE, edge, directory, clock, log, tasks)
        made = Desk(clock, broker, host, dispatch, told)
        dispatch.settlers = dict.fromkeys(JobKind, made.settle)
        directory.assigned.append(dispatch.devices_left)
        edge.on_connect(dispatch.greet)
        works = (edge.run, host.run, dispatch.run, dispatch.sweep, made.hear_jobs)
        running = [asyncio.create_task(work()) for work in works]
        await until(lambda: edge.connected and host.connected, what="both are connected")
        yield made
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def look(desk: Desk) -> None:
    """Let the sweep look once, and wait until it has."""
    await until(lambda: desk.clock.waiting == 1, what="the sweep waits")
    desk.clock.advance(JOB_SWEEP_S)
    await until(lambda: desk.clock.waiting == 1, what="the sweep looked")


async def test_a_job_that_nobody_answers_ends_as_unknown_and_a_payment_does_not(
    desk: Desk,
) -> None:
    desk.dispatch.add(desk.job("job-drawer"))
    desk.dispatch.watch(desk.job("job-card", JobKind.AUTHORISE_PAYMENT, "terminal-1"))
    await look(desk)
    assert desk.settled == []
    desk.clock.advance(3_600)
    await look(desk)
    await look(desk)
    assert desk.settled == [("job-drawer", JobStatus.UNKNOWN)]
    assert [job.job_id for job in desk.dispatch.open_jobs()] == ["job-card"]


async def test_a_job_has_its_deadline_and_a_minute_to_be_answered(desk: Desk) -> None:
    desk.dispatch.add(desk.job("job-drawer"))
    for _ in range((EXPIRES_MS + JOB_GRACE_MS) // round(JOB_SWEEP_S * 1000)):
        await look(desk)
        assert desk.settled == []
    await look(desk)
    assert desk.settled == [("job-drawer", JobStatus.UNKNOWN)]


async def test_a_result_that_could_not_be_recorded_leaves_the_job_open(desk: Desk) -> None:
    desk.dispatch.add(desk.job("job-drawer"))
    await until(lambda: desk.heard == ["job-drawer"], what="the host has it")
    desk.deaf = 1
    await desk.answer("job-drawer")
    await until(lambda: desk.deaf == 0, what="it was tried")
    await until(lambda: desk.dispatch.open_jobs() != [], what="it is open again")
    await desk.answer("job-drawer")
    await until(lambda: desk.settled == [("job-drawer", JobStatus.DONE)], what="it is recorded")
    await desk.answer("job-drawer", JobStatus.FAILED)  # a repeat, and another one at that
    await desk.answer("job-nobody-gave")
    desk.dispatch.add(desk.job("job-next"))
    await desk.answer("job-next")
    await until(lambda: len(desk.settled) > 1, what="what came behind them is heard")
    assert desk.settled == [("job-drawer", JobStatus.DONE), ("job-next", JobStatus.DONE)]


async def test_results_that_settle_nothing_are_counted(desk: Desk) -> None:
    desk.dispatch.add(desk.job("job-drawer"))
    for garbage in (b"{", b'{"id":"\xff"}', b'{"more":' + b"[" * 50_000):
        await desk.host.publish(HOST.device("printer-1").result, garbage)
    await desk.answer("job-drawer", device="terminal-1")
    await until(lambda: desk.dispatch.dropped == 4, what="all are dropped")
    assert (desk.words("job_result_garbled"), desk.words("job_result_foreign")) == (3, 1)
    assert desk.words("task_defect") == 0
    await desk.answer("job-drawer")
    await until(lambda: desk.settled != [], what="the right one is heard")
    assert desk.settled == [("job-drawer", JobStatus.DONE)]


async def test_the_result_of_a_side_job_is_heard_while_its_payment_is_open(desk: Desk) -> None:
    card = desk.job("job-card", JobKind.AUTHORISE_PAYMENT, "terminal-1")
    desk.dispatch.watch(card)
    desk.dispatch.answers_for("inquiry-1", card)
    await desk.answer("inquiry-1", device="terminal-1")
    await until(lambda: desk.settled == [("job-card", JobStatus.DONE)], what="it is heard")
    desk.dispatch.forget("job-card")
    await desk.answer("inquiry-1", device="terminal-1")
    desk.dispatch.add(desk.job("job-drawer"))
    await desk.answer("job-drawer")
    await until(lambda: len(desk.settled) > 1, what="what came behind it is heard")
    assert desk.settled[1:] == [("job-drawer", JobStatus.DONE)]


async def test_side_jobs_are_remembered_up_to_their_limit(desk: Desk) -> None:
    card = desk.job("job-card", JobKind.AUTHORISE_PAYMENT, "terminal-1")
    desk.dispatch.watch(card)
    for number in range(SIDE_JOBS_MAX + 1):
        desk.dispatch.answers_for(f"inquiry-{number}", card)
    await desk.answer("inquiry-0", device="terminal-1")
    await desk.answer("inquiry-1", JobStatus.UNKNOWN, device="terminal-1")
    await until(lambda: desk.settled != [], what="the oldest of the kept ones is heard")
    assert desk.settled == [("job-card", JobStatus.UNKNOWN)]


async def test_a_job_waits_for_the_broker_and_then_is_sent(desk: Desk) -> None:
    desk.broker.stop()
    job = desk.job("job-drawer")
    assert not await desk.dispatch.send(job)
    desk.dispatch.add(job)
    desk.broker.start()
    await until(lambda: "job-drawer" in desk.heard, what="the host has it")
    assert [each.job_id for each in desk.dispatch.open_jobs()] == ["job-drawer"]


async def test_a_job_of_a_device_that_the_shop_has_not_is_told_and_open_for_a_while(
    desk: Desk,
) -> None:
    job = desk.job("job-drawer", device="printer-9")
    assert not await desk.dispatch.send(job)
    assert desk.words("job_without_device") == 1
    desk.dispatch.load([job])
    await desk.dispatch.greet()
    assert [each.job_id for each in desk.dispatch.open_jobs()] == ["job-drawer"]
    assert desk.heard == []


async def test_only_the_jobs_of_a_host_that_came_back_are_sent_again(desk: Desk) -> None:
    desk.dispatch.load(
        [
            desk.job("job-drawer"),
            desk.job("job-card", JobKind.AUTHORISE_PAYMENT, "terminal-1"),
            desk.job("job-gone", device="printer-9"),
        ]
    )
    desk.dispatch.host_back("another")
    desk.dispatch.host_back("box")
    await until(lambda: desk.heard != [], what="the host has it")
    assert desk.heard == ["job-drawer"]


# --- devices that went ---------------------------------------------------------------------


async def give_up(desk: Desk, *gone: str, moved: str = "") -> None:
    """Give devices up; let one be at another host."""
    rest = [device for device in DEVICES if device.id not in (*gone, moved)]
    there = [replace(device, host="attic") for device in DEVICES if device.id == moved]
    await desk.dispatch.directory.assign((*rest, *there))


def not_configured(job: str) -> bytes:
    error = JobError(DEVICE_NOT_CONFIGURED, "It was taken from this host.")
    return encode(JobResult(job, JobStatus.FAILED, 1, error=error))


async def test_what_the_host_of_a_device_that_was_given_up_says_of_its_jobs_settles_them(
    desk: Desk,
) -> None:
    desk.dispatch.add(desk.job("job-drawer"))
    desk.dispatch.watch(desk.job("job-card", JobKind.AUTHORISE_PAYMENT, "terminal-1"))
    await give_up(desk, "printer-1", "terminal-1")
    await desk.host.publish(HOST.device("printer-1").result, not_configured("job-drawer"))
    await desk.answer("job-card", device="terminal-1")
    await until(lambda: len(desk.settled) == 2, what="both are heard")
    assert desk.settled == [("job-drawer", JobStatus.FAILED), ("job-card", JobStatus.DONE)]
    assert desk.dispatch.dropped == 0


async def test_no_other_host_speaks_for_a_device_that_was_given_up(desk: Desk) -> None:
    desk.dispatch.add(desk.job("job-drawer"))
    await give_up(desk, "printer-1")
    attic = HostTopics(STORE, "attic").device("printer-1").result
    await desk.host.publish(attic, encode(JobResult("job-drawer", JobStatus.DONE, 1)))
    await until(lambda: desk.dispatch.dropped == 1, what="it is foreign")
    assert desk.settled == []


async def test_a_host_that_says_nothing_of_a_device_that_went_is_not_waited_for(desk: Desk) -> None:
    job = desk.job("job-receipt", JobKind.PRINT_RECEIPT)
    late = msgspec.structs.replace(job, deadline=desk.clock.now_ms() + 12 * 3_600_000)
    desk.dispatch.load([late])
    card = desk.job("job-card", JobKind.AUTHORISE_PAYMENT, "terminal-1")
    desk.dispatch.watch(card)
    await give_up(desk, "printer-1", "terminal-1")
    for _ in range(JOB_GRACE_MS // round(JOB_SWEEP_S * 1000)):
        await look(desk)
        assert desk.settled == []
    await look(desk)
    assert desk.settled == [("job-receipt", JobStatus.UNKNOWN)]
    assert desk.dispatch.open_jobs() == [card], "only an answer ends a payment"


async def test_so_is_a_job_that_a_start_finds_without_a_device(desk: Desk) -> None:
    job = desk.job("job-receipt", JobKind.PRINT_RECEIPT, "printer-9")
    desk.dispatch.load(
        [msgspec.structs.replace(job, deadline=desk.clock.now_ms() + 12 * 3_600_000)]
    )
    desk.clock.advance(JOB_GRACE_MS / 1000)
    await look(desk)
    await look(desk)
    assert desk.settled == [("job-receipt", JobStatus.UNKNOWN)]


async def test_a_job_goes_to_the_new_host_once_the_old_one_says_that_it_never_began_it(
    desk: Desk,
) -> None:
    sent: list[str] = []

    async def hear_attic() -> None:
        async for message in desk.host.subscribe([HostTopics(STORE, "attic").all_jobs]):
            sent.extend([json.loads(message.payload)["id"]])

    hearing = asyncio.create_task(hear_attic())
    desk.dispatch.load([desk.job("job-drawer")])
    await give_up(desk, moved="printer-1")
    desk.dispatch.host_back("attic")
    await asyncio.sleep(0.05)
    assert sent == [], "the old one may have kicked it"
    await desk.host.publish(HOST.device("printer-1").result, not_configured("job-drawer"))
    await until(lambda: sent == ["job-drawer"], what="the new host has it")
    attic = HostTopics(STORE, "attic").device("printer-1").result
    await desk.host.publish(attic, encode(JobResult("job-drawer", JobStatus.DONE, 1)))
    await until(lambda: desk.settled == [("job-drawer", JobStatus.DONE)], what="it is done")
    hearing.cancel()
