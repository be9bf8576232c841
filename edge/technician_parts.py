"""The technician's side of a box, put together: wall, tests, recordings, support bundles."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from edge.flows.access import Access
from edge.flows.adoption import Adoption
from edge.flows.box_health import BoxHealth
from edge.flows.box_vitals import BoxVitals
from edge.flows.clock_watch import ClockWatch
from edge.flows.device_checks import DeviceChecks
from edge.flows.device_log import DeviceLog
from edge.flows.device_wall import DeviceWall
from edge.flows.job_dispatch import JobDispatch
from edge.flows.saved_recordings import SavedRecordings
from edge.flows.support_bundle import SupportBundles
from edge.flows.terminal_days import TerminalDays
from edge.runtime.log_tail import LogTail
from edge.runtime.metrics import Metrics
from edge.runtime.openapi import Route
from edge.web.support_api import SupportApi
from edge.web.technician_api import TechnicianApi
from edge.web.wall_socket import WallSockets


@dataclass(frozen=True)
class TechnicianParts:
    """What of it a running box needs: `lasting` are tasks by name."""

    sockets: WallSockets
    routes: tuple[Route, ...]
    lasting: dict[str, Callable[[], Coroutine[Any, Any, None]]]


def technician_parts(
    access: Access,
    adoption: Adoption,
    days: TerminalDays,
    dispatch: JobDispatch,
    health: BoxHealth,
    watch: ClockWatch,
    device_log: DeviceLog,
    metrics: Metrics,
    secrets: tuple[str, ...],
) -> TechnicianParts:
    """Return the technician's side, which hears of days and devices from now on.

    `secrets` are the box's, which leave it in no bundle.
    """
    store, bus, clock, reference = dispatch.store, dispatch.bus, dispatch.clock, access.reference
    log, tail = dispatch.log, LogTail()
    log.listen(tail.take)
    wall = DeviceWall(
        lambda: reference.store.name if reference.has_store else "",
        adoption,
        bus,
        clock,
        days,
        device_log,
        BoxVitals(health.items, health.disk, health.link, dispatch.directory, watch, clock),
    )
    sockets = WallSockets(wall, access, clock, dispatch.tasks)
    days.changed = sockets.changed
    adoption.reports.heard = device_log.take
    checks = DeviceChecks(store, bus, wall, days.ledger, dispatch, clock)
    dispatch.listeners.append(checks.hear)
    recordings = SavedRecordings(store, bus, dispatch.directory, clock, log)
    bundles = SupportBundles(
        store,
        wall,
        recordings,
        metrics,
        tail,
        lambda: [word for member in reference.staff for word in (member.name, member.id)],
        secrets,
        days.ids,
        clock,
        log,
    )
    return TechnicianParts(
        sockets,
        (
            *TechnicianApi(access, adoption, wall, checks, days, sockets).routes(),
            *SupportApi(wall, recordings, bundles).routes(),
        ),
        {"recordings": recordings.run},
    )
