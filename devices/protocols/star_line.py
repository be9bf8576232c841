"""Star line mode: the commands of one printer, bytes and nothing else.

Sources, at least two for each command. Manuals of Star Micronics, pages in brackets below:
[L] "Line Thermal Printer, STAR Line Mode Command Specifications" Rev. 0.09 and 1.12, [H] "Line
Thermal/Dot Printer" (HSP7000) Rev. 0.00, [I] "Dot Impact Printer, STAR Command Specifications"
Rev. 0.70. Programs that drive such printers: receiptline and receiptio (OFSC), star-prnt-encoder,
scripts for the TSP100. Where a manual and a program differ, it is said.

What deceives: ESC a feeds (ESC/POS: aligns), ESC d cuts (ESC/POS: feeds). CAN, FS and ESC ACK SOH
are obeyed the moment they arrive, before what waits in the buffer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

INITIALISE: Final = b"\x1b@"
"""ESC @ [L 3-60]: prints the line at hand, forgets modes; the drawer's pulse width stays."""
CANCEL: Final = b"\x18"
"""CAN [L 3.3.16 and 5-11; star-prnt-encoder]: at once, forgets what waits, modes, and marks."""
FONT_A: Final = b"\x1b\x1eF\x00"
"""ESC RS F 0 [L 3-3; receiptline]: 12 by 24 dots."""
LATIN_SIGNS: Final = b"\x1bR\x00"
"""ESC R 0 [H 3-6; TSP manuals]: `#`, `[` and their kind are themselves, in whatever country."""
LINES_OF_4_MM: Final = b"\x1bz\x01"
"""ESC z 1 [L 3-20, H 3-27]: for text."""
LINES_OF_24_DOTS: Final = b"\x1b0"
"""ESC 0 [L 3-20, H 3-27]: 3 mm, so that a band of dots stands right below another."""

BOLD_ON: Final = b"\x1bE"
"""ESC E, ESC F [H 3-16, I 3-10]."""
BOLD_OFF: Final = b"\x1bF"
LARGE_ON: Final = b"\x1bi\x01\x00\x1bE"
"""ESC i n1 n2 [L 3-11, H 3-11], height before width: as many signs in a line as before."""
LARGE_OFF: Final = b"\x1bi\x00\x00\x1bF"
ALIGN_START: Final = b"\x1b\x1da\x00"
"""ESC GS a n [H 3-42; receiptline]."""
ALIGN_CENTRE: Final = b"\x1b\x1da\x01"
ALIGN_END: Final = b"\x1b\x1da\x02"
CUT_FULL: Final = b"\x1bd\x02"
"""ESC d 2 [H 3-60, I 3-48]: feeds to the cutter before it cuts."""
CUT_PARTIAL: Final = b"\x1bd\x03"

REPORT_STATUS: Final = b"\x1b\x1ea\x01"
"""ESC RS a 1 [L 5-7; receiptio]: the status is sent on every change; waits behind the data."""
REQUEST_STATUS: Final = b"\x1b\x06\x01"
"""ESC ACK SOH [L 5-7, H 3-70; receiptio]: the status, at once, even while it is offline.

[L 5-7] says that it is answered whether or not the status is sent on change, [H 5-11] asks not to
use it then. Its answer has the same frame, so it is told apart either way."""
CLEAR_MARKS: Final = b"\x1b\x1eE\x00"
"""ESC RS E 0 [L 3-54, H 3-72]: the count of marks is 0; nothing is answered."""
MARK: Final = b"\x17"
"""ETB [L 3-54; receiptio]: once all before it is printed, the status counts it and is sent.

Models without a count say so when they read it: then all before it was worked off."""
REQUEST_VERSION: Final = b"\x1b#*\n\x00"
"""ESC # * LF NUL [H 3-87; a TSP100 script]: model and firmware as text."""

DRAWER_1: Final = b"\x07"
"""BEL [I 3-50; TSP100 scripts]: a pulse as wide as ESC BEL set it, behind the data."""
DRAWER_1_NOW: Final = b"\x1c"
"""FS [I 3-50; star renderer of receipt-printer-encoder]: the same at once."""
DRAWER_2: Final = b"\x1a"
"""SUB: 200 ms on and off. At once on some models [I 3-51], behind the data on others [H 3-63]."""

STAR_PAGES: Final[Mapping[str, int]] = {
    "cp437": 1,
    "cp858": 4,
    "cp852": 5,
    "cp860": 6,
    "cp861": 7,
    "cp863": 8,
    "cp865": 9,
    "cp866": 10,
    "cp855": 11,
    "cp857": 12,
    "cp737": 15,
    "cp869": 17,
    "cp1252": 32,
    "cp1250": 33,
    "cp1251": 34,
}
"""Page -> `n` of ESC GS t [L Rev. 1.12, 3-4]; star-prnt-encoder has the same numbers.

Pages for Hebrew, Arabic and Thai are left out as in `EPSON_PAGES`.
"""

