"""What a cashier sees and how soon: the till's page in Chromium, at a real box on loopback."""

from __future__ import annotations

import re
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.bench.bench_run import BenchRun
from tests.bench.figures import Figure, quantile
from tests.bench.processes import BenchFailedError
from tests.bench.scan_benches import ScannerPlug
from tests.bench.shop import Shop, gtin, open_shop

_FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio")
_SETTLE_MS: Final = 400
_LINES_PER_SALE: Final = 8
_WATCH: Final = """
  window.seen = { lcp: 0, cls: 0, taps: {}, lines: [] };
  const watch = (type, take, more = {}) => new PerformanceObserver(
    (list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...more });
  watch("largest-contentful-paint", (entry) => (seen.lcp = entry.startTime));
  watch("layout-shift", (entry) => (seen.cls += entry.hadRecentInput ? 0 : entry.value));
  watch("event", ({ interactionId, duration }) => {
    if (interactionId) seen.taps[interactionId] = Math.max(seen.taps[interactionId] ?? 0, duration);
  }, { durationThreshold: 16 });
  let count = 0;
  new MutationObserver(() => {
    const now = document.querySelectorAll(".line").length;
    if (now <= count) return void (count = now);
    count = now;
    // on the screen is what the next frame has painted
    requestAnimationFrame(() => setTimeout(
      () => seen.lines.push(performance.timeOrigin + performance.now())));
  }).observe(document, { childList: true, subtree: true });
"""
"""Runs before the page's own scripts; in the words of the browser's own measures."""
_STATE: Final = re.compile("^(idle|sell|paying|change)$")


def screens(run: BenchRun) -> Figure:
    """Open the till many times, sell by taps, and scan while it is watched."""
    loads = max(5, run.rounds // 30)
    sales = max(4, run.rounds // 30)
    plug = ScannerPlug()
    folder = run.new_folder("screens") / "shop"
    with open_shop(folder, scanner_port=plug.port) as shop, _chromium() as browser:
        plug.wait()
        shop.until_devices_well()
        paints = [_lcp_ms(browser, shop) for _ in range(loads)]
        page = _till(browser, shop)
        taps = _taps_ms(page, sales)
        scans = [ms for _ in range(sales) for ms in _scans_ms(page, plug, shop)]
        shifts = page.evaluate("seen.cls")
        page.context.close()
    plug.close()
    return Figure(
        value=statistics.median(scans),
        unit="ms scan to line",
        n=len(scans),
        more={
            "scan_p95_ms": quantile(scans, 0.95),
            "lcp_ms": statistics.median(paints),
            "lcp_p95_ms": quantile(paints, 0.95),
            "inp_ms": quantile(taps, 0.98),
            "taps": len(taps),
            "cls": shifts,
        },
        goals={"lcp_ms": 500.0, "inp_ms": 100.0, "scan_p95_ms": 50.0, "cls": 0.1},
    )


@contextmanager
def _chromium() -> Iterator[Browser]:
    """Run the machine's own Chromium for a block."""
    path = shutil.which("chromium")
    if path is None:
        raise BenchFailedError("Chromium is not installed: apt install chromium")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def _till(browser: Browser, shop: Shop) -> Page:
    """Open the till's page, signed in, in a browser that has never been there."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-GB")
    cookies = [each.split("=", 1) for each in shop.sessions["till-1"].split("; ")]
    # `__Host-` asks for a secure origin: a browser takes loopback for one, its driver does not
    place = "https://127.0.0.1/"
    context.add_cookies([{"name": n, "value": v, "url": place, "secure": True} for n, v in cookies])
    context.add_init_script(_WATCH)
    page = context.new_page()
    page.goto(f"{shop.origin}/till/")
    expect(page.locator("body")).to_have_attribute("data-state", _STATE)
    expect(page.locator(".tile").first).to_be_visible()
    return page


def _lcp_ms(browser: Browser, shop: Shop) -> float:
    page = _till(browser, shop)
    page.wait_for_timeout(_SETTLE_MS)
    painted: float = page.evaluate("seen.lcp")
    page.context.close()
    return painted


def _taps_ms(page: Page, sales: int) -> list[float]:
    """Sell by the mouse; return how long each tap took until its frame, 16 ms where less."""
    done = 0
    for _ in range(sales):
        for tile in range(5):
            page.locator(".tile").nth(tile).click()
            expect(page.locator(".line")).to_have_count(tile + 1)
        for _ in range(2):  # the desk of tenders, then all of it in cash
            page.locator(".key--pay").first.click()
        expect(page.locator("body")).to_have_attribute("data-state", "change")
        page.keyboard.press("Enter")
        expect(page.locator("body")).to_have_attribute("data-state", "idle")
        done += 8
    page.wait_for_timeout(_SETTLE_MS)
    slow: list[float] = page.evaluate("Object.values(seen.taps)")
    return [*slow, *[16.0] * (done - len(slow))]


def _scans_ms(page: Page, plug: ScannerPlug, shop: Shop) -> list[float]:
    """Scan a sale; return for each code the time from its first byte to its painted line."""
    times = []
    page.evaluate("seen.lines = []")
    for number in range(1, _LINES_PER_SALE + 1):
        begun = time.time() * 1000
        plug.scan(gtin(number + 100))
        page.wait_for_function("(count) => seen.lines.length >= count", arg=number, polling=20)
        painted: list[Any] = page.evaluate("seen.lines")
        times.append(float(painted[number - 1]) - begun)
    shop.command("till-1", "abandon")
    expect(page.locator("body")).to_have_attribute("data-state", "idle")
    return times
