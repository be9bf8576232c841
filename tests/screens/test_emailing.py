"""A receipt by e-mail as a cashier asks for it: by keyboard, by touch, and refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from edge.contract.till_commands import EmailReceipt
from tests.screens.by_hand_page import selling, sent
from tests.screens.fake_box import FakeBox
from tests.screens.looks import Looks
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

FIELD = "#email-address"


async def test_from_the_finished_sale_and_by_number_with_the_keyboard(
    browser: Browser, box: FakeBox
) -> None:
    till = await TillPage.open(browser, box)
    page = till.page
    await selling(box, till)
    await page.keyboard.press("F9")
    await page.keyboard.press("F9")
    await till.state("change")
    await page.get_by_role("button", name="E-mail").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(FIELD)).to_be_focused()
    await page.keyboard.press("Enter")  # nothing typed: nothing is sent
    await expect(page.locator(FIELD)).to_be_focused()
    await till.type("anna")
    await page.keyboard.press("Enter")
    await till.message("That is no e-mail address")
    await till.state("change")
    await page.get_by_role("button", name="E-mail").click()
    await expect(page.locator(FIELD)).to_have_value("anna")  # to be put right
    await till.type("@example.org")
    await page.keyboard.press("Enter")
    await till.message("The receipt till-2-000001 will be sent when head office is reached.")
    await till.state("change")
    assert [(wish.receipt, wish.address) for wish in sent(box, EmailReceipt)] == [
        ("till-2-000001", "anna@example.org"),
    ]
    assert "anna" not in await page.evaluate("JSON.stringify([sessionStorage, localStorage])")
    await page.get_by_role("button", name="E-mail").click()
    await expect(page.locator(FIELD)).to_have_value("")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")
    await till.state("idle")
    await page.keyboard.press("F12")
    await page.locator(".again").get_by_role("button", name="E-mail").click()
    await expect(page.locator("dialog")).to_contain_text("till-2-000001")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    assert till.defects == []


async def test_by_touch_and_what_was_typed_goes_with_the_customer(
    browser: Browser, box: FakeBox
) -> None:
    till = await TillPage.open(browser, box)
    page = till.page
    await selling(box, till)
    await page.keyboard.press("F9")
    await page.keyboard.press("F9")
    await till.state("change")
    await page.get_by_role("button", name="E-mail").click()
    await expect(page.locator(FIELD)).to_have_attribute("inputmode", "email")
    await page.locator(FIELD).fill("bert@example")
    await page.get_by_role("button", name="Close").click()
    await page.locator("#next-sale").click()
    await till.state("idle")
    await page.keyboard.press("F12")
    await page.locator(".again").get_by_role("button", name="E-mail").click()
    await expect(page.locator(FIELD)).to_have_value("")
    await page.locator(FIELD).fill("carla@example.org")
    await page.get_by_role("button", name="Send").click()
    await till.message("The receipt till-2-000001 will be sent")
    assert [wish.address for wish in sent(box, EmailReceipt)] == ["carla@example.org"]
    assert till.defects == []


@pytest.mark.parametrize(("size", "language"), [("laptop", "en"), ("phone", "ar"), ("phone", "en")])
async def test_the_sheet_and_the_desk_fit_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, size: str, language: str
) -> None:
    axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
    looks = Looks(await TillPage.open(browser, box, size=size, language=language), axe)
    till, page = looks.till, looks.till.page
    await selling(box, till)
    await page.keyboard.press("F9")
    await page.keyboard.press("F9")
    await till.state("change")
    await looks.at("desk")
    await page.locator(".after__again .key").nth(2).click()
    await expect(page.locator(FIELD)).to_be_visible()
    await looks.at("sheet")
    await page.keyboard.press("Escape")
    await page.keyboard.press("F12")
    await expect(page.locator(".again")).to_be_visible()
    await looks.at("more")
    assert till.defects == []
