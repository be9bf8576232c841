from __future__ import annotations

from typing import Any

import msgspec
import pytest

from devices.driver import DeviceJob
from devices.job_journal import KnownJob, Stage
from devices.job_router.job_answers import (
    recorded_outcome,
    recorded_result,
    result_of_error,
    settled_outcome,
)
from edge.contract.device_messages import JobError, JobKind, JobResult, JobStatus, KickDrawerArgs
from edge.contract.errors import (
    DeviceNeedsPerson,
    DeviceUnreachable,
    ProtocolViolation,
    Refused,
    StorageFailed,
)
from edge.contract.terminal_messages import PaymentOutcome

NOW = 1_795_000_000_000
DONE = JobResult("job-00001", JobStatus.DONE, 1, {"outcome": "opened"})


def known(stage: Stage, result: JobResult | None = None) -> KnownJob:
    return KnownJob("job-00001", "printer-1", JobKind.KICK_DRAWER, stage, result)


def test_what_is_on_record_is_answered_again_and_never_better() -> None:
    assert recorded_result(known(Stage.FINISHED, DONE), NOW) is DONE
    refused = recorded_result(known(Stage.REFUSED), NOW)
    assert refused.error is not None
    assert (refused.status, refused.error.code) == (JobStatus.FAILED, "refused_by_inquiry")
    begun = recorded_result(known(Stage.BEGUN), NOW)
    assert begun.error is not None
    assert (begun.status, begun.error.code) == (JobStatus.UNKNOWN, "broken_off")


@pytest.mark.parametrize("outcome", ["approved", "declined", "cancelled"])
def test_a_definite_payment_settles(outcome: str) -> None:
    for said in (PaymentOutcome(outcome), {"outcome": outcome}, PaymentOutcome(outcome, code="x")):
        settled = settled_outcome(said)
        assert settled is not None
        assert settled.outcome == outcome


@pytest.mark.parametrize("said", [None, {}, {"outcome": 7}, {"outcome": "unknown"}, "approved", []])
def test_what_is_no_definite_payment_settles_nothing(said: object) -> None:
    assert settled_outcome(said) is None
    assert recorded_outcome(JobResult("job-00001", JobStatus.DONE, 1, said)) is None


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (None, None),
        (JobResult("job-00001", JobStatus.UNKNOWN, 1), None),
        (JobResult("job-00001", JobStatus.DONE, 1, {"outcome": "approved"}), "approved"),
        (JobResult("job-00001", JobStatus.FAILED, 1), "declined"),
        (JobResult("job-00001", JobStatus.FAILED, 1, None, JobError("busy", "Busy.")), "declined"),
    ],
)
def test_what_a_record_says_of_a_payment(result: JobResult | None, outcome: str | None) -> None:
    found = recorded_outcome(result)
    assert (found.outcome if found else None) == outcome
    if result is not None and result.error is not None and found is not None:
        assert (found.code, found.reason) == (result.error.code, result.error.detail)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Refused("wrong", "No."), JobStatus.FAILED, "wrong"),
        (DeviceUnreachable("cut", "Gone.", advice="Look."), JobStatus.FAILED, "cut"),
        (DeviceNeedsPerson("paper", "No paper.", advice="Look."), JobStatus.FAILED, "paper"),
        (ProtocolViolation("garbled", "Noise."), JobStatus.UNKNOWN, "garbled"),
        (StorageFailed("disk", "Disk."), JobStatus.UNKNOWN, "disk"),
        (TimeoutError(), JobStatus.UNKNOWN, "no_end"),
        (RuntimeError("a bug"), None, None),
    ],
)
def test_an_error_ends_a_job_as_what_it_certainly_was(
    error: Exception, status: JobStatus | None, code: str | None
) -> None:
    job = DeviceJob("job-00001", JobKind.KICK_DRAWER, KickDrawerArgs(), NOW + 1)
    found: Any = result_of_error(error, job, NOW)
    said = (found.status, found.error.code) if found else (None, None)
    assert said == (status, code)
    if found:
        assert msgspec.json.decode(msgspec.json.encode(found), type=JobResult) == found
