"""What customer displays call: the view of the till that they face away from, and nothing else.

A display is a window of the till's own device: it comes with the till's cookie. It names no till,
so it can follow no other one, and none of its addresses changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from edge.contract.display_view import CustomerDisplayView, ScaleGoods
from edge.contract.errors import Refused
from edge.flows.customer_displays import CustomerDisplays
from edge.flows.selling import Selling
from edge.flows.till import Till
from edge.runtime.http_errors import JsonResponse, json_response
from edge.runtime.http_guard import read_message
from edge.runtime.openapi import Query, Route
from edge.web.caller import CASHIER, TILL, till_caller
from edge.web.till_socket import TillSockets

SVG_TYPE: Final = "image/svg+xml"
PNG_TYPE: Final = "image/png"


@dataclass(frozen=True)
class DisplayApi:
    """The routes of customer displays, and what a till tells them."""

    displays: CustomerDisplays
    selling: Selling
    sockets: TillSockets

    def routes(self) -> tuple[Route, ...]:
        """Return the route table of this part."""
        return (
            Route(
                method="GET",
                path="/api/v1/display",
                handler=self._view,
                summary="What this till's customer may see",
                access=TILL,
                response=CustomerDisplayView,
            ),
            Route(
                method="GET",
                path="/api/v1/display/socket",
                handler=self._socket,
                summary="The same on every change, newest wins; it takes nothing",
                access=TILL,
                socket=True,
            ),
            Route(
                method="GET",
                path="/api/v1/display/receipt.svg",
                handler=self._receipt,
                summary="The signed code of the sale that this till has just completed",
                access=TILL,
                gives=SVG_TYPE,
                query=(Query("began_at", "Which sale, as in the view", int, required=True),),
                refusals={404: "The till does not show that sale, or not any more."},
            ),
            Route(
                method="GET",
                path="/api/v1/display/logo.png",
                handler=self._logo,
                summary="The store's logo, as on its receipts",
                access=TILL,
                gives=PNG_TYPE,
                query=(Query("logo", "Which one the view named: a new one has a new address"),),
                refusals={404: "The store has none."},
            ),
            Route(
                method="POST",
                path="/api/v1/tills/{till}/scale-goods",
                handler=self._weigh,
                summary="Show the customer which article a till weighs; the answer is the same",
                access=CASHIER,
                request=ScaleGoods,
                response=ScaleGoods,
                refusals={404: "No such article.", 409: "It is not sold by weight, in words."},
            ),
        )

    def _till(self, request: web.Request) -> Till:
        return self.selling.till(till_caller(request).device.till)

    async def _view(self, request: web.Request) -> web.Response:
        view = self.displays.face(self.selling.views.build(self._till(request)))
        return JsonResponse(view)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        return await self.sockets.serve(request, self._till(request), self.displays.face)

    async def _receipt(self, request: web.Request) -> web.Response:
        asked = request.query.get("began_at", "")
        if not (asked.isascii() and asked.isdigit() and len(asked) <= 19):  # noqa: PLR2004 - 64 bits
            raise Refused(
                "sale_malformed",
                f"began_at={asked[:40]!r} names no sale.",
                advice="Send what the view says.",
                status=400,
            )
        picture = await self.displays.receipt_picture(self._till(request), int(asked))
        return web.Response(
            body=picture, content_type=SVG_TYPE, headers={"Cache-Control": "no-store"}
        )

    async def _logo(self, _: web.Request) -> web.Response:
        return web.Response(body=self.displays.logo(), content_type=PNG_TYPE)

    async def _weigh(self, request: web.Request) -> web.Response:
        goods = await read_message(request, ScaleGoods)
        self.displays.weigh(self.selling.till(request.match_info["till"]), goods)
        return json_response(goods)
