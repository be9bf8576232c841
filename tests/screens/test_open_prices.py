"""Typed prices: a department's key, what the box asks for, an unknown code, a second person."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from edge.contract.till_commands import AddItem
from tests.screens.by_hand_page import approve_by_keyboard
from tests.screens.fake_box import FakeBox
from tests.screens.looks import DESK_LOOKS, Looks
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

BAKERY: Final = "100320"
ROLL: Final = "9520000079192"
UNKNOWN: Final = "9529999999993"
OUTPUT: Final = ".entry .amount output"


def typed(box: FakeBox) -> list[tuple[str, int, int | None, str]]:
    items = [each for each in box.commands if isinstance(each, AddItem)]
    return [(each.code, each.quantity, each.price_minor, each.unknown_code) for each in items]


async def test_by_touch_a_department_s_key_asks_its_price(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await page.get_by_role("tab", name="Bread and cakes").click()
    await page.locator(".tile", has_text="Bakery, other").click()
    await expect(page.locator(OUTPUT)).to_have_text("€0.00")
    await page.locator(".entry .key--primary").click()
    await till.message("Type what it costs first")
    for digit in "25":
        await page.locator(".entry .keypad .key", has_text=digit).first.click()
    await page.locator(".entry .keypad .key", has_text="00").click()
    await expect(page.locator(OUTPUT)).to_have_text("€25.00")
    await page.get_by_role("button", name="Erase").click()
    await page.locator(".entry .key--primary").click()
    await expect(page.locator(".entry")).to_have_count(0)
    assert typed(box) == [(BAKERY, 1000, 250, "")]
    await till.total("€2.50")


async def test_by_keyboard_three_of_them(till: TillPage, box: FakeBox) -> None:
    await till.type("3*")
    await till.type(BAKERY)
    await till.page.keyboard.press("Enter")
    await expect(till.page.locator(OUTPUT)).to_have_text("€0.00")
    await till.type("120")
    await expect(till.page.locator(".entry .key--primary")).to_contain_text("Add 3 \u00d7 €1.20")
    await till.page.keyboard.press("Enter")
    await till.total("€3.60")
    assert typed(box) == [(BAKERY, 3000, 120, "")]


async def test_the_search_says_that_the_price_is_typed(till: TillPage, box: FakeBox) -> None:
    await till.type("bakery, oth")
    found = till.page.locator(".found .key", has_text="Bakery, other")
    await expect(found).to_contain_text("price typed")
    await expect(till.page.locator(".found .key")).to_have_count(1)
    await till.page.keyboard.press("Enter")
    await till.type("99")
    await till.page.keyboard.press("Enter")
    await till.total("€0.99")
    assert typed(box) == [(BAKERY, 1000, 99, "")]


async def test_an_unknown_scan_is_sold_by_department(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await box.scan(ROLL)
    await till.total("€0.45")
    await box.scan(UNKNOWN)
    await page.get_by_role("button", name="Sell by department").click()
    await expect(page.locator(".departments li")).to_have_count(3)
    await till.type("1")
    await expect(page.locator(".entry")).to_contain_text(UNKNOWN)
    await till.type("199")
    await page.keyboard.press("Enter")
    await till.total("€2.44")
    assert typed(box)[-1] == (BAKERY, 1000, 199, UNKNOWN)
    await page.keyboard.press("Escape")


async def test_a_supervisor_approves_a_price_above_the_limit(till: TillPage, box: FakeBox) -> None:
    await box.scan(BAKERY)  # what a scanner reads of its shelf sheet
    await till.message("has no listed price")
    await till.type("10001")
    await till.page.keyboard.press("Enter")
    await approve_by_keyboard(till, box)
    await till.total("€100.01")
    await expect(till.page.locator(".entry")).to_have_count(0)


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    till, page = looks.till, looks.till.page
    await box.scan(UNKNOWN)
    await expect(page.locator(".notice .key:visible")).to_have_count(1)
    await looks.at("unknown")
    await page.locator(".notice .key:visible").first.click()
    await expect(page.locator(".departments")).to_be_visible()
    await looks.at("department")
    await page.locator(".departments .key").nth(2).click()
    await till.type("12345")
    await looks.at("open-price")
    assert till.defects == []
