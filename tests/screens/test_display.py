"""What a customer sees: every state in every look; nothing private, nothing stale."""

from __future__ import annotations

import io
import itertools
import os
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Browser, expect

from edge.contract.customer_data import Customer
from edge.contract.promotion_data import AmountOff, Promotion, Selection
from edge.contract.reference_data import Logo, Tips
from edge.contract.till_commands import (
    Abandon,
    AnyTillCommand,
    BeginTraining,
    GiveCash,
    GiveDiscount,
    NextSale,
    PayByCard,
    RefundByCard,
    ReturnItem,
    ReturnLine,
    ReturnTip,
    SetCustomer,
    SetNote,
    SetTip,
    TakeCash,
)
from tests.golden.signed_receipt import TEXT
from tests.screens.by_hand_page import CROISSANT, LOAF, ROLL
from tests.screens.display_page import SIZES, DisplayPage
from tests.screens.fake_box import FakeBox
from tests.screens.till_page import PEOPLE, TillPage, held

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

COFFEE: Final = "9520000871093"
SHOTS: Final = os.environ.get("TILLBOX_SHOTS", "")
"""A folder: a picture of each state is put there, to be looked at."""
EVERY: Final = tuple(itertools.product(SIZES, ("light", "dark"), PEOPLE))
FEW: Final = (
    ("ten_inch", "light", "en"),
    ("wide", "dark", "en"),
    ("wide", "light", "pl"),
    ("phone", "light", "pt"),
    ("ten_inch", "dark", "ar"),
    ("phone", "dark", "ar"),
)
LOOKS: Final = EVERY if os.environ.get("TILLBOX_LOOKS") == "every" else FEW


class Counter:
    """The cashier's hands, without the till's page."""

    def __init__(self, box: FakeBox) -> None:
        self.box = box
        self.count = itertools.count(1)

    async def do(self, kind: type[AnyTillCommand], **fields: Any) -> None:
        command = kind(command_id=f"display-{next(self.count):06d}", **fields)
        await self.box.carry_out(command, role="manager")

    async def sells(self, *codes: str) -> None:
        for code in codes:
            await self.box.scan(code)


def with_offers(box: FakeBox) -> None:
    name = "Filter coffee: 0.50 off for a day"
    box.reference.promotions = (
        Promotion("coffee", name, AmountOff(50, Selection(skus=("100011",)))),
    )
    box.reference.customers["K7Q4-M2XD"] = Customer("K7Q4-M2XD", "Ana Exemplo Secreta")


async def photographed(display: DisplayPage) -> str:
    """Read the code on the screen as a customer's telephone does."""
    png = await display.page.locator(".code img").screenshot()
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))
    return found[0].text


