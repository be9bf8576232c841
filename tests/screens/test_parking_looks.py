"""The desks of parking and of the other tenders: every size, theme and direction."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.screens.by_hand_page import CROISSANT, LOAF, ROLL, selling
from tests.screens.fake_box import NOW_MS, TILL, FakeBox
from tests.screens.looks import DESK_LOOKS, Looks

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]


async def three_parked(box: FakeBox) -> None:
    for number, (label, for_till) in enumerate(
        (("Mrs Brown, the blue coat, comes back at five", TILL), ("", "till-3"), ("سيارة", ""))
    ):
        box.shelf.park_at(
            "till-1",
            ROLL,
            LOAF,
            reference=box.reference,
            at=NOW_MS + number,
            label=label,
            for_till=for_till,
        )
    await box.publish()


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    till, page = looks.till, looks.till.page
    await three_parked(box)
    await expect(page.locator(".waits")).to_be_visible()
    await looks.at("idle")
    await page.keyboard.press("F5")
    await expect(page.locator(".parked__key")).to_have_count(3)
    await looks.at("list")
    await page.keyboard.press("Escape")
    await selling(box, till, ROLL, CROISSANT, LOAF)
    await page.keyboard.press("F4")
    await looks.at("park")
    await page.keyboard.press("Escape")
    if await page.locator(".panes").is_visible():
        await page.locator(".panes .tab").first.click()
    await page.keyboard.press("F9")
    await page.keyboard.press("Alt+2")
    await page.keyboard.press("F9")
    await expect(page.locator(".live")).to_be_visible()
    await box.doubt()
    await till.state("indoubt")
    await looks.at("doubt")
    await page.keyboard.press("F4")
    await looks.at("doubt, park")
    assert till.defects == []


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_at_the_payment_desk(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    till, page = looks.till, looks.till.page
    await three_parked(box)
    await selling(box, till, ROLL, CROISSANT, LOAF)
    await page.keyboard.press("F9")
    await till.state("paying")
    for number in "3456":
        await page.keyboard.press(f"Alt+{number}")
        await looks.at(f"way {number}")
    await till.type("V-1")
    await page.keyboard.press("Tab")
    await till.type("100")
    await page.keyboard.press("F9")
    await expect(page.locator(".tenders .state")).to_have_count(1)
    await page.keyboard.press("Alt+7")
    await till.type("A-NUMBER-AS-LONG-AS-ONE-CAN-BE-000000-4711")
    await page.keyboard.press("Tab")
    await till.type("100")
    await page.keyboard.press("F9")
    await looks.at("manual")
    await page.keyboard.press("F9")
    await expect(page.locator(".tenders .state")).to_have_count(2)
    await page.keyboard.press("Alt+8")
    await till.type("1000")
    await looks.at("foreign")
    await page.keyboard.press("F9")
    await till.state("change")
    await looks.at("change")
    await page.keyboard.press("F5")
    await looks.at("list over change")
    assert till.defects == []
