"""What a person wants to be read in place of an event: made whole, and looked at before it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET

from edge.contract.envelope import Envelope, SealedEnvelope, unseal
from edge.contract.errors import Refused
from edge.contract.limits import EVENT_BYTES_MAX
from edge.engine.text_safety import looks_like_pan
from sync.office.event_reading import read_event
from sync.office.person_acts import check_text
from sync.office.quarantine_bodies import Repair


def repaired_body(store: int, wish: Repair, old: bytes) -> bytes:
    """Return the bytes that are read in place of an event from now on. Raises Refused."""
    shown = _unsealed(old)
    values: dict[str, Any] = {}
    for name in ("type", "v", "day", "at", "till", "actor"):
        value = getattr(wish, name)
        if value is UNSET:
            value = getattr(shown, name, UNSET)
        if value is UNSET:
            raise Refused(
                "repair_incomplete",
                f"Nothing of this event can be read, so it has to be said what its {name} is.",
                advice="Give type, v, day, at, till and actor with the data.",
            )
        values[name] = value
    body = msgspec.json.encode(Envelope(store, wish.gen, wish.seq, data=wish.data, **values))
    if len(body) > EVENT_BYTES_MAX:
        raise Refused(
            "repair_too_large", f"An event has {EVENT_BYTES_MAX} bytes at most.", status=413
        )
    for text in _texts(msgspec.json.decode(body)):
        if looks_like_pan(text) and text.encode() not in old:
            check_text(text)
    read = read_event(store, wish.gen, wish.seq, body)
    if read.reason:
        raise Refused(
            "repair_unreadable",
            f"What is to be read in its place cannot be read either: {read.reason}",
            advice="Correct the field that it names.",
        )
    if read.event is None:
        raise Refused(
            "repair_unknown_type",
            f"Events {values['type']!r} of version {values['v']} are not known here.",
            advice="Take a type and version that this head office knows.",
        )
    return body


def _unsealed(body: bytes) -> SealedEnvelope | None:
    try:
        return unseal(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
