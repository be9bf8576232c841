"""Limits of giving a box its lost history back, each with its reason."""

from __future__ import annotations

from typing import Final

MENDINGS_AT_ONCE_MAX: Final = 16
"""Boxes that get a lost history back at once: rare, and each reads frames as fast as its line."""
MENDING_AGAIN_MS_MIN: Final = 6 * 3_600_000
"""Nobody restores a box twice in a shift: what asks again is another copy of it, which a person has
to confirm. Two copies that are both alive would else take the shop from each other for ever."""
MENDING_TWIN_LOOKS: Final = 12
"""Looks, a quarter of a second apart, for another copy of a box: it comes back within a second."""
GENERATIONS_AHEAD_MAX: Final = 64
"""Generations of a box that a head office may have forgotten which was restored from a copy: one a
day for two months. A number beyond that is damage, and no later box could go on behind it."""
MENDING_ROUNDS_MAX: Final = 64
"""Questions by which two histories of any length are compared: half of it with each."""
MENDING_EVENTS_PER_COMMIT: Final = 2_000
"""Of a history that is made anew: some 1 MB in memory at once, and few fsyncs."""
MENDED_RECEIPTS_NAMED_MAX: Final = 100
"""Receipt numbers that a report of a mended history names: it has to fit an event."""
