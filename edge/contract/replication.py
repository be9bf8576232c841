"""How a box and head office speak: frames up, feeds down, signed acknowledgements.

The byte layout of a frame stands here; coding it (zstd, Ed25519) is
`edge.runtime.frame_codec`, since the contract knows no library but msgspec.

    magic "T" 1 · version 1 · flags 2 · store number 4 · gen 4 · first_seq 8 · count 2 ·
    dict_id 2 · raw_len 4 · last_hash 32        (60 bytes, big endian)
    payload: zstd(dictionary) of count x (u32 big endian length || canonical event bytes),
             or, with `FLAG_THINNED`, of the text that `edge.runtime.frame_thinning` defines;
             raw_len is that of the former either way
    Ed25519(box key) over header || SHA-256(payload)                        (64 bytes)
"""

from __future__ import annotations

import hashlib
import struct
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.book_readiness import BooksHeld
from edge.contract.digest import Digest
from edge.contract.errors import ProtocolViolation
from edge.contract.feed_snapshots import SnapshotDown, SnapshotHeld
from edge.contract.identity import CommandId, Place, ShortId
from edge.contract.limits import (
    FRAME_RAW_BYTES_MAX,
)
from edge.contract.line_class import LineSaid, LineUse
from edge.contract.ratchet import RatchetKept, RatchetShown, RatchetToken
from edge.contract.reference_data import Feed, FeedPage

FRAME_MAGIC: Final = 0x54
FRAME_VERSION: Final = 1
FLAG_THINNED: Final = 1
SIGNATURE_BYTES: Final = 64
_HEADER: Final = struct.Struct(">BBHIIQHHI32s")
HEADER_BYTES: Final = _HEADER.size
PublicKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
"""An Ed25519 public key, hexadecimal."""
EVENT_LENGTH: Final = struct.Struct(">I")


class FrameHeader(msgspec.Struct, frozen=True):
    """What a frame says of itself. `last_hash` is the chain's hash after its last event."""

    store: int
    gen: int
    first_seq: int
    count: int
    dict_id: int
    raw_len: int
    last_hash: bytes
    flags: int = 0

    @property
    def last_seq(self) -> int:
        """The seq of the last event inside."""
        return self.first_seq + self.count - 1

    def pack(self) -> bytes:
        """Return the header's `HEADER_BYTES` bytes."""
        return _HEADER.pack(
            FRAME_MAGIC,
            FRAME_VERSION,
            self.flags,
            self.store,
            self.gen,
            self.first_seq,
            self.count,
            self.dict_id,
            self.raw_len,
            self.last_hash,
        )


def parse_header(frame: bytes | memoryview) -> FrameHeader:
    """Read a frame's header. Raises ProtocolViolation naming what is wrong with it."""
    if len(frame) < HEADER_BYTES + SIGNATURE_BYTES:
        raise _bad(f"{len(frame)} bytes are too few for a frame")
    magic, version, flags, store, gen, first_seq, count, dict_id, raw_len, last_hash = (
        _HEADER.unpack_from(frame)
    )
    if magic != FRAME_MAGIC:
        raise _bad(f"it begins with {magic:#04x}, not {FRAME_MAGIC:#04x}")
    if version != FRAME_VERSION:
        raise _bad(f"it has version {version}; this program reads {FRAME_VERSION}")
    if count == 0 or first_seq == 0:
        raise _bad(f"it holds {count} events from seq {first_seq}")
    if raw_len > FRAME_RAW_BYTES_MAX:
        raise _bad(f"it would unpack to {raw_len} bytes; {FRAME_RAW_BYTES_MAX} is the limit")
    return FrameHeader(store, gen, first_seq, count, dict_id, raw_len, last_hash, flags)


def _bad(why: str) -> ProtocolViolation:
    return ProtocolViolation("frame_malformed", f"The frame is refused: {why}.")


# --- session messages --------------------------------------------------------------------


