"""The sale on a till as a value: lines, tenders, reductions, and the totals of them all.

`edge.engine.cart_changes` makes it from events.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.contract.customer_views import CouponView, CustomerView
from edge.contract.price_events import Reduction
from edge.contract.return_events import RefundPart
from edge.contract.sale_events import TaxTotal
from edge.contract.till_protocol import (
    DiscountView,
    LineView,
    ReductionView,
    TaxView,
    TenderView,
    TillState,
)
from edge.engine.card_slips import CardSlip
from edge.engine.tax import RateSum, less_returned, tax_totals

CASH: Final = "cash"
CARD: Final = "card"
MANUAL_CARD: Final = "manual_card"
TAKEN: Final = "taken"
ASKED: Final = "asked"
APPROVED: Final = "approved"
DECLINED: Final = "declined"
SIGNING: Final = "signing"
"""How a payment stands that a card was charged for, until its signature was looked at."""
UNKNOWN: Final = "unknown"
OTHER: Final = "other"
"""How a reversal stands by which the terminal took another payment back."""
RETURNED: Final = "returned"
"""How a line came in whose goods came back; and the state of money that went back."""
RECOUNTED: Final = "quantity"
"""Why a line is voided when the same article is added anew in its place."""
SCALE: Final = "scale"
"""How a line came in that was weighed at the till."""


class GoodsBack(msgspec.Struct, frozen=True):
    """What goods that came back give back, and which line had sold them: see `LineReturned`."""

    net_minor: int
    tax_minor: int
    gross_minor: int
    original_sale: str = ""
    original_line: str = ""
    receipt: str = ""


class Line(msgspec.Struct, frozen=True):
    """One article of the sale; `quantity` in thousandths, `amount_minor` 0 once voided.

    `reduced_minor` is what promotions and discounts take off `amount_minor`; a person set the
    price of an `overridden` line. `back` makes it a line whose goods came back: its
    `amount_minor` is below zero then, and nothing reduces it.
    """

    line_id: str
    sku: str
    name: str
    quantity: int
    price_minor: int
    amount_minor: int
    tax: str
    rate_ppm: int
    code: str
    unit: str
    entry: str
    voided: bool = False
    replaces: str = ""
    reduced_minor: int = 0
    overridden: bool = False
    note: str = ""
    tare_g: int = 0
    back: GoodsBack | None = None
    minimum_age: int = 0
    open_price: bool = False
    deposit: bool = False
    deposit_of: str = ""
    serial: str = ""
    lot: str = ""
    expires: str = ""

    @property
    def net_minor(self) -> int:
        """What the line costs, its reductions taken off."""
        return self.amount_minor - self.reduced_minor

    def view(self, reductions: tuple[ReductionView, ...] = ()) -> LineView:
        """Return the line as a till shows it, with what its price is reduced by."""
        return LineView(
            self.line_id,
            self.name,
            self.quantity,
            self.net_minor,
            self.price_minor,
            self.sku,
            self.unit,
            self.tax,
            self.voided,
            self.entry,
            self.replaces,
            self.amount_minor,
            reductions,
            self.overridden,
            self.note,
            self.tare_g,
            self.back.receipt if self.back else "",
            self.minimum_age,
            self.deposit,
            self.deposit_of,
            self.serial,
            self.lot,
        )


class Discount(msgspec.Struct, frozen=True):
    """What a person takes off a line (`line_id`) or off the sale: a part, or an amount."""

    discount_id: str
    line_id: str
    off_ppm: int
    off_minor: int
    reason: str

    def view(self) -> DiscountView:
        """Return the discount as a till shows it."""
        return DiscountView(
            self.discount_id, self.line_id, self.off_ppm, self.off_minor, self.reason
        )


class Weighing(msgspec.Struct, frozen=True):
    """What the scale is being asked about; see `WeighingAsked`."""

    weighing: str
    code: str
    name: str
    tare_g: int
    shown_g: int


class Tender(msgspec.Struct, frozen=True):
    """Cash given or a card payment; the texts are the terminal's own.

    Of a card `terminal` is the device that was asked; of a refund to a card `parts` says whose
    money it is, and `reverses` names the payment that is taken back. `doubtful_since` is when it
    became `UNKNOWN`, in ms since 1970 UTC. `reversal` names the wish to have a payment in doubt
    taken back, `reversal_state` is how that stands: `ASKED`, `UNKNOWN`, `DECLINED` or `OTHER`, and
    `reversal_words` the terminal's words about it. `by_hand`: a person settled it, and typed the
    terminal's numbers. `to_sign`: the customer signs for it.
    """

    tender_id: str
    kind: str
    """`CASH`, `CARD`, or one of `OtherTender`."""
    amount_minor: int
    state: str
    """`TAKEN` for cash; `ASKED`, `SIGNING`, `APPROVED`, `DECLINED` or `UNKNOWN` for a card;
    `RETURNED` for what went back otherwise. What goes back, to a card too, has an amount below
    zero."""
    words: str = ""
    last4: str = ""
    scheme: str = ""
    authorisation: str = ""
    terminal_id: str = ""
    receipt: str = ""
    trace: str = ""
    reference: str = ""
    terminal: str = ""
    parts: tuple[RefundPart, ...] = ()
    reverses: str = ""
    doubtful_since: int = 0
    reversal: str = ""
    reversal_state: str = ""
    reversal_words: str = ""
    by_hand: bool = False
    to_sign: bool = False

    @property
    def being_reversed(self) -> bool:
        """Whether nobody knows yet whether it is taken back: until then it stays in doubt."""
        return self.reversal_state in {ASKED, UNKNOWN}

    def view(self) -> TenderView:
        """Return the tender as a till shows it."""
        return TenderView(
            self.tender_id,
            self.kind,
            self.amount_minor,
            self.state,
            self.words,
            self.last4,
            self.scheme,
            self.reference,
        )


class HeldCoupon(msgspec.Struct, frozen=True):
    """A coupon that the sale holds, as it was presented."""

    code: str
    campaign: str
    name: str
    single_use: bool


class TipBack(msgspec.Struct, frozen=True):
    """The tip of a completed sale that goes back; `amount_minor` is above zero."""

    original_sale: str
    receipt: str
    amount_minor: int


class Cart(msgspec.Struct, frozen=True):
    """A till's sale. `EMPTY` is an idle till.

    `total_minor` is what the customer owes for the live lines, tax included, before cash
    rounding; below zero it goes back to them. `tendered_minor` is cash taken plus cards approved
    plus tenders of other kinds (`other_minor`), all of them below zero for what was given back:
    the total and its tenders have one sign. Only what a terminal gave back too much is paid
    again in the same sale. `rate_sums` are those of lines that sell,
    `returned` what lines give back whose goods came back, `returned_minor` the gross of that;
    neither is negative. `tip_minor` is beside the total, and the tenders pay both; below zero it is
    what `tips_back` give back. `opened_at` and
    `completed_at` are milliseconds since 1970 UTC. `receipt`, `change_minor` and
    `rounding_minor` are set by completion. `recounted` is the line just voided to be added anew
    with another quantity. `reductions` are those of the newest `PricesReduced`;
    `discounts_given` counts discounts, those taken back too. `weighing` is what the scale has
    not answered yet. `age_checked` is the age up to which the customer was checked.
    """

    state: TillState = TillState.IDLE
    sale: str = ""
    currency: str = ""
    prices_include_tax: bool = True
    lines: tuple[Line, ...] = ()
    tenders: tuple[Tender, ...] = ()
    rate_sums: tuple[RateSum, ...] = ()
    live_lines: int = 0
    total_minor: int = 0
    cash_minor: int = 0
    card_minor: int = 0
    other_minor: int = 0
    receipt: str = ""
    change_minor: int = 0
    rounding_minor: int = 0
    opened_at: int = 0
    completed_at: int = 0
    recounted: str = ""
    reductions: tuple[Reduction, ...] = ()
    discounts: tuple[Discount, ...] = ()
    discounts_given: int = 0
    note: str = ""
    weighing: Weighing | None = None
    returned: tuple[TaxTotal, ...] = ()
    returned_minor: int = 0
    coupons: tuple[HeldCoupon, ...] = ()
    age_checked: int = 0
    customer: str = ""
    groups: tuple[str, ...] = ()
    tip_minor: int = 0
    tips_back: tuple[TipBack, ...] = ()
    card_slips: tuple[CardSlip, ...] = ()
    """What its terminals composed, in the order in which it came."""

    @property
    def customer_view(self) -> CustomerView | None:
        """Whose sale it is, as a till shows it."""
        return CustomerView(self.customer, self.groups) if self.customer else None

    @property
    def used_coupons(self) -> tuple[HeldCoupon, ...]:
        """The coupons that take something off now; no others are used up by completion."""
        if not self.coupons:
            return ()
        counting = {reduction.coupon for reduction in self.reductions}
        return tuple(each for each in self.coupons if each.campaign in counting)

    @property
    def coupon_views(self) -> tuple[CouponView, ...]:
        """The coupons as a till shows them."""
        if not self.coupons:
            return ()
        used = self.used_coupons
        return tuple(
            CouponView(each.code, each.name, each.single_use, counts=each in used)
            for each in self.coupons
        )

    @property
    def tendered_minor(self) -> int:
        """Cash taken, cards approved, and tenders of other kinds."""
        return self.cash_minor + self.card_minor + self.other_minor

    @property
    def payable_minor(self) -> int:
        """The total with the tip: what the tenders come to in the end."""
        return self.total_minor + self.tip_minor

    @property
    def due_minor(self) -> int:
        """What is still to be paid; never negative, 0 once completed."""
        if self.state is TillState.DONE:
            return 0
        return max(0, self.payable_minor - self.tendered_minor)

    @property
    def refund_due_minor(self) -> int:
        """What is still to be given back; never negative, 0 once completed."""
        if self.state is TillState.DONE or self.payable_minor >= 0:
            return 0
        return max(0, self.tendered_minor - self.payable_minor)

    @property
    def taxes(self) -> tuple[TaxTotal, ...]:
        """The tax of every rate that has takings, or gives back."""
        sold = tax_totals(self.rate_sums, included=self.prices_include_tax)
        return less_returned(sold, self.returned) if self.returned else sold

    @property
    def line_views(self) -> tuple[LineView, ...]:
        """The lines as a till shows them."""
        if not self.reductions:
            return tuple([line.view() for line in self.lines])
        reasons = self.reductions_by_line()
        return tuple(line.view(reasons.get(line.line_id, ())) for line in self.lines)

    def reductions_by_line(self) -> dict[str, tuple[ReductionView, ...]]:
        """Return what reduces each line that is not voided, in the order it counts."""
        reasons: dict[str, tuple[ReductionView, ...]] = {}
        live = {line.line_id for line in self.lines if not line.voided}
        for reduction in self.reductions:
            for part in reduction.lines:
                if part.line in live:
                    view = ReductionView(
                        reduction.source, reduction.name, part.amount_minor, part.price_minor
                    )
                    reasons[part.line] = (*reasons.get(part.line, ()), view)
        return reasons

    @property
    def tax_views(self) -> tuple[TaxView, ...]:
        """The same for a till's view."""
        return tuple(
            TaxView(each.tax, each.rate_ppm, each.net_minor, each.tax_minor, each.gross_minor)
            for each in self.taxes
        )

    @property
    def charged_minor(self) -> int:
        """What cards were charged, here or at a terminal of its own."""
        return sum(
            each.amount_minor
            for each in self.tenders
            if (each.state == APPROVED and each.amount_minor > 0)
            or (each.kind == MANUAL_CARD and each.state == TAKEN)
        )

    @property
    def card_refund_minor(self) -> int:
        """What was given back on cards, here or at a terminal of its own."""
        return -sum(
            each.amount_minor
            for each in self.tenders
            if (each.state == APPROVED and each.amount_minor < 0)
            or (each.kind == MANUAL_CARD and each.state == RETURNED)
        )

    @property
    def empties_minor(self) -> int:
        """What empties give back in this sale, tax included."""
        return sum(
            line.back.gross_minor
            for line in self.lines
            if line.back and line.deposit and not line.voided and not line.back.receipt
        )

    def deposit_of(self, line_id: str) -> Line | None:
        """Return the live deposit that is bound to a line; None for none."""
        for line in self.lines:
            if line.deposit_of == line_id and not line.voided:
                return line
        return None

    @property
    def age_asked(self) -> int:
        """How old the customer has to be for what was not checked yet; 0 for nothing to ask."""
        wanted = 0
        for line in self.lines:
            if line.minimum_age > wanted and not line.voided:
                wanted = line.minimum_age
        return wanted if wanted > self.age_checked else 0

    @property
    def open_payment(self) -> Tender | None:
        """The card payment, or refund, that is not over: None when all is definite, and signed."""
        for tender in reversed(self.tenders):
            if tender.state in {ASKED, SIGNING, UNKNOWN}:
                return tender
        return None

    def line(self, line_id: str) -> Line | None:
        """Return a line by its id."""
        for line in self.lines:
            if line.line_id == line_id:
                return line
        return None


EMPTY: Final = Cart()
