"""Limits of updates, each with its reason."""

from __future__ import annotations

from typing import Final

MANIFEST_BYTES_MAX: Final = 1_048_576
"""Two parts of half a gigabyte in chunks of 4 MiB are some 20 KB of hashes."""
CHUNK_BYTES: Final = 4 * 1_048_576
"""What is read, checked and written at once: a box has memory for it beside its tills."""
PART_BYTES_MAX: Final = 4 * 1_073_741_824
"""A part is a partition; ours have half a gigabyte."""
PARTS_MAX: Final = 8
TRIAL_S_MAX: Final = 300.0
"""A new version that is not well by then is left: a shop opens in the morning whatever happened."""
TRIAL_LOOK_EVERY_S: Final = 5.0
TRIAL_WELL_LOOKS: Final = 6
"""Well once may be luck; half a minute of it, and nothing was started anew meanwhile, is not."""
AUTOBOOT_BYTES_MAX: Final = 512
"""The Raspberry Pi's firmware reads no more of autoboot.txt."""
