"""A card in doubt at the till: asked again, settled from evidence, taken back; and an alarm."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from edge.contract.terminal_messages import PaymentOutcome
from edge.contract.till_commands import (
    AskTerminal,
    AttachEvidence,
    EvidenceSource,
    PayByCard,
    ReverseInDoubt,
    SettleCardAlarm,
)
from tests.screens.by_hand_page import CROISSANT, LOAF, ROLL, selling
from tests.screens.demo_reference import demo_staff
from tests.screens.fake_box import FakeBox
from tests.screens.looks import DESK_LOOKS, Looks
from tests.screens.test_returns import sent
from tests.screens.till_page import TillPage

pytestmark = [pytest.mark.screens, pytest.mark.timeout(120)]


async def in_doubt(box: FakeBox, till: TillPage) -> str:
    """Charge a card, and lose the terminal; return the payment."""
    await selling(box, till, ROLL, CROISSANT, LOAF)
    page = till.page
    if await page.locator(".panes").is_visible():
        await page.locator(".panes .tab").first.click()
    await page.keyboard.press("F9")
    await till.state("paying")
    await page.keyboard.press("Alt+2")
    await page.keyboard.press("F9")
    await expect(page.locator(".live")).to_be_visible()
    await box.doubt()
    await till.state("indoubt")
    assert box.cart.open_payment is not None
    return box.cart.open_payment.tender_id


async def approve(till: TillPage) -> None:
    """Let the supervisor type their PIN."""
    page = till.page
    await expect(page.locator(".approval")).to_be_visible()
    staff, pins = demo_staff()
    supervisor = next(member for member in staff if member.role == "supervisor")
    if await page.locator(".approval .people .key[aria-pressed='false']").count():
        await page.locator(".approval .people .key", has_text=supervisor.name).click()
    await till.type(pins[supervisor.id])
    await page.keyboard.press("Enter")
    await expect(page.locator(".approval")).to_have_count(0)


async def test_asked_again_and_told_when_and_what_came(till: TillPage, box: FakeBox) -> None:
    payment = await in_doubt(box, till)
    page = till.page
    facts = page.locator(".doubt .facts")
    await expect(facts).to_contain_text("Last askednot yet")
    await page.get_by_role("button", name="Ask again now").click()
    await expect(page.locator(".doubt .notice")).to_contain_text("The terminal is being asked.")
    assert [each.payment for each in sent(box, AskTerminal)] == [payment]
    await expect(facts).not_to_contain_text("Last askednot yet")
    await box.desk.cannot_say(box)
    await expect(facts).to_contain_text("The terminal cannot say what became of the payment")
    assert len(sent(box, PayByCard)) == 1


async def test_settled_from_a_slip_by_keyboard_alone(till: TillPage, box: FakeBox) -> None:
    payment = await in_doubt(box, till)
    total = box.cart.total_minor
    page = till.page
    await page.get_by_role("button", name="Settle from evidence").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("form.settle")).to_be_focused()
    # nothing goes before it is chosen and typed, and what is missing is said
    await page.get_by_role("button", name="Settle", exact=True).focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".doubt .notice")).to_contain_text("Choose first what the evidence")
    await page.get_by_role("button", name="Charged", exact=True).focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    for _ in range(3):
        await page.keyboard.press("Tab")
    await expect(page.locator("#settle-receipt")).to_be_focused()
    await till.type("0042")
    await page.keyboard.press("Enter")
    await expect(page.locator(".doubt .notice")).to_contain_text("Type the amount")
    await page.keyboard.press("Tab")
    await till.type("6,05")
    await page.locator("#settle-reason").focus()
    await till.type("It printed a slip, then died.")
    await expect(page.locator(".settle .hand__go")).to_have_text("Settle: €6.05 charged")
    await page.keyboard.press("Enter")
    await approve(till)
    await till.state("change")
    (wish,) = sent(box, AttachEvidence)
    assert (wish.payment, wish.approved, wish.source) == (payment, True, EvidenceSource.SLIP)
    assert (wish.receipt, wish.amount_minor, wish.reason) == (
        "0042", total, "It printed a slip, then died.",
    )  # fmt: skip
    assert (box.cart.tenders[0].state, box.cart.card_minor) == ("approved", total)
    assert till.defects == []


async def test_a_refused_slip_keeps_what_was_typed(till: TillPage, box: FakeBox) -> None:
    await in_doubt(box, till)
    box.desk.taken.add("0007")
    page = till.page
    await page.get_by_role("button", name="Settle from evidence").click()
    await page.get_by_role("button", name="Charged", exact=True).click()
    await page.locator("#settle-receipt").fill("0007")
    await page.locator("#settle-amount").fill("6.05")
    await page.get_by_role("button", name="Terminal replaced").click()
    await page.locator(".settle .hand__go").click()
    await expect(page.locator(".doubt .notice")).to_contain_text("0007 is of another payment")
    await expect(page.locator("#settle-receipt")).to_have_value("0007")
    await page.locator("#settle-receipt").fill("0008")
    await page.locator("#settle-amount").fill("42")
    await page.locator(".settle .hand__go").click()
    await expect(page.locator(".doubt .notice")).to_contain_text("asked for 6.05")
    await page.locator("#settle-amount").fill("6.05")
    await page.locator(".settle .hand__go").click()
    await expect(page.locator(".approval")).to_contain_text("Settle: €6.05 charged")
    await page.keyboard.press("Escape")  # the supervisor leaves: nothing is lost
    await expect(page.locator("#settle-receipt")).to_have_value("0008")
    assert sent(box, AttachEvidence) == []
    await page.keyboard.press("Escape")
    await expect(page.locator("form.settle")).to_have_count(0)
    await till.state("indoubt")


async def test_nothing_was_charged_says_the_acquirer(till: TillPage, box: FakeBox) -> None:
    await in_doubt(box, till)
    page = till.page
    await page.get_by_role("button", name="Settle from evidence").click()
    await page.get_by_role("button", name="Not charged").click()
    await expect(page.locator("#settle-receipt")).to_have_count(0)
    await page.get_by_role("button", name="Acquirer").click()
    await page.get_by_role("button", name="Terminal is dead").click()
    await page.locator(".settle .hand__go").click()
    await approve(till)
    await till.state("paying")
    await till.message("Settled from evidence: nothing was charged.")
    (wish,) = sent(box, AttachEvidence)
    assert (wish.approved, wish.source, wish.amount_minor) == (False, EvidenceSource.PORTAL, 0)
    assert box.cart.due_minor == box.cart.total_minor
    await page.keyboard.press("Alt+1")
    await page.keyboard.press("F9")
    await till.state("change")


async def test_a_terminal_that_answers_meanwhile_ends_the_typing(
    till: TillPage, box: FakeBox
) -> None:
    await in_doubt(box, till)
    page = till.page
    await page.get_by_role("button", name="Settle from evidence").click()
    await page.get_by_role("button", name="Charged", exact=True).click()
    await box.approve()
    await till.state("change")
    assert sent(box, AttachEvidence) == []
    assert till.defects == []


async def test_taken_back_by_its_number_and_asked_for_once(till: TillPage, box: FakeBox) -> None:
    payment = await in_doubt(box, till)
    page = till.page
    take_back = page.get_by_role("button", name="Take it back")
    await expect(take_back).to_have_count(0)
    await box.desk.cannot_say(box)
    await take_back.click()
    await page.locator("#settle-receipt").fill("0042")
    await page.get_by_role("button", name="Connection was lost").click()
    await expect(page.locator(".settle .hand__go")).to_have_text("Take €6.05 back")
    await page.locator(".settle .hand__go").click()
    await approve(till)
    await expect(page.locator(".facts")).to_contain_text("it has not answered yet")
    await expect(take_back).to_have_count(0)
    await box.desk.reversal(box, "unknown")
    await expect(page.locator(".facts")).to_contain_text("Nobody knows whether it was taken back")
    await till.state("indoubt")
    await box.desk.reversal(box, "approved")
    await till.state("paying")
    assert [(each.payment, each.receipt) for each in sent(box, ReverseInDoubt)] == [
        (payment, "0042")
    ]


async def test_a_declined_reversal_says_why(till: TillPage, box: FakeBox) -> None:
    await in_doubt(box, till)
    page = till.page
    await box.desk.cannot_say(box)
    await page.get_by_role("button", name="Take it back").click()
    await page.locator("#settle-receipt").fill("1")
    await page.get_by_role("button", name="Connection was lost").click()
    await page.locator(".settle .hand__go").click()
    await approve(till)
    await box.desk.reversal(box, "declined")
    await expect(page.locator(".facts")).to_contain_text("It knows no such payment.")
    await expect(page.get_by_role("button", name="Take it back")).to_be_visible()


async def contradicted(box: FakeBox, till: TillPage) -> str:
    """Settle by hand that nothing was charged, sell for cash, and hear that it was."""
    payment = await in_doubt(box, till)
    await box.carry_out(
        AttachEvidence(
            command_id="attach-000001",
            payment=payment,
            approved=False,
            source=EvidenceSource.SLIP,
            reason="dead",
        ),
        role="supervisor",
    )
    await till.state("paying")
    await till.page.keyboard.press("Alt+1")
    await till.page.keyboard.press("F9")
    await till.state("change")
    outcome = PaymentOutcome("approved", 605, receipt="0042")
    await box.desk.answers_late(box, payment, outcome)
    return payment


async def test_a_contradiction_stands_on_top_until_somebody_looked_into_it(
    till: TillPage, box: FakeBox
) -> None:
    payment = await contradicted(box, till)
    page = till.page
    await expect(page.locator(".desk .notice").first).to_contain_text("Nothing was counted twice")
    sign = page.get_by_role("button", name="1 card alarm. Cards to look into")
    await expect(sign).to_contain_text("1 card alarm")
    await page.keyboard.press("Enter")  # the next customer
    await till.state("idle")
    await sign.click()
    sheet = page.locator("dialog.sheet")
    await expect(sheet).to_contain_text("Settled by handNot charged")
    await expect(sheet).to_contain_text("The terminal saysCharged €6.05")
    await page.get_by_role("button", name="Looked into").click()
    await expect(sheet.locator(".notice")).to_contain_text("Write down first")
    await sheet.locator("input").fill("The acquirer gave it back to the customer.")
    await page.keyboard.press("Enter")
    await approve(till)
    await expect(sign).to_have_count(0)
    (wish,) = sent(box, SettleCardAlarm)
    assert (wish.payment, wish.reason) == (payment, "The acquirer gave it back to the customer.")
    await till.message("Kept: it was looked into.")
    assert till.defects == []


@pytest.mark.parametrize("look", DESK_LOOKS, ids="-".join)
async def test_nothing_sticks_out_and_axe_is_content(
    browser: Browser, box: FakeBox, node_modules: Path, look: tuple[str, str, str]
) -> None:
    looks = await Looks.open(browser, box, node_modules, look)
    till, page = looks.till, looks.till.page
    await in_doubt(box, till)
    await box.desk.cannot_say(box)
    await expect(page.locator(".ask__do")).to_have_count(4)
    await looks.at("doubt")
    await page.locator(".ask__do .key").nth(2).click()
    await page.locator(".settle .twin button").first.click()
    await looks.at("attach")
    await page.keyboard.press("Escape")
    await page.locator(".ask__do .key").nth(3).click()
    await looks.at("reverse")
    await page.keyboard.press("Escape")
    await box.approve()
    await till.state("change")
    await page.keyboard.press("Enter")
    await till.state("idle")
    await contradicted(box, till)
    await looks.at("alarm sign")
    await page.locator(".top .link--person").first.click()
    await expect(page.locator(".alarms > li")).to_have_count(1)
    await looks.at("alarm sheet")
    assert till.defects == []