class Head(msgspec.Struct, frozen=True):
    """A place in a store's history. `hash` in hexadecimal; seq 0 has 64 zeros."""

    gen: Place
    seq: Place
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class MendedProof(msgspec.Struct, frozen=True):
    """A box's history was mended: head office gave it `gen` to go on in, behind `parent`.

    `at` and `signature` are those of `GenerationGiven`. The history that the box had before is the
    one it has now up to `fork_seq`; it ended at `branch`.
    """

    gen: Place
    parent: Head
    at: int
    signature: str
    fork_seq: Place
    fork_hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    branch: Head


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="msg"):
    """The box introduces itself. `clock` in ms since 1970 UTC; `cursors` by feed."""

    store: ShortId
    box: str
    """The box's public key, hexadecimal."""
    head: Head
    cursors: dict[str, Place]
    clock: int
    version: str
    nonce: str
    """That of `Challenge`, which `Proof` signs too: an old introduction cannot be replayed."""
    feed_version: Place = 0
    """The newest version of a page of feeds that the box has taken."""
    hears: tuple[str, ...] = ()
    """Messages beyond those of the first version that head office may send."""
    line: str = ""
    """The line's class as in `LineSaid`; empty where the box does not say."""
    ratchet: RatchetShown | None = None
    """The tokens that it has; null for a box that keeps none, and towards a second copy."""
    mended: MendedProof | None = None
    """To a second copy only: this box's history was mended, in the generation of its head."""


class Welcome(msgspec.Struct, frozen=True, tag="welcome", tag_field="msg"):
    """Head office answers with its own head of this store, which the box's upload follows."""

    store_number: int
    head: Head
    settled_seq: int
    clock: int
    dictionaries: tuple[int, ...]
    hears: tuple[str, ...] = ()
    """Messages beyond those of the first version that the box may send."""
    budget: Annotated[int, Meta(ge=0)] | None = None
    """How many frames the box may send before a `Budget` gives it more; null for all it has."""
    ratchet: RatchetToken = ""
    """A token for the box to keep, answered with `RatchetKept`; empty for none."""


class Budget(msgspec.Struct, frozen=True, tag="budget", tag_field="msg"):
    """The box may send this many frames more; null for all it has, from now on.

    Sent only to a box whose Hello says that it hears `BUDGET`.
    """

    frames: Annotated[int, Meta(ge=0)] | None


class Challenge(msgspec.Struct, frozen=True, tag="challenge", tag_field="msg"):
    """Head office asks the box to sign this before anything else is said."""

    nonce: str
    hears: tuple[str, ...] = ()
    """Messages that the box may send with its introduction."""


class Proof(msgspec.Struct, frozen=True, tag="proof", tag_field="msg"):
    """The box's signature (hexadecimal) over `proof_bytes`."""

    signature: str


class Ack(msgspec.Struct, frozen=True, tag="ack", tag_field="msg"):
    """Head office has this, durably; signed, so that the box can prove it later."""

    store: ShortId
    accepted: Head
    settled_seq: Place
    at: int
    signature: str
    """Ed25519 of head office over `ack_bytes`, hexadecimal."""


class Kept(msgspec.Struct, frozen=True, tag="kept", tag_field="msg"):
    """A second copy in the shop has this, durably. It permits nothing: the box forgets no event.

    `keeper` is the public key, hexadecimal, that signed `kept_bytes`.
    """

    store: ShortId
    kept: Head
    at: int
    keeper: PublicKey
    signature: str


class FeedDown(msgspec.Struct, frozen=True, tag="feed", tag_field="msg"):
    """A page of a feed; the box answers with `FeedTaken` once it is on disk."""

    page: FeedPage


class FeedTaken(msgspec.Struct, frozen=True, tag="feed_taken", tag_field="msg"):
    """The box has applied a feed up to a cursor."""

    feed: Feed
    cursor: Place


class FeedRefused(msgspec.Struct, frozen=True, tag="feed_refused", tag_field="msg"):
    """The box cannot take the page that leads to `cursor`; `reason` is for a person.

    Sent only to a head office whose Welcome says that it hears `FEED_REFUSED`.
    """

    feed: Feed
    cursor: Place
    code: str
    reason: str


class LetterUp(msgspec.Struct, frozen=True, tag="letter", tag_field="msg"):
    """A receipt by e-mail, beside the frames: a `ReceiptLetter`, which only its reader decodes.

    Sent only to a head office whose Welcome says that it hears `LETTER`.
    """

    ref: CommandId
    letter: msgspec.Raw


