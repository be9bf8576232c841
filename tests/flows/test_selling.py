from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.till_protocol import TillView
from edge.ledger.integrity import stored_events, verify
from tests.flows.box import MILK, Box, bare_box, selling_box
from tests.flows.fake_host import fake_host, until, until_view


def event_types(box: Box) -> list[str]:
    path = box.edge.settings.data_dir / "ledger.db"
    return [msgspec.json.decode(event.body)["type"] for event in stored_events(path, 0)]


async def test_a_cash_sale_from_the_first_code_to_change(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        status, view = await box.command("add_item", code=MILK)
        assert status == 200, view
        assert (view["state"], view["total_minor"], view["due_minor"]) == ("open", 129, 129)
        status, view = await box.command("add_item", code="4011", quantity=742)
        assert (status, view["lines"][1]["amount_minor"]) == (200, 214)
        status, view = await box.command("void_line", line_id=view["lines"][0]["line_id"])
        assert view["lines"][0]["voided"]
        assert view["lines"][0]["amount_minor"] == 0
        status, view = await box.command("take_cash", amount_minor=500)
        assert (view["state"], view["change_minor"], view["due_minor"]) == ("done", 286, 0)
        assert view["receipt_number"] == "till-1-000001"
        assert view["dots"] == {"box": True, "shop": False, "office": False}
        msgspec.convert(view, TillView)
        status, view = await box.command("next_sale")
        assert (view["state"], view["sale_id"], view["lines"]) == ("idle", None, [])


async def test_the_same_id_gets_the_same_answer_and_another_body_is_refused(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        first = await box.command("add_item", command_id="command-same", code=MILK)
        await box.command("add_item", code=MILK)
        assert await box.command("add_item", command_id="command-same", code=MILK) == first
        status, refusal = await box.command("add_item", command_id="command-same", code="101")
        assert (status, refusal["code"]) == (409, "command_id_reused")
        assert len((await box.view())["lines"]) == 2


async def test_a_repeat_after_a_restart_and_after_the_sale_ended_gets_its_old_answer(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        first = await box.command("take_cash", command_id="command-cash", amount_minor=200)
        assert first[1]["state"] == "done"
    async with selling_box(tmp_path) as box:
        assert await box.command("take_cash", command_id="command-cash", amount_minor=200) == first
        status, refusal = await box.command(
            "take_cash", command_id="command-cash", amount_minor=201
        )
        assert (status, refusal["code"]) == (409, "command_id_reused")
        assert event_types(box).count("sale_completed") == 1


async def test_eight_repeats_at_once_write_once(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        answers = await asyncio.gather(
            *(box.command("add_item", command_id="command-once", code=MILK) for _ in range(8))
        )
        assert all(answer == answers[0] for answer in answers)
        assert event_types(box).count("line_added") == 1


async def test_the_id_of_a_sale_names_no_other_sale(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK, sale_id="sale-of-the-till")
        await box.command("take_cash", amount_minor=200)
        status, refusal = await box.command("add_item", code=MILK, sale_id="sale-of-the-till")
        assert (status, refusal["code"]) == (409, "sale_id_reused")
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK, command_id="abandoned", sale_id="abandoned")
        await box.command("abandon")
        for sale_id in ("sale-of-the-till", "abandoned"):
            before = event_types(box)
            status, refusal = await box.command("add_item", code=MILK, sale_id=sale_id)
            assert (status, refusal["code"]) == (409, "sale_id_reused")
            assert event_types(box) == before
        status, view = await box.command("add_item", code=MILK)
        assert (status, view["state"], len(view["lines"])) == (200, "open", 1)
    assert verify(tmp_path / "edge" / "ledger.db").whole


async def test_an_end_in_good_order_is_recorded_and_known_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path):
        pass
    async with bare_box(tmp_path) as box:
        ended = [kind for kind in event_types(box) if kind.startswith("box_")]
        assert ended == ["box_started", "box_stopped", "box_started"]
        assert '"clean":true' in box.log.getvalue()


async def test_an_open_sale_survives_a_restart_with_a_higher_version(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK, sale_id="sale-of-the-till")
        _, before = await box.command("add_item", code="101", quantity=2000)
    async with selling_box(tmp_path) as box:
        after = await box.view()
        assert after["version"] > before["version"]
        assert after["sale_id"] == "sale-of-the-till"
        assert after["lines"] == before["lines"]
        _, view = await box.command("take_cash", amount_minor=219)
        assert (view.get("state"), view.get("change_minor")) == ("done", 0), view
    async with selling_box(tmp_path) as box:
        view = await box.view()
        assert (view["state"], view["receipt_number"]) == ("done", "till-1-000001")
        await box.command("add_item", code=MILK)
        _, view = await box.command("take_cash", amount_minor=129)
        assert view["receipt_number"] == "till-1-000002"
    assert verify(tmp_path / "edge" / "ledger.db").whole


REFUSALS: dict[str, tuple[dict[str, Any], int, str]] = {
    "unknown code": ({"type": "add_item", "code": "9520000009991"}, 404, "unknown_code"),
    "malformed GTIN": ({"type": "add_item", "code": "9520000000012"}, 409, "check_digit"),
    "negative quantity": (
        {"type": "add_item", "code": MILK, "quantity": -1000},
        409,
        "quantity_not_positive",
    ),
    "absurd quantity": (
        {"type": "add_item", "code": MILK, "quantity": 9_520_000_000_011},
        409,
        "quantity_too_large",
    ),
    "part of a piece": (
        {"type": "add_item", "code": MILK, "quantity": 500},
        409,
        "quantity_not_whole",
    ),
    "no sale to pay": ({"type": "take_cash", "amount_minor": 100}, 409, "no_sale"),
    "unknown type": ({"type": "sing"}, 422, "wrong_shape"),
    "unknown field": ({"type": "add_item", "code": MILK, "pan": "x"}, 422, "wrong_shape"),
    "quantity as text": (
        {"type": "add_item", "code": MILK, "quantity": "1"},
        422,
        "wrong_shape",
    ),
}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_bad_commands_are_refused_in_words_and_change_nothing(
    tmp_path: Path, kind: str
) -> None:
    body, expected, code = REFUSALS[kind]
    async with selling_box(tmp_path) as box:
        before = event_types(box)
        status, refusal = await box.call(
            "POST", "/api/v1/tills/till-1/commands", {"command_id": "command-bad", **body}
        )
        assert (status, refusal["code"][: len(code)]) == (expected, code)
        assert refusal["message"].endswith(".")
        assert event_types(box) == before
        assert (await box.view())["lines"] == []


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"{", 400, "not_json"),
        (b'{"a":1,"a":2}', 400, "json_not_strict"),
        (b'{"a":NaN}', 400, "json_not_strict"),
        (b"[" * 5_000, 400, "json_too_deep"),
        (b'{"x":"' + b"x" * 70_000 + b'"}', 413, "too_large"),
        (b"\xff\xfe", 400, "not_json"),
        (b"[]", 422, "wrong_shape"),
    ],
)
async def test_bodies_that_are_no_commands(
    tmp_path: Path, data: bytes, status: int, code: str
) -> None:
    async with selling_box(tmp_path) as box:
        got, refusal = await box.call("POST", "/api/v1/tills/till-1/commands", data=data)
        assert (got, refusal["code"]) == (status, code)


