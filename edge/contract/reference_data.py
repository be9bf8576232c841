"""What head office sends down: articles, prices, taxes, staff, the store itself.

Feeds are streams of items, last value per key. A box keeps one cursor per feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from edge.contract.identity import Place, ShortId
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    CUSTOMER_CHARS_MAX,
    FOREIGN_RATE_PPM_MAX,
    GROUP_BOOKS_MAX,
    LOGO_HEIGHT_DOTS_MAX,
    LOGO_WIDTH_DOTS_MAX,
    MINIMUM_AGE_MAX,
    NAME_CHARS_MAX,
    PRICE_BOOKS_MAX,
    REASON_CHARS_MAX,
    TIP_OFFERS_MAX,
)

Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Group = Annotated[str, Meta(min_length=1, max_length=CUSTOMER_CHARS_MAX)]
"""A group of customers; somebody who has prices of their own is alone in one."""
Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MINOR_MAX)]
TipShare = Annotated[int, Meta(gt=0, le=1_000_000)]


class Feed(StrEnum):
    """The feeds of this version, in the order in which a new box needs them."""

    URGENT = "urgent"
    CONFIG = "config"
    STAFF = "staff"
    PRICE = "price"
    PROMOTION = "promotion"
    CATALOGUE = "catalogue"
    USED_COUPON = "used_coupon"
    COUPON = "coupon"
    CUSTOMER = "customer"
    BOX_KEY = "box_key"
    """Written by head office itself."""


FEED_ORDER: Final = (
    Feed.URGENT,
    Feed.CONFIG,
    Feed.STAFF,
    Feed.PRICE,
    Feed.PROMOTION,
    Feed.CATALOGUE,
    Feed.USED_COUPON,  # before the codes themselves: none is taken that was used
    Feed.COUPON,
    Feed.CUSTOMER,
    Feed.BOX_KEY,
)
YOUNGER_FEEDS: Final = frozenset(
    {Feed.URGENT, Feed.USED_COUPON, Feed.COUPON, Feed.CUSTOMER, Feed.BOX_KEY}
)
"""Feeds that an older box cannot read: they are sent to boxes that name their cursors."""


class Tracking(StrEnum):
    """What number is kept of each piece of an article, or of the lot that it is from."""

    NONE = ""
    SERIAL = "serial"
    LOT = "lot"


class Article(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something sold. Key in the catalogue feed: the SKU.

    `codes` are its GTINs as printed (8, 12, 13 or 14 digits); `plu` the short number
    that weighed goods carry inside their price- or weight-embedded codes, and that cashiers
    key; `unit` is `piece` or `kg`; `tax` names a `TaxRule`; `key` places it on the quick
    keys (`page:place`, from 1), `icon` draws it there. `minimum_age` is how old a customer has to
    be, in years; 0 for anybody. `open_price` articles have no listed price: it is typed as they are
    sold, by the piece; a department is such an article. `deposit_sku` names the article that
    is sold with each piece of it as its deposit; that one says `deposit` of itself.
    What is under `tracking` is sold with that number only.
    """

    sku: str
    name: Name
    tax: str
    codes: tuple[str, ...] = ()
    plu: str = ""
    unit: str = "piece"
    group: str = ""
    key: str = ""
    icon: str = ""
    minimum_age: Annotated[int, Meta(ge=0, le=MINIMUM_AGE_MAX)] = 0
    open_price: bool = False
    deposit_sku: str = ""
    deposit: bool = False
    tracking: Tracking = Tracking.NONE


class Price(msgspec.Struct, frozen=True, omit_defaults=True):
    """The listed price of an article per piece or kilogram, in a price book or in all of them.

    Key in the price feed: the SKU, behind `book/` where it is of one book.
    """

    sku: str
    price_minor: Amount
    book: str = ""

    @property
    def key(self) -> str:
        """The key in the price feed."""
        return price_key(self.sku, self.book)


