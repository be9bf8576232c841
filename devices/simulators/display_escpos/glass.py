"""The glass of a customer display: two rows of 20 cells, and where the next sign goes."""

from __future__ import annotations

from typing import Final

COLUMNS: Final = 20
ROWS: Final = 2
_DARK: Final = " "
_NO_SIGN: Final = "\u25a1"
"""A cell whose byte the page has no sign for."""
BRIGHTEST: Final = 4


class Glass:
    """Cells, cursor and brightness; positions count from 1 as the commands do."""

    def __init__(self) -> None:
        self.cells: list[list[str]] = []
        self.column = self.row = 1
        self.reset()

    def reset(self) -> None:
        """Be as after switching on."""
        self.page = "cp437"
        self.cursor_shown = True
        self.brightness = BRIGHTEST
        self.clear()

    @property
    def text(self) -> tuple[str, str]:
        """What the two rows show, 20 signs each."""
        upper, lower = ("".join(row) for row in self.cells)
        return upper, lower

    def clear(self) -> None:
        """Make all cells dark; the cursor goes home."""
        self.cells = [[_DARK] * COLUMNS for _ in range(ROWS)]
        self.go(1, 1)

    def clear_row(self) -> None:
        """Make the cursor's row dark; the cursor goes to its beginning."""
        self.cells[self.row - 1] = [_DARK] * COLUMNS
        self.column = 1

    def go(self, column: int, row: int) -> None:
        """Move the cursor; a place outside the glass moves nothing."""
        if 1 <= column <= COLUMNS and 1 <= row <= ROWS:
            self.column, self.row = column, row

    def put(self, byte: int) -> None:
        """Show a sign; behind the last cell of a row goes on in the other one (overwrite mode)."""
        sign = bytes((byte,)).decode(self.page, "replace")
        self.cells[self.row - 1][self.column - 1] = sign if sign.isprintable() else _NO_SIGN
        if self.column < COLUMNS:
            self.column += 1
        else:
            self.column, self.row = 1, self.row % ROWS + 1

    def step_row(self, by: int) -> None:
        """Move the cursor up or down, round the edges."""
        self.row = (self.row - 1 + by) % ROWS + 1

    def step_column(self, by: int) -> None:
        """Move the cursor left or right inside its row."""
        self.column = min(COLUMNS, max(1, self.column + by))
