"""The desk of what is set by hand and the approval: every size, theme and direction."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from tests.screens.by_hand_page import AIM, approve_by_keyboard, selling
from tests.screens.fake_box import FakeBox
from tests.screens.test_looks import MEASURE
from tests.screens.till_page import SIZES, TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

LOOKS: Final = [
    *((size, "light", "en") for size in SIZES),
    ("laptop", "dark", "ar"),
    ("phone", "dark", "ar"),
    ("laptop", "light", "pt"),
    ("tablet", "light", "pl"),
]


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, size: str, theme: str, language: str
) -> None:
    axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
    till = await TillPage.open(browser, box, size=size, theme=theme, language=language)
    page = till.page
    await selling(box, till)

    async def look(state: str) -> None:
        await page.evaluate(
            "() => Promise.allSettled(document.getAnimations().map((each) => each.finished))"
        )
        found = await page.evaluate(MEASURE)
        for fault in ("small", "outside", "cut", "short", "outgrown"):
            assert found[fault] == [], (state, fault)
        assert found["wide"] <= 0, state
        await page.evaluate(axe)
        serious = await page.evaluate(
            "async () => (await axe.run(document, { resultTypes: ['violations'] })).violations"
            ".filter(({ impact }) => ['serious', 'critical'].includes(impact))"
            ".map(({ id, nodes }) => [id, nodes.map((n) => n.html)])"
        )
        assert serious == [], state

    await page.keyboard.press("F8")
    await till.type("10")
    await look("discount")
    await page.locator(".hand .reasons .key").nth(0).click()
    await page.locator(".hand__go").click()
    if language != "pl":  # a supervisor is not asked
        await expect(page.locator(".approval")).to_be_visible()
        await till.type("1111")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).not_to_be_empty()
        await look("approval")
        await approve_by_keyboard(till, box)
    await expect(page.locator(".hand")).to_have_count(0)
    await page.keyboard.press("F6")
    await look("price")
    await page.keyboard.press("F7")
    await page.locator(AIM.format(1)).click()
    await page.locator("#hand-text").fill("Order 1187, call when it is ready")
    await look("note")
    await page.locator(".hand__go").click()
    await expect(page.locator(".whole")).to_have_count(1)
    await page.keyboard.press("F10")
    await look("drawer")
    await page.keyboard.press("Escape")
    if await page.locator(".panes").is_visible():
        await page.locator(".panes .tab").first.click()
    await look("slip")
    assert till.defects == []
