"""How a session with a box ends on purpose."""

from __future__ import annotations

from typing import NoReturn


class DeniedError(Exception):
    """The session ends, and the box is told why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def out_of_turn() -> NoReturn:
    """Raise DeniedError for a message that nobody waits for."""
    raise DeniedError("out_of_turn", "This message is not expected now.")
