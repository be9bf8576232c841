"""Park and resume as cashiers do it, by keyboard and by touch, and what other tills do."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from edge.contract.till_commands import Park, Resume
from edge.contract.till_protocol import TillState
from tests.screens.by_hand_page import CROISSANT, LANGUAGES, LOAF, ROLL, kept, selling, sent
from tests.screens.fake_box import NOW_MS, TILL, FakeBox
from tests.screens.lost_answers import lose_answers
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

ROWS = ".parked__key"
MINUTE_MS = 60_000


async def parked_elsewhere(till: TillPage, box: FakeBox) -> dict[str, str]:
    """Three parked sales: of till 1, of till 3 for this till, and of till 1 for till 3."""
    shelf, reference = box.shelf, box.reference
    sales = {
        "brown": shelf.park_at(
            "till-1", ROLL, CROISSANT, reference=reference, at=NOW_MS, label="Mrs Brown"
        ),
        "ours": shelf.park_at(
            "till-3", LOAF, reference=reference, at=NOW_MS + MINUTE_MS, for_till=TILL
        ),
        "theirs": shelf.park_at(
            "till-1",
            ROLL,
            reference=reference,
            at=NOW_MS + 2 * MINUTE_MS,
            label="Order 1187",
            for_till="till-3",
        ),
    }
    await box.publish()
    await expect(till.page.locator(".acts .count")).to_have_text("3")
    return sales


async def names(till: TillPage) -> list[str]:
    return await till.page.locator(f"{ROWS} .parked__name").all_text_contents()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_park_with_a_label_and_resume_by_keyboard_alone(
    browser: Browser, box: FakeBox, language: str
) -> None:
    till = await TillPage.open(browser, box, language=language)
    await selling(box, till)
    await till.page.keyboard.press("F4")
    await expect(till.page.locator("#park-label")).to_be_focused()
    await till.type("Table 4")
    await till.page.keyboard.press("Enter")
    await till.state("idle")
    await till.message("Table 4")
    assert [(c.label, c.for_till) for c in sent(box, Park)] == [("Table 4", None)]
    await expect(till.page.locator(".acts .count")).to_have_text("1")
    await box.scan(LOAF)
    await till.state("sell")
    await till.page.keyboard.press("F5")  # a sale is open: it says why not
    await expect(till.page.locator(ROWS)).to_have_count(0)
    await expect(till.page.locator(".notice").first).to_have_class(re.compile("notice--wait"))
    await till.page.keyboard.press("F9")
    await till.page.keyboard.press("F9")
    await till.state("change")
    await till.page.keyboard.press("F5")
    await expect(till.page.locator(ROWS)).to_be_focused()
    await till.page.keyboard.press("Enter")
    await till.state("sell")
    assert await till.line_names() == ["Bread roll", "Butter croissant"]
    await till.message("Table 4")
    assert len(sent(box, Resume)) == 1
    assert till.defects == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_hand_over_and_take_up_by_touch(
    browser: Browser, box: FakeBox, language: str
) -> None:
    till = await TillPage.open(browser, box, size="phone", language=language)
    page = till.page
    await selling(box, till)
    await page.locator(".panes .tab").nth(1).tap()
    await page.locator(".acts .key", has=page.locator("[href='#park']")).tap()
    await expect(page.locator("#park-label")).not_to_be_focused()  # no screen keyboard unasked
    await page.locator("#park .reasons .key").nth(2).tap()
    await page.locator(".hand__go").tap()
    await till.state("idle")
    assert [(c.label, c.for_till) for c in sent(box, Park)] == [("", "till-3")]
    await page.locator(".panes .tab").nth(0).tap()
    await page.locator(".waits .key").tap()  # the idle till shows that one waits
    await page.locator(ROWS).tap()
    await till.state("sell")
    await expect(page.locator(".line")).to_have_count(2)
    assert till.defects == []


async def test_parked_at_once_with_the_key_pressed_twice(till: TillPage, box: FakeBox) -> None:
    await selling(box, till)
    await till.page.keyboard.press("F9")
    await till.state("paying")
    await till.page.keyboard.press("F4")  # also from the payment desk, before anything was taken
    await till.state("sell")
    await expect(till.page.locator("#park-label")).to_be_focused()
    await till.page.keyboard.press("F4")
    await till.state("idle")
    await till.message("Parked: Marta.")
    assert len(sent(box, Park)) == 1


async def test_the_list_says_whose_since_when_and_how_much_those_for_this_till_first(
    till: TillPage, box: FakeBox
) -> None:
    await till.page.clock.set_fixed_time((NOW_MS + 5 * MINUTE_MS) / 1000)
    await parked_elsewhere(till, box)
    await expect(till.page.locator(".waits")).to_contain_text("3 sales are parked")
    await expect(till.page.locator(".waits li")).to_contain_text("For this till · Paweł€4.20")
    await till.page.reload()
    await till.state("idle")
    await till.page.keyboard.press("F5")
    assert await names(till) == ["Paweł", "Mrs Brown", "Order 1187"]
    rows = till.page.locator(ROWS)
    await expect(rows.nth(0)).to_contain_text("For this till")
    await expect(rows.nth(1)).to_contain_text("€1.85")
    await expect(rows.nth(1)).to_contain_text(
        re.compile(r"Till 1 · Paweł · 5 min\. ago .* 2 lines")
    )
    await expect(rows.nth(2)).to_contain_text("For till 3")
    await expect(rows.nth(0)).to_be_focused()
    await till.page.keyboard.press("ArrowDown")
    await expect(rows.nth(1)).to_be_focused()
    await till.page.keyboard.press("End")
    await expect(rows.nth(2)).to_be_focused()
    await till.page.keyboard.press("ArrowUp")
    await till.page.keyboard.press("Enter")
    await till.state("sell")
    assert await till.line_names() == ["Bread roll", "Butter croissant"]


async def test_a_list_that_changes_under_the_cashier_says_so_and_keeps_the_place(
    till: TillPage, box: FakeBox
) -> None:
    sales = await parked_elsewhere(till, box)
    await till.message("Till 3 hands over to you: Paweł.")
    await till.page.keyboard.press("F5")
    await till.page.keyboard.press("ArrowDown")
    await expect(till.page.locator(ROWS).nth(1)).to_be_focused()
    box.shelf.take(sales["brown"])
    await box.publish()
    await till.message("Another till took it up: Mrs Brown.")
    assert await names(till) == ["Paweł", "Order 1187"]
    await expect(till.page.locator(ROWS).nth(1)).to_be_focused()
    box.shelf.take(sales["ours"])
    await box.publish()
    await expect(till.page.locator(ROWS)).to_have_count(1)
    await expect(till.page.locator(ROWS)).to_be_focused()
    box.shelf.take(sales["theirs"])
    await box.publish()
    await expect(till.page.locator(".parked")).to_contain_text("No sale is parked.")
    await till.page.keyboard.press("Enter")  # nothing is there to take up
    await till.page.keyboard.press("Escape")
    await expect(till.page.locator(".tiles")).to_be_visible()
    await till.page.keyboard.press("F5")
    await till.message("No sale is parked.")
    assert sent(box, Resume) == []


async def test_two_tills_want_the_same_sale_and_the_second_is_told(
    till: TillPage, box: FakeBox
) -> None:
    sales = await parked_elsewhere(till, box)
    await till.page.keyboard.press("F5")
    await expect(till.page.locator(ROWS)).to_have_count(3)
    box.shelf.take(sales["ours"])  # the other till was quicker: this page does not know yet
    await till.page.locator(ROWS).nth(0).click()
    await till.message("This sale is not parked any more")
    await till.state("idle")


async def test_a_scan_goes_on_selling_and_shuts_the_list(till: TillPage, box: FakeBox) -> None:
    await parked_elsewhere(till, box)
    await till.page.keyboard.press("F5")
    await expect(till.page.locator(ROWS)).to_have_count(3)
    await till.wedge(ROLL)
    await till.state("sell")
    await expect(till.page.locator(ROWS)).to_have_count(0)
    await expect(till.page.locator(".line")).to_have_count(1)
    assert sent(box, Resume) == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_payment_in_doubt_is_set_aside_and_found_again(
    browser: Browser, box: FakeBox, language: str
) -> None:
    till = await TillPage.open(browser, box, language=language)
    page = till.page
    await selling(box, till, LOAF)
    await page.keyboard.press("F9")
    await page.keyboard.press("Alt+2")
    await page.keyboard.press("F9")
    await expect(page.locator(".live")).to_be_visible()
    await page.keyboard.press("F4")  # while the terminal has the word it stays
    await expect(page.locator(".live")).to_be_visible()
    await box.doubt()
    await till.state("indoubt")
    await page.locator(".ask__do .key").nth(1).click()
    await expect(page.locator("[role=alert] h1")).to_be_visible()  # the warning stays in sight
    await till.type("red hat")
    await page.keyboard.press("Enter")
    await till.state("idle")
    assert sent(box, Park)[0].label == "red hat"
    await box.scan(ROLL)
    await till.state("sell")
    await page.keyboard.press("F9")
    await page.keyboard.press("F9")
    await till.state("change")
    await page.locator(".after .key").first.click()
    row = page.locator(ROWS)
    await expect(row.locator(".state--person")).to_be_visible()
    await row.click()
    await till.state("indoubt")
    await expect(page.locator(".facts dt")).to_have_count(5)  # since when it is stands in the sale
    await box.approve()
    await till.state("change")
    assert till.defects == []


async def test_a_parked_payment_that_becomes_clear_is_told(till: TillPage, box: FakeBox) -> None:
    sale = (await parked_elsewhere(till, box))["brown"]
    shown = box.shelf.shown[sale]
    for state in (TillState.IN_DOUBT, TillState.OPEN):
        box.shelf.set_state(shown.sale_id, state)
        await box.publish()
    await till.message("not in doubt any more: Mrs Brown")


async def test_what_cannot_be_parked_says_why_and_nothing_typed_is_lost(
    till: TillPage, box: FakeBox
) -> None:
    page = till.page
    await page.keyboard.press("F4")
    await till.message("No sale is open")
    await selling(box, till)
    await page.keyboard.press("F4")
    await page.locator("#park-label").fill("4111 1111 1111 1111")
    await page.keyboard.press("Enter")
    await till.message("This looks like a card number")
    await expect(page.locator("#park-label")).to_have_value("4111 1111 1111 1111")
    await page.keyboard.press("Escape")
    await page.keyboard.press("F9")
    await till.type("50")
    await page.keyboard.press("Enter")
    await till.total("€1.35")
    await page.keyboard.press("F4")
    await till.message("€0.50 has been paid towards this sale")
    assert sent(box, Park) == []


async def test_while_the_box_is_away_nothing_is_parked_and_the_label_is_kept(
    till: TillPage, box: FakeBox
) -> None:
    page = till.page
    await selling(box, till)
    await page.keyboard.press("F4")
    await till.type("Ines")
    await box.stop()
    await till.message("The box does not answer")
    await page.keyboard.press("Enter")
    await expect(page.locator("#park-label")).to_have_value("Ines")
    await box.start()
    await expect(page.locator(".link--lost")).to_have_count(0)
    await page.wait_for_timeout(300)
    assert sent(box, Park) == []
    await page.keyboard.press("Enter")
    await till.state("idle")
    assert [c.label for c in sent(box, Park)] == ["Ines"]


async def test_an_answer_that_was_lost_parks_once(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await selling(box, till)
    bodies = await lose_answers(page, "park", 1)
    await page.keyboard.press("F4")
    await page.keyboard.press("F4")
    await till.state("idle")
    await box.scan(CROISSANT)  # the next sale is not parked by the repeat
    await till.state("sell")
    await kept(page, "")
    await till.state("sell")
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    assert len(sent(box, Park)) == 1


async def test_the_keys_can_be_changed_and_never_load_the_page_anew(
    till: TillPage, box: FakeBox
) -> None:
    page = till.page
    await parked_elsewhere(till, box)
    await page.evaluate("window.same = true")
    await page.keyboard.press("?")
    sheet = page.locator("dialog[open]")
    await expect(sheet.locator("tr", has_text="Resume a parked sale")).to_contain_text("F5")
    await expect(sheet.locator("tr", has_text="Gift card")).to_contain_text("Alt 3")
    await page.keyboard.press("F5")  # behind a sheet it does nothing at all
    await sheet.locator("tr", has_text="Resume a parked sale").locator("button").click()
    await page.keyboard.press("F3")
    await page.keyboard.press("Escape")
    await expect(page.locator(".waits kbd")).to_have_text("F3")
    await page.keyboard.press("F3")
    await expect(page.locator(ROWS)).to_have_count(3)
    assert await page.evaluate("window.same") is True
