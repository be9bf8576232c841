"""The disk fills up while the shop sells: the ledger's disk, and that of the devices service.

Each on a small file system of its own, which needs root: elsewhere these tests skip.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.whole_shop.demo_shop import Shop, demo_shop, eventually

pytestmark = [pytest.mark.whole_shop, pytest.mark.timeout(240)]

MIB = 1_048_576
EDGE_MIB = 64
"""The least free space at which a sale may begin (32), the ballast (4, twice), and the files."""
DEVICES_MIB = 2


@dataclass
class SmallDisk:
    """A mounted file system that a test fills."""

    path: Path

    def free_bytes(self) -> int:
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def fill(self, *, leave: int = 0) -> None:
        """Take all space but `leave` bytes."""
        with (self.path / "filler").open("ab") as file:
            while (room := self.free_bytes() - leave) > 0:
                try:
                    file.write(bytes(min(room, MIB)))
                    file.flush()
                except OSError:
                    break

    def give_back(self) -> None:
        (self.path / "filler").unlink()


@contextmanager
def small_disk(path: Path, mib: int) -> Iterator[SmallDisk]:
    path.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system may be mounted here (needs root): {mounted.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@asynccontextmanager
async def shop_on_small_disk(
    folder: Path, name: str, mib: int
) -> AsyncIterator[tuple[Shop, SmallDisk]]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    with small_disk(folder / "demo" / name, mib) as disk:
        async with demo_shop(folder) as shop:
            yield shop, disk


async def health(shop: Shop) -> dict[str, Any]:
    async with shop.client.get(f"{shop.ready['edge_api']}/health") as response:
        return {item["name"]: item for item in (await response.json())["items"]}


def check_words(body: dict[str, Any]) -> None:
    assert body["code"]
    assert body["message"]
    assert body["advice"]
    assert "Traceback" not in str(body)


def kinds_of(shop: Shop, sale_id: str) -> Counter[str]:
    return Counter(e["type"] for e in shop.ledger_events() if e["data"].get("sale") == sale_id)


def check_logs(shop: Shop) -> None:
    for path in sorted((shop.folder / "log").glob("*.log")):
        assert "Traceback" not in path.read_text(errors="replace"), path


async def sell(shop: Shop) -> str:
    """Sell something for cash, receipt and all; return the sale's id."""
    _, view = await shop.insist("add_item", code=shop.goods[0]["code"])
    status, view = await shop.insist("take_cash", amount_minor=view["due_minor"])
    assert (status, view["state"]) == (200, "done"), view
    await shop.until_view(
        lambda view: (view["receipt"] or {}).get("state") == "printed", what="it is printed"
    )
    await shop.until_office_has(view["sale_id"])
    return str(view["sale_id"])


async def test_a_full_disk_under_the_ledger(tmp_path: Path) -> None:
    async with shop_on_small_disk(tmp_path, "edge", EDGE_MIB) as (shop, disk):
        await sell(shop)

        # nearly full: what is open can be finished, nothing new begins, and it is said why
        _, view = await shop.insist("add_item", code=shop.goods[0]["code"])
        disk.fill(leave=20 * MIB)
        status, view = await shop.insist("take_cash", amount_minor=view["due_minor"])
        assert (status, view["state"]) == (200, "done")
        await shop.until_office_has(view["sale_id"])
        status, refusal = await shop.command("add_item", code=shop.goods[1]["code"])
        assert (status, refusal["code"]) == (503, "disk_full")
        check_words(refusal)
        await shop.scan(shop.goods[1]["code"])
        await shop.until_view(
            lambda view: (view["notice"] or {}).get("code") == "disk_full", what="words at the till"
        )
        assert not (await health(shop))["disk"]["well"]
        disk.give_back()
        await sell(shop)

        # full to the last byte with a sale open: it is finished all the same
        _, view = await shop.insist("add_item", code=shop.goods[2]["code"])
        disk.fill()
        sale_id, due = view["sale_id"], view["due_minor"]
        status, view = await shop.insist("take_cash", amount_minor=due)
        assert (status, view["state"], view["sale_id"]) == (200, "done", sale_id)
        disk.give_back()
        await shop.until_well()
        assert kinds_of(shop, sale_id)["sale_completed"] == 1

        # and with no reserve left: no answer is given before the disk can keep it
        _, view = await shop.insist("add_item", code=shop.goods[3]["code"])
        sale_id, due = view["sale_id"], view["due_minor"]
        (disk.path / "ballast").unlink(missing_ok=True)
        disk.fill()
        command_id = str(uuid.uuid4())
        answers = []
        for _ in range(10):
            try:
                answers.append(
                    await shop.command("take_cash", command_id=command_id, amount_minor=due)
                )
            except (OSError, aiohttp.ClientError):
                break
        for status, body in answers:
            if status != 200:
                assert status == 503, body
                check_words(body)
        disk.give_back()
        status, view = await shop.insist("take_cash", command_id=command_id, amount_minor=due)
        assert (status, view["state"], view["sale_id"]) == (200, "done", sale_id)
        kinds = kinds_of(shop, sale_id)
        assert (kinds["sale_completed"], kinds["cash_tendered"]) == (1, 1)
        await sell(shop)
        assert shop.verify()["whole"]
        check_logs(shop)


