"""A ledger of a few sales, and hands that change it behind the box's back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge.contract.envelope import GENESIS, link
from edge.ledger.records import CommandReply, Record
from tests.ledger.ledger_at import cash_sale, ledger_at

SALES = 8
EVENTS = SALES * 6


@pytest.fixture
async def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    async with ledger_at(path) as opened:
        for number in range(SALES):
            await opened.record(
                Record(
                    cash_sale(f"sale-{number}", number + 1),
                    "till-1",
                    "marta",
                    reply=CommandReply(f"command-{number}", b"m", b"view"),
                )
            )
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def edit_body(seq: int, old: bytes, new: bytes) -> Callable[[Path], None]:
    def tamper(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            (body,) = connection.execute("SELECT body FROM event WHERE seq = ?", (seq,)).fetchone()
            assert old in body
            connection.execute(
                "UPDATE event SET body = ? WHERE seq = ?", (body.replace(old, new), seq)
            )

    return tamper


def rehash(path: Path, first: int) -> None:
    """Make the chain fit again from an event on, as a clever thief would."""
    with closing(sqlite3.connect(path)) as connection, connection:
        row = connection.execute("SELECT hash FROM event WHERE seq = ?", (first - 1,)).fetchone()
        previous = row[0] if row else GENESIS
        for seq, body in connection.execute(
            "SELECT seq, body FROM event WHERE seq >= ? ORDER BY seq", (first,)
        ).fetchall():
            previous = link(previous, body)
            connection.execute("UPDATE event SET hash = ? WHERE seq = ?", (previous, seq))
