"""Backlogs of boxes over real sockets: they wait for a budget, and live sales do not."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from edge.contract.limits import (
    SESSIONS_GREETING_MAX,
    UPLOAD_SLICE_FRAMES,
    UPLOAD_TAIL_EVENTS_MAX,
    UPLOADS_AT_ONCE_MAX,
)
from edge.contract.reference_data import FEED_ORDER, Feed
from edge.contract.replication import BUDGET, Ack, Budget, FeedDown
from tests.sync.office.head_office import Box, Line, Served, new_key, serve

LONG = UPLOAD_TAIL_EVENTS_MAX // 4 + 1
"""Sales of four events that are no tail any more."""
CURSORS = {str(feed): 0 for feed in FEED_ORDER}


def box_of(number: int, sales: int) -> Box:
    box = Box(f"shop-{number}", number, key=new_key())
    for index in range(sales):
        box.sell(f"{number}-{index}")
    return box


async def words(line: Line, *kinds: type) -> dict[type, Any]:
    """Take what head office says until there was one of each kind; return the first of each."""
    found: dict[type, Any] = {}
    while not found.keys() >= set(kinds):
        word = await line.next()
        assert word is not None
        found.setdefault(type(word), word)
    return found


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as served:
        yield served


async def test_a_backlog_is_told_when_and_a_box_in_step_is_not(served: Served) -> None:
    backlog, live = box_of(1, LONG), box_of(2, 3)
    await served.add(backlog)
    await served.add(live)
    async with served.session(backlog, hears=(BUDGET,)) as (line, welcome):
        assert welcome.budget == 0
        assert await line.hear(Budget) == Budget(UPLOAD_SLICE_FRAMES)
        half = len(backlog.bodies) // 2
        assert (await line.upload(backlog.frame(0, half))).accepted.seq == half
        await line.send(backlog.frame(half))
        last = await words(line, Ack, Budget)
        assert (last[Ack].accepted, last[Budget]) == (backlog.head, Budget(None))
    async with served.session(live, hears=(BUDGET,)) as (line, welcome):
        assert welcome.budget is None
        assert (await line.upload(live.frame())).accepted == live.head


async def test_an_older_box_is_told_nothing_and_sends_all(served: Served) -> None:
    box = box_of(1, LONG)
    await served.add(box)
    async with served.session(box) as (line, welcome):
        assert welcome.budget is None
        assert (await line.upload(box.frame())).accepted == box.head
        assert not [word for word in line.heard if isinstance(word, Budget)]


async def test_the_line_moves_on_when_a_box_goes_and_feeds_do_not_wait(served: Served) -> None:
    boxes = [box_of(number, LONG) for number in range(1, UPLOADS_AT_ONCE_MAX + 2)]
    for box in boxes:
        await served.add(box)
    async with AsyncExitStack() as stack:
        for box in boxes[:-1]:
            line, _ = await stack.enter_async_context(served.session(box, hears=(BUDGET,)))
            await line.hear(Budget)
        async with served.session(boxes[-1], hears=(BUDGET,), cursors=CURSORS) as (
            waiting,
            welcome,
        ):
            assert welcome.budget == 0
            await line.socket.close()
            came = await words(waiting, Budget, FeedDown)
            assert came[Budget] == Budget(UPLOAD_SLICE_FRAMES)


async def test_frames_leave_nothing_behind_in_memory(served: Served) -> None:
    box = box_of(1, 400)
    await served.add(box)
    async with served.session(box) as (line, _):
        await line.send(*(box.frame(after, after + 400) for after in range(0, 1_600, 400)))
        while (await line.hear(Ack)).accepted != box.head:
            pass
    status, text = await served.ask("GET", "/metrics")
    assert status == 200
    assert b"tillbox_office_frames_queued_bytes 0\n" in text
    assert b"tillbox_office_backlogs_waiting 0\n" in text


async def test_too_many_that_say_nothing_are_told_to_come_again(served: Served) -> None:
    box = box_of(1, 1)
    await served.add(box)
    async with AsyncExitStack() as stack:
        strangers = [await stack.enter_async_context(served.raw_line()) for _ in range(20)]
        served.office.boxes._greeting += SESSIONS_GREETING_MAX - len(strangers)
        with pytest.raises(WSServerHandshakeError) as refused:
            await stack.enter_async_context(served.raw_line())
        assert refused.value.status == 503
        await strangers[0].socket.close()
        async with asyncio.timeout(20):
            while served.office.boxes._greeting >= SESSIONS_GREETING_MAX:
                await asyncio.sleep(0.005)
        async with served.session(box) as (line, _):
            await line.upload(box.frame())


async def test_the_greeting_of_a_known_box_reads_one_store_and_commits_nothing(
    served: Served,
) -> None:
    boxes = [box_of(number, 1) for number in range(1, 31)]
    for box in boxes:
        await served.add(box)
    async with served.session(boxes[7]) as (line, _):
        await line.upload(boxes[7].frame())
    await served.until_projected(boxes[7].head.seq, boxes[7].store)
    rows = 0
    file = served.office.file
    read = file.read

    async def counting(query: Any) -> Any:
        def counted(connection: sqlite3.Connection) -> Any:
            class Watched:
                def execute(self, *words: Any) -> Any:
                    nonlocal rows
                    found = connection.execute(*words)
                    if " FROM store" in words[0]:
                        kept = found.fetchall()
                        rows += len(kept)
                        return connection.execute(*words)
                    return found

            return query(Watched())

        return await read(counted)

    before = file.counts.commits
    file.read = counting
    rows = 0
    assert await served.office.directory.by_slug(boxes[7].store) is not None
    assert rows == 1
    file.read = read
    async with served.session(boxes[7]):
        assert file.counts.commits == before


async def test_a_change_of_one_feed_has_only_that_one_looked_through(served: Served) -> None:
    box = box_of(1, 1)
    await served.add(box)
    pages: list[Feed] = []
    page = served.office.feeds.page

    async def noted(feed: Feed, *words: Any, **more: Any) -> Any:
        pages.append(feed)
        return await page(feed, *words, **more)

    async with served.session(box, cursors=CURSORS) as (line, _):
        await words(line, FeedDown)
        await asyncio.sleep(0.3)
        served.office.feeds.page = noted
        served.office.feeds.changed(Feed.PRICE)
        async with asyncio.timeout(20):
            while not pages:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
    assert set(pages) == {Feed.PRICE}
