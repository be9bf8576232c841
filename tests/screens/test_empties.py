"""Deposits on the slip, and the desk where empties come back: by touch and by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from edge.contract.till_commands import ReturnEmpties
from tests.screens.by_hand_page import approve_by_keyboard
from tests.screens.fake_box import FakeBox
from tests.screens.looks import DESK_LOOKS, Looks
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

LAGER: Final = "9520011640930"
BOTTLE: Final = "100323"
DESK: Final = ".empties"


def empties(box: FakeBox) -> list[tuple[str, int]]:
    back = [each for each in box.commands if isinstance(each, ReturnEmpties)]
    return [(each.code, each.quantity) for each in back]


async def test_the_deposit_stands_below_its_goods_and_goes_with_them(
    till: TillPage, box: FakeBox
) -> None:
    page = till.page
    await box.scan(LAGER)
    await expect(page.locator(".line")).to_have_count(2)
    await till.message("Added: Lager")
    await expect(page.locator(".line--on .line__name")).to_have_text("Lager 0.33\u00a0l")
    await expect(page.locator(".totals")).to_contain_text("1 article")
    await page.locator(".line--bound").click()
    await expect(page.locator(".line--bound .line__do")).to_have_count(0)
    await page.keyboard.press("Delete")
    await till.message("Bottle deposit follows its goods")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Delete")
    await expect(page.locator(".line--void")).to_have_count(2)


async def test_by_touch_scans_are_empties_until_it_is_done(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await page.get_by_role("button", name="More").click()
    await page.get_by_role("button", name="Empties").click()
    await expect(page.locator(DESK)).to_be_visible()
    await box.scan(LAGER)
    await expect(page.locator(".line--back")).to_have_count(1)
    await page.locator(".empties .key", has_text="Crate").click()
    await expect(page.locator(".empties .amount")).to_contain_text("2 came back")
    await expect(page.locator(".empties .amount output")).to_have_text("€3.18")
    await page.get_by_role("button", name="Done with empties").click()
    await expect(page.locator(DESK)).to_have_count(0)
    await box.scan("9520000079192")
    await expect(page.locator(".line:not(.line--back)")).to_have_count(1)
    assert empties(box) == [(LAGER, 1000), ("100324", 1000)]


async def test_by_keyboard_six_bottles(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await page.keyboard.press("Insert")
    await expect(page.locator(DESK)).to_be_visible()
    await till.type("6*")
    await till.type(BOTTLE)
    await page.keyboard.press("Enter")
    await expect(page.locator(".empties .amount output")).to_have_text("€0.48")
    assert empties(box) == [(BOTTLE, 6000)]
    await page.keyboard.press("Escape")
    await expect(page.locator(DESK)).to_have_count(0)


async def test_a_supervisor_approves_what_is_over_the_limit(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await page.keyboard.press("Insert")
    await till.type("9*")
    await till.type("100324")
    await page.keyboard.press("Enter")
    await approve_by_keyboard(till, box)
    await expect(page.locator(".empties .amount output")).to_have_text("€27.90")


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    till, page = looks.till, looks.till.page
    await box.scan(LAGER)
    await till.state("sell")
    await page.keyboard.press("Insert")
    await expect(page.locator(DESK)).to_be_visible()
    await box.scan(LAGER)
    await box.scan(BOTTLE)
    await expect(page.locator(".line--back")).to_have_count(2)
    await looks.at("empties")
    if await page.locator(".panes").is_visible():
        await page.locator(".panes .tab").first.click()
    await looks.at("empties-slip")
    assert till.defects == []
