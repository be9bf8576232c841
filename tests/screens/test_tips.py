"""Tips at the payment desk: offered, rounded up, typed, kept from the change, or none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec
import pytest
from playwright.async_api import Browser, expect

from edge.contract.reference_data import Tips
from edge.contract.till_commands import PayByCard, ReturnTip, SetTip, TakeCash
from tests.screens.by_hand_page import LANGUAGES, LOAF, approve_by_keyboard, selling, sent
from tests.screens.fake_box import FakeBox
from tests.screens.looks import DESK_LOOKS, Looks
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

OFFERED: Final = Tips((100_000, 150_000, 200_000), most_minor=2_000)
KEY: Final = "#tip-key"
SHEET: Final = ".tip"
DUE: Final = ".tenders .left .money"


def take_tips(box: FakeBox, tips: Tips | None = OFFERED) -> None:
    box.reference.store = msgspec.structs.replace(box.reference.store, tips=tips)


async def at_the_desk(
    browser: Browser, box: FakeBox, size: str = "laptop", language: str = "en"
) -> TillPage:
    """The payment desk over a sale of 4.20, in a store that takes tips."""
    take_tips(box)
    till = await TillPage.open(browser, box, size=size, language=language)
    await selling(box, till, LOAF)
    if size == "phone":
        await till.page.locator(".totals .key--pay").tap()
    else:
        await till.page.keyboard.press("F9")
    await till.state("paying")
    return till


async def due_is(till: TillPage, minor: int) -> None:
    await expect(till.page.locator(DUE)).to_have_attribute("value", str(minor))


async def test_a_store_that_takes_none_has_no_key(till: TillPage, box: FakeBox) -> None:
    await selling(box, till, LOAF)
    await till.page.keyboard.press("F9")
    await till.state("paying")
    await expect(till.page.locator(".tip__row")).to_have_count(0)
    await till.page.keyboard.press("End")
    await till.message("This store takes no tips.")
    await till.type("500")
    await expect(till.page.locator("#keep-change")).to_have_count(0)
    assert sent(box, SetTip) == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_part_of_the_total_by_touch(browser: Browser, box: FakeBox, language: str) -> None:
    till = await at_the_desk(browser, box, "phone", language)
    page = till.page
    await page.locator(KEY).tap()
    offers = page.locator(".tip__choices").first.locator(".key")
    await expect(offers).to_have_count(3)
    amounts = [await each.get_attribute("value") for each in await offers.locator(".money").all()]
    assert amounts == ["42", "63", "84"]
    await offers.nth(1).tap()
    await expect(page.locator("dialog")).to_have_count(0)
    await due_is(till, 483)
    await expect(page.locator(".tip__row .money")).to_have_attribute("value", "63")
    await page.locator(KEY).tap()
    await expect(offers.nth(1)).to_have_attribute("aria-pressed", "true")
    rounds = page.locator(".tip__choices").nth(1).locator(".key")
    sums = [
        await each.locator(".money").first.get_attribute("value") for each in await rounds.all()
    ]
    assert sums == ["500"]
    await rounds.first.tap()
    await due_is(till, 500)
    await page.locator(".key--pay").last.tap()
    await till.state("change")
    assert [command.amount_minor for command in sent(box, SetTip)] == [63, 80]
    assert (box.cart.total_minor, box.cart.tip_minor) == (420, 80)
    assert till.defects == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_amount_is_typed_changed_and_taken_off_by_keyboard_alone(
    browser: Browser, box: FakeBox, language: str
) -> None:
    till = await at_the_desk(browser, box, language=language)
    page = till.page
    await page.keyboard.press("End")
    await expect(page.locator(SHEET)).to_be_visible()
    await till.type("1300")
    await page.keyboard.press("Backspace")
    await expect(page.locator(".tip__pad output .money")).to_have_attribute("value", "130")
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog")).to_have_count(0)
    await due_is(till, 550)
    await page.keyboard.press("End")
    await page.keyboard.press("Enter")  # nothing typed: the focused offer, a tenth
    await due_is(till, 462)
    await page.keyboard.press("End")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    await page.keyboard.press("End")
    await page.locator(".tip__what > .key").focus()
    await page.keyboard.press("Enter")
    await due_is(till, 420)
    await expect(page.locator(".notice").first).to_contain_text(
        "taken off" if language == "en" else "أُلغيت"
    )
    assert [command.amount_minor for command in sent(box, SetTip)] == [130, 42, 0]
    assert till.defects == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_change_is_kept_by_one_tap(browser: Browser, box: FakeBox, language: str) -> None:
    till = await at_the_desk(browser, box, "phone", language)
    page = till.page
    keep = page.locator("#keep-change")
    await expect(keep).to_have_count(0)
    await page.locator(".quick .key").nth(1).tap()  # 5.00
    await expect(keep.locator(".money")).to_have_attribute("value", "80")
    await keep.tap()
    await till.state("change")
    assert [command.amount_minor for command in sent(box, SetTip)] == [80]
    assert [command.amount_minor for command in sent(box, TakeCash)] == [500]
    assert (box.cart.tip_minor, box.cart.change_minor) == (80, 0)
    await expect(page.locator(".bigslip")).to_contain_text("Tip" if language == "en" else "إكرامية")
    await expect(page.locator(".huge")).to_have_attribute("value", "0")
    assert till.defects == []


async def test_the_change_is_kept_by_keyboard_and_by_a_second_person_above_the_most(
    browser: Browser, box: FakeBox
) -> None:
    till = await at_the_desk(browser, box)
    page = till.page
    await till.type("5000")
    await page.keyboard.press("Shift+End")
    await expect(page.locator(".approval__wish")).to_contain_text("Tip €45.80")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    await due_is(till, 420)
    assert sent(box, TakeCash) == []
    await page.keyboard.press("Shift+End")
    await approve_by_keyboard(till, box)
    await till.state("change")
    (tip,) = sent(box, SetTip)
    assert (tip.amount_minor, bool(tip.approval)) == (4_580, True)
    assert [command.amount_minor for command in sent(box, TakeCash)] == [5_000]
    assert box.cart.change_minor == 0


async def test_a_card_is_asked_for_both_and_the_tip_stays_meanwhile(
    browser: Browser, box: FakeBox
) -> None:
    till = await at_the_desk(browser, box)
    page = till.page
    await page.keyboard.press("Alt+2")
    await page.locator(KEY).click()
    await page.locator(".tip__choices .key").first.click()
    await expect(page.locator(".amount .money")).to_have_attribute("value", "462")
    await page.keyboard.press("F9")
    await expect(page.locator(".live")).to_be_visible()
    await expect(page.locator(KEY)).to_have_count(0)
    await expect(page.locator(".tip__row .money")).to_have_attribute("value", "42")
    assert [command.amount_minor for command in sent(box, PayByCard)] == [462]
    await page.keyboard.press("End")
    await expect(page.locator("dialog")).to_have_count(0)


async def test_back_in_the_sale_its_tip_is_in_sight_and_read_aloud(
    browser: Browser, box: FakeBox
) -> None:
    till = await at_the_desk(browser, box)
    page = till.page
    await page.keyboard.press("End")
    await till.type("80")
    await page.keyboard.press("Enter")
    await till.message("Tip €0.80: €5.00 to pay.")
    await page.keyboard.press("Escape")
    await till.state("sell")
    await expect(page.locator(".totals dl")).to_contain_text("Tip")
    await expect(page.locator(".totals dl")).not_to_contain_text("Still to pay")
    await expect(page.locator("p.said")).to_have_text(re.compile(r"To pay €5\.00"))


async def test_what_is_typed_stays_unless_it_was_what_was_due(
    browser: Browser, box: FakeBox
) -> None:
    till = await at_the_desk(browser, box)
    page = till.page
    await till.type("1000")
    await page.keyboard.press("End")
    await page.locator(".tip__choices .key").first.click()
    await due_is(till, 462)
    await expect(page.locator(".cashier .amount .money")).to_have_attribute("value", "1000")
    for _ in range(4):
        await page.keyboard.press("Backspace")
    await till.type("462")
    await page.keyboard.press("End")
    await page.locator(".tip__choices .key").nth(1).click()
    await due_is(till, 483)
    await expect(page.locator(".cashier .amount .money")).to_have_attribute("value", "483")


@pytest.mark.parametrize("look", DESK_LOOKS)
async def test_nothing_sticks_out_and_axe_finds_nothing(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    take_tips(box)
    looks = await Looks.open(browser, box, node_modules, look)
    page = looks.till.page
    await selling(box, looks.till, LOAF)
    await page.keyboard.press("F9")
    await looks.till.state("paying")
    await looks.at("desk")
    await page.keyboard.press("End")
    await looks.at("sheet")
    await looks.till.type("12345678")
    await looks.at("typed")
    await page.keyboard.press("Escape")
    await looks.till.type("2000")
    await looks.at("change to keep")
    await page.locator("#keep-change").click()
    await looks.till.state("change")
    await looks.at("done")


async def sold_with_a_tip(till: TillPage, box: FakeBox, tip: str = "80") -> None:
    """Complete the sale of 4.20 with a tip, in cash, and go on with the next one."""
    page = till.page
    await page.evaluate("document.activeElement?.blur()")
    await page.keyboard.press("End")
    await till.type(tip)
    await page.keyboard.press("Enter")
    await due_is(till, 420 + int(tip))
    await page.keyboard.press("F9")
    await till.state("change")
    await page.keyboard.press("Enter")
    await till.state("idle")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_mistyped_tip_goes_back_without_goods_by_keyboard(
    browser: Browser, box: FakeBox, language: str
) -> None:
    till = await at_the_desk(browser, box, language=language)
    page = till.page
    await sold_with_a_tip(till, box)
    await page.keyboard.press("F1")
    await till.type("1")
    await page.keyboard.press("Enter")
    back = page.locator(".tip__back")
    await expect(back.locator(".money")).to_have_attribute("value", "80")
    await back.focus()
    await page.keyboard.press("Enter")  # why is asked first
    await expect(page.locator("#return-reason")).to_be_focused()
    assert sent(box, ReturnTip) == []
    await till.type("mistyped")
    await back.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".approval__wish")).to_contain_text("till-2-000001")
    await approve_by_keyboard(till, box)
    await till.state("sell")
    await expect(page.locator(".given .money")).to_have_attribute("value", "-80")
    await expect(page.locator(".totals .sum .money")).to_have_attribute("value", "-80")
    await page.keyboard.press("F9")
    await till.state("paying")
    await expect(page.locator(DUE)).to_have_attribute("value", "80")
    await page.keyboard.press("F9")
    await till.state("change")
    await expect(page.locator(".huge")).to_have_attribute("value", "80")
    (back_again,) = sent(box, ReturnTip)
    assert (back_again.receipt, back_again.reason) == ("till-2-000001", "mistyped")
    assert (box.cart.total_minor, box.cart.tip_minor, box.cart.cash_minor) == (0, -80, -80)
    assert till.defects == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_goes_back_with_the_goods_by_touch_and_may_be_taken_out_again(
    browser: Browser, box: FakeBox, language: str
) -> None:
    till = await at_the_desk(browser, box, "phone", language)
    page = till.page
    await sold_with_a_tip(till, box)
    await page.keyboard.press("F1")
    await till.type("1")
    await page.keyboard.press("Enter")
    await page.locator(".sold__key").tap()
    await page.locator(".return__why .key").first.tap()
    await page.locator(".tip__back").tap()
    await approve_by_keyboard(till, box)
    await expect(page.locator(".tip__back")).to_have_count(0)  # the goods are chosen still
    await page.locator(".hand__go").tap()
    await till.state("sell")
    await expect(page.locator(".totals .sum .money")).to_have_attribute("value", "-500")
    await page.locator(".given .key").tap()
    await expect(page.locator(".totals .sum .money")).to_have_attribute("value", "-420")
    await expect(page.locator(".given")).to_have_count(0)
    assert box.cart.tips_back == ()
    assert till.defects == []


@pytest.mark.parametrize("look", DESK_LOOKS)
async def test_the_tip_of_a_receipt_sticks_out_nowhere(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    take_tips(box)
    looks = await Looks.open(browser, box, node_modules, look)
    till = looks.till
    page = till.page
    await selling(box, till, LOAF)
    await page.keyboard.press("F9")
    await till.state("paying")
    await sold_with_a_tip(till, box)
    await page.keyboard.press("F1")
    await till.type("1")
    await page.keyboard.press("Enter")
    await expect(page.locator(".tip__back")).to_be_visible()
    await looks.at("receipt")
    await page.locator(".return__why .key").first.click()
    await page.locator(".tip__back").click()
    await approve_by_keyboard(till, box)
    await till.state("sell")
    await looks.at("sale")
    await page.keyboard.press("F9")
    await till.state("paying")
    await looks.at("refund")
