"""What a line to head office costs: nothing, by the byte, or more than is left of its month.

Of an `open` line nobody counts the bytes. On a `metered` one what is not urgent waits for company,
and the line is probed seldom. Once a month's allowance is `spent`, sales still go up, and prices,
people and what stops a sale still come down; the rest waits for the next month.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

LINE: Final = "line"
"""In `hears`: head office takes `LineSaid`."""
METERED: Final = "metered"
"""The query of a session whose line costs by the byte: it is probed seldom at both ends."""


class LineClass(StrEnum):
    """Spelt as in `Hello` and in the settings of `tillbox sync`."""

    OPEN = "open"
    METERED = "metered"
    SPENT = "spent"


class LineSaid(msgspec.Struct, frozen=True, tag="line", tag_field="msg"):
    """The box says that its line has become another class within a session.

    `line` is a LineClass; a word that is none, of a newer box, counts as `open`.
    """

    line: str


class LineUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went over the line to head office this month, both ways, in bytes.

    `allowed` is what the month has, 0 for no limit; `month` is the day that it began on.
    """

    used: Annotated[int, Meta(ge=0)] = 0
    allowed: Annotated[int, Meta(ge=0)] = 0
    month: str = ""


def line_class(word: str) -> LineClass:
    """Return the class that a word names; `open` for one that is not known."""
    try:
        return LineClass(word)
    except ValueError:
        return LineClass.OPEN
