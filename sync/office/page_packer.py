"""Pages of feeds packed for the line: what they have in common for all shops is packed once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from edge.contract.reference_data import FeedPage
from edge.contract.snapshot_limits import FEED_PACKINGS_KEPT
from edge.contract.wire import encode
from edge.runtime.item_packing import pack_cursors, packed_page


@dataclass
class PagePacker:
    """Keeps the packed items of the last few pages, by what is in them."""

    _kept: OrderedDict[bytes, bytes] = field(default_factory=OrderedDict)

    def packed(self, page: FeedPage) -> bytes:
        """Return the binary message of a signed page."""
        place = hashlib.sha256(encode(page.items)).digest()
        items = self._kept.get(place)
        if items is None:
            items = self._kept[place] = pack_cursors(page.items)
            if len(self._kept) > FEED_PACKINGS_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(place)
        return packed_page(page, items)
