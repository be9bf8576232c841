from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from typing_extensions import override

from devices.driver import DeviceJob
from devices.drivers.terminal_adyen.line import NexoLine
from devices.drivers.terminal_adyen.payments import TerminalAdyen
from devices.protocols import nexo_messages as nexo
from devices.protocols import nexo_outcomes
from devices.protocols.nexo_messages import TransactionStatusResponse
from devices.protocols.nexo_outcomes import Ended, PaymentNote
from devices.simulators.terminal_adyen.scripts import Point, Script, Spoil
from devices.transports.memory_pipe import PipeVariant
from edge.contract.device_messages import JobResult, JobStatus
from edge.contract.terminal_messages import PaymentOutcome
from tests.devices.adyen_shop import adyen_shop
from tests.devices.card_shop import CardShop
from tests.devices.storm_card_payments import Climate, OpenShop, storm

RUNS = int(os.environ.get("ADYEN_STORM_RUNS", "60"))
"""Short form; `ADYEN_STORM_RUNS=5000` is the long one."""
FIRST_SEED = int(os.environ.get("ADYEN_STORM_SEED", "1"))
SEEDS_PER_TEST = 10

SETTLED_BY_PEOPLE = frozenset({Spoil.NO_RESULT})
"""The terminal itself says what makes no sense: nothing else can come of it."""


def place(chance: random.Random) -> OpenShop:
    # a byte at a time is the conformance suite's: here it would be most of the time
    variant = PipeVariant(chunk_bytes=chance.choice([97, 700, 4096]))
    manners = {name: chance.random() < 0.3 for name in ("chunked", "close")}

    @asynccontextmanager
    async def opened(driver_class: type[Any] | None = None) -> AsyncIterator[CardShop]:
        chosen = driver_class or TerminalAdyen
        async with adyen_shop(variant=variant, driver_class=chosen) as shop:
            for name, wanted in manners.items():
                setattr(shop.terminal.manners, name, wanted)
            yield shop
            assert shop.terminal.repeated == 0, "a ServiceID was used twice"

    return opened


def spoil(shop: CardShop, damage: Any) -> None:
    shop.terminal.spoil = damage


ADYEN = Climate(
    list(Script),
    list(Point),
    [0.2, 2.0, 6.0, 200.0],
    [each for each in Spoil if each not in SETTLED_BY_PEOPLE],
    spoil,
    place,
    short_points=frozenset({Point.UNREAD}),
)


@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + RUNS, SEEDS_PER_TEST))
@pytest.mark.timeout(300)
async def test_no_weather_books_twice_or_tells_an_untruth(first: int) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        assert await storm(seed, ADYEN) == [], f"ADYEN_STORM_SEED={seed}"


class ChargesAgain(TerminalAdyen):
    """Planted: an unknown outcome is taken for a failed one and tried once more."""

    @override
    async def _carry_out(
        self, line: NexoLine, job: DeviceJob, note: PaymentNote, request: nexo.Request
    ) -> JobResult:
        result = await super()._carry_out(line, job, note, request)
        if result.status is not JobStatus.UNKNOWN:
            return result
        while self._line is None or self._line is line:
            await self.ports.clock.sleep(0.5)
        again = await self._begin(job, job.args)
        return await super()._carry_out(self._line, job, again, await self._request(again))


class SaysDeclined(TerminalAdyen):
    """Planted: an unknown outcome is told as declined."""

    @override
    async def _carry_out(
        self, line: NexoLine, job: DeviceJob, note: PaymentNote, request: nexo.Request
    ) -> JobResult:
        result = await super()._carry_out(line, job, note, request)
        if result.status is JobStatus.UNKNOWN:
            return job.done(result.ts, PaymentOutcome("declined"))
        return result


class TakesBusyForAnEnd(TerminalAdyen):
    """Planted: a transaction that is still under way is taken for one that failed."""

    @override
    def _judged(self, note: PaymentNote, answer: TransactionStatusResponse) -> Ended | None:
        end = super()._judged(note, answer)
        return end or Ended(nexo_outcomes.not_booked(note.kind))


@pytest.mark.parametrize("mutant", [ChargesAgain, SaysDeclined, TakesBusyForAnEnd])
@pytest.mark.timeout(300)
async def test_the_storm_catches_planted_defects(mutant: type[TerminalAdyen]) -> None:
    for seed in range(1, 61):
        if await storm(seed, ADYEN, mutant):
            return
    raise AssertionError(f"{mutant.__name__} got through")
