"""Goods looked up at head office by serial and lot, and what their lines carry, in Chromium."""

from __future__ import annotations

import csv
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from edge.contract.age_events import AgeChecked
from edge.contract.price_events import NoteSet, PriceOverridden
from tests.sync.office.head_office import Box, Served
from tests.sync.office.office_page import (
    PASSWORD,
    OfficePage,
    connected,
    head_office,
    running_browser,
)
from tests.sync.office.test_details import DRILL, EVERYTHING, MILK, came_back, line, sold

pytestmark = pytest.mark.screens
HOSTILE = "=<img src=x onerror=alert(1)>,\"'\r\n\u202e"
SHOTS = os.environ.get("TILLBOX_SHOTS", "")
"""A folder for pictures of what these tests see; none are made without it."""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as browser:
        yield browser


@pytest.fixture
async def served(tmp_path: Path, box: Box) -> AsyncIterator[Served]:
    far = Box("far-away", 2)
    far.record(*sold("m", line("m", "1", **MILK, quantity=2_000)))
    box.record(*EVERYTHING)
    box.record(*sold("m", line("m", "1", **MILK), line("m", "2")))
    box.record(*sold("b", came_back("b", "1", **{**DRILL, "receipt": "till-1-s"})))
    hostile = {"lot": HOSTILE, "name": HOSTILE, "expires": HOSTILE, "sku": "@SUM(1)"}
    box.record(
        *sold(
            "h",
            line("h", "1", **hostile),
            NoteSet(sale="h", line="1", text=HOSTILE),
            NoteSet(sale="h", text=HOSTILE),
            PriceOverridden(
                sale="h", line="1", price_minor=1, amount_minor=1, reason=HOSTILE, approver="p"
            ),
            AgeChecked(sale="h", minimum_age=16),
        )
    )
    async with head_office(tmp_path, box, far) as served:
        for each in (box, far):
            async with connected(served, each) as shop:
                await shop.send()
        yield served


@pytest.fixture
async def office(browser: Browser, served: Served) -> AsyncIterator[OfficePage]:
    office = await OfficePage.open(browser, served.url)
    await office.sign_in()
    yield office
    assert office.defects == []


async def look(office: OfficePage, name: str) -> None:
    if SHOTS:
        await office.page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


async def find(office: OfficePage, number: str) -> None:
    await office.page.get_by_label("Serial or lot number").fill(number)
    await office.page.keyboard.press("Enter")


async def test_a_recall_by_lot_finds_every_shop_and_saves_what_it_shows(
    office: OfficePage,
) -> None:
    page = office.page
    await find(office, " ")
    region = page.get_by_role("region", name="Find goods that were sold")
    await expect(region.get_by_role("alert")).to_have_text("Type the serial or lot number first.")
    await find(office, "none")
    await expect(region.get_by_role("status")).to_have_text(
        "No sale here had goods with the number none."
    )
    await expect(region.get_by_role("alert")).to_have_text("")
    await find(office, "l2611")
    await expect(region.get_by_role("status")).to_have_text("3 lines had the number l2611.")
    rows = region.locator("tbody tr")
    await expect(rows).to_have_count(3)
    await expect(rows.nth(2)).to_contain_text("Far-Away")
    await expect(rows.nth(2)).to_contain_text("Expires Dec 5, 2026")
    await look(office, "recall")
    async with page.expect_download() as waiting:
        await region.get_by_role("button", name="CSV").click()
    download = await waiting.value
    assert download.suggested_filename == "goods-l2611.csv"
    with Path(await download.path()).open(newline="", encoding="utf-8") as file:
        saved = list(csv.DictReader(file))
    assert [(row["store"], row["receipt"], row["quantity"], row["lot"]) for row in saved] == [
        ("harbour-street", "till-1-s", "1", "L2611"),
        ("harbour-street", "till-1-m", "1", "L2611"),
        ("far-away", "till-1-m", "2", "L2611"),
    ]
    shown = [await row.locator("td, th").all_inner_texts() for row in await rows.all()]
    assert [cells[0] for cells in shown] == [row["receipt"] for row in saved]
    assert [cells[4] for cells in shown] == [row["quantity"] for row in saved]


