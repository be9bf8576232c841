"""Whether a page of a feed is head office's own, and newer than what is here already.

The line is encrypted, but who ends it may not be who it seems: a proxy, a stolen certificate, an
old copy of head office. Prices are believed for the signature on them only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.contract.errors import ProtocolViolation, Refused
from edge.contract.feed_snapshots import SnapshotOffer, snapshot_bytes
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
        self._decide(page.feed, self._doubt(page) if self.office_key else None)

    def check_offer(self, offer: SnapshotOffer) -> None:
        """Raise Refused for an offer of a snapshot that is not to be believed."""
        self._decide(offer.feed, self._doubt_of(offer))

    def _decide(self, feed: Feed, doubt: Refused | None) -> None:
        if doubt is None:
            self._refused.pop(feed, None)
            return
        self._refused[feed] = doubt
        self.log.error("alarm", code=doubt.code, feed=feed, reason=doubt.message)
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
        if not self._signed(page.signature, feed_page_bytes(self.store, page)):
            return _doubt("signature_wrong", page, "is not signed by this store's head office")
        if page.version < known.get(page.feed, 0):
            return _doubt("older", page, "was signed before what this box has already")
        if page.after > self.reference.cursors[page.feed]:
            return _doubt("gap", page, "leaves out changes that this box has not got")
        return None

    def _doubt_of(self, offer: SnapshotOffer) -> Refused | None:
        if self.office_key:
            if not offer.signature:
                # whoever knows snapshots signs them
                return _doubt("unsigned", offer, "is not signed")
            if not self._signed(offer.signature, snapshot_bytes(self.store, offer)):
                return _doubt("signature_wrong", offer, "is not signed by this store's head office")
            if offer.version < self.reference.versions.get(offer.feed, 0):
                return _doubt("older", offer, "was signed before what this box has already")
        if offer.scope not in {"", self.store}:
            return _doubt("scope_wrong", offer, f"is of store {offer.scope}, not of this one")
        return None

    def _signed(self, signature: str, text: bytes) -> bool:
        try:
            VerifyingKey.from_hex(self.office_key).verify(bytes.fromhex(signature), text)
        except (ProtocolViolation, ValueError):
            return False
        return True


def _doubt(code: str, sent: FeedPage | SnapshotOffer, why: str) -> Refused:
    what = "page" if isinstance(sent, FeedPage) else "snapshot"
    return Refused(
        f"feed_{code}",
        f"A {what} of feed {sent.feed} {why}: nothing of it is taken.",
        advice=_ADVICE,
    )
