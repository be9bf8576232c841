"""Money goes back to a card once, or it stands as unknown until the inquiry answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.device_messages import Job, JobError, JobResult, JobStatus
from edge.contract.device_states import DeviceClass, DeviceMeta
from edge.contract.wire import encode
from edge.ledger.past_sales import PastSales
from tests.flows.box import MILK, Box, selling_box
from tests.flows.fake_host import FakeHost, done, fake_host, until, until_view
from tests.flows.test_parking import second_till
from tests.flows.test_promotions import events
from tests.flows.test_returns import NUMBER, approval, is_whole, receipt
from tests.flows.test_selling import event_types

PAID = {
    "outcome": "approved", "amount_minor": 129, "last4": "1881", "scheme": "Debit",
    "authorisation": "A1", "terminal_id": "T-1", "receipt": "0042", "trace": "000077",
}  # fmt: skip
BACK = {**PAID, "receipt": "0043", "trace": "000078"}
NEVER_BEGUN = {"outcome": "declined", "code": "never_begun", "reason": "It was never begun."}


async def sell_by_card(box: Box, host: FakeHost) -> str:
    """Sell milk for 1.29 by card; return the payment's id."""
    host.answers["authorise_payment"] = done(PAID)
    await box.command("add_item", code=MILK)
    status, view = await box.command("pay_by_card", amount_minor=129)
    assert status == 200, view
    view = await until_view(box.view, lambda view: view["state"] == "done", what="paid")
    await box.command("next_sale")
    return str(view["tenders"][0]["tender_id"])


async def bring_back(box: Box, till: str = "till-1") -> Any:
    status, view = await box.command(
        "return_line", till=till, receipt=NUMBER, line_id="1", quantity=1_000, reason="sour"
    )
    assert (status, view["refund_due_minor"]) == (200, 129), view
    return view


async def ask(box: Box, host: FakeHost, kind: str = "refund_payment", minor: int = 129) -> Job:
    """Ask for money to go back to the card, and wait until the terminal has the job."""
    before = len(host.of_kind(kind))
    status, view = await box.command("refund_by_card", amount_minor=minor)
    assert (status, view["state"]) == (200, "paying"), view
    await until(lambda: len(host.of_kind(kind)) > before, what="the terminal is asked")
    return host.of_kind(kind)[-1]


async def takes_back(host: FakeHost) -> None:
    """Let the host say that its terminal takes payments back."""
    meta = DeviceMeta(DeviceClass.TERMINAL, "terminal_zvt", capabilities=("refund", "reverse"))
    await host.bus.publish(host.topics.device("terminal-1").meta, encode(meta), retain=True)


def told(box: Box, kind: str) -> list[Any]:
    return [event["data"] for event in events(box) if event["type"] == kind]


