"""Who and what things are: the shapes of ids, and where new ones come from."""

from __future__ import annotations

import re
from typing import Annotated, Final, Protocol

from msgspec import Meta

from edge.contract.limits import (
    COMMAND_ID_CHARS_MAX,
    COMMAND_ID_CHARS_MIN,
    ID_CHARS_MAX,
    PLACE_MAX,
)

ID_PATTERN: Final = rf"^[a-z0-9-]{{1,{ID_CHARS_MAX}}}$(?!\n)"
"""Ids of stores, hosts, devices, tills and people, as they stand in topics and URLs.

The tail refuses a newline that `$` alone would let through."""

COMMAND_ID_PATTERN: Final = (
    rf"^[A-Za-z0-9_-]{{{COMMAND_ID_CHARS_MIN},{COMMAND_ID_CHARS_MAX}}}$(?!\n)"
)
"""Ids that a till gives its wishes. UUIDv7 fits; any unguessed text of this shape does."""

ShortId = Annotated[str, Meta(pattern=ID_PATTERN)]
"""`[a-z0-9-]{1,40}`."""

CommandId = Annotated[str, Meta(pattern=COMMAND_ID_PATTERN)]
"""`[A-Za-z0-9_-]{8,64}`."""

Place = Annotated[int, Meta(ge=0, le=PLACE_MAX)]
"""A seq, a generation or a cursor as a message names it: 0 is the beginning."""

_SHORT_ID: Final = re.compile(ID_PATTERN)
_COMMAND_ID: Final = re.compile(COMMAND_ID_PATTERN)


class Ids(Protocol):
    """The only source of new ids and secrets."""

    def new(self) -> str:
        """Return a time-ordered UUID (RFC 9562 version 7) as 36 characters."""
        ...

    def secret(self) -> str:
        """Return 256 unguessable bits as URL-safe text of 43 characters."""
        ...

    def code(self) -> str:
        """Return a code of 40 bits for people to type: eight letters and digits, no 0 O 1 I."""
        ...


def is_short_id(text: str) -> bool:
    """Say whether the text is a `ShortId`."""
    return _SHORT_ID.fullmatch(text) is not None


def is_command_id(text: str) -> bool:
    """Say whether the text is a `CommandId`."""
    return _COMMAND_ID.fullmatch(text) is not None
