from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from edge.contract.device_messages import Job, JobError, JobResult, JobStatus
from edge.flows.printing import COPIES_MAX
from edge.ledger.disk_space import DiskSpace
from edge.ledger.integrity import stored_events
from tests.flows.box import DEVICES, MILK, Box, selling_box
from tests.flows.fake_host import done, fake_host, until, until_view

NEVER_ENOUGH = 2**62


def data_of(box: Box, kind: str) -> list[dict[str, object]]:
    path = box.edge.settings.data_dir / "ledger.db"
    bodies = [msgspec.json.decode(event.body) for event in stored_events(path, 0)]
    return [body["data"] for body in bodies if body["type"] == kind]


def failed(code: str, detail: str, advice: str) -> Callable[[Job], JobResult]:
    """Answer every job of a kind with the same failure."""
    return lambda job: JobResult(job.id, JobStatus.FAILED, 1, None, JobError(code, detail, advice))


@pytest.mark.parametrize("advice", ["Turn the key on the drawer.", ""])
async def test_a_drawer_that_stays_shut_is_said_with_what_to_do(
    tmp_path: Path, advice: str
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["kick_drawer"] = failed("locked", "It is locked.", advice)
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        view = await until_view(box.view, lambda view: view["notice"] is not None, what="words")
        assert (view["notice"]["code"], view["notice"]["tone"]) == ("drawer_not_opened", "trouble")
        words = advice or "Open it with its key."
        assert view["notice"]["words"] == f"The drawer did not open. {words}"
        await until(lambda: data_of(box, "drawer_opened") != [], what="it is recorded")
        (opened,) = data_of(box, "drawer_opened")
        assert (opened["outcome"], opened["reason"]) == ("not_opened", "sale")
        assert await until_view(
            box.view,
            lambda view: view["receipt"]["state"] == "printed",
            what="it prints all the same",
        )
        assert len(host.of_kind("kick_drawer")) == 1


async def test_a_drawer_that_stays_shut_while_the_next_command_waits_is_said_all_the_same(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["kick_drawer"] = lambda _: None
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        await until(lambda: host.of_kind("kick_drawer") != [], what="it is kicked")
        (kick,) = host.of_kind("kick_drawer")
        async with box.edge.selling.tills["till-1"].lock:  # the next customer's first article
            command = asyncio.create_task(box.command("add_item", code=MILK))
            await asyncio.sleep(0.05)
            await host.answer("printer-1", kick.id, JobStatus.FAILED, code="open_failed")
            await asyncio.sleep(0.05)
        assert (await command)[0] == 200
        view = await until_view(box.view, lambda view: view["notice"] is not None, what="words")
        assert view["notice"]["code"] == "drawer_not_opened"


async def test_what_is_said_while_a_command_is_recorded_stays(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker):
        till = box.edge.selling.tills["till-1"]
        box.edge.ledger.listeners.append(
            lambda *_: till.say("card_alarm", "trouble", "Tell a supervisor.")
        )
        await box.command("add_item", code=MILK)
        box.edge.ledger.listeners.pop()
        assert (await box.view())["notice"]["code"] == "card_alarm"
        await box.command("add_item", code=MILK)
        assert (await box.view())["notice"] is None, "the next command wipes it away"


@pytest.mark.parametrize(
    ("status", "outcome", "recorded"),
    [
        (JobStatus.DONE, {"outcome": "pulsed"}, "pulsed"),
        (JobStatus.DONE, None, "not_opened"),
        (JobStatus.DONE, {"outcome": 7}, "not_opened"),
        (JobStatus.UNKNOWN, None, "unknown"),
    ],
)
async def test_what_is_recorded_of_a_drawer(
    tmp_path: Path, status: JobStatus, outcome: object, recorded: str
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["kick_drawer"] = lambda job: JobResult(job.id, status, 1, outcome)
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        await until(lambda: data_of(box, "drawer_opened") != [], what="it is recorded")
        assert [each["outcome"] for each in data_of(box, "drawer_opened")] == [recorded]
        assert len(host.of_kind("kick_drawer")) == 1


async def test_a_receipt_of_unknown_fate_is_repeated_only_so_often(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["print_receipt"] = lambda job: JobResult(job.id, JobStatus.UNKNOWN, 1)
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        await until(
            lambda: len(data_of(box, "receipt_printed")) > COPIES_MAX, what="the last attempt"
        )
        printed = data_of(box, "receipt_printed")
        assert [each.get("copy", 0) for each in printed] == list(range(COPIES_MAX + 1))
        view = await box.view()
        assert view["receipt"]["state"] == "unknown"
        assert len({job.id for job in host.of_kind("print_receipt")}) == COPIES_MAX + 1
        await until(lambda: len(data_of(box, "drawer_opened")) == 1, what="the drawer too")
        assert await box.edge.ledger.open_jobs() == []


async def test_a_receipt_of_a_sale_that_left_the_screen_says_nothing_there(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker, obliging=False) as host:
        host.answers["kick_drawer"] = done({"outcome": "opened"})
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        await until(lambda: len(host.of_kind("print_receipt")) == 1, what="the job came")
        (job,) = host.of_kind("print_receipt")
        await box.command("add_item", code=MILK)

        async def answer(status: JobStatus) -> None:
            await host.answer("printer-1", job.id, status, code="no_paper", detail="No paper.")

        await answer(JobStatus.ACCEPTED)
        await answer(JobStatus.FAILED)
        await until(lambda: len(data_of(box, "receipt_printed")) == 1, what="it is recorded")
        assert data_of(box, "receipt_printed")[0]["evidence"] == "failed"
        view = await box.view()
        assert view["state"] == "open"
        assert "paper" not in str(view["receipt"])


async def test_a_till_without_printer_and_drawer_sells_and_says_that_no_receipt_comes(
    tmp_path: Path,
) -> None:
    scanner = tuple(device for device in DEVICES if device.id == "scanner-1")
    async with selling_box(tmp_path, devices=scanner) as box, fake_host(box.broker) as host:
        await box.command("add_item", code=MILK)
        _, view = await box.command("take_cash", amount_minor=200)
        assert (view["state"], view["receipt"]["state"]) == ("done", "none")
        assert await box.edge.ledger.open_jobs() == []
        assert host.jobs == []
    async with selling_box(tmp_path, devices=scanner) as box:
        assert (await box.view())["receipt"]["state"] == "none"


async def test_a_nearly_full_disk_ends_what_is_begun_and_begins_nothing(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        _, opened = await box.command("add_item", code=MILK)
        box.edge.selling.check_storage = DiskSpace(tmp_path, free_min_bytes=NEVER_ENOUGH).check
        status, view = await box.command("add_item", code=MILK)
        assert (status, view["total_minor"]) == (200, 258)
        status, view = await box.command("take_cash", amount_minor=258)
        assert (status, view["state"]) == (200, "done")
        status, refusal = await box.command("add_item", code=MILK)
        assert (status, refusal["code"]) == (503, "disk_full")
        view = await box.view()
        assert (view["state"], view["sale_id"]) == ("done", opened["sale_id"])
        assert view["notice"]["code"] == "disk_full"
