"""ZVT framing: application data units out of a byte stream, and back into bytes.

Source: ZVT specification PA00P015 (13.08) and PA00P016: an APDU is class, instruction,
length (one byte, or FF and two bytes with the low one first), data. Over TCP the units
stand bare in the stream, fragmented and run together at will.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from edge.contract.device_limits import (
    ZVT_APDU_BYTES_MAX,
)
from edge.contract.errors import ProtocolViolation

LENGTH_EXTENDED: Final = 0xFF
"""This length byte says that two bytes with the length follow, the low one first."""
LENGTH_SHORT_MAX: Final = 0xFE


class Control(IntEnum):
    """Class and instruction of the units that we send or understand."""

    STATUS_INFORMATION = 0x040F
    INTERMEDIATE_STATUS = 0x04FF
    STATUS_ENQUIRY = 0x0501
    REGISTRATION = 0x0600
    AUTHORISATION = 0x0601
    LOG_OFF = 0x0602
    COMPLETION = 0x060F
    SEND_TOTALS = 0x0610
    ABORTED = 0x061E
    REPEAT_RECEIPT = 0x0620
    RESERVATION = 0x0622
    PARTIAL_REVERSAL = 0x0623
    RESERVATION_REVERSAL = 0x0625
    REVERSAL = 0x0630
    REFUND = 0x0631
    END_OF_DAY = 0x0650
    DIAGNOSIS = 0x0670
    INITIALISATION = 0x0693
    ABORT = 0x06B0
    PRINT_LINE = 0x06D1
    PRINT_BLOCK = 0x06D3
    POSITIVE = 0x8000


CLASSES: Final = frozenset({0x04, 0x05, 0x06, 0x08, 0x0F, 0x80, 0x84})
"""First bytes that the protocol knows; anything else is not the start of a unit."""

NEGATIVE_CLASS: Final = 0x84
"""84 xx: the command is refused with the code xx; 84 00 is a positive answer all the same."""


@dataclass(frozen=True, slots=True)
class Apdu:
    """One application data unit. `control` is class and instruction: 0x0601."""

    control: int
    data: bytes = b""


def encode_apdu(apdu: Apdu) -> bytes:
    """Return the unit's bytes; raises ValueError when it is longer than we may send."""
    size = len(apdu.data)
    if size > ZVT_APDU_BYTES_MAX:
        raise ValueError(f"an APDU of {size} bytes is longer than {ZVT_APDU_BYTES_MAX}")
    head = apdu.control.to_bytes(2, "big")
    if size <= LENGTH_SHORT_MAX:
        return head + bytes((size,)) + apdu.data
    return head + bytes((LENGTH_EXTENDED,)) + size.to_bytes(2, "little") + apdu.data


class ApduReader:
    """Takes bytes as they come and gives units as they are whole.

    After a violation the reader stays broken: where the next unit would start is not known.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._broken: ProtocolViolation | None = None

    @property
    def pending_bytes(self) -> int:
        """How many bytes of a unit that is not whole yet are held."""
        return len(self._bytes)

    def feed(self, data: bytes) -> None:
        """Take bytes that the connection gave."""
        self._bytes += data

    def next_apdu(self) -> Apdu | None:
        """Return the next unit, or None: more bytes are needed.

        Raises ProtocolViolation when the bytes are no ZVT or the unit is too long.
        """
        if self._broken is not None:
            raise self._broken
        held = self._bytes
        if held and held[0] not in CLASSES:
            self._break(
                "zvt_garbage", f"The payment terminal sent {held[0]:02X}, which starts no message."
            )
        head = 3
        if len(held) < head:
            return None
        size = held[2]
        if size == LENGTH_EXTENDED:
            head = 5
            if len(held) < head:
                return None
            size = int.from_bytes(held[3:5], "little")
        if size > ZVT_APDU_BYTES_MAX:
            self._break(
                "zvt_too_long",
                f"The payment terminal announced a message of {size} bytes; "
                f"{ZVT_APDU_BYTES_MAX} is the most that is taken.",
            )
        if len(held) < head + size:
            return None
        apdu = Apdu(int.from_bytes(held[:2], "big"), bytes(held[head : head + size]))
        del held[: head + size]
        return apdu

    def _break(self, code: str, message: str) -> None:
        self._broken = ProtocolViolation(
            code, message, advice="Check that the address and port are the terminal's ZVT port."
        )
        self._bytes.clear()
        raise self._broken
