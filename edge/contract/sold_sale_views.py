"""A completed sale as a till shows it: its lines, what paid it, what may come back."""

from __future__ import annotations

import msgspec


class SoldLineView(msgspec.Struct, frozen=True):
    """A line of a completed sale, and what of it may come back.

    `quantity` was sold, `returned` came back since, in sales that are open or parked now too,
    and `returnable` may come back still; all in thousandths. `back_minor` is what all of that
    gives back, tax included; `held_at` says where a sale that is not finished holds some of
    it: tills, in words.
    """

    line_id: str
    sku: str
    name: str
    unit: str
    price_minor: int
    quantity: int
    returned: int
    returnable: int
    paid_minor: int
    back_minor: int
    held_at: tuple[str, ...] = ()
    serial: str = ""
    lot: str = ""


class PaidTenderView(msgspec.Struct, frozen=True):
    """A tender of a completed sale: what it paid, change taken off, and what may go back on it.

    `kind` as in `TenderView`. `refunded_minor` went back on it so far, in sales that are not
    finished too; `refundable_minor` is no more than what its goods give back still.
    """

    tender_id: str
    kind: str
    paid_minor: int
    refundable_minor: int
    last4: str = ""
    scheme: str = ""
    reference: str = ""
    refunded_minor: int = 0


class SoldSaleView(msgspec.Struct, frozen=True):
    """A completed sale by its receipt: what was sold, and what may come back.

    `back_minor` is what everything that may come back gives back together; `completed_at` in
    ms since 1970 UTC. Voided lines, and goods that came back in this very sale, are left out.
    `proved_by` is empty for a sale in this box's ledger. `signature`: the box does not have it,
    and all it knows is what a signed code says; nothing comes back of it then. `store_number` is
    that of the store that sold, and `lines_left_out` counts lines that had no room in the code.
    `tip_minor` is beside the total; `tip_back_minor` of it may go back: all, or nothing.
    """

    receipt_number: str
    sale_id: str
    till: str
    completed_at: int
    currency: str
    total_minor: int
    back_minor: int
    lines: tuple[SoldLineView, ...]
    tenders: tuple[PaidTenderView, ...]
    proved_by: str = ""
    store_number: int = 0
    lines_left_out: int = 0
    tip_minor: int = 0
    tip_back_minor: int = 0
