"""Refunds and exchanges at head office: below zero where they belong, and apart from takings."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundRequested,
    CardRefundUnknown,
)
from edge.contract.event_registry import Event
from edge.contract.instant import business_day
from edge.contract.return_events import CashReturned, LineReturned, RefundPart, TenderReturned
from edge.contract.sale_events import (
    LineAdded,
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    TaxTotal,
)
from edge.runtime.system_clock import SystemClock
from tests.sync.office.head_office import Box, Served
from tests.sync.office.test_projector import _arrive


def returned(sale: str, line: str, gross: int, receipt: str = "till-1-a") -> LineReturned:
    return LineReturned(
        sale=sale, line=line, sku="100001", name="Bread roll", quantity=2_000, price_minor=150,
        tax="reduced", rate_ppm=70_000, net_minor=gross - 7, tax_minor=7, gross_minor=gross,
        reason="stale", original_sale="a", original_line="1", receipt=receipt,
    )  # fmt: skip


def refund(sale: str, *, included: bool = True) -> tuple[Event, ...]:
    """Return the events of a refund of 1.07, in cash and on a voucher; one line was voided."""
    return (
        SaleOpened(sale=sale, currency="EUR", prices_include_tax=included),
        returned(sale, "1", 107),
        returned(sale, "2", 107, receipt=""),
        LineVoided(sale=sale, line="2"),
        CashReturned(
            sale=sale, tender="1", amount_minor=100, parts=(RefundPart("a", "1", 100),)
        ),
        TenderReturned(sale=sale, tender="2", kind="voucher", amount_minor=7, reference="V-1"),
        SaleCompleted(
            sale=sale, receipt=f"till-1-{sale}", total_minor=-107,
            taxes=(TaxTotal("reduced", 70_000, -100, -7, -107),),
        ),
    )  # fmt: skip


async def today(served: Served) -> dict[str, Any]:
    day = business_day(SystemClock().now_ms(), ZoneInfo("UTC"))
    await served.office.file.write(
        lambda connection: connection.execute("UPDATE sale SET day = ?", (day,))
    )
    return await served.store()


async def test_a_refund_as_it_was_on_the_till_and_apart_from_takings(
    served: Served, box: Box
) -> None:
    box.sell("a")
    box.record(*refund("b"))
    _, sale = await _arrive(served, box)
    assert (sale["sale_id"], sale["total_minor"], sale["returned_minor"]) == ("b", -107, 107)
    assert [
        (line["quantity"], line["amount_minor"], line["listed_minor"], line["voided"])
        for line in sale["lines"]
    ] == [(2_000, -107, -107, False), (2_000, 0, 0, True)]
    assert [(line["returned"], line["returned_from"]) for line in sale["lines"]] == [
        (True, "till-1-a"), (True, ""),
    ]  # fmt: skip
    assert [(t["kind"], t["amount_minor"], t["state"]) for t in sale["tenders"]] == [
        ("cash", -100, "returned"), ("voucher", -7, "returned"),
    ]  # fmt: skip
    (tax,) = sale["taxes"]
    assert (tax["net_minor"], tax["tax_minor"], tax["gross_minor"]) == (-100, -7, -107)
    store = await today(served)
    assert (store["takings_today_minor"], store["refunds_today_minor"]) == (300, 107)
    assert (store["sales_today"], store["quarantined"], store["parked"]) == (2, 0, 0)


async def test_refunds_to_cards_as_the_terminal_said(served: Served, box: Box) -> None:
    asked = {"amount_minor": 50, "terminal": "terminal-1", "last4": "4242", "scheme": "Example"}
    box.record(
        *refund("b")[:2],
        *(CardRefundRequested(sale="b", refund=name, **asked) for name in ("r1", "r2", "r3")),
        CardRefundUnknown(sale="b", refund="r2", reason="No answer."),
        CardRefundDeclined(sale="b", refund="r3", reason="Declined."),
        # 7 more than was asked for, as the terminal said it
        CardRefundApproved(sale="b", refund="r1", amount_minor=57, last4="9999", scheme="Debit"),
        # its request stepped aside at the box's end: the money moved all the same
        CardRefundApproved(sale="b", refund="r4", amount_minor=50, resolved_by="inquiry"),
        refund("b")[-1],
    )
    (sale,) = await _arrive(served, box)
    assert [(t["kind"], t["amount_minor"], t["state"], t["last4"]) for t in sale["tenders"]] == [
        ("card", -57, "approved", "9999"),
        ("card", -50, "unknown", ""),
        ("card", -50, "declined", ""),
        ("card", -50, "approved", ""),
    ]
    store = await today(served)
    assert (store["takings_today_minor"], store["refunds_today_minor"]) == (0, 107)
    assert store["quarantined"] == 0


@pytest.mark.parametrize("event", [CardRefundUnknown, CardRefundDeclined])
async def test_an_answer_about_no_refund_steps_aside(
    served: Served, box: Box, event: type[CardRefundUnknown | CardRefundDeclined]
) -> None:
    box.record(*refund("b")[:2], event(sale="b", refund="r9", reason="No."), refund("b")[-1])
    (sale,) = await _arrive(served, box)
    assert sale["tenders"] == []
    assert (await served.store())["quarantined"] == 1


async def test_an_exchange_is_both_and_prices_without_tax_are_shown_without(
    served: Served, box: Box
) -> None:
    box.record(
        SaleOpened(sale="x", currency="EUR", prices_include_tax=False),
        returned("x", "1", 107),
        LineAdded(
            sale="x", line="2", sku="2", name="Milk", quantity=1_000, price_minor=100,
            amount_minor=100, tax="reduced", rate_ppm=70_000,
        ),
        SaleCompleted(sale="x", receipt="till-1-x", total_minor=0, taxes=()),
    )  # fmt: skip
    (sale,) = await _arrive(served, box)
    assert [
        (line["amount_minor"], line["returned"], line["returned_from"]) for line in sale["lines"]
    ] == [(-100, True, "till-1-a"), (100, False, "")]
    store = await today(served)
    assert (store["takings_today_minor"], store["refunds_today_minor"]) == (107, 107)


async def test_a_refund_given_up_counts_nowhere(served: Served, box: Box) -> None:
    box.record(*refund("b")[:-1], SaleAbandoned(sale="b", returned_minor=-100))
    box.sell("a")
    assert [sale["sale_id"] for sale in await _arrive(served, box)] == ["a"]
    store = await today(served)
    assert (store["takings_today_minor"], store["refunds_today_minor"]) == (300, 0)


@pytest.mark.parametrize("gross", [-1, 2**62])
async def test_absurd_goods_step_aside(served: Served, box: Box, gross: int) -> None:
    box.record(SaleOpened(sale="b", currency="EUR"), returned("b", "1", gross))
    box.sell("a")
    assert [sale["sale_id"] for sale in await _arrive(served, box)] == ["a"]
    assert (await served.store())["quarantined"] == 1