async def test_what_looks_like_a_card_number_is_refused_and_noted_without_it(
    tmp_path: Path,
) -> None:
    number = "4111 1111 1111 1111"  # the industry's invented test number
    async with selling_box(tmp_path) as box:
        _, view = await box.command("add_item", code=MILK)
        status, refusal = await box.command(
            "void_line", line_id=view["lines"][0]["line_id"], reason=f"card {number}"
        )
        assert (status, refusal["code"]) == (409, "looks_like_card_number")
        assert event_types(box)[-1] == "pan_refused"
    for file in (tmp_path / "edge").iterdir():
        kept = file.read_bytes()  # a part of it may stand in a digest by chance
        assert not any(each.encode() in kept for each in (number, number.replace(" ", ""))), file


async def test_receipt_and_drawer_follow_the_sale_and_settle_in_the_ledger(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await until(lambda: host.config is not None, what="the host has its devices")
        assert host.config
        assert [device.id for device in host.config.devices] == [
            "scanner-1",
            "printer-1",
            "terminal-1",
        ]
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        view = await until_view(
            box.view, lambda view: view["receipt"]["state"] == "printed", what="printed"
        )
        assert [device["well"] for device in view["devices"]] == [True] * 4
        await until(lambda: "drawer_opened" in event_types(box), what="the drawer is recorded")
        assert await box.edge.ledger.open_jobs() == []
        (receipt,) = host.of_kind("print_receipt")
        assert b"till-1-000001" in bytes(receipt.args)


async def test_a_receipt_of_unknown_fate_is_printed_again_as_copy(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        del host.answers["print_receipt"]
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        await until(lambda: len(host.of_kind("print_receipt")) == 1, what="the first attempt")
        (first,) = host.of_kind("print_receipt")
        await host.answer("printer-1", first.id, "unknown", code="cut_off")  # type: ignore[arg-type]
        await until(lambda: len(host.of_kind("print_receipt")) == 2, what="the copy")
        second = host.of_kind("print_receipt")[1]
        assert second.id != first.id
        assert b"COPY" in bytes(second.args)
        assert b"COPY" not in bytes(first.args)


async def test_jobs_open_at_a_restart_are_sent_again_under_their_id(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        assert len(await box.edge.ledger.open_jobs()) == 2
        before = {job.job_id for job in await box.edge.ledger.open_jobs()}
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await until(lambda: len({job.id for _, job in host.jobs}) == 2, what="both jobs came")
        assert {job.id for _, job in host.jobs} == before
        await until(
            lambda: (
                event_types(box).count("receipt_printed") == 1
                and event_types(box).count("drawer_opened") == 1
            ),
            what="both settled once",
        )


async def test_what_a_receipt_waits_for_is_shown(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker, obliging=False) as host:
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        await until(lambda: len(host.of_kind("print_receipt")) == 1, what="the job came")
        (receipt,) = host.of_kind("print_receipt")
        await host.answer(
            "printer-1",
            receipt.id,
            "accepted",  # type: ignore[arg-type]
            code="paper_out",
            detail="The printer has no paper.",
        )
        view = await until_view(
            box.view, lambda view: "no paper" in view["receipt"]["words"], what="the words"
        )
        assert view["receipt"]["state"] == "waiting"


async def test_cash_of_an_abandoned_sale_opens_the_drawer_again(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await box.command("add_item", code="4011", quantity=2000)
        await box.command("take_cash", amount_minor=100)
        _, view = await box.command("abandon", reason="changed their mind")
        assert view["state"] == "idle"
        await until(lambda: len(host.of_kind("kick_drawer")) == 1, what="the drawer is kicked")
        await until(lambda: "drawer_opened" in event_types(box), what="the drawer is recorded")


async def test_every_birth_of_a_host_brings_it_the_open_jobs_again(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker, obliging=False) as host:
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        await until(lambda: len(host.jobs) == 2, what="both jobs came")
        # the broker was gone and came back: the host was never seen offline
        await host.online()
        await until(lambda: len(host.jobs) == 4, what="both came again")
        assert len({job.id for _, job in host.jobs}) == 2
