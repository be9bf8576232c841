from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.runtime.backoff import Backoff


@given(st.integers(1, 1_000), st.integers(0, 100_000), st.integers(), st.integers(1, 80))
def test_waits_stay_inside_their_bounds_and_double(low: int, more: int, seed: int, n: int) -> None:
    high = low + more
    backoff = Backoff(low, high, seed)
    for number in range(1, n + 1):
        wait = backoff.next_ms()
        step = min(high, low * 2**number)
        assert max(low, step // 2) <= wait <= step


@given(st.integers())
def test_the_same_seed_waits_alike_and_reset_begins_anew(seed: int) -> None:
    one, two = Backoff(100, 60_000, seed), Backoff(100, 60_000, seed)
    assert [one.next_ms() for _ in range(9)] == [two.next_ms() for _ in range(9)]
    one.reset()
    assert one.next_ms() <= 200


def test_without_a_seed_processes_do_not_come_back_together() -> None:
    waits = {
        Backoff(1, 1_000_000_000).next_ms() + Backoff(10**6, 10**9).next_ms() for _ in range(9)
    }
    assert len(waits) > 1
