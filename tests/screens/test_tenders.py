"""Gift cards, points, accounts, vouchers, other terminals' cards and foreign notes at the till."""

from __future__ import annotations

import random
from typing import Final

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    FOREIGN_RATE_PPM_MAX,
)
from edge.contract.money import CURRENCY_DIGITS
from edge.contract.reference_data import ForeignCash
from edge.contract.till_commands import OtherTender, TakeCash, TakeForeignCash, TakeTender
from edge.engine.other_tenders import worth_of
from edge.engine.tendering import settle_in_cash
from tests.screens.by_hand_page import LANGUAGES, LOAF, approve_by_keyboard, kept, selling, sent
from tests.screens.fake_box import FakeBox
from tests.screens.lost_answers import lose_answers
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

REFERENCE: Final = "#tender-reference"
TAKE: Final = ".cashier .key--pay"
UNCHECKED: Final = {"3": "gift_card", "4": "points", "5": "house_account"}


async def paying(box: FakeBox, till: TillPage) -> None:
    """The payment desk over a sale of 4.20."""
    await selling(box, till, LOAF)
    await till.page.keyboard.press("F9")
    await till.state("paying")


@pytest_asyncio.fixture(loop_scope="session")
async def desk(till: TillPage, box: FakeBox) -> TillPage:
    await paying(box, till)
    return till


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("number", UNCHECKED)
async def test_what_nobody_checks_is_approved_by_a_second_person_by_keyboard_alone(
    browser: Browser, box: FakeBox, language: str, number: str
) -> None:
    till = await TillPage.open(browser, box, language=language)
    page = till.page
    await paying(box, till)
    await page.keyboard.press(f"Alt+{number}")
    await expect(page.locator(REFERENCE)).to_be_focused()
    await till.type("A-17")
    await page.keyboard.press("Tab")  # to the amount: digits are its own there
    await till.type("150")
    await page.keyboard.press("Enter")
    await expect(page.locator(".approval__wish")).to_contain_text("A-17")
    await approve_by_keyboard(till, box)
    await expect(page.locator(".tenders .left .money")).to_have_attribute("value", "270")
    await expect(page.locator(".tenders")).to_contain_text("A-17")
    await expect(page.locator(REFERENCE)).to_have_value("")
    (taken,) = sent(box, TakeTender)
    assert (taken.kind, taken.amount_minor, taken.reference) == (
        OtherTender(UNCHECKED[number]),
        150,
        "A-17",
    )
    assert taken.approval
    await page.keyboard.press("Alt+1")
    await page.keyboard.press("F9")
    await till.state("change")
    await expect(page.locator(".bigslip")).to_contain_text("A-17")
    assert till.defects == []


async def test_the_screen_says_plainly_that_no_balance_is_checked(desk: TillPage) -> None:
    for number, words in (
        ("3", "No balance is checked or kept here."),
        ("4", "No balance is checked or kept here."),
        ("5", "No balance is checked or kept here."),
        ("6", "Nobody checks this voucher"),
        ("7", "Charge the card at the other terminal first."),
    ):
        await desk.page.keyboard.press(f"Alt+{number}")
        await expect(desk.page.locator(".tendering .notice")).to_contain_text(words)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_voucher_by_touch(browser: Browser, box: FakeBox, language: str) -> None:
    till = await TillPage.open(browser, box, size="phone", language=language)
    page = till.page
    await selling(box, till, LOAF)
    await page.locator(".totals .key--pay").tap()
    await page.locator(".ways .key", has=page.locator("[href='#tag']")).tap()
    await expect(page.locator(REFERENCE)).not_to_be_focused()
    await page.locator(TAKE).click(force=True)
    await expect(page.locator(".notice").first).to_contain_text(
        "Type the number" if language == "en" else "الرقم"
    )
    await page.locator(REFERENCE).fill("V-0815")
    for digit in ("2", "00"):
        await page.locator(".tendering .keypad").get_by_role("button", name=digit, exact=True).tap()
    await page.locator(TAKE).tap()
    await expect(page.locator(".tenders .left .money")).to_have_attribute("value", "220")
    assert [(c.kind, c.amount_minor) for c in sent(box, TakeTender)] == [("voucher", 200)]
    assert till.defects == []


