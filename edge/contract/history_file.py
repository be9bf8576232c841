"""The history of a store as a file that a person carries: signed frames, one behind another.

    "tillbox history v1" and a line feed                       (19 bytes)
    u32 big endian length || JSON of `HistoryHeader`
    count x (u32 big endian length || signed frame)            oldest first, no gaps
    u32 0 || u32 count || SHA-256 of everything before it      (40 bytes)

The frames prove themselves (box key and chain); the end proves that the copy is complete.
"""

from __future__ import annotations

import struct
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.identity import Place, ShortId

HISTORY_MAGIC: Final = b"tillbox history v1\n"
HISTORY_LENGTH: Final = struct.Struct(">I")
HISTORY_END: Final = struct.Struct(">II32s")


class HistoryBox(msgspec.Struct, frozen=True):
    """Which key signed the frames of a generation; `key` in hexadecimal."""

    gen: Place
    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class HistoryHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose history it is, who wrote the file and when (ms since 1970 UTC)."""

    store_number: Place
    slug: ShortId
    boxes: Annotated[tuple[HistoryBox, ...], Meta(min_length=1, max_length=1_000)]
    written_by: Annotated[str, Meta(max_length=100)]
    written_at: int
