"""A sale at head office as rows: what the projection makes, whatever keeps it.

Each struct is a table's row after its first two columns, the number of the store and the id of
the sale; its fields are the columns, under their names. So a store of sales needs no knowledge of
what they mean: it reads the rows of a sale, and writes them again where they have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

Place = tuple[int, str]
"""A sale: the number of its store, and its id there."""

OPEN: Final = "open"
COMPLETED: Final = "completed"
ABANDONED: Final = "abandoned"


class SaleHead(msgspec.Struct):
    """Table `sale`. Amounts in the smallest unit of `currency`, times in ms since 1970 UTC.

    `seq` is that of the completion. `arrival` is the place in the order in which sales were
    completed here, None before; below zero while it has only a place in the batch at hand.
    `groups` is a JSON array.
    """

    till: str
    cashier: str
    currency: str
    prices_include_tax: bool
    opened_at: int
    state: str = OPEN
    receipt: str = ""
    day: str = ""
    total_minor: int = 0
    change_minor: int = 0
    rounding_minor: int = 0
    completed_at: int = 0
    seq: int = 0
    arrival: int | None = None
    returned_minor: int = 0
    customer: str = ""
    groups: str = "[]"
    note: str = ""
    age_checked: int = 0
    age_how: str = ""
    tip_minor: int = 0
    price_book: str = ""


class SaleLine(msgspec.Struct):
    """Table `sale_line`. `number` is the seq of its event, and orders the lines.

    `amount_minor` is before `reduced_minor`; `back_minor` is what goods that came back gave.
    """

    number: int
    line: str
    sku: str
    name: str
    quantity: int
    unit: str
    price_minor: int
    amount_minor: int
    tax: str
    rate_ppm: int
    voided: bool = False
    reduced_minor: int = 0
    returned: bool = False
    returned_from: str = ""
    back_minor: int = 0
    entry: str = ""
    overridden: bool = False


class Tender(msgspec.Struct):
    """Table `tender`: what was paid with, or (below zero) went back."""

    number: int
    tender: str
    kind: str
    amount_minor: int
    state: str
    last4: str = ""
    scheme: str = ""
    approver: str = ""


class SaleTax(msgspec.Struct):
    """Table `sale_tax`."""

    tax: str
    rate_ppm: int
    net_minor: int
    tax_minor: int
    gross_minor: int


class SaleReduction(msgspec.Struct):
    """Table `sale_reduction`: a part of a reduction, as the newest event of them says."""

    number: int
    line: str
    source: str
    id: str
    name: str
    amount_minor: int


class LineDetail(msgspec.Struct):
    """Table `line_detail`: for those lines only that carry something."""

    line: str
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
    original_line: str = ""


class DiscountApproval(msgspec.Struct):
    """Table `discount_approval`."""

    discount: str
    approver: str


class CouponUse(msgspec.Struct):
    """Table `coupon_use`; `used_at` 0 while the sale only holds it."""

    code: str
    campaign: str
    name: str
    single_use: bool
    used_at: int = 0


class TipBack(msgspec.Struct):
    """Table `tip_back`: a tip of `original_sale` that goes back in this one."""

    original_sale: str
    amount_minor: int


class Sale(msgspec.Struct):
    """A sale with everything of it, each part by what names it in the sale."""

    head: SaleHead
    lines: dict[str, SaleLine] = msgspec.field(default_factory=dict)
    tenders: dict[str, Tender] = msgspec.field(default_factory=dict)
    taxes: dict[tuple[str, int], SaleTax] = msgspec.field(default_factory=dict)
    reductions: dict[int, SaleReduction] = msgspec.field(default_factory=dict)
    details: dict[str, LineDetail] = msgspec.field(default_factory=dict)
    approvals: dict[str, DiscountApproval] = msgspec.field(default_factory=dict)
    coupons: dict[str, CouponUse] = msgspec.field(default_factory=dict)
    tips_back: dict[str, TipBack] = msgspec.field(default_factory=dict)


class Table(msgspec.Struct, frozen=True):
    """A table of parts of sales: `parts` are those of one sale, by what `key` says of a row."""

    name: str
    row: type[Any]
    parts: Callable[[Sale], dict[Any, Any]]
    key: Callable[[Any], Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, the place of the sale first."""
        return ("store", "sale", *self.row.__struct_fields__)


TABLES: Final = (
    Table("sale_line", SaleLine, lambda sale: sale.lines, lambda row: row.line),
    Table("tender", Tender, lambda sale: sale.tenders, lambda row: row.tender),
    Table("sale_tax", SaleTax, lambda sale: sale.taxes, lambda row: (row.tax, row.rate_ppm)),
    Table("sale_reduction", SaleReduction, lambda sale: sale.reductions, lambda row: row.number),
    Table("line_detail", LineDetail, lambda sale: sale.details, lambda row: row.line),
    Table(
        "discount_approval", DiscountApproval, lambda sale: sale.approvals, lambda row: row.discount
    ),
    Table("coupon_use", CouponUse, lambda sale: sale.coupons, lambda row: row.code),
    Table("tip_back", TipBack, lambda sale: sale.tips_back, lambda row: row.original_sale),
)
"""What hangs on a sale."""

SALE_COLUMNS: Final = ("store", "sale", *SaleHead.__struct_fields__)

_astuple = msgspec.structs.astuple


def head_row(place: Place, sale: Sale) -> tuple[Any, ...]:
    """Return the row of table `sale`."""
    return (*place, *_astuple(sale.head))


def part_rows(table: Table, place: Place, sale: Sale) -> list[tuple[Any, ...]]:
    """Return a sale's rows of a table of parts."""
    return [(*place, *_astuple(part)) for part in table.parts(sale).values()]


def put_part(table: Table, sale: Sale, values: Iterable[Any]) -> None:
    """Give a sale a row of a table of parts, as it was read: its columns after the place."""
    part = table.row(*values)
    table.parts(sale)[table.key(part)] = part


class Written(msgspec.Struct, frozen=True):
    """The rows of a sale as they stand in the tables: what is the same need not be written."""

    head: tuple[Any, ...]
    parts: tuple[frozenset[tuple[Any, ...]], ...]

    @classmethod
    def of(cls, place: Place, sale: Sale) -> Written:
        """Return the rows of a sale that was just read."""
        return cls(
            head_row(place, sale),
            tuple(frozenset(part_rows(table, place, sale)) for table in TABLES),
        )

    def changed(self, place: Place, sale: Sale) -> Sequence[Table]:
        """Return the tables whose rows of this sale are others now."""
        return [
            table
            for table, before in zip(TABLES, self.parts, strict=True)
            if before != frozenset(part_rows(table, place, sale))
        ]
