"""Of two filters that overlap a broker sends each its own copy: the box has none such."""

from __future__ import annotations

from itertools import combinations, zip_longest
from pathlib import Path

import pytest

from edge.runtime.memory_bus import MemoryBroker
from tests.flows.box import selling_box
from tests.flows.fake_host import until


def overlap(one: str, other: str) -> bool:
    """Say whether there is a topic that both filters stand for."""
    for left, right in zip_longest(one.split("/"), other.split("/")):
        if "#" in (left, right):
            return True
        if left is None or right is None:
            return False
        if "+" not in (left, right) and left != right:
            return False
    return True


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a/+/c", "a/b/+", True),
        ("a/b", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/+/c", "a/b/d", False),
        ("a/event/+", "a/event/scan", True),
    ],
)
def test_what_overlaps_is_known(one: str, other: str, *, same: bool) -> None:
    assert overlap(one, other) == overlap(other, one) == same


async def test_no_two_filters_of_the_box_stand_for_one_topic(tmp_path: Path) -> None:
    broker = MemoryBroker()
    async with selling_box(tmp_path, broker=broker) as box:
        await until(lambda: box.edge.bus.connected, what="the bus")
        (bus,) = broker._online.values()
        filters = {name for each in bus._subscriptions for name in each.filters}
    assert len(filters) > 5
    doubled = [pair for pair in combinations(sorted(filters), 2) if overlap(*pair)]
    assert doubled == []
