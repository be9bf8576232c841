"""A scale that weighs at a price: no live weight, one key that lets it weigh, and its words."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from edge.contract.device_limits import (
    SCALE_PRICE_MINOR_MAX,
)
from edge.contract.reference_data import Price
from edge.contract.till_commands import WeighItem
from tests.screens.display_page import DisplayPage
from tests.screens.fake_box import FakeBox
from tests.screens.looks import LOOKS, measured
from tests.screens.test_catalogues import catalogue
from tests.screens.test_weighing import OVERLAP, weighings
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

SHOTS: Final = os.environ.get("TILLBOX_SHOTS", "")
"""A folder: the pictures of the step are put there, to be looked at."""
WIDER: Final = """() => {
    const live = document.querySelector('.weigh__live');
    return live.scrollWidth - live.clientWidth;
}"""
NOT_MOVED: Final = "What lies on the scale was weighed already and has not been moved since."


async def at_the_step(till: TillPage, box: FakeBox) -> None:
    """Go to the keys, and press the article's; the scale shows nobody a weight."""
    if not any(device.role == "scale" for device in box.devices):
        await box.have_scale_at_price()
    if await till.page.locator(".panes").is_visible():
        await till.page.locator(".panes .tab").nth(1).click()
    await till.page.locator('.tile[data-place="6"]').click()
    await expect(till.page.locator(".weigh")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_by_touch_the_scale_weighs_and_what_it_weighed_is_sold(
    browser: Browser, box: FakeBox, language: str
) -> None:
    words = catalogue(language)
    till = await TillPage.open(browser, box, size="tablet", language=language)
    page = till.page
    await at_the_step(till, box)
    state, take = page.locator(".weigh__state"), page.locator(".weigh__take")
    await expect(state).to_contain_text(words["weigh_at_price"].strip('"'))
    await expect(take).to_contain_text(words["weigh_go"].strip('"'))
    await expect(take).not_to_have_attribute("aria-disabled", "true")
    price = int(await page.locator(".weigh__price data").get_attribute("value") or 0)
    assert price > 0
    await expect(page.locator(".weigh__kg")).to_have_count(0)
    await take.tap()
    await expect(state).to_contain_text(words["weighing_now"].strip('"').split("{")[0].strip())
    await expect(take).to_have_attribute("aria-disabled", "true")
    await take.tap(force=True)  # pressed twice, weighed once
    (command,) = weighings(box)
    assert (command.tare_g, command.shown_g) == (0, 0)
    await box.weigh(742)
    await expect(page.locator(".weigh")).to_have_count(0)
    cost = str((price * 742 + 500) // 1000)
    await expect(page.locator(".line__sum")).to_have_attribute("value", cost)
    await page.context.close()
    assert till.defects == []


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_by_keyboard_alone_with_a_tare(browser: Browser, box: FakeBox, language: str) -> None:
    words = catalogue(language)
    till = await TillPage.open(browser, box, language=language)
    page = till.page
    await at_the_step(till, box)
    await till.type("10")
    await expect(page.locator(".weigh__state")).to_contain_text(
        words["weigh_at_price_tare"].strip('"')
    )
    await page.keyboard.press("Enter")
    await expect(page.locator(".weigh__take")).to_have_attribute("aria-disabled", "true")
    await page.keyboard.press("Enter")  # pressed twice, weighed once
    (command,) = weighings(box)
    assert (command.tare_g, command.shown_g) == (10, 0)
    await box.weigh(1_250)
    await expect(page.locator(".line")).to_have_count(1)
    await expect(page.locator(".weigh")).to_have_count(0)
    assert box.cart.lines[0].quantity == 1_240
    assert len(weighings(box)) == 1
    await page.context.close()
    assert till.defects == []


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(
    "code", ["scale_not_moved", "scale_unstable", "scale_wants_price", "scale_wants_certified_till"]
)
async def test_a_weighing_that_fails_is_said_in_words_and_tried_again(
    browser: Browser, box: FakeBox, language: str, code: str
) -> None:
    till = await TillPage.open(browser, box, language=language)
    page = till.page
    await at_the_step(till, box)
    take = page.locator(".weigh__take")
    said = catalogue(language)[f"refusal_{code}"].strip('"')
    for tried in (1, 2):  # the same trouble is said anew
        await take.click()
        await expect(take).to_have_attribute("aria-disabled", "true")
        # the device says it too, for as long as the scale does
        await box.change_device("scale", state="attention", well=False, words=NOT_MOVED)
        await box.weighing_fails(code, NOT_MOVED, {})
        await till.message(said)
        await expect(take).not_to_have_attribute("aria-disabled", "true")
        await box.change_device("scale", state="ready", well=True, words="")
        await till.message(said)
        assert len(weighings(box)) == tried
    await page.keyboard.press("Enter")
    await expect(take).to_have_attribute("aria-disabled", "true")
    await box.weigh(742)
    await expect(page.locator(".line")).to_have_count(1)
    assert await page.locator(".notice", has_text=said).count() == 0
    await page.context.close()
    assert till.defects == []


async def test_what_it_weighed_last_is_no_live_weight(till: TillPage, box: FakeBox) -> None:
    """The scale says a result once, for a moment: the next goods are never compared with it."""
    await box.have_scale_at_price()
    await box.change_device("scale", weight="stable", weight_g=742)
    await at_the_step(till, box)
    await expect(till.page.locator(".weigh__live")).not_to_contain_text("0.742")
    await till.page.keyboard.press("Enter")
    await expect(till.page.locator(".weigh__state")).to_contain_text("Weighing")
    assert weighings(box)[0].shown_g == 0
    await box.weigh(500)
    await expect(till.page.locator(".line")).to_have_count(1)
    for weight in ("unstable", "overload", "below_zero", "not_kilograms"):
        await box.change_device("scale", weight=weight, weight_g=0, state="attention")
        await at_the_step(till, box)
        take = till.page.locator(".weigh__take")
        await expect(take).not_to_have_attribute("aria-disabled", "true")
        await till.page.keyboard.press("Escape")


async def test_while_it_does_not_answer_nothing_is_asked_of_it(
    till: TillPage, box: FakeBox
) -> None:
    page = till.page
    await at_the_step(till, box)
    await box.change_device("scale", state="lost", well=False)
    take = page.locator(".weigh__take")
    await expect(take).to_have_attribute("aria-disabled", "true")
    await expect(page.locator(".weigh__state")).to_contain_text("The scale does not answer")
    await page.keyboard.press("Enter")
    assert weighings(box) == []
    await box.change_device("scale", state="ready", well=True)
    await expect(take).not_to_have_attribute("aria-disabled", "true")
    await box.change_device("scale", state="lost", well=False)
    await page.locator(".weigh__type").click()
    await till.type("500")
    await page.keyboard.press("Enter")
    await expect(page.locator(".line")).to_have_count(1)
    assert not any(isinstance(command, WeighItem) for command in box.commands)


async def test_the_customer_is_told_that_the_scale_shows_it(till: TillPage, box: FakeBox) -> None:
    facing = await DisplayPage.within(till.page.context, box)
    await till.page.bring_to_front()
    await at_the_step(till, box)
    await facing.state("weighing")
    await expect(facing.page.locator(".scale .why")).to_have_text(
        "The scale shows weight and price."
    )


@pytest.mark.parametrize("look", LOOKS, ids="-".join)
async def test_nothing_sticks_out_of_the_step(
    browser: Browser, box: FakeBox, look: tuple[str, str, str]
) -> None:
    size, theme, language = look
    for sku in list(box.reference._prices):
        box.reference._prices[sku] = Price(sku, SCALE_PRICE_MINOR_MAX)  # as dear as it takes
    till = await TillPage.open(browser, box, size=size, language=language, theme=theme)
    page = till.page

    async def look_at(name: str) -> None:
        found = await measured(page)
        if SHOTS:
            picture = Path(SHOTS) / f"at-price-{size}-{theme}-{language}-{name}.png"
            await page.screenshot(path=picture)
        assert found["wide"] <= 0, name
        for fault in ("small", "outside", "cut", "outgrown"):
            assert found[fault] == [], (name, fault)
        assert await page.evaluate(OVERLAP) == [], name
        assert await page.evaluate(WIDER) <= 0, name

    await at_the_step(till, box)
    await look_at("ready")
    if await page.locator(".weigh__tare").is_visible():
        await page.locator(".weigh__tare").click()
    await page.locator(".weigh .keypad .key", has_text=re.compile("^8$")).click()
    await look_at("tare")
    if await page.locator(".weigh__tare").is_visible():
        await page.locator(".weigh__tare").click()
        await look_at("tare-typed")
    await page.locator(".weigh__take").click()
    await expect(page.locator(".weigh__take")).to_have_attribute("aria-disabled", "true")
    await look_at("asked")
    await box.weighing_fails("scale_wants_certified_till", NOT_MOVED, {})
    said = catalogue(language)["refusal_scale_wants_certified_till"].strip('"')
    await till.message(said)
    await look_at("failed")
    await page.context.close()
    assert till.defects == []
