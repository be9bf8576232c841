"""One writer, group commit, and what a failed commit means."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.contract.errors import Refused, StorageFailed
from edge.contract.limits import (
    WRITE_BATCH_MAX,
    WRITE_QUEUE_MAX,
)
from edge.runtime.database_file import DatabaseFile
from edge.runtime.migrations import Migration

SCHEMA = (Migration(1, "CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT) STRICT;"),)


def insert(value: int, text: str = "") -> object:
    return lambda db: db.execute("INSERT INTO t VALUES (?, ?)", (value, text)).lastrowid


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [x for (x,) in connection.execute("SELECT x FROM t ORDER BY x")]


@pytest.fixture
async def file(tmp_path: Path) -> DatabaseFile:
    opened = DatabaseFile(tmp_path / "t.db", SCHEMA)
    await opened.open()
    yield opened  # type: ignore[misc]
    await opened.close()


async def test_what_write_returned_from_is_in_the_file(file: DatabaseFile) -> None:
    assert await file.write(insert(7)) == 7  # type: ignore[arg-type]
    assert rows(file.path) == [7]
    assert await file.read(lambda db: db.execute("SELECT count(*) FROM t").fetchone()) == (1,)


async def test_many_writers_share_commits_and_each_gets_its_own_answer(
    file: DatabaseFile,
) -> None:
    answers = await asyncio.gather(
        *(file.write(insert(n)) for n in range(1, 301))  # type: ignore[arg-type]
    )
    assert answers == list(range(1, 301))
    assert file.counts.units == 300
    assert file.counts.commits <= 300 // WRITE_BATCH_MAX + 2


async def test_a_unit_that_raises_is_undone_alone(file: DatabaseFile) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO t VALUES (2, '')")
        raise Refused("no", "A rule said no.")

    answers = await asyncio.gather(
        file.write(insert(1)),  # type: ignore[arg-type]
        file.write(half),
        file.write(insert(1)),  # type: ignore[arg-type]
        file.write(insert(3)),  # type: ignore[arg-type]
        return_exceptions=True,
    )
    assert answers[0] == 1
    assert isinstance(answers[1], Refused)
    assert isinstance(answers[2], sqlite3.IntegrityError)
    assert answers[3] == 3
    assert rows(file.path) == [1, 3]


async def test_a_cancelled_caller_leaves_no_transaction_open(file: DatabaseFile) -> None:
    task = asyncio.create_task(file.write(insert(1)))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await file.write(insert(2)) == 2  # type: ignore[arg-type]
    assert rows(file.path) == [1, 2]


async def test_the_queue_has_a_limit_and_says_busy(file: DatabaseFile) -> None:
    waiting = [
        asyncio.create_task(file.write(insert(n)))  # type: ignore[arg-type]
        for n in range(1, WRITE_QUEUE_MAX + 50)
    ]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert refused
    assert {refusal.code for refusal in refused} == {"busy"}
    assert len(rows(file.path)) == len(answers) - len(refused)


async def test_after_a_failed_commit_nothing_is_said_and_nothing_written(
    file: DatabaseFile,
) -> None:
    def break_disk(db: sqlite3.Connection) -> None:
        # the deferred foreign key makes COMMIT itself fail, as a full disk does
        db.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        db.execute("CREATE TABLE child (p REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
        db.execute("INSERT INTO child VALUES (1)")

    answers = await asyncio.gather(
        file.write(insert(1)),  # type: ignore[arg-type]
        file.write(break_disk),
        return_exceptions=True,
    )
    assert all(isinstance(answer, StorageFailed) for answer in answers)
    assert file.failure is not None
    with pytest.raises(StorageFailed, match="did not confirm"):
        await file.write(insert(2))  # type: ignore[arg-type]
    await file.close()
    assert rows(file.path) == []


async def test_an_sqlite_error_inside_a_unit_is_a_failure_of_the_disk(
    file: DatabaseFile,
) -> None:
    answers = await asyncio.gather(
        file.write(insert(1)),  # type: ignore[arg-type]
        file.write(lambda db: db.execute("SELECT * FROM nothing")),
        return_exceptions=True,
    )
    assert all(isinstance(answer, StorageFailed) for answer in answers)
    assert rows(file.path) == []


async def test_lazy_units_ride_along_or_go_with_the_closing(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "t.db", SCHEMA)
    await file.open()
    file.write_lazily(insert(10))  # type: ignore[arg-type]
    assert rows(file.path) == []
    await file.write(insert(1))  # type: ignore[arg-type]
    assert rows(file.path) == [1, 10]
    file.write_lazily(insert(11))  # type: ignore[arg-type]
    await file.close()
    await file.close()
    assert rows(file.path) == [1, 10, 11]
    with pytest.raises(StorageFailed, match="closed"):
        await file.write(insert(2))  # type: ignore[arg-type]
    with pytest.raises(StorageFailed, match="closed"):
        await file.read(lambda db: db.execute("SELECT 1"))


async def test_a_lazy_unit_that_fails_at_closing_is_a_failure(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "t.db", SCHEMA)
    await file.open()
    file.write_lazily(lambda db: db.execute("SELECT * FROM nothing"))
    await file.close()
    assert file.failure is not None


async def test_pragmas_are_as_the_ledger_needs_them(tmp_path: Path) -> None:
    for durable, level in ((True, 2), (False, 1)):
        file = DatabaseFile(tmp_path / f"{durable}.db", SCHEMA, durable=durable)
        await file.open()
        found = await file.write(
            lambda db: [
                db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "foreign_keys", "page_size")
            ]
        )
        assert found == ["wal", level, 1, 1024]
        with pytest.raises(StorageFailed, match="readonly"):
            await file.read(lambda db: db.execute("INSERT INTO t VALUES (1, '')"))
        await file.close()


async def test_both_connections_keep_as_much_in_memory_as_they_are_told(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "t.db", SCHEMA, cache_kib=512)
    await file.open()
    kept = [
        await ask(lambda db: db.execute("PRAGMA cache_size").fetchone()[0])
        for ask in (file.write, file.read)
    ]
    await file.close()
    assert kept == [-512, -512]


def test_a_file_that_cannot_be_opened_leaves_no_thread_talking_to_a_closed_loop(
    tmp_path: Path,
) -> None:
    async def attempt() -> None:
        with pytest.raises(StorageFailed, match="unable to open"):
            await DatabaseFile(tmp_path / "no such folder" / "t.db", SCHEMA).open()

    for _ in range(100):  # a thread that meets a closed loop fails the test by its warning
        asyncio.run(attempt())


@pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\0" + b"x" * 4096])
async def test_what_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "t.db"
    path.write_bytes(content)
    with pytest.raises(StorageFailed, match="cannot be used"):
        await DatabaseFile(path, SCHEMA).open()
    assert path.read_bytes() == content


async def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "t.db", SCHEMA)
    await file.open()
    await file.close()
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StorageFailed, match="version 9"):
        await DatabaseFile(tmp_path / "t.db", SCHEMA).open()


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="cannot be used"):
        await DatabaseFile(tmp_path / "none" / "t.db", SCHEMA).open()
