"""Sales of before, priced again: what does not change brings what it brought, to the last unit."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.contract.errors import Refused, SettingsInvalid
from edge.contract.promotion_data import (
    BasketAmountOff,
    Bundle,
    BundlePart,
    BuyGet,
    Hours,
    PercentOff,
    Promotion,
    Selection,
)
from edge.contract.reference_data import GroupBook, Price, PriceBook
from edge.runtime.system_clock import SystemClock
from sync.office import main as office_main
from sync.office.rehearsal import (
    ArticleEffect,
    KeptLines,
    PriceList,
    PromotionEffect,
    Rehearsal,
    moved,
    rehearse,
)
from sync.office.rehearsal_report import as_csv, as_text
from sync.office.sale_bodies import LineBody, ReductionBody, SaleBody, SalesBody
from tests.engine.shop_in_memory import (
    ARTICLES,
    CAKE_2_50,
    CHEESE_3_49,
    CHEESE_742_G,
    MILK,
    ROLL,
    SMALL,
    SOAP,
    TIPS,
    ShopInMemory,
    profile,
)
from tests.engine.till_in_memory import TillInMemory
from tests.sync.office.head_office import AT, Box, Served
from tests.sync.office.test_office_command import tillbox
from tests.sync.office.test_projector import _arrive

DEMO = Path(office_main.__file__).parent / "demo_shop"
LISBON = ZoneInfo("Europe/Lisbon")
FIRST = datetime.fromisoformat("2026-01-01T00:00")
PROMOTIONS = (
    Promotion("soap", "Soap for less", PercentOff(150_000, Selection(skus=("X1",)))),
    Promotion("milk", "3 for 2", BuyGet(2, 1, Selection(skus=("M1",)))),
    Promotion(
        "pair",
        "Roll and gum",
        Bundle(140, (BundlePart(1, Selection(skus=("R1",))), BundlePart(1, Selection(("S1",))))),
    ),
    Promotion("ten", "1.00 off from 10.00", BasketAmountOff(100, 1_000), priority=0),
    Promotion("club", "Members", PercentOff(50_000), groups=("club",), combines=True),
    Promotion("hello", "Welcome", BasketAmountOff(100), coupon="welcome"),
)


def prices_of(shop: ShopInMemory, **changed: int) -> PriceList:
    """Return a price list with a shop's own prices, but for some."""
    articles = {article.sku: article for article, _ in ARTICLES}
    prices = shop._prices | {sku: Price(sku, price) for sku, price in changed.items()}
    prices |= {price.key: price for price in shop.book_prices}
    taxes = {rule.code: rule for rule in shop.store.taxes}
    return PriceList(shop.store, LISBON, articles, prices, shop.promotions, taxes)


def a_sale(till: TillInMemory, chance: random.Random) -> None:
    """Sell something, with everything that people do to prices."""
    for _ in range(chance.randint(1, 7)):
        code = chance.choice((ROLL, MILK, SMALL, SOAP, CHEESE_742_G, CHEESE_3_49, CAKE_2_50))
        till.add(code, 1000 if code.startswith("2") else 1000 * chance.randint(1, 4))
    if chance.random() < 0.4:
        till.customer("K7Q4-M2XD")
    for code in ("WELCOME-17", "WELCOME-18"):
        if till.books.coupon(code) is None and chance.random() < 0.3:
            till.coupon(code)
            break
    live = [line.line_id for line in till.cart.lines if not line.voided]
    if chance.random() < 0.3 and len(live) > 1:
        till.void(live.pop(chance.randrange(len(live))))
    if chance.random() < 0.3:
        till.override(chance.choice(live), chance.randint(0, 500))
    if chance.random() < 0.4:
        line = chance.choice(live) if chance.random() < 0.5 else None
        till.discount(line, ppm=chance.randint(1, 400_000))
    if till.cart.total_minor % 3 == 1:  # what the staff got is no takings: left alone
        till.tip(50)
    if till.cart.due_minor:
        till.cash(till.cart.due_minor)
    else:  # a coupon took all off
        till.settle()
    till.next_sale()


