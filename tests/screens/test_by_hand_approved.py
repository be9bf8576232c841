"""A second person approves what is set by hand; and what a lost box makes of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from edge.contract.permissions import ROLES, Permission, Verdict
from edge.contract.till_commands import GiveDiscount, OpenDrawer, SetNote
from tests.screens.by_hand_page import (
    LANGUAGES,
    WAY,
    approve_by_keyboard,
    asked,
    kept,
    selling,
    sent,
    supervisor,
    total_is,
)
from tests.screens.conftest import SCREENS
from tests.screens.fake_box import FakeBox
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]


# --- the second person ---------------------------------------------------------------------


async def test_a_supervisor_is_not_asked(browser: Browser, box: FakeBox) -> None:
    till = await supervisor(browser, box)
    await selling(box, till)
    await till.page.keyboard.press("F8")
    await till.type("10Gest")
    await till.page.keyboard.press("Enter")
    await total_is(till, 45 + 140 - 14)
    await expect(till.page.locator("dialog")).to_have_count(0)
    assert [c.approval for c in sent(box, GiveDiscount)] == [None]


async def test_escape_from_the_approval_leaves_everything_as_it_was(
    till: TillPage, box: FakeBox
) -> None:
    await selling(box, till)
    await till.page.keyboard.press("F8")
    await till.type("20Gift")
    await till.page.keyboard.press("Enter")
    await expect(till.page.locator(".approval")).to_be_visible()
    await till.type("97")
    await till.page.keyboard.press("Escape")
    await expect(till.page.locator("dialog")).to_have_count(0)
    await till.message("Not approved: nothing was changed.")
    await expect(till.page.locator(".hand .amount output")).to_have_text("20%")
    await expect(till.page.locator("#hand-text")).to_have_value("Gift")
    await till.total("€1.85")
    assert sent(box, GiveDiscount) == []
    # the digits of the second person are forgotten
    await till.page.keyboard.press("Enter")
    await expect(till.page.locator(".approval .pin__dots .on")).to_have_count(0)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "The PIN does not fit"), ("ar", "الرقم السري لا يطابق")]
)
async def test_a_wrong_pin_is_refused_in_the_cashiers_language(
    browser: Browser, box: FakeBox, language: str, words: str
) -> None:
    till = await TillPage.open(browser, box, language=language)
    await selling(box, till)
    await till.page.keyboard.press("F8")
    await till.type("20Gift")
    await till.page.keyboard.press("Enter")
    one = till.page.locator(".approval .keypad .key").first
    await expect(one).to_be_visible()
    before = await one.bounding_box()
    await till.type("1111")
    await till.page.keyboard.press("Enter")
    await expect(till.page.get_by_role("alert")).to_contain_text(words)
    assert await one.bounding_box() == before
    assert sent(box, GiveDiscount) == []
    await approve_by_keyboard(till, box)
    await total_is(till, 45 + 140 - 28)


@pytest.mark.parametrize(
    ("code", "params", "words"),
    [
        ("pin_locked_person", {"minutes": "42"}, "opens again in 42 min"),
        ("pin_locked_till", {"minutes": "7"}, "at this till"),
        ("approver_may_not", {"name": "Paweł"}, "Paweł may not approve this"),
        ("approver_is_self", {}, "Nobody approves what they do themselves"),
    ],
)
async def test_refusals_of_the_approval_are_said_on_its_sheet(
    till: TillPage, box: FakeBox, code: str, params: dict[str, str], words: str
) -> None:
    await selling(box, till)
    body = {"code": code, "message": "x", "advice": "", "params": params}

    async def refuse(route: Route) -> None:
        await route.fulfill(status=409, json=body)

    await till.page.route("**/approvals", refuse)
    await till.page.keyboard.press("F8")
    await till.type("20Gift")
    await till.page.keyboard.press("Enter")
    await expect(till.page.locator(".approval")).to_be_visible()
    await till.type(box.pins["pawel"])
    await till.page.keyboard.press("Enter")
    await expect(till.page.get_by_role("alert")).to_contain_text(words)
    await expect(till.page.locator(".approval")).to_be_visible()


async def test_where_nobody_may_approve_it_is_said(till: TillPage, box: FakeBox) -> None:
    box.staff = [member for member in box.staff if member.role == "cashier"]
    await till.page.reload()
    await till.state("idle")
    await selling(box, till)
    await till.page.keyboard.press("F8")
    await till.type("20Gift")
    await till.page.keyboard.press("Enter")
    await expect(till.page.locator(".approval")).to_contain_text("Nobody else here may approve")
    await till.page.keyboard.press("Escape")
    await expect(till.page.locator(".hand .amount output")).to_have_text("20%")


async def test_a_refused_discount_keeps_what_was_typed(browser: Browser, box: FakeBox) -> None:
    till = await supervisor(browser, box)
    await selling(box, till)
    await till.page.keyboard.press("F8")
    await till.page.locator(WAY.format(1)).click()
    await till.type("900Gest")
    await till.page.keyboard.press("Enter")
    await till.message("więcej nie można odjąć")
    await expect(till.page.locator("#hand-text")).to_have_value("Gest")
    await expect(till.page.locator("dialog")).to_have_count(0)


async def test_a_card_number_is_no_note(till: TillPage, box: FakeBox) -> None:
    await selling(box, till)
    await till.page.keyboard.press("F7")
    await till.page.locator("#hand-text").fill("4111 1111 1111 1111")
    await till.page.locator(".hand__go").click()
    await till.message("looks like a card number")
    assert sent(box, SetNote) == []


# --- with a lost box -------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_box_lost_while_typing_keeps_it_and_sends_nothing(
    browser: Browser, box: FakeBox, language: str
) -> None:
    till = await TillPage.open(browser, box, language=language)
    page = till.page
    await selling(box, till)
    await page.keyboard.press("F8")
    await till.type("10Gift")
    await box.stop()
    await expect(page.locator(".link--lost")).to_be_visible()
    await page.keyboard.press("Enter")
    await till.message("ما كتبته محفوظ" if language == "ar" else "What you typed is kept")
    assert await page.evaluate("sessionStorage.getItem('tillbox.waiting')") is None
    await box.start()
    await expect(page.locator(".link--lost")).to_have_count(0)
    assert sent(box, GiveDiscount) == [], "prices by hand never go by themselves"
    await page.keyboard.press("Enter")
    await approve_by_keyboard(till, box)
    await total_is(till, 45 + 140 - 14)


async def test_a_box_lost_under_the_approval_sheet_is_said_there(
    till: TillPage, box: FakeBox
) -> None:
    await selling(box, till)
    await till.page.keyboard.press("F8")
    await till.type("10Gift")
    await till.page.keyboard.press("Enter")
    await expect(till.page.locator(".approval")).to_be_visible()
    await box.stop()
    await till.type(box.pins["pawel"])
    await till.page.keyboard.press("Enter")
    await expect(till.page.get_by_role("alert")).to_contain_text("The box does not answer.")
    await box.start()
    await expect(till.page.locator(".link--lost")).to_have_count(0)
    await approve_by_keyboard(till, box)
    await total_is(till, 45 + 140 - 14)


@pytest.mark.parametrize("done", [True, False])
async def test_an_approved_wish_whose_answer_is_lost_is_done_once(
    till: TillPage, box: FakeBox, done: bool
) -> None:
    await selling(box, till)
    lost: list[dict[str, Any]] = []

    async def lose(route: Route) -> None:
        body = route.request.post_data_json or {}
        if "approval" not in body or len(lost) == 2:
            await route.continue_()
            return
        lost.append(body)
        if done and len(lost) == 1:
            await route.fetch()  # the box does it; only its answer is lost
        await route.abort()

    await till.page.route("**/commands", lose)
    await till.page.keyboard.press("F8")
    await till.type("10Gift")
    await till.page.keyboard.press("Enter")
    await approve_by_keyboard(till, box)
    await expect(till.page.locator(".hand")).to_have_count(0)
    await total_is(till, 45 + 140 - 14)
    assert lost[0] == lost[1]
    assert len(sent(box, GiveDiscount)) == 1


@pytest.mark.parametrize("done", [True, False])
async def test_an_approval_is_never_kept_beyond_its_minute(
    till: TillPage, box: FakeBox, done: bool
) -> None:
    page = till.page
    await selling(box, till)
    box.valid_s = 2.0  # a minute, for a test
    ids: list[str] = []

    async def lose(route: Route) -> None:
        body = route.request.post_data_json or {}
        if "approval" in body:
            ids.append(body["command_id"])
            if done and len(ids) == 1:
                await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/commands", lose)
    await page.keyboard.press("F8")
    await till.type("10Gift")
    await page.keyboard.press("Enter")
    await approve_by_keyboard(till, box)
    await kept(page, "")
    assert ids
    many = len(ids)
    await till.message("The box did not answer in time.")
    await expect(page.locator(".hand .amount output")).to_have_text("10%")
    assert len(ids) == many
    # the very same wish again has the same id: done or not, it is done once
    await page.unroute("**/commands")
    bodies = await asked(page)
    await page.keyboard.press("Enter")
    if done:
        await till.message("The box had done this already.")
    else:
        await approve_by_keyboard(till, box)
    await expect(page.locator(".hand")).to_have_count(0)
    await total_is(till, 45 + 140 - 14)
    assert {body["command_id"] for body in bodies} == {ids[0]}
    assert len(sent(box, GiveDiscount)) == 1


async def test_an_approval_that_is_over_asks_for_another(till: TillPage, box: FakeBox) -> None:
    await selling(box, till)
    await till.page.keyboard.press("F8")
    await till.type("10Gift")
    await till.page.keyboard.press("Enter")
    await expect(till.page.locator(".approval")).to_be_visible()
    async with till.held("**/commands"):
        await approve_by_keyboard(till, box)
        box.monotonic_ms += 61_000
    await expect(till.page.get_by_role("alert")).to_contain_text("older than a minute")
    await approve_by_keyboard(till, box)
    await total_is(till, 45 + 140 - 14)


async def test_a_drawer_is_not_opened_later_than_somebody_stands_there(
    browser: Browser, box: FakeBox
) -> None:
    till = await supervisor(browser, box)
    page = till.page
    await page.evaluate(
        "const now = Date.now; let on = 0; window.later = (ms) => (on += ms);"
        "Date.now = () => now() + on;"
    )
    await page.route("**/commands", lambda route: route.abort())
    await page.keyboard.press("F10")
    await till.type("Bilon")
    await page.keyboard.press("Enter")
    await expect(page.locator(".link--lost")).to_be_visible()
    await page.evaluate("later(11_000)")
    await kept(page, "")
    await page.unroute("**/commands")
    await expect(page.locator(".link--lost")).to_have_count(0)
    await till.message("Jeśli szuflada jest zamknięta")
    assert sent(box, OpenDrawer) == []
    await page.keyboard.press("Enter")
    await expect(page.locator(".hand")).to_have_count(0)
    assert len(sent(box, OpenDrawer)) == 1


async def test_a_note_waits_for_the_box(till: TillPage, box: FakeBox) -> None:
    await selling(box, till)
    await box.stop()
    await expect(till.page.locator(".link--lost")).to_be_visible()
    await till.page.keyboard.press("F7")
    await till.type("Bag")
    await till.page.keyboard.press("Enter")
    await till.message("1 entry waits")
    await box.start()
    await expect(till.page.locator(".line--on .line__why--note")).to_have_text("Bag")


def test_who_may_approve_is_what_the_contract_says() -> None:
    text = (SCREENS / "till" / "approving.js").read_text("utf-8")
    table = text[text.index("MAY_APPROVE") : text.index("});")]
    found = {
        name: set(re.findall(r'"(\w+)"', roles))
        for name, roles in re.findall(r"^  (\w+): \[(.*?)\]", table, re.MULTILINE)
    }
    wanted = {
        str(permission): {
            role for role, rules in ROLES.items() if rules[permission] is Verdict.ALLOWED
        }
        for permission in Permission
    }
    assert found == wanted
