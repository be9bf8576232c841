"""A machine joins a shop's broker with the file that the box made, or is told why not."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices.main import COMMAND as DEVICES
from devices.settings import DevicesSettings
from edge.runtime.certificates import issue_server_certificate, load_ca, make_ca
from edge.runtime.command_line import Command
from edge.runtime.embedded_broker import COMMAND as BROKER
from edge.runtime.host_credentials import read_credentials
from edge.runtime.settings_file import load
from edge.runtime.system_clock import SystemClock
from tests.brokers import find_free_port, mosquitto_program
from tests.runtime.hand_clock import HandClock

DAY_MS = 86_400_000


def run(command: Command, *words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(list(map(str, words))))


def apart(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own: paho leaves a socket behind when TLS fails."""
    line = [sys.executable, "-m", "edge.cli", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


@dataclass
class BoxBroker:
    """The broker of a box, set up by its command."""

    folder: Path
    embedded: bool
    port: int = field(default_factory=find_free_port)
    loopback: int = field(default_factory=find_free_port)
    process: subprocess.Popen[bytes] | None = None

    def set_up(self) -> None:
        given: list[str | Path] = ["setup", "--folder", self.folder, "--store", "store-1"]
        given += ["--name", "localhost", "--name", "127.0.0.1", "--address", "127.0.0.1"]
        given += ["--port", str(self.port), "--loopback-port", str(self.loopback)]
        assert run(BROKER, *given, *(["--embedded"] if self.embedded else [])) == 0

    def start(self) -> None:
        program = mosquitto_program()
        if self.embedded:
            config = self.folder / "broker.toml"
            words = [sys.executable, "-m", "edge.cli", "broker", "--config", str(config)]
        else:
            assert program is not None
            words = [program, "-c", str(self.folder / "mosquitto.conf")]
        with (self.folder.parent / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        for port in (self.port, self.loopback):
            self._until_listening(port)

    def _until_listening(self, port: int) -> None:
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                assert self.process is not None
                words = (self.folder.parent / "broker.log").read_text()
                assert self.process.poll() is None, words
                assert time.monotonic() < until, words
                time.sleep(0.02)
            else:
                return

    def read_again(self) -> None:
        if not self.embedded and self.process is not None:
            os.kill(self.process.pid, signal.SIGHUP)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def add_host(self, host: str = "till2") -> Path:
        out = self.folder.parent
        assert run(BROKER, "add-host", host, "--folder", self.folder, "--out", out) == 0
        self.read_again()
        return out / f"{host}.join"


@pytest.fixture(params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto), "embedded"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BoxBroker]:
    if request.param == "mosquitto" and mosquitto_program() is None:
        pytest.skip("Mosquitto is not installed (Debian: apt install mosquitto)")
    made = BoxBroker(tmp_path / "broker", embedded=request.param == "embedded")
    made.set_up()
    made.start()
    yield made
    made.stop()


def test_a_machine_joins_and_has_what_it_needs(
    broker: BoxBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = broker.add_host()
    there = tmp_path / "there"
    capsys.readouterr()
    assert run(DEVICES, "join", file, "--folder", there) == 0
    said = capsys.readouterr().out
    assert f"tillbox devices --config {there / 'devices.toml'}" in said
    assert f"delete {file}" in said
    settings = load(there / "devices.toml", DevicesSettings)
    assert (settings.store, settings.host) == ("store-1", "till2")
    assert settings.database == there / "devices.db"
    wanted = (settings.broker.user, settings.broker.host, settings.broker.port)
    assert wanted == ("till2", "localhost", broker.port)
    assert settings.broker.ca_file == there / "shop-ca.pem"
    assert {path.stat().st_mode & 0o777 for path in there.iterdir()} == {0o600}
    assert "PRIVATE KEY" not in file.read_text()


def test_a_host_that_has_joined_is_not_written_over(broker: BoxBroker, tmp_path: Path) -> None:
    there = tmp_path / "there"
    assert run(DEVICES, "join", broker.add_host(), "--folder", there) == 0
    before = {path.name: path.read_bytes() for path in there.iterdir()}
    file = broker.add_host()
    done = apart("devices", "join", file, "--folder", there)
    assert done.returncode == 2
    assert "this is till2 of store-1" in done.stderr
    assert {path.name: path.read_bytes() for path in there.iterdir()} == before
    other = broker.add_host("till3")
    done = apart("devices", "join", other, "--folder", there, "--again")
    assert done.returncode == 2, "it would be another host"
    assert run(DEVICES, "join", file, "--folder", there, "--again") == 0
    assert (there / "broker.password").read_bytes() != before["broker.password"]


def refused(file: Path, there: Path) -> str:
    """Join in vain: nothing is left behind, and the words are returned."""
    done = apart("devices", "join", file, "--folder", there)
    assert done.returncode == 1, done.stdout
    assert list(there.iterdir()) == []
    assert "Traceback" not in done.stderr
    assert "Nothing was changed here." in done.stderr
    return done.stderr


def changed(file: Path, **changes: Any) -> Path:
    msgspec.structs.replace(read_credentials(file), **changes).write(file)
    return file


def test_another_authority_is_not_believed(broker: BoxBroker, tmp_path: Path) -> None:
    other = make_ca("Somebody", SystemClock()).certificate_pem.decode()
    said = refused(changed(broker.add_host(), authority=other), tmp_path / "there")
    assert "another authority than the one in ca_file" in said
    assert "do not trust it" in said


def test_another_password_is_refused_and_a_stranger_too(broker: BoxBroker, tmp_path: Path) -> None:
    file = broker.add_host()
    for changes in ({"password": "x" * 43}, {"host": "nobody"}, {"host": "edge"}):
        said = refused(changed(file, **changes), tmp_path / "there")
        assert "it has no such user, or another password" in said
        assert "tillbox broker add-host" in said


def test_the_plain_door_is_none_for_other_machines(broker: BoxBroker, tmp_path: Path) -> None:
    file = broker.add_host()
    said = refused(changed(file, port=broker.loopback), tmp_path / "there")
    assert "TLS port" in said
    there = tmp_path / "there"
    assert run(DEVICES, "join", changed(file, port=broker.port), "--folder", there) == 0
    path = there / "devices.toml"
    plain = path.read_text().replace('ca_file = "shop-ca.pem"\n', "")
    path.write_text(plain.replace('"localhost"', '"192.0.2.7"'))
    done = apart("devices", "--config", path)
    assert done.returncode == 2
    assert "without TLS" in done.stderr
    # to loopback plain text is allowed, and the TLS door does not answer it
    path.write_text(plain)
    assert "give ca_file" in _first_loss(path)["advice"]


def _first_loss(config: Path) -> dict[str, Any]:
    """Run a host until it says why there is no connection."""
    line = [sys.executable, "-m", "edge.cli", "devices", "--config", str(config)]
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for said in process.stderr:
            found: dict[str, Any] = json.loads(said)
            if found["event"] == "bus_lost":
                return found
        raise AssertionError("it ended without a word")
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_a_certificate_for_other_names_is_refused_until_it_has_ours(
    broker: BoxBroker, tmp_path: Path
) -> None:
    file = broker.add_host()
    given = ("renew-certificate", "--folder", broker.folder)
    assert run(BROKER, *given, "--name", "box.example") == 0
    _begin_anew(broker)
    for name in ("localhost", "127.0.0.1"):
        said = refused(changed(file, broker=name), tmp_path / "there")
        assert f"not made for the name '{name}'" in said
        assert "Call the broker by a name or address that its certificate has" in said
    assert run(BROKER, *given, "--name", "localhost") == 0
    _begin_anew(broker)
    assert run(DEVICES, "join", changed(file, broker="localhost"), "--folder", tmp_path / "t") == 0
    # a further renewal keeps the names
    assert run(BROKER, *given) == 0
    _begin_anew(broker)
    assert run(DEVICES, "join", file, "--folder", tmp_path / "t2") == 0


@pytest.mark.parametrize(("days", "words"), [(-500, "has expired"), (30, "is not valid yet")])
def test_a_certificate_out_of_its_time_is_said(
    broker: BoxBroker, tmp_path: Path, days: int, words: str
) -> None:
    file = broker.add_host()
    authority = load_ca(broker.folder / "shop-ca.pem", broker.folder / "shop-ca.key")
    clock = HandClock(SystemClock().now_ms() + days * DAY_MS)
    made = issue_server_certificate(authority, names=["localhost"], ips=[], clock=clock)
    for name in ("broker.pem", "broker.key"):
        (broker.folder / name).unlink()
    made.write(broker.folder / "broker.pem", broker.folder / "broker.key")
    _begin_anew(broker)
    said = refused(file, tmp_path / "there")
    assert words in said
    assert "Check the clock of this machine" in said


def test_a_box_that_is_not_there_is_said(broker: BoxBroker, tmp_path: Path) -> None:
    file = broker.add_host()
    said = refused(changed(file, broker="no-such-box.invalid"), tmp_path / "there")
    assert "Nobody here knows where 'no-such-box.invalid' is" in said
    broker.stop()
    said = refused(changed(file, broker="localhost"), tmp_path / "there")
    assert f"Nothing listens at localhost:{broker.port}" in said


def _begin_anew(broker: BoxBroker) -> None:
    broker.stop()
    broker.start()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not toml at all", "is not TOML"),
        ('store = "s"\n', "is missing"),
        ('store = "s"\nhost = "../x"\n', "does not fit"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "x.join"
    file.write_text(text)
    done = apart("devices", "join", file, "--folder", tmp_path / "there")
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "there").exists()


def test_a_folder_that_cannot_be_made_is_said(broker: BoxBroker, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("x")
    done = apart("devices", "join", broker.add_host(), "--folder", tmp_path / "a file" / "there")
    assert done.returncode == 2
    assert "cannot be used" in done.stderr
