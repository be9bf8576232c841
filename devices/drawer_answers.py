"""What a drawer that was kicked is answered to have done, whatever it hangs on.

A sensor whose level is known decides; without one a pulse was given, and that is all there is to
say.
"""

from __future__ import annotations

from devices.driver import DeviceJob, DriverPorts
from devices.protocols.drawer_sensor import Position
from edge.contract.device_limits import (
    DRAWER_OPENS_MS_MAX,
)
from edge.contract.device_messages import DrawerOutcome, JobResult


def drawer_answer(job: DeviceJob, ports: DriverPorts, position: Position) -> JobResult:
    """Return the answer for where the drawer is once its time to open is over; counted, logged."""
    now_ms = ports.clock.now_ms()
    if position is Position.OPEN:
        ports.count("DrawerGoodOpenCount")
        return job.done(now_ms, DrawerOutcome("opened"))
    if position is Position.UNKNOWN:
        return job.done(now_ms, DrawerOutcome("pulsed"))
    ports.count("DrawerFailedOpenCount")
    ports.log.warning("drawer_open_failed", job=job.id)
    return job.failed(
        now_ms,
        "open_failed",
        "The drawer was told to open, and its sensor did not see it open within "
        f"{DRAWER_OPENS_MS_MAX // 1000} s.",
        "See that it is not locked or blocked, or open it with its key.",
    )


def drawer_lost(job: DeviceJob, ports: DriverPorts, code: str, whose: str) -> JobResult:
    """Return the answer when `whose` connection was lost behind the kick: it may be open."""
    return job.unknown(
        ports.clock.now_ms(),
        code,
        f"The drawer was told to open, and then {whose} was lost.",
        "Look whether the drawer is open.",
    )
