"""A driver lives with its simulator on jumping time, and what its recorder held comes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from devices import driver_catalogue
from devices.host.recorded_driver import RecordedDriver
from devices.recordings.bundle import Bundle, Heading
from devices.transports.flight_recorder import FlightRecorder
from devices.transports.memory_pipe import PipeVariant
from edge.contract.device_messages import JobKind
from tests.devices.conformance import DriverBench

Life = Callable[[DriverBench], Awaitable[None]]
ALL_OF_IT = 1 << 24


async def record(
    name: str, life: Life, variant: PipeVariant | None = None, bytes_max: int = ALL_OF_IT
) -> tuple[Bundle, DriverBench]:
    spec = driver_catalogue.driver(name)
    bench = DriverBench(spec, driver_catalogue.simulator(name), variant or PipeVariant())
    bench.ports.recorder = FlightRecorder(bench.clock, bytes_max)
    bench.driver = RecordedDriver(bench.driver, bench.ports.recorder)
    async with bench.running():
        await life(bench)
        entries = bench.ports.recorder.entries()
    heading = Heading(
        1,
        "device-1",
        name,
        msgspec.to_builtins(spec.example),
        entries[-1].at_ms,
        "asked",
    )
    return Bundle(heading, entries), bench


async def works(bench: DriverBench) -> None:
    """It is ready, does a job of each kind that it takes, and rests a while."""
    await bench.until_serving()
    await bench.clock.sleep(1)
    kinds = sorted(bench.spec.job_kinds - {JobKind.ABORT_PAYMENT})
    for number, kind in enumerate(kinds):
        job_id = "pay-00001" if kind is JobKind.AUTHORISE_PAYMENT else f"job-{number:05}"
        bench.send(kind, job_id, in_s=60)
        await bench.until(lambda job_id=job_id: bool(bench.finals(job_id)), 600, str(kind))
    await bench.clock.sleep(40)


async def is_cut(bench: DriverBench) -> None:
    """It is ready, loses its device for long, and has it again."""
    await bench.until_serving()
    await bench.clock.sleep(3)
    await bench.cable.unplug()
    await bench.clock.sleep(30)
    bench.cable.plug_in()
    await bench.until_serving()
    await bench.clock.sleep(5)
