"""Goods on a till's scale: a line once it is still, or words; never the last customer's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.device_messages import Job, JobError, JobResult, JobStatus
from edge.contract.device_states import DriverState
from edge.contract.promotion_data import BasketAmountOff, PercentOff, Promotion
from edge.contract.wire import encode
from edge.runtime.memory_bus import MemoryBroker
from edge.settings import DeviceSettings
from tests.flows.box import DEVICES, MILK, Box, selling_box
from tests.flows.fake_host import FakeHost, done, fake_host, until, until_view
from tests.flows.test_promotions import send
from tests.flows.test_selling import event_types

APPLES = "4011"
SCALE = DeviceSettings("scale-1", "box", "scale_cas", ("scale",), "till-1")


@asynccontextmanager
async def shop(folder: Path, **changes: Any) -> AsyncIterator[tuple[Box, FakeHost]]:
    given = {"devices": (*DEVICES, SCALE), **changes}
    async with selling_box(folder, **given) as box, fake_host(box.broker) as host:
        await host.report("scale-1", DriverState.READY, weight="stable", weight_g=742)
        await until_view(box.view, lambda view: scale_of(view)["well"], what="the scale is there")
        yield box, host


def scale_of(view: Any) -> Any:
    return next(device for device in view["devices"] if device["role"] == "scale")


def weight(grams: int, load: str = "load-1") -> dict[str, Any]:
    return {"weight_g": grams, "load": load, "unit": "kg"}


def failed(code: str, detail: str, advice: str) -> Any:
    def answer(job: Job) -> JobResult:
        return JobResult(job.id, JobStatus.FAILED, 1, error=JobError(code, detail, advice))

    return answer


async def refused(box: Box, code: str) -> Any:
    return await until_view(
        box.view,
        lambda view: view["weighing"] is None and (view["notice"] or {}).get("code") == code,
        what=code,
    )


async def test_what_lies_on_the_scale_is_sold_less_its_tare(tmp_path: Path) -> None:
    async with shop(tmp_path) as (box, host):
        assert (scale_of(await box.view())["weight"], scale_of(await box.view())["weight_g"]) == (
            "stable",
            742,
        )
        host.answers["weigh"] = done(weight(742))
        status, view = await box.command("weigh_item", code=APPLES, tare_g=10, shown_g=742)
        assert (status, view["state"], view["lines"]) == (200, "open", [])
        assert view["weighing"] == {"name": "Apples", "tare_g": 10}
        view = await until_view(box.view, lambda view: bool(view["lines"]), what="the line")
        (line,) = view["lines"]
        assert (line["quantity"], line["tare_g"], line["entry"]) == (732, 10, "scale")
        assert (line["amount_minor"], view["total_minor"]) == (212, 212)
        assert (view["weighing"], view["notice"]) == (None, None)
        (job,) = host.of_kind("weigh")
        assert job.delivery == "repeatable"
        # some scales weigh at a price, and take the tare off themselves
        assert msgspec.json.decode(job.args) == {"price_minor": 289, "tare_g": 10}
        types = event_types(box)
        assert types.index("weighing_asked") < types.index("line_added")
        status, view = await box.command("take_cash", amount_minor=212)
        assert view["state"] == "done"


async def test_the_same_command_weighs_once(tmp_path: Path) -> None:
    async with shop(tmp_path) as (box, host):
        host.answers["weigh"] = done(weight(742))
        first = await box.command("weigh_item", command_id="weigh-item-1", code=APPLES)
        await until_view(box.view, lambda view: bool(view["lines"]), what="the line")
        assert await box.command("weigh_item", command_id="weigh-item-1", code=APPLES) == first
        assert len((await box.view())["lines"]) == 1
        assert len(host.of_kind("weigh")) == 1


async def test_goods_that_sway_are_said_in_words_and_the_till_is_idle_again(tmp_path: Path) -> None:
    async with shop(tmp_path) as (box, host):
        host.answers["weigh"] = failed(
            "scale_unstable", "The goods do not lie still.", "Wait until the scale is still."
        )
        await box.command("weigh_item", code=APPLES)
        view = await refused(box, "scale_unstable")
        assert view["notice"]["words"] == (
            "The goods do not lie still. Wait until the scale is still."
        )
        assert (view["state"], view["lines"]) == ("idle", [])
        assert event_types(box)[-2:] == ["weighing_ended", "sale_abandoned"]
        # the next try begins anew, and what was said is gone with its success
        host.answers["weigh"] = done(weight(742))
        await box.command("weigh_item", code=APPLES)
        view = await until_view(box.view, lambda view: bool(view["lines"]), what="the line")
        assert view["notice"] is None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (done(weight(0, "")), "scale_empty"),
        (done(weight(743)), "weight_changed"),
        (done({"weight_g": "much"}), "scale_garbled"),
        (done({"weight_g": -5, "load": "x"}), "scale_garbled"),
        (lambda job: JobResult(job.id, JobStatus.UNKNOWN, 1), "scale_silent"),
    ],
)
async def test_a_weight_that_is_none_sells_nothing(tmp_path: Path, answer: Any, code: str) -> None:
    async with shop(tmp_path) as (box, host):
        host.answers["weigh"] = answer
        await box.command("add_item", code=MILK)
        await box.command("weigh_item", code=APPLES, shown_g=742)
        view = await refused(box, code)
        assert [line["name"] for line in view["lines"]] == ["Whole milk 1 l"]
        assert view["state"] == "open"


async def test_a_weight_for_a_sale_that_was_given_up_is_nobodys(tmp_path: Path) -> None:
    async with shop(tmp_path) as (box, host):
        await box.command("add_item", code=MILK)
        status, view = await box.command("weigh_item", code=APPLES)
        await until(lambda: bool(host.of_kind("weigh")), what="the scale is asked")
        status, view = await box.command("take_cash", amount_minor=129)
        assert (status, view["code"]) == (409, "weighing_running")
        await box.command("abandon")
        await box.command("add_item", code=MILK)
        await host.answer("scale-1", host.of_kind("weigh")[0].id, JobStatus.DONE, weight(742))
        await until(
            lambda: (
                box.edge.selling.tills["till-1"].cart.live_lines == 1
                and not any(job.kind == "weigh" for job in open_jobs(box))
            ),
            what="the job is settled",
        )
        view = await box.view()
        assert [line["name"] for line in view["lines"]] == ["Whole milk 1 l"]


async def test_a_sale_is_not_parked_nor_priced_by_hand_in_the_middle_of_a_weighing(
    tmp_path: Path,
) -> None:
    async with shop(tmp_path) as (box, host):
        await box.command("add_item", code=MILK)
        await box.command("weigh_item", code=APPLES)
        await until(lambda: bool(host.of_kind("weigh")), what="the scale is asked")
        for wish, more in (
            ("park", {}),
            ("set_note", {"text": "ripe"}),
            ("override_price", {"line_id": "1", "price_minor": 100, "reason": "shelf"}),
        ):
            status, refusal = await box.command(wish, **more)
            assert (status, refusal["code"]) == (409, "weighing_running")
        await host.answer("scale-1", host.of_kind("weigh")[0].id, JobStatus.DONE, weight(742))
        view = await until_view(box.view, lambda view: len(view["lines"]) == 2, what="the line")
        _, view = await box.command("park")
        assert (view["state"], view["lines"]) == ("idle", [])
        (parked,) = view["parked"]
        assert parked["lines"] == 2
        # another weighing on the till leaves the parked sale alone, and it comes back whole
        host.answers["weigh"] = done(weight(500, "load-2"))
        await box.command("weigh_item", code=APPLES)
        await until_view(box.view, lambda view: bool(view["lines"]), what="the next line")
        await box.command("abandon")
        _, view = await box.command("resume", sale_id=parked["sale_id"])
        assert [line["quantity"] for line in view["lines"]] == [1000, 742]


async def test_a_weighed_line_is_priced_with_the_promotions_of_the_moment(tmp_path: Path) -> None:
    async with shop(tmp_path) as (box, host):
        half = Promotion("milk", "Half price", PercentOff(500_000))
        await send(box, 1, msgspec.Raw(encode(half)))
        host.answers["weigh"] = done(weight(742))
        await box.command("weigh_item", code=APPLES, shown_g=742)
        view = await until_view(box.view, lambda view: bool(view["lines"]), what="the line")
        (line,) = view["lines"]
        assert line["listed_minor"] - line["amount_minor"] == line["reductions"][0]["amount_minor"]
        assert line["reductions"][0]["name"] == "Half price"
        assert (line["listed_minor"], view["total_minor"]) == (214, 107)
        assert event_types(box)[-2:] == ["line_added", "prices_reduced"]
    async with shop(tmp_path) as (box, host):  # from the events alone
        assert (await box.view())["lines"] == [line]


async def test_goods_that_make_the_sale_cost_less_than_was_paid_are_not_weighed_into_it(
    tmp_path: Path,
) -> None:
    async with shop(tmp_path) as (box, host):
        much_off = Promotion("two", "2.00 off from 3.00", BasketAmountOff(200, from_minor=300))
        await send(box, 1, msgspec.Raw(encode(much_off)))
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=128)
        host.answers["weigh"] = done(weight(650))
        await box.command("weigh_item", code=APPLES, shown_g=650)
        view = await until_view(box.view, lambda view: not view["weighing"], what="the words")
        assert view["notice"]["code"] == "paid_already"
        assert (len(view["lines"]), view["due_minor"]) == (1, 1)
        await box.command("take_cash", amount_minor=1)
        assert (await box.view())["state"] == "done"


def open_jobs(box: Box) -> Any:
    return box.edge.dispatch.open_jobs()


async def test_goods_that_were_sold_and_never_lifted_are_not_the_next_customers(
    tmp_path: Path,
) -> None:
    async with shop(tmp_path) as (box, host):
        host.answers["weigh"] = done(weight(742, "load-1"))
        await box.command("weigh_item", code=APPLES)
        view = await until_view(box.view, lambda view: bool(view["lines"]), what="the line")
        await box.command("weigh_item", code=APPLES)
        await refused(box, "weighed_already")
        await box.command("take_cash", amount_minor=view["total_minor"])
        await box.command("next_sale")
        await box.command("weigh_item", code=APPLES)
        view = await refused(box, "weighed_already")
        assert view["state"] == "idle"
        host.answers["weigh"] = done(weight(742, "load-2"))
        await box.command("weigh_item", code=APPLES)
        await until_view(box.view, lambda view: bool(view["lines"]), what="the next goods")


async def test_the_wrong_article_is_voided_and_the_same_goods_weighed_again(
    tmp_path: Path,
) -> None:
    async with shop(tmp_path) as (box, host):
        host.answers["weigh"] = done(weight(742))
        await box.command("weigh_item", code=APPLES)
        await until_view(box.view, lambda view: bool(view["lines"]), what="the line")
        await box.command("void_line", line_id="1")
        await box.command("weigh_item", code=APPLES)
        view = await until_view(box.view, lambda view: len(view["lines"]) == 2, what="again")
        assert [line["voided"] for line in view["lines"]] == [True, False]


async def test_a_scale_that_is_gone_is_refused_at_once_and_a_weight_typed(tmp_path: Path) -> None:
    async with shop(tmp_path) as (box, host):
        await host.report(
            "scale-1",
            DriverState.LOST,
            health="The scale does not answer.",
            advice="Check its cable.",
        )
        await until_view(box.view, lambda view: not scale_of(view)["well"], what="lost")
        status, refusal = await box.command("weigh_item", code=APPLES)
        assert (status, refusal["code"]) == (409, "scale_not_ready")
        assert refusal["message"] == "The scale does not answer."
        assert (
            refusal["advice"] == "Check its cable. Until it weighs again, the weight can be typed."
        )
        assert "weighing_asked" not in event_types(box)
        status, view = await box.command("add_item", code=APPLES, quantity=742)
        assert (status, view["lines"][0]["quantity"]) == (200, 742)


async def test_a_till_without_a_scale_says_so(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        status, refusal = await box.command("weigh_item", code=APPLES)
        assert (status, refusal["code"]) == (409, "no_scale")


async def test_a_scale_that_never_answers_is_given_up(tmp_path: Path) -> None:
    async with shop(tmp_path) as (box, host):
        await box.command("weigh_item", code=APPLES)
        await until(lambda: bool(host.of_kind("weigh")), what="the scale is asked")
        (asked,) = host.of_kind("weigh")
        view = await refused(box, "scale_silent")
        assert view["state"] == "idle"
        await host.answer("scale-1", asked.id, JobStatus.DONE, weight(742))
        _, view = await box.command("add_item", code=MILK)
        assert [line["name"] for line in view["lines"]] == ["Whole milk 1 l"]
        assert open_jobs(box) == []


async def test_a_box_that_was_started_anew_sells_no_weight_of_before(tmp_path: Path) -> None:
    broker = MemoryBroker()
    async with shop(tmp_path, broker=broker) as (box, host):
        await box.command("add_item", code=MILK)
        await box.command("weigh_item", code=APPLES)
        await until(lambda: bool(host.of_kind("weigh")), what="the scale is asked")
    async with shop(tmp_path, broker=broker) as (box, host):
        view = await refused(box, "weighing_broken_off")
        assert [line["name"] for line in view["lines"]] == ["Whole milk 1 l"]
        assert host.of_kind("weigh") == []
        assert event_types(box).count("weighing_ended") == 1
