"""`tillbox counter` as a process: started, stopped, killed, and with settings that cannot be."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.counter.main import COMMAND
from tests.devices.counter.running_counter import GOODS

RUN = (
    "import argparse, sys; from devices.counter.main import COMMAND; p = argparse.ArgumentParser();"
    "COMMAND.configure(p); sys.exit(COMMAND.run(p.parse_args()))"
)
WHOLE = f"""
port = 0
goods = "{GOODS}"
till_url = "http://127.0.0.1:8080/till/"
[scanner]
link = "scanner"
[printer]
port = 0
[terminal]
port = 0
journal = "terminal.journal"
[link]
port = 0
office_port = 9
"""


class Counters:
    """Starts counters in one folder, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        (folder / "counter.toml").write_text(WHOLE)
        self.watched = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.watched.bind(str(folder / "notify"))
        self.watched.setblocking(False)

    def start(self) -> dict[str, Any]:
        """Return the ready line."""
        self.starts += 1
        path = self.folder / f"log-{self.starts}"
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")}
        with path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, "--config", str(self.folder / "counter.toml")],
                stderr=log,
                env=environment,
            )
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for line in path.read_text().splitlines():
                said: dict[str, Any] = json.loads(line)
                if said["event"] == "ready":
                    return said
            assert self.process.poll() is None, path.read_text()
            time.sleep(0.02)
        raise AssertionError(path.read_text())

    def end(self, number: int) -> int:
        assert self.process is not None
        os.kill(self.process.pid, number)
        status = self.process.wait(10)
        self.process = None
        return status

    def log(self) -> str:
        return (self.folder / f"log-{self.starts}").read_text()

    def told(self) -> list[bytes]:
        words = []
        while True:
            try:
                words.append(self.watched.recv(100))
            except BlockingIOError:
                return words


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[Counters]:
    made = Counters(tmp_path)
    yield made
    if made.process is not None:
        made.end(signal.SIGKILL)
    made.watched.close()


def get(origin: str, path: str) -> Any:
    with urllib.request.urlopen(f"{origin}/counter/api/{path}", timeout=5) as answer:  # noqa: S310 - loopback
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly(counters: Counters, number: int) -> None:
    ready = counters.start()
    assert ready["origin"].startswith("http://127.0.0.1:")
    assert (counters.folder / "scanner").is_symlink()
    watching = urllib.request.urlopen(f"{ready['origin']}/counter/api/events", timeout=5)  # noqa: S310 - loopback
    assert watching.readline() == b"retry: 1000\n"
    assert counters.end(number) == 0
    watching.close()
    assert not (counters.folder / "scanner").is_symlink()
    assert '"counter_stopped"' in counters.log()
    assert '"error"' not in counters.log()
    told = counters.told()
    assert told[0] in (b"READY=1", b"WATCHDOG=1")
    assert b"READY=1" in told
    assert told[-1] == b"STOPPING=1"


def test_killed_and_started_again(counters: Counters) -> None:
    ready = counters.start()
    before = (counters.folder / "scanner").readlink()
    assert counters.end(signal.SIGKILL) == -signal.SIGKILL
    assert (counters.folder / "scanner").readlink() == before
    ready = counters.start()
    reader = os.open(counters.folder / "scanner", os.O_RDWR | os.O_NOCTTY)
    until = time.monotonic() + 10
    while not get(ready["origin"], "scanner")["connected"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    sent = urllib.request.Request(  # noqa: S310 - loopback
        f"{ready['origin']}/counter/api/scan",
        b'{"code": "12345670"}',
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(sent, timeout=5) as answer:  # noqa: S310 - loopback
        assert answer.status == 200
    assert os.read(reader, 100) == b"12345670\r"
    os.close(reader)
    assert counters.end(signal.SIGTERM) == 0


def run(config: Path) -> int:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args(["--config", str(config)]))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("port = 0\n", "port = 70000\n", "port"),
        ("port = 0\n", 'port = 0\naddress = "0.0.0.0"\n', "toy bench"),
        ("office_port = 9", 'office_port = 9\noffice_host = "192.0.2.1"', "toy bench"),
        ('"http://127', '"javascript:127', "till_url is"),
        (str(GOODS), "nowhere", "goods cannot be read"),
        ('"scanner"', '"taken"', "a file of another kind"),
        ('"scanner"', '"no/such/folder"', "scanner's port cannot be put"),
        ('"terminal.journal"', '"taken"', "journal"),
        ('"terminal.journal"', '"."', "journal"),
        ("[printer]\nport = 0", "[printer]\nport = TAKEN", "The printer cannot listen"),
        ("port = 0\ngoods", "port = TAKEN\ngoods", "Cannot listen"),
        ("[printer]\nport = 0", "[printer]\nport = 0\ncolour = 1", "printer.colour"),
    ],
)
def test_settings_that_cannot_be_are_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        (tmp_path / "taken").write_text("not a journal\n")
        config = tmp_path / "counter.toml"
        assert old in WHOLE
        config.write_text(WHOLE.replace(old, new.replace("TAKEN", port), 1))
        assert run(config) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert (tmp_path / "taken").read_text() == "not a journal\n"
