"""A box that took up what another one sold late: it starts, and its people find what was open."""

from __future__ import annotations

import argparse
import asyncio
import shutil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.ledger.event_log import BusinessCalendar
from edge.ledger.integrity import verify
from edge.ledger.salvaging import salvage_ledger
from edge.runtime.system_clock import SystemClock
from edge.salvaging import COMMAND
from edge.settings import StoreSettings
from tests.flows.box import MILK, Box, bare_box, selling_box
from tests.flows.fake_host import fake_host
from tests.flows.test_lost_history import sell
from tests.flows.test_paying_by_card import ask

NEXT = StoreSettings("harbour-street", 1, gen=2)


async def two_boxes(tmp_path: Path) -> tuple[Path, Path]:
    """The folder of a box and that of the one in its place, as they part."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    async with selling_box(old) as box:
        await sell(box, 1)
    shutil.copytree(old, new)
    return old, new


async def salvage(new: Path, old: Path) -> Any:
    return await salvage_ledger(
        new / "edge", old / "edge" / "ledger.db", SystemClock(), BusinessCalendar(ZoneInfo("UTC"))
    )


async def again(box: Box) -> None:
    await box.enrol()
    await box.sign_in()


async def test_a_card_of_the_old_box_that_nobody_answered_waits_and_holds_nothing_up(
    tmp_path: Path,
) -> None:
    old, new = await two_boxes(tmp_path)
    async with bare_box(old) as box, fake_host(box.broker) as host:
        await again(box)
        await sell(box, 3)
        await ask(box, host)  # and the box is switched off while the terminal is asked
    async with bare_box(new, store=NEXT) as box:
        await again(box)
        await sell(box, 2)
    report = await salvage(new, old)
    assert (report.sales_again, report.receipts_twice) == (1, ("till-1-000002",))
    async with bare_box(new, store=NEXT) as box, fake_host(box.broker) as host:
        await again(box)
        view = await box.view()
        assert view["state"] in {"idle", "done"}, view
        (parked,) = view["parked"]
        assert parked["label"] == "late"
        assert (await sell(box, 1))["receipt_number"] == "till-1-000004"
        assert host.of_kind("authorise_payment") == []
        status, _ = await box.command("resume", sale_id=parked["sale_id"])
        assert status in {200, 409}
        _, health = await box.call("GET", "/health")
        assert health["ready"]
    assert verify(new / "edge" / "ledger.db").whole


async def test_a_sale_that_was_open_on_the_old_box_is_taken_up_and_paid(tmp_path: Path) -> None:
    old, new = await two_boxes(tmp_path)
    async with bare_box(old) as box:
        await again(box)
        await box.command("add_item", code=MILK)
    async with bare_box(new, store=NEXT) as box:
        await again(box)
        await sell(box, 2)
    assert (await salvage(new, old)).sales_again == 0
    async with bare_box(new, store=NEXT) as box:
        await again(box)
        (parked,) = (await box.view())["parked"]
        status, view = await box.command("resume", sale_id=parked["sale_id"])
        assert (status, view["due_minor"]) == (200, 129), view
        _, view = await box.command("take_cash", amount_minor=129)
        assert view["state"] == "done"


@pytest.mark.parametrize("late", [True, False])
async def test_the_command_says_what_was_taken_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], late: bool
) -> None:
    old, new = await two_boxes(tmp_path)
    if late:
        async with bare_box(old) as box:
            await again(box)
            await sell(box, 3)
    config = tmp_path / "edge.toml"
    config.write_text(
        f'data_dir = "{new / "edge"}"\ntills = ["till-1"]\n'
        '[store]\nslug = "harbour-street"\nnumber = 1\ngen = 2\n'
        f'[secrets]\nbox_key_file = "{new / "box.key"}"\npepper_file = "{new / "pepper"}"\n'
        f'service_token_file = "{new / "token"}"\n'
        f'[broker]\nuser = "edge"\npassword_file = "{new / "password"}"\n',
        "utf-8",
    )
    async with bare_box(new, store=NEXT):
        pass
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    given = parser.parse_args(["--config", str(config), str(old / "edge" / "ledger.db")])
    assert await asyncio.to_thread(COMMAND.run, given) == 0
    said = capsys.readouterr().out
    if late:
        assert "Sales taken up: 1; known here already: 0." in said
        assert "set-aside/late-gen1-" in said
    else:
        assert "no sale that is not here" in said
