"""Goods go on the till's scale: the live weight, what it costs, and one key that takes it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from edge.contract.till_commands import WeighItem
from tests.screens.fake_box import FakeBox
from tests.screens.looks import DESK_LOOKS, measured
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

SHOTS: Final = os.environ.get("TILLBOX_SHOTS", "")
"""A folder: the pictures of the step are put there, to be looked at."""


OVERLAP: Final = """() => {
    const parts = [...document.querySelectorAll(
        '.weigh .key, .weigh output, .weigh__how, .weigh__state .state, .acts .key')]
        .filter((el) => el.checkVisibility());
    const over = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    return parts.flatMap((one, at) => parts.slice(at + 1)
        .filter((other) => over(one.getBoundingClientRect(), other.getBoundingClientRect()))
        .map((other) => `${one.className}/${one.textContent} on ${other.textContent}`));
}"""


async def on_the_scale(till: TillPage, box: FakeBox, grams: int, state: str = "stable") -> None:
    """Put goods on, go to the keys, and press the article's."""
    await box.put_on_scale(grams, state)
    if await till.page.locator(".panes").is_visible():
        await till.page.locator(".panes .tab").nth(1).click()
    await till.page.locator('.tile[data-place="6"]').click()
    await expect(till.page.locator(".weigh")).to_be_visible()


def weighings(box: FakeBox) -> list[WeighItem]:
    return [command for command in box.commands if isinstance(command, WeighItem)]


