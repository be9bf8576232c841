"""What tills call: enrolment, sign-in, commands, views, articles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from edge.contract.article_views import (
    ArticleView,
    PriceCheckRequest,
    PriceCheckView,
    PriceView,
    QuickKeyPageView,
)
from edge.contract.customer_views import FoundCustomer
from edge.contract.errors import Refused
from edge.contract.identity import ShortId
from edge.contract.limits import (
    APPROVAL_S_MAX,
    BARCODE_CHARS_MAX,
    ENROL_CODE_S_MAX,
    RECEIPT_TEXT_CHARS_MAX,
)
from edge.contract.session_views import (
    ApprovalRequest,
    ApprovalView,
    EnrolRequest,
    SessionView,
    SignInRequest,
)
from edge.contract.sold_sale_views import SoldSaleView
from edge.contract.till_commands import AnyTillCommand
from edge.contract.till_protocol import TillView
from edge.flows.access import Access
from edge.flows.presenting import PresentedReceipts
from edge.flows.price_checking import PriceChecks
from edge.flows.selling import Selling
from edge.reference.store import ReferenceStore
from edge.runtime.http_errors import json_response
from edge.runtime.http_guard import read_message
from edge.runtime.http_sessions import (
    SESSION_COOKIE,
    TILL_COOKIE,
    TILL_COOKIE_S,
    clear_secret_cookie,
    set_secret_cookie,
)
from edge.runtime.openapi import ANYONE, Query, Route
from edge.runtime.ready_answer import ReadyAnswer
from edge.web.caller import CASHIER, SERVICE, TILL, till_caller
from edge.web.till_socket import TillSockets

_SEARCH_CHARS_MAX: Final = 80
_CODE_DAYS_MAX: Final = 30


class CustomersBody(msgspec.Struct, frozen=True):
    """The few customers that a search found."""

    customers: tuple[FoundCustomer, ...]


class QuickKeysBody(msgspec.Struct, frozen=True):
    """All pages of quick keys; they are of the `goods` that views name."""

    pages: tuple[QuickKeyPageView, ...]
    goods: str


class ArticlesBody(msgspec.Struct, frozen=True):
    """Articles that a search found."""

    articles: tuple[ArticleView, ...]


class CodeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program of this box asks for an enrolment code on a person's behalf."""

    till: ShortId | None = None
    uses: Annotated[int, Meta(ge=1, le=1_000)] = 1
    valid_s: Annotated[float, Meta(gt=0, le=_CODE_DAYS_MAX * 86_400)] = ENROL_CODE_S_MAX


class CodeBody(msgspec.Struct, frozen=True):
    """An enrolment code; it is good for `valid_s` seconds."""

    code: str
    valid_s: float


