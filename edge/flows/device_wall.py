"""The technician's device wall: every device of the shop as it is now, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge.contract.device_adoption import BoundDevice
from edge.contract.device_messages import JobKind
from edge.contract.device_states import (
    DeviceMeta,
    DeviceState,
    DeviceStatistics,
    DriverOffer,
    FoundDevice,
)
from edge.contract.instant import Clock
from edge.contract.limits import (
    HOSTS_PER_STORE_MAX,
)
from edge.contract.technician_views import (
    DeviceTest,
    OfferView,
    StatisticView,
    TerminalDayView,
    WallDevice,
    WallHost,
    WallView,
)
from edge.engine.adoption_rules import ADDRESS, place_of, servable_roles
from edge.flows.adoption import Adoption
from edge.flows.box_vitals import BoxVitals
from edge.flows.device_log import DeviceLog
from edge.flows.device_reports import HostReport
from edge.flows.terminal_days import TerminalDays
from edge.runtime.bus import Bus

_REFUSED: Final = "refused"
_ON_THE_NETWORK: Final = "tcp://"
_STATISTICS_SHOWN_MAX: Final = 24
_TESTS: Final = (
    (DeviceTest.TEST_PAGE, JobKind.PRINT_RECEIPT, "printer"),
    (DeviceTest.OPEN_DRAWER, JobKind.KICK_DRAWER, "drawer"),
    (DeviceTest.HEALTH, JobKind.CHECK_HEALTH, ""),
)
"""Each with the job that its driver must take, and the role that the device must have."""


@dataclass(frozen=True)
class DeviceWall:
    """Builds the wall from what the directory and the hosts' reports say."""

    store_name: Callable[[], str]
    adoption: Adoption
    bus: Bus
    clock: Clock
    days: TerminalDays
    log: DeviceLog
    vitals: BoxVitals

    @property
    def devices(self) -> Sequence[BoundDevice]:
        """The devices of the shop."""
        return self.adoption.directory.devices

    def view(self) -> WallView:
        """Return the whole wall. Fixed devices first, in their order, then the adopted ones."""
        adoption = self.adoption
        hosts = dict(adoption.reports.hosts)
        for device in adoption.directory.devices:
            if len(hosts) < HOSTS_PER_STORE_MAX:
                hosts.setdefault(device.host, HostReport())  # one that never said a word
        return WallView(
            self.store_name(),
            self.clock.now_ms(),
            self.bus.connected,
            adoption.tills,
            tuple(map(self._device, adoption.directory.devices)),
            tuple(self._host(name, hosts[name]) for name in sorted(hosts)),
            self.vitals.view(),
        )

    def tests_of(self, device: BoundDevice) -> tuple[DeviceTest, ...]:
        """Return what a device can be asked for, by its driver and its roles."""
        offer = self.adoption.offers(device.host).get(device.driver)
        if offer is None:
            return ()
        return tuple(
            test
            for test, kind, role in _TESTS
            if kind.value in offer.job_kinds and (not role or role in device.roles)
        )

    def _host(self, name: str, report: HostReport) -> WallHost:
        info = report.info
        return WallHost(
            name,
            report.online and self.bus.connected,
            info.version if info else "",
            tuple(filter(self._is_free, info.found)) if info else (),
            tuple(map(_offer, info.drivers)) if info else (),
        )

    def _is_free(self, found: FoundDevice) -> bool:
        """Say whether no host runs a found device: what is on the network every host finds."""
        if not found.address.startswith(_ON_THE_NETWORK):
            return True  # a port of one machine: its host has left out what it runs itself
        devices = self.adoption.directory.devices
        return all(place_of(device.settings) != found.address for device in devices)

    def _device(self, device: BoundDevice) -> WallDevice:
        adoption, reports = self.adoption, self.adoption.reports
        view = adoption.directory.view(device)
        state = reports.of(device.host, device.id, DeviceState)
        meta = reports.of(device.host, device.id, DeviceMeta)
        counts = reports.of(device.host, device.id, DeviceStatistics)
        scan, scanned_at = reports.last_scan(device.host, device.id)
        offer = adoption.offers(device.host).get(device.driver)
        refused = self._refused(device)
        name, well, code, words, advice = view.state, view.well, view.code, view.words, view.advice
        if refused and code != "host_offline":
            name, well, code, words = _REFUSED, False, "device_refused", refused
            advice = "Replace the device, or change how it is set up."
        here = state is not None and code != "host_offline"
        address = device.settings.get(ADDRESS)
        return WallDevice(
            id=device.id,
            name=device.name,
            host=device.host,
            driver=device.driver,
            till=device.till,
            roles=device.roles,
            fixed=any(device.id == fixed.id for fixed in adoption.fixed),
            device_class=_class_of(device, meta, offer),
            model=_model(meta, offer),
            serial_number=meta.serial_number if meta else "",
            firmware=meta.firmware if meta else "",
            address=address if isinstance(address, str) else "",
            settings=device.settings,
            state=name,
            well=well,
            code=code,
            words=words,
            advice=advice,
            paper=state.paper if state and here else "",
            cover=state.cover if state and here else "",
            drawer=state.drawer if state and here else "",
            weight=view.weight,
            weight_g=view.weight_g,
            jobs_waiting=state.jobs_waiting if state else 0,
            last_scan=scan,
            last_scan_at=scanned_at,
            statistics=_statistics(counts),
            tests=self.tests_of(device) if here else (),
            ends_day=here and self.days.can_end(device),
            day=self._day(device),
            records=self.bus.connected and adoption.directory.host_online(device.host),
            noted=self.log.noted(device.host, device.id),
        )

    def _day(self, device: BoundDevice) -> TerminalDayView | None:
        view = self.days.board.view(device.id)
        return view if view.state or view.outcome else None

    def _refused(self, device: BoundDevice) -> str:
        report = self.adoption.reports.hosts.get(device.host)
        unfit = report.info.unfit if report and report.info else ()
        return next((each.words for each in unfit if each.device == device.id), "")


def _offer(offer: DriverOffer) -> OfferView:
    return OfferView(offer, tuple(role.value for role in servable_roles(offer)))


def _class_of(device: BoundDevice, meta: DeviceMeta | None, offer: DriverOffer | None) -> str:
    if offer is not None:
        return offer.device_class
    if meta is not None and meta.driver == device.driver:
        return meta.device_class.value
    return device.roles[0] if device.roles else ""


def _model(meta: DeviceMeta | None, offer: DriverOffer | None) -> str:
    """Return the model that the device named; what the driver is for is no model."""
    if meta is None or (offer is not None and meta.model == offer.model):
        return ""
    return meta.model


def _statistics(counts: DeviceStatistics | None) -> tuple[StatisticView, ...]:
    if counts is None:
        return ()
    shown = sorted(counts.counts.items())[:_STATISTICS_SHOWN_MAX]
    return tuple(StatisticView(name, count) for name, count in shown)
