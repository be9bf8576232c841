"""What tills wish for: each command has its own id, and the same id gets the same answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.contract.identity import CommandId, ShortId
from edge.contract.limits import (
    BARCODE_CHARS_MAX,
    COUPON_CHARS_MAX,
    CUSTOMER_CHARS_MAX,
    EMAIL_CHARS_MAX,
    MINIMUM_AGE_MAX,
    REASON_CHARS_MAX,
    RECEIPT_CHARS_MAX,
    RECEIPT_TEXT_CHARS_MAX,
    REFERENCE_CHARS_MAX,
    SCALE_WEIGHT_G_MAX,
    TERMINAL_RECEIPT_NUMBER_CHARS_MAX,
    TRACKING_CHARS_MAX,
)
from edge.contract.quantity import ONE

LineId = Annotated[str, Meta(min_length=1, max_length=40)]
ReceiptText = Annotated[str, Meta(min_length=1, max_length=RECEIPT_TEXT_CHARS_MAX)]
TerminalNumber = Annotated[str, Meta(max_length=TERMINAL_RECEIPT_NUMBER_CHARS_MAX)]
Age = Annotated[int, Meta(ge=1, le=MINIMUM_AGE_MAX)]
Reason = Annotated[str, Meta(min_length=1, max_length=REASON_CHARS_MAX)]


class TillCommand(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True
):
    """A wish with its own id: the same id again gets the same answer."""

    command_id: CommandId


class ApprovedCommand(TillCommand, frozen=True, kw_only=True):
    """A wish that may need a second person: `approval` is what that person's PIN gave."""

    approval: CommandId | None = None


class AddItem(ApprovedCommand, frozen=True, kw_only=True, tag="add_item"):
    """Put an article into the sale; opens one on an idle till.

    `code` is whatever was scanned or typed: a GTIN, an SKU, a PLU, a weight- or
    price-embedded code. `quantity` in thousandths. `sale_id` names the sale that this opens;
    without it the box makes one. `price_minor` is typed for articles that have no listed price, and
    only for these; with it `unknown_code` may name what no article has, for the line to keep.
    `serial` and `lot` are typed where the code does not hold them.
    """

    code: Annotated[str, Meta(min_length=1, max_length=BARCODE_CHARS_MAX)]
    quantity: int = ONE
    sale_id: CommandId | None = None
    price_minor: int | None = None
    unknown_code: Annotated[str, Meta(max_length=BARCODE_CHARS_MAX)] = ""
    serial: Annotated[str, Meta(max_length=TRACKING_CHARS_MAX)] = ""
    lot: Annotated[str, Meta(max_length=TRACKING_CHARS_MAX)] = ""


class WeighItem(TillCommand, frozen=True, kw_only=True, tag="weigh_item"):
    """Sell an article by kg with what lies on the till's scale, less the tare.

    Answered once the wish is committed or refused; the line, or a notice that says why there
    is none, follows in the view. `shown_g` is the weight on the screen as the cashier took it:
    what is displayed is what is sold, so another weight is refused.
    """

    code: Annotated[str, Meta(min_length=1, max_length=BARCODE_CHARS_MAX)]
    tare_g: Annotated[int, Meta(ge=0, le=SCALE_WEIGHT_G_MAX)] = 0
    shown_g: Annotated[int, Meta(ge=0, le=SCALE_WEIGHT_G_MAX)] = 0
    sale_id: CommandId | None = None


class VoidLine(TillCommand, frozen=True, kw_only=True, tag="void_line"):
    """Take a line back; it stays in view, struck out."""

    line_id: LineId
    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX)] = ""


class SetQuantity(TillCommand, frozen=True, kw_only=True, tag="set_quantity"):
    """Sell another number of a line's article: the line is voided and added again in its place."""

    line_id: LineId
    quantity: int


class TakeCash(TillCommand, frozen=True, kw_only=True, tag="take_cash"):
    """Take cash from the customer. Covering what is due completes the sale, with change."""

    amount_minor: int


class PayByCard(TillCommand, frozen=True, kw_only=True, tag="pay_by_card"):
    """Charge a card. Answered once the intent is committed; the outcome follows in the view."""

    amount_minor: int


