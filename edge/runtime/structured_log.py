"""One JSON object a line: what happened, when, in which process, to what.

Writing never raises and never waits for more than the stream: a full disk or a reader that
went away must not stop a sale. Line breaks and control characters are escaped by JSON, so
text from outside cannot forge a line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal, TextIO

import msgspec

from edge.contract.instant import Clock, iso_utc
from edge.contract.limits import (
    LOG_FIELD_CHARS_MAX,
)
from edge.runtime.system_clock import SystemClock

Level = Literal["debug", "info", "warning", "error"]

_RANK: Final[dict[Level, int]] = {"debug": 0, "info": 1, "warning": 2, "error": 3}
_SECRET: Final = frozenset({"password", "passphrase", "pepper", "pin", "secret", "token"})
_HIDDEN: Final = "(hidden)"


def _as_text(value: object) -> str:
    return str(value)


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_as_text)


class Log:
    """Writes events with fields; `bind` returns one whose lines carry more fields.

    `event` is a stable word joined by underscores, for people who search and for alarms.
    Fields named like a secret are written as `(hidden)`; longer text than
    `LOG_FIELD_CHARS_MAX` is cut. Lines below `level` are not written.
    """

    def __init__(
        self,
        stream: TextIO,
        clock: Clock,
        fields: Mapping[str, Any],
        *,
        level: Level = "info",
        listeners: list[Callable[[str], None]] | None = None,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._fields = fields
        self._level: Level = level
        self._listeners = [] if listeners is None else listeners

    def debug(self, event: str, /, **fields: Any) -> None:
        """Write a step that only somebody who looks for a fault wants to see."""
        self._write("debug", event, fields)

    def info(self, event: str, /, **fields: Any) -> None:
        """Write something worth knowing that is as it should be."""
        self._write("info", event, fields)

    def warning(self, event: str, /, **fields: Any) -> None:
        """Write something that is not as it should be and is being dealt with."""
        self._write("warning", event, fields)

    def error(self, event: str, /, **fields: Any) -> None:
        """Write something that a person has to look at."""
        self._write("error", event, fields)

    def bind(self, **fields: Any) -> Log:
        """Return a log that adds these fields to each line."""
        return Log(
            self._stream,
            self._clock,
            {**self._fields, **fields},
            level=self._level,
            listeners=self._listeners,
        )

    def listen(self, take: Callable[[str], None]) -> Callable[[], None]:
        """Have `take` called with each line from now on, of bound logs too; return what ends it."""
        self._listeners.append(take)
        return lambda: self._listeners.remove(take)

    def _write(self, level: Level, event: str, fields: Mapping[str, Any]) -> None:
        if _RANK[level] < _RANK[self._level]:
            return
        head = {"ts": iso_utc(self._clock.now_ms()), "level": level, "event": event}
        told = {
            name: _shown(name, value)
            for name, value in {**self._fields, **fields}.items()
            if name not in head
        }
        line = _encoded({**head, **told})
        for take in self._listeners:
            take(line)
        # ValueError: the stream was closed
        with suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()


def open_log(
    process: str,
    stream: TextIO | None = None,
    *,
    clock: Clock | None = None,
    level: Level = "info",
) -> Log:
    """Return the log of a process; to standard error unless told otherwise."""
    return Log(
        sys.stderr if stream is None else stream,
        SystemClock() if clock is None else clock,
        {"process": process},
        level=level,
    )


def _shown(name: str, value: Any) -> Any:
    if name in _SECRET:
        return _HIDDEN
    if isinstance(value, bytes | bytearray):
        value = value.hex()
    if isinstance(value, str) and len(value) > LOG_FIELD_CHARS_MAX:
        return value[:LOG_FIELD_CHARS_MAX] + f"… ({len(value)} characters)"
    return value


def _encoded(line: dict[str, Any]) -> str:
    try:
        return _ENCODER.encode(line).decode()
    except Exception:  # noqa: BLE001 - a field that cannot be shown must not lose the others
        plain = {
            name: value if isinstance(value, str) else repr(value) for name, value in line.items()
        }
        # lone surrogates (a file name that is not UTF-8) have no UTF-8: shown as escapes
        return _ENCODER.encode(
            {
                name: value.encode("utf-8", "backslashreplace").decode()
                for name, value in plain.items()
            }
        ).decode()
