"""The desk of what is set by hand and the approval: every size, theme and direction."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.screens.by_hand_page import AIM, approve_by_keyboard, selling
from tests.screens.fake_box import FakeBox
from tests.screens.looks import DESK_LOOKS, Looks

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    till, page = looks.till, looks.till.page
    await selling(box, till)
    await page.keyboard.press("F8")
    await till.type("10")
    await looks.at("discount")
    await page.locator(".hand .reasons .key").nth(0).click()
    await page.locator(".hand__go").click()
    if look[2] != "pl":  # a supervisor is not asked
        await expect(page.locator(".approval")).to_be_visible()
        await till.type("1111")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).not_to_be_empty()
        await looks.at("approval")
        await approve_by_keyboard(till, box)
    await expect(page.locator(".hand")).to_have_count(0)
    await page.keyboard.press("F6")
    await looks.at("price")
    await page.keyboard.press("F7")
    await page.locator(AIM.format(1)).click()
    await page.locator("#hand-text").fill("Order 1187, call when it is ready")
    await looks.at("note")
    await page.locator(".hand__go").click()
    await expect(page.locator(".whole")).to_have_count(1)
    await page.keyboard.press("F10")
    await looks.at("drawer")
    await page.keyboard.press("Escape")
    if await page.locator(".panes").is_visible():
        await page.locator(".panes .tab").first.click()
    await looks.at("slip")
    assert till.defects == []
