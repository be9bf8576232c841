"""The people of head office: who may sign in, and who is signed in now."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.errors import Refused
from edge.contract.identity import Ids, ShortId, is_short_id
from edge.contract.instant import Clock
from edge.contract.limits import (
    OFFICE_SESSIONS_MAX,
    PASSWORD_WRONG_PER_HOUR_MAX,
)
from edge.runtime.database_file import DatabaseFile
from edge.runtime.http_sessions import SessionRecord, Sessions
from edge.runtime.pin_hash import PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PinHasher, WrongTries

BOUND_TO: Final = "office"
"""Sessions are of head office's own address; a cookie of this host alone carries them."""


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person and a password."""

    user: ShortId
    password: Annotated[str, Meta(min_length=1, max_length=PASSWORD_CHARS_MAX)]


class SessionBody(msgspec.Struct, frozen=True):
    """Who is signed in."""

    user: str


class OfficeSessions:
    """Sessions in `office.db`; beyond `OFFICE_SESSIONS_MAX` the longest unused goes."""

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file

    async def get(self, secret_sha256: str) -> SessionRecord | None:
        """Return a session, or None."""
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT secret_sha256, subject, bound_to, opened_at, used_at FROM session"
                " WHERE secret_sha256 = ?",
                (secret_sha256,),
            ).fetchall()
        )
        return SessionRecord(*rows[0]) if rows else None

    async def put(self, record: SessionRecord) -> None:
        """Keep a session, in place of one with the same secret."""

        def unit(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?)",
                msgspec.structs.astuple(record),
            )
            connection.execute(
                "DELETE FROM session WHERE secret_sha256 IN (SELECT secret_sha256 FROM session"
                " ORDER BY used_at DESC LIMIT -1 OFFSET ?)",
                (OFFICE_SESSIONS_MAX,),
            )

        await self._file.write(unit)

    async def delete(self, secret_sha256: str) -> None:
        """Forget a session; no error when there is none."""
        await self._file.write(
            lambda connection: connection.execute(
                "DELETE FROM session WHERE secret_sha256 = ?", (secret_sha256,)
            )
        )


class People:
    """Passwords and sign-ins. Hashing runs in one thread: many tries queue there."""

    def __init__(self, file: DatabaseFile, hasher: PinHasher, clock: Clock, ids: Ids) -> None:
        self._file = file
        self._hasher = hasher
        self._tries = WrongTries(clock, per_hour_max=PASSWORD_WRONG_PER_HOUR_MAX)
        self._checking = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self.sessions = Sessions(OfficeSessions(file), clock, ids)

    def close(self) -> None:
        """Stop the thread; safe to call twice."""
        self._checking.shutdown(wait=False, cancel_futures=True)

    async def set_password(self, user: str, password: str) -> bool:
        """Give a person a password; False when it is that one already. Ends their sessions.

        Raises Refused for a name that is none and for a password that is too short or long.
        """
        if not is_short_id(user):
            raise Refused("user_malformed", f"{user!r} is no name: a-z, 0-9 and - only.")
        if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
            raise Refused(
                "password_length",
                f"A password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters.",
                advice="Take a longer one; nothing else is asked of it.",
            )
        stored = await self._stored(user)
        if stored is not None and self._hasher.verify_password(stored, password):
            return False
        hashed = self._hasher.hash_password(password)

        def unit(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO person VALUES (?, ?)", (user, hashed))
            connection.execute("DELETE FROM session WHERE subject = ?", (user,))

        await self._file.write(unit)
        return True

    async def sign_in(self, wish: SignIn, remote: str) -> str:
        """Return the secret of a new session.

        Raises Refused: 401 for a wrong name or password, 429 after too many wrong ones from
        this address for this person.
        """
        key = f"{wish.user}|{remote}"
        locked_ms = self._tries.locked_for_ms(key)
        if locked_ms:
            raise Refused(
                "locked",
                "Too many wrong passwords.",
                advice=f"Try again in {locked_ms // 60_000 + 1} minutes.",
                status=429,
            )
        # counted before it is known, so that tries side by side do not slip through
        self._tries.note(key)
        stored = await self._stored(wish.user)
        right = await asyncio.get_running_loop().run_in_executor(
            self._checking, self._hasher.verify_password, stored, wish.password
        )
        if not right:
            raise Refused(
                "sign_in_wrong", "User or password is wrong.", advice="Try again.", status=401
            )
        self._tries.forget(key)
        return await self.sessions.open(wish.user, BOUND_TO)

    async def _stored(self, user: str) -> str | None:
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT password_hash FROM person WHERE name = ?", (user,)
            ).fetchall()
        )
        return str(rows[0][0]) if rows else None
