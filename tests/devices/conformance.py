"""What every driver must keep with its simulator over every kind of cable.

Each check takes a bench and raises AssertionError; `test_conformance.py` runs all of them
over all drivers, and over drivers with a planted fault, which must fail.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

from devices.driver import SERVING, Driver, DriverSpec, SimulatorPorts, SimulatorSpec
from devices.job_journal import JobJournal
from devices.job_router.incoming_jobs import read_job
from devices.job_router.job_queue import JobQueue
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryCable, PipeVariant
from edge.contract.device_messages import (
    DELIVERY,
    Delivery,
    JobError,
    JobKind,
    JobResult,
    JobStatus,
)
from edge.contract.device_states import LEGAL_MOVES, DriverState
from edge.contract.errors import DeviceUnreachable
from edge.runtime.supervisor import Supervisor
from tests.devices.driver_ports import KeptPorts
from tests.devices.loop_database import LoopDatabase
from tests.devices.queue_desk import payload
from tests.devices.virtual_clock import VirtualClock

SEED = 20_261_122
READY_WITHIN_S = 120.0
JOB_WITHIN_S = 900.0
KINDS = tuple(kind for kind in JobKind if kind is not JobKind.ABORT_PAYMENT)


class DriverBench:
    """A driver with its queue, its simulator and the cable between them, on jumping time."""

    def __init__(
        self, driver: DriverSpec[Any], simulator: SimulatorSpec[Any], variant: PipeVariant
    ) -> None:
        self.clock = VirtualClock()
        self.spec = driver
        self.variant = replace(variant, clock=self.clock)
        self.cable = MemoryCable(self.variant)
        self.ports = KeptPorts(self.cable.connect, self.clock)
        self.device = self.ports.device
        self.simulator = simulator.build(
            simulator.settings(), SimulatorPorts(self.clock, self.ports.log)
        )
        self.driver: Driver = driver.build(driver.example, self.ports)
        self.answers: list[JobResult] = []
        self.performed: list[str] = []
        self.far_end: Callable[[ByteStream], Awaitable[None]] = self.simulator.attend
        self.run_task: asyncio.Task[None] | None = None
        self.queue: JobQueue | None = None

    # --- Desk -----------------------------------------------------------------------------

    @property
    def trouble(self) -> JobError:
        return JobError(f"device_{self.driver.state.value}", "It is not ready.")

    def answer(self, result: JobResult) -> None:
        self.answers.append(result)

    def waiting(self, jobs: int) -> None:
        """Nobody looks."""

    # --- life -----------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[DriverBench]:
        journal = JobJournal(LoopDatabase(), self.clock)
        await journal.open()
        async with (
            self.clock.running(),
            Supervisor(self.clock, self.ports.log, stop_s=5.0) as tasks,
        ):
            self.queue = JobQueue(
                self,
                kinds=self.spec.job_kinds,
                journal=journal,
                clock=self.clock,
                log=self.ports.log,
                spawn=tasks.spawn,
            )
            tasks.start("far end", lambda: self._attend_all(tasks))
            tasks.start("jobs", self.queue.run)
            tasks.start("waking", self._wake_often)
            self.run_task = tasks.start("driver", self.driver.run, restart=False)
            yield self
            self.run_task.cancel()
            await asyncio.wait({self.run_task})
            reports = len(self.ports.states)
            self.run_task.cancel()
            await asyncio.sleep(0)
            assert len(self.ports.states) == reports, "a stopped driver goes on reporting"
            assert self.driver.state is DriverState.STOPPED, f"stopped, yet {self.driver.state}"
        self.check_moves()

    async def _attend_all(self, tasks: Supervisor) -> None:
        while True:
            stream = await self.cable.accept()
            tasks.spawn("simulator", self._attend(stream))

    async def _attend(self, stream: ByteStream) -> None:
        try:
            await self.far_end(stream)
        except DeviceUnreachable:
            return

    async def _wake_often(self) -> None:
        while True:
            await self.clock.sleep(0.5)
            if self.queue is not None:
                self.queue.wake()

    # --- what checks ask ------------------------------------------------------------------

    def alive(self) -> None:
        assert self.run_task is not None
        assert not self.run_task.done(), f"the driver died: {self.ports.log_text.getvalue()}"

    async def until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        over = self.clock.monotonic_ms() + within_s * 1000
        while not condition():
            self.alive()
            assert self.clock.monotonic_ms() < over, f"{what} did not come in {within_s} s"
            await self.clock.sleep(0.05)

    async def until_serving(self) -> None:
        await self.until(lambda: self.driver.state in SERVING, READY_WITHIN_S, "ready")

    def send(self, kind: JobKind, job_id: str, in_s: float) -> None:
        job = read_job(payload(kind, job_id, self.clock.now_ms() + round(in_s * 1000)))
        assert job is not None
        assert self.queue is not None
        self.queue.take(job)

    def finals(self, job_id: str) -> list[JobResult]:
        return [a for a in self.answers if a.id == job_id and a.status is not JobStatus.ACCEPTED]

    def check_moves(self) -> None:
        moves = [DriverState.CONFIGURED, *(DriverState(state) for state in self.ports.moves)]
        for before, after in pairwise(moves):
            assert after in LEGAL_MOVES[before], f"from {before} to {after}"

    async def mend(self) -> None:
        """Put a good cable in and the real simulator behind it."""
        await self.cable.unplug()
        self.cable._variant = PipeVariant()
        self.far_end = self.simulator.attend
        await self.clock.sleep(0.1)
        self.cable.plug_in()


Check = Callable[[DriverBench], Awaitable[None]]


async def opens(bench: DriverBench) -> None:
    """It becomes ready; over a cable that loses bytes, at the latest with a new cable."""
    async with bench.running():
        if bench.variant.loss:
            await bench.clock.sleep(60)
            bench.alive()
            await bench.mend()
        await bench.until_serving()


async def survives_garbage(bench: DriverBench) -> None:
    """Whatever the far end says, the driver lives and is ready once the device is itself."""
    chance = random.Random(SEED)

    async def babble(stream: ByteStream) -> None:
        for _ in range(20):
            await stream.write(chance.randbytes(chance.randint(1, 900)))
            await bench.clock.sleep(chance.random())
        await stream.close()

    async with bench.running():
        bench.far_end = babble
        await bench.clock.sleep(90)
        bench.alive()
        await bench.mend()
        await bench.until_serving()


async def survives_a_silent_device(bench: DriverBench) -> None:
    """A device that takes the connection and says nothing is no reason to hang."""

    async def say_nothing(stream: ByteStream) -> None:
        while await stream.read(4096):
            pass

    async with bench.running():
        bench.far_end = say_nothing
        await bench.clock.sleep(60)
        bench.alive()
        await bench.mend()
        await bench.until_serving()


async def comes_back_after_a_cut(bench: DriverBench) -> None:
    """A cable out for long is a loss, and the driver is ready again after it."""
    async with bench.running():
        if bench.variant.loss:
            await bench.mend()
        await bench.until_serving()
        await bench.cable.unplug()
        await bench.until(lambda: bench.driver.state is DriverState.LOST, 60, "lost")
        bench.cable.plug_in()
        await bench.until_serving()
        log = bench.ports.log_text.getvalue()
        assert log.count('"device_lost"') == log.count('"device_back"'), "told unevenly"


async def answers_each_job_once(bench: DriverBench) -> None:
    """Each job has one final answer; a repeat gets the same and touches nothing."""
    async with bench.running():
        await bench.clock.sleep(20)
        for number, kind in enumerate(KINDS):
            job_id = f"pay-{number:05}" if kind is JobKind.AUTHORISE_PAYMENT else f"job-{number:05}"
            bench.send(kind, job_id, in_s=60)
            await bench.until(
                lambda job_id=job_id: bool(bench.finals(job_id)), JOB_WITHIN_S, f"end of {kind}"
            )
            (first,) = bench.finals(job_id)
            if kind not in bench.spec.job_kinds:
                assert first.error is not None
                assert first.error.code == "kind_unknown"
                continue
            if not bench.variant.loss:
                assert first.status is JobStatus.DONE, f"{kind}: {first}"
            if DELIVERY[kind] is Delivery.REPEATABLE:
                continue
            if bench.variant.loss and first.error is not None and first.error.code == "expired":
                continue  # no long message gets through whole: it was never begun
            bench.send(kind, job_id, in_s=60)
            await bench.until(
                lambda job_id=job_id: len(bench.finals(job_id)) > 1, 10, f"repeat of {kind}"
            )
            assert bench.finals(job_id)[1:] == [first], "a repeat got another answer"


async def refuses_expired_jobs(bench: DriverBench) -> None:
    """What comes too late, or waits too long for the device, is not done."""
    async with bench.running():
        for number, kind in enumerate(bench.spec.job_kinds - {JobKind.ABORT_PAYMENT}):
            if kind is JobKind.INQUIRE_PAYMENT:
                continue  # the record may answer it whenever it comes
            bench.send(kind, f"late-{number:04}", in_s=-1)
            await bench.until(
                lambda number=number: bool(bench.finals(f"late-{number:04}")), 10, "refusal"
            )
            (final,) = bench.finals(f"late-{number:04}")
            assert final.error is not None
            assert final.error.code == "expired"


CHECKS: tuple[Check, ...] = (
    opens,
    survives_garbage,
    survives_a_silent_device,
    comes_back_after_a_cut,
    answers_each_job_once,
    refuses_expired_jobs,
)

VARIANTS = (
    PipeVariant("whole"),
    PipeVariant("one_byte_at_a_time", chunk_bytes=1),
    PipeVariant("lossy", loss=0.02, seed=SEED),
    PipeVariant("slow", bytes_per_s=960),
)
