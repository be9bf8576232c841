"""Seeded weather over card payments: cuts, silences, crashes of the driver, at any moment.

What must hold whatever happens (faults 21 and 22):
- one payment is booked at most once;
- a payment that is said to be approved is booked, one said to be declined is not;
- an unknown one is settled by inquiry to what the acquirer has booked.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from devices.driver import DeviceJob
from devices.drivers.terminal_zvt.payments import TerminalZvt
from devices.simulators.terminal_zvt.scripts import Point, Script, SimulatedTerminalSettings
from devices.transports.memory_pipe import PipeVariant
from edge.contract.device_messages import DriverState, JobStatus, PaymentOutcome
from edge.contract.errors import DeviceUnreachable, ProtocolViolation, Refused
from tests.devices.zvt_shop import ZvtShop, outcome_of, zvt_shop

PAYMENTS_PER_RUN = 4
ENDINGS = frozenset({"approved", "declined", "cancelled"})


@dataclass(frozen=True)
class Weather:
    """What one seed does to one payment."""

    script: Script
    cut_at: Point | None
    stall_at: Point | None
    stall_s: float
    pull_after_s: float | None
    kill_after_s: float | None
    abort_after_s: float | None
    spoil_completion: bool


def weather(chance: random.Random) -> Weather:
    def perhaps(odds: float, longest: float) -> float | None:
        return chance.uniform(0, longest) if chance.random() < odds else None

    return Weather(
        chance.choice(list(Script)),
        chance.choice([None, None, *Point]),
        chance.choice([None, None, None, *Point]),
        chance.choice([0.2, 2.0, 6.0, 200.0]),
        perhaps(0.25, 1.5),
        perhaps(0.25, 1.5),
        perhaps(0.2, 1.0),
        chance.random() < 0.1,
    )


async def storm(seed: int, driver_class: type[TerminalZvt] = TerminalZvt) -> list[str]:
    """Run some payments in the weather of a seed; return what was wrong, nothing when all held."""
    chance = random.Random(seed)
    variant = PipeVariant(chunk_bytes=chance.choice([1, 3, 4096]))
    settings = SimulatedTerminalSettings(sync_receipt=chance.random() < 0.5)
    wrong: list[str] = []
    async with zvt_shop(settings, variant=variant, driver_class=driver_class) as shop:
        shop.terminal.manners.fragment = chance.random() < 0.2
        shop.terminal.manners.coalesce = chance.random() < 0.2
        for number in range(PAYMENTS_PER_RUN):
            # the same amounts come again: a booking must not be taken for another's
            amount = 1000 + chance.randrange(2)
            before = shop.standing()
            here = weather(chance)
            job = shop.pay(amount)
            outcome = await _one_payment(shop, job, here)
            added = shop.standing()[len(before) :]
            if shop.standing()[: len(before)] != before:
                wrong.append(f"payment {number} undid an earlier one: {here}")
            if len(added) > 1:
                wrong.append(f"payment {number} was booked {len(added)} times: {here}")
            if outcome.outcome not in ENDINGS:
                wrong.append(f"payment {number} was not settled: {outcome} {here}")
            elif added != ([outcome.amount_minor] if outcome.outcome == "approved" else []):
                wrong.append(f"payment {number} is {outcome}, booked {added}: {here}")
    return [f"seed {seed}: {line}" for line in wrong]


async def _one_payment(shop: ZvtShop, job: DeviceJob, here: Weather) -> PaymentOutcome:
    shop.terminal.next_script = here.script.value
    shop.terminal.cut_at, shop.terminal.stall_at = here.cut_at, here.stall_at
    shop.terminal.stall_s = here.stall_s
    shop.terminal.abort_instead_of_completion = here.spoil_completion
    paying = asyncio.create_task(_pay(shop, job))
    disturbing = [
        asyncio.create_task(_after(shop, here.pull_after_s, _pull)),
        asyncio.create_task(_after(shop, here.kill_after_s, lambda s: _kill(s, paying))),
        asyncio.create_task(_after(shop, here.abort_after_s, lambda s: _abort(s, job))),
    ]
    await asyncio.gather(*disturbing)
    outcome = await paying
    # what is left of this weather does not reach the next payment
    shop.terminal.cut_at = shop.terminal.stall_at = None
    if outcome is None:
        outcome = await shop.definite(job)
    while shop.terminal.busy:
        await shop.clock.sleep(1.0)
    await shop.until(DriverState.READY)
    return outcome


async def _pay(shop: ZvtShop, job: DeviceJob) -> PaymentOutcome | None:
    """Perform as the job router does: what certainly did not happen is declined."""
    try:
        result = await shop.driver.perform(job)
    except (DeviceUnreachable, Refused) as error:
        return PaymentOutcome("declined", reason=error.message)
    except (ProtocolViolation, asyncio.CancelledError):
        return None
    if result.status is JobStatus.FAILED:
        return PaymentOutcome("declined", reason="failed")
    return None if result.status is JobStatus.UNKNOWN else outcome_of(result)


async def _after(
    shop: ZvtShop, seconds: float | None, act: Callable[[ZvtShop], Awaitable[None]]
) -> None:
    if seconds is not None:
        await shop.clock.sleep(seconds)
        await act(shop)


async def _pull(shop: ZvtShop) -> None:
    await shop.cable.unplug()
    await shop.clock.sleep(1.0)
    shop.cable.plug_in()


async def _kill(shop: ZvtShop, paying: asyncio.Task[PaymentOutcome | None]) -> None:
    paying.cancel()
    await shop.kill_driver()
    shop.start_driver()


async def _abort(shop: ZvtShop, job: DeviceJob) -> None:
    with contextlib.suppress(DeviceUnreachable):
        await shop.driver.perform(shop.abortion(job))
