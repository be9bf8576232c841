"""The device wall in a browser, against a real box: by touch and by keyboard, live, in words."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from edge.contract.device_messages import JobError, JobResult, JobStatus
from edge.contract.device_states import DriverState, UnfitDevice
from tests.flows.box import PIN, SUPERVISOR_PIN
from tests.flows.fake_host import until
from tests.flows.test_selling import event_types
from tests.screens.looks import AXE_LOOKS, DESK_LOOKS, LOOKS
from tests.screens.technician_page import FOUND, Shop, TechnicianPage, technician_shop

pytestmark = pytest.mark.screens
SHOTS: Final = os.environ.get("TILLBOX_SHOTS")


@pytest_asyncio.fixture(loop_scope="session")
async def shop(browser: Browser, tmp_path: Path) -> AsyncIterator[Shop]:
    async with technician_shop(tmp_path, browser) as made:
        yield made


async def shot(wall: TechnicianPage, name: str) -> None:
    if SHOTS:
        await wall.page.screenshot(path=Path(SHOTS) / f"technician-{name}.png", full_page=True)


async def test_a_strange_screen_sees_no_device_until_a_code_and_a_pin(shop: Shop) -> None:
    wall = await shop.screen()
    await wall.stage("stranger")
    assert "Tech" not in await wall.page.locator("body").inner_text()
    await wall.page.locator("#code").fill("WRONGCODE")
    await wall.page.keyboard.press("Enter")
    await expect(wall.page.get_by_role("alert")).to_contain_text("not valid")
    await wall.enrol(shop.box)
    await wall.stage("gate")
    assert await wall.page.locator(".people .key").all_inner_texts() == [
        "Sofia\nsupervisor",
        "Tech\ntechnician",
    ]
    await wall.sign_in("Tech", "0000")
    await expect(wall.page.get_by_role("alert")).to_contain_text("The PIN does not fit")
    await wall.page.keyboard.type(PIN)
    await wall.page.keyboard.press("Enter")
    await wall.stage("wall")
    await expect(wall.card("printer-1")).to_contain_text("Receipt printer, Till 1")


async def test_the_wall_follows_its_devices_without_a_reload(shop: Shop) -> None:
    wall = await shop.technician()
    card = wall.card("printer-1")
    await expect(card.locator(".state")).to_have_text("Works")
    await shop.host.report(
        "printer-1",
        DriverState.ATTENTION,
        health="The cover is open.",
        advice="Shut the cover.",
        cover="open",
    )
    await expect(card.locator(".state")).to_have_text("Needs a person")
    await expect(card).to_contain_text("The cover is open.")
    await expect(card.locator(".todo")).to_have_text("Shut the cover.")
    await expect(wall.line).to_have_text("1 device needs somebody.")
    await expect(wall.page.locator(".wall > li").first).to_have_attribute(
        "data-device", "printer-1"
    )  # trouble first
    await wall.page.get_by_role("button", name="Trouble 1").click()
    await expect(wall.page.locator(".wall > li")).to_have_count(1)
    await shop.host.report("printer-1", DriverState.READY)
    await expect(wall.page.locator(".empty h2")).to_have_text("All devices work")
    await wall.page.get_by_role("button", name="All").click()
    await shop.host.offline()
    await expect(wall.card("scanner-1").locator(".state")).to_have_text("Lost")
    await expect(wall.card("scanner-1")).to_contain_text("the device service of box is not running")


async def test_a_found_scanner_is_adopted_in_three_presses_by_touch(shop: Shop) -> None:
    wall = await shop.technician(size="phone")
    await wall.found().get_by_role("button", name="Adopt").tap()
    await expect(wall.sheet.get_by_label("Driver")).to_have_value("scanner_serial")
    await expect(wall.sheet.get_by_label("Address")).to_have_value(FOUND.address)
    await wall.sheet.get_by_role("button", name="Till 2").tap()
    await wall.sheet.get_by_role("button", name="Adopt").tap()
    await expect(wall.sheet).to_have_count(0)
    await expect(wall.line).to_contain_text("Scanner, Till 2 is adopted")
    await expect(wall.card("scanner-2")).to_contain_text("Scanner, Till 2")
    await until(
        lambda: (
            shop.host.config is not None
            and any(
                each.id == "scanner-2" and each.settings == {"address": FOUND.address}
                for each in shop.host.config.devices
            )
        ),
        what="the host runs it",
    )
    assert event_types(shop.box).count("device_adopted") == 1


async def test_a_printer_on_the_network_is_adopted_by_keyboard_alone(shop: Shop) -> None:
    wall = await shop.technician()
    page = wall.page
    await page.get_by_role("button", name="Adopt by address").focus()
    await page.keyboard.press("Enter")
    address = wall.sheet.get_by_label("Address")
    await expect(address).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(wall.sheet.get_by_role("alert")).to_have_text("Type where the device is.")
    await page.keyboard.type("tcp://192.0.2.8:9100")
    await page.keyboard.press("Tab")  # tills
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await expect(wall.sheet.get_by_role("button", name="Till 2")).to_have_attribute(
        "aria-pressed", "true"
    )
    for role in ("Receipt printer", "Cash drawer"):  # what the till has nobody for
        await expect(wall.sheet.get_by_role("button", name=role)).to_have_attribute(
            "aria-pressed", "true"
        )
    await wall.sheet.get_by_label("Name").focus()
    await page.keyboard.type("Bar")
    await page.keyboard.press("Enter")
    await expect(wall.card("printer-2")).to_contain_text("Bar")
    await page.get_by_role("button", name="More about Bar").focus()
    await page.keyboard.press("Enter")
    await expect(wall.sheet).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(wall.sheet).to_have_count(0)


async def test_a_second_printer_for_a_till_is_refused_in_the_readers_words(shop: Shop) -> None:
    wall = await shop.technician()
    await wall.page.get_by_role("button", name="Adopt by address").click()
    await wall.sheet.get_by_label("Address").fill("tcp://192.0.2.9:9100")
    await wall.sheet.get_by_role("button", name="Till 1").click()
    await wall.sheet.get_by_role("button", name="Receipt printer").click()
    await wall.sheet.get_by_role("button", name="Adopt").click()
    fault = wall.sheet.get_by_role("alert")
    await expect(fault).to_contain_text("printer-1 is the Receipt printer of Till 1 already.")
    await wall.sheet.get_by_role("button", name="Till 2").click()
    await wall.sheet.locator("summary").click()
    await wall.sheet.get_by_label("columns").fill("7")
    await wall.sheet.get_by_role("button", name="Adopt").click()
    await expect(fault).to_contain_text("does not take the setting columns")
    await wall.sheet.get_by_label("columns").fill("48")
    await wall.sheet.get_by_role("button", name="Adopt").click()
    await expect(wall.card("printer-2")).to_be_visible()
    await until(
        lambda: (
            shop.host.config is not None
            and shop.host.config.devices[-1].settings
            == {"address": "tcp://192.0.2.9:9100", "columns": 48}
        ),
        what="the host has the settings",
    )


async def test_a_lost_device_is_replaced_by_what_was_found_and_keeps_its_role(shop: Shop) -> None:
    await shop.lively()
    await shop.host.report("scale-1", DriverState.LOST, health="Gone.", advice="Look.")
    wall = await shop.technician()
    await wall.card("scale-1").get_by_role("button", name="Replace").click()
    await shot(wall, "replace")
    await wall.sheet.get_by_role("button", name="Symbol Bar Code Scanner").click()
    await expect(wall.sheet.get_by_label("Address")).to_have_value(FOUND.address)
    await expect(wall.sheet.get_by_label("Driver")).to_have_value("scale_cas")
    await wall.sheet.get_by_role("button", name="Replace").click()
    await expect(wall.sheet).to_have_count(0)
    await until(
        lambda: (
            shop.host.config is not None
            and any(
                each.id == "scale-1" and each.settings == {"address": FOUND.address}
                for each in shop.host.config.devices
            )
        ),
        what="the host runs the new one",
    )
    binding = shop.box.edge.dispatch.directory.binding("till-1", "scale")
    assert binding is not None
    assert binding.device == "scale-1"


async def test_a_device_is_changed_and_given_up_on_its_sheet(shop: Shop) -> None:
    await shop.lively()
    wall = await shop.technician()
    more = wall.card("printer-2").get_by_role("button", name="More about Bar")
    await more.click()
    await wall.sheet.get_by_role("button", name="Change").click()
    await wall.sheet.get_by_label("Name").fill("Terrace")
    await wall.sheet.get_by_role("button", name="Cash drawer").click()
    await wall.sheet.get_by_role("button", name="Keep the change").click()
    await expect(wall.card("printer-2")).to_contain_text("Terrace")
    assert shop.box.edge.dispatch.directory.binding("till-2", "drawer") is None
    await wall.card("printer-2").get_by_role("button", name="More about Terrace").click()
    await wall.sheet.get_by_role("button", name="Give up").click()
    await wall.sheet.get_by_role("button", name="Keep it").click()
    await expect(wall.card("printer-2")).to_be_visible()
    await wall.card("printer-2").get_by_role("button", name="More about Terrace").click()
    await wall.sheet.get_by_role("button", name="Give up").click()
    await wall.sheet.get_by_role("button", name="Give up").click()
    await expect(wall.card("printer-2")).to_have_count(0)
    await wall.card("printer-1").get_by_role("button", name="More about").click()
    await expect(wall.sheet).to_contain_text("edge.toml")  # fixed: nothing to change here
    await expect(wall.sheet.get_by_role("button", name="Give up")).to_have_count(0)


async def test_devices_show_themselves_and_the_line_says_how_it_went(shop: Shop) -> None:
    wall = await shop.technician()
    await wall.card("printer-1").get_by_role("button", name="Test page").click()
    await expect(wall.line).to_have_text("Receipt printer, Till 1 did it.")
    assert len(shop.host.of_kind("print_receipt")) == 1
    await wall.card("printer-1").get_by_role("button", name="Open drawer").click()
    await wall.sheet.get_by_role("button", name="Open drawer").click()
    await expect(wall.sheet.get_by_role("alert")).to_contain_text("write why")
    assert shop.host.of_kind("kick_drawer") == []
    await wall.sheet.get_by_label("Reason").fill("New lock")
    await wall.sheet.get_by_role("button", name="Open drawer").click()
    await expect(wall.sheet).to_have_count(0)
    assert len(shop.host.of_kind("kick_drawer")) == 1
    shop.host.answers["check_health"] = lambda job: JobResult(
        job.id, JobStatus.FAILED, 1, error=JobError("x", "It hums.", "Switch it off and on.")
    )
    await wall.card("terminal-1").get_by_role("button", name="Check").click()
    await expect(wall.line).to_have_text(
        "Card terminal, Till 1 did not do it. It hums. Switch it off and on."
    )
    kinds = {job.kind for _, job in shop.host.jobs}
    assert kinds == {"print_receipt", "kick_drawer", "check_health"}  # never a payment


async def test_what_a_host_cannot_run_is_said_on_the_card(shop: Shop) -> None:
    wall = await shop.technician()
    await shop.wall.inform(unfit=(UnfitDevice("scanner-1", "The address 'x' cannot be used."),))
    card = wall.card("scanner-1")
    await expect(card).to_contain_text("Its machine cannot run it as it is set up.")
    await expect(card).to_contain_text("The address 'x' cannot be used.")


async def test_a_box_that_is_away_is_said_and_the_wall_comes_back(
    browser: Browser, tmp_path: Path
) -> None:
    async with technician_shop(tmp_path, browser) as shop:
        wall = await shop.technician()
        await wall.page.context.set_offline(offline=True)
        await shop.box.edge.wall_sockets.close()
        await expect(wall.line).to_contain_text("The box does not answer.")
        await wall.page.context.set_offline(offline=False)
        await expect(wall.line).not_to_contain_text("The box does not answer.")
        await shop.host.report("printer-1", DriverState.LOST, health="Gone.", advice="Look.")
        await expect(wall.card("printer-1").locator(".state")).to_have_text("Lost")


async def test_who_is_signed_out_elsewhere_sees_the_gate_and_no_device(shop: Shop) -> None:
    wall = await shop.technician()
    access = shop.box.edge.access
    (session,) = [each for each in access._sessions.values() if each.purpose.name == "devices"]
    await access.sign_out(session)
    shop.box.edge.wall_sockets.changed()
    await wall.stage("gate")
    assert await wall.page.locator(".dev").count() == 0
    await wall.sign_in("Sofia", SUPERVISOR_PIN)
    await wall.stage("wall")
    await wall.page.get_by_role("button", name="Sign out").click()
    await wall.stage("gate")


async def test_hostile_words_of_a_device_are_words(shop: Shop) -> None:
    wall = await shop.technician()
    evil = '<img src=x onerror="document.title=1">\u202e' + "W" * 190
    await shop.host.report("printer-1", DriverState.ATTENTION, health=evil, advice=evil)
    await expect(wall.card("printer-1")).to_contain_text("<img src=x")
    assert await wall.page.locator("img[src=x]").count() == 0
    await wall.at("hostile")


async def test_an_empty_shop_says_how_devices_come(browser: Browser, tmp_path: Path) -> None:
    async with technician_shop(tmp_path, browser, devices=()) as shop:
        await shop.wall.inform(found=())
        wall = await shop.screen()
        await wall.stage("stranger")
        await wall.enrol(shop.box)
        await wall.stage("gate")
        await wall.sign_in()
        await expect(wall.page.locator(".empty h2")).to_have_text("No device yet")
        await expect(wall.page.locator(".empty p")).to_contain_text("Plug a device in")
        await wall.at("empty")
        await shot(wall, "empty")


@pytest.mark.parametrize("look", LOOKS, ids="-".join)
async def test_how_the_wall_looks(
    shop: Shop, node_modules: Path, look: tuple[str, str, str]
) -> None:
    size, theme, language = look
    await shop.lively()
    wall = await shop.technician(size=size, theme=theme, language=language)
    if look in AXE_LOOKS:
        wall.axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
    await expect(wall.card("scale-1")).to_contain_text("0.742")
    await expect(wall.card("scanner-1")).to_contain_text("5601009924022")
    await expect(wall.page.locator("html")).to_have_attribute("lang", re.compile(language))
    await wall.at("wall")
    await shot(wall, f"{size}-{theme}-{language}")
    if look not in DESK_LOOKS:
        return
    for name, keys in (
        ("adopt", wall.found().locator(".key--primary")),
        ("device", wall.card("printer-2").locator(".key--quiet")),
        ("drawer", wall.card("printer-1").locator("footer .key").nth(1)),
    ):
        await keys.click()
        await expect(wall.sheet).to_be_visible()
        await wall.at(name)
        await shot(wall, f"{name}-{size}-{theme}-{language}")
        await wall.page.keyboard.press("Escape")
        await asyncio.sleep(0)
