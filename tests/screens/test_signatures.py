"""A card that the customer signs for: two keys for what was found, by touch and by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from edge.contract.till_commands import ConfirmSignature, RefuseSignature
from tests.screens.by_hand_page import CROISSANT, LOAF, ROLL, selling
from tests.screens.fake_box import FakeBox
from tests.screens.looks import LOOKS, Looks
from tests.screens.test_returns import sent
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]


async def to_sign(box: FakeBox, till: TillPage) -> str:
    """Charge a card that is to be signed for; return the payment."""
    await selling(box, till, ROLL, CROISSANT, LOAF)
    page = till.page
    if await page.locator(".panes").is_visible():
        await page.locator(".panes .tab").first.click()
    await page.keyboard.press("F9")
    await till.state("paying")
    await page.keyboard.press("Alt+2")
    await page.keyboard.press("F9")
    await expect(page.locator(".live")).to_be_visible()
    await box.desk.wants_signature(box)
    await expect(page.locator(".live--sign h1")).to_be_visible()
    assert box.cart.open_payment is not None
    return box.cart.open_payment.tender_id


@pytest.mark.parametrize("touch", [False, True], ids=["keyboard", "touch"])
async def test_a_checked_signature_completes_the_sale(
    till: TillPage, box: FakeBox, touch: bool
) -> None:
    payment = await to_sign(box, till)
    page = till.page
    await expect(page.locator(".live--sign h1")).to_have_text("Signature needed: check and confirm")
    await expect(page.locator(".live--sign")).to_contain_text("The slip comes out of the printer")
    await expect(page.locator(".tenders .tender")).to_contain_text("To be signed")
    # what takes money or ends the sale does nothing meanwhile
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    await page.keyboard.press("5")
    assert sent(box, ConfirmSignature) == []
    if touch:
        await page.get_by_role("button", name="Signature checked").click()
    else:
        await page.keyboard.press("F9")
    await till.state("change")
    assert [each.payment for each in sent(box, ConfirmSignature)] == [payment]
    assert box.cart.tenders[0].state == "approved"
    assert till.defects == []


@pytest.mark.parametrize("touch", [False, True], ids=["keyboard", "touch"])
async def test_a_signature_is_refused_with_a_second_press_and_the_money_goes_back(
    till: TillPage, box: FakeBox, touch: bool
) -> None:
    payment = await to_sign(box, till)
    page = till.page
    refuse = page.locator(".live--sign .key").nth(1)
    await expect(refuse).to_contain_text("Not signed, or not the same")

    async def press() -> None:
        if touch:
            await refuse.click()
        else:
            await page.keyboard.press("Delete")

    await press()
    await expect(refuse).to_contain_text("Press again: take €6.05 back")
    assert sent(box, RefuseSignature) == []
    await press()
    await expect(page.locator(".live--sign")).to_contain_text("is taking the payment back")
    await expect(page.locator(".live--sign .key")).to_have_count(0)
    await page.keyboard.press("F9")
    await page.keyboard.press("Delete")
    await till.message("The terminal is taking the payment back.")
    assert [each.payment for each in sent(box, RefuseSignature)] == [payment]
    assert sent(box, ConfirmSignature) == []
    await box.desk.reversal(box, "approved")
    await expect(page.locator(".live--sign")).to_have_count(0)
    await till.state("paying")
    assert (box.cart.tenders[0].state, box.cart.due_minor) == ("declined", 605)
    assert till.defects == []


async def test_a_terminal_that_took_nothing_back_is_told_and_both_keys_are_there_again(
    till: TillPage, box: FakeBox
) -> None:
    await to_sign(box, till)
    page = till.page
    await page.keyboard.press("Delete")
    await page.keyboard.press("Delete")
    await expect(page.locator(".live--sign .key")).to_have_count(0)
    await box.desk.reversal(box, "declined")
    await expect(page.locator(".live--sign .notice")).to_contain_text(
        "Nothing was taken back. It knows no such payment."
    )
    await expect(page.locator(".live--sign .key")).to_have_count(2)
    await page.keyboard.press("F9")
    await till.state("change")


async def test_a_reversal_whose_end_is_not_known_is_the_desk_of_doubt(
    till: TillPage, box: FakeBox
) -> None:
    await to_sign(box, till)
    page = till.page
    await page.keyboard.press("Delete")
    await page.keyboard.press("Delete")
    await expect(page.locator(".live--sign .key")).to_have_count(0)
    await box.desk.reversal(box, "unknown")
    await till.state("indoubt")
    await expect(page.locator(".doubt .facts")).to_contain_text("Nobody knows whether")


async def test_a_terminal_that_takes_nothing_back_has_one_key_and_the_way_out_in_words(
    till: TillPage, box: FakeBox
) -> None:
    box.desk.reverses = False
    await to_sign(box, till)
    page = till.page
    await expect(page.locator(".live--sign .key")).to_have_count(1)
    await expect(page.locator(".live--sign")).to_contain_text("Keep the goods, confirm here")
    await page.keyboard.press("Delete")
    assert sent(box, RefuseSignature) == []


async def test_a_page_that_is_loaded_anew_still_waits_for_the_signature(
    till: TillPage, box: FakeBox
) -> None:
    await to_sign(box, till)
    await till.page.reload()
    await till.signed_in()
    await expect(till.page.locator(".live--sign h1")).to_be_visible()


@pytest.mark.parametrize("look", LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    till, page = looks.till, looks.till.page
    await to_sign(box, till)
    await looks.at("to sign")
    await page.locator(".live--sign .key").nth(1).click()
    await looks.at("asked again")
    await page.locator(".live--sign .key").nth(1).click()
    await expect(page.locator(".live--sign .key")).to_have_count(0)
    await looks.at("going back")
    await box.desk.reversal(box, "declined")
    await expect(page.locator(".live--sign .key")).to_have_count(2)
    await looks.at("not taken back")
    assert till.defects == []
