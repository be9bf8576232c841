"""The slip keeps its places while quantities change, and nothing that was typed is lost."""

from __future__ import annotations

import itertools
from typing import Final

import pytest
from playwright.async_api import Browser, Route, expect

from edge.contract.till_commands import AddItem, SetQuantity
from tests.screens.fake_box import ENROL_CODE, FakeBox
from tests.screens.till_page import PEOPLE, SIZES, TillPage

pytestmark = pytest.mark.screens

ROLL: Final = "9520000079192"
CROISSANT: Final = "9520000158385"
PLUS: Final = ".line--on .line__do .key >> nth=1"


async def lines(till: TillPage) -> list[str]:
    """Return what the slip shows: quantity and name of each row, struck rows in brackets."""
    shown: list[str] = await till.page.locator(".slip .line").evaluate_all(
        """(rows) => rows.map((row) => {
            const words = [...row.querySelectorAll('.line__n, .line__name')].map((x) => x.innerText)
                .join(' ').replace(/\\u00a0/g, ' ');
            return row.classList.contains('line--void') ? `[${words}]` : words;
        })"""
    )
    return shown


async def test_a_line_counted_anew_keeps_its_place_and_its_keys(
    till: TillPage, box: FakeBox
) -> None:
    for code in (ROLL, CROISSANT):
        await box.scan(code)
    await till.total("€1.85")
    await till.page.locator(".line").first.click()
    plus = till.page.locator(PLUS)
    before = await plus.bounding_box()
    await plus.click()
    await till.total("€2.30")
    await till.message("Quantity of Bread roll: 2")
    await plus.click()
    await till.total("€2.75")
    after = await plus.bounding_box()
    assert await lines(till) == ["3 Bread roll", "1 Butter croissant"]
    await expect(till.page.locator(".line").first.locator(".line__why")).to_contain_text("was 1, 2")
    assert before is not None
    assert after is not None
    assert (after["x"], after["width"]) == (before["x"], before["width"])
    # the box still says everything: two struck lines, told apart from a person's void
    assert [line.voided for line in box.cart.lines] == [True, False, True, False]
    await till.page.locator(".line__void").click()
    await till.total("€1.40")
    assert await lines(till) == ["[3 Bread roll]", "1 Butter croissant"]


async def test_rows_that_stay_speak_the_language_that_was_chosen(
    till: TillPage, box: FakeBox
) -> None:
    await box.scan(ROLL)
    await till.total("€0.45")
    await till.page.locator(PLUS).click()
    await till.total("€0.90")
    await box.scan(CROISSANT)
    await till.total("€2.30")
    first = till.page.locator(".line").first
    await expect(first.locator(".line__why")).to_contain_text("each")
    await till.page.locator(".who").click()
    await till.page.locator(".sheet select").select_option("pl")
    await till.page.keyboard.press("Escape")
    await expect(first.locator(".line__why")).to_contain_text("po 0,45")
    await expect(first.locator(".line__sum")).to_contain_text("0,90")
    await first.click()
    await expect(first.locator(".line__void")).to_be_visible()


async def test_a_quantity_changed_offers_no_undo_that_would_void_the_line(
    till: TillPage, box: FakeBox
) -> None:
    await box.scan(ROLL)
    await till.total("€0.45")
    await expect(till.page.get_by_role("button", name="Undo")).to_have_count(1)
    await till.page.locator(PLUS).click()
    await till.message("Quantity of Bread roll: 2")
    await expect(till.page.get_by_role("button", name="Undo")).to_have_count(0)


async def test_a_line_voided_and_sold_again_is_two_rows(till: TillPage, box: FakeBox) -> None:
    await box.scan(ROLL)
    await till.total("€0.45")
    await till.page.locator(".line__void").click()
    await till.total("€0.00")
    await box.scan(ROLL)
    await till.total("€0.45")
    assert await lines(till) == ["[1 Bread roll]", "1 Bread roll"]


async def test_five_fast_presses_of_plus_are_five_more_on_a_slow_box(
    till: TillPage, box: FakeBox
) -> None:
    await box.scan(ROLL)
    await till.total("€0.45")
    async with till.held("**/commands"):
        for _ in range(5):
            await till.page.locator(PLUS).click()
    await till.total("€2.70")
    assert await lines(till) == ["6 Bread roll"]
    asked = [c.quantity for c in box.commands if isinstance(c, SetQuantity)]
    assert asked == [2000, 6000], "what the box did not count yet is asked for at once"


async def test_a_refused_quantity_is_not_asked_for_again(till: TillPage, box: FakeBox) -> None:
    for _ in range(2):
        await box.scan(ROLL)
    await till.total("€0.90")
    tried = 0

    async def refuse(route: Route) -> None:
        nonlocal tried
        tried += 1
        body = '{"code":"total_too_large","message":"Too large.","advice":"","params":{"name":"x"}}'
        await route.fulfill(status=409, content_type="application/json", body=body)

    await till.page.route("**/commands", refuse)
    await till.page.locator(PLUS).click()
    await till.message("the sale would be too large")
    await till.page.unroute("**/commands")
    await till.page.locator(PLUS).click()
    await till.message("Quantity of Bread roll: 2")
    assert tried == 1


