"""One shop and head office, nothing going wrong: to count what goes over the line, and how long.

Sales are synthetic and seeded, with all the events of a sale; they go through the real ledger, the
real packer and the real session.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from edge.contract.envelope import link, unseal
from edge.contract.event_registry import Event
from edge.contract.limits import FRAME_RAW_BYTES_TARGET
from edge.ledger.projections import project
from edge.ledger.records import Record
from tests.bench.synthetic_sales import SyntheticShop
from tests.replication_laws.box import Box
from tests.replication_laws.inline_file import InlineExecutor
from tests.replication_laws.memory_line import Line, Pace
from tests.replication_laws.world import World

SHOP = 1
_ACCEPTED_S_MAX = 3_600


@asynccontextmanager
async def quiet_world(folder: Path, pace: Pace | None = None) -> AsyncIterator[World]:
    """Open a world with one shop, whose line is down so far."""
    asyncio.get_running_loop().set_default_executor(InlineExecutor())
    world = World(folder, FRAME_RAW_BYTES_TARGET)
    await world.open(1)
    await world.rest()
    world.net.pace = pace
    world.net.without_line.add(SHOP)
    world.net.cut(SHOP)
    await world.clock.advance(60)
    try:
        yield world
    finally:
        await world.close()


async def until_accepted(world: World, *, look_s: float = 1.0) -> Line:
    """Let time pass until head office has all; return the line that it went over."""
    box = world.boxes[SHOP]
    waited = 0.0
    while box.link.accepted_seq != (await box.ledger.head()).seq:
        assert waited < _ACCEPTED_S_MAX, f"head office has {box.link.accepted_seq}"
        await world.clock.advance(look_s)
        waited += look_s
    (line,) = world.net.lines[SHOP]
    return line


async def ring_up(world: World, bodies: list[bytes], *, step_s: float) -> None:
    """Record a sale as a till and its devices do: each event by itself, so many seconds apart."""
    for body in bodies:
        sealed = unseal(body)
        event = sealed.event()
        assert event is not None
        await world.boxes[SHOP].ledger.record(Record((event,), sealed.till, sealed.actor))
        await world.clock.advance(step_s)


async def write_backlog(box: Box, shop: SyntheticShop, sales: int, every_ms: int) -> None:
    """Put sales behind the head of a ledger in one go, with what follows from them."""
    head = await box.ledger.head()
    shop.store, shop.gen, shop.seq = box.number, box.gen, head.seq + 1

    def unit(connection: sqlite3.Connection) -> None:
        previous = head.hash
        for _ in range(sales):
            shop.at += every_ms
            for body in shop.sale():
                previous = link(previous, body)
                sealed = unseal(body)
                connection.execute(
                    "INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)",
                    (sealed.seq, body, previous),
                )
                event: Event | None = sealed.event()
                assert event is not None
                project(connection, event, sealed.till, sealed.seq)

    await box.file.write(unit)
    await box.crash()
