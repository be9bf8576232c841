"""What leaves the shop with a support bundle: no secret, no PIN, no name, no card.

Deny by default. Of a log line the fields that are known to be harmless are kept, and of texts
everything that could be somebody's is taken out: names of the shop's people, rows of digits that
could be a card, and what looks like a key. A recording keeps what a device says of itself; what
was scanned, printed or shown is left out, only its length stays.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from edge.engine.text_safety import without_pans

LOG_FIELDS_KEPT: Final = frozenset({
    "ts", "level", "event", "process", "address", "advice", "after_s", "at", "book", "broker",
    "by_ms", "clean", "code", "defect", "device", "driver", "dropped", "error", "feed", "fetched",
    "filter", "fork", "gen", "head", "host", "incident", "job", "lines", "marked", "number",
    "open_jobs", "open_ms", "open_payments", "open_sales", "origin", "outcome", "parked_sales",
    "payment", "phase", "pid", "port",
    "reason", "receipt", "ref", "refund", "refused", "restart", "retained", "reversal", "said",
    "sale", "status", "task", "tasks", "terminal", "till", "topic", "trace", "transaction",
    "user", "version", "waiting", "who",
})  # fmt: skip
"""Their texts are cleaned all the same. `user` is one of the broker's, `who` a device or host."""
LOG_FIELDS_LEFT_OUT: Final = frozenset({
    "amount_minor", "asked", "by", "difference_minor", "given", "ledger_minor", "name", "users",
    "wish",
})  # fmt: skip
"""Who did something, what people wished, and how much money it was about."""

HIDDEN: Final = "(hidden)"
LEFT_OUT: Final = "(left out)"
PERSON: Final = "(person)"
_SECRET_NAME: Final = re.compile(r"pass|secret|token|pepper|pin$|key$", re.IGNORECASE)
_OPAQUE: Final = re.compile(r"(?<![\w/.-])(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{24,}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME_CHARS_MIN: Final = 2

_WHOLE: Final = frozenset({"terminal", "scale", "drawer"})
"""Classes of devices that hear and say nothing of people: terminals record without card data."""
_SAYS_ITS_STATE: Final = frozenset({"printer", "labels"})
"""Classes of devices that say of themselves alone, and hear what is printed."""


class Redactor:
    """Takes out what is somebody's. `names` are of the shop's people, `secrets` of the box."""

    def __init__(self, names: Iterable[str], secrets: Iterable[str] = ()) -> None:
        words = {word for name in names for word in (name, *name.split())}
        people = sorted(
            (re.escape(word) for word in words if len(word) >= _NAME_CHARS_MIN),
            key=len,
            reverse=True,
        )
        any_of_them = rf"(?<!\w)(?:{'|'.join(people)})(?!\w)"
        self._people = re.compile(any_of_them, re.IGNORECASE) if people else None
        self._secrets = tuple(secret for secret in secrets if secret)

    def text(self, text: str) -> str:
        """Return a text without anything that could be somebody's."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = without_pans(text)
        if self._people is not None:
            text = self._people.sub(PERSON, text)
        return _OPAQUE.sub(_unless_id, text)

    def plain(self, value: Any) -> Any:
        """Return JSON as it may leave: what is named like a secret hidden, every text cleaned."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self.plain(each) for each in value]
        if isinstance(value, dict):
            return {
                name: HIDDEN if is_secret(name) and each else self.plain(each)
                for name, each in value.items()
            }
        return value

    def log_line(self, line: str) -> str:
        """Return a line of the box's log as it may leave."""
        try:
            fields = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return msgspec.json.encode({"event": LEFT_OUT}).decode()
        kept = {
            name: self.plain(value) if name in LOG_FIELDS_KEPT else LEFT_OUT
            for name, value in fields.items()
        }
        return msgspec.json.encode(kept).decode()

    def recording(self, content: str, device_class: str) -> Iterator[str]:
        """Yield the lines of a recording as they may leave."""
        for number, line in enumerate(content.splitlines()):
            try:
                entry = msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                continue
            told = self.plain(entry) if number == 0 else self._entry(entry, device_class)
            yield msgspec.json.encode(told).decode()

    def _entry(self, entry: dict[str, Any], device_class: str) -> dict[str, Any]:
        told: dict[str, Any] = {
            name: entry[name] for name in ("at_ms", "way") if isinstance(entry.get(name), str | int)
        }
        way = told.get("way")
        try:
            data = base64.b64decode(str(entry.get("data", "")), validate=True)
        except (binascii.Error, ValueError):
            return told
        if way in {"in", "out"}:
            whole = device_class in _WHOLE or (way == "in" and device_class in _SAYS_ITS_STATE)
            return told | ({"data": entry["data"]} if whole else {"bytes": len(data)})
        if way == "job":
            return told | _kind_of(data)
        return told | {"words": self.text(data.decode("utf-8", "replace"))}


def is_secret(name: str) -> bool:
    """Say whether what is named so may be a secret; a file that holds one is none."""
    return not name.endswith("_file") and _SECRET_NAME.search(name) is not None


def _kind_of(data: bytes) -> dict[str, Any]:
    try:
        job = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {"bytes": len(data)}
    return {name: job[name] for name in ("id", "kind") if isinstance(job.get(name), str)}


def _unless_id(found: re.Match[str]) -> str:
    return found.group() if _UUID.fullmatch(found.group()) else HIDDEN