BAND_ROWS: Final = 24
"""Rows of ESC k [L 3-35, H 3-51]."""
BAND_BYTES_MAX: Final = 255
MODULE_DOTS_MAX: Final = 8
DOCUMENT_NUMBERS: Final = 95 * 95
"""Two printable signs each: a printer that does not know the command may show them."""
_FIRST_SIGN: Final = 0x20
_SIGNS: Final = 95
_FEED_LINES_MAX: Final = 127
_PULSE_STEP_MS: Final = 10
_PULSE_STEPS_MAX: Final = 127
_BARCODE_HEIGHT_DOTS: Final = 64
_BARCODE_MODULE_DOTS: Final = 2
_BARCODE_SIGNS_MAX: Final = 120
_OPENS_A_DRAWER: Final = frozenset({0x07, 0x19, 0x1A, 0x1C})
"""BEL, EM, SUB, FS: one byte each. A printer that lost power inside a picture, on a cable that did
not notice, takes the rest of its dots for commands."""
_HARMLESS: Final = bytes.maketrans(b"\x07\x19\x1a\x1c", b"\x0f\x39\x3a\x3c")
"""Dots as they are, but that one more is black where eight of them would open a drawer."""


def select_page(number: int) -> bytes:
    """Return ESC GS t n."""
    return b"\x1b\x1dt" + bytes((number,))


def feed(lines: int) -> bytes:
    """Return ESC a n [H 3-26, I 3-18], as often as it takes; more than 255 lines are 255."""
    lines = max(0, min(lines, 255))
    most, rest = divmod(lines, _FEED_LINES_MAX)
    whole = b"\x1ba" + bytes((_FEED_LINES_MAX,))
    return whole * most + (b"\x1ba" + bytes((rest,)) if rest else b"")


def band(rows: Sequence[int], row_bytes: int) -> bytes:
    """Return ESC k [L 3-35, H 3-51] and a line end: 24 rows of dots, the highest bit leftmost.

    Rows that are missing are white. A width whose number would open a drawer is a byte more.
    """
    wide = row_bytes
    while wide in _OPENS_A_DRAWER:
        wide += 1
    if not 0 < wide <= BAND_BYTES_MAX or len(rows) > BAND_ROWS:
        raise ValueError(f"ESC k takes no {len(rows)} rows of {row_bytes} bytes")
    spare_bits = 8 * (wide - row_bytes)
    dots = b"".join((row << spare_bits).to_bytes(wide, "big") for row in rows)
    dots = dots.translate(_HARMLESS).ljust(wide * BAND_ROWS, b"\x00")
    return b"\x1bk" + bytes((wide, 0)) + dots + b"\n"


def qr(data: bytes, module_dots: int) -> bytes:
    """Return ESC GS y S, D, P [L 3-119, H 3-143]: model 2, level M, modules of so many dots.

    The printer leaves no margin: lines of the caller's have to.
    """
    if not data or not 0 < module_dots <= MODULE_DOTS_MAX:
        raise ValueError("not a QR code")
    return (
        b"\x1b\x1dyS0\x02\x1b\x1dyS1\x01\x1b\x1dyS2"
        + bytes((module_dots,))
        + b"\x1b\x1dyD1\x00"
        + len(data).to_bytes(2, "little")
        + data
        + b"\x1b\x1dyP"
    )


def code128(text: str) -> bytes:
    """Return ESC b 6 2 1 h d.. RS [L 3-42 and 5-3, H 3-58]: Code 128, modules of 2 dots, its text.

    `%` is written `%0`; the printer chooses the code set. Raises ValueError for text that is not
    printable ASCII or too long.
    """
    if not text or not text.isascii() or not text.isprintable() or len(text) > _BARCODE_SIGNS_MAX:
        raise ValueError("not a text for Code 128")
    data = text.encode("ascii").replace(b"%", b"%0")
    return b"\x1bb621" + bytes((_BARCODE_HEIGHT_DOTS,)) + data + b"\x1e"


def code128_dots(text: str) -> int:
    """Return how wide that bar code is on paper at most, quiet zones included."""
    start_check_stop_quiet_modules = 35 + 20
    return (11 * len(text) + start_check_stop_quiet_modules) * _BARCODE_MODULE_DOTS


def document_number(number: int) -> bytes:
    """Return two printable signs that stand for a number from 0 on."""
    high, low = divmod(number % DOCUMENT_NUMBERS, _SIGNS)
    return bytes((_FIRST_SIGN + high, _FIRST_SIGN + low))


def request_document_end(number: int) -> bytes:
    """Return ESC GS ETX 1 n1 n2 [L Rev. 1.12, 3-56]: echoed once all before it is printed.

    receiptline ends its receipts with it. Models older than that manual do not know it.
    """
    return b"\x1b\x1d\x03\x01" + document_number(number)


def drawer_pulse_width(on_ms: int, off_ms: int) -> bytes:
    """Return ESC BEL n1 n2 [L 3-44, I 3-49] for drawer 1, in steps of 10 ms; it opens nothing."""
    steps = (
        max(1, min(_PULSE_STEPS_MAX, round(each / _PULSE_STEP_MS))) for each in (on_ms, off_ms)
    )
    return b"\x1b\x07" + bytes(steps)


def flush_broken_job(rest_bytes: int) -> bytes:
    """Return what completes and forgets a command that a lost connection left half sent.

    NULs complete what is counted, RS a bar code; CAN forgets what waits, the marks' count too.
    """
    return b"\x00" * rest_bytes + b"\x1e" + CANCEL + INITIALISE
