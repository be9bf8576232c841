"""The simulated terminal on a serial line, met with hand-written blocks."""

from __future__ import annotations

import asyncio
import io
import os
import pty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devices.driver import SimulatorPorts
from devices.drivers.terminal_zvt.payments import TerminalZvt
from devices.drivers.terminal_zvt.settings import TerminalZvtSettings, terminal_connector
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from devices.simulators.terminal_zvt.serial_line import check_value, in_block
from devices.simulators.terminal_zvt.terminal import SimulatedTerminal
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import memory_pipe
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock
from tests.devices.zvt_shop import outcome_of, zvt_shop

YES = "10028000001003f51f"
NOT_POSSIBLE = "10028483001003"
DONE = "1002060f0010 03c633".replace(" ", "")
STATUS = "1002 0501 03 000000 1003 {}"
WRONG_PASSWORD = "1002 0600 06 123456 BA 0978 1003 24C3"


class Bench:
    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        settings = SimulatedTerminalSettings(line="serial")
        ports = SimulatorPorts(clock, open_log("counter", io.StringIO()))
        self.terminal = SimulatedTerminal(settings, ports)
        pipe = memory_pipe()
        self.till: ByteStream = pipe.near
        self.task = asyncio.create_task(self.terminal.attend(pipe.far))

    async def say(self, data: str) -> None:
        await self.till.write(bytes.fromhex(data))

    async def hear(self, within_s: float = 30.0) -> str:
        """Return what comes until a tenth of a second of silence; "" when nothing comes."""
        got = b""
        try:
            async with self.clock.timeout(within_s):
                got = await self.till.read(4096)
            while True:
                async with self.clock.timeout(0.1):
                    got += await self.till.read(4096)
        except TimeoutError:
            return got.hex()


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    clock = VirtualClock()
    async with clock.running():
        made = Bench(clock)
        try:
            yield made
        finally:
            made.task.cancel()
            await asyncio.gather(made.task, return_exceptions=True)


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("800000", "f51f"),
        ("0600061234 56ba0978", "24c3"),
        ("06010a040000000110004909 78", "f2ff"),
        ("067000", "d9f9"),
        ("0501 03123456", "e043"),
        ("0618 00", "563a"),
    ],
)
def test_its_own_check_value_is_that_of_recorded_blocks(unit: str, value: str) -> None:
    assert check_value(bytes.fromhex(unit)).hex() == value


def test_its_own_blocks_double_every_10() -> None:
    unit = bytes.fromhex("06010a04000000011000490978")
    assert in_block(unit).hex() == "100206010a0400000001101000490978" + "1003f2ff"


async def test_a_command_is_answered_in_two_steps() -> None:
    async with bench() as made:
        await made.say(WRONG_PASSWORD)
        answer = await made.hear()
        assert answer == "06" + NOT_POSSIBLE + check_value(bytes.fromhex("848300")).hex()
        await made.say("06")
        assert await made.hear() == ""


async def test_it_repeats_what_is_not_answered_and_then_goes_on() -> None:
    async with bench() as made:
        await made.say(WRONG_PASSWORD)
        assert (await made.hear()).startswith("06" + NOT_POSSIBLE)
        for _ in range(2):
            assert (await made.hear()).startswith(NOT_POSSIBLE)
        assert await made.hear() == ""
        await made.clock.sleep(7.0)
        await made.say("1002 0670 00 1003 D9F9")
        assert await made.hear() == "06" + YES
        await made.say("06")
        assert (await made.hear()).startswith("1002060f")


async def test_15_makes_it_repeat_at_once() -> None:
    async with bench() as made:
        await made.say("1002 0670 00 1003 D9F9")
        assert await made.hear() == "06" + YES
        await made.say("15")
        assert await made.hear(0.5) == YES


@pytest.mark.parametrize(
    "bad", ["1002 0670 00 1003 D9F8", "1002 0670 00 10", "1002 0670", "1002 0670 00 1003 D9"]
)
async def test_it_asks_for_a_damaged_block_again(bad: str) -> None:
    async with bench() as made:
        await made.say(bad)
        assert await made.hear(0.5) == "15"
        await made.say("1002 0670 00 1003 D9F9")
        assert await made.hear() == "06" + YES


async def test_noise_is_passed_over() -> None:
    async with bench() as made:
        await made.say("00 FF 33")
        assert await made.hear(1.0) == ""
        await made.say("00 1002 0670 00 1003 D9F9")
        assert await made.hear() == "06" + YES


async def test_a_repeated_command_is_carried_out_once() -> None:
    async with bench() as made:
        made.terminal.manners.mute_answers = 1
        await made.say("1002 0670 00 1003 D9F9")
        assert await made.hear() == YES, "its 06 got lost"
        await made.say("1002 0670 00 1003 D9F9")  # an impatient till
        assert await made.hear(0.5) == "06"
        await made.say("06")
        assert (await made.hear()).startswith("1002060f")
        await made.say("06")
        assert made.terminal.manners.repeats_heard == 1
        assert await made.hear(3.0) == "", "it began anew"


async def test_a_real_terminal_line_carries_a_payment() -> None:
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    clock = SystemClock()
    till = TerminalZvtSettings(f"serial://{os.ttyname(slave)}", answer_ms_max=300)
    sim = SimulatedTerminalSettings(line="serial", customer_ms=1, network_ms=1)
    terminal = SimulatedTerminal(sim, SimulatorPorts(clock, open_log("x", io.StringIO())))
    ports = KeptPorts(terminal_connector(till, clock), clock, device="terminal-1")
    driver = TerminalZvt(till, ports)
    tasks = [
        asyncio.create_task(terminal.attend(Master(master))),
        asyncio.create_task(driver.run()),
    ]
    try:
        while driver.state is not DriverState.READY:
            await asyncio.sleep(0.01)
        async with zvt_shop(start=False, plugged=False) as shop:
            job = shop.pay(1010)
        assert outcome_of(await driver.perform(job)).amount_minor == 1010
        assert terminal.balance_minor == 1010
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        os.close(master)
        os.close(slave)


class Master:
    """The far end of a pseudo-terminal."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    async def read(self, max_bytes: int) -> bytes:
        while True:
            try:
                return os.read(self._fd, max_bytes)
            except BlockingIOError:
                await asyncio.sleep(0.002)
            except OSError as error:
                raise DeviceUnreachable("gone", str(error)) from error

    async def write(self, data: bytes) -> None:
        assert os.write(self._fd, data) == len(data)

    async def close(self) -> None:
        """The test closes it."""
