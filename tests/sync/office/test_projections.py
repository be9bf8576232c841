"""Sales in SQLite and in PostgreSQL keep the same laws, and come to the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.appending.postgres_address import PostgresAddress
from tests.sync.office.busy_boxes import busy_box
from tests.sync.office.kept_sales import keeping, without
from tests.sync.office.projection_laws import LAWS, Law
from tests.sync.office.sale_places import postgres_place, sqlite_place


@pytest.mark.parametrize("law", LAWS)
async def test_sqlite_keeps_the_laws(law: Law, tmp_path: Path) -> None:
    async with sqlite_place(tmp_path) as place:
        await law(await keeping(place))


@pytest.mark.parametrize("law", LAWS)
async def test_postgres_keeps_the_laws(law: Law, tmp_path: Path, address: PostgresAddress) -> None:
    async with postgres_place(tmp_path, address, 3) as place:
        await law(await keeping(place))


async def test_both_come_to_the_same_rows(tmp_path: Path, address: PostgresAddress) -> None:
    boxes = [busy_box(number, seed=number) for number in (1, 2, 3)]
    (tmp_path / "other").mkdir()
    async with sqlite_place(tmp_path) as one, postgres_place(tmp_path / "other", address, 1) as two:
        local, there = await keeping(one), await keeping(two)
        for each in (local, there):
            for box in boxes:
                await each.arrive(box, frames=7)
            await each.settle()
        rows = await one.rows()
        assert len(rows["sale"]) > 150
        assert without(await two.rows(), "cursor") == without(rows, "cursor")
        assert await two.codes() == await one.codes()
