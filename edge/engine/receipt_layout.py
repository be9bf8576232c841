"""A completed sale as a receipt: what stands where; the printer's driver sets it on paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Final

from edge.contract.money import format_amount
from edge.contract.quantity import ONE, Unit, extend, format_quantity
from edge.contract.receipt_document import (
    Align,
    ColumnsBlock,
    Emphasis,
    FeedBlock,
    QrBlock,
    ReceiptBlock,
    ReceiptDocument,
    RowBlock,
    RuleBlock,
    TextBlock,
)
from edge.contract.reference_data import StoreProfile
from edge.contract.till_commands import OtherTender
from edge.contract.till_protocol import TillState
from edge.contract.training_events import is_training
from edge.engine.article_finding import PRICE_CODE
from edge.engine.cart import APPROVED, CARD, CASH, Cart, GoodsBack, Line, Tender
from edge.engine.receipt_words import WORDS, ReceiptWords, language_of, tender_word

QR_FORM: Final = "TILLBOX1"
"""Opens the text of the QR code; a signed form will carry another number."""


def lay_out_receipt(
    cart: Cart,
    store: StoreProfile,
    *,
    till: str,
    cashier: str,
    zone: tzinfo,
    copy: int = 0,
) -> ReceiptDocument:
    """Return the receipt of a completed sale.

    `cashier` is a name, or empty; `copy` from 1 on marks a repeat at top and bottom. What a
    terminal composed for the customer stands instead of what the ledger knows of the payment,
    where the store has it there (`card_slips`), and on a copy unless it is never printed. That of a
    training sale says so at top and bottom and has no code: nobody takes it for one, or brings
    anything back with it. Raises ValueError for a sale that is not completed.
    """
    _check_completed(cart)
    language = language_of(store.receipt_language)
    words = WORDS[language]
    moment = datetime.fromtimestamp(cart.completed_at / 1000, tz=zone)
    training = is_training(cart.sale)
    marked = (copy_mark(language, copy),) if copy else ()
    if training:
        marked = (*marked, TextBlock(words.training, Align.CENTRE, Emphasis.LARGE))
    with_slips = store.card_slips == "with_receipt" or (copy > 0 and store.card_slips != "never")
    blocks = (
        *marked,
        *head_of(store, words),
        *_kind(cart, words),
        RowBlock(words.receipt, cart.receipt),
        RowBlock(words.date, moment.strftime("%Y-%m-%d %H:%M")),
        RowBlock(words.till, till),
        *((RowBlock(words.served_by, cashier),) if cashier else ()),
        # the number alone: receipts lie about
        *((RowBlock(words.customer, cart.customer),) if cart.customer else ()),
        RuleBlock(),
        *_lines(cart, words),
        RuleBlock(),
        *_totals(cart, words),
        *_tip(cart, words),
        *(
            block
            for tender in cart.tenders
            for block in _tender(tender, cart, words, with_slips=with_slips)
        ),
        *_change(cart, words),
        *_saved(cart, words),
        *(RowBlock(words.coupon, each.code) for each in cart.used_coupons),
        RuleBlock(),
        *_tax_table(cart, words),
        *_note(cart),
        *_footer(store),
        *(() if training else (QrBlock(qr_text(cart)),)),
        *marked,
    )
    return ReceiptDocument(f"{words.receipt} {cart.receipt}", blocks, language, copy)


def copy_mark(language: str, copy: int = 1) -> TextBlock:
    """Return what stands at both ends of a copy; from the second on it says which."""
    words = WORDS[language_of(language)]
    number = f" {copy}" if copy > 1 else ""
    return TextBlock(f"*** {words.copy}{number} ***", Align.CENTRE, Emphasis.LARGE)


def email_mark(language: str) -> TextBlock:
    """Return what stands at both ends of a receipt that goes out by e-mail."""
    words = WORDS[language_of(language)]
    return TextBlock(f"*** {words.by_email} ***", Align.CENTRE, Emphasis.LARGE)


def lay_out_gift_receipt(
    cart: Cart, store: StoreProfile, *, till: str, zone: tzinfo
) -> ReceiptDocument:
    """Return what a completed sale sold, without prices: for whom it is given to.

    Its code brings the goods back and says no amount either. What came back in the sale is left
    out, and so are notes, which people write for the till. Raises ValueError as
    `lay_out_receipt`.
    """
    _check_completed(cart)
    language = language_of(store.receipt_language)
    words = WORDS[language]
    moment = datetime.fromtimestamp(cart.completed_at / 1000, tz=zone)
    blocks = (
        *head_of(store, words),
        TextBlock(words.gift, Align.CENTRE, Emphasis.LARGE),
        RowBlock(words.receipt, cart.receipt),
        RowBlock(words.date, moment.strftime("%Y-%m-%d %H:%M")),
        RowBlock(words.till, till),
        RuleBlock(),
        *(_gift_line(line, words) for line in cart.lines if not line.voided and not line.back),
        RuleBlock(),
        *_footer(store),
        TextBlock(words.gift_use, Align.CENTRE),
        QrBlock(f"{QR_FORM}|{cart.receipt}|{cart.sale}"),
    )
    return ReceiptDocument(f"{words.gift} {cart.receipt}", blocks, language)


def _gift_line(line: Line, words: ReceiptWords) -> ReceiptBlock:
    if line.entry == PRICE_CODE and line.unit == Unit.KILOGRAM:
        return TextBlock(line.name)  # nobody weighed it
    return RowBlock(line.name, _in_words(line.quantity, Unit(line.unit), words))


def qr_text(cart: Cart) -> str:
    """Return what a receipt's QR code says: form, receipt number, sale id, total, currency."""
    return f"{QR_FORM}|{cart.receipt}|{cart.sale}|{cart.total_minor}|{cart.currency}"


