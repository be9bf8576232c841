"""One running shop for a module's tests: starting it takes seconds, cleaning the till does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.whole_shop.demo_shop import Shop, demo_shop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """The shop, started once."""
    folder: Path = tmp_path_factory.mktemp("shop")
    async with demo_shop(folder) as shop:
        yield shop


@pytest_asyncio.fixture(loop_scope="module")
async def shop(running_shop: Shop) -> Shop:
    """The shop with everything well and an empty till."""
    await running_shop.make_well()
    return running_shop
