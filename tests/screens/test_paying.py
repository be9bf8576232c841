"""Cash with change, cards in all their ends, and what is never said too soon."""

from __future__ import annotations

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import expect

from edge.contract.till_commands import PayByCard, TakeCash
from edge.contract.till_protocol import ReceiptView
from tests.screens.fake_box import FakeBox
from tests.screens.till_page import TillPage

pytestmark = pytest.mark.screens

LOAF = "9520000237578"  # 4.20


@pytest_asyncio.fixture(loop_scope="session")
async def paying(till: TillPage, box: FakeBox) -> TillPage:
    """The payment desk over a sale of 4.20."""
    await box.scan(LOAF)
    await till.state("sell")
    await till.page.keyboard.press("F9")
    await till.state("paying")
    return till


async def test_cash_with_change(paying: TillPage, box: FakeBox) -> None:
    await paying.type("2000")
    await expect(paying.page.locator(".cashier .key--pay")).to_contain_text("Change €15.80")
    await paying.page.keyboard.press("F9")
    await paying.state("change")
    await expect(paying.page.locator(".huge")).to_have_text("€15.80")
    await box.scan(LOAF)
    await paying.state("sell")
    assert await paying.line_names() == ["Sourdough loaf 800 g"]


async def test_quick_amounts_and_the_pad(paying: TillPage, box: FakeBox) -> None:
    quick = paying.page.locator(".quick .key")
    assert await quick.all_text_contents() == ["€4.20exact", "€5.00", "€10.00", "€20.00"]
    await quick.nth(2).click()
    for digit in ("1", "2", "00"):
        await paying.page.locator(".cashier .keypad").get_by_text(digit, exact=True).click()
    await expect(paying.page.locator(".amount output")).to_have_text("€100,012.00")
    for _ in range(9):
        await paying.page.keyboard.press("Backspace")
    await expect(paying.page.locator(".amount output")).to_have_text("€4.20")


async def test_part_in_cash_part_by_card(paying: TillPage, box: FakeBox) -> None:
    await paying.type("400")
    await paying.page.keyboard.press("Enter")
    await paying.total("€0.20")
    await paying.page.keyboard.press("Alt+2")
    await paying.page.keyboard.press("F9")
    await expect(paying.page.get_by_role("heading", name="Waiting for the card")).to_be_visible()
    await box.approve()
    await paying.state("change")
    await expect(paying.page.locator("html")).to_have_attribute("data-sound", "approved")
    assert [type(c) for c in box.commands[-2:]] == [TakeCash, PayByCard]


async def test_a_declined_card_returns_to_the_desk(paying: TillPage, box: FakeBox) -> None:
    await paying.page.keyboard.press("Alt+2")
    await paying.page.keyboard.press("F9")
    await expect(paying.page.locator(".live")).to_be_visible()
    await box.decline("not enough cover")
    await paying.message("The card was not charged: not enough cover")
    await paying.state("paying")
    await paying.total("€4.20")
    await expect(paying.page.locator("html")).to_have_attribute("data-sound", "declined")


async def test_the_terminal_is_asked_to_cancel(paying: TillPage, box: FakeBox) -> None:
    await paying.page.keyboard.press("Alt+2")
    await paying.page.keyboard.press("F9")
    await paying.page.get_by_role("button", name="Cancel on the terminal").click()
    await paying.message("The card was not charged: cancelled at the till")


async def test_a_payment_in_doubt_offers_no_second_charge(paying: TillPage, box: FakeBox) -> None:
    await paying.page.keyboard.press("Alt+2")
    await paying.page.keyboard.press("F9")
    await expect(paying.page.locator(".live")).to_be_visible()
    await box.doubt()
    await paying.state("indoubt")
    desk = paying.page.locator(".desk")
    await expect(desk).to_contain_text("The customer may have been charged €4.20")
    await expect(desk).to_contain_text("Do not charge again: the terminal is being asked.")
    keys = paying.page.locator(".desk button, .slip button")
    # and nothing that takes money
    await expect(keys).to_have_text(["Ask again now", "Park F4", "Settle from evidence"])
    count = len(box.commands)
    for key in ("F9", "Enter", "Escape"):
        await paying.page.keyboard.press(key)
    await box.approve()
    await paying.state("change")
    assert len(box.commands) == count


async def test_done_is_not_said_before_the_box_says_so(paying: TillPage, box: FakeBox) -> None:
    async with paying.held("**/commands"):
        await paying.page.keyboard.press("F9")
        await paying.page.keyboard.press("F9")
        assert await paying.page.locator("body").get_attribute("data-state") == "paying"
    await paying.state("change")
    assert sum(isinstance(command, TakeCash) for command in box.commands) == 1


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("waiting", "waits for the printer"),
        ("printed", "printed"),
        ("sent_unconfirmed", "sent to the printer, which does not confirm"),
        ("unknown", "not known: look whether it came out"),
        ("failed", "not printed"),
    ],
)
async def test_the_receipt_in_words(paying: TillPage, box: FakeBox, state: str, words: str) -> None:
    await paying.page.keyboard.press("F9")
    await paying.state("change")
    box.receipt = ReceiptView(state)
    await box.publish()
    row = paying.page.locator(".bigslip dl div", has_text="Receipt")
    await expect(row.locator("dd")).to_have_text(words)


async def test_dots_fill_as_the_sale_travels(paying: TillPage, box: FakeBox) -> None:
    await paying.page.keyboard.press("F9")
    await paying.state("change")
    dots = paying.page.locator(".bigslip .dots")
    await expect(dots).to_have_attribute("aria-label", "only on this box")
    box.dots = msgspec.structs.replace(box.dots, shop=True, keeper="back-office")
    await box.publish()
    await expect(dots).to_have_attribute("aria-label", "also on back-office; head office later")
    await expect(dots.locator("circle.full")).to_have_count(1)
    box.dots = msgspec.structs.replace(box.dots, office=True)
    await box.publish()
    await expect(dots).to_have_attribute("aria-label", "at head office")


async def test_enter_goes_on_to_the_next_sale(paying: TillPage, box: FakeBox) -> None:
    await paying.page.keyboard.press("F9")
    await paying.state("change")
    await paying.page.keyboard.press("Enter")
    await paying.state("idle")
    await expect(paying.page.locator(".slip__head")).to_contain_text("till-2-000001")


async def test_pay_pressed_too_soon_opens_once_the_total_is_known(
    till: TillPage, box: FakeBox
) -> None:
    box.delay_s = 0.4
    await till.page.locator(".tile", has_text="Sourdough loaf").click()
    await till.page.keyboard.press("F9")
    await till.state("paying")
    await till.total("€4.20")
