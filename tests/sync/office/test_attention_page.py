"""What needs attention, as a person at head office sees it and acts on it, in Chromium."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Browser, expect

from tests.sync.office.aside import act, arrive, count, spoil
from tests.sync.office.head_office import Box, Served
from tests.sync.office.office_page import (
    PASSWORD,
    OfficePage,
    connected,
    head_office,
    running_browser,
    sell,
)
from tests.sync.office.test_pages import AXE_LOOKS, LOOKS, MEASURE, SCREENS

pytestmark = pytest.mark.screens


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as browser:
        yield browser


@pytest.fixture
async def box() -> Box:
    return Box()


@pytest.fixture
async def served(tmp_path: Path, box: Box) -> AsyncIterator[Served]:
    async with head_office(tmp_path, box) as served:
        yield served


@pytest.fixture
async def office(browser: Browser, served: Served) -> AsyncIterator[OfficePage]:
    office = await OfficePage.open(browser, served.url)
    yield office
    assert office.defects == []


async def _troubled(served: Served, box: Box) -> bytes:
    """Let a shop send a sale whose second event is no good; return what that should say."""
    sell(box, "1", {"Milk": 119, "Bread <b>rye</b>": 399})
    good = spoil(
        box, 2, {"sale": "1", "line": "1", "sku": "1", "name": "<img src=x>", "quantity": "=1+1"}
    )
    await arrive(served, box)
    return good


async def test_an_event_is_seen_repaired_and_gone(
    office: OfficePage, served: Served, box: Box
) -> None:
    page = office.page
    good = await _troubled(served, box)
    await office.sign_in()
    region = page.get_by_role("region", name="Stands aside")
    row = region.locator("tbody tr")
    await expect(row).to_contain_text("Record 2")
    await expect(row).to_contain_text("line_added")
    await expect(row).to_contain_text("It cannot be read: Expected `int`, got `str`")
    alarm = page.get_by_role("region", name="Needs attention").locator("tbody tr")
    await expect(alarm).to_contain_text("Records of this shop stand aside and are in no sale.")
    await expect(alarm).to_contain_text("nobody sees to it yet")
    # it cannot be taken as it is, and the page says why
    await row.get_by_role("button").press("Enter")
    sheet = page.get_by_role("dialog", name="Record 2")
    await expect(sheet).to_contain_text("<img src=x>")
    await sheet.get_by_role("button", name="Read it again with its whole sale").click()
    await expect(sheet.get_by_role("alert")).to_contain_text("Event 2 still stands aside.")
    # a repair needs data that are JSON, and a reason
    data, reason = sheet.get_by_label("What the sales shall read"), sheet.get_by_label("Why")
    await sheet.get_by_role("button", name="Use these data").click()
    await expect(sheet.get_by_role("alert")).to_have_text("Say why first.")
    await expect(reason).to_be_focused()
    await reason.fill("as on the slip")
    await data.fill("{")
    await sheet.get_by_role("button", name="Use these data").click()
    await expect(sheet.get_by_role("alert")).to_contain_text("This is no JSON")
    await expect(data).to_be_focused()
    await data.fill(msgspec.json.encode(msgspec.json.decode(good)["data"]).decode())
    await sheet.get_by_role("button", name="Use these data").click()
    await expect(sheet).to_have_count(0)
    await expect(page.get_by_text("1 record is in the sales now.")).to_be_visible()
    await expect(region).to_have_count(0)
    await expect(alarm).to_have_count(0)
    assert await count(served, "quarantine") == 0
    # who did it, when, why, and what was there before
    await page.get_by_role("region", name="What people did").get_by_role("button").click()
    done = page.get_by_role("region", name="What people did").locator("tbody tr")
    await expect(done).to_contain_text("repaired")
    await expect(done).to_contain_text("as on the slip")
    await expect(done).to_contain_text("=1+1")


async def test_an_event_is_left_aside_with_a_reason(
    office: OfficePage, served: Served, box: Box
) -> None:
    page = office.page
    await _troubled(served, box)
    await office.sign_in()
    region = page.get_by_role("region", name="Stands aside")
    await region.locator("tbody").get_by_role("button").click()
    sheet = page.get_by_role("dialog")
    await sheet.get_by_role("button", name="Leave it aside").click()
    await expect(sheet.get_by_role("alert")).to_have_text("Say why first.")
    await sheet.get_by_label("Why").fill("a test in the shop")
    await sheet.get_by_role("button", name="Leave it aside").click()
    await expect(region).to_have_count(0)
    assert await count(served, "left_aside") == 1


async def test_all_of_a_shop_is_read_again(office: OfficePage, served: Served, box: Box) -> None:
    page = office.page
    await _troubled(served, box)
    await office.sign_in()
    region = page.get_by_role("region", name="Stands aside")
    await region.get_by_role("button", name="Read all of Harbour-Street again").click()
    await expect(region.get_by_role("status")).to_have_text(
        "0 records are in the sales now. 1 record still stands aside."
    )


async def test_alarms_come_and_go_by_themselves_and_a_person_sees_to_them(
    office: OfficePage, served: Served
) -> None:
    page = office.page
    await office.sign_in()
    await office.headline("Nothing sold yet today")
    region = page.get_by_role("region", name="Needs attention")
    await expect(region).to_have_count(0)
    directory = served.office.directory
    await directory.alarm(1, "fork", "Two histories <b>here</b>.")
    await directory.alarm(0, "disk_full", "Only 3 MiB are free.")
    rows = region.locator("tbody tr")
    await expect(rows).to_have_count(2)
    disk, fork = rows.nth(0), rows.nth(1)
    await expect(disk).to_contain_text("Head office")
    await expect(fork).to_contain_text("Two histories <b>here</b>.")
    await expect(page.get_by_role("status").filter(has_text="Head office: The disk")).to_have_count(
        1
    )
    await fork.get_by_role("button", name="I see to it").click()
    await expect(fork).to_contain_text("head sees to it")
    await fork.get_by_role("button", name="Close").click()
    await fork.get_by_role("button", name="Close").click()
    await expect(fork.get_by_role("alert")).to_have_text("Say why first.")
    await fork.get_by_label("Why it is over").fill("One box was switched off")
    await page.keyboard.press("Enter")
    await expect(rows).to_have_count(1)
    await directory.withdraw(0, "disk_full")
    await expect(region).to_have_count(0)


async def test_how_far_each_shop_is_behind(office: OfficePage, served: Served, box: Box) -> None:
    page = office.page
    await served.add(Box("hill-road", 2))
    async with connected(served, box) as shop:
        await shop.sell("1", {"Milk": 119})
        await office.sign_in()
        rows = page.get_by_role("region", name="How far behind").locator("tbody tr")
        await expect(rows).to_have_count(2)
        await expect(rows.nth(0)).to_contain_text("in step")
        await expect(rows.nth(1)).to_contain_text("Never heard")


async def test_every_table_has_its_csv(
    office: OfficePage, served: Served, box: Box, tmp_path: Path
) -> None:
    page = office.page
    await _troubled(served, box)
    await act(served, "leave", {"gen": 1, "seq": 2, "reason": "=cmd|' /C calc'!A0"})
    sell(box, "2", {"Milk": 119})
    spoil(box, len(box.bodies), {"sale": "2", "receipt": 7})
    await arrive(served, box)
    await office.sign_in()
    shown = {}
    await page.get_by_role("region", name="What people did").get_by_role("button").click()
    for name in ("Needs attention", "Stands aside", "How far behind", "What people did"):
        region = page.get_by_role("region", name=name)
        async with page.expect_download() as download:
            await region.get_by_role("button", name="CSV").click()
        saved = await download.value
        file = tmp_path / saved.suggested_filename
        await saved.save_as(file)
        shown[name] = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    assert shown["Needs attention"][0]["kind"] == "quarantine"
    assert shown["Stands aside"][0]["type"] == "sale_completed"
    assert shown["Stands aside"][0]["says"] == "sale=2; receipt=7"
    assert shown["How far behind"][0]["aside"] == "1"
    assert shown["What people did"][0]["reason"] == "'=cmd|' /C calc'!A0"


@pytest.mark.parametrize(("width", "height", "theme", "locale"), LOOKS)
async def test_every_size_theme_and_language_is_sound(
    browser: Browser, served: Served, box: Box, width: int, height: int, theme: str, locale: str
) -> None:
    await _troubled(served, box)
    for kind in ("fork", "clock_off", "of a later version"):
        await served.office.directory.alarm(1, kind, "Words of head office, in English.")
    office = await OfficePage.open(
        browser,
        served.url,
        viewport={"width": width, "height": height},
        color_scheme=theme,
        locale=locale,
        reduced_motion="reduce",
    )
    page = office.page
    axe = SCREENS / "node_modules" / "axe-core" / "axe.min.js"

    async def sound(state: str) -> None:
        found = await page.evaluate(MEASURE)
        assert found == {"wide": 0, "small": [], "untold": None}, state
        if (width, height, theme, locale) in AXE_LOOKS and axe.is_file():
            await page.evaluate(axe.read_text("utf-8"))
            report = await page.evaluate("axe.run()")
            grave = [
                (each["id"], [node["html"] for node in each["nodes"]])
                for each in report["violations"]
                if each["impact"] in {"serious", "critical"}
            ]
            assert grave == [], state

    await page.locator("#in-user").fill("head")
    await page.locator("#in-password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#alarms-title")).to_be_visible()
    await expect(page.locator("#aside-title")).to_be_visible()
    await expect(page.locator("#lags-title")).to_be_visible()
    await page.locator("section:has(> .hd > #alarms-title) tbody .key--quiet").first.click()
    await sound("alarms")
    await page.locator("section:has(> .hd > #acts-title) button").first.click()
    await page.locator("section:has(> .hd > #aside-title) tbody button").first.click()
    await page.locator("dialog .sheet__foot .key--quiet").click()
    await expect(page.locator("dialog [role=alert]")).not_to_be_empty()
    await sound("sheet")
    assert office.defects == []
