"""Every driver is unplugged in every state it can be in, and is back without a person.

Here the cable is of memory and the clock jumps, so that a check can pull at each message of each
dialogue. `test_hotplug` and `test_replugged` do it with real nodes, sockets and processes.

A check takes a seeded part of all moments for each way of losing and finding the device; all of
them are `TILLBOX_UNPLUGGED=all`.
"""

from __future__ import annotations

import asyncio
import os
import random
import zlib
from pathlib import Path
from typing import Final

import pytest

from devices import driver_catalogue
from devices.protocols.escpos_encoder import EscposEncoder
from edge.contract.device_messages import JobKind
from tests.devices.pulled_cable import Loss
from tests.devices.unplugged_moments import (
    kinds,
    lines_are_back,
    moments,
    nothing_left_behind,
    unplug_at,
    works,
)
from tests.devices.unplugging import Return, Unplugging, losses

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
        chance.shuffle(found)
        chosen = found if ALL else found[:MOMENTS_MAX]
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
