"""Where events are declared: one struct per (type, version), upcasters between versions.

From one declaration come ledger row, uplink bytes, head-office reader, docs table and
golden file. A declaration is never edited once it has been released: a change is a new
version with an upcaster from the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened: the `data` of an envelope.

    Subclasses set `TYPE` (snake case, stable for ever) and `VERSION`. No floats (NaN
    becomes null), no dicts (equal ones encode differently), no optional meaning hidden in
    absence: a default is left out of the bytes and means exactly the default.
    """

    TYPE: ClassVar[str]
    VERSION: ClassVar[int] = 1


E = TypeVar("E", bound=type[Event])
Upcaster = Callable[[Any], Event]


@dataclass(frozen=True)
class _Entry:
    shape: type[Event]
    decoder: msgspec.json.Decoder[Any]


_SHAPES: Final[dict[tuple[str, int], _Entry]] = {}
_UPCASTERS: Final[dict[tuple[str, int], Upcaster]] = {}


def declare(shape: E) -> E:
    """Register an event class; used as a decorator. A second one of the same name fails."""
    key = (shape.TYPE, shape.VERSION)
    if key in _SHAPES:
        raise ValueError(f"event {key} is declared twice: {_SHAPES[key].shape} and {shape}")
    _SHAPES[key] = _Entry(shape, msgspec.json.Decoder(shape))
    return shape


def upcast_from(type_name: str, version: int) -> Callable[[Upcaster], Upcaster]:
    """Register how an older version becomes the next one; used as a decorator."""

    def register(function: Upcaster) -> Upcaster:
        key = (type_name, version)
        if key in _UPCASTERS:
            raise ValueError(f"event {key} has two upcasters")
        _UPCASTERS[key] = function
        return function

    return register


def is_known(type_name: str, version: int) -> bool:
    """Say whether this program can read that version of that event."""
    return (type_name, version) in _SHAPES


def decode_data(type_name: str, version: int, data: bytes | msgspec.Raw) -> Event | None:
    """Return the event in its newest version, or None when this program does not know it.

    Raises msgspec.ValidationError when the bytes do not fit their declaration.
    """
    entry = _SHAPES.get((type_name, version))
    if entry is None:
        return None
    event: Event = entry.decoder.decode(data)
    while (upcaster := _UPCASTERS.get((event.TYPE, event.VERSION))) is not None:
        event = upcaster(event)
    return event


def declared() -> Iterator[type[Event]]:
    """Yield every declared event class, by type and version."""
    for key in sorted(_SHAPES):
        yield _SHAPES[key].shape
