"""The customer displays of a box in memory: what the shop's own rules let a customer see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from edge.contract.display_view import ScaleGoods
from edge.contract.errors import Refused
from edge.contract.reference_data import Logo
from edge.contract.till_protocol import TillState, TillView
from edge.contract.wire import encode
from edge.engine.customer_display import Beside, OnScale, display_view
from edge.engine.price_check import price_shown
from edge.engine.promotions import Occasion
from edge.runtime.logo_picture import logo_png
from edge.runtime.qr_picture import qr_svg
from tests.golden.signed_receipt import TEXT
from tests.screens.fake_http import as_json

if TYPE_CHECKING:
    from tests.screens.fake_box import FakeBox


@dataclass
class FakeDisplays:
    """Follows the till's view; `said` is what displays tried to say."""

    box: FakeBox
    sockets: set[web.WebSocketResponse] = field(default_factory=set)
    said: list[object] = field(default_factory=list)
    on_scale: OnScale | None = None
    logo: Logo | None = None

    def routes(self) -> tuple[web.RouteDef, ...]:
        return (
            web.get("/api/v1/display", self._view),
            web.get("/api/v1/display/socket", self._socket),
            web.get("/api/v1/display/receipt.svg", self._receipt),
            web.get("/api/v1/display/logo.png", self._logo),
            web.post("/api/v1/tills/{till}/scale-goods", self._weigh),
        )

    def face(self, view: bytes) -> bytes:
        shown = msgspec.json.decode(view, type=TillView)
        people = [p for p in self.box.sessions.values() if p]
        member = next((m for m in self.box.staff if people and m.id == people[-1]), None)
        known = self.box.reference.customer(shown.customer.number) if shown.customer else None
        return encode(
            display_view(
                shown,
                Beside(
                    member.language if member else None,
                    known.name if known else "",
                    self.on_scale,
                    "one" if self.logo else "",
                ),
            )
        )

    async def show(self, view: bytes) -> None:
        for socket in list(self.sockets):
            if not socket.closed:
                await socket.send_str(self.face(view).decode())

    async def _view(self, request: web.Request) -> web.Response:
        self.box.check_till(request)
        return web.Response(body=self.face(self.box.view()), content_type="application/json")

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self.box.check_till(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        await socket.send_str(self.face(self.box.view()).decode())
        async for message in socket:
            self.said.append(message.data)
        self.sockets.discard(socket)
        return socket

    async def _receipt(self, request: web.Request) -> web.Response:
        self.box.check_till(request)
        cart = self.box.cart
        if cart.state is not TillState.DONE or request.query["began_at"] != str(cart.opened_at):
            raise Refused("no_receipt_shown", "The till shows no receipt.", status=404)
        return web.Response(body=qr_svg(TEXT), content_type="image/svg+xml")

    async def _logo(self, request: web.Request) -> web.Response:
        self.box.check_till(request)
        assert self.logo is not None
        return web.Response(body=logo_png(self.logo), content_type="image/png")

    async def _weigh(self, request: web.Request) -> web.Response:
        goods = msgspec.json.decode(await request.read(), type=ScaleGoods)
        self.on_scale = None
        if goods.code:
            price = price_shown(self.box.reference, goods.code, Occasion(self.box.at, 1, 720))
            self.on_scale = OnScale(price.name, price.price_minor, goods.tare_g)
        await self.box.publish()
        return as_json(goods)
