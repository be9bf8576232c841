"""A box that is put back to an older copy of its disk: every sale there once, whatever happened.

Real processes. The tills' "done" is what counts: head office, the box and these are compared.
"""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from tests.whole_shop.demo_shop import eventually
from tests.whole_shop.fork_shop import ForkShop, fork_shop

pytestmark = [pytest.mark.whole_shop, pytest.mark.timeout(240)]


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


async def check_equal(shop: ForkShop) -> None:
    assert await shop.office_sales() == shop.told()
    assert shop.box_sales() == shop.told()
    verdict = shop.verify()
    assert verdict["whole"], verdict
    for each in (shop.ledger.parent / "set-aside").glob("*.db"):
        assert shop.verify(each)["whole"]
    store = await shop.store()
    assert store["quarantined"] == 0


@pytest.mark.parametrize("seed", [1, 2])
async def test_put_back_to_any_copy_every_sale_is_there_once(tmp_path: Path, seed: int) -> None:
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
            shop.put_back(f"{chance.randrange(3)}.db")
            await shop.box_up()
            given = {each.receipt for each in shop.done}
            for _ in range(chance.randint(1, 3)):
                done = await shop.sell(chance.randint(1, 4))
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
