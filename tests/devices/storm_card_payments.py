"""Weather over card payments, refunds and reversals: cuts, silences, crashes of the driver.

What must hold whatever happens (faults 21 and 22), with every kind of terminal:
- money moves at most once for each job, in the direction that was asked;
- the acquirer's books are what the definite outcomes say, no more and no less;
- an unknown outcome is settled by inquiry to what the acquirer has booked;
- a batch is handed in at most once for each end of day, moves nothing, and what is told of
  it is what was handed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from devices.driver import DeviceJob
from edge.contract.device_messages import JobResult, JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable, ProtocolViolation, Refused
from edge.contract.terminal_messages import PaymentOutcome
from tests.devices.card_shop import CardShop, outcome_of

STEPS_PER_RUN = 5
ENDINGS = frozenset({"approved", "declined", "cancelled"})
KINDS = ("payment", "payment", "refund", "reversal")
"""What every kind of terminal does."""
AMOUNTS = (1000, 1001)
"""The same amounts come again: a booking must not be taken for another's."""


@dataclass(frozen=True)
class Weather:
    """What happens to one transaction. `spoil`: the terminal's last words are damaged."""

    script: StrEnum
    cut_at: StrEnum | None = None
    stall_at: StrEnum | None = None
    stall_s: float = 0.2
    pull_after_s: float | None = None
    kill_after_s: float | None = None
    abort_after_s: float | None = None
    spoil: Any = None
    line: Any = None
    """What the line itself does to it; the climate knows."""


@dataclass(frozen=True)
class Step:
    """One transaction, or an end of day.

    A capture charges one minor unit less than a reservation set aside. A reversal, a capture
    and a release name the last approved payment or reservation, or the first with `older`,
    with its amount; before any they name a receipt that nobody has.
    """

    kind: str
    amount: int
    weather: Weather
    older: bool = False


OpenShop = Callable[[type[Any] | None], AbstractAsyncContextManager[CardShop]]
"""Opens a shop with a driver of the given class, or of the real one."""


@dataclass(frozen=True)
class Climate:
    """The kind of terminal: what can happen to it, and how to spoil what it says."""

    scripts: Sequence[StrEnum]
    points: Sequence[StrEnum]
    stalls_s: Sequence[float]
    spoils: Sequence[Any]
    spoil: Callable[[CardShop, Any], None]
    shop: Callable[[random.Random], OpenShop]
    """What the terminal and its cable are like on a day."""
    short_points: frozenset[StrEnum] = frozenset()
    """Where a stall is never the longest: nothing the terminal says could be believed."""
    line: Callable[[random.Random], Any] = lambda _chance: None
    disturb: Callable[[CardShop, Any], None] = lambda _shop, _line: None
    """Makes the line do that to the next transaction; None: it is as it should be again."""
    kinds: Sequence[str] = KINDS
    """What is asked of it; of some also `reservation`, `capture`, `release`, `end_of_day`."""


def weather(chance: random.Random, climate: Climate) -> Weather:
    def perhaps(odds: float, longest: float) -> float | None:
        return chance.uniform(0, longest) if chance.random() < odds else None

    script = chance.choice(climate.scripts)
    cut_at = chance.choice([None, None, *climate.points])
    stall_at = chance.choice([None, None, None, *climate.points])
    stall_s = chance.choice(climate.stalls_s)
    if stall_at in climate.short_points:
        stall_s = min(stall_s, 6.0)
    return Weather(
        script,
        cut_at,
        stall_at,
        stall_s,
        perhaps(0.25, 1.5),
        perhaps(0.25, 1.5),
        perhaps(0.2, 1.0),
        chance.choice(climate.spoils) if chance.random() < 0.1 else None,
        climate.line(chance),
    )


async def storm(seed: int, climate: Climate, driver_class: type[Any] | None = None) -> list[str]:
    """Run a day in the weather of a seed; return what was wrong, nothing when all held."""
    chance = random.Random(seed)
    shop = climate.shop(chance)
    steps = [
        Step(
            chance.choice(climate.kinds),
            chance.choice(AMOUNTS),
            weather(chance, climate),
            chance.random() < 0.3,
        )
        for _ in range(STEPS_PER_RUN)
    ]
    return [f"seed {seed}: {line}" for line in await play(steps, climate, shop, driver_class)]


Books = dict[str, tuple[str, int]]
"""What stands at the acquirer: receipt number to kind and amount."""


async def play(
    steps: Sequence[Step],
    climate: Climate,
    open_shop: OpenShop,
    driver_class: type[Any] | None = None,
) -> list[str]:
    """Go through the steps; return what was wrong, nothing when the books are as was told."""
    wrong: list[str] = []
    async with open_shop(driver_class) as shop:
        paid: list[tuple[str, int]] = []
        held: list[tuple[str, int]] = []
        for number, step in enumerate(steps):
            before = books(shop)
            if step.kind == "end_of_day":
                wrong += await _close_day(shop, step.weather, climate)
                if books(shop) != before:
                    wrong.append(f"an end of day moved money: {step.weather}")
                continue
            job, undone = _job(shop, step, paid, held)
            outcome = await _one_transaction(shop, job, step.weather, climate)
            words = f"{step.kind} {number} is {outcome}: {step.weather}"
            if outcome.outcome not in ENDINGS:
                wrong.append(f"not settled: {words}")
                continue
            if outcome.outcome == "approved":
                told = {outcome.receipt: (step.kind, outcome.amount_minor)}
                wanted = {each: entry for each, entry in before.items() if each != undone} | told
                if step.kind == "payment":
                    paid.append((outcome.receipt, outcome.amount_minor))
                if step.kind == "reservation":
                    held.append((outcome.receipt, outcome.amount_minor))
            else:
                wanted = before
            if (now := books(shop)) != wanted:
                wrong.append(f"the books are {now}, not {wanted}: {words}")
    return wrong


