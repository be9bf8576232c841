"""Goods and money that go back, at the till: each test walks a way whole, as a cashier does."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from playwright.async_api import Browser, expect

from edge.contract.receipt_code import LeftOut, code_text, pack_code, sold_goods
from edge.contract.till_commands import (
    GiveCash,
    GiveTender,
    RefundByCard,
    ReturnItem,
    ReturnLine,
    Settle,
    VoidLine,
)
from tests.golden.signed_receipt import CODE as CODE_OF_RECEIPT
from tests.screens.by_hand_page import (
    CROISSANT,
    LOAF,
    ROLL,
    approve_by_keyboard,
    kept,
    selling,
    sent,
    total_is,
)
from tests.screens.fake_box import NOW_MS, FakeBox
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(90)]

NUMBER = "till-1-000057"
CODE = f"TILLBOX1|{NUMBER}|{{sale}}|1|EUR"
APPLES = "100020"
SIGNED = code_text(
    bytes(64),
    pack_code(
        replace(
            CODE_OF_RECEIPT,
            lines=(
                sold_goods("1", "100011", 2_000, "piece", 258, 1),
                sold_goods("2", APPLES, 742, "kg", 214, 0),
                sold_goods("4", "OLD-77", 1_000, "piece", 1_264, 1),
            ),
            left_out=LeftOut(2, b""),
        )
    ),
)
"""What is on the receipt of a sale that the box does not have."""


def sold_before(box: FakeBox, *, card_minor: int = 0) -> str:
    """Let till 1 have sold rolls, croissants and apples; return the receipt's code."""
    goods = ((ROLL, 3_000), (CROISSANT, 2_000), (APPLES, 742))
    sold = box.sold.sell_at(
        NUMBER, *goods, reference=box.reference, at=NOW_MS, card_minor=card_minor
    )
    return CODE.format(sale=sold.sale_id)


@pytest.mark.parametrize("typed", [True, False])
async def test_a_signed_receipt_of_a_lost_sale_is_shown_as_proof_and_leads_on(
    box: FakeBox, till: TillPage, typed: bool
) -> None:
    page = till.page
    await (till.wedge(SIGNED) if typed else box.scan(SIGNED))
    await expect(page.locator(".return [role=status]")).to_contain_text("Proved by its signature.")
    await expect(page.locator(".return [role=status]")).to_contain_text("Sold in store 12")
    await expect(page.locator(".return [role=status]")).to_contain_text("no room in the code: 2")
    await expect(page.locator(".sold__head b").first).to_have_text("till-1-004711")
    rows = page.locator(".sold__key")
    await expect(rows).to_have_count(3)
    await expect(rows.nth(0)).to_contain_text("€2.58")
    await expect(rows.nth(1)).to_contain_text("0.742 kg")
    await expect(rows.nth(2)).to_contain_text("OLD-77")
    await expect(page.locator(".return .hand__go, .return .reasons")).to_have_count(0)
    await rows.nth(0).click(force=True)  # it says that it is disabled
    await page.keyboard.press("Enter")
    await expect(page.locator('.sold__key[aria-pressed="true"]')).to_have_count(0)
    await page.get_by_role("button", name="Without a receipt").click()
    await expect(page.locator("#return-text")).to_be_focused()
    assert sent(box, ReturnLine) == []


