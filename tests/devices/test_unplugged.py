"""Every driver is unplugged in every state it can be in, and is back without a person.

Here the cable is of memory and the clock jumps, so that a check can pull at each message of each
dialogue. `test_hotplug` and `test_replugged` do it with real nodes, sockets and processes.

A check takes a seeded part of all moments for each way of losing and finding the device; all of
them are `TILLBOX_UNPLUGGED=all`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from typing_extensions import override

from devices import driver_catalogue
from devices.driver import DeviceJob, DriverSpec
from devices.drivers.drawer_gpio import DrawerGpio
from devices.drivers.printer_escpos import PrinterEscpos
from devices.drivers.scanner_serial import ScannerSerial
from devices.drivers.terminal_zvt.payments import TerminalZvt
from devices.protocols.escpos_encoder import EscposEncoder
from devices.transports.byte_stream import ByteStream
from devices.transports.flight_recorder import FlightRecorder
from edge.contract.device_messages import BarcodeScanned, JobKind, JobResult, JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import TillboxError
from tests.devices.pulled_cable import Loss
from tests.devices.unplugged_moments import (
    kinds,
    lines_are_back,
    moments,
    nothing_left_behind,
    unplug_at,
    works,
)
from tests.devices.unplugging import PAYING, Moment, Return, Unplugging, losses

EscposEncoder.load()  # the clock must not jump while a thread imports

NAMES: Final = driver_catalogue.driver_names()
SEED: Final = 20_261_127
ALL: Final = os.environ.get("TILLBOX_UNPLUGGED") == "all"
MOMENTS_MAX: Final = 6
"""Of one driver, loss and return in a check: fifteen of those make each moment likely."""


def bench_of(name: str, loss: Loss, back: Return, folder: Path) -> Unplugging:
    driver, simulator = driver_catalogue.driver(name), driver_catalogue.simulator(name)
    return Unplugging(driver, simulator, loss, back, folder)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("back", Return)
@pytest.mark.parametrize(
    ("name", "loss"), [(n, loss) for n in NAMES for loss in losses(driver_catalogue.driver(n))]
)
async def test_a_device_unplugged_at_any_moment_is_back_by_itself(
    name: str, loss: Loss, back: Return, tmp_path: Path
) -> None:
    bench = bench_of(name, loss, back, tmp_path)
    chance = random.Random(SEED ^ zlib.crc32(f"{name} {loss} {back}".encode()))
    async with bench.running():
        await bench.until_serving()
        found = await moments(bench)
        chosen = found if ALL else some_of(found, chance)
        print(f"{name} {loss} {back}: {len(chosen)} of {len(found)} moments, seed {SEED}")
        asked = kinds(bench)
        for kind in asked:
            await works(bench, kind)
        await bench.clock.sleep(60)
        tasks, streams = len(asyncio.all_tasks()), bench.plug.open_streams
        for number, moment in enumerate(chosen):
            try:
                await unplug_at(bench, moment, asked[number % len(asked)])
            except AssertionError as error:
                log = bench.ports.log_text.getvalue()[-1_500:]
                raise AssertionError(
                    f"{error}\n{name}, {loss}, {back}, moment {number}: {moment}\n{log}"
                ) from error
        await bench.clock.sleep(60)
        nothing_left_behind(bench, tasks, streams)
        for answer in bench.answers:
            assert len(bench.finals(answer.id)) == 1, f"{answer.id} has no end, or two"
        log = bench.ports.log_text.getvalue()
        assert log.count('"device_lost"') == log.count('"device_back"'), "told unevenly"
        assert '"level":"error"' not in log


def some_of(found: list[Moment], chance: random.Random) -> list[Moment]:
    """Choose some moments: idle always, some of all, and some that move money where it does."""
    moving = [moment for moment in found if moment.what in PAYING]
    return [
        found[0],
        *chance.sample(found[1:], min(MOMENTS_MAX, len(found) - 1)),
        *chance.sample(moving, min(MOMENTS_MAX, len(moving))),
    ]


@pytest.mark.parametrize("back", Return)
@pytest.mark.parametrize(
    "name", [n for n in NAMES if JobKind.SHOW_LINES in driver_catalogue.driver(n).job_kinds]
)
async def test_a_display_shows_again_what_it_should(
    name: str, back: Return, tmp_path: Path
) -> None:
    bench = bench_of(name, Loss.BROKEN, back, tmp_path)
    async with bench.running():
        await bench.until_serving()
        await lines_are_back(bench)


# --- nothing is left behind ---------------------------------------------------------------

WARM_UP: Final = 60
PULLS: Final = 100
OBJECTS_PER_PULL_MAX: Final = 1.0
"""A pull that left but one object behind would be seen; caches that fill have filled by then."""


@pytest.mark.parametrize("name", NAMES)
async def test_a_loose_plug_leaves_nothing_in_memory(name: str, tmp_path: Path) -> None:
    bench = bench_of(name, Loss.BROKEN, Return.SAME, tmp_path)
    bench.ports.recorder = FlightRecorder(bench.clock, 256)  # full at once
    async with bench.running():
        await bench.until_serving()
        counted = []
        for number in range(WARM_UP + PULLS):
            if number in {WARM_UP, WARM_UP + PULLS - 1}:
                counted.append(await objects(bench))
            await bench.plug.unplug()
            await bench.clock.sleep(0.5 if number % 2 else 3)
            bench.plug.plug_in()
            await bench.until_well()
    before, after = counted
    assert after - before < OBJECTS_PER_PULL_MAX * PULLS, f"{before} objects became {after}"


async def objects(bench: Unplugging) -> int:
    """Count what the collector knows, without what a test keeps itself."""
    await bench.clock.sleep(30)
    del bench.ports.states[1:-1]
    bench.ports.log_text.truncate(0)
    gc.collect()
    return len(gc.get_objects())


# --- the checks see faults ----------------------------------------------------------------


class JoinsHalves(ScannerSerial):
    """What was cut off and what comes behind the next plug make one code."""

    _kept = b""

    @override
    async def serve(self, stream: ByteStream) -> None:
        self.ready()
        try:
            while data := await stream.read(100):
                *codes, self._kept = (self._kept + data).split(b"\r")
                for code in codes:
                    self.ports.emit("scan", BarcodeScanned(code.decode("ascii")), 5_000)
        finally:
            if self._kept:  # better half a code than none
                self.ports.emit("scan", BarcodeScanned(self._kept.decode("ascii")), 5_000)


class LostAtOnce(ScannerSerial):
    @override
    def _missing(self, trouble: TillboxError) -> None:
        self._gone_since_ms -= 10_000
        super()._missing(trouble)


class LostWithoutAdvice(ScannerSerial):
    @override
    def _move(self, to: DriverState, changes: dict[str, str | int]) -> None:
        super()._move(to, {**changes, "advice": ""})


class LeavesATask(ScannerSerial):
    left: ClassVar[list[asyncio.Task[object]]] = []

    @override
    async def serve(self, stream: ByteStream) -> None:
        self.left.append(asyncio.get_running_loop().create_task(asyncio.Event().wait()))
        await super().serve(stream)


class LeavesAnObject(ScannerSerial):
    left: ClassVar[list[list[object]]] = []

    @override
    async def serve(self, stream: ByteStream) -> None:
        self.left.extend([[], []])
        await super().serve(stream)


class KicksAgain(DrawerGpio):
    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        result = await super().perform(job)
        if result.status is JobStatus.UNKNOWN:
            return await super().perform(job)
        return result


class PrintsAgain(PrinterEscpos):
    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        result = await super().perform(job)
        if result.status is JobStatus.UNKNOWN:
            return await super().perform(job)
        return result


class ChargesAgain(TerminalZvt):
    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        result = await super().perform(job)
        if result.status is JobStatus.UNKNOWN:
            return await super().perform(job)
        return result


@pytest.mark.parametrize(
    ("driver", "what", "words"),
    [
        (JoinsHalves, "a scan", "never on a label|told 2 times"),
        (LostAtOnce, "idle", "a blip counts as a loss"),
        (LostWithoutAdvice, "idle", "nobody is told what to do"),
        (LeavesATask, "idle", "tasks instead of"),
        (KicksAgain, "kick_drawer", "done 2 times"),
        (PrintsAgain, "print_receipt", "done 2 times"),
        (ChargesAgain, "authorise_payment", "done 2 times|told as"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
async def test_a_planted_fault_is_seen(
    driver: type[Any], what: str, words: str, tmp_path: Path
) -> None:
    name = {
        DrawerGpio: "drawer_gpio",
        PrinterEscpos: "printer_escpos",
        TerminalZvt: "terminal_zvt",
        ScannerSerial: "scanner_serial",
    }[driver.__base__]
    spec = replace(driver_catalogue.driver(name), build=driver)
    with pytest.raises(AssertionError, match=words):
        await all_moments_of(spec, what, tmp_path)


async def all_moments_of(spec: DriverSpec[Any], what: str, folder: Path) -> None:
    """Pull at all moments of one thing, over a blip and for long."""
    for back in (Return.BLIP, Return.SAME):
        simulator = driver_catalogue.simulator(spec.name)
        bench = Unplugging(spec, simulator, Loss.BROKEN, back, folder)
        async with bench.running():
            await bench.until_serving()
            chosen = [each for each in await moments(bench) if each.what == what]
            await bench.clock.sleep(60)
            tasks = len(asyncio.all_tasks())
            for moment in chosen:
                await unplug_at(bench, moment, kinds(bench)[0])
            await bench.clock.sleep(60)
            nothing_left_behind(bench, tasks, bench.plug.open_streams)


async def test_what_is_left_in_memory_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(driver_catalogue.driver("scanner_serial"), build=LeavesAnObject)
    monkeypatch.setattr(driver_catalogue, "driver", lambda _name: spec)
    with pytest.raises(AssertionError, match="objects became"):
        await test_a_loose_plug_leaves_nothing_in_memory("scanner_serial", tmp_path)
