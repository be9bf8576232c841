"""What a scanner in USB HID point-of-sale mode sends: one input report for up to 56 bytes.

    02 LL ]  c  m  data, 56 bytes with zeros behind it  xx 00 0C

LL is the length of the data, `]cm` the AIM identifier, xx the maker's own identifier, and bit 0
of the last byte says that the code goes on in the next report. So state it the Hand Held
Products (Honeywell) USB Interfaces User's Guide, p. 1-11, and the product manuals of Access-IS
(ATR110, p. 33; LSR118, p. 68). Some makers lay their report out in another way (IDTECH FX100,
p. 43, has no AIM identifier); their scanners are refused here by what is in these three bytes.
Usages: HID Point of Sale Usage Tables 1.02, page 8Ch.
"""

from __future__ import annotations

import re
from typing import Final

from devices.protocols.scanned_codes import Misread, decode_text, read_code
from edge.contract.device_limits import (
    KEY_IDLE_FLUSH_MS,
    SERIAL_TAIL_MS,
)
from edge.contract.device_messages import BarcodeScanned
from edge.contract.limits import (
    BARCODE_CHARS_MAX,
)

REPORT_BYTES: Final = 64
DATA_BYTES: Final = 56

_SCANNED_DATA: Final = 2
_LENGTH_AT: Final = 1
_AIM_AT: Final = slice(2, 5)
_DATA_AT: Final = 5
_CONTINUED_AT: Final = 63
_CONTINUED: Final = 0x01
_AIM: Final = re.compile(rb"\][A-Za-z][0-9A-Za-z]")
_CODE_BYTES_MAX: Final = BARCODE_CHARS_MAX * 4
"""UTF-8 has up to four bytes for a sign."""

Found = list[BarcodeScanned | Misread]


class HidPosReports:
    """Reports of 64 bytes in, codes and misreads out; holds one unfinished code at most.

    `group_separator`: a printable stand-in for 0x1D, or empty. `cut_off`: the connection before
    this one ended inside a code, whose rest may still come.
    """

    def __init__(self, group_separator: str = "", *, cut_off: bool = False) -> None:
        self._group_separator = group_separator
        self._buffer = b""
        self._aim = b""
        self._data = bytearray()
        self._bad: Misread | None = None
        self._cut_off = cut_off
        self.broken = False
        """True once half a report came, which no kernel gives: connect anew."""

    @property
    def unfinished(self) -> bool:
        """True inside a code."""
        return bool(self._aim or self._buffer)

    @property
    def silence_ms(self) -> int | None:
        """After how long a silence to call `flush`; None when nothing waits for one."""
        if self.unfinished:
            return KEY_IDLE_FLUSH_MS
        return SERIAL_TAIL_MS if self._cut_off else None

    def feed(self, data: bytes) -> Found:
        """Take bytes and return what they complete, in order."""
        found: Found = []
        data = self._buffer + data
        whole = len(data) - len(data) % REPORT_BYTES
        for start in range(0, whole, REPORT_BYTES):
            report = data[start : start + REPORT_BYTES]
            if report[0] == _SCANNED_DATA:
                found += self._take(report)
        self._buffer = data[whole:]
        return found

    def flush(self) -> Found:
        """Give up the code at hand: its next report did not come, nor may it come alone."""
        if self._buffer:  # reports are whole or not there
            self.broken = True
            self._buffer = b""
        if not self._aim:
            self._cut_off = False
            return []
        again, self._cut_off = self._cut_off, True
        self._clear()
        return [] if again else [Misread.CUT_OFF]

    def _take(self, report: bytes) -> Found:
        aim = report[_AIM_AT]
        if report[_LENGTH_AT] > DATA_BYTES or not _AIM.fullmatch(aim):
            self._clear()
            return [Misread.UNKNOWN_REPORT]
        if self._aim and aim != self._aim:
            self._bad = Misread.CUT_OFF  # of two codes, neither is known to be whole
        self._aim = aim
        self._data += report[_DATA_AT : _DATA_AT + report[_LENGTH_AT]]
        if len(self._data) > _CODE_BYTES_MAX:
            self._bad = self._bad or Misread.TOO_LONG
            self._data.clear()
        if report[_CONTINUED_AT] & _CONTINUED:
            return []
        cut_off, self._cut_off = self._cut_off, False
        code = self._bad or self._read()
        self._clear()
        return [] if cut_off else [code]

    def _read(self) -> BarcodeScanned | Misread:
        text = decode_text(bytes(self._data))
        code = read_code(text, aim=False, group_separator=self._group_separator)
        return code if isinstance(code, Misread) else BarcodeScanned(code.text, self._aim.decode())

    def _clear(self) -> None:
        self._aim, self._bad = b"", None
        self._data.clear()
