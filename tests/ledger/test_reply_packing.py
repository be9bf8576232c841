"""Answers in the ledger: packed with a dictionary that never changes, older ones still read."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge.ledger.event_log import MIGRATIONS
from edge.ledger.reply_packing import DICTIONARY, pack, unpack
from edge.runtime.migrations import apply
from tests.ledger.ledger_at import ledger_at


@given(st.binary(max_size=6_000))
def test_what_was_packed_is_read_as_it_was(reply: bytes) -> None:
    assert unpack(pack(reply)) == reply
    assert unpack(zlib.compress(reply)) == reply, "packed before there was a dictionary"


def test_the_dictionary_is_the_one_that_ledgers_were_written_with() -> None:
    digest = hashlib.sha256(DICTIONARY).hexdigest()
    assert digest == "2dae3995bf6a3425085349b26be93d658ee2d21784c5f1995d8936d2e6139d07"


async def test_jobs_that_were_open_before_an_update_are_open_after_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    old = sqlite3.connect(path, isolation_level=None)
    apply(old, MIGRATIONS[:1])
    row = ("printer", "till-1", "sale-1", "printer-1", 0, 99, zlib.compress(b"{}"))
    for job_id in ("z-first", "a-second"):
        old.execute(
            "INSERT INTO device_job (job_id, kind, till, sale, device, attempt, deadline, args)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (job_id, *row),
        )
    old.close()
    async with ledger_at(path) as ledger:
        jobs = await ledger.open_jobs()
    assert [(job.job_id, job.args) for job in jobs] == [("z-first", b"{}"), ("a-second", b"{}")]
