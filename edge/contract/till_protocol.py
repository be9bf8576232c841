"""What the box says to tills: the whole view, and what an enrolled screen may know beside it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.contract.card_desk_views import CardAlarmView, DoubtView
from edge.contract.customer_views import CouponView, CustomerView
from edge.contract.identity import ShortId
from edge.contract.limits import BARCODE_CHARS_MAX, PIN_DIGITS_MAX, PIN_DIGITS_MIN
from edge.contract.permissions import Permission


class TillState(StrEnum):
    """What a till is doing."""

    IDLE = "idle"
    OPEN = "open"
    PAYING = "paying"
    """A card payment, or a refund to a card, is on its way."""
    IN_DOUBT = "in_doubt"
    """The customer may have been charged, or have the money back; the inquiry is running."""
    DONE = "done"
    """The last sale stands and is still on the screen."""


class ReductionView(msgspec.Struct, frozen=True):
    """Why a line costs less, and how much.

    `source` is `promotion`, `name` then its own; or `discount`, `name` then its reason.
    """

    source: str
    name: str
    amount_minor: int


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
    `terminal`, `scale`), `paper`, `drawer`, `weight` and `weight_g` as in `DeviceState`.
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
    """Where a finished sale is: on the box, elsewhere in the shop, at head office."""

    box: bool
    shop: bool
    office: bool


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


class PromotionView(msgspec.Struct, frozen=True):
    """A promotion that names an article; `now` while its hours are on.

    `coupon` and `members`: it counts only with a coupon, or for certain customers.
    """

    name: str
    now: bool
    coupon: bool
    members: bool


class PriceView(msgspec.Struct, frozen=True):
    """What a code costs now, bought alone.

    `price_minor` is listed per piece or kilogram. The code means `quantity` (thousandths) of it,
    which cost `amount_minor`, and `now_minor` with the promotions that count at this moment;
    `labelled` where the code itself says how much it is, or what it costs.
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


class RefusalBody(msgspec.Struct, frozen=True):
    """What every refusal looks like over HTTP."""

    code: str
    message: str
    advice: str
    params: dict[str, str] = {}


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


class TillView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a till shows, whole. `version` only ever grows.

    A `total_minor` below zero goes back to the customer: `refund_due_minor` is what is left of
    that, `due_minor` what is left to be paid. Neither is negative, and one of them is 0.
    `last_receipt` is the number of the till's newest receipt, empty before the first.
    `age_checked` is the age up to which the customer was checked, 0 for not; `age_check` asks.
    While `empties` are taken back, scans are theirs. While a till is in `training` nothing that
    it does counts, and every screen of it has to say so.
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
    card_alarms: tuple[CardAlarmView, ...] = ()
    coupons: tuple[CouponView, ...] = ()
    training: bool = False
    customer: CustomerView | None = None


class SoldLineView(msgspec.Struct, frozen=True):
    """A line of a completed sale, and what of it may come back.

    `quantity` was sold, `returned` came back since, in sales that are open or parked now too,
    and `returnable` may come back still; all in thousandths. `back_minor` is what all of that
    gives back, tax included; `held_at` says where a sale that is not finished holds some of
    it: tills, in words.
    """

    line_id: str
    sku: str
    name: str
    unit: str
    price_minor: int
    quantity: int
    returned: int
    returnable: int
    paid_minor: int
    back_minor: int
    held_at: tuple[str, ...] = ()
    serial: str = ""
    lot: str = ""


class PaidTenderView(msgspec.Struct, frozen=True):
    """A tender of a completed sale: what it paid, change taken off, and what may go back on it.

    `kind` as in `TenderView`. `refunded_minor` went back on it so far, in sales that are not
    finished too; `refundable_minor` is no more than what its goods give back still.
    """

    tender_id: str
    kind: str
    paid_minor: int
    refundable_minor: int
    last4: str = ""
    scheme: str = ""
    reference: str = ""
    refunded_minor: int = 0


class SoldSaleView(msgspec.Struct, frozen=True):
    """A completed sale by its receipt: what was sold, and what may come back.

    `back_minor` is what everything that may come back gives back together; `completed_at` in
    ms since 1970 UTC. Voided lines, and goods that came back in this very sale, are left out.
    `proved_by` is empty for a sale in this box's ledger. `signature`: the box does not have it,
    and all it knows is what a signed code says; nothing comes back of it then. `store_number` is
    that of the store that sold, and `lines_left_out` counts lines that had no room in the code.
    """

    receipt_number: str
    sale_id: str
    till: str
    completed_at: int
    currency: str
    total_minor: int
    back_minor: int
    lines: tuple[SoldLineView, ...]
    tenders: tuple[PaidTenderView, ...]
    proved_by: str = ""
    store_number: int = 0
    lines_left_out: int = 0


class EnrolRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device asks to become a till, with the code a person read off the box."""

    code: Annotated[str, Meta(min_length=6, max_length=64)]
    till: ShortId | None = None
    label: Annotated[str, Meta(max_length=80)] = ""


class SignInRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cashier signs in on an enrolled till."""

    cashier: ShortId
    pin: Annotated[str, Meta(pattern=rf"^[0-9]{{{PIN_DIGITS_MIN},{PIN_DIGITS_MAX}}}$(?!\n)")]


class ApprovalRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A second person allows something at a till, with a PIN of their own."""

    approver: ShortId
    pin: Annotated[str, Meta(pattern=rf"^[0-9]{{{PIN_DIGITS_MIN},{PIN_DIGITS_MAX}}}$(?!\n)")]
    permission: Permission


class ApprovalView(msgspec.Struct, frozen=True):
    """What goes as `approval` into the command that needs it: once, at this till, soon."""

    approval: str
    valid_s: float


class CashierView(msgspec.Struct, frozen=True):
    """Who is signed in."""

    id: str
    name: str
    role: str
    language: str


class ForeignCashView(msgspec.Struct, frozen=True):
    """A currency whose notes the store takes; `rate_ppm` as in `ForeignCash`."""

    currency: str
    rate_ppm: int


class SessionView(msgspec.Struct, frozen=True):
    """What a till knows of itself; `cashier` is None before anyone signed in.

    `tills` are the ids of all tills of the store, its own too. `cash_step_minor` is the
    smallest coin; 0 or 1 for no cash rounding.
    """

    till: str
    store: str
    store_name: str
    currency: str
    cashier: CashierView | None
    staff: tuple[CashierView, ...]
    """Who may sign in here; empty until the first contact with head office."""
    tills: tuple[str, ...] = ()
    cash_step_minor: int = 0
    foreign_cash: tuple[ForeignCashView, ...] = ()


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
