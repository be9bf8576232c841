"""Every size, theme and direction: nothing sticks out, targets are large enough, axe is content."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.screens.fake_box import FakeBox
from tests.screens.till_page import SIZES, TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

GOODS: Final = ("9520000079192", "9520000158385", "9520000237578", "9520000316761")
LOOKS: Final = [
    *((size, "light", "en") for size in SIZES),
    ("laptop", "dark", "ar"),
    ("phone", "dark", "ar"),
    ("phone", "light", "pl"),
    ("tablet", "light", "pt"),
]
MEASURE: Final = """() => {
    const seen = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const boxes = [...document.querySelectorAll('button, select, input')].filter(seen);
    const clipped = (el) => { // what a scroller hides is reached by scrolling
        for (let up = el.parentElement; up; up = up.parentElement)
            if (/auto|scroll/.test(getComputedStyle(up).overflow)) return true;
        return false;
    };
    return {
        wide: document.documentElement.scrollWidth - innerWidth,
        small: boxes.filter((el) => {
            const { width, height } = el.getBoundingClientRect();
            return width < 44 || height < 44;
        }).map((el) => el.outerHTML.slice(0, 90)),
        outside: boxes.filter((el) => !clipped(el)).filter((el) => {
            const at = el.getBoundingClientRect();
            return at.left < -1 || at.right > innerWidth + 1 || at.bottom > innerHeight + 1;
        }).map((el) => el.outerHTML.slice(0, 90)),
        cut: [...document.querySelectorAll('.key, .totals *, .notice .grow, .huge')].filter(seen)
            .filter((el) => el.scrollWidth > el.clientWidth + 1)
            .filter((el) => getComputedStyle(el).overflow !== 'visible')
            .map((el) => el.outerHTML.slice(0, 90)),
        short: [...document.querySelectorAll('.tile .name, .notice .grow')].filter(seen)
            .filter((el) => el.scrollHeight > el.clientHeight + 2)
            .map((el) => el.innerText.slice(0, 90)),
        outgrown: [...document.querySelectorAll('.key, .key > span, .key .money, .tile .money')]
            .filter(seen).filter((el) => {
                const own = el.getBoundingClientRect();
                const key = el.closest('.key, .tile').getBoundingClientRect();
                return own.left < key.left - 1 || own.right > key.right + 1;
            }).map((el) => el.outerHTML.slice(0, 90)),
        over: [...document.querySelectorAll('.huge')].filter(seen)
            .filter((el) => el.scrollWidth > el.clientWidth)
            .map((el) => el.outerHTML.slice(0, 90)),
        pay: [...document.querySelectorAll('.key--pay')].filter(seen)
            .map((el) => el.getBoundingClientRect().height),
    };
}"""


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
    await page.locator(".after .key").click()
    await till.state("idle")
    await box.scan(GOODS[0])
    await till.state("sell")
    await box.stop()
    await expect(page.locator(".link--lost")).to_be_visible()
    yield "lost"


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
async def test_nothing_sticks_out_and_targets_are_large(
    browser: Browser, box: FakeBox, size: str, theme: str, language: str
) -> None:
    till = await TillPage.open(browser, box, size=size, theme=theme, language=language)
    async for state in states(till, box):
        found = await _settled(till.page)
        assert found["wide"] <= 0, state
        assert found["small"] == [], state
        assert found["outside"] == [], state
        assert found["cut"] == [], state
        assert found["over"] == [], state
        assert found["short"] == [], state
        assert found["outgrown"] == [], state
        assert all(height >= 60 for height in found["pay"]), state
    assert till.defects == []


async def test_the_measure_finds_a_planted_fault(till: TillPage) -> None:
    await till.page.evaluate(
        "document.querySelector('.acts .key').classList.add('icon');"
        "document.querySelector('.top').insertAdjacentHTML('beforeend', '<button>x</button>')"
    )
    found = await _settled(till.page)
    assert found["small"]


async def _settled(page: Page) -> dict[str, Any]:
    # what has come to rest may have set the next thing moving: a key grows as its line settles
    await page.evaluate("""async () => {
        const moving = () => document.getAnimations().filter((a) => a.playState === 'running');
        for (let now = moving(); now.length; now = moving())
            await Promise.allSettled(now.map((each) => each.finished));
    }""")
    found: dict[str, Any] = await page.evaluate(MEASURE)
    return found


@pytest.mark.parametrize(("size", "theme", "language"), [LOOKS[0], LOOKS[4], LOOKS[6]])
async def test_axe_finds_nothing_serious(
    browser: Browser, box: FakeBox, node_modules: Path, size: str, theme: str, language: str
) -> None:
    axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
    till = await TillPage.open(browser, box, size=size, theme=theme, language=language)
    async for state in states(till, box):
        await _settled(till.page)
        await till.page.evaluate(axe)
        found = await till.page.evaluate(
            "async () => (await axe.run(document, { resultTypes: ['violations'] })).violations"
            ".map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map((n) => n.html) }))"
        )
        serious = [each for each in found if each["impact"] in {"serious", "critical"}]
        assert serious == [], f"{state}: {json.dumps(serious, indent=1)[:3000]}"


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
        found = await _settled(till.page)
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
    late = asyncio.Event()

    async def hold(route: Route) -> None:
        await late.wait()
        await route.continue_()

    await till.page.route("**/api/v1/quick-keys", hold)
    await till.page.reload()
    await till.state("idle")
    acts = till.page.locator(".acts")
    before = await acts.bounding_box()
    late.set()
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
