"""Answers at the places of their ids: none missed, none kept twice, old ones forgotten."""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.contract.errors import Refused
from edge.contract.limits import TIMED_REPLY_EVENTS_KEPT
from edge.contract.system_events import BoxStopped
from edge.ledger import kept_replies
from edge.ledger.event_log import MIGRATIONS
from edge.ledger.integrity import verify
from edge.ledger.packing import REPLIES
from edge.ledger.records import CommandReply, Record
from edge.runtime.migrations import apply
from tests.ledger.ledger_at import ledger_at

MS = 1_795_000_000_000
TABLES = ("command_reply", "timed_reply")


def timed(ms: int, end: int, chance: int = 0) -> str:
    """An id of version 7 of a millisecond, whose last 12 bits are `end`."""
    number = ms << 80 | 7 << 76 | 2 << 62 | chance << 12 | end
    return str(uuid.UUID(int=number))


@pytest.fixture
def ledger() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    apply(connection, MIGRATIONS)
    yield connection
    connection.close()


def ids_of_tills(chance: random.Random) -> str:
    return timed(MS + chance.randrange(10**9), chance.randrange(4_096), chance.randrange(1 << 48))


def ids_that_crowd(chance: random.Random) -> str:
    return timed(MS, chance.randrange(40), chance.randrange(1 << 48))


def other_ids(chance: random.Random) -> str:
    return chance.choice(("wish-", "Ä", "~", "")) + str(chance.randrange(10**6))


