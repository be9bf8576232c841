"""A PostgreSQL event store that is open for a block, with its log."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_event_store import PostgresEventStore


@asynccontextmanager
async def opened(
    address: PostgresAddress, partitions: int | None = None, log: io.StringIO | None = None
) -> AsyncIterator[PostgresEventStore]:
    clock, words = SystemClock(), open_log("office", log or io.StringIO())
    async with Supervisor(clock, words) as tasks:
        store = PostgresEventStore(address, clock, words, tasks, partitions=partitions)
        await store.open()
        try:
            yield store
        finally:
            await store.close()
