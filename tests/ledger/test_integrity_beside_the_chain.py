"""What is not in the chain is held against it; what may not be read is said to be so."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from edge.cli import main
from edge.contract.envelope import GENESIS
from edge.contract.replication import Ack, Head
from edge.ledger.integrity import NotALedgerError, Verdict, open_ledger, stored_events, verify
from tests.ledger.tampering import EVENTS, change, edit_body, ledger, rehash
from tests.ledger.unprivileged import unprivileged

__all__ = ["ledger"]


NAMELESS = {
    "a sale's total": ("UPDATE sale SET total_minor = 1 WHERE seq = 6", "the table sale has (6,"),
    "a sale gone": (f"DELETE FROM sale WHERE seq = {EVENTS:d}", "the table sale has nothing"),  # noqa: S608 - a number
    "numbers given again": ("UPDATE till SET receipts = 3", "the table till has (till-1, 3,"),
    "a till nobody admitted": (
        "INSERT INTO enrolment VALUES ('00', 'till-1', 'a stranger', 1)",
        "(00, till-1, a stranger, 1) where the events say nothing",
    ),
    "a kept answer cut short": (
        "UPDATE command_reply SET reply = substr(reply, 1, 5) WHERE command_id = 'command-2'",
        "the kept answer to command command-2 is damaged",
    ),
    "a kept answer of noise": (
        "UPDATE command_reply SET reply = x'00' WHERE command_id = 'command-3'",
        "the kept answer to command command-3 is damaged",
    ),
    "an acknowledgement that is none": ("UPDATE identity SET accepted = x'7b'", "cannot be read"),
    "an acknowledgement of bad text": (
        "UPDATE identity SET accepted = x'22ff22'",
        "cannot be read",
    ),
}


@pytest.mark.parametrize("kind", NAMELESS)
def test_what_does_not_follow_from_the_events_is_found(
    ledger: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    statement, reason = NAMELESS[kind]
    change(ledger, statement)
    assert main(["ledger", "verify", str(ledger), "--json"]) == 1
    verdict = msgspec.json.decode(capsys.readouterr().out, type=Verdict)
    assert (verdict.whole, verdict.events, verdict.first_bad_seq) == (False, EVENTS, None)
    assert reason in verdict.reason


def acknowledge(path: Path, seq: int, digest: bytes) -> None:
    """Keep head office's word for an event, as the box does."""
    ack = Ack("harbour-street", Head(1, seq, digest.hex()), 0, 0, "00" * 64)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE identity SET accepted_seq = ?, accepted = ?", (seq, msgspec.json.encode(ack))
        )


def hash_at(path: Path, seq: int) -> bytes:
    return next(stored_events(path, seq - 1)).hash


def test_a_chain_made_to_fit_again_is_not_what_head_office_acknowledged(ledger: Path) -> None:
    acknowledge(ledger, 30, hash_at(ledger, 30))
    assert verify(ledger).whole
    edit_body(40, b'"marta"', b'"pedro"')(ledger)
    rehash(ledger, 40)
    assert verify(ledger).whole  # nobody else has seen it yet
    edit_body(9, b'"amount_minor":129', b'"amount_minor":029')(ledger)
    edit_body(9, b'"amount_minor":029', b'"amount_minor":229')(ledger)
    rehash(ledger, 9)
    verdict = verify(ledger)
    assert (verdict.whole, verdict.first_bad_seq) == (False, None)
    assert "head office acknowledged another event 30" in verdict.reason


def test_a_tail_cut_off_with_all_that_knew_of_it_is_missed_by_head_offices_word(
    ledger: Path,
) -> None:
    acknowledge(ledger, 40, hash_at(ledger, 40))
    change(
        ledger,
        "DELETE FROM event WHERE seq > 36",
        "DELETE FROM command_reply WHERE last_seq > 36",
        "UPDATE identity SET accepted_seq = 36",
    )
    assert verify(ledger).reason == "head office acknowledged event 40, which is not there"


def test_before_its_first_event_head_office_has_nothing(ledger: Path) -> None:
    acknowledge(ledger, 0, GENESIS)
    assert verify(ledger).whole


@pytest.mark.parametrize(
    ("table", "column", "reason"),
    [
        ("identity", "accepted_seq", "whose ledger this is cannot be read: it is damaged"),
        ("identity", "accepted", "head office's acknowledgement is not stored as bytes"),
        ("command_reply", "last_seq", "the kept answer to command command-0 is damaged"),
    ],
)
def test_values_of_another_kind_are_damage(
    ledger: Path, table: str, column: str, reason: str
) -> None:
    change(
        ledger,
        f"ALTER TABLE {table} RENAME TO kept",
        f"CREATE TABLE {table} AS SELECT * FROM kept",  # noqa: S608 - names from above
        f"UPDATE {table} SET {column} = 'many'",  # noqa: S608 - names from above
    )
    verdict = verify(ledger)
    assert (verdict.whole, verdict.reason) == (False, reason)


def test_what_is_read_is_one_state_while_a_box_writes_on(ledger: Path) -> None:
    with open_ledger(ledger) as connection:
        (before,) = connection.execute("SELECT count(*) FROM event").fetchone()
        change(
            ledger,
            "INSERT INTO event VALUES (1000, x'7b7d', x'00')",
            "UPDATE command_reply SET last_seq = 1000 WHERE n = 1",
        )
        assert connection.execute("SELECT count(*) FROM event").fetchone() == (before,)
        assert connection.execute("SELECT max(last_seq) FROM command_reply").fetchone() == (EVENTS,)
    assert not verify(ledger).whole


def test_a_folder_is_not_a_ledger(tmp_path: Path) -> None:
    with pytest.raises(NotALedgerError, match="is a folder or a device, not a file"):
        verify(tmp_path)


@pytest.mark.parametrize("action", ["verify", "export"])
def test_a_file_that_may_not_be_read_is_said_to_be_so(
    ledger: Path, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.chmod(0)
    with unprivileged():
        status = main(["ledger", action, str(ledger)])
    assert status == 2
    assert f"{ledger} cannot be read: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize("wal", [False, True])
def test_a_closed_ledger_in_a_folder_that_may_not_be_written_to(ledger: Path, *, wal: bool) -> None:
    # in a folder of its own: pytest's may not be entered by others than its user
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "ledger.db"
        shutil.copyfile(ledger, copy)
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        if wal:
            copy.with_name("ledger.db-wal").write_bytes(b"not yet in the file")
        copy.parent.chmod(0o555)
        with unprivileged():
            if wal:
                with pytest.raises(NotALedgerError, match="copy both into another folder"):
                    verify(copy)
            else:
                assert verify(copy).whole
                assert len(list(stored_events(copy, 0))) == EVENTS
        copy.parent.chmod(0o755)


def test_head_office_may_have_everything(ledger: Path) -> None:
    change(ledger, f"UPDATE identity SET accepted_seq = {EVENTS:d}")  # noqa: S608 - a number
    verdict = verify(ledger)
    assert (verdict.whole, verdict.accepted_seq) == (True, EVENTS)