async def sales_of(served: Served, box: Box, till: TillInMemory) -> tuple[SaleBody, ...]:
    box.record(*(event for event, _ in till.history))
    await _arrive(served, box)
    _, body = await served.ask("GET", "/api/v1/sales?store=harbour-street")
    return msgspec.convert(body, SalesBody).sales


@pytest.mark.parametrize("seed", [None, 933_244_863])  # the second: a basket that costs nothing
@pytest.mark.parametrize("included", [True, False])
async def test_prices_that_do_not_change_bring_what_they_brought(
    served: Served, box: Box, included: bool, seed: int | None
) -> None:
    seed = random.randrange(1 << 30) if seed is None else seed
    print(f"seed {seed}")
    books = (GroupBook("club-a", "Club", 0, "club"), GroupBook("club-b", "Later", AT * 2, "club"))
    shop = ShopInMemory(
        replace(profile(included=included, tips=TIPS), group_books=books),
        PROMOTIONS,
        book_prices=(
            Price("X1", 80, "club-a"),
            Price("C1", 1_700, "club-a"),
            Price("M1", 1, "club-b"),
        ),
    )
    till = TillInMemory(shop)
    till.role = "supervisor"
    chance = random.Random(seed)
    for _ in range(40):
        a_sale(till, chance)
    sales = await sales_of(served, box, till)
    assert len(sales) == 40
    assert {sale.tip_minor for sale in sales} == {0, 50}
    for sale in sales:
        assert sale.opened_at
        alone = rehearse([sale], prices_of(shop), store="s", from_day="", at_ms=0)
        assert alone.before_minor == alone.after_minor == sale.total_minor, sale
    found = rehearse(sales, prices_of(shop), store="s", from_day="2026-11-18", at_ms=0)
    assert (found.sales, found.dearer, found.cheaper) == (40, 0, 0)
    assert found.before_minor == found.after_minor == sum(sale.total_minor for sale in sales)
    assert all(each.before_minor == each.after_minor for each in found.articles)
    told = {
        (each.id, sale.sale_id): 0 for sale in sales for line in sale.lines
        for each in line.reductions if each.source != "discount"
    }  # fmt: skip
    assert {"club", "club-a", "hello"} <= {each.id for each in found.promotions}
    assert sum(each.sales for each in found.promotions) == len(told)
    assert sum(each.amount_minor for each in found.promotions) == sum(
        each.amount_minor for sale in sales for line in sale.lines if not line.voided
        for each in line.reductions if each.source != "discount"
    )  # fmt: skip


async def test_a_new_book_of_a_group_is_for_the_sales_of_its_customers_alone(
    served: Served, box: Box
) -> None:
    till = TillInMemory(ShopInMemory())
    for customer in ("K7Q4-M2XD", ""):
        if customer:
            till.customer(customer)
        till.add(MILK, 2000)
        till.cash(258)
        till.next_sale()
    sales = await sales_of(served, box, till)
    begins = AT + 86_400_000
    books = (
        GroupBook("club-1", "Club prices", begins, "club"),
        GroupBook("trade-1", "Nobody's of these sales", begins, "trade"),
    )
    shop = ShopInMemory(
        replace(profile(), group_books=books),
        book_prices=(Price("M1", 100, "club-1"), Price("M1", 1, "trade-1")),
    )
    prices = prices_of(shop)
    assert prices.begins_ms == begins
    found = rehearse(sales, prices, store="s", from_day="", at_ms=prices.begins_ms)
    assert (found.before_minor, found.after_minor, found.cheaper, found.dearer) == (516, 458, 1, 0)
    assert found.promotions == (PromotionEffect("club-1", "Club prices", 1, 58),)


