"""The line being set on a simulated printer: modes, page, columns, and when it comes out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Protocol

from devices.simulators.printer_escpos import pages
from devices.simulators.printer_escpos.roll import PaperLine, columns_of, png_of

_TEXT: Final = re.compile(rb"[\x20-\xff]+")
_DOTS_PER_COLUMN: Final = 12
_DOTS_PER_LINE: Final = 30
_DOTS_PER_SIGN_HIGH: Final = 24
_TAB_COLUMNS: Final = 8
_ASCII_ZERO: Final = 48
"""Alignments are given as numbers or as digits."""
_ALIGN_MAX: Final = 2


class Machine(Protocol):
    """What the bytes move: the printer around them."""

    @property
    def columns(self) -> int:
        """How many signs of font A fit on a line."""
        ...

    def print_line(self, line: PaperLine, dots: int) -> None:
        """Let a line of so many dots' height come out."""
        ...

    def cut(self, how: str) -> None:
        """Cut the paper: `full` or `partial`."""
        ...

    def pulse(self, pin: int, on_ms: int, off_ms: int) -> None:
        """Give a pulse to the drawer."""
        ...

    def answer(self, kind: str, argument: bytes) -> None:
        """Answer `status_back`, `paper`, `drawer`, `identity` or `process`."""
        ...


class Typesetter:
    """Modes as ESC/POS sets them, and one line that is not printed yet.

    `decode` says which signs bytes are in a page and a country; `line_dots` is from line to line.

    Every method named `set_...`, `feed_...` or `go_...` takes the argument bytes of its command.
    """

    def __init__(
        self,
        machine: Machine,
        decode: Callable[[bytes, int, int], str] = pages.decode,
        line_dots: int = _DOTS_PER_LINE,
    ) -> None:
        self._machine = machine
        self._decode = decode
        self._usual_line_dots = line_dots
        self.initialise()

    def initialise(self) -> None:
        """Be as after ESC @: the line at hand is forgotten."""
        self._page = 0
        self._country = 0
        self._bold = False
        self._height = 1
        self._width = 1
        self._align = 0
        self._line_dots = self._usual_line_dots
        self._forget_line()

    def _forget_line(self) -> None:
        self._line: list[str] = []
        self._line_columns = 0
        self._line_bold = False
        self._line_height = 1
        self._line_width = 1
        self._line_band: tuple[list[bytes], int] = ([], 0)

    # --- text -----------------------------------------------------------------------------

    def text(self, buffer: bytearray) -> int:
        """Set the run of text that the buffer begins with; return its length."""
        run = _TEXT.match(buffer)
        data = run.group() if run else b""
        text = self._decode(data, self._page, self._country)
        room = self._machine.columns - self._line_columns
        if text.isascii() and len(text) * self._width <= room:
            self._put(text, len(text) * self._width)
            return len(data)
        for char in text:
            columns = columns_of(char) * self._width
            if self._line_columns + columns > self._machine.columns:
                self.print_line()
            self._put(char, columns)
        return len(data)

    def _put(self, text: str, columns: int) -> None:
        self._line.append(text)
        self._line_columns += columns
        self._line_bold = self._line_bold or self._bold
        self._line_height = max(self._line_height, self._height)
        self._line_width = max(self._line_width, self._width)

    def tab(self) -> None:
        """Go to the next stop."""
        self._advance_to((self._line_columns // _TAB_COLUMNS + 1) * _TAB_COLUMNS)

    def _advance_to(self, column: int) -> None:
        target = min(column, self._machine.columns)
        if target > self._line_columns:
            self._line.append(" " * (target - self._line_columns))
            self._line_columns = target

    # --- coming out -----------------------------------------------------------------------

    def print_line(self) -> None:
        """Let the line come out, empty or not."""
        if self._line_band[1]:
            line = self._pictured(*self._line_band)
        else:
            line = PaperLine(
                self._aligned("".join(self._line), self._line_columns),
                self._line_bold,
                self._line_height,
                self._line_width,
            )
        dots = max(self._line_dots, _DOTS_PER_SIGN_HIGH * self._line_height)
        self._forget_line()
        self._machine.print_line(line, dots)

    def end_line(self) -> None:
        """Let the line come out if there is anything on it."""
        if self._line or self._line_band[1]:
            self.print_line()

    def mark(self, mark: str, text: str) -> None:
        """Let a symbol come out, shown as text."""
        self.end_line()
        line = PaperLine(self._aligned(text, columns_of(text)), mark=mark)
        self._machine.print_line(line, self._line_dots)

    def picture(self, data: bytes, row_bytes: int, width_dots: int = 0) -> None:
        """Let rows of dots come out; 0 dots is as wide as the bytes."""
        self.end_line()
        if row_bytes and data:
            rows = [data[at : at + row_bytes] for at in range(0, len(data), row_bytes)]
            self._machine.print_line(self._pictured(rows, width_dots or row_bytes * 8), len(rows))

    def band(self, rows: list[bytes], width_dots: int) -> None:
        """Put a band of dots on the line."""
        if width_dots:
            self._line_band = rows, width_dots

    def _pictured(self, rows: list[bytes], width_dots: int) -> PaperLine:
        spare = max(0, self._machine.columns * _DOTS_PER_COLUMN - width_dots)
        return PaperLine(
            f"[picture {width_dots} x {len(rows)}]",
            mark="picture",
            png=png_of(rows, width_dots),
            left_dots=spare * self._align // 2,
            width_dots=width_dots,
        )

    def _aligned(self, text: str, columns: int) -> str:
        spare = max(0, self._machine.columns - columns)
        return " " * (spare * self._align // 2) + text

    # --- modes ----------------------------------------------------------------------------

    def set_mode(self, args: bytes) -> None:
        """ESC !."""
        self._bold = bool(args[0] & 0x08)
        self._height = 2 if args[0] & 0x10 else 1
        self._width = 2 if args[0] & 0x20 else 1

    def set_size(self, args: bytes) -> None:
        """GS !."""
        self._height = (args[0] & 0x07) + 1
        self._width = (args[0] >> 4 & 0x07) + 1

    def set_bold(self, args: bytes) -> None:
        """ESC E and ESC G."""
        self._bold = bool(args[0] & 1)

    def set_align(self, args: bytes) -> None:
        """ESC a: only at the start of a line."""
        if args[0] % _ASCII_ZERO <= _ALIGN_MAX and not self._line:
            self._align = args[0] % _ASCII_ZERO

    def set_page(self, args: bytes) -> None:
        """ESC t."""
        self._page = args[0]

    def set_country(self, args: bytes) -> None:
        """ESC R."""
        self._country = args[0]

    def set_spacing(self, args: bytes) -> None:
        """ESC 3 n and ESC 2."""
        self._line_dots = args[0] if args else self._usual_line_dots

    def feed_lines(self, args: bytes) -> None:
        """ESC d: the line at hand and n - 1 empty ones, or n empty ones."""
        count = args[0]
        if self._line or self._line_band[1]:
            self.print_line()
            count -= 1
        for _ in range(count):
            self.print_line()

    def feed_dots(self, args: bytes) -> None:
        """ESC J, in whole lines."""
        self.end_line()
        for _ in range(args[0] // _DOTS_PER_LINE):
            self.print_line()

    def go_absolute(self, args: bytes) -> None:
        """ESC $."""
        self._advance_to(int.from_bytes(args, "little") // _DOTS_PER_COLUMN)

    def go_relative(self, args: bytes) -> None:
        """ESC backslash; only forwards."""
        dots = int.from_bytes(args, "little", signed=True)
        self._advance_to(self._line_columns + dots // _DOTS_PER_COLUMN)
