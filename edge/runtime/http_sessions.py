"""Opaque server-side sessions: a secret in a cookie, its hash in a store of the caller's.

A session can be revoked one by one, and a copy of the store gives nobody a way in.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import Final, Protocol

import msgspec
from aiohttp import hdrs, web

from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import (
    SESSION_IDLE_S_MAX,
    SESSION_S_MAX,
)

TILL_COOKIE: Final = "__Host-tillbox-till"
"""The enrolment secret of a till: lives as long as the till."""
SESSION_COOKIE: Final = "__Host-tillbox-session"
"""Who is signed in: ends with the browser, or before it."""
DEVICES_COOKIE: Final = "__Host-tillbox-devices"
"""Who is signed in at the device wall: beside the cashier of the same browser, not instead."""
TILL_COOKIE_S: Final = 400 * 86_400
"""The longest that browsers keep a cookie; each use of the till sets it again."""
SECRET_CHARS_MAX: Final = 128
"""Ours have 43; a longer one is not looked at."""
_CALLERS_KEPT: Final = 512
"""Cookies that are not read anew with each command: those of 128 tills and tablets, four times."""
_COOKIES_CHARS_KEPT: Final = 512


@lru_cache(maxsize=_CALLERS_KEPT)
def secret_hash(secret: str) -> str:
    """Return what is stored of a secret: SHA-256 in hexadecimal. Secrets have 256 bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def same_secret(secret: str, stored_hash: str) -> bool:
    """Compare a secret with its stored hash, in time that tells nothing."""
    return hmac.compare_digest(secret_hash(secret), stored_hash)


def cookie_secret(request: web.BaseRequest, name: str) -> str | None:
    """Return the secret in a cookie; None when it is absent, absurd, or given twice."""
    header = request.headers.get(hdrs.COOKIE)
    if header is None:
        return None
    # strangers send what they like, and none of it is kept that is longer than ours
    return (_kept if len(header) <= _COOKIES_CHARS_KEPT else _secret_in)(header, name)


def _secret_in(header: str, name: str) -> str | None:
    prefix = name + "="
    found = [
        part[len(prefix) :]
        for item in header.split(";")
        if (part := item.strip()).startswith(prefix)
    ]
    if len(found) != 1 or not 0 < len(found[0]) <= SECRET_CHARS_MAX:
        return None
    return found[0]


_kept: Final = lru_cache(maxsize=_CALLERS_KEPT)(_secret_in)


def bearer_secret(request: web.BaseRequest) -> str | None:
    """Return the token of `Authorization: Bearer`, or None."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= SECRET_CHARS_MAX:
        return None
    return token


def set_secret_cookie(
    response: web.StreamResponse, name: str, secret: str, *, max_age_s: int | None = None
) -> None:
    """Give the browser a secret: Secure, HttpOnly, SameSite=Strict, this host only."""
    response.set_cookie(
        name, secret, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="Strict"
    )


def clear_secret_cookie(response: web.StreamResponse, name: str) -> None:
    """Take a secret from the browser."""
    response.del_cookie(name, path="/", secure=True, httponly=True, samesite="Strict")


def cookie_header(secrets: dict[str, str]) -> str:
    """Return the value of a Cookie header: for the scripts of the demo, and for tests."""
    return "; ".join(f"{name}={secret}" for name, secret in secrets.items())


class SessionRecord(msgspec.Struct, frozen=True):
    """A session as it is stored. Times in ms since 1970 UTC; `bound_to` is the till or user agent.

    `subject` is who is signed in.
    """

    secret_sha256: str
    subject: str
    bound_to: str
    opened_at: int
    used_at: int


class SessionStore(Protocol):
    """Where sessions lie; the caller's database."""

    async def get(self, secret_sha256: str) -> SessionRecord | None:
        """Return a session, or None."""
        ...

    async def put(self, record: SessionRecord) -> None:
        """Keep a session, in place of one with the same secret."""
        ...

    async def delete(self, secret_sha256: str) -> None:
        """Forget a session; no error when there is none."""
        ...


USE_NOTED_EVERY_MS: Final = 60_000
"""`used_at` is written at most this often: reading a view must not cost a commit."""


class Sessions:
    """Opens, finds and ends sessions in a store, with idle and absolute limits."""

    def __init__(
        self,
        store: SessionStore,
        clock: Clock,
        ids: Ids,
        *,
        idle_s_max: float = SESSION_IDLE_S_MAX,
        total_s_max: float = SESSION_S_MAX,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._idle_ms_max = int(idle_s_max * 1000)
        self._total_ms_max = int(total_s_max * 1000)

    async def open(self, subject: str, bound_to: str) -> str:
        """Begin a session and return its secret, which is nowhere else from now on."""
        secret = self._ids.secret()
        now = self._clock.now_ms()
        await self._store.put(SessionRecord(secret_hash(secret), subject, bound_to, now, now))
        return secret

    async def find(self, secret: str, bound_to: str) -> SessionRecord | None:
        """Return the living session of a secret, or None; one that is over is deleted.

        A secret shown from elsewhere than where it was given was stolen: the session ends.
        """
        record = await self._store.get(secret_hash(secret))
        if record is None:
            return None
        now = self._clock.now_ms()
        # a clock that went back makes ages negative: such a session is over too, people sign
        # in again; a small step back is forgiven
        over = (
            not hmac.compare_digest(record.bound_to.encode(), bound_to.encode())
            or not -self._idle_ms_max <= now - record.used_at <= self._idle_ms_max
            or now - record.opened_at > self._total_ms_max
        )
        if over:
            await self._store.delete(record.secret_sha256)
            return None
        if abs(now - record.used_at) >= USE_NOTED_EVERY_MS:
            record = msgspec.structs.replace(record, used_at=now)
            await self._store.put(record)
        return record

    async def end(self, secret: str) -> None:
        """End a session; no error when it is over already."""
        await self._store.delete(secret_hash(secret))


class MemorySessions:
    """A session store for one process without a database: they end when it does."""

    def __init__(self, sessions_max: int) -> None:
        self._max = sessions_max
        self._records: dict[str, SessionRecord] = {}

    async def get(self, secret_sha256: str) -> SessionRecord | None:
        """Return a session, or None."""
        return self._records.get(secret_sha256)

    async def put(self, record: SessionRecord) -> None:
        """Keep a session; beyond the limit the one unused for longest goes."""
        self._records[record.secret_sha256] = record
        if len(self._records) > self._max:
            oldest = min(self._records.values(), key=lambda kept: kept.used_at)
            del self._records[oldest.secret_sha256]

    async def delete(self, secret_sha256: str) -> None:
        """Forget a session; no error when there is none."""
        self._records.pop(secret_sha256, None)