async def test_what_a_dearer_roll_and_a_new_promotion_would_bring(served: Served, box: Box) -> None:
    shop = ShopInMemory()
    till = TillInMemory(shop)
    till.role = "supervisor"
    # four rolls; a roll at a price by hand, one taken back, cheese by label; milk with 20 % off
    till.add(ROLL, 4000)
    till.cash(180)
    till.next_sale()
    till.add(ROLL)
    till.override("1", 10)
    till.add(ROLL)
    till.void("2")
    till.add(CHEESE_3_49)
    till.add(CHEESE_742_G)
    till.cash(till.cart.total_minor)
    till.next_sale()
    till.add(MILK, 2000)
    till.discount(ppm=200_000)
    till.cash(till.cart.total_minor)
    till.next_sale()
    # and one of the four rolls comes back
    till.bring_back("till-1-000001", quantity=1000)
    till.give(45)
    sales = await sales_of(served, box, till)
    new = prices_of(shop, R1=50, C1=2_000)._replace(
        promotions=(Promotion("m", "Milk day", PercentOff(500_000, Selection(skus=("M1",)))),)
    )
    found = rehearse(sales, new, store="s", from_day="2026-11-18", at_ms=0)
    # rolls 4 x 5 more; cheese 0.742 kg at 20.00 in place of 18.90; milk half of 2.58, and the
    # 0.52 that a person took off
    assert found == Rehearsal(
        store="s", currency="EUR", from_day="2026-11-18", at_ms=0, book="", sales=4,
        dearer=2, cheaper=1,
        before_minor=180 + (10 + 349 + 1402) + 206, after_minor=200 + (10 + 349 + 1484) + 77,
        articles=(
            ArticleEffect("M1", "Whole milk 1 l", 2000, 206, 77),
            ArticleEffect("C1", "Aged cheese", 742 + 185, 1751, 1833),
            ArticleEffect("R1", "Bread roll", 5000, 190, 210),
        ),
        promotions=(PromotionEffect("m", "Milk day", 1, 129),),
        kept=(
            KeptLines("C1", "Aged cheese", "price_on_label", 1),
            KeptLines("R1", "Bread roll", "price_by_hand", 1),
        ),
    )  # fmt: skip


def sold(*lines: LineBody, total: int, **changed: Any) -> SaleBody:
    at = int(datetime(2026, 11, 18, 17, 30, tzinfo=LISBON).timestamp() * 1000)
    values = {"opened_at": at, "completed_at": at, "currency": "EUR", **changed}
    return SaleBody(
        sale_id="a", receipt_number="till-1-000001", store="s", till="till-1", cashier="",
        total_minor=total, change_minor=0, rounding_minor=0, day="2026-11-18",
        seq=1, arrival=1, lines=lines, tenders=(), taxes=(), **values,
    )  # fmt: skip


def line(sku: str, price: int, *, line_id: str = "1", **changed: Any) -> LineBody:
    plain = LineBody(
        line_id, sku, f"Old {sku}", 1000, "piece", price, price, "zero", 0,
        voided=False, listed_minor=price,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changed)


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (line("GONE", 70), "no_article"),
        (line("N1", 70), "no_price"),
        (line("T1", 70), "no_tax"),
        (line("C1", 70), "other_unit"),
        (line("M1", 70, overridden=True), "price_by_hand"),
        (line("M1", 70, entry="price_code"), "price_on_label"),
        (line("O1", 70), "price_typed"),
    ],
)
def test_what_cannot_be_priced_keeps_its_price_and_is_told(odd: LineBody, reason: str) -> None:
    sale = sold(odd, line("R1", 40, line_id="2"), total=110)
    found = rehearse([sale], prices_of(ShopInMemory()), store="s", from_day="d", at_ms=0)
    assert (found.before_minor, found.after_minor) == (110, 115)
    assert found.kept == (KeptLines(odd.sku, f"Old {odd.sku}", reason, 1),)


def test_promotions_for_everything_leave_deposits_and_typed_prices_alone() -> None:
    tenth = Promotion("tenth", "A tenth", PercentOff(100_000))
    sale = sold(
        line("P25", 25, line_id="1"), line("O1", 500, line_id="2"), line("R1", 45, line_id="3"),
        total=570,
    )  # fmt: skip
    prices = prices_of(ShopInMemory(promotions=(tenth,)))
    found = rehearse([sale], prices, store="s", from_day="d", at_ms=0)
    assert (found.before_minor, found.after_minor) == (570, 565)


