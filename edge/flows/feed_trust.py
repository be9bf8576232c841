"""Whether a page of a feed is head office's own, and newer than what is here already.

The line is encrypted, but who ends it may not be who it seems: a proxy, a stolen certificate, an
old copy of head office. Prices are believed for the signature on them only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.contract.errors import ProtocolViolation, Refused
from edge.contract.health import HealthItem
from edge.contract.reference_data import Feed, FeedPage
from edge.contract.replication import feed_page_bytes
from edge.reference.store import ReferenceStore
from edge.runtime.keys import VerifyingKey
from edge.runtime.structured_log import Log

_ADVICE = (
    "The shop goes on with the prices it has. Check the line to head office and the head-office "
    "key in the settings; where both are right, somebody between the two is not head office."
)


@dataclass
class FeedTrust:
    """Checks pages against `office_key` (hexadecimal); a box without one believes the line.

    A head office of before this was signed sends pages without a signature. They are taken until
    the first one that has one; from then on never again.
    """

    office_key: str
    store: str
    reference: ReferenceStore
    log: Log
    _refused: dict[Feed, Refused] = field(default_factory=dict)

    def check(self, page: FeedPage) -> None:
        """Raise Refused for a page that is not to be believed."""
        doubt = self._doubt(page) if self.office_key else None
        if doubt is None:
            self._refused.pop(page.feed, None)
            return
        self._refused[page.feed] = doubt
        self.log.error("alarm", code=doubt.code, feed=page.feed, reason=doubt.message)
        raise doubt

    def health(self) -> HealthItem | None:
        """Return what is wrong; None while every page was believed."""
        if not self._refused:
            return None
        first = next(iter(self._refused.values()))
        return HealthItem("feeds", well=False, words=first.message, advice=first.advice)

    def _doubt(self, page: FeedPage) -> Refused | None:
        known = self.reference.versions
        if not page.signature:
            signed_before = any(known.values())
            return (
                _doubt("unsigned", page, "is not signed, as others were") if signed_before else None
            )
        try:
            VerifyingKey.from_hex(self.office_key).verify(
                bytes.fromhex(page.signature), feed_page_bytes(self.store, page)
            )
        except (ProtocolViolation, ValueError):
            return _doubt("signature_wrong", page, "is not signed by this store's head office")
        if page.version < known.get(page.feed, 0):
            return _doubt("older", page, "was signed before what this box has already")
        if page.after > self.reference.cursors[page.feed]:
            return _doubt("gap", page, "leaves out changes that this box has not got")
        return None


def _doubt(code: str, page: FeedPage, why: str) -> Refused:
    return Refused(
        f"feed_{code}",
        f"A page of feed {page.feed} {why}: nothing of it is taken.",
        advice=_ADVICE,
    )
