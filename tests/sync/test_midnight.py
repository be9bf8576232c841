"""A price change for one instant in two shops: real boxes, real lines, real head office.

One shop is cut off once it holds the book, and its box starts anew; both switch all the same.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edge.contract.reference_data import Article, Price, PriceBook, StaffMember
from edge.contract.wire import encode
from edge.runtime.keys import load_or_create_key
from edge.runtime.pin_hash import PinHasher, load_pepper
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from edge.settings import StoreSettings
from sync.office.store_directory import RegisteredStore
from sync.replicator.main import connected
from sync.replicator.settings import SESSION_PATH, Peers
from tests.flows.box import MILK, PIN, PROFILE, TOKEN, Box, bare_box
from tests.sync.office.head_office import Served, serve

SHOPS = ("harbour-street", "hill-road")
AHEAD_MS = 5_000
"""Time enough to be ready, to be cut off, and to start anew."""


@dataclass
class Shop:
    """The files of a shop; its box and its line are opened where they are needed."""

    folder: Path
    slug: str
    number: int
    office_key: str

    @asynccontextmanager
    async def box(self) -> AsyncIterator[Box]:
        store = StoreSettings(self.slug, self.number, office_key=self.office_key)
        async with bare_box(self.folder, store=store) as box:
            yield box

    @asynccontextmanager
    async def line(self, box: Box, served: Served) -> AsyncIterator[None]:
        office = served.url.replace("http", "ws", 1)
        peers = Peers(box.edge.web.origin, TOKEN, f"{office}{SESSION_PATH}", None)
        async with connected(peers, SystemClock(), open_log("sync")) as replicator:
            running = asyncio.create_task(replicator.run())
            try:
                yield
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


async def eventually(condition: Callable[[], Awaitable[Any]], *, what: str) -> Any:
    async with asyncio.timeout(20):
        while not (found := await condition()):
            await asyncio.sleep(0.02)
    assert found, what
    return found


async def put(served: Served, feed: str, *values: tuple[str, Any]) -> None:
    items = [{"key": key, "value": msgspec.Raw(encode(value))} for key, value in values]
    status, body = await served.ask("PUT", f"/api/v1/feeds/{feed}", {"items": items})
    assert status == 200, body


async def stock_up(served: Served, pepper: Path) -> None:
    hasher = PinHasher(load_pepper(pepper), memory_kib=64, passes=1)
    marta = StaffMember("marta", "Marta", "cashier", hasher.hash_pin(PIN))
    await put(served, "staff", ("marta", marta))
    await put(served, "catalogue", ("100", Article("100", "Milk", "B", (MILK,), key="1:1")))
    prices = (Price("100", 129), Price("100", 139, "autumn"))
    await put(served, "price", *((price.key, price) for price in prices))
    await put(served, "config", ("store", PROFILE))


async def ready(served: Served) -> bool:
    _, body = await served.ask("GET", "/api/v1/books")
    return [(book["ready"], book["shops"]) for book in body["books"]] == [(2, 2)]


async def open_till(box: Box) -> None:
    async def is_known() -> bool:
        return bool(box.edge.access.reference.has_store and box.edge.access.reference.staff)

    await eventually(is_known, what="the shop has its data")
    await box.enrol()
    status, body = await box.sign_in()
    assert status == 200, body


async def key_price(box: Box) -> int:
    status, keys = await box.call("GET", "/api/v1/quick-keys")
    assert status == 200, keys
    return int(keys["pages"][0]["keys"][0]["price_minor"])


async def switched(box: Box, midnight: int) -> None:
    """Ask for the keys until they have the new price; neither early nor late by the clock."""
    clock, price = SystemClock(), 129
    while price == 129:
        asked_at = clock.now_ms()
        price = await key_price(box)
        if price == 129:
            assert asked_at < midnight
            await asyncio.sleep(0.02)
    assert (price, clock.now_ms() >= midnight) == (139, True)


async def sell_across(box: Box) -> None:
    """End the sale of before at its prices; the next one has the new."""
    _, view = await box.command("add_item", code=MILK)
    assert [line["price_minor"] for line in view["lines"]] == [129, 129]
    await box.command("take_cash", amount_minor=258)
    _, view = await box.command("add_item", code=MILK)
    assert [line["price_minor"] for line in view["lines"]] == [139]
    await box.command("take_cash", amount_minor=139)


async def begin_sale(box: Box) -> None:
    status, view = await box.command("add_item", code=MILK)
    assert (status, view["lines"][0]["price_minor"]) == (200, 129)


async def open_shops(folder: Path, served: Served) -> list[Shop]:
    shops = []
    for number, slug in enumerate(SHOPS, 1):
        (folder / slug).mkdir()
        shutil.copy(served.settings.pepper_file, folder / slug / "pepper")
        key = load_or_create_key(folder / slug / "box.key").public.hex
        await served.office.directory.add(RegisteredStore(number, slug, slug, key, 1))
        shops.append(Shop(folder / slug, slug, number, served.key.public.hex))
    return shops


async def test_two_shops_switch_at_one_instant_and_their_sales_name_the_book(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serve(tmp_path / "office"))
        there, away = await open_shops(tmp_path, served)
        await stock_up(served, served.settings.pepper_file)
        box = await stack.enter_async_context(there.box())
        await stack.enter_async_context(there.line(box, served))
        async with away.box() as second, away.line(second, served):
            for each in (box, second):
                await open_till(each)
                await begin_sale(each)
            midnight = SystemClock().now_ms() + AHEAD_MS
            book = PriceBook("autumn", "Autumn", midnight)
            profile = msgspec.structs.replace(PROFILE, price_books=(book,))
            await put(served, "config", ("store", profile))
            await eventually(lambda: ready(served), what="both are ready")
            # from here on nobody reaches it, and its box starts anew
        assert await ready(served), "who is away keeps what it holds"
        second = await stack.enter_async_context(away.box())
        await open_till(second)
        shown = [(await each.view())["goods"] for each in (box, second)]
        await asyncio.gather(switched(box, midnight), switched(second, midnight))
        for each, before in zip((box, second), shown, strict=True):
            assert (await each.view())["goods"] != before or before.endswith(".autumn")
            await sell_across(each)
        await stack.enter_async_context(away.line(second, served))

        async def all_sales() -> list[dict[str, Any]]:
            sales = await served.sales()
            return sales if len(sales) == 4 else []

        sales = await eventually(all_sales, what="all sales are at head office")
    found = [(each["store"], each["price_book"], each["total_minor"]) for each in sales]
    assert sorted(found) == [
        ("harbour-street", "", 258),
        ("harbour-street", "autumn", 139),
        ("hill-road", "", 258),
        ("hill-road", "autumn", 139),
    ]
