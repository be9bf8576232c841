"""All the moments at which a driver's plug can be pulled, and what must hold at each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final, get_args, get_type_hints

import msgspec

from devices.driver import SERVING, SimulatorSpec
from devices.scripted_actions import Action
from edge.contract.device_limits import DISPLAY_REFRESH_MS
from edge.contract.device_messages import DELIVERY, Delivery, JobKind, JobResult, JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable, Refused
from tests.devices.conformance import JOB_WITHIN_S, KINDS
from tests.devices.pulled_cable import Loss, PullAt
from tests.devices.unplugging import (
    CONNECTING,
    ENDINGS,
    IDLE,
    PAYING,
    QUEUED,
    SCAN,
    TROUBLE,
    Moment,
    Return,
    Unplugging,
    outcome_word,
    until_pulled,
)

MESSAGES_MAX: Final = 60
"""Of one dialogue; behind that it only goes on as it went."""
TROUBLE_S: Final = 5.0
QUIET_S: Final = 2.0
NOTICED_S: Final = 0.8
"""By then a driver has tried again: less than what makes a loss of a blip."""


# --- which moments there are --------------------------------------------------------------


async def moments(bench: Unplugging) -> list[Moment]:
    """Go once through everything the driver can do, undisturbed; return when to pull."""
    found = [Moment(IDLE), Moment(QUEUED)]
    found += _points(CONNECTING, await _connecting_messages(bench))
    if "scan" in bench.new_simulator.actions:
        found += _points(SCAN, await _messages_of_a_scan(bench))
    for kind in kinds(bench):
        found += _points(kind, await _messages_of_a_job(bench, kind))
    found += [Moment(TROUBLE + words) for words, _, _ in troubles(bench.new_simulator)]
    return found


def kinds(bench: Unplugging) -> list[JobKind]:
    return [kind for kind in KINDS if kind in bench.spec.job_kinds]


def _points(what: str, messages: int) -> list[Moment]:
    wholes = range(1, min(messages, MESSAGES_MAX) + 1)
    return [Moment(what, PullAt(at, half)) for at in wholes for half in (False, True)]


async def _connecting_messages(bench: Unplugging) -> int:
    before = bench.plug.messages
    await bench.plug.unplug()
    await bench.plug.end_all()
    await bench.until(lambda: bench.driver.state is DriverState.LOST, 60, "lost")
    bench.plug.plug_in()
    await bench.until_serving()
    return bench.plug.messages - before


async def _messages_of_a_scan(bench: Unplugging) -> int:
    before, heard = bench.plug.messages, len(bench.ports.events)
    await bench.scan()
    await bench.until(lambda: len(bench.ports.events) > heard, 10, "a scan")
    return bench.plug.messages - before


async def _messages_of_a_job(bench: Unplugging, kind: JobKind) -> int:
    before = bench.plug.messages
    await bench.new_goods()
    result = await bench.end_of(bench.ask(kind))
    assert result.status is JobStatus.DONE, f"{kind} undisturbed: {result}"
    return bench.plug.messages - before


def troubles(simulator: SimulatorSpec[Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield what a hand can do to it, by its table of actions: words, action, arguments."""
    for name, action in sorted(simulator.actions.items()):
        for args in _arguments(action):
            try:
                msgspec.convert(args, action.args)
            except msgspec.ValidationError:
                continue  # it needs a text, which is a scan or bytes on the line
            yield f"{name} {args}" if args else name, name, args


def _arguments(action: Action[Any, Any]) -> Iterator[dict[str, Any]]:
    """Yield arguments: the usual ones, then each of the choices of each argument that has some."""
    fields = msgspec.structs.fields(action.args)
    given: dict[str, Any] = {
        field.name: 2 for field in fields if field.required and field.type in {int, float}
    }
    yield given
    hints = get_type_hints(action.args)
    for field in fields:
        kind = hints[field.name]
        choices = [True] if kind is bool else [*getattr(kind, "__members__", {}).values()]
        for choice in choices or get_args(kind):
            yield {**given, field.name: choice}


# --- one case -----------------------------------------------------------------------------


