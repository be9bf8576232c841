"""A box that is put back to an older copy of its disk: every sale there once, whatever happened.

Real processes. The tills' "done" is what counts: head office, the box and these are compared.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from edge.contract.envelope import unseal
from edge.contract.sale_events import SaleCompleted
from edge.runtime.history_file import read_history
from tests.whole_shop.demo_shop import eventually
from tests.whole_shop.fork_shop import Done, ForkShop, fork_shop

pytestmark = [pytest.mark.whole_shop, pytest.mark.timeout(240)]


def died_in_the_middle(shop: ForkShop, mark: str) -> bool:
    """Kill the box once a file of its mending is there; say whether that came in time."""
    folder = shop.ledger.parent
    end = time.monotonic() + 40
    while time.monotonic() < end:
        if any(folder.glob(mark)):
            shop.stop("edge", signal.SIGKILL)
            return True
        time.sleep(0.002)
    return False


async def until_mended(shop: ForkShop, gen: int) -> None:
    async def attempt() -> bool | None:
        newest = shop.box_events()[-1]
        return True if newest["gen"] == gen else None

    try:
        await eventually(attempt, what=f"the box is in generation {gen}")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{shop.logs()}") from None
    await shop.answers(shop.edge)
    await shop.until_in_step()


async def until_doubted(shop: ForkShop, words: str) -> None:
    """It may be one of two: nothing of it is taken yet, and both people are told."""

    async def attempt() -> bool | None:
        kinds = {alarm["kind"] for alarm in (await shop.store())["alarms"]}
        return True if "box_twice" in kinds else None

    await eventually(attempt, what="head office doubts that there is one box")

    async def said() -> bool | None:
        item = await shop.health("link")
        return True if item and words in item["advice"] else None

    await eventually(said, what=f"the box says {words}")


async def check_equal(shop: ForkShop) -> None:
    assert await shop.office_sales() == shop.told()
    assert shop.box_sales() == shop.told()
    verdict = shop.verify()
    assert verdict["whole"], verdict
    for each in (shop.ledger.parent / "set-aside").glob("*.db"):
        assert shop.verify(each)["whole"]
    store = await shop.store()
    assert store["quarantined"] == 0


@pytest.mark.parametrize(("seed", "whole"), [(1, False), (2, True)])
async def test_put_back_to_any_copy_every_sale_is_there_once(
    tmp_path: Path, seed: int, whole: bool
) -> None:
    """Twice in a short while: of a box put back as a whole a person says that it is no second one.

    Of one whose ledger alone was put back, what lies beside it says that.
    """
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with fork_shop(tmp_path) as shop:
        for number in range(4):
            await shop.sell(chance.randint(1, 4))
            shop.copy_disk(f"{number}.db")
        await shop.until_in_step()
        for gen in (2, 3):
            shop.stop("sync")
            shop.stop("edge", signal.SIGKILL)
            # whatever was sold meanwhile is at head office; the copy knows nothing of it
            shop.put_back(f"{chance.randrange(3)}.db", whole=whole)
            await shop.box_up()
            given = {each.receipt for each in shop.done}
            for _ in range(chance.randint(1, 3)):
                done = await shop.sell(chance.randint(1, 4))
            shop.start("sync")
            if gen > 2 and whole:
                await until_doubted(shop, "confirm-box")
                assert "as soon as it asks" in await asyncio.to_thread(shop.confirm_box)
                shop.stop("sync")  # or wait a minute until it asks again
                shop.start("sync")
            await until_mended(shop, gen)
            await check_equal(shop)
            given |= {each.receipt for each in shop.done}
            done = await shop.sell(2)
            assert done.receipt not in given, "no number is given again"
            await shop.until_in_step()
            await check_equal(shop)
            item = await shop.health("history")
            assert item is not None
            assert item["well"]
            assert "has its history back" in item["words"]
            (alarm,) = (each for each in (await shop.store())["alarms"] if "histor" in each["kind"])
            assert "restored from an older copy" in alarm["words"]


async def test_a_copy_whose_history_fits_is_known_by_its_token_alone(tmp_path: Path) -> None:
    """Head office has nothing that the copy lacks: it would go on, and so might a second one."""
    async with fork_shop(tmp_path) as shop:
        await shop.sell(2)
        await shop.until_in_step()

        async def token_behind(before: bytes) -> bytes:
            async def attempt() -> bytes | None:
                now = shop.ratchet.read_bytes() if shop.ratchet.exists() else b""
                return now if now not in {b"", before} else None

            found: bytes = await eventually(attempt, what="another token")
            return found

        first = await token_behind(b"")
        shop.copy_disk("a.db")
        shop.stop("sync")
        shop.start("sync")
        await token_behind(first)
        await eventually(lambda: kept(shop, first), what="head office knows that it is kept")
        shop.stop("sync")
        shop.stop("edge", signal.SIGKILL)
        shop.put_back("a.db", whole=True)
        await shop.box_up()
        await shop.sell(3)
        shop.start("sync")
        await until_mended(shop, 2)
        await check_equal(shop)
        item = await shop.health("history")
        assert item is not None
        assert "Sales from head office: 0; its own since then, added: 1;" in item["words"]
        closed = (await shop.ask_office("/api/v1/alarms?state=closed"))["alarms"]
        (copied,) = (each for each in closed if each["kind"] == "box_copied")
        assert "The whole box was put back to a copy from between" in copied["words"]
        await shop.sell(1)
        await shop.until_in_step()
        assert {each["kind"] for each in (await shop.store())["alarms"]} == {"history_mended"}


async def kept(shop: ForkShop, before: bytes) -> bool | None:
    """Whether head office knows that a later token than this one is on the box's disk."""
    path = shop.layout.root / "office" / "office.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as office:
        (token,) = office.execute("SELECT kept FROM ratchet").fetchone()
    return True if token != before.decode() else None


