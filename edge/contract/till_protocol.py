"""What the box says to a till all the time: the whole view of its sale, devices and line."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from edge.contract.article_views import PriceCheckView
from edge.contract.card_desk_views import CardAlarmView, DoubtView, SignatureView
from edge.contract.customer_views import CouponView, CustomerView


class TillState(StrEnum):
    """What a till is doing."""

    IDLE = "idle"
    OPEN = "open"
    PAYING = "paying"
    """A card payment, or a refund to a card, is on its way; or the customer signs for one."""
    IN_DOUBT = "in_doubt"
    """The customer may have been charged, or have the money back; the inquiry is running."""
    DONE = "done"
    """The last sale stands and is still on the screen."""


class ReductionView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a line costs less, and how much.

    `source` is `promotion`, `name` then its own; or `discount`, `name` then its reason; or
    `price_book`, `name` then that of the customer's book: it has `price_minor` per piece or
    kilogram in place of the line's.
    """

    source: str
    name: str
    amount_minor: int
    price_minor: int | None = None


class LineView(msgspec.Struct, frozen=True, omit_defaults=False):
    """A line as the till shows it. A voided line stays, with `amount_minor` 0.

    `amount_minor` is what it costs: `listed_minor`, less what each of `reductions` takes off.
    `overridden` lines are sold at a price that a person set.

    A changed quantity voids the line and adds it anew: the new line names the voided one in
    `replaces`, so that a screen can show both as one. Empty for all other lines.

    Goods that come back have the entry `returned`, a `quantity` above zero and an
    `amount_minor` below it; `returned_from` is the number of the receipt that sold them, empty
    without one, and for lines that sell. `minimum_age` is how old the customer has to be.
    A `deposit` is bound to the line that `deposit_of` names, or to none. `serial` and `lot` are
    those of its very pieces.
    """

    line_id: str
    name: str
    quantity: int
    amount_minor: int
    price_minor: int
    sku: str
    unit: str
    tax: str
    voided: bool
    entry: str
    replaces: str = ""
    listed_minor: int = 0
    reductions: tuple[ReductionView, ...] = ()
    overridden: bool = False
    note: str = ""
    tare_g: int = 0
    returned_from: str = ""
    minimum_age: int = 0
    deposit: bool = False
    deposit_of: str = ""
    serial: str = ""
    lot: str = ""


class DiscountView(msgspec.Struct, frozen=True):
    """A discount that a person gave: on a line, or on the sale (`line_id` empty)."""

    discount_id: str
    line_id: str
    off_ppm: int
    off_minor: int
    reason: str


class TenderView(msgspec.Struct, frozen=True):
    """What was paid with: `kind` is `cash`, `card`, or one of `OtherTender`.

    `state` is taken, asked, approved, declined or unknown; or returned, with an amount below
    zero, for what went back. A refund to a card has the states of a card payment and an amount
    below zero; until it is approved `last4` and `scheme` are those of the card that paid, for
    the customer to hold it to the terminal. `reference` is what was typed, or the foreign cash
    that was given (`USD 20.00`).
    """

    tender_id: str
    kind: str
    amount_minor: int
    state: str
    words: str = ""
    last4: str = ""
    scheme: str = ""
    reference: str = ""


class TaxView(msgspec.Struct, frozen=True):
    """The tax of one rate in the sale so far."""

    tax: str
    rate_ppm: int
    net_minor: int
    tax_minor: int
    gross_minor: int


class DeviceView(msgspec.Struct, frozen=True):
    """A device of this till: state, and words with a next step when it is not well.

    `device_id` is its id, `role` what it does for the till (`scanner`, `printer`, `drawer`,
    `terminal`, `scale`, `display`), `paper`, `drawer`, `weight` and `weight_g` as in `DeviceState`.
    `weighs_at_price` stands there only for a scale that weighs once, at the price it is told, and
    has no live weight: it shows weight and price itself.
    """

    device_id: str
    role: str
    state: str
    well: bool
    code: str = ""
    words: str = ""
    advice: str = ""
    paper: str = ""
    drawer: str = ""
    jobs_waiting: int = 0
    weight: str = ""
    weight_g: int = 0
    weighs_at_price: bool | UnsetType = UNSET


