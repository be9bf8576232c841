"""When a reader of frames gets the next one, where each byte costs and where none does."""

from __future__ import annotations

from edge.contract.limits import (
    IDLE_FRAME_DELAY_MS,
    LIVE_FRAME_DELAY_MS,
    METERED_FRAME_DELAY_MS,
    METERED_FRAME_EVENTS,
)
from edge.flows.frame_pace import FramePace

NOW = 1_000_000


def test_a_sale_leaves_at_once_and_waits_for_company_where_each_byte_costs() -> None:
    pace = FramePace(hurried_seq=10)
    assert pace.due_in_ms(10, 10, NOW) is None
    assert pace.due_in_ms(10, 10, NOW, metered=True) is None
    pace.recorded(NOW, 14)
    pace.recorded(NOW + 40_000, 18)
    assert pace.due_in_ms(10, 18, NOW + 40_000) == 0, "an open line had it long ago"
    assert pace.due_in_ms(10, 18, NOW + 40_000, metered=True) == METERED_FRAME_DELAY_MS - 40_000
    assert pace.due_in_ms(10, 18, NOW + METERED_FRAME_DELAY_MS, metered=True) == 0
    pace.made(18, 18)
    pace.recorded(NOW + 70_000, 22)
    assert pace.due_in_ms(18, 22, NOW + 70_000, metered=True) == METERED_FRAME_DELAY_MS


def test_what_no_sale_hurries_waits_as_long() -> None:
    pace = FramePace(hurried_seq=10)
    pace.recorded(NOW, None)
    assert pace.due_in_ms(10, 11, NOW) == IDLE_FRAME_DELAY_MS
    assert pace.due_in_ms(10, 11, NOW, metered=True) == METERED_FRAME_DELAY_MS
    assert pace.due_in_ms(10, 11, NOW + LIVE_FRAME_DELAY_MS) == 30_000 - LIVE_FRAME_DELAY_MS


def test_much_at_once_and_a_backlog_do_not_wait() -> None:
    pace = FramePace(hurried_seq=10)
    just_started = 5_000
    assert pace.due_in_ms(3, 10, just_started, metered=True) == 0, "it waited while it was off"
    pace.recorded(NOW, 10 + METERED_FRAME_EVENTS)
    upto = 10 + METERED_FRAME_EVENTS
    assert pace.due_in_ms(10, upto - 1, NOW, metered=True) == METERED_FRAME_DELAY_MS
    assert pace.due_in_ms(10, upto, NOW, metered=True) == 0
    pace.made(upto - 5, upto)
    assert pace.due_in_ms(upto - 5, upto, NOW + METERED_FRAME_DELAY_MS, metered=True) == 0
