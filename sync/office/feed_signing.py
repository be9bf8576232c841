"""Head office's name under each page of a feed, with a version that only ever grows."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from edge.contract.feed_snapshots import SnapshotOffer, snapshot_bytes
from edge.contract.instant import Clock
from edge.contract.reference_data import FeedPage
from edge.contract.replication import feed_page_bytes
from edge.runtime.keys import SigningKey


@dataclass
class FeedSigning:
    """Signs pages. A version is the instant of signing, or the next above the one before.

    So one that was restored from an old copy is not behind what it signed before that; and a box
    that has seen a version of a clock that was ahead gets one above it.
    """

    key: SigningKey
    clock: Clock
    _newest: int = 0

    def sign(self, store: str, page: FeedPage, above: int) -> FeedPage:
        """Return the page signed for a store, with a version above what its box has."""
        signed = replace(page, version=self._version(above), signature="")
        return replace(signed, signature=self.key.sign(feed_page_bytes(store, signed)).hex())

    def sign_offer(self, store: str, offer: SnapshotOffer, above: int) -> SnapshotOffer:
        """Return an offer signed for a store, with a version as a page has it."""
        signed = replace(offer, version=self._version(above), signature="")
        return replace(signed, signature=self.key.sign(snapshot_bytes(store, signed)).hex())

    def _version(self, above: int) -> int:
        self._newest = max(self.clock.now_ms(), self._newest + 1)
        return max(self._newest, above + 1)
