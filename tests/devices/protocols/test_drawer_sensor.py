from __future__ import annotations

import random

import pytest

from devices.protocols.drawer_sensor import DrawerSensor, Position
from edge.contract.device_limits import (
    DRAWER_LEARN_MS,
)

SEED = 20_261_127
OPEN, CLOSED, UNKNOWN = Position.OPEN, Position.CLOSED, Position.UNKNOWN


@pytest.mark.parametrize(
    ("given", "high", "position"),
    [
        ("high", True, OPEN),
        ("high", False, CLOSED),
        ("low", True, CLOSED),
        ("low", False, OPEN),
        ("", True, UNKNOWN),
        ("", False, UNKNOWN),
    ],
)
def test_a_level_means_what_is_configured_or_nothing(
    given: str, high: bool, position: Position
) -> None:
    sensor = DrawerSensor(given)
    assert sensor.position is UNKNOWN, "nobody has looked yet"
    sensor.saw(high=high, at_ms=0)
    assert sensor.position is position
    sensor.forget_level()
    assert sensor.position is UNKNOWN


@pytest.mark.parametrize("closed_high", [True, False])
@pytest.mark.parametrize(
    ("after_ms", "learnt"), [(0, True), (DRAWER_LEARN_MS, True), (DRAWER_LEARN_MS + 1, False)]
)
def test_a_change_right_behind_a_kick_teaches_the_level(
    closed_high: bool, after_ms: int, learnt: bool
) -> None:
    sensor = DrawerSensor()
    sensor.saw(high=closed_high, at_ms=0)
    sensor.kicked(1_000)
    sensor.saw(high=closed_high, at_ms=1_000)
    sensor.saw(high=not closed_high, at_ms=1_000 + after_ms)
    assert sensor.open_level == (("low" if closed_high else "high") if learnt else "")
    assert sensor.position is (OPEN if learnt else UNKNOWN)
    sensor.saw(high=closed_high, at_ms=9_000)
    assert sensor.position is (CLOSED if learnt else UNKNOWN)


def test_a_drawer_moved_by_hand_teaches_nothing() -> None:
    sensor = DrawerSensor()
    for number in range(6):
        sensor.saw(high=number % 2 == 0, at_ms=number)
    assert sensor.open_level == ""


def test_the_first_level_of_a_connection_is_no_change() -> None:
    sensor = DrawerSensor()
    sensor.kicked(0)
    sensor.saw(high=True, at_ms=10)
    assert sensor.open_level == ""


def test_only_the_first_change_behind_a_kick_is_the_kicks() -> None:
    """It sprang open and was slammed shut at once."""
    sensor = DrawerSensor()
    sensor.saw(high=False, at_ms=0)
    sensor.kicked(0)
    sensor.saw(high=True, at_ms=100)
    sensor.saw(high=False, at_ms=200)
    assert (sensor.open_level, sensor.position) == ("high", CLOSED)


def test_what_was_learnt_wrongly_is_put_right_by_the_next_kick() -> None:
    sensor = DrawerSensor()
    sensor.saw(high=True, at_ms=0)  # it stands open already
    sensor.kicked(0)
    sensor.saw(high=False, at_ms=300)  # a hand shuts it just now
    assert (sensor.open_level, sensor.position) == ("low", OPEN), "wrong, and nobody can know it"
    sensor.kicked(60_000)
    sensor.saw(high=True, at_ms=60_100)
    assert (sensor.open_level, sensor.position) == ("high", OPEN)


def test_a_configured_level_is_never_unlearnt() -> None:
    sensor = DrawerSensor("high")
    sensor.saw(high=True, at_ms=0)
    sensor.kicked(0)
    sensor.saw(high=False, at_ms=100)
    assert (sensor.open_level, sensor.position) == ("high", CLOSED)


def test_in_any_order_of_kicks_and_hands_a_quiet_kick_ends_with_the_truth() -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    for _ in range(2_000):
        open_is_high = chance.random() < 0.5
        is_open = chance.random() < 0.5
        sensor, now = DrawerSensor(), 0

        def look(*, is_open: bool, open_is_high: bool, sensor: DrawerSensor, now: int) -> None:
            sensor.saw(high=is_open == open_is_high, at_ms=now)

        look(is_open=is_open, open_is_high=open_is_high, sensor=sensor, now=now)
        for _ in range(chance.randrange(12)):
            now += chance.randrange(2_000)
            if chance.random() < 0.5:
                sensor.kicked(now)
                is_open = is_open or chance.random() < 0.8
            else:
                is_open = not is_open
            now += chance.randrange(300)
            look(is_open=is_open, open_is_high=open_is_high, sensor=sensor, now=now)
        now += 10_000
        look(is_open=False, open_is_high=open_is_high, sensor=sensor, now=now)
        sensor.kicked(now + 10_000)
        look(is_open=True, open_is_high=open_is_high, sensor=sensor, now=now + 10_100)
        assert sensor.position is OPEN
        assert sensor.open_level == ("high" if open_is_high else "low")
