"""A second copy that fails or dies while it follows a mended history: all of it, or nothing."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from edge.contract.replication import Kept
from edge.runtime.history_file import read_history
from tests.sync.keeper.mended_story import PARENT, Story, in_frames, kept_bodies, send
from tests.sync.keeper.second_copy import SecondCopy, keep
from tests.sync.keeper.test_keep_command import keeper_key, serving, setting_up, tillbox
from tests.sync.office.head_office import Box


@pytest.fixture
def story() -> Story:
    box = Box()
    for number in range(4):
        box.sell(f"sale-{number}")
    return Story(box)


_STEPS = (
    ("INSERT", "branch_aside"),
    ("INSERT", "frame_aside"),
    ("DELETE", "frame"),
    ("DELETE", "head"),
    ("INSERT", "head"),
    ("UPDATE", "box"),
    ("INSERT", "alarm"),
)


@pytest.mark.parametrize(("what", "table"), _STEPS)
async def test_what_fails_at_any_step_leaves_all_as_it_was(
    tmp_path: Path, story: Story, what: str, table: str
) -> None:
    folder = tmp_path / "keep"
    more = {"office_key": story.office.public.hex}
    async with keep(folder, story.before, **more) as copy:
        await send(copy, story.before, 5, PARENT)
        before = await kept_bodies(copy)
    with closing(sqlite3.connect(folder / "keep.db")) as db:
        guard = "WHEN new.gen = 2 " if table == "box" else ""
        db.execute(
            f"CREATE TRIGGER full BEFORE {what} ON {table} {guard}"
            "BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
        db.commit()
    async with keep(folder, **more) as copy:
        async with copy.line(story.mended, mended=story.proof()) as line:
            assert await line.next() is None
        assert await kept_bodies(copy) == before
        (known,) = await copy.keeper.boxes.all()
        assert known.gen == 1
        await copy.keeper.file.write(lambda db: db.execute("DROP TRIGGER full"))
        await send(copy, story.mended, mended=story.proof())


async def test_killed_anywhere_it_follows_and_has_every_event(
    tmp_path: Path, free_port: int
) -> None:
    seed = int(os.environ.get("TILLBOX_KEEP_SEED", "20261127"))
    print(f"TILLBOX_KEEP_SEED={seed}")
    chance = random.Random(seed)
    box = Box()
    for number in range(4):
        box.sell(f"sale-{number}")
    story = Story(box)
    config = tmp_path / "keep.toml"
    config.write_text(
        f'data_dir = "data"\nsigning_key_file = "secrets/keep.key"\n'
        f'office_key = "{story.office.public.hex}"\n[web]\nport = {free_port}\n'
    )
    await setting_up(config, box)
    url = f"http://127.0.0.1:{free_port}"
    old = in_frames(box, 5, 10, PARENT)
    async with ClientSession() as http:
        async with serving(config):
            copy = _client(http, url, config)
            async with copy.session(box) as (line, _):
                for frame in old:
                    await line.upload(frame)
        told = 0
        for _ in range(5):
            async with serving(config) as process:
                copy = _client(http, url, config)
                dying = asyncio.create_task(_dies(process, chance.uniform(0, 0.04)))
                try:
                    async with copy.session(story.mended, mended=story.proof()) as (line, here):
                        assert here.head.seq >= told
                        for frame in in_frames(story.mended, *range(13, 30), first=here.head.seq):
                            told = (await line.upload(frame)).kept.seq
                except (AssertionError, ClientError, OSError) as error:
                    if isinstance(error, AssertionError) and "None where" not in str(error):
                        raise  # it said something else before it died
                await dying
            _check_nothing_lost(config, old)
        async with serving(config):
            copy = _client(http, url, config)
            async with copy.session(story.mended, mended=story.proof()) as (line, here):
                assert here.head.seq >= told
                for frame in in_frames(story.mended, first=here.head.seq):
                    assert isinstance(await line.upload(frame), Kept)
    _check_nothing_lost(config, old)
    out = tmp_path / "old.history"
    assert await asyncio.to_thread(tillbox, config, "export", "--set-aside", "1", "--out", out) == 0
    assert list(read_history(out).frames()) == old


async def _dies(process: asyncio.subprocess.Process, after_s: float) -> None:
    await asyncio.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    await process.wait()


def _client(http: ClientSession, url: str, config: Path) -> SecondCopy:
    keeper: Any = argparse.Namespace(web=argparse.Namespace(origin=url))
    key: Any = argparse.Namespace(public=argparse.Namespace(hex=keeper_key(config)))
    nothing: Any = None
    return SecondCopy(keeper, nothing, key, http, nothing)


def _check_nothing_lost(config: Path, old: list[bytes]) -> None:
    """Every frame of the old history is in one of both tables, once."""
    with closing(sqlite3.connect(config.parent / "data" / "keep.db")) as db:
        rows = db.execute("SELECT body FROM frame UNION ALL SELECT body FROM frame_aside")
        bodies = [body for (body,) in rows]
    assert [bodies.count(each) for each in old] == [1] * len(old)
