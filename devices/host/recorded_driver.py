"""A driver whose jobs stand in the flight recorder too, so that a recording can be replayed."""

from __future__ import annotations

import msgspec

from devices.driver import DeviceJob, Driver
from devices.recordings.bundle import RecordedEnd, RecordedJob
from devices.transports.flight_recorder import END, JOB, FlightRecorder
from edge.contract.device_messages import JobResult
from edge.contract.device_states import DriverState


class RecordedDriver:
    """`Driver` around another: what it is asked, and how that ended, is written down."""

    def __init__(self, driver: Driver, recorder: FlightRecorder) -> None:
        self._driver = driver
        self._recorder = recorder

    @property
    def state(self) -> DriverState:
        """Where it is in its life."""
        return self._driver.state

    async def run(self) -> None:
        """Run; see `Driver.run`."""
        await self._driver.run()

    async def perform(self, job: DeviceJob) -> JobResult:
        """Do a job; see `Driver.perform`."""
        args = msgspec.Raw(msgspec.json.encode(job.args))
        self._recorder.record(
            JOB, msgspec.json.encode(RecordedJob(job.id, job.kind, args, job.deadline))
        )
        end = RecordedEnd(job.id, "raised")
        try:
            result = await self._driver.perform(job)
            code = result.error.code if result.error is not None else ""
            end = RecordedEnd(job.id, result.status.value, code)
        except BaseException as error:
            end = RecordedEnd(job.id, "raised", getattr(error, "code", type(error).__name__))
            raise
        finally:
            self._recorder.record(END, msgspec.json.encode(end))
        return result
