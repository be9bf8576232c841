from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from devices.driver import DeviceJob
from devices.drivers.terminal_zvt.line import ZvtLine
from devices.drivers.terminal_zvt.payments import TerminalZvt
from devices.protocols.zvt_recovery import PaymentNote
from devices.simulators.terminal_zvt.scripts import Point, Script, SimulatedTerminalSettings
from devices.transports.memory_pipe import PipeVariant
from edge.contract.device_messages import JobResult, JobStatus
from edge.contract.terminal_messages import EndOfDayOutcome, InquirePaymentArgs, PaymentOutcome
from tests.devices.card_shop import CardShop
from tests.devices.storm_card_payments import (
    AMOUNTS,
    KINDS,
    Climate,
    OpenShop,
    Step,
    Weather,
    play,
    storm,
)
from tests.devices.zvt_shop import zvt_shop

RUNS = int(os.environ.get("ZVT_STORM_RUNS", "60"))
"""Short form; `ZVT_STORM_RUNS=5000` is the long one."""
FIRST_SEED = int(os.environ.get("ZVT_STORM_SEED", "1"))
SEEDS_PER_TEST = 10


@dataclass(frozen=True)
class Place:
    """What the terminal and its cable are like."""

    settings: SimulatedTerminalSettings
    chunk_bytes: int = 4096
    fragment: bool = False
    coalesce: bool = False
    serial: bool = False

    @asynccontextmanager
    async def open(self, driver_class: type[Any] | None = None) -> AsyncIterator[CardShop]:
        variant = PipeVariant(chunk_bytes=self.chunk_bytes)
        chosen = driver_class or TerminalZvt
        async with zvt_shop(
            self.settings, variant=variant, driver_class=chosen, serial=self.serial
        ) as shop:
            shop.terminal.manners.fragment = self.fragment
            shop.terminal.manners.coalesce = self.coalesce
            yield shop


def place(chance: random.Random, *, serial: bool = False) -> OpenShop:
    settings = SimulatedTerminalSettings(
        sync_receipt=chance.random() < 0.5,
        takes_back_reversals=chance.random() < 0.5,
        capture_tells=chance.choice(("charged", "released")),
    )
    chunk_bytes = chance.choice([1, 3, 4096])
    fragment, coalesce = chance.random() < 0.2, chance.random() < 0.2
    return Place(settings, chunk_bytes, fragment, coalesce, serial).open


def spoil(shop: CardShop, damage: Any) -> None:
    shop.terminal.abort_instead_of_completion = bool(damage)


@dataclass(frozen=True)
class Blocks:
    """What happens to blocks on a serial line, how often; `strict` as the terminal's manners."""

    spoilt: int = 0
    refused: int = 0
    unanswered: int = 0
    unnoticed: int = 0
    strict: bool = False


def blocks(chance: random.Random) -> Blocks:
    few = [chance.choice((0, 0, 0, 0, 1, 1, 2, 3, 4)) for _ in range(4)]
    return Blocks(*few, strict=chance.random() < 0.5)


def disturb(shop: CardShop, line: Blocks | None) -> None:
    manners, wanted = shop.terminal.manners, line or Blocks()
    manners.spoil_blocks, manners.refuse_blocks = wanted.spoilt, wanted.refused
    manners.mute_answers, manners.miss_answers = wanted.unanswered, wanted.unnoticed
    if line is not None:
        manners.strict = line.strict


STALLS_S = [0.2, 2.0, 6.0, 200.0]
TCP = Climate(
    list(Script),
    list(Point),
    STALLS_S,
    [True],
    spoil,
    place,
    line=blocks,
    disturb=disturb,
    kinds=(*KINDS, "end_of_day", "reservation", "reservation", "capture", "release"),
)
SERIAL = replace(TCP, shop=partial(place, serial=True))
CLIMATES = {"tcp": TCP, "serial": SERIAL}


@pytest.mark.parametrize("line", CLIMATES)
@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + RUNS, SEEDS_PER_TEST))
@pytest.mark.timeout(300)
async def test_no_weather_books_twice_or_tells_an_untruth(first: int, line: str) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        assert await storm(seed, CLIMATES[line]) == [], f"ZVT_STORM_SEED={seed}"


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
    st.builds(Step, st.sampled_from(TCP.kinds), st.sampled_from(AMOUNTS), WEATHER, st.booleans()),
    min_size=1,
    max_size=4,
)
PLACES = st.builds(
    Place,
    st.builds(
        SimulatedTerminalSettings,
        sync_receipt=st.booleans(),
        takes_back_reversals=st.booleans(),
        capture_tells=st.sampled_from(("charged", "released")),
    ),
)


@given(STEPS, PLACES)
@settings(max_examples=60, deadline=None)
@pytest.mark.timeout(300)
def test_the_acquirers_books_are_what_was_told(steps: list[Step], place: Place) -> None:
    assert asyncio.run(play(steps, TCP, place.open)) == []


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


class GuessesTheDay(TerminalZvt):
    """Planted: an end of day whose answer was lost is told as not done."""

    @override
    async def _inquire_end_of_day(self, job: DeviceJob, end_of_day: str) -> JobResult:
        if await self._end_of_day.is_open(end_of_day):
            return job.done(self.ports.clock.now_ms(), EndOfDayOutcome("not_closed"))
        return await super()._inquire_end_of_day(job, end_of_day)


@pytest.mark.parametrize(
    ("mutant", "line"),
    [
        (ChargesAgain, "tcp"),
        (SaysDeclined, "tcp"),
        (TakesAnyAmount, "tcp"),
        (ChargesAgain, "serial"),
        (SaysDeclined, "serial"),
        (GuessesTheDay, "tcp"),
    ],
)
@pytest.mark.timeout(300)
async def test_the_storm_catches_planted_defects(mutant: type[TerminalZvt], line: str) -> None:
    for seed in range(1, 41):
        if await storm(seed, CLIMATES[line], mutant):
            return
    raise AssertionError(f"{mutant.__name__} got through")
