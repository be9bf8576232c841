"""A box that was replaced, and sold all the same: its sales are taken up late, each once."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from edge.contract.cash_events import NoSale
from edge.contract.errors import Refused
from edge.contract.sale_events import SaleParked, SaleResumed
from edge.contract.system_events import (
    BoxStarted,
    GenerationOpened,
    SurvivorSalvaged,
    TillEnrolled,
)
from edge.ledger.event_log import BusinessCalendar
from edge.ledger.integrity import verify
from edge.ledger.records import Record
from edge.ledger.salvaging import salvage_ledger
from tests.ledger.ledger_at import ledger_at
from tests.ledger.test_mending import done_sales, finished, opened, sale
from tests.ledger.two_branches import Branches, Step, rows, sealed, table

STARTED = BoxStarted(version="1", sqlite="3", clean=False)


class Replaced(Branches):
    """`lost` is the box that was replaced, `box` the one in its place, rebuilt from a copy."""

    async def common(self, *steps: Step, gen: int = 1) -> None:
        await super().common(*steps, gen=gen)
        theirs = rows(self.lost)
        opened = GenerationOpened(
            parent_gen=gen, parent_seq=len(theirs), parent_hash=theirs[-1][1].hex(), source="keeper"
        )
        await self.record(self.box, ("", (opened,)), gen=gen + 1)

    async def new_box_goes_on(self, *steps: Step) -> None:
        await self.record(self.box, *steps, gen=2)

    async def old_box_goes_on(self, *steps: Step) -> None:
        await self.record(self.lost, *steps, gen=1)

    async def salvage(self, survivor: Path | None = None) -> SurvivorSalvaged | None:
        return await salvage_ledger(
            self.box,
            survivor or self.lost / "ledger.db",
            self.clock,  # type: ignore[arg-type]
            BusinessCalendar(ZoneInfo("UTC")),
        )

    async def refused(self, survivor: Path | None = None) -> Refused:
        before = self.path.read_bytes() if self.path.exists() else b""
        with pytest.raises(Refused) as refused:
            await self.salvage(survivor)
        assert (self.path.read_bytes() if self.path.exists() else b"") == before
        return refused.value


@pytest.fixture
def boxes(tmp_path: Path) -> Replaced:
    return Replaced(tmp_path)


async def test_late_sales_follow_behind_the_newest_event_with_their_origin(
    boxes: Replaced,
) -> None:
    await boxes.common(sale("a", 1), sale("b", 2))
    await boxes.old_box_goes_on(
        ("", (STARTED,)), sale("late-1", 3), ("till-1", (NoSale(job="j", reason="change"),)),
        sale("late-2", 4),
    )  # fmt: skip
    await boxes.new_box_goes_on(sale("c", 3), sale("d", 1, "till-2"))
    before, theirs = rows(boxes.box), sealed(boxes.lost / "ledger.db")
    done = await boxes.salvage()
    assert done is not None
    assert (done.sales_again, done.sales_known, done.sales_doubtful) == (2, 0, 0)
    assert (done.branch_gen, done.branch_seq) == (1, len(theirs))
    assert rows(boxes.path)[: len(before)] == before, "the chain only grew"
    new = sealed(boxes.path)[len(before) :]
    assert {each.gen for each in new} == {2}
    assert [each.type for each in new if each.type in {"no_sale", "box_started"}] == ["no_sale"]
    for each in new[:-1]:
        assert each.origin is not None
        there = theirs[each.origin.seq - 1]
        assert (each.type, each.day, each.at, each.till, each.actor) == (
            (there.type, there.day, there.at, there.till, there.actor)
        )
        assert (each.origin.gen, bytes(each.data)) == (1, bytes(there.data))
    assert new[-1].event() == done
    assert [name for name, _, _ in done_sales(boxes.path)] == [
        "a",
        "b",
        "c",
        "d",
        "late-1",
        "late-2",
    ]
    # both gave number 3: the paper of each says so; the next number is one that nobody gave
    assert done.receipts_twice == ("till-1-000003",)
    assert table(boxes.path, "SELECT receipts FROM till WHERE till = 'till-1'") == [(5,)]
    verdict = verify(boxes.path)
    assert (verdict.whole, verdict.gen) == (True, 2)
    kept = boxes.box / done.set_aside
    assert rows(kept) == rows(boxes.lost)
    assert verify(kept).whole


async def test_done_again_it_finds_nothing_new(boxes: Replaced) -> None:
    await boxes.common(sale("a", 1), opened("both"))
    await boxes.old_box_goes_on(finished("both", 2), sale("late", 3))
    await boxes.new_box_goes_on(finished("both", 2, price=500))
    assert await boxes.salvage() is not None
    after = rows(boxes.path)
    for _ in range(2):
        assert await boxes.salvage() is None
        assert rows(boxes.path) == after
    # what it sells after that is taken up by a third time, and only that
    await boxes.old_box_goes_on(sale("later", 4))
    done = await boxes.salvage()
    assert done is not None
    assert done.sales_again == 1
    assert sorted(name for name, _, _ in done_sales(boxes.path))[-2:] == ["late", "later"]
    assert verify(boxes.path).whole


async def test_a_box_that_sold_nothing_late_brings_nothing(boxes: Replaced) -> None:
    await boxes.common(sale("a", 1))
    await boxes.new_box_goes_on(sale("b", 2))
    before = rows(boxes.box)
    assert await boxes.salvage() is None
    await boxes.old_box_goes_on(("", (STARTED,)))
    assert await boxes.salvage() is None
    assert rows(boxes.box) == before


async def test_one_sale_that_both_finished_stands_once_or_is_doubtful(boxes: Replaced) -> None:
    await boxes.common(opened("same"), opened("other", "till-2"))
    await boxes.old_box_goes_on(finished("same", 1), finished("other", 1, "till-2"))
    await boxes.new_box_goes_on(finished("same", 1), finished("other", 1, "till-2", price=777))
    done = await boxes.salvage()
    assert done is not None
    assert (done.sales_again, done.sales_known, done.sales_doubtful) == (0, 1, 1)
    names = [name for name, _, _ in done_sales(boxes.path)]
    assert len(names) == 3
    (renamed,) = {*names} - {"same", "other"}
    assert str(UUID(renamed)) == renamed, "an id of its own"
    assert verify(boxes.path).whole


async def test_each_till_goes_on_where_it_was_and_what_was_open_there_is_parked(
    boxes: Replaced,
) -> None:
    await boxes.common(sale("a", 1))
    await boxes.old_box_goes_on(
        sale("late", 2), opened("left open"), opened("open too", "till-2"), sale("x", 1, "till-3")
    )
    await boxes.new_box_goes_on(opened("of now"))
    done = await boxes.salvage()
    assert done is not None
    events = [(each.till, each.event()) for each in sealed(boxes.path)]
    assert ("till-1", SaleParked(sale="left open", label="late")) in events
    assert ("till-2", SaleParked(sale="open too", label="late")) in events
    assert ("till-1", SaleResumed(sale="of now")) in events
    open_now = {till for till, seq in table(boxes.path, "SELECT till, open_seq FROM till") if seq}
    assert open_now == {"till-1"}
    assert {row[0] for row in table(boxes.path, "SELECT sale FROM parked")} == {
        "left open",
        "open too",
    }
    await boxes.new_box_goes_on(finished("of now", 4))
    assert done_sales(boxes.path)[-1][0] == "of now"
    assert verify(boxes.path).whole


async def test_tills_that_were_enrolled_there_are_not_enrolled_here(boxes: Replaced) -> None:
    await boxes.common(sale("a", 1))
    stranger = TillEnrolled(till="till-9", label="t", secret_sha256="ab" * 32)
    await boxes.old_box_goes_on(("", (stranger,)), sale("late", 2))
    assert await boxes.salvage() is not None
    assert table(boxes.path, "SELECT * FROM enrolment") == []


async def test_what_stands_beside_the_chain_stays_as_it_is(boxes: Replaced) -> None:
    await boxes.common(sale("a", 1))
    await boxes.old_box_goes_on(sale("late", 2))
    with closing(sqlite3.connect(boxes.path)) as ledger_file:
        ledger_file.execute("INSERT INTO ratchet VALUES (1, 'token')")
        ledger_file.execute("UPDATE identity SET accepted_seq = 4")
        ledger_file.commit()
    before = {
        name: table(boxes.path, f"SELECT * FROM {name}")  # noqa: S608 - names of ours
        for name in ("identity", "ratchet", "letter", "device_job", "mended")
    }
    assert await boxes.salvage() is not None
    for name, content in before.items():
        assert table(boxes.path, f"SELECT * FROM {name}") == content  # noqa: S608 - names of ours


async def test_a_sale_that_was_taken_up_keeps_its_id_for_itself(boxes: Replaced) -> None:
    await boxes.common(sale("a", 1))
    await boxes.old_box_goes_on(sale("late", 2))
    assert await boxes.salvage() is not None
    with pytest.raises(Refused) as refused:
        await boxes.new_box_goes_on(sale("late", 5))
    assert refused.value.code == "sale_id_reused"


# --- what is refused ----------------------------------------------------------------------------


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[None]:
    async with ledger_at(folder / "ledger.db", gen=2):
        yield


async def test_while_the_box_runs_nothing_is_salvaged(boxes: Replaced) -> None:
    await boxes.common(sale("a", 1))
    await boxes.old_box_goes_on(sale("late", 2))
    async with running(boxes.box):
        before = rows(boxes.box)
        with pytest.raises(Refused) as refused:
            await boxes.salvage()
        assert (refused.value.code, "Stop the box" in refused.value.advice) == (
            "ledger_in_use",
            True,
        )
        assert rows(boxes.box) == before
    assert await boxes.salvage() is not None


async def test_only_a_whole_ledger_of_this_store_and_no_later_generation_is_taken(
    boxes: Replaced, tmp_path: Path
) -> None:
    await boxes.common(sale("a", 1))
    await boxes.old_box_goes_on(sale("late", 2))
    await boxes.new_box_goes_on(sale("b", 2))
    other = tmp_path / "other.db"
    async with ledger_at(other, store="elsewhere", number=2):
        pass
    assert "of store elsewhere (2)" in (await boxes.refused(other)).message
    later = tmp_path / "later.db"
    shutil.copy(boxes.lost / "ledger.db", later)
    async with ledger_at(later, gen=3):
        pass
    assert "later than this box's 2" in (await boxes.refused(later)).message
    damaged = tmp_path / "damaged.db"
    shutil.copy(boxes.lost / "ledger.db", damaged)
    with closing(sqlite3.connect(damaged)) as ledger:
        ledger.execute(
            "UPDATE event SET body = CAST(replace(body, '129', '128') AS BLOB) WHERE seq = 8"
        )
        ledger.commit()
    assert "is not whole" in (await boxes.refused(damaged)).message
    text = tmp_path / "text.db"
    text.write_text("no ledger")
    assert "is not a database" in (await boxes.refused(text)).message
    assert "there is no file" in (await boxes.refused(tmp_path / "nothing.db")).message
    assert not list(boxes.box.glob("ledger.db.*"))
    for path in boxes.box.glob("ledger.db*"):
        path.unlink()
    assert "There is no ledger" in (await boxes.refused()).message


async def test_boxes_whose_power_was_cut_are_taken_with_all_they_had_said(
    boxes: Replaced, tmp_path: Path
) -> None:
    """Their newest events stand in the log beside the ledger, not in it."""
    await boxes.common(sale("a", 1))
    cut = tmp_path / "cut"
    (cut / "box").mkdir(parents=True)
    (cut / "lost").mkdir()
    for name, gen, number in (("box", 2, 2), ("lost", 1, 3)):
        folder: Path = getattr(boxes, name)
        async with ledger_at(folder / "ledger.db", gen=gen) as ledger:
            till, events = sale(f"newest of {name}", number)
            await ledger.record(Record(events, till))
            for end in ("", "-wal"):
                shutil.copy(folder / f"ledger.db{end}", cut / name / f"ledger.db{end}")
        assert (cut / name / "ledger.db-wal").stat().st_size > 0
    boxes.box, boxes.lost = cut / "box", cut / "lost"
    assert await boxes.salvage() is not None
    assert [name for name, _, _ in done_sales(boxes.path)] == [
        "a",
        "newest of box",
        "newest of lost",
    ]
    wal = boxes.path.with_name("ledger.db-wal")
    assert not wal.exists() or wal.stat().st_size == 0
    assert verify(boxes.path).whole


async def test_what_an_end_in_the_middle_left_is_begun_anew(boxes: Replaced) -> None:
    await boxes.common(sale("a", 1))
    await boxes.old_box_goes_on(sale("late", 2))
    for name in ("ledger.db.salvaged", "ledger.db.salvaged-wal", "ledger.db.salvaged.survivor"):
        (boxes.box / name).write_bytes(b"half of it")
    done = await boxes.salvage()
    assert done is not None
    left = {path.name for path in boxes.box.iterdir()}
    assert left <= {"ledger.db", "ledger.db-wal", "ledger.db-shm", "set-aside"}
    # between the copy that is kept and the rename: the copy is found, the rest is done
    assert [path.suffix for path in (boxes.box / "set-aside").iterdir()] == [".db"]
