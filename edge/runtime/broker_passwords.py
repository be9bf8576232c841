"""The broker's password file in Mosquitto's own format, without Mosquitto's tool.

A line is `user:$7$iterations$salt$hash`, PBKDF2 with HMAC-SHA-512, salt and hash in base64
(mosquitto_passwd(1), type `sha512-pbkdf2`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge.contract.errors import SettingsInvalid
from edge.contract.identity import is_short_id
from edge.runtime.private_file import read_private_file, replace_private_file

ITERATIONS: Final = 10_000
"""Mosquitto's own default is 101; these passwords are 256 random bits, and a Raspberry Pi
checks one in about 20 ms at each connection."""
_ITERATIONS_MAX: Final = 1_000_000
"""More would hold up the broker for seconds: the line is a mistake."""
_SALT_BYTES: Final = 12
_HASH_BYTES: Final = 64
_PARTS: Final = 5


def password_line(user: str, password: str, *, salt: bytes | None = None) -> str:
    """Return the line of a user. Raises SettingsInvalid for a name that is no short id."""
    if not is_short_id(user):
        raise SettingsInvalid(
            "broker_user_invalid",
            f"{user!r} is no name for a user of the broker.",
            advice="Use up to 40 of a-z, 0-9 and the hyphen.",
        )
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    found = _hash(password, salt, ITERATIONS)
    return f"{user}:$7${ITERATIONS}${_base64(salt)}${_base64(found)}"


def password_file(users: Mapping[str, str]) -> bytes:
    """Return the whole file for users and their passwords."""
    return "".join(f"{password_line(*entry)}\n" for entry in users.items()).encode()


def set_password(path: Path, user: str, password: str) -> None:
    """Write a user's password into the file, in the place of an earlier one; others stay.

    The file is made when there is none, and replaced whole. Raises SettingsInvalid.
    """
    lines = _lines_but(path, user) if path.exists() else []
    _write(path, [*lines, password_line(user, password)])


def forget_user(path: Path, user: str) -> bool:
    """Take a user out of the file; False when he was not in it. Raises SettingsInvalid."""
    known = user in BrokerPasswords(path).load()
    if known:
        _write(path, _lines_but(path, user))
    return known


def _lines_but(path: Path, user: str) -> list[str]:
    entries = BrokerPasswords(path).load()
    return [f"{name}:{entry}" for name, entry in entries.items() if name != user]


def _write(path: Path, lines: list[str]) -> None:
    replace_private_file(path, "".join(f"{line}\n" for line in lines).encode())


class BrokerPasswords:
    """Checks passwords against a file that is read at each check: new users need no restart."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, str]:
        """Return the entries by user. Raises SettingsInvalid when the file cannot be used."""
        entries: dict[str, str] = {}
        for number, line in enumerate(read_private_file(self._path).splitlines(), start=1):
            user, mark, entry = line.decode("utf-8", "replace").strip().partition(":")
            if not user and not mark:
                continue
            if not is_short_id(user) or _parsed(entry) is None:
                raise SettingsInvalid(
                    "broker_passwords_invalid",
                    f"{self._path}, line {number}: not a user with a hashed password.",
                    advice="Write the file anew; a line is user:$7$iterations$salt$hash.",
                )
            entries[user] = entry
        return entries

    def fits(self, user: str, password: str) -> bool:
        """Say whether this is the user's password; as slow for a user who does not exist.

        Runs for milliseconds: call it in a thread. Raises SettingsInvalid.
        """
        parsed = _parsed(self.load().get(user, ""))
        iterations, salt, wanted = parsed or (ITERATIONS, b"nobody's salt", b"")
        return hmac.compare_digest(_hash(password, salt, iterations), wanted)


def _parsed(entry: str) -> tuple[int, bytes, bytes] | None:
    parts = entry.split("$")
    if len(parts) != _PARTS or parts[:2] != ["", "7"]:
        return None
    _, _, iterations, salt, found = parts
    if not (iterations.isascii() and iterations.isdigit()):
        return None
    try:
        raw_salt, raw_hash = (base64.b64decode(part, validate=True) for part in (salt, found))
    except binascii.Error:
        return None
    if not 0 < int(iterations[:8]) <= _ITERATIONS_MAX or len(raw_hash) != _HASH_BYTES:
        return None
    return int(iterations), raw_salt, raw_hash


def _hash(password: str, salt: bytes, iterations: int) -> bytes:
    secret = password.encode("utf-8", "surrogateescape")
    return hashlib.pbkdf2_hmac("sha512", secret, salt, iterations, dklen=_HASH_BYTES)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
