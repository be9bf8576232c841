from __future__ import annotations

import pytest

from devices.protocols.drawer_power import CoilRest, DrawerCharge, pulse_ms


def test_a_serial_drawer_charges_12_s_first_and_6_s_again() -> None:
    """APG SerialPRO II 484A, user's guide: wait twelve seconds the first time, six after it."""
    charge = DrawerCharge()
    charge.connected(1_000)
    assert [charge.wait_ms(at) for at in (1_000, 12_999, 13_000, 90_000)] == [12_000, 1, 0, 0]
    charge.kicked(90_000)
    assert [charge.wait_ms(at) for at in (90_000, 95_999, 96_000)] == [6_000, 1, 0]
    charge.connected(97_000)
    assert charge.wait_ms(97_000) == 12_000, "the port was shut: nothing is left"


def test_a_drawer_with_a_power_supply_waits_for_nothing() -> None:
    charge = DrawerCharge(external=True)
    charge.connected(0)
    assert charge.wait_ms(0) == 0
    charge.kicked(0)
    assert charge.wait_ms(0) == 0


@pytest.mark.parametrize(("on_ms", "rest_ms"), [(100, 400), (500, 2_000), (900, 3_600), (0, 0)])
def test_a_coil_is_on_a_fifth_of_the_time_at_most(on_ms: int, rest_ms: int) -> None:
    rest = CoilRest()
    assert rest.wait_ms(0) == 0
    rest.pulsed(on_ms, 10_000)
    assert rest.wait_ms(10_000) == rest_ms
    assert rest.wait_ms(10_000 + rest_ms) == 0


@pytest.mark.parametrize(
    ("wanted", "given"), [(-1, 100), (0, 100), (99, 100), (100, 100), (300, 300), (501, 500)]
)
def test_a_pulse_moves_a_latch_and_burns_no_coil(wanted: int, given: int) -> None:
    assert pulse_ms(wanted) == given