async def test_by_touch_the_weight_on_the_screen_is_the_weight_that_is_sold(
    till: TillPage, box: FakeBox
) -> None:
    page = till.page
    await on_the_scale(till, box, 742)
    await expect(page.locator(".weigh__kg")).to_have_text("0.742\u00a0kg")
    price = int(await page.locator(".weigh__how data").get_attribute("value") or 0)
    cost = page.locator(".weigh__price data")
    await expect(cost).to_have_attribute("value", str((price * 742 + 500) // 1000))
    for digit in "10":
        await page.locator(".weigh .keypad .key", has_text=re.compile(f"^{digit}$")).click()
    await expect(page.locator(".weigh__kg")).to_have_text("0.732\u00a0kg")
    await expect(page.locator(".weigh__how")).to_contain_text("less tare 0.010\u00a0kg")
    expected = (price * 732 + 500) // 1000
    await expect(cost).to_have_attribute("value", str(expected))
    await page.locator(".weigh__take").click()
    await expect(page.locator(".weigh__state")).to_contain_text("Weighing Apples")
    (command,) = weighings(box)
    assert (command.tare_g, command.shown_g) == (10, 742)
    await box.weigh(742)
    await expect(page.locator(".weigh")).to_have_count(0)
    await expect(page.locator(".line__sum")).to_have_attribute("value", str(expected))
    await expect(page.locator(".line__why")).to_contain_text("tare 0.010\u00a0kg")
    await expect(page.locator(".sum data")).to_have_attribute("value", str(expected))


async def test_by_keyboard_alone(till: TillPage, box: FakeBox) -> None:
    page = till.page
    await box.put_on_scale(1_250)
    await till.type("appl")
    await expect(page.locator(".found")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator(".weigh__kg")).to_have_text("1.250\u00a0kg")
    await till.type("15")
    await page.keyboard.press("Backspace")
    await expect(page.locator(".weigh__kg")).to_have_text("1.249\u00a0kg")
    await page.keyboard.press("Enter")
    await expect(page.locator(".weigh__state")).to_contain_text("Weighing")
    await page.keyboard.press("Enter")  # pressed twice, weighed once
    await box.weigh(1_250)
    await expect(page.locator(".line")).to_have_count(1)
    assert len(weighings(box)) == 1
    await on_the_scale(till, box, 300)
    await page.keyboard.press("Escape")
    await expect(page.locator(".weigh")).to_have_count(0)
    await till.state("sell")


@pytest.mark.parametrize(
    ("grams", "state", "words"),
    [
        (742, "unstable", "Wait until the scale is still"),
        (0, "overload", "Take the goods off"),
        (0, "below_zero", "press its zero key"),
        (0, "not_kilograms", "Set it to kg"),
        (0, "stable", "Put the goods on"),
    ],
)
async def test_what_cannot_be_sold_is_not_taken_and_said(
    till: TillPage, box: FakeBox, grams: int, state: str, words: str
) -> None:
    await on_the_scale(till, box, grams, state)
    await expect(till.page.locator(".weigh__state")).to_contain_text(words)
    take = till.page.locator(".weigh__take")
    await expect(take).to_have_attribute("aria-disabled", "true")
    await take.click(force=True)
    await till.message(words)
    assert weighings(box) == []
    await box.put_on_scale(742)
    await expect(take).not_to_have_attribute("aria-disabled", "true")


async def test_a_tare_as_heavy_as_the_goods_is_not_taken(till: TillPage, box: FakeBox) -> None:
    await on_the_scale(till, box, 12)
    await till.type("12345")
    await expect(till.page.locator(".weigh__state")).to_contain_text("The tare is not less")
    await till.page.keyboard.press("Enter")
    assert weighings(box) == []


async def test_a_weighing_that_fails_is_said_and_the_step_stays(
    till: TillPage, box: FakeBox
) -> None:
    await on_the_scale(till, box, 742)
    await till.page.keyboard.press("Enter")
    await expect(till.page.locator(".weigh__state")).to_contain_text("Weighing")
    await box.weigh(755)
    await till.message("The screen showed 0.742\u00a0kg, the scale then 0.755\u00a0kg")
    await expect(till.page.locator(".weigh")).to_be_visible()
    await till.state("idle")


async def test_without_a_scale_or_with_one_that_is_gone_the_weight_is_typed(
    till: TillPage, box: FakeBox
) -> None:
    page = till.page
    await page.locator('.tile[data-place="6"]').click()
    await expect(page.locator(".entry")).to_be_visible()
    await expect(page.locator(".weigh")).to_have_count(0)
    await page.keyboard.press("Escape")
    await box.put_on_scale(742)
    await box.change_device("scale", state="lost", well=False, weight="", weight_g=0)
    await page.locator('.tile[data-place="6"]').click()
    await till.message("The scale does not answer")
    await expect(page.locator(".weigh")).to_have_count(0)
    await till.type("742")
    await page.keyboard.press("Enter")
    await expect(page.locator(".line")).to_have_count(1)
    assert weighings(box) == []


async def test_a_scale_that_goes_during_the_step_leaves_the_typed_weight(
    till: TillPage, box: FakeBox
) -> None:
    page = till.page
    await on_the_scale(till, box, 742)
    await box.change_device("scale", state="lost", well=False, weight="", weight_g=0)
    await expect(page.locator(".weigh__kg")).to_have_text("no weight")
    await expect(page.locator(".weigh__state")).to_contain_text("type the weight")
    await page.locator(".entry__head .key").first.click()
    await expect(page.locator(".weigh")).to_have_count(0)
    await till.type("500")
    await page.keyboard.press("Enter")
    await expect(page.locator(".line")).to_have_count(1)


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_of_the_step(
    browser: Browser, box: FakeBox, look: tuple[str, str, str]
) -> None:
    size, theme, language = look
    till = await TillPage.open(browser, box, size=size, language=language, theme=theme)
    for grams, state in ((12_742, "stable"), (742, "unstable"), (0, "overload")):
        await on_the_scale(till, box, grams, state)
        found = await measured(till.page)
        if SHOTS:
            path = Path(SHOTS) / f"weigh-{size}-{language}-{state}.png"
            await till.page.screenshot(path=path)
        assert found["wide"] <= 0, state
        assert found["small"] == [], state
        assert found["outside"] == [], state
        assert found["cut"] == [], state
        overlap = await till.page.evaluate(OVERLAP)
        assert overlap == [], state
        tare = till.page.locator(".weigh__tare")
        if await tare.is_visible():
            await tare.click()
            await till.page.locator(".weigh .keypad .key").nth(9).scroll_into_view_if_needed()
            assert await till.page.evaluate(OVERLAP) == [], state
            if SHOTS:
                await till.page.screenshot(path=Path(SHOTS) / f"weigh-{size}-{language}-tare.png")
        await till.page.keyboard.press("Escape")
    await till.page.context.close()
    assert till.defects == []