async def unplug_at(bench: Unplugging, moment: Moment, kind: JobKind) -> None:
    """Pull the plug at a moment, put it back, and hold what must be; `kind`: a job to go by."""
    await bench.new_goods()
    counted = {kind: bench.done(kind) for kind in kinds(bench)}
    seen = len(bench.ports.states)
    job, job_kind = "", kind
    match moment.what:
        case what if what == IDLE:
            tries = bench.plug.tries
            await bench.plug.unplug()
            if bench.plug.loss is not Loss.SILENT:
                await bench.clock.sleep(NOTICED_S)
                assert bench.plug.tries > tries, "the cable is out, and that is not noticed"
            await bench.out_and_in()
        case what if what == QUEUED:
            await bench.plug.unplug()
            job = bench.ask(kind)
            await bench.out_and_in()
        case what if what == CONNECTING:
            await bench.plug.unplug()
            await bench.plug.end_all()
            await bench.clock.sleep(0.1)
            bench.plug.arm(moment.at)
            bench.plug.plug_in()
            await _pulled(bench)
            await bench.out_and_in()
        case what if what == SCAN:
            await _scan_and_pull(bench, moment.at)
        case what if what.startswith(TROUBLE):
            job = await _be_in_trouble(bench, what.removeprefix(TROUBLE), kind)
        case what:
            job_kind = JobKind(what)
            bench.plug.arm(moment.at)
            job = bench.ask(job_kind)
            await _pulled(bench, job)
            await bench.out_and_in()
    bench.plug.arm(None)
    await bench.until_serving()
    _check_blip(bench, moment, seen)
    if job:
        await _check_end(bench, job, job_kind, counted)
    await works(bench, job_kind)


async def _pulled(bench: Unplugging, job: str = "") -> None:
    """Wait until the plug is out; pull it now when the dialogue was shorter than that."""
    over = bench.clock.monotonic_ms() + round(JOB_WITHIN_S * 1000)
    while not await until_pulled(bench, 0.05):
        ended = bool(bench.finals(job)) if job else bench.driver.state in SERVING
        if bench.clock.monotonic_ms() > over or (ended and not await until_pulled(bench, QUIET_S)):
            await bench.plug.unplug()


async def _scan_and_pull(bench: Unplugging, at: PullAt | None) -> None:
    before = len(bench.ports.events)
    bench.plug.arm(at)
    try:
        code = await bench.scan()
    except DeviceUnreachable:
        code = ""
    misread = bench.ports.counts.get("ScanErrorCount", 0)
    if not await until_pulled(bench, QUIET_S):
        await bench.plug.unplug()
    await bench.out_and_in()
    await bench.until_serving()
    await bench.clock.sleep(QUIET_S)
    heard = [data.text for _, data, _ in bench.ports.events[before:]]  # type: ignore[attr-defined]
    assert all(text == code for text in heard), f"{heard} was never on a label, {code} was"
    assert len(heard) <= 1, f"{code} was read once and told {len(heard)} times"
    if bench.plug.loss is Loss.SILENT and bench.back is Return.BLIP and code:
        counted = bench.ports.counts.get("ScanErrorCount", 0) > misread
        assert heard or counted, f"{code} was on its way when the network was back, and is lost"


async def _be_in_trouble(bench: Unplugging, words: str, kind: JobKind) -> str:
    _, action, args = next(each for each in troubles(bench.new_simulator) if each[0] == words)
    job = ""
    try:
        await bench.play(action, **args)
        job = bench.ask(kind)
        await bench.clock.sleep(TROUBLE_S)
    except (DeviceUnreachable, Refused):
        pass  # it cannot be done to it now: then it is pulled as it is
    await bench.plug.unplug()
    await bench.out_and_in()
    if bench.back not in {Return.FORGETFUL, Return.FLICKER}:
        # the trouble is still there: a person helps, by its switch
        await bench.clock.sleep(TROUBLE_S)
        await bench.power_cycle()
        await bench.plug.end_all()
    return job


# --- what must hold -----------------------------------------------------------------------


def _check_blip(bench: Unplugging, moment: Moment, seen: int) -> None:
    if bench.back not in {Return.BLIP, Return.FLICKER} or moment.what.startswith(TROUBLE):
        return
    states = {snapshot["state"] for snapshot in bench.ports.states[seen:]}
    assert "lost" not in states, "a blip counts as a loss"