class Urgent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What holds of an article at once, until it is taken away. Key in the urgent feed: the SKU.

    It overtakes all other feeds on the line. `stopped`: nobody sells it, as in a recall; it is
    still taken back. `price_minor`: its listed price, whatever price books say. `reason` is shown.
    """

    sku: Annotated[str, Meta(min_length=1)]
    stopped: bool = False
    price_minor: Amount | None = None
    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX)] = ""


def price_key(sku: str, book: str) -> str:
    """Return where the price of an article in a book stands; of no book, for all of them."""
    return f"{book}/{sku}" if book else sku


class PriceBook(msgspec.Struct, frozen=True):
    """Prices that hold from an instant on (`from_ms` since 1970 UTC), until the next book's.

    It is sent ahead and takes effect by itself. An article that has no price in it keeps the
    one of the book before, and in the end the one of no book.
    """

    id: ShortId
    name: Name
    from_ms: Annotated[int, Meta(ge=0)]


class GroupBook(msgspec.Struct, frozen=True):
    """Prices that customers of one group have from an instant on: see `PRICES.md` of the engine.

    It holds beside the books that are for everybody, never in their place: an article that has no
    price in it, nor in an earlier book of the group, costs a customer what it costs all others.
    """

    id: ShortId
    name: Name
    from_ms: Annotated[int, Meta(ge=0)]
    group: Group


_Book = TypeVar("_Book", PriceBook, GroupBook)


def newest_first(books: Sequence[_Book]) -> list[_Book]:
    """Return books in the order in which they are asked; of one instant the later in the list."""
    placed = sorted(enumerate(books), key=lambda each: (each[1].from_ms, each[0]), reverse=True)
    return [book for _, book in placed]


class TaxRule(msgspec.Struct, frozen=True):
    """A rate with its category. `rate_ppm`: parts per million, 19 % is 190000."""

    code: str
    name: str
    rate_ppm: Annotated[int, Meta(ge=0, le=1_000_000)]


class CodeTemplate(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the shop's own 13-digit codes carry a weight or a price.

    `prefix` (2 or 3 digits of 02, 20-29), then `item_digits` of PLU, then
    `inner_check_digits` that are skipped, then `value_digits`, then the check digit; the
    layout is national or the shop's own. `kind` is `weight` (the value in units of
    10**-`decimals` kg) or `price` (in units of 10**-`decimals` of the currency).
    """

    prefix: str
    item_digits: int
    value_digits: int
    kind: str
    decimals: int
    inner_check_digits: int = 0


class QuickKeyPage(msgspec.Struct, frozen=True):
    """A page of quick keys; `id` is the part before the colon in `Article.key`."""

    id: str
    name: Name


class ForeignCash(msgspec.Struct, frozen=True):
    """A currency whose cash the store takes. `rate_ppm`: what one unit of it is worth here.

    In millionths of the store's own unit: 0.85 is 850000.
    """

    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
    rate_ppm: Annotated[int, Meta(gt=0, le=FOREIGN_RATE_PPM_MAX)]


