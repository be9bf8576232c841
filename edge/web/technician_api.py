"""What the device wall calls: its own sign-in, the devices, adopting and testing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from edge.contract.device_adoption import (
    AdoptDevice,
    AdoptionBody,
    BindDevice,
    ReleaseDevice,
    ReplaceDevice,
)
from edge.contract.limits import (
    ID_CHARS_MAX,
)
from edge.contract.session_views import SignInRequest
from edge.contract.technician_views import (
    EndDayRequest,
    SettleDayRequest,
    TechnicianView,
    TerminalDayView,
    TestBody,
    TestRequest,
    WallView,
)
from edge.flows.access import Access, CashierSession
from edge.flows.adoption import Adoption
from edge.flows.device_checks import DeviceChecks
from edge.flows.device_wall import DeviceWall
from edge.flows.sign_in_purposes import DEVICES
from edge.flows.terminal_days import TerminalDays
from edge.runtime.http_errors import JsonResponse, json_response
from edge.runtime.http_guard import read_message
from edge.runtime.http_sessions import (
    DEVICES_COOKIE,
    clear_secret_cookie,
    cookie_secret,
    set_secret_cookie,
)
from edge.runtime.openapi import Route
from edge.web.caller import TECHNICIAN, TILL, TillCaller, till_caller
from edge.web.wall_socket import WallSockets

_REFUSALS: Final = {
    404: "No such device or till.",
    409: "A rule says no, in words; nothing was changed.",
}


@dataclass(frozen=True)
class TechnicianApi:
    """The routes of the device wall."""

    access: Access
    adoption: Adoption
    wall: DeviceWall
    checks: DeviceChecks
    days: TerminalDays
    sockets: WallSockets

    def routes(self) -> tuple[Route, ...]:
        """Return the route table of this part."""
        return (
            Route(
                method="GET",
                path="/api/v1/technician/session",
                handler=self._session,
                summary="Say who is signed in at the device wall, and who may",
                access=TILL,
                response=TechnicianView,
            ),
            Route(
                method="POST",
                path="/api/v1/technician/session",
                handler=self._sign_in,
                summary="Sign a technician, supervisor or manager in with a PIN",
                access=TILL,
                request=SignInRequest,
                response=TechnicianView,
                refusals={403: "The PIN does not fit.", 429: "Too many wrong PINs."},
            ),
            Route(
                method="DELETE",
                path="/api/v1/technician/session",
                handler=self._sign_out,
                summary="Sign out of the device wall",
                access=TILL,
                response=TechnicianView,
            ),
            Route(
                method="GET",
                path="/api/v1/technician/devices",
                handler=self._devices,
                summary="Every device of the shop, and what was found and not adopted",
                access=TECHNICIAN,
                response=WallView,
            ),
            Route(
                method="GET",
                path="/api/v1/technician/socket",
                handler=self._socket,
                summary="The same on every change, newest wins; it takes nothing",
                access=TECHNICIAN,
                socket=True,
            ),
            Route(
                method="POST",
                path="/api/v1/technician/devices",
                handler=self._adopt,
                summary="Adopt a device: a host runs it, and it serves a till",
                access=TECHNICIAN,
                request=AdoptDevice,
                response=AdoptionBody,
                refusals=_REFUSALS,
            ),
            Route(
                method="POST",
                path="/api/v1/technician/devices/{device}/binding",
                handler=self._bind,
                summary="Give an adopted device another till, other roles, another name",
                access=TECHNICIAN,
                request=BindDevice,
                response=AdoptionBody,
                refusals=_REFUSALS,
            ),
            Route(
                method="POST",
                path="/api/v1/technician/devices/{device}/replacement",
                handler=self._replace,
                summary="Put other hardware in a device's place; it keeps till and roles",
                access=TECHNICIAN,
                request=ReplaceDevice,
                response=AdoptionBody,
                refusals=_REFUSALS,
            ),
            Route(
                method="POST",
                path="/api/v1/technician/devices/{device}/release",
                handler=self._release,
                summary="Give an adopted device up",
                access=TECHNICIAN,
                request=ReleaseDevice,
                response=AdoptionBody,
                refusals=_REFUSALS,
            ),
            Route(
                method="POST",
                path="/api/v1/technician/devices/{device}/tests",
                handler=self._test,
                summary="Ask a device to show itself; never a payment",
                access=TECHNICIAN,
                request=TestRequest,
                response=TestBody,
                refusals={**_REFUSALS, 503: "The box cannot do it now; nothing was done."},
            ),
            Route(
                method="POST",
                path="/api/v1/technician/devices/{device}/end-of-day",
                handler=self._end_day,
                summary="Have a payment terminal end its day, once, and compare it with the ledger",
                access=TECHNICIAN,
                request=EndDayRequest,
                response=TerminalDayView,
                refusals=_REFUSALS,
            ),
            Route(
                method="POST",
                path="/api/v1/technician/devices/{device}/end-of-day/settlement",
                handler=self._settle_day,
                summary="Say what became of an end of day that its terminal cannot tell",
                access=TECHNICIAN,
                request=SettleDayRequest,
                response=TerminalDayView,
                refusals=_REFUSALS,
            ),
        )

    # --- sign-in --------------------------------------------------------------------------

    def _signed_in(self, request: web.Request) -> CashierSession | None:
        """Return who is signed in at the wall; the till's own session is another."""
        device = till_caller(request).device
        return self.access.session(cookie_secret(request, DEVICES_COOKIE), device, DEVICES)

    async def _session(self, request: web.Request) -> web.Response:
        device = till_caller(request).device
        return json_response(self.access.technician_view(device, self._signed_in(request)))

    async def _sign_in(self, request: web.Request) -> web.Response:
        device = till_caller(request).device
        wish = await read_message(request, SignInRequest)
        session, token = await self.access.sign_in(device, wish, DEVICES)
        response = json_response(self.access.technician_view(device, session))
        set_secret_cookie(response, DEVICES_COOKIE, token)
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        session = self._signed_in(request)
        if session is not None:
            await self.access.sign_out(session)
            self.sockets.changed()  # a wall that was left open ends
        response = json_response(self.access.technician_view(till_caller(request).device, None))
        clear_secret_cookie(response, DEVICES_COOKIE)
        return response

    # --- devices --------------------------------------------------------------------------

    async def _devices(self, _: web.Request) -> web.Response:
        return json_response(self.wall.view())

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        return await self.sockets.serve(request, _who(till_caller(request)))

    async def _adopt(self, request: web.Request) -> web.Response:
        wish = await read_message(request, AdoptDevice)
        who = _who(till_caller(request))
        return _answer(await self.adoption.adopt(who.till, who.cashier, wish))

    async def _bind(self, request: web.Request) -> web.Response:
        wish = await read_message(request, BindDevice)
        who = _who(till_caller(request))
        return _answer(await self.adoption.bind(who.till, who.cashier, _device(request), wish))

    async def _replace(self, request: web.Request) -> web.Response:
        wish = await read_message(request, ReplaceDevice)
        who = _who(till_caller(request))
        return _answer(await self.adoption.replace(who.till, who.cashier, _device(request), wish))

    async def _release(self, request: web.Request) -> web.Response:
        wish = await read_message(request, ReleaseDevice)
        who = _who(till_caller(request))
        return _answer(await self.adoption.release(who.till, who.cashier, _device(request), wish))

    async def _test(self, request: web.Request) -> web.Response:
        wish = await read_message(request, TestRequest)
        who = _who(till_caller(request))
        return json_response(await self.checks.test(who.till, who.cashier, _device(request), wish))

    async def _end_day(self, request: web.Request) -> web.Response:
        wish = await read_message(request, EndDayRequest)
        who = _who(till_caller(request))
        return json_response(await self.days.end(who.till, who.cashier, _device(request), wish))

    async def _settle_day(self, request: web.Request) -> web.Response:
        wish = await read_message(request, SettleDayRequest)
        who = _who(till_caller(request))
        return json_response(await self.days.settle(who.till, who.cashier, _device(request), wish))


def _who(caller: TillCaller) -> CashierSession:
    assert caller.session is not None  # noqa: S101 - the gate lets technicians through alone
    return caller.session


def _device(request: web.Request) -> str:
    return request.match_info["device"][:ID_CHARS_MAX]


def _answer(body: bytes) -> web.Response:
    return JsonResponse(body)
