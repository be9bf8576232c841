"""An hour of a supermarket, short: what it came to is worked out three times, and is the same."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.whole_shop.demo_shop import Shop, demo_shop, eventually
from tests.whole_shop.market import Crowd, open_checkouts, switch_tips_on, totals

pytestmark = [pytest.mark.whole_shop, pytest.mark.timeout(3600)]

TILLS: Final = 8
CUSTOMERS: Final = int(os.environ.get("TILLBOX_CUSTOMERS", "6"))
"""How many customers each till serves: 60 are an hour (`make market`)."""
LINES: Final = ("there", "away") if "TILLBOX_CUSTOMERS" in os.environ else ("away",)
"""The short form cuts the line to head office and has it back in the end."""
SEED: Final = int(os.environ.get("TILLBOX_SEED", "20261126"))
EVERYTHING: Final = {
    "add_item", "weigh_item", "void_line", "set_quantity", "override_price", "give_discount",
    "set_note", "take_cash", "take_foreign_cash", "take_tender", "pay_by_card", "return_line",
    "return_item", "give_cash", "give_tender", "refund_by_card", "park", "resume", "abandon",
    "approved", "set_customer", "add_coupon", "confirm_age", "refuse_age", "return_empties",
    "begin_training", "reprint_receipt", "print_gift_receipt", "set_tip", "return_tip",
    "own_price",
}  # fmt: skip


def recomputed(shop: Shop) -> dict[str, Any]:
    """Let a script that knows nothing of Tillbox work the ledger's export out."""
    export = subprocess.run(
        [sys.executable, "-m", "edge.cli", "ledger", "export", shop.ready["ledger"]],
        stdout=subprocess.PIPE,
        check=True,
    )
    script = Path(__file__).with_name("recompute.py")
    done = subprocess.run(
        [sys.executable, "-I", script], input=export.stdout, stdout=subprocess.PIPE, check=True
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


async def kill_the_box(shop: Shop, crowd: Crowd) -> None:
    """Kill it in the middle of it all: the tills ask again until it answers."""

    async def half_an_hour() -> bool | None:
        return len(crowd.done) >= TILLS * CUSTOMERS // 3 or None

    await eventually(half_an_hour, what="the shop is busy")
    await shop.kill_and_wait("edge")
    crowd.did["killed"] += 1


async def agreed(shop: Shop) -> dict[str, Any] | None:
    """Return the digest of the shop once it is compared; fail where it differs."""
    digest = await shop.office_digest()
    assert digest["verdict"] != "differs", digest
    return digest if digest["verdict"] == "agrees" else None


@pytest.mark.parametrize("line", LINES)
async def test_an_hour_of_a_supermarket(line: str, tmp_path: Path) -> None:
    crowd = Crowd()
    print("seed", SEED, "customers", CUSTOMERS)
    async with demo_shop(tmp_path, "--tills", str(TILLS)) as shop:
        await switch_tips_on(shop)
        await shop.counter("POST", "link", {"up": line == "there"})
        checkouts = await open_checkouts(shop, TILLS, SEED + len(line), crowd)
        async with asyncio.TaskGroup() as busy:
            for checkout in checkouts:
                busy.create_task(checkout.serve(CUSTOMERS))
            if line == "away":
                busy.create_task(kill_the_box(shop, crowd))
        await checkouts[0].serve_until_did(EVERYTHING, most=300)
        await checkouts[0].finish_parked()
        print(json.dumps(crowd.did, indent=1))
        if line == "away":
            seen = await shop.office_sales()
            assert len(seen) < len(crowd.done) // 10, "the line was not cut"
        await shop.counter("POST", "link", {"up": True})

        async def arrived() -> list[dict[str, Any]] | None:
            sales = await shop.office_sales()
            return sales if len(sales) >= len(crowd.done) else None

        at_office = totals(await eventually(arrived, what="every sale at head office"))
        at_tills = totals(crowd.done)
        if line == "away":
            # what the box said of its backlog before it sent any of it is what then came
            await eventually(lambda: agreed(shop), what="the digest agrees")
        figures = recomputed(shop)
        assert figures.pop("faults") == []
        assert figures.pop("own_prices") > 0
        assert len(figures["receipts"]) == len(crowd.done)
        assert figures == at_tills
        assert figures == at_office
        assert shop.verify()["whole"]
    assert crowd.did.keys() >= EVERYTHING, EVERYTHING - crowd.did.keys()
    assert crowd.did["killed"] == (line == "away")