class OtherTender(StrEnum):
    """Tenders beside cash and the till's own card terminal."""

    GIFT_CARD = "gift_card"
    POINTS = "points"
    HOUSE_ACCOUNT = "house_account"
    VOUCHER = "voucher"
    MANUAL_CARD = "manual_card"
    """A card that a terminal of its own charged: the cashier saw it approved."""


class TakeTender(ApprovedCommand, frozen=True, kw_only=True, tag="take_tender"):
    """Take a tender that nobody checks: `reference` is what stands on it."""

    kind: OtherTender
    amount_minor: int
    reference: Annotated[str, Meta(max_length=REFERENCE_CHARS_MAX)]


class TakeForeignCash(TillCommand, frozen=True, kw_only=True, tag="take_foreign_cash"):
    """Take cash of another currency; `amount_minor` in that currency's smallest unit.

    `shown_minor` is what the screen said that it is worth here: the customer was told so, and
    another worth is refused. 0 where no worth was shown.
    """

    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
    amount_minor: int
    shown_minor: Annotated[int, Meta(ge=0)] = 0


class ReturnLine(ApprovedCommand, frozen=True, kw_only=True, tag="return_line"):
    """Take goods back that were sold here; opens a sale on an idle till.

    `receipt` and `line_id` name the line that sold them; `quantity` in thousandths. What goes
    back is what was paid for them. `sale_id` names the sale that this opens. `original_sale` is
    the id of the sale that the receipt proves by its signed code, where this box has no record of
    it: that needs a second person, always.
    """

    receipt: Annotated[str, Meta(min_length=1, max_length=RECEIPT_CHARS_MAX)]
    line_id: LineId
    quantity: int = ONE
    reason: Reason
    sale_id: CommandId | None = None
    original_sale: CommandId | None = None


class ReturnItem(ApprovedCommand, frozen=True, kw_only=True, tag="return_item"):
    """Take goods back without their receipt, at today's listed price; else as `AddItem`."""

    code: Annotated[str, Meta(min_length=1, max_length=BARCODE_CHARS_MAX)]
    quantity: int = ONE
    reason: Reason
    sale_id: CommandId | None = None


class ReturnEmpties(ApprovedCommand, frozen=True, kw_only=True, tag="return_empties"):
    """Take empties back, without a receipt, for the deposit that is listed today.

    `code` is a deposit article's, or that of the goods that were in them; else as `AddItem`.
    """

    code: Annotated[str, Meta(min_length=1, max_length=BARCODE_CHARS_MAX)]
    quantity: int = ONE
    sale_id: CommandId | None = None


class GiveCash(ApprovedCommand, frozen=True, kw_only=True, tag="give_cash"):
    """Give cash back. All that goes back, in coins that exist, completes the sale."""

    amount_minor: int


class GiveTender(ApprovedCommand, frozen=True, kw_only=True, tag="give_tender"):
    """Give money back on a tender that nobody checks: `reference` is what stands on it."""

    kind: OtherTender
    amount_minor: int
    reference: Annotated[str, Meta(max_length=REFERENCE_CHARS_MAX)]


class RefundByCard(ApprovedCommand, frozen=True, kw_only=True, tag="refund_by_card"):
    """Give money back to a card. Answered once the intent is committed; the outcome follows.

    At most what one card paid, and has not had back. Money that no card brought needs an
    approval. All that goes back completes the sale. The refund is named by the command's id:
    until the terminal has answered, the view has a tender of that id and of the kind `card`,
    with an amount below zero.
    """

    amount_minor: int


class SetTip(ApprovedCommand, frozen=True, kw_only=True, tag="set_tip"):
    """Give the sale this tip, in place of the one it had; 0 takes it off."""

    amount_minor: int


class ReturnTip(ApprovedCommand, frozen=True, kw_only=True, tag="return_tip"):
    """Give the tip of a completed sale back, by its receipt; opens a sale on an idle till.

    `SetTip` with 0 takes it out again, as long as no money went back. `sale_id` names the sale
    that this opens.
    """

    receipt: Annotated[str, Meta(min_length=1, max_length=RECEIPT_CHARS_MAX)]
    reason: Reason
    sale_id: CommandId | None = None


class Settle(TillCommand, frozen=True, kw_only=True, tag="settle"):
    """Complete a sale of which nothing is left that coins could pay: an even exchange."""


