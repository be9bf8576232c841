"""Fixtures of every room: a free port, a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.brokers import Mosquitto, find_free_port, mosquitto_program

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
    program = mosquitto_program()
    if program is None:
        pytest.skip("Mosquitto is not installed (Debian: apt install mosquitto)")
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    broker = Mosquitto(folder, program)
    broker.start()
    yield broker
    broker.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why each test was run once more: a fault that hides behind its second run is a fault."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"why {report.nodeid} ran once more")
        terminalreporter.line(report.longreprtext)
