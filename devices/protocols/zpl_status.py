"""What a ZPL printer answers to `~HS`: three strings between STX and ETX CR LF. Sans-I/O.

    aaa,b,c,dddd,eee,f,g,h,iii,j,k,l    b paper out, c pause, eee formats in the buffer, f it is
                                        full, h a format has begun, k and l too cold and too hot
    mmm,n,o,p,q,r,s,t,uuuuuuuu,v,www    o head open, p ribbon out, t a label waits to be taken,
                                        u labels of the batch still to come
    xxxx,y                              password and memory: nothing of use here

Source: Zebra's description of `~HS`. It says too that a printer may answer nothing at all while it
is out of labels or ribbon, its head is open or too hot: no answer is an answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_STX, _ETX = b"\x02", b"\x03"
_STRING_BYTES_MAX: Final = 64
"""The longest has 40."""
_FIRST: Final = re.compile(
    rb"\d{3},([01]),([01]),\d{4},(\d{3}),([01]),[01],([01]),\d{3},[01],([01]),([01])"
)
_SECOND: Final = re.compile(rb"\d{3},\d,([01]),([01]),[01],\d,\d,([01]),(\d{8}),\d,\d{3}")
_THIRD: Final = re.compile(rb"\d{4},\d")


@dataclass(frozen=True)
class HostStatus:
    """How a label printer says it is."""

    paper_out: bool = False
    paused: bool = False
    formats_waiting: int = 0
    buffer_full: bool = False
    format_begun: bool = False
    too_cold: bool = False
    too_hot: bool = False
    head_open: bool = False
    ribbon_out: bool = False
    label_waits: bool = False
    labels_left: int = 0

    @property
    def all_out(self) -> bool:
        """Whether everything that it was sent has come out."""
        return not (self.formats_waiting or self.labels_left or self.format_begun)


class StatusReader:
    """Bytes in, whole answers out; what is no part of one is counted and dropped."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._strings: list[bytes] = []
        self.garbage_bytes = 0

    def feed(self, data: bytes) -> list[HostStatus]:
        """Take bytes and return the answers that they complete."""
        self._buffer += data
        found: list[HostStatus] = []
        while (string := self._next()) is not None:
            status = self._take(string)
            if status is not None:
                found.append(status)
        return found

    def forget(self) -> None:
        """Drop half an answer: its rest does not come any more."""
        self.garbage_bytes += len(self._buffer) + sum(map(len, self._strings))
        self._buffer.clear()
        self._strings.clear()

    def _next(self) -> bytes | None:
        """Return the next string, or None when more bytes are needed."""
        while self._buffer:
            begin = self._buffer.find(_STX)
            if begin != 0:
                self._drop(len(self._buffer) if begin < 0 else begin)
                continue
            end = self._buffer.find(_ETX)
            other = self._buffer.find(_STX, 1)
            if other > 0 and (end < 0 or other < end):
                self._drop(other)  # its end was lost: another one begins inside it
            elif end < 0 and len(self._buffer) <= _STRING_BYTES_MAX:
                return None
            elif end < 0 or end > _STRING_BYTES_MAX:
                self._drop(1)
            else:
                string = bytes(self._buffer[1:end])
                del self._buffer[: end + 1]
                return string
        return None

    def _drop(self, count: int) -> None:
        # between strings there are ends of lines
        self.garbage_bytes += len(self._buffer[:count].strip(b"\r\n"))
        del self._buffer[:count]

    def _take(self, string: bytes) -> HostStatus | None:
        shape = (_FIRST, _SECOND, _THIRD)[len(self._strings)]
        if shape.fullmatch(string):
            self._strings.append(string)
            if shape is not _THIRD:
                return None
            first, second, _ = self._strings
            self._strings.clear()
            return _status(first, second)
        self.garbage_bytes += len(string) + sum(map(len, self._strings))
        self._strings.clear()
        if _FIRST.fullmatch(string):
            self.garbage_bytes -= len(string)
            self._strings.append(string)
        return None


def _status(first: bytes, second: bytes) -> HostStatus:
    one, two = _FIRST.fullmatch(first), _SECOND.fullmatch(second)
    if one is None or two is None:
        raise AssertionError("strings are kept when they fit")
    paper, pause, formats, full, begun, cold, hot = one.groups()
    head, ribbon, waits, left = two.groups()
    yes = b"1"
    return HostStatus(
        paper_out=paper == yes,
        paused=pause == yes,
        formats_waiting=int(formats),
        buffer_full=full == yes,
        format_begun=begun == yes,
        too_cold=cold == yes,
        too_hot=hot == yes,
        head_open=head == yes,
        ribbon_out=ribbon == yes,
        label_waits=waits == yes,
        labels_left=int(left),
    )