async def two_lines_by_keyboard(till: TillPage) -> None:
    """Find the receipt by its number, and take two rolls and a croissant of it back."""
    page = till.page
    await page.keyboard.press("F1")
    await expect(page.locator("#return-text")).to_be_focused()
    await till.type("1-99")
    await page.keyboard.press("Enter")
    await expect(page.locator(".field__fault")).to_contain_text("till-1-000099")
    await page.keyboard.press("Control+a")
    await till.type("1-57")
    await page.keyboard.press("Enter")
    rows = page.locator(".sold__key")
    await expect(rows).to_have_count(3)
    await expect(rows.nth(0)).to_be_focused()
    await expect(rows.nth(1)).to_contain_text("1 being returned at till 3 · 1 left")
    await page.keyboard.press("Enter")
    await till.message("Choose first what comes back")
    await till.type("2")
    await expect(rows.nth(0)).to_contain_text("€0.90")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowDown")
    await till.type("+")
    await expect(rows.nth(2)).to_have_attribute("aria-pressed", "true")
    await till.type("-")
    await page.keyboard.press("Enter")
    await till.message("Say why")
    await page.keyboard.press("Alt+1")
    await page.keyboard.press("Enter")
    await till.state("sell")
    await till.message("2 lines come back")


async def test_a_receipt_by_its_number_an_exchange_and_cash_back_by_keyboard(
    box: FakeBox, till: TillPage
) -> None:
    page = till.page
    sold_before(box)
    box.sold.hold_at("till-3", NUMBER, "2", 1_000, at=NOW_MS)
    await two_lines_by_keyboard(till)
    assert [(c.line_id, c.quantity, c.reason) for c in sent(box, ReturnLine)] == [
        ("1", 2_000, "Faulty"),
        ("2", 1_000, "Faulty"),
    ]
    await expect(page.locator(".line--back .line__n")).to_have_text(["\u22122", "\u22121"])
    await expect(page.locator(".line--back .line__why").first).to_contain_text(NUMBER)
    await expect(page.locator(".line--on .line__do .key")).to_have_text(["Note", "Void"])
    await total_is(till, -230)
    await page.keyboard.press("F8")
    await till.message("neither is changed by hand")
    await box.scan(ROLL)
    await total_is(till, -185)
    await expect(page.locator(".totals .key--pay")).to_contain_text("Give back")
    await page.keyboard.press("F9")
    await till.state("paying")
    await expect(page.locator('.ways [aria-pressed="true"]')).to_contain_text("Cash")
    await expect(page.locator(".refund__sum")).to_have_attribute("value", "185")
    await till.type("200")
    await page.keyboard.press("F9")
    await till.message("At most what goes back")
    for _ in range(3):
        await page.keyboard.press("Backspace")
    await till.type("100")
    await page.keyboard.press("F9")
    await expect(page.locator(".tenders .state")).to_have_text("Given back")
    await expect(page.locator(".tenders .left .money")).to_have_attribute("value", "85")
    await page.keyboard.press("Enter")
    await till.state("change")
    await expect(page.locator(".huge")).to_have_attribute("value", "185")
    await expect(page.locator("[aria-live=assertive]")).to_contain_text("Given back")
    assert [each.amount_minor for each in sent(box, GiveCash)] == [100, 85]


async def two_croissants_without_a_receipt(box: FakeBox, till: TillPage) -> None:
    page = till.page
    await page.keyboard.press("F1")
    await page.get_by_role("button", name="Without a receipt").click()
    await expect(page.locator("#return-text")).to_be_focused()
    await till.wedge(LOAF[:-1])  # no article: the box is asked all the same
    await expect(page.locator(".return__article")).to_contain_text(LOAF[:-1])
    await box.scan(CROISSANT)  # the box sells what its scanner reads: here it comes back
    article = page.locator(".return__article")
    await expect(article).to_contain_text("its line is voided")
    await till.type("+")
    await expect(article.locator(".sold__n")).to_have_text("2")
    await till.type("no box")
    await page.keyboard.press("Enter")
    await approve_by_keyboard(till, box)
    await till.state("sell")
    (item,) = sent(box, ReturnItem)
    assert (item.code, item.quantity, item.reason) == ("100002", 2_000, "no box")
    assert item.approval
    await expect(page.locator(".line--void")).to_have_count(1)
    assert [each.line_id for each in sent(box, VoidLine)] == ["1"]
    await total_is(till, -280)


