from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from devices.driver import DeviceJob
from devices.drivers.terminal_zvt.line import ZvtLine
from devices.drivers.terminal_zvt.payments import TerminalZvt
from devices.protocols.zvt_recovery import PaymentNote
from devices.simulators.terminal_zvt.scripts import Point, Script, SimulatedTerminalSettings
from edge.contract.device_messages import (
    InquirePaymentArgs,
    JobResult,
    JobStatus,
    PaymentOutcome,
)
from tests.devices.storm_zvt_payments import AMOUNTS, KINDS, Place, Step, Weather, play, storm

RUNS = int(os.environ.get("ZVT_STORM_RUNS", "60"))
"""Short form; `ZVT_STORM_RUNS=5000` is the long one."""
FIRST_SEED = int(os.environ.get("ZVT_STORM_SEED", "1"))
SEEDS_PER_TEST = 10


@pytest.mark.parametrize("serial", [False, True], ids=["tcp", "serial"])
@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + RUNS, SEEDS_PER_TEST))
@pytest.mark.timeout(300)
async def test_no_weather_books_twice_or_tells_an_untruth(first: int, serial: bool) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        assert await storm(seed, serial=serial) == [], f"ZVT_STORM_SEED={seed}"


MOMENTS = st.none() | st.floats(0, 1.5)
WEATHER = st.builds(
    Weather,
    st.sampled_from(Script),
    st.none() | st.sampled_from(Point),
    st.none() | st.sampled_from(Point),
    st.sampled_from([0.2, 2.0, 6.0]),
    MOMENTS,
    MOMENTS,
    MOMENTS,
    st.booleans(),
)
STEPS = st.lists(
    st.builds(Step, st.sampled_from(KINDS), st.sampled_from(AMOUNTS), WEATHER, st.booleans()),
    min_size=1,
    max_size=4,
)
PLACES = st.builds(
    Place,
    st.builds(
        SimulatedTerminalSettings, sync_receipt=st.booleans(), takes_back_reversals=st.booleans()
    ),
)


@given(STEPS, PLACES)
@settings(max_examples=60, deadline=None)
@pytest.mark.timeout(300)
def test_the_acquirers_books_are_what_was_told(steps: list[Step], place: Place) -> None:
    assert asyncio.run(play(steps, place)) == []


class ChargesAgain(TerminalZvt):
    """Planted: an unknown outcome is taken for a failed one and tried once more."""

    @override
    async def _carry_out(
        self, line: ZvtLine, job: DeviceJob, note: PaymentNote, sync_receipt: bytes | None
    ) -> JobResult:
        result = await super()._carry_out(line, job, note, sync_receipt)
        if result.status is not JobStatus.UNKNOWN:
            return result
        while self._line is None or self._line is line:
            await self.ports.clock.sleep(0.5)
        return await super()._carry_out(self._line, job, note, sync_receipt)


class SaysDeclined(TerminalZvt):
    """Planted: an unknown outcome is told as declined."""

    @override
    async def _carry_out(
        self, line: ZvtLine, job: DeviceJob, note: PaymentNote, sync_receipt: bytes | None
    ) -> JobResult:
        result = await super()._carry_out(line, job, note, sync_receipt)
        if result.status is JobStatus.UNKNOWN:
            return job.done(result.ts, PaymentOutcome("declined"))
        return result


class TakesAnyAmount(TerminalZvt):
    """Planted: whatever is stored last with the right amount is taken for this one."""

    @override
    async def _inquire(self, args: InquirePaymentArgs) -> PaymentOutcome:
        line = await self._ready_line()
        last = await self._ask_last_stored(line)
        stored = None if last is None or last.status is None else last.status.amount_minor
        return PaymentOutcome(
            "approved" if stored == args.amount_minor else "declined", args.amount_minor
        )


@pytest.mark.parametrize(
    ("mutant", "serial"),
    [
        (ChargesAgain, False),
        (SaysDeclined, False),
        (TakesAnyAmount, False),
        (ChargesAgain, True),
        (SaysDeclined, True),
    ],
)
@pytest.mark.timeout(300)
async def test_the_storm_catches_planted_defects(mutant: type[TerminalZvt], serial: bool) -> None:
    for seed in range(1, 41):
        if await storm(seed, mutant, serial=serial):
            return
    raise AssertionError(f"{mutant.__name__} got through")
