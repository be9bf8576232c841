"""An office that outgrew its own file takes its frames along, once, all of them or none."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest

from edge.contract.envelope import GENESIS
from edge.contract.errors import Refused, SettingsInvalid
from edge.contract.replication import Head
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from sync.appending.postgres_address import PostgresAddress
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.office.database import office_database
from sync.office.frame_keeping import remote_frames
from sync.office.frame_moving import move_frames
from sync.office.settings import OfficeSettings
from tests.postgres_server import PostgresServer
from tests.sync.appending.opened_postgres import opened
from tests.sync.office.head_office import Box, serve
from tests.sync.office.postgres_office import kept_in, send, some_boxes
from tests.sync.office.test_office_command import tillbox


async def _moved(folder: Path, more: dict[str, Any]) -> int:
    """Move as the command does, from the files of a stopped head office."""
    settings = OfficeSettings(folder, folder / "pepper", folder / "office.key", **more)
    clock, log = SystemClock(), open_log("office", io.StringIO())
    file = office_database(settings.database_file)
    await file.open()
    try:
        async with (
            Supervisor(clock, log) as tasks,
            remote_frames(settings, clock, log, tasks) as there,
        ):
            return await move_frames(file, SqliteEventStore(file, clock), there)
    finally:
        await file.close()


async def test_an_office_that_outgrew_its_file_takes_everything_along(
    tmp_path: Path, address: PostgresAddress
) -> None:
    boxes = some_boxes()
    folder, more = tmp_path / "office", kept_in(tmp_path, address)
    async with serve(folder, *boxes) as served:
        await send(served, *boxes)
        for box in boxes:
            box.sell("two frames of each")
        await send(served, *boxes)
        before = await served.sales()

        def as_if_unknown(connection: Any) -> None:
            connection.execute("INSERT INTO parked VALUES (3, 1, 1, 'of_tomorrow', 1, 99)")

        await served.office.file.write(as_if_unknown)
    assert await _moved(folder, more) == 8
    assert await _moved(folder, more) == 0  # said twice, done once
    for box in boxes:
        box.sell("after the move")
    async with serve(folder, *boxes, **more) as served:
        assert served.office.projector.positions == {0: 2, 1: 4, 2: 2}
        parked = await served.office.file.read(
            lambda connection: connection.execute("SELECT store, position FROM parked").fetchall()
        )
        assert parked == [(3, 1)]
        await send(served, *boxes)
        after = await served.sales()
    assert after[: len(before)] == before
    assert [each["sale_id"] for each in after[len(before) :]] == ["after the move"] * 4


async def test_frames_that_moved_once_do_not_move_on(
    tmp_path: Path, address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    folder = tmp_path / "office"
    async with serve(folder):
        pass
    assert await _moved(folder, kept_in(tmp_path, address)) == 0
    other = await shared_postgres.new_database()
    with pytest.raises(SettingsInvalid) as refused:
        await _moved(folder, kept_in(tmp_path, other))
    assert refused.value.code == "frames_elsewhere"
    await shared_postgres.drop_database(other.database)


async def test_a_move_that_broke_off_goes_on(tmp_path: Path, address: PostgresAddress) -> None:
    boxes = some_boxes()
    folder, more = tmp_path / "office", kept_in(tmp_path, address)
    async with serve(folder, *boxes) as served:
        await send(served, *boxes)
    async with opened(address, 3) as there:  # it had come as far as the second box
        for box in boxes[:2]:
            start = Head(1, 0, GENESIS.hex())
            await there.append(box.number, 1, 1, box.frame(), start)
    assert await _moved(folder, more) == 2
    async with serve(folder, *boxes, **more) as served:
        for box in boxes:
            assert (await served.store(box.store))["accepted_seq"] == len(box.bodies)


async def test_nothing_moves_on_top_of_another_history(
    tmp_path: Path, address: PostgresAddress
) -> None:
    box, other = Box(), Box()
    box.sell("a")
    other.sell("b")
    folder, more = tmp_path / "office", kept_in(tmp_path, address)
    async with serve(folder, box) as served:
        await send(served, box)
    async with opened(address, 3) as there:
        await there.append(1, 1, 1, other.frame(), Head(1, 0, GENESIS.hex()))
    with pytest.raises(Refused) as refused:
        await _moved(folder, more)
    assert refused.value.code == "move_meets_another"
    async with serve(folder, box) as served:  # as it was
        assert [each["sale_id"] for each in await served.sales()] == ["a"]


async def test_what_is_not_shown_yet_does_not_move(
    tmp_path: Path, address: PostgresAddress
) -> None:
    box = Box()
    box.sell("a")
    folder, more = tmp_path / "office", kept_in(tmp_path, address)
    async with serve(folder, box) as served:
        await send(served, box)
        await served.office.file.write(
            lambda connection: connection.execute("UPDATE projection SET position = 0")
        )
    with pytest.raises(Refused) as refused:
        await _moved(folder, more)
    assert refused.value.code == "move_too_early"


async def test_a_head_office_that_runs_is_not_moved(
    tmp_path: Path, address: PostgresAddress, capsys: pytest.CaptureFixture[str]
) -> None:
    more = kept_in(tmp_path, address)
    async with serve(tmp_path / "office") as served:
        config = tmp_path / "office.toml"
        config.write_text(
            f'data_dir = "office"\npepper_file = "pepper"\nsigning_key_file = "office.key"\n'
            f'store = "postgres"\n[web]\nport = {served.office.web.port}\n'
            f'[postgres]\ndsn_file = "{more["postgres"].dsn_file.name}"\n'
        )
        words = ["--config", str(config), "move-frames"]
        with pytest.raises(Refused, match="Something serves") as refused:
            await asyncio.to_thread(tillbox, *words)
        assert refused.value.code == "office_runs"
    status = await asyncio.to_thread(tillbox, *words)
    assert (status, capsys.readouterr().out.split()[0]) == (0, "0")
