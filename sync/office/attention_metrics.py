"""How shops stand, for Prometheus: a line a shop in each metric, and never more than shops.

Numbers are those of the last look, seconds are counted on from it.
"""

from __future__ import annotations

from collections.abc import Callable

from edge.contract.attention_limits import SHOP_METRIC_SERIES_MAX
from edge.runtime.metrics import Gauge, Metrics
from sync.office.attention_watch import AttentionWatch
from sync.office.replication_standing import ShopStanding

_MS: float = 1000.0


def declare(metrics: Metrics, watch: AttentionWatch) -> None:
    """Add what is counted for each shop."""

    def by_shop(
        read: Callable[[ShopStanding, float], float],
    ) -> Callable[[], dict[tuple[str, ...], float]]:
        def samples() -> dict[tuple[str, ...], float]:
            looked = watch.standing
            since = max(0, watch.clock.now_ms() - looked.at)
            return {(shop.store,): read(shop, since) for shop in looked.shops}

        return samples

    def older(ms: int, since: float) -> float:
        """Return a time that goes on, in seconds; what is in step stays so until the next look."""
        return (ms + since) / _MS if ms else 0.0

    def exposure() -> dict[tuple[str, ...], float]:
        return {
            (shop.store, shop.currency): float(shop.waiting_minor)
            for shop in watch.standing.shops
            if shop.currency
        }

    for name, summary, read in (
        (
            "tillbox_office_shop_connected",
            "Whether a shop has a session",
            lambda shop, _: float(shop.connected),
        ),
        (
            "tillbox_office_shop_lag_events",
            "Events that a shop has and head office has not, as far as is known",
            lambda shop, _: float(shop.lag_events),
        ),
        (
            "tillbox_office_shop_lag_seconds",
            "How old what head office knows of a shop is; 0 in touch and in step",
            lambda shop, since: older(shop.lag_ms, since),
        ),
        (
            "tillbox_office_shop_unprojected_events",
            "Events of a shop that are here and that the sales do not show yet",
            lambda shop, _: float(shop.unprojected_events),
        ),
        (
            "tillbox_office_shop_exposed_sales",
            "Sales that only the shop has, as its box said",
            lambda shop, _: float(shop.waiting_sales),
        ),
        (
            "tillbox_office_shop_quarantined",
            "Events of a shop that stand aside and that nobody has left there",
            lambda shop, _: float(shop.aside),
        ),
        (
            "tillbox_office_shop_parked",
            "Events of a shop that wait for a newer head office",
            lambda shop, _: float(shop.parked),
        ),
        (
            "tillbox_office_shop_feed_age_seconds",
            "For how long a shop lacks the oldest of what it lacks of any feed",
            lambda shop, since: older(shop.feed_age_ms, since),
        ),
        (
            "tillbox_office_shop_alarms",
            "Alarms of a shop that are not over",
            lambda shop, _: float(shop.alarms),
        ),
    ):
        metrics.add(
            Gauge(name, summary, by_shop(read), ("store",), series_max=SHOP_METRIC_SERIES_MAX)
        )
    metrics.add(
        Gauge(
            "tillbox_office_shop_exposed_minor",
            "What these sales brought, in the smallest unit of the currency",
            exposure,
            ("store", "currency"),
            series_max=SHOP_METRIC_SERIES_MAX,
        )
    )
