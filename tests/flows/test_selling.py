from __future__ import annotations

from pathlib import Path

from tests.flows.box import MILK, selling_box


async def test_a_cash_sale_from_the_first_code_to_change(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        status, view = await box.command("add_item", code=MILK)
        assert status == 200, view
        assert (view["state"], view["total_minor"], view["due_minor"]) == ("open", 129, 129)
        status, view = await box.command("add_item", code="4011", quantity=742)
        assert (status, view["lines"][1]["amount_minor"]) == (200, 214)
        status, view = await box.command("void_line", line_id=view["lines"][0]["line_id"])
        assert view["lines"][0]["voided"]
        assert view["lines"][0]["amount_minor"] == 0
        status, view = await box.command("take_cash", amount_minor=500)
        assert (view["state"], view["change_minor"], view["due_minor"]) == ("done", 286, 0)
        assert view["receipt_number"] == "till-1-000001"
        assert view["dots"] == {"box": True, "shop": False, "office": False}
        status, view = await box.command("next_sale")
        assert (view["state"], view["sale_id"], view["lines"]) == ("idle", None, [])