async def test_a_refund_completes_the_sale_and_is_the_cards(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        payment = await sell_by_card(box, host)
        await bring_back(box)
        job = await ask(box, host)
        assert msgspec.json.decode(job.args) == {
            "refund": job.id, "amount_minor": 129, "currency": "EUR",
        }  # fmt: skip
        (tender,) = (await box.view())["tenders"]
        assert (tender["tender_id"], tender["kind"], tender["amount_minor"]) == (
            job.id, "card", -129,
        )  # fmt: skip
        assert (tender["state"], tender["last4"], tender["scheme"]) == ("asked", "1881", "Debit")
        status, refused = await box.command("give_cash", amount_minor=129)
        assert (status, refused["code"]) == (409, "card_refund_running")
        await host.answer("terminal-1", job.id, JobStatus.DONE, BACK)
        view = await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert (view["receipt_number"], view["total_minor"]) == ("till-1-000002", -129)
        assert view["tenders"][0]["state"] == "approved"
        await until(lambda: bool(host.of_kind("print_receipt")[1:]), what="its receipt")
        printed = bytes(host.of_kind("print_receipt")[1].args)
        assert b'"Card Debit"' in printed
        assert b"-1.29" in printed
        assert b" 0043" in printed
        assert host.of_kind("kick_drawer") == []
        (asked,) = told(box, "card_refund_requested")
        assert asked["parts"][0]["original_tender"] == payment
        assert (asked["terminal"], asked.get("reverses", "")) == ("terminal-1", "")
        (approved,) = told(box, "card_refund_approved")
        assert (approved["parts"], approved["receipt"]) == (asked["parts"], "0043")
        (card,) = (await receipt(box))["tenders"]
        assert card["refundable_minor"] == 0
        assert is_whole(box)


async def test_the_last_whole_payment_of_today_is_reversed(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await takes_back(host)
        payment = await sell_by_card(box, host)
        await bring_back(box)
        job = await ask(box, host, "reverse_payment")
        assert msgspec.json.decode(job.args) == {
            "refund": job.id, "amount_minor": 129, "currency": "EUR", "receipt": "0042",
        }  # fmt: skip
        await host.answer("terminal-1", job.id, JobStatus.DONE, BACK)
        await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert told(box, "card_refund_requested")[0]["reverses"] == payment
        assert host.of_kind("refund_payment") == []


async def test_a_payment_after_it_at_the_terminal_makes_it_a_refund(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await takes_back(host)
        payment = await sell_by_card(box, host)
        past = PastSales(box.edge.ledger_file)
        assert await past.last_asked("terminal-1", NUMBER) == payment
        assert await past.last_asked("terminal-2", NUMBER) == ""
        assert await past.last_asked("terminal-1", "till-1-000009") == ""
        later = await sell_by_card(box, host)
        assert await past.last_asked("terminal-1", NUMBER) == later
        await bring_back(box)
        await ask(box, host)


async def test_a_declined_reversal_is_followed_by_a_refund(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await takes_back(host)
        await sell_by_card(box, host)
        await bring_back(box)
        declined = {
            "outcome": "declined", "code": "6D", "reason": "Not offered.", "advice": "Refund it.",
        }  # fmt: skip
        host.answers["reverse_payment"] = done(declined)
        await ask(box, host, "reverse_payment")
        view = await until_view(box.view, lambda view: view["state"] == "open", what="open again")
        assert (view["refund_due_minor"], view["tenders"][0]["state"]) == (129, "declined")
        assert (view["notice"]["code"], view["notice"]["params"]) == (
            "card_refund_declined", {"reason": "Not offered."},
        )  # fmt: skip
        assert view["notice"]["words"] == (
            "No money went back to the card: Not offered. Refund it."
        )
        host.answers["refund_payment"] = done(BACK)
        await ask(box, host)
        view = await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert [tender["state"] for tender in view["tenders"]] == ["declined", "approved"]
        assert is_whole(box)


async def test_only_payments_of_this_business_day_are_reversed(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        payment = await sell_by_card(box, host)
        sold = box.edge.selling.gathering.sold
        originals = await sold.find((NUMBER,))
        today = originals[0].cart.completed_at
        for terminal, at, found in (
            ("terminal-1", today, payment),
            ("terminal-1", today + 86_400_000, ""),
            ("terminal-2", today, ""),
        ):
            assert await sold.reversible(originals, terminal, at) == found


async def test_what_was_reversed_before_needs_a_second_person_in_every_sale(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await takes_back(host)
        await sell_by_card(box, host)
        await bring_back(box)
        before = {"outcome": "declined", "code": "already_reversed", "reason": "Was reversed."}
        host.answers["reverse_payment"] = done(before)
        await ask(box, host, "reverse_payment")
        view = await until_view(box.view, lambda view: view["state"] == "open", what="open again")
        assert (view["notice"]["code"], view["notice"]["tone"]) == (
            "card_reversed_before", "trouble",
        )  # fmt: skip
        await box.command("abandon")
        await bring_back(box)
        status, refused = await box.command("refund_by_card", amount_minor=129)
        assert (status, refused["params"]) == (409, {"permission": "refund_other_tender"})
        given = await approval(box, "refund_other_tender")
        status, view = await box.command("refund_by_card", amount_minor=129, approval=given)
        assert (status, view["state"]) == (200, "paying")
        assert told(box, "card_refund_requested")[-1]["approver"] == "sofia"
        assert is_whole(box)


@pytest.mark.parametrize("outcome", ["declined", "cancelled"])
async def test_nothing_went_back_and_the_money_is_free_again(tmp_path: Path, outcome: str) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_by_card(box, host)
        await bring_back(box)
        host.answers["refund_payment"] = done({"outcome": outcome})
        await ask(box, host)
        view = await until_view(box.view, lambda view: view["state"] == "open", what="open again")
        assert view["notice"]["words"] == "No money went back to the card: declined."
        status, _ = await box.command("abandon")
        assert status == 200
        assert (await receipt(box))["tenders"][0]["refundable_minor"] == 129
        assert is_whole(box)


async def test_an_unknown_refund_stays_in_doubt_and_cannot_be_dropped(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_by_card(box, host)
        await bring_back(box)
        job = await ask(box, host)
        await host.answer("terminal-1", job.id, JobStatus.UNKNOWN, code="cut", detail="Cut.")
        view = await until_view(box.view, lambda view: view["state"] == "in_doubt", what="doubt")
        assert (view["tenders"][0]["state"], view["tenders"][0]["words"]) == ("unknown", "Cut.")
        for wish, fields in (
            ("abandon", {}),
            ("give_cash", {"amount_minor": 129}),
            ("refund_by_card", {"amount_minor": 129}),
            ("void_line", {"line_id": "1"}),
            ("next_sale", {}),
        ):
            status, refused = await box.command(wish, **fields)
            assert (status, refused["code"]) == (409, "refund_in_doubt"), wish
        assert (await receipt(box))["tenders"][0]["refundable_minor"] == 0
        await until(lambda: bool(host.of_kind("inquire_payment")), what="the inquiry")
        inquiry = host.of_kind("inquire_payment")[-1]
        assert msgspec.json.decode(inquiry.args) == {
            "payment": job.id, "job": job.id, "amount_minor": 129, "currency": "EUR",
        }  # fmt: skip
        await host.answer("terminal-1", inquiry.id, JobStatus.DONE, BACK)
        await until_view(box.view, lambda view: view["state"] == "done", what="done")
        (approved,) = told(box, "card_refund_approved")
        assert approved["resolved_by"] == "inquiry"
        assert len(host.of_kind("refund_payment")) == 1
        assert event_types(box).count("card_refund_unknown") == 1
        assert is_whole(box)


@pytest.mark.parametrize(("answer", "state"), [(BACK, "done"), (NEVER_BEGUN, "open")])
@pytest.mark.parametrize("kind", ["refund_payment", "reverse_payment"])
async def test_a_refund_open_at_a_restart_is_asked_about_and_never_repeated(
    tmp_path: Path, kind: str, answer: dict[str, Any], state: str
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        if kind == "reverse_payment":
            await takes_back(host)
        await sell_by_card(box, host)
        await bring_back(box)
        await ask(box, host, kind)
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["inquire_payment"] = done(answer)
        await until_view(box.view, lambda view: view["state"] == state, what=state)
        assert host.of_kind("refund_payment") == host.of_kind("reverse_payment") == []
        assert event_types(box).count("card_refund_requested") == 1
        assert is_whole(box)


async def test_a_repeated_wish_asks_the_terminal_once(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_by_card(box, host)
        await bring_back(box)
        wish = {"command_id": "refund-0001", "amount_minor": 129}
        answers = await asyncio.gather(*(box.command("refund_by_card", **wish) for _ in range(3)))
        assert answers[0] == answers[1] == answers[2]
        await until(lambda: bool(host.of_kind("refund_payment")), what="the terminal is asked")
        await host.answer("terminal-1", "refund-0001", JobStatus.DONE, BACK)
        await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert await box.command("refund_by_card", **wish) == answers[0]
        assert len(host.of_kind("refund_payment")) == 1


async def test_two_tills_give_the_money_of_a_card_once(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host, second_till(box) as two:
        host.answers["authorise_payment"] = done({**PAID, "amount_minor": 258})
        await box.command("add_item", code=MILK, quantity=2_000)
        await box.command("pay_by_card", amount_minor=258)
        await until_view(box.view, lambda view: view["state"] == "done", what="paid")
        await box.command("next_sale")
        await bring_back(box)
        await bring_back(two, "till-2")
        await ask(box, host)
        # held while the terminal is at it: the other till's goods are worth what is left
        assert (await receipt(box))["tenders"][0]["refundable_minor"] == 0
        status, refused = await two.command("refund_by_card", till="till-2", amount_minor=129)
        assert (status, refused["code"]) == (409, "no_terminal_to_refund")
        status, refused = await two.command("give_cash", till="till-2", amount_minor=129)
        assert (status, refused["params"]) == (409, {"permission": "refund_other_tender"})


async def test_what_is_in_doubt_is_parked_and_completed_where_it_is_taken_up(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_by_card(box, host)
        await bring_back(box)
        job = await ask(box, host)
        await host.answer("terminal-1", job.id, JobStatus.UNKNOWN, code="cut", detail="Cut.")
        await until_view(box.view, lambda view: view["state"] == "in_doubt", what="doubt")
        status, view = await box.command("park", label="Ana")
        assert (status, view["parked"][0]["state"]) == (200, "in_doubt")
        await until(lambda: bool(host.of_kind("inquire_payment")), what="the inquiry")
        inquiry = host.of_kind("inquire_payment")[-1]
        await host.answer("terminal-1", inquiry.id, JobStatus.DONE, {**BACK, "amount_minor": 100})
        view = await until_view(
            box.view, lambda view: view["parked"][0]["state"] == "open", what="known"
        )
        status, view = await box.command("resume", sale_id=view["parked"][0]["sale_id"])
        assert (status, view["state"], view["refund_due_minor"]) == (200, "open", 29)
        assert "refund_differs" in box.log.getvalue()
        host.answers["refund_payment"] = done({**BACK, "amount_minor": 29})
        await ask(box, host, minor=29)
        await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert is_whole(box)


@pytest.mark.parametrize(("given", "due", "back"), [(100, 0, 29), (200, 71, 0)])
async def test_another_amount_is_kept_as_the_terminal_said_and_told(
    tmp_path: Path, given: int, due: int, back: int
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_by_card(box, host)
        await bring_back(box)
        host.answers["refund_payment"] = done({**BACK, "amount_minor": given})
        await ask(box, host)
        view = await until_view(box.view, lambda view: view["state"] == "open", what="open")
        assert (view["due_minor"], view["refund_due_minor"]) == (due, back)
        assert view["tenders"][0]["amount_minor"] == -given
        assert (view["notice"]["code"], view["notice"]["tone"]) == (
            "card_refund_differs",
            "trouble",
        )
        assert view["notice"]["params"] == {"given": f"{given / 100:.2f}", "asked": "1.29"}
        (approved,) = told(box, "card_refund_approved")
        assert (approved["amount_minor"], approved["parts"][0]["amount_minor"]) == (given, given)
        assert "refund_differs" in box.log.getvalue()
        if due:
            await box.command("take_cash", amount_minor=due)
        else:
            host.answers["refund_payment"] = done({**BACK, "amount_minor": back})
            await ask(box, host, minor=back)
        await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert is_whole(box)


async def test_a_terminal_that_names_no_amount_gave_what_it_was_asked_for(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_by_card(box, host)
        await bring_back(box)
        host.answers["refund_payment"] = done({"outcome": "approved"})
        await ask(box, host)
        view = await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert (view["tenders"][0]["amount_minor"], view["notice"]) == (-129, None)


async def test_cancelling_asks_the_terminal_and_its_answer_decides(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_by_card(box, host)
        await bring_back(box)
        job = await ask(box, host)
        status, view = await box.command("cancel_card")
        assert (status, view["state"]) == (200, "paying")
        await until(lambda: bool(host.of_kind("abort_payment")), what="the abort")
        await host.answer("terminal-1", job.id, JobStatus.DONE, {"outcome": "cancelled"})
        await until_view(box.view, lambda view: view["state"] == "open", what="open again")


async def test_a_host_that_comes_back_is_asked_and_not_sent_the_refund_again(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_by_card(box, host)
        await bring_back(box)
        await ask(box, host)
        await host.offline()
        host.answers["inquire_payment"] = lambda job: JobResult(job.id, JobStatus.DONE, 1, BACK)
        await host.online()
        await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert len(host.of_kind("refund_payment")) == 1
        assert event_types(box).count("card_refund_approved") == 1


async def test_a_terminal_that_was_certainly_not_asked_declines_with_its_advice(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_by_card(box, host)
        await bring_back(box)
        error = JobError("receipt_not_known", "It has no such receipt.", "Refund the amount.")
        host.answers["refund_payment"] = lambda job: JobResult(
            job.id, JobStatus.FAILED, 1, None, error
        )
        await ask(box, host)
        view = await until_view(box.view, lambda view: view["state"] == "open", what="open again")
        assert view["notice"]["words"] == (
            "No money went back to the card: It has no such receipt. Refund the amount."
        )
        assert told(box, "card_refund_declined")[0]["code"] == "receipt_not_known"
