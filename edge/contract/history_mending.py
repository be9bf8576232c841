"""How a box that was restored from an older copy gets its lost history back from head office.

A line of its own at `MENDING_PATH`, after the usual challenge and proof: the box asks for hashes
until it knows the last event that both have, then for the frames behind it, and at last for a
generation to go on in. Head office then lets no copy of this box go on in an older one.

    office: Challenge             box: Hello, Proof
    office: Standing
    box: HashAsked(seq)           office: HashSaid(seq, hash)            as often as it takes
    box: FrameAsked(seq)          office: the frame that holds that event, as binary
    box: GenerationAsked(parent)  office: GenerationGiven, or Standing when it has gone on since

A head office that can do so says `MENDING` in its challenge to every box; an older one does not,
and an older box never asks.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.identity import Place, ShortId
from edge.contract.replication import Challenge, Denied, Head, Hello, Proof

MENDING: Final = "mending"
MENDING_PATH: Final = "/sync/v1/mending"

HexHash = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$(?!\n)")]


class Standing(msgspec.Struct, frozen=True, tag="standing", tag_field="msg"):
    """Where head office stands with this store: its head, and the generation of its box."""

    store_number: int
    head: Head
    gen: Place


class HashAsked(msgspec.Struct, frozen=True, tag="hash_asked", tag_field="msg"):
    """The box asks for the chain's hash behind an event."""

    seq: Place


class HashSaid(msgspec.Struct, frozen=True, tag="hash_said", tag_field="msg"):
    """`hash` in hexadecimal; empty for an event that is not there."""

    seq: Place
    hash: HexHash


class FrameAsked(msgspec.Struct, frozen=True, tag="frame_asked", tag_field="msg"):
    """The box asks for the frame that holds an event."""

    seq: Place


class GenerationAsked(msgspec.Struct, frozen=True, tag="generation_asked", tag_field="msg"):
    """The box has everything up to `parent` and wants to go on behind it."""

    parent: Head


class GenerationGiven(msgspec.Struct, frozen=True, tag="generation_given", tag_field="msg"):
    """The box goes on in `gen` behind `parent`. `at` in ms since 1970 UTC."""

    store: ShortId
    gen: Place
    parent: Head
    at: int
    signature: str
    """Ed25519 of head office over `generation_bytes`, hexadecimal."""


MendingAsked = Hello | Proof | HashAsked | FrameAsked | GenerationAsked
MendingSaid = Challenge | Standing | HashSaid | GenerationGiven | Denied


def generation_bytes(store: str, gen: int, parent: Head, box: str, at: int) -> bytes:
    """Return what head office signs when it gives a box (its public key) a generation."""
    return (
        f"tillbox generation v1|{store}|{gen}|{parent.gen}|{parent.seq}|{parent.hash}|{box}|{at}"
    ).encode()


# --- between sync and edge on one box ----------------------------------------------------


class MendingBegun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both histories are the same up to `fork_seq` (`fork_hash`), and not behind it.

    `anew`: what was fetched behind it before is not head office's any more.
    """

    fork_seq: Place
    fork_hash: HexHash
    anew: bool = False


class MendingFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frame of head office's history, as it is."""

    frame: bytes


class MendingState(msgspec.Struct, frozen=True):
    """How far the box has what it lost: everything up to `head`; `ready` once it may go on.

    No head before anything was begun.
    """

    head: Head | None = None
    ready: bool = False