async def test_another_terminal_s_card_is_typed_and_confirmed(desk: TillPage, box: FakeBox) -> None:
    page = desk.page
    await page.keyboard.press("Alt+7")
    await desk.type("4711")
    await page.keyboard.press("F9")
    await desk.message("Type the amount that the other terminal charged.")
    await page.locator(".quick--one .key").click()
    await page.keyboard.press("F9")
    await desk.message("Does the other terminal show €4.20 approved?")
    assert sent(box, TakeTender) == []
    await page.keyboard.press("Backspace")  # another amount is asked about anew
    await page.keyboard.press("F9")
    await desk.message("show €0.42 approved?")
    assert sent(box, TakeTender) == []
    await page.keyboard.press("F9")
    await desk.total("€3.78")
    await desk.message("Taken: Other terminal €0.42.")
    (taken,) = sent(box, TakeTender)
    assert (taken.kind, taken.amount_minor, taken.reference) == ("manual_card", 42, "4711")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_foreign_notes_show_their_worth_and_the_change_before_they_are_taken(
    browser: Browser, box: FakeBox, language: str
) -> None:
    till = await TillPage.open(browser, box, language=language)
    page = till.page
    await paying(box, till)
    await page.keyboard.press("Alt+8")
    await page.keyboard.press("F9")
    assert sent(box, TakeForeignCash) == []
    await till.type("1000")
    output = page.locator(".tendering output")
    await expect(output.locator(".money").nth(0)).to_have_attribute("value", "1000")
    await expect(output.locator(".money").nth(1)).to_have_attribute("value", "850")
    await expect(page.locator(f"{TAKE} small .money")).to_have_attribute("value", "430")
    await page.keyboard.press("F9")
    await till.state("change")
    await expect(page.locator(".huge")).to_have_attribute("value", "430")
    await expect(page.locator(".bigslip dl")).to_contain_text("USD 10.00")
    (taken,) = sent(box, TakeForeignCash)
    assert (taken.currency, taken.amount_minor, taken.shown_minor) == ("USD", 1000, 850)
    assert till.defects == []


async def test_another_currency_by_touch_in_part(browser: Browser, box: FakeBox) -> None:
    till = await TillPage.open(browser, box, size="tablet")
    page = till.page
    await paying(box, till)
    await page.get_by_role("button", name="Foreign cash").tap()
    await page.get_by_role("button", name="GBP").tap()
    assert await page.locator(".quick--notes .key").all_text_contents() == [
        "£4.00", "£5.00", "£10.00", "£20.00",
    ]  # fmt: skip
    for digit in ("3", "00"):
        await page.locator(".tendering .keypad").get_by_text(digit, exact=True).tap()
    await expect(page.locator(TAKE)).to_contain_text("then still to pay €0.75")
    await page.locator(TAKE).tap()
    await till.total("€0.75")
    await expect(page.locator(".tenders")).to_contain_text("GBP 3.00")


async def test_a_rate_that_changed_is_refused_and_the_new_one_is_shown(
    desk: TillPage, box: FakeBox
) -> None:
    page = desk.page
    await page.keyboard.press("Alt+8")
    await desk.type("1000")
    box.reference.store = msgspec.structs.replace(
        box.reference.store, foreign_cash=(ForeignCash("USD", 800_000),)
    )
    await page.keyboard.press("F9")
    await desk.message("The rate has changed: the notes are worth 8.00, the screen said 8.50.")
    await expect(page.locator(".tendering output small")).to_contain_text("€8.00")
    await page.keyboard.press("F9")
    await desk.state("change")
    await expect(page.locator(".huge")).to_have_text("€3.80")


async def test_any_mix_with_the_rest_always_in_sight(desk: TillPage, box: FakeBox) -> None:
    page = desk.page
    await page.keyboard.press("Alt+6")
    await desk.type("V1")
    await page.keyboard.press("Tab")
    await desk.type("100")
    await page.keyboard.press("Enter")
    await desk.total("€3.20")
    await page.keyboard.press("Alt+8")
    await desk.type("100")
    await page.keyboard.press("Enter")
    await desk.total("€2.35")
    await page.keyboard.press("Alt+1")
    await desk.type("35")
    await page.keyboard.press("Enter")
    await desk.total("€2.00")
    await page.keyboard.press("Alt+2")
    await page.keyboard.press("F9")
    await expect(page.locator(".live")).to_be_visible()
    await box.approve()
    await desk.state("change")
    slip = page.locator(".bigslip dl")
    for words in ("Voucher V1", "Received in cash (USD 1.00)", "€1.20", "Card ··4417"):
        await expect(slip).to_contain_text(words)
    assert [type(c) for c in box.commands[1:4]] == [TakeTender, TakeForeignCash, TakeCash]


