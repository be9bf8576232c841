"""New ids and secrets from the machine's randomness."""

from __future__ import annotations

import secrets
import uuid
from typing import Final

from edge.contract.instant import Clock

_CODE_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_CHARS: Final = 8


class SystemIds:
    """Time-ordered UUIDs by the given clock; secrets from the operating system."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def new(self) -> str:
        """Return a UUID of RFC 9562 version 7: 48 bits of milliseconds, 74 of chance."""
        chance = secrets.randbits(74)
        number = (
            (self._clock.now_ms() & 0xFFFF_FFFF_FFFF) << 80
            | 0x7 << 76
            | (chance >> 62) << 64
            | 0b10 << 62
            | (chance & 0x3FFF_FFFF_FFFF_FFFF)
        )
        return str(uuid.UUID(int=number))

    def secret(self) -> str:
        """Return 256 unguessable bits as URL-safe text of 43 characters."""
        return secrets.token_urlsafe(32)

    def code(self) -> str:
        """Return a code of 40 bits for people to type: no 0, O, 1 or I."""
        return "".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_CHARS))
