"""What the fake box knows of past sales and of prices: receipts again, and the price check."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from edge.contract.article_views import PriceCheckRequest, PriceCheckView
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.receipt_events import GiftReceiptPrinted, ReceiptReprinted
from edge.contract.refusal_body import RefusalBody
from edge.contract.till_commands import (
    AnyTillCommand,
    EmailReceipt,
    PrintGiftReceipt,
    ReprintReceipt,
)
from edge.contract.wire import encode
from edge.engine.cart import Cart
from edge.engine.originals import Original
from edge.engine.price_check import price_shown
from edge.engine.promotions import Occasion
from edge.engine.receipt_finding import receipt_asked

if TYPE_CHECKING:
    from tests.screens.fake_box import FakeBox


@dataclass
class PastAndPrices:
    """Completed sales by receipt, how often each was printed again, and the price check."""

    sold: dict[str, Cart] = field(default_factory=dict)
    printed: Counter[str] = field(default_factory=Counter)
    check: PriceCheckView | None = None
    ended: int = 0

    @property
    def last_receipt(self) -> str:
        return next(reversed(self.sold), "")

    def originals(self, command: AnyTillCommand) -> tuple[Original, ...]:
        if not isinstance(command, (ReprintReceipt, PrintGiftReceipt, EmailReceipt)):
            return ()
        cart = self.sold.get(receipt_asked(command.receipt)[0])
        return (Original(cart, copies=self.printed[cart.sale]),) if cart else ()

    def hear(self, cart: Cart, events: tuple[Event, ...]) -> None:
        if cart.receipt:
            self.sold[cart.receipt] = cart
        for event in events:
            if isinstance(event, (ReceiptReprinted, GiftReceiptPrinted)):
                self.printed[event.sale] += 1

    async def look(self, box: FakeBox, code: str) -> None:
        """Look a code up, as a scan does while the price check is there."""
        price = refused = None
        occasion = Occasion(box.at, 1, 720, box.cart.groups)
        try:
            price = price_shown(box.reference, code, occasion) if code else None
        except Refused as refusal:
            refused = RefusalBody(refusal.code, refusal.message, refusal.advice, refusal.params)
        serial = self.check.serial + 1 if self.check else 1
        self.check = PriceCheckView(serial, code, price, refused)
        await box.publish()

    async def end(self, box: FakeBox) -> None:
        """End the price check, as the box does when nobody uses it."""
        self.check = None
        self.ended += 1
        await box.publish()

    def routes(self, box: FakeBox) -> list[web.RouteDef]:
        async def begin(request: web.Request) -> web.Response:
            wish = msgspec.json.decode(await request.read(), type=PriceCheckRequest)
            await self.look(box, wish.code)
            return web.Response(body=encode(self.check), content_type="application/json")

        async def end(_: web.Request) -> web.Response:
            await self.end(box)
            return web.Response(body=box.view(), content_type="application/json")

        path = "/api/v1/tills/{till}/price-check"
        return [web.post(path, begin), web.delete(path, end)]
