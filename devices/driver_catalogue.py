"""Finds drivers and simulators by their files: adding one is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

import devices.drivers
import devices.simulators
from devices.driver import DriverSpec, SimulatorSpec
from edge.contract.errors import SettingsInvalid


def driver_names() -> tuple[str, ...]:
    """Return the names of all drivers, sorted, without importing them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(devices.drivers.__path__)))


def simulator_names() -> tuple[str, ...]:
    """Return the names of all simulators, sorted, without importing them."""
    return tuple(
        sorted(module.name for module in pkgutil.iter_modules(devices.simulators.__path__))
    )


@cache
def driver(name: str) -> DriverSpec[Any]:
    """Return a driver by its name; only that one is imported.

    Raises SettingsInvalid naming the drivers there are.
    """
    if name not in driver_names():
        raise SettingsInvalid(
            "driver_unknown",
            f"There is no driver {name[:80]!r}.",
            advice=f"Choose one of: {', '.join(driver_names())}.",
        )
    spec: object = importlib.import_module(f"devices.drivers.{name}").DRIVER
    if not isinstance(spec, DriverSpec) or spec.name != name:
        raise TypeError(f"devices/drivers/{name}.py must offer a DriverSpec named {name!r}")
    return spec


@cache
def simulator(name: str) -> SimulatorSpec[Any]:
    """Return a simulator by its driver's name; raises SettingsInvalid likewise."""
    if name not in simulator_names():
        raise SettingsInvalid(
            "simulator_unknown",
            f"There is no simulator {name[:80]!r}.",
            advice=f"Choose one of: {', '.join(simulator_names())}.",
        )
    spec: object = importlib.import_module(f"devices.simulators.{name}").SIMULATOR
    if not isinstance(spec, SimulatorSpec) or spec.name != name:
        raise TypeError(f"devices/simulators/{name}.py must offer a SimulatorSpec named {name!r}")
    return spec
