"""Sales as head office answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from sync.office.sale_records import LineDetail, Sale, SaleLine


class ReductionBody(msgspec.Struct, frozen=True):
    """What took how much off a line: `source` is `promotion`, `id` and `name` are its own.

    Or `discount`, with the reason given for it as its name; `approver` allowed it, if one had to.
    """

    source: str
    id: str
    name: str
    amount_minor: int
    approver: str = ""


class LineDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a line carries beside its article; what it does not carry is left out.

    `serial`, `lot` and `expires` (YYYY-MM-DD) are those of the very pieces; a weight is net,
    `tare_g` was taken off. From `minimum_age` on a customer may have it (see `SaleBody`). A
    `deposit` is for the goods of the line `deposit_of`; one that came back is one of empties.
    `reason` says why goods came back, `override_reason` why a person set the price, `void_reason`
    why the line was taken back. `approver` is the second person who allowed an open price or goods
    that came back, `override_approver` the one who allowed the price: ids, empty for nobody.
    `original_sale` had sold what came back; `sold_in` is the slug of the store where head office
    has that sale, empty while it does not.
    """

    serial: str = ""
    lot: str = ""
    expires: str = ""
    tare_g: int = 0
    minimum_age: int = 0
    open_price: bool = False
    deposit: bool = False
    deposit_of: str = ""
    note: str = ""
    reason: str = ""
    approver: str = ""
    override_reason: str = ""
    override_approver: str = ""
    void_reason: str = ""
    original_sale: str = ""
    sold_in: str = ""


class LineBody(msgspec.Struct, frozen=True):
    """A line of a sale. A voided one stays in view, with `amount_minor` 0, as on the till.

    `amount_minor` is what it cost: `listed_minor` less its `reductions`. Goods that came back
    are `returned`: `quantity` is above zero, `amount_minor` below it, and `returned_from` is
    the number of the receipt that sold them, empty without one. `entry` says how the article
    came in, as on the till; an `overridden` price was set by a person.
    """

    line_id: str
    sku: str
    name: str
    quantity: int
    unit: str
    price_minor: int
    amount_minor: int
    tax: str
    rate_ppm: int
    voided: bool
    listed_minor: int
    reductions: tuple[ReductionBody, ...] = ()
    returned: bool = False
    returned_from: str = ""
    entry: str = ""
    overridden: bool = False
    details: LineDetails = LineDetails()


class TenderBody(msgspec.Struct, frozen=True):
    """What was paid with: `state` is taken, asked, approved, declined or unknown.

    Or returned, with an amount below zero, for what went back. `approver` is the second person
    who allowed it, if one had to.
    """

    tender_id: str
    kind: str
    amount_minor: int
    state: str
    last4: str = ""
    scheme: str = ""
    approver: str = ""


class TaxBody(msgspec.Struct, frozen=True):
    """The takings of one tax rate in one sale."""

    tax: str
    rate_ppm: int
    net_minor: int
    tax_minor: int
    gross_minor: int


class SaleBody(msgspec.Struct, frozen=True):
    """A completed sale. `arrival` is its place in the order in which head office got them.

    Where more came back than was sold, `total_minor` and `taxes` are below zero.
    `returned_minor` is what the goods in it gave back that came back, tax included: what was
    sold in it is worth `total_minor + returned_minor`. `customer` is a number, empty for nobody's,
    who was in these `groups` then; `coupons` are the campaigns of which it used coupons up.
    `tip_minor` is beside the total: the tenders, change taken off, come to both together.
    `age_checked` is the age that the customer was found to have at least (0: nobody asked), by
    `age_how`: `seen` or `birth_date`, of which nothing else is kept. `note` is that of the sale.
    `price_book` is the id of the book whose listed prices it used, empty for none.
    """

    sale_id: str
    receipt_number: str
    store: str
    till: str
    cashier: str
    currency: str
    total_minor: int
    change_minor: int
    rounding_minor: int
    completed_at: int
    day: str
    seq: int
    arrival: int
    lines: tuple[LineBody, ...]
    tenders: tuple[TenderBody, ...]
    taxes: tuple[TaxBody, ...]
    returned_minor: int = 0
    opened_at: int = 0
    customer: str = ""
    groups: tuple[str, ...] = ()
    coupons: tuple[str, ...] = ()
    tip_minor: int = 0
    note: str = ""
    age_checked: int = 0
    age_how: str = ""
    price_book: str = ""