async def _check_end(
    bench: Unplugging, job: str, kind: JobKind, counted: dict[JobKind, int | None]
) -> None:
    """Hold that a job ended once, and that it was done as often as was told."""
    result = await bench.end_of(job)
    before = counted[kind]
    paid = kind in PAYING
    told = outcome_word(result) if result.status is JobStatus.DONE else ""
    if paid and (result.status is JobStatus.UNKNOWN or told not in ENDINGS | {""}):
        told = await bench.settled(kind, job)
        assert told in ENDINGS, f"what became of {job} is {told!r}"
        result = JobResult(job, JobStatus.DONE, result.ts)
    await bench.clock.sleep(QUIET_S)
    assert len(bench.finals(job)) == 1, f"{job} ended more than once: {bench.finals(job)}"
    after = bench.done(kind)
    if before is None or after is None:
        return
    times = after - before
    words = f"{kind} {job} is told as {result.status} {told}, and was done {times} times"
    match result.status:
        case JobStatus.DONE if paid:
            assert times == (told == "approved"), words
        case JobStatus.DONE if kind is JobKind.END_OF_DAY:
            assert times == (told == "closed"), words
        case JobStatus.DONE if _says_it_is_not_sure(result):
            assert times in {0, 1}, words
        case JobStatus.DONE:
            assert times == 1, words
        case JobStatus.FAILED:
            # a drawer that stayed shut was given its pulse all the same
            assert times == 0 or (kind is JobKind.KICK_DRAWER and times == 1), words
        case _:
            assert times in {0, 1}, words


def _says_it_is_not_sure(result: JobResult) -> bool:
    """Say whether a job is done as far as is known: no evidence, or a drawer no sensor saw open."""
    told = msgspec.to_builtins(result.result)
    if not isinstance(told, dict):
        return False
    return told.get("evidence") == "sent_unconfirmed" or told.get("outcome") == "pulsed"


async def works(bench: Unplugging, kind: JobKind) -> None:
    """Hold that the device serves its role as ever: a job, a scan, the right weight."""
    await bench.until_well()
    grams = await bench.new_goods()
    before = bench.done(kind)
    job = bench.ask(kind)
    result = await bench.end_of(job)
    assert result.status is JobStatus.DONE, f"back, yet {kind} ends as {result}"
    after = bench.done(kind)
    if before is not None and after is not None and DELIVERY[kind] is not Delivery.REPEATABLE:
        approved = kind not in PAYING or outcome_word(result) == "approved"
        assert after - before == approved, f"back, and {kind} was done {after - before} times"
    if kind is JobKind.WEIGH:
        told = msgspec.to_builtins(result.result)
        assert told["weight_g"] == grams, f"{grams} g lie there, {told} is told"
    if kind is JobKind.SHOW_LINES and (rows := bench.rows) is not None:
        assert "Whole milk" in rows, f"the display shows {rows}"
    heard = len(bench.ports.events)
    if code := await bench.scan():
        await bench.until(lambda: len(bench.ports.events) > heard, 10, "a scan after the return")
        await bench.clock.sleep(0.5)
        texts = [data.text for _, data, _ in bench.ports.events[heard:]]  # type: ignore[attr-defined]
        assert texts == [code]


async def lines_are_back(bench: Unplugging) -> None:
    """Hold that a display that lost its power shows again what it should, unasked."""
    await bench.end_of(bench.ask(JobKind.SHOW_LINES))
    await bench.plug.unplug()
    await bench.out_and_in()
    await bench.until_serving()
    await bench.clock.sleep(DISPLAY_REFRESH_MS / 1000 + 1)
    assert "Whole milk" in (bench.rows or ""), f"back, the display shows {bench.rows}"


def nothing_left_behind(bench: Unplugging, tasks: int, streams: int) -> None:
    """Hold that as many tasks and open connections are left as there were."""
    now = len(asyncio.all_tasks())
    names = sorted(task.get_name() for task in asyncio.all_tasks())
    assert now <= tasks, f"{now} tasks instead of {tasks}: {names}"
    assert bench.plug.open_streams <= streams, f"{bench.plug.open_streams} connections are open"
