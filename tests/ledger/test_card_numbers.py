"""Whose number it is that a person typed: of a payment at just that terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.contract.card_desk_events import (
    CardPaymentResolved,
    CardReversalApproved,
    CardReversalRequested,
)
from edge.contract.card_refund_events import CardRefundApproved, CardRefundRequested
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
)
from edge.contract.sale_events import SaleCompleted, SaleOpened
from edge.contract.terminal_day_events import TerminalDayEnded
from edge.ledger import past_sales
from edge.ledger.event_log import MIGRATIONS
from edge.ledger.past_sales import PastSales
from edge.ledger.records import Record
from edge.runtime.database_file import DatabaseFile
from tests.ledger.ledger_at import ledger_at

HERE, THERE = "terminal-1", "terminal-2"
EVENTS = (
    SaleOpened(sale="s", currency="EUR"),
    CardPaymentRequested(sale="s", payment="p0", amount_minor=1, terminal=HERE),
    CardPaymentDeclined(sale="s", payment="p0", reason="x"),
    CardPaymentRequested(sale="s", payment="p1", amount_minor=1, terminal=HERE),
    CardPaymentApproved(sale="s", payment="p1", amount_minor=1, receipt="0042", trace="000077"),
    CardPaymentRequested(sale="s", payment="p2", amount_minor=1, terminal=THERE),
    CardPaymentApproved(sale="s", payment="p2", amount_minor=1, receipt="0050", trace="000090"),
    CardRefundRequested(sale="s", refund="r1", amount_minor=1, terminal=HERE, receipt="0042"),
    CardRefundApproved(sale="s", refund="r1", amount_minor=1, receipt="0043", trace="000078"),
    CardPaymentRequested(sale="s", payment="p3", amount_minor=1, terminal=HERE),
    CardPaymentResolved(
        sale="s", payment="p3", outcome="approved", amount_minor=1, source="slip", reason="x",
        receipt="44", trace="A-79",
    ),
    CardReversalRequested(
        sale="s", payment="p4", reversal="v1", amount_minor=1, terminal=HERE, receipt="0060",
        reason="x",
    ),
    CardReversalApproved(
        sale="s", payment="p4", reversal="v1", amount_minor=1, asked_minor=1, receipt="0061"
    ),
)  # fmt: skip


@asynccontextmanager
async def past_sales_at(path: Path) -> AsyncIterator[PastSales]:
    """Open a ledger's file for reading, and close it also where a test fails."""
    file = DatabaseFile(path, MIGRATIONS)
    await file.open()
    try:
        yield PastSales(file)
    finally:
        await file.close()


@pytest.mark.parametrize(
    ("terminal", "receipt", "trace", "besides", "whose"),
    [
        (HERE, "0042", "", "", "p1"),
        (HERE, "42", "", "", "p1"),  # people leave noughts out
        (HERE, "", "77", "", "p1"),
        (HERE, "0043", "", "", "r1"),
        (HERE, "0044", "", "", "p3"),  # another person typed it
        (HERE, "", "A-79", "", "p3"),
        (HERE, "", "0A-79", "", ""),  # noughts are left out of numbers only
        (HERE, "0061", "", "", "v1"),
        (HERE, "0060", "", "", ""),  # what was asked to be reversed is no transaction by itself
        (HERE, "0042", "", "p1", ""),  # its own
        (HERE, "0050", "", "", ""),  # of another terminal: both count from one
        (THERE, "0050", "", "", "p2"),
        (THERE, "", "000077", "", ""),
        (HERE, "0999", "1", "", ""),
        (HERE, "", "", "", ""),
        (HERE, "0000", "", "", ""),
    ],
)
async def test_whose_number_it_is(
    tmp_path: Path, terminal: str, receipt: str, trace: str, besides: str, whose: str
) -> None:
    path = tmp_path / "ledger.db"
    async with ledger_at(path) as ledger:
        await ledger.record(Record(EVENTS, "till-1"))
    async with past_sales_at(path) as past:
        assert await past.card_number_of(terminal, receipt, trace, besides=besides) == whose


async def test_what_is_long_ago_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    async with ledger_at(path) as ledger:
        await ledger.record(Record(EVENTS, "till-1"))
    async with past_sales_at(path) as past:
        monkeypatch.setattr(past_sales, "CARD_NUMBERS_LOOKED_BACK", len(EVENTS) - 3)
        assert await past.card_number_of(HERE, "42", "", besides="") == "p1"
        monkeypatch.setattr(past_sales, "CARD_NUMBERS_LOOKED_BACK", len(EVENTS) - 4)
        assert await past.card_number_of(HERE, "42", "", besides="") == ""
        assert await past.last_asked(HERE, "none") == ""


async def test_what_a_terminal_was_asked_for_last(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    completed = SaleCompleted(sale="s", receipt="till-1-000001", total_minor=0, taxes=())
    refund = CardRefundRequested(sale="t", refund="r2", amount_minor=1, terminal=THERE)
    payment = CardPaymentRequested(sale="t", payment="p9", amount_minor=1, terminal=HERE)
    async with ledger_at(path) as ledger:
        await ledger.record(Record((*EVENTS, completed), "till-1"))
    async with past_sales_at(path) as past:
        assert await past.last_asked(HERE, "till-1-000001") == "v1"
        assert await past.last_asked(THERE, "till-1-000001") == "p2"
        assert await past.last_asked("terminal", "till-1-000001") == ""
        assert await past.last_asked(HERE, "till-1-000002") == ""
    async with ledger_at(path) as ledger:
        later = (SaleOpened(sale="t", currency="EUR"), refund, payment)
        await ledger.record(Record(later, "till-2"))
    async with past_sales_at(path) as past:
        assert await past.last_asked(THERE, "till-1-000001") == "r2"
        assert await past.last_asked(HERE, "till-1-000001") == "p9"


async def test_a_terminal_that_handed_its_day_in_was_asked_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    completed = SaleCompleted(sale="s", receipt="till-1-000001", total_minor=0, taxes=())
    left = TerminalDayEnded(terminal=HERE, job="d1", outcome="not_closed", ledger_minor=0)
    ended = TerminalDayEnded(terminal=HERE, job="d2", outcome="closed", ledger_minor=0)
    async with ledger_at(path) as ledger:
        await ledger.record(Record((*EVENTS, completed, left), "till-1"))
    async with past_sales_at(path) as past:
        assert await past.last_asked(HERE, "till-1-000001") == "v1"
    async with ledger_at(path) as ledger:
        await ledger.record(Record((ended,), "till-1"))
    async with past_sales_at(path) as past:
        assert await past.last_asked(HERE, "till-1-000001") == ""
        assert await past.last_asked(THERE, "till-1-000001") == "p2"