async def test_refusals_in_words_with_what_was_typed_still_there(
    desk: TillPage, box: FakeBox
) -> None:
    page = desk.page
    await page.keyboard.press("Alt+6")
    await page.keyboard.press("F9")
    await desk.message("Type the number that stands on it first.")
    await desk.type("V1")
    await page.keyboard.press("Tab")
    await desk.type("421")
    await page.keyboard.press("F9")
    await desk.message("It pays at most what is due, €4.20")
    await page.keyboard.press("Backspace")
    await page.locator(REFERENCE).fill("4111 1111 1111 1111")
    await page.keyboard.press("F9")
    await desk.message("This looks like a card number")
    await expect(page.locator(REFERENCE)).to_have_value("4111 1111 1111 1111")
    await expect(page.locator(".tendering output")).to_have_text("€0.42")
    await page.keyboard.press("Alt+3")  # every way keeps its own number
    await expect(page.locator(REFERENCE)).to_have_value("")
    await page.keyboard.press("Alt+6")
    await expect(page.locator(REFERENCE)).to_have_value("4111 1111 1111 1111")
    assert sent(box, TakeTender) == []


async def test_an_approval_left_changes_nothing_and_keeps_the_number(
    desk: TillPage, box: FakeBox
) -> None:
    page = desk.page
    await page.keyboard.press("Alt+3")
    await desk.type("GC-1")
    await page.keyboard.press("F9")
    await expect(page.locator(".approval")).to_contain_text("No balance is checked or kept.")
    await page.keyboard.press("Escape")
    await desk.message("Not approved")
    await expect(page.locator(REFERENCE)).to_have_value("GC-1")
    await desk.total("€4.20")
    await page.keyboard.press("F9")
    await approve_by_keyboard(desk, box)
    await desk.state("change")
    await expect(page.locator(".bigslip__sum")).to_contain_text("Paid")  # and no change in cash
    assert len(sent(box, TakeTender)) == 1


async def test_a_supervisor_is_asked_for_nobody(browser: Browser, box: FakeBox) -> None:
    till = await TillPage.open(browser, box, language="pl")
    await paying(box, till)
    await till.page.keyboard.press("Alt+4")
    await till.type("P-1")
    await till.page.keyboard.press("F9")
    await till.state("change")


async def test_while_the_box_is_away_no_tender_is_queued_and_what_is_typed_is_kept(
    desk: TillPage, box: FakeBox
) -> None:
    page = desk.page
    await page.keyboard.press("Alt+6")
    await desk.type("V-9")
    await box.stop()
    await desk.message("The box does not answer")
    await page.keyboard.press("F9")
    await kept(page, "")
    await expect(page.locator(REFERENCE)).to_have_value("V-9")
    await box.start()
    await expect(page.locator(".link--lost")).to_have_count(0)
    await page.wait_for_timeout(300)
    assert sent(box, TakeTender) == []
    await page.keyboard.press("F9")
    await desk.state("change")
    assert len(sent(box, TakeTender)) == 1


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_lost_answer_takes_it_once(desk: TillPage, box: FakeBox, lost: int) -> None:
    page = desk.page
    bodies = await lose_answers(page, "take_tender", lost)
    await page.keyboard.press("Alt+6")
    await desk.type("V-9")
    await page.keyboard.press("Tab")
    await desk.type("100")
    await page.keyboard.press("F9")
    await page.keyboard.press("F9")
    await desk.total("€3.20")
    await kept(page, "")
    await desk.message("Taken: Voucher €1.00.")
    assert len(bodies) == lost + 1
    assert len({body["command_id"] for body in bodies}) == 1
    assert len(sent(box, TakeTender)) == 1


async def test_a_scan_into_the_number_is_the_number_and_elsewhere_an_article(
    desk: TillPage, box: FakeBox
) -> None:
    page = desk.page
    await page.keyboard.press("Alt+6")
    await desk.wedge("VOUCHER-0042")
    await expect(page.locator(REFERENCE)).to_have_value("VOUCHER-0042")
    await page.keyboard.press("Tab")
    await desk.wedge(LOAF)
    await desk.total("€8.40")
    await expect(page.locator(REFERENCE)).to_have_value("VOUCHER-0042")


