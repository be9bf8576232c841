"""Adds up what completed sales brought and moved, event by event: the rule behind a `Digest`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edge.contract.card_desk_events import (
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
)
from edge.contract.card_refund_events import CardRefundApproved
from edge.contract.digest import Digest, DigestArticle, DigestTaking
from edge.contract.event_registry import Event
from edge.contract.limits import DIGEST_ARTICLES_MAX, DIGEST_TAKINGS_MAX
from edge.contract.payment_events import CardPaymentApproved, ForeignCashTendered, TenderTaken
from edge.contract.return_events import CashReturned, LineReturned, TenderReturned
from edge.contract.sale_events import (
    CashTendered,
    LineAdded,
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
)

_CASH = "cash"
_CARD = "card"


@dataclass
class _Sale:
    currency: str
    moved: dict[str, tuple[str, int]] = field(default_factory=dict)
    brought: dict[str, tuple[str, int]] = field(default_factory=dict)


class DigestSums:
    """Takes events in the order of their seq; those of sales completed up to `after` count not.

    The first event must not lie behind the opening of any sale that is completed later.
    """

    def __init__(self, after: int) -> None:
        self._after = after
        self._upto = after
        self._open: dict[str, _Sale] = {}
        self._sales = 0
        self._takings: Counter[tuple[str, str, str]] = Counter()
        self._articles: Counter[str] = Counter()

    def take(self, seq: int, day: str, event: Event | None) -> None:
        """Take an event; None for one of a type that is not known here."""
        self._upto = max(self._upto, seq)
        if isinstance(event, SaleOpened):
            self._open[event.sale] = _Sale(event.currency)
            return
        sale = self._open.get(getattr(event, "sale", ""))
        if sale is None:
            return
        match event:
            case LineAdded():
                sale.moved[event.line] = (event.sku, event.quantity)
            case LineReturned():
                sale.moved[event.line] = (event.sku, -event.quantity)
            case LineVoided():
                sale.moved.pop(event.line, None)
            case SaleAbandoned():
                del self._open[event.sale]
            case SaleCompleted():
                del self._open[event.sale]
                if seq > self._after:
                    self._add(sale, day, event.change_minor)
            case _:
                _take_money(sale, event)

    def _add(self, sale: _Sale, day: str, change_minor: int) -> None:
        self._sales += 1
        for kind, amount in (*sale.brought.values(), (_CASH, -change_minor)):
            self._takings[day, sale.currency, kind] += amount
        for sku, quantity in sale.moved.values():
            self._articles[sku] += quantity

    def digest(self, gen: int) -> Digest:
        """Return the sums so far; what is zero is left out."""
        articles = [(sku, quantity) for sku, quantity in self._articles.items() if quantity]
        articles.sort(key=lambda each: (-abs(each[1]), each[0]))
        takings = sorted(
            DigestTaking(*place, amount) for place, amount in self._takings.items() if amount
        )
        whole = len(articles) <= DIGEST_ARTICLES_MAX and len(takings) <= DIGEST_TAKINGS_MAX
        return Digest(
            gen,
            self._after,
            self._upto,
            self._sales,
            tuple(takings[-DIGEST_TAKINGS_MAX:]),
            tuple(sorted(DigestArticle(*each) for each in articles[:DIGEST_ARTICLES_MAX])),
            whole,
        )


def _take_money(sale: _Sale, event: Event | None) -> None:
    match event:
        case CashTendered() | ForeignCashTendered():
            sale.brought[event.tender] = (_CASH, event.amount_minor)
        case TenderTaken():
            sale.brought[event.tender] = (event.kind, event.amount_minor)
        case CashReturned():
            sale.brought[event.tender] = (_CASH, -event.amount_minor)
        case TenderReturned():
            sale.brought[event.tender] = (event.kind, -event.amount_minor)
        case CardPaymentApproved():
            sale.brought[event.payment] = (_CARD, event.amount_minor)
        case CardRefundApproved():
            sale.brought[event.refund] = (_CARD, -event.amount_minor)
        case CardPaymentResolved(outcome="approved"):
            sale.brought[event.payment] = (_CARD, event.amount_minor)
        case CardRefundResolved(outcome="approved"):
            sale.brought[event.refund] = (_CARD, -event.amount_minor)
        case CardReversalApproved(fits=True):
            sale.brought.pop(event.payment, None)
        case _:
            pass
