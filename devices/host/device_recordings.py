"""Saves what a device's flight recorder holds: when it is lost, and when somebody asks."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from devices.job_router.incoming_jobs import JobInvalid, check_job
from devices.recordings.bundle import RECORDING_VERSION, Bundle, Heading, Reason, pack
from devices.recordings.recording_folder import RecordingFolder
from devices.transports.flight_recorder import DRIVEN, IN, LINES_ON, OUT, FlightRecorder
from edge.contract.device_limits import (
    RECORDING_ANSWER_CHARS_MAX,
    RECORDING_LOST_EVERY_MS,
)
from edge.contract.device_messages import (
    Job,
    JobError,
    JobKind,
    JobResult,
    JobStatus,
    RecordingOutcome,
)
from edge.contract.device_states import WantedDevice
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.runtime.structured_log import Log

_KINDS: Final = frozenset({JobKind.SAVE_RECORDING})


class DeviceRecordings:
    """For one device. `answer` sends a result; `spawn` owns what is being written.

    Without a `folder` nothing is kept here; who asks is sent it all the same.
    """

    def __init__(
        self,
        wanted: WantedDevice,
        recorder: FlightRecorder,
        folder: RecordingFolder | None,
        *,
        version: str,
        clock: Clock,
        log: Log,
        spawn: Callable[[str, Coroutine[Any, Any, None]], object],
        answer: Callable[[JobResult], None],
    ) -> None:
        self._wanted = wanted
        self._recorder = recorder
        self._folder = folder
        self._version = version
        self._clock = clock
        self._log = log
        self._spawn = spawn
        self._answer = answer
        self._lost_at_ms: int | None = None
        self._answered: JobResult | None = None

    # --- lost -----------------------------------------------------------------------------

    def lost(self, words: str) -> None:
        """Keep what led to the loss; `words` say why. Not again within ten minutes."""
        now = self._clock.monotonic_ms()
        soon = self._lost_at_ms is not None and now - self._lost_at_ms < RECORDING_LOST_EVERY_MS
        if self._folder is None or soon or not self._has_bytes:
            return
        self._lost_at_ms = now
        bundle = self._bundle("lost", words)
        self._spawn(f"recording of {self._wanted.id}", self._keep(self._folder, bundle))

    @property
    def _has_bytes(self) -> bool:
        """Whether the device ever said or was told anything: there is nothing to look at else."""
        return any(
            entry.way in {IN, OUT} or entry.data.startswith((LINES_ON, DRIVEN))
            for entry in self._recorder.entries()
        )

    async def _keep(self, folder: RecordingFolder, bundle: Bundle) -> None:
        try:
            path = await folder.save(bundle)
        except Refused as error:
            self._log.warning("recording_not_kept", reason=str(error))
        else:
            self._log.info("recording_kept", file=path.name)

    # --- asked ----------------------------------------------------------------------------

    def take(self, job: Job) -> None:
        """Save and answer; the same job again is answered the same."""
        try:
            checked = check_job(job, _KINDS)
        except JobInvalid as invalid:
            self._fail(job, invalid.code, invalid.detail)
            return
        if self._answered is not None and self._answered.id == checked.id:
            self._send(job, self._answered)
        elif checked.deadline <= self._clock.now_ms():
            self._fail(job, "expired", "The save_recording was not begun before its deadline.")
        else:
            self._spawn(f"recording of {self._wanted.id}", self._save_for(job))

    async def _save_for(self, job: Job) -> None:
        bundle = self._bundle("asked", "")
        file = ""
        if self._folder is not None:
            try:
                file = (await self._folder.save(bundle)).name
            except Refused as error:
                self._fail(job, error.code, error.message, error.advice)
                return
        content = pack(bundle)
        packed = base64.b64encode(zlib.compress(content, 9)).decode("ascii")
        outcome = RecordingOutcome(
            file, len(content), packed if len(packed) <= RECORDING_ANSWER_CHARS_MAX else ""
        )
        self._answered = JobResult(job.id, JobStatus.DONE, self._clock.now_ms(), outcome)
        self._send(job, self._answered)

    def _fail(self, job: Job, code: str, detail: str, advice: str = "") -> None:
        error = JobError(code, detail, advice)
        self._send(job, JobResult(job.id, JobStatus.FAILED, self._clock.now_ms(), error=error))

    def _send(self, job: Job, result: JobResult) -> None:
        self._answer(msgspec.structs.replace(result, correlation=job.correlation))

    def _bundle(self, reason: Reason, words: str) -> Bundle:
        heading = Heading(
            RECORDING_VERSION,
            self._wanted.id,
            self._wanted.driver,
            self._wanted.settings,
            self._clock.now_ms(),
            reason,
            words,
            self._version,
        )
        return Bundle(heading, self._recorder.entries())
