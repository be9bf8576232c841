"""What tests of prices by hand share: a sale, what was sent, a second person's PIN."""

from __future__ import annotations

import re
from typing import Any, Final

from playwright.async_api import Browser, Page, Route, expect

from tests.screens.fake_box import FakeBox
from tests.screens.till_page import SLOW_MS, TillPage

ROLL: Final = "9520000079192"
CROISSANT: Final = "9520000158385"
LOAF: Final = "9520000237578"
LANGUAGES: Final = ("en", "ar")
AIM: Final = ".hand .twin--wide >> nth=0 >> button >> nth={}"
WAY: Final = ".hand .twin--wide >> nth=1 >> button >> nth={}"


def sent(box: FakeBox, kind: type[Any]) -> list[Any]:
    """Return what the box carried out of one kind."""
    return [command for command in box.commands if isinstance(command, kind)]


async def asked(page: Page) -> list[dict[str, Any]]:
    """Keep every command that the page sends, refused ones too."""
    bodies: list[dict[str, Any]] = []

    async def note(route: Route) -> None:
        bodies.append(route.request.post_data_json or {})
        await route.continue_()

    await page.route("**/commands", note)
    return bodies


async def kept(page: Page, words: str) -> None:
    """Wait until the page keeps wishes with these words in them; with none: until it keeps none."""
    wanted = re.compile(words) if words else re.compile("^$")
    for _ in range(300):
        if wanted.search(await page.evaluate("sessionStorage.getItem('tillbox.waiting') ?? ''")):
            return
        await page.wait_for_timeout(SLOW_MS)
    raise AssertionError(words)


async def selling(box: FakeBox, till: TillPage, *codes: str) -> None:
    for code in codes or (ROLL, CROISSANT):
        await box.scan(code)
    await till.state("sell")
    await expect(till.page.locator(".line")).to_have_count(len(codes or (ROLL, CROISSANT)))


async def total_is(till: TillPage, minor: int) -> None:
    await expect(till.page.locator(".totals .sum .money")).to_have_attribute("value", str(minor))


async def approve_by_keyboard(till: TillPage, box: FakeBox) -> None:
    await expect(till.page.locator(".approval")).to_be_visible()
    await till.type(box.pins["pawel"])
    await till.page.keyboard.press("Enter")
    await expect(till.page.locator("dialog")).to_have_count(0)


async def supervisor(browser: Browser, box: FakeBox) -> TillPage:
    return await TillPage.open(browser, box, language="pl")
