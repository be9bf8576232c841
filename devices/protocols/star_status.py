"""What a Star printer sends back: its status, ends of documents, its version. Sans-I/O.

The status (ASB) is a frame that says its own length [L 5-7 to 5-12, H 5-7 to 5-11, I 5-2 to 5-6,
TSP700 manual p. 41 to 44; receiptio reads it alike]: header 1 has bit 0 set and bits 4 and 7 clear,
and in bits 1 to 3 and 5 how many bytes there are, itself included (7 is 0F, 9 is 23); in all others
bits 0, 4 and 7 are clear. Bit 7 of header 2 is the exception: behind the frame stand a length of
two bytes and as many more, which network cards add [I 5-7]. XON and XOFF fall anywhere.

Sources as in `star_line`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from devices.protocols.escpos_status import FlowControl, PrinterStatus

BLOCK_BYTES_MAX: Final = 96
"""The longest version that is believed; those known have some 20 bytes."""
MORE_BYTES_MAX: Final = 0x0200
"""What a network card may add behind a status [I 5-7]."""
_FRAME_BYTES_MIN: Final = 7
_XON: Final = 0x11
_XOFF: Final = 0x13
_HEAD_BITS: Final = 0x91
_HEAD: Final = 0x01
_SECOND_CLEAR: Final = 0x11
_REST_CLEAR: Final = 0x91
_MORE_FOLLOWS: Final = 0x80
_LENGTH_BYTES: Final = 2
_ESC: Final = 0x1B
_DOCUMENT: Final = b"\x1b\x1d\x03\x01"
_DOCUMENT_BYTES: Final = 8
_VERSION: Final = b"\x1b#*"
_PRINTABLE: Final = range(0x20, 0x7F)
_LF: Final = 0x0A
_COUNT_AT: Final = 7


@dataclass(frozen=True)
class StarStatus:
    """The status that the printer sent: asked for or because it changed; `data` without more."""

    data: bytes

    @property
    def printer(self) -> PrinterStatus:
        """What it says of the printer. `drawer_high`: the drawer's switch is closed."""
        state, errors, more_errors, paper = self.data[2:6]
        return PrinterStatus(
            offline=bool(state & 0x08),
            cover_open=bool(state & 0x20),
            paper_out=bool(paper & 0x08),
            paper_near_end=bool(paper & 0x06),
            cutter_error=bool(errors & 0x08),
            fault=bool(errors & 0x24 or more_errors & 0x0E),
            recovering=bool(errors & 0x40),
            drawer_high=bool(state & 0x04),
        )

    @property
    def mark(self) -> bool:
        """Whether it was sent because a mark (ETB) was come to."""
        return bool(self.data[2] & 0x02)

    @property
    def marks(self) -> int | None:
        """How many marks were come to, from 0 to 31 and round; None on models without a count."""
        if len(self.data) <= _COUNT_AT:
            return None
        byte = self.data[_COUNT_AT]
        return byte >> 2 & 0x18 | byte >> 1 & 0x07


@dataclass(frozen=True)
class DocumentEnd:
    """The echo of ESC GS ETX 1: printed up to the point that these two bytes mark."""

    number: bytes


@dataclass(frozen=True)
class StarVersion:
    """The answer to ESC # *: model and firmware."""

    text: str

    @property
    def model(self) -> str:
        """The part before `Ver`."""
        return self.text.partition("Ver")[0].strip(" ,.")

    @property
    def firmware(self) -> str:
        """The part behind `Ver`; empty where there is none."""
        return self.text.partition("Ver")[2].strip(" ,.")


StarAnswer = StarStatus | DocumentEnd | StarVersion | FlowControl


class StarAnswerReader:
    """Bytes in, answers out, however they are split. What fits nothing is counted and dropped."""

    def __init__(self) -> None:
        self._unfinished = bytearray()
        self._bytes = 0
        """How long the frame at hand is, with its length and what that announces."""
        self.garbage_bytes = 0
        """Bytes so far that fitted nothing."""

    def feed(self, data: bytes) -> list[StarAnswer]:
        """Take bytes and return what they complete, in order."""
        return [answer for byte in data for answer in self._take(byte)]

    def _take(self, byte: int) -> list[StarAnswer]:
        if not self._unfinished:
            return self._begin(byte)
        if self._unfinished[0] == _ESC:
            return self._block(byte)
        return self._frame(byte)

    def _begin(self, byte: int) -> list[StarAnswer]:
        if byte in (_XON, _XOFF):
            return [FlowControl(byte == _XON)]
        self._bytes = byte >> 2 & 0x08 | byte >> 1 & 0x07
        is_head = byte & _HEAD_BITS == _HEAD and self._bytes >= _FRAME_BYTES_MIN
        if is_head or byte == _ESC:
            self._unfinished.append(byte)
        else:
            self.garbage_bytes += 1
        return []

    # --- status ---------------------------------------------------------------------------

    def _frame(self, byte: int) -> list[StarAnswer]:
        count = _frame_bytes(self._unfinished)
        at = len(self._unfinished)
        if at < count:
            if byte in (_XON, _XOFF):
                return [FlowControl(byte == _XON)]
            if byte & (_SECOND_CLEAR if at == 1 else _REST_CLEAR):
                return self._drop_and_begin(byte)  # not the rest of a status: what began was none
        self._unfinished.append(byte)
        if at == 1 and byte & _MORE_FOLLOWS:
            self._bytes = count + _LENGTH_BYTES
        if at + 1 == count + _LENGTH_BYTES:
            more = int.from_bytes(self._unfinished[count:], "big")
            if more > MORE_BYTES_MAX:
                self._drop()
                return []
            self._bytes += more
        if len(self._unfinished) < self._bytes:
            return []
        return [StarStatus(self._taken()[:count])]

    # --- blocks ---------------------------------------------------------------------------

    def _block(self, byte: int) -> list[StarAnswer]:
        self._unfinished.append(byte)
        head = bytes(self._unfinished[: len(_DOCUMENT)])
        if _DOCUMENT.startswith(head):
            if len(self._unfinished) < _DOCUMENT_BYTES:
                return []
            data = self._taken()
            if data[-1]:
                self.garbage_bytes += len(data)
                return []
            return [DocumentEnd(data[4:6])]
        if _VERSION.startswith(head[: len(_VERSION)]):
            return self._version(byte)
        return self._begin_behind_the_escape()

    def _begin_behind_the_escape(self) -> list[StarAnswer]:
        """Drop an ESC that began nothing; `#` behind it, for one, is a status' header too."""
        rest = self._taken()[1:]
        self.garbage_bytes += 1
        return self.feed(rest)

    def _version(self, byte: int) -> list[StarAnswer]:
        if byte == 0:
            said = self._taken()[len(_VERSION) : -1]
            return [StarVersion(said.decode("ascii").strip(",\n "))]
        fits = byte in _PRINTABLE or byte == _LF
        if len(self._unfinished) > BLOCK_BYTES_MAX or (
            not fits and len(self._unfinished) > len(_VERSION)
        ):
            return self._begin_behind_the_escape()
        return []

    def _taken(self) -> bytes:
        data = bytes(self._unfinished)
        self._unfinished.clear()
        return data

    def _drop(self) -> None:
        self.garbage_bytes += len(self._unfinished)
        self._unfinished.clear()

    def _drop_and_begin(self, byte: int) -> list[StarAnswer]:
        self._drop()
        return self._begin(byte)


def _frame_bytes(begun: bytearray) -> int:
    return begun[0] >> 2 & 0x08 | begun[0] >> 1 & 0x07