@pytest.mark.parametrize("mark", ["mending.db", "ledger.db.mended", "set-aside/*"])
async def test_killed_while_it_is_mended_the_end_is_the_same(tmp_path: Path, mark: str) -> None:
    """The copy was taken in the middle of a sale, which went on in both."""
    async with fork_shop(tmp_path) as shop:
        await shop.sell(2)
        await shop.open_sale(2)
        shop.copy_disk("open.db")
        await shop.command("add_item", code="9520000079192")
        first = await shop.pay()
        await shop.sell(1)
        await shop.until_in_step()
        shop.stop("sync")
        shop.stop("edge", signal.SIGKILL)
        shop.put_back("open.db")
        await shop.box_up()
        # the screen shows the sale as it was in the copy; another customer pays another sum for it
        assert (await shop.view())["sale_id"] == first.sale
        await shop.command("add_item", code="9520000158385")
        twin = await shop.pay()
        await shop.sell(3)
        shop.start("sync")
        assert await asyncio.to_thread(died_in_the_middle, shop, mark)
        await shop.box_up()
        await until_mended(shop, 2)
        # one id, two sales: the second one got another id, and people are told
        shop.done.remove(twin)
        events = shop.box_events()
        (renamed,) = (
            each
            for each in events
            if each["type"] == "sale_completed" and each.get("origin", [0] * 4)[3:] == [twin.sale]
        )
        shop.done.append(Done(renamed["data"]["sale"], twin.receipt, twin.total_minor))
        assert renamed["data"]["total_minor"] == twin.total_minor
        await check_equal(shop)
        assert "ended otherwise: 1" in str((await shop.store())["alarms"])
        left = {path.name for path in shop.ledger.parent.glob("*mend*")}
        assert left == set()