async def test_without_a_receipt_and_otherwise_than_it_was_paid_a_second_person_approves(
    box: FakeBox, till: TillPage
) -> None:
    page = till.page
    code = sold_before(box, card_minor=629)
    await two_croissants_without_a_receipt(box, till)
    await till.wedge(code)  # a scanner that types, from the basket
    await expect(page.locator(".sold__head")).to_contain_text("Card ··4417")
    await page.get_by_role("button", name="Everything").click()
    await page.get_by_role("button", name="Faulty").click()
    await page.locator(".hand__go").click()
    await total_is(till, -909)
    await page.keyboard.press("F9")
    await expect(page.locator('.ways [aria-pressed="true"]')).to_contain_text("Card")
    await page.keyboard.press("Alt+1")
    await expect(page.locator(".refund .notice")).to_contain_text("It was paid otherwise: Card")
    await till.type("109")
    await page.keyboard.press("F9")
    await expect(page.locator(".approval__wish")).to_contain_text("Paid otherwise: Card")
    await approve_by_keyboard(till, box)
    left = page.locator(".tenders .left .money")
    await expect(left).to_have_attribute("value", "800")
    await page.keyboard.press("Alt+6")
    await till.type("V-7")
    await page.keyboard.press("Tab")
    await till.type("300")
    await page.keyboard.press("F9")
    await approve_by_keyboard(till, box)
    await expect(left).to_have_attribute("value", "500")
    assert [(c.kind, c.reference, bool(c.approval)) for c in sent(box, GiveTender)] == [
        ("voucher", "V-7", True)
    ]
    await expect(page.locator('.ways [aria-pressed="true"]')).to_contain_text("Card")
    await page.keyboard.press("F9")
    await expect(page.locator(".live")).to_contain_text("The customer holds the card that paid")
    # of 629 that the card paid 409 went back otherwise: no more than the rest goes to it
    assert [each.amount_minor for each in sent(box, RefundByCard)] == [220]
    await box.sold.card_unknown(box)
    await till.state("indoubt")
    await expect(page.locator(".doubt h1")).to_have_text("The customer may have €2.20 back already")
    await box.sold.card_approved(box)
    await till.state("paying")
    await page.keyboard.press("Alt+1")
    await page.keyboard.press("F9")  # no receipt's money any more: whoever took it back approved
    await till.state("change")
    await expect(page.locator(".huge")).to_have_attribute("value", "389")  # what the hands give
    await expect(page.locator(".bigslip dl")).to_contain_text("Card ··4417")
    assert till.defects == []


async def test_everything_by_touch_on_a_phone_and_an_even_exchange(
    browser: Browser, box: FakeBox
) -> None:
    till = await TillPage.open(browser, box, size="phone")
    page = till.page
    sold_before(box)
    await page.locator(".panes .tab").nth(1).tap()
    await page.locator(".acts .key", has_text="Return").tap()
    for digit in "1-57":
        await page.locator(".return .keypad .key", has_text=digit).first.tap()
    assert await page.evaluate("document.activeElement.tagName") != "INPUT"  # no screen keyboard
    await page.locator(".hand__go").tap()
    await page.get_by_role("button", name="One more: Bread roll").tap()
    await page.locator(".sold__key").nth(0).tap()
    await page.locator(".sold__key").nth(0).tap()
    await page.get_by_role("button", name="One less: Bread roll").tap()
    await page.get_by_role("button", name="Changed their mind").tap()
    await page.locator(".hand__go").tap()
    await expect(page.locator(".line--back")).to_be_visible()
    assert [each.quantity for each in sent(box, ReturnLine)] == [2_000]
    await selling_more(box, 2)
    await total_is(till, 0)
    await page.locator(".totals .key--pay", has_text="Complete").tap()
    await page.locator(".settling .key--pay").tap()
    await till.state("change")
    await expect(page.locator(".bigslip__sum")).to_contain_text("Exchanged")
    assert len(sent(box, Settle)) == 1
    await page.locator("#next-sale").tap()
    await till.state("idle")
    assert till.defects == []


