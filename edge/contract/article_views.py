"""Articles as a till shows them: found by search, on quick keys, and what they cost now."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from edge.contract.limits import (
    BARCODE_CHARS_MAX,
)
from edge.contract.refusal_body import RefusalBody


class PromotionView(msgspec.Struct, frozen=True):
    """A promotion that names an article; `now` while its hours are on.

    `coupon` and `members`: it counts only with a coupon, or for certain customers.
    """

    name: str
    now: bool
    coupon: bool
    members: bool


class PriceView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a code costs now, bought alone: by the customer of the sale that the till has, if any.

    `price_minor` is listed per piece or kilogram. The code means `quantity` (thousandths) of it,
    which cost `amount_minor`, and `now_minor` with the promotions that count at this moment;
    `labelled` where the code itself says how much it is, or what it costs. A price book of the
    customer's, named `book`, has `book_minor` in place of `price_minor`; empty and None for none.
    """

    code: str
    sku: str
    name: str
    unit: str
    currency: str
    price_minor: int
    quantity: int
    amount_minor: int
    now_minor: int
    labelled: bool
    promotions: tuple[PromotionView, ...]
    book: str = ""
    book_minor: int | None = None


class PriceCheckRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A till begins a price check, or goes on with it; `code` as in `AddItem`, or empty."""

    code: Annotated[str, Meta(max_length=BARCODE_CHARS_MAX)] = ""


class PriceCheckView(msgspec.Struct, frozen=True):
    """A price check: while a till has one, its scans go there. `serial` counts what was asked.

    `code` was asked last: it has a price or is refused. Empty, and neither, before the first.
    """

    serial: int
    code: str
    price: PriceView | None
    refused: RefusalBody | None


class QuickKeyView(msgspec.Struct, frozen=True):
    """A key that sells one article; of an `open_price` one the price is asked.

    A `deposit` is also pressed where empties come back.
    """

    place: int
    code: str
    name: str
    price_minor: int
    unit: str
    icon: str
    open_price: bool = False
    deposit: bool = False


class QuickKeyPageView(msgspec.Struct, frozen=True):
    """A page of quick keys, in order of place."""

    id: str
    name: str
    keys: tuple[QuickKeyView, ...]


class ArticleView(msgspec.Struct, frozen=True):
    """An article as the search shows it. `code` is what `add_item` takes.

    An `open_price` one has no listed price.
    """

    code: str
    sku: str
    name: str
    price_minor: int
    unit: str
    open_price: bool = False
