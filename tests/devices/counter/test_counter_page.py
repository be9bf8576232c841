"""The counter's page in Chromium: what a newcomer presses, and what the page then shows."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from devices.simulators.terminal_zvt.acquirer import Acquirer
from tests.devices.counter.running_counter import (
    MILK,
    TILL_URL,
    CounterClient,
    running_counter,
    settings_in,
)
from tests.devices.counter.test_counter_api import Reader, connected
from tests.devices.host_bench import until
from tests.golden import script_cases
from tests.golden.signed_receipt import TEXT as SIGNED_CODE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
RECEIPT_CODE = "https://example.com/r/0418?s=90412&sig=7F3AC1"
EDGES = """() => {
  const edges = (node) => [node.getBoundingClientRect().left, node.getBoundingClientRect().right];
  const lines = [...document.querySelectorAll(".receipt pre")];
  const rule = document.createRange();
  rule.selectNodeContents(lines.find((each) => each.textContent.startsWith("---")));
  const drawn = [...document.querySelectorAll(".receipt__picture")];
  return [edges(rule), edges(drawn.findLast((each) => each.naturalHeight > 30))];
}"""
pytestmark = [
    pytest.mark.screens,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[CounterClient]:
    async with running_counter(settings_in(tmp_path)) as client:
        yield client


@pytest.fixture
async def reader(counter: CounterClient, tmp_path: Path) -> AsyncIterator[Reader]:
    async with Reader(tmp_path / "scanner") as made:
        await connected(counter)
        yield made


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@dataclass
class Shown:
    """A page and what it complained of."""

    page: Page
    troubles: list[str] = field(default_factory=list)


async def opened(counter: CounterClient, chromium: Browser, **how: Any) -> Shown:
    page = await chromium.new_page(**{"viewport": {"width": 1366, "height": 768}, **how})
    shown = Shown(page)
    page.on("pageerror", lambda error: shown.troubles.append(str(error)))
    page.on(
        "console",
        lambda said: shown.troubles.append(said.text) if "Content Security" in said.text else None,
    )
    await page.goto(f"{counter.origin}/counter/")
    await expect(page.locator(".good").first).to_be_visible()
    await expect(page.locator("#alive")).to_have_text("live")
    return shown


async def test_what_is_pressed_is_scanned(
    counter: CounterClient, reader: Reader, chromium: Browser
) -> None:
    shown = await opened(counter, chromium)
    page = shown.page
    await page.locator(f'[data-code="{MILK}"]').click()
    await until(lambda: reader.typed == MILK.encode() + b"\r")
    await expect(page.locator("#heard")).to_contain_text("Whole milk 1 l")
    await expect(page.locator("#till")).to_have_attribute("href", TILL_URL)
    await page.keyboard.press("F2")
    await page.keyboard.type("vine tom")
    await expect(page.locator(".good")).to_have_count(1)
    await page.locator("#weight").fill("0,5")
    await page.locator(".good").press("Enter")
    await until(lambda: reader.typed.endswith(b"2100103005006\r"))
    await page.locator("#weight").fill("heavy")
    await page.locator(".good").click()
    await expect(page.locator("#heard")).to_contain_text("The scale shows heavy")
    await page.locator("#code").fill("12345670")
    await page.keyboard.press("Enter")
    await until(lambda: reader.typed.endswith(b"12345670\r"))
    await page.locator("#unknown").click()
    await until(lambda: reader.typed.endswith(b"9529999999993\r"))
    await expect(page.locator("#heard")).to_contain_text("no article on this shelf")
    assert shown.troubles == []


async def test_the_shelf_is_walked_with_the_keyboard(
    counter: CounterClient, reader: Reader, chromium: Browser
) -> None:
    page = (await opened(counter, chromium)).page
    await page.locator('[data-group="everyday"]').focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator('[data-group="bakery"]')).to_be_focused()
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(f'[data-code="{MILK}"]')).to_be_focused()
    await page.keyboard.press("Enter")
    await until(lambda: reader.typed == MILK.encode() + b"\r")


async def test_a_scan_that_nobody_hears_is_told(counter: CounterClient, chromium: Browser) -> None:
    page = (await opened(counter, chromium)).page
    await page.locator(f'[data-code="{MILK}"]').click()
    await expect(page.locator("#heard")).to_contain_text("Nobody holds the scanner's port")
    await expect(page.locator("#scanner-state")).to_have_text("not in use")


async def sent_to_printer(counter: CounterClient, data: bytes) -> list[str]:
    """Return the receipts as text, once one has come out."""
    _, writer = await asyncio.open_connection("127.0.0.1", counter.printer)
    writer.write(data)
    await writer.drain()
    writer.close()
    receipts: list[str] = []
    async with asyncio.timeout(5):
        while not receipts:
            await asyncio.sleep(0.01)
            receipts = (await counter.get("paper"))["receipts"]
    return receipts


@pytest.mark.parametrize("shop", ["arabic", "chinese"])
async def test_drawn_lines_stand_among_those_of_text(
    counter: CounterClient, chromium: Browser, shop: str
) -> None:
    shown = await opened(counter, chromium, reduced_motion="reduce")
    document = script_cases.document(script_cases.SHOPS[shop])
    encoded = EscposEncoder(PaperFormat(), script_cases.LETTERS).encode(document)
    (text,) = await sent_to_printer(counter, encoded.data)
    assert "[picture 504 x 30]" in text
    assert "5.5%" in text
    pictures = shown.page.locator(".receipt__picture")
    await expect(pictures).to_have_count(encoded.data.count(b"\x1dv0\x00"))
    paper, total = await shown.page.evaluate(EDGES)
    assert abs(paper[0] - total[0]) < 2
    assert abs(paper[1] - total[1]) < 3
    assert shown.troubles == []
    if folder := os.environ.get("TILLBOX_SCREENSHOTS"):
        await shown.page.screenshot(path=f"{folder}/counter-{shop}.png")


@pytest.mark.parametrize("width", [1366, 390])
async def test_the_customer_display_on_the_printer_is_seen(
    counter: CounterClient, chromium: Browser, width: int
) -> None:
    shown = await opened(counter, chromium, viewport={"width": width, "height": 768})
    pole = shown.page.locator("#pole")
    await expect(pole).to_have_attribute("aria-label", "The customer display is dark")
    _, writer = await asyncio.open_connection("127.0.0.1", counter.printer)
    writer.write(b"\x1b=\x02\x1bt\x13\x0cCr\x8ame fra\x8cche   1.29TOTAL        1234.56\x1b=\x01")
    await writer.drain()
    await expect(pole.locator("span").first).to_have_text("Crème fraîche   1.29")
    await expect(pole.locator("span").last).to_have_text("TOTAL        1234.56")
    label = "The customer display says: Crème fraîche 1.29, TOTAL 1234.56"
    await expect(pole).to_have_attribute("aria-label", label)
    assert (await counter.get("printer"))["pole"] == [
        "Crème fraîche   1.29",
        "TOTAL        1234.56",
    ]
    box = await pole.bounding_box()
    sections = await shown.page.locator(".printer").bounding_box()
    assert box is not None
    assert sections is not None
    assert sections["x"] <= box["x"]
    assert box["x"] + box["width"] <= sections["x"] + sections["width"]
    writer.close()
    assert shown.troubles == []
    if folder := os.environ.get("TILLBOX_SCREENSHOTS"):
        await shown.page.screenshot(path=f"{folder}/counter-pole-{width}.png")


async def print_receipt(counter: CounterClient, code: str = RECEIPT_CODE) -> None:
    qr = code.encode()
    size = (len(qr) + 3).to_bytes(2, "little")
    _, writer = await asyncio.open_connection("127.0.0.1", counter.printer)
    writer.write(
        b"\x1b@\x1ba\x01\x1d!\x11HARBOUR STREET\n\x1d!\x00\x1ba\x00"
        b"Whole milk 1 l" + b" " * 24 + b"1.29\n"
        b"\x1d(k" + size + b"1P0" + qr + b"\x1d(k\x03\x001Q0"
        b"\x1dkI\x0a{BSALE0418\n\n\x1dV\x00\x1bp\x00\x32\x32"
    )
    await writer.drain()
    writer.close()
    async with asyncio.timeout(5):
        while not (await counter.get("paper"))["receipts"]:
            await asyncio.sleep(0.01)


async def read_code(place: Locator) -> str:
    picture = Image.open(io.BytesIO(await place.screenshot()))
    return "".join(found.text for found in zxingcpp.read_barcodes(picture))


async def test_the_signed_code_of_a_receipt_is_read_back_sign_by_sign(
    counter: CounterClient, reader: Reader, chromium: Browser
) -> None:
    page = (await opened(counter, chromium, device_scale_factor=3, reduced_motion="reduce")).page
    await print_receipt(counter, SIGNED_CODE)
    await expect(page.locator(".receipt")).to_contain_text("Whole milk 1 l")
    assert await read_code(page.locator(".receipt__code").first) == SIGNED_CODE
    await page.locator("#rescan").click()
    await until(lambda: reader.typed == SIGNED_CODE.encode() + b"\r")
    heard = page.locator("#heard .kbd")
    await expect(heard).to_have_text(f"{SIGNED_CODE[:60]}\u2026")


async def test_paper_comes_out_with_codes_that_can_be_read(
    counter: CounterClient, reader: Reader, chromium: Browser
) -> None:
    shown = await opened(counter, chromium, device_scale_factor=3, reduced_motion="reduce")
    page = shown.page
    await expect(page.locator("#slot")).to_contain_text("Nothing has come out yet")
    await page.locator("#rescan").click()
    await expect(page.locator("#heard")).to_contain_text("No receipt with a code")
    await print_receipt(counter)
    await expect(page.locator(".receipt")).to_contain_text("Whole milk 1 l")
    assert await read_code(page.locator(".receipt__code").first) == RECEIPT_CODE
    assert await read_code(page.locator(".receipt__code").last) == "SALE0418"
    await page.locator("#rescan").click()
    await until(lambda: reader.typed == RECEIPT_CODE.encode() + b"\r")
    await expect(page.locator("#drawer-state")).to_contain_text("open")
    await page.locator("#drawer-box").click()
    await expect(page.locator("#drawer-state")).to_have_text("shut")
    assert await counter.get("drawer") == {"pulses": 1, "open": False, "opened_at": 0}
    await page.locator("#tear").click()
    await expect(page.locator("#slot")).to_contain_text("Torn off")
    await page.locator("#older").click()
    await expect(page.locator(".receipt")).to_contain_text("Whole milk 1 l")
    assert shown.troubles == []


def drawn(rows: list[list[bool]], scale: int = 4, quiet: int = 10) -> Image.Image:
    """Return dark modules as a picture that a reader sees."""
    size = (len(rows[0]) + 2 * quiet, len(rows) + 2 * quiet)
    picture = Image.new("L", size, 255)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                picture.putpixel((x + quiet, y + quiet), 0)
    return picture.resize((size[0] * scale, size[1] * scale), Image.Resampling.NEAREST)


FORMATS_OF_M = {
    "101010000010010", "101000100100101", "101111001111100", "101101101001011",
    "100010111111001", "100000011001110", "100111110010111", "100101010100000",
}  # fmt: skip
"""ISO/IEC 18004, table C.1: format bits of error correction M, masks 0 to 7."""
VERSION_BITS = {
    7: "000111110010010100", 8: "001000010110111100", 9: "001001101010011001",
    10: "001010010011010011", 11: "001011101111110110", 12: "001100011101100010",
    13: "001101100001000111", 14: "001110011000001101", 15: "001111100100101000",
    16: "010000101101111000", 17: "010001010001011101", 18: "010010101000010111",
    19: "010011010100110010", 20: "010100100110100110", 21: "010101011010000011",
    22: "010110100011001001", 23: "010111011111101100",
}  # fmt: skip
"""ISO/IEC 18004, table D.1."""
BYTES_AT_MOST = (
    14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412,
    450, 504, 560, 624, 666, 711, 779, 857,
)  # fmt: skip
"""ISO/IEC 18004, table 7: bytes in versions 1 to 23 with error correction M."""
SIGNS_AT_MOST = {1: 20, 9: 262, 10: 311, 15: 600, 23: 1_248}
"""The same of the alphanumeric mode."""


def bits(grid: list[list[bool]], places: list[tuple[int, int]]) -> str:
    return "".join(str(int(grid[y][x])) for x, y in places)


async def test_qr_codes_are_as_the_standard_has_them(
    counter: CounterClient, chromium: Browser
) -> None:
    page = (await opened(counter, chromium)).page
    make = "async (text) => (await import('/counter/qr.js')).qrModules(text)"
    for version, most in enumerate(BYTES_AT_MOST, start=1):
        text = ("https://example.com/" * 50)[:most]
        grid = await page.evaluate(make, text)
        side = len(grid)
        assert side == 17 + 4 * version
        assert [found.text for found in zxingcpp.read_barcodes(drawn(grid))] == [text]
        beside = [(x, 8) for x in (0, 1, 2, 3, 4, 5, 7, 8)] + [
            (8, y) for y in (7, 5, 4, 3, 2, 1, 0)
        ]
        apart = [(8, side - 1 - y) for y in range(7)] + [(side - 8 + x, 8) for x in range(8)]
        assert bits(grid, beside) in FORMATS_OF_M
        assert bits(grid, beside) == bits(grid, apart)
        if version in VERSION_BITS:
            far = [(side - 11 + bit % 3, bit // 3) for bit in reversed(range(18))]
            assert bits(grid, far) == VERSION_BITS[version]
            assert bits(grid, [(y, x) for x, y in far]) == VERSION_BITS[version]
    assert await page.evaluate(make, "a" * 858) is None


async def test_capitals_take_less_room_in_a_qr_code(
    counter: CounterClient, chromium: Browser
) -> None:
    page = (await opened(counter, chromium)).page
    make = "async (text) => (await import('/counter/qr.js')).qrModules(text)"
    for version, most in SIGNS_AT_MOST.items():
        for signs in (most, most - 1):
            text = ("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" * 30)[:signs]
            grid = await page.evaluate(make, text)
            assert len(grid) == 17 + 4 * version
            assert [found.text for found in zxingcpp.read_barcodes(drawn(grid))] == [text]
    assert await page.evaluate(make, "A" * 1_249) is None


BARS = (
    *(("goodsBars", f"{first}520000{first}9595") for first in range(10)),
    ("goodsBars", "9520000395957"),
    ("goodsBars", "96385074"),
    ("goodsBars", "614141000036"),
    ("goodsBars", "19520000395954"),
    ("code128Bars", "SALE-0418 ~ !"),
)
"""The first ten lack their check digit: one for each parity of an EAN-13."""


async def test_bar_codes_can_be_read(counter: CounterClient, chromium: Browser) -> None:
    page = (await opened(counter, chromium)).page
    for at, (maker, start) in enumerate(BARS):
        digits = [int(digit) for digit in start] if at < 10 else []
        check = -(sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10
        code = f"{start}{check}" if digits else start
        made = f"async (code) => (await import('/counter/bars.js')).{maker}(code)"
        widths = await page.evaluate(made, code)
        row = [step % 2 == 0 for step, width in enumerate(widths) for _ in range(int(width))]
        [found] = zxingcpp.read_barcodes(drawn([row] * 40))
        assert found.text.lstrip("0") == code.lstrip("0")
    for maker, code in (("goodsBars", "abc"), ("goodsBars", "123"), ("code128Bars", "ä")):
        made = f"async (code) => (await import('/counter/bars.js')).{maker}(code)"
        assert await page.evaluate(made, code) == ""


async def test_goods_are_put_on_the_scale_and_taken_off(
    counter: CounterClient, chromium: Browser
) -> None:
    page = (await opened(counter, chromium)).page
    state = page.locator("#scale-state")
    await expect(state).to_have_text("not in use")
    _, writer = await asyncio.open_connection("127.0.0.1", counter.scale)
    await expect(state).to_have_text("empty")
    await page.locator("#weight").fill("1.25")
    await page.locator("#put-on").click()
    await expect(state).to_have_text("1.250\u00a0kg")
    await page.locator('[data-switch="still"]').click()
    await expect(state).to_have_text("1.250\u00a0kg, moving")
    await page.locator("#weight").fill("16")
    await page.locator("#put-on").click()
    await expect(state).to_have_text("too much on it")
    await page.locator("#weight").fill("a pound")
    await page.locator("#put-on").click()
    await expect(page.locator("#heard")).to_contain_text("The scale shows a pound")
    await page.locator("#take-off").click()
    await expect(state).to_have_text("empty")
    writer.close()


async def test_switches_and_keys_do_what_they_say(
    counter: CounterClient, chromium: Browser
) -> None:
    shown = await opened(counter, chromium)
    page = shown.page
    flips = (
        ("paper", "printer", "paper", "out"),
        ("cover", "printer", "cover", "open"),
        ("link", "link", "up", False),
        ("scanner", "cables", "scanner", False),
        ("printer", "cables", "printer", False),
        ("terminal", "cables", "terminal", False),
        ("scale", "cables", "scale", False),
        ("still", "scale", "stable", False),
    )
    for name, path, key, value in flips:
        switch = page.locator(f'[data-switch="{name}"]')
        await switch.click()
        await expect(switch).to_have_attribute("aria-checked", "false")
        assert (await counter.get(path))[key] == value
    await expect(page.locator("#printer-state")).to_have_text("cable out")
    await expect(page.locator("#terminal-state")).to_have_text("cable out")
    for name, *_ in flips:
        switch = page.locator(f'[data-switch="{name}"]')
        await switch.click()
        await expect(switch).to_have_attribute("aria-checked", "true")
    await page.locator('[data-next="cut_after_approval"]').click()
    await expect(page.locator('[data-next="cut_after_approval"]')).to_have_attribute(
        "aria-checked", "true"
    )
    assert (await counter.get("terminal"))["next"] == "cut_after_approval"
    await page.locator("#by-hand").click()
    await expect(page.locator("#by-hand")).to_have_attribute("aria-pressed", "true")
    await page.locator('[data-key="approve"]').click(force=True)
    await expect(page.locator("#heard")).to_contain_text("No payment waits")
    assert (await counter.get("terminal"))["next"] == "ask"
    assert shown.troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080), (820, 1180), (390, 844)])
async def test_nothing_runs_off_the_page(
    counter: CounterClient, chromium: Browser, size: tuple[int, int], scheme: str
) -> None:
    await print_receipt(counter)
    shown = await opened(
        counter,
        chromium,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page = shown.page
    await expect(page.locator(".receipt")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    small = await page.evaluate(
        """() => [...document.querySelectorAll('button:not([hidden]), a.key, input')]
            .filter((each) => each.offsetParent !== null)
            .filter((each) => each.getBoundingClientRect().height < 43.5)
            .map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert small == []
    await expect(page.locator(".good").first).to_be_visible()
    beside = await page.evaluate(
        """() => [...document.querySelectorAll('.good__name, .good .tagged')].filter((part) => {
            const [own, good] = [part, part.closest('li')].map((e) => e.getBoundingClientRect());
            return own.left < good.left - 1 || own.right > good.right + 1;
        }).map((part) => part.textContent)"""
    )
    assert beside == [], "they run into their neighbours"
    title, alive = [
        await page.locator(each).evaluate("(e) => e.getBoundingClientRect().toJSON()")
        for each in (".top__where", "#alive")
    ]
    assert title["right"] <= alive["left"] or title["bottom"] <= alive["top"]
    assert shown.troubles == []
    if folder := os.environ.get("TILLBOX_SCREENSHOTS"):
        await page.screenshot(
            path=Path(folder) / f"counter-{size[0]}x{size[1]}-{scheme}.png", full_page=True
        )


