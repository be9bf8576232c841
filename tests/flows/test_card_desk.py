"""A card in doubt: asked again, settled from evidence, taken back; and answers that come late."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.card_desk_events import CardPaymentResolved, CardRefundResolved
from edge.contract.device_messages import Job, JobStatus
from edge.contract.device_states import DeviceClass, DeviceMeta
from edge.contract.limits import (
    INQUIRY_EVERY_MS,
    RESOLVED_INQUIRY_MS_MAX,
    RESOLVED_WATCH_MS,
)
from edge.contract.terminal_messages import PaymentOutcome
from edge.contract.wire import encode
from edge.flows import paying_by_card
from edge.flows.card_desk import CardDesk, late_event
from edge.ledger.integrity import verify
from tests.flows.box import MILK, Box, selling_box
from tests.flows.fake_host import FakeHost, done, fake_host, until, until_view
from tests.flows.test_approvals import approve
from tests.flows.test_parking import second_till
from tests.flows.test_paying_by_card import APPROVED, ask
from tests.flows.test_promotions import events
from tests.flows.test_selling import event_types

CANNOT_SAY = {"outcome": "unknown", "code": "terminal_cannot_say", "reason": "Look at its journal."}
NOT_BOOKED = {"outcome": "declined", "code": "not_booked", "reason": "It was not booked."}
SLIP = {
    "approved": True, "source": "slip", "amount_minor": 129, "receipt": "0042",
    "terminal_id": "T-1", "trace": "77", "reason": "It stands on the slip.",
}  # fmt: skip
NOTHING = {"approved": False, "source": "portal", "reason": "The acquirer knows of nothing."}


async def doubt(box: Box, host: FakeHost) -> tuple[Job, dict[str, Any]]:
    """Charge milk to a card, and lose the answer."""
    job = await ask(box, host)
    await host.answer("terminal-1", job.id, JobStatus.UNKNOWN, code="cut", detail="Cut off.")
    view = await until_view(box.view, lambda view: view["state"] == "in_doubt", what="doubt")
    return job, view


async def approved(box: Box, kind: str, /, **wish: Any) -> tuple[int, Any]:
    """Give a command with a supervisor's approval."""
    status, given = await approve(box, "resolve_payment")
    assert status == 200, given
    return await box.command(kind, approval=given["approval"], **wish)


async def late(box: Box, host: FakeHost, answer: dict[str, Any]) -> dict[str, Any]:
    """Let the terminal answer the inquiries at last; return what was kept of it."""
    host.answers["inquire_payment"] = done(answer)
    await host.offline()
    await host.online()
    await until(lambda: "card_answered_late" in event_types(box), what="it is kept")
    return next(event for event in events(box) if event["type"] == "card_answered_late")


async def reversing(box: Box, host: FakeHost) -> Job:
    """Have a payment in doubt taken back; return the job."""
    await host.bus.publish(
        host.topics.device("terminal-1").meta,
        encode(DeviceMeta(DeviceClass.TERMINAL, "terminal_zvt", capabilities=("reverse",))),
        retain=True,
    )
    host.answers["inquire_payment"] = done(CANNOT_SAY)
    job, _ = await doubt(box, host)
    await until_view(
        box.view, lambda view: view["doubt"]["may_reverse"], what="it may be taken back"
    )
    wish = {"payment": job.id, "receipt": "0042", "reason": "It is in its journal."}
    status, refusal = await box.command("reverse_in_doubt", **wish)
    assert (status, refusal["code"]) == (409, "needs_approval")
    status, view = await approved(box, "reverse_in_doubt", **wish)
    assert (status, view["state"], view["doubt"]["reversal"]) == (200, "in_doubt", "asked")
    assert not view["doubt"]["may_reverse"]
    await until(lambda: bool(host.of_kind("reverse_payment")), what="the reversal is asked for")
    return host.of_kind("reverse_payment")[0]


# --- verify -----------------------------------------------------------------------------------


