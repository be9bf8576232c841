"""The desks of parking and of the other tenders: every size, theme and direction."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from tests.screens.by_hand_page import CROISSANT, LOAF, ROLL, selling
from tests.screens.fake_box import NOW_MS, TILL, FakeBox
from tests.screens.test_looks import MEASURE
from tests.screens.till_page import SIZES, TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

LOOKS: Final = [
    *((size, "light", "en") for size in SIZES),
    ("laptop", "dark", "ar"),
    ("phone", "dark", "ar"),
    ("laptop", "light", "pt"),
    ("tablet", "light", "pl"),
    ("phone", "light", "pl"),
]
AXE: Final = (
    "async () => (await axe.run(document, { resultTypes: ['violations'] })).violations"
    ".filter(({ impact }) => ['serious', 'critical'].includes(impact))"
    ".map(({ id, nodes }) => [id, nodes.map((n) => n.html)])"
)


class Looks:
    """Measures a page, and lets axe look at it."""

    def __init__(self, till: TillPage, node_modules: Path) -> None:
        self.page = till.page
        self.axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")

    async def at(self, state: str) -> None:
        await self.page.evaluate(
            "() => Promise.allSettled(document.getAnimations().map((each) => each.finished))"
        )
        found = await self.page.evaluate(MEASURE)
        for fault in ("small", "outside", "cut", "short", "outgrown"):
            assert found[fault] == [], (state, fault)
        assert found["wide"] <= 0, state
        assert all(height >= 60 for height in found["pay"]), state
        await self.page.evaluate(self.axe)
        assert await self.page.evaluate(AXE) == [], state


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


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, size: str, theme: str, language: str
) -> None:
    till = await TillPage.open(browser, box, size=size, theme=theme, language=language)
    page = till.page
    looks = Looks(till, node_modules)
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


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
async def test_the_payment_desk_too(
    browser: Browser, box: FakeBox, node_modules: Path, size: str, theme: str, language: str
) -> None:
    till = await TillPage.open(browser, box, size=size, theme=theme, language=language)
    page = till.page
    looks = Looks(till, node_modules)
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
