"""What only the box has: how many events and sales, what they come to, how old they are."""

from __future__ import annotations

from pathlib import Path

from edge.flows.link_state import LinkState
from edge.ledger.event_log import Ledger
from edge.ledger.records import Record
from tests.ledger.ledger_at import AT, cash_sale, ledger_at
from tests.virtual_time import FakeClock


async def _sell(ledger: Ledger, number: int) -> int:
    await ledger.record(Record(cash_sale(f"sale-{number}", number), "till-1"))
    return (await ledger.head()).seq


async def test_lag_and_exposure_grow_with_sales_and_go_with_their_acknowledgement(
    tmp_path: Path,
) -> None:
    clock = FakeClock(AT)
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        first = await _sell(ledger, 1)
        link = LinkState(ledger, clock, lambda: None)
        await link.open()
        assert (link.lag_events, link.exposed_minor, link.view.waiting_sales) == (first, 387, 1)
        clock.elapsed_ms = 5_000
        assert link.lag_s == 5.0
        head = await _sell(ledger, 2)
        assert (link.lag_events, link.exposed_minor, link.view.waiting_sales) == (head, 774, 2)
        assert link.lag_s == 5.0
        # of what is left, the oldest counts
        await link.accepted(first)
        assert (link.lag_events, link.exposed_minor) == (head - first, 387)
        assert link.lag_s == 5.0
        await link.accepted(head)
        assert (link.lag_events, link.exposed_minor, link.lag_s) == (0, 0, 0.0)
        clock.elapsed_ms = 9_000
        assert link.lag_s == 0.0
        await _sell(ledger, 3)
        clock.elapsed_ms = 10_500
        assert link.lag_s == 1.5


async def test_feeds_age_while_the_line_is_down(tmp_path: Path) -> None:
    clock = FakeClock(AT)
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        link = LinkState(ledger, clock, lambda: None)
        await link.open()
        clock.elapsed_ms = 2_000
        assert link.feed_age_s == 2.0
        link.report("up")
        clock.elapsed_ms = 9_000
        assert link.feed_age_s == 0.0
        link.report("down", "the line is cut")
        clock.elapsed_ms = 12_000
        assert link.feed_age_s == 3.0
