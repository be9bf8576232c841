"""The desks of returns and refunds: every size once, both themes and directions, long words."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.screens.by_hand_page import ROLL
from tests.screens.fake_box import NOW_MS, FakeBox
from tests.screens.looks import DESK_LOOKS, Looks
from tests.screens.test_returns import NUMBER, SIGNED, sold_before

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    till, page = looks.till, looks.till.page
    sold_before(box, card_minor=300)
    box.sold.hold_at("till-3", NUMBER, "2", 1_000, at=NOW_MS)
    await page.keyboard.press("F1")
    await till.type("1-99")
    await page.keyboard.press("Enter")
    await expect(page.locator("#return-text[aria-invalid]")).to_be_visible()
    await looks.at("find")
    await box.scan(SIGNED)
    await expect(page.locator(".sold__key")).to_have_count(3)
    await looks.at("proved")
    await page.locator(".return__other").click()
    await page.locator("#return-text").focus()
    await till.type("1-57")
    await page.keyboard.press("Enter")
    await expect(page.locator(".sold__key")).to_have_count(3)
    for key in ("2", "ArrowDown", "Space", "Alt+1"):
        await page.keyboard.press(key)
    await looks.at("receipt")
    await page.keyboard.press("Enter")
    await till.state("sell")
    await expect(page.locator(".line--back")).to_have_count(2)
    await expect(page.locator(".return")).to_have_count(0)
    await page.keyboard.press("F1")
    await page.locator(".return--find .hand__what > .key").last.click()
    await expect(page.locator("#return-text")).to_be_focused()
    await till.wedge(ROLL)
    await expect(page.locator(".return__article, .return .found")).to_have_count(1)
    await looks.at("without a receipt")
    await page.keyboard.press("F9")
    await till.state("paying")
    await page.keyboard.press("Alt+3")
    await looks.at("gift card")
    await page.keyboard.press("Alt+2")
    await page.keyboard.press("F9")
    await expect(page.locator(".live")).to_be_visible()
    await box.sold.card_approved(box)
    await till.state("change")
    await looks.at("change")
    assert till.defects == []