class WeighingView(msgspec.Struct, frozen=True):
    """The article that the scale is being asked about."""

    name: str
    tare_g: int


class AgeCheckView(msgspec.Struct, frozen=True):
    """The sale waits for an answer whether the customer is `minimum_age` years old.

    `born_by` is the last birth date with which they are, `YYYY-MM-DD`.
    """

    minimum_age: int
    born_by: str


class LinkView(msgspec.Struct, frozen=True):
    """The line to head office. `waiting_sales`: completed sales it has not accepted yet."""

    state: str
    """`up`, `down`, or `never` (this box has not met head office yet)."""
    waiting_sales: int
    since: int
    """Milliseconds since 1970 UTC of the last change."""


class NoticeView(msgspec.Struct, frozen=True):
    """The last thing the box has to say to the cashier.

    `code` and `params` are for translation; `words` is English. `tone`: `ok`, `refused`,
    `question` or `trouble`. `serial` changes with each notice, so that a repeat is seen.
    """

    serial: int
    code: str
    tone: str
    words: str
    params: dict[str, str] = {}


class DotsView(msgspec.Struct, frozen=True):
    """Where a finished sale is: on the box, elsewhere in the shop, at head office.

    `keeper` is the name of a second copy that has it, unset while none has.
    """

    box: bool
    shop: bool
    office: bool
    keeper: str | UnsetType = UNSET


class ReceiptView(msgspec.Struct, frozen=True):
    """How the receipt of the finished sale stands.

    `state`: `waiting`, `printed`, `sent_unconfirmed`, `unknown`, `failed` or `none`.
    """

    state: str
    words: str = ""


class ParkedView(msgspec.Struct, frozen=True):
    """A sale that was set aside, as every till sees it.

    `till` parked it, `for_till` is the one that it was handed over to, or empty; `cashier`
    is an id, `parked_at` ms since 1970 UTC, `lines` how many live ones it has. `state` is
    `open`, or `in_doubt` while nobody knows whether a card was charged, or refunded.
    """

    sale_id: str
    label: str
    till: str
    for_till: str
    cashier: str
    parked_at: int
    total_minor: int
    lines: int
    state: TillState


class TillView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a till shows, whole. `version` only ever grows.

    A `total_minor` below zero goes back to the customer: `refund_due_minor` is what is left of
    that, `due_minor` what is left to be paid. Neither is negative, and one of them is 0.
    `tip_minor` is beside the total; what is due holds both. Below zero it goes back, and
    `tips_from` are the receipts that it stood on.
    `last_receipt` is the number of the till's newest receipt, empty before the first.
    `age_checked` is the age up to which the customer was checked, 0 for not; `age_check` asks.
    While `empties` are taken back, scans are theirs. While a till is in `training` nothing that
    it does counts, and every screen of it has to say so. `goods` is another text whenever articles
    or listed prices may be others than before: quick keys are then read anew.
    """

    version: int
    till: str
    state: TillState
    sale_id: str | None
    receipt_number: str | None
    lines: tuple[LineView, ...]
    tenders: tuple[TenderView, ...]
    taxes: tuple[TaxView, ...]
    total_minor: int
    due_minor: int
    change_minor: int
    rounding_minor: int
    currency: str
    opened_at: int | None
    devices: tuple[DeviceView, ...]
    link: LinkView
    notice: NoticeView | None
    dots: DotsView | None
    receipt: ReceiptView | None
    discounts: tuple[DiscountView, ...] = ()
    note: str = ""
    parked: tuple[ParkedView, ...] = ()
    weighing: WeighingView | None = None
    refund_due_minor: int = 0
    last_receipt: str = ""
    price_check: PriceCheckView | None = None
    age_checked: int = 0
    age_check: AgeCheckView | None = None
    empties: bool = False
    doubt: DoubtView | None = None
    signature: SignatureView | UnsetType = UNSET
    card_alarms: tuple[CardAlarmView, ...] = ()
    coupons: tuple[CouponView, ...] = ()
    training: bool = False
    customer: CustomerView | None = None
    tip_minor: int = 0
    tips_from: tuple[str, ...] = ()
    goods: str = ""
