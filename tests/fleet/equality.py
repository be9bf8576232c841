"""Head office has exactly what each shop sold: every sale, once, in an unbroken chain."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.fleet.synthetic_chain import Chain, sale_id


def differences(database: Path, truth: dict[int, Any], poison: dict[int, list[int]]) -> list[str]:
    """Compare head office's file with what the shops say; return what is not equal, in words."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as file:
        found: list[str] = []
        for number, shop in truth.items():
            found += _of_shop(file, number, shop, frozenset(poison.get(number, [])))
        stores = {row[0] for row in file.execute("SELECT DISTINCT store FROM quarantine")}
        wrong = stores - set(poison)
        if wrong:
            found.append(f"events of healthy shops are in quarantine: {sorted(wrong)[:5]}")
        alarms = file.execute("SELECT store, kind, words FROM alarm").fetchall()
        told = {store for store, kind, _ in alarms if kind == "quarantine"}
        if told != set(poison):
            found.append(f"what stands aside is told of {sorted(told)}, not of {sorted(poison)}")
        strange = [alarm for alarm in alarms if alarm[1] != "quarantine"]
        found += [f"an alarm: {alarm}" for alarm in strange[:5]]
    return found


def _of_shop(
    file: sqlite3.Connection, number: int, shop: dict[str, Any], poison: frozenset[int]
) -> list[str]:
    found: list[str] = []
    head = file.execute("SELECT seq, hash FROM head WHERE store = ?", (number,)).fetchone()
    if (head and (head[0], head[1].hex())) != (shop["seq"], shop["hash"]) and shop["seq"]:
        found.append(f"shop {number}: head office stands at {head and head[0]}, not {shop['seq']}")
    if shop["accepted"] != shop["seq"]:
        found.append(f"shop {number}: {shop['accepted']} is signed for, not {shop['seq']}")
    due = 1
    for first, last in file.execute(
        "SELECT first_seq, last_seq FROM frame WHERE store = ? ORDER BY position", (number,)
    ):
        if first != due:
            found.append(f"shop {number}: a frame begins at {first}, not {due}")
        due = last + 1
    if due != shop["seq"] + 1:
        found.append(f"shop {number}: the frames end at {due - 1}, not {shop['seq']}")
    rows = file.execute(
        "SELECT sale, total_minor FROM sale WHERE store = ? AND state = 'completed'", (number,)
    ).fetchall()
    wanted = {sale_id(number, index) for index in range(shop["sales"]) if index not in poison}
    if len(rows) != len(wanted) or {sale for sale, _ in rows} != wanted:
        found.append(f"shop {number}: {len(rows)} sales at head office, {len(wanted)} sold")
    if sum(total for _, total in rows) != shop["total_minor"]:
        found.append(f"shop {number}: the sales come to another sum")
    [lines] = file.execute(
        "SELECT count(*) FROM sale_line WHERE store = ? AND sale NOT IN"
        " (SELECT sale FROM sale WHERE store = ?)",
        (number, number),
    ).fetchone()
    if lines:
        found.append(f"shop {number}: {lines} lines of no sale")
    aside = {
        seq for (seq,) in file.execute("SELECT seq FROM quarantine WHERE store = ?", (number,))
    }
    lost = [
        index
        for index in sorted(poison)
        if index < shop["sales"] and not aside & _seqs(number, index)
    ]
    if lost:
        found.append(f"shop {number}: the bad sales {lost[:5]} are not in quarantine")
    return found


def _seqs(number: int, index: int) -> set[int]:
    """The place of the event of a bad sale that nobody can read."""
    chain = Chain(number)
    for _ in range(index):
        chain.sell()
    return {chain.last_seq + 1}
