"""`tillbox office export` and `take`: a store's history goes out as a file, and comes in."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import pytest

from edge.contract.errors import Refused
from edge.contract.history_file import HistoryBox, HistoryHeader
from edge.contract.replication import Ack, Denied
from edge.contract.system_events import GenerationOpened
from edge.runtime.history_file import read_history, write_history
from sync.office.main import COMMAND
from tests.sync.office.head_office import Box, Served, serve


@pytest.fixture
async def box() -> Box:
    box = Box()
    for number in range(6):
        box.sell(f"sale-{number}")
    return box


def office(folder: Path, *words: str | Path) -> int:
    """Run a command on the files of an office, which may be running."""
    config = folder / "office.toml"
    config.write_text('data_dir = "."\npepper_file = "pepper"\nsigning_key_file = "office.key"\n')
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args(["--config", str(config), *map(str, words)]))


def carried(path: Path, box: Box, *frames: bytes) -> Path:
    owner = HistoryBox(box.gen, box.key.public.hex)
    write_history(path, HistoryHeader(box.number, box.store, (owner,), "a test", 1), frames)
    return path


async def until_sold(served: Served, count: int) -> list[str]:
    async with asyncio.timeout(20):
        while len(found := [sale["sale_id"] for sale in await served.sales()]) < count:
            await asyncio.sleep(0.02)
    return found


async def test_a_running_head_office_shows_what_was_taken_beside_it(
    tmp_path: Path, box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "office"
    async with serve(folder, box) as served:
        async with served.session(box) as (line, _):
            await line.upload(box.frame(0, 6))  # in the middle of the second sale
        path = carried(
            tmp_path / "f.history", box, box.frame(0, 4), box.frame(4, 15), box.frame(15)
        )
        assert await asyncio.to_thread(office, folder, "take", path) == 0
        assert "events 7 to 24 are at head office now" in capsys.readouterr().out
        assert sorted(await until_sold(served, 6)) == [f"sale-{n}" for n in range(6)]
        store = await served.store()
        assert (store["quarantined"], store["alarms"], store["projected_seq"]) == (0, [], 24)
        assert await asyncio.to_thread(office, folder, "take", path) == 0
        assert "has all of it" in capsys.readouterr().out
        # the box was not burnt after all: it goes on
        box.sell("later")
        async with served.session(box) as (line, welcome):
            assert welcome.head.seq == 24
            assert (await line.upload(box.frame(24))).accepted == box.head
        assert len(await until_sold(served, 7)) == 7


async def test_while_the_box_sends_too_nothing_comes_twice(tmp_path: Path, box: Box) -> None:
    folder = tmp_path / "office"
    async with serve(folder, box) as served, served.session(box) as (line, _):
        await line.upload(box.frame(0, 4))
        path = carried(tmp_path / "f.history", box, box.frame())
        await asyncio.to_thread(office, folder, "take", path)
        # its session believes in an older head: it is told of the new one
        await line.send(box.frame(4, 8))
        resent = await line.next()
        while getattr(resent, "head", None) is None:
            resent = await line.next()
        assert resent.head == box.head
        # it has nothing more to send that could be answered: its tills have to hear it all the same
        assert (await line.hear(Ack)).accepted == box.head
        assert len(await until_sold(served, 6)) == 6


async def test_what_a_box_without_a_line_had_is_written_out_after_it_is_gone(
    tmp_path: Path, box: Box
) -> None:
    folder = tmp_path / "office"
    out = tmp_path / "out.history"
    async with serve(folder, box) as served:
        path = carried(tmp_path / "f.history", box, box.frame())
        assert await asyncio.to_thread(office, folder, "take", path) == 0
        body = {"box_key": Box(gen=2).key.public.hex, "gen": 2}
        assert (await served.ask("PUT", "/api/v1/stores/harbour-street/box", body))[0] == 200
        words = ("export", "--store", box.store, "--out", out)
        assert await asyncio.to_thread(office, folder, *words) == 0
    assert read_history(out).header.boxes[0] == HistoryBox(1, box.key.public.hex)


async def test_what_is_written_is_taken_by_another_head_office(
    tmp_path: Path, box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.history"
    async with serve(tmp_path / "old", box) as served:
        async with served.session(box) as (line, _):
            await line.upload(box.frame(0, 10))
        new = Box(gen=2, bodies=box.bodies[:10])
        old = Box(bodies=box.bodies[:10]).head
        new.record(GenerationOpened(parent_gen=1, parent_seq=10, parent_hash=old.hash, source="x"))
        new.sell("later")
        body = {"box_key": new.key.public.hex, "gen": 2}
        assert (await served.ask("PUT", "/api/v1/stores/harbour-street/box", body))[0] == 200
        async with served.session(new) as (line, _):
            await line.upload(new.frame(10))
        words = ("export", "--store", box.store, "--out", out)
        assert await asyncio.to_thread(office, tmp_path / "old", *words) == 0
    assert "events 1 to 15 of store harbour-street, in 2 frames" in capsys.readouterr().out
    history = read_history(out)
    assert history.header.written_by == "head office"
    assert [each.gen for each in history.header.boxes] == [1, 2]
    async with serve(tmp_path / "new", box) as served:
        # it knows the box of before: a person says first that another one took its place
        with pytest.raises(Refused, match="does not fit"):
            await asyncio.to_thread(office, tmp_path / "new", "take", out)
        async with served.line(box, head=Box().head) as line:
            assert not isinstance(await line.next(), Denied)
        assert (await served.ask("PUT", "/api/v1/stores/harbour-street/box", body))[0] == 200
        assert await asyncio.to_thread(office, tmp_path / "new", "take", out) == 0
        assert sorted(await until_sold(served, 3)) == ["later", "sale-0", "sale-1"]


async def test_what_does_not_belong_here_is_refused_in_words(tmp_path: Path, box: Box) -> None:
    folder = tmp_path / "office"
    far = Box(store="far-street", number=2)
    far.sell("far")
    async with serve(folder, box) as served:
        for path, words in (
            (carried(tmp_path / "far", far, far.frame()), "far-street is not registered"),
            (carried(tmp_path / "gap", box, box.frame(3)), "does not follow what is here"),
            (tmp_path / "nothing", "cannot be read"),
            (folder / "office.toml", "is no history of a store"),
        ):
            with pytest.raises(Refused, match=words):
                await asyncio.to_thread(office, folder, "take", path)
        for slug, words in (
            (far.store, "far-street is not registered"),
            (box.store, "Nothing of store"),
        ):
            asked = ("export", "--store", slug, "--out", tmp_path / "out")
            with pytest.raises(Refused, match=words):
                await asyncio.to_thread(office, folder, *asked)
        assert await served.sales() == []
    assert not (tmp_path / "out").exists()
