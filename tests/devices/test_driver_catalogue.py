from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import devices.drivers
import devices.simulators
from devices import driver_catalogue
from edge.contract.errors import SettingsInvalid


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Path]:
    """A folder whose files are drivers and simulators too, as if they stood beside ours."""
    for package in (devices.drivers, devices.simulators):
        package.__path__.append(str(tmp_path))
    yield tmp_path
    for package in (devices.drivers, devices.simulators):
        package.__path__.remove(str(tmp_path))


def test_every_driver_has_a_simulator_and_bears_the_name_of_its_file() -> None:
    names = driver_catalogue.driver_names()
    assert names == driver_catalogue.simulator_names()
    for name in names:
        assert driver_catalogue.driver(name).name == name
        assert driver_catalogue.simulator(name).name == name


def test_a_driver_that_is_not_there_is_refused_with_those_that_are() -> None:
    for find in (driver_catalogue.driver, driver_catalogue.simulator):
        with pytest.raises(SettingsInvalid, match="'scanner_psychic'") as caught:
            find("scanner_psychic")
        assert "scanner_serial" in caught.value.advice


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("planted_nothing", "DRIVER = SIMULATOR = None"),
        (
            "planted_another_name",
            """
from devices.drivers.scanner_serial import DRIVER
from devices.simulators.scanner_serial import SIMULATOR
""",
        ),
    ],
)
def test_a_file_that_offers_no_driver_of_its_name_is_told_to_its_author(
    planted: Path, name: str, content: str
) -> None:
    (planted / f"{name}.py").write_text(content)
    assert name in driver_catalogue.driver_names()
    with pytest.raises(TypeError, match=f"drivers/{name}.py must offer a DriverSpec"):
        driver_catalogue.driver(name)
    with pytest.raises(TypeError, match=f"simulators/{name}.py must offer a SimulatorSpec"):
        driver_catalogue.simulator(name)
