"""Weather over card payments, refunds and reversals: cuts, silences, crashes of the driver.

What must hold whatever happens (faults 21 and 22):
- money moves at most once for each job, in the direction that was asked;
- the acquirer's books are what the definite outcomes say, no more and no less;
- an unknown outcome is settled by inquiry to what the acquirer has booked.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from devices.driver import DeviceJob
from devices.drivers.terminal_zvt.payments import TerminalZvt
from devices.simulators.terminal_zvt.scripts import Point, Script, SimulatedTerminalSettings
from devices.transports.memory_pipe import PipeVariant
from edge.contract.device_messages import JobStatus, PaymentOutcome
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable, ProtocolViolation, Refused
from tests.devices.zvt_shop import ZvtShop, outcome_of, zvt_shop

STEPS_PER_RUN = 5
ENDINGS = frozenset({"approved", "declined", "cancelled"})
KINDS = ("payment", "payment", "refund", "reversal")
AMOUNTS = (1000, 1001)
"""The same amounts come again: a booking must not be taken for another's."""


@dataclass(frozen=True)
class Weather:
    """What happens to one transaction."""

    script: Script = Script.APPROVE
    cut_at: Point | None = None
    stall_at: Point | None = None
    stall_s: float = 0.2
    pull_after_s: float | None = None
    kill_after_s: float | None = None
    abort_after_s: float | None = None
    spoil_completion: bool = False
    blocks: tuple[int, int, int, int] = (0, 0, 0, 0)
    """On a serial line: blocks spoilt, refused, not answered, answers not noticed."""
    strict: bool = False


@dataclass(frozen=True)
class Step:
    """One transaction: `kind` is payment, refund or reversal.

    A reversal undoes the last approved payment, or the first with `older`, for its amount;
    before any it names a receipt that nobody has.
    """

    kind: str
    amount: int
    weather: Weather = Weather()
    older: bool = False


@dataclass(frozen=True)
class Place:
    """What the terminal and its cable are like."""

    settings: SimulatedTerminalSettings
    chunk_bytes: int = 4096
    fragment: bool = False
    coalesce: bool = False
    serial: bool = False


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
        (few(chance), few(chance), few(chance), few(chance)),
        chance.random() < 0.5,
    )


def few(chance: random.Random) -> int:
    return chance.choice((0, 0, 0, 0, 1, 1, 2, 3, 4))


async def storm(
    seed: int, driver_class: type[TerminalZvt] = TerminalZvt, *, serial: bool = False
) -> list[str]:
    """Run a day in the weather of a seed; return what was wrong, nothing when all held."""
    chance = random.Random(seed)
    settings = SimulatedTerminalSettings(
        sync_receipt=chance.random() < 0.5, takes_back_reversals=chance.random() < 0.5
    )
    place = Place(
        settings,
        chance.choice([1, 3, 4096]),
        chance.random() < 0.2,
        chance.random() < 0.2,
        serial,
    )
    steps = [
        Step(chance.choice(KINDS), chance.choice(AMOUNTS), weather(chance), chance.random() < 0.3)
        for _ in range(STEPS_PER_RUN)
    ]
    return [f"seed {seed}: {line}" for line in await play(steps, place, driver_class)]


Books = dict[str, tuple[str, int]]
"""What stands at the acquirer: receipt number to kind and amount."""


async def play(
    steps: Sequence[Step], place: Place, driver_class: type[TerminalZvt] = TerminalZvt
) -> list[str]:
    """Go through the steps; return what was wrong, nothing when the books are as was told."""
    variant = PipeVariant(chunk_bytes=place.chunk_bytes)
    wrong: list[str] = []
    async with zvt_shop(
        place.settings, variant=variant, driver_class=driver_class, serial=place.serial
    ) as shop:
        shop.terminal.manners.fragment = place.fragment
        shop.terminal.manners.coalesce = place.coalesce
        paid: list[tuple[str, int]] = []
        for number, step in enumerate(steps):
            before = books(shop)
            job, undone = _job(shop, step, paid)
            outcome = await _one_transaction(shop, job, step.weather)
            words = f"{step.kind} {number} is {outcome}: {step.weather}"
            if outcome.outcome not in ENDINGS:
                wrong.append(f"not settled: {words}")
                continue
            if outcome.outcome == "approved":
                told = {outcome.receipt: (step.kind, outcome.amount_minor)}
                wanted = {each: entry for each, entry in before.items() if each != undone} | told
                if step.kind == "payment":
                    paid.append((outcome.receipt, outcome.amount_minor))
            else:
                wanted = before
            if (now := books(shop)) != wanted:
                wrong.append(f"the books are {now}, not {wanted}: {words}")
    return wrong


def books(shop: ZvtShop) -> Books:
    return {
        each["receipt"]: (each["kind"], each["amount_minor"])
        for each in shop.terminal.booked()
        if each["state"] == "booked"
    }


def _job(shop: ZvtShop, step: Step, paid: list[tuple[str, int]]) -> tuple[DeviceJob, str]:
    """Return the job, and the receipt number that it undoes."""
    match step.kind:
        case "payment":
            return shop.pay(step.amount), ""
        case "refund":
            return shop.refund(step.amount), ""
        case _:
            receipt, amount = paid[0 if step.older else -1] if paid else ("4711", step.amount)
            return shop.reversal(amount, receipt), receipt


async def _one_transaction(shop: ZvtShop, job: DeviceJob, here: Weather) -> PaymentOutcome:
    shop.terminal.next_script = here.script.value
    shop.terminal.cut_at, shop.terminal.stall_at = here.cut_at, here.stall_at
    shop.terminal.stall_s = here.stall_s
    shop.terminal.abort_instead_of_completion = here.spoil_completion
    manners = shop.terminal.manners
    manners.spoil_blocks, manners.refuse_blocks, manners.mute_answers, manners.miss_answers = (
        here.blocks
    )
    manners.strict = here.strict
    going = asyncio.create_task(_perform(shop, job))
    disturbing = [
        asyncio.create_task(_after(shop, here.pull_after_s, _pull)),
        asyncio.create_task(_after(shop, here.kill_after_s, lambda s: _kill(s, going))),
        asyncio.create_task(_after(shop, here.abort_after_s, lambda s: _abort(s, job))),
    ]
    await asyncio.gather(*disturbing)
    outcome = await going
    # what is left of this weather does not reach the next one
    shop.terminal.cut_at = shop.terminal.stall_at = None
    manners.spoil_blocks = manners.refuse_blocks = manners.mute_answers = manners.miss_answers = 0
    if outcome is None:
        outcome = await shop.definite(job)
    while shop.terminal.busy:
        await shop.clock.sleep(1.0)
    await shop.until(DriverState.READY)
    return outcome


async def _perform(shop: ZvtShop, job: DeviceJob) -> PaymentOutcome | None:
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


async def _kill(shop: ZvtShop, going: asyncio.Task[PaymentOutcome | None]) -> None:
    going.cancel()
    await shop.kill_driver()
    shop.start_driver()


async def _abort(shop: ZvtShop, job: DeviceJob) -> None:
    with contextlib.suppress(DeviceUnreachable):
        await shop.driver.perform(shop.abortion(job))
