"""A customer display as a customer sees it: a window of the till's own browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.screens.fake_box import FakeBox
from tests.screens.looks import AXE, settled
from tests.screens.till_page import PEOPLE

SIZES: Final = {"ten_inch": (1024, 600), "wide": (1280, 800), "phone": (390, 844)}
LOCALES: Final = {"ar": "ar-EG", "en": "en-GB", "ko": "ko-KR", "pl": "pl-PL", "pt": "pt-BR"}
CUT: Final = """() => {
    const seen = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const all = [...document.querySelectorAll('#app *')].filter(seen);
    const scrolls = (el) => { // what a list hides is reached by scrolling
        for (let up = el.parentElement; up; up = up.parentElement)
            if (up.matches('.items')) return true;
        return false;
    };
    const words = all.filter((el) => el.matches('h1, p, dt, dd, .money, button, img, figcaption'))
        .filter((el) => !scrolls(el) && !el.matches('.said'));
    return {
        wide: document.documentElement.scrollWidth - innerWidth,
        outside: words.filter((el) => {
            const at = el.getBoundingClientRect();
            return at.left < -1 || at.right > innerWidth + 1 || at.top < -1
                || at.bottom > innerHeight + 1;
        }).map((el) => el.outerHTML.slice(0, 120)),
        small: all.filter((el) => el.matches('button')).filter((el) => {
            const { width, height } = el.getBoundingClientRect();
            return width < 44 || height < 44;
        }).map((el) => el.outerHTML.slice(0, 90)),
        cut: all.filter((el) => el.matches(
            '.sum, .last, .call, .done, .done__words, .speech, .key, .head > *, .sum__rows, .why'
        )).filter((el) => el.scrollWidth > el.clientWidth + 1
            || (el.scrollHeight > el.clientHeight + 2
                && getComputedStyle(el).overflow !== 'visible'))
            .map((el) => `${el.className} ${el.scrollWidth}/${el.clientWidth} `
                + `${el.scrollHeight}/${el.clientHeight}`),
        over: all.filter((el) => el.matches('.money, dd, dt, h1')).filter((el) => !scrolls(el))
            .filter((el) => {
                const own = el.getBoundingClientRect();
                const place = el.closest('.sum, .last, .call, .done__words, .code, .speech');
                if (!place) return false;
                const in_ = place.getBoundingClientRect();
                return own.left < in_.left - 1 || own.right > in_.right + 1
                    || own.bottom > in_.bottom + 1 || own.top < in_.top - 1;
            }).map((el) => el.outerHTML.slice(0, 120)),
    };
}"""


@dataclass
class DisplayPage:
    """One display. `asked` are the requests that it made, `defects` errors of the page."""

    page: Page
    asked: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    axe: str = ""

    @classmethod
    async def open(
        cls,
        browser: Browser,
        box: FakeBox,
        *,
        size: str = "ten_inch",
        theme: str = "light",
        language: str = "en",
        cookies: int = 2,
    ) -> DisplayPage:
        """Open a display beside a till whose cashier speaks a language.

        `cookies` that it has: the till's and the cashier's; the till's; none.
        """
        width, height = SIZES[size]
        context = await browser.new_context(
            viewport={"width": width, "height": height}, locale=LOCALES.get(language, "zh-CN")
        )
        await context.add_init_script(f"localStorage.setItem('tillbox.theme', '{theme}')")
        given = box.admit(PEOPLE[language])[:cookies] if cookies else ()
        if cookies < 2:
            box.sessions.clear()
        await context.add_cookies([{"name": n, "value": v, "url": box.url} for n, v in given])
        return await cls.within(context, box)

    @classmethod
    async def within(cls, context: BrowserContext, box: FakeBox) -> DisplayPage:
        display = cls(await context.new_page())
        page = display.page
        page.on("pageerror", lambda error: display.defects.append(str(error)))
        page.on("request", lambda request: display.asked.append(f"{request.method} {request.url}"))
        page.set_default_timeout(10_000)
        await page.goto(f"{box.url}/display/")
        return display

    async def state(self, wanted: str) -> None:
        await expect(self.page.locator("body")).to_have_attribute("data-state", wanted)

    async def at(self, state: str) -> None:
        """Look at the page now: nothing cut, nothing outside, axe content."""
        await settled(self.page)
        found: dict[str, Any] = await self.page.evaluate(CUT)
        for fault in ("outside", "small", "cut", "over"):
            assert found[fault] == [], (state, fault, found[fault])
        assert found["wide"] <= 0, state
        if self.axe:
            await self.page.evaluate(self.axe)
            assert await self.page.evaluate(AXE) == [], state
