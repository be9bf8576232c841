"""Head office has the notes of a till in training, the chain is whole, and they count nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.contract.training_events import TRAINING_SALE, TrainingBegan, TrainingEnded, noted
from tests.sync.office.head_office import Box, Served, sale_events, serve
from tests.sync.office.test_projector import _arrive
from tests.sync.office.test_returns import today


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
async def served(tmp_path: Path, box: Box) -> AsyncIterator[Served]:
    async with serve(tmp_path, box) as served:
        yield served


async def test_training_reaches_head_office_and_counts_nowhere(served: Served, box: Box) -> None:
    box.record(TrainingBegan(approver="sofia"))
    box.record(*noted(sale_events(f"{TRAINING_SALE}1", 999)))
    box.record(TrainingEnded())
    box.sell("real", 300)
    sales = await _arrive(served, box)  # all of it was accepted and projected
    assert [(sale["sale_id"], sale["total_minor"]) for sale in sales] == [("real", 300)]
    store = await today(served)
    assert (store["takings_today_minor"], store["sales_today"]) == (300, 1)
    assert (store["refunds_today_minor"], store["quarantined"]) == (0, 0)
