"""The box burns while the line is down: what the second copy has is all that the box had."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.whole_shop.demo_shop import Shop, demo_shop, eventually

pytestmark = [pytest.mark.whole_shop, pytest.mark.timeout(240)]

SALES = 12


def tillbox(shop: Shop, name: str, *words: str) -> str:
    """Run a command with the settings that the demo wrote for a process."""
    config = next(shop.folder.rglob(f"config/{name}.toml"))
    asked = [sys.executable, "-m", "edge.cli", name, "--config", str(config), *words]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def sell(shop: Shop, number: int) -> dict[str, Any]:
    article = shop.goods[number % 5]
    await shop.insist("add_item", code=article["code"])
    view = await shop.view()
    status, view = await shop.insist("take_cash", amount_minor=view["due_minor"])
    assert (status, view["state"]) == (200, "done"), view
    return view


async def health(shop: Shop, name: str) -> dict[str, Any]:
    async with shop.client.get(f"{shop.ready['edge_api']}/health") as response:
        items = (await response.json())["items"]
    return next(item for item in items if item["name"] == name)


async def events_kept(shop: Shop) -> int:
    """How many events the second copy says that it has."""
    line = next(
        each for each in tillbox(shop, "keep", "status").splitlines() if "events up" in each
    )
    return int(line.partition("events up to ")[2].partition(" ")[0])


async def test_a_burnt_box_loses_no_sale_though_the_line_was_down(tmp_path: Path) -> None:
    async with demo_shop(tmp_path) as shop:
        await shop.make_well()
        first = await sell(shop, 0)
        await shop.until_office_has(first["sale_id"])
        await shop.counter("POST", "link", {"up": False})

        sold = [(await sell(shop, number))["sale_id"] for number in range(1, SALES)]
        # killed in the middle of it, the copy goes on where it was
        await shop.kill_and_wait("keep")
        view = await sell(shop, SALES)
        sold.append(view["sale_id"])
        view = await shop.until_view(
            lambda view: view["dots"] and view["dots"]["shop"], what="the middle dot"
        )
        assert view["dots"] == {"box": True, "shop": True, "office": False, "keeper": "back-office"}
        assert (await health(shop, "copy back-office"))["well"]
        assert not (await health(shop, "link"))["well"]
        assert shop.verify()["whole"]
        had = len(shop.ledger_events())

        async def all_kept() -> bool | None:
            return True if await events_kept(shop) >= had else None

        await eventually(all_kept, what="the copy has every event")

        # the box burns: its disk is gone; what is started in its place knows nothing
        old = shop.kill("edge")
        shutil.rmtree(Path(shop.ready["ledger"]).parent)
        await shop.until_restarted("edge", old)

        async def refused() -> bool | None:
            return True if "has another event" in tillbox(shop, "keep", "status") else None

        await eventually(refused, what="a box without its history is refused")
        assert await events_kept(shop) >= had

        out = tmp_path / "carried.history"
        assert "events 1 to" in tillbox(shop, "keep", "export", "--out", str(out))
        assert len([sale["sale_id"] for sale in await shop.office_sales()]) == 1
        assert "are at head office now" in tillbox(shop, "office", "take", str(out))
        assert "has all of it" in tillbox(shop, "office", "take", str(out))
        for sale in [first["sale_id"], *sold]:
            await shop.until_office_has(sale)
        totals = [sale["sale_id"] for sale in await shop.office_sales()]
        assert sorted(totals) == sorted([first["sale_id"], *sold])

        # and what head office writes is the same history
        again = tmp_path / "office.history"
        tillbox(shop, "office", "export", "--store", shop.ready["store"], "--out", str(again))
        assert json.dumps(shop.ready["store"]).encode() in again.read_bytes()


async def test_a_dead_copy_holds_up_neither_head_office_nor_a_sale(tmp_path: Path) -> None:
    async with demo_shop(tmp_path) as shop:
        await shop.make_well()
        shop.pause("keep")
        try:
            for number in range(3):
                view = await sell(shop, number)
                await shop.until_office_has(view["sale_id"])
            view = await shop.until_view(
                lambda view: view["dots"] and view["dots"]["office"], what="head office's dot"
            )
        finally:
            shop.go_on("keep")

        async def shown() -> bool | None:
            try:
                dots = (await shop.view())["dots"]
            except aiohttp.ClientError:
                return None
            return True if dots and dots["shop"] else None

        await eventually(shown, what="the copy caught up")
