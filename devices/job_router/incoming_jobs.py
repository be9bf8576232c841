"""Jobs as they come from the bus: decoded, checked against what a device takes, or refused."""

from __future__ import annotations

import msgspec

from devices.driver import DeviceJob
from edge.contract.device_messages import DELIVERY, JOB_ARGS, MESSAGE_VERSION, Job, JobKind
from edge.contract.wire import UNREADABLE


class JobInvalid(Exception):
    """A job that names itself but cannot be run; `code` and `detail` for its result."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def read_job(payload: bytes) -> Job | None:
    """Decode a job's envelope; None for what is no job at all."""
    try:
        return msgspec.json.decode(payload, type=Job)
    except UNREADABLE:
        return None


def check_job(job: Job, kinds: frozenset[JobKind]) -> DeviceJob:
    """Return a job with its arguments decoded; raises JobInvalid in words."""
    if job.v != MESSAGE_VERSION:
        raise JobInvalid("version_unknown", f"Version {job.v} of the job message is not known.")
    if job.kind not in kinds:
        raise JobInvalid("kind_unknown", f"This device does not take jobs of kind {job.kind!r}.")
    kind = JobKind(job.kind)
    if job.delivery != DELIVERY[kind]:
        raise JobInvalid(
            "delivery_wrong", f"{kind} is delivered {DELIVERY[kind]}, not {job.delivery!r}."
        )
    try:
        args = msgspec.json.decode(job.args, type=JOB_ARGS[kind])
    except UNREADABLE as error:
        raise JobInvalid("args_invalid", f"The arguments of {kind} do not fit: {error}.") from None
    return DeviceJob(job.id, kind, args, job.deadline)
