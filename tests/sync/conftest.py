"""A PostgreSQL server for a session of tests, and a database for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from sync.appending.postgres_address import PostgresAddress
from tests.postgres_server import PostgresServer, running_postgres


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[PostgresServer]:
    """One server for all tests that leave it as it is."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that a test may kill."""
    with running_postgres() as server:
        yield server


@pytest.fixture
async def address(shared_postgres: PostgresServer) -> AsyncIterator[PostgresAddress]:
    """A new database on the shared server, gone after the test."""
    address = await shared_postgres.new_database()
    yield address
    await shared_postgres.drop_database(address.database)
