"""Price check, copies and gift receipts as a cashier uses them, in one walk each."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from edge.contract.promotion_data import BuyGet, PercentOff, Promotion, Selection
from edge.contract.till_commands import PrintGiftReceipt, ReprintReceipt
from tests.screens.by_hand_page import CROISSANT, LOAF, ROLL, selling, sent
from tests.screens.fake_box import FakeBox
from tests.screens.looks import Looks
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

NOW = ".costs__now .money"
NAME = ".costs__name"


async def test_prices_are_checked_by_scan_wedge_and_name_and_nothing_is_sold(
    till: TillPage, box: FakeBox
) -> None:
    page = till.page
    loaf = box.reference.by_gtin(LOAF)
    assert loaf is not None
    half = PercentOff(500_000, Selection(skus=(loaf.sku,)))
    box.reference.promotions = (Promotion("half", "Half price bread", half),)
    await selling(box, till)
    lines = await till.line_names()
    given = len(box.commands)
    await page.keyboard.press("F11")
    await expect(page.locator("#check-code")).to_be_focused()
    await expect(page.locator(".check__answer")).to_contain_text("nothing goes into the sale")
    await box.scan(LOAF)  # pushed by the box
    await expect(page.locator(NOW)).to_have_text("€2.10")
    await expect(page.locator(".costs")).to_contain_text("instead of €4.20")
    await expect(page.locator(".costs__why")).to_have_text("Half price bread")
    await till.wedge(CROISSANT)  # typed by a keyboard-wedge scanner
    await expect(page.locator(NAME)).to_contain_text("Butter croissant")
    await expect(page.locator("#check-code")).to_have_value("")
    await till.type("999999")
    await page.keyboard.press("Enter")
    await expect(page.locator(".costs__no")).to_contain_text("999999 is unknown")
    await page.locator("#check-code").fill("bread")
    await page.keyboard.press("Enter")
    await page.locator(".found .key", has_text="Bread roll").click()
    await expect(page.locator(NAME)).to_contain_text("Bread roll")
    await page.reload()  # the box has it still, and so has the page: no scan goes unseen
    await expect(page.locator(NAME)).to_contain_text("Bread roll")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    await expect(page.locator(".totals .sum .money")).to_be_visible()
    assert await till.line_names() == lines
    assert len(box.commands) == given
    async with asyncio.timeout(10):
        while box.again.check is not None:
            await page.wait_for_timeout(10)
    await box.scan(ROLL)
    await expect(page.locator(".line")).to_have_count(3)
    await page.keyboard.press("F11")
    await expect(page.locator(".check__answer")).to_contain_text("nothing goes into the sale")
    await box.again.end(box)  # nobody used it
    await expect(page.locator("dialog")).to_have_count(0)
    await till.message("The price check is over")


async def test_a_price_check_that_is_closed_at_once_stays_closed(
    till: TillPage, box: FakeBox
) -> None:
    page = till.page
    async with till.held("**/price-check"):
        await page.keyboard.press("F11")
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog")).to_have_count(0)
    async with asyncio.timeout(10):
        while not box.again.ended:
            await page.wait_for_timeout(10)
    assert box.again.check is None
    await box.scan(ROLL)
    await expect(page.locator(".line")).to_have_count(1)
    await expect(page.locator("dialog")).to_have_count(0)


async def test_what_is_typed_for_the_next_check_survives_the_answer_for_the_last(
    till: TillPage,
) -> None:
    page = till.page
    await page.keyboard.press("F11")
    await expect(page.locator("#check-code")).to_be_focused()
    await expect(page.locator(".check__answer")).to_contain_text("nothing goes into the sale")
    async with till.held("**/price-check"):
        await till.type("999999")
        await page.keyboard.press("Enter")
        await page.locator("#check-code").fill("bread")
    await expect(page.locator(".costs__no")).to_contain_text("999999 is unknown")
    await expect(page.locator("#check-code")).to_have_value("bread")


async def test_a_receipt_again_from_the_finished_sale_and_by_its_number(
    browser: Browser, box: FakeBox
) -> None:
    till = await TillPage.open(browser, box)
    page = till.page
    await selling(box, till)
    await page.keyboard.press("F9")
    await page.keyboard.press("F9")
    await till.state("change")
    await page.get_by_role("button", name="Copy").click()
    await till.message("A copy of till-2-000001 is being printed.")
    await page.get_by_role("button", name="Gift receipt").click()
    await till.message("A gift receipt of till-2-000001 is being printed.")
    await page.keyboard.press("Enter")
    await till.state("idle")  # one press, one paper: Enter goes on
    await page.keyboard.press("F12")
    await expect(page.locator("#again-receipt")).to_be_focused()
    await expect(page.locator("#again-receipt")).to_have_value("till-2-000001")
    await page.locator("#again-receipt").fill("till-2-000009")
    await page.keyboard.press("Enter")
    await till.message("no completed sale with the receipt till-2-000009")
    await page.keyboard.press("F12")  # what was typed is there to be put right
    await expect(page.locator("#again-receipt")).to_have_value("till-2-000009")
    await page.locator("#again-receipt").fill("TILLBOX1|till-2-000001")  # as its code says it
    await page.locator(".again").get_by_role("button", name="Copy").click()
    await till.message("A copy of till-2-000001 is being printed.")
    assert [wish.receipt for wish in sent(box, ReprintReceipt)] == [
        "till-2-000001",
        "TILLBOX1|till-2-000001",
    ]
    assert [wish.receipt for wish in sent(box, PrintGiftReceipt)] == ["till-2-000001"]
    await page.keyboard.press("F12")
    await expect(page.locator("#again-receipt")).to_have_value("till-2-000001")  # done with it
    await page.get_by_role("button", name="Price check").click()
    await expect(page.locator("#check-code")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    assert till.defects == []


async def test_the_sheets_fit_an_arabic_phone_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path
) -> None:
    loaf = box.reference.by_gtin(LOAF)
    assert loaf is not None
    rule = BuyGet(1, 1, Selection(skus=(loaf.sku,)))
    box.reference.promotions = (Promotion("m", "Members: two for one", rule, groups=("m",)),)
    axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
    looks = Looks(await TillPage.open(browser, box, size="phone", language="ar"), axe)
    till, page = looks.till, looks.till.page
    await page.keyboard.press("F11")
    await expect(page.locator(".check__answer p")).to_be_visible()
    await box.scan(LOAF)
    await expect(page.locator(".costs__why li")).to_have_count(1)
    for key in ("", "F12"):
        if key:
            await page.keyboard.press("Escape")
            await expect(page.locator("dialog")).to_have_count(0)
            await page.keyboard.press(key)
            await expect(page.locator(".again")).to_be_visible()
        await looks.at(key)
    assert till.defects == []