class Logo(msgspec.Struct, frozen=True):
    """What stands at the top of receipts, in black and white.

    `rows` are from the top, each of whole bytes, the highest bit leftmost, a set bit black
    (base64 in JSON). Raises ValueError for other sizes than a roll of 58 mm has room for.
    """

    width_dots: int
    rows: bytes

    def __post_init__(self) -> None:
        """Refuse what would not come out as it was meant."""
        if not 0 < self.width_dots <= LOGO_WIDTH_DOTS_MAX:
            raise ValueError(
                f"a logo is at most {LOGO_WIDTH_DOTS_MAX} dots wide, not {self.width_dots}"
            )
        height, rest = divmod(len(self.rows), self.row_bytes)
        if rest or not 0 < height <= LOGO_HEIGHT_DOTS_MAX:
            raise ValueError(
                f"a logo has 1 to {LOGO_HEIGHT_DOTS_MAX} rows of {self.row_bytes} bytes here, "
                f"not {len(self.rows)} bytes"
            )

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return -(-self.width_dots // 8)


class Tips(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tips, where a store takes them: the shares of the total that are offered, in ppm.

    A tip above `most_minor` needs a second person; 0 for no such limit.
    """

    offers_ppm: Annotated[tuple[TipShare, ...], Meta(max_length=TIP_OFFERS_MAX)] = ()
    most_minor: Amount = 0


class StoreProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """The store as its receipts and rules need it. Key in the config feed: `store`.

    `cash_step_minor` is the smallest coin (5 in CHF); 0 or 1 switches cash rounding off.
    `day_starts_at_hour` moves the end of the business day past midnight. A typed price above
    `open_price_max_minor` needs a second person; 0 for no such limit. Empties that
    come to more than `empties_max_minor` in one sale need one too. Without `tips` the store takes
    none. `fiscal` names the scheme by which sales are signed (`de_tse`), empty for none.
    `card_slips` says where the customer's receipt of a card terminal is printed, if it composes
    one: on the sale's receipt, on a slip of its own, when asked for (on a copy of the receipt), or
    never. A copy of the receipt has it unless it is `never`.
    """

    name: Name
    currency: str
    time_zone: str
    taxes: tuple[TaxRule, ...]
    address: tuple[str, ...] = ()
    tax_number: str = ""
    prices_include_tax: bool = True
    cash_step_minor: int = 0
    day_starts_at_hour: int = 0
    receipt_language: str = "en"
    receipt_footer: tuple[str, ...] = ()
    code_templates: tuple[CodeTemplate, ...] = ()
    quick_key_pages: tuple[QuickKeyPage, ...] = ()
    foreign_cash: tuple[ForeignCash, ...] = ()
    price_books: Annotated[tuple[PriceBook, ...], Meta(max_length=PRICE_BOOKS_MAX)] = ()
    logo: Logo | None = None
    open_price_max_minor: Amount = 0
    empties_max_minor: Amount = 0
    tips: Tips | None = None
    # apart from price_books: a box that does not know groups yet would sell to everybody by them
    group_books: Annotated[tuple[GroupBook, ...], Meta(max_length=GROUP_BOOKS_MAX)] = ()
    fiscal: Literal["", "de_tse"] = ""
    card_slips: Literal["with_receipt", "own_slip", "ask", "never"] = "with_receipt"


class StaffMember(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person who signs in at tills. Key in the staff feed: the id.

    `pin_hash` is argon2id over the PIN and the shop's pepper, which is kept outside every
    database. `role`: `cashier`, `supervisor`, `manager` or `technician`.
    """

    id: ShortId
    name: Name
    role: str
    pin_hash: str
    language: str = "en"
    active: bool = True


class BoxKey(msgspec.Struct, frozen=True):
    """The public key (hexadecimal) of a store's box in a generation, a replaced one's too.

    By it the other boxes know which receipts are real. Key in its feed: `store/gen`.
    """

    store: Annotated[int, Meta(ge=1)]
    gen: Annotated[int, Meta(ge=0)]
    public: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]

    @property
    def key(self) -> str:
        """The key in the feed."""
        return f"{self.store}/{self.gen}"


GONE: Final = msgspec.Raw(b"null")
"""The value of a key that is no more."""


class FeedItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change: the newest value of a key at a cursor; with `null` the key is gone."""

    key: str
    cursor: Place
    value: msgspec.Raw

    @property
    def is_gone(self) -> bool:
        """Whether this takes the key away."""
        return bytes(self.value) == bytes(GONE)


class FeedPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Changes of one feed in rising cursor order; `next` is where to go on, `more` if now.

    On its way to a box it is signed: these are all changes behind `after` that the box is to take.
    `version` only ever grows, `signature` (hexadecimal) is head office's over `feed_page_bytes`.
    """

    feed: Feed
    items: tuple[FeedItem, ...]
    next: Place
    more: bool = False
    after: Place = 0
    version: Place = 0
    signature: str = ""
