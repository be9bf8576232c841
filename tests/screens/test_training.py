"""A till in training: unmistakable on every screen, begun and ended between sales."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from edge.contract.till_commands import BeginTraining, EndTraining
from tests.screens.by_hand_page import LOAF, ROLL, selling
from tests.screens.fake_box import FakeBox
from tests.screens.looks import DESK_LOOKS, Looks
from tests.screens.test_doubt_desk import approve
from tests.screens.test_returns import sent
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]

_FRAME = "getComputedStyle(document.body, '::after').borderImageSource"


async def framed(till: TillPage) -> bool:
    return "gradient" in await till.page.evaluate(_FRAME)


async def begin(box: FakeBox, till: TillPage) -> None:
    await box.carry_out(BeginTraining(command_id="begin-000001"), role="supervisor")
    await expect(till.page.locator(".link--training")).to_be_visible()


async def test_begun_by_a_supervisor_sold_in_and_ended(till: TillPage, box: FakeBox) -> None:
    page = till.page
    assert not await framed(till)
    await page.locator(".who").click()
    await page.get_by_role("button", name="Begin training").click()
    await approve(till)
    await expect(page.locator(".link--training")).to_have_text("TRAINING")
    assert await framed(till)
    (wish,) = sent(box, BeginTraining)
    assert wish.approval
    await till.message("Training has begun. Nothing counts until it ends.")
    await selling(box, till, ROLL, LOAF)
    await page.locator(".who").click()
    await expect(page.get_by_role("button", name="End training")).to_have_count(0)
    await page.keyboard.press("Escape")
    await page.keyboard.press("F9")
    await till.state("paying")
    await page.keyboard.press("Alt+2")
    await till.message("Training: the terminal is not asked")
    assert await framed(till)
    await page.keyboard.press("F9")
    await till.state("change")  # nobody held a card to anything
    assert await framed(till)
    await page.locator(".who").click()
    await page.get_by_role("button", name="End training").click()
    await till.state("idle")
    await till.message("Training has ended. Sales count again.")
    await expect(page.locator(".link--training")).to_have_count(0)
    assert not await framed(till)
    assert len(sent(box, EndTraining)) == 1
    assert till.defects == []


async def test_what_is_not_trained_is_said(till: TillPage, box: FakeBox) -> None:
    await begin(box, till)
    await selling(box, till, ROLL)
    await till.page.keyboard.press("F4")
    await till.page.keyboard.press("F4")
    await till.message("This is not done in training")


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    till, page = looks.till, looks.till.page
    await begin(box, till)
    await looks.at("idle")
    await page.locator(".link--training").click()
    await expect(page.locator("dialog.sheet")).to_be_visible()
    await looks.at("choices")
    await page.keyboard.press("Escape")
    await selling(box, till, ROLL, LOAF)
    await looks.at("sell")
    if await page.locator(".panes").is_visible():
        await page.locator(".panes .tab").first.click()
    await page.keyboard.press("F9")
    await till.state("paying")
    await looks.at("paying")
    assert till.defects == []
