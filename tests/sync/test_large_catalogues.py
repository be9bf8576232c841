"""A shop's whole catalogue over real lines: box, replicator and head office as they are run."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from edge.contract.reference_data import Feed, Price
from tests.bench.shop import article
from tests.flows.box import Box
from tests.sync.office.head_office import Served, serve
from tests.sync.test_midnight import Shop, eventually, open_shops, open_till, put, stock_up

ARTICLES = 2_400


async def restock(served: Served, minor: int) -> None:
    """Give every article another name and price."""
    articles = [article(number) for number in range(1_000, 1_000 + ARTICLES)]
    named = [msgspec.structs.replace(each, name=f"{each.name} {minor}") for each in articles]
    for begin in range(0, ARTICLES, 400):
        some = named[begin : begin + 400]
        await put(served, "catalogue", *((each.sku, each) for each in some))
        await put(served, "price", *((each.sku, Price(each.sku, minor)) for each in some))


async def until_in_step(served: Served, box: Box) -> None:
    async def is_in_step() -> bool:
        newest, here = await served.office.feeds.newest(), box.edge.access.reference.cursors
        return all(here[feed] == newest[feed] for feed in (Feed.PRICE, Feed.CATALOGUE))

    await eventually(is_in_step, what="the box has every article and price")


async def sell(box: Box, gtin: str, minor: int) -> None:
    status, view = await box.command("add_item", code=gtin)
    assert (status, view["lines"][0]["price_minor"]) == (200, minor), view
    await box.command("take_cash", amount_minor=minor)


async def test_a_shop_sells_by_what_came_in_chunks(tmp_path: Path) -> None:
    gtin = article(1_007).codes[0]
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serve(tmp_path / "office"))
        shops: list[Shop] = await open_shops(tmp_path, served)
        await stock_up(served, served.settings.pepper_file)
        await restock(served, 150)
        snapshots = served.office.boxes.desk.snapshots  # type: ignore[attr-defined]
        box = await stack.enter_async_context(shops[0].box())
        async with shops[0].line(box, served):
            await open_till(box)
            await until_in_step(served, box)
            await sell(box, gtin, 150)
        assert snapshots.made == 2
        # while it is away all becomes other, and one article is no more
        await restock(served, 160)
        gone = {"items": [{"key": "1008", "value": None}]}
        for feed in ("catalogue", "price"):
            assert (await served.ask("PUT", f"/api/v1/feeds/{feed}", gone))[0] == 200
        await sell(box, gtin, 150)
        async with shops[0].line(box, served):
            await until_in_step(served, box)
        await sell(box, gtin, 160)
        status, refusal = await box.command("add_item", code=article(1_008).codes[0])
        assert (status, refusal["code"]) == (404, "unknown_code"), refusal
        status, found = await box.call("GET", "/api/v1/articles?q=160")
        assert (status, len(found["articles"])) == (200, 30)
        assert snapshots.made == 4
        # another shop gets what was made for the first
        other = await stack.enter_async_context(shops[1].box())
        async with shops[1].line(other, served):
            await until_in_step(served, other)
        assert snapshots.made == 4
