"""Who asks: the gate before every route of head office. Deny by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from aiohttp import web

from edge.contract.errors import Refused
from edge.runtime.connection_watch import is_loopback
from edge.runtime.http_guard import CALLER
from edge.runtime.http_sessions import SessionRecord, Sessions, cookie_secret
from edge.runtime.openapi import Access
from sync.office.people import BOUND_TO

OFFICE_COOKIE: Final = "__Host-tillbox-office"
"""Not the box's: on one host the cookies of all ports are one."""
USER: Final = Access("user")
"""A signed-in person of head office."""
LOCAL: Final = Access("local")
"""Anyone on this machine itself, or a signed-in person: not the network."""


def caller(request: web.Request) -> SessionRecord:
    """Return the session of a route for users: the gate has put it there."""
    return cast("SessionRecord", request[CALLER])


@dataclass(frozen=True)
class OfficeGate:
    """Says who asks, by the session cookie or by where the call comes from."""

    sessions: Sessions

    async def __call__(self, request: web.Request, rule: Access) -> object:
        """Return the session, or raise Refused: 401 nobody, 403 not allowed."""
        if rule is LOCAL and is_loopback(request.remote or ""):
            return "local"
        secret = cookie_secret(request, OFFICE_COOKIE)
        record = await self.sessions.find(secret, BOUND_TO) if secret is not None else None
        if record is None:
            raise Refused(
                "not_signed_in",
                "Nobody is signed in.",
                advice="Sign in with user and password.",
                status=401,
            )
        if rule not in {USER, LOCAL}:
            raise Refused("not_allowed", "Nobody may do this here.", status=403)
        return record
