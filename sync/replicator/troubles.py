"""What ends a session, each with words for the person who looks at the link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.contract.errors import DeviceUnreachable, TillboxError


class EdgeUnreachable(DeviceUnreachable):
    """`edge` on this box does not answer, or cannot now: retried with backoff."""


class OfficeUnreachable(DeviceUnreachable):
    """There is no line to head office, or it was lost: retried with backoff."""


class KeeperUnreachable(DeviceUnreachable):
    """There is no line to a second copy in the shop, or it was lost: retried with backoff."""


class EdgeRefused(TillboxError):
    """`edge` understood and said no. `status` is HTTP's."""

    kind = "edge_refused"

    def __init__(self, status: int, code: str, message: str, *, advice: str = "") -> None:
        super().__init__(code, message, advice=advice)
        self.status = status


class PeerDenied(TillboxError):
    """The other end closed the session on purpose: a person has to mend something."""


class OfficeDenied(PeerDenied):
    """Head office did."""

    kind = "office_denied"


class KeeperDenied(PeerDenied):
    """A second copy in the shop did."""

    kind = "keeper_denied"


@dataclass(frozen=True)
class Peer:
    """Who is at the other end: what it is called in codes and in words, and its errors.

    `setting` is where its address stands.
    """

    code: str
    name: str
    setting: str
    unreachable: type[DeviceUnreachable]
    denied: type[PeerDenied]


OFFICE: Final = Peer("office", "Head office", "office_url", OfficeUnreachable, OfficeDenied)
KEEPER: Final = Peer("keeper", "The second copy", "url", KeeperUnreachable, KeeperDenied)
