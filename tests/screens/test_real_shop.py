"""A handful of key screens against the real shop: the processes, the wires, and the paper."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.screens.conftest import CHROMIUM, FLAGS
from tests.screens.till_page import SIZES, SLOW_MS
from tests.whole_shop.demo_shop import Shop, demo_shop, eventually

pytestmark = [
    pytest.mark.screens,
    pytest.mark.whole_shop,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("real_shop_screens"),
    pytest.mark.timeout(240),
]

WAIT_MS: Final = 30_000
"""The machine may be busy: a screen is waited for as long as a person would wait."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real_shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """The shop, started once; its one till is enrolled by the first page."""
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    async with demo_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def enrolled(
    chromium: Browser, real_shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A till enrolled through its address, as a person opens it: what the browser then keeps."""
    kept = tmp_path_factory.mktemp("browser") / "state.json"
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(real_shop.ready["till_url"])
    await state(page, "signin")
    await context.storage_state(path=kept)
    await context.close()
    return kept


@pytest_asyncio.fixture(loop_scope="module")
async def shop(real_shop: Shop) -> Shop:
    """The shop with everything well and an empty till."""
    await real_shop.counter("POST", "printer", {"paper": "ok"})
    await real_shop.counter("POST", "terminal", {"next": "approve"})
    await real_shop.clear()
    await real_shop.until_well()
    return real_shop


async def state(page: Page, wanted: str) -> None:
    await expect(page.locator("body")).to_have_attribute("data-state", wanted, timeout=WAIT_MS)


async def signed_in(
    browser: Browser, shop: Shop, kept: Path, *, size: str = "laptop", language: str = ""
) -> Page:
    """Open the till at a size and sign Marta in; she may choose another language."""
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        locale="en-GB",
        storage_state=kept,
        has_touch=size == "phone",
        is_mobile=size == "phone",
    )
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    await page.goto(f"{shop.ready['till_url'].partition('#')[0]}")
    await state(page, "signin")
    await page.locator(".people .key", has_text="Marta").click()
    await keys(page, *shop.ready["pins"]["marta"], "Enter")
    await state(page, "idle")
    await expect(page.locator(".tile").first).to_be_attached()
    if language:
        await page.locator(".who").click()
        await page.locator(".sheet select").select_option(language)
        await page.keyboard.press("Escape")
        await expect(page.locator("html")).to_have_attribute("lang", language)
    return page


async def keys(page: Page, *pressed: str) -> None:
    """Press keys as a person does: what is faster is a scanner."""
    for key in pressed:
        await page.keyboard.press(key)
        await page.wait_for_timeout(SLOW_MS)


async def paper_after(shop: Shop, printed: int) -> str:
    """Wait for the next receipt out of the printer and return its text."""

    async def attempt() -> str | None:
        papers = await shop.papers()
        return papers[-1] if len(papers) > printed else None

    paper: str = await eventually(attempt, what="the receipt comes out")
    return paper


async def test_a_sale_by_keyboard_alone(chromium: Browser, shop: Shop, enrolled: Path) -> None:
    printed, pulses = len(await shop.papers()), await shop.counter("GET", "drawer")
    page = await signed_in(chromium, shop, enrolled)
    first, second = shop.goods[0], shop.goods[1]
    await keys(page, "F2", *first["code"], "Enter")
    await state(page, "sell")
    await page.evaluate("document.activeElement.blur()")
    await keys(page, "+", "+")
    await expect(page.locator(".line--on .line__n")).to_have_text("3")
    await keys(page, "F2", *second["code"], "Enter")
    await expect(page.locator(".line")).to_have_count(2)
    total = 3 * first["price_minor"] + second["price_minor"]
    await keys(page, "F9")
    await state(page, "paying")
    await keys(page, *"5000", "F9")
    await state(page, "change")
    change = f"€{(5000 - total) / 100:.2f}"
    await expect(page.locator(".huge")).to_have_text(change)
    paper = await paper_after(shop, printed)
    assert first["name"] in paper
    assert second["name"] in paper
    assert f"{total / 100:.2f}" in paper
    assert f"{(5000 - total) / 100:.2f}" in paper
    assert (await shop.counter("GET", "drawer"))["pulses"] == pulses["pulses"] + 1
    await keys(page, "Enter")
    await state(page, "idle")
    await page.context.close()