@pytest.mark.parametrize("make", [ids_of_tills, ids_that_crowd, other_ids])
def test_it_is_a_map_of_ids(
    ledger: sqlite3.Connection, make: Callable[[random.Random], str]
) -> None:
    """Whatever comes, goes and comes again: the answer to an id is the one that was kept to it."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    kept: dict[str, bytes] = {}
    known: list[str] = []
    for step in range(1_500):
        again = known and chance.random() < 0.3
        key = chance.choice(known) if again else make(chance)
        known.append(key)
        answer = str(step).encode()
        try:
            was_new = kept_replies.keep(ledger, key, b"f", step, answer)
        except Refused:
            assert len(kept) >= 64
            continue
        assert was_new is (key not in kept)
        kept.setdefault(key, answer)
        if chance.random() < 0.1:
            gone = chance.choice([*kept])
            for table in TABLES:
                ledger.execute(f"DELETE FROM {table} WHERE command_id = ?", (gone,))  # noqa: S608 - ours
            del kept[gone]
        probe = chance.choice(known)
        expected = (b"f", kept[probe]) if probe in kept else None
        assert kept_replies.find(ledger, probe) == expected
    rows = ledger.execute(
        "SELECT command_id, reply FROM command_reply"
        " UNION ALL SELECT command_id, reply FROM timed_reply"
    )
    assert sorted(rows) == sorted(kept.items())


def test_an_id_behind_another_one_is_known_when_that_is_forgotten(
    ledger: sqlite3.Connection,
) -> None:
    first, second = timed(MS, 5, 1), timed(MS, 5, 2)
    assert kept_replies.place_of(first) == kept_replies.place_of(second)
    assert kept_replies.keep(ledger, first, b"", 1, b"1")
    assert kept_replies.keep(ledger, second, b"", 2, b"2")
    ledger.execute("DELETE FROM timed_reply WHERE command_id = ?", (first,))
    assert not kept_replies.keep(ledger, second, b"", 3, b"3")
    assert kept_replies.find(ledger, second) == (b"", b"2")
    assert kept_replies.find(ledger, first) is None


def test_ids_that_somebody_made_to_crowd_are_refused_and_change_nothing(
    ledger: sqlite3.Connection,
) -> None:
    for number in range(64):
        assert kept_replies.keep(ledger, timed(MS, 5, number), b"", number, b"")
    with pytest.raises(Refused, match="UUID"):
        kept_replies.keep(ledger, timed(MS, 5, 64), b"", 64, b"")
    assert ledger.execute("SELECT count(*) FROM timed_reply").fetchone() == (64,)
    assert not kept_replies.keep(ledger, timed(MS, 5, 63), b"", 65, b"")
    assert kept_replies.keep(ledger, timed(MS + 1, 5), b"", 66, b""), "nobody else is concerned"


def test_places_follow_time_and_are_sqlites_integers() -> None:
    places = [kept_replies.place_of(timed(MS + n, 4_095 - n)) or 0 for n in range(2_000)]
    assert places == sorted(places)
    assert kept_replies.place_of(timed((1 << 48) - 1, 4_095)) == (1 << 60) - 1
    sale = timed(MS, 7)
    assert kept_replies.place_of(f"{sale}~") == kept_replies.place_of(sale)
    for odd in (
        str(uuid.UUID(int=1)),
        sale.upper(),
        sale[:-1],
        "",
        "x" * 64,
        f"{sale}x",
        str(uuid.uuid4()),
    ):
        assert kept_replies.place_of(odd) is None


def test_old_ones_are_forgotten_whatever_the_clock_of_their_till(
    ledger: sqlite3.Connection,
) -> None:
    keys = [timed(MS + years * 31_536_000_000, seq % 4_096, seq) for years in (-30, 0, 30)
            for seq in range(1, 801)]  # fmt: skip
    for number, key in enumerate(keys):
        assert kept_replies.keep(ledger, key, b"", number % 800 + 1, b"")
    head = TIMED_REPLY_EVENTS_KEPT + 300
    behind, looks = -1, 0
    while looks == 0 or behind != -1:
        behind = kept_replies.forget_old(ledger, behind, head)
        looks += 1
    assert looks == 3, "a thousand at a time"
    rows = ledger.execute("SELECT last_seq FROM timed_reply").fetchall()
    assert sorted(seq for (seq,) in rows) == sorted([*range(301, 801)] * 3)


async def test_the_ledger_looks_through_them_as_it_goes(tmp_path: Path) -> None:
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        for number in range(3):
            old = CommandReply(timed(MS, number), b"f", b"")
            await ledger.record(Record((BoxStopped(),), reply=old))
        head = TIMED_REPLY_EVENTS_KEPT + 2
        await ledger._file.write(
            lambda db: db.execute("UPDATE event SET seq = ? WHERE seq = 3", (head,))
        )
        for number in range(200):
            new = CommandReply(timed(MS + number, 9), b"f", b"view")
            await ledger.record(Record((), reply=new))
        kept = {row[0] for row in await ledger._rows("SELECT command_id FROM timed_reply")}
    assert kept == {timed(MS, 2), *(timed(MS + number, 9) for number in range(200))}


async def test_answers_of_a_ledger_of_before_are_brought_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    cut = next(n for n, each in enumerate(MIGRATIONS) if each.then is kept_replies.move_timed)
    connection = sqlite3.connect(path, isolation_level=None)
    apply(connection, MIGRATIONS[:cut])
    keys = [*(timed(MS + 500 - number, 3, number) for number in range(500)), "scan-1"]
    packed = REPLIES.pack(b"view")
    connection.executemany(
        "INSERT INTO command_reply (command_id, fingerprint, last_seq, reply)"
        " VALUES (?, x'00', 0, ?)",
        [(key, packed) for key in keys],
    )
    connection.close()
    async with ledger_at(path) as ledger:
        for key in keys:
            found = await ledger._file.read(lambda db, key=key: kept_replies.find(db, key))
            assert found == (b"\0", packed)
        assert await ledger._rows("SELECT command_id FROM command_reply") == [("scan-1",)]
    assert verify(path).whole


async def test_damage_of_them_is_found(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with ledger_at(path) as ledger:
        kept = CommandReply(timed(MS, 1), b"f", b"view")
        await ledger.record(Record((BoxStopped(),), reply=kept))
    for change, told in (
        ("last_seq = 9", "was answered for event 9"),
        ("last_seq = 1, reply = x'00'", f"answer to command {timed(MS, 1)} is damaged"),
    ):
        with sqlite3.connect(path) as connection:
            connection.execute(f"UPDATE timed_reply SET {change}")  # noqa: S608 - from above
        connection.close()
        assert told in verify(path).reason
