"""Copies and gift receipts at head office: they are kept, and count nothing a second time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.contract.receipt_events import GiftReceiptPrinted, ReceiptReprinted, ReprintEnded
from tests.sync.office.head_office import Box, Served, serve
from tests.sync.office.test_projector import _arrive
from tests.sync.office.test_returns import refund, today


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Served, Box]]:
    box = Box()
    async with serve(tmp_path, box) as served:
        yield served, box


async def test_a_sale_printed_again_counts_once(served: tuple[Served, Box]) -> None:
    office, box = served
    box.sell("a")
    box.record(*refund("b"))
    before = [{**sale, "day": ""} for sale in await _arrive(office, box)]
    counted = await today(office)
    box.record(
        ReceiptReprinted(sale="a", receipt="till-1-a", copy=1),
        ReprintEnded(sale="a", what="copy", copy=1, evidence="confirmed"),
        ReceiptReprinted(sale="b", receipt="till-1-b", copy=1),
        GiftReceiptPrinted(sale="a", receipt="till-1-a", copy=1),
        ReprintEnded(sale="a", what="gift", copy=1, evidence="unknown"),
    )
    assert [{**sale, "day": ""} for sale in await _arrive(office, box)] == before
    now = await today(office)
    for key in ("takings_today_minor", "refunds_today_minor", "sales_today", "quarantined"):
        assert now[key] == counted[key]
    assert (now["sales_today"], now["quarantined"]) == (2, 0)
