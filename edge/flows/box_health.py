"""How the box is, in words: for `/health`, for technicians, and as counters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.contract.health import HealthItem
from edge.contract.limits import LINE_USE_WARN_PERCENT
from edge.contract.line_class import LineClass
from edge.contract.ratchet import BOX_REPLACED, BOX_TWICE
from edge.flows.card_desk import CardDesk
from edge.flows.device_directory import DeviceDirectory
from edge.flows.feed_trust import FeedTrust
from edge.flows.fiscal_desk import FiscalDesk
from edge.flows.job_dispatch import JobDispatch
from edge.flows.kept_copies import KeptCopies
from edge.flows.link_state import LinkState
from edge.flows.lost_history import LostHistory
from edge.flows.open_drawers import OpenDrawers
from edge.flows.terminal_day_board import TerminalDayBoard
from edge.ledger.disk_space import DiskSpace
from edge.reference.store import ReferenceStore
from edge.runtime.bus import Bus
from edge.runtime.database_file import DatabaseFile
from edge.runtime.metrics import Gauge, Metrics

_MIB = 1_048_576


@dataclass(frozen=True)
class BoxHealth:
    """Asks each part how it is."""

    ledger_file: DatabaseFile
    reference: ReferenceStore
    directory: DeviceDirectory
    link: LinkState
    disk: DiskSpace
    bus: Bus
    dispatch: JobDispatch
    desk: CardDesk
    drawers: OpenDrawers
    fiscal: FiscalDesk
    days: TerminalDayBoard
    trust: FeedTrust
    copies: KeptCopies
    lost: LostHistory

    def items(self) -> tuple[HealthItem, ...]:
        """Return one item a part. `ledger`, `reference` and `disk` decide whether it sells."""
        fiscal, untrue, line = self.fiscal.health(), self.trust.health(), self._line()
        history, identity = self.lost.health(), self._identity()
        return (
            self._ledger(),
            self._reference(),
            self._disk(),
            self._bus(),
            self._link(),
            *((line,) if line else ()),
            *self.copies.health(),
            self.desk.health(),
            self.days.health(),
            *((fiscal,) if fiscal else ()),
            *((untrue,) if untrue else ()),
            *((history,) if history else ()),
            *((identity,) if identity else ()),
        )

    def declare(self, metrics: Metrics) -> None:
        """Add the box's gauges."""
        counts = self.ledger_file.counts
        gauges: list[tuple[str, str, Callable[[], float]]] = [
            ("tillbox_ledger_commits", "Transactions since the start", lambda: counts.commits),
            ("tillbox_ledger_records", "Callers answered by them", lambda: counts.units),
            (
                "tillbox_sales_waiting",
                "Completed sales that head office has not accepted",
                lambda: self.link.view.waiting_sales,
            ),
            (
                "tillbox_line_bytes",
                "Bytes of this month over the line to head office, both ways, where counted",
                lambda: self.link.use.used if self.link.use else 0,
            ),
            (
                "tillbox_sales_waiting_minor",
                "What these come to, in the smallest unit: lost if this box burnt now",
                lambda: self.link.exposed_minor,
            ),
            (
                "tillbox_lag_events",
                "Events that head office has not accepted",
                lambda: self.link.lag_events,
            ),
            (
                "tillbox_lag_seconds",
                "Age of the oldest event that head office has not accepted",
                lambda: self.link.lag_s,
            ),
            (
                "tillbox_feed_age_seconds",
                "For how long head office may have news that are not here; 0 while the line is up",
                lambda: self.link.feed_age_s,
            ),
            ("tillbox_disk_free_bytes", "Room for the ledger", self.disk.free_bytes),
            (
                "tillbox_device_messages_dropped",
                "Foreign or garbled reports of devices",
                lambda: self.directory.dropped,
            ),
            (
                "tillbox_device_jobs_open",
                "Receipts, drawers and payments whose outcome is not known yet",
                lambda: len(self.dispatch.open_jobs()),
            ),
            (
                "tillbox_drawers_left_open",
                "Cash drawers that stand open for too long now",
                lambda: self.drawers.left_open,
            ),
            (
                "tillbox_fiscal_marked",
                "Sales without a signature since the security device failed",
                lambda: self.fiscal.marked,
            ),
            (
                "tillbox_card_alarms",
                "Card payments of which a terminal contradicts a person",
                lambda: len(self.desk.alarms()),
            ),
            (
                "tillbox_terminal_days_differing",
                "Payment terminals that handed in another sum last than the ledger has",
                lambda: len(self.days.differing),
            ),
            (
                "tillbox_terminal_days_in_doubt",
                "Payment terminals of which it is not known whether they ended their day",
                lambda: len(self.days.doubtful),
            ),
        ]
        for name, summary, read in gauges:
            metrics.add(Gauge(name, summary, _single(read)))
        metrics.add(
            Gauge(
                "tillbox_copy_events_behind",
                "Events that a second copy in the shop lacks",
                self.copies.behind,
                ("copy",),
            )
        )

    def _ledger(self) -> HealthItem:
        failure = self.ledger_file.failure
        if failure is None:
            return HealthItem("ledger", well=True, words="Sales are kept on disk.")
        return HealthItem("ledger", well=False, words=failure.message, advice=failure.advice)

    def _reference(self) -> HealthItem:
        if self.reference.has_store:
            return HealthItem("reference", well=True, words="The shop's data are here.")
        return HealthItem(
            "reference",
            well=False,
            words="Head office has not sent the shop's data yet.",
            advice="Check the line to head office; selling starts by itself then.",
        )

    def _disk(self) -> HealthItem:
        free = self.disk.free_bytes() // _MIB
        if not self.disk.is_short():
            return HealthItem("disk", well=True, words=f"{free} MiB are free.")
        return HealthItem(
            "disk",
            well=False,
            words=f"Only {free} MiB are free: no new sale can begin.",
            advice="Make room on the disk, or replace it.",
        )

    def _bus(self) -> HealthItem:
        if self.bus.connected:
            return HealthItem("bus", well=True, words="The message broker answers.")
        return HealthItem(
            "bus",
            well=False,
            words="The message broker does not answer: devices are cut off. Cash sales go on.",
            advice="It is tried again by itself. Check the broker's service.",
        )

    def _link(self) -> HealthItem:
        view = self.link.view
        if view.state == "up":
            return HealthItem("link", well=True, words="Head office is reachable.")
        return HealthItem(
            "link",
            well=False,
            words=f"Nothing goes to head office; sales that wait: {view.waiting_sales}.",
            # a line that is refused, or a fork, is mended by nobody who is told to do nothing
            advice=self.link.reason or "Selling goes on; nothing needs to be done.",
        )

    def _identity(self) -> HealthItem | None:
        """Say that this may not be the shop's box; nothing of one that head office knows."""
        if self.link.code == BOX_REPLACED:
            return HealthItem(
                "replaced",
                well=False,
                words="Another box took the place of this one.",
                advice="Sell at the other one. Keep this disk: what was sold here late is taken "
                "from it.",
            )
        if self.link.code == BOX_TWICE:
            return HealthItem(
                "twin",
                well=False,
                words="Two boxes with one key are alive: this one, and another.",
                advice="Both may sell, and nothing is lost. Find out which one is the shop's box, "
                "switch the other off, and have head office confirm it: tillbox office "
                "confirm-box.",
            )
        return None

    def _line(self) -> HealthItem | None:
        """Return how a month's allowance is used; None where there is none."""
        use = self.link.use
        if use is None or not use.allowed:
            return None
        percent = use.used * 100 // use.allowed
        words = f"{percent} % of the {use.allowed // _MIB} MiB are used that the line has a month."
        if self.link.line is LineClass.SPENT:
            return HealthItem(
                "line",
                well=False,
                words=words,
                advice="Sales still go up and prices come down; new goods, customers and coupons "
                "wait for the next month. Buy more, or raise monthly_mib.",
            )
        if percent >= LINE_USE_WARN_PERCENT:
            advice = "Once it is spent, new goods, customers and coupons wait for the next month."
            return HealthItem("line", well=False, words=words, advice=advice)
        return HealthItem("line", well=True, words=words)


def _single(read: Callable[[], float]) -> Callable[[], dict[tuple[str, ...], float]]:
    return lambda: {(): read()}
