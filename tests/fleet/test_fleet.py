"""Twenty shops against a real head office: a day's outage ends without a storm, nothing is lost.

`make fleet` plays a thousand, and prints what it measured.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.fleet.equality import differences
from tests.fleet.figures_table import as_table
from tests.fleet.fleet_run import CONNECTIONS_PER_SHOP_MAX, Plan, Run
from tests.fleet.synthetic_chain import Chain

SHORT = Plan(
    shops=20,
    per_s=20.0,
    steady_s=1.5,
    weeks_of_one=4_000,
    outage_s=1.0,
    day_sales=120,
    closed_shops=4,
    patience_s=60.0,
)

pytestmark = [pytest.mark.whole_shop, pytest.mark.storm, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fleet")


def test_a_fleet_comes_through_a_day_of_outage(folder: Path) -> None:
    figures = Run(SHORT, folder / "run").play()
    print(as_table(figures))
    assert figures["faults"] == []
    phases = figures["phases"]
    assert phases["end"]["sales"] > SHORT.weeks_of_one + SHORT.day_sales * 16
    for phase in ("morning", "steady", "trouble", "after the outage"):
        assert phases[phase]["lines_at_once_most"] == 1
    # two at most that it was killed for, and the one that lasts
    assert phases["after the outage"]["connections_most"] <= CONNECTIONS_PER_SHOP_MAX
    assert phases["steady"]["connections"] == 0, "a line broke while nothing happened"
    assert phases["trouble"]["connections"] == 2, "a line of others broke"
    _the_checks_see_what_is_wrong(folder / "run" / "office" / "office.db")


def _the_checks_see_what_is_wrong(database: Path) -> None:
    """Every difference that equality is about is found: one of each is made, and told."""
    chain = Chain(3)
    with closing(sqlite3.connect(database)) as file:
        [seq, digest, count] = file.execute(
            "SELECT h.seq, h.hash, count(*) FROM head h JOIN sale s ON s.store = h.store"
            " WHERE h.store = 3 AND s.state = 'completed'"
        ).fetchone()
        for _ in range(count):
            chain.sell()
        assert chain.last_seq == seq
        shop = {
            "seq": seq,
            "hash": digest.hex(),
            "accepted": seq,
            "sales": count,
            "total_minor": sum(map(chain.total_minor, range(count))),
        }
        truth = {3: shop}
        poison = {2: [1, 3]}
        assert differences(database, truth, poison) == []
        assert differences(database, {3: {**shop, "accepted": seq - 1}}, poison)
        one = "store = 3 AND sale = (SELECT min(sale) FROM sale_line WHERE store = 3)"
        for place, harm in enumerate(
            (
                "DELETE FROM sale WHERE one",
                "UPDATE sale SET total_minor = total_minor + 1 WHERE one",
                "UPDATE sale SET sale = 'another' WHERE one",
                "UPDATE sale_line SET sale = 'none' WHERE one",
                "UPDATE frame SET first_seq = 2 WHERE store = 3 AND first_seq = 1",
                "DELETE FROM frame WHERE store = 3 AND first_seq = 1",
                "UPDATE head SET seq = seq + 1 WHERE store = 3",
                "UPDATE head SET hash = zeroblob(32) WHERE store = 3",
                "INSERT INTO quarantine VALUES (3, 1, 1, 'why', x'00', 0)",
                "INSERT INTO alarm VALUES (3, 'fork', 'words', 0, 0, 1)",
            )
        ):
            harmed = database.with_name(f"harmed-{place}.db")
            with closing(sqlite3.connect(harmed)) as copy:
                file.backup(copy)
                copy.execute(harm.replace("WHERE one", f"WHERE {one}"))
                copy.commit()
            assert differences(harmed, truth, poison), harm
        healed = database.with_name("healed.db")
        with closing(sqlite3.connect(healed)) as copy:
            file.backup(copy)
            copy.execute("DELETE FROM quarantine WHERE store = 2")
            copy.commit()
        found = differences(healed, {2: {**_shop_2(file), "sales": 4}}, poison)
        assert "shop 2: the bad sales [1, 3] are not in quarantine" in found


def _shop_2(file: sqlite3.Connection) -> dict[str, object]:
    [seq, digest] = file.execute("SELECT seq, hash FROM head WHERE store = 2").fetchone()
    [total] = file.execute(
        "SELECT sum(total_minor) FROM sale WHERE store = 2 AND state = 'completed'"
    ).fetchone()
    return {"seq": seq, "hash": digest.hex(), "accepted": seq, "total_minor": total}
