"""The envelope around every event, its canonical bytes, and the hash chain.

Canonical bytes are compact UTF-8 JSON of the whole envelope with its data, fields in the
order declared here, made once and never re-encoded. JSON and not MessagePack: an auditor
can read it in thirty years, and inside a compressed frame the field names cost nothing
(measured; ARCHITECTURE.md, decision 1).

    hash[n] = SHA-256(hash[n-1] || canonical bytes), hash[0] = 32 zero bytes
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from edge.contract import event_registry
from edge.contract.event_registry import Event

GENESIS: Final = bytes(32)
"""The hash before the first event."""


class Envelope(msgspec.Struct, frozen=True):
    """What is true of every event.

    `store` is the store's number; `gen` the fencing epoch of the box, given by head office;
    `seq` gap-free from 1; `at` milliseconds since 1970 UTC; `day` the business day; `till`
    and `actor` are empty for what the box does by itself. (store, gen, seq) is the event's
    id.
    """

    store: int
    gen: int
    seq: int
    type: str
    v: int
    day: str
    at: int
    till: str
    actor: str
    data: Any


class Origin(msgspec.Struct, frozen=True, array_like=True):
    """Where an event stood in a history that was set aside, before it was written again here.

    `hash` is the chain's there, in hexadecimal. `sale` is the sale's id there, where the sale got
    another one here because its old one names another sale; empty where it kept its own.
    """

    gen: int
    seq: int
    hash: str
    sale: str = ""


class SealedEnvelope(msgspec.Struct, frozen=True):
    """An envelope as read back: the data still as bytes, any version, known or not.

    `origin` stands behind the data of those events alone that were written again.
    """

    store: int
    gen: int
    seq: int
    type: str
    v: int
    day: str
    at: int
    till: str
    actor: str
    data: msgspec.Raw
    origin: Origin | None = None

    def event(self) -> Event | None:
        """Return the event in its newest version; None when its type is not known here.

        Raises msgspec.ValidationError when the data do not fit their declaration.
        """
        return event_registry.decode_data(self.type, self.v, self.data)


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(SealedEnvelope)


def seal(
    event: Event, *, store: int, gen: int, seq: int, day: str, at: int, till: str, actor: str
) -> bytes:
    """Return the canonical bytes of an event; done once, when `seq` is taken."""
    return _ENCODER.encode(
        Envelope(store, gen, seq, event.TYPE, event.VERSION, day, at, till, actor, event)
    )


class _AgainEnvelope(msgspec.Struct, frozen=True):
    store: int
    gen: int
    seq: int
    type: str
    v: int
    day: str
    at: int
    till: str
    actor: str
    data: msgspec.Raw
    origin: Origin


def seal_again(sealed: SealedEnvelope, data: bytes, *, gen: int, seq: int, origin: Origin) -> bytes:
    """Return the canonical bytes of an event in another place, which say where it stood before.

    It stays what happened then, there and by whom: only its place in the chain is another.
    """
    return _ENCODER.encode(
        _AgainEnvelope(
            sealed.store,
            gen,
            seq,
            sealed.type,
            sealed.v,
            sealed.day,
            sealed.at,
            sealed.till,
            sealed.actor,
            msgspec.Raw(data),
            origin,
        )
    )


def unseal(canonical: bytes) -> SealedEnvelope:
    """Read canonical bytes. Raises msgspec.DecodeError (or ValidationError) when they are not."""
    return _DECODER.decode(canonical)


def link(previous: bytes, canonical: bytes) -> bytes:
    """Return the hash of an event that follows `previous`."""
    return hashlib.sha256(previous + canonical).digest()


def link_all(previous: bytes, bodies: Iterable[bytes]) -> bytes:
    """Return the hash after a run of events; `previous` itself for none."""
    sha256 = hashlib.sha256
    for canonical in bodies:
        previous = sha256(previous + canonical).digest()
    return previous
