"""Events that stand aside, as people read them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from edge.contract.attention_limits import ASIDE_EVENTS_SHOWN_MAX, ASIDE_TEXT_CHARS_MAX
from edge.contract.errors import ProtocolViolation, Refused
from edge.contract.replication import parse_header
from edge.runtime.database_file import DatabaseFile
from sync.office.quarantine_bodies import AsideBody, FieldBody, QuarantineBody

_NOTHING: Final = msgspec.Raw(b"null")
_PLACE: Final = re.compile(r"[0-9]{1,10}-[0-9]{1,19}-[0-9]{1,19}")
_ROWS: Final = (
    "SELECT q.store, slug, q.gen, q.seq, q.at, q.reason, q.body, coalesce(given.body, q.body),"
    " coalesce(seen.who, ''), coalesce(seen.at, 0), coalesce(seen.reason, '')"
    " FROM quarantine AS q JOIN store ON number = q.store"
    " LEFT JOIN left_aside AS seen USING (store, gen, seq)"
    " LEFT JOIN repair AS given USING (store, gen, seq)"
    " WHERE (?1 IS NULL OR q.store = ?1) AND (q.store, q.seq, q.gen) > (?2, ?3, ?4)"
    " AND (seen.who IS NOT NULL) = ?5 ORDER BY q.store, q.seq, q.gen LIMIT ?6"
)
_COUNTS: Final = (
    "SELECT count(*), count(seen.who) FROM quarantine"
    " LEFT JOIN left_aside AS seen USING (store, gen, seq)"
    " WHERE ?1 IS NULL OR quarantine.store = ?1"
)


async def aside_events(
    file: DatabaseFile, *, store: int | None, after: str, left: bool
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
    begin = tuple(min(int(part), 2**63 - 1) for part in after.split("-")) if after else (-1, 0, 0)

    def query(connection: sqlite3.Connection) -> tuple[list[Any], tuple[int, int]]:
        rows = connection.execute(_ROWS, (store, *begin, left, ASIDE_EVENTS_SHOWN_MAX)).fetchall()
        return rows, connection.execute(_COUNTS, (store,)).fetchone()

    rows, (count, seen) = await file.read(query)
    last = rows[-1] if len(rows) == ASIDE_EVENTS_SHOWN_MAX else None
    return QuarantineBody(
        tuple(_body(row) for row in rows),
        "" if last is None else f"{last[0]}-{last[3]}-{last[2]}",
        count - seen,
        seen,
    )


def _body(row: Sequence[Any]) -> AsideBody:
    _, slug, gen, seq, came_at, reason, original, said, who, left_at, left_reason = row
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
        store=slug,
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
