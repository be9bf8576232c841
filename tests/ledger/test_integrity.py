"""A broken ledger is found, and the first bad event is named."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from edge.cli import main
from edge.contract.envelope import GENESIS, link
from edge.ledger.integrity import NotALedgerError, Verdict, stored_events, verify
from tests.ledger.tampering import EVENTS, change, edit_body, ledger, rehash

__all__ = ["ledger"]


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


def test_a_schema_of_noise_is_damage(ledger: Path) -> None:
    content = ledger.read_bytes()
    assert b"CREATE TABLE enrolment (\n    s" in content
    ledger.write_bytes(
        content.replace(b"CREATE TABLE enrolment (\n    s", b"CREATE TABLE enrolmen\xc5 (\n K")
    )
    assert "SQLite cannot read the file" in verify(ledger).reason


def test_a_completion_without_its_sale_does_not_follow(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as connection, connection:
        (opened,) = connection.execute("SELECT body FROM event WHERE seq = 1").fetchone()
        (tendered,) = connection.execute("SELECT body FROM event WHERE seq = 7").fetchone()
        assert b"sale_opened" in opened
        assert b"sale_opened" in tendered
        unknown = opened.replace(b"sale_opened", b"sale_begun")
        connection.execute("UPDATE event SET body = ? WHERE seq = 1", (unknown,))
    rehash(ledger, 1)
    verdict = verify(ledger)
    assert verdict.first_bad_seq == 6
    assert verdict.reason == "event 6 (sale_completed) does not follow from what is before it"


@pytest.mark.parametrize("noise", [b'"till":"\xff', b'"till":"t","data":' + b"[" * 50_000])
def test_a_body_of_noise_in_a_chain_that_fits_is_a_broken_event(
    ledger: Path, noise: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(ledger)) as connection, connection:
        (body,) = connection.execute("SELECT body FROM event WHERE seq = 9").fetchone()
        connection.execute(
            "UPDATE event SET body = ? WHERE seq = 9", (body.replace(b'"till":"', noise, 1),)
        )
    rehash(ledger, 9)
    verdict = verify(ledger)
    assert verdict.first_bad_seq == 9
    assert "event 9 cannot be read" in verdict.reason
    assert main(["ledger", "export", str(ledger)]) == 0  # as it lies there
    assert len(capsys.readouterr().out.splitlines()) == EVENTS


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


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            "CREATE TABLE event AS SELECT seq, CAST(body AS TEXT) AS body, hash FROM kept",
            "event 1 is not stored as bytes",
        ),
        ("CREATE TABLE event (seq, body)", "SQLite cannot read on: no such column: hash"),
    ],
)
def test_an_export_says_where_it_cannot_go_on(
    ledger: Path, statement: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(ledger, "ALTER TABLE event RENAME TO kept", statement)
    assert main(["ledger", "export", str(ledger)]) == 1
    assert capsys.readouterr().err == f"Broken: {reason}.\n"


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
