"""Events out of stored frames, each with what it says or why it cannot be read. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from edge.contract import system_events
from edge.contract.envelope import SealedEnvelope, unseal
from edge.contract.errors import ProtocolViolation
from edge.contract.event_registry import Event
from edge.runtime.frame_codec import Dictionaries, open_frame
from sync.appending.event_store import StoredFrame

_KNOWN_WITHOUT_SALE: Final = system_events.BoxStarted
"""Importing its module declares its events: without that they would count as unknown."""


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
        # a frame that was carried here may begin with events that were here before
        new = opened.bodies[frame.first_seq - opened.header.first_seq :]
        events = tuple(
            read_event(frame.store, frame.gen, frame.first_seq + index, body)
            for index, body in enumerate(new)
        )
    return ReadFrame(frame.position, frame.store, frame.last_seq, events)


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
    return ReadEvent(gen, seq, body, envelope, event)


def _verified_at_arrival(_: bytes, __: bytes) -> None:
    """Accept: ingest checked the signature, and a replaced box has another key today."""
