"""Events out of stored frames, each with what it says or why it cannot be read. Pure.

What a database of ours could not hold is found here, so that one such event never stops the
others: text with a NUL (PostgreSQL has none), names too long for its indexes, and numbers beyond
64 bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from edge.contract import system_events
from edge.contract.coupon_events import CouponPresented
from edge.contract.envelope import SealedEnvelope, unseal
from edge.contract.errors import ProtocolViolation
from edge.contract.event_registry import Event
from edge.contract.office_limits import INDEXED_TEXT_BYTES_MAX
from edge.contract.sale_events import SaleCompleted
from edge.runtime.frame_codec import Dictionaries, open_frame
from sync.appending.event_store import SEQ_MAX, StoredFrame

_KNOWN_WITHOUT_SALE: Final = system_events.BoxStarted
"""Importing its module declares its events: without that they would count as unknown."""
_NUL: Final = b"\\u0000"
_AS_NINES: Final = bytes(b"9"[0] if bytes((each,)).isdigit() else b" "[0] for each in range(256))
_INDEXED: Final = (
    "sale",
    "line",
    "tender",
    "payment",
    "refund",
    "discount",
    "serial",
    "lot",
    "original_sale",
    "original_line",
)
"""Fields by which sales and their parts are found."""
_LONG_NUMBER: Final = b"9" * len(str(SEQ_MAX))


class ReadEvent(msgspec.Struct, frozen=True):
    """One event as it was read: `event`, or None for a type that is not known here.

    Or else, with a `reason`, neither.
    """

    gen: int
    seq: int
    body: bytes
    envelope: SealedEnvelope | None = None
    event: Event | None = None
    reason: str = ""


class ReadFrame(msgspec.Struct, frozen=True):
    """A stored frame and all events in it."""

    position: int
    store: int
    last_seq: int
    events: tuple[ReadEvent, ...]


def read_frame(frame: StoredFrame, dictionaries: Dictionaries) -> ReadFrame:
    """Return the events of a frame; one that cannot be opened is one that cannot be read."""
    events: tuple[ReadEvent, ...]
    try:
        opened = open_frame(frame.body, verify=_verified_at_arrival, dictionaries=dictionaries)
    except ProtocolViolation as error:
        events = (ReadEvent(frame.gen, frame.first_seq, frame.body, reason=str(error)),)
    else:
        new = opened.bodies[frame.first_seq - opened.header.first_seq :]
        events = tuple(
            read_event(frame.store, frame.gen, frame.first_seq + index, body)
            for index, body in enumerate(new)
        )
    return ReadFrame(frame.position, frame.store, frame.last_seq, events)


def _verified_at_arrival(_: bytes, __: bytes) -> None:
    """Accept: ingest checked the signature, and a replaced box has another key today."""


def read_event(store: int, gen: int, seq: int, body: bytes) -> ReadEvent:
    """Return what the bytes at an event's place say."""
    try:
        envelope = unseal(body)
        event = envelope.event()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return ReadEvent(gen, seq, body, reason=f"It cannot be read: {error}.")
    named = (envelope.store, envelope.gen, envelope.seq)
    if named != (store, gen, seq):
        return ReadEvent(gen, seq, body, reason=f"It says it is {named}, its place is event {seq}.")
    # two looks at the bytes spare nearly every event the walk through its values
    if _NUL in body or _LONG_NUMBER in body.translate(_AS_NINES):
        for reason in _unfit([*_values(envelope), msgspec.to_builtins(event)]):
            return ReadEvent(gen, seq, body, reason=f"It does not fit: {reason}.")
    if len(body) > INDEXED_TEXT_BYTES_MAX:
        for name in _names(envelope, event):
            if len(name.encode()) > INDEXED_TEXT_BYTES_MAX:
                reason = f"a name in it is longer than {INDEXED_TEXT_BYTES_MAX} bytes"
                return ReadEvent(gen, seq, body, reason=f"It does not fit: {reason}.")
    return ReadEvent(gen, seq, body, envelope, event)


def _values(envelope: SealedEnvelope) -> list[Any]:
    return [getattr(envelope, name) for name in SealedEnvelope.__struct_fields__ if name != "data"]


def _unfit(values: Iterable[Any]) -> Iterable[str]:
    """Find what no table can hold in values as JSON has them."""
    for value in values:
        if isinstance(value, dict):
            yield from _unfit(value.values())
        elif isinstance(value, list | tuple):
            yield from _unfit(value)
        elif isinstance(value, str) and "\0" in value:
            yield "a text in it has a NUL"
        elif isinstance(value, int) and abs(value) > SEQ_MAX:
            yield "a number in it is too large"


def _names(envelope: SealedEnvelope, event: Event | None) -> Iterable[str]:
    """Return by what a sale and its parts are found, as far as an event says it."""
    yield envelope.day
    for name in _INDEXED:
        value = getattr(event, name, "")
        if isinstance(value, str):
            yield value
    if isinstance(event, CouponPresented):
        yield event.code
    if isinstance(event, SaleCompleted):
        for tax in event.taxes:
            yield tax.tax