async def test_a_card_is_charged_while_the_ledgers_disk_is_full(tmp_path: Path) -> None:
    async with shop_on_small_disk(tmp_path, "edge", EDGE_MIB) as (shop, disk):
        await shop.counter("POST", "terminal", {"next": "ask"})
        _, view = await shop.insist("add_item", code=shop.goods[0]["code"])
        sale_id = view["sale_id"]
        await shop.insist("pay_by_card", amount_minor=view["due_minor"])

        async def asked() -> bool | None:
            return True if (await shop.counter("GET", "terminal"))["asked_minor"] else None

        await eventually(asked, what="the terminal asks for a card")
        (disk.path / "ballast").unlink(missing_ok=True)
        disk.fill()
        await shop.counter("POST", "terminal/press", {"key": "approve"})

        async def charged() -> bool | None:
            return True if await shop.booked() else None

        await eventually(charged, what="the acquirer has booked")
        disk.give_back()
        view = await shop.until_view(lambda view: view["state"] == "done", what="it is known")
        assert view["sale_id"] == sale_id
        assert len(await shop.booked()) == 1
        kinds = kinds_of(shop, sale_id)
        assert (kinds["card_payment_approved"], kinds["sale_completed"]) == (1, 1)
        await shop.counter("POST", "terminal", {"next": "approve"})
        await sell(shop)
        assert shop.verify()["whole"]
        check_logs(shop)


async def test_a_full_disk_under_signing_in_heals_by_itself(tmp_path: Path) -> None:
    async with shop_on_small_disk(tmp_path, "edge", EDGE_MIB) as (shop, disk):
        session = {**shop.ready["session"]}
        url = f"{shop.ready['edge_api']}/api/v1/session"
        cashier, pin = next(iter(shop.ready["pins"].items()))
        (disk.path / "ballast").unlink(missing_ok=True)
        disk.fill()
        with suppress(aiohttp.ClientError):  # edge may have ended before it answered
            for _ in range(30):  # until the room that the file already has is used up
                async with shop.client.post(
                    url, json={"cashier": cashier, "pin": pin}, headers=session
                ) as response:
                    if response.status != 200:
                        assert response.status == 503, await response.text()
                        check_words(await response.json())
                        break
        disk.give_back()

        async def signs_in() -> bool | None:
            try:
                async with shop.client.post(
                    url, json={"cashier": cashier, "pin": pin}, headers=session
                ) as response:
                    return True if response.status == 200 else None
            except aiohttp.ClientError:  # it ends by itself and starts again
                return None

        await eventually(signs_in, what="the cashier can sign in again")
        check_logs(shop)


async def test_a_full_disk_under_the_devices(tmp_path: Path) -> None:
    async with shop_on_small_disk(tmp_path, "devices", DEVICES_MIB) as (shop, disk):
        await sell(shop)
        pulses = (await shop.counter("GET", "drawer"))["pulses"]
        papers = len(await shop.papers())
        disk.fill()

        # cash goes on; the receipt waits, and the till says so
        _, view = await shop.insist("add_item", code=shop.goods[0]["code"])
        _, view = await shop.insist("take_cash", amount_minor=view["due_minor"])
        assert view["state"] == "done"
        first = view["receipt_number"]

        # a card is not charged behind the shop's back
        _, view = await shop.insist("add_item", code=shop.goods[1]["code"])
        sale_id = view["sale_id"]
        status, body = await shop.insist("pay_by_card", amount_minor=view["due_minor"])
        assert status == 200, body
        disk.give_back()
        view = await shop.until_view(
            lambda view: view["state"] in {"done", "open"}, what="the payment is definite"
        )
        assert len(await shop.booked()) == (1 if view["state"] == "done" else 0)
        if view["state"] == "open":
            _, view = await shop.insist("take_cash", amount_minor=view["due_minor"])
        assert (view["state"], view["sale_id"]) == ("done", sale_id)
        await shop.until_well()
        await shop.until_quiet()
        tray = (await shop.papers())[papers:]
        for number in (first, view["receipt_number"]):
            mine = [paper for paper in tray if number in paper]
            assert mine, (number, tray)
            assert len([paper for paper in mine if "COPY" not in paper]) <= 1
        assert (await shop.counter("GET", "drawer"))["pulses"] - pulses <= 2
        await sell(shop)
        assert shop.verify()["whole"]
        check_logs(shop)