class LetterTaken(msgspec.Struct, frozen=True, tag="letter_taken", tag_field="msg"):
    """Head office has that letter on its disk: the box erases its own."""

    ref: CommandId


class Resend(msgspec.Struct, frozen=True, tag="resend", tag_field="msg"):
    """A frame did not fit: head office's head is this; go on from there."""

    head: Head
    reason: str


class Denied(msgspec.Struct, frozen=True, tag="denied", tag_field="msg"):
    """Head office ends the session. `code` is stable, `message` for a person."""

    code: str
    message: str


OfficeMessage = (
    Challenge | Welcome | Budget | Ack | FeedDown | SnapshotDown | LetterTaken | Resend | Denied
)
KeeperMessage = Challenge | Welcome | Kept | Resend | Denied
BoxMessage = (
    Hello
    | Proof
    | Digest
    | FeedTaken
    | FeedRefused
    | SnapshotHeld
    | LetterUp
    | BooksHeld
    | LineSaid
    | RatchetKept
)
FEED_REFUSED: Final = "feed_refused"
BUDGET: Final = "budget"
NOT_BELIEVED: Final = frozenset(
    {"feed_unsigned", "feed_signature_wrong", "feed_older", "feed_gap", "feed_scope_wrong"}
)
"""Codes of FeedRefused by which a page as such is refused, whatever is in it."""


def proof_bytes(store: str, nonce: str, box: str) -> bytes:
    """Return what a box signs to prove that it holds its key."""
    return f"tillbox hello v1|{store}|{nonce}|{box}".encode()


def keeper_proof_bytes(store: str, nonce: str, box: str, keeper: str) -> bytes:
    """Return what a box signs to prove its key to one keeper: it opens no door at head office."""
    return f"tillbox hello keeper v1|{store}|{nonce}|{box}|{keeper}".encode()


def kept_bytes(store: str, keeper: str, kept: Head, at: int) -> bytes:
    """Return what a keeper signs; never what head office signs, whoever holds the key."""
    return f"tillbox kept v1|{store}|{keeper}|{kept.gen}|{kept.seq}|{kept.hash}|{at}".encode()


def ack_bytes(store: str, accepted: Head, settled_seq: int, at: int) -> bytes:
    """Return what head office signs in an acknowledgement."""
    return (
        f"tillbox ack v1|{store}|{accepted.gen}|{accepted.seq}|{accepted.hash}|{settled_seq}|{at}"
    ).encode()


def feed_page_bytes(store: str, page: FeedPage) -> bytes:
    """Return what head office signs in a page of a feed: all of it, for one store only.

    The items go in as SHA-256 over key, cursor in eight bytes and value of each; in front of key
    and value the length in four bytes, big endian.
    """
    items = hashlib.sha256()
    for item in page.items:
        key, value = item.key.encode(), bytes(item.value)
        items.update(len(key).to_bytes(4, "big") + key + item.cursor.to_bytes(8, "big"))
        items.update(len(value).to_bytes(4, "big") + value)
    return (
        f"tillbox feed v1|{store}|{page.feed}|{page.version}|{page.after}|{page.next}|"
        f"{page.more:d}|{items.hexdigest()}"
    ).encode()


# --- between sync and edge on one box ----------------------------------------------------


class ReplicaStatus(msgspec.Struct, frozen=True):
    """What `edge` tells `sync`: who the box is and where it stands."""

    store: ShortId
    store_number: int
    box: str
    head: Head
    accepted: Head
    cursors: dict[str, int]
    feed_version: int = 0
    waits_to_mend: bool = False
    """What it had lost is back: it starts anew when no sale is open, and sends nothing before."""
    ratchet: RatchetShown | None = None
    """The tokens that it shows head office."""
    mended: MendedProof | None = None
    """For second copies, when it goes on in the generation that a mending gave it."""


class LinkReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `sync` tells `edge` about the link: `up` or `down`, and why.

    It is the link to head office, or to the second copy whose public key is `keeper`. `line` is
    its class, and `use` what went over it this month, where anybody counts. `code` is that of a
    denial by the other end.
    """

    state: str
    reason: str = ""
    keeper: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$(?!\n)")] = ""
    line: str = ""
    use: LineUse | None = None
    code: str = ""
