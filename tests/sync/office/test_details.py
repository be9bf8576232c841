"""What lines carry, at head office: serial and lot, tare, notes, approvals; and finding goods."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.age_events import AgeChecked
from edge.contract.card_desk_events import CardPaymentResolved
from edge.contract.card_refund_events import CardRefundRequested
from edge.contract.event_registry import Event
from edge.contract.payment_events import CardPaymentRequested, TenderTaken
from edge.contract.price_events import (
    DiscountGiven,
    LineReduction,
    NoteSet,
    PriceOverridden,
    PricesReduced,
    Reduction,
)
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import LineAdded, LineVoided
from edge.runtime.migrations import apply
from sync.office.database import MIGRATIONS
from tests.sync.office.head_office import Box, Served, sale_events, serve
from tests.sync.office.test_projector import _arrive

PLAIN = sale_events("s")[1]
assert isinstance(PLAIN, LineAdded)
DRILL: dict[str, Any] = {"sku": "88", "name": "Drill", "serial": "SN-4711-a"}
MILK: dict[str, Any] = {"sku": "12", "name": "Milk", "lot": "L2611", "expires": "2026-12-05"}


def line(sale: str, number: str, **changed: Any) -> LineAdded:
    return msgspec.structs.replace(PLAIN, sale=sale, line=number, **changed)  # type: ignore[type-var] # an event is a struct


def sold(sale: str, *events: Event) -> tuple[Event, ...]:
    opened, _, *done = sale_events(sale)
    return (opened, *events, *done)


def came_back(sale: str, number: str, **changed: Any) -> LineReturned:
    goods = LineReturned(
        sale=sale, line=number, sku="88", name="Drill", quantity=1_000, price_minor=9_900,
        tax="reduced", rate_ppm=0, net_minor=100, tax_minor=0, gross_minor=100, reason="broken",
    )  # fmt: skip
    return msgspec.structs.replace(goods, **changed)  # type: ignore[type-var] # an event is a struct


EVERYTHING = sold(
    "s",
    line("s", "1", **DRILL),
    line("s", "2", **MILK, minimum_age=18),
    line("s", "3", unit="kg", quantity=420, entry="scale", tare_g=12),
    line("s", "4", deposit=True, deposit_of="2"),
    line("s", "5", open_price=True, approver="pawel"),
    line("s", "6"),
    AgeChecked(sale="s", minimum_age=18, how="birth_date"),
    AgeChecked(sale="s", minimum_age=16),
    NoteSet(sale="s", line="1", text="gift wrap"),
    NoteSet(sale="s", line="1", text="no wrap"),
    NoteSet(sale="s", text="for the fair"),
    PriceOverridden(
        sale="s", line="2", price_minor=1, amount_minor=1, reason="shelf label", approver="pawel"
    ),
    DiscountGiven(sale="s", discount="d1", reason="dented", line="1", off_minor=5, approver="pia"),
    PricesReduced(
        sale="s", reductions=(Reduction("discount", "d1", "dented", (LineReduction("1", 5),)),)
    ),
    LineVoided(sale="s", line="6", reason="age"),
    came_back("s", "7", serial="SN-1", lot="L-1", approver="pia"),
    came_back("s", "8", reason="", deposit=True),
    TenderTaken(
        sale="s", tender="2", kind="voucher", amount_minor=1, reference="V-1", approver="pia"
    ),
    CardPaymentRequested(sale="s", payment="3", amount_minor=1, terminal="t"),
    CardPaymentResolved(
        sale="s", payment="3", outcome="approved", amount_minor=1, source="slip", reason="slip",
        approver="pawel",
    ),
    CardRefundRequested(sale="s", refund="4", amount_minor=1, terminal="t", approver="pawel"),
)  # fmt: skip
CARRIED = {
    "1": {"serial": "SN-4711-a", "note": "no wrap"},
    "2": {
        "lot": "L2611", "expires": "2026-12-05", "minimum_age": 18,
        "override_reason": "shelf label", "override_approver": "pawel",
    },
    "3": {"tare_g": 12},
    "4": {"deposit": True, "deposit_of": "2"},
    "5": {"open_price": True, "approver": "pawel"},
    "6": {"void_reason": "age"},
    "7": {"serial": "SN-1", "lot": "L-1", "reason": "broken", "approver": "pia"},
    "8": {"deposit": True},
}  # fmt: skip


def check(sale: dict[str, Any]) -> None:
    assert {each["line_id"]: each["details"] for each in sale["lines"]} == CARRIED
    assert sale["note"] == "for the fair"
    assert (sale["age_checked"], sale["age_how"]) == (18, "birth_date")
    (reduction,) = sale["lines"][0]["reductions"]
    assert (reduction["name"], reduction["approver"]) == ("dented", "pia")
    assert {each["tender_id"]: each["approver"] for each in sale["tenders"]} == {
        "1": "", "2": "pia", "3": "pawel", "4": "pawel",
    }  # fmt: skip


async def test_a_sale_shows_what_its_lines_carry(served: Served, box: Box) -> None:
    box.record(*EVERYTHING)
    box.sell("plain")
    sale, plain = await _arrive(served, box)
    check(sale)
    assert plain["lines"][0]["details"] == {}
    assert (plain["note"], plain["age_checked"], plain["age_how"]) == ("", 0, "")
    assert (await served.store())["quarantined"] == 0


async def test_reading_it_again_changes_nothing(served: Served, box: Box) -> None:
    box.record(*EVERYTHING)
    before = await _arrive(served, box)
    projector = served.office.projector
    projector.read_again()
    assert await projector.step() == 1
    assert await served.sales() == before


@pytest.mark.parametrize(
    "event", [NoteSet(sale="s", line="1", text="x"), NoteSet(sale="s", text="x")]
)
async def test_what_comes_after_the_end_steps_aside(
    served: Served, box: Box, event: NoteSet
) -> None:
    box.record(*EVERYTHING)
    box.record(event)
    (sale,) = await _arrive(served, box)
    check(sale)
    assert (await served.store())["quarantined"] == 1


async def test_goods_are_found_by_serial_and_by_lot(served: Served, box: Box) -> None:
    far = Box("far-away", 2)
    await served.add(far)
    box.record(*sold("drill", line("drill", "1", **DRILL)))
    box.record(*sold("milk", line("milk", "1", **MILK), line("milk", "2", **MILK)))
    box.record(
        *sold("not", line("not", "1", **MILK), LineVoided(sale="not", line="1"), line("not", "2"))
    )
    box.record(*sold("back", came_back("back", "1", serial=DRILL["serial"])))
    box.record(*sold("open", line("open", "1", **MILK))[:-1])
    far.record(*sold("far", line("far", "1", **MILK)))
    await _arrive(served, box)
    async with served.session(far) as (upline, _):
        await upline.upload(far.frame())
    await served.until_projected(len(far.bodies), "far-away")

    async def found(query: str) -> list[str]:
        return [each["sale_id"] for each in await served.sales(query)]

    assert await found("?tracked=SN-4711-a") == ["drill", "back"]
    assert await found("?tracked=%20sn-4711-A%20") == ["drill", "back"]
    assert await found("?tracked=L2611") == ["milk", "far"]
    assert await found("?tracked=L2611&store=far-away") == ["far"]
    assert await found("?tracked=L2611&after=2") == ["far"]
    assert await found("?tracked=L261") == []
    assert await found("?tracked=%25") == []


async def test_a_search_goes_by_the_indexes(served: Served) -> None:
    def plan(connection: sqlite3.Connection) -> str:
        sql = (
            "EXPLAIN QUERY PLAN SELECT 1 FROM line_detail AS each WHERE"
            " (each.serial = 'x' COLLATE NOCASE AND each.serial <> '')"
            " OR (each.lot = 'x' COLLATE NOCASE AND each.lot <> '')"
        )
        return " ".join(str(row[3]) for row in connection.execute(sql))

    words = await served.office.file.read(plan)
    assert "line_detail_by_serial" in words
    assert "line_detail_by_lot" in words
    assert "SCAN" not in words


def as_before(folder: Path) -> None:
    """Make the database what version 7 of its schema had of the same frames."""
    with sqlite3.connect(folder / "office.db") as now:
        kept = [
            "store", "head", "frame", "sale", "sale_line", "sale_reduction", "sale_tax", "tender",
            "projected", "projection", "quarantine",
        ]  # fmt: skip
        (folder / "old.db").unlink(missing_ok=True)
        old = sqlite3.connect(folder / "old.db", isolation_level=None)
        apply(old, MIGRATIONS[:7])
        for table in kept:
            names = [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
            columns = ", ".join(f'"{name}"' for name in names)
            rows = now.execute(f"SELECT {columns} FROM {table}").fetchall()  # noqa: S608 - of ours
            places = ", ".join("?" * len(names))
            old.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - of ours
        old.close()
    now.close()
    for each in folder.glob("office.db*"):
        each.unlink()
    (folder / "old.db").rename(folder / "office.db")


async def _details_are_read(served: Served) -> None:
    async with asyncio.timeout(20):
        while await served.office.file.read(
            lambda connection: connection.execute(
                "SELECT 1 FROM projection WHERE name = 'details'"
            ).fetchone()
        ):
            await asyncio.sleep(0.005)


async def test_sales_of_an_older_version_get_their_details_from_the_frames(
    tmp_path: Path,
) -> None:
    box = Box()
    box.record(*EVERYTHING)
    box.record(NoteSet(sale="s", line="1", text="too late, it stepped aside"))
    box.record(NoteSet(sale="nobody's", line="1", text="of no sale"))
    absurd = line("u", "2", tare_g=2**63)
    box.record(*sold("u", line("u", "1", **DRILL), absurd))
    box.bodies.append(b"\xff no JSON")
    async with serve(tmp_path, box) as served:
        before = await _arrive(served, box)
        aside = (await served.store())["quarantined"]
    as_before(tmp_path)
    async with serve(tmp_path) as served:
        await _details_are_read(served)
        after = await served.sales()
        check(after[0])
        assert after == before
        assert (await served.store())["quarantined"] == aside
        # and what comes from now on needs no second reading
        box.record(*sold("new", line("new", "1", **MILK)))
        assert (await _arrive(served, box))[-1]["lines"][0]["details"]["lot"] == "L2611"
        assert await served.office.projector.step_details() == 0


async def test_a_note_set_anew_while_older_frames_are_read_is_the_last_word(
    tmp_path: Path,
) -> None:
    box = Box()
    opened, one, *done = sold("s", line("s", "1", **DRILL))
    box.record(opened, one, NoteSet(sale="s", line="1", text="old"))
    async with serve(tmp_path, box) as served:
        await _arrive(served, box)
    as_before(tmp_path)
    async with serve(tmp_path) as served:
        await _details_are_read(served)
        projector = served.office.projector
        box.record(NoteSet(sale="s", line="1", text="new"), *done)
        await _arrive(served, box)
        # as if the old frame had been read behind the new one: both are read until they have met
        projector.projection._details = 0
        assert await projector.step_details() == 2
        (sale,) = await served.sales()
        assert sale["lines"][0]["details"]["note"] == "new"
        assert await projector.step_details() == 0
        assert projector.projection._details is None
