from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest

from edge.contract.limits import (
    CLOCK_STEP_MS_MIN,
    CLOCK_WATCH_S,
)
from edge.flows.clock_watch import ClockWatch
from edge.ledger.integrity import stored_events
from edge.runtime.structured_log import open_log
from tests.flows.fake_host import until
from tests.ledger.ledger_at import ledger_at
from tests.runtime.hand_clock import HandClock


@pytest.mark.parametrize(
    ("steps", "recorded"),
    [
        ([0, 0], []),
        ([CLOCK_STEP_MS_MIN - 1, 1 - CLOCK_STEP_MS_MIN], []),
        ([CLOCK_STEP_MS_MIN], [CLOCK_STEP_MS_MIN]),
        ([-CLOCK_STEP_MS_MIN], [-CLOCK_STEP_MS_MIN]),
        ([3_600_000, 0, -3_600_000], [3_600_000, -3_600_000]),
        # each look compares with the one before: what creeps is no step
        ([1_500, 1_500, 1_500], []),
    ],
    ids=str,
)
async def test_jumps_of_the_wall_clock_are_recorded_and_nothing_else(
    tmp_path: Path, steps: list[int], recorded: list[int]
) -> None:
    clock, told = HandClock(), io.StringIO()
    path = tmp_path / "ledger.db"
    async with ledger_at(path) as ledger:
        watching = asyncio.create_task(ClockWatch(ledger, clock, open_log("edge", told)).run())
        for step in steps:
            await until(lambda: clock.waiting == 1, what="it waits for its next look")
            clock.step_wall_clock(step)
            clock.advance(CLOCK_WATCH_S)
        await until(lambda: clock.waiting == 1, what="it looked")
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    found = [json.loads(event.body) for event in stored_events(path, 0)]
    assert [(each["type"], each["data"]["by_ms"]) for each in found] == [
        ("clock_stepped", step) for step in recorded
    ]
    assert [json.loads(line)["by_ms"] for line in told.getvalue().splitlines()] == recorded