@pytest.mark.parametrize("language", ["", "ar"])
async def test_a_sale_by_touch_on_a_phone(
    chromium: Browser, shop: Shop, enrolled: Path, language: str
) -> None:
    printed, booked = len(await shop.papers()), len(await shop.booked())
    page = await signed_in(chromium, shop, enrolled, size="phone", language=language)
    await page.locator(".panes .tab").nth(1).tap()
    tile = page.locator(".tile").first
    name = await tile.locator(".name").inner_text()
    await tile.tap()
    await state(page, "sell")
    await page.locator(".panes .tab").first.tap()
    row = page.locator(".line--on")
    await row.locator(".line__do .key").nth(1).tap()
    await expect(row.locator(".line__n")).to_have_text("2")
    await expect(page.locator(".slip__says .notice")).to_contain_text(name)
    await page.locator(".totals .key--pay").tap()
    await state(page, "paying")
    await page.locator(".ways .key").nth(1).tap()
    await page.locator(".cashier .key--pay").tap()
    await state(page, "change")
    paper = await paper_after(shop, printed)
    assert name.replace("\u00a0", " ") in paper
    assert len(await shop.booked()) == booked + 1
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    direction = await page.evaluate("document.documentElement.dir")
    assert direction == ("rtl" if language == "ar" else "ltr")
    await page.locator(".after .key--primary").tap()
    await state(page, "idle")
    await page.context.close()


async def test_a_printer_without_paper_is_said_and_the_receipt_comes_later(
    chromium: Browser, shop: Shop, enrolled: Path
) -> None:
    printed = len(await shop.papers())
    page = await signed_in(chromium, shop, enrolled, size="tablet")
    await shop.counter("POST", "printer", {"paper": "out"})
    await expect(page.locator(".link--person")).to_be_visible(timeout=WAIT_MS)
    await shop.scan(shop.goods[0]["code"])
    await state(page, "sell")
    await keys(page, "F9", "F9")
    await state(page, "change")
    notice = page.locator(".desk--change .notice")
    await expect(notice).to_contain_text("The sale is safe; the receipt waits.", timeout=WAIT_MS)
    assert len(await shop.papers()) == printed
    await shop.counter("POST", "printer", {"paper": "ok"})
    assert shop.goods[0]["name"] in await paper_after(shop, printed)
    await expect(page.locator(".bigslip")).to_contain_text("printed", timeout=WAIT_MS)
    await keys(page, "Enter")
    await state(page, "idle")
    await page.context.close()


async def test_parked_taken_up_and_paid_with_a_gift_card_and_foreign_notes(
    chromium: Browser, shop: Shop, enrolled: Path
) -> None:
    printed = len(await shop.papers())
    page = await signed_in(chromium, shop, enrolled)
    await shop.scan(shop.goods[0]["code"])
    await state(page, "sell")
    await keys(page, "F4", *"Ines", "Enter")
    await state(page, "idle")
    await expect(page.locator(".waits")).to_contain_text("1 sale is parked")
    await keys(page, "F5")
    await expect(page.locator(".parked__key")).to_contain_text("Ines")
    await keys(page, "Enter")
    await state(page, "sell")
    await keys(page, "F9")
    left = page.locator(".tenders .left .money")
    due = int(await left.get_attribute("value") or "") - 10
    await keys(page, "Alt+3", *"GC-0042", "Tab", *"10", "Enter")
    await expect(page.locator(".approval")).to_be_visible()
    await keys(page, *shop.ready["pins"]["pawel"], "Enter")
    await expect(left).to_have_attribute("value", str(due), timeout=WAIT_MS)
    await keys(page, "Alt+8", *"10000", "F9")
    await state(page, "change")
    await expect(page.locator(".huge")).to_have_attribute("value", str(8500 - due))
    paper = await paper_after(shop, printed)
    for words in ("Gift card", "GC-0042", "Cash USD 100.00", f"{(8500 - due) / 100:.2f}"):
        assert words in paper
    await keys(page, "Enter")
    await state(page, "idle")
    await page.context.close()


