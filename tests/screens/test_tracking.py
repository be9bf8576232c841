"""Serial and lot numbers at the till: scanned or typed, on the slip, once a sale."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from edge.contract.till_commands import AddItem
from tests.screens.fake_box import FakeBox
from tests.screens.looks import DESK_LOOKS, Looks
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

PHONE: Final = "100326"
MILK: Final = "100327"
FIELD: Final = "#track-number"


def numbers(box: FakeBox) -> list[tuple[str, str, str]]:
    items = [each for each in box.commands if isinstance(each, AddItem)]
    return [(each.code, each.serial, each.lot) for each in items]


async def test_the_scanner_of_the_till_reads_the_number_too(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await box.scan(PHONE)
    await expect(page.locator(".track")).to_be_visible()
    await box.scan("SN-0042")
    await expect(page.locator(".track")).to_have_count(0)
    await expect(page.locator(".line__why")).to_have_text("Serial number SN-0042")
    assert numbers(box) == [(PHONE, "SN-0042", "")]


async def test_a_wedge_scan_is_the_number(till: TillPage, box: FakeBox) -> None:
    await box.scan(PHONE)
    await expect(till.page.locator(FIELD)).to_be_focused()
    await till.wedge("SN-0043")
    await expect(till.page.locator(".line__why")).to_have_text("Serial number SN-0043")
    assert numbers(box) == [(PHONE, "SN-0043", "")]


async def test_by_keyboard_two_tins_of_one_lot(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await till.type("2*")
    await till.type(MILK)
    await page.keyboard.press("Enter")
    await expect(page.locator(FIELD)).to_be_focused()
    await page.keyboard.press("Enter")
    await till.message("Scan or type the number first")
    await till.type("L7A")
    await page.keyboard.press("Enter")
    await expect(page.locator(".line__n")).to_have_text("2")
    assert numbers(box) == [(MILK, "", "L7A")]


async def test_by_touch_the_same_phone_is_not_sold_twice(till: TillPage, box: FakeBox) -> None:
    page = till.page
    for _ in range(2):
        await box.scan(PHONE)
        await page.locator(FIELD).fill("SN-0044")
        await page.locator(".track .hand__go").click()
    await till.message("is in this sale already")
    await expect(page.locator(FIELD)).to_have_value("SN-0044")
    await page.get_by_role("button", name="Close").click()
    await expect(page.locator(".line")).to_have_count(1)
    await page.locator(".line").click()
    await expect(page.get_by_role("button", name="One more")).to_have_count(0)


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    till, page = looks.till, looks.till.page
    await box.scan(PHONE)
    await expect(page.locator(".track")).to_be_visible()
    await looks.at("track")
    await page.locator(FIELD).fill("SN-0042-ABCDEF-0123456789-LONG-ONE-40")
    await page.keyboard.press("Enter")
    await expect(page.locator(".track")).to_have_count(0)
    if await page.locator(".panes").is_visible():
        await page.locator(".panes .tab").first.click()
    await looks.at("track-slip")
    assert till.defects == []
