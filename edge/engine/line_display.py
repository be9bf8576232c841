"""What a customer display of two lines says: made from what the customer may see of a till.

The shop's name while it waits, the last goods and the total while it sells, what is to be paid,
and the change at the end. The driver cuts and spells it for its own display.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from edge.contract.device_messages import DisplayLine
from edge.contract.display_view import (
    CustomerDisplayView,
    DisplayLineView,
    DisplayState,
    DisplayTenderView,
    ScaleView,
)
from edge.contract.money import format_amount
from edge.contract.quantity import ONE, Unit, format_quantity
from edge.contract.till_commands import OtherTender
from edge.engine.cart import CARD, CASH
from edge.engine.receipt_words import (
    DEFAULT_LANGUAGE,
    WORDS,
    ReceiptWords,
    language_of,
    tender_word,
)

Lines = tuple[DisplayLine, ...]


class _Greeting(NamedTuple):
    welcome: str
    closed: str


_GREETINGS: Final = {
    "en": _Greeting("Welcome", "Till closed"),
    "pl": _Greeting("Witamy", "Kasa nieczynna"),
    "pt": _Greeting("Boas-vindas", "Caixa fechado"),
}
"""In the languages that such displays have letters for; what others read, English says too."""


def display_lines(view: CustomerDisplayView, shop: str, language: str) -> Lines:
    """Return what both lines say, in the words of receipts in that language."""
    spoken = language_of(language)
    if spoken not in _GREETINGS:
        spoken = DEFAULT_LANGUAGE
    words = _Words(WORDS[spoken], view.currency, training=view.training)
    if view.weighing is not None:
        return _weighing(view.weighing, words)
    match view.state:
        case DisplayState.CLOSED:
            return DisplayLine(shop), DisplayLine(_GREETINGS[spoken].closed)
        case DisplayState.READY:
            second = words.receipt.training if view.training else _GREETINGS[spoken].welcome
            return DisplayLine(shop), DisplayLine(second)
        case DisplayState.SELLING:
            return _selling(view, words)
        case DisplayState.CARD | DisplayState.ASK_STAFF:
            return words.total(view), words.asked(view)
        case DisplayState.DONE:
            return words.total(view), words.settled(view)


class _Words:
    """Amounts and their names in one language. In training the total says that it is one."""

    def __init__(self, receipt: ReceiptWords, currency: str, *, training: bool) -> None:
        self.receipt = receipt
        self._currency = currency
        self._training = training

    def amount(self, amount_minor: int) -> str:
        """Write an amount of money."""
        return format_amount(amount_minor, self._currency)

    def total(self, view: CustomerDisplayView) -> DisplayLine:
        """Return the line of the total, or of what goes back."""
        total_minor = view.total_minor + view.tip_minor
        back = total_minor < 0
        word = self.receipt.refund if back else self.receipt.total
        if self._training:
            word = self.receipt.training.partition(" - ")[0]
        return DisplayLine(word, self.amount(-total_minor if back else total_minor))

    def asked(self, view: CustomerDisplayView) -> DisplayLine:
        """Return the line of what a terminal is asked for; nothing while nobody knows."""
        waits = next((each for each in view.tenders if each.waits), None)
        return DisplayLine() if waits is None else self._tender(waits)

    def due(self, view: CustomerDisplayView) -> DisplayLine:
        """Return the line of what is left to be paid, or to be given back."""
        if view.back_minor:
            return DisplayLine(self.receipt.refund, self.amount(view.back_minor))
        return DisplayLine(self.receipt.to_pay, self.amount(view.due_minor))

    def settled(self, view: CustomerDisplayView) -> DisplayLine:
        """Return the line of the change, or of what was paid with where there is none."""
        if view.change_minor:
            return DisplayLine(self.receipt.change, self.amount(view.change_minor))
        return self._tender(view.tenders[-1]) if view.tenders else DisplayLine()

    def _tender(self, tender: DisplayTenderView) -> DisplayLine:
        named = {CASH: self.receipt.cash, CARD: self.receipt.card}
        word = named.get(tender.kind) or tender_word(self.receipt, OtherTender(tender.kind))
        return DisplayLine(word, self.amount(abs(tender.amount_minor)))


def _selling(view: CustomerDisplayView, words: _Words) -> Lines:
    if view.tenders:
        return words.total(view), words.due(view)
    goods = [line for line in view.lines if not line.bound]
    first = _goods(goods[-1], words) if goods else DisplayLine()
    return first, words.total(view)


def _goods(line: DisplayLineView, words: _Words) -> DisplayLine:
    is_one = line.unit == Unit.PIECE and line.quantity == ONE
    times = "" if is_one else f"{format_quantity(line.quantity, Unit(line.unit))} "
    if line.unit == Unit.PIECE and times:
        times = f"{times}x "
    return DisplayLine(f"{times}{line.name}", words.amount(line.amount_minor))


def _weighing(scale: ScaleView, words: _Words) -> Lines:
    """Return goods on the scale with their price; what the law asks for is the scale's to show."""
    if not scale.shown or scale.weight_g <= 0:
        price = f"{words.amount(scale.price_minor)}{words.receipt.per_kilogram}"
        return DisplayLine(scale.name), DisplayLine(end=price)
    weight = format_quantity(scale.weight_g, Unit.KILOGRAM)
    return DisplayLine(scale.name), DisplayLine(weight, words.amount(scale.amount_minor))
