"""Fixtures of every room: a free port, a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.brokers import Mosquitto, TlsDoor, find_free_port, mosquitto_program, tls_door

# how long an example takes says how busy the machine is: that is no assertion of ours
settings.register_profile("tillbox", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tillbox")


@pytest.fixture
def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    return find_free_port()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running Mosquitto with the users `tests.brokers.USERS`."""
    yield from _mosquitto(tmp_path, None)


@pytest.fixture
def mosquitto_tls(tmp_path: Path) -> Iterator[Mosquitto]:
    """The same with a second door, for other machines, over TLS."""
    yield from _mosquitto(tmp_path, tls_door(tmp_path))


def _mosquitto(tmp_path: Path, tls: TlsDoor | None) -> Iterator[Mosquitto]:
    program = mosquitto_program()
    if program is None:
        pytest.skip("Mosquitto is not installed (Debian: apt install mosquitto)")
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    broker = Mosquitto(folder, program, tls=tls)
    broker.start()
    yield broker
    broker.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why each test was run once more: a fault that hides behind its second run is a fault."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"why {report.nodeid} ran once more")
        terminalreporter.line(report.longreprtext)
