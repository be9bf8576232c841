"""Goods of a receipt that only its signature proves, at the till: by keyboard, by touch, Arabic."""

from __future__ import annotations

import os

import pytest
from msgspec.structs import replace
from playwright.async_api import Browser, expect

from edge.contract.receipt_code import PaidBy, code_text, pack_code, sold_goods
from edge.contract.till_commands import GiveCash, ReturnLine
from tests.golden.signed_receipt import CODE as CODE_OF_RECEIPT
from tests.screens.by_hand_page import approve_by_keyboard, sent, total_is
from tests.screens.fake_box import FakeBox
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(90)]
SHOTS = os.environ.get("TILLBOX_SHOTS", "")
"""A folder for pictures of what these tests see; none are made without it."""
SOLD = replace(
    CODE_OF_RECEIPT,
    lines=(
        sold_goods("1", "100011", 2_000, "piece", 258, 1),
        sold_goods("2", "100020", 742, "kg", 214, 0),
        sold_goods("4", "OLD-77", 1_000, "piece", 1_264, 1),
    ),
    tenders=(PaidBy("cash", 1_000), PaidBy("card", 1_000)),
)
WHOLE = code_text(bytes(64), pack_code(SOLD))


async def look(till: TillPage, name: str) -> None:
    if SHOTS:
        await till.page.screenshot(path=f"{SHOTS}/{name}.png")


async def test_by_keyboard_line_by_line_each_with_a_second_person(
    box: FakeBox, till: TillPage
) -> None:
    page = till.page
    await till.wedge(WHOLE)
    proof = page.locator(".return [role=status]")
    for words in (
        "Proved by its signature.",
        "a second person approves each line",
        "A card that paid elsewhere is not reversed here",
        "Sold in store 12",
    ):
        await expect(proof).to_contain_text(words)
    rows = page.locator(".sold__key")
    await expect(rows).to_have_count(3)
    await expect(rows.nth(2)).to_have_attribute("aria-disabled", "true")
    await expect(page.get_by_role("button", name="Everything")).to_contain_text("€4.72")
    await look(till, "restored-sheet")
    await expect(rows.nth(0)).to_be_focused()
    await till.type("1")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Space")
    await page.keyboard.press("Alt+1")
    await page.keyboard.press("Enter")
    await expect(page.locator(".approval__wish")).to_contain_text(
        "Proved by signature, sold in store 12"
    )
    await expect(page.locator(".approval__wish")).to_contain_text("€1.29")  # of this line alone
    await look(till, "restored-approval")
    await approve_by_keyboard(till, box)
    await expect(page.locator(".approval")).to_be_visible()  # the second line, its own approval
    await approve_by_keyboard(till, box)
    await total_is(till, -343)
    assert [
        (each.line_id, each.quantity, each.original_sale, bool(each.approval))
        for each in sent(box, ReturnLine)
        if each.approval
    ] == [("1", 1_000, SOLD.sale_id, True), ("2", 742, SOLD.sale_id, True)]
    await page.keyboard.press("F9")
    await till.state("paying")
    await page.keyboard.press("F9")
    await till.state("change")
    assert [each.amount_minor for each in sent(box, GiveCash)] == [343]
    assert till.defects == []


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_by_touch_what_came_back_already_is_gone(
    browser: Browser, box: FakeBox, language: str
) -> None:
    till = await TillPage.open(browser, box, size="phone", language=language)
    page = till.page
    await box.scan(WHOLE)
    rows = page.locator(".sold__key")
    await expect(rows).to_have_count(3)
    await rows.nth(0).tap()
    await page.locator(".reasons .key").first.tap()
    await look(till, f"restored-phone-{language}")
    await page.locator(".hand__go").tap()
    await expect(page.locator(".approval")).to_be_visible()
    await approve_by_keyboard(till, box)
    await total_is(till, -258)
    await box.scan(WHOLE)
    await expect(rows.nth(0)).to_have_attribute("aria-disabled", "true")
    await expect(rows.nth(1)).not_to_have_attribute("aria-disabled", "true")
    assert till.defects == []
