"""ESC/POS commands of our own: status, evidence, drawer, text modes. Bytes, nothing else.

Sources: Epson's published command descriptions as gathered under "Wire facts" 1.2 to 1.4.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

INITIALISE: Final = b"\x1b@"
"""ESC @: forget modes and the unprinted line; automatic status is off behind it."""
ENABLE_STATUS_BACK: Final = b"\x1da\xff"
"""GS a 255: four bytes of status at once and on every change."""
REQUEST_PAPER_BEHIND_DATA: Final = b"\x1dr\x01"
"""GS r 1: one byte, answered only when everything before it was worked off."""
LATIN_SIGNS: Final = b"\x1bR\x00"
"""ESC R 0: `#`, `[`, `\\` and their kind are themselves, whatever country the printer is for."""
DOUBLE_BYTE_OFF: Final = b"\x1c."
"""FS .: bytes above 127 are single signs on printers made for Chinese or Japanese."""

BOLD_ON: Final = b"\x1bE\x01"
BOLD_OFF: Final = b"\x1bE\x00"
LARGE_ON: Final = b"\x1d!\x01\x1bE\x01"
"""Double height, bold: as many signs in a line as before."""
LARGE_OFF: Final = b"\x1d!\x00\x1bE\x00"
ALIGN_START: Final = b"\x1ba\x00"
ALIGN_CENTRE: Final = b"\x1ba\x01"
ALIGN_END: Final = b"\x1ba\x02"

STATUS_KINDS: Final = (1, 2, 3, 4)
"""DLE EOT n: printer, cause of being offline, errors, roll sensors."""

SYMBOL_REST_BYTES_MAX: Final = 1_024
"""NULs that complete the longest command of a receipt, a native QR code."""
PICTURE_REST_BYTES_MAX: Final = 16_384
"""The same where QR codes are sent as pictures."""
_DOT_BYTES_REAL_TIME: Final = (b"\x10\x04", b"\x10\x05", b"\x10\x14")
"""DLE EOT, DLE ENQ, DLE DC4: printers obey them wherever they stand, in pictures too."""
PROCESS_ID_NUMBERS: Final = 10_000
"""Process ids are four digits; far more than can be under way at once."""
FEED_LINES_MAX: Final = 255
BARCODE_BYTES_MAX: Final = 255
_BARCODE_HEIGHT_DOTS: Final = 64
_BARCODE_MODULE_DOTS: Final = 2
_PULSE_STEP_MS: Final = 2
_REAL_TIME_PULSE_STEP_MS: Final = 100
_REAL_TIME_PULSE_STEPS_MAX: Final = 8
_BYTE_MAX: Final = 255
_PINS: Final = (2, 5)


def request_status(kind: int) -> bytes:
    """Return DLE EOT n: answered at once, even while the printer is offline or full."""
    if kind not in STATUS_KINDS:
        raise ValueError(f"DLE EOT takes 1 to 4, not {kind}")
    return b"\x10\x04" + bytes((kind,))


def request_identity(what: int) -> bytes:
    """Return GS I n: 65 firmware, 66 maker, 67 model, 68 serial number, answered as text."""
    return b"\x1dI" + bytes((what,))


def request_process_id(number: int) -> bytes:
    """Return GS ( H, function 48: the printer sends the number back once it is printed so far."""
    return b"\x1d(H\x06\x0000" + process_id(number)


def process_id(number: int) -> bytes:
    """Return the four digits that stand for a number from 0 on."""
    return b"%04d" % (number % PROCESS_ID_NUMBERS)


def flush_broken_job(rest_bytes: int) -> bytes:
    """Return what completes and forgets a command that a lost connection left half sent."""
    return b"\x00" * rest_bytes + INITIALISE


def select_page(number: int) -> bytes:
    """Return ESC t n: the printer's number of a code page."""
    return b"\x1bt" + bytes((number,))


def feed(lines: int) -> bytes:
    """Return ESC d n; more than 255 lines are 255."""
    return b"\x1bd" + bytes((max(0, min(lines, FEED_LINES_MAX)),))


def raster(rows: Sequence[int], row_bytes: int) -> bytes:
    """Return GS v 0: rows of dots, each an integer of so many bytes, its highest bit leftmost.

    Where dots would be a real-time command, such as one that opens the drawer, one more of
    them is black.
    """
    data = b"".join(row.to_bytes(row_bytes, "big") for row in rows)
    for command in _DOT_BYTES_REAL_TIME:
        data = data.replace(command, b"\x18" + command[1:])
    return b"\x1dv0\x00" + struct.pack("<HH", row_bytes, len(rows)) + data


def drawer_pulse(pin: int, on_ms: int, off_ms: int) -> bytes:
    """Return ESC p: a pulse on pin 2 or 5, waiting its turn behind the data."""
    return b"\x1bp" + bytes(
        (
            _connector(pin),
            min(_BYTE_MAX, max(1, on_ms // _PULSE_STEP_MS)),
            min(_BYTE_MAX, max(1, off_ms // _PULSE_STEP_MS)),
        )
    )


def drawer_pulse_now(pin: int, on_ms: int) -> bytes:
    """Return DLE DC4 1: a pulse at once, for a printer that is offline; on time 100 to 800 ms."""
    steps = max(1, min(_REAL_TIME_PULSE_STEPS_MAX, -(-on_ms // _REAL_TIME_PULSE_STEP_MS)))
    return b"\x10\x14\x01" + bytes((_connector(pin), steps))


def code128(text: str) -> bytes:
    """Return a Code 128 bar code in code set B with its text below.

    Set B alone: pairs of digits in set C are bytes that a printer may take for real-time
    commands. Raises ValueError for text that set B lacks or that is too long.
    """
    data = b"{B" + text.encode("ascii").replace(b"{", b"{{")
    if not text.isprintable() or not text or len(data) > BARCODE_BYTES_MAX:
        raise ValueError("not a text for Code 128 in code set B")
    return (
        b"\x1dh"
        + bytes((_BARCODE_HEIGHT_DOTS,))
        + b"\x1dw"
        + bytes((_BARCODE_MODULE_DOTS,))
        + b"\x1df\x00\x1dH\x02\x1dkI"
        + bytes((len(data),))
        + data
    )


def code128_dots(text: str) -> int:
    """Return how wide that bar code is on paper, quiet zones included."""
    start_check_stop_quiet_modules = 35 + 20
    return (11 * len(text) + start_check_stop_quiet_modules) * _BARCODE_MODULE_DOTS


def _connector(pin: int) -> int:
    if pin not in _PINS:
        raise ValueError(f"a drawer hangs on pin 2 or 5, not {pin}")
    return _PINS.index(pin)
