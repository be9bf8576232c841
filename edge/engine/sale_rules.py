"""What may happen in a sale: a wish and a cart in, events or a refusal out.

Decisions that are this shop's policy:

- Nothing is added, voided or paid while a card payment runs or is in doubt.
- Nothing is voided once something was tendered: money already given would have to go back
  in part. Such a sale is completed or abandoned whole.
- Cash may exceed what is due (the rest is change), a card may not.
- A sale completes by itself as soon as its tenders cover its total.
- A sale that costs nothing (free articles, a price of zero) still needs a live line, and is
  completed by taking any cash, all of which goes back as change. A sale whose lines are all
  voided cannot be paid: it is abandoned.
- A charged card is never abandoned away: the sale is completed, and refunded afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

import msgspec

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.limits import AMOUNT_MINOR_MAX, LINES_PER_SALE_MAX, TENDERS_PER_SALE_MAX
from edge.contract.money import check_amount, format_amount
from edge.contract.payment_events import CardPaymentRequested
from edge.contract.quantity import Unit, check_quantity, extend
from edge.contract.sale_events import (
    CashTendered,
    LineAdded,
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
)
from edge.contract.till_protocol import (
    Abandon,
    AddItem,
    AnyTillCommand,
    CancelCard,
    NextSale,
    PayByCard,
    SetQuantity,
    TakeCash,
    TillState,
    VoidLine,
)
from edge.engine.article_finding import LABEL_ENTRIES, price_code
from edge.engine.cart import EMPTY, RECOUNTED, Cart, Line, apply
from edge.engine.reference_view import ReferenceView
from edge.engine.tendering import settle_in_cash
from edge.engine.text_safety import check_free_text

RECEIPT_JOB: Final = "receipt"
DRAWER_JOB: Final = "drawer"


class Circumstances(msgspec.Struct, frozen=True):
    """What a decision needs beside cart, command and reference; values only.

    `receipts` counts the receipts this till has numbered so far; `new_sale_id` names a sale
    that the command opens without naming it; `terminal` is the id of the till's payment
    terminal, empty when it has none; `entry` says how a code came in (`scanned`, `keyed`)
    and `aim` the scanner's symbology identifier.
    """

    till: str
    receipts: int
    new_sale_id: str
    terminal: str = ""
    entry: str = "keyed"
    aim: str = ""


def decide(
    cart: Cart, command: AnyTillCommand, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Return the events that a command brings, to be committed together.

    `NextSale` and `CancelCard` bring none when they are allowed: the first clears the
    screen (`EMPTY`), the second asks the terminal. Raises Refused in words; nothing happened
    then.
    """
    return _RULES[type(command)](cart, command, reference, given)


def complete_if_covered(cart: Cart, *, till: str, receipts: int) -> tuple[Event, ...]:
    """Return `SaleCompleted` when the tenders cover an open sale, else nothing.

    For the moment after a card was approved; cash completes by itself in `decide`.
    """
    if cart.state is not TillState.OPEN or not cart.live_lines or not cart.tendered_minor:
        return ()
    if cart.tendered_minor < cart.total_minor:
        return ()
    change = cart.tendered_minor - cart.total_minor
    return (_completed(cart, receipt_number(till, receipts + 1), change, 0),)


def receipt_number(till: str, number: int) -> str:
    """Return the number on a receipt: the till's own sequence, from 1, without gaps."""
    return f"{till}-{number:06d}"


# --- lines -------------------------------------------------------------------------------


