"""A shop that was without a line for thirty days catches up through one of 64 kbit/s.

No real waiting: each byte takes its time by the clock of the test, each way by itself, and a round
trip takes 600 ms. A check has a tenth of the sales; `make storm` has all 30,000.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import msgspec
import pytest

from edge.contract.digest import Digest
from tests.bench.synthetic_sales import SyntheticShop
from tests.replication_laws.inline_file import rows
from tests.replication_laws.memory_line import Line, Message, Pace
from tests.replication_laws.quiet_world import SHOP, quiet_world, until_accepted, write_backlog
from tests.replication_laws.world import World

DAYS = 30
SALES_WHOLE = 30_000
SALES = SALES_WHOLE if "TILLBOX_THIRTY_DAYS" in os.environ else SALES_WHOLE // 10
BITS_PER_S = 64_000
ROUND_TRIP_S = 0.6
CAUGHT_UP_S_MAX = 15 * 60 * SALES / SALES_WHOLE
GREETING_S = 10
"""What a session costs however much waits: not a tenth of it for a tenth of the sales."""
_DAY_MS = 86_400_000

pytestmark = [pytest.mark.storm, pytest.mark.timeout(60 if SALES < SALES_WHOLE else 500)]


async def test_thirty_days_come_through_a_slow_line_within_their_time(tmp_path: Path) -> None:
    async with quiet_world(tmp_path, Pace(BITS_PER_S, ROUND_TRIP_S / 2)) as world:
        box = world.boxes[SHOP]
        accepted_before = box.link.accepted_seq
        await write_backlog(box, SyntheticShop(30), SALES, DAYS * _DAY_MS // SALES)
        await world.start_box(SHOP)
        world.net.without_line.clear()
        began_ms = world.clock.monotonic_ms()
        line = await until_accepted(world, look_s=0.2)
        took_s = (world.clock.monotonic_ms() - began_ms) / 1000
        bytes_up, bytes_down = line.bytes["up"], line.bytes["down"]
        trips = _round_trips(line)
        bound_s = (bytes_up + bytes_down) * 8 / BITS_PER_S + trips * ROUND_TRIP_S
        print(
            f"{SALES} sales, {bytes_up} bytes up ({bytes_up / SALES:.1f} a sale), {bytes_down} "
            f"down, {trips} round trips: {took_s:.1f} s on the line, {bound_s:.1f} s were each "
            "round trip waited for and no byte went beside another"
        )
        assert took_s <= CAUGHT_UP_S_MAX + GREETING_S
        assert bound_s <= CAUGHT_UP_S_MAX + GREETING_S
        assert took_s >= bytes_up * 8 / BITS_PER_S, "the line was faster than a line can be"
        digest = _digest_of_the_greeting(line)
        assert (digest.after, digest.sales) == (accepted_before, SALES - _abandoned(world))
        assert len({taking.day for taking in digest.takings}) >= DAYS
        await world.rest()
        assert world.faults == []
        [(verdict,)] = world.office.rows("SELECT verdict FROM digest")
        assert verdict == "agrees"
        [(sales,)] = world.office.rows("SELECT count(*) FROM sale WHERE state = 'completed'")
        assert sales == digest.sales
        assert world.office.rows("SELECT kind FROM alarm") == []
        assert world.office.rows("SELECT reason FROM quarantine") == []


def _abandoned(world: World) -> int:
    [(count,)] = rows(
        world.boxes[SHOP].ledger_path,
        'SELECT count(*) FROM event WHERE instr(body, \'"type":"sale_abandoned"\') > 0',
    )
    return int(count)


def _round_trips(line: Line) -> int:
    """How often something went up behind something that came down: what may have waited for it."""
    ways = [message.way for message in line.messages]
    turns = sum(pair == ("down", "up") for pair in itertools.pairwise(ways))
    return turns + 1  # the line itself was opened before the first message


def _digest_of_the_greeting(line: Line) -> Digest:
    """Return what the box says with its introduction: before any answer, before any frame."""
    challenge, *rest = line.messages
    assert challenge.way == "down"
    said = list(itertools.takewhile(lambda message: message.way == "up", rest))
    assert not any(message.is_frame for message in said)
    kinds = [_kind(message) for message in said]
    assert kinds == ["hello", "proof", "digest"]
    return msgspec.json.decode(said[-1].text, type=Digest)


def _kind(message: Message) -> str:
    return str(msgspec.json.decode(message.text)["msg"])
