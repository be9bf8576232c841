"""Coupons as a cashier uses them: scanned, typed, taken out, and told from those not used."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from edge.contract.coupon_data import Coupon
from edge.contract.promotion_data import AmountOff, Promotion, Selection
from edge.contract.till_commands import AddCoupon, AddItem, RemoveCoupon
from tests.screens.by_hand_page import ROLL, sent, total_is
from tests.screens.fake_box import FakeBox
from tests.screens.looks import Looks
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

SOAP = "9520001425424"
SOAP_OFF = Promotion(
    "soap", "Welcome: 1.00 off", AmountOff(100, Selection(skus=("100018",))), coupon="welcome"
)


def with_coupons(box: FakeBox) -> None:
    box.reference.promotions = (SOAP_OFF,)
    for code, campaign, name in (
        ("WELCOME-2K7F", "welcome", "1.00 off liquid soap"),
        ("WELCOME-5M9Q", "welcome", "1.00 off liquid soap"),
        ("9900000000011", "leaflet", "Tulips at half price"),
    ):
        box.reference.coupons[code] = Coupon(code, campaign, name, single_use=True)


async def test_coupons_are_scanned_typed_taken_out_and_given_back(
    till: TillPage, box: FakeBox
) -> None:
    page, row = till.page, till.page.locator(".coupon")
    with_coupons(box)
    await box.scan("WELCOME-2K7F")  # pushed by the box, before any goods
    await till.state("sell")
    await till.message("Nothing in this basket for it yet")
    await expect(row).to_contain_text("Nothing in this basket for it yet")
    await box.scan(SOAP)
    await expect(row).not_to_contain_text("Nothing")
    await total_is(till, 175)
    await till.type("welcome-5m9q")  # into the search box
    await page.keyboard.press("Enter")
    await till.message("a second one would not count")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Take the coupon out: 1.00 off liquid soap").click()
    await till.message("The coupon was taken out: 1.00 off liquid soap")
    await expect(row).to_have_count(0)
    await total_is(till, 275)
    await page.keyboard.press("F12")
    await page.get_by_role("button", name="Use coupon").click()
    await till.message("Type the code of the coupon first.")
    await page.locator("#coupon-code").fill("welcome-5m9q")
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog")).to_have_count(0)
    await till.message("The coupon counts: 1.00 off liquid soap")
    await total_is(till, 175)
    await till.wedge("9900000000011")  # typed by a keyboard-wedge scanner
    await expect(row).to_have_count(2)
    await page.reload()
    await expect(row).to_have_count(2)
    await page.keyboard.press("F9")
    await page.keyboard.press("Enter")
    await till.state("change")
    await expect(row.nth(1)).to_contain_text("Not used in this sale: give it back")
    await expect(row.get_by_role("button")).to_have_count(0)
    assert [each.code for each in sent(box, AddCoupon)] == ["welcome-5m9q"]
    assert [each.code for each in sent(box, RemoveCoupon)] == ["WELCOME-2K7F"]
    assert [each.code for each in sent(box, AddItem)] == ["WELCOME-2K7F", SOAP, "9900000000011"]


@pytest.mark.parametrize(
    "look",
    [("laptop", "light", "en"), ("phone", "dark", "ar")],
    ids="-".join,
)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    page = looks.till.page
    with_coupons(box)
    for code in (SOAP, ROLL, "WELCOME-2K7F", "9900000000011"):
        await box.scan(code)
    await expect(page.locator(".coupon")).to_have_count(2)
    await looks.at("coupons")
    await page.keyboard.press("F12")
    await expect(page.locator("#coupon-code")).to_be_visible()
    await looks.at("more")
    assert looks.till.defects == []
