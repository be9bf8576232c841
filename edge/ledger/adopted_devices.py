"""Devices that people adopted: the rows that follow from their events, and reading them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import msgspec

from edge.contract.device_adoption import BoundDevice
from edge.contract.device_events import (
    DeviceAdopted,
    DeviceBound,
    DeviceReleased,
    DeviceReplaced,
)
from edge.runtime.database_file import DatabaseFile

_ALL = "SELECT device, host, driver, roles, till, settings, name FROM adopted_device ORDER BY seq"


@dataclass(frozen=True)
class AdoptedDevices:
    """Reads them from `ledger.db`."""

    file: DatabaseFile

    async def all(self) -> tuple[BoundDevice, ...]:
        """Return the adopted devices in the order of their adoption."""
        rows = await self.file.read(lambda connection: connection.execute(_ALL).fetchall())
        return tuple(
            BoundDevice(
                device,
                host,
                driver,
                tuple(roles.split()),
                till,
                msgspec.json.decode(settings),
                name,
            )
            for device, host, driver, roles, till, settings, name in rows
        )


def adopted(connection: sqlite3.Connection, event: DeviceAdopted, _: str, seq: int) -> None:
    """Project an adoption."""
    connection.execute(
        # two histories that became one may both have adopted it: the newest word counts
        "INSERT OR REPLACE INTO adopted_device"
        " (device, host, driver, till, roles, settings, name, seq)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.device,
            event.host,
            event.driver,
            event.bound_to,
            " ".join(event.roles),
            event.settings,
            event.name,
            seq,
        ),
    )


def bound(connection: sqlite3.Connection, event: DeviceBound, _: str, __: int) -> None:
    """Project a device's new till, roles or name."""
    connection.execute(
        "UPDATE adopted_device SET till = ?, roles = ?, name = ? WHERE device = ?",
        (event.bound_to, " ".join(event.roles), event.name, event.device),
    )


def replaced(connection: sqlite3.Connection, event: DeviceReplaced, _: str, __: int) -> None:
    """Project a device's new hardware."""
    connection.execute(
        "UPDATE adopted_device SET host = ?, driver = ?, settings = ? WHERE device = ?",
        (event.host, event.driver, event.settings, event.device),
    )


def released(connection: sqlite3.Connection, event: DeviceReleased, _: str, __: int) -> None:
    """Project that a device is given up."""
    connection.execute("DELETE FROM adopted_device WHERE device = ?", (event.device,))