def format_rate(rate_ppm: int) -> str:
    """Write a tax rate: `21%`, `5.5%`, `0%`."""
    whole, rest = divmod(rate_ppm, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0") + "%" if rest else f"{whole}%"


def _check_completed(cart: Cart) -> None:
    if cart.state is not TillState.DONE:
        raise ValueError(f"the sale {cart.sale!r} is not completed: it has no receipt")


def head_of(store: StoreProfile, words: ReceiptWords) -> Iterator[ReceiptBlock]:
    """Yield what stands at the top of everything that a store prints."""
    yield TextBlock(store.name, Align.CENTRE, Emphasis.LARGE)
    for text in store.address:
        yield TextBlock(text, Align.CENTRE)
    if store.tax_number:
        yield TextBlock(f"{words.tax_number} {store.tax_number}", Align.CENTRE)
    yield FeedBlock()


def _kind(cart: Cart, words: ReceiptWords) -> Iterator[ReceiptBlock]:
    """Say loudly that goods came back: alone, or for others."""
    live = [line for line in cart.lines if not line.voided]
    goods = [line for line in live if not line.deposit] or live  # empties beside goods are usual
    returns = {line.back is not None for line in goods}
    if cart.tips_back:
        returns.add(True)
    if True in returns:
        kind = words.exchange if False in returns else words.refund
        yield TextBlock(kind, Align.CENTRE, Emphasis.LARGE)


def _lines(cart: Cart, words: ReceiptWords) -> Iterator[ReceiptBlock]:
    reasons = cart.reductions_by_line()
    for line in cart.lines:
        yield from _line(line, cart.currency, words)
        if not line.voided:
            yield from _pieces(line, words)
        if line.note and not line.voided:
            yield TextBlock(f"  {line.note}")
        for reduction in reasons.get(line.line_id, ()):
            amount = format_amount(-reduction.amount_minor, cart.currency)
            yield RowBlock(f"  {reduction.name}", amount)


def _pieces(line: Line, words: ReceiptWords) -> Iterator[ReceiptBlock]:
    """Say which pieces they are, where that is known."""
    if line.serial:
        yield TextBlock(f"  {words.serial} {line.serial}")
    if line.lot:
        yield TextBlock(f"  {words.lot} {line.lot}")


def _line(line: Line, currency: str, words: ReceiptWords) -> Iterator[ReceiptBlock]:
    if line.voided:
        return
    yield RowBlock(line.name, format_amount(line.amount_minor, currency))
    if line.back is not None:
        yield from _returned(line, line.back, currency, words)
        return
    if line.entry == PRICE_CODE and line.unit == Unit.KILOGRAM:
        # the weight was worked out from the label's price: nobody weighed it, so none is stated
        return
    if line.quantity != ONE or line.unit == Unit.KILOGRAM:
        price = format_amount(line.price_minor, currency)
        per = words.per_kilogram if line.unit == Unit.KILOGRAM else ""
        quantity = _in_words(line.quantity, Unit(line.unit), words)
        tare = (
            f", {words.tare} {_in_words(line.tare_g, Unit.KILOGRAM, words)}" if line.tare_g else ""
        )
        yield TextBlock(f"  {quantity} \u00d7 {price}{per}{tare}")


def _returned(
    line: Line, back: GoodsBack, currency: str, words: ReceiptWords
) -> Iterator[ReceiptBlock]:
    if line.quantity != ONE or line.unit == Unit.KILOGRAM:
        quantity = _in_words(line.quantity, Unit(line.unit), words)
        if extend(line.price_minor, line.quantity) == -line.amount_minor:
            per = words.per_kilogram if line.unit == Unit.KILOGRAM else ""
            price = format_amount(line.price_minor, currency)
            yield TextBlock(f"  {quantity} \u00d7 {price}{per}")
        else:  # it cost less than its price, or was labelled with one: only how much came back
            yield TextBlock(f"  \u00d7 {quantity}")
    if line.deposit and not back.receipt:
        return  # empties: nobody has a receipt of them
    yield TextBlock(
        f"  {words.from_receipt} {back.receipt}" if back.receipt else f"  {words.no_receipt}"
    )


def _in_words(quantity: int, unit: Unit, words: ReceiptWords) -> str:
    """Return a quantity; kilograms in the receipt's language."""
    text = format_quantity(quantity, unit)
    if unit is Unit.KILOGRAM:
        return text.removesuffix(Unit.KILOGRAM) + words.kilogram
    return text


def _saved(cart: Cart, words: ReceiptWords) -> Iterator[ReceiptBlock]:
    saved = sum(reduction.amount_minor for reduction in cart.reductions)
    if saved:
        yield RowBlock(words.saved, format_amount(saved, cart.currency), Emphasis.BOLD)


def _totals(cart: Cart, words: ReceiptWords) -> Iterator[ReceiptBlock]:
    if not cart.prices_include_tax:
        net = sum(each.net_minor for each in cart.taxes)
        yield RowBlock(words.subtotal, format_amount(net, cart.currency))
        for tax in cart.taxes:
            yield RowBlock(
                f"{words.tax} {format_rate(tax.rate_ppm)}",
                format_amount(tax.tax_minor, cart.currency),
            )
    yield RowBlock(
        f"{words.total} {cart.currency}",
        format_amount(cart.total_minor, cart.currency),
        Emphasis.LARGE,
    )
    if cart.rounding_minor and not cart.tip_minor:
        yield RowBlock(words.rounding, format_amount(cart.rounding_minor, cart.currency))


def _tip(cart: Cart, words: ReceiptWords) -> Iterator[ReceiptBlock]:
    """Say what the staff got beside the total, and what both come to."""
    if cart.tip_minor:
        yield RowBlock(words.tip, format_amount(cart.tip_minor, cart.currency))
        for back in cart.tips_back:
            yield TextBlock(f"  {words.from_receipt} {back.receipt}")
        if cart.rounding_minor:
            yield RowBlock(words.rounding, format_amount(cart.rounding_minor, cart.currency))
        paid = cart.payable_minor + cart.rounding_minor
        yield RowBlock(words.to_pay, format_amount(paid, cart.currency), Emphasis.BOLD)


def _tender(
    tender: Tender, cart: Cart, words: ReceiptWords, *, with_slips: bool
) -> Iterator[ReceiptBlock]:
    amount = format_amount(tender.amount_minor, cart.currency)
    if tender.kind == CASH:
        yield RowBlock(f"{words.cash} {tender.reference}".rstrip(), amount)
    elif tender.state == APPROVED:
        yield RowBlock(f"{words.card} {tender.scheme}".rstrip(), amount)
        own = _customers_slip(tender, cart) if with_slips else ()
        yield from slip_blocks(own)
        if not own:
            yield from (TextBlock(text) for text in _card_details(tender, words))
    elif tender.kind != CARD:
        yield RowBlock(tender_word(words, OtherTender(tender.kind)), amount)
        yield TextBlock(f"  {tender.reference}")


def _customers_slip(tender: Tender, cart: Cart) -> tuple[str, ...]:
    for slip in reversed(cart.card_slips):
        if (slip.payment, slip.outcome) == (tender.tender_id, APPROVED):
            return slip.customer
    return ()


def slip_blocks(lines: Iterable[str]) -> tuple[ReceiptBlock, ...]:
    """Return a terminal's lines as they stand on paper: as it set them."""
    return tuple(TextBlock(line, fixed=True) for line in lines)


def _card_details(tender: Tender, words: ReceiptWords) -> tuple[str, ...]:
    details = (
        ("", f"**** {tender.last4}" if tender.last4 else ""),
        (words.authorisation, tender.authorisation),
        (words.terminal, tender.terminal_id),
        (words.terminal_receipt, tender.receipt),
        (words.trace, tender.trace),
    )
    return tuple(f"  {name} {value}" if name else f"  {value}" for name, value in details if value)


def _change(cart: Cart, words: ReceiptWords) -> Iterator[ReceiptBlock]:
    if cart.change_minor:
        yield RowBlock(words.change, format_amount(cart.change_minor, cart.currency), Emphasis.BOLD)


def _tax_table(cart: Cart, words: ReceiptWords) -> Iterator[ReceiptBlock]:
    if not cart.taxes:
        return
    yield ColumnsBlock((f"{words.tax} %", words.net, words.tax, words.gross))
    for tax in cart.taxes:
        amounts = (tax.net_minor, tax.tax_minor, tax.gross_minor)
        yield ColumnsBlock(
            (
                format_rate(tax.rate_ppm),
                *(format_amount(amount, cart.currency) for amount in amounts),
            )
        )


def _note(cart: Cart) -> Iterator[ReceiptBlock]:
    if cart.note:
        yield TextBlock(cart.note)


def _footer(store: StoreProfile) -> Iterator[ReceiptBlock]:
    yield FeedBlock()
    for text in store.receipt_footer:
        yield TextBlock(text, Align.CENTRE)
