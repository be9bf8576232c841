"""Head office hears of a signed receipt: of a sale it has, or of one that it never got."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from edge.contract.receipt_events import ReceiptPresented
from tests.sync.office.head_office import Box, Served, serve


@pytest.fixture
def quay() -> Box:
    return Box(store="quay", number=12)


@pytest.fixture
def market() -> Box:
    return Box()


@pytest_asyncio.fixture
async def served(tmp_path: Path, market: Box, quay: Box) -> AsyncIterator[Served]:
    async with serve(tmp_path, market, quay) as served:
        yield served


def presented(sale: str) -> ReceiptPresented:
    return ReceiptPresented(
        sale=sale,
        receipt="till-1-004711",
        store=12,
        sale_gen=1,
        sale_seq=77,
        total_minor=300,
        currency="EUR",
        code="TILLBOX2:...",
    )


async def alarms(served: Served) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await served.store())["alarms"]
    return found


async def test_a_sale_that_never_came_is_an_alarm_where_its_receipt_was_shown(
    served: Served, market: Box, quay: Box
) -> None:
    quay.sell("sale-known")
    async with served.session(quay) as (line, _):
        await line.upload(quay.frame())
    await served.until_projected(quay.head.seq, "quay")
    market.record(presented("sale-known"))
    async with served.session(market) as (line, _):
        await line.upload(market.frame())
        await served.until_projected(1)
        assert await alarms(served) == []
        market.record(presented("sale-lost"), presented("sale-lost-too"))
        await line.upload(market.frame(1))
        await served.until_projected(3)
    (alarm,) = await alarms(served)
    assert (alarm["kind"], alarm["count"]) == ("receipt_of_lost_sale", 2)
    assert "till-1-004711 of store 12" in str(alarm["words"])
    assert "event 77 of generation 1" in str(alarm["words"])
    assert (await served.store())["quarantined"] == 0
