"""Tests for what decisions are told: goods ask for goods only, since every scan comes by here."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from edge.flows.gathering import TillDevices
from tests.flows.box import MILK, selling_box


async def test_goods_ask_nothing_of_devices_and_money_asks_each_of_them_once(
    tmp_path: Path,
) -> None:
    asked: list[str] = []

    def seen(what: str, answer: object) -> object:
        def ask(_: str) -> object:
            asked.append(what)
            return answer

        return ask

    async with selling_box(tmp_path) as box:
        selling = box.edge.selling
        selling.gathering = dataclasses.replace(
            selling.gathering,
            devices=TillDevices(
                seen("terminal", ""),
                seen("scale", ""),
                seen("drawer", False),
                seen("printer", False),
            ),
        )
        _, view = await box.command("add_item", code=MILK)
        _, view = await box.command("add_item", code=MILK)
        _, view = await box.command("void_line", line_id=view["lines"][0]["line_id"])
        assert asked == []
        status, view = await box.command("take_cash", amount_minor=view["due_minor"])
        assert (status, view["state"]) == (200, "done")
        assert sorted(asked) == ["drawer", "printer", "terminal"]


async def test_a_sale_has_the_occasion_at_which_it_was_opened(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        gathering = box.edge.selling.gathering
        # a Friday in winter, and a Tuesday in July, when Lisbon is an hour ahead of Greenwich
        winter, summer = (
            gathering.occasion(1_795_770_000_000),
            gathering.occasion(1_784_000_000_000),
        )
        assert (winter.weekday, winter.minute) == (5, 9 * 60)
        assert (summer.weekday, summer.minute) == (2, 4 * 60 + 33)
