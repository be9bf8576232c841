"""A till page as a cashier uses it, driven through Chromium."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from playwright.async_api import Browser, Page, Route, expect

from tests.screens.fake_box import ENROL_CODE, FakeBox

SLOW_MS: Final = 60
"""A person's typing; what is faster than 35 ms a key is a scanner."""
SIZES: Final = {
    "laptop": (1366, 768),
    "desktop": (1920, 1080),
    "tablet": (820, 1180),
    "phone": (390, 844),
}
_LOCALES: Final = {"ar": "ar-EG", "en": "en-GB", "ko": "ko-KR", "pl": "pl-PL", "pt": "pt-BR"}
SIGNED_IN: Final = re.compile("^(idle|sell|paying|indoubt|change)$")
PEOPLE: Final = {
    "en": "marta",
    "pl": "pawel",
    "zh": "li-na",
    "ar": "hind",
    "ko": "minjun",
    "pt": "joao",
}


@asynccontextmanager
async def held(page: Page, path: str) -> AsyncIterator[None]:
    """Keep what a page asks of the box on its way until the block ends."""
    go = asyncio.Event()

    async def hold(route: Route) -> None:
        await go.wait()
        await route.continue_()

    await page.route(path, hold)
    try:
        yield
    finally:
        go.set()


@dataclass
class TillPage:
    """One till. `defects` are errors of the page itself: there are none on a good day."""

    page: Page
    defects: list[str] = field(default_factory=list)

    @classmethod
    async def open(
        cls,
        browser: Browser,
        box: FakeBox,
        *,
        size: str = "laptop",
        theme: str = "light",
        language: str = "en",
        sign_in: bool = True,
    ) -> TillPage:
        """Open a till, the person who speaks the language signed in; or one to be enrolled."""
        width, height = SIZES[size]
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            locale=_LOCALES.get(language, "zh-CN"),
            has_touch=size in {"tablet", "phone"},
        )
        await context.add_init_script(f"localStorage.setItem('tillbox.theme', '{theme}')")
        till = cls(await context.new_page())
        till.page.on("pageerror", lambda error: till.defects.append(str(error)))
        till.page.on(
            "console",
            lambda said: (
                till.defects.append(said.text)
                if said.type == "error" and "Failed to load resource" not in said.text
                else None
            ),
        )
        till.page.set_default_timeout(10_000)
        if sign_in:
            await context.add_cookies(
                [{"name": n, "value": v, "url": box.url} for n, v in box.admit(PEOPLE[language])]
            )
            await till.page.goto(f"{box.url}/till/")
            await till.signed_in()
        else:
            await till.page.goto(f"{box.url}/till/#enrol={ENROL_CODE}")
            await till.state("signin")
        return till

    async def sign_in(self, name: str, pin: str) -> None:
        await self.page.locator(".people .key", has_text=name).click()
        await self.type(pin)
        await self.page.keyboard.press("Enter")
        await self.signed_in()

    async def signed_in(self) -> None:
        """Wait until the page is somebody's."""
        await expect(self.page.locator("body")).to_have_attribute(
            "data-state", SIGNED_IN, timeout=10_000
        )

    def held(self, path: str) -> AbstractAsyncContextManager[None]:
        """Keep what the page asks of the box on its way until the block ends."""
        return held(self.page, path)

    async def state(self, wanted: str) -> None:
        """Wait until the page shows a state."""
        await expect(self.page.locator("body")).to_have_attribute("data-state", wanted)

    async def type(self, text: str) -> None:
        """Type as a person does."""
        for char in text:
            await self.page.keyboard.press(char)
            await self.page.wait_for_timeout(SLOW_MS)

    async def wedge(self, code: str, end: str = "Enter") -> None:
        """Type as a keyboard-wedge scanner does: dispatched in the page, with no gap at all.

        A key's time is when it was pressed, as the system's is: not when the page, busy with
        the key before it, comes to look at it.
        """
        await self.page.evaluate(
            """([keys]) => {
                const press = (key) =>
                    new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true });
                for (const event of keys.map(press)) {
                    const { key } = event;
                    const target = document.activeElement ?? document.body;
                    const typed = target.dispatchEvent(event);
                    if (typed && key.length === 1 && target instanceof HTMLInputElement) {
                        target.value += key;
                        target.dispatchEvent(new InputEvent('input', { bubbles: true }));
                    }
                }
            }""",
            [[*code, end]],
        )

    async def line_names(self) -> list[str]:
        names = self.page.locator(".line:not(.line--void) .line__name")
        return [name.replace("\u00a0", " ") for name in await names.all_text_contents()]

    async def message(self, words: str) -> None:
        """Wait until the message line says something."""
        await expect(self.page.locator(".notice").first).to_contain_text(words)

    async def total(self, words: str) -> None:
        await expect(self.page.locator(".totals .sum .money, .tenders .left .money")).to_have_text(
            words
        )
