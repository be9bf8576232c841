"""What needs attention, put together: what stands aside, alarms, and the look at all shops."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.contract.instant import Clock
from edge.contract.reference_data import Feed
from edge.runtime.database_file import DatabaseFile
from edge.runtime.metrics import Metrics
from edge.runtime.structured_log import Log
from sync.appending.event_store import EventStore
from sync.office.alarm_cases import AlarmDesk
from sync.office.aside_store import AsideStore
from sync.office.attention_api import AttentionApi
from sync.office.attention_metrics import declare
from sync.office.attention_watch import AttentionWatch
from sync.office.desk import OfficeDesk
from sync.office.feeds import Feeds
from sync.office.quarantine import Quarantine
from sync.office.replication_standing import ReplicationStanding
from sync.office.sales import Sales
from sync.office.session import BoxSessions
from sync.office.store_directory import StoreDirectory


@dataclass
class Attention:
    """The parts, and who hears of what. `tell` says once who looks at the result."""

    alarms: AlarmDesk
    watch: AttentionWatch
    quarantine: Quarantine
    api: AttentionApi
    directory: StoreDirectory
    feeds: Feeds
    desk: OfficeDesk
    boxes: BoxSessions
    _changed: Callable[[], None] = field(default=lambda: None)

    def tell(
        self, changed: Callable[[], None], mended: Callable[[], None], metrics: Metrics
    ) -> None:
        """Have pages hear of every change, digests of what was mended, and Prometheus of all."""
        declare(metrics, self.watch)
        self.boxes.changed, self.desk.changed = self.boxes_changed, changed
        self._changed = self.directory.alarms_changed = changed
        self.alarms.listeners.append(changed)
        self.quarantine.listeners += [
            changed,
            mended,
            self.watch.news.set,
            # a sale that is made anew may have used up a coupon
            lambda: self.feeds.changed(Feed.USED_COUPON),
        ]

    def boxes_changed(self) -> None:
        """Take that a box came or went."""
        self.watch.noticed()
        self._changed()


def attention_of(
    file: DatabaseFile,
    directory: StoreDirectory,
    events: EventStore,
    feeds: Feeds,
    sales: Sales,
    desk: OfficeDesk,
    boxes: BoxSessions,
    data_dir: Path,
    clock: Clock,
    log: Log,
    aside: AsideStore,
) -> Attention:
    """Return the parts, not running yet."""
    alarms = AlarmDesk(file, clock, log)
    watch = AttentionWatch(
        file,
        directory,
        alarms,
        ReplicationStanding(
            file,
            feeds,
            sales,
            lambda: {
                each.slug: {str(feed): at for feed, at in each.cursors.items()}
                for each in desk.pushes
            },
            clock,
        ),
        lambda: boxes.connected,
        lambda slug: bool(boxes.refusals(slug)),
        lambda: shutil.disk_usage(data_dir).free,
        clock,
        log,
        aside,
    )
    quarantine = Quarantine(aside, directory, events, desk.dictionaries, clock, log)
    api = AttentionApi(file, directory, quarantine, alarms, watch)
    return Attention(alarms, watch, quarantine, api, directory, feeds, desk, boxes)
