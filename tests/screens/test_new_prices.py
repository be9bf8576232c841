"""Prices that change while a till is open: its keys show them, and nobody reloads anything."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from edge.contract.reference_data import Price
from tests.screens.fake_box import FakeBox
from tests.screens.till_page import TillPage

pytestmark = pytest.mark.screens


async def test_the_keys_have_new_prices_once_the_box_has_and_are_asked_for_once(
    till: TillPage, box: FakeBox
) -> None:
    asked: list[str] = []
    till.page.on("request", lambda sent: asked.append(sent.url.rsplit("/", 1)[-1]))
    key = till.page.locator(".tile").first
    await expect(key).to_be_visible()
    sku = box.reference.quick_keys()[0].keys[0].code
    await till.page.evaluate("window.same = true")
    # a view without news about goods asks for nothing
    await box.publish()
    await box.publish()
    box.reference._prices[sku] = Price(sku, 98_765)
    box.goods = "2.autumn"
    for _ in range(5):
        await box.publish()
    await expect(key).to_contain_text("987.65")
    assert await till.page.evaluate("window.same")
    await box.publish()
    await till.page.wait_for_timeout(700)
    assert asked.count("quick-keys") == 1
