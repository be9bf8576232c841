"""What a job is answered when the driver gave no result: by its record, or by how it ended."""

from __future__ import annotations

from typing import Final

import msgspec

from devices.driver import DeviceJob
from devices.job_journal import KnownJob, Stage
from edge.contract.device_messages import JobError, JobResult, JobStatus
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable, Refused, TillboxError
from edge.contract.terminal_messages import PaymentOutcome

_DEFINITE: Final = frozenset({"approved", "declined", "cancelled"})


def recorded_result(known: KnownJob, now_ms: int) -> JobResult:
    """Return the answer to a job that is on record already."""
    match known.stage:
        case Stage.FINISHED if known.result is not None:
            return known.result
        case Stage.REFUSED:
            error = JobError(
                "refused_by_inquiry", "This job was asked about before it came; it is not begun."
            )
            return JobResult(known.id, JobStatus.FAILED, now_ms, error=error)
        case _:
            error = JobError("broken_off", "This job was begun and its end is not known.")
            return JobResult(known.id, JobStatus.UNKNOWN, now_ms, error=error)


def recorded_outcome(result: JobResult | None) -> PaymentOutcome | None:
    """Return what the record of a payment, refund or reversal says, when that settles it."""
    if result is None:
        return None
    if result.status is JobStatus.FAILED:
        error = result.error or JobError("failed", "The terminal did not do it.")
        return PaymentOutcome("declined", code=error.code, reason=error.detail, advice=error.advice)
    return settled_outcome(result.result) if result.status is JobStatus.DONE else None


def settled_outcome(outcome: object) -> PaymentOutcome | None:
    """Return a driver's outcome when it is definite."""
    try:
        payment = msgspec.convert(msgspec.to_builtins(outcome), PaymentOutcome)
    except msgspec.ValidationError:
        return None
    return payment if payment.outcome in _DEFINITE else None


def result_of_error(error: Exception, job: DeviceJob, now: int) -> JobResult | None:
    """Return the result of a job whose driver raised; None for a defect."""
    match error:
        case Refused() | DeviceUnreachable() | DeviceNeedsPerson():
            return job.failed(now, error.code, error.message, error.advice)
        case TillboxError():
            return job.unknown(now, error.code, error.message, error.advice)
        case TimeoutError():
            return job.unknown(now, "no_end", "The device did not finish this job in time.")
        case _:
            return None