async def test_a_serial_number_has_its_sale_and_its_return(office: OfficePage) -> None:
    await find(office, DRILL["serial"])
    rows = office.page.locator(".find tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(1)).to_contain_text("Came back")
    opener = rows.nth(0).get_by_role("button")
    await opener.press("Enter")
    sheet = office.page.get_by_role("dialog", name="Receipt till-1-s")
    for words in (
        "Serial number SN-4711-a",
        "Note: no wrap",
        "Lot number L2611",
        "Expires Dec 5, 2026",
        "Sold from 18 years on",
        "Net weight, 12 g of tare taken off",
        "Price typed in · approved by pawel",
        "Price set by hand · shelf label · approved by pawel",
        "dented · approved by pia",
        "Voided: age",
        "Came back · broken · approved by pia",
        "Deposit",
        "Empties",
        "voucher · approved by pia",
        "Age worked out from the birth date, which is not kept: at least 18",
        "Note: for the fair",
    ):
        await expect(sheet).to_contain_text(words)
    await look(office, "sale")
    await office.page.keyboard.press("Escape")
    await expect(opener).to_be_focused()


async def test_hostile_numbers_and_notes_are_only_letters(
    office: OfficePage, served: Served
) -> None:
    page = office.page
    await page.get_by_label("Serial or lot number").evaluate(
        "(field, text) => { field.value = text; }", HOSTILE
    )
    typed = await page.get_by_label("Serial or lot number").input_value()
    await served.office.file.write(
        lambda connection: connection.execute(
            "UPDATE line_detail SET lot = ? WHERE sale = 'h'", (typed,)
        )
    )
    await page.get_by_label("Serial or lot number").press("Enter")
    rows = page.locator(".find tbody tr")
    await expect(rows).to_have_count(1)
    async with page.expect_download() as waiting:
        await page.locator(".find").get_by_role("button", name="CSV").click()
    with Path(await (await waiting.value).path()).open(newline="", encoding="utf-8") as file:
        (saved,) = list(csv.DictReader(file))
    assert saved["name"] == saved["note"] == "'" + HOSTILE
    assert saved["sku"] == "'@SUM(1)"
    await rows.get_by_role("button").click()
    sheet = page.get_by_role("dialog")
    await expect(sheet).to_contain_text("Age seen: at least 16")
    for place in (sheet, page.locator(".find")):
        assert await place.locator("img, script").count() == 0
    wide = "document.documentElement.scrollWidth - innerWidth"
    for width in (1366, 390):
        await page.set_viewport_size({"width": width, "height": 768})
        assert await page.evaluate(wide) <= 0
        assert await sheet.evaluate("shown => shown.scrollWidth - shown.clientWidth") <= 0


async def test_silence_and_refusals_are_said(office: OfficePage) -> None:
    page = office.page
    alert = page.locator(".find").get_by_role("alert")
    await page.route("**/api/v1/sales?tracked=*", lambda route: route.abort())
    await find(office, "L2611")
    await expect(alert).to_contain_text("Head office does not answer; nothing was looked up.")
    await page.unroute("**/api/v1/sales?tracked=*")
    await page.route(
        "**/api/v1/sales?tracked=*",
        lambda route: route.fulfill(status=400, json={"code": "odd", "message": "", "advice": ""}),
    )
    await find(office, "L2611")
    await expect(alert).to_have_text("Head office refused this (odd).")
    await page.unroute("**/api/v1/sales?tracked=*")
    await find(office, "L2611")
    await expect(page.locator(".find tbody tr")).to_have_count(3)
    await expect(alert).to_have_text("")


@pytest.mark.parametrize(
    ("width", "height", "theme", "locale"),
    [(1366, 768, "light", "en-GB"), (390, 844, "light", "ar-EG"), (390, 844, "dark", "pl-PL")],
)
async def test_every_size_and_direction_is_sound(
    browser: Browser, served: Served, width: int, height: int, theme: str, locale: str
) -> None:
    office = await OfficePage.open(
        browser,
        served.url,
        viewport={"width": width, "height": height},
        color_scheme=theme,
        locale=locale,
        reduced_motion="reduce",
    )
    page = office.page
    await page.locator("#in-user").fill("head")
    await page.locator("#in-password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("#find-number").fill("L2611")
    await page.keyboard.press("Enter")
    await expect(page.locator(".find tbody tr")).to_have_count(3)
    small = """[...document.querySelectorAll('.find :is(button, input)')].filter((each) => {
        const { width, height } = each.getBoundingClientRect(); return width < 44 || height < 44;
    }).map((each) => each.outerHTML)"""
    assert await page.evaluate(small) == []
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await look(office, f"find-{width}-{locale}")
    await page.locator(".find tbody button").first.click()
    await look(office, f"sheet-{width}-{locale}")
    words = await page.locator(".sale").inner_text()
    assert "undefined" not in words
    assert "{" not in words
    assert office.defects == []
