"""A feed as a snapshot: what a store is to hold at a cursor, in chunks named by their hash.

A snapshot is every key that has a value, sorted, cut into chunks. Where it is cut follows from the
keys alone: another value changes one chunk, a new key one or two, and all others keep their names,
from one snapshot to the next and from one store to the next. Head office signs an offer: the feed,
the cursor, and the hashes of the pieces of the list of all chunks. The box cuts what it holds by
the same rule, so that only chunks which it cannot make itself are sent.

A bundle is a binary message: `BUNDLE`, length of the feed's name in one byte, the name, the root in
32 bytes, then blobs, each behind its length in four bytes, big endian. A blob is `LIST_BLOB` and a
piece of the list (names of 32 bytes), or a chunk as `edge.runtime.item_packing` packs it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.errors import ProtocolViolation
from edge.contract.identity import ID_PATTERN, Place
from edge.contract.reference_data import Feed
from edge.contract.snapshot_limits import (
    SNAPSHOT_CHUNK_BYTES_MAX,
    SNAPSHOT_CHUNK_ITEMS,
    SNAPSHOT_CHUNK_ITEMS_MAX,
    SNAPSHOT_LIST_CHUNKS,
    SNAPSHOT_LISTS_MAX,
)

SNAPSHOTS: Final = "snapshots"
"""In a Hello's `hears`: the box takes packed pages, offers and bundles."""
NAME_BYTES: Final = 32
BUNDLE: Final = b"C"
PACKED_PAGE: Final = b"P"
"""How binary messages of head office begin."""
LIST_BLOB: Final = b"\x02"
_LENGTH_BYTES: Final = 4
_CUT: Final = 2**32 // SNAPSHOT_CHUNK_ITEMS
_SCOPE: Final = ID_PATTERN.replace("{1,", "{0,")
_Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]

Item = tuple[str, bytes]
"""A key and its value, as head office keeps it."""


class SnapshotOffer(msgspec.Struct, frozen=True):
    """What a store is to hold of a feed once it has taken it up to `cursor`.

    `scope` is empty where the store has nothing of its own in the feed, else the store; `count` is
    how many chunks there are, `lists` the hashes of the pieces of their list, one behind the other.
    `version` and `signature` are as in a FeedPage.
    """

    feed: Feed
    scope: Annotated[str, Meta(pattern=_SCOPE)]
    cursor: Place
    count: Annotated[int, Meta(ge=0, le=SNAPSHOT_LIST_CHUNKS * SNAPSHOT_LISTS_MAX)]
    lists: Annotated[bytes, Meta(max_length=NAME_BYTES * SNAPSHOT_LISTS_MAX)]
    version: Place = 0
    signature: str = ""

    @property
    def root(self) -> str:
        """Name the snapshot: its feed's contents, whatever scope or cursor they are offered for."""
        return hashlib.sha256(self.lists).hexdigest()

    @property
    def list_names(self) -> list[bytes]:
        """The hashes of the pieces of the list."""
        return names_in(self.lists)


class SnapshotDown(msgspec.Struct, frozen=True, tag="snapshot", tag_field="msg"):
    """Head office offers a snapshot in place of pages; the box answers with `SnapshotHeld`.

    Sent only to a box whose Hello says that it hears `SNAPSHOTS`.
    """

    offer: SnapshotOffer


