"""PINs and passwords: argon2id with a pepper that is not in any database.

A PIN has 10,000 to 100 million values: without the pepper a stolen table is tried out in
hours. Parameters are OWASP's minimum for argon2id, 19 MiB and two passes: 0.1 s on a server
core, under a second on the box; a person waits for it once a shift.

Hashing takes long and 19 MiB: the caller runs it in an executor of one or two workers, so
that many tries at once queue there and not in memory.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections import deque
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock
from edge.runtime.private_file import create_private_file, read_private_file

MEMORY_KIB: Final = 19_456
PASSES: Final = 2
LANES: Final = 1
PEPPER_BYTES: Final = 32
HOUR_MS: Final = 3_600_000
PASSWORD_CHARS_MIN: Final = 12
PASSWORD_CHARS_MAX: Final = 128
"""Longer ones are refused before they are hashed."""


def load_pepper(path: Path) -> bytes:
    """Return the pepper in a file (0600), made on first use.

    Raises SettingsInvalid when the file is there but is no pepper: a new one would lock
    everybody out, so it is never replaced silently.
    """
    if not path.exists():
        create_private_file(path, secrets.token_bytes(PEPPER_BYTES))
    pepper = read_private_file(path)
    if len(pepper) != PEPPER_BYTES:
        raise SettingsInvalid(
            "pepper_unusable",
            f"{path} holds {len(pepper)} bytes where a pepper has {PEPPER_BYTES}.",
            advice="Put back the file that belongs to this box; without it no PIN is right.",
        )
    return pepper


class PinHasher:
    """Hashes and checks secrets that people know, with the pepper of this box or office."""

    def __init__(
        self, pepper: bytes, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES
    ) -> None:
        self._pepper = pepper
        self._argon2 = PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=LANES, type=Type.ID
        )
        self._nobody: str | None = None

    def hash_pin(self, pin: str) -> str:
        """Return the hash of a PIN as text: `$argon2id$...`, salt and parameters inside."""
        return self._argon2.hash(self._seasoned("pin", pin))

    def verify_pin(self, stored: str | None, pin: str) -> bool:
        """Say whether a PIN is right. `stored` None (no such person) costs the same work."""
        return self._verify(stored, self._seasoned("pin", pin))

    def hash_password(self, password: str) -> str:
        """Return the hash of a password of a head-office user."""
        return self._argon2.hash(self._seasoned("password", password))

    def verify_password(self, stored: str | None, password: str) -> bool:
        """Say whether a password is right; None costs the same work."""
        return self._verify(stored, self._seasoned("password", password))

    def outdated(self, stored: str) -> bool:
        """Say whether a hash was made with other parameters: make a new one at next sign-in."""
        return self._argon2.check_needs_rehash(stored)

    def _seasoned(self, kind: str, secret: str) -> bytes:
        return hmac.digest(self._pepper, f"{kind}|{secret}".encode(), hashlib.sha256)

    def _verify(self, stored: str | None, seasoned: bytes) -> bool:
        try:
            self._argon2.verify(stored or self._hash_of_nobody(), seasoned)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def _hash_of_nobody(self) -> str:
        if self._nobody is None:
            self._nobody = self._argon2.hash(os.urandom(PEPPER_BYTES))
        return self._nobody


class WrongTries:
    """How often a key (a person, a till, the box) was tried wrongly in the last hour.

    In memory and bounded: `keys_max` keys, the longest untouched goes first. The caller
    keeps what must survive a restart, and hands it back by `note(key, at_ms=...)`.
    """

    def __init__(self, clock: Clock, *, per_hour_max: int, keys_max: int = 1_024) -> None:
        self._clock = clock
        self._per_hour_max = per_hour_max
        self._keys_max = keys_max
        self._tries: dict[str, deque[int]] = {}

    def locked_for_ms(self, key: str) -> int:
        """Return how long this key has to wait; 0 when it may try."""
        tries = self._recent(key)
        if len(tries) < self._per_hour_max:
            return 0
        return tries[-self._per_hour_max] + HOUR_MS - self._clock.monotonic_ms()

    def note(self, key: str, *, age_ms: int = 0) -> bool:
        """Count a wrong try (`age_ms` ago); True when it was the one that locks the key."""
        tries = self._recent(key)
        tries.append(self._clock.monotonic_ms() - age_ms)
        self._tries.pop(key, None)
        self._tries[key] = tries
        if len(self._tries) > self._keys_max:
            del self._tries[next(iter(self._tries))]
        return len(tries) == self._per_hour_max

    def forget(self, key: str) -> None:
        """Start anew: the right secret was given, or a manager reset it."""
        self._tries.pop(key, None)

    def _recent(self, key: str) -> deque[int]:
        tries = self._tries.get(key)
        if tries is None:
            return deque(maxlen=self._per_hour_max)
        since = self._clock.monotonic_ms() - HOUR_MS
        while tries and tries[0] <= since:
            tries.popleft()
        return tries
