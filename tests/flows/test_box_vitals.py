"""The box itself on the wall: each part with words and a next step; the machine is a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from edge.contract.device_limits import (
    CELSIUS_HOT,
    CELSIUS_WATCH,
    CLOCK_MS_MIN,
    DISK_WATCH_BYTES,
)
from edge.contract.health import HealthItem
from edge.contract.technician_views import BoxPart, PartState
from edge.flows.box_vitals import BoxVitals
from edge.flows.clock_watch import ClockWatch
from edge.flows.device_directory import DeviceDirectory
from edge.flows.link_state import LinkState
from edge.ledger.disk_space import DiskSpace
from edge.runtime.machine_readings import Machine, MachineReading, kernel_says_set
from tests.flows.wall import wall


class FakeDisk:
    free = 100 * DISK_WATCH_BYTES

    def free_bytes(self) -> int:
        return self.free


class FakeMachine:
    """A machine that says what a test wants."""

    system = "a test"

    def __init__(self, **said: Any) -> None:
        self.said = {"celsius": 54, "up_s": 100, "clock_set": True} | said
        self.times = 0

    def read(self) -> MachineReading:
        self.times += 1
        return MachineReading(**self.said)


class Device:
    def __init__(self, host: str) -> None:
        self.host = host


class FakeDirectory:
    devices = (Device("box"), Device("till2"), Device("till2"))
    online = frozenset({"box", "till2"})

    def host_online(self, host: str) -> bool:
        return host in self.online


class FakeLink:
    class view:  # noqa: N801 - as the link has it
        waiting_sales = 14


WELL = (HealthItem("disk", True, "Room."), HealthItem("bus", True, "It answers."))


def vitals(clock: Any, items: tuple[HealthItem, ...] = WELL, **machine: Any) -> BoxVitals:
    return BoxVitals(
        lambda: items,
        cast("DiskSpace", FakeDisk()),
        cast("LinkState", FakeLink()),
        cast("DeviceDirectory", FakeDirectory()),
        ClockWatch(cast("Any", None), clock, cast("Any", None)),
        clock,
        cast("Machine", FakeMachine(**machine)),
    )


class StillClock:
    """A clock that a test sets."""

    def __init__(self, now_ms: int = CLOCK_MS_MIN + 1) -> None:
        self.now = now_ms
        self.mono = 0

    def now_ms(self) -> int:
        return self.now

    def monotonic_ms(self) -> int:
        return self.mono


def part(asked: BoxVitals, name: str) -> BoxPart:
    return next(each for each in asked.view().parts if each.name == name)


def test_a_box_that_is_well_says_so_and_what_it_is() -> None:
    view = vitals(StillClock()).view()
    assert [each.state for each in view.parts] == [PartState.WELL] * 5
    assert [each.name for each in view.parts] == ["disk", "clock", "temperature", "hosts", "bus"]
    assert all(each.words and not each.advice for each in view.parts)
    assert (view.version, view.machine_up_s, view.up_s) == ("0.1.0", 100, 0)


@pytest.mark.parametrize(
    ("celsius", "state", "code"),
    [
        (CELSIUS_WATCH - 1, PartState.WELL, "temperature_ok"),
        (CELSIUS_WATCH, PartState.WATCH, "temperature_watch"),
        (CELSIUS_HOT, PartState.PERSON, "temperature_bad"),
    ],
)
def test_a_hot_box_wants_air(celsius: int, state: PartState, code: str) -> None:
    found = part(vitals(StillClock(), celsius=celsius), "temperature")
    assert (found.state, found.code, found.params["celsius"]) == (state, code, celsius)
    assert bool(found.advice) == (state is not PartState.WELL)


def test_a_machine_without_a_thermometer_has_no_such_part() -> None:
    view = vitals(StillClock(), celsius=None, up_s=None).view()
    assert "temperature" not in {each.name for each in view.parts}
    assert view.machine_up_s == -1


@pytest.mark.parametrize(
    ("now", "clock_set", "state", "code"),
    [
        (CLOCK_MS_MIN, True, PartState.WELL, "clock_ok"),
        (CLOCK_MS_MIN, None, PartState.WELL, "clock_unknown"),
        (CLOCK_MS_MIN, False, PartState.WATCH, "clock_watch"),
        (CLOCK_MS_MIN - 1, True, PartState.PERSON, "clock_bad"),
        (0, None, PartState.PERSON, "clock_bad"),
    ],
)
def test_a_clock_that_nobody_sets_is_said(
    now: int, clock_set: bool | None, state: PartState, code: str
) -> None:
    found = part(vitals(StillClock(now), clock_set=clock_set), "clock")
    assert (found.state, found.code) == (state, code)
    assert bool(found.advice) == (state is not PartState.WELL)


def test_a_clock_that_jumped_is_said_for_a_day() -> None:
    clock = StillClock()
    asked = vitals(clock)
    asked.watch.stepped_ms, asked.watch.stepped_at = -180_000, clock.now
    found = part(asked, "clock")
    assert (found.state, found.code) == (PartState.WATCH, "clock_stepped")
    assert found.params == {"seconds": -180, "at": clock.now}
    clock.now += 86_400_000
    clock.mono += 86_400_000
    assert part(asked, "clock").code == "clock_ok"


def test_a_disk_is_watched_before_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeDisk, "free", DISK_WATCH_BYTES)
    assert part(vitals(StillClock()), "disk").code == "disk_ok"
    monkeypatch.setattr(FakeDisk, "free", DISK_WATCH_BYTES - 1)
    found = part(vitals(StillClock()), "disk")
    assert (found.state, found.code, found.params) == (PartState.WATCH, "disk_watch", {"mib": 2047})
    full = (HealthItem("disk", False, "Only little.", "Make room."),)
    found = part(vitals(StillClock(), full), "disk")
    assert (found.state, found.code, found.advice) == (PartState.PERSON, "disk_bad", "Make room.")


def test_machines_that_are_away_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeDirectory, "online", frozenset({"box"}))
    found = part(vitals(StillClock()), "hosts")
    assert (found.state, found.code) == (PartState.PERSON, "hosts_bad")
    assert found.params == {"n": 2, "away": "till2"}
    assert "till2" in found.words
    monkeypatch.setattr(FakeDirectory, "devices", ())
    assert "hosts" not in {each.name for each in vitals(StillClock()).view().parts}


def test_what_stops_no_sale_is_watched_and_all_else_needs_a_person() -> None:
    items = (HealthItem("link", False, "Down.", "Nothing."), HealthItem("cards", False, "A.", "B."))
    asked = vitals(StillClock(), items)
    link, cards = part(asked, "link"), part(asked, "cards")
    assert (link.state, link.code, link.params) == (PartState.WATCH, "link_bad", {"n": 14})
    assert (cards.state, cards.code) == (PartState.PERSON, "cards_bad")


def test_the_machine_is_read_now_and_then() -> None:
    clock = StillClock()
    asked = vitals(clock)
    machine = cast("FakeMachine", asked.machine)
    for _ in range(3):
        asked.view()
    assert machine.times == 1
    clock.mono += 5_000
    asked.view()
    assert machine.times == 2


async def test_the_wall_has_the_box_on_it(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        box = (await on.view())["box"]
        parts = {each["name"]: each for each in box["parts"]}
        assert {"ledger", "reference", "disk", "bus", "link", "clock", "hosts"} <= set(parts)
        assert parts["link"]["code"] == "link_bad"
        assert parts["bus"]["state"] == "well"
        assert box["version"] == "0.1.0"


# --- the machine ---------------------------------------------------------------------------


def laid(root: Path, files: dict[str, str]) -> Machine:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Machine(root)


ZONES = "sys/class/thermal/thermal_zone"


def test_the_hottest_zone_counts_and_a_zone_that_is_none_does_not(tmp_path: Path) -> None:
    machine = laid(
        tmp_path,
        {f"{ZONES}0/temp": "54321\n", f"{ZONES}1/temp": "61000", f"{ZONES}2/temp": "0",
         f"{ZONES}3/temp": "-274000", f"{ZONES}4/temp": "rubbish", "proc/uptime": "12.9 3\n",
         "run/systemd/timesync/synchronized": ""},
    )  # fmt: skip
    assert machine.read() == MachineReading(61, 12, True)


def test_what_a_machine_does_not_say_is_not_known(tmp_path: Path) -> None:
    reading = laid(tmp_path, {"proc/uptime": "rubbish"}).read()
    assert (reading.celsius, reading.up_s) == (None, None)
    assert reading.clock_set == kernel_says_set()  # nobody's file says so: the kernel is asked
    assert Machine().system
