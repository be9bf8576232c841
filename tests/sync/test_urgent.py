"""What is urgent on a slow line: it is there before a catalogue that was under way first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from edge.contract.coupon_data import Coupon
from edge.contract.customer_data import Customer
from edge.contract.limits import FEED_BYTES_AHEAD_FIRST
from edge.contract.reference_data import FEED_ORDER, Article, Feed, Price, Urgent
from edge.contract.wire import encode
from sync.office.feeds import NewItem
from tests.sync.test_both_ends import Ends, until

BYTES_S = 20_000
"""A bad mobile line."""
ITEMS = 1_500
BULK = (Feed.PRICE, Feed.CATALOGUE, Feed.CUSTOMER, Feed.COUPON)


class SlowLine:
    """Carries bytes between a box and head office; downwards no more than so many a second."""

    def __init__(self, office_port: int) -> None:
        self.office_port = office_port
        self.passed = 0
        """Bytes that went down."""

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
            self.passed += len(chunk) if s_per_byte else 0
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


def bulk(feed: Feed) -> list[NewItem]:
    chance = random.Random(ITEMS)
    keys = [f"A{number:05d}" for number in range(ITEMS)]

    def name() -> str:
        """What packing makes half as long at most."""
        return "".join(chance.choices("abcdefghijklmnop", k=150))

    made: dict[Feed, Callable[[str], object]] = {
        Feed.PRICE: lambda key: Price(key, 100, name()[:40]),
        Feed.CATALOGUE: lambda key: Article(key, name(), "a"),
        Feed.CUSTOMER: lambda key: Customer(key, name()),
        Feed.COUPON: lambda key: Coupon(key, "c", name()),
    }
    values = [(key, made[feed](key)) for key in keys]
    return [item(getattr(value, "key", key) or key, value) for key, value in values]


async def test_a_stop_overtakes_what_fills_a_slow_line(ends: Ends) -> None:
    def stopped() -> bool:
        return any(page.feed is Feed.URGENT for page in ends.edge.pages)

    async with ends.office() as office:
        for feed in BULK:
            assert not (await office.feeds.put(feed, bulk(feed))).errors
        line = SlowLine(office.web.port)
        async with line.open() as port, ends.replicator(port):
            # the first page is on the line
            await until(lambda: line.passed > FEED_BYTES_AHEAD_FIRST // 4, within_s=60)
            stop = Urgent("000007", stopped=True, reason="Recall: glass.")
            await office.feeds.put(Feed.URGENT, [item("000007", stop)])
            await until(stopped, within_s=60)
            # what was under way already is all that goes before it
            assert FEED_BYTES_AHEAD_FIRST // 4 < line.passed <= 2 * FEED_BYTES_AHEAD_FIRST
            at = [page.feed for page in ends.edge.pages].index(Feed.URGENT)
            assert at < len(BULK), "nothing else was taken meanwhile that is not on its way"