class SnapshotHeld(msgspec.Struct, frozen=True, tag="snapshot_held", tag_field="msg"):
    """What the box has of a snapshot, as bits: the first is the highest of the first byte.

    Of the pieces of its list, and, once it has all of these, of its chunks; `FeedTaken` follows
    when it has all of those and they are applied.
    """

    feed: Feed
    root: _Hash
    lists: Annotated[bytes, Meta(max_length=SNAPSHOT_LISTS_MAX // 8)]
    chunks: Annotated[bytes, Meta(max_length=SNAPSHOT_LIST_CHUNKS * SNAPSHOT_LISTS_MAX // 8)] = b""


class SnapshotStanding(msgspec.Struct, frozen=True):
    """What `edge` tells `sync` of a snapshot: what it holds, and what is to be done.

    `missing`: head office has to send more; `taken`: it is applied up to `cursor`. With neither it
    is to be applied, a step a call.
    """

    held: SnapshotHeld
    cursor: Place
    missing: bool
    taken: bool


class SnapshotStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sync` asks `edge` to apply the next part of a snapshot that is all there."""

    feed: Feed
    root: _Hash


class Chunk(msgspec.Struct, frozen=True):
    """Some items next to each other, and the hash over them that is their name."""

    name: bytes
    items: tuple[Item, ...]


class ChunkCutter:
    """Cuts items that come sorted by key into chunks."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._size = 0

    def add(self, key: str, value: bytes) -> Iterator[Chunk]:
        """Take the next item; give the chunk that ends before it, if one does."""
        size = 2 * _LENGTH_BYTES + len(key.encode()) + len(value)
        if self._items and (
            _begins_chunk(key)
            or len(self._items) >= SNAPSHOT_CHUNK_ITEMS_MAX
            or self._size + size > SNAPSHOT_CHUNK_BYTES_MAX
        ):
            yield from self.rest()
        self._items.append((key, value))
        self._size += size

    def rest(self) -> Iterator[Chunk]:
        """Give what came since the last cut, if anything did."""
        if self._items:
            items, self._items, self._size = tuple(self._items), [], 0
            yield Chunk(chunk_name(items), items)


def _begins_chunk(key: str) -> bool:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") < _CUT


def cut(items: Iterable[Item]) -> Iterator[Chunk]:
    """Give the chunks of items that come sorted by key."""
    cutter = ChunkCutter()
    for key, value in items:
        yield from cutter.add(key, value)
    yield from cutter.rest()


def plain_items(items: Iterable[Item]) -> bytes:
    """Return key, value and so on, in front of each its length in four bytes, big endian."""
    parts: list[bytes] = []
    for key, value in items:
        name = key.encode()
        parts += (len(name).to_bytes(_LENGTH_BYTES, "big"), name)
        parts += (len(value).to_bytes(_LENGTH_BYTES, "big"), value)
    return b"".join(parts)


def chunk_name(items: Iterable[Item]) -> bytes:
    """Return the name of a chunk: SHA-256 over `plain_items`, however it is packed on its way."""
    return hashlib.sha256(plain_items(items)).digest()


def snapshot_bytes(store: str, offer: SnapshotOffer) -> bytes:
    """Return what head office signs in an offer: all of it, for one store only."""
    return (
        f"tillbox snapshot v1|{store}|{offer.feed}|{offer.scope}|{offer.cursor}|{offer.version}|"
        f"{offer.count}|{offer.root}"
    ).encode()


def names_in(names: bytes) -> list[bytes]:
    """Return the hashes that stand one behind the other."""
    return [names[at : at + NAME_BYTES] for at in range(0, len(names), NAME_BYTES)]


def list_pieces(names: bytes) -> list[bytes]:
    """Return the pieces of the list of all chunks."""
    size = NAME_BYTES * SNAPSHOT_LIST_CHUNKS
    return [names[at : at + size] for at in range(0, len(names), size)]


def list_hashes(names: bytes) -> bytes:
    """Return the hashes of these pieces, one behind the other."""
    return b"".join(hashlib.sha256(piece).digest() for piece in list_pieces(names))


def bits(held: Iterable[bool]) -> bytes:
    """Return a bit for each, the first as the highest of the first byte."""
    text = "".join("1" if each else "0" for each in held)
    return bytes(int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8))


def missing_of(held: bytes, count: int) -> list[int]:
    """Return which of `count` bits are not set; those beyond the end are not."""
    padded = held.ljust(-(-count // 8), b"\x00")
    return [place for place in range(count) if not padded[place // 8] & 0x80 >> place % 8]


def bundle(feed: Feed, root: str, blobs: Iterable[bytes]) -> bytes:
    """Return the message that carries blobs of a snapshot."""
    name = str(feed).encode()
    head = BUNDLE + bytes([len(name)]) + name + bytes.fromhex(root)
    return head + b"".join(len(each).to_bytes(_LENGTH_BYTES, "big") + each for each in blobs)


class Bundle(msgspec.Struct, frozen=True):
    """Blobs of a snapshot that came; nothing about them is known to be right yet."""

    feed: Feed
    root: str
    blobs: tuple[bytes, ...]


def opened_bundle(message: bytes) -> Bundle:
    """Return what is in a bundle. Raises ProtocolViolation saying what is wrong with it."""
    if message[:1] != BUNDLE or len(message) < 2:  # noqa: PLR2004 - mark and length
        raise _bad("it does not begin as one")
    begin = 2 + message[1]
    root = message[begin : begin + NAME_BYTES]
    try:
        feed = Feed(message[2:begin].decode("ascii"))
    except ValueError:
        raise _bad(f"it is of feed {message[2:begin]!r}, which is not known here") from None
    if len(root) != NAME_BYTES:
        raise _bad("it ends within its head")
    blobs: list[bytes] = []
    at = begin + NAME_BYTES
    while at < len(message):
        start = at + _LENGTH_BYTES
        end = start + int.from_bytes(message[at:start], "big")
        if start > len(message) or end > len(message):
            raise _bad(f"it ends within blob {len(blobs) + 1}")
        blobs.append(message[start:end])
        at = end
    return Bundle(feed, root.hex(), tuple(blobs))


def _bad(why: str) -> ProtocolViolation:
    return ProtocolViolation("bundle_malformed", f"The bundle of chunks is refused: {why}.")
