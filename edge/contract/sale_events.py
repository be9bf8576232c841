"""What happens in a sale, from the first article to the receipt."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from edge.contract.event_registry import Event, declare


@declare
class SaleOpened(Event, frozen=True):
    """A customer's sale began: at once and in every case, as fiscal rules ask."""

    TYPE: ClassVar[str] = "sale_opened"

    sale: str
    currency: str
    price_book: str = ""
    """The book whose prices this sale uses."""
    prices_include_tax: bool = True
    """Whether the amounts of this sale's lines are gross; so its totals follow from its events."""


@declare
class LineAdded(Event, frozen=True):
    """One article with the price it was sold at; later changes are events of their own.

    `quantity` in thousandths; `rate_ppm` is the tax rate in parts per million (19 % is
    190000); `entry` says how the article came in: scanned, keyed, from a code with its weight
    or price inside, or weighed (`scale`). A weight is net: `tare_g` was taken off what the
    scale showed. `minimum_age` is what the customer has to be (`AgeChecked`).
    The price of an `open_price` line was typed, or stood on its label; `approver` allowed it if a
    second person had to. Its `code` may be one that the shop does not know. A `deposit` line takes
    no part in discounts; `deposit_of` is the line whose goods it is for, empty for one by itself.
    `serial`, `lot` and `expires` (`YYYY-MM-DD`) are those of the very pieces, where they are known.
    """

    TYPE: ClassVar[str] = "line_added"

    sale: str
    line: str
    sku: str
    name: str
    quantity: int
    price_minor: int
    amount_minor: int
    tax: str
    rate_ppm: int
    code: str = ""
    unit: str = "piece"
    entry: str = "scanned"
    tare_g: int = 0
    minimum_age: int = 0
    open_price: bool = False
    approver: str = ""
    deposit: bool = False
    deposit_of: str = ""
    serial: str = ""
    lot: str = ""
    expires: str = ""


@declare
class LineVoided(Event, frozen=True):
    """A line was taken back before completion; it stays visible."""

    TYPE: ClassVar[str] = "line_voided"

    sale: str
    line: str
    reason: str = ""


@declare
class CashTendered(Event, frozen=True):
    """Cash was given. `amount_minor` is what the customer handed over."""

    TYPE: ClassVar[str] = "cash_tendered"

    sale: str
    tender: str
    amount_minor: int


class TaxTotal(msgspec.Struct, frozen=True, omit_defaults=True):
    """The takings of one tax rate in one sale: `net + tax = gross`, in minor units."""

    tax: str
    rate_ppm: int
    net_minor: int
    tax_minor: int
    gross_minor: int


@declare
class SaleCompleted(Event, frozen=True):
    """The tenders cover the total: the sale stands.

    `receipt` is the number on the receipt, from the till's own gap-free sequence.
    `rounding_minor` is what cash rounding added to (or took from) the total;
    `change_minor` is the cash given back. Totals and taxes are below zero where more came back
    than was sold; the tenders equal the total then. `jobs` names what the devices are asked to do,
    in the same transaction. `coupons` are the codes of those that took something off: they are used
    now, all others that the sale held are not. `tip_minor` is beside the total: the tenders come to
    both together. Below zero a tip went back.
    """

    TYPE: ClassVar[str] = "sale_completed"

    sale: str
    receipt: str
    total_minor: int
    taxes: tuple[TaxTotal, ...]
    change_minor: int = 0
    rounding_minor: int = 0
    jobs: tuple[str, ...] = ()
    coupons: tuple[str, ...] = ()
    tip_minor: int = 0


@declare
class SaleAbandoned(Event, frozen=True):
    """The sale was given up before completion; cash already given goes back.

    Below zero, `returned_minor` is cash that the customer had got and gave back.
    """

    TYPE: ClassVar[str] = "sale_abandoned"

    sale: str
    reason: str = ""
    returned_minor: int = 0


@declare
class SaleParked(Event, frozen=True):
    """The sale was set aside: the till is free, and any till may take it up again.

    `for_till` names the till that it is handed over to, if one was named.
    """

    TYPE: ClassVar[str] = "sale_parked"

    sale: str
    label: str = ""
    for_till: str = ""


@declare
class SaleResumed(Event, frozen=True):
    """The till of this event took a parked sale up again."""

    TYPE: ClassVar[str] = "sale_resumed"

    sale: str


@declare
class ReceiptPrinted(Event, frozen=True):
    """A printer reported on a receipt.

    `evidence` is `confirmed` (the printer answered behind the data), `sent_unconfirmed`
    (written, never answered), `unknown` (broken off; a repeat is marked COPY) or `failed`
    (certainly not printed). `copy` counts repeats: 0 is the original.
    """

    TYPE: ClassVar[str] = "receipt_printed"

    sale: str
    evidence: str
    copy: int = 0


@declare
class DrawerOpened(Event, frozen=True):
    """A drawer was asked to open for a reason, and this is how it ended.

    `outcome` is `opened` (sensor), `pulsed` (no sensor, or it did not change), `not_opened`
    (expired, refused, unreachable, or its sensor saw it stay shut) or `unknown` (broken off: it
    is not kicked again).
    """

    TYPE: ClassVar[str] = "drawer_opened"

    reason: str
    outcome: str
    sale: str = ""
