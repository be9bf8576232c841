"""The device wall as a technician uses it: a real box in this process, driven through Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Locator, Page, expect

from edge.contract.device_messages import JobResult, JobStatus
from edge.contract.device_states import DeviceClass, DeviceMeta, DeviceStatistics, DriverState
from edge.contract.device_topics import HostTopics
from edge.contract.wire import encode
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.static_files import StaticFiles
from edge.web.shipped_screens import load_screens
from tests.flows.box import PIN, SUPERVISOR_PIN, Box, bare_box
from tests.flows.fake_host import STORE, FakeHost, fake_host
from tests.flows.wall import FOUND, PRINTER_2, Wall
from tests.screens.looks import AXE, settled
from tests.screens.till_page import SIZES

BOX: Final = HostTopics(STORE, "box")
LOCALES: Final = {"ar": "ar-EG", "en": "en-GB", "ko": "ko-KR", "pl": "pl-PL", "pt": "pt-BR"}
CUT: Final = """() => {
    const seen = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const keys = [...document.querySelectorAll('button, select, input, summary')].filter(seen);
    const open = document.querySelector('dialog[open]');
    return {
        wide: document.documentElement.scrollWidth - innerWidth,
        small: keys.filter((el) => {
            const { width, height } = el.getBoundingClientRect();
            return width < 44 || height < 43.5;
        }).map((el) => el.outerHTML.slice(0, 110)),
        outside: keys.filter((el) => !open || open.contains(el)).filter((el) => {
            const at = el.getBoundingClientRect();
            return at.left < -1 || at.right > innerWidth + 1;
        }).map((el) => el.outerHTML.slice(0, 110)),
        cut: [...document.querySelectorAll('.key, .state, .notice .grow, .dev h3, .dev p, dd, dt')]
            .filter(seen).filter((el) => el.scrollWidth > el.clientWidth + 1
                && getComputedStyle(el).display !== 'inline')
            .map((el) => el.outerHTML.slice(0, 110)),
    };
}"""


@dataclass
class TechnicianPage:
    """One screen with the wall. `defects` are errors of the page: there are none on a good day."""

    page: Page
    defects: list[str] = field(default_factory=list)
    axe: str = ""

    def card(self, device: str) -> Locator:
        return self.page.locator(f'[data-device="{device}"]')

    def found(self) -> Locator:
        return self.page.locator("[data-found]")

    @property
    def sheet(self) -> Locator:
        return self.page.locator("dialog[open]")

    @property
    def line(self) -> Locator:
        return self.page.locator(".page .notice")

    async def enrol(self, box: Box) -> None:
        status, body = await box.call(
            "POST", "/internal/v1/enrolment-codes", {"till": "till-1"}, headers=box.service
        )
        assert status == 200, body
        await self.page.locator("#code").fill(body["code"])
        await self.page.keyboard.press("Enter")

    async def sign_in(self, name: str = "Tech", pin: str = PIN) -> None:
        await self.page.locator(".people .key", has_text=name).click()
        await self.page.keyboard.type(pin)
        await self.page.keyboard.press("Enter")

    async def stage(self, wanted: str) -> None:
        await expect(self.page.locator("body")).to_have_attribute("data-state", wanted)

    async def at(self, state: str) -> None:
        """Look at the page now: nothing cut, too small or outside, axe content."""
        await settled(self.page)
        found: dict[str, Any] = await self.page.evaluate(CUT)
        for fault in ("small", "outside", "cut"):
            assert found[fault] == [], (state, fault, found[fault])
        assert found["wide"] <= 0, state
        if self.axe:
            await self.page.evaluate(self.axe)
            assert await self.page.evaluate(AXE) == [], state


@dataclass
class Shop:
    """A box, a host that a test plays, and the walls that were opened."""

    box: Box
    host: FakeHost
    browser: Browser
    walls: list[TechnicianPage] = field(default_factory=list)

    @property
    def wall(self) -> Wall:
        return Wall(self.box, self.host)

    async def screen(
        self, *, size: str = "laptop", theme: str = "light", language: str = "en"
    ) -> TechnicianPage:
        """Open the page on a screen that nobody enrolled yet."""
        width, height = SIZES[size]
        context = await self.browser.new_context(
            viewport={"width": width, "height": height},
            locale=LOCALES.get(language, "zh-CN"),
            has_touch=size == "phone",
        )
        await context.add_init_script(f"localStorage.setItem('tillbox.theme', '{theme}')")
        made = TechnicianPage(await context.new_page())
        made.page.on("pageerror", lambda error: made.defects.append(str(error)))
        made.page.on(
            "console",
            lambda said: (
                made.defects.append(said.text)
                if said.type == "error" and "Failed to load resource" not in said.text
                else None
            ),
        )
        made.page.set_default_timeout(10_000)
        await made.page.goto(f"{self.box.origin}/technician/")
        self.walls.append(made)
        return made

    async def technician(
        self, *, size: str = "laptop", theme: str = "light", language: str = "en"
    ) -> TechnicianPage:
        """Open the wall, somebody signed in who speaks a language."""
        made = await self.screen(size=size, theme=theme, language=language)
        await made.stage("stranger")
        await made.enrol(self.box)
        await made.stage("gate")
        await made.sign_in()
        await made.stage("wall")
        if language != "en":
            await made.page.locator(".top select").select_option(language)
        await expect(made.card("printer-1")).to_be_visible()
        return made

    async def lively(self) -> None:
        """Give the shop one device in each state that a wall can show, and two that are found."""
        status, body = await self.wall_adopts(PRINTER_2)
        assert status == 200, body
        await self.wall_adopts(
            {
                "host": "box",
                "driver": "scale_cas",
                "till": "till-1",
                "roles": ["scale"],
                "settings": {"address": "serial:///dev/serial/by-id/usb-CAS-if00?baud=9600"},
            }
        )
        printer = BOX.device("printer-1")
        meta = DeviceMeta(DeviceClass.PRINTER, "printer_escpos", "TM-T20III", "X7Q", "11.43")
        await self.host.bus.publish(printer.meta, encode(meta), retain=True)
        counts = DeviceStatistics({"ReceiptLinePrintedCount": 8123, "DrawerGoodOpenCount": 61}, 1)
        await self.host.bus.publish(printer.stats, encode(counts), retain=True)
        await self.host.report(
            "printer-1",
            DriverState.ATTENTION,
            health="The printer has no paper.",
            advice="Put in an 80 mm roll. Printing goes on by itself.",
            paper="out",
            cover="closed",
            drawer="closed",
            jobs_waiting=2,
        )
        await self.host.report(
            "printer-2", DriverState.READY, paper="near_end", cover="closed", drawer="open"
        )
        await self.host.report(
            "terminal-1",
            DriverState.LOST,
            health="Nothing answers at 192.0.2.52:20007: no answer in time.",
            advice="Check that the device is on, its network cable, and its address.",
        )
        await self.host.report("scale-1", DriverState.READY, weight="stable", weight_g=742)
        await self.host.scan("5601009924022", 1_700_000_000_000)

    async def wall_adopts(self, wish: dict[str, Any]) -> tuple[int, Any]:
        """Adopt by the API, as a supervisor on another screen."""
        if not any("devices" in morsel.key for morsel in self.box.client.cookie_jar):
            status, body = await self.wall.sign_in("sofia", SUPERVISOR_PIN)
            assert status == 200, body
        return await self.wall.wish(**wish)


@asynccontextmanager
async def technician_shop(
    folder: Path, browser: Browser, *, screens: StaticFiles | None = None, **changes: Any
) -> AsyncIterator[Shop]:
    """Run a box with the real screens, and a host that offers drivers and found something."""
    broker = MemoryBroker()
    async with (
        bare_box(folder, broker=broker, screens=screens or load_screens(), **changes) as box,
        fake_host(broker) as host,
    ):
        await box.feed()
        await box.enrol("till-2")
        host.answers["check_health"] = lambda job: JobResult(job.id, JobStatus.DONE, 1, {})
        shop = Shop(box, host, browser)
        await shop.wall.inform()
        try:
            yield shop
        finally:
            for wall in shop.walls:
                await wall.page.context.close()
                assert wall.defects == []


__all__ = ["FOUND", "Shop", "TechnicianPage", "technician_shop"]
