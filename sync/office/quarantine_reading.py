"""Events that stand aside, as people read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from edge.contract.attention_limits import ASIDE_EVENTS_SHOWN_MAX, ASIDE_TEXT_CHARS_MAX
from edge.contract.errors import ProtocolViolation, Refused
from edge.contract.replication import parse_header
from sync.office.aside_store import AsideStore
from sync.office.quarantine_bodies import AsideBody, FieldBody, QuarantineBody

_NOTHING: Final = msgspec.Raw(b"null")
_PLACE: Final = re.compile(r"[0-9]{1,10}-[0-9]{1,19}-[0-9]{1,19}")


async def aside_events(
    aside: AsideStore,
    slugs: Mapping[int, str],
    *,
    store: int | None,
    after: str,
    left: bool,
) -> QuarantineBody:
    """Return a page of events that stand aside; `left`: of those that somebody has left there.

    `after` is the `next` of the page before, or empty. Raises Refused (400) for another text.
    """
    if after and _PLACE.fullmatch(after) is None:
        raise Refused(
            "place_malformed",
            f"{after[:40]!r} is no place among what stands aside.",
            advice="Give the `next` of an earlier answer, or nothing.",
            status=400,
        )
    begin = (-1, 0, 0)
    if after:
        store_number, seq, gen = (min(int(part), 2**63 - 1) for part in after.split("-"))
        begin = (store_number, seq, gen)
    found = await aside.page(store, begin, left=left, limit=ASIDE_EVENTS_SHOWN_MAX)
    last = found.rows[-1] if len(found.rows) == ASIDE_EVENTS_SHOWN_MAX else None
    return QuarantineBody(
        tuple(_body(row, slugs) for row in found.rows if row[0] in slugs),
        "" if last is None else f"{last[0]}-{last[2]}-{last[1]}",
        found.count - found.seen,
        found.seen,
    )


def _body(row: Sequence[Any], slugs: Mapping[int, str]) -> AsideBody:
    number, gen, seq, came_at, reason, original, said, who, left_at, left_reason = row
    plain = _decoded(bytes(said))
    data = plain.get("data")
    fields = tuple(_fields("", data)) if data is not None else ()
    shown: dict[str, Any] = {
        name: value if isinstance(value := plain.get(name), kind) else kind()
        for name, kind in (
            ("type", str),
            ("v", int),
            ("day", str),
            ("at", int),
            ("till", str),
            ("actor", str),
        )
    }
    sale = data.get("sale") if isinstance(data, dict) else ""
    return AsideBody(
        store=slugs[number],
        gen=gen,
        seq=seq,
        came_at=came_at,
        reason=reason,
        sale=sale if isinstance(sale, str) else "",
        fields=fields,
        data=_NOTHING if data is None else msgspec.Raw(msgspec.json.encode(data)),
        raw="" if plain else bytes(original)[:ASIDE_TEXT_CHARS_MAX].decode("utf-8", "replace"),
        delivery=_is_frame(bytes(original)),
        left_by=who,
        left_at=left_at,
        left_reason=left_reason,
        **shown,
    )


def _is_frame(body: bytes) -> bool:
    try:
        parse_header(body)
    except ProtocolViolation:
        return False
    return True


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        plain = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}


def _fields(name: str, value: Any) -> Iterator[FieldBody]:
    """Name what an event says, field by field: `lines.0.sku`."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _fields(f"{name}.{key}" if name else str(key), each)
    elif isinstance(value, list) and value:
        for place, each in enumerate(value):
            yield from _fields(f"{name}.{place}", each)
    else:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        yield FieldBody(name, text[:ASIDE_TEXT_CHARS_MAX])