async def test_sold_brought_back_by_its_number_and_the_cash_given_back(
    chromium: Browser, shop: Shop, enrolled: Path
) -> None:
    printed, pulses = len(await shop.papers()), (await shop.counter("GET", "drawer"))["pulses"]
    page = await signed_in(chromium, shop, enrolled)
    good = shop.goods[0]
    await keys(page, "F2", *good["code"], "Enter")
    await state(page, "sell")
    await keys(page, "F9", "F9")
    await state(page, "change")
    await paper_after(shop, printed)
    number = (await shop.view())["receipt_number"]
    await keys(page, "F1", *number.rpartition("-")[2], "Enter")  # over the finished sale
    await expect(page.locator(".sold__head")).to_contain_text(number)
    await keys(page, "Space", "Alt+1", "Enter")
    await expect(page.locator(".line--back .line__why")).to_contain_text(number)
    await state(page, "sell")
    await keys(page, "F9")
    await state(page, "paying")
    await expect(page.locator('.ways [aria-pressed="true"] small')).to_be_visible()
    await keys(page, "F9")
    await state(page, "change")
    await expect(page.locator(".huge")).to_have_attribute("value", str(good["price_minor"]))
    paper = await paper_after(shop, printed + 1)
    for words in (good["name"], number, f"{good['price_minor'] / 100:.2f}"):
        assert words in paper
    assert (await shop.counter("GET", "drawer"))["pulses"] == pulses + 2
    await keys(page, "Enter")
    await state(page, "idle")
    await page.context.close()

    page = await signed_in(chromium, shop, enrolled, size="phone")  # by touch: all of it is back
    await page.locator(".panes .tab").nth(1).tap()
    await page.locator(".acts .key", has_text="Return").tap()
    for digit in number.rpartition("-")[2]:
        await page.locator(".return .keypad .key", has_text=digit).tap()
    await page.locator(".hand__go").tap()
    await expect(page.locator(".return--sold [role=status]")).to_contain_text("came back already")
    code = f"TILLBOX1|{number}|another-sale|1|EUR"
    await shop.scan(code)  # the box's own scanner
    await expect(page.locator(".field__fault")).to_contain_text("another shop")
    await page.context.close()


async def test_the_customer_display_follows_before_sign_in_and_through_a_restart(
    chromium: Browser, shop: Shop, enrolled: Path
) -> None:
    context = await chromium.new_context(locale="en-GB", storage_state=enrolled)
    facing = await context.new_page()
    facing.set_default_timeout(WAIT_MS)
    await facing.goto(f"{shop.ready['till_url'].partition('/till/')[0]}/display")
    total = facing.locator(".sum__huge")
    # before anybody opens this till; tests before this one may have left somebody signed in
    await expect(facing.locator("body")).to_have_attribute("data-state", re.compile("closed|ready"))
    page = await signed_in(chromium, shop, enrolled)
    await state(facing, "ready")
    good = shop.goods[0]
    await shop.scan(good["code"])
    await state(facing, "selling")
    await expect(facing.locator(".last__name")).to_have_text(good["name"].replace(" l", "\u00a0l"))
    await expect(total).to_have_attribute("value", str(good["price_minor"]))
    old = shop.kill("edge")
    await state(facing, "lost")
    await expect(facing.locator(".money")).to_have_count(0)
    await shop.until_restarted("edge", old)
    await state(facing, "selling")
    await expect(total).to_have_attribute("value", str(good["price_minor"]))
    await shop.until_devices_well()
    await page.bring_to_front()
    # the display was back first: until the till is too, it refuses to take money
    await expect(page.locator(".top__signs .link").last).to_contain_text("All well")
    await keys(page, "F9", "F9")
    await state(facing, "done")
    picture = facing.locator(".code img")
    await expect(picture).to_have_js_property("complete", value=True)
    assert await picture.evaluate("image => image.naturalWidth") > 0
    await keys(page, "Enter")
    await state(facing, "ready")
    await page.context.close()
    await context.close()


async def test_the_speed_of_the_real_shop_is_written_down(
    chromium: Browser, shop: Shop, enrolled: Path, record_property: pytest.RecordProperty
) -> None:
    page = await signed_in(chromium, shop, enrolled)
    await page.reload()
    await state(page, "idle")
    await expect(page.locator(".tile").first).to_be_visible()
    await page.evaluate((Path(__file__).parent / "figures.js").read_text("utf-8"))
    scans = int(os.environ.get("TILLBOX_SCREEN_SCANS", "12"))
    for number in range(scans):
        await shop.scan(shop.goods[number % 10]["code"])
        await expect(page.locator(".line")).to_have_count(number + 1, timeout=WAIT_MS)
    for _ in range(5):
        await page.locator(".tile").nth(2).click()
    await expect(page.locator(".line")).to_have_count(scans + 5, timeout=WAIT_MS)
    await keys(page, "F9")
    await state(page, "paying")
    figures = await page.evaluate("figures.now()")
    for name, value in figures.items():
        record_property(name, value)
        print(name, value)
    assert figures["cls"] < 0.1, figures["shifts"]
    assert figures["shifts"] == []
    await keys(page, "Escape")
    await shop.clear()
    await page.context.close()
