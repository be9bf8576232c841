"""Head office as a person meets it: its page, and boxes that sell while somebody looks."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from edge.contract.envelope import seal
from edge.contract.event_registry import Event
from edge.contract.instant import business_day
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
)
from edge.contract.sale_events import (
    CashTendered,
    LineAdded,
    LineVoided,
    SaleCompleted,
    SaleOpened,
    TaxTotal,
)
from edge.runtime.system_clock import SystemClock
from sync.office.people import BOUND_TO
from tests.sync.office.head_office import Box, Line, Served, serve

PASSWORD: Final = "correct horse battery"
ZONE: Final = "Europe/Lisbon"
_CHROMIUM: Final = os.environ.get("TILLBOX_CHROMIUM") or shutil.which("chromium") or ""
_FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio")


@contextlib.asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """The machine's own Chromium; browsers are never downloaded."""
    if not _CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_FLAGS))
        yield started
        await started.close()


def sell(
    box: Box,
    sale: str,
    lines: dict[str, int],
    *,
    card: bool = False,
    at: int = 0,
    tip_minor: int = 0,
) -> int:
    """Record a completed sale of this business day; return its total."""
    at = at or SystemClock().now_ms()
    total = sum(lines.values())
    tax = TaxTotal(tax="a", rate_ppm=0, net_minor=total, tax_minor=0, gross_minor=total)
    paying: tuple[Event, ...] = (
        CashTendered(sale=sale, tender="1", amount_minor=total + tip_minor + 200),
    )
    if card:
        paying = (
            CardPaymentRequested(sale=sale, payment="0", amount_minor=total, terminal="t"),
            CardPaymentDeclined(sale=sale, payment="0", reason="declined"),
            CardPaymentRequested(sale=sale, payment="1", amount_minor=total, terminal="t"),
            CardPaymentApproved(
                sale=sale, payment="1", amount_minor=total, last4="0042", scheme="Demo"
            ),
        )
    added = [
        LineAdded(
            sale=sale,
            line=str(number),
            sku=str(number),
            name=name,
            quantity=1000,
            price_minor=amount,
            amount_minor=amount,
            tax="a",
            rate_ppm=0,
        )
        for number, (name, amount) in enumerate({**lines, "Put back": 99}.items(), 1)
    ]
    done = SaleCompleted(
        sale=sale,
        receipt=f"1-{sale}",
        total_minor=total,
        change_minor=0 if card else 200,
        taxes=(tax,),
        tip_minor=tip_minor,
    )
    void = LineVoided(sale=sale, line=str(len(added)))
    for event in (SaleOpened(sale=sale, currency="EUR"), *added, void, *paying, done):
        box.bodies.append(
            seal(
                event,
                store=box.number,
                gen=box.gen,
                seq=len(box.bodies) + 1,
                day=business_day(at, ZoneInfo(ZONE)),
                at=at,
                till="till-1",
                actor="marta",
            )
        )
    return total


@dataclass
class Shop:
    """A box with its line to head office."""

    box: Box
    line: Line
    served: Served
    sent: int = 0

    async def sell(self, sale: str, lines: dict[str, int], *, card: bool = False) -> None:
        """Sell, and wait until head office shows it."""
        sell(self.box, sale, lines, card=card)
        await self.send()

    async def send(self) -> None:
        await self.line.upload(self.box.frame(self.sent))
        self.sent = len(self.box.bodies)
        await self.served.until_projected(self.sent, self.box.store)


@dataclass
class OfficePage:
    """The page as a person at head office has it. `defects`: errors and refused resources."""

    page: Page
    url: str
    defects: list[str] = field(default_factory=list)

    @classmethod
    async def open(cls, browser: Browser, url: str, **context: Any) -> OfficePage:
        made = await browser.new_context(
            viewport=context.pop("viewport", {"width": 1366, "height": 768}),
            locale=context.pop("locale", "en-GB"),
            timezone_id=ZONE,
            **context,
        )
        here = cls(await made.new_page(), url)
        here.page.on("pageerror", lambda error: here.defects.append(str(error)))
        here.page.on("dialog", lambda dialog: here.defects.append(f"dialog {dialog.message}"))
        here.page.on(
            "console",
            lambda said: (
                here.defects.append(said.text)
                if said.type in {"error", "warning"} and "Failed to load resource" not in said.text
                else None
            ),
        )
        here.page.set_default_timeout(15_000)
        await here.page.goto(url)
        return here

    async def sign_in(self, password: str = PASSWORD) -> None:
        await self.page.get_by_label("User").fill("head")
        await self.page.get_by_label("Password").fill(password)
        await self.page.keyboard.press("Enter")

    async def headline(self, words: str) -> None:
        await expect(self.page.locator("h1")).to_have_text(words)

    @property
    def rows(self) -> Any:
        return self.page.locator(".tape li")


@contextlib.asynccontextmanager
async def head_office(folder: Path, *boxes: Box) -> AsyncIterator[Served]:
    """Head office with its pages, a person, and a profile for every store."""
    profile = {
        "name": "H",
        "currency": "EUR",
        "time_zone": ZONE,
        "taxes": [{"code": "a", "name": "A", "rate_ppm": 0}],
    }
    async with serve(folder, *boxes) as served:
        await served.ask(
            "PUT", "/api/v1/feeds/config", {"items": [{"key": "store", "value": profile}]}
        )
        await served.office.people.set_password("head", PASSWORD)
        # a new password ends the sessions of the old
        served.cookie = await served.office.people.sessions.open("head", BOUND_TO)
        yield served


@contextlib.asynccontextmanager
async def connected(served: Served, box: Box) -> AsyncIterator[Shop]:
    async with served.session(box) as (line, welcome):
        yield Shop(box, line, served, welcome.head.seq)
