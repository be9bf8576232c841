"""Drawers: no coil burns and nothing is learnt from a hand, in whatever order things happen."""

from __future__ import annotations

from random import Random

from devices.protocols.drawer_power import CoilRest, DrawerCharge, pulse_ms
from devices.protocols.drawer_sensor import DrawerSensor, Position
from edge.contract.device_limits import DRAWER_PULSE_MS_MAX, DRAWER_PULSE_MS_MIN, DRAWER_REST_TIMES
from tests.devices.fuzzing.hostile import Play


def power() -> Play:
    coil, now_ms = CoilRest(), 0
    charges = [DrawerCharge(), DrawerCharge(external=True)]

    def play(chance: Random) -> None:
        nonlocal now_ms
        now_ms += chance.choice((0, 1, 100, 5_000, 60_000))
        wait_ms = coil.wait_ms(now_ms)
        assert wait_ms >= 0
        assert coil.wait_ms(now_ms + wait_ms) == 0
        on_ms = pulse_ms(chance.randint(-(10**6), 10**6))
        assert DRAWER_PULSE_MS_MIN <= on_ms <= DRAWER_PULSE_MS_MAX
        if not wait_ms:
            coil.pulsed(on_ms, now_ms + on_ms)
            assert coil.wait_ms(now_ms + on_ms) == on_ms * DRAWER_REST_TIMES
        charge = chance.choice(charges)
        chance.choice((charge.connected, charge.kicked))(now_ms)
        assert charges[0].wait_ms(now_ms) >= 0
        assert charges[1].wait_ms(now_ms) == 0

    return play


def sensor() -> Play:
    sensors = [DrawerSensor(level) for level in ("", "low", "high")]
    now_ms = 0

    def play(chance: Random) -> None:
        nonlocal now_ms
        now_ms += chance.choice((0, 1, 500, 5_000))
        each = chance.choice(sensors)
        before = each.open_level
        match chance.randrange(4):
            case 0:
                each.kicked(now_ms)
                assert each.open_level == before
            case 1:
                each.forget_level()
                assert each.position is Position.UNKNOWN
            case _:
                high = chance.random() < 0.5
                each.saw(high=high, at_ms=now_ms)
                if each.open_level:
                    opened = high == (each.open_level == "high")
                    assert each.position is (Position.OPEN if opened else Position.CLOSED)
        assert each.open_level in {"", "low", "high"}
        if each is not sensors[0]:
            assert each.open_level in {"low", "high"}

    return play