def _add_item(
    cart: Cart, command: AddItem, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    _refuse_while_paying(cart)
    events: tuple[Event, ...] = ()
    if cart.state is not TillState.OPEN:
        store = reference.store
        opened = SaleOpened(
            sale=command.sale_id or given.new_sale_id,
            currency=store.currency,
            prices_include_tax=store.prices_include_tax,
        )
        events, cart = (opened,), apply(EMPTY, opened, 0)
    _check_lines(cart)
    priced = price_code(reference, command.code, command.quantity, entry=given.entry, aim=given.aim)
    added = LineAdded(
        sale=cart.sale,
        line=str(len(cart.lines) + 1),
        sku=priced.article.sku,
        name=priced.article.name,
        quantity=priced.quantity,
        price_minor=priced.price_minor,
        amount_minor=priced.amount_minor,
        tax=priced.tax.code,
        rate_ppm=priced.tax.rate_ppm,
        code=command.code,
        unit=priced.article.unit,
        entry=priced.entry,
    )
    _check_total(cart, added)
    return (*events, added)


def _void_line(
    cart: Cart, command: VoidLine, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    line = _changeable_line(cart, command.line_id)
    reason = check_free_text(command.reason, field="reason")
    return (LineVoided(sale=cart.sale, line=line.line_id, reason=reason),)


def _set_quantity(
    cart: Cart, command: SetQuantity, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    line = _changeable_line(cart, command.line_id)
    if line.entry in LABEL_ENTRIES:
        raise Refused(
            "label_has_its_quantity",
            f"The label of {line.name} says how much it is; its quantity is not typed.",
            advice="Void the line and scan the right package.",
            params={"name": line.name},
        )
    quantity = check_quantity(command.quantity, Unit(line.unit))
    if quantity == line.quantity:
        return ()
    _check_lines(cart)
    voided = LineVoided(sale=cart.sale, line=line.line_id, reason=RECOUNTED)
    added = LineAdded(
        sale=cart.sale,
        line=str(len(cart.lines) + 1),
        sku=line.sku,
        name=line.name,
        quantity=quantity,
        price_minor=line.price_minor,
        amount_minor=extend(line.price_minor, quantity),
        tax=line.tax,
        rate_ppm=line.rate_ppm,
        code=line.code,
        unit=line.unit,
        entry=line.entry,
    )
    _check_total(apply(cart, voided, 0), added)
    return (voided, added)


def _changeable_line(cart: Cart, line_id: str) -> Line:
    _refuse_unless_open(cart)
    line = cart.line(line_id)
    if line is None:
        raise Refused(
            "unknown_line",
            "This sale has no such line.",
            advice="Look at the sale again; it may have changed.",
            status=404,
            params={"line": line_id},
        )
    if line.voided:
        raise Refused(
            "line_is_voided", f"{line.name} is voided already.", params={"name": line.name}
        )
    if cart.tendered_minor:
        tendered = format_amount(cart.tendered_minor, cart.currency)
        raise Refused(
            "tendered_already",
            f"{tendered} has been paid towards this sale; its lines stay as they are.",
            advice="Take the rest and complete the sale, or abandon it and begin again.",
            params={"tendered": tendered},
        )
    return line


def _check_lines(cart: Cart) -> None:
    if len(cart.lines) >= LINES_PER_SALE_MAX:
        raise Refused(
            "too_many_lines",
            f"A sale has at most {LINES_PER_SALE_MAX} lines.",
            advice="Complete this sale and go on with another.",
            params={"limit": str(LINES_PER_SALE_MAX)},
        )


def _check_total(cart: Cart, added: LineAdded) -> None:
    # a bound before tax is not enough where tax comes on top, so the line is tried out
    if apply(cart, added, 0).total_minor > AMOUNT_MINOR_MAX:
        raise Refused(
            "total_too_large",
            f"With {added.name} the sale would be over the limit of "
            f"{format_amount(AMOUNT_MINOR_MAX, cart.currency)}.",
            advice="Check the quantity, or go on with another sale.",
            params={"name": added.name},
        )


# --- tenders -----------------------------------------------------------------------------


def _take_cash(
    cart: Cart, command: TakeCash, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    _refuse_unless_payable(cart)
    amount = check_amount(command.amount_minor, what="The cash given")
    tendered = CashTendered(sale=cart.sale, tender=str(len(cart.tenders) + 1), amount_minor=amount)
    settled = settle_in_cash(cart.due_minor, amount, reference.store.cash_step_minor)
    if settled is None:
        _refuse_one_more_part(cart)
        return (tendered,)
    receipt = receipt_number(given.till, given.receipts + 1)
    paid = apply(cart, tendered, 0)
    return (tendered, _completed(paid, receipt, settled.change_minor, settled.rounding_minor))


def _pay_by_card(
    cart: Cart, command: PayByCard, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    _refuse_unless_payable(cart)
    amount = check_amount(command.amount_minor, what="The amount for the card")
    if amount > cart.due_minor:
        due = format_amount(cart.due_minor, cart.currency)
        raise Refused(
            "card_over_due",
            f"A card is charged at most what is due, {due}.",
            advice="Charge what is due, or less.",
            params={"due": due},
        )
    if not given.terminal:
        raise Refused(
            "no_terminal",
            "This till has no payment terminal.",
            advice="Take cash, or have a terminal bound to this till.",
        )
    _refuse_one_more_part(cart)
    # the payment is named by the command that asked for it: ids are made where the wish is born
    return (
        CardPaymentRequested(
            sale=cart.sale, payment=command.command_id, amount_minor=amount, terminal=given.terminal
        ),
    )


def _cancel_card(
    cart: Cart, _: CancelCard, __: ReferenceView, ___: Circumstances
) -> tuple[Event, ...]:
    if cart.state is TillState.PAYING:
        return ()
    if cart.state is TillState.IN_DOUBT:
        _refuse_while_paying(cart)
    raise Refused("no_card_payment", "No card payment is running.")


def _completed(cart: Cart, receipt: str, change_minor: int, rounding_minor: int) -> SaleCompleted:
    return SaleCompleted(
        sale=cart.sale,
        receipt=receipt,
        total_minor=cart.total_minor,
        taxes=cart.taxes,
        change_minor=change_minor,
        rounding_minor=rounding_minor,
        # change is given from the drawer, also for a card that was charged too much
        jobs=(RECEIPT_JOB, DRAWER_JOB) if cart.cash_minor or change_minor else (RECEIPT_JOB,),
    )


# --- the sale ----------------------------------------------------------------------------


def _abandon(
    cart: Cart, command: Abandon, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    _refuse_unless_open(cart)
    if cart.has_card_charge:
        charged = format_amount(cart.card_minor, cart.currency)
        raise Refused(
            "card_was_charged",
            f"A card was charged {charged} for this sale; it cannot simply be dropped.",
            advice="Complete the sale; give the money back as a refund afterwards.",
            params={"charged": charged},
        )
    reason = check_free_text(command.reason, field="reason")
    return (SaleAbandoned(sale=cart.sale, reason=reason, returned_minor=cart.cash_minor),)


def _next_sale(cart: Cart, _: NextSale, __: ReferenceView, ___: Circumstances) -> tuple[Event, ...]:
    if cart.state in {TillState.DONE, TillState.IDLE}:
        return ()
    _refuse_while_paying(cart)
    raise Refused(
        "sale_still_open",
        "This sale is not finished.",
        advice="Complete it or abandon it first.",
    )


# --- refusals that many rules share ------------------------------------------------------


def _refuse_while_paying(cart: Cart) -> None:
    if cart.state is TillState.PAYING:
        raise Refused(
            "card_payment_running",
            "A card payment is running.",
            advice="Wait for the terminal, or cancel the payment.",
        )
    if cart.state is TillState.IN_DOUBT:
        raise Refused(
            "payment_in_doubt",
            "The customer may have been charged; the terminal is being asked.",
            advice="Wait for the answer. Do not take the money a second time.",
        )


def _refuse_unless_open(cart: Cart) -> None:
    _refuse_while_paying(cart)
    if cart.state is TillState.IDLE:
        _refuse_idle()
    if cart.state is TillState.DONE:
        raise Refused(
            "sale_is_done",
            f"Sale {cart.receipt} is complete and stays as it is.",
            advice="Begin the next sale.",
            params={"receipt": cart.receipt},
        )


def _refuse_idle() -> NoReturn:
    raise Refused("no_sale_open", "No sale is open.", advice="Scan an article first.")


def _refuse_unless_payable(cart: Cart) -> None:
    _refuse_unless_open(cart)
    if not cart.live_lines:
        raise Refused(
            "nothing_to_pay",
            "Every line of this sale is voided: there is nothing to pay.",
            advice="Add an article, or abandon the sale.",
        )


def _refuse_one_more_part(cart: Cart) -> None:
    # cash that settles the rest is always taken: a limit must not lock money in a sale
    if len(cart.tenders) >= TENDERS_PER_SALE_MAX:
        raise Refused(
            "too_many_tenders",
            f"A sale has at most {TENDERS_PER_SALE_MAX} payments, failed ones counted.",
            advice="Take all the rest in cash, or abandon the sale.",
            params={"limit": str(TENDERS_PER_SALE_MAX)},
        )


_RULES: Final[
    dict[type, Callable[[Cart, Any, ReferenceView, Circumstances], tuple[Event, ...]]]
] = {
    AddItem: _add_item,
    VoidLine: _void_line,
    SetQuantity: _set_quantity,
    TakeCash: _take_cash,
    PayByCard: _pay_by_card,
    CancelCard: _cancel_card,
    Abandon: _abandon,
    NextSale: _next_sale,
}
