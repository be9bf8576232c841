"""The real replicator with the real head office: what neither shows against a fake other end."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.envelope import link, seal
from edge.contract.event_registry import Event
from edge.contract.reference_data import Feed
from edge.contract.sale_events import (
    CashTendered,
    LineAdded,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    TaxTotal,
)
from edge.runtime.frame_codec import CURRENT_DICTIONARY, encode_frame, shipped_dictionaries
from edge.runtime.keys import create_key
from edge.runtime.structured_log import Log
from edge.runtime.system_clock import SystemClock
from sync.office.feeds import NewItem
from sync.office.server import Office, running_office
from sync.office.settings import OfficeSettings, WebSettings
from sync.office.store_directory import RegisteredStore
from sync.replicator.main import connected
from sync.replicator.settings import SESSION_PATH, Peers
from tests.sync.fake_edge import NUMBER, STORE, TOKEN, FakeEdge

DICTIONARY = shipped_dictionaries()[CURRENT_DICTIONARY]


class SellingEdge(FakeEdge):
    """A box whose events are sales, in frames as `edge` packs them."""

    def record(self, *events: Event) -> None:
        for event in events:
            body = seal(
                event,
                store=NUMBER,
                gen=1,
                seq=len(self.events) + 1,
                day="2026-11-22",
                at=1_795_000_000_000 + len(self.events),
                till="till-1",
                actor="marta",
            )
            self.events.append(body)
            self.hashes.append(link(self.hashes[-1], body))
        news, self._news = self._news, asyncio.Event()
        news.set()

    def frame_behind(self, after: int) -> bytes:
        bodies = self.events[after : after + self.frame_events]
        return encode_frame(
            store=NUMBER,
            gen=1,
            first_seq=after + 1,
            last_hash=self.hashes[after + len(bodies)],
            bodies=bodies,
            sign=self.key.sign,
            dictionary=DICTIONARY,
        )

    @property
    def in_step(self) -> bool:
        return self.accepted_seq == len(self.events)


class Ends:
    """A box on loopback, and the files of a head office that knows it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.edge = SellingEdge(create_key(folder / "sign.key").public)
        self.stream = io.StringIO()
        self.frames_kept: dict[str, Any] = {}
        """Settings of head office that say where, when it is not in its own file."""

    @asynccontextmanager
    async def office(self, port: int = 0) -> AsyncIterator[Office]:
        settings = OfficeSettings(
            data_dir=self.folder / "office",
            pepper_file=self.folder / "pepper",
            signing_key_file=self.folder / "sign.key",
            web=WebSettings(port=port),
            **self.frames_kept,
        )
        async with running_office(settings, Log(self.stream, SystemClock(), {})) as office:
            box = RegisteredStore(NUMBER, STORE, "A shop", self.edge.key.public.hex, 1)
            await office.directory.add(box)
            yield office

    @asynccontextmanager
    async def replicator(self, port: int) -> AsyncIterator[None]:
        peers = Peers(self.edge.url, TOKEN, f"ws://127.0.0.1:{port}{SESSION_PATH}", None)
        clock = SystemClock()
        async with connected(peers, clock, Log(self.stream, clock, {})) as replicator:
            task = asyncio.create_task(replicator.run())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def ends(tmp_path: Path) -> AsyncIterator[Ends]:
    both = Ends(tmp_path)
    await both.edge.start()
    yield both
    await both.edge.stop()


async def until(condition: Callable[[], bool], *, within_s: float = 15.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


def sale(name: str, total: int) -> tuple[Event, ...]:
    return (
        SaleOpened(sale=name, currency="EUR"),
        LineAdded(
            sale=name,
            line="1",
            sku="1",
            name="Bread",
            quantity=1000,
            price_minor=total,
            amount_minor=total,
            tax="a",
            rate_ppm=0,
        ),
        CashTendered(sale=name, tender="t1", amount_minor=total),
        completed(name, total),
    )


def completed(name: str, total: int, receipt: str = "1") -> SaleCompleted:
    tax = TaxTotal("a", 0, total, 0, total)
    return SaleCompleted(sale=name, receipt=receipt, total_minor=total, taxes=(tax,))


async def projected(office: Office) -> tuple[list[tuple[str, int]], list[str]]:
    """Sales and the reasons of what stands aside, once everything has been read."""
    while await office.projector.step():
        pass
    rows = await office.file.read(
        lambda connection: connection.execute("SELECT reason FROM quarantine").fetchall()
    )
    sales = await office.file.read(
        lambda connection: connection.execute(
            "SELECT sale, total_minor FROM sale WHERE arrival IS NOT NULL ORDER BY arrival"
        ).fetchall()
    )
    return sales, [reason for (reason,) in rows]


async def test_an_acknowledgement_that_was_lost_is_said_again(ends: Ends) -> None:
    ends.edge.record(*sale("s1", 100))
    async with ends.office() as office:
        async with ends.replicator(office.web.port):
            await until(lambda: ends.edge.in_step)
        ends.edge.acks.clear()  # the line broke between the commit and the acknowledgement
        async with ends.replicator(office.web.port):
            # no new event: only head office can tell the tills that nothing waits
            await until(lambda: ends.edge.in_step)


async def test_a_head_office_that_was_restarted_is_found_again_at_once(ends: Ends) -> None:
    ends.edge.record(*sale("s1", 100))
    async with AsyncExitStack() as stack:
        async with ends.office() as office:
            port = office.web.port
            await stack.enter_async_context(ends.replicator(port))
            await until(lambda: ends.edge.in_step)
        ends.edge.record(*sale("s2", 200))
        async with ends.office(port):
            await until(lambda: ends.edge.in_step)


@pytest.mark.parametrize(
    ("later", "words"),
    [
        ([completed("s1", 999, "2")], ["sale s1 was completed by event 4"]),
        ([SaleOpened(sale="s1", currency="EUR")], ["sale s1 was completed by event 4"]),
        ([completed("s9", 50)], ["sale s9 was never opened"]),
        (
            [
                SaleOpened(sale="s2", currency="EUR"),
                SaleAbandoned(sale="s2"),
                completed("s2", 10),
            ],
            ["sale s2 was abandoned before"],
        ),
    ],
    ids=["completed twice", "opened again", "never opened", "abandoned, then completed"],
)
async def test_money_that_stands_is_not_changed(
    ends: Ends, later: Sequence[Event], words: list[str]
) -> None:
    ends.edge.record(*sale("s1", 100), *later, *sale("s3", 300))
    async with ends.office() as office, ends.replicator(office.web.port):
        await until(lambda: ends.edge.in_step)
        sales, reasons = await projected(office)
    assert sales == [("s1", 100), ("s3", 300)]
    assert reasons == [f"It does not fit: {word}." for word in words]


async def test_the_price_for_all_shows_again_where_a_store_had_its_own(ends: Ends) -> None:
    async with ends.office() as office:
        for scope, price in ((STORE, 1), (STORE, None), ("", 2)):
            value: Any = price and {"sku": "a", "price_minor": price}
            item = NewItem("a", msgspec.Raw(msgspec.json.encode(value)))
            await office.feeds.put(Feed.PRICE, [item], scope=scope)
        page = await office.feeds.page(Feed.PRICE, 0, scope=STORE)
    assert [bytes(item.value) for item in page.items] == [
        b"null",
        b'{"sku":"a","price_minor":2}',
    ]
