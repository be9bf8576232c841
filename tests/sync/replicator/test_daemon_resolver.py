"""Names are looked up by the machine, in threads that hold nothing up."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sync.replicator.daemon_resolver import DaemonResolver


async def test_localhost_is_found() -> None:
    found = await DaemonResolver().resolve("localhost", 443)
    assert {"127.0.0.1", "::1"} >= {each["host"] for each in found} != set()
    assert {each["port"] for each in found} == {443}


async def test_a_name_that_leads_nowhere() -> None:
    with pytest.raises(OSError, match=r".+"):
        await DaemonResolver().resolve("office.invalid", 443)


async def test_an_answer_that_nobody_waits_for_any_more() -> None:
    before = set(threading.enumerate())
    resolver = DaemonResolver()
    lookup = asyncio.create_task(resolver.resolve("localhost"))
    await asyncio.sleep(0)
    mine = [thread for thread in threading.enumerate() if thread not in before]
    lookup.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lookup
    assert all(thread.daemon for thread in mine)
    for thread in mine:
        await asyncio.to_thread(thread.join)
    await resolver.close()
