"""A shop and its head office on free loopback ports."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.sync.fake_edge import FakeEdge
from tests.sync.fake_office import FakeOffice
from tests.sync.replicator.shop import Shop


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Both ends, started; no replicator yet."""
    office = FakeOffice()
    edge = FakeEdge(office.key.public)
    await office.start()
    await edge.start()
    yield Shop(edge, office)
    await office.stop()
    await edge.stop()
