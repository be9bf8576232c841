"""What a receipt printer sends back: one stream of answers of five kinds. Sans-I/O.

The answers carry no frame, so each is told from the others by its fixed bits ("Wire facts"
1.3): DLE EOT `0xx1xx10`, the first byte of automatic status `0xx1xx00` with three of
`0xx0xxxx` behind it, GS r `0xx0xxxx`, blocks that end with NUL, XON and XOFF. What fits
nothing is counted and dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

BLOCK_BYTES_MAX: Final = 96
"""The longest text (maker, model) has 80 bytes on any printer known."""

_FIXED_BITS: Final = 0x93
_FIXED_IN_REAL_TIME: Final = 0x12
_FIXED_IN_STATUS_BACK: Final = 0x10
_PRINTABLE: Final = range(0x20, 0x7F)
_XON: Final = 0x11
_XOFF: Final = 0x13
_TEXT: Final = 0x5F
_PROCESS: Final = b"\x37\x22"
_PROCESS_BYTES: Final = 6
_BLOCK_HEADS: Final = frozenset({0x35, 0x37, 0x3B, 0x3D, _TEXT})
_STATUS_BACK_BYTES: Final = 4


@dataclass(frozen=True)
class RealTimeStatus:
    """The answer to DLE EOT `kind` (1 to 4)."""

    kind: int
    byte: int


@dataclass(frozen=True)
class StatusBack:
    """Four bytes that the printer sent by itself (ASB)."""

    data: bytes


@dataclass(frozen=True)
class PaperBehindData:
    """The answer to GS r 1: all data before it was worked off."""

    byte: int


@dataclass(frozen=True)
class ProcessDone:
    """The answer to GS ( H: printed up to the point that this number marks."""

    number: bytes


@dataclass(frozen=True)
class PrinterText:
    """The answer to GS I: model, firmware, maker, serial number."""

    text: str


@dataclass(frozen=True)
class OtherBlock:
    """A block of a kind that nobody here asked for."""

    data: bytes


@dataclass(frozen=True)
class FlowControl:
    """XON or XOFF on a serial line."""

    go: bool


Answer = (
    RealTimeStatus
    | StatusBack
    | PaperBehindData
    | ProcessDone
    | PrinterText
    | OtherBlock
    | FlowControl
)


class AnswerReader:
    """Bytes in, answers out, however they are split; say what was asked before sending it."""

    def __init__(self) -> None:
        self._asked = 0
        self._paper_asked = 0
        self._unfinished = bytearray()
        self.garbage_bytes = 0
        """Bytes so far that fitted nothing."""

    def asked_status(self, kind: int) -> None:
        """Await one answer to DLE EOT `kind`; an older question without one is given up."""
        self._asked = kind

    def asked_paper(self) -> None:
        """Await one more answer to GS r 1."""
        self._paper_asked += 1

    @property
    def paper_awaited(self) -> int:
        """How many answers to GS r 1 are still to come."""
        return self._paper_asked

    def forget_paper(self) -> None:
        """Await no answer to GS r 1 any more."""
        self._paper_asked = 0

    def feed(self, data: bytes) -> list[Answer]:
        """Take bytes and return what they complete, in order."""
        return [answer for byte in data for answer in self._take(byte)]

    def _take(self, byte: int) -> list[Answer]:
        if not self._unfinished or byte in (_XON, _XOFF):
            return self._begin(byte)  # flow control falls anywhere, and no other answer has it
        head = self._unfinished[0]
        if head in _BLOCK_HEADS:
            return self._block(byte)
        if byte & _FIXED_BITS == _FIXED_IN_REAL_TIME:
            return self._begin(byte)  # answered at once, in the middle of the four bytes
        if byte & 0x90:  # not the rest of an automatic status: what began was none
            self._drop()
            return self._begin(byte)
        self._unfinished.append(byte)
        if len(self._unfinished) < _STATUS_BACK_BYTES:
            return []
        return [StatusBack(self._taken())]

    def _begin(self, byte: int) -> list[Answer]:
        if byte in (_XON, _XOFF):
            return [FlowControl(byte == _XON)]
        if byte & _FIXED_BITS == _FIXED_IN_REAL_TIME and self._asked:
            kind, self._asked = self._asked, 0
            return [RealTimeStatus(kind, byte)]
        if byte & _FIXED_BITS == _FIXED_IN_STATUS_BACK or byte in _BLOCK_HEADS:
            self._unfinished.append(byte)
            return []
        if not byte & 0x90 and self._paper_asked:
            self._paper_asked -= 1
            return [PaperBehindData(byte)]
        self.garbage_bytes += 1
        return []

    def _block(self, byte: int) -> list[Answer]:
        if byte == 0:
            return [_read_block(self._taken())]
        if byte not in _PRINTABLE or len(self._unfinished) >= BLOCK_BYTES_MAX:
            self._drop()
            return self._begin(byte)
        self._unfinished.append(byte)
        return []

    def _taken(self) -> bytes:
        data = bytes(self._unfinished)
        self._unfinished.clear()
        return data

    def _drop(self) -> None:
        self.garbage_bytes += len(self._unfinished)
        self._unfinished.clear()


def _read_block(data: bytes) -> Answer:
    if data.startswith(_PROCESS) and len(data) == _PROCESS_BYTES:
        return ProcessDone(data[len(_PROCESS) :])
    if data[0] == _TEXT:
        return PrinterText(data[1:].decode("ascii"))
    return OtherBlock(data)


@dataclass(frozen=True)
class PrinterStatus:
    """What is known of a printer; None is not known. `drawer_high`: level of the sensor pin."""

    offline: bool | None = None
    cover_open: bool | None = None
    paper_out: bool | None = None
    paper_near_end: bool | None = None
    cutter_error: bool | None = None
    fault: bool | None = None
    """Mechanical or electrical, not recoverable without a person."""
    recovering: bool | None = None
    """An error that goes away by itself: a hot print head."""
    drawer_high: bool | None = None

    @property
    def known(self) -> bool:
        """Whether the printer has said anything of itself."""
        return self.offline is not None

    def after(self, answer: Answer) -> PrinterStatus:
        """Return what is known with an answer."""
        match answer:
            case StatusBack(data):
                return _from_status_back(data)
            case RealTimeStatus(kind, byte):
                return _REAL_TIME[kind - 1](self, byte)
            case PaperBehindData(byte):
                return replace(self, paper_near_end=bool(byte & 0x03), paper_out=bool(byte & 0x0C))
            case _:
                return self


def _from_status_back(data: bytes) -> PrinterStatus:
    first, second, third, _ = data
    return PrinterStatus(
        offline=bool(first & 0x08),
        cover_open=bool(first & 0x20),
        paper_out=bool(third & 0x0C),
        paper_near_end=bool(third & 0x03),
        cutter_error=bool(second & 0x08),
        fault=bool(second & 0x24),
        recovering=bool(second & 0x40),
        drawer_high=bool(first & 0x04),
    )


def _printer(status: PrinterStatus, byte: int) -> PrinterStatus:
    return replace(status, offline=bool(byte & 0x08), drawer_high=bool(byte & 0x04))


def _offline_cause(status: PrinterStatus, byte: int) -> PrinterStatus:
    # bit 5 says that paper end stopped the print; without it the sensors (kind 4) decide
    out = True if byte & 0x20 else status.paper_out
    return replace(status, cover_open=bool(byte & 0x04), paper_out=out)


def _errors(status: PrinterStatus, byte: int) -> PrinterStatus:
    return replace(
        status,
        cutter_error=bool(byte & 0x08),
        fault=bool(byte & 0x20),
        recovering=bool(byte & 0x40),
    )


def _sensors(status: PrinterStatus, byte: int) -> PrinterStatus:
    return replace(status, paper_near_end=bool(byte & 0x0C), paper_out=bool(byte & 0x60))


_REAL_TIME: Final = (_printer, _offline_cause, _errors, _sensors)
