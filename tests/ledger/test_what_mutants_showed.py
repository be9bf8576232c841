"""Holes that a mutation run found in the tests of the ledger, closed by their meaning."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.contract.errors import Refused
from edge.contract.limits import (
    BALLAST_BYTES,
)
from edge.contract.sale_events import SaleOpened
from edge.ledger.disk_space import DiskSpace
from edge.ledger.integrity import stored_events, verify
from edge.ledger.replay import past_events
from tests.ledger.tampering import change, ledger

__all__ = ["ledger"]


def test_a_missing_event_is_named_with_its_neighbours(ledger: Path) -> None:
    change(ledger, "DELETE FROM event WHERE seq = 20")
    assert verify(ledger).reason == "event 20 is missing: after 19 comes 21"


def test_what_a_table_has_and_what_the_events_say_are_both_named(ledger: Path) -> None:
    change(ledger, "UPDATE sale SET total_minor = 7 WHERE seq = 6")
    reason = verify(ledger).reason
    assert reason.startswith("the table sale has (6, ")
    found, _, made = reason.partition(" where the events say ")
    assert ", 7" in found
    assert made.startswith("(6, ")
    assert ", 7" not in made


def test_what_is_no_number_where_the_ledger_says_whose_it_is_is_damage(ledger: Path) -> None:
    change(
        ledger,
        "ALTER TABLE identity RENAME TO kept",
        "CREATE TABLE identity AS SELECT * FROM kept",
        "UPDATE identity SET store_number = 'one'",
    )
    verdict = verify(ledger)
    assert verdict.whole is False
    assert verdict.reason == "whose ledger this is cannot be read: it is damaged"


def test_a_file_that_sqlite_cannot_read_is_not_whole(ledger: Path) -> None:
    damaged = bytearray(ledger.read_bytes())
    damaged[100:] = os.urandom(len(damaged) - 100)
    ledger.write_bytes(damaged)
    assert verify(ledger).whole is False


def test_past_events_say_when_where_and_by_whom(ledger: Path) -> None:
    rows = list(stored_events(ledger, 0))
    assert [row.seq for row in rows[:3]] == [1, 2, 3]
    first = past_events(rows)[0]
    assert isinstance(first.event, SaleOpened)
    assert (first.seq, first.till, first.actor) == (1, "till-1", "marta")
    assert first.at > 0


class Disk(DiskSpace):
    """A disk with as many free bytes as a test says."""

    free: int

    def free_bytes(self) -> int:
        return self.free


def test_the_last_byte_that_is_needed_is_enough(tmp_path: Path) -> None:
    disk = Disk(tmp_path, free_min_bytes=1_000)
    disk.free = 1_000
    disk.check()
    disk.free = 999
    with pytest.raises(Refused) as refused:
        disk.check()
    assert (refused.value.code, refused.value.status) == ("disk_full", 503)
    assert refused.value.message == "The box's disk is nearly full: no new sale can begin."
    assert refused.value.advice == "Sales that are open can be finished. Call the technician."


def test_ballast_is_laid_where_twice_its_room_is_left_above_what_is_needed(tmp_path: Path) -> None:
    disk = Disk(tmp_path, free_min_bytes=1_000)
    disk.free = 1_000 + 2 * BALLAST_BYTES - 1
    disk.lay_ballast()
    assert list(tmp_path.iterdir()) == []
    disk.free += 1
    disk.lay_ballast()
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [BALLAST_BYTES]
