"""The line to the box and to head office, devices in trouble: said, kept, resumed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Route, expect

from edge.contract.till_commands import AddItem, TakeCash
from tests.screens.fake_box import FakeBox
from tests.screens.till_page import TillPage

pytestmark = pytest.mark.screens

ROLL = "9520000079192"


async def test_head_office_away_is_a_sign_and_selling_goes_on(till: TillPage, box: FakeBox) -> None:
    sign = till.page.locator(".top__signs .link").last
    await expect(sign).to_contain_text("All well")
    await box.change_link("down", 14)
    await expect(sign).to_contain_text("Selling normally · 14 sales waiting")
    await box.scan(ROLL)
    await till.state("sell")
    assert await till.page.locator("dialog[open]").count() == 0
    await box.change_link("up", 0)
    await expect(sign).to_contain_text("All well")


async def test_what_is_typed_while_the_box_is_away_is_kept_and_goes_on(
    till: TillPage, box: FakeBox
) -> None:
    await box.scan(ROLL)
    await till.total("€0.45")
    await box.stop()
    await till.message("The box does not answer.")
    await till.page.locator(".tile", has_text="Butter croissant").click()
    await till.message("1 entry waits")
    await expect(till.page.locator(".line--waiting")).to_contain_text("Butter croissant")
    await till.total("€0.45")
    await till.page.keyboard.press("F9")
    assert await till.page.locator("body").get_attribute("data-state") == "sell"
    await box.start()
    await till.total("€1.85")
    await expect(till.page.locator(".line--waiting")).to_have_count(0)
    assert [c.code for c in box.commands if isinstance(c, AddItem)] == [ROLL, "100002"]


async def test_a_lost_answer_is_asked_for_again_with_the_same_id(
    till: TillPage, box: FakeBox
) -> None:
    await box.scan(ROLL)
    await till.total("€0.45")
    lost: list[str] = []

    async def lose(route: Route) -> None:
        if len(lost) < 2:
            lost.append((route.request.post_data_json or {})["command_id"])
            if len(lost) == 2:
                await route.fetch()  # the box does it; only its answer is lost
            await route.abort()
        else:
            await route.continue_()

    await till.page.route("**/commands", lose)
    await till.page.keyboard.press("F9")
    await till.state("paying")
    await till.page.keyboard.press("F9")
    await till.state("change")
    assert len(set(lost)) == 1
    assert [c.command_id for c in box.commands if isinstance(c, TakeCash)] == lost[:1]


async def test_a_reloaded_page_takes_its_unanswered_wish_up(till: TillPage, box: FakeBox) -> None:
    await till.page.route("**/commands", lambda route: route.abort())
    await till.page.locator(".tile", has_text="Bread roll").click()
    await till.message("The box does not answer.")
    await till.page.unroute("**/commands")
    await till.page.reload()
    await till.total("€0.45")


async def test_a_device_in_trouble_is_said_with_its_next_step(till: TillPage, box: FakeBox) -> None:
    await box.change_device(
        "printer",
        well=False,
        state="attention",
        paper="out",
        words="The printer of till 2 has no paper.",
        advice="Put in an 80 mm roll.",
    )
    await till.message("The printer of till 2 has no paper. Put in an 80 mm roll.")
    await expect(till.page.locator("html")).to_have_attribute("data-sound", "lost")
    sign = till.page.locator(".link--person")
    await expect(sign).to_contain_text("Printer")
    assert await till.page.locator("dialog[open]").count() == 0
    await sign.click()
    await expect(till.page.locator(".devices")).to_contain_text("Put in an 80 mm roll.")
    await box.change_device("printer", well=True, state="ready", paper="ok", words="", advice="")
    await expect(till.page.locator(".link--person")).to_have_count(0)


async def test_what_is_said_of_a_device_ends_when_it_is_well(till: TillPage, box: FakeBox) -> None:
    link = till.page.locator(".top__signs .link").last
    await box.change_device("scanner", well=False, state="lost")
    await till.message("Scanner does not answer.")
    await expect(link).to_contain_text("Connected")
    # the words follow the device, not the moment it was lost
    await box.change_device("scanner", code="host_offline", state="offline")
    await till.message("Scanner: its service is not running.")
    await box.change_device("terminal", well=False, state="lost")
    await till.message("Card terminal does not answer.")
    await box.change_device("terminal", well=True, state="ready")
    await till.message("Scanner: its service is not running.")
    await box.change_device("scanner", well=False, state="lost", code="")
    await till.message("Scanner does not answer.")
    await box.scan(ROLL)
    await till.message("Added: Bread roll")
    await box.change_device("scanner", well=True, state="ready")
    await till.message("Added: Bread roll")
    await expect(link).to_contain_text("All well")
    await box.change_device("scanner", well=False, state="lost")
    await till.message("Scanner does not answer.")
    await box.change_device("scanner", well=True, state="ready")
    await till.message("Scanner works again.")


async def test_a_drawer_left_open_is_said_until_it_is_shut(till: TillPage, box: FakeBox) -> None:
    await box.change_device(
        "drawer",
        well=False,
        code="drawer_left_open",
        drawer="open",
        words="The drawer of till 2 was left open.",
        advice="Shut it.",
    )
    await till.message("The drawer of till 2 was left open. Shut it.")
    await expect(till.page.locator(".link--person")).to_contain_text("Drawer")
    await till.page.locator(".tile", has_text="Bread roll").click()
    await till.total("€0.45")
    await box.change_device("drawer", well=True, code="", drawer="closed", words="", advice="")
    await expect(till.page.locator(".link--person")).to_have_count(0)
    await box.change_device("drawer", well=False, code="drawer_left_open", drawer="open")
    await till.message("The drawer was left open. Shut it.")
    await box.change_device("drawer", well=True, code="", drawer="closed")
    await till.message("The drawer is shut again.")


async def test_a_session_that_ended_shows_the_sign_in_page(till: TillPage, box: FakeBox) -> None:
    box.sessions.clear()
    await till.page.locator(".tile", has_text="Bread roll").click()
    await till.state("signin")


async def test_an_untouched_till_locks_itself(till: TillPage, box: FakeBox) -> None:
    await box.scan(ROLL)
    await till.state("sell")
    await till.page.evaluate("const now = Date.now; Date.now = () => now() + 20 * 60_000;")
    await till.page.wait_for_selector("body[data-state=signin]", timeout=20_000)
    assert box.sessions == {}
    await expect(till.page.locator(".gate")).to_contain_text("locked itself")


async def test_the_clock_changes_as_the_minute_does(till: TillPage, box: FakeBox) -> None:
    noon = datetime(2026, 11, 26, 12, tzinfo=UTC)
    await till.page.clock.install(time=noon + timedelta(seconds=30))
    await till.page.reload()
    shown = till.page.locator("header time")
    await expect(shown).to_be_visible()
    await till.page.clock.pause_at(noon + timedelta(seconds=59.5))
    before = await shown.inner_text()
    await till.page.clock.fast_forward(600)
    await expect(shown).not_to_have_text(before)
    assert till.defects == []


async def test_the_first_view_does_not_wait_for_the_socket(till: TillPage, box: FakeBox) -> None:
    await box.scan(ROLL)
    await till.state("sell")
    # a socket that takes its time: it is neither open nor refused
    await till.page.add_init_script(
        """window.WebSocket = class extends EventTarget {
            static OPEN = 1;
            readyState = 0;
            close() {}
        };"""
    )
    await till.page.reload()
    await till.state("sell")
    assert await till.line_names() == ["Bread roll"]


async def test_every_language_writes_the_time_as_the_clock_does(till: TillPage) -> None:
    differing = await till.page.evaluate(
        """async () => {
            const { clock } = await import("/kit/numbers.js");
            const at = [[3, 7], [0, 0], [23, 59]].map((time) => new Date(2026, 0, 5, ...time));
            const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
            return ["en", "pl", "zh-Hans", "ar-u-nu-latn", "ko", "pt-BR"].filter((locale) => {
                const { format } = new Intl.DateTimeFormat(locale, options);
                return at.some((each) => format(each) !== clock(each));
            });
        }"""
    )
    assert differing == []
