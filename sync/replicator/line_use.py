"""How many bytes go over the line to head office each month, and what the line costs therefore.

Counted is what the kernel says of the connection (TCP's payload with TLS in it, both ways) and
`SEGMENT_BYTES` for each packet, which is about what a provider counts. Dialling that fails is not
counted. The count is kept in a file, which a kill leaves a minute behind.
"""

from __future__ import annotations

import datetime as dt
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock
from edge.contract.limits import LINE_USE_SAVED_MS
from edge.contract.line_class import LineClass, LineUse
from edge.runtime.private_file import replace_private_file
from edge.runtime.structured_log import Log

SEGMENT_BYTES: Final = 60
"""The heads of IP and TCP with their options, between those of the two versions of IP."""
_TCP_INFO: Final = struct.Struct("=8B24I4Q2I")
"""Linux' tcp_info as far as segs_in: the last four are bytes and segments, out and in."""
_BYTES_PER_MIB: Final = 1_048_576


class LineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[line]` of the settings of `tillbox sync`.

    `metered`: each byte costs. `monthly_mib` is what a month has, 0 for no limit; it begins on
    the day `month_begins` (UTC). `count_file` keeps what was used, and is needed for a limit.
    """

    metered: bool = False
    monthly_mib: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    month_begins: Annotated[int, Meta(ge=1, le=28)] = 1
    count_file: Path | None = None


class _Kept(msgspec.Struct, frozen=True):
    month: str
    used: Annotated[int, Meta(ge=0)]


@dataclass
class LineMeter:
    """Counts one line, and says which class it is now."""

    settings: LineSettings
    clock: Clock
    log: Log
    _month: str = ""
    _used: int = 0
    _seen: int = 0
    """What was counted of the connection there is."""
    _saved: _Kept = field(default_factory=lambda: _Kept("", 0))
    _saved_ms: int = 0
    _troubled: bool = False

    def open(self) -> None:
        """Read what was used; a file that is not there, or is none, begins at nothing."""
        file = self.settings.count_file
        try:
            kept = (
                _Kept("", 0) if file is None else msgspec.json.decode(file.read_bytes(), type=_Kept)
            )
        except FileNotFoundError:
            kept = _Kept("", 0)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            self.log.warning("line_count_lost", file=str(file), reason=str(error))
            kept = _Kept("", 0)
        self._month, self._used = kept.month, kept.used
        self._saved, self._saved_ms = kept, self.clock.monotonic_ms()

    @property
    def line(self) -> LineClass:
        """What the line costs now."""
        if not self._allowed:
            return LineClass.METERED if self.settings.metered else LineClass.OPEN
        self._turn_page()
        return LineClass.SPENT if self._used >= self._allowed else LineClass.METERED

    @property
    def use(self) -> LineUse | None:
        """What was used this month; None where nobody asked for a count."""
        if self.settings.count_file is None:
            return None
        self._turn_page()
        return LineUse(self._used, self._allowed, self._month)

    def saw(self, bytes_so_far: int) -> None:
        """Take what went over the connection that there is, all in all."""
        self._turn_page()
        self._used += max(0, bytes_so_far - self._seen)
        self._seen = max(self._seen, bytes_so_far)
        if self.clock.monotonic_ms() - self._saved_ms >= LINE_USE_SAVED_MS:
            self._save()

    def hung_up(self) -> None:
        """Take that the connection is over: the next one counts from nothing."""
        self._seen = 0
        self._save()

    @property
    def _allowed(self) -> int:
        return self.settings.monthly_mib * _BYTES_PER_MIB

    def _turn_page(self) -> None:
        month = _month_of(self.clock.now_ms(), self.settings.month_begins)
        if month > self._month:  # a clock that was set back does not give the month again
            self._month, self._used = month, 0

    def _save(self) -> None:
        self._saved_ms = self.clock.monotonic_ms()
        kept, file = _Kept(self._month, self._used), self.settings.count_file
        if file is None or kept == self._saved:
            return
        try:
            replace_private_file(file, msgspec.json.encode(kept))
        except SettingsInvalid as error:
            if not self._troubled:
                self.log.warning("line_count_not_saved", file=str(file), reason=error.message)
            self._troubled = True
            return
        self._saved, self._troubled = kept, False


def wire_bytes(line: socket.socket) -> int:
    """Return what went over a TCP connection so far, both ways; 0 where that is not known."""
    try:
        told = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        acked, received, out, came = _TCP_INFO.unpack_from(told)[-4:]
    except (OSError, struct.error, AttributeError):
        return 0  # it is closed, or the system has no such count
    return int(acked + received + (out + came) * SEGMENT_BYTES)


def _month_of(now_ms: int, begins: int) -> str:
    """Return the day on which the month of an instant began, as YYYY-MM-DD."""
    day = dt.datetime.fromtimestamp(now_ms / 1000, tz=dt.UTC).date()
    if day.day < begins:
        day = day.replace(day=1) - dt.timedelta(days=1)
    return day.replace(day=begins).isoformat()