class CancelCard(TillCommand, frozen=True, kw_only=True, tag="cancel_card"):
    """Ask the terminal to give up waiting for a card; the outcome follows in the view.

    A payment or a refund alike.
    """


class Abandon(TillCommand, frozen=True, kw_only=True, tag="abandon"):
    """Give the sale up. Cash taken goes back; a card charged or refunded is refused here."""

    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX)] = ""


class NextSale(TillCommand, frozen=True, kw_only=True, tag="next_sale"):
    """Put the finished sale off the screen."""


class OverridePrice(ApprovedCommand, frozen=True, kw_only=True, tag="override_price"):
    """Sell a line at another price, per piece or kilogram. Promotions leave it alone then."""

    line_id: LineId
    price_minor: int
    reason: Reason


class GiveDiscount(ApprovedCommand, frozen=True, kw_only=True, tag="give_discount"):
    """Take a part (`off_ppm`, 10 % is 100000) or an amount off a line, or off the whole sale.

    One of both is given; without a line it is the sale's. It comes off what promotions left.
    """

    line_id: LineId | None = None
    off_ppm: int = 0
    off_minor: int = 0
    reason: Reason


class RemoveDiscount(TillCommand, frozen=True, kw_only=True, tag="remove_discount"):
    """Take a discount back."""

    discount_id: LineId


class SetNote(TillCommand, frozen=True, kw_only=True, tag="set_note"):
    """Write a note on a line, or on the sale; an empty text takes it away. Receipts show it."""

    line_id: LineId | None = None
    text: Annotated[str, Meta(max_length=REASON_CHARS_MAX)]


class AddCoupon(TillCommand, frozen=True, kw_only=True, tag="add_coupon"):
    """Let a coupon count in the sale; opens one on an idle till.

    `code` is what stands on it, in capitals or not. The code of a known coupon in `AddItem` means
    the same, so that scanners need not know what they read. `sale_id` names the sale that this
    opens.
    """

    code: Annotated[str, Meta(min_length=1, max_length=BARCODE_CHARS_MAX)]
    sale_id: CommandId | None = None


class RemoveCoupon(TillCommand, frozen=True, kw_only=True, tag="remove_coupon"):
    """Give a coupon back to the customer: the sale is priced without it, and it stays unused."""

    code: Annotated[str, Meta(min_length=1, max_length=COUPON_CHARS_MAX)]


class SetCustomer(TillCommand, frozen=True, kw_only=True, tag="set_customer"):
    """Say whose sale it is; opens one on an idle till. An empty `customer` makes it nobody's.

    `customer` is the number or the code of a card; the code of a known card in `AddItem` means the
    same. `sale_id` names the sale that this opens.
    """

    customer: Annotated[str, Meta(max_length=CUSTOMER_CHARS_MAX)]
    sale_id: CommandId | None = None


class Park(TillCommand, frozen=True, kw_only=True, tag="park"):
    """Set the sale aside; `label` says whose it is, `for_till` hands it over to one till."""

    label: Annotated[str, Meta(max_length=REASON_CHARS_MAX)] = ""
    for_till: ShortId | None = None


class Resume(TillCommand, frozen=True, kw_only=True, tag="resume"):
    """Take a parked sale up again, whichever till parked it."""

    sale_id: CommandId


class OpenDrawer(ApprovedCommand, frozen=True, kw_only=True, tag="open_drawer"):
    """Open the drawer without a sale."""

    reason: Reason


class ReprintReceipt(TillCommand, frozen=True, kw_only=True, tag="reprint_receipt"):
    """Print the receipt of a completed sale again, marked COPY; it needs nobody's approval.

    `receipt` is its number, or the text of its QR code.
    """

    receipt: ReceiptText


class PrintGiftReceipt(TillCommand, frozen=True, kw_only=True, tag="print_gift_receipt"):
    """Print what a completed sale sold, without prices: who gets it may bring it back.

    `receipt` as in `ReprintReceipt`.
    """

    receipt: ReceiptText


