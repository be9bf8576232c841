"""What is urgent on a slow line: it is there before a catalogue that was under way first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from edge.contract.limits import FEED_BYTES_AHEAD_FIRST
from edge.contract.reference_data import FEED_ORDER, Article, Feed, Urgent
from edge.contract.wire import encode
from sync.office.feeds import NewItem
from tests.sync.test_both_ends import Ends, until

BYTES_S = 60_000
"""Half a megabit: a bad mobile line."""
ARTICLES = 12_000


class SlowLine:
    """Carries bytes between a box and head office; downwards no more than so many a second."""

    def __init__(self, office_port: int) -> None:
        self.office_port = office_port
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0, limit=1_024)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _carry(self, box: asyncio.StreamReader, to_box: asyncio.StreamWriter) -> None:
        office, to_office = await asyncio.open_connection(
            "127.0.0.1", self.office_port, limit=1_024
        )
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(box, to_office, 0.0))
                both.create_task(self._pass(office, to_box, 1 / BYTES_S))
        finally:
            to_box.close()
            to_office.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, s_per_byte: float
    ) -> None:
        while chunk := await reader.read(1_024):
            await asyncio.sleep(len(chunk) * s_per_byte)
            writer.write(chunk)
            await writer.drain()
        writer.close()


@pytest.fixture
async def ends(tmp_path: Path) -> AsyncIterator[Ends]:
    both = Ends(tmp_path)
    both.edge.cursors = dict.fromkeys(FEED_ORDER, 0)
    await both.edge.start()
    yield both
    await both.edge.stop()


def item(key: str, value: object) -> NewItem:
    return NewItem(key, msgspec.Raw(encode(value)))


async def test_a_stop_overtakes_a_catalogue_on_a_slow_line(ends: Ends) -> None:
    def taken(feed: Feed) -> int:
        return sum(len(page.items) for page in ends.edge.pages if page.feed is feed)

    articles = [
        item(f"{number:06d}", Article(f"{number:06d}", f"Article with a name {number}", "a"))
        for number in range(ARTICLES)
    ]
    async with ends.office() as office:
        await office.feeds.put(Feed.CATALOGUE, articles)
        async with SlowLine(office.web.port).open() as port, ends.replicator(port):
            await until(lambda: taken(Feed.CATALOGUE) > 0, within_s=60)
            before = taken(Feed.CATALOGUE)
            stop = Urgent("000007", stopped=True, reason="Recall: glass.")
            await office.feeds.put(Feed.URGENT, [item("000007", stop)])
            await until(lambda: taken(Feed.URGENT) == 1, within_s=60)
            between = sum(
                len(each.key) + len(bytes(each.value))
                for page in ends.edge.pages
                if page.feed is Feed.CATALOGUE
                for each in page.items
            )
            # what was under way already is all that goes before it
            assert taken(Feed.CATALOGUE) < ARTICLES / 2, (before, between)
            places = [page.feed for page in ends.edge.pages]
            behind = places[places.index(Feed.CATALOGUE) + 1 : places.index(Feed.URGENT)]
            assert behind.count(Feed.CATALOGUE) <= 2
            assert between <= 4 * FEED_BYTES_AHEAD_FIRST