async def test_the_terminal_is_asked_at_once_and_the_till_says_when_and_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paying_by_card, "INQUIRY_EVERY_MS", 3_600_000)  # by itself: once
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["inquire_payment"] = done(CANNOT_SAY)
        job, view = await doubt(box, host)
        assert view["doubt"]["payment"] == job.id
        assert (view["doubt"]["kind"], view["doubt"]["amount_minor"]) == ("payment", 129)
        assert (view["doubt"]["terminal"], view["doubt"]["since"] > 0) == ("terminal-1", True)
        view = await until_view(
            box.view, lambda view: view["doubt"]["code"], what="an answer that says nothing"
        )
        first = view["doubt"]
        assert (first["code"], first["words"]) == ("terminal_cannot_say", "Look at its journal.")
        assert first["asked_at"] > 0
        assert first["answered_at"] > 0
        assert not first["may_reverse"]  # nobody has said that this terminal can
        asked = len(host.of_kind("inquire_payment"))
        status, view = await box.command("ask_terminal", payment=job.id)
        assert (status, view["state"]) == (200, "in_doubt")
        await until(lambda: len(host.of_kind("inquire_payment")) > asked, what="at once")
        host.answers["inquire_payment"] = done(APPROVED)
        await box.command("ask_terminal", payment=job.id)
        view = await until_view(box.view, lambda view: view["state"] == "done", what="done")
        assert view["doubt"] is None
        status, refusal = await box.command("ask_terminal", payment=job.id)
        assert (status, refusal["code"]) == (409, "not_in_doubt")
        assert len(host.of_kind("authorise_payment")) == 1


async def test_a_terminal_that_never_knows_is_not_asked_without_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paying_by_card, "INQUIRY_GAP_MS", 3_600_000)
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["inquire_payment"] = done(CANNOT_SAY)
        job, _ = await doubt(box, host)
        await until_view(box.view, lambda view: view["doubt"]["code"], what="it answered")
        for _ in range(20):  # had it been asked on, it would have answered meanwhile
            await box.view()
        assert len(host.of_kind("inquire_payment")) == 1
        await box.command("ask_terminal", payment=job.id)
        await until(lambda: len(host.of_kind("inquire_payment")) == 2, what="a wish does not rest")


# --- attach -----------------------------------------------------------------------------------


