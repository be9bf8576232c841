"""Parked sales: seen by all tills, taken up once, kept through a restart, in doubt too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from edge.contract.device_messages import JobStatus
from edge.ledger.integrity import verify
from tests.flows.box import MILK, Box, selling_box
from tests.flows.fake_host import fake_host, until_view
from tests.flows.test_promotions import events

APPROVED = {"outcome": "approved", "amount_minor": 129, "last4": "4242", "scheme": "Example"}


@asynccontextmanager
async def second_till(box: Box) -> AsyncIterator[Box]:
    """Sign João in at till-2 of the same box."""
    jar = aiohttp.CookieJar(treat_as_secure_origin=[aiohttp.client.URL(box.origin).origin()])
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        other = Box(box.edge, box.broker, client, box.log)
        await other.enrol("till-2")
        assert (await other.sign_in("joao"))[0] == 200
        yield other


async def test_what_one_till_parks_another_takes_up_and_sells(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, second_till(box) as other:
        _, open_view = await box.command("add_item", code=MILK)
        status, view = await box.command("park", label="Lady in red")
        assert (status, view["state"], view["lines"]) == (200, "idle", [])
        (parked,) = (await other.view("till-2"))["parked"]
        assert view["parked"] == [parked]
        assert (parked["label"], parked["till"], parked["cashier"]) == (
            "Lady in red", "till-1", "marta",
        )  # fmt: skip
        assert (parked["total_minor"], parked["lines"]) == (129, 1)
        await box.command("add_item", code="101")  # the next customer is served
        status, view = await other.command("resume", till="till-2", sale_id=parked["sale_id"])
        assert (status, view["state"], view["parked"]) == (200, "open", [])
        assert view["lines"] == open_view["lines"]
        assert (await box.view())["parked"] == []
        status, view = await other.command("take_cash", till="till-2", amount_minor=200)
        assert (view["state"], view["receipt_number"]) == ("done", "till-2-000001")
        assert verify(box.edge.settings.data_dir / "ledger.db").whole


async def test_two_tills_that_reach_for_the_same_sale_get_it_once(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, second_till(box) as other:
        await box.command("add_item", code=MILK)
        _, view = await box.command("park")
        sale = view["parked"][0]["sale_id"]
        answers: list[tuple[int, Any]] = await asyncio.gather(
            box.command("resume", sale_id=sale),
            other.command("resume", till="till-2", sale_id=sale),
        )
        assert sorted(status for status, _ in answers) == [200, 404]
        (refused,) = [body for status, body in answers if status == 404]
        assert refused["code"] == "not_parked"
        assert [event["type"] for event in events(box)].count("sale_resumed") == 1


async def test_parked_sales_and_resumed_ones_survive_a_restart(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, second_till(box) as other:
        await box.command("add_item", code=MILK)
        _, view = await box.command("park", label="first")
        first = view["parked"][0]["sale_id"]
        await box.command("add_item", code="101", quantity=3000)
        await box.command("park", label="second", for_till="till-2")
        _, resumed = await other.command("resume", till="till-2", sale_id=first)
        await other.command("add_item", till="till-2", code="101")
    async with selling_box(tmp_path) as box, second_till(box) as other:
        (parked,) = (await box.view())["parked"]
        assert (parked["label"], parked["for_till"], parked["total_minor"]) == (
            "second", "till-2", 135,
        )  # fmt: skip
        view = await other.view("till-2")
        assert [line["name"] for line in view["lines"]] == ["Whole milk 1 l", "Bread roll"]
        assert view["lines"][0] == resumed["lines"][0]
        assert (await box.view())["state"] == "idle"
        # the same wish after the restart: its old answer, and the sale stays where it is
        status, again = await box.command("resume", sale_id=parked["sale_id"])
        assert (status, again["total_minor"]) == (200, 135)
        assert verify(box.edge.settings.data_dir / "ledger.db").whole


async def test_a_repeated_resuming_after_a_restart_takes_nothing_up_again(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        _, view = await box.command("park")
        wish = {"command_id": "resume-0001", "sale_id": view["parked"][0]["sale_id"]}
        first = await box.command("resume", **wish)
        await box.command("park")
    async with selling_box(tmp_path) as box:
        assert await box.command("resume", **wish) == first
        view = await box.view()
        assert (view["state"], len(view["parked"])) == ("idle", 1)


async def test_a_payment_in_doubt_is_set_aside_and_found_charged(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await box.command("add_item", code=MILK)
        await box.command("pay_by_card", amount_minor=129)
        await until_view(box.view, lambda _: bool(host.of_kind("authorise_payment")), what="asked")
        (job,) = host.of_kind("authorise_payment")
        await host.answer("terminal-1", job.id, JobStatus.UNKNOWN, code="cut", detail="Cut off.")
        await until_view(box.view, lambda view: view["state"] == "in_doubt", what="doubt")
        status, view = await box.command("park", label="paying customer")
        assert (status, view["state"], view["parked"][0]["state"]) == (200, "idle", "in_doubt")
        await box.command("add_item", code="101")
        _, view = await box.command("take_cash", amount_minor=45)
        assert view["receipt_number"] == "till-1-000001"
        await until_view(box.view, lambda _: bool(host.of_kind("inquire_payment")), what="inquiry")
        inquiry = host.of_kind("inquire_payment")[-1]
        await host.answer("terminal-1", inquiry.id, JobStatus.DONE, APPROVED)
        view = await until_view(
            box.view, lambda view: view["parked"][0]["state"] == "open", what="it is definite"
        )
        sale = view["parked"][0]["sale_id"]
        status, view = await box.command("resume", sale_id=sale)
        assert (status, view["state"], view["receipt_number"]) == (200, "done", "till-1-000002")
        assert [event["type"] for event in events(box)].count("card_payment_approved") == 1
        assert verify(box.edge.settings.data_dir / "ledger.db").whole
