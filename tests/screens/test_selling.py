"""Enrolment, sign-in, scanning, quick keys, search, quantities, voids."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from edge.contract.till_commands import AddItem, SetQuantity, VoidLine
from tests.screens.fake_box import ENROL_CODE, FakeBox
from tests.screens.till_page import TillPage

pytestmark = pytest.mark.screens

ROLL = "9520000079192"
CROISSANT = "9520000158385"


async def test_a_device_is_enrolled_by_a_typed_code(browser: Browser, box: FakeBox) -> None:
    page = await browser.new_page()
    await page.goto(f"{box.url}/")
    await page.get_by_label("Enrolment code").fill("WRONG999")
    await page.get_by_role("button", name="Enrol this device").click()
    await expect(page.get_by_role("alert")).to_contain_text("not valid")
    await page.get_by_label("Enrolment code").fill(ENROL_CODE.lower())
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Who is selling?")).to_be_visible()


async def test_the_code_in_the_address_is_not_kept(browser: Browser, box: FakeBox) -> None:
    till = await TillPage.open(browser, box, sign_in=False)
    assert "enrol" not in till.page.url
    assert ENROL_CODE not in await till.page.evaluate("JSON.stringify(localStorage)")


async def test_a_wrong_pin_is_refused_in_words_and_the_right_one_signs_in(
    browser: Browser, box: FakeBox
) -> None:
    till = await TillPage.open(browser, box, sign_in=False)
    await till.page.get_by_role("button", name="Marta").click()
    await till.type("1111")
    await till.page.keyboard.press("Enter")
    await expect(till.page.get_by_role("alert")).to_contain_text("The PIN does not fit")
    assert await till.page.locator(".pin__dots .on").count() == 0
    for digit in box.pins["marta"]:
        await till.page.locator(".pin .keypad .key", has_text=digit).click()
    await till.page.get_by_role("button", name="Sign in").click()
    await till.state("idle")


async def test_a_scan_from_the_box_becomes_a_line_and_a_total(till: TillPage, box: FakeBox) -> None:
    await box.scan(ROLL)
    await till.state("sell")
    assert await till.line_names() == ["Bread roll"]
    await till.total("€0.45")
    await till.message("Added: Bread roll")
    await expect(till.page.locator("html")).to_have_attribute("data-sound", "added")


async def test_a_wedge_scan_sells_wherever_the_focus_is_and_leaves_no_trace(
    till: TillPage, box: FakeBox
) -> None:
    await till.wedge(ROLL)
    await till.state("sell")
    await till.page.locator("#find").fill("milk")
    await till.wedge(CROISSANT, "Tab")
    await till.message("Added: Butter croissant")
    assert await till.line_names() == ["Bread roll", "Butter croissant"]
    assert await till.page.locator("#find").input_value() in {"milk", ""}
    assert [c.code for c in box.commands if isinstance(c, AddItem)] == [ROLL, CROISSANT]


async def test_a_page_that_is_slow_at_the_first_key_takes_the_scan_whole(
    till: TillPage, box: FakeBox
) -> None:
    # what counts is when keys were pressed, not when the page came to them
    await till.page.evaluate(
        """() => addEventListener('keydown', () => {
            const until = performance.now() + 120;
            while (performance.now() < until);
        }, { once: true })"""
    )
    await till.wedge(ROLL)
    await expect(till.page.locator(".line")).to_have_count(1)


async def test_a_wedge_scan_during_payment_does_not_change_the_amount(
    till: TillPage, box: FakeBox
) -> None:
    await box.scan(ROLL)
    await till.state("sell")
    await till.page.keyboard.press("F9")
    await till.state("paying")
    await till.type("500")
    await till.wedge(CROISSANT)
    await till.total("€1.85")
    await expect(till.page.locator(".amount output")).to_have_text("€5.00")


async def test_a_typed_number_before_a_scan_is_the_quantity(till: TillPage, box: FakeBox) -> None:
    await till.type("3*")
    await expect(till.page.locator(".times")).to_have_text("3 \u00d7")
    await till.wedge(ROLL)
    await till.total("€1.35")
    await expect(till.page.locator(".times")).to_have_text("1 \u00d7")


async def test_weighed_goods_ask_for_their_weight(till: TillPage, box: FakeBox) -> None:
    await till.page.locator(".tile", has_text="Apples").click()
    await till.type("742")
    await till.page.keyboard.press("Enter")
    await till.message("Added: 0.742\u00a0kg \u00d7 Apples")
    sold = [c for c in box.commands if isinstance(c, AddItem)]
    assert [c.quantity for c in sold] == [742]


async def test_search_finds_and_sells(till: TillPage, box: FakeBox) -> None:
    await till.page.keyboard.press("F2")
    await till.type("whole mi")
    await expect(till.page.locator(".found .key")).to_have_count(1)
    await till.page.keyboard.press("Enter")
    await till.message("Added: Whole milk 1 l")
    assert await till.page.locator("#find").input_value() == ""


async def test_an_unknown_code_is_said_and_stays_typed(till: TillPage, box: FakeBox) -> None:
    await till.page.keyboard.press("F2")
    await till.type("778899")
    await till.page.wait_for_timeout(80)
    await till.page.keyboard.press("Enter")
    await till.message("Code 778899 is unknown")
    await expect(till.page.locator("html")).to_have_attribute("data-sound", "refused")
    assert await till.page.locator("#find").input_value() == "778899"


async def test_quantity_and_void_of_the_chosen_line(till: TillPage, box: FakeBox) -> None:
    await box.scan(ROLL)
    await box.scan(CROISSANT)
    await till.total("€1.85")
    await till.page.evaluate("document.activeElement?.blur()")
    await till.page.keyboard.press("ArrowUp")
    await till.page.keyboard.press("+")
    await till.total("€2.30")
    await till.page.keyboard.press("Delete")
    await till.total("€1.40")
    assert any(isinstance(c, SetQuantity) and c.quantity == 2000 for c in box.commands)
    assert any(isinstance(c, VoidLine) for c in box.commands)
    assert await till.page.locator(".line--void").count() == 1


async def test_escape_gives_up_only_after_a_second_press(till: TillPage, box: FakeBox) -> None:
    await box.scan(ROLL)
    await till.state("sell")
    await till.page.keyboard.press("Escape")
    await till.message("Press Abandon again")
    await till.state("sell")
    await till.page.keyboard.press("Escape")
    await till.state("idle")
    await till.message("The sale was given up")


async def test_a_key_can_be_changed_and_is_kept(till: TillPage, box: FakeBox) -> None:
    await box.scan(ROLL)
    await till.state("sell")
    await till.page.keyboard.press("?")
    await till.page.locator(".keys .key", has_text="F9").click()
    await till.page.keyboard.press("F10")
    await till.page.keyboard.press("Escape")
    await expect(till.page.locator("dialog")).to_have_count(0)
    await till.page.keyboard.press("F9")
    await till.state("sell")
    await till.page.keyboard.press("F10")
    await till.state("paying")


async def test_an_open_sale_survives_signing_out(till: TillPage, box: FakeBox) -> None:
    await box.scan(ROLL)
    await till.state("sell")
    await till.page.get_by_role("button", name="Lock").click()
    await till.state("signin")
    assert "Bread roll" not in await till.page.content()
    await till.sign_in("Paweł", box.pins["pawel"])
    await till.state("sell")
    await expect(till.page.locator("html")).to_have_attribute("lang", "pl")
    assert await till.line_names() == ["Bread roll"]


async def test_left_hand_swaps_slip_and_desk(till: TillPage, box: FakeBox) -> None:
    async def starts() -> list[float]:
        return [
            (await till.page.locator(name).bounding_box() or {"x": -1})["x"]
            for name in (".slip", ".desk")
        ]

    slip, desk = await starts()
    assert slip < desk
    await till.page.get_by_role("button", name="Marta").click()
    await till.page.get_by_role("button", name="end (left hand)").click()
    await till.page.keyboard.press("Escape")
    slip, desk = await starts()
    assert slip > desk
