from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from edge.ledger.event_log import BusinessCalendar


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "hour", "instant", "day"),
    [
        ("UTC", 0, "2026-11-22T23:59:59", "2026-11-22"),
        ("UTC", 0, "2026-11-23T00:00:00", "2026-11-23"),
        ("UTC", 5, "2026-11-23T04:59:59", "2026-11-22"),
        ("UTC", 5, "2026-11-23T05:00:00", "2026-11-23"),
        ("Asia/Tokyo", 0, "2026-11-22T15:00:00", "2026-11-23"),
        ("Asia/Tokyo", 0, "2026-11-22T14:59:59", "2026-11-22"),
        ("America/New_York", 0, "2026-11-23T04:59:59", "2026-11-22"),
    ],
)
def test_a_day_begins_where_the_shop_says(zone: str, hour: int, instant: str, day: str) -> None:
    assert BusinessCalendar(ZoneInfo(zone), hour).day(at(instant)) == day


def test_the_remembered_day_is_forgotten_with_its_minute() -> None:
    calendar = BusinessCalendar(ZoneInfo("UTC"))
    for second in ("2026-11-22T23:59:00", "2026-11-22T23:59:59"):
        assert calendar.day(at(second)) == "2026-11-22"
    assert calendar.day(at("2026-11-23T00:00:00")) == "2026-11-23"
    assert calendar.day(at("2026-11-22T23:59:30")) == "2026-11-22"
    assert BusinessCalendar(ZoneInfo("UTC")).day(0) == "1970-01-01"