@dataclass(frozen=True)
class TillApi:
    """The routes of tills."""

    access: Access
    selling: Selling
    reference: ReferenceStore
    sockets: TillSockets
    checks: PriceChecks
    receipts: PresentedReceipts

    def routes(self) -> tuple[Route, ...]:
        """Return the route table of this part."""
        return (
            Route(
                method="POST",
                path="/api/v1/enrol",
                handler=self._enrol,
                summary="Make this device a till, with a code from the box",
                access=ANYONE,
                request=EnrolRequest,
                response=SessionView,
                refusals={403: "The code is wrong or spent.", 429: "Too many wrong codes."},
            ),
            Route(
                method="GET",
                path="/api/v1/session",
                handler=self._session,
                summary="Say which till this is, who is signed in, and who may",
                access=TILL,
                response=SessionView,
            ),
            Route(
                method="POST",
                path="/api/v1/session",
                handler=self._sign_in,
                summary="Sign a cashier in with a PIN",
                access=TILL,
                request=SignInRequest,
                response=SessionView,
                refusals={403: "The PIN does not fit.", 429: "Too many wrong PINs."},
            ),
            Route(
                method="DELETE",
                path="/api/v1/session",
                handler=self._sign_out,
                summary="Sign out",
                access=TILL,
                response=SessionView,
            ),
            Route(
                method="POST",
                path="/api/v1/tills/{till}/commands",
                handler=self._command,
                summary="Carry a command out; the same id gets the same answer",
                access=CASHIER,
                request=AnyTillCommand,
                response=TillView,
                refusals={
                    404: "No such article, line or till.",
                    409: "A rule says no, in words; nothing was changed.",
                    503: "The box cannot do it now; nothing was changed.",
                },
            ),
            Route(
                method="POST",
                path="/api/v1/tills/{till}/approvals",
                handler=self._approve,
                summary="Let a second person allow something, with their PIN",
                access=CASHIER,
                request=ApprovalRequest,
                response=ApprovalView,
                refusals={
                    403: "The PIN does not fit.",
                    409: "Oneself, or a person who may not allow it.",
                    429: "Too many wrong PINs.",
                },
            ),
            Route(
                method="GET",
                path="/api/v1/tills/{till}/view",
                handler=self._view,
                summary="The whole view of a till",
                access=CASHIER,
                response=TillView,
            ),
            Route(
                method="GET",
                path="/api/v1/tills/{till}/socket",
                handler=self._socket,
                summary="The whole view on every change, newest wins",
                access=CASHIER,
                socket=True,
                query=(Query("after", "The version the till has; a newer one comes at once", int),),
            ),
            Route(
                method="GET",
                path="/api/v1/receipts/{number}",
                handler=self._receipt,
                summary="A completed sale by its receipt number or QR code: what may come back, "
                "or what a signed code proves of a sale that this box does not have",
                access=CASHIER,
                response=SoldSaleView,
                refusals={
                    404: "No completed sale of this store has that number.",
                    409: "The code is damaged, forged, or of another store's receipt.",
                },
            ),
            Route(
                method="GET",
                path="/api/v1/quick-keys",
                handler=self._quick_keys,
                summary="The pages of quick keys",
                access=CASHIER,
                response=QuickKeysBody,
            ),
            Route(
                method="GET",
                path="/api/v1/articles",
                handler=self._articles,
                summary="Search articles by name, SKU, PLU or code",
                access=CASHIER,
                response=ArticlesBody,
                query=(Query("q", "Words that must all occur"),),
            ),
            Route(
                method="GET",
                path="/api/v1/customers",
                handler=self._customers,
                summary="Search customers: by card, by number, by the beginnings of names",
                access=CASHIER,
                response=CustomersBody,
                query=(Query("q", "Words of which all must begin one; two letters at least"),),
            ),
            Route(
                method="GET",
                path="/api/v1/customers/{number}",
                handler=self._customer,
                summary="Who a customer is",
                access=CASHIER,
                response=FoundCustomer,
                refusals={404: "No such customer, or not any more."},
            ),
            Route(
                method="GET",
                path="/api/v1/prices",
                handler=self._price,
                summary="What a code costs now, and the promotions that name the article",
                access=CASHIER,
                response=PriceView,
                refusals={404: "No such article.", 409: "It cannot be sold, in words."},
                query=(Query("code", "A code as it is scanned or typed"),),
            ),
            Route(
                method="POST",
                path="/api/v1/tills/{till}/price-check",
                handler=self._check_price,
                summary="Let a till's scans ask for prices, and ask for one; a refusal is in it",
                access=CASHIER,
                request=PriceCheckRequest,
                response=PriceCheckView,
            ),
            Route(
                method="DELETE",
                path="/api/v1/tills/{till}/price-check",
                handler=self._end_price_check,
                summary="Let a till's scans go to its basket again; the answer is its view",
                access=CASHIER,
                response=TillView,
            ),
            Route(
                method="POST",
                path="/api/v1/tills/{till}/empties",
                handler=self._take_empties,
                summary="Let a till's scans be empties that come back; the answer is its view",
                access=CASHIER,
                response=TillView,
                refusals={409: "The sale is being paid, in words."},
            ),
            Route(
                method="DELETE",
                path="/api/v1/tills/{till}/empties",
                handler=self._end_empties,
                summary="Let a till's scans be goods again; the answer is its view",
                access=CASHIER,
                response=TillView,
            ),
            Route(
                method="POST",
                path="/internal/v1/enrolment-codes",
                handler=self._make_code,
                summary="Make an enrolment code for a person",
                access=SERVICE,
                request=CodeRequest,
                response=CodeBody,
            ),
        )

    # --- enrolment and sign-in ------------------------------------------------------------

    async def _enrol(self, request: web.Request) -> web.Response:
        wish = await read_message(request, EnrolRequest)
        device, secret = await self.access.enrol(wish, request.remote or "")
        response = json_response(self.access.view(device, None))
        set_secret_cookie(response, TILL_COOKIE, secret, max_age_s=TILL_COOKIE_S)
        return response

    async def _make_code(self, request: web.Request) -> web.Response:
        wish = await read_message(request, CodeRequest)
        code = self.access.make_code(wish.till, uses=wish.uses, valid_s=wish.valid_s)
        return json_response(CodeBody(code, wish.valid_s))

    async def _session(self, request: web.Request) -> web.Response:
        caller = till_caller(request)
        return json_response(self.access.view(caller.device, caller.session))

    async def _sign_in(self, request: web.Request) -> web.Response:
        caller = till_caller(request)
        wish = await read_message(request, SignInRequest)
        session, token = await self.access.sign_in(caller.device, wish)
        self.selling.views.publish_by_id(caller.device.till)  # customers see that it is open
        response = json_response(self.access.view(caller.device, session))
        set_secret_cookie(response, SESSION_COOKIE, token)
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        caller = till_caller(request)
        if caller.session is not None:
            await self.access.sign_out(caller.session)
            self.selling.views.publish_by_id(caller.device.till)
        response = json_response(self.access.view(caller.device, None))
        clear_secret_cookie(response, SESSION_COOKIE)
        return response

    # --- selling --------------------------------------------------------------------------

    async def _command(self, request: web.Request) -> web.Response:
        till = self.selling.till(request.match_info["till"])
        caller = till_caller(request)
        command: AnyTillCommand = await read_message(request, AnyTillCommand)  # type: ignore[arg-type] # a union of structs is a shape for msgspec
        actor = caller.session.cashier if caller.session else ""
        view = await self.selling.command(till, actor, command)
        return ReadyAnswer(view)

    async def _approve(self, request: web.Request) -> web.Response:
        caller = till_caller(request)
        assert caller.session is not None  # noqa: S101 - the gate lets cashiers through alone
        wish = await read_message(request, ApprovalRequest)
        approval_id, approval = await self.access.approve(caller.session, wish)
        till = caller.session.till
        self.selling.gathering.approvals.keep(
            approval_id, approval, till, self.access.clock.monotonic_ms()
        )
        return json_response(ApprovalView(approval_id, APPROVAL_S_MAX))

    async def _view(self, request: web.Request) -> web.Response:
        till = self.selling.till(request.match_info["till"])
        return ReadyAnswer(self.selling.views.build(till))

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        till = self.selling.till(request.match_info["till"])
        return await self.sockets.serve(request, till)

    async def _receipt(self, request: web.Request) -> web.Response:
        number = request.match_info["number"][:RECEIPT_TEXT_CHARS_MAX]
        caller = till_caller(request)
        actor = caller.session.cashier if caller.session else ""
        view = await self.receipts.show(number, till=caller.device.till, actor=actor)
        return json_response(view)

    async def _quick_keys(self, _: web.Request) -> web.Response:
        return json_response(QuickKeysBody(self.reference.quick_keys(), self.reference.goods))

    async def _articles(self, request: web.Request) -> web.Response:
        text = request.query.get("q", "")[:_SEARCH_CHARS_MAX]
        return json_response(ArticlesBody(await self.reference.search(text)))

    async def _customers(self, request: web.Request) -> web.Response:
        text = request.query.get("q", "")[:_SEARCH_CHARS_MAX]
        return json_response(CustomersBody(await self.reference.find_customers(text)))

    async def _customer(self, request: web.Request) -> web.Response:
        number = request.match_info["number"][:_SEARCH_CHARS_MAX]
        found = self.reference.customer(number)
        if found is None:
            raise Refused(
                "customer_gone",
                "This box does not know that customer, or not any more.",
                advice="The sale keeps the number; prices stay as they are.",
                status=404,
            )
        return json_response(FoundCustomer(found.number, found.name, found.groups))

    # --- prices ---------------------------------------------------------------------------

    async def _price(self, request: web.Request) -> web.Response:
        code = request.query.get("code", "")[:BARCODE_CHARS_MAX]
        return json_response(self.checks.price(code))

    async def _check_price(self, request: web.Request) -> web.Response:
        till = self.selling.till(request.match_info["till"])
        wish = await read_message(request, PriceCheckRequest)
        return json_response(self.checks.look(till, wish.code))

    async def _take_empties(self, request: web.Request) -> web.Response:
        till = self.selling.till(request.match_info["till"])
        session = till_caller(request).session
        self.selling.take_empties(till, session.cashier if session else "")
        return await self._view(request)

    async def _end_empties(self, request: web.Request) -> web.Response:
        till = self.selling.till(request.match_info["till"])
        self.selling.take_empties(till, "")
        return await self._view(request)

    async def _end_price_check(self, request: web.Request) -> web.Response:
        till = self.selling.till(request.match_info["till"])
        self.checks.end(till)
        return await self._view(request)
