"""A broken ledger is found, and the first bad event is named."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from edge.cli import main
from edge.contract.envelope import GENESIS, link
from edge.ledger.integrity import NotALedgerError, Verdict, stored_events, verify
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


def swap(path: Path) -> None:
    change(
        path,
        "UPDATE event SET seq = -1 WHERE seq = 14",
        "UPDATE event SET seq = 14 WHERE seq = 15",
        "UPDATE event SET seq = 15 WHERE seq = -1",
    )


def swap_and_rehash(path: Path) -> None:
    swap(path)
    rehash(path, 14)


TAMPERING = {
    "amount edited": (edit_body(9, b'"amount_minor":129', b'"amount_minor":029'), 9),
    "tender changed": (edit_body(11, b'"amount_minor":437', b'"amount_minor":937'), 11),
    "actor changed": (edit_body(8, b'"actor":"marta"', b'"actor":"pedro"'), 8),
    "row deleted": (lambda path: change(path, "DELETE FROM event WHERE seq = 20"), 20),
    "first row deleted": (lambda path: change(path, "DELETE FROM event WHERE seq = 1"), 1),
    "last row deleted": (
        lambda path: change(path, f"DELETE FROM event WHERE seq = {EVENTS:d}"),  # noqa: S608 - a number
        EVENTS,
    ),
    "tail cut off": (lambda path: change(path, "DELETE FROM event WHERE seq > 30"), 31),
    "pair swapped": (swap, 14),
    "pair swapped, chain mended": (swap_and_rehash, 14),
    "hash changed": (
        lambda path: change(path, "UPDATE event SET hash = zeroblob(32) WHERE seq = 5"),
        5,
    ),
    "body not JSON, chain mended": (
        lambda path: (
            change(path, "UPDATE event SET body = x'7b7b' WHERE seq = 40"),
            rehash(path, 40),
        ),
        40,
    ),
    "foreign store, chain mended": (
        lambda path: (edit_body(41, b'"store":1', b'"store":7')(path), rehash(path, 41)),
        41,
    ),
    "shape broken, chain mended": (
        lambda path: (edit_body(45, b'"quantity":1000', b'"quantity":"x"')(path), rehash(path, 45)),
        45,
    ),
    "head office has more": (
        lambda path: change(path, "UPDATE identity SET accepted_seq = 60"),
        EVENTS + 1,
    ),
}


def test_a_whole_ledger_is_said_to_be_whole(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = verify(ledger)
    *_, last = stored_events(ledger, 0)
    assert verdict == Verdict(
        whole=True,
        events=EVENTS,
        head_seq=EVENTS,
        head_hash=last.hash.hex(),
        store="harbour-street",
        store_number=1,
        gen=1,
    )
    assert main(["ledger", "verify", str(ledger)]) == 0
    assert f"Whole: {EVENTS} events" in capsys.readouterr().out


@pytest.mark.parametrize("kind", TAMPERING)
def test_tampering_is_found_and_the_first_bad_seq_named(
    ledger: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper, first_bad = TAMPERING[kind]
    tamper(ledger)
    assert main(["ledger", "verify", str(ledger), "--json"]) == 1
    verdict = msgspec.json.decode(capsys.readouterr().out)
    assert verdict["first_bad_seq"] == first_bad
    assert verdict["reason"]
    assert main(["ledger", "verify", str(ledger)]) == 1
    assert f"First bad seq: {first_bad}" in capsys.readouterr().err


def test_bit_flips_in_live_events_are_all_found(ledger: Path) -> None:
    seed = 20261122
    print("seed", seed)
    chance = random.Random(seed)
    with closing(sqlite3.connect(ledger)) as connection:
        for _ in range(200):
            seq = chance.randint(1, EVENTS)
            (body,) = connection.execute("SELECT body FROM event WHERE seq = ?", (seq,)).fetchone()
            flipped = bytearray(body)
            flipped[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
            with connection:
                connection.execute("UPDATE event SET body = ? WHERE seq = ?", (bytes(flipped), seq))
            assert verify(ledger).first_bad_seq == seq
            with connection:
                connection.execute("UPDATE event SET body = ? WHERE seq = ?", (body, seq))
    assert verify(ledger).whole


@pytest.mark.parametrize(
    "content", [None, b"", b"not a database at all", b"SQLite format 3\0 but no more"]
)
def test_what_is_no_ledger_is_told_from_a_broken_one(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "some.db"
    if content is not None:
        path.write_bytes(content)
    status = main(["ledger", "verify", str(path), "--json"])
    said = msgspec.json.decode(capsys.readouterr().out)
    assert not said["whole"]
    # a file that begins as a database and cannot be read is a broken one, not a stranger
    assert status == (1 if content and content.startswith(b"SQLite") else 2)


def test_another_database_is_not_a_ledger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.db"
    change(path, "CREATE TABLE t (x)")
    with pytest.raises(NotALedgerError, match="not a ledger"):
        verify(path)
    assert main(["ledger", "verify", str(path)]) == 2
    assert main(["ledger", "export", str(path)]) == 2
    assert "Not a ledger" in capsys.readouterr().err


def test_a_page_overwritten_with_noise_is_found(ledger: Path) -> None:
    content = bytearray(ledger.read_bytes())
    page = 1024
    start = (len(content) // page // 2) * page
    content[start : start + page] = random.Random(7).randbytes(page)
    ledger.write_bytes(content)
    assert not verify(ledger).whole


def test_head_office_may_have_everything(ledger: Path) -> None:
    change(ledger, f"UPDATE identity SET accepted_seq = {EVENTS:d}")  # noqa: S608 - a number
    verdict = verify(ledger)
    assert (verdict.whole, verdict.accepted_seq) == (True, EVENTS)


def test_a_ledger_that_does_not_say_whose_it_is_is_not_whole(ledger: Path) -> None:
    change(ledger, "DELETE FROM identity")
    assert verify(ledger) == Verdict(
        whole=False,
        head_hash=GENESIS.hex(),
        first_bad_seq=1,
        reason="event 1 belongs to store 1, not 0",
    )


def test_a_body_that_is_text_is_a_broken_event(ledger: Path) -> None:
    change(
        ledger,
        "ALTER TABLE event RENAME TO kept",
        "CREATE TABLE event AS SELECT seq, CAST(body AS TEXT) AS body, hash FROM kept",
    )
    verdict = verify(ledger)
    assert (verdict.first_bad_seq, verdict.reason) == (1, "event 1 is not stored as bytes")


def test_damage_beside_the_events_is_found_by_sqlite_itself(ledger: Path) -> None:
    change(
        ledger,
        "PRAGMA writable_schema = ON",
        "DELETE FROM sqlite_master WHERE tbl_name = 'device_job'",  # its pages belong to nobody now
    )
    verdict = verify(ledger)
    assert (verdict.whole, verdict.events, verdict.first_bad_seq) == (False, EVENTS, None)
    assert "integrity check found" in verdict.reason


def test_an_export_can_be_checked_without_tillbox(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", "export", str(ledger), "--after", "6"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == EVENTS - 6
    previous = next(event.hash for event in stored_events(ledger, 5))
    for line in lines:
        body = line[len('{"hash":"') + 64 + len('","event":') : -1].encode()
        previous = link(previous, body)
        assert line.startswith(f'{{"hash":"{previous.hex()}"')
