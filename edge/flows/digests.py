"""What head office is told ahead of all frames: the sums of the sales that it lacks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from edge.contract.digest import Digest
from edge.contract.envelope import unseal
from edge.contract.limits import FRAME_EVENTS_MAX, FRAME_RAW_BYTES_TARGET
from edge.engine.digest_sums import DigestSums
from edge.flows.link_state import LinkState
from edge.ledger.event_log import Ledger


@dataclass(frozen=True)
class Digests:
    """Adds up the sales behind what head office has acknowledged.

    It reads as much at once as a frame holds, so that nobody waits long for the reader.
    """

    ledger: Ledger
    link: LinkState
    raw_max: int = FRAME_RAW_BYTES_TARGET

    async def made(self) -> Digest | None:
        """Return the digest up to the newest event; None when no sale waits for head office."""
        after = self.link.accepted_seq
        begins = await self.ledger.first_event_of_sales_after(after)
        if begins is None:
            return None
        sums = DigestSums(after)
        seq = begins - 1
        while True:
            _, bodies = await self.ledger.events_after(
                seq, raw_max=self.raw_max, count_max=FRAME_EVENTS_MAX
            )
            if not bodies:
                return sums.digest(self.ledger.identity.gen)
            await asyncio.to_thread(_take_all, sums, seq, bodies)
            seq += len(bodies)


def _take_all(sums: DigestSums, after: int, bodies: Sequence[bytes]) -> None:
    for seq, body in enumerate(bodies, after + 1):
        sealed = unseal(body)
        sums.take(seq, sealed.day, sealed.event())
