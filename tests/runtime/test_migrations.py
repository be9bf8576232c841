from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from edge.contract.errors import StorageFailed
from edge.runtime.migrations import Migration, apply

FIRST = Migration(
    1,
    """
    CREATE TABLE sale (id INTEGER PRIMARY KEY, note TEXT); -- a comment; with a semicolon
    CREATE TRIGGER no_edit BEFORE UPDATE ON sale BEGIN
        SELECT RAISE(ABORT, 'sales are not edited; they are superseded');
    END;
    INSERT INTO sale (note) VALUES ('a;b');
    """,
)
SECOND = Migration(2, "ALTER TABLE sale ADD COLUMN total INTEGER;")


@pytest.fixture(params=["", "IMMEDIATE", None])
def connection(request: pytest.FixtureRequest) -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=request.param)
    yield opened
    opened.close()


def version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def columns(connection: sqlite3.Connection) -> list[str]:
    return [row[1] for row in connection.execute("PRAGMA table_info(sale)")]


def test_a_new_file_gets_all_steps_and_an_old_one_the_rest(connection: sqlite3.Connection) -> None:
    level = connection.isolation_level
    assert apply(connection, [FIRST]) == 1
    assert (version(connection), columns(connection)) == (1, ["id", "note"])
    assert apply(connection, [FIRST, SECOND]) == 1
    assert (version(connection), columns(connection)) == (2, ["id", "note", "total"])
    assert apply(connection, [FIRST, SECOND]) == 0
    assert connection.execute("SELECT note FROM sale").fetchall() == [("a;b",)]
    with pytest.raises(sqlite3.IntegrityError, match="superseded"):
        connection.execute("UPDATE sale SET note = 'x'")
    assert connection.isolation_level == level


@pytest.mark.parametrize(
    "script",
    [
        "ALTER TABLE sale ADD COLUMN total INTEGER; INSERT INTO nowhere VALUES (1);",
        "ALTER TABLE sale ADD COLUMN total INTEGER; COMMIT; SELECT 1;",
        "ALTER TABLE sale ADD COLUMN total INTEGER; ROLLBACK; SELECT 1;",
        "ALTER TABLE sale ADD COLUMN total INTEGER; BEGIN;",
        "ALTER TABLE sale ADD COLUMN total INTEGER; SELEC",
    ],
)
def test_a_step_that_fails_says_so_and_raises_no_version(
    connection: sqlite3.Connection, script: str
) -> None:
    apply(connection, [FIRST])
    with pytest.raises(StorageFailed, match="could not be brought to version 2"):
        apply(connection, [FIRST, Migration(2, script)])
    assert version(connection) == 1
    assert not connection.in_transaction
    if "COMMIT" not in script:
        assert columns(connection) == ["id", "note"]


def test_what_sql_cannot_say_is_done_in_the_same_step_or_not_at_all(
    connection: sqlite3.Connection,
) -> None:
    def fill(within: sqlite3.Connection) -> None:
        within.execute("INSERT INTO sale (total) VALUES (7)")

    def stumble(within: sqlite3.Connection) -> None:
        fill(within)
        within.execute("SELECT 1 FROM nowhere")

    apply(connection, [FIRST])
    with pytest.raises(StorageFailed, match="version 2: no such table: nowhere"):
        apply(connection, [FIRST, Migration(2, SECOND.script, stumble)])
    assert (version(connection), columns(connection)) == (1, ["id", "note"])
    assert apply(connection, [FIRST, Migration(2, SECOND.script, fill)]) == 1
    assert connection.execute("SELECT note, total FROM sale").fetchall() == [
        ("a;b", None),
        (None, 7),
    ]


def test_a_newer_file_is_refused_with_words(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA user_version = 7")
    with pytest.raises(StorageFailed) as refused:
        apply(connection, [FIRST, SECOND])
    assert refused.value.code == "database_newer"
    assert "version 7; this program knows 2" in str(refused.value)
    assert columns(connection) == []


@pytest.mark.parametrize("numbers", [[2], [1, 3], [1, 1], [0, 1]])
def test_numbers_with_gaps_are_a_defect(connection: sqlite3.Connection, numbers: list[int]) -> None:
    with pytest.raises(ValueError, match="without gaps"):
        apply(connection, [Migration(number, "SELECT 1;") for number in numbers])


def test_a_script_may_end_with_a_comment(connection: sqlite3.Connection) -> None:
    apply(connection, [Migration(1, "CREATE TABLE sale (id);\n-- the end\n")])
    assert columns(connection) == ["id"]
