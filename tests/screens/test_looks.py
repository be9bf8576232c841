"""Every size, theme and direction: nothing sticks out, targets are large enough, axe is content."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, expect

from tests.screens.fake_box import FakeBox
from tests.screens.looks import LOOKS, Looks, measured
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

GOODS: Final = ("9520000079192", "9520000158385", "9520000237578", "9520000316761")
UNDER_ITS_NAME: Final = """() => [...document.querySelectorAll('.tile')].filter((tile) => {
    const name = tile.querySelector('.name bdi').getBoundingClientRect();
    return name.top < tile.querySelector('.money').getBoundingClientRect().bottom - 4;
}).map((tile) => tile.innerText)"""


async def states(till: TillPage, box: FakeBox) -> AsyncIterator[str]:
    """Walk through the states of a sale, stopping at each."""
    page = till.page
    yield "idle"
    for code in GOODS:
        await box.scan(code)
    await till.state("sell")
    await expect(page.locator(".line")).to_have_count(len(GOODS))
    await box.change_link("down", 14)
    yield "sell"
    if await page.locator(".panes").is_visible():
        await page.locator(".panes .tab").nth(1).click()
        yield "keys"
    await page.locator(".totals .key--pay").click()
    await till.state("paying")
    yield "paying"
    await page.locator(".ways .key").nth(1).click()
    await page.locator(".cashier .key--pay").click()
    await expect(page.locator(".live")).to_be_visible()
    yield "card"
    await box.doubt()
    await box.change_device("terminal", well=False, state="lost")
    await till.state("indoubt")
    yield "indoubt"
    await box.change_device("terminal", well=True, state="ready")
    await box.decline()
    await till.state("paying")
    await page.locator(".ways .key").nth(0).click()
    await page.locator(".quick .key").nth(3).click()
    await box.change_device("printer", well=False, state="attention", paper="out")
    await page.locator(".cashier .key--pay").click()
    await till.state("change")
    yield "change"
    await page.locator(".after .key--primary").click()
    await till.state("idle")
    await box.scan(GOODS[0])
    await till.state("sell")
    await box.stop()
    await expect(page.locator(".link--lost")).to_be_visible()
    yield "lost"


@pytest.mark.parametrize("look", LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    async for state in states(looks.till, box):
        await looks.at(state)
    assert looks.till.defects == []


async def test_the_measure_finds_a_planted_fault(till: TillPage) -> None:
    await till.page.evaluate(
        "document.querySelector('.acts .key').classList.add('icon');"
        "document.querySelector('.top').insertAdjacentHTML('beforeend', '<button>x</button>')"
    )
    found = await measured(till.page)
    assert found["small"]


async def test_zoom_of_two_hundred_percent_keeps_total_and_pay(
    browser: Browser, box: FakeBox
) -> None:
    till = await TillPage.open(browser, box)
    for code in GOODS:
        await box.scan(code)
    await till.state("sell")
    await till.page.set_viewport_size({"width": 683, "height": 384})
    await box.change_device("printer", well=False, state="attention", paper="out")
    for key in ("", "F9"):
        if key:
            await till.page.keyboard.press(key)
            await till.state("paying")
        else:
            await expect(till.page.locator(".totals .key--pay")).to_be_in_viewport()
            await expect(till.page.locator(".totals .sum .money")).to_be_in_viewport()
        found = await measured(till.page)
        for fault in ("wide", "small", "cut", "short", "outgrown"):
            assert not found[fault] or found[fault] == 0, (key, fault, found[fault])
        heads = await till.page.evaluate(UNDER_ITS_NAME)
        assert heads == [], "names of keys lie over their prices"


async def test_arabic_mirrors_the_page_but_not_the_keypads(browser: Browser, box: FakeBox) -> None:
    till = await TillPage.open(browser, box, language="ar")
    await box.scan(GOODS[0])
    await till.state("sell")
    slip = await till.page.locator(".slip").bounding_box()
    desk = await till.page.locator(".desk").bounding_box()
    assert slip is not None
    assert desk is not None
    assert slip["x"] > desk["x"]
    await till.page.keyboard.press("F9")
    await till.state("paying")
    seven = await till.page.locator(".keypad .key", has_text="7").bounding_box()
    nine = await till.page.locator(".keypad .key", has_text="9").bounding_box()
    assert seven is not None
    assert nine is not None
    assert seven["x"] < nine["x"]


async def test_a_sale_by_keyboard_alone(till: TillPage, box: FakeBox) -> None:
    await till.page.keyboard.press("F2")
    await till.type("100001")
    await till.page.wait_for_timeout(60)
    await till.page.keyboard.press("Enter")
    await till.state("sell")
    for key in ("F9", "F9"):
        await till.page.keyboard.press(key)
        await till.page.wait_for_timeout(60)
    await till.state("change")
    await till.page.keyboard.press("Enter")
    await till.state("idle")


async def test_focus_moves_from_the_search_box_through_the_page(
    till: TillPage, box: FakeBox
) -> None:
    await box.scan(GOODS[0])
    await till.state("sell")
    await till.page.keyboard.press("F2")
    await expect(till.page.locator("#find")).to_be_focused()
    order = []
    for _ in range(20):
        await till.page.keyboard.press("Tab")
        order.append(
            await till.page.evaluate(
                "['notice', 'tabs', 'tiles', 'acts', 'slip', 'top'].find("
                "(name) => document.activeElement.closest('.' + name)) ?? ''"
            )
        )
    firsts = list(dict.fromkeys(place for place in order if place))
    assert firsts[:5] == ["notice", "tabs", "tiles", "acts", "slip"]


async def test_reduced_motion_moves_nothing(browser: Browser, box: FakeBox) -> None:
    till = await TillPage.open(browser, box)
    await till.page.emulate_media(reduced_motion="reduce")
    await box.scan(GOODS[0])
    await till.state("sell")
    assert await till.page.evaluate(
        "document.getAnimations().every((each) => each.effect.getComputedTiming().duration === 0)"
    )


async def test_a_shop_may_change_the_accent_but_not_to_one_nobody_can_read(
    browser: Browser, box: FakeBox
) -> None:
    for accent, taken in (("#5b2a86", True), ("#9db8ff", False), ("#1a6238", False)):
        box.brand = {"name": "Corner Shop", "accent": accent}
        till = await TillPage.open(browser, box)
        await expect(till.page.locator(".mark")).to_have_attribute("aria-label", "Corner Shop")
        now = await till.page.evaluate(
            "getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()"
        )
        assert (now == accent) is taken, accent


async def test_quick_keys_that_come_late_move_nothing(browser: Browser, box: FakeBox) -> None:
    till = await TillPage.open(browser, box)
    acts = till.page.locator(".acts")
    async with till.held("**/api/v1/quick-keys"):
        await till.page.reload()
        await till.state("idle")
        before = await acts.bounding_box()
    await expect(till.page.locator(".tile")).to_have_count(24)
    assert await acts.bounding_box() == before


async def test_the_page_keeps_still_and_its_speed_is_written_down(
    browser: Browser, box: FakeBox, record_property: Any
) -> None:
    till = await TillPage.open(browser, box)
    await till.page.reload()
    await till.state("idle")
    await expect(till.page.locator(".tile")).to_have_count(24)
    await till.page.evaluate((Path(__file__).parent / "figures.js").read_text("utf-8"))
    for number in range(40):
        await box.scan(GOODS[number % len(GOODS)])
    await expect(till.page.locator(".line")).to_have_count(40)
    for _ in range(5):
        await till.page.locator(".tile").nth(2).click()
    await till.page.keyboard.press("F9")
    await till.state("paying")
    figures = await till.page.evaluate("figures.now()")
    assert figures["views"] > 20
    for name in ("lcp", "inp", "cls", "view_to_dom_ms_p95"):
        record_property(name, figures[name])
        print(name, round(figures[name], 3))
    assert figures["shifts"] == [], "something moved that nobody touched"
    assert figures["cls"] < 0.1
