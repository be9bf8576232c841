"""What promotions take off is said on the slip: on its line, and in all."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from edge.contract.promotion_data import BuyGet, PercentOff, Promotion, Selection
from tests.screens.fake_box import FakeBox
from tests.screens.till_page import SIZES, TillPage

pytestmark = pytest.mark.screens

ROLL = "9520000079192"
CROISSANT = "9520000158385"
PROMOTIONS = (
    Promotion("rolls", "3 for 2: one is free", BuyGet(2, 1, Selection(skus=("100001",)))),
    Promotion("tenth", "A tenth off the bakery", PercentOff(100_000), combines=True, priority=0),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_line_says_what_it_costs_less_and_why(
    browser: Browser, size: str, language: str
) -> None:
    box = FakeBox()
    box.reference.promotions = PROMOTIONS
    await box.start()
    till = await TillPage.open(browser, box, size=size, language=language)
    for _ in range(3):
        await box.scan(ROLL)
    await box.scan(CROISSANT)
    await till.state("sell")
    rolls = till.page.locator(".line", has_text="3 for 2: one is free")
    await expect(rolls).to_have_count(1)
    await expect(rolls.locator(".line__sum")).to_have_attribute("value", "45")
    offs = till.page.locator(".line__off")
    await expect(offs).to_have_count(4)
    values = [await off.get_attribute("value") for off in await offs.all()]
    assert sum(int(value or 0) for value in values) == -(45 + 23)
    if size in {"laptop", "desktop"}:
        await expect(till.page.locator(".totals .save data")).to_have_attribute("value", "68")
    await expect(till.page.locator(".sum data")).to_have_attribute("value", str(3 * 45 + 140 - 68))
    assert await till.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await till.page.context.close()
    await box.stop()
    assert till.defects == []
