"""Strict JSON: one encoder, and decoders that refuse what JSON leaves open.

Python's own parser accepts NaN, duplicate keys and any depth; msgspec refuses NaN and
accepts duplicate keys. Both gaps are closed here, once.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from edge.contract.errors import Refused
from edge.contract.limits import (
    JSON_NESTING_MAX,
)

T = TypeVar("T")

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that do not fit: bad UTF-8 and depth come as Python's own."""

_ENCODER: Final = msgspec.json.Encoder()
_ANYTHING: Final = msgspec.json.Decoder()
_DECODERS: Final[dict[int, tuple[msgspec.json.Decoder[Any], object]]] = {}
"""Beside each decoder its shape, which keeps the identity from being given again."""
"""One for each shape that is ever asked for: as many as there are routes."""
_NO_BRACKETS: Final = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[^][{}"]+',
    re.DOTALL,
)
"""Everything but the brackets that build structure.

Text that never ends is taken up to the end of the body: tried again from each of its quotes,
a body of 64 kB would hold the loop for minutes.
"""

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def encode(message: object) -> bytes:
    """Return the compact UTF-8 JSON of a message, fields in declared order."""
    return _ENCODER.encode(message)


def decode_strict(body: bytes, shape: type[T], *, what: str) -> T:
    """Decode JSON from outside into `shape`, or refuse it saying where it is wrong.

    Refused (status 400): not UTF-8, not JSON, half a surrogate pair, NaN or Infinity, a key
    given twice, nested deeper than `JSON_NESTING_MAX`. Refused (status 422): the shape does
    not fit.
    """
    _check_nesting(body, what)
    if not _is_flat(body):
        _check_strict(body, what)
    try:
        decoded: T = _decoder(shape).decode(body)
    except msgspec.ValidationError as error:
        raise Refused("wrong_shape", f"{what}: {error}.", status=422) from None
    return decoded


def _is_flat(body: bytes) -> bool:
    """Say whether a body is strict beyond doubt: an object with as many keys as it has colons.

    Were a key given twice there would be more of these. It is what tills send, told in a third of
    the time that a look at each key takes.
    """
    try:
        plain = _ANYTHING.decode(body)
    except (*UNREADABLE, ValueError):
        return False
    return type(plain) is dict and len(plain) == body.count(b":")


def _check_strict(body: bytes, what: str) -> None:
    try:
        # given bytes, json would guess UTF-16 and UTF-32 too
        plain = _STRICT.decode(str(body, "utf-8"))
        if _SURROGATE.search(body):
            # half a pair is no text: it could be read here and never be written again
            json.dumps(plain, ensure_ascii=False).encode()
    except _NotStrictError as error:
        raise Refused("json_not_strict", f"{what}: {error}.", status=400) from None
    except (ValueError, RecursionError) as error:
        raise Refused(
            "not_json", f"{what} is not JSON: {error}.", status=400, advice="Send UTF-8 JSON."
        ) from None


def _decoder(shape: object) -> msgspec.json.Decoder[Any]:
    # by identity: the hash of a union of forty commands is worked out anew each time
    known = _DECODERS.get(id(shape))
    if known is None:
        known = _DECODERS[id(shape)] = (msgspec.json.Decoder(shape), shape)
    return known[0]


class _NotStrictError(Exception):
    """JSON that parsers differ about."""


def _check_nesting(body: bytes, what: str) -> None:
    # an upper bound in two C scans; only a body with many brackets is looked at closely
    if body.count(b"[") + body.count(b"{") <= JSON_NESTING_MAX:
        return
    depth = deepest = 0
    for bracket in _NO_BRACKETS.sub(b"", body):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > JSON_NESTING_MAX:
        raise Refused(
            "json_too_deep",
            f"{what} is nested {deepest} deep; {JSON_NESTING_MAX} is the limit.",
            status=400,
        )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        places: dict[str, int] = {}
        twice = next(key for at, (key, _) in enumerate(pairs) if places.setdefault(key, at) != at)
        raise _NotStrictError(f"the key {twice!r} stands twice")
    return result


def _no_constant(name: str) -> NoReturn:
    raise _NotStrictError(f"{name} is not a JSON number")


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
"""One for all: making a decoder costs as much as decoding a command."""