async def test_the_acts_keep_their_places_when_a_sale_opens(till: TillPage, box: FakeBox) -> None:
    places = "(keys) => keys.map((key) => key.getBoundingClientRect().x)"
    acts = till.page.locator(".acts .key")
    idle = await acts.evaluate_all(places)
    await acts.nth(2).click(force=True)  # it says why it does nothing
    await till.message("No sale is open")
    await box.scan(ROLL)
    await till.state("sell")
    assert await acts.evaluate_all(places) == idle


async def test_a_pin_typed_before_the_name_and_at_the_first_moment_counts(
    browser: Browser, box: FakeBox
) -> None:
    context = await browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-GB")
    page = await context.new_page()
    # typed in the very task that draws the sign-in page, before anything was painted
    await page.add_init_script(
        """new MutationObserver((_, watch) => {
            if (!document.querySelector('.pin__dots')) return;
            watch.disconnect();
            queueMicrotask(() => [...'4711'].forEach((key) => dispatchEvent(
                new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))));
        }).observe(document, { childList: true, subtree: true });"""
    )
    await page.goto(f"{box.url}/till/#enrol={ENROL_CODE}")
    await expect(page.locator(".pin__dots .on")).to_have_count(4)
    marta = page.locator(".people .key", has_text="Marta")
    await marta.click()
    await marta.click()
    await expect(page.locator(".pin__dots .on")).to_have_count(4)
    await page.locator(".people .key", has_text="João").click()
    await expect(page.locator(".pin__dots .on")).to_have_count(0)
    await context.close()


async def test_a_wrong_pin_moves_no_key(browser: Browser, box: FakeBox) -> None:
    for size in ("laptop", "phone"):
        till = await TillPage.open(browser, box, size=size, sign_in=False)
        await till.page.locator(".people .key", has_text="Marta").click()
        one = till.page.locator(".pin .keypad .key").first
        before = await one.bounding_box()
        await till.type("1111")
        await till.page.keyboard.press("Enter")
        await expect(till.page.get_by_role("alert")).to_contain_text("The PIN does not fit")
        assert await one.bounding_box() == before, size
        await till.page.context.close()


