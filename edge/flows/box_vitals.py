"""The box itself on the device wall: its parts with words and a next step, and its versions."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

from edge.contract.device_limits import (
    CELSIUS_HOT,
    CELSIUS_WATCH,
    CLOCK_MS_MIN,
    CLOCK_STEP_TOLD_MS,
    DISK_WATCH_BYTES,
    VITALS_EVERY_MS,
)
from edge.contract.health import HealthItem
from edge.contract.instant import Clock, iso_utc
from edge.contract.technician_views import BoxPart, BoxView, PartState
from edge.flows.clock_watch import ClockWatch
from edge.flows.device_directory import DeviceDirectory
from edge.flows.link_state import LinkState
from edge.ledger.disk_space import DiskSpace
from edge.runtime.machine_readings import Machine, MachineReading

_MIB: Final = 1_048_576
_MS: Final = 1_000
_WATCHED: Final = frozenset({"link", "tse"})
"""What stops no sale and needs nobody at once."""
_NOT_KNOWN: Final = -1


@dataclass
class BoxVitals:
    """Asks the parts of the box and the machine below it; what was read stays for a moment."""

    health: Callable[[], tuple[HealthItem, ...]]
    disk: DiskSpace
    link: LinkState
    directory: DeviceDirectory
    watch: ClockWatch
    clock: Clock
    machine: Machine = field(default_factory=Machine)
    _began_ms: int = 0
    _read_ms: int = 0
    _view: BoxView | None = None

    def __post_init__(self) -> None:
        """Remember when the program began."""
        self._began_ms = self.clock.monotonic_ms()

    def view(self) -> BoxView:
        """Return how the box is."""
        now = self.clock.monotonic_ms()
        if self._view is None or now - self._read_ms >= VITALS_EVERY_MS:
            reading = self.machine.read()
            self._read_ms = now
            self._view = BoxView(
                version("tillbox"),
                platform.python_version(),
                self.machine.system,
                sqlite3.sqlite_version,
                (now - self._began_ms) // _MS,
                _NOT_KNOWN if reading.up_s is None else reading.up_s,
                self._parts(reading),
            )
        return self._view

    def forget(self) -> None:
        """Read all anew the next time: something is known to have changed."""
        self._view = None

    def _parts(self, reading: MachineReading) -> tuple[BoxPart, ...]:
        items = {item.name: item for item in self.health()}
        disk = items.pop("disk", None)
        first = (self._clock(reading), *self._temperature(reading), *self._hosts())
        own = (self._disk(disk),) if disk else ()
        return (*own, *first, *(self._part(item) for item in items.values()))

    def _part(self, item: HealthItem) -> BoxPart:
        if item.well:
            return BoxPart(item.name, PartState.WELL, f"{item.name}_ok", item.words, "", {})
        state = PartState.WATCH if item.name in _WATCHED else PartState.PERSON
        params: dict[str, int | str] = {}
        if item.name == "link":
            params["n"] = self.link.view.waiting_sales
        return BoxPart(item.name, state, f"{item.name}_bad", item.words, item.advice, params)

    def _disk(self, item: HealthItem) -> BoxPart:
        free = self.disk.free_bytes()
        params: dict[str, int | str] = {"mib": free // _MIB}
        if not item.well:
            return BoxPart("disk", PartState.PERSON, "disk_bad", item.words, item.advice, params)
        if free < DISK_WATCH_BYTES:
            return BoxPart(
                "disk",
                PartState.WATCH,
                "disk_watch",
                item.words,
                "Plan a larger one: what head office has stays on the box too.",
                params,
            )
        return BoxPart("disk", PartState.WELL, "disk_ok", item.words, "", params)

    def _clock(self, reading: MachineReading) -> BoxPart:
        now, watch = self.clock.now_ms(), self.watch
        if now < CLOCK_MS_MIN:
            return BoxPart(
                "clock",
                PartState.PERSON,
                "clock_bad",
                f"The clock shows {iso_utc(now)[:10]}: nobody set it. Receipts have this date.",
                "Set it, and connect the box to a time server.",
                {"date": iso_utc(now)[:10]},
            )
        if watch.stepped_at and now - watch.stepped_at < CLOCK_STEP_TOLD_MS:
            seconds = watch.stepped_ms // _MS
            return BoxPart(
                "clock",
                PartState.WATCH,
                "clock_stepped",
                f"The clock was set by {seconds} s at {iso_utc(watch.stepped_at)}.",
                "Once is well; more often the battery of the clock is empty.",
                {"seconds": seconds, "at": watch.stepped_at},
            )
        if reading.clock_set is False:
            return BoxPart(
                "clock",
                PartState.WATCH,
                "clock_watch",
                "No time server sets the clock: it goes as well as it can.",
                "Compare it with a watch, and see that the box reaches a time server.",
                {},
            )
        if reading.clock_set is None:
            return BoxPart(
                "clock",
                PartState.WELL,
                "clock_unknown",
                "It goes; this machine does not say who sets it.",
                "",
                {},
            )
        return BoxPart("clock", PartState.WELL, "clock_ok", "A time server sets it.", "", {})

    @staticmethod
    def _temperature(reading: MachineReading) -> tuple[BoxPart, ...]:
        celsius = reading.celsius
        if celsius is None:
            return ()  # many machines have no thermometer that a program can read
        part = BoxPart(
            "temperature",
            PartState.WELL,
            "temperature_ok",
            f"{celsius} °C.",
            "",
            {"celsius": celsius, "hot": CELSIUS_HOT},
        )
        if celsius < CELSIUS_WATCH:
            return (part,)
        advice = "Give the box air: take it out of a closed cupboard, clean its fan."
        hot = celsius >= CELSIUS_HOT
        words = f"{celsius} °C: it slows down." if hot else f"{celsius} °C: it is getting hot."
        return (
            BoxPart(
                part.name,
                PartState.PERSON if hot else PartState.WATCH,
                "temperature_bad" if hot else "temperature_watch",
                words,
                advice,
                part.params,
            ),
        )

    def _hosts(self) -> tuple[BoxPart, ...]:
        hosts = sorted({device.host for device in self.directory.devices})
        away = [host for host in hosts if not self.directory.host_online(host)]
        params: dict[str, int | str] = {"n": len(hosts), "away": ", ".join(away)}
        if not hosts:
            return ()  # a shop without a device yet
        if not away:
            return (BoxPart("hosts", PartState.WELL, "hosts_ok", "Machines answer.", "", params),)
        return (
            BoxPart(
                "hosts",
                PartState.PERSON,
                "hosts_bad",
                f"Machines with devices do not answer: {', '.join(away)}.",
                "They start again by themselves. If not, look at that machine and its power.",
                params,
            ),
        )
