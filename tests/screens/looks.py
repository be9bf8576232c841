"""Sizes, themes and languages that a page is looked at in, and what is looked for."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Page

from tests.screens.fake_box import FakeBox
from tests.screens.till_page import PEOPLE, SIZES, TillPage

FEW: Final = (
    ("laptop", "light", "en"),
    ("desktop", "dark", "en"),
    ("tablet", "light", "pl"),
    ("phone", "light", "pt"),
    ("laptop", "dark", "ar"),
    ("phone", "dark", "ar"),
)
EVERY: Final = tuple(itertools.product(SIZES, ("light", "dark"), PEOPLE))
LOOKS: Final = EVERY if os.environ.get("TILLBOX_LOOKS") == "every" else FEW
"""Each as size, theme and language: each size, theme and direction once, or all of them with all
the others (`make looks`)."""
DESK_LOOKS: Final = EVERY if LOOKS is EVERY else (FEW[0], FEW[-1])
"""For a desk or a sheet by itself: the two that differ most. What frames it has all `LOOKS`."""
AXE_LOOKS: Final = DESK_LOOKS
"""Where axe looks too: what it finds hangs on theme and words, hardly ever on the size."""

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
AXE: Final = (
    "async () => (await axe.run(document, { resultTypes: ['violations'] })).violations"
    ".filter(({ impact }) => ['serious', 'critical'].includes(impact))"
    ".map(({ id, nodes }) => [id, nodes.map((n) => n.html)])"
)
# what has come to rest may have set the next thing moving: a key grows as its line settles
_AT_REST: Final = """async () => {
    const moving = () => document.getAnimations().filter((a) => a.playState === 'running');
    for (let now = moving(); now.length; now = moving())
        await Promise.allSettled(now.map((each) => each.finished));
}"""


async def settled(page: Page) -> None:
    """Wait until nothing moves any more."""
    await page.evaluate(_AT_REST)


async def measured(page: Page) -> dict[str, Any]:
    """Return what sticks out, is cut or too small, once the page is at rest."""
    await settled(page)
    found: dict[str, Any] = await page.evaluate(MEASURE)
    return found


@dataclass
class Looks:
    """A till's page that is measured in each state, and shown to axe in the `AXE_LOOKS`."""

    till: TillPage
    axe: str = ""

    @classmethod
    async def open(
        cls, browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
    ) -> Looks:
        """Open a till's page in a look, somebody signed in who speaks its language."""
        size, theme, language = look
        till = await TillPage.open(browser, box, size=size, theme=theme, language=language)
        if look not in AXE_LOOKS:
            return cls(till)
        return cls(till, (node_modules / "axe-core" / "axe.min.js").read_text("utf-8"))

    async def at(self, state: str) -> None:
        """Look at the page now; `state` says where that is."""
        found = await measured(self.till.page)
        for fault in ("small", "outside", "cut", "short", "outgrown", "over"):
            assert found[fault] == [], (state, fault)
        assert found["wide"] <= 0, state
        assert all(height >= 60 for height in found["pay"]), state
        if self.axe:
            await self.till.page.evaluate(self.axe)
            assert await self.till.page.evaluate(AXE) == [], state
