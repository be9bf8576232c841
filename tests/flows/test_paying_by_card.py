"""A card is charged once, or it stands as unknown until the inquiry answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.contract.device_messages import Job, JobError, JobResult, JobStatus
from tests.flows.box import MILK, Box, selling_box
from tests.flows.fake_host import FakeHost, done, fake_host, until, until_view
from tests.flows.test_selling import event_types

APPROVED = {
    "outcome": "approved",
    "amount_minor": 129,
    "last4": "1881",
    "scheme": "Debit",
    "receipt": "42",
    "trace": "77",
}
NEVER_BEGUN = {"outcome": "declined", "code": "never_begun", "reason": "It was never begun."}


async def ask(box: Box, host: FakeHost) -> Job:
    """Ring milk up, ask for a card, and wait until the terminal has the job."""
    await box.command("add_item", code=MILK)
    status, view = await box.command("pay_by_card", amount_minor=129)
    assert (status, view["state"]) == (200, "paying"), view
    await until(lambda: bool(host.of_kind("authorise_payment")), what="the terminal is asked")
    return host.of_kind("authorise_payment")[0]


async def test_an_approved_card_completes_the_sale(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["authorise_payment"] = done(APPROVED)
        await ask(box, host)
        view = await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert view["tenders"][0] == {
            "tender_id": view["tenders"][0]["tender_id"],
            "kind": "card",
            "amount_minor": 129,
            "state": "approved",
            "words": "",
            "last4": "1881",
            "scheme": "Debit",
            "reference": "",
        }
        assert view["change_minor"] == 0
        await until(lambda: not box.edge.selling.tills["till-1"].lock.locked(), what="settled")
        assert host.of_kind("kick_drawer") == []
        types = event_types(box)
        assert types.index("card_payment_requested") < types.index("card_payment_approved")


@pytest.mark.parametrize("outcome", ["declined", "cancelled"])
async def test_a_card_that_was_not_charged_gives_the_sale_back(
    tmp_path: Path, outcome: str
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["authorise_payment"] = done({"outcome": outcome, "reason": "Card expired."})
        await ask(box, host)
        view = await until_view(box.view, lambda view: view["state"] == "open", what="open again")
        assert (view["due_minor"], view["tenders"][0]["state"]) == (129, "declined")
        assert view["notice"]["words"] == "The card was not charged: Card expired."
        _, view = await box.command("take_cash", amount_minor=129)
        assert view["state"] == "done"


async def test_a_terminal_that_was_certainly_not_asked_declines(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await ask(box, host)
        await host.answer(
            "terminal-1", job.id, JobStatus.FAILED, code="expired", detail="Too late."
        )
        view = await until_view(box.view, lambda view: view["state"] == "open", what="open again")
        assert view["tenders"][0]["words"] == "Too late."


async def test_an_unknown_outcome_is_in_doubt_until_the_inquiry_says_approved(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await ask(box, host)
        await host.answer(
            "terminal-1", job.id, JobStatus.UNKNOWN, code="cut_off", detail="The cable was cut."
        )
        view = await until_view(box.view, lambda view: view["state"] == "in_doubt", what="doubt")
        assert view["tenders"][0]["state"] == "unknown"
        status, refusal = await box.command("take_cash", amount_minor=200)
        assert (status, refusal["code"][:7]) == (409, "payment"), refusal
        await until(lambda: bool(host.of_kind("inquire_payment")), what="the inquiry")
        inquiry = host.of_kind("inquire_payment")[-1]
        await host.answer("terminal-1", inquiry.id, JobStatus.DONE, APPROVED)
        view = await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert len(host.of_kind("authorise_payment")) == 1
        assert "card_payment_unknown" in event_types(box)


async def test_an_inquiry_that_could_not_be_put_decides_nothing(tmp_path: Path) -> None:
    # a terminal still at the payment refuses the question: had that counted as "declined",
    # the customer could pay in cash and then by the card that still waits
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["inquire_payment"] = lambda job: JobResult(
            job.id, JobStatus.FAILED, 1, None, _error("terminal_busy", "It is still at it.")
        )
        job = await ask(box, host)
        await host.answer("terminal-1", job.id, JobStatus.UNKNOWN, code="cut", detail="Cut.")
        await until(lambda: len(host.of_kind("inquire_payment")) >= 2, what="it is asked again")
        assert (await box.view())["state"] == "in_doubt"
        host.answers["inquire_payment"] = done(APPROVED)
        await until_view(box.view, lambda view: view["state"] == "done", what="done")


async def test_a_host_that_is_busy_with_the_payment_is_left_to_it(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["inquire_payment"] = lambda job: JobResult(
            job.id, JobStatus.UNKNOWN, 1, None, _error("in_progress", "The terminal is at it.")
        )
        job = await ask(box, host)
        await host.offline()
        await host.online()
        await until(lambda: bool(host.of_kind("inquire_payment")), what="the quiet inquiry")
        assert (await box.view())["state"] == "paying"
        await host.answer("terminal-1", job.id, JobStatus.DONE, APPROVED)
        await until_view(box.view, lambda view: view["state"] == "done", what="done")


@pytest.mark.parametrize(("answer", "state"), [(APPROVED, "done"), (NEVER_BEGUN, "open")])
async def test_a_payment_open_at_a_restart_is_asked_about_and_never_repeated(
    tmp_path: Path, answer: dict[str, Any], state: str
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await ask(box, host)
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["inquire_payment"] = done(answer)
        await until_view(box.view, lambda view: view["state"] == state, what=state)
        assert host.of_kind("authorise_payment") == []
        assert event_types(box).count("card_payment_requested") == 1


async def test_a_result_of_a_stranger_or_a_retained_one_settles_nothing(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await ask(box, host)
        result = JobResult(job.id, JobStatus.DONE, 1, APPROVED)
        stranger = box.broker.connect("stranger")
        topic = host.topics.device("printer-1").result
        await host.answer("printer-1", job.id, JobStatus.DONE, APPROVED)
        await host.bus.publish(topic, b"\x00not json")
        await host.bus.publish(topic.replace("box", "other"), b"{}")
        assert not stranger.connected
        assert result.id == job.id
        await until(lambda: "job_result_foreign" in box.log.getvalue(), what="it is logged")
        await until(lambda: "job_result_garbled" in box.log.getvalue(), what="so is garbage")
        assert (await box.view())["state"] == "paying"


async def test_cancelling_asks_the_terminal_and_its_answer_decides(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await ask(box, host)
        status, view = await box.command("cancel_card")
        assert (status, view["state"]) == (200, "paying")
        await until(lambda: bool(host.of_kind("abort_payment")), what="the abort")
        await host.answer("terminal-1", job.id, JobStatus.DONE, {"outcome": "cancelled"})
        await until_view(box.view, lambda view: view["state"] == "open", what="open again")


async def test_a_cancelling_repeated_after_a_restart_ends_no_later_payment(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await ask(box, host)
        first = await box.command("cancel_card", command_id="cancel-0001")
        await host.answer("terminal-1", job.id, JobStatus.DONE, {"outcome": "cancelled"})
        await until_view(box.view, lambda view: view["state"] == "open", what="open again")
        await box.command("pay_by_card", amount_minor=129)
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        assert await box.command("cancel_card", command_id="cancel-0001") == first
        await until(lambda: bool(host.of_kind("inquire_payment")), what="the inquiry")
        assert host.of_kind("abort_payment") == []


async def test_what_a_card_was_charged_too_much_is_given_back_from_the_drawer(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await ask(box, host)
        await host.answer("terminal-1", job.id, JobStatus.DONE, {**APPROVED, "amount_minor": 200})
        view = await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert view["change_minor"] == 71
        await until(lambda: len(host.of_kind("kick_drawer")) == 1, what="the drawer opens")


async def test_an_approval_of_less_than_nothing_is_no_answer(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await ask(box, host)
        await host.answer("terminal-1", job.id, JobStatus.DONE, {**APPROVED, "amount_minor": -1})
        await until(lambda: bool(host.of_kind("inquire_payment")), what="the inquiry")
        assert (await box.view())["state"] in {"paying", "in_doubt"}


async def test_a_card_takes_no_more_than_is_due_and_needs_a_terminal(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        status, refusal = await box.command("pay_by_card", amount_minor=130)
        assert (status, refusal["code"]) == (409, "card_over_due")
        status, refusal = await box.command("pay_by_card", amount_minor=0)
        assert (status, refusal["code"]) == (409, "amount_not_positive")


async def test_part_cash_part_card_add_up(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["authorise_payment"] = done({**APPROVED, "amount_minor": 29})
        await box.command("add_item", code=MILK)
        _, view = await box.command("take_cash", amount_minor=100)
        assert (view["state"], view["due_minor"]) == ("open", 29)
        await box.command("pay_by_card", amount_minor=29)
        view = await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert view["change_minor"] == 0
        await until(lambda: len(host.of_kind("kick_drawer")) == 1, what="cash opens the drawer")


def _error(code: str, detail: str) -> Any:
    return JobError(code, detail)
