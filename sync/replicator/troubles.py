"""What ends a session, each with words for the person who looks at the link."""

from __future__ import annotations

from edge.contract.errors import DeviceUnreachable, TillboxError


class EdgeUnreachable(DeviceUnreachable):
    """`edge` on this box does not answer, or cannot now: retried with backoff."""


class OfficeUnreachable(DeviceUnreachable):
    """There is no line to head office, or it was lost: retried with backoff."""


class EdgeRefused(TillboxError):
    """`edge` understood and said no. `status` is HTTP's."""

    kind = "edge_refused"

    def __init__(self, status: int, code: str, message: str, *, advice: str = "") -> None:
        super().__init__(code, message, advice=advice)
        self.status = status


class OfficeDenied(TillboxError):
    """Head office ended the session on purpose: a person has to mend something."""

    kind = "office_denied"
