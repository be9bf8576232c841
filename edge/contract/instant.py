"""Time comes in as a value: milliseconds since 1970 in UTC, and a business day as text."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """The only source of time. A simulated shop hands in one that jumps.

    `now_ms` is the wall clock and may step; `monotonic_ms` never does: ages, deadlines and
    backoff use it.
    """

    def now_ms(self) -> int:
        """Return milliseconds since 1970-01-01 UTC."""
        ...

    def monotonic_ms(self) -> int:
        """Return milliseconds since an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after this long."""
        ...

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Return a context manager that raises TimeoutError after this long; None never does."""
        ...


def business_day(at_ms: int, zone: ZoneInfo, *, day_starts_at_hour: int = 0) -> str:
    """Return the business day `YYYY-MM-DD` of an instant in the store's time zone.

    A shop that sells past midnight lets its day start later: `day_starts_at_hour` = 5 puts
    02:30 into the day before.
    """
    local = datetime.fromtimestamp(at_ms / 1000, tz=zone)
    return (local - timedelta(hours=day_starts_at_hour)).date().isoformat()


def local_minute(at_ms: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return weekday (ISO, 1 is Monday) and minute since midnight of an instant in a zone."""
    local = datetime.fromtimestamp(at_ms / 1000, tz=zone)
    return local.isoweekday(), local.hour * 60 + local.minute


def iso_utc(at_ms: int) -> str:
    """Return an instant as RFC 3339 text in UTC with milliseconds: `2026-11-22T18:08:00.000Z`."""
    moment = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"
