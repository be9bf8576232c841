"""How long each command of line mode is: what keeps a printer in step with its stream.

From the code lines of "STAR Line Mode Command Specifications", Rev. 0.09 and 1.12.
"""

from __future__ import annotations

from typing import Final

ESC, GS, RS = 0x1B, 0x1D, 0x1E
MORE: Final = 0
"""The command's head has not all come."""
UNKNOWN: Final = -1

_NAMED_BY_TWO: Final = {
    **dict.fromkeys(b"@EF45MPg:pq01267O\x0e\x14", 2),
    **dict.fromkeys(b"WhR/zaJIdlQNAyC3-_ $", 3),
    **dict.fromkeys(b"ist\x07", 4),
    0x06: 3,
    0x0C: 3,
}
"""Second byte -> whole length, its arguments included."""
_NAMED_BY_THREE: Final = {
    (GS, ord("a")): 4,
    (GS, ord("t")): 4,
    (GS, ord("A")): 5,
    (GS, ord("R")): 5,
    (GS, 0x03): 6,
    (RS, ord("F")): 4,
    (RS, ord("a")): 4,
    (RS, ord("E")): 4,
    (RS, ord("d")): 4,
    (RS, ord("r")): 4,
    (RS, ord("C")): 4,
    (RS, ord("c")): 4,
    (RS, ord("A")): 4,
}
_ENDED_BYTES_MAX: Final = 300
"""A command that an RS or a NUL ends, and has not by then, is none."""
_BAND_ROWS: Final = 24
_BAND_HEAD_BYTES: Final = 4
_BARCODE_HEAD_BYTES: Final = 6
_QR_SET_BYTES: Final = 6
_QR_DATA_HEAD_BYTES: Final = 8
_QR_BYTES: Final = 4


def command_length(buffer: bytes | bytearray, at: int = 0) -> int:  # noqa: PLR0911 - one a form
    """Return how long the command is that begins with ESC at a place; `MORE` or `UNKNOWN` else."""
    left = len(buffer) - at
    if left < 2:  # noqa: PLR2004 - ESC and the byte that names the command
        return MORE
    name = buffer[at + 1]
    if name == ord("k"):
        if left < _BAND_HEAD_BYTES:
            return MORE
        # the specifications define it for n2 = 0 only
        return UNKNOWN if buffer[at + 3] else _BAND_HEAD_BYTES + buffer[at + 2] * _BAND_ROWS
    if name == ord("b"):
        return _ended(buffer, RS, at, at + _BARCODE_HEAD_BYTES)
    if name in b"#?DB":
        return _ended(buffer, 0, at, at + 2)
    if name in (GS, RS):
        if left < 3:  # noqa: PLR2004 - and the byte that names it within its group
            return MORE
        if (name, buffer[at + 2]) == (GS, ord("y")):
            return _qr_length(buffer, at, left)
        return _NAMED_BY_THREE.get((name, buffer[at + 2]), UNKNOWN)
    return _NAMED_BY_TWO.get(name, UNKNOWN)


def _ended(buffer: bytes | bytearray, by: int, at: int, begins: int) -> int:
    end = buffer.find(by, begins, at + _ENDED_BYTES_MAX)
    if end >= 0:
        return end + 1 - at
    return MORE if len(buffer) - at < _ENDED_BYTES_MAX else UNKNOWN


def _qr_length(buffer: bytes | bytearray, at: int, left: int) -> int:
    if left < _QR_BYTES:
        return MORE
    match buffer[at + 3]:
        case 0x53:  # S 0 n, S 1 n, S 2 n
            return _QR_SET_BYTES
        case 0x44:  # D 1 m nL nH d..
            if left < _QR_DATA_HEAD_BYTES:
                return MORE
            return _QR_DATA_HEAD_BYTES + buffer[at + 6] + buffer[at + 7] * 256
        case 0x50 | 0x49:  # P, I
            return _QR_BYTES
        case _:
            return UNKNOWN