class EmailReceipt(TillCommand, frozen=True, kw_only=True, tag="email_receipt"):
    """Send the receipt of a completed sale by e-mail, once head office is reached.

    `receipt` as in `ReprintReceipt`. The address is in no event, view or answer.
    """

    receipt: ReceiptText
    address: Annotated[str, Meta(min_length=1, max_length=EMAIL_CHARS_MAX)]


class AskTerminal(TillCommand, frozen=True, kw_only=True, tag="ask_terminal"):
    """Ask the terminal now what became of the payment, or refund, that is in doubt.

    Answered at once; what the terminal says follows in the view.
    """

    payment: CommandId


class EvidenceSource(StrEnum):
    """Where a person saw what became of a card payment."""

    SLIP = "slip"
    """The terminal's own slip, or its journal."""
    PORTAL = "portal"
    """The acquirer: its portal, or its people."""


class AttachEvidence(ApprovedCommand, frozen=True, kw_only=True, tag="attach_evidence"):
    """Settle the payment, or refund, in doubt from evidence that a person has before them.

    `approved`: whether money moved; then `amount_minor` is what the evidence says, and `receipt`
    or `trace` the terminal's number of it. `reason` says what was seen.
    """

    payment: CommandId
    approved: bool
    source: EvidenceSource
    reason: Reason
    amount_minor: int = 0
    receipt: TerminalNumber = ""
    terminal_id: TerminalNumber = ""
    trace: TerminalNumber = ""


class ReverseInDoubt(ApprovedCommand, frozen=True, kw_only=True, tag="reverse_in_doubt"):
    """Have the terminal take back the payment in doubt, by its own receipt number, once."""

    payment: CommandId
    receipt: Annotated[str, Meta(min_length=1, max_length=TERMINAL_RECEIPT_NUMBER_CHARS_MAX)]
    reason: Reason


class ConfirmSignature(TillCommand, frozen=True, kw_only=True, tag="confirm_signature"):
    """Say that the signature on the terminal's slip is the card's: the payment counts."""

    payment: CommandId


class RefuseSignature(TillCommand, frozen=True, kw_only=True, tag="refuse_signature"):
    """Say that it is not, or that nobody signed: the terminal is asked to take the payment back.

    Once, by its own number of it; the id of the command names that wish.
    """

    payment: CommandId


class SettleCardAlarm(ApprovedCommand, frozen=True, kw_only=True, tag="settle_card_alarm"):
    """Say what was found and done about a terminal's answer that contradicts a person."""

    payment: CommandId
    reason: Reason


class ConfirmAge(TillCommand, frozen=True, kw_only=True, tag="confirm_age"):
    """Say that the customer is old enough for all goods up to `minimum_age`, in this sale.

    With a `birth_date` (`YYYY-MM-DD`) the box works it out; without one the cashier saw it. The
    date is kept nowhere.
    """

    minimum_age: Age
    birth_date: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$(?!\n)")] | None = None


class RefuseAge(TillCommand, frozen=True, kw_only=True, tag="refuse_age"):
    """Take out what is sold from `minimum_age` on: the customer is too young, or shows nothing."""

    minimum_age: Age


class BeginTraining(ApprovedCommand, frozen=True, kw_only=True, tag="begin_training"):
    """Put the till in training, between sales."""


class EndTraining(TillCommand, frozen=True, kw_only=True, tag="end_training"):
    """Let the till sell again, between sales."""


AnyTillCommand = (
    AddItem
    | WeighItem
    | VoidLine
    | SetQuantity
    | OverridePrice
    | GiveDiscount
    | RemoveDiscount
    | SetNote
    | AddCoupon
    | RemoveCoupon
    | SetCustomer
    | TakeCash
    | PayByCard
    | TakeTender
    | TakeForeignCash
    | ReturnLine
    | ReturnItem
    | GiveCash
    | GiveTender
    | RefundByCard
    | SetTip
    | ReturnTip
    | Settle
    | CancelCard
    | Abandon
    | NextSale
    | Park
    | Resume
    | OpenDrawer
    | ReprintReceipt
    | PrintGiftReceipt
    | EmailReceipt
    | AskTerminal
    | AttachEvidence
    | ReverseInDoubt
    | ConfirmSignature
    | RefuseSignature
    | SettleCardAlarm
    | ConfirmAge
    | RefuseAge
    | ReturnEmpties
    | BeginTraining
    | EndTraining
)
