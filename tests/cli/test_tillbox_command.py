"""What `tillbox` says and returns, whatever happens to its commands."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge.cli import main
from edge.ledger.records import Record
from tests.ledger.ledger_at import cash_sale, ledger_at


async def ledger_with(path: Path, sales: int) -> None:
    async with ledger_at(path) as ledger:
        for number in range(sales):
            await ledger.record(Record(cash_sale(f"sale-{number}", number + 1), "till-1", "marta"))


async def test_a_whole_ledger_is_said_to_be_whole_to_people_and_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.db"
    await ledger_with(path, 2)
    assert main(["ledger", "verify", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Whole: ")
    assert "store harbour-street" in said
    assert main(["ledger", "verify", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["whole"] is True


@pytest.mark.parametrize("action", ["verify", "export"])
def test_what_is_no_ledger_is_said_and_has_a_status_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    path = tmp_path / "note.txt"
    path.write_text("no ledger")
    assert main(["ledger", action, str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Not a ledger: ")


async def test_an_export_begins_behind_a_seq(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.db"
    await ledger_with(path, 2)
    assert main(["ledger", "export", str(path)]) == 0
    every = capsys.readouterr().out.splitlines()
    assert main(["ledger", "export", str(path), "--after", "3"]) == 0
    assert capsys.readouterr().out.splitlines() == every[3:]


async def test_a_reader_that_goes_away_is_no_defect(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await ledger_with(path, 300)  # far more than a pipe holds
    exporting = subprocess.Popen(
        [sys.executable, "-m", "edge.cli", "ledger", "export", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert exporting.stdout is not None
    assert exporting.stderr is not None
    assert exporting.stdout.readline().startswith(b'{"hash":')
    exporting.stdout.close()
    assert exporting.stderr.read() == b""
    exporting.stderr.close()
    assert exporting.wait() == 141


def test_settings_that_are_not_there_are_said_without_a_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["edge", "--config", str(tmp_path / "none.toml")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tillbox edge: ")
    assert "none.toml" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [[], ["sing"], ["ledger"], ["ledger", "verify"]])
def test_what_is_no_command_shows_how_to_ask(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: tillbox" in capsys.readouterr().err


async def test_a_ledger_that_is_broken_nowhere_in_its_chain_names_no_seq(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.db"
    await ledger_with(path, 2)
    with closing(sqlite3.connect(path)) as connection:
        # every event is there and fits: only SQLite's own count of free pages is wrong
        connection.execute("PRAGMA journal_mode = DELETE")
    content = bytearray(path.read_bytes())
    content[36:40] = (7).to_bytes(4, "big")
    path.write_bytes(content)
    assert main(["ledger", "verify", str(path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Broken: ")
    assert "First bad seq" not in said
