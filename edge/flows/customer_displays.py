"""Customer displays of tills: what they show, and the code of the receipt just made.

A display has no sale of its own and keeps nothing: it is another face of the till's view. Which
article is being weighed is no event; a till tells it while it weighs, for the customer to see
weight, price per kilogram and price before the goods are sold (OIML R 76-1, price computing).
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.display_view import CustomerDisplayView, ScaleGoods
from edge.contract.errors import Refused
from edge.contract.quantity import Unit
from edge.contract.till_protocol import TillState, TillView
from edge.contract.wire import encode
from edge.engine.customer_display import Beside, OnScale, display_view
from edge.flows.price_checking import PriceChecks
from edge.flows.selling import Selling
from edge.flows.till import Till
from edge.reference.store import ReferenceStore
from edge.runtime.logo_picture import logo_png
from edge.runtime.qr_picture import qr_svg

_VIEW: Final = msgspec.json.Decoder(TillView)
_BEING_PAID: Final = frozenset({TillState.PAYING, TillState.IN_DOUBT})


@dataclass(frozen=True)
class CustomerDisplays:
    """Makes what the displays show. `language_of` is that of a till's cashier, None for nobody."""

    selling: Selling
    checks: PriceChecks
    reference: ReferenceStore
    language_of: Callable[[str], str | None]
    _on_scale: dict[str, OnScale] = field(default_factory=dict)

    def face(self, view: bytes) -> bytes:
        """Return what a display shows of a till's view, as JSON."""
        return encode(self.shown(_VIEW.decode(view)))

    def shown(self, view: TillView) -> CustomerDisplayView:
        """Return what a customer may see of a till's view."""
        language = self.language_of(view.till)
        if language is None or view.state in _BEING_PAID:
            self._on_scale.pop(view.till, None)
        known = self.reference.customer(view.customer.number) if view.customer else None
        name = known.name if known else ""
        beside = Beside(language, name, self._on_scale.get(view.till), self._logo_word())
        return display_view(view, beside)

    def _logo_word(self) -> str:
        logo = self.reference.store.logo if self.reference.has_store else None
        return "" if logo is None else f"{zlib.crc32(logo.rows):08x}"

    def logo(self) -> bytes:
        """Return the store's logo as PNG. Raises Refused (404) where it has none."""
        logo = self.reference.store.logo if self.reference.has_store else None
        if logo is None:
            raise Refused(
                "no_logo",
                "This store has no logo.",
                advice="Head office gives it one with its receipts.",
                status=404,
            )
        return logo_png(logo)

    def weigh(self, till: Till, goods: ScaleGoods) -> None:
        """Show the customer what a till weighs, by its code; an empty one ends it.

        Raises Refused for what is not known, or not sold by the kilogram.
        """
        if not goods.code:
            if self._on_scale.pop(till.id, None) is not None:
                self.selling.views.publish(till)
            return
        price = self.checks.price(goods.code)
        if price.unit != Unit.KILOGRAM:
            raise Refused(
                "not_sold_by_weight",
                f"{price.name} is sold by the piece.",
                advice="Add it without weighing.",
                params={"name": price.name},
            )
        self._on_scale[till.id] = OnScale(price.name, price.price_minor, goods.tare_g)
        self.selling.views.publish(till)

    async def receipt_picture(self, till: Till, began_at: int) -> bytes:
        """Return the signed code of the sale that a till has just completed, as SVG.

        Of that sale alone, and only while the till shows it: a display cannot ask for others'.
        Raises Refused (404) for any other, and in training.
        """
        cart = till.cart
        shown = cart.state is TillState.DONE and not till.training and cart.opened_at == began_at
        text = await self.selling.gathering.codes.text(cart.receipt, cart.sale) if shown else ""
        if not text:
            raise Refused(
                "no_receipt_shown",
                "The till shows no receipt of that sale.",
                advice="It is shown from the end of a sale to the beginning of the next.",
                status=404,
            )
        return await asyncio.to_thread(qr_svg, text)
