"""What a technician does at the wall beside devices: ends of day, recordings, logs, the box itself.

In a browser, against a real box: by touch and by keyboard, in English and Arabic.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from edge.contract.device_messages import Job, JobError, JobResult, JobStatus
from edge.contract.device_states import DriverState
from edge.runtime.packed_pages import with_packs
from edge.runtime.static_files import StaticFiles
from tests.flows.box import SUPERVISOR_PIN
from tests.flows.fake_host import done, until
from tests.flows.test_saved_recordings import CONTENT, outcome
from tests.flows.test_terminal_days import CANNOT_SAY, ENDING, closed
from tests.screens.conftest import SCREENS
from tests.screens.looks import AXE_LOOKS, LOOKS
from tests.screens.technician_page import Shop, TechnicianPage, technician_shop

pytestmark = pytest.mark.screens
SHOTS: Final = os.environ.get("TILLBOX_SHOTS")
BY_CARD: Final[dict[str, Any]] = {
    "outcome": "closed",
    "totals": {
        "amount_minor": 1_629,
        "schemes": [
            {"scheme": "girocard", "count": 3, "amount_minor": 1_129},
            {"scheme": "other", "count": 1, "amount_minor": 500},
        ],
    },
}


@pytest_asyncio.fixture(loop_scope="session")
async def shop(browser: Browser, tmp_path: Path) -> AsyncIterator[Shop]:
    async with technician_shop(tmp_path, browser) as made:
        await made.wall.inform(drivers=ENDING)
        yield made


async def shot(wall: TechnicianPage, name: str) -> None:
    if SHOTS:
        await wall.page.screenshot(path=Path(SHOTS) / f"care-{name}.png", full_page=True)


# --- the end of a terminal's day -----------------------------------------------------------


async def test_a_day_is_ended_by_touch_and_stands_beside_the_ledger(shop: Shop) -> None:
    shop.host.answers["end_of_day"] = done(BY_CARD)
    wall = await shop.technician(size="phone")
    card = wall.card("terminal-1")
    await card.get_by_role("button", name="End the day").tap()
    await expect(wall.sheet).to_contain_text("It is asked once.")
    await expect(wall.sheet).to_contain_text("none yet")
    assert shop.host.of_kind("end_of_day") == []
    await wall.sheet.get_by_role("button", name="End the day now").tap()
    await expect(wall.sheet.locator(".notice")).to_have_text(
        "The terminal handed in €16.29: €16.29 more than the €0.00 of the ledger."
    )
    await expect(wall.sheet).to_contain_text("Compare the terminal's slip with the card payments")
    rows = wall.sheet.locator("tbody tr, tfoot tr")
    assert [await row.locator("th, td").all_inner_texts() for row in await rows.all()] == [
        ["girocard", "€11.29\n\u00d7\u00a03", "€0.00", "€11.29"],
        ["Other cards", "€5.00\n\u00d7\u00a01", "€0.00", "€5.00"],
        ["Total", "€16.29", "€0.00", "€16.29"],
    ]
    await expect(wall.sheet.get_by_role("button", name="End the day now")).to_have_count(0)
    assert len(shop.host.of_kind("end_of_day")) == 1
    await wall.sheet.get_by_role("button", name="Close").tap()
    await expect(card.locator(".state")).to_have_text("Needs a person")
    await expect(wall.line).to_have_text("1 device needs somebody.")
    await wall.page.get_by_role("button", name="Trouble 1").tap()
    await expect(wall.page.locator(".wall > li")).to_have_count(1)
    # the next one agrees
    shop.host.answers["end_of_day"] = done(closed(0))
    await card.get_by_role("button", name="End the day").tap()
    await wall.sheet.get_by_role("button", name="End the day now").tap()
    await expect(wall.sheet.locator(".notice--well")).to_contain_text("as the ledger has it")
    await wall.sheet.get_by_role("button", name="Close").tap()
    await expect(wall.page.locator(".empty h2")).to_have_text("All devices work")
    assert len({job.id for job in shop.host.of_kind("end_of_day")}) == 2


async def test_a_day_in_doubt_is_settled_by_keyboard_with_what_the_slip_says(shop: Shop) -> None:
    shop.host.answers["inquire_end_of_day"] = done(CANNOT_SAY)
    wall = await shop.technician()
    page = wall.page
    await wall.card("terminal-1").get_by_role("button", name="End the day").focus()
    await page.keyboard.press("Enter")
    await wall.sheet.get_by_role("button", name="End the day now").focus()
    await page.keyboard.press("Enter")
    await until(lambda: bool(shop.host.of_kind("end_of_day")), what="it is asked")
    await expect(wall.sheet.locator(".notice--wait")).to_contain_text("is ending its day")
    (job,) = shop.host.of_kind("end_of_day")
    await shop.host.answer("terminal-1", job.id, JobStatus.UNKNOWN, code="c", detail="Cut.")
    await expect(wall.sheet.locator(".notice--person")).to_contain_text("It is not known whether")
    await expect(wall.sheet).to_contain_text("Look at its slip")  # the terminal's own words
    write = wall.sheet.get_by_role("button", name="Write it down")
    await write.click()
    await expect(wall.sheet.get_by_role("alert").last).to_have_text("Choose what became of it.")
    await wall.sheet.get_by_role("button", name="It ended its day").focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(wall.sheet.get_by_label("Sum on the slip")).to_be_focused()
    await page.keyboard.type("12,3x")
    await page.keyboard.press("Enter")
    await expect(wall.sheet.get_by_role("alert").last).to_contain_text("such as 1,234.50")
    await wall.sheet.get_by_label("Sum on the slip").fill("0,5")
    await wall.sheet.get_by_label("What you saw").focus()
    await page.keyboard.press("Enter")
    await expect(wall.sheet.get_by_role("alert").last).to_contain_text("write why")
    await page.keyboard.type("Its slip says so.")
    await page.keyboard.press("Enter")
    await expect(wall.sheet.locator(".notice--person")).to_contain_text(
        "handed in €0.50: €0.50 more"
    )
    await expect(wall.sheet.locator("form")).to_have_count(0)
    assert len(shop.host.of_kind("end_of_day")) == 1  # never a second time


async def test_a_day_that_was_not_ended_says_why_and_is_asked_for_again(shop: Shop) -> None:
    shop.host.answers["end_of_day"] = done({"outcome": "not_closed", "reason": "No line."})
    wall = await shop.technician(language="ar")
    keys = wall.card("terminal-1").locator("footer .key:not(.key--quiet)")
    await keys.last.click()
    await wall.sheet.locator(".key--primary").click()
    await expect(wall.sheet.locator(".notice--person")).to_have_text("لم ينهِ الجهاز يومه.")
    await expect(wall.sheet).to_contain_text("No line.")
    await expect(wall.sheet.locator(".key--primary")).to_have_text("أنهِ اليوم من جديد")
    shop.host.answers["end_of_day"] = done(closed(0))
    await wall.sheet.locator(".key--primary").click()
    await expect(wall.sheet.locator(".notice--well")).to_be_visible()
    assert len(shop.host.of_kind("end_of_day")) == 2


async def test_a_day_that_another_screen_ends_is_shown_and_not_asked_for(shop: Shop) -> None:
    wall = await shop.technician()
    await wall.card("terminal-1").get_by_role("button", name="End the day").click()
    status, _ = await shop.wall.sign_in("sofia", SUPERVISOR_PIN)
    assert status == 200
    other = asyncio.create_task(shop.wall.wish("/terminal-1/end-of-day", command_id="day-000001"))
    await expect(wall.sheet.locator(".notice--wait")).to_be_visible()
    await expect(wall.sheet.locator(".key--primary")).to_have_count(0)
    await shop.host.answer("terminal-1", "day-000001", JobStatus.DONE, closed(0))
    await other


async def test_what_the_box_refuses_is_said_and_a_wish_without_an_answer_is_the_same_again(
    shop: Shop,
) -> None:
    wall = await shop.technician(language="ar")
    asked: list[str] = []
    refusal = {"code": "card_open_at_terminal", "message": "Open.", "advice": "",
               "params": {"device": "T1"}}  # fmt: skip

    async def answer(route: Route) -> None:
        asked.append(route.request.post_data_json["command_id"])
        if len(asked) == 1:
            await route.abort()
        else:
            await route.fulfill(status=409, json=refusal)

    await wall.page.route("**/end-of-day", answer)
    await wall.card("terminal-1").locator("footer .key:not(.key--quiet)").last.click()
    go, alert = wall.sheet.locator(".key--primary"), wall.sheet.get_by_role("alert")
    await go.click()
    await expect(alert).to_contain_text("لم يجب الخادم")
    await go.click()
    await expect(alert).to_contain_text("دفع بالبطاقة على")
    assert len(asked) == 2
    assert len(set(asked)) == 1


# --- recordings ----------------------------------------------------------------------------


async def test_a_recording_is_saved_by_keyboard_and_downloaded(shop: Shop, tmp_path: Path) -> None:
    shop.host.answers["save_recording"] = done(outcome())
    wall = await shop.technician()
    await wall.card("printer-1").get_by_role("button", name="More about").focus()
    await wall.page.keyboard.press("Enter")
    await wall.sheet.get_by_role("button", name="Save recording").focus()
    await wall.page.keyboard.press("Enter")
    await expect(wall.sheet.locator("h2")).to_have_text("Recording of Receipt printer, Till 1")
    await expect(wall.sheet).to_contain_text("It is kept on box as:")
    await expect(wall.sheet.locator("code").nth(1)).to_have_text(
        "tillbox devices replay printer-1.X.asked.jsonl"
    )
    async with wall.page.expect_download() as coming:
        await wall.sheet.get_by_role("button", name="Download").focus()
        await wall.page.keyboard.press("Enter")
    download = await coming.value
    assert download.suggested_filename == "printer-1.X.asked.jsonl"
    await download.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_text() == CONTENT


async def test_a_lost_device_offers_its_recording_on_its_card(shop: Shop) -> None:
    def full(job: Job) -> JobResult:
        error = JobError("recording_not_kept", "It could not be written: full.", "Make room.")
        return JobResult(job.id, JobStatus.FAILED, 1, error=error)

    shop.host.answers["save_recording"] = full
    await shop.host.report("printer-1", DriverState.LOST, health="Gone.", advice="Look.")
    wall = await shop.technician(language="ar", size="phone")
    await wall.card("printer-1").get_by_role("button", name="احفظ التسجيل").tap()
    await expect(wall.line).to_contain_text("لم يمكن كتابة التسجيل هناك")
    shop.host.answers["save_recording"] = done(outcome(bundle="", file=""))
    await wall.card("printer-1").get_by_role("button", name="احفظ التسجيل").tap()
    await expect(wall.sheet).to_contain_text("كبير جدًا ليُرسل إلى هنا، ولا يحفظ")
    await expect(wall.sheet.get_by_role("button", name="نزّل")).to_have_count(0)
    await wall.page.keyboard.press("Escape")
    shop.host.answers["save_recording"] = done(outcome(file=""))
    await wall.card("printer-1").get_by_role("button", name="احفظ التسجيل").tap()
    await expect(wall.sheet).to_contain_text("نزّله، فلا نسخة أخرى")
    await expect(wall.sheet.get_by_role("button", name="نزّل")).to_be_visible()


# --- the live log --------------------------------------------------------------------------


async def test_the_log_of_a_device_goes_on_while_it_is_looked_at(shop: Shop) -> None:
    wall = await shop.technician()
    await wall.card("printer-1").get_by_role("button", name="More about").click()
    log = wall.sheet.locator(".log")
    await expect(log).to_contain_text("Ready")
    await shop.host.report(
        "printer-1", DriverState.ATTENTION, health="The cover is open.", cover="open"
    )
    await expect(log.locator("li").first).to_contain_text("Cover: open")
    await expect(log.locator("li").nth(1)).to_contain_text("Needs a person")
    await expect(log.locator("li").nth(1)).to_contain_text("The cover is open.")
    await wall.sheet.get_by_role("button", name="Test page").click()
    await expect(log.locator("li").first).to_contain_text("Done: a receipt")
    await expect(log.locator("li").nth(1)).to_contain_text("Asked: a receipt")
    await wall.page.keyboard.press("Escape")
    await shop.host.scan("CUSTOMER-77", 1_700_000_000_000)
    await wall.card("scanner-1").get_by_role("button", name="More about").click()
    await expect(wall.sheet.locator(".log")).to_contain_text("A code of 11 signs was read.")


# --- the box -------------------------------------------------------------------------------


async def test_the_box_says_how_it_is_with_a_next_step(shop: Shop) -> None:
    wall = await shop.technician()
    strip = wall.page.locator(".health")
    await expect(strip.locator("[data-part=hosts]")).to_contain_text("1 answers")
    await expect(strip.locator("[data-part=disk]")).to_contain_text("free")
    await expect(strip.locator("[data-part=link]")).to_contain_text("unreachable")
    await shop.host.offline()
    shop.box.edge.wall_sockets.wall.vitals.forget()
    await shop.host.report("printer-1", DriverState.READY)
    await expect(strip.locator("[data-part=hosts]")).to_contain_text("away: box")
    await expect(strip.locator("[data-part=hosts]")).to_contain_text("look at that machine")
    await wall.page.get_by_role("button", name="About the box").click()
    await expect(wall.sheet.locator("[data-part=hosts] .todo")).to_contain_text("start again")
    await expect(wall.sheet.locator("[data-part=ledger]")).to_contain_text("kept on disk")
    await expect(wall.sheet).to_contain_text("0.1.0")


async def test_a_support_bundle_is_saved_by_touch(shop: Shop, tmp_path: Path) -> None:
    shop.host.answers["save_recording"] = done(outcome())
    wall = await shop.technician(size="phone", language="ar")
    await wall.page.locator(".strip > .key").tap()
    async with wall.page.expect_download() as coming:
        await wall.sheet.locator(".key--primary").tap()
    download = await coming.value
    assert download.suggested_filename.startswith("tillbox-support-harbour-street-")
    await download.save_as(tmp_path / "saved.zip")
    with zipfile.ZipFile(tmp_path / "saved.zip") as packed:
        assert packed.testzip() is None
        assert "devices/printer-1/recording.jsonl" in packed.namelist()
    await expect(wall.sheet.get_by_role("status")).to_contain_text(download.suggested_filename)


# --- how it looks, and how it loads ---------------------------------------------------------


@pytest.mark.parametrize("look", LOOKS, ids="-".join)
async def test_how_the_sheets_look(
    shop: Shop, node_modules: Path, look: tuple[str, str, str]
) -> None:
    size, theme, language = look
    tag = "-".join(look)
    shop.host.answers["save_recording"] = done(outcome())
    shop.host.answers["end_of_day"] = done(BY_CARD)
    shop.host.answers["inquire_end_of_day"] = done(CANNOT_SAY)
    wall = await shop.technician(size=size, theme=theme, language=language)
    if look in AXE_LOOKS:
        wall.axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
    await wall.page.locator(".strip > .key").click()
    await wall.at("box")
    await shot(wall, f"box-{tag}")
    await wall.page.keyboard.press("Escape")
    await wall.card("printer-1").locator(".key--quiet").click()
    await expect(wall.sheet.locator(".log li").first).to_be_visible()
    await wall.at("log")
    await shot(wall, f"log-{tag}")
    await wall.sheet.locator(".sheet__foot .key").last.click()
    await expect(wall.sheet.locator("code").first).to_be_visible()
    await wall.at("recording")
    await shot(wall, f"recording-{tag}")
    await wall.page.keyboard.press("Escape")
    await wall.card("terminal-1").locator("footer .key:not(.key--quiet)").last.click()
    await wall.at("end of day")
    await wall.sheet.locator(".key--primary").click()
    await expect(wall.sheet.locator(".sums")).to_be_visible()
    await wall.at("sums")
    await shot(wall, f"day-{tag}")
    await wall.page.keyboard.press("Escape")
    await wall.at("a wall with a day that differs")
    shop.host.answers["end_of_day"] = lambda job: JobResult(job.id, JobStatus.UNKNOWN, 1)
    await wall.card("terminal-1").locator("footer .key:not(.key--quiet)").last.click()
    await wall.sheet.locator(".key--primary").click()
    await expect(wall.sheet.locator(".settle")).to_be_visible()
    await wall.sheet.locator(".settle .chips .key").first.click()
    await wall.at("settling")
    await shot(wall, f"settle-{tag}")


async def test_the_packed_page_is_one_script_and_speaks_every_language(
    browser: Browser, tmp_path: Path
) -> None:
    path = SCREENS / "hatch_build.py"
    spec = importlib.util.spec_from_file_location("hatch_build", path)
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    if not list((SCREENS / "node_modules").glob("@esbuild/*/bin/esbuild")):
        pytest.skip("npm's packages are not there (npm ci in edge/screens)")
    packs = tmp_path / "packed"
    packs.mkdir()
    hook.fill_packed(SCREENS / "node_modules", packs)
    parts = [
        StaticFiles.load(SCREENS / name, prefix=f"{name}/")
        for name in ("till", "display", "technician", "kit", "vendor", "words")
    ]
    screens = with_packs(StaticFiles.together(parts), packs).versioned()
    async with technician_shop(tmp_path, browser, screens=screens) as shop:
        wall = await shop.screen()
        asked: list[str] = []
        wall.page.on("request", lambda request: asked.append(request.url))
        await wall.page.reload()
        await wall.stage("stranger")
        scripts = [url for url in asked if url.endswith((".js", ".mjs"))]
        assert [url.rpartition("/")[2] for url in scripts] == ["first_paint.js", "technician.js"]
        await wall.enrol(shop.box)
        await wall.stage("gate")
        await wall.sign_in()
        await wall.stage("wall")
        await wall.page.locator(".top select").select_option("ar")
        await expect(wall.page.locator("h1")).to_have_text("الأجهزة")
        assert {url.rpartition("/v/")[2].partition("/")[2] for url in asked} >= {
            "words/ar.js", "technician/words/ar.js",
        }  # fmt: skip
