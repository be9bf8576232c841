"""The error taxonomy: what happened, to what, and what a person should do.

Anything that is not one of these is a defect: the task dies, the supervisor logs it
once and restarts it a bounded number of times.
"""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override


class TillboxError(Exception):
    """The root of everything that is expected to go wrong.

    `message` says what happened and to what, in plain words; `advice` says what a person
    should do next, or is empty when there is nothing to do. `code` is stable, for screens
    that translate and for tests: lower-case words joined by underscores.
    """

    kind: ClassVar[str] = "tillbox_error"

    def __init__(self, code: str, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice

    @override
    def __str__(self) -> str:
        return f"{self.message} {self.advice}".rstrip()


class Refused(TillboxError):
    """A rule said no. Nothing was changed. HTTP 409 unless `status` says otherwise."""

    kind = "refused"

    def __init__(
        self,
        code: str,
        message: str,
        *,
        advice: str = "",
        status: int = 409,
        params: dict[str, str] | None = None,
    ) -> None:
        super().__init__(code, message, advice=advice)
        self.status = status
        self.params = params or {}


class DeviceUnreachable(TillboxError):
    """The device does not answer or its cable is out: retried with backoff."""

    kind = "device_unreachable"


class DeviceNeedsPerson(TillboxError):
    """The device works but waits for a hand: paper, cover, cutter."""

    kind = "device_needs_person"


class ProtocolViolation(TillboxError):
    """The peer said something its protocol does not allow: the connection is reset."""

    kind = "protocol_violation"


class OutcomeUnknown(TillboxError):
    """It may or may not have happened: never retried, only asked about."""

    kind = "outcome_unknown"


class ReplicaFork(TillboxError):
    """Two histories claim the same place: stop and alarm."""

    kind = "replica_fork"


class StorageFailed(TillboxError):
    """The disk did not keep what it was given: stop selling safely.

    A commit that failed is an unknown outcome, not a "no": the process ends, starts
    again, reads its head from disk and answers by command id.
    """

    kind = "storage_failed"


class SettingsInvalid(TillboxError):
    """A settings file says something that cannot be used; names file, key and value."""

    kind = "settings_invalid"
