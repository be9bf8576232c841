"""When a drawer may be kicked: the charge of a serial one, the rest of a coil. Pure.

Serial (APG SerialPRO II 484A): the interface lives on DTR and RTS, needs 12 s from the moment
they are on until the first opening, and 6 s from one opening to the next; what is sent before
opens nothing. A coil on a pin is on for 100 to 500 ms and for a fifth of the time at most.
Instants are milliseconds of one clock.
"""

from __future__ import annotations

from edge.contract.device_limits import (
    DRAWER_FIRST_CHARGE_MS,
    DRAWER_PULSE_MS_MAX,
    DRAWER_PULSE_MS_MIN,
    DRAWER_RECHARGE_MS,
    DRAWER_REST_TIMES,
)


class DrawerCharge:
    """The charge of a serial drawer; with `external` power it is always there."""

    def __init__(self, *, external: bool = False) -> None:
        self._external = external
        self._ready_ms = 0

    def connected(self, at_ms: int) -> None:
        """Take note that DTR and RTS went on."""
        self._ready_ms = at_ms + DRAWER_FIRST_CHARGE_MS

    def kicked(self, at_ms: int) -> None:
        """Take note that the opening characters went out."""
        self._ready_ms = at_ms + DRAWER_RECHARGE_MS

    def wait_ms(self, at_ms: int) -> int:
        """Return how long a kick has to wait; 0 for not at all."""
        return 0 if self._external else max(0, self._ready_ms - at_ms)


class CoilRest:
    """The rest of a coil between pulses."""

    def __init__(self) -> None:
        self._ready_ms = 0

    def pulsed(self, on_ms: int, ended_at_ms: int) -> None:
        """Take note of a pulse as it really was."""
        self._ready_ms = ended_at_ms + max(0, on_ms) * DRAWER_REST_TIMES

    def wait_ms(self, at_ms: int) -> int:
        """Return how long a pulse has to wait; 0 for not at all."""
        return max(0, self._ready_ms - at_ms)


def pulse_ms(wanted_ms: int) -> int:
    """Return the length of a pulse within what moves a latch and what burns a coil."""
    return max(DRAWER_PULSE_MS_MIN, min(wanted_ms, DRAWER_PULSE_MS_MAX))
