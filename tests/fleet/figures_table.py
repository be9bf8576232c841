"""The figures of a fleet as a short table in Markdown."""

from __future__ import annotations

from typing import Any

_COLUMNS = {
    "seconds": "s",
    "sales_measured": "sales",
    "accepted_ms_p50": "accepted p50 ms",
    "accepted_ms_p99": "p99 ms",
    "shop_p99_ms_median": "shop's p99: median",
    "shop_p99_ms_worst": "worst",
    "connections_most": "lines/shop",
    "rss_mib_most": "office MiB",
    "cpu_share": "office CPU",
    "projector_lag_frames_most": "projector lag, frames",
}


def as_table(figures: dict[str, Any]) -> str:
    """Return a row for each phase that measured waits."""
    rows = [["phase", *_COLUMNS.values()], ["---"] * (len(_COLUMNS) + 1)]
    for name, seen in figures["phases"].items():
        if "sales_measured" in seen:
            rows.append([name, *(str(seen.get(column, "")) for column in _COLUMNS)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
