"""What a scanner on a serial line sends: codes between a prefix and a suffix. Sans-I/O.

Scanners end a code with CR, LF or both unless set otherwise. The group separator 0x1D is
payload of GS1 codes; what else is no code says `devices.protocols.scanned_codes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from devices.protocols.scanned_codes import AIM_CHARS, Misread, decode_text, read_code
from edge.contract.device_limits import (
    SERIAL_IDLE_FLUSH_MS,
    SERIAL_TAIL_MS,
)
from edge.contract.device_messages import BarcodeScanned
from edge.contract.limits import (
    BARCODE_CHARS_MAX,
)

_LINE_ENDS: Final = re.compile(rb"[\r\n]")


@dataclass(frozen=True)
class LineFormat:
    """How this scanner is set.

    `suffix`: empty means CR, LF or CRLF. `aim`: split off identifiers such as `]E0`.
    `group_separator`: a printable stand-in for 0x1D, such as `|`, or empty.
    """

    prefix: bytes = b""
    suffix: bytes = b""
    aim: bool = True
    group_separator: str = ""


class ScannerLines:
    """Bytes in, codes and misreads out; holds one unfinished code at most."""

    def __init__(self, line: LineFormat) -> None:
        self._line = line
        self._ends = re.compile(re.escape(line.suffix)) if line.suffix else _LINE_ENDS
        self._buffer = bytearray()
        self._code_bytes_max = BARCODE_CHARS_MAX + len(line.prefix) + AIM_CHARS
        self._suffix_begun_bytes_max = max(0, len(line.suffix) - 1)
        self._overflowed = False
        self._suffix_seen = False
        self._cut_off = False

    @property
    def silence_ms(self) -> int | None:
        """After how long a silence to call `flush`; None when nothing waits for one."""
        if self._buffer or self._overflowed:
            return SERIAL_IDLE_FLUSH_MS
        return SERIAL_TAIL_MS if self._cut_off else None

    def feed(self, data: bytes) -> list[BarcodeScanned | Misread]:
        """Take bytes and return what they complete, in order."""
        found: list[BarcodeScanned | Misread] = []
        self._buffer += data
        start = 0
        while end := self._ends.search(self._buffer, start):
            piece = bytes(self._buffer[start : end.start()])
            start = end.end()
            self._suffix_seen = True
            if self._cut_off:
                self._cut_off = self._overflowed = False  # the other half is no code either
            elif self._overflowed or len(piece) > self._code_bytes_max:
                self._overflowed = False
                found.append(Misread.TOO_LONG)
            elif piece:
                found.append(self._read(piece))
        del self._buffer[:start]
        if len(self._buffer) > self._code_bytes_max + self._suffix_begun_bytes_max:
            # the suffix may have begun in what is thrown away: keep what it may begin with
            del self._buffer[: len(self._buffer) - self._suffix_begun_bytes_max]
            self._overflowed = True
        return found

    def flush(self) -> list[BarcodeScanned | Misread]:
        """End the code at hand: the line has been silent for longer than a gap inside one.

        From a scanner that never sent a suffix that is how codes end. From one that does,
        the line stood still or its last bytes were lost: half a code must not be taken for a
        whole one, and neither must the other half, should it come within `SERIAL_TAIL_MS`.
        """
        piece, too_long = bytes(self._buffer), self._overflowed
        self._buffer.clear()
        self._overflowed = False
        if too_long or len(piece) > self._code_bytes_max:
            self._cut_off = self._suffix_seen
            return [Misread.TOO_LONG]
        if not piece:
            self._cut_off = False  # nothing more came of it
            return []
        if not self._suffix_seen:
            return [self._read(piece)]
        again, self._cut_off = self._cut_off, True
        return [] if again else [Misread.CUT_OFF]

    def _read(self, piece: bytes) -> BarcodeScanned | Misread:
        if not piece.startswith(self._line.prefix):
            return Misread.NO_PREFIX
        text = decode_text(piece[len(self._line.prefix) :])
        return read_code(text, aim=self._line.aim, group_separator=self._line.group_separator)