def books(shop: CardShop) -> Books:
    return {
        each["receipt"]: (each["kind"], each["amount_minor"])
        for each in shop.terminal.booked()
        if each["state"] == "booked"
    }


def _job(
    shop: CardShop, step: Step, paid: list[tuple[str, int]], held: list[tuple[str, int]]
) -> tuple[DeviceJob, str]:
    """Return the job, and the receipt number that it undoes."""
    match step.kind:
        case "payment":
            return shop.pay(step.amount), ""
        case "refund":
            return shop.refund(step.amount), ""
        case "reservation":
            return shop.reservation(step.amount), ""
        case "capture" | "release":
            receipt, amount = held[0 if step.older else -1] if held else ("4711", step.amount)
            if step.kind == "capture":
                return shop.capture(amount - 1, amount, receipt), receipt
            return shop.release(amount, receipt), receipt
        case _:
            receipt, amount = paid[0 if step.older else -1] if paid else ("4711", step.amount)
            return shop.reversal(amount, receipt), receipt


async def _close_day(shop: CardShop, here: Weather, climate: Climate) -> list[str]:
    held = shop.terminal._acquirer.open_batch(0)
    before = len(shop.terminal.closed())
    job = shop.end_of_day()
    result = await _in_weather(shop, job, here, climate)
    outcome = await shop.definite_day(job)
    await _calm(shop)
    batches = shop.terminal.closed()[before:]
    words = f"an end of day over {held} is {outcome}, first {result}, handed in {batches}: {here}"
    told = -1 if outcome.totals is None else outcome.totals.amount_minor
    if outcome.outcome == "not_closed":
        return [words] if batches else []
    if outcome.outcome != "closed":
        return [words]
    if held.count == 0:
        return [words] if told or len(batches) > 1 else []
    return [words] if len(batches) != 1 or told != abs(batches[0]["sum_minor"]) else []


async def _one_transaction(
    shop: CardShop, job: DeviceJob, here: Weather, climate: Climate
) -> PaymentOutcome:
    result = await _in_weather(shop, job, here, climate)
    outcome = _told(result)
    if outcome is None:
        outcome = await shop.definite(job)
    await _calm(shop)
    return outcome


Ended = JobResult | DeviceUnreachable | Refused | None
"""What the job router learns of a job; None: it was broken off."""


async def _in_weather(shop: CardShop, job: DeviceJob, here: Weather, climate: Climate) -> Ended:
    shop.terminal.next_script = here.script.value
    shop.terminal.cut_at, shop.terminal.stall_at = here.cut_at, here.stall_at
    shop.terminal.stall_s = here.stall_s
    climate.spoil(shop, here.spoil)
    climate.disturb(shop, here.line)
    going = asyncio.create_task(_perform(shop, job))
    disturbing = [
        asyncio.create_task(_after(shop, here.pull_after_s, _pull)),
        asyncio.create_task(_after(shop, here.kill_after_s, lambda s: _kill(s, going))),
        asyncio.create_task(_after(shop, here.abort_after_s, lambda s: _abort(s, job))),
    ]
    await asyncio.gather(*disturbing)
    ended = await going
    # what is left of this weather does not reach the next one
    shop.terminal.cut_at = shop.terminal.stall_at = None
    climate.disturb(shop, None)
    return ended


async def _calm(shop: CardShop) -> None:
    while shop.terminal.busy:
        await shop.clock.sleep(1.0)
    await shop.until(DriverState.READY)


async def _perform(shop: CardShop, job: DeviceJob) -> Ended:
    try:
        return await shop.driver.perform(job)
    except (DeviceUnreachable, Refused) as error:
        return error
    except (ProtocolViolation, asyncio.CancelledError):
        return None


def _told(ended: Ended) -> PaymentOutcome | None:
    """Return what the job router makes of it: what certainly did not happen is declined."""
    match ended:
        case DeviceUnreachable() | Refused():
            return PaymentOutcome("declined", reason=ended.message)
        case JobResult(status=JobStatus.FAILED):
            return PaymentOutcome("declined", reason="failed")
        case JobResult(status=JobStatus.DONE):
            return outcome_of(ended)
        case _:
            return None


async def _after(
    shop: CardShop, seconds: float | None, act: Callable[[CardShop], Awaitable[None]]
) -> None:
    if seconds is not None:
        await shop.clock.sleep(seconds)
        await act(shop)


async def _pull(shop: CardShop) -> None:
    await shop.cable.unplug()
    await shop.clock.sleep(1.0)
    shop.cable.plug_in()


async def _kill(shop: CardShop, going: asyncio.Task[Ended]) -> None:
    going.cancel()
    await shop.kill_driver()
    shop.start_driver()


async def _abort(shop: CardShop, job: DeviceJob) -> None:
    with contextlib.suppress(DeviceUnreachable):
        await shop.driver.perform(shop.abortion(job))
