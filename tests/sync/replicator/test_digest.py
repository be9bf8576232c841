"""The sums that go ahead of all frames: passed on unread, and never in the way."""

from __future__ import annotations

import pytest

from edge.contract.digest import DIGEST
from tests.sync.replicator.shop import Shop, until

SUMS = b'{"msg":"digest","gen":1,"what a newer edge says":[1,2,3]}'


async def restarted(shop: Shop, digest: bytes | None) -> None:
    await shop.edge.stop()
    shop.edge.digest = digest
    await shop.edge.start()


async def test_it_comes_with_the_introduction_as_the_bytes_it_is(shop: Shop) -> None:
    await restarted(shop, SUMS)
    shop.office.hears_at_once = (DIGEST, "something newer")
    shop.office.waits_for_digest = True
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    assert shop.office.digests == [SUMS]


async def test_an_office_that_does_not_hear_it_is_told_nothing(shop: Shop) -> None:
    await restarted(shop, SUMS)  # the fake office fails at a message that it does not know
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    assert len(shop.office.hellos) == 1


@pytest.mark.parametrize("digest", [None, b""])
async def test_an_edge_that_has_none_is_no_reason_to_send_nothing(
    shop: Shop, digest: bytes | None
) -> None:
    await restarted(shop, digest)
    shop.office.hears_at_once = (DIGEST,)
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    assert len(shop.lines("no_digest")) == (digest is None)
    assert len(shop.office.hellos) == 1
