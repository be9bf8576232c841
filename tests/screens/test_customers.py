"""Whose sale it is, as a cashier says it: by F3 and a name, by a card, and not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from edge.contract.customer_data import Customer
from edge.contract.promotion_data import AmountOff, Promotion, Selection
from edge.contract.till_commands import SetCustomer
from tests.screens.by_hand_page import ROLL, sent, total_is
from tests.screens.fake_box import FakeBox
from tests.screens.looks import DESK_LOOKS, Looks
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

COFFEE = "9520000871093"
CARD = "9520009000029"
CLUB = Promotion(
    "club", "Club: 0.50 off", AmountOff(50, Selection(skus=("100011",))), groups=("club",)
)


def with_customers(box: FakeBox) -> None:
    box.reference.promotions = (CLUB,)
    for each in (
        Customer("K7Q4-M2XD", "Ana Exemplo", ("9520009000012",), ("club",), "pt"),
        Customer("R3ZB-81HT", "Jan Przykładowy-Wielonazwiskowy", (CARD,), ("club", "staff")),
        Customer("AB12-CD34", "Anabela Modelo"),
    ):
        box.reference.customers[each.number] = each


async def test_a_customer_is_searched_scanned_and_taken_off(till: TillPage, box: FakeBox) -> None:
    page, chip = till.page, till.page.locator(".buyer")
    with_customers(box)
    await box.scan(COFFEE)
    await total_is(till, 250)
    await page.keyboard.press("F3")
    await expect(page.locator("#customer-text")).to_be_focused()
    await expect(page.locator("dialog .found")).to_have_count(0)  # nobody is listed unasked
    await till.type("ana")
    await expect(page.locator("dialog .found .key")).to_have_count(2)
    await till.type(" e")
    await page.keyboard.press("Enter")  # alone: that one is meant
    await expect(page.locator("dialog")).to_have_count(0)
    await till.message("The sale is for Ana Exemplo")
    await expect(chip).to_have_text("Ana Exemplo")
    await total_is(till, 200)
    await box.scan(CARD)  # pushed by the box: another card takes its place
    await till.message("The sale is for Jan")
    await page.reload()
    await expect(chip).to_contain_text("Jan")
    await page.keyboard.press("F3")
    await expect(page.locator("dialog .notice")).to_contain_text("club, staff")
    await page.get_by_role("button", name="Take off the sale").click()
    await till.message("The sale is nobody")
    await expect(chip).to_contain_text("Customer")
    await total_is(till, 250)
    await till.wedge(CARD)
    await expect(chip).to_contain_text("Jan")
    await page.keyboard.press("F3")
    await expect(page.locator("#customer-text")).to_be_focused()
    await till.type("zz")
    await expect(page.locator("dialog")).to_contain_text("Nobody is found for “zz”")
    await box.scan("9520009000012")  # a card behind the sheet: it is what was looked for
    await expect(page.locator("dialog")).to_have_count(0)
    box.reference.customers.clear()  # erased meanwhile: the number is left
    await page.reload()
    await expect(chip).to_have_text("K7Q4-M2XD")
    await page.keyboard.press("F9")
    await page.keyboard.press("Enter")
    await till.state("change")
    await expect(chip).to_have_text("K7Q4-M2XD")
    assert [each.customer for each in sent(box, SetCustomer)] == ["K7Q4-M2XD", ""]


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    page = looks.till.page
    with_customers(box)
    await looks.at("nobody")
    for code in (ROLL, CARD):
        await box.scan(code)
    await expect(page.locator(".buyer")).to_contain_text("Jan")
    await looks.at("known")
    await page.keyboard.press("F3")
    await expect(page.locator("#customer-text")).to_be_focused()
    await looks.till.type("ana")
    await expect(page.locator("dialog .found .key")).to_have_count(2)
    await looks.at("found")
    assert looks.till.defects == []


NEXT_TASK: Final = """async (key) => {
    dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    const { port1, port2 } = new MessageChannel();
    await new Promise((then) => { port1.onmessage = then; port2.postMessage(''); });
    return document.activeElement?.id;
}"""
"""Presses a key, and says what the very next one would go to: no frame is drawn in between."""


@pytest.mark.parametrize(("key", "field"), [("F3", "customer-text"), ("F11", "check-code")])
async def test_the_first_key_after_a_sheet_s_own_is_not_lost(
    till: TillPage, box: FakeBox, key: str, field: str
) -> None:
    with_customers(box)
    await box.scan(COFFEE)
    await total_is(till, 250)
    assert await till.page.evaluate(NEXT_TASK, key) == field
