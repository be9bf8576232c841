"""What the doctor found of one thing: how it is, in words, and a next step."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    """`WELL`; `WATCH`: somebody should look within days; `ILL`: something does not work now."""

    WELL = "well"
    WATCH = "watch"
    ILL = "ill"


class Finding(msgspec.Struct, frozen=True):
    """One thing: `what` it is called, `words` how it is, `advice` what to do unless it is well."""

    what: str
    state: State
    words: str
    advice: str = ""
