from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from typing_extensions import override

from edge.contract.errors import StorageFailed
from edge.contract.line_class import LineUse
from edge.contract.replication import LinkReport
from edge.flows.box_health import BoxHealth
from edge.flows.device_directory import DeviceDirectory
from edge.flows.feed_trust import FeedTrust
from edge.flows.job_dispatch import JobDispatch
from edge.flows.kept_copies import KeptCopies
from edge.flows.link_state import LinkState
from edge.flows.open_drawers import OpenDrawers
from edge.flows.terminal_day_board import TerminalDayBoard
from edge.ledger.disk_space import DiskSpace
from edge.ledger.kept_words import KeptWords
from edge.runtime.database_file import DatabaseFile
from edge.runtime.memory_bus import MemoryBroker
from tests.flows.box import MILK, Box, bare_box, selling_box
from tests.flows.fake_host import until

NEVER_ENOUGH = 2**62


async def items(box: Box) -> tuple[int, dict[str, dict[str, Any]]]:
    status, body = await box.call("GET", "/health")
    return status, {item["name"]: item for item in body["items"]}


async def test_a_box_that_waits_for_its_first_data_says_what_it_waits_for(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        _, before = await items(box)
        assert not before["reference"]["well"]
        assert "has not sent" in before["reference"]["words"]
        assert "Check the line" in before["reference"]["advice"]
        assert before["ledger"]["well"]
        await box.feed()
        _, after = await items(box)
        assert after["reference"]["well"]


async def test_a_broker_that_is_gone_is_said_and_cash_is_taken(tmp_path: Path) -> None:
    broker = MemoryBroker()
    async with selling_box(tmp_path, broker=broker) as box:
        await until(lambda: box.edge.bus.connected, what="the bus")
        assert (await items(box))[1]["bus"]["well"]
        broker.stop()
        _, found = await items(box)
        assert not found["bus"]["well"]
        assert "Cash sales go on" in found["bus"]["words"]
        await box.command("add_item", code=MILK)
        status, view = await box.command("take_cash", amount_minor=200)
        assert (status, view["state"]) == (200, "done")


async def test_the_line_to_head_office_and_what_waits_for_it(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        _, found = await items(box)
        assert not found["link"]["well"]
        assert "sales that wait: 1" in found["link"]["words"]
        assert found["link"]["advice"] == "Selling goes on; nothing needs to be done."
        link = {"state": "down", "reason": "This box is a copy of another. Call head office."}
        await box.call("POST", "/internal/v1/replica/link", link, headers=box.service)
        _, found = await items(box)
        assert found["link"]["advice"] == link["reason"]
        link = {"state": "up"}
        await box.call("POST", "/internal/v1/replica/link", link, headers=box.service)
        assert (await items(box))[1]["link"]["well"]
        link = {"state": "down"}
        await box.call("POST", "/internal/v1/replica/link", link, headers=box.service)
        _, found = await items(box)
        assert found["link"]["advice"] == "Selling goes on; nothing needs to be done."


class FailedFile(DatabaseFile):
    """The ledger's file once a commit has failed."""

    @property
    @override
    def failure(self) -> StorageFailed:
        return StorageFailed("commit_outcome_unknown", "It is not on disk.", advice="Replace it.")


async def test_a_full_disk_and_a_failed_one_are_said_with_what_to_do(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        health = BoxHealth(
            FailedFile(tmp_path / "ledger.db", ()),
            box.edge.access.reference,
            cast("DeviceDirectory", None),  # the devices are not asked
            LinkState(box.edge.ledger, box.edge.selling.clock, lambda: None),
            DiskSpace(tmp_path, free_min_bytes=NEVER_ENOUGH),
            box.edge.bus,
            cast("JobDispatch", None),  # nor the jobs
            box.edge.selling.gathering.desk,
            cast("OpenDrawers", None),  # nor the drawers
            box.edge.fiscal,
            TerminalDayBoard(lambda: "EUR"),
            FeedTrust("", "", box.edge.access.reference, box.edge.log),
            KeptCopies(
                box.edge.ledger,
                KeptWords(box.edge.ledger_file),
                {},
                box.edge.selling.clock,
                lambda _after, _upto: None,
            ),
        )
        found = {item.name: item for item in health.items()}
    assert [name for name, item in found.items() if item.well] == [
        "reference", "bus", "cards", "terminal_days",
    ]  # fmt: skip
    assert "no new sale can begin" in found["disk"].words
    assert "Make room" in found["disk"].advice
    assert (found["ledger"].words, found["ledger"].advice) == ("It is not on disk.", "Replace it.")


async def test_what_is_open_is_counted(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        _, text = await box.call("GET", "/metrics")
        lines = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if line[0] != "#")
        assert float(lines["tillbox_sales_waiting"]) == 1
        assert float(lines["tillbox_sales_waiting_minor"]) == 129
        assert float(lines["tillbox_lag_events"]) == (await box.edge.ledger.head()).seq
        assert float(lines["tillbox_lag_seconds"]) >= 0
        assert float(lines["tillbox_feed_age_seconds"]) >= 0
        assert float(lines["tillbox_device_jobs_open"]) == 2
        assert float(lines["tillbox_device_messages_dropped"]) == 0
        assert float(lines["tillbox_ledger_commits"]) >= 1
        assert float(lines["tillbox_disk_free_bytes"]) > 0


async def test_what_is_left_of_a_month_of_a_line_that_costs(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        assert "line" not in (await items(box))[1], "nobody counts"
        for used, line, well, advice in (
            (799, "metered", True, ""),
            (800, "metered", False, "wait for the next month"),
            (1_000, "spent", False, "Sales still go up"),
        ):
            use = LineUse(used * 1_048_576, 1_000 * 1_048_576, "2026-11-01")
            report = LinkReport("up", line=line, use=use)
            status, _ = await box.call(
                "POST", "/internal/v1/replica/link", report, headers=box.service
            )
            assert status == 204
            found = (await items(box))[1]["line"]
            assert (found["well"], found["words"]) == (
                well,
                f"{used // 10} % of the 1000 MiB are used that the line has a month.",
            )
            assert advice in found.get("advice", "")
        _, text = await box.call("GET", "/metrics")
        assert f"tillbox_line_bytes {1_000 * 1_048_576}" in text.decode()


async def test_on_a_line_that_costs_a_sale_waits_for_company(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        _, about = await box.call("GET", "/internal/v1/replica/status", headers=box.service)
        at = f"/internal/v1/replica/frame?after={about['head']['seq']}&wait_s=2"
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        asked = asyncio.create_task(box.call("GET", f"{at}&line=metered", headers=box.service))
        assert (await box.call("GET", at, headers=box.service))[0] == 200
        assert (await asked)[0] == 204