@pytest.mark.parametrize("look", [FEW[0], FEW[-1]], ids="-".join)
async def test_a_tip_has_a_row_of_its_own_and_what_is_to_be_paid_has_it(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    size, theme, language = look
    box.reference.store = msgspec.structs.replace(box.reference.store, tips=Tips((100_000,)))
    display = await DisplayPage.open(browser, box, size=size, theme=theme, language=language)
    display.axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
    counter = Counter(box)
    rows = display.page.locator(".sum__rows")
    huge = display.page.locator(".sum__all .money")
    tip, to_pay = ("Tip", "To pay") if language == "en" else ("إكرامية", "المبلغ المستحق")
    await counter.sells(LOAF)
    await expect(huge).to_have_attribute("value", "420")
    await expect(rows).not_to_contain_text(tip)
    await counter.do(SetTip, amount_minor=80)
    await expect(huge).to_have_attribute("value", "500")
    await expect(display.page.locator(".sum__all")).to_contain_text(to_pay)
    await expect(rows.locator(".money")).to_have_count(2)
    await expect(rows).to_contain_text(tip)
    await display.at("tip")
    await counter.do(TakeCash, amount_minor=200)
    await expect(huge).to_have_attribute("value", "300")
    await counter.do(TakeCash, amount_minor=300)
    await display.state("done")
    receipt = box.cart.receipt
    await counter.do(NextSale)
    await counter.do(ReturnTip, receipt=receipt, reason="mistyped")
    await expect(huge).to_have_attribute("value", "80")
    await display.at("tip back")


@pytest.mark.parametrize("look", LOOKS, ids="-".join)
async def test_every_state_whole_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    size, theme, language = look
    with_offers(box)
    display = await DisplayPage.open(browser, box, size=size, theme=theme, language=language)
    display.axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
    counter = Counter(box)

    async def shown(name: str, state: str) -> None:
        await display.state(state)
        await display.at(name)
        if SHOTS:
            picture = Path(SHOTS) / f"display-{name}-{'-'.join(look)}.png"
            await display.page.screenshot(path=picture)

    await shown("ready", "ready")
    await counter.sells(ROLL)
    await shown("first", "selling")
    await counter.do(SetCustomer, customer="K7Q4-M2XD")
    await counter.sells(LOAF, CROISSANT, ROLL, LOAF, CROISSANT, ROLL, COFFEE)
    await expect(display.page.locator(".last .why--save")).to_be_visible()
    await shown("selling", "selling")
    await box.put_on_scale(742, "unstable")
    await display.page.request.post(
        f"{box.url}/api/v1/tills/till-2/scale-goods",
        data={"code": box.reference.quick_keys()[0].keys[5].code, "tare_g": 10},
    )
    await shown("weighing", "weighing")
    await display.page.request.post(f"{box.url}/api/v1/tills/till-2/scale-goods", data={})
    await counter.do(GiveDiscount, off_ppm=100_000, reason="regular of ours")
    await counter.do(TakeCash, amount_minor=200)
    await shown("part", "selling")
    await counter.do(PayByCard, amount_minor=box.cart.due_minor)
    await shown("card", "card")
    await box.doubt()
    await shown("doubt", "ask_staff")
    await box.approve()
    await expect(display.page.locator(".code img")).to_have_js_property("complete", value=True)
    await shown("paid", "done")
    await counter.sells(COFFEE)
    await counter.do(TakeCash, amount_minor=2000)
    await shown("change", "done")
    await counter.do(ReturnItem, code=COFFEE, quantity=2000, reason="stale")
    await shown("back", "selling")
    await counter.do(GiveCash, amount_minor=-box.cart.total_minor)
    await shown("given", "done")
    await counter.do(NextSale)
    await counter.do(BeginTraining)
    await counter.sells(COFFEE, ROLL)
    await shown("training", "selling")
    await box.stop()
    await shown("lost", "lost")
    assert display.defects == []


async def test_the_last_item_is_large_and_the_rest_a_list(browser: Browser, box: FakeBox) -> None:
    display = await DisplayPage.open(browser, box)
    page, counter = display.page, Counter(box)
    await counter.sells(ROLL)
    first = await page.locator(".last__name").text_content()
    await counter.sells(LOAF)
    await expect(page.locator(".item__name")).to_have_text([first or ""])
    assert await page.locator(".last__name").text_content() != first
    await expect(page.locator(".sum__huge")).to_have_attribute("value", str(box.cart.total_minor))
    size = "el => parseFloat(getComputedStyle(el).fontSize)"
    large = await page.locator(".last__sum").evaluate(size)
    assert large > 2 * await page.locator(".item__sum").evaluate(size)


async def test_the_code_on_the_screen_is_the_signed_one(browser: Browser, box: FakeBox) -> None:
    display = await DisplayPage.open(browser, box)
    counter = Counter(box)
    await counter.sells(ROLL)
    await counter.do(TakeCash, amount_minor=5000)
    await display.state("done")
    await expect(display.page.locator(".code img")).to_have_js_property("complete", value=True)
    assert await photographed(display) == TEXT


async def test_nothing_of_a_sale_is_shown_to_the_next_customer(
    browser: Browser, box: FakeBox
) -> None:
    display = await DisplayPage.open(browser, box)
    await display.page.clock.install()
    await display.page.reload()
    counter = Counter(box)
    await counter.sells(ROLL)
    await counter.do(TakeCash, amount_minor=5000)
    await display.state("done")
    await display.page.clock.fast_forward(121_000)
    await display.state("ready")
    assert await display.page.locator(".money, .code").count() == 0
    await counter.sells(LOAF)
    await display.state("selling")
    await counter.do(TakeCash, amount_minor=5000)
    await display.state("done")
    await counter.do(NextSale)
    await display.state("ready")
    assert await display.page.locator(".money, .code").count() == 0


async def test_the_language_is_the_cashiers_then_the_customers_for_one_sale(
    browser: Browser, box: FakeBox
) -> None:
    display = await DisplayPage.open(browser, box, language="pl")
    page, counter = display.page, Counter(box)
    html = page.locator("html")
    await expect(html).to_have_attribute("lang", "pl")
    await page.get_by_role("button", name="العربية").click()
    await expect(html).to_have_attribute("dir", "rtl")
    await counter.sells(ROLL)  # chosen before the first article, it is for this sale
    await display.state("selling")
    await expect(html).to_have_attribute("lang", "ar")
    await page.get_by_role("button", name="한국어").click()
    await expect(html).to_have_attribute("lang", "ko")
    await expect(html).to_have_attribute("dir", "ltr")
    await counter.do(TakeCash, amount_minor=5000)
    await display.state("done")
    await expect(html).to_have_attribute("lang", "ko")
    await counter.do(NextSale)
    await display.state("ready")
    await expect(html).to_have_attribute("lang", "pl")
    assert await page.evaluate("localStorage.getItem('tillbox.language')") is None


async def test_it_takes_no_scans_and_says_nothing(browser: Browser, box: FakeBox) -> None:
    display = await DisplayPage.open(browser, box)
    await Counter(box).sells(ROLL)
    await display.state("selling")
    await display.page.get_by_role("button", name="Polski").click()
    page = display.page
    before = len(display.asked)
    for key in [*LOAF, "Enter", "F2", "F9", "*", "Escape"]:
        await page.keyboard.press(key)
    await page.get_by_role("button", name="English").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    assert [each for each in display.asked[before:] if not each.startswith("GET ")] == []
    assert len(box.cart.lines) == 1
    assert box.displays.said == []
    await page.get_by_role("button", name="Polski").click()
    await expect(page.locator("html")).to_have_attribute("lang", "pl")
    await Counter(box).do(Abandon)
    await display.state("ready")
    await page.keyboard.press("Enter")  # of a scanner: it chooses nothing for the next customer
    await Counter(box).sells(LOAF)
    await display.state("selling")
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_a_stale_total_is_never_shown_as_live(browser: Browser, box: FakeBox) -> None:
    display = await DisplayPage.open(browser, box)
    counter = Counter(box)
    await counter.sells(ROLL)
    await display.state("selling")
    await box.stop()
    await display.state("lost")
    assert await display.page.locator(".money").count() == 0
    await box.start()
    await display.state("selling")  # by itself, and as it is now
    await counter.sells(LOAF)
    await expect(display.page.locator(".item")).to_have_count(1)


async def test_a_box_that_is_merely_silent_is_lost_too(browser: Browser, box: FakeBox) -> None:
    display = await DisplayPage.open(browser, box)
    await Counter(box).sells(ROLL)
    await display.state("selling")
    await display.page.evaluate("AbortSignal.timeout = () => new AbortController().signal")
    async with held(display.page, "**/api/v1/display"):  # the question gets no answer, not even no
        for socket in list(box.displays.sockets):
            await socket.close()
        await display.state("lost")
        assert await display.page.locator(".money").count() == 0
    await display.state("selling")


async def test_the_stores_logo_takes_the_place_of_ours(browser: Browser, box: FakeBox) -> None:
    display = await DisplayPage.open(browser, box, theme="dark")
    await expect(display.page.locator(".idle__mark")).to_be_visible()
    box.displays.logo = Logo(384, b"\x0f\xf0" * 24 * 120)
    await box.publish()
    logo = display.page.locator(".idle__logo")
    await expect(logo).to_have_js_property("naturalWidth", 384)
    await expect(display.page.locator(".idle__mark")).to_have_count(0)
    await display.at("logo")
    if SHOTS:
        await display.page.screenshot(path=Path(SHOTS) / "display-logo.png")


async def test_before_sign_in_it_is_closed_and_a_stranger_sees_nothing(
    browser: Browser, box: FakeBox
) -> None:
    display = await DisplayPage.open(browser, box, cookies=1)
    await display.state("closed")
    stranger = await DisplayPage.open(browser, box, cookies=0)
    await stranger.state("stranger")
    assert await stranger.page.locator(".money").count() == 0


async def test_the_till_opens_it_and_keeps_its_keyboard(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await page.keyboard.press("F2")
    await page.evaluate("document.activeElement.blur()")
    await page.get_by_role("button", name="More").click()
    async with page.expect_popup() as opened:
        await page.get_by_role("button", name="Customer display").click()
    facing = await opened.value
    await expect(facing.locator("body")).to_have_attribute("data-state", "ready")
    await page.bring_to_front()
    await till.wedge(ROLL)
    await expect(facing.locator("body")).to_have_attribute("data-state", "selling")
    await page.keyboard.press("F2")
    focused = await page.evaluate("document.activeElement.id || document.activeElement.tagName")
    await box.scan(LOAF)
    await expect(facing.locator(".item")).to_have_count(1)
    assert await page.evaluate("document.hasFocus()")
    now = await page.evaluate("document.activeElement.id || document.activeElement.tagName")
    assert now == focused
    assert len(box.cart.lines) == 2


async def test_goods_on_the_scale_are_seen_before_they_are_sold(
    till: TillPage, box: FakeBox
) -> None:
    facing = await DisplayPage.within(till.page.context, box)
    await facing.state("ready")
    await till.page.bring_to_front()
    await box.put_on_scale(742)
    await till.page.locator('.tile[data-place="6"]').click()
    await facing.state("weighing")
    await expect(facing.page.locator(".scale__kg")).to_have_text("0.742\u00a0kg")
    price = int(await facing.page.locator(".scale__parts data").get_attribute("value") or 0)
    cost = facing.page.locator(".last__sum data")
    await expect(cost).to_have_attribute("value", str((price * 742 + 500) // 1000))
    await till.type("10")
    await expect(facing.page.locator(".scale__kg")).to_have_text("0.732\u00a0kg")
    await box.put_on_scale(900, "unstable")
    await expect(facing.page.locator(".scale__kg")).to_have_text("0.890\u00a0kg")
    await expect(facing.page.locator(".scale .why")).to_have_text("The weight is still moving.")
    await till.page.keyboard.press("Escape")
    await till.page.keyboard.press("Escape")
    await facing.state("ready")


async def test_notes_and_reasons_are_the_cashiers_own(browser: Browser, box: FakeBox) -> None:
    with_offers(box)
    display = await DisplayPage.open(browser, box)
    counter = Counter(box)
    await counter.sells(COFFEE)
    await counter.do(SetCustomer, customer="K7Q4-M2XD")
    await counter.do(SetNote, text="smells of SECRET")
    await counter.do(GiveDiscount, off_minor=10, reason="SECRET reason")
    await counter.do(PayByCard, amount_minor=box.cart.due_minor)
    await display.state("card")
    await expect(display.page.locator(".head")).to_contain_text("Hello, Ana")
    words = await display.page.locator("body").inner_text()
    assert "SECRET" not in words
    assert "Secreta" not in words


async def test_money_back_to_a_card_is_called_so(browser: Browser, box: FakeBox) -> None:
    display = await DisplayPage.open(browser, box)
    counter = Counter(box)
    await counter.sells(ROLL)
    await counter.do(PayByCard, amount_minor=box.cart.due_minor)
    await box.approve()
    await display.state("done")
    (line,) = box.cart.lines
    await counter.do(
        ReturnLine, receipt=box.cart.receipt, line_id=line.line_id, quantity=1000, reason="stale"
    )
    await expect(display.page.locator(".sum__all")).to_contain_text("You get back")
    await expect(display.page.locator(".last__sum")).to_contain_text("\u2212")
    await counter.do(RefundByCard, amount_minor=-box.cart.total_minor)
    await display.state("card")
    await expect(display.page.locator("h1")).to_have_text("Present your card for the refund")