async def test_of_two_copies_at_work_one_waits_for_a_person_and_loses_nothing(
    tmp_path: Path,
) -> None:
    """A cloned box: both sell, with one key. Head office follows the one it knows."""
    async with fork_shop(tmp_path) as shop:
        await shop.sell(2)
        shop.copy_disk("clone.db")
        clone = shop.clone("clone.db")
        await shop.sell(1)
        await shop.until_in_step()
        try:
            await clone.box_up()
            mine, theirs = await clone.sell(3), await shop.sell(4)
            assert mine.receipt == theirs.receipt.replace("3", "2")
            clone.start("sync")
            await until_doubted(clone, "switch the other off")
            # the shop's own box goes on, and both sell
            shop.done.append(await clone.sell(1))
            await shop.sell(2)
            await shop.until_in_step()
            assert {each["gen"] for each in shop.box_events()} == {1}
            assert mine.sale not in {sale for sale, *_ in await shop.office_sales()}
            assert mine.sale in {sale for sale, *_ in clone.box_sales()}
            twin = await clone.health("twin")
            assert twin is not None
            assert "Two boxes with one key" in twin["words"]
            assert await shop.health("twin") is None, "head office goes on with this one"
            # a person switches the first one off, which sells once more without a line
            shop.stop("sync")
            late = await shop.sell(2)
            shop.stop("edge")
            assert "as soon as it asks" in await asyncio.to_thread(shop.confirm_box)
            clone.stop("sync")  # or wait a minute until it asks again
            clone.start("sync")
            await until_mended(clone, 2)
            shop.done.append(mine)
            shop.done.remove(late)
            clone.done = shop.done
            await check_equal(clone)
            assert await clone.health("twin") is None
            # what that one sold last is on its disk alone, and is taken from there
            clone.stop("edge")
            await clone.salvage(shop.ledger)
            clone.done.append(late)
            await clone.box_up()
            await clone.until_in_step()
            await check_equal(clone)
            kinds = {alarm["kind"] for alarm in (await clone.store())["alarms"]}
            assert kinds == {"history_mended", "survivor_salvaged"}
        finally:
            for name in list(clone.running):
                clone.stop(name)


@pytest.mark.parametrize("seed", [1, 2])
async def test_whoever_is_killed_whenever_no_copy_is_suspected(tmp_path: Path, seed: int) -> None:
    """Ordinary life: processes die in the middle of keeping a token, again and again."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with fork_shop(tmp_path) as shop:
        await shop.sell(1)
        for _ in range(8):
            victims = chance.sample(["edge", "sync", "office"], chance.randint(1, 2))
            await asyncio.sleep(chance.random())
            for victim in victims:
                shop.stop(victim, signal.SIGKILL)
            for victim in victims:
                shop.start(victim)
        await shop.answers(shop.office)
        await shop.answers(shop.edge)
        await shop.sell(2)
        await shop.until_in_step()
        await check_equal(shop)
        assert (await shop.store())["alarms"] == []
        assert {each["gen"] for each in shop.box_events()} == {1}
        assert shop.ratchet.exists()


async def test_the_second_copy_follows_the_mended_history_by_itself(tmp_path: Path) -> None:
    """It had been in step with the disk that is lost, further than head office."""
    async with fork_shop(tmp_path) as shop:
        shop.start("keep")
        await shop.sell(2)
        shop.copy_disk("old.db")
        await shop.sell(1)
        await shop.until_in_step()
        await until_kept(shop)
        shop.stop("office", signal.SIGKILL)
        lost = await shop.sell(3)
        await until_kept(shop)
        shop.stop("sync")
        shop.stop("edge", signal.SIGKILL)
        shop.put_back("old.db")
        await shop.box_up()
        await shop.sell(4)
        shop.start("office")
        await shop.answers(shop.office)
        shop.start("sync")
        await until_mended(shop, 2)
        shop.stop("sync")  # or wait a minute until it asks the copy again that had turned it away
        shop.start("sync")
        await until_kept(shop)
        # only the second copy has what was sold last before the disk was lost, and it says so
        shop.done.remove(lost)
        await check_equal(shop)
        said = await asyncio.to_thread(shop.keep, "status")
        assert "generation 2" in said
        assert "are set aside as 1; sales among it may be nowhere else." in said
        out = tmp_path / "old.history"
        await asyncio.to_thread(shop.keep, "export", "--set-aside", "1", "--out", str(out))
        sales = [
            event.sale
            for frame in read_history(out).frames()
            for event in (unseal(body).event() for body in shop.bodies_of(frame))
            if isinstance(event, SaleCompleted)
        ]
        assert lost.sale in sales
        assert len(sales) == len(set(sales)) == 3
        await shop.sell(1)
        await until_kept(shop)


async def until_kept(shop: ForkShop) -> None:
    """Wait until the second copy has the newest sale of the box, in the box's own history."""

    async def attempt() -> bool | None:
        head = shop.kept_head()
        sold = [each["seq"] for each in shop.box_events() if each["type"] == "sale_completed"]
        return True if head and head[0] >= max(sold) and shop.box_hash(head[0]) == head[1] else None

    try:
        await eventually(attempt, what="the second copy has everything")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{shop.logs()}") from None
