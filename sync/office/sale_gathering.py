"""All events of one sale out of the stored frames, in the order of their chain.

Frames are not found by what is in them: it looks through those around an event that is known to be
of the sale, back to its opening and on to its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from edge.contract.attention_limits import SALE_FRAMES_SOUGHT_MAX
from edge.contract.errors import Refused
from edge.contract.sale_events import SaleAbandoned, SaleCompleted, SaleOpened
from edge.runtime.frame_codec import Dictionaries
from sync.appending.event_store import EventStore
from sync.office.event_reading import ReadEvent, ReadFrame, read_event, read_frame
from sync.office.sale_rebuilding import Place


class GatheredSale(msgspec.Struct, frozen=True):
    """The events of a sale. `ended`: its end is among them, so nothing that comes adds to it."""

    sale: str
    events: tuple[ReadEvent, ...]
    ended: bool


def sale_of(body: bytes) -> str:
    """Return which sale an event names, also one that cannot be read as a whole; or nothing."""
    try:
        data = msgspec.json.decode(body)["data"]
        sale = data["sale"]
    except (msgspec.DecodeError, UnicodeError, RecursionError, LookupError, TypeError):
        return ""
    return sale if isinstance(sale, str) else ""


@dataclass
class SaleGathering:
    """Looks through the frames of a store. `given` are bytes read in place of events."""

    events: EventStore
    dictionaries: Dictionaries
    store: int
    gen: int
    given: Mapping[Place, bytes]

    async def frame(self, seq: int) -> tuple[ReadFrame, bytes] | None:
        """Return the frame that holds an event, read, and its bytes; None where there is none."""
        found = await self.events.frame_at(self.store, self.gen, seq)
        if found is None:
            return None
        _, stored = found
        read = read_frame(stored, self.dictionaries)
        return replace(read, events=tuple(self._given(each) for each in read.events)), stored.body

    async def sale(
        self, sale: str, known: Sequence[int], upto: int, *, is_here: bool
    ) -> GatheredSale:
        """Return the events of a sale up to `upto`; `known` are seqs of some of them.

        `is_here`: its opening was projected, so it is sought; otherwise the first of `known` is
        the first. Raises Refused when its events lie further apart than is looked.
        """
        first, last = min(known), max(known)
        found: list[ReadEvent] = []
        budget = SALE_FRAMES_SOUGHT_MAX
        seq, opened, ended = last, False, False
        at = last
        while seq >= 1 and (seq >= first or (is_here and not opened)):
            frame = await self._sought(sale, seq, budget)
            budget -= 1
            mine = [each for each in frame.events if self._is_of(each, sale)]
            opened = opened or any(isinstance(each.event, SaleOpened) for each in mine)
            ended = ended or any(_ends(each) for each in mine)
            found = mine + found
            at = max(at, frame.last_seq)
            seq = min(each.seq for each in frame.events) - 1
        while not ended and at < upto:
            frame = await self._sought(sale, at + 1, budget)
            budget -= 1
            mine = [each for each in frame.events if self._is_of(each, sale)]
            ended = any(_ends(each) for each in mine)
            found += mine
            at = frame.last_seq
        return GatheredSale(sale, tuple(each for each in found if each.seq <= upto), ended)

    async def _sought(self, sale: str, seq: int, budget: int) -> ReadFrame:
        if budget <= 0:
            raise Refused(
                "sale_spread",
                f"The events of sale {sale} lie further apart than {SALE_FRAMES_SOUGHT_MAX} "
                "deliveries of its shop.",
                advice="Leave what stands aside where it is, and correct the day by hand.",
            )
        found = await self.frame(seq)
        if found is None:
            raise Refused(
                "frame_gone",
                f"Event {seq} of this shop is not among the frames that are kept here.",
                advice="Its frames were archived, or the event store was restored from a copy.",
            )
        return found[0]

    def _given(self, read: ReadEvent) -> ReadEvent:
        body = self.given.get((read.gen, read.seq))
        if body is None:
            return read
        return replace(read_event(self.store, read.gen, read.seq, body), body=read.body)

    def _is_of(self, read: ReadEvent, sale: str) -> bool:
        if read.event is not None:
            return getattr(read.event, "sale", "") == sale
        body = self.given.get((read.gen, read.seq), read.body)
        return sale_of(body) == sale


def _ends(read: ReadEvent) -> bool:
    if read.event is not None:
        return isinstance(read.event, SaleCompleted | SaleAbandoned)
    # one that cannot be read is an end too: nothing follows it
    return shown_type(read.body) in {SaleCompleted.TYPE, SaleAbandoned.TYPE}


def shown_type(body: bytes) -> str:
    """Return the type that an event names, also one that cannot be read; or nothing."""
    try:
        found = msgspec.json.decode(body)["type"]
    except (msgspec.DecodeError, UnicodeError, RecursionError, LookupError, TypeError):
        return ""
    return found if isinstance(found, str) else ""