@pytest.mark.parametrize("size", [(1366, 768), (390, 844)])
async def test_the_acquirers_books_say_what_went_back(
    tmp_path: Path, chromium: Browser, size: tuple[int, int]
) -> None:
    settings = settings_in(tmp_path)
    books = Acquirer(str(settings.terminal.journal))
    first = books.book(1_234, 1_795_000_000_000, "0042")
    books.book(50_000, 1_795_000_060_000, "0042")
    books.book(1_999, 1_795_000_120_000, "0042", kind="refund")
    books.reverse(first, 1_795_000_180_000)
    async with running_counter(settings) as counter:
        shown = await opened(counter, chromium, viewport={"width": size[0], "height": size[1]})
        page = shown.page
        head = page.locator("#booked-head")
        await expect(head).to_have_text("At the acquirer: 3 booked, €480.01")
        await head.click()
        rows = page.locator("#booked tr")
        await expect(rows).to_have_count(4)
        cells = [await row.locator("td").all_inner_texts() for row in await rows.all()]
        assert [(each[0], *each[2:]) for each in cells] == [
            ("0004", "reversal of 0001", "-€12.34"),
            ("0003", "refund", "-€19.99"),
            ("0002", "payment", "€500.00"),
            ("0001", "payment, taken back", "€12.34"),
        ]
        table = page.locator(".booked table")
        assert await table.evaluate("(t) => t.scrollWidth <= t.parentElement.clientWidth")
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert shown.troubles == []
        if folder := os.environ.get("TILLBOX_SCREENSHOTS"):
            await page.locator(".booked").scroll_into_view_if_needed()
            await page.screenshot(path=Path(folder) / f"acquirer-{size[0]}.png")
