"""What a digest adds up: completed sales behind an event, money by tender, goods by SKU."""

from __future__ import annotations

import pytest

from edge.contract.card_desk_events import CardPaymentResolved, CardReversalApproved
from edge.contract.card_refund_events import CardRefundApproved
from edge.contract.digest import Digest, DigestArticle, DigestTaking
from edge.contract.event_registry import Event
from edge.contract.limits import DIGEST_ARTICLES_MAX
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
from edge.engine.digest_sums import DigestSums

DAY = "2026-11-27"


def opened(sale: str, currency: str = "EUR") -> Event:
    return SaleOpened(sale=sale, currency=currency)


def line(sale: str, number: str, sku: str, quantity: int = 1000) -> Event:
    return LineAdded(
        sale=sale,
        line=number,
        sku=sku,
        name="Roll",
        quantity=quantity,
        price_minor=100,
        amount_minor=100,
        tax="reduced",
        rate_ppm=70_000,
    )


def back(sale: str, number: str, sku: str, quantity: int = 1000) -> Event:
    return LineReturned(
        sale=sale,
        line=number,
        sku=sku,
        name="Roll",
        quantity=quantity,
        price_minor=100,
        tax="reduced",
        rate_ppm=70_000,
        net_minor=93,
        tax_minor=7,
        gross_minor=100,
        reason="stale",
    )


def completed(sale: str, change_minor: int = 0) -> Event:
    return SaleCompleted(
        sale=sale, receipt=f"1-{sale}", total_minor=100, change_minor=change_minor, taxes=()
    )


def summed(*events: Event | None, after: int = 0, gen: int = 1) -> Digest:
    sums = DigestSums(after)
    for seq, event in enumerate(events, 1):
        sums.take(seq, DAY, event)
    return sums.digest(gen)


def test_a_cash_sale_brings_cash_less_change_and_takes_goods() -> None:
    found = summed(
        opened("a"),
        line("a", "1", "100"),
        line("a", "2", "200", 2500),
        line("a", "3", "300"),
        LineVoided(sale="a", line="3", reason=""),
        CashTendered(sale="a", tender="1", amount_minor=500),
        completed("a", 120),
        gen=3,
    )
    assert found == Digest(
        3,
        0,
        7,
        1,
        (DigestTaking(DAY, "EUR", "cash", 380),),
        (DigestArticle("100", 1000), DigestArticle("200", 2500)),
    )


def test_only_what_is_completed_behind_the_event_counts() -> None:
    events = (
        opened("old"),
        CashTendered(sale="old", tender="1", amount_minor=100),
        completed("old"),
        opened("across"),
        line("across", "1", "100"),
        opened("gone"),
        line("gone", "1", "100"),
        CashTendered(sale="across", tender="1", amount_minor=100),
        SaleAbandoned(sale="gone", reason=""),
        completed("across"),
        opened("open"),
        line("open", "1", "100"),
        CashTendered(sale="open", tender="1", amount_minor=100),
    )
    found = summed(*events, after=5)
    assert (found.after, found.upto, found.sales) == (5, 13, 1)
    assert found.takings == (DigestTaking(DAY, "EUR", "cash", 100),)
    assert found.articles == (DigestArticle("100", 1000),)


APPROVED = CardPaymentApproved(sale="a", payment="p", amount_minor=9)
FOREIGN = ForeignCashTendered(
    sale="a",
    tender="1",
    currency="CHF",
    foreign_minor=11,
    amount_minor=9,
    rate_ppm=900_000,
)
VOUCHER = TenderTaken(sale="a", tender="1", kind="voucher", amount_minor=9, reference="x")
VOUCHER_BACK = TenderReturned(sale="a", tender="1", kind="voucher", amount_minor=9, reference="x")


def reversed_by(amount_minor: int) -> Event:
    return CardReversalApproved(
        sale="a", payment="p", reversal="r", amount_minor=amount_minor, asked_minor=9
    )


def resolved(outcome: str, amount_minor: int) -> Event:
    return CardPaymentResolved(
        sale="a", payment="p", outcome=outcome, amount_minor=amount_minor, source="", reason=""
    )


@pytest.mark.parametrize(
    ("events", "takings"),
    [
        ((VOUCHER,), {"voucher": 9}),
        ((CashReturned(sale="a", tender="1", amount_minor=9),), {"cash": -9}),
        ((VOUCHER_BACK,), {"voucher": -9}),
        ((APPROVED,), {"card": 9}),
        ((CardRefundApproved(sale="a", refund="p", amount_minor=9),), {"card": -9}),
        ((APPROVED, reversed_by(9)), {}),
        ((APPROVED, reversed_by(7)), {"card": 9}),
        ((resolved("approved", 9),), {"card": 9}),
        ((resolved("declined", 0),), {}),
        ((FOREIGN,), {"cash": 9}),
    ],
)
def test_money_counts_by_tender_as_head_office_shows_it(
    events: tuple[Event, ...], takings: dict[str, int]
) -> None:
    found = summed(opened("a"), *events, completed("a"))
    assert {each.kind: each.amount_minor for each in found.takings} == takings


def test_goods_that_come_back_are_added_to_the_stock() -> None:
    found = summed(
        opened("a"),
        line("a", "1", "100", 1000),
        back("a", "2", "100", 3000),
        back("a", "3", "200"),
        LineVoided(sale="a", line="3", reason=""),
        None,
        completed("a"),
    )
    assert found.articles == (DigestArticle("100", -2000),)


def test_of_too_many_articles_those_that_moved_most_are_named() -> None:
    lines = [line("a", str(n), f"{n:05}", 1000 + n) for n in range(DIGEST_ARTICLES_MAX + 3)]
    found = summed(opened("a"), *lines, completed("a"))
    assert not found.whole
    assert len(found.articles) == DIGEST_ARTICLES_MAX
    assert found.articles[0].sku == "00003"
    assert list(found.articles) == sorted(found.articles)
