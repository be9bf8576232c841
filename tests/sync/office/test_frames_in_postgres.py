"""Head office with its frames in PostgreSQL: the same answers, and troubles that pass."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge.contract.errors import SettingsInvalid
from edge.contract.replication import Denied, Welcome
from edge.runtime.settings_file import load
from sync.appending.postgres_address import PostgresAddress
from sync.office.settings import OfficeSettings, PostgresSettings
from tests.postgres_server import PASSWORD, PostgresServer
from tests.sync.office.head_office import Box, Served, serve
from tests.sync.office.postgres_office import kept_in, send, some_boxes
from tests.sync.test_both_ends import Ends, projected, sale, until

# --- the same answers ---------------------------------------------------------------------


@pytest.mark.parametrize("partitions", [1, 3])
async def test_sales_are_the_same_wherever_their_frames_are(
    tmp_path: Path, address: PostgresAddress, partitions: int
) -> None:
    boxes = some_boxes()
    answers = []
    for name, more in (
        ("file", {}),
        ("server", kept_in(tmp_path, address, partitions)),
    ):
        async with serve(tmp_path / name, *boxes, **more) as served:
            await send(served, *boxes)
            sales = await served.sales()
            stores = [await served.store(box.store) for box in boxes]
            frames = await served.office.file.read(
                lambda connection: connection.execute("SELECT count(*) FROM frame").fetchone()
            )
        for each in sales:
            each.pop("arrival", None)
        for store in stores:
            store.pop("last_contact_ms", None)
            store.pop("last_contact", None)
            store.pop("connected", None)
        answers.append((sorted(sales, key=lambda one: str(one["sale_id"])), stores))
        assert (frames[0] > 0) == (name == "file")
    assert len(answers[0][0]) > 30
    assert answers[0] == answers[1]


async def test_a_restart_goes_on_in_every_partition(
    tmp_path: Path, address: PostgresAddress
) -> None:
    boxes = some_boxes()
    more = kept_in(tmp_path, address)
    async with serve(tmp_path / "office", *boxes, **more) as served:
        await send(served, *boxes)
        before = await served.sales()
        positions = dict(served.office.projector.positions)
        assert len([each for each in positions.values() if each]) == 3
        cursors = await served.office.file.read(
            lambda connection: connection.execute(
                "SELECT name, position FROM projection"
            ).fetchall()
        )
        assert dict(cursors) == {
            "sales": positions[0],
            "sales 1": positions[1],
            "sales 2": positions[2],
        }
    for box in boxes:
        box.sell("one more")
    async with serve(tmp_path / "office", *boxes, **more) as served:
        assert served.office.projector.positions == positions
        await send(served, *boxes)
        after = await served.sales()
    assert after[: len(before)] == before
    assert [each["sale_id"] for each in after[len(before) :]] == ["one more"] * 4


async def test_what_was_parked_is_read_again_in_its_partition(
    tmp_path: Path, address: PostgresAddress
) -> None:
    box = Box("shop-2", 2)
    box.sell("a")
    box.sell("b")
    more = kept_in(tmp_path, address)
    async with serve(tmp_path / "office", box, **more) as served:
        await send(served, box)

        def as_if_unknown(connection: Any) -> None:
            connection.execute("INSERT INTO parked VALUES (2, 1, 8, 'sale_completed', 1, 1)")
            connection.execute("UPDATE sale SET arrival = NULL, state = 'open' WHERE sale = 'b'")

        await served.office.file.write(as_if_unknown)
    async with serve(tmp_path / "office", box, **more) as served:
        async with asyncio.timeout(20):
            while len(await served.sales()) < 2:
                await asyncio.sleep(0.01)
        assert (await served.store("shop-2"))["parked"] == 0


# --- troubles that pass -------------------------------------------------------------------


async def _events_of(served: Served) -> list[str]:
    return [json.loads(line)["event"] for line in served.log.getvalue().splitlines()]


async def test_while_the_server_is_away_boxes_are_told_busy_and_come_back(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    address = await own_postgres.new_database()
    box = Box()
    box.sell("a")
    async with serve(tmp_path / "office", box, **kept_in(tmp_path, address)) as served:
        await send(served, box)
        box.sell("b")
        async with served.session(box) as (line, _):
            own_postgres.stop()
            await line.send(box.frame(4))
            refusal = await line.hear(Denied)
            assert refusal.code == "busy"
            assert "PostgreSQL at 127.0.0.1" in refusal.message
            assert await line.next() is None
        async with served.line(box) as line:  # and at the door
            assert (await line.hear(Denied)).code == "busy"
        status, body = await served.ask("GET", "/health", signed_in=False)
        item = next(each for each in body["items"] if each["name"] == "event_store")
        assert not item["well"], (status, body)
        assert [each["sale_id"] for each in await served.sales()] == ["a"]  # what is known stays
        own_postgres.start()
        async with asyncio.timeout(20):
            while True:
                async with served.line(box) as line:
                    if isinstance(await line.next(), Welcome):
                        break
                await asyncio.sleep(0.05)
        await send(served, box)
        assert [each["sale_id"] for each in await served.sales()] == ["a", "b"]
        told = await _events_of(served)
        assert told.count("event_store_away") == 1
        assert told.count("event_store_back") == 1
        assert "task_defect" not in told
        assert "task_failed" not in told
        assert PASSWORD not in served.log.getvalue()


@pytest.fixture
async def ends(tmp_path: Path, own_postgres: PostgresServer) -> AsyncIterator[Ends]:
    both = Ends(tmp_path)
    both.frames_kept = kept_in(tmp_path, await own_postgres.new_database())
    await both.edge.start()
    yield both
    await both.edge.stop()


async def test_a_real_box_catches_up_by_itself_after_a_crash_of_the_server(
    ends: Ends, own_postgres: PostgresServer
) -> None:
    ends.edge.record(*sale("s1", 100))
    async with ends.office() as office, ends.replicator(office.web.port):
        await until(lambda: ends.edge.in_step)
        own_postgres.crash()
        ends.edge.record(*sale("s2", 200))
        await asyncio.sleep(0.3)
        assert not ends.edge.in_step
        own_postgres.start()
        ends.edge.record(*sale("s3", 300))
        await until(lambda: ends.edge.in_step, within_s=40)
        sales, reasons = await projected(office)
    assert sales == [("s1", 100), ("s2", 200), ("s3", 300)]
    assert reasons == []


async def test_a_server_restored_from_a_copy_ends_the_process_and_the_next_one_asks_again(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    address = await own_postgres.new_database()
    more = kept_in(tmp_path, address, 1)
    copy = own_postgres.folder / "copy"
    boxes = [Box(), Box("far-away", 2)]
    for box in boxes:
        box.sell("a")
    async with serve(tmp_path / "office", *boxes, **more) as served:
        await send(served, *boxes)
        own_postgres.stop()
        # cp: owners and all, as a backup has them
        subprocess.run(["cp", "-a", own_postgres.data, copy], check=True)
        own_postgres.start()
        for box in boxes:
            box.sell("b")
        await send(served, *boxes)
        before = await served.sales()
        own_postgres.crash()
        shutil.rmtree(own_postgres.data)
        copy.rename(own_postgres.data)
        own_postgres.start()
        boxes[0].sell("c")
        async with served.line(boxes[0]) as line:
            # its own head is further than what is here: welcomed, and refused when it sends
            word = await line.next()
            if isinstance(word, Welcome):
                await line.send(boxes[0].frame(word.head.seq))
        watched = served.office.watched
        async with asyncio.timeout(20):
            while not any(each.failure for each in watched):
                async with served.line(boxes[1]) as line:
                    word = await line.next()
                    if isinstance(word, Welcome):
                        await line.send(boxes[1].frame(word.head.seq))
                        while await line.next() is not None:
                            pass
                await asyncio.sleep(0.05)
        assert [each.failure.code for each in watched if each.failure] == ["store_went_back"]
    async with serve(tmp_path / "office", *boxes, **more) as served:
        assert served.office.projector.positions == {0: 2}  # not 4: new frames come there
        await send(served, *reversed(boxes))
        after = await served.sales()
        assert after[: len(before)] == before  # nothing twice
        assert [each["sale_id"] for each in after[len(before) :]] == ["c"]


async def test_an_office_does_not_change_the_place_of_its_frames(
    tmp_path: Path, address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    box = Box()
    box.sell("a")
    other = await shared_postgres.new_database()
    for name, first, later in (
        ("one", {}, kept_in(tmp_path, address)),
        ("two", kept_in(tmp_path, address), {}),
        ("three", kept_in(tmp_path, address), kept_in(tmp_path, other)),
    ):
        async with serve(tmp_path / name, box, **first) as served:
            await send(served, box)
        with pytest.raises(SettingsInvalid) as refused:
            async with serve(tmp_path / name, box, **later):
                pass
        assert refused.value.code == "frames_elsewhere"
        async with serve(tmp_path / name, box, **first) as served:
            assert len(await served.sales()) == 1


# --- settings -----------------------------------------------------------------------------


async def test_a_store_in_postgres_needs_to_know_where(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        async with serve(tmp_path / "office", store="postgres"):
            pass
    assert refused.value.code == "postgres_missing"


def test_settings_name_the_file_beside_them(tmp_path: Path) -> None:
    file = tmp_path / "office.toml"
    text = (
        'data_dir = "data"\npepper_file = "p"\nsigning_key_file = "k"\nstore = "postgres"\n'
        '[postgres]\ndsn_file = "postgres.dsn"\npartitions = '
    )
    file.write_text(f"{text}16\n")
    settings = load(file, OfficeSettings)
    assert settings.postgres == PostgresSettings(tmp_path / "postgres.dsn", partitions=16)
    file.write_text(f"{text}65\n")
    with pytest.raises(SettingsInvalid, match=r"postgres\.partitions"):
        load(file, OfficeSettings)


def test_without_the_library_the_words_say_what_to_install(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "sys.modules['asyncpg'] = None\n"
        "from pathlib import Path\n"
        "from edge.contract.errors import SettingsInvalid\n"
        "from sync.office.settings import PostgresSettings\n"
        "from tests.sync.office.head_office import serve\n"
        "async def main():\n"
        "    more = {'store': 'postgres', 'postgres': PostgresSettings(Path('none'))}\n"
        "    async with serve(Path(sys.argv[1]), **more): pass\n"
        "try: asyncio.run(main())\n"
        "except SettingsInvalid as error: print(error.code, error.advice)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "library_missing Install tillbox[postgres]."
