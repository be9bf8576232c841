"""What a box holds of its price books: passed on unread, when it is news, and never in the way."""

from __future__ import annotations

from edge.contract.book_readiness import BOOKS_READY
from edge.contract.limits import BACKOFF_MS_MAX
from tests.sync.replicator.shop import Shop, until

FIRST = b'{"msg":"books_ready","books":[],"what a newer edge says":[1,2,3]}'
SECOND = b'{"msg":"books_ready","books":[1]}'


async def restarted(shop: Shop, books: list[tuple[str, bytes]] | None) -> None:
    await shop.edge.stop()
    shop.edge.books = books
    await shop.edge.start()


async def test_it_is_said_once_and_again_when_it_is_something_else(shop: Shop) -> None:
    await restarted(shop, [("a", FIRST)])
    assert shop.edge.books is not None
    shop.office.hears = (BOOKS_READY, "something newer")
    async with shop.replicating():
        await until(lambda: shop.office.books == [FIRST])
        await until(lambda: shop.edge.books_asked[-2:] == ["a", "a"])
        shop.edge.books.append(("b", SECOND))
        await until(lambda: shop.office.books == [FIRST, SECOND])
    assert shop.edge.books_asked[0] == ""
    # each session begins from nothing: head office may have been restored
    async with shop.replicating():
        await until(lambda: shop.office.books == [FIRST, SECOND, SECOND])


async def test_an_office_that_does_not_hear_it_is_told_nothing(shop: Shop) -> None:
    await restarted(shop, [("a", FIRST)])  # the fake office fails at what it was not asked for
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    assert shop.edge.books_asked == []
    assert len(shop.office.hellos) == 1


async def test_an_edge_that_tells_no_such_thing_is_asked_once(shop: Shop) -> None:
    await restarted(shop, None)
    shop.office.hears = (BOOKS_READY,)
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step and bool(shop.lines("books_refused")))
        shop.edge.sell(1)
        await until(lambda: shop.in_step)
    assert len(shop.lines("books_refused")) == len(shop.office.hellos) == 1


async def test_an_answer_that_cannot_be_read_stops_no_sale(shop: Shop) -> None:
    await restarted(shop, [("a", b"{")])
    shop.office.hears = (BOOKS_READY,)
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step and len(shop.lines("books_unanswered")) > 1)
        assert BACKOFF_MS_MAX / 1000 in shop.clock.slept
    assert len(shop.office.hellos) == 1
