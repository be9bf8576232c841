"""`tillbox devices` as a process, with a real broker and a scanner on a real terminal line."""

from __future__ import annotations

import argparse
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from devices.main import COMMAND
from edge.contract.device_messages import BarcodeScanned, DeviceEvent, JobKind, JobStatus
from edge.contract.device_states import OFFLINE, ONLINE, WantedDevice
from edge.runtime.mqtt_bus import MqttBus
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from tests.devices.broker import MOSQUITTO, RealBroker
from tests.devices.host_bench import TOPICS, EdgeSide, until
from tests.devices.queue_desk import payload

SCANNER = TOPICS.device("scanner-1")
RUN = (
    "import argparse, sys; from devices.main import COMMAND; p = argparse.ArgumentParser();"
    "COMMAND.configure(p); sys.exit(COMMAND.run(p.parse_args()))"
)
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="Mosquitto is not installed")


class Machine:
    """One machine that runs `tillbox devices`, with a terminal line for its scanner."""

    def __init__(self, folder: Path, broker: RealBroker) -> None:
        self.folder = folder
        self.master, self._slave = pty.openpty()
        self.port = os.ttyname(self._slave)
        self.process: subprocess.Popen[bytes] | None = None
        self.watched = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.watched.bind(str(folder / "notify"))
        self.watched.setblocking(False)
        password = broker.settings("host-1").password_file
        self.config = folder / "devices.toml"
        self.config.write_text(
            'store = "store-1"\nhost = "somebody"\ndatabase = "devices.db"\n'
            f'[broker]\nuser = "host-1"\npassword_file = "{password}"\nport = {broker.port}\n'
        )

    def start(self) -> None:
        arguments = ["--config", str(self.config), "--host", "host-1"]
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")}
        with (self.folder / "devices.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, *arguments], stderr=log, env=environment
            )

    def end(self, number: int) -> int:
        assert self.process is not None
        os.kill(self.process.pid, number)
        status = self.process.wait(10)
        self.process = None
        return status

    def told(self) -> list[bytes]:
        words = []
        while True:
            try:
                words.append(self.watched.recv(100))
            except BlockingIOError:
                return words

    def close(self) -> None:
        if self.process is not None:
            self.end(signal.SIGKILL)
        os.close(self.master)
        os.close(self._slave)
        self.watched.close()

    @property
    def wanted(self) -> WantedDevice:
        return WantedDevice("scanner-1", "scanner_serial", {"address": f"serial://{self.port}"})


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RealBroker]:
    made = RealBroker(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def machine(tmp_path: Path, broker: RealBroker) -> Iterator[Machine]:
    made = Machine(tmp_path, broker)
    yield made
    made.close()


@pytest.fixture
async def edge(broker: RealBroker) -> AsyncIterator[EdgeSide]:
    clock, log = SystemClock(), open_log("test")
    side = EdgeSide(MqttBus(broker.settings("edge"), None, clock, log))
    async with Supervisor(clock, log, stop_s=3.0) as tasks:
        _ = tasks.start("edge", side.listen)
        _ = tasks.start("edge bus", side.bus.run)
        await until(lambda: side.bus.connected)
        yield side


def job(job_id: str) -> bytes:
    return payload(JobKind.CHECK_HEALTH, job_id, SystemClock().now_ms() + 30_000)


@needs_mosquitto
@pytest.mark.mosquitto
async def test_a_host_lives_dies_and_comes_back_without_anybody(
    machine: Machine, edge: EdgeSide
) -> None:
    machine.start()
    await edge.configure(machine.wanted)
    await until(lambda: edge.state_is("scanner-1", "ready"), within_s=20)
    assert edge.last(TOPICS.availability) == ONLINE
    os.write(machine.master, b"]E09521234567892\r")
    raw = await until(lambda: edge.last(SCANNER.event("scan")))
    event = msgspec.json.decode(raw, type=DeviceEvent)
    assert msgspec.json.decode(event.data, type=BarcodeScanned) == BarcodeScanned(
        "9521234567892", "]E0"
    )
    await edge.send("scanner-1", job("job-00001"))
    (result,) = await until(lambda: edge.results("scanner-1"))
    assert result.status is JobStatus.DONE

    machine.end(signal.SIGKILL)
    await until(lambda: edge.last(TOPICS.availability) == OFFLINE)  # the last will
    edge.seen.clear()
    machine.start()
    await until(lambda: edge.state_is("scanner-1", "ready"), within_s=20)
    assert edge.last(TOPICS.availability) == ONLINE
    assert edge.last(SCANNER.availability) == ONLINE
    assert edge.info() is not None

    assert machine.end(signal.SIGTERM) == 0
    await until(lambda: edge.last(TOPICS.availability) == OFFLINE)
    assert edge.state_is("scanner-1", "stopped")
    log = (machine.folder / "devices.log").read_text("utf-8")
    # the kernel is listened to, or it is said that this is not allowed: twice, for two starts
    assert log.count('"plugging_watched"') + log.count('"plugging_not_watched"') == 2
    told = machine.told()
    assert told.count(b"READY=1") == 2
    assert b"WATCHDOG=1" in told
    assert told[-1] == b"STOPPING=1"
    log = (machine.folder / "devices.log").read_text()
    assert "Traceback" not in log
    assert '"error"' not in log


@needs_mosquitto
@pytest.mark.mosquitto
async def test_a_stored_job_is_not_done_however_often_it_comes(
    machine: Machine, edge: EdgeSide
) -> None:
    await edge.configure(machine.wanted)
    await edge.send("scanner-1", job("job-00009"), retain=True)
    machine.start()
    await until(lambda: edge.state_is("scanner-1", "ready"), within_s=20)
    await edge.send("scanner-1", job("job-00010"))
    await until(lambda: edge.results("scanner-1"))
    assert [result.id for result in edge.results("scanner-1")] == ["job-00010"]


@needs_mosquitto
@pytest.mark.mosquitto
async def test_a_broker_that_was_gone_finds_everything_told_again(
    machine: Machine, edge: EdgeSide, broker: RealBroker
) -> None:
    machine.start()
    await edge.configure(machine.wanted)
    await until(lambda: edge.state_is("scanner-1", "ready"), within_s=20)
    broker.stop()
    await until(lambda: not edge.bus.connected)
    edge.seen.clear()
    broker.start()  # it kept nothing: what is retained lives in memory
    await until(lambda: edge.state_is("scanner-1", "ready"), within_s=30)
    await until(lambda: edge.last(TOPICS.availability) == ONLINE, within_s=30)
    os.write(machine.master, b"9521234567892\r")
    await until(lambda: edge.last(SCANNER.event("scan")))


SETTINGS = """
store = "s"
host = "h"
database = "devices.db"
[broker]
user = "h"
password_file = "{}"
"""


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("text", "host", "words"),
    [
        ("", "", "'store' is missing"),
        ('store = "Not An Id"', "", "store"),
        ("store = ", "", "is not TOML"),
        (
            SETTINGS.format("password"),
            "Not/A/Host",
            "Not/A/Host",
        ),
        (
            SETTINGS.format("none-there"),
            "",
            "none-there",
        ),
    ],
)
def test_wrong_settings_end_it_with_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, host: str, words: str
) -> None:
    config = tmp_path / "devices.toml"
    config.write_text(text)
    assert run("--config", str(config), "--host", host) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_a_database_that_is_none_ends_it_with_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "devices.db").write_bytes(b"no database at all" * 100)
    (tmp_path / "password").write_text("secret words")
    (tmp_path / "password").chmod(0o600)
    config = tmp_path / "devices.toml"
    config.write_text(SETTINGS.format("password"))
    assert run("--config", str(config)) == 1
    said = capsys.readouterr().err
    assert "cannot be used as a database" in said
    assert "Traceback" not in said