async def test_a_lock_out_moves_no_key_in_any_language(browser: Browser, box: FakeBox) -> None:
    words = '{"code":"pin_locked_person","message":"","advice":"","params":{"minutes":"60"}}'
    till = await TillPage.open(browser, box, size="phone", sign_in=False)
    await till.page.route(
        "**/api/v1/session",
        lambda route: (
            route.fulfill(status=429, content_type="application/json", body=words)
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    for size, language in itertools.product(("phone", "laptop"), PEOPLE):
        width, height = SIZES[size]
        await till.page.set_viewport_size({"width": width, "height": height})
        await till.page.locator(".pick select").select_option(language)
        await till.page.locator(".people .key", has_text="Marta").click()
        one = till.page.locator(".pin .keypad .key").first
        before = await one.bounding_box()
        await till.type("1111")
        await till.page.keyboard.press("Enter")
        await expect(till.page.get_by_role("alert")).to_contain_text("60")
        assert await one.bounding_box() == before, (size, language)


async def test_a_key_of_the_sign_in_that_does_nothing_says_why(
    browser: Browser, box: FakeBox
) -> None:
    till = await TillPage.open(browser, box, sign_in=False)
    says = till.page.get_by_role("alert")
    sign_in = till.page.locator(".pin .key--pay")
    await till.type("4711")
    await sign_in.click(force=True)
    await expect(says).to_contain_text("Choose your name first.")
    await till.page.locator(".people .key", has_text="Marta").click()
    await till.page.keyboard.press("Backspace")
    await sign_in.click(force=True)
    await expect(says).to_contain_text("at least 4 digits")
    await till.type("1")
    await till.page.keyboard.press("Enter")
    await till.state("idle")


async def test_typing_goes_to_the_search_box_of_a_phone_from_the_first_letter(
    browser: Browser, box: FakeBox
) -> None:
    till = await TillPage.open(browser, box, size="phone")
    await till.type("milk")
    await expect(till.page.locator("#find")).to_have_value("milk")
    await till.page.keyboard.press("Escape")
    await till.page.locator(".panes .tab").first.click()
    await till.page.keyboard.press("F2")
    await till.page.keyboard.press("7")
    await expect(till.page.locator("#find")).to_have_value("7")


async def test_enter_never_sells_what_was_found_for_other_letters(
    till: TillPage, box: FakeBox
) -> None:
    await till.page.keyboard.press("F2")
    await till.type("milk")
    await expect(till.page.locator(".found .key")).not_to_have_count(0)
    async with till.held("**/api/v1/articles?q=*"):
        await till.type(" choc")
        await till.page.keyboard.press("Enter")
        assert [c for c in box.commands if isinstance(c, AddItem)] == []
    await till.message("Added: Milk chocolate")
    assert len([c for c in box.commands if isinstance(c, AddItem)]) == 1


async def test_an_amount_stays_typed_while_the_box_is_away(till: TillPage, box: FakeBox) -> None:
    await box.scan(ROLL)
    await till.total("€0.45")
    await till.page.keyboard.press("F9")
    await till.state("paying")
    await till.type("500")
    await box.stop()
    await expect(till.page.locator(".link--lost")).to_be_visible()
    await till.page.keyboard.press("F9")
    await expect(till.page.locator(".amount output")).to_have_text("€5.00")


async def test_a_phone_hears_refusals_beside_its_sale(browser: Browser, box: FakeBox) -> None:
    till = await TillPage.open(browser, box, size="phone")
    await box.scan(ROLL)
    await till.state("sell")
    says = till.page.locator(".slip__says .notice")
    await expect(says).to_contain_text("Added: Bread roll")
    await till.wedge("9520000079199")
    await expect(says).to_contain_text("check digit")
    await expect(says).to_be_in_viewport()
    await till.page.locator(".panes .tab").nth(1).click()
    await expect(says).to_be_hidden()


async def test_the_chosen_line_stays_in_sight_when_the_device_is_turned(
    browser: Browser, box: FakeBox
) -> None:
    till = await TillPage.open(browser, box, size="desktop")
    for _ in range(9):
        await box.scan(ROLL)
        await box.scan(CROISSANT)
    await expect(till.page.locator(".line")).to_have_count(18)
    for width, height in ((820, 1180), (390, 844), (1366, 768)):
        await till.page.set_viewport_size({"width": width, "height": height})
        keys = till.page.locator(".line--on .line__do")
        await expect(keys).to_be_in_viewport(ratio=0.99)


async def test_a_declined_card_ends_its_sentence_once_and_says_what_to_do(
    till: TillPage, box: FakeBox
) -> None:
    await box.scan(ROLL)
    await till.state("sell")
    await till.page.keyboard.press("F9")
    await till.page.keyboard.press("Alt+2")
    await till.page.keyboard.press("F9")
    await expect(till.page.locator(".live")).to_be_visible()
    await box.decline("The issuer said no.")
    await till.message(
        "The card was not charged: The issuer said no. Try another card, or take cash."
    )


async def test_arabic_change_is_as_large_as_english(browser: Browser, box: FakeBox) -> None:
    heights = {}
    for language in ("en", "ar"):
        till = await TillPage.open(browser, box, language=language)
        await box.scan(ROLL)
        await till.state("sell")
        await till.page.keyboard.press("F9")
        await till.state("paying")
        await till.page.locator(".quick .key").nth(3).click()
        await till.page.keyboard.press("F9")
        await till.state("change")
        heights[language] = await till.page.locator(".huge").evaluate("(e) => e.offsetHeight")
        await till.page.keyboard.press("Enter")
        await till.state("idle")
        await till.page.context.close()
    assert heights["ar"] == heights["en"]


async def test_a_terminal_out_of_reach_is_said_without_addresses(
    till: TillPage, box: FakeBox
) -> None:
    await box.scan(ROLL)
    await till.state("sell")
    raw = "The connection to 127.0.0.1:59899 broke: Connection reset by peer."
    await box.change_device("terminal", well=False, state="lost", words=raw)
    await till.message("Card terminal does not answer. Look at its power and its cable.")
    await till.page.keyboard.press("F9")
    await till.page.keyboard.press("Alt+2")
    await till.page.keyboard.press("F9")
    await expect(till.page.locator(".live .notice")).to_contain_text("does not answer")
    await box.doubt()
    await till.state("indoubt")
    await expect(till.page.locator(".facts")).to_contain_text("does not answer")
    assert "127.0.0.1" not in await till.page.locator("body").inner_text()


async def test_lines_arrive_once(till: TillPage, box: FakeBox) -> None:
    for code in (ROLL, CROISSANT):
        await box.scan(code)
    await expect(till.page.locator(".line")).to_have_count(2)
    await expect(till.page.locator(".line--new")).to_have_count(0)
    await till.page.keyboard.press("F9")
    await till.page.keyboard.press("Alt+2")
    await till.page.keyboard.press("F9")
    await expect(till.page.locator(".live")).to_be_visible()
    await box.doubt()
    await till.state("indoubt")
    await box.decline()
    await till.state("paying")
    running = "document.getAnimations().filter((a) => a.animationName === 'line-in').length"
    assert await till.page.evaluate(running) == 0
