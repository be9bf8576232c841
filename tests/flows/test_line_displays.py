"""A till's line display: what the box sends it, how rarely, and that no sale waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from edge.contract.customer_data import Customer
from edge.contract.device_messages import Job, JobError, JobResult, JobStatus, ShowLinesArgs
from edge.contract.device_states import DriverState
from edge.contract.limits import (
    LINE_DISPLAY_RETRY_MS,
    SHOW_LINES_AGE_MS_MAX,
)
from edge.contract.reference_data import Feed, FeedItem, FeedPage
from edge.contract.wire import encode
from edge.settings import DeviceSettings
from tests.flows.box import DEVICES, MILK, PROFILE, Box, selling_box
from tests.flows.fake_host import FakeHost, done, fake_host, until, until_view

POLE = DeviceSettings("pole-1", "box", "display_cd5220", ("display",), "till-1")
IDLE = [("Harbour Street", ""), ("Welcome", "")]
FIRST = [("Whole milk 1 l", "1.29"), ("TOTAL", "1.29")]


def lines_of(job: Job) -> list[tuple[str, str]]:
    args = msgspec.json.decode(job.args, type=ShowLinesArgs)
    return [(line.start, line.end) for line in args.lines]


class Shop:
    def __init__(self, box: Box, host: FakeHost) -> None:
        self.box = box
        self.host = host

    @property
    def told(self) -> list[list[tuple[str, str]]]:
        """Everything the display was told."""
        return [lines_of(job) for device, job in self.host.jobs if device == "pole-1"]

    async def until_told(self, *expected: tuple[str, str]) -> None:
        await until(lambda: bool(self.told) and self.told[-1] == list(expected), what=str(expected))

    async def ready(self) -> None:
        await self.host.report("pole-1", DriverState.READY)


@asynccontextmanager
async def shop(folder: Path, **changes: Any) -> AsyncIterator[Shop]:
    given = {"devices": (*DEVICES, POLE), **changes}
    async with selling_box(folder, **given) as box, fake_host(box.broker) as host:
        made = Shop(box, host)
        host.answers["show_lines"] = done({"substituted": 0})
        await made.ready()
        await made.until_told(*IDLE)
        yield made


async def test_the_display_follows_a_sale_to_its_change(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        await made.box.command("add_item", code=MILK)
        await made.until_told(*FIRST)
        await made.box.command("add_item", code="101", quantity=2000)
        await made.until_told(("2 x Bread roll", "0.90"), ("TOTAL", "2.19"))
        await made.box.command("take_cash", amount_minor=100)
        await made.until_told(("TOTAL", "2.19"), ("To pay", "1.19"))
        await made.box.command("take_cash", amount_minor=500)
        await made.until_told(("TOTAL", "2.19"), ("Change", "3.81"))
        await made.box.command("next_sale")
        await made.until_told(*IDLE)
        (job, *_) = made.host.of_kind("show_lines")
        assert job.delivery == "repeatable"
        assert len({each.id for each in made.host.of_kind("show_lines")}) == len(made.told)


async def test_a_text_is_sent_once_however_often_the_view_changes(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        await made.box.command("add_item", code=MILK)
        await made.until_told(*FIRST)
        before = len(made.told)
        for _ in range(5):
            await made.host.report("printer-1", DriverState.ATTENTION, paper="near_end")
            await made.host.report("printer-1", DriverState.READY)
        await made.box.command("add_item", code="no-such-code")
        for _ in range(20):
            made.box.edge.selling.views.publish_all()
            await asyncio.sleep(0.005)
        assert len(made.told) == before


async def test_a_till_that_closes_says_so_and_one_that_opens_too(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        status, _ = await made.box.call("DELETE", "/api/v1/session")
        assert status < 300
        await made.until_told(("Harbour Street", ""), ("Till closed", ""))
        await made.box.sign_in()
        await made.until_told(*IDLE)


async def test_the_words_are_those_of_the_receipt(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        polish = replace(PROFILE, receipt_language="pl")
        page = FeedPage(Feed.CONFIG, (FeedItem("store", 2, msgspec.Raw(encode(polish))),), 2)
        await made.box.call("POST", "/internal/v1/replica/feed", page, headers=made.box.service)
        await made.until_told(("Harbour Street", ""), ("Witamy", ""))
        await made.box.command("add_item", code=MILK)
        await made.until_told(("Whole milk 1 l", "1.29"), ("SUMA", "1.29"))


async def test_a_customer_reads_their_own_language(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        customer = Customer("7001", "Ana Silva", language="pt")
        page = FeedPage(Feed.CUSTOMER, (FeedItem("7001", 1, msgspec.Raw(encode(customer))),), 1)
        await made.box.call("POST", "/internal/v1/replica/feed", page, headers=made.box.service)
        await made.box.command("add_item", code=MILK)
        status, view = await made.box.command("set_customer", customer="7001")
        assert status == 200, view
        await made.box.command("take_cash", amount_minor=100)
        await made.until_told(("TOTAL", "1.29"), ("A pagar", "0.29"))


# --- displays that are away --------------------------------------------------------------


async def test_a_dead_display_never_delays_a_sale(tmp_path: Path) -> None:
    """It is not told what it cannot show, and is told what is so when it is back."""
    async with shop(tmp_path) as made:
        await made.host.report("pole-1", DriverState.LOST)
        await until_view(
            made.box.view,
            lambda view: any(d["role"] == "display" and not d["well"] for d in view["devices"]),
            what="the display is lost",
        )
        before = len(made.told)
        for _ in range(3):
            await made.box.command("add_item", code=MILK)
        status, view = await made.box.command("take_cash", amount_minor=500)
        assert (status, view["state"]) == (200, "done")
        assert len(made.told) == before
        await made.ready()
        await made.until_told(("TOTAL", "3.87"), ("Change", "1.13"))
        assert len(made.told) == before + 1


async def test_a_display_that_comes_back_is_told_again_what_it_showed(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        before = len(made.told)
        await made.host.report("pole-1", DriverState.LOST)
        await until_view(
            made.box.view,
            lambda view: any(d["role"] == "display" and not d["well"] for d in view["devices"]),
            what="the display is lost",
        )
        await made.ready()
        await until(lambda: len(made.told) > before, what="it is told again")
        assert made.told[before:] == [IDLE]


async def test_a_display_that_never_answers_is_told_on_and_sales_go_on(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        made.host.answers["show_lines"] = lambda _job: None
        for count in range(1, 4):
            await made.box.command("add_item", code=MILK)
            await made.until_told(("Whole milk 1 l", "1.29"), ("TOTAL", f"{1.29 * count:.2f}"))
        assert made.box.edge.dispatch.open_jobs() == [], "nothing of it is in the ledger"


async def test_a_broker_that_is_away_costs_nothing_and_the_newest_follows(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        publish = made.box.edge.bus.publish
        stuck = asyncio.Event()

        async def hang(topic: str, payload: bytes, **more: Any) -> None:
            if topic.endswith("dev/pole-1/job"):
                await stuck.wait()
            await publish(topic, payload, **more)

        made.box.edge.bus.publish = hang  # type: ignore[method-assign]  # a broker that is stuck
        before = len(made.told)
        for _ in range(10):
            status, _ = await made.box.command("add_item", code=MILK)
            assert status == 200
        assert len(made.told) == before
        stuck.set()
        await made.until_told(("Whole milk 1 l", "1.29"), ("TOTAL", "12.90"))
        assert len(made.told) <= before + 2, "what is in between was dropped"


async def test_a_host_that_is_born_again_is_told_again(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        await made.box.command("add_item", code=MILK)
        await made.until_told(*FIRST)
        before = len(made.told)
        await made.host.online()
        await until(lambda: len(made.told) > before, what="it is told again")
        assert made.told[-1] == FIRST


async def test_a_text_that_was_not_shown_is_sent_again(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        failures = 2

        def fail(job: Job) -> JobResult:
            nonlocal failures
            failures -= 1
            if failures >= 0:
                error = JobError("device_not_configured", "It is not there.")
                return JobResult(job.id, JobStatus.FAILED, 1, error=error)
            return JobResult(job.id, JobStatus.DONE, 1, {"substituted": 0})

        made.host.answers["show_lines"] = fail
        before = len(made.told)
        await made.box.command("add_item", code=MILK)
        await until(lambda: len(made.told) == before + 3, what="three times", seconds=20)
        await asyncio.sleep(LINE_DISPLAY_RETRY_MS / 1000 + 0.3)
        assert made.told[before:] == [FIRST] * 3
        assert '"reason":"device_not_configured"' in made.box.log.getvalue()


async def test_a_superseded_text_and_results_of_others_stir_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        await made.box.command("add_item", code=MILK)
        await made.until_told(*FIRST)
        (*_, job) = made.host.of_kind("show_lines")
        before = len(made.told)
        await made.host.answer("pole-1", job.id, JobStatus.FAILED, code="superseded")
        await made.host.answer("pole-1", "job-of-nobody", JobStatus.FAILED, code="expired")
        await made.host.answer("printer-1", job.id, JobStatus.FAILED, code="expired")
        await made.host.bus.publish(made.host.topics.device("pole-1").result, b"\xff{")
        await asyncio.sleep(LINE_DISPLAY_RETRY_MS / 1000 + 0.3)
        assert len(made.told) == before


async def test_a_text_is_worth_nothing_after_a_while(tmp_path: Path) -> None:
    async with shop(tmp_path) as made:
        (job, *_) = made.host.of_kind("show_lines")
        created_ms = int(job.id.replace("-", "")[:12], 16)
        assert 0 <= job.deadline - created_ms - SHOW_LINES_AGE_MS_MAX < 1_000


async def test_a_till_without_a_display_is_told_nothing_and_pays_nothing(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        assert host.of_kind("show_lines") == []
        assert box.edge.selling.tills["till-1"].screens == set()
        assert not [each for each in asyncio.all_tasks() if each.get_name().startswith("lines")]


async def test_a_printer_with_a_display_behind_it_serves_both_roles(tmp_path: Path) -> None:
    printer = replace(DEVICES[1], roles=("printer", "drawer", "display"))
    async with (
        selling_box(tmp_path, devices=(DEVICES[0], printer, DEVICES[2])) as box,
        fake_host(box.broker) as host,
    ):
        await box.command("add_item", code=MILK)
        await until(
            lambda: FIRST in [lines_of(job) for job in host.of_kind("show_lines")], what="the pole"
        )
        assert {device for device, job in host.jobs if job.kind == "show_lines"} == {"printer-1"}
        await box.command("take_cash", amount_minor=200)
        await until(lambda: bool(host.of_kind("print_receipt")), what="the receipt")
