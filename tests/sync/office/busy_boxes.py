"""Boxes that sell with all that a sale can have, and sales for what spans several."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from edge.contract.age_events import AgeChecked
from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.customer_events import CustomerSet
from edge.contract.event_registry import Event
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentUnknown,
    TenderTaken,
)
from edge.contract.price_events import (
    DiscountGiven,
    LineReduction,
    NoteSet,
    PriceOverridden,
    PricesReduced,
    Reduction,
)
from edge.contract.return_events import CashReturned, LineReturned
from edge.contract.sale_events import (
    LineAdded,
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
)
from edge.contract.tip_events import TipReturned, TipSet
from tests.bench.synthetic_sales import SyntheticShop
from tests.sync.office.head_office import Box, sale_events


def busy_box(number: int = 1, seed: int = 5, sales: int = 30) -> Box:
    """A box whose sales have all that a sale can have."""
    chance = random.Random(seed)
    shop = SyntheticShop(seed, store=number)
    box = Box(f"shop-{number}", number)
    for each in range(sales):
        shop.seq = len(box.bodies) + 1
        box.bodies += shop.sale()
        _odd_sale(box, f"{number}-odd-{each}", chance)
    return box


def _odd_sale(box: Box, sale: str, chance: random.Random) -> None:
    opened, line, cash, completed = sale_events(sale, 300)
    assert isinstance(opened, SaleOpened)
    assert isinstance(line, LineAdded)
    assert isinstance(completed, SaleCompleted)
    second = msgspec.structs.replace(line, line="2", serial="SN-Ä1", lot="lot 7", tare_g=4)
    tenth = Reduction("promotion", "tenth", "A tenth", (LineReduction("1", 30),))
    fixed = Reduction("discount", "d1", "Loyal", (LineReduction("2", 10), LineReduction("1", 5)))
    odd: list[Event] = [
        CustomerSet(sale=sale, customer="C-7", groups=("staff", "Müller & Söhne")),
        NoteSet(sale=sale, text="for the fair"),
        NoteSet(sale=sale, text="gift", line="1"),
        AgeChecked(sale=sale, minimum_age=18, how="seen"),
        AgeChecked(sale=sale, minimum_age=16, how="birth_date"),
        DiscountGiven(sale=sale, discount="d1", reason="Loyal", off_minor=10, approver="pawel"),
        PricesReduced(sale=sale, reductions=(tenth,)),
        PricesReduced(sale=sale, reductions=(fixed, tenth)),
        PriceOverridden(sale=sale, line="1", price_minor=280, amount_minor=280, reason="shelf"),
        CouponPresented(
            sale=sale, code=f"ONCE-{sale}".upper(), campaign="once", name="Once", single_use=True
        ),
        CouponPresented(sale=sale, code="MANY", campaign="many", name="Many"),
        CouponPresented(sale=sale, code="GONE", campaign="many", name="Many"),
        CouponRemoved(sale=sale, code="GONE"),
        TenderTaken(
            sale=sale, tender="g", kind="gift_card", amount_minor=50, reference="G", approver="ida"
        ),
        CardPaymentRequested(sale=sale, payment="p1", amount_minor=100, terminal="t"),
        CardPaymentDeclined(sale=sale, payment="p1", reason="no"),
        CardPaymentUnknown(sale=sale, payment="p1", reason="cut"),
        CardPaymentApproved(
            sale=sale, payment="p2", amount_minor=90, last4="0001", scheme="girocard"
        ),
        CashReturned(sale=sale, tender="back", amount_minor=20),
        TipReturned(
            sale=sale, original_sale="before", receipt="r", amount_minor=30, reason="wrong"
        ),
        LineReturned(
            sale=sale,
            line="3",
            receipt="r-1",
            original_sale="before",
            original_line="1",
            sku="100001",
            name="Bread roll",
            quantity=1000,
            price_minor=300,
            gross_minor=300,
            net_minor=280,
            tax_minor=20,
            tax="reduced",
            rate_ppm=70_000,
            reason="stale",
        ),
    ]
    box.record(opened, line, second)
    for event in odd:
        if chance.random() < 0.5:
            box.record(event)
    if chance.random() < 0.3:
        box.record(LineVoided(sale=sale, line="2", reason="not wanted"))
    if chance.random() < 0.2:
        box.record(TipSet(sale=sale, amount_minor=0))
    end = chance.random()
    if end < 0.1:
        box.record(SaleAbandoned(sale=sale))
    elif end < 0.9:
        used = msgspec.structs.replace(
            completed, coupons=(f"ONCE-{sale}".upper(), "MANY"), tip_minor=chance.choice((0, 40))
        )
        box.record(cash, used)


def put_in(box: Box, **changed: Any) -> None:
    """Record an event whose canonical bytes are not as they should be."""
    box.record(SaleOpened(sale="x", currency="EUR"))
    plain = msgspec.json.decode(box.bodies[-1])
    box.bodies[-1] = msgspec.json.encode({**plain, **changed})


def came_back(sale: str, original: str, quantity: int) -> tuple[Event, ...]:
    back = LineReturned(
        sale=sale,
        line="1",
        receipt="r",
        original_sale=original,
        original_line="1",
        sku="100001",
        name="Bread roll",
        quantity=quantity,
        price_minor=300,
        gross_minor=300,
        net_minor=300,
        tax_minor=0,
        tax="reduced",
        rate_ppm=0,
        reason="stale",
    )
    return (
        SaleOpened(sale=sale, currency="EUR"),
        back,
        CashReturned(sale=sale, tender="1", amount_minor=300),
        SaleCompleted(sale=sale, receipt=f"r-{sale}", total_minor=-300, taxes=()),
    )


def coupon_sale(sale: str, code: str) -> tuple[Event, ...]:
    """A sale that uses a single-use code up."""
    opened, line, cash, completed = sale_events(sale)
    assert isinstance(completed, SaleCompleted)
    held = CouponPresented(sale=sale, code=code, campaign="once", name="Once", single_use=True)
    return (opened, line, held, cash, msgspec.structs.replace(completed, coupons=(code,)))
