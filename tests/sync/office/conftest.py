"""A box in memory, and a head office that knows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sync.appending.postgres_address import PostgresAddress
from tests.postgres_server import PostgresServer
from tests.sync.office.head_office import Box, Served, serve
from tests.sync.office.postgres_office import kept_in

NewSales = Callable[[], Awaitable[dict[str, Any]]]
"""Returns the settings of a head office whose sales are in a database that nobody has used."""


@pytest.fixture
async def box() -> Box:
    return Box()


@pytest.fixture
async def served(tmp_path: Path, box: Box) -> AsyncIterator[Served]:
    async with serve(tmp_path, box) as served:
        yield served


@pytest.fixture(params=["sqlite", "postgres"])
async def new_sales(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[NewSales]:
    """Sales in the one database, and in the other."""
    made: list[PostgresAddress] = []
    if request.param == "sqlite":

        async def local() -> dict[str, Any]:
            return {}

        yield local
        return
    server: PostgresServer = request.getfixturevalue("shared_postgres")

    async def there() -> dict[str, Any]:
        made.append(await server.new_database())
        return {"sales": "postgres", **kept_in(tmp_path / "servers", made[-1])}

    yield there
    for address in made:
        await server.drop_database(address.database)
