"""The prices of a customer's group, as cashier and customer read them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, Locator, expect

from edge.contract.customer_data import Customer
from edge.contract.till_commands import SetCustomer
from tests.screens.by_hand_page import total_is
from tests.screens.display_page import DisplayPage
from tests.screens.fake_box import FakeBox
from tests.screens.looks import DESK_LOOKS, Looks
from tests.screens.test_display import Counter
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

BEANS, COFFEE, CHEESE = "9520000712716", "9520000871093", "119"
JAN: Final = "R3ZB-81HT"
CARD: Final = "9520009000029"
SHOTS: Final = os.environ.get("TILLBOX_SHOTS", "")
IN_WORDS: Final = {
    "en": "Staff price: €8.50 instead of €9.80",
    "ar": "Staff price: 8.50 € بدلًا من 9.80 €",
}


def with_staff(box: FakeBox) -> None:
    """Jan is of the staff, for whom the demo shop has a price book."""
    box.reference.customers[JAN] = Customer(JAN, "Jan Przykładowy", (CARD,), ("club", "staff"))


def _plain(words: str) -> str:
    """Return words without the marks that keep scripts apart, and with plain spaces."""
    return " ".join(re.sub("[\u2066-\u2069\u200e\u200f]", "", words).split())


def own_price(till: TillPage, words: str) -> Locator:
    return till.page.locator(".line .line__why--save", has_text=words)


@pytest.mark.parametrize("size", ["laptop", "phone"])
@pytest.mark.parametrize("language", ["en", "ar"])
async def test_the_slip_says_whose_price_in_place_of_which_and_forgets_it_with_the_customer(
    browser: Browser, box: FakeBox, size: str, language: str
) -> None:
    with_staff(box)
    till = await TillPage.open(browser, box, size=size, language=language)
    page = till.page
    await box.scan(BEANS)
    await total_is(till, 980)
    await page.keyboard.press("F3")  # after the goods, by keyboard
    await till.type("jan")
    await page.keyboard.press("Enter")
    await total_is(till, 850)
    why = own_price(till, "Staff price")
    await expect(why).to_have_count(1)
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"own-price-{size}-{language}.png")
    assert _plain(await why.inner_text()) == IN_WORDS[language]
    await expect(page.locator(".line__sum")).to_have_attribute("value", "980")
    await expect(page.locator(".line__off")).to_have_attribute("value", "-130")
    await box.scan(COFFEE)  # and what comes after it
    await expect(page.locator(".line__why--save")).to_have_count(2)
    await total_is(till, 850 + 200)
    if size == "phone":
        await page.keyboard.press("F3")  # its slip has no room for the customer
    else:
        await page.locator(".buyer").click()
    await page.locator("dialog .key--danger, dialog .key", has_text=REMOVE[language]).click()
    await total_is(till, 980 + 250)
    await expect(page.locator(".line__why--save")).to_have_count(0)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.context.close()
    assert till.defects == []


REMOVE: Final = {"en": "Take off the sale", "ar": "أزله من البيع"}


async def test_the_price_check_is_for_the_customer_of_the_sale(
    till: TillPage, box: FakeBox
) -> None:
    with_staff(box)
    page = till.page
    await till.wedge(CARD)
    await expect(page.locator(".buyer")).to_contain_text("Jan")
    await page.keyboard.press("F11")
    await till.type("100009")
    await page.keyboard.press("Enter")
    costs = page.locator(".costs")
    await expect(costs).to_contain_text(IN_WORDS["en"])
    await expect(costs.locator(".costs__now data")).to_have_attribute("value", "850")
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / "own-price-check.png")
    await page.locator("#check-code").fill("100001")  # no book has it
    await page.get_by_role("button", name="Look up").click()
    await expect(costs.locator(".costs__now data")).to_have_attribute("value", "45")
    await expect(costs).not_to_contain_text("Staff price")
    assert till.defects == []


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_the_customer_reads_it_too(browser: Browser, box: FakeBox, language: str) -> None:
    with_staff(box)
    display = await DisplayPage.open(browser, box, language=language)
    counter = Counter(box)
    await counter.do(SetCustomer, customer=JAN)
    await counter.sells(BEANS)
    why = display.page.locator(".last .why--save")
    await expect(why).to_contain_text("Staff price")
    words = await why.locator(".grow").inner_text()
    assert _plain(words) == IN_WORDS[language]
    await expect(display.page.locator(".last__sum")).to_have_attribute("value", "850")
    if SHOTS:
        await display.page.screenshot(path=Path(SHOTS) / f"own-price-display-{language}.png")


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    with_staff(box)
    for code in (CARD, BEANS, COFFEE):
        await box.scan(code)
    await expect(looks.till.page.locator(".line__why--save")).to_have_count(2)
    await looks.at("own prices")
    await looks.till.page.keyboard.press("F11")
    await looks.till.type("100009")
    await looks.till.page.keyboard.press("Enter")
    await expect(looks.till.page.locator(".costs")).to_contain_text("Staff price")
    await looks.at("checked")
    assert looks.till.defects == []
