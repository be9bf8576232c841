"""While a till checks prices its scans go there, and never into a basket; then they go on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from edge.contract.customer_data import Customer
from edge.contract.limits import (
    PRICE_CHECK_S_MAX,
)
from edge.contract.promotion_data import PercentOff, Promotion, Selection
from edge.contract.reference_data import Feed, FeedItem, FeedPage, GroupBook, Price
from edge.contract.wire import encode
from edge.flows.price_checking import PriceChecks
from edge.flows.till import Till
from edge.runtime.system_clock import SystemClock
from tests.flows.box import MILK, Box, selling_box
from tests.flows.fake_host import FakeHost, fake_host, until, until_view
from tests.flows.test_promotions import send
from tests.flows.test_selling import event_types
from tests.virtual_time import FakeClock

ROLL = "9520000000028"
CHECK = "/api/v1/tills/till-1/price-check"


async def shown(box: Box, code: str) -> Any:
    view = await until_view(
        box.view,
        lambda view: view["price_check"] is not None and view["price_check"]["code"] == code,
        what=f"{code} is looked up",
    )
    return view["price_check"]


async def scan(host: FakeHost, code: str, number: int) -> None:
    await host.scan(code, SystemClock().now_ms(), scan_id=f"scan-{number:06d}")


async def test_scans_go_to_the_price_check_while_it_is_there(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await box.command("add_item", code=MILK)
        before = event_types(box)
        status, check = await box.call("POST", CHECK, {})
        assert status == 200
        assert check == {"serial": 1, "code": "", "price": None, "refused": None}
        await scan(host, ROLL, 1)
        check = await shown(box, ROLL)
        assert (check["serial"], check["refused"]) == (2, None)
        assert (check["price"]["name"], check["price"]["now_minor"]) == ("Bread roll", 45)
        await scan(host, "9520000000097", 2)
        check = await shown(box, "9520000000097")
        assert (check["price"], check["refused"]["code"]) == (None, "unknown_code")
        status, check = await box.call("POST", CHECK, {"code": "4011"})
        assert (check["price"]["unit"], check["price"]["price_minor"]) == ("kg", 289)
        view = await box.view()
        assert ([line["name"] for line in view["lines"]], view["notice"]) == (
            ["Whole milk 1 l"], None,
        )  # fmt: skip
        assert event_types(box) == before
        status, view = await box.call("DELETE", CHECK)
        assert (status, view["price_check"]) == (200, None)
        await scan(host, ROLL, 1)  # the broker delivers the first one again
        await scan(host, ROLL, 3)
        await until_view(box.view, lambda view: len(view["lines"]) == 2, what="it is sold")
        await scan(host, ROLL, 3)
        await box.call("POST", CHECK, {})
        await scan(host, ROLL, 3)  # and what was sold is looked up no more
        await scan(host, MILK, 4)
        await shown(box, MILK)
        view = await box.view()
        assert len(view["lines"]) == 2
        assert view["price_check"]["serial"] == 2
        assert (await box.call("DELETE", CHECK))[0] == 200
        version = (await box.call("DELETE", CHECK))[1]["version"]
        assert (await box.view())["version"] == version + 1  # nothing ended, nothing was shown


async def test_nobody_signed_in_checks_no_prices_by_scanning(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await box.call("POST", CHECK, {})
        await box.call("DELETE", "/api/v1/session")
        till = box.edge.selling.tills["till-1"]
        await scan(host, ROLL, 1)
        await until(lambda: till.notice is not None, what="words")
        assert till.notice
        assert till.notice.code == "scan_not_signed_in"
        assert till.price_check
        assert till.price_check.code == ""
        status, refusal = await box.call("POST", CHECK, {})
        assert (status, refusal["code"]) == (401, "not_signed_in")


async def test_a_price_is_asked_for_without_any_price_check(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        half = Promotion("half", "Half price", PercentOff(500_000, Selection(skus=("101",))))
        await send(box, 1, msgspec.Raw(encode(half)))
        status, price = await box.call("GET", f"/api/v1/prices?code={ROLL}")
        assert (status, price["price_minor"], price["now_minor"]) == (200, 45, 22)
        assert [each["name"] for each in price["promotions"]] == ["Half price"]
        status, refusal = await box.call("GET", "/api/v1/prices?code=nothing")
        assert (status, refusal["code"]) == (404, "unknown_code")
        assert (await box.view())["price_check"] is None


async def test_a_price_check_is_for_the_customer_whose_sale_the_till_has(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        reference = box.edge.access.reference
        books = (GroupBook("trade", "Trade", 0, "trade"),)
        await take(box, Feed.CONFIG, "store", replace(reference.store, group_books=books))
        await take(box, Feed.PRICE, "trade/101", Price("101", 40, "trade"))
        await take(box, Feed.CUSTOMER, "HARB-0001", Customer("HARB-0001", "Inn", (), ("trade",)))

        async def asked() -> tuple[int, str, int | None]:
            _, check = await box.call("POST", CHECK, {"code": ROLL})
            price = check["price"]
            return price["now_minor"], price.get("book", ""), price.get("book_minor")

        assert await asked() == (45, "", None)
        await box.command("add_item", code=ROLL)
        await box.command("set_customer", customer="HARB-0001")
        assert await asked() == (40, "Trade", 40)
        (line,) = (await box.view())["lines"]
        assert (line["listed_minor"], line["amount_minor"]) == (45, 40)
        assert line["reductions"] == [
            {"source": "price_book", "name": "Trade", "amount_minor": 5, "price_minor": 40}
        ]
        await box.command("take_cash", amount_minor=40)
        assert (await box.view())["state"] == "done"
        assert await asked() == (45, "", None)  # that customer has gone


async def take(box: Box, feed: Feed, key: str, value: object) -> None:
    """Let the box take one more item of a feed."""
    reference = box.edge.access.reference
    cursor = reference.cursors[feed] + 1
    item = FeedItem(key, cursor, msgspec.Raw(encode(value)))
    await reference.apply(FeedPage(feed, (item,), cursor))


class InterruptedClock(FakeClock):
    """Somebody looks a price up in the middle of the first sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Any = None

    async def sleep(self, seconds: float) -> None:
        if self.meanwhile is not None:
            self.elapsed_ms += 1_000
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
            seconds -= 1
        await super().sleep(seconds)


async def test_a_price_check_ends_once_nobody_used_it_for_long() -> None:
    clock, published, works = InterruptedClock(), [], []
    selling = SimpleNamespace(views=SimpleNamespace(publish=published.append))
    tasks = SimpleNamespace(spawn=lambda _name, work: works.append(work))
    checks = PriceChecks(cast("Any", selling), clock, cast("Any", tasks))
    till = Till("till-1")
    checks.look(till, "")
    clock.meanwhile = lambda: checks.look(till, "")
    (work,) = works
    await asyncio.wait_for(work, 5)
    assert till.price_check is None
    assert clock.elapsed_ms == 1_000 + PRICE_CHECK_S_MAX * 1_000
    assert len(published) == 3
    checks.look(till, "")  # and it can begin again
    assert len(works) == 2
    works[1].close()