async def selling_more(box: FakeBox, rolls: int) -> None:
    for _ in range(rolls):
        await box.scan(ROLL)


async def test_a_scanned_receipt_opens_from_anywhere_and_a_lost_box_loses_nothing(
    box: FakeBox, till: TillPage
) -> None:
    page = till.page
    code = sold_before(box)
    await selling(box, till, LOAF)
    await page.keyboard.press("F9")
    await till.state("paying")
    await box.scan(code)
    await till.state("sell")
    rows = page.locator(".sold__key")
    await expect(rows).to_have_count(3)
    await page.keyboard.press("Space")
    await page.keyboard.press("Alt+2")
    await box.scan(code)
    await till.message("Take back first what is chosen here")
    await box.stop()
    await till.message("The box does not answer: goods and money go back when it is there again")
    await page.keyboard.press("Enter")
    assert sent(box, ReturnLine) == []
    await expect(rows.nth(0)).to_have_attribute("aria-pressed", "true")
    await box.start()
    await expect(page.locator(".link--well")).to_be_visible()
    await kept(page, "")
    box.sold.hold_at("till-3", NUMBER, "1", 2_000, at=NOW_MS)  # another till was quicker
    await page.keyboard.press("Enter")
    await till.message("Bread roll is being returned at till-3")
    await expect(rows.nth(0)).to_contain_text("2 being returned at till 3 · 1 left")
    await page.keyboard.press("Enter")
    await till.message("1 line comes back")
    assert [each.quantity for each in sent(box, ReturnLine)] == [1_000]
    await page.keyboard.press("F9")
    await page.keyboard.press("F9")
    await till.state("change")
    await box.scan(code)  # the next customer's, over the finished sale
    await expect(page.locator(".desk--aside .sold__key")).to_have_count(3)
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")
    await till.state("idle")


async def test_money_given_back_is_asked_for_when_a_sale_is_given_up_and_coins_settle_the_rest(
    box: FakeBox, till: TillPage
) -> None:
    page = till.page
    box.reference.store = msgspec.structs.replace(box.reference.store, cash_step_minor=5)
    sold_before(box)
    await page.reload()
    await till.state("idle")
    for given in ("100", "186"):
        await page.keyboard.press("F1")
        await till.type("1-57")
        await page.keyboard.press("Enter")
        await page.locator(".sold__grams input").fill("653")
        await page.keyboard.press("Alt+5")
        await page.keyboard.press("Enter")
        await total_is(till, -188)
        await page.keyboard.press("F9")
        await expect(page.locator(".refund__sum")).to_have_attribute("value", "190")
        await till.type(given)
        await page.keyboard.press("F9")
        await expect(page.locator(".tenders .state")).to_have_count(1)
        if given == "100":
            await till.message("Given back: Cash €1.00")
            for _ in range(3):
                await page.keyboard.press("Escape")
            await till.state("idle")
            await till.message("Take €1.00 back from the customer")
    await expect(page.locator(".settling")).to_contain_text("less than the smallest coin")
    await page.keyboard.press("F9")
    await till.state("change")
    await expect(page.locator(".huge")).to_have_attribute("value", "186")


async def test_what_is_typed_for_the_next_part_survives_the_answer_for_the_last(
    box: FakeBox, till: TillPage
) -> None:
    page = till.page
    await two_croissants_without_a_receipt(box, till)
    await page.keyboard.press("F9")
    await till.state("paying")
    async with till.held("**/commands"):
        await till.type("100")
        await page.keyboard.press("F9")
        await page.keyboard.press("Alt+6")
        await till.type("V-7")
        await page.keyboard.press("Tab")
        await till.type("30")
    await expect(page.locator(".tenders .left .money")).to_have_attribute("value", "180")
    await expect(page.locator("#tender-reference")).to_have_value("V-7")
    await expect(page.locator(".amount output .money")).to_have_attribute("value", "30")