async def test_abandoning_says_everything_that_goes_back(desk: TillPage, box: FakeBox) -> None:
    page = desk.page
    await desk.type("50")
    await page.keyboard.press("Enter")
    await desk.total("€3.70")
    await page.keyboard.press("Alt+6")
    await desk.type("V1")
    await page.keyboard.press("Tab")
    await desk.type("100")
    await page.keyboard.press("Enter")
    await desk.total("€2.70")
    await page.keyboard.press("Alt+8")
    await desk.type("100")
    await page.keyboard.press("Enter")
    await desk.total("€1.85")
    await desk.message("Taken: $1.00.")  # its answer is here too: what was typed is gone
    for _ in range(3):
        await page.keyboard.press("Escape")
    await desk.state("idle")
    await desk.message("Give €0.50, Voucher €1.00, and USD 1.00 back to the customer.")


async def test_a_till_offers_only_what_it_has(browser: Browser, box: FakeBox) -> None:
    box.reference.store = msgspec.structs.replace(box.reference.store, foreign_cash=())
    box.devices = tuple(device for device in box.devices if device.role != "terminal")
    till = await TillPage.open(browser, box)
    await paying(box, till)
    await expect(till.page.locator(".ways .key")).to_have_count(6)
    await till.page.keyboard.press("Alt+8")
    await till.message("This store takes no foreign cash.")
    await till.page.keyboard.press("Alt+2")
    await till.message("This till has no payment terminal.")
    await expect(till.page.locator(".ways [aria-pressed=true]")).to_contain_text("Cash")


async def test_what_is_typed_for_the_next_one_survives_the_answer_for_the_last(
    desk: TillPage, box: FakeBox
) -> None:
    page = desk.page
    box.delay_s = 0.8
    await page.keyboard.press("Alt+6")
    await desk.type("V1")
    await page.keyboard.press("Tab")
    await desk.type("100")
    await page.keyboard.press("F9")
    await page.keyboard.press("Alt+1")
    await desk.type("2000")
    await desk.total("€3.20")
    await desk.message("Taken: Voucher €1.00.")
    await expect(page.locator(".amount output")).to_have_text("€20.00")


async def test_worth_and_change_are_those_of_the_box(till: TillPage, box: FakeBox) -> None:
    """The same sums as the rules of the box, over currencies of every number of digits."""
    chance = random.Random(20261126)
    currencies = ("EUR", "USD", "JPY", "KWD", "CHF")
    cases = []
    for _ in range(400):
        home, other = chance.sample(currencies, 2)
        ppm = min(FOREIGN_RATE_PPM_MAX, int(10 ** chance.uniform(0, 10)))
        rate = ForeignCash(other, max(1, ppm))
        minor = min(AMOUNT_MINOR_MAX, int(10 ** chance.uniform(0, 9)))
        if worth_of(minor, rate, home) < 2**53:
            cases.append((minor, rate.rate_ppm, other, home, worth_of(minor, rate, home)))
    wrong = await till.page.evaluate(
        """async (cases) => {
            const { worthOf, covering } = await import('/till/tenders.js');
            return cases.filter(([minor, rate_ppm, currency, home, worth]) => {
                const rate = { rate_ppm, currency };
                const enough = covering(worth, rate, home);
                return worthOf(minor, rate, home) !== worth || worthOf(enough, rate, home) < worth;
            });
        }""",
        cases,
    )
    assert wrong == []
    assert {CURRENCY_DIGITS[currency] for currency in currencies} == {0, 2, 3}
    sums = [(chance.randrange(1, 500), chance.randrange(1, 600)) for _ in range(400)]
    for step in (0, 1, 5, 10):
        settled = await till.page.evaluate(
            """async ([step, sums]) => {
                const { settle } = await import('/till/tenders.js');
                const { session } = await import('/till/store.js');
                session.value = { ...session.value, cash_step_minor: step };
                return sums.map(([due, given]) => settle(due, given));
            }""",
            [step, sums],
        )
        for (due, given), found in zip(sums, settled, strict=True):
            wanted = settle_in_cash(due, given, step)
            expected = (0, due - given) if wanted is None else (wanted.change_minor, 0)
            assert (found["change"], found["rest"]) == expected, (step, due, given)
