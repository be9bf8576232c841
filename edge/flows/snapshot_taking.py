"""A feed taken as a snapshot: believed like a page, set aside by chunks, applied by steps."""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.errors import ProtocolViolation, Refused
from edge.contract.feed_snapshots import (
    SnapshotOffer,
    SnapshotStanding,
    SnapshotStep,
    opened_bundle,
)
from edge.contract.reference_data import FeedPage
from edge.flows.replica import Replica
from edge.reference.snapshot_shelf import SnapshotShelf


@dataclass
class SnapshotTaking:
    """What `sync` asks of the box while a snapshot comes down. The till sells on all the time."""

    replica: Replica
    shelf: SnapshotShelf

    async def offered(self, offer: SnapshotOffer) -> SnapshotStanding:
        """Take an offer and say what is here of it already. Raises Refused."""
        if self.replica.trust is not None:
            self.replica.trust.check_offer(offer)
        return await self.shelf.offered(offer)

    async def came(self, message: bytes) -> SnapshotStanding:
        """Set aside what a bundle brings. Raises Refused: nothing of it is kept then."""
        try:
            bundle = opened_bundle(message)
            return await self.shelf.put(bundle.feed, bundle.root, bundle.blobs)
        except ProtocolViolation as error:
            raise Refused(
                error.code,
                error.message,
                advice="Head office sends the feed in pages instead; the shop goes on as it is.",
                status=422,
            ) from None

    async def step(self, wish: SnapshotStep) -> SnapshotStanding:
        """Apply the next part of a snapshot that is all here. Raises Refused."""
        feed = wish.feed
        now = await self.shelf.step(feed, wish.root)
        if not now.missing:
            page = FeedPage(feed, (), now.cursor, more=not now.taken)
            await self.replica.feed_changed(page, cursor=now.cursor)
        return now
