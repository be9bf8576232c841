"""A box in memory, and a head office that knows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sync.office.head_office import Box, Served, serve


@pytest.fixture
async def box() -> Box:
    return Box()


@pytest.fixture
async def served(tmp_path: Path, box: Box) -> AsyncIterator[Served]:
    async with serve(tmp_path, box) as served:
        yield served
