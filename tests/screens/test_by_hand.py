"""Discounts, prices, notes, the drawer: by touch, by keyboard; selling goes on meanwhile."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from edge.contract.till_commands import (
    AddItem,
    GiveDiscount,
    OpenDrawer,
    OverridePrice,
    RemoveDiscount,
    SetNote,
)
from tests.screens.by_hand_page import (
    AIM,
    LANGUAGES,
    LOAF,
    ROLL,
    WAY,
    approve_by_keyboard,
    asked,
    selling,
    sent,
    total_is,
)
from tests.screens.fake_box import FakeBox
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]


# --- each flow by touch --------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_discount_by_touch_that_a_second_person_approves(
    browser: Browser, box: FakeBox, language: str
) -> None:
    till = await TillPage.open(browser, box, size="phone", language=language)
    page = till.page
    await selling(box, till)
    bodies = await asked(page)
    await page.locator(".line--on .line__do .key").nth(2).tap()
    await page.locator(".hand .quick .key").nth(1).tap()
    await page.locator(".hand .reasons .key").nth(0).tap()
    await page.locator(".hand__go").tap()
    sheet = page.locator("dialog.sheet")
    await expect(sheet).to_be_visible()
    # never oneself, and only who may: of five people one is left
    await expect(sheet.locator(".people .key")).to_have_count(1)
    await sheet.locator(".people .key", has_text="Paweł").tap()
    for digit in box.pins["pawel"]:
        await sheet.locator(".keypad .key", has_text=digit).tap()
    await sheet.locator(".key--pay").tap()
    await expect(page.locator(".hand")).to_have_count(0)
    await total_is(till, 45 + 140 - 14)
    assert [body["command_id"] for body in bodies] == [bodies[0]["command_id"]] * 2
    assert "approval" not in bodies[0]
    without = {name: value for name, value in bodies[1].items() if name != "approval"}
    assert without == bodies[0]
    assert [c.off_ppm for c in sent(box, GiveDiscount)] == [100_000]
    await page.locator(".panes .tab").first.tap()
    reason = sent(box, GiveDiscount)[0].reason
    await expect(page.locator(".line--on .line__why--save")).to_have_text(reason)
    # and it can be taken back, by the cashier alone
    await page.locator(".line--on .line__do .key").last.tap()
    await total_is(till, 45 + 140)
    assert len(sent(box, RemoveDiscount)) == 1
    assert till.defects == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_amount_off_the_whole_sale_by_touch(
    browser: Browser, box: FakeBox, language: str
) -> None:
    till = await TillPage.open(browser, box, size="tablet", language=language)
    page = till.page
    await selling(box, till)
    await page.locator(".acts .key").nth(2).tap()
    await page.locator(AIM.format(1)).tap()
    await page.locator(WAY.format(1)).tap()
    for key in ("1", "00"):
        await page.locator(".hand .keypad").get_by_role("button", name=key, exact=True).tap()
    await page.locator("#hand-text").fill("Stammkunde")
    await page.locator(".hand__go").tap()
    await approve_by_keyboard(till, box)
    await total_is(till, 45 + 140 - 100)
    given = sent(box, GiveDiscount)[0]
    assert (given.line_id, given.off_minor, given.reason) == (None, 100, "Stammkunde")
    whole = page.locator(".whole")
    await expect(whole).to_contain_text("Stammkunde")
    await whole.get_by_role("button").tap()
    await total_is(till, 45 + 140)
    await expect(whole).to_have_count(0)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_price_and_a_note_by_touch(browser: Browser, box: FakeBox, language: str) -> None:
    till = await TillPage.open(browser, box, language=language)
    page = till.page
    await selling(box, till)
    await page.locator(".line--on .line__do .key").nth(3).click()
    for key in ("9", "9"):
        await page.locator(".hand .keypad").get_by_role("button", name=key, exact=True).click()
    await page.locator(".hand .reasons .key").nth(0).click()
    await page.locator(".hand__go").click()
    await approve_by_keyboard(till, box)
    await total_is(till, 45 + 99)
    assert [c.price_minor for c in sent(box, OverridePrice)] == [99]
    words = "سعر حُدد يدويًا" if language == "ar" else "price set by hand"
    await expect(page.locator(".line--on .line__why").first).to_contain_text(words)
    await page.locator(".line--on .line__do .key").nth(4).click()
    await expect(page.locator("#hand-text")).to_be_focused()
    await page.locator("#hand-text").fill("For Ines")
    await page.locator(".hand__go").click()
    await expect(page.locator(".line--on .line__why--note")).to_have_text("For Ines")
    # what is written comes into the field, and goes away when it is emptied
    await page.locator(".line--on .line__do .key").nth(4).click()
    await expect(page.locator("#hand-text")).to_have_value("For Ines")
    await page.locator("#hand-text").fill("")
    await page.locator(".hand__go").click()
    await expect(page.locator(".line__why--note")).to_have_count(0)
    assert [c.text for c in sent(box, SetNote)] == ["For Ines", ""]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_drawer_by_touch(browser: Browser, box: FakeBox, language: str) -> None:
    till = await TillPage.open(browser, box, size="phone", language=language)
    page = till.page
    await page.locator(".panes .tab").nth(1).tap()
    await page.locator(".acts .key").nth(3).tap()
    await page.locator(".hand__go").click(force=True)
    assert sent(box, OpenDrawer) == []
    await page.locator(".hand .reasons .key").nth(0).tap()
    await page.locator(".hand__go").tap()
    await approve_by_keyboard(till, box)
    await expect(page.locator(".hand")).to_have_count(0)
    assert len(sent(box, OpenDrawer)) == 1
    await till.state("idle")


# --- each flow by keyboard alone -------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
async def test_all_of_it_by_keyboard_alone(browser: Browser, box: FakeBox, language: str) -> None:
    till = await TillPage.open(browser, box, language=language)
    page = till.page
    await selling(box, till)
    # a discount: digits go to the pad, letters to the reason
    await page.keyboard.press("F8")
    await till.type("12,5")
    await till.type("Gift")
    await expect(page.locator("#hand-text")).to_have_value("Gift")
    await page.keyboard.press("Enter")
    await approve_by_keyboard(till, box)
    await total_is(till, 45 + 140 - 18)
    assert sent(box, GiveDiscount)[0].off_ppm == 125_000
    # a price on the line above, once the desk has given the keys back
    await expect(page.locator(".hand")).to_have_count(0)
    await page.keyboard.press("ArrowUp")
    await expect(page.locator(".line--on .line__name")).to_have_text("Bread roll")
    await page.keyboard.press("F6")
    await till.type("040")
    await page.keyboard.press("Backspace")
    await till.type("1Label")
    await page.keyboard.press("Enter")
    await approve_by_keyboard(till, box)
    await total_is(till, 41 + 140 - 18)
    # a note needs nobody
    await expect(page.locator(".hand")).to_have_count(0)
    await page.keyboard.press("F7")
    await till.type("Bag")
    await page.keyboard.press("Enter")
    await expect(page.locator(".line--on .line__why--note")).to_have_text("Bag")
    # a note on the sale: Tab goes through the desk in order, from its head on
    await page.keyboard.press("F7")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator(AIM.format(1))).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#hand-text")).to_have_value("")
    await page.keyboard.press("Tab")
    await till.type("Order 7")
    await page.keyboard.press("Enter")
    await expect(page.locator(".whole")).to_contain_text("Order 7")
    # the drawer
    await page.keyboard.press("F10")
    await till.type("Coins")
    await page.keyboard.press("Enter")
    await approve_by_keyboard(till, box)
    await expect(page.locator(".hand")).to_have_count(0)
    assert [c.reason for c in sent(box, OpenDrawer)] == ["Coins"]
    assert till.defects == []


async def test_focus_goes_into_the_desk_and_back(till: TillPage, box: FakeBox) -> None:
    await selling(box, till)
    act = till.page.locator(".acts .key").nth(2)
    await act.focus()
    await till.page.keyboard.press("Enter")
    await expect(till.page.locator(".hand")).to_be_focused()
    await till.page.keyboard.press("Tab")
    await expect(till.page.locator(AIM.format(0))).to_be_focused()
    await till.page.keyboard.press("Escape")
    await expect(act).to_be_focused()


async def test_the_keys_can_be_changed(till: TillPage, box: FakeBox) -> None:
    await selling(box, till)
    await till.page.keyboard.press("?")
    await till.page.locator(".keys .key", has_text="F8").click()
    await till.page.keyboard.press("F3")
    await till.page.keyboard.press("Escape")
    await expect(till.page.locator("dialog")).to_have_count(0)
    await till.page.keyboard.press("F8")  # the two have changed places
    await expect(till.page.locator("dialog h2")).to_have_text("Customer")
    await expect(till.page.locator(".hand")).to_have_count(0)
    await till.page.keyboard.press("Escape")
    await expect(till.page.locator("dialog")).to_have_count(0)
    await till.page.keyboard.press("F3")
    await expect(till.page.locator(".hand")).to_be_visible()


# --- selling goes on -------------------------------------------------------------------------


async def test_scans_go_on_and_what_is_typed_keeps_its_line(till: TillPage, box: FakeBox) -> None:
    await selling(box, till)
    await till.page.keyboard.press("F8")
    await till.type("10Gift")
    await box.scan(LOAF)
    await till.wedge(ROLL)
    await total_is(till, 45 + 140 + 420 + 45)
    await expect(till.page.locator(".entry__head h2")).to_have_text("Discount on Butter croissant")
    await expect(till.page.locator("#hand-text")).to_have_value("Gift")
    await till.page.keyboard.press("Enter")
    await approve_by_keyboard(till, box)
    await total_is(till, 45 + 140 + 420 + 45 - 14)
    assert len(sent(box, AddItem)) == 4


async def test_a_line_counted_anew_keeps_its_discount_desk(till: TillPage, box: FakeBox) -> None:
    await selling(box, till)
    await till.page.keyboard.press("F8")
    await till.page.locator(".line--on .line__do .key").nth(1).click()
    await total_is(till, 45 + 280)
    await till.page.locator(".hand .quick .key").nth(3).click()
    await till.page.locator(".hand .reasons .key").nth(0).click()
    await till.page.locator(".hand__go").click()
    await approve_by_keyboard(till, box)
    await total_is(till, 45 + 140)


async def test_what_is_missing_is_said(till: TillPage, box: FakeBox) -> None:
    page = till.page
    go = page.locator(".hand__go")
    for key in ("F8", "F6", "F7"):
        await page.keyboard.press(key)
        await till.message("No sale is open")
    await selling(box, till)
    for key, first in (
        ("F8", "Press a percentage"),
        ("F6", "Type the new price first"),
        ("F7", "Type the note first"),
        ("F10", "Say why"),
    ):
        await page.keyboard.press(key)
        await go.click(force=True)
        await till.message(first)
    await page.keyboard.press("F8")
    await till.type("101")
    await expect(page.locator(".hand .amount output")).to_have_text("10%")
    await go.click(force=True)
    await till.message("Say why")
    assert {type(command) for command in box.commands} == {AddItem}


async def test_a_till_without_a_drawer_says_so(browser: Browser, box: FakeBox) -> None:
    box.devices = tuple(device for device in box.devices if device.role != "drawer")
    till = await TillPage.open(browser, box)
    await till.page.keyboard.press("F10")
    await till.message("This till has no drawer.")
    await expect(till.page.locator(".hand")).to_have_count(0)
