"""`tillbox simulate` as a process: found on a port, driven by a real driver, ended by a signal."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devices import driver_catalogue
from devices.driver import DeviceJob, Driver
from devices.simulating.main import COMMAND
from devices.transports.addresses import connector_to
from edge.contract.device_messages import JobKind, JobStatus, KickDrawerArgs, WeighArgs
from edge.runtime.system_clock import SystemClock
from tests.devices.driver_ports import KeptPorts
from tests.devices.host_bench import until

RUN = (
    "import argparse, sys; from devices.simulating.main import COMMAND; "
    "p = argparse.ArgumentParser(); COMMAND.configure(p); sys.exit(COMMAND.run(p.parse_args()))"
)


class Simulated:
    """The process; `address` is what it said."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.address = self.line().removeprefix("ready ")

    def line(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        return self.process.stdout.readline().decode().strip() if ready else ""

    def play(self, step: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(step.encode() + b"\n")
        self.process.stdin.flush()

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        os.kill(self.process.pid, number)
        _, said = self.process.communicate(timeout=10)
        return self.process.returncode, said.decode()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def started() -> Iterator[list[Simulated]]:
    running: list[Simulated] = []
    yield running
    for each in running:
        each.close()


@asynccontextmanager
async def driven(name: str, address: str) -> AsyncIterator[tuple[Driver, KeptPorts]]:
    clock = SystemClock()
    spec = driver_catalogue.driver(name)
    ports = KeptPorts(connector_to(address, clock), clock)
    driver = spec.build(spec.settings(address=address), ports)
    running = asyncio.create_task(driver.run())
    try:
        yield driver, ports
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def port_behind(address: str) -> str:
    """Return the pseudo-terminal that a serial address leads to now; empty for what is none."""
    link = Path(address.removeprefix("serial://"))
    return str(link.readlink()) if link.is_symlink() else ""


def weigh() -> DeviceJob:
    return DeviceJob("weigh-0001", JobKind.WEIGH, WeighArgs(), SystemClock().now_ms() + 4_000)


@pytest.mark.parametrize("where", [("--tcp", "127.0.0.1:0"), ("--pty",)], ids=["tcp", "pty"])
async def test_a_driver_finds_the_device_at_the_address_that_was_printed(
    started: list[Simulated], where: tuple[str, ...], tmp_path: Path
) -> None:
    script = tmp_path / "script.toml"
    script.write_text(
        '[[step]]\nplay = "put"\nargs = { grams = 250 }\n'
        '[[step]]\non = "connected"\ncount = 2\nplay = "put"\nargs = { grams = 750 }\n'
    )
    simulated = Simulated("scale_cas", *where, "--script", str(script), "--set", "capacity_g=9000")
    started.append(simulated)
    assert simulated.address.startswith("tcp://127.0.0.1:" if "--tcp" in where else "serial:///")
    first = port_behind(simulated.address)
    async with driven("scale_cas", simulated.address) as (driver, ports):
        await until(lambda: ports.state.get("weight_g") == 250)
        result = await driver.perform(weigh())
        assert result.status is JobStatus.DONE
        assert result.result.weight_g == 250
    if first:  # nobody can tell two holders of a port apart when the second is there at once
        await until(lambda: port_behind(simulated.address) not in {"", first})
    async with driven("scale_cas", simulated.address) as (_, ports):
        await until(lambda: ports.state.get("weight_g") == 750)
    status, said = simulated.end()
    assert status == 0
    assert '"play":"put"' in said
    assert "Traceback" not in said
    if "--pty" in where:
        assert not Path(simulated.address.removeprefix("serial://")).parent.exists()


async def test_steps_come_through_a_pipe_and_the_device_shows_itself(
    started: list[Simulated],
) -> None:
    simulated = Simulated("printer_escpos", "--tcp", "127.0.0.1:0", "--script", "-")
    started.append(simulated)
    async with driven("printer_escpos", simulated.address) as (driver, ports):
        await until(lambda: ports.state.get("state") == "ready")
        simulated.play('{"play": "paper_out"}')
        await until(lambda: ports.state.get("paper") == "out")
        simulated.play("no step at all")
        simulated.play('{"play": "paper_ok"}')
        await until(lambda: ports.state.get("paper") == "ok")
        kick = DeviceJob("kick-00001", JobKind.KICK_DRAWER, KickDrawerArgs(), 2**50)
        assert (await driver.perform(kick)).status is JobStatus.DONE
        simulated.play('{"play": "show"}')
        assert '"drawer":"open"' in simulated.line()
        simulated.play('{"play": "line_cut", "args": {"for_s": 0}}')
        await until(lambda: ports.state.get("state") == "lost")
        simulated.play('{"play": "line_plug_in"}')
        await until(lambda: ports.state.get("state") == "ready", within_s=20)
    status, said = simulated.end(signal.SIGINT)
    assert status == 0
    assert "Standard input, line 2 is no step" in said


async def test_an_unplugged_serial_port_is_gone_and_comes_back(
    started: list[Simulated], tmp_path: Path
) -> None:
    link = tmp_path / "scale"
    simulated = Simulated("scale_cas", "--pty", str(link), "--script", "-")
    started.append(simulated)
    assert simulated.address == f"serial://{link}"
    simulated.play('{"play": "line_cut", "args": {"for_s": 0}}')
    await until(lambda: not link.is_symlink())
    simulated.play('{"play": "line_plug_in"}')
    await until(link.is_symlink)


# --- in words -----------------------------------------------------------------------------


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scale_psychic", "--pty"), "Choose one of: .*scale_cas"),
        (("scale_psychic", "--actions"), "Choose one of: .*scale_cas"),
        (("scale_cas",), "Add --tcp 127.0.0.1:0 or --pty"),
        (("scale_cas", "--tcp", "9100"), "HOST:PORT"),
        (("scale_cas", "--tcp", "host:99999"), "HOST:PORT"),
        (("scale_cas", "--tcp", "host:nine"), "HOST:PORT"),
        (("scale_cas", "--tcp", "192.0.2.1:0"), "cannot listen on port 0 of 192.0.2.1"),
        (("scale_cas", "--pty", "/no/such/folder/scale"), "scale_cas's port cannot be put at"),
        (("scale_cas", "--pty", "--set", "capacity_g"), "Write --set KEY=VALUE"),
        (("scale_cas", "--pty", "--set", "capacity_g=much"), "settings do not fit"),
        (("scale_cas", "--pty", "--script", "none.toml"), "none.toml cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    told = capsys.readouterr()
    assert not told.out
    assert "Traceback" not in told.err

    assert re.search(said, told.err)


@pytest.mark.parametrize("name", driver_catalogue.simulator_names())
def test_settings_and_actions_are_listed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--actions") == 0
    told = capsys.readouterr().out
    spec = driver_catalogue.simulator(name)
    for word in (*spec.settings.__struct_fields__, *spec.actions, "line_cut for_s=NUMBER (1.0)"):
        assert word in told


def test_a_script_from_a_file_that_is_no_pipe_is_refused_in_words(tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    steps.write_text("{}")
    with steps.open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-c", RUN, "scale_cas", "--pty", "--script", "-"],
            stdin=file,
            capture_output=True,
            timeout=20,
            check=False,
        )
    assert done.returncode == 2
    assert b"--script FILE" in done.stderr
    assert io.BytesIO(done.stdout).readline().startswith(b"ready ")
