"""A line that costs by the byte: what goes over it is counted, and little goes over it."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from edge.contract.line_class import LINE, LineClass, LineSaid, LineUse
from edge.runtime.structured_log import Log
from sync.replicator.line_use import SEGMENT_BYTES, LineMeter, LineSettings, wire_bytes
from tests.sync.replicator.shop import Shop, until
from tests.virtual_time import FakeClock

MIB = 1_048_576
NOVEMBER_20 = 1_795_132_800_000  # 2026-11-20T00:00Z
DAY_MS = 86_400_000


class Counted:
    """A meter, its clock and what it says."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock(NOVEMBER_20)
        self.said = io.StringIO()
        self.settings = LineSettings(**settings)
        self.meter = self.started()

    def started(self) -> LineMeter:
        meter = LineMeter(self.settings, self.clock, Log(self.said, self.clock, {}))
        meter.open()
        return meter


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, LineClass.OPEN),
        ({"metered": True}, LineClass.METERED),
        ({"monthly_mib": 1}, LineClass.METERED),
    ],
)
def test_what_a_line_costs_follows_from_its_settings(
    settings: dict[str, Any], line: LineClass
) -> None:
    counted = Counted(**settings)
    assert counted.meter.line is line
    assert counted.meter.use is None, "nobody asked for a count"


def test_a_month_is_used_up_and_the_next_one_is_whole(tmp_path: Path) -> None:
    counted = Counted(monthly_mib=2, month_begins=21, count_file=tmp_path / "line.json")
    meter = counted.meter
    meter.saw(MIB)
    meter.saw(MIB)
    assert (meter.line, meter.use) == (
        LineClass.METERED,
        LineUse(MIB, 2 * MIB, "2026-10-21"),
    )
    meter.hung_up()
    meter.saw(MIB - 1)  # of the next connection
    assert meter.line is LineClass.METERED
    meter.saw(MIB)
    assert meter.line is LineClass.SPENT
    counted.clock.at_ms += DAY_MS
    assert (meter.line, meter.use) == (LineClass.METERED, LineUse(0, 2 * MIB, "2026-11-21"))
    meter.saw(MIB + 5)
    assert meter.use == LineUse(5, 2 * MIB, "2026-11-21"), "the connection goes on"
    counted.clock.at_ms -= 9 * DAY_MS
    assert meter.use == LineUse(5, 2 * MIB, "2026-11-21"), "a clock set back gives no month again"


def test_the_count_is_there_after_a_restart_and_written_once_a_minute(tmp_path: Path) -> None:
    file = tmp_path / "line.json"
    counted = Counted(monthly_mib=2, count_file=file)
    counted.meter.saw(1_000)
    assert not file.exists()
    counted.clock.elapsed_ms += 60_000
    counted.meter.saw(2_000)
    assert json.loads(file.read_bytes()) == {"month": "2026-11-01", "used": 2_000}
    counted.meter.saw(3_000)
    assert counted.started().use == LineUse(2_000, 2 * MIB, "2026-11-01"), "a kill forgets a minute"
    counted.meter.hung_up()
    assert counted.started().use == LineUse(3_000, 2 * MIB, "2026-11-01")


@pytest.mark.parametrize("content", [b"", b"{", b'{"month": "2026-11-01", "used": -1}', b"\xff"])
def test_a_count_that_is_none_is_said_and_begins_anew(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "line.json"
    file.write_bytes(content)
    counted = Counted(monthly_mib=2, count_file=file)
    assert counted.meter.use == LineUse(0, 2 * MIB, "2026-11-01")
    assert "line_count_lost" in counted.said.getvalue()


def test_a_count_that_cannot_be_kept_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    counted = Counted(monthly_mib=2, count_file=tmp_path / "nowhere" / "line.json")
    for _ in range(3):
        counted.meter.saw(MIB)
        counted.meter.hung_up()
    assert counted.meter.line is LineClass.SPENT
    assert counted.said.getvalue().count("line_count_not_saved") == 1


async def test_the_kernel_is_asked_what_went_over_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        far, _ = listening.accept()
    with near, far:
        before = wire_bytes(near)
        near.sendall(bytes(70_000))
        left = 70_000
        while left:
            left -= len(far.recv(left))
        far.sendall(bytes(5_000))
        assert near.recv(5_000, socket.MSG_WAITALL) == bytes(5_000)
        told = wire_bytes(near) - before
    assert 75_000 + 2 * SEGMENT_BYTES <= told <= 75_000 + 100 * SEGMENT_BYTES
    assert wire_bytes(near) == 0, "it is closed"


# --- in a session ------------------------------------------------------------------------


async def test_a_line_that_costs_is_probed_seldom_and_frames_wait_for_company(shop: Shop) -> None:
    shop.line = LineSettings(metered=True)
    shop.edge.sell(2)
    async with shop.replicating():
        await until(lambda: shop.in_step)
        assert shop.office.queries == [{"line": "metered"}]
        assert shop.office.hellos[0].line == "metered"
        assert set(shop.edge.lines_asked) == {"metered"}
        assert (shop.edge.links[-1].line, shop.edge.links[-1].use) == ("metered", None)


async def test_an_open_line_is_as_it_was(shop: Shop) -> None:
    shop.edge.sell(2)
    async with shop.replicating():
        await until(lambda: shop.in_step)
        assert shop.office.queries == [{}]
        assert set(shop.edge.lines_asked) == {""}
        assert shop.edge.links[-1].line == ""
        assert shop.office.hellos[0].line == ""


@pytest.mark.parametrize("hears", [(), (LINE,)])
async def test_a_month_that_ends_early_is_said_to_both_ends(
    shop: Shop, tmp_path: Path, hears: tuple[str, ...]
) -> None:
    file = tmp_path / "line.json"
    counted = Counted(monthly_mib=1, count_file=file)
    month = LineMeter(counted.settings, shop.clock, Log(io.StringIO(), shop.clock, {}))
    month.open()
    use = month.use
    assert use is not None
    file.write_text(json.dumps({"month": use.month, "used": MIB - 6_000}))
    shop.line, shop.office.hears = counted.settings, hears
    async with shop.replicating():
        await until(lambda: bool(shop.edge.links))
        assert shop.edge.links[0].line == "metered"
        shop.edge.sell(100)
        await until(lambda: shop.in_step)
        await until(lambda: shop.edge.links[-1].line == "spent")
        told = shop.edge.links[-1].use
        assert told is not None
        assert told.used >= told.allowed == MIB
        if hears:
            await until(lambda: shop.office.lines_said == [LineSaid("spent")])
        shop.edge.sell(1)
        await until(lambda: shop.in_step)  # sales go up all the same
    assert shop.office.lines_said == [LineSaid("spent")][: len(hears)]
    await asyncio.sleep(0)
    assert json.loads(file.read_bytes())["used"] >= MIB