class SalesBody(msgspec.Struct, frozen=True):
    """Sales in order of arrival; `next` is what to give as `after` to go on."""

    sales: tuple[SaleBody, ...]
    next: int


def sale_body(sale_id: str, sale: Sale, store: str, sold_in: Mapping[str, str]) -> SaleBody:
    """Show a completed sale of a store, by its slug.

    `sold_in` are the slugs of the stores that had sold what came back, by the ids of those sales.
    """
    head = sale.head
    return SaleBody(
        sale_id=sale_id,
        receipt_number=head.receipt,
        store=store,
        till=head.till,
        cashier=head.cashier,
        currency=head.currency,
        total_minor=head.total_minor,
        change_minor=head.change_minor,
        rounding_minor=head.rounding_minor,
        completed_at=head.completed_at,
        day=head.day,
        seq=head.seq,
        arrival=head.arrival or 0,
        lines=_lines(sale, sold_in),
        tenders=tuple(
            TenderBody(*msgspec.structs.astuple(each)[1:])
            for each in sorted(sale.tenders.values(), key=lambda each: (each.number, each.tender))
        ),
        taxes=tuple(
            TaxBody(*msgspec.structs.astuple(each)) for _, each in sorted(sale.taxes.items())
        ),
        returned_minor=head.returned_minor,
        opened_at=head.opened_at,
        customer=head.customer,
        groups=msgspec.json.decode(head.groups, type=tuple[str, ...]),
        coupons=tuple(
            sorted({each.campaign for each in sale.coupons.values() if each.used_at > 0})
        ),
        tip_minor=head.tip_minor,
        note=head.note,
        age_checked=head.age_checked,
        age_how=head.age_how,
        price_book=head.price_book,
    )


def _lines(sale: Sale, sold_in: Mapping[str, str]) -> tuple[LineBody, ...]:
    reductions: dict[str, list[ReductionBody]] = {}
    if any(line.reduced_minor for line in sale.lines.values()):
        for _, part in sorted(sale.reductions.items()):
            allowed = sale.approvals.get(part.id) if part.source == "discount" else None
            approver = allowed.approver if allowed is not None else ""
            reductions.setdefault(part.line, []).append(
                ReductionBody(part.source, part.id, part.name, part.amount_minor, approver)
            )
    return tuple(
        _line(line, tuple(reductions.get(line.line, ())), sale.details.get(line.line), sold_in)
        for line in sorted(sale.lines.values(), key=lambda each: (each.number, each.line))
    )


def _line(
    line: SaleLine,
    reductions: tuple[ReductionBody, ...],
    detail: LineDetail | None,
    sold_in: Mapping[str, str],
) -> LineBody:
    return LineBody(
        line_id=line.line,
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        unit=line.unit,
        price_minor=line.price_minor,
        amount_minor=0 if line.voided else line.amount_minor - line.reduced_minor,
        tax=line.tax,
        rate_ppm=line.rate_ppm,
        voided=bool(line.voided),
        listed_minor=0 if line.voided else line.amount_minor,
        reductions=reductions,
        returned=bool(line.returned),
        returned_from=line.returned_from,
        entry=line.entry,
        overridden=bool(line.overridden),
        details=_NOTHING if detail is None else _details(detail, sold_in),
    )


_NOTHING: Final = LineDetails()


def _details(detail: LineDetail, sold_in: Mapping[str, str]) -> LineDetails:
    _, *values, original, _ = msgspec.structs.astuple(detail)
    values[5:7] = map(bool, values[5:7])  # open_price and deposit
    return LineDetails(*(*values, original, sold_in.get(original, "")))