def test_a_discount_by_hand_takes_no_line_below_nothing() -> None:
    given = (ReductionBody("discount", "1", "dented", 60),)
    sale = sold(line("R1", 100, amount_minor=40, reductions=given), total=40)
    found = rehearse([sale], prices_of(ShopInMemory()), store="s", from_day="d", at_ms=0)
    assert (found.before_minor, found.after_minor) == (40, 0)
    assert found.articles == (ArticleEffect("R1", "Old R1", 1000, 40, 0),)


def test_a_sale_in_other_money_is_refused() -> None:
    with pytest.raises(Refused, match="was in USD, the folder has prices in EUR"):
        rehearse(
            [sold(line("R1", 1), total=1, currency="USD")],
            prices_of(ShopInMemory()), store="s", from_day="d", at_ms=0,
        )  # fmt: skip


def test_a_book_and_a_happy_hour_are_those_of_the_week_it_is_moved_to() -> None:
    """A Wednesday at 17:30 becomes the first such one at which the book holds."""
    begins = int(datetime(2026, 12, 3, 8, 0, tzinfo=LISBON).timestamp() * 1000)
    books = (PriceBook("winter", "Winter", begins), PriceBook("later", "Later", begins + 10**10))
    shop = ShopInMemory(msgspec.structs.replace(profile(), price_books=books))
    happy = Promotion(
        "happy", "Happy hour", PercentOff(100_000),
        Hours(weekdays=(3,), from_minute=17 * 60, until_minute=18 * 60),
    )  # fmt: skip
    sad = msgspec.structs.replace(happy, id="sad", hours=Hours(weekdays=(4,)))
    prices = prices_of(shop)._replace(promotions=(happy, sad))
    prices = prices._replace(prices={**prices.prices, "winter/R1": Price("R1", 60, "winter")})
    found = rehearse(
        [sold(line("R1", 45), total=45)], prices, store="s", from_day="d", at_ms=begins
    )
    assert (found.after_minor, found.book) == (54, "winter")
    assert [each.id for each in found.promotions] == ["happy"]
    assert prices.begins_ms == begins + 10**10
    earlier = rehearse(
        [sold(line("R1", 45), total=45)], prices, store="s", from_day="d", at_ms=AT - 10**9
    )
    assert (earlier.book, earlier.articles[0].after_minor) == ("", 40)


@given(
    st.datetimes(FIRST, FIRST.replace(year=2028), timezones=st.just(LISBON)),
    st.integers(-(10**10), 10**11),
)
def test_a_moved_instant_keeps_weekday_and_clock_and_is_the_first(
    local: datetime, later_ms: int
) -> None:
    at = int(local.timestamp() * 1000)
    local = datetime.fromtimestamp(at / 1000, tz=LISBON)  # that hour may not exist
    found = moved(at, at + later_ms, LISBON)
    assert found >= at + later_ms
    then = datetime.fromtimestamp(found / 1000, tz=LISBON)
    assert found < max(at, at + later_ms) + 7 * 86_400_000 + 3_600_000
    clock = (local.weekday(), local.hour, local.minute, local.second)
    assert (found == at and later_ms <= 0) or (
        (then.weekday(), then.hour, then.minute, then.second) == clock
        or _does_not_exist(then, clock)
    )


def _does_not_exist(then: datetime, clock: tuple[int, ...]) -> bool:
    """Say whether the clocks go forward over this time of that day."""
    hour = then.replace(hour=clock[1], minute=clock[2], tzinfo=None).replace(tzinfo=LISBON)
    return hour.astimezone(ZoneInfo("UTC")).astimezone(LISBON).hour != clock[1]


# --- the report -------------------------------------------------------------------------------


