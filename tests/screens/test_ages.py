"""The question about the customer's age: by touch and by keyboard, and how it looks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from edge.contract.till_commands import AnyTillCommand, ConfirmAge, RefuseAge
from tests.screens.fake_box import FakeBox
from tests.screens.looks import DESK_LOOKS, Looks
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

CIDER: Final = "100157"
BRANDY: Final = "100319"
ROLL: Final = "9520000079192"
AGE: Final = ".age"
COVERED: Final = """() => [...document.querySelectorAll('.age .key')].filter((key) => {
    const { left, top, width, height } = key.getBoundingClientRect();
    return [2, height / 2, height - 2].some((down) =>
        !key.contains(document.elementFromPoint(left + width / 2, top + down)));
}).map((key) => key.innerText)"""


def answers(box: FakeBox) -> list[AnyTillCommand]:
    return [each for each in box.commands if isinstance(each, (ConfirmAge, RefuseAge))]


async def test_by_touch_scans_go_on_and_paying_waits(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await box.scan(CIDER)
    await expect(page.locator(AGE)).to_be_visible()
    await expect(page.locator(".age__born")).to_contain_text("October 2010")
    await box.scan(ROLL)
    await expect(page.locator(".line")).to_have_count(2)
    await expect(page.locator(".line__why--held")).to_have_text("from 16: to be checked")
    await box.scan(BRANDY)
    await expect(page.locator(".age__sum")).to_contain_text("18+")
    await page.get_by_role("button", name="Later").click()
    await expect(page.locator(AGE)).to_have_count(0)
    await expect(page.locator(".tiles")).to_be_visible()
    await page.locator(".key--pay").click()
    await till.message("Answer the question first")
    await page.locator(".hand__go").click()
    await expect(page.locator(AGE)).to_have_count(0)
    await till.message("Checked: 18 or older")
    await expect(page.locator(".line__why--held")).to_have_count(0)
    (confirmed,) = answers(box)
    assert isinstance(confirmed, ConfirmAge)
    assert (confirmed.minimum_age, confirmed.birth_date) == (18, None)
    await page.locator(".key--pay").click()
    await till.state("paying")


async def test_by_keyboard_a_birth_date_is_worked_out(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await box.scan(BRANDY)
    await expect(page.locator(AGE)).to_be_visible()
    await till.type("0101")
    await expect(page.locator(".age .amount output")).to_have_text(re.compile("^01/01/\u2012{4}$"))
    await page.keyboard.press("Enter")
    await till.message("Type the whole birth date")
    await till.type("2012")
    await page.keyboard.press("Enter")
    await till.message("the customer is not 18 yet")
    assert answers(box) == []
    for _ in range(4):
        await page.keyboard.press("Backspace")
    await till.type("1990")
    assert await page.evaluate("JSON.stringify(sessionStorage).includes('1990')") is False
    await page.keyboard.press("Enter")
    await expect(page.locator(AGE)).to_have_count(0)
    (confirmed,) = answers(box)
    assert isinstance(confirmed, ConfirmAge)
    assert confirmed.birth_date == "1990-01-01"


async def test_a_birth_date_that_waits_for_the_box_is_not_kept(
    till: TillPage, box: FakeBox
) -> None:
    page = till.page
    await box.scan(BRANDY)
    await expect(page.locator(AGE)).to_be_visible()
    async with till.held("**/commands"):
        await till.type("01011990")
        await page.keyboard.press("Enter")
        await expect(page.locator(AGE)).to_be_visible()
        assert "1990" not in await page.evaluate("JSON.stringify(sessionStorage)")
    await expect(page.locator(AGE)).to_have_count(0)


async def test_what_is_refused_leaves_the_sale(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await box.scan(ROLL)
    await box.scan(CIDER)
    await page.get_by_role("button", name="Do not sell").click()
    await expect(page.locator(AGE)).to_have_count(0)
    assert await till.line_names() == ["Bread roll"]
    await till.total("€0.45")


async def test_a_wedge_scan_is_no_birth_date(till: TillPage, box: FakeBox) -> None:
    await box.scan(CIDER)
    await expect(till.page.locator(AGE)).to_be_visible()
    await till.type("1")  # the very first key of a page opens its sounds, and takes its time
    await till.page.keyboard.press("Backspace")
    await till.wedge(ROLL)
    await expect(till.page.locator(".line")).to_have_count(2)
    await expect(till.page.locator(".age .amount output")).not_to_contain_text("9")


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    till, page = looks.till, looks.till.page
    await box.scan(ROLL)
    await box.scan(BRANDY)
    await expect(page.locator(AGE)).to_be_visible()
    await looks.at("age")
    assert await page.evaluate(COVERED) == []
    await till.type("2611")
    await looks.at("age-typed")
    if await page.locator(".panes").is_visible():
        await page.locator(".panes .tab").first.click()
    await looks.at("age-slip")
    assert till.defects == []
