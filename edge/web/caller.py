"""Who asks, and whether they may: the gate before every route of the box. Deny by default."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final, cast

from aiohttp import web

from edge.contract.errors import Refused
from edge.flows.access import Access as TillAccess
from edge.flows.access import CashierSession, EnrolledDevice
from edge.flows.sign_in_purposes import DEVICES
from edge.runtime.connection_watch import is_loopback
from edge.runtime.http_guard import CALLER
from edge.runtime.http_sessions import (
    DEVICES_COOKIE,
    SESSION_COOKIE,
    TILL_COOKIE,
    bearer_secret,
    cookie_secret,
)
from edge.runtime.openapi import Access

TILL: Final = Access("till")
"""An enrolled device, signed in or not."""
CASHIER: Final = Access("cashier", "sell")
"""A cashier signed in on the till that the address names."""
TECHNICIAN: Final = Access("technician", "devices")
"""A technician, supervisor or manager signed in at the device wall of an enrolled device."""
SERVICE: Final = Access("service")
"""A program of this box, with the service token."""
LOCAL: Final = Access("local")
"""Anyone on this box itself, or a program with the service token: not the shop's LAN."""


@dataclass(frozen=True)
class TillCaller:
    """An enrolled device; `session` is who is signed in there."""

    device: EnrolledDevice
    session: CashierSession | None


def till_caller(request: web.Request) -> TillCaller:
    """Return the caller of a route for tills: the gate has put it there."""
    return cast("TillCaller", request[CALLER])


@dataclass(frozen=True)
class EdgeGate:
    """Says who asks. `service_token` is the secret that programs of this box share."""

    access: TillAccess
    service_token: str

    async def __call__(self, request: web.Request, rule: Access) -> object:
        """Return the caller, or raise Refused: 401 unknown, 403 not allowed."""
        if rule is LOCAL and is_loopback(request.remote or ""):
            return "local"
        if rule is SERVICE or rule is LOCAL:
            return self._service(request)
        caller = self._till(request)
        if rule is TILL:
            return caller
        if rule is CASHIER:
            return self._cashier(request, caller)
        if rule is TECHNICIAN:
            return self._technician(request, caller)
        raise Refused("not_allowed", "Nobody may do this here.", status=403)

    def _service(self, request: web.Request) -> str:
        token = bearer_secret(request)
        if token is None or not hmac.compare_digest(token, self.service_token):
            raise Refused(
                "service_token_wrong",
                "This address is for programs of this box.",
                advice="Check that both settings name the same token file.",
                status=401,
            )
        return "service"

    def _till(self, request: web.Request) -> TillCaller:
        device = self.access.device(cookie_secret(request, TILL_COOKIE))
        if device is None:
            raise Refused(
                "not_enrolled",
                "This device is not a till of this store yet.",
                advice="Get an enrolment code at the box and type it here.",
                status=401,
            )
        session = self.access.session(cookie_secret(request, SESSION_COOKIE), device)
        return TillCaller(device, session)

    def _cashier(self, request: web.Request, caller: TillCaller) -> TillCaller:
        till = request.match_info.get("till", caller.device.till)
        if till != caller.device.till:
            raise Refused(
                "another_till",
                f"This device is {caller.device.till}, not {till}.",
                advice="Use the till itself.",
                status=403 if till in self.access.tills else 404,
            )
        if caller.session is None:
            raise Refused(
                "not_signed_in", "Nobody is signed in.", advice="Sign in with a PIN.", status=401
            )
        return caller

    def _technician(self, request: web.Request, caller: TillCaller) -> TillCaller:
        session = self.access.session(
            cookie_secret(request, DEVICES_COOKIE), caller.device, DEVICES
        )
        if session is None:
            raise Refused(
                "not_signed_in", "Nobody is signed in.", advice="Sign in with a PIN.", status=401
            )
        return TillCaller(caller.device, session)