async def test_evidence_completes_the_sale_of_a_terminal_that_never_answers(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job, _ = await doubt(box, host)
        status, refusal = await box.command("attach_evidence", payment=job.id, **SLIP)
        assert (status, refusal["code"]) == (409, "needs_approval")
        assert refusal["params"] == {"permission": "resolve_payment"}
        status, view = await approved(box, "attach_evidence", payment=job.id, **SLIP)
        assert (status, view["state"], view["doubt"]) == (200, "done", None)
        assert (view["tenders"][0]["state"], view["change_minor"]) == ("approved", 0)
        written = {event["type"]: event for event in events(box)}
        assert written["card_payment_resolved"]["data"] == {
            "sale": view["sale_id"], "payment": job.id, "outcome": "approved",
            "amount_minor": 129, "source": "slip", "reason": "It stands on the slip.",
            "receipt": "0042", "terminal_id": "T-1", "trace": "77", "approver": "sofia",
        }  # fmt: skip
        assert written["card_payment_resolved"]["actor"] == "marta"
        assert "card_payment_approved" not in written
        (receipt,) = host.of_kind("print_receipt")
        assert b"0042" in bytes(receipt.args)
        # the next customer is served, and paid by card at the same terminal
        await box.command("next_sale")
        await box.command("add_item", code=MILK)
        status, view = await box.command("pay_by_card", amount_minor=129)
        assert (status, view["state"]) == (200, "paying")
        assert verify(box.edge.settings.data_dir / "ledger.db").whole


async def test_an_answer_that_agrees_with_the_person_is_kept_and_alarms_nobody(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job, _ = await doubt(box, host)
        await approved(box, "attach_evidence", payment=job.id, **SLIP)
        kept = await late(box, host, APPROVED)
        assert kept["data"]["payment"] == job.id
        assert (kept["data"]["outcome"], kept["data"]["differs"]) == ("approved", False)
        assert (kept["data"]["last4"], kept["data"]["resolved_by"]) == ("1881", "inquiry")
        await until(lambda: not box.edge.dispatch.open_jobs(), what="nothing is asked any more")
        view = await box.view()
        assert (view["card_alarms"], view["state"]) == ([], "done")
        assert verify(box.edge.settings.data_dir / "ledger.db").whole


async def test_an_answer_that_contradicts_the_person_raises_an_alarm_and_counts_nothing(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job, _ = await doubt(box, host)
        status, view = await approved(box, "attach_evidence", payment=job.id, **NOTHING)
        assert (status, view["state"], view["due_minor"]) == (200, "open", 129)
        status, view = await box.command("take_cash", amount_minor=129)
        sold = view["sale_id"]
        await box.command("next_sale")
        kept = await late(box, host, APPROVED)
        assert kept["data"]["differs"]
        view = await until_view(box.view, lambda view: view["card_alarms"], what="the alarm")
        (alarm,) = view["card_alarms"]
        assert alarm == {
            "payment": job.id, "sale_id": sold, "till": "till-1", "at": kept["at"],
            "about": "payment", "settled": "declined", "settled_minor": 0, "said": "approved",
            "said_minor": 129, "receipt": "42",
        }  # fmt: skip
        assert (view["notice"]["code"], view["notice"]["tone"]) == ("card_alarm", "trouble")
        _, health = await box.call("GET", "/health")
        (cards,) = [item for item in health["items"] if item["name"] == "cards"]
        assert not cards["well"]
        assert "till-1" in cards["words"]
        _, metrics = await box.call("GET", "/metrics")
        assert b"tillbox_card_alarms 1" in metrics
        types = event_types(box)
        assert types.count("sale_completed") == 1
        assert "card_payment_approved" not in types
    # a restart forgets neither the person's word nor the contradiction
    async with selling_box(tmp_path) as box, second_till(box) as other:
        (again,) = (await other.view("till-2"))["card_alarms"]
        assert again == alarm
        status, refusal = await box.command("settle_card_alarm", payment=job.id, reason="Booked.")
        assert (status, refusal["code"]) == (409, "needs_approval")
        status, view = await approved(
            box, "settle_card_alarm", payment=job.id, reason="The acquirer gave it back."
        )
        assert (status, view["card_alarms"]) == (200, [])
        assert (await other.view("till-2"))["card_alarms"] == []
        status, refusal = await approved(box, "settle_card_alarm", payment=job.id, reason="Again.")
        assert (status, refusal["code"]) == (409, "no_card_alarm")
        _, health = await box.call("GET", "/health")
        assert all(item["well"] for item in health["items"] if item["name"] == "cards")
        settled = next(event for event in events(box) if event["type"] == "card_alarm_settled")
        assert settled["data"]["approver"] == "sofia"
        assert verify(box.edge.settings.data_dir / "ledger.db").whole
    async with selling_box(tmp_path) as box:
        assert (await box.view())["card_alarms"] == []


async def test_after_a_restart_the_answer_is_still_one_about_what_a_person_settled(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job, _ = await doubt(box, host)
        await approved(box, "attach_evidence", payment=job.id, **SLIP)
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        kept = await late(box, host, NOT_BOOKED)
        assert (kept["data"]["differs"], kept["data"]["code"]) == (True, "not_booked")
        (alarm,) = (await box.view())["card_alarms"]
        assert (alarm["settled"], alarm["settled_minor"], alarm["said"]) == (
            "approved", 129, "declined",
        )  # fmt: skip
        assert host.of_kind("authorise_payment") == []


async def test_the_slip_of_another_customer_is_not_taken(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["authorise_payment"] = done(APPROVED)
        await box.command("add_item", code=MILK)
        await box.command("pay_by_card", amount_minor=129)
        await until_view(box.view, lambda view: view["state"] == "done", what="done")
        del host.answers["authorise_payment"]
        host.jobs.clear()
        job, _ = await doubt(box, host)
        for number in ({"receipt": "0042", "trace": ""}, {"receipt": "43", "trace": "077"}):
            status, refusal = await approved(
                box, "attach_evidence", payment=job.id, **{**SLIP, **number}
            )
            assert (status, refusal["code"]) == (409, "evidence_of_another_payment"), number
        # numbers of its own, and those of no other: a number that is not given says nothing
        own = {**SLIP, "receipt": "0043", "trace": ""}
        status, view = await approved(box, "attach_evidence", payment=job.id, **own)
        assert (status, view["state"]) == (200, "done")


async def test_what_looks_like_a_card_number_is_not_kept(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job, _ = await doubt(box, host)
        pan = "4111 1111 1111 1111"
        status, refusal = await approved(
            box, "attach_evidence", payment=job.id, **{**SLIP, "terminal_id": pan}
        )
        assert (status, refusal["code"]) == (409, "looks_like_card_number")
        assert pan not in str(events(box))
        assert "pan_refused" in event_types(box)


async def test_a_sale_in_doubt_is_parked_and_settled_at_another_till(tmp_path: Path) -> None:
    async with (
        selling_box(tmp_path) as box,
        fake_host(box.broker) as host,
        second_till(box) as other,
    ):
        job, _ = await doubt(box, host)
        _, view = await box.command("park", label="waits")
        (parked,) = (await other.view("till-2"))["parked"]
        assert (view["doubt"], parked["state"]) == (None, "in_doubt")
        _, view = await other.command("resume", till="till-2", sale_id=parked["sale_id"])
        assert (view["state"], view["doubt"]["terminal"]) == ("in_doubt", "terminal-1")
        assert view["doubt"]["since"] > 0
        host.jobs.clear()
        status, _ = await other.command("ask_terminal", till="till-2", payment=job.id)
        assert status == 200
        await until(lambda: bool(host.of_kind("inquire_payment")), what="its own terminal is asked")
        _, given = await approve(other, "resolve_payment", till="till-2")
        status, view = await other.command(
            "attach_evidence", till="till-2", payment=job.id, approval=given["approval"], **SLIP
        )
        assert (status, view["state"], view["receipt_number"]) == (200, "done", "till-2-000001")


async def test_an_answer_about_a_parked_sale_that_nobody_settled_is_no_alarm(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await doubt(box, host)
        await box.command("park")
        host.answers["inquire_payment"] = done(NOT_BOOKED)
        view = await until_view(
            box.view, lambda view: view["parked"][0]["state"] == "open", what="it is definite"
        )
        assert view["card_alarms"] == []
        assert "card_answered_late" not in event_types(box)


# --- reverse ----------------------------------------------------------------------------------


async def test_a_payment_that_is_taken_back_is_asked_for_once_and_frees_the_sale(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await reversing(box, host)
        wanted = box.edge.dispatch.open_jobs()
        assert {each.kind for each in wanted} == {"authorise_payment", "reverse_payment"}
        await host.answer(
            "terminal-1", job.id, JobStatus.DONE, {"outcome": "approved", "amount_minor": 129}
        )
        view = await until_view(box.view, lambda view: view["state"] == "open", what="open again")
        assert (view["due_minor"], view["tenders"][0]["state"]) == (129, "declined")
        assert view["notice"]["code"] == "card_taken_back"
        await until(lambda: not box.edge.dispatch.open_jobs(), what="both jobs are settled")
        _, view = await box.command("take_cash", amount_minor=129)
        assert view["state"] == "done"
        assert len(host.of_kind("reverse_payment")) == 1
        assert verify(box.edge.settings.data_dir / "ledger.db").whole
        await until(lambda: bool(host.of_kind("print_receipt")), what="the receipt")


async def test_a_reversal_whose_end_nobody_knows_keeps_the_payment_in_doubt(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await reversing(box, host)
        await host.answer("terminal-1", job.id, JobStatus.UNKNOWN, code="cut", detail="Cut off.")
        view = await until_view(
            box.view, lambda view: view["doubt"]["reversal"] == "unknown", what="not known"
        )
        assert view["doubt"]["reversal_words"] == "Cut off."
        status, refusal = await approved(
            box, "reverse_in_doubt", payment=view["doubt"]["payment"], receipt="1", reason="again"
        )
        assert (status, refusal["code"]) == (409, "reversal_running")
        # the payment was made, says the terminal now: that it was taken back may be so too
        payment = view["doubt"]["payment"]
        host.answers["inquire_payment"] = lambda asked: (
            done(APPROVED)(asked) if _about(asked) == payment else None
        )
        await box.command("ask_terminal", payment=payment)
        await until_view(
            box.view, lambda view: view["doubt"]["code"] != "terminal_cannot_say", what="it said so"
        )
        view = await box.view()
        assert (view["state"], view["doubt"]["reversal"]) == ("in_doubt", "unknown")
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["inquire_payment"] = lambda asked: (
            done({"outcome": "approved", "amount_minor": 129})(asked)
            if _about(asked) == job.id
            else done(APPROVED)(asked)
        )
        view = await until_view(box.view, lambda view: view["state"] == "open", what="taken back")
        assert host.of_kind("reverse_payment") == []
        await until(lambda: not box.edge.dispatch.open_jobs(), what="both jobs are settled")
        types = event_types(box)
        assert "card_payment_approved" not in types
        assert types.count("card_reversal_approved") == 1
    async with selling_box(tmp_path) as box:
        assert box.edge.dispatch.open_jobs() == []


def _about(inquiry: Job) -> str:
    name: str = msgspec.json.decode(inquiry.args)["job"]
    return name


async def test_a_declined_reversal_says_why_and_the_payment_is_asked_about_as_before(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await reversing(box, host)
        await host.answer(
            "terminal-1",
            job.id,
            JobStatus.DONE,
            {"outcome": "declined", "code": "B5", "reason": "It knows no such payment."},
        )
        view = await until_view(
            box.view, lambda view: view["doubt"]["reversal"] == "declined", what="declined"
        )
        assert view["notice"]["code"] == "card_reversal_declined"
        assert view["doubt"]["reversal_words"] == "It knows no such payment."
        assert view["doubt"]["may_reverse"]
        host.answers["inquire_payment"] = done(APPROVED)
        await box.command("ask_terminal", payment=view["doubt"]["payment"])
        await until_view(box.view, lambda view: view["state"] == "done", what="charged")


async def test_another_payment_taken_back_is_an_alarm_and_decides_nothing(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await reversing(box, host)
        await host.answer(
            "terminal-1", job.id, JobStatus.DONE, {"outcome": "approved", "amount_minor": 500}
        )
        view = await until_view(
            box.view, lambda view: view["doubt"]["reversal"] == "other", what="another one"
        )
        (alarm,) = view["card_alarms"]
        assert (alarm["about"], alarm["said"], alarm["said_minor"], alarm["settled_minor"]) == (
            "reversal", "other", 500, 129,
        )  # fmt: skip
        assert view["notice"]["code"] == "card_reversal_other"
        assert "another_payment_reversed" in box.log.getvalue()
        payment = view["doubt"]["payment"]
        status, view = await approved(box, "attach_evidence", payment=payment, **SLIP)
        assert (status, view["state"], len(view["card_alarms"])) == (200, "done", 1)
        assert verify(box.edge.settings.data_dir / "ledger.db").whole


async def test_a_late_answer_about_a_reversal_contradicts_a_charge(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job = await reversing(box, host)
        await host.answer("terminal-1", job.id, JobStatus.UNKNOWN, code="cut", detail="Cut off.")
        view = await until_view(
            box.view, lambda view: view["doubt"]["reversal"] == "unknown", what="not known"
        )
        payment = view["doubt"]["payment"]
        _, view = await approved(box, "attach_evidence", payment=payment, **SLIP)
        await box.command("next_sale")
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["inquire_payment"] = lambda asked: (
            done({"outcome": "approved", "amount_minor": 129})(asked)
            if _about(asked) == job.id
            else None
        )
        view = await until_view(box.view, lambda view: view["card_alarms"], what="the alarm")
        (alarm,) = view["card_alarms"]
        assert (alarm["about"], alarm["said"], alarm["settled"]) == (
            "reversal", "approved", "approved",
        )  # fmt: skip
        kept = next(event for event in events(box) if event["type"] == "card_answered_late")
        assert kept["data"]["reversal"] == job.id
        assert verify(box.edge.settings.data_dir / "ledger.db").whole


# --- how long it is asked ---------------------------------------------------------------------


async def test_what_a_person_settled_is_asked_about_less_and_less_and_then_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        job, _ = await doubt(box, host)
        await approved(box, "attach_evidence", payment=job.id, **SLIP)
        desk = box.edge.selling.gathering.desk
        now = box.edge.selling.clock.now_ms()
        assert desk.settled_for_ms(job.id, now - 86_400_000) == 0  # the clock was set back
        assert desk.settled_for_ms("payment-other", now) == -1
        monkeypatch.setattr(paying_by_card, "RESOLVED_WATCH_MS", -1)
        await host.offline()
        await host.online()
        await until(lambda: not box.edge.dispatch.open_jobs(), what="it is given up")
        assert "payment_never_answered" in box.log.getvalue()
        assert "card_answered_late" not in event_types(box)
    async with selling_box(tmp_path) as box:
        assert box.edge.dispatch.open_jobs() == []
    assert INQUIRY_EVERY_MS < RESOLVED_INQUIRY_MS_MAX < RESOLVED_WATCH_MS


# --- what contradicts -------------------------------------------------------------------------

CHARGED = CardPaymentResolved(
    sale="s", payment="p", outcome="approved", amount_minor=129, source="slip", reason="x"
)
NOT_CHARGED = CardPaymentResolved(
    sale="s", payment="p", outcome="declined", amount_minor=0, source="slip", reason="x"
)


@pytest.mark.parametrize(
    ("resolved", "outcome", "reversal", "differs"),
    [
        (CHARGED, PaymentOutcome("approved", 129), "", False),
        (CHARGED, PaymentOutcome("approved"), "", False),  # it did not say how much
        (CHARGED, PaymentOutcome("approved", 128), "", True),
        (CHARGED, PaymentOutcome("declined"), "", True),
        (CHARGED, PaymentOutcome("cancelled"), "", True),
        (NOT_CHARGED, PaymentOutcome("declined"), "", False),
        (NOT_CHARGED, PaymentOutcome("cancelled", 129), "", False),
        (NOT_CHARGED, PaymentOutcome("approved", 129), "", True),
        (NOT_CHARGED, PaymentOutcome("approved"), "", True),
        (CHARGED, PaymentOutcome("approved", 129), "r", True),
        (CHARGED, PaymentOutcome("declined"), "r", False),
        (NOT_CHARGED, PaymentOutcome("approved", 129), "r", False),
        (NOT_CHARGED, PaymentOutcome("declined"), "r", False),
    ],
)
def test_what_contradicts_a_person(
    resolved: CardPaymentResolved, outcome: PaymentOutcome, reversal: str, *, differs: bool
) -> None:
    assert late_event(resolved, outcome, "inquiry", reversal).differs is differs


def test_a_refund_that_a_person_settled_is_named_as_one() -> None:
    desk = CardDesk()
    resolved = CardRefundResolved(
        sale="s", refund="r", outcome="declined", amount_minor=0, source="slip", reason="x"
    )
    late = late_event(resolved, PaymentOutcome("approved", 129, receipt="9"), "")
    desk.take((resolved, late), "till-1", 7)
    (alarm,) = desk.alarms()
    assert (alarm.about, alarm.said_minor, alarm.receipt, alarm.at) == ("refund", 129, "9", 7)
