"""A card that is signed for: nobody has the goods before a cashier has looked at the signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.contract.device_messages import JobStatus
from edge.contract.device_states import DeviceClass, DeviceMeta
from edge.contract.wire import encode
from edge.ledger.integrity import verify
from tests.flows.box import MILK, Box, selling_box
from tests.flows.fake_host import FakeHost, done, fake_host, until, until_view
from tests.flows.test_card_slips import CUSTOMERS, MERCHANTS, WITH_TEXTS, holds, settled, texts
from tests.flows.test_paying_by_card import APPROVED, ask
from tests.flows.test_receipts_and_drawers import data_of
from tests.flows.test_selling import event_types

SIGNED = {**WITH_TEXTS, "signature": True}
TAKEN_BACK = {
    "outcome": "approved",
    "amount_minor": 129,
    "receipt": "43",
    "customer_receipt": ("** Storno **", "Betrag EUR         -1,29"),
}


async def able(host: FakeHost) -> None:
    """The terminal takes payments back."""
    await host.bus.publish(
        host.topics.device("terminal-1").meta,
        encode(DeviceMeta(DeviceClass.TERMINAL, "terminal_zvt", capabilities=("reverse",))),
        retain=True,
    )


async def to_sign(box: Box, host: FakeHost, answer: Any = SIGNED) -> Any:
    """Charge a card whose terminal wants a signature; return the view."""
    host.answers["authorise_payment"] = done(answer)
    await ask(box, host)
    return await until_view(
        box.view, lambda view: "signature" in view, what="it waits for a signature"
    )


async def test_the_sale_waits_with_its_slip_until_the_signature_is_checked(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        view = await to_sign(box, host)
        payment = view["tenders"][0]["tender_id"]
        assert (view["state"], view["tenders"][0]["state"]) == ("paying", "signing")
        assert view["signature"] == {
            "payment": payment,
            "amount_minor": 129,
            "may_refuse": False,
            "printed": True,
            "reversal": "",
            "reversal_words": "",
        }
        (slip,) = await texts(host, 1)  # before the sale is complete
        assert holds(slip, MERCHANTS)
        assert "sale_completed" not in event_types(box)
        for kind, fields in (
            ("take_cash", {"amount_minor": 129}),
            ("pay_by_card", {"amount_minor": 129}),
            ("add_item", {"code": MILK}),
            ("abandon", {}),
            ("park", {}),
        ):
            status, refusal = await box.command(kind, **fields)
            assert (status, refusal["code"]) == (409, "signature_unchecked"), kind
        status, view = await box.command("confirm_signature", payment=payment)
        assert (status, view["state"], view["tenders"][0]["state"]) == (200, "done", "approved")
        assert "signature" not in view
        await settled(box, 1, "receipt_printed")
        _, receipt = await texts(host, 2)
        assert holds(receipt, CUSTOMERS)
        assert len(host.of_kind("authorise_payment")) == 1
        assert host.of_kind("reverse_payment") == []
        types = event_types(box)
        at = types.index("card_payment_approved")
        assert types[at + 1 : at + 3] == ["card_signature_asked", "card_slip_composed"]
        at = types.index("card_signature_checked")
        assert types[at + 1] == "sale_completed"
    assert verify(tmp_path / "edge" / "ledger.db").whole


async def test_a_terminal_that_printed_the_slip_itself_is_waited_for_too(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        view = await to_sign(box, host, {**APPROVED, "signature": True})
        assert view["signature"]["printed"] is False
        assert host.of_kind("print_receipt") == []
        _, view = await box.command("confirm_signature", payment=view["signature"]["payment"])
        assert view["state"] == "done"


async def test_a_repeated_answer_confirms_once_and_no_other_payment_is_confirmed(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        payment = (await to_sign(box, host))["signature"]["payment"]
        status, refusal = await box.command("confirm_signature", payment="another-payment")
        assert (status, refusal["code"]) == (409, "no_signature_waits")
        wish = {"command_id": "wish-000001", "payment": payment}
        first = await box.command("confirm_signature", **wish)
        assert await box.command("confirm_signature", **wish) == first
        assert len(data_of(box, "card_signature_checked")) == 1
        status, refusal = await box.command("refuse_signature", payment=payment)
        assert (status, refusal["code"]) == (409, "no_signature_waits")


async def test_a_refused_signature_takes_the_payment_back_and_the_sale_stays_open(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await able(host)
        host.answers["reverse_payment"] = done(TAKEN_BACK)
        view = await to_sign(box, host)
        await until_view(box.view, lambda view: view["signature"]["may_refuse"], what="it may be")
        payment = view["signature"]["payment"]
        status, _ = await box.command(
            "refuse_signature", command_id="refused-0001", payment=payment
        )
        assert status == 200
        view = await until_view(box.view, lambda view: view["state"] == "open", what="open")
        assert (view["due_minor"], view["tenders"][0]["state"]) == (129, "declined")
        assert view["notice"]["code"] == "card_taken_back"
        (job,) = host.of_kind("reverse_payment")
        assert job.id == "refused-0001"
        (asked,) = data_of(box, "card_reversal_requested")
        assert (asked["receipt"], asked["amount_minor"]) == ("42", 129)
        assert asked["reason"] == "signature"
        await settled(box, 2)
        slips = await texts(host, 2)
        assert [holds(paper, MERCHANTS) for paper in slips] == [True, False]
        assert holds(slips[1], ("** Storno **", "Betrag EUR         -1,29"))
        _, view = await box.command("take_cash", amount_minor=129)
        assert view["state"] == "done"
        receipt = (await texts(host, 3))[2]
        assert not holds(receipt, CUSTOMERS)


async def test_a_reversal_that_was_declined_leaves_the_signature_open(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await able(host)
        host.answers["reverse_payment"] = done(
            {"outcome": "declined", "reason": "The batch is closed."}
        )
        payment = (await to_sign(box, host))["signature"]["payment"]
        await until_view(box.view, lambda view: view["signature"]["may_refuse"], what="it may be")
        await box.command("refuse_signature", payment=payment)
        view = await until_view(
            box.view,
            lambda view: view.get("signature", {}).get("reversal") == "declined",
            what="it is told",
        )
        assert view["state"] == "paying"
        assert view["notice"]["code"] == "card_signature_not_reversed"
        assert view["signature"]["reversal_words"] == "The batch is closed."
        assert view["signature"]["may_refuse"] is True  # it may be asked again
        _, view = await box.command("confirm_signature", payment=payment)
        assert view["state"] == "done"


@pytest.mark.parametrize(
    ("answer", "state"),
    [(TAKEN_BACK, "open"), ({"outcome": "declined", "reason": "No."}, "paying")],
)
async def test_a_reversal_whose_end_is_not_known_is_in_doubt_and_only_asked_about(
    tmp_path: Path, answer: dict[str, Any], state: str
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await able(host)
        payment = (await to_sign(box, host))["signature"]["payment"]
        await until_view(box.view, lambda view: view["signature"]["may_refuse"], what="it may be")
        await box.command("refuse_signature", payment=payment)
        await until(lambda: bool(host.of_kind("reverse_payment")), what="the terminal is asked")
        view = await box.view()
        assert (view["state"], view["signature"]["reversal"]) == ("paying", "asked")
        status, refusal = await box.command("confirm_signature", payment=payment)
        assert (status, refusal["code"]) == (409, "reversal_running")
        job = host.of_kind("reverse_payment")[0]
        await host.answer("terminal-1", job.id, JobStatus.UNKNOWN, code="cut", detail="Cut.")
        view = await until_view(box.view, lambda view: view["state"] == "in_doubt", what="doubt")
        assert (view["doubt"]["payment"], view["doubt"]["reversal"]) == (payment, "unknown")
        assert "signature" not in view
        status, refusal = await box.command("take_cash", amount_minor=129)
        assert (status, refusal["code"]) == (409, "payment_in_doubt")
        await until(lambda: bool(host.of_kind("inquire_payment")), what="the inquiry")
        inquiry = host.of_kind("inquire_payment")[-1]
        await host.answer("terminal-1", inquiry.id, JobStatus.DONE, answer)
        view = await until_view(box.view, lambda view: view["state"] == state, what=state)
        assert ("signature" not in view) is (state == "open")
        assert len(host.of_kind("reverse_payment")) == 1
        assert len(host.of_kind("authorise_payment")) == 1


async def test_another_payment_taken_back_is_an_alarm_and_never_asked_again(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await able(host)
        host.answers["reverse_payment"] = done({**TAKEN_BACK, "amount_minor": 500})
        payment = (await to_sign(box, host))["signature"]["payment"]
        await until_view(box.view, lambda view: view["signature"]["may_refuse"], what="it may be")
        await box.command("refuse_signature", payment=payment)
        view = await until_view(
            box.view, lambda view: len(view["card_alarms"]) == 1, what="the alarm"
        )
        assert (view["state"], view["signature"]["reversal"]) == ("paying", "other")
        status, refusal = await box.command("refuse_signature", payment=payment)
        assert (status, refusal["code"]) == (409, "signature_not_reversible")
        _, view = await box.command("confirm_signature", payment=payment)
        assert view["state"] == "done"


async def test_a_terminal_that_takes_nothing_back_is_not_asked_to(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        view = await to_sign(box, host)
        status, refusal = await box.command(
            "refuse_signature", payment=view["signature"]["payment"]
        )
        assert (status, refusal["code"]) == (409, "signature_not_reversible")
        assert host.of_kind("reverse_payment") == []
        assert data_of(box, "card_signature_refused") == []


@pytest.mark.parametrize("refused", [False, True])
async def test_a_box_that_dies_still_waits_for_the_signature_or_asks_of_its_reversal(
    tmp_path: Path, refused: bool
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await able(host)
        view = await to_sign(box, host)
        payment = view["signature"]["payment"]
        await until_view(box.view, lambda view: view["signature"]["may_refuse"], what="it may be")
        if refused:
            await box.command("refuse_signature", payment=payment)
            await until(lambda: bool(host.of_kind("reverse_payment")), what="it is asked")
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["inquire_payment"] = done(TAKEN_BACK)
        if refused:
            view = await until_view(box.view, lambda view: view["state"] == "open", what="open")
            assert view["tenders"][0]["state"] == "declined"
        else:
            view = await box.view()
            assert (view["state"], view["signature"]["payment"]) == ("paying", payment)
            _, view = await box.command("confirm_signature", payment=payment)
            assert view["state"] == "done"
        assert host.of_kind("authorise_payment") == []
        assert host.of_kind("reverse_payment") == []


async def test_another_till_sells_while_one_waits_for_a_signature(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await to_sign(box, host)
        await box.enrol("till-2")
        await box.sign_in()
        await box.command("add_item", code=MILK, till="till-2")
        status, view = await box.command("take_cash", amount_minor=200, till="till-2")
        assert (status, view["state"]) == (200, "done")
