"""Limits of feeds that are sent as snapshots, each with its reason, as in `limits`."""

from __future__ import annotations

from typing import Final

# --- how a snapshot is cut: both ends cut alike, or share nothing -------------------------
SNAPSHOT_CHUNK_ITEMS: Final = 64
"""Items of a chunk in the mean. Of 500 changes anywhere among 50,000 items three chunks in five
know nothing; with twice as many items two in five, and all together would be a tenth smaller."""
SNAPSHOT_CHUNK_ITEMS_MAX: Final = 512
"""Keys that go on for longer without a cut (one in 3,000 runs) are cut there."""
SNAPSHOT_CHUNK_BYTES_MAX: Final = 262_144
"""A chunk unpacked: four of the largest items, and what a box unpacks at once."""
SNAPSHOT_LIST_CHUNKS: Final = 256
"""Names in one piece of a snapshot's list: 8 kB, a second of 64 kbit/s."""
SNAPSHOT_LISTS_MAX: Final = 64
"""Pieces of a list: 16,384 chunks, a million items. A feed beyond that goes in pages."""

# --- when one is worth it -----------------------------------------------------------------
SNAPSHOT_BEHIND_MIN: Final = 2_000
"""Changes that a box lacks: below, pages are there before a list of chunks would be."""
SNAPSHOT_BEHIND_PERCENT: Final = 90
"""What part of the feed that is. Packed changes are never dearer in bytes than chunks: each key
comes once, whatever happened to it (of 50,000 articles half cost 386 kB as changes, 833 kB as
chunks; all of them 771 and 833). From here on chunks cost a fifth more at most, are made once for
all shops, take away what the box should not have, and cost nothing where it has the same."""
SNAPSHOT_STALE_ITEMS: Final = 1_000
"""Changes behind a snapshot that is there: a page. Only with more is another one made."""
SNAPSHOT_BUNDLE_CHUNKS_MAX: Final = 128
"""Chunks of one bundle: a box looks through them in half a second."""
FEED_PACKED_ITEMS_MIN: Final = 4
"""A page of fewer items is not packed: it would hardly be smaller."""
FEED_PACKED_RATIO: Final = 4
"""How much smaller items of a feed are taken to be when packed, until a page of it was."""
FEED_PACKED_RATIO_MAX: Final = 16
"""The same later: what a page was like is no promise of the next."""
FEED_PACKINGS_KEPT: Final = 64
"""Packed pages in memory: a change for all shops is packed once."""

# --- head office's disk -------------------------------------------------------------------
SNAPSHOT_READ_ITEMS: Final = 5_000
"""Items read at once: whoever else reads waits some milliseconds."""
SNAPSHOT_SUPERSEDED_MS: Final = 86_400_000
"""How long a snapshot is kept that has a newer one, from its last offer on: for who takes it."""
SNAPSHOT_UNUSED_MS: Final = 30 * 86_400_000
"""How long the newest one is kept that nobody asked for: making it again costs seconds."""
SNAPSHOTS_MAX: Final = 256
"""Snapshots at once: with own prices in every shop, those that were used last."""
SNAPSHOT_DISK_BYTES_MAX: Final = 536_870_912
"""Chunks of all of them: some 500 catalogues of 50,000 articles that have nothing in common."""

# --- the box ------------------------------------------------------------------------------
SNAPSHOT_OWN_ITEMS: Final = 1_000
"""Items of the box's own that are cut at once: a till waits some milliseconds behind them."""
SNAPSHOT_STAGED_BYTES_MAX: Final = 268_435_456
"""Chunks of one snapshot on a box's disk, packed: a million articles are a tenth of it."""
SNAPSHOT_STEP_ITEMS: Final = 1_000
"""Items applied in one transaction where they are indexed for the search: as a page of them."""
SNAPSHOT_STEP_PLAIN_ITEMS: Final = 20_000
"""The same of items without an index, prices say: a fifth of a second, a second on a slow card."""
SNAPSHOT_APPLIED_MS_MAX: Final = 600_000
"""A box that has every chunk applies them within this; then it is offered the snapshot again."""
SNAPSHOT_WORDS_WAITING_MAX: Final = 16
"""Offers and bundles of chunks that wait in `sync` for edge; with more the line is not read."""
