"""More came back than was sold, over all stores: head office sees it, whatever arrives first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from edge.contract.sale_events import LineVoided
from tests.sync.office.head_office import Box, Served, sale_events, serve
from tests.sync.office.test_details import came_back, sold


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


async def send(served: Served, box: Box) -> None:
    async with served.session(box) as (line, welcome):
        await line.upload(box.frame(welcome.head.seq))
    await served.until_projected(len(box.bodies), box.store)


def back(
    box: Box, sale: str, quantity: int = 1_000, *, line: str = "1", voided: bool = False
) -> None:
    goods = came_back(
        sale, "1", quantity=quantity, original_sale="bought", original_line=line,
        receipt="till-1-bought",
    )  # fmt: skip
    box.record(*sold(sale, goods, *([LineVoided(sale=sale, line="1")] if voided else [])))


async def alarms(served: Served) -> list[tuple[str, Any]]:
    return [
        (slug, alarm)
        for slug in ("harbour-street", "quay")
        for alarm in (await served.store(slug))["alarms"]
    ]


async def test_what_came_back_once_is_joined_with_its_sale_and_no_alarm(
    served: Served, market: Box, quay: Box
) -> None:
    back(market, "r1")
    back(market, "r2", voided=True)
    await send(served, market)
    line = (await served.sales())[0]["lines"][0]
    assert line["details"]["original_sale"] == "bought"
    assert "sold_in" not in line["details"]  # head office does not have it yet
    quay.record(*sale_events("bought"))
    await send(served, quay)
    line = (await served.sales())[0]["lines"][0]
    assert line["details"]["sold_in"] == "quay"
    assert await alarms(served) == []


async def test_a_second_store_that_takes_it_back_is_an_alarm(
    served: Served, market: Box, quay: Box
) -> None:
    quay.record(*sale_events("bought"))
    back(quay, "r0")
    back(quay, "other", line="9")  # of no line that was sold: nothing to compare with
    await send(served, quay)
    assert await alarms(served) == []
    back(market, "r1")
    await send(served, market)
    ((slug, alarm),) = await alarms(served)
    assert (slug, alarm["kind"], alarm["count"]) == (
        "harbour-street", "returned_more_than_sold", 1,
    )  # fmt: skip
    words = alarm["words"]
    assert "Of Bread roll on receipt till-1-bought of quay 2 came back and 1 were sold" in words
    assert {"harbour-street", "quay"} <= set(words.replace(".", ",").replace(": ", ",").split(","))
    projector = served.office.projector
    projector.read_again()
    assert await projector.step() == 2
    assert [each["count"] for _, each in await alarms(served)] == [1]


async def test_a_sale_that_arrives_last_finds_what_came_back_of_it(
    served: Served, market: Box, quay: Box
) -> None:
    back(market, "r1", 2_000)
    await send(served, market)
    assert await alarms(served) == []
    quay.record(*sale_events("bought")[:-1])
    await send(served, quay)
    assert await alarms(served) == []
    quay.record(sale_events("bought")[-1])
    await send(served, quay)
    ((slug, alarm),) = await alarms(served)
    assert (slug, alarm["kind"]) == ("quay", "returned_more_than_sold")
    assert "they came back in: harbour-street" in alarm["words"]