def test_the_report_in_words_and_as_a_sheet() -> None:
    found = Rehearsal(
        store="s", currency="EUR", from_day="2026-11-18",
        at_ms=int(datetime(2026, 12, 1, 8, 0, tzinfo=LISBON).timestamp() * 1000), book="winter",
        sales=3, dearer=1, cheaper=1, before_minor=1000, after_minor=1005,
        articles=(
            *(ArticleEffect(f"{n}", f"Article {n}", 1000, 0, n) for n in range(1, 23)),
            ArticleEffect("=1", "@SUM(A1)", 742, 500, 400),
            ArticleEffect("8", "The same", 1000, 500, 500),
        ),
        promotions=(PromotionEffect("m", "Milk day", 2, 129),),
        kept=(KeptLines("R1", "Bread roll", "price_by_hand", 1),),
    )  # fmt: skip
    text = as_text(found, LISBON)
    assert text.splitlines()[:3] == [
        "s: 3 sales since 2026-11-18, priced as from 2026-12-01 08:00, price book winter.",
        "They brought 10.00 and would bring 10.05: +0.05 (+0.5 %).",
        "1 would cost more, 1 less, 1 the same.",
    ]
    assert "What changes most, the first 20 of 23" in text
    assert "1    Article 1      1     0.00         0.01   +0.01" in text
    assert "The same" not in text
    assert "m          Milk day      2      -1.29" in text
    assert "a person had set the price" in text
    rows = list(csv.reader(io.StringIO(as_csv(found))))
    assert len(rows) == 25
    assert rows[0] == ["sku", "name", "quantity", "before_minor", "after_minor", "currency"]
    assert rows[23] == ["=1", "'@SUM(A1)", "742", "500", "400", "EUR"]
    nothing = msgspec.structs.replace(
        found, sales=0, dearer=0, cheaper=0, before_minor=0, after_minor=0, articles=(),
        promotions=(), kept=(), book="",
    )  # fmt: skip
    assert as_text(nothing, LISBON).splitlines() == [
        "s: 0 sales since 2026-11-18, priced as from 2026-12-01 08:00, no price book.",
        "They brought 0.00 and would bring 0.00: 0.00.",
        "0 would cost more, 0 less, 0 the same.",
    ]


async def test_the_command_asks_head_office_and_changes_nothing(
    served: Served, box: Box, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse battery\n")
    await served.office.people.set_password("prices", "correct horse battery")
    box.sell("a", 45)
    box.sell("b", 45)
    await _arrive(served, box)
    day = next(iter(await served.sales()))["day"]
    assert len(await served.sales(f"?from_day={day}")) == 2
    tomorrow = (datetime.fromisoformat(day) + timedelta(days=1)).date()
    assert await served.sales(f"?from_day={tomorrow}") == []
    status, refusal = await served.ask("GET", "/api/v1/sales?from_day=soon")
    assert (status, refusal["code"]) == (400, "query_malformed")
    folder = tmp_path / "new"
    shutil.copytree(DEMO, folder)
    listed = (folder / "prices.csv").read_text()
    (folder / "prices.csv").write_text(listed.replace("100001,45\n", "100001,55\n"))
    days = (SystemClock().now_ms() - AT) // 86_400_000 + 3
    ask = ("--url", served.url, "--user", "prices", "--password-file", password, "--days", days)

    async def run(*more: str | Path) -> str:
        assert await asyncio.to_thread(tillbox, "rehearse", folder, *ask, *more) == 0
        return capsys.readouterr().out

    before = await served.sales()
    told = json.loads(await run("--json", "--csv", tmp_path / "effects.csv"))
    assert (told["sales"], told["before_minor"], told["after_minor"]) == (2, 90, 110)
    assert "100001,Bread roll,2000,90,110,EUR" in (tmp_path / "effects.csv").read_text()
    words = await run("--at", "2027-01-04T00:00")
    assert "priced as from 2027-01-04 00:00" in words
    assert "+0.20 (+22.2 %)" in words
    assert await served.sales() == before
    for at in ("soon", "2027-01-04T00:00+01:00"):
        with pytest.raises(SettingsInvalid, match="no local time"):
            await run("--at", at)
    with pytest.raises(SettingsInvalid, match="1 or more"):
        await asyncio.to_thread(tillbox, "rehearse", folder, *ask[:-1], 0)
