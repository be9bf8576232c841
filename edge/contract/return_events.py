"""Goods and money that go back. What goes back is said outright, never worked out from today."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from edge.contract.event_registry import Event, declare


@declare
class LineReturned(Event, frozen=True):
    """Goods came back, and this is what they give back: `net + tax = gross`, none of it negative.

    `quantity` in thousandths and above zero. `original_sale`, `original_line` and `receipt` say
    what was bought with what, and are empty for goods without a receipt, which `approver`
    allowed if a second person had to; `price_minor` is the price of that line, or today's. A
    `deposit` without a receipt is one of empties. `serial` and `lot` are those of the line.
    """

    TYPE: ClassVar[str] = "line_returned"

    sale: str
    line: str
    sku: str
    name: str
    quantity: int
    price_minor: int
    tax: str
    rate_ppm: int
    net_minor: int
    tax_minor: int
    gross_minor: int
    reason: str
    original_sale: str = ""
    original_line: str = ""
    receipt: str = ""
    unit: str = "piece"
    code: str = ""
    approver: str = ""
    deposit: bool = False
    serial: str = ""
    lot: str = ""


class RefundPart(msgspec.Struct, frozen=True):
    """How much of a refund is money that one tender of an earlier sale had brought."""

    original_sale: str
    original_tender: str
    amount_minor: int


@declare
class CashReturned(Event, frozen=True):
    """Cash is given to the customer. `amount_minor` is above zero.

    `parts` says which tenders of the original sales it gives back, as far as there were any;
    `approver` is the second person who allowed it, if one had to.
    """

    TYPE: ClassVar[str] = "cash_returned"

    sale: str
    tender: str
    amount_minor: int
    parts: tuple[RefundPart, ...] = ()
    approver: str = ""


@declare
class TenderReturned(Event, frozen=True):
    """Money goes back on a tender beside cash and the card terminal: see `TenderTaken`.

    `amount_minor`, `parts` and `approver` as in `CashReturned`.
    """

    TYPE: ClassVar[str] = "tender_returned"

    sale: str
    tender: str
    kind: str
    amount_minor: int
    reference: str
    parts: tuple[RefundPart, ...] = ()
    approver: str = ""
