"""devices/HOSTS.md: its commands are run as they stand, with this machine for both."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.contract.errors import SettingsInvalid
from edge.runtime.settings_file import require_tls
from tests.brokers import find_free_port, mosquitto_program
from tests.runtime.broker_troubles import PLACE, certificate_refused, every_trouble

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "devices" / "HOSTS.md").read_text("utf-8")
WORDS = tuple(
    line.strip()
    for line in DOCUMENT.splitlines()
    if line.startswith("    ") and not line.strip().startswith("[")
)
OFTEN = ", every few seconds"


def command(line: str) -> list[str]:
    """Return what is run for a line of the document: the same words, by this Python."""
    words = shlex.split(line)
    if words[0] == "tillbox":
        return [sys.executable, "-m", "edge.cli", *words[1:]]
    program = mosquitto_program()
    assert words[0] == "mosquitto"
    assert program is not None
    return [program, *words[1:]]


@contextmanager
def service(line: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command(line), cwd=folder, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command(line), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (line, done.stderr)
    return done


def until_said(folder: Path, event: str, **wanted: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for line in (folder / "log").read_text().splitlines():
            if line.startswith("{"):
                said = json.loads(line)
                if said["event"] == event and wanted.items() <= said.items():
                    return
        time.sleep(0.05)
    raise AssertionError((event, wanted, (folder / "log").read_text()))


@pytest.mark.mosquitto
def test_the_document_is_right_word_by_word(tmp_path: Path) -> None:
    if mosquitto_program() is None:
        pytest.skip("Mosquitto is not installed (Debian: apt install mosquitto)")
    setup, mosquitto, add_host, join, devices, remove_host = WORDS
    box, till2 = tmp_path / "box", tmp_path / "till2"
    box.mkdir()
    till2.mkdir()
    port, loopback = find_free_port(), find_free_port()
    here = setup.replace("box.local", "localhost").replace("192.168.1.20", "127.0.0.1")
    ports = f" --address 127.0.0.1 --port {port} --loopback-port {loopback}"
    assert "[broker]" in run(here + ports, box).stdout
    with service(mosquitto, box) as broker:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        said = run(add_host, box).stdout
        for line in (join, devices):
            assert line in said, "the command says the same as the document"
        os.kill(broker.pid, signal.SIGHUP)
        (box / "till2.join").rename(till2 / "till2.join")
        run(join, till2)
        with service(devices, till2):
            until_said(till2, "bus_connected", user="till2")
            run(remove_host, box)
            os.kill(broker.pid, signal.SIGHUP)  # even a reload sends it away
            until_said(till2, "bus_lost", code="broker_refuses_password")


def test_every_refusal_of_the_document_is_one_of_ours() -> None:
    said = [trouble.words for trouble in every_trouble()]
    said.append(PLACE.trouble(certificate_refused(9)).words)
    with pytest.raises(SettingsInvalid) as refused:
        require_tls("box.local", False, "The broker")
    said.append(str(refused.value))
    rows = [line.split("|")[1].strip() for line in DOCUMENT.splitlines() if line.startswith("| ")]
    phrases = [phrase.strip() for row in rows[1:] for phrase in row.split(" / ")]
    assert len(phrases) == 11
    for phrase in phrases:
        parts = [part.strip(", ") for part in phrase.removesuffix(OFTEN).split("…")]
        assert any(all(part in words for part in parts) for words in said), phrase
