"""What a box says ahead of its frames: shown at once, and held against the frames later."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.digest import Digest, DigestArticle, DigestTaking
from edge.contract.envelope import unseal
from edge.contract.replication import Ack, Denied
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import LineAdded, LineVoided
from edge.engine.digest_sums import DigestSums
from tests.sync.office.head_office import Box, Served, sale_events, serve

DAY = "2026-11-18"
CASH = DigestTaking(DAY, "EUR", "cash", 1510)


def digest_of(box: Box, after: int = 0) -> Digest:
    sums = DigestSums(after)
    for seq, body in enumerate(box.bodies, 1):
        sealed = unseal(body)
        sums.take(seq, sealed.day, sealed.event())
    return sums.digest(box.gen)


async def digest(served: Served) -> dict[str, Any]:
    status, body = await served.ask("GET", "/api/v1/stores/harbour-street/digest")
    assert status == 200, body
    found: dict[str, Any] = body
    return found


async def verdict(served: Served) -> str:
    for _ in range(500):
        found = await digest(served)
        if found["verdict"]:
            return str(found["verdict"])
        await asyncio.sleep(0.01)
    return ""


@pytest.fixture
def box() -> Box:
    box = Box()
    for number in range(5):
        box.sell(f"sale-{number}", 300 + number)
    return box


async def test_stock_and_takings_are_known_before_the_first_frame(tmp_path: Path, box: Box) -> None:
    async with serve(tmp_path, box) as served:
        assert (await served.ask("GET", "/api/v1/stores/harbour-street/digest"))[0] == 404
        async with served.session(box) as (line, _):
            await line.say(digest_of(box))
            while not (await served.store())["waiting_sales"]:
                await asyncio.sleep(0.01)
            store = await served.store()
            assert (store["waiting_sales"], store["accepted_seq"]) == (5, 0)
            found = await digest(served)
            assert found["takings"] == [
                {"day": DAY, "currency": "EUR", "kind": "cash", "amount_minor": 1510}
            ]
            assert found["articles"] == [{"sku": "100001", "quantity": 5000}]
            assert (found["verdict"], found["sales"]) == ("", 5)
            await line.upload(box.frame())
            assert await verdict(served) == "agrees"
            store = await served.store()
            assert (store["waiting_sales"], store["waiting_minor"], store["alarms"]) == (0, 0, [])


async def test_what_came_of_it_already_waits_no_more(tmp_path: Path, box: Box) -> None:
    async with serve(tmp_path, box) as served, served.session(box) as (line, _):
        await line.say(digest_of(box))
        await line.upload(box.frame(0, 10))
        while (await served.store())["projected_seq"] < 10:
            await asyncio.sleep(0.01)
        assert (await served.store())["waiting_sales"] == 3


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sales": 4}, "the box says sales 4, what came here adds up to 5"),
        ({"takings": ()}, "the box says 2026-11-18 EUR cash 0, what came here adds up to 1510"),
        (
            {
                "takings": (
                    DigestTaking(DAY, "EUR", "cash", 1510),
                    DigestTaking(DAY, "EUR", "card", 1),
                )
            },
            "EUR card 1, what came here adds up to 0",
        ),
        ({"articles": (DigestArticle("100001", 4000),)}, "the box says 100001 4000"),
    ],
)
async def test_a_difference_is_told_with_its_first_place(
    tmp_path: Path, box: Box, changed: dict[str, Any], words: str
) -> None:
    async with serve(tmp_path, box) as served, served.session(box) as (line, _):
        await line.say(msgspec.structs.replace(digest_of(box), **changed))
        await line.upload(box.frame())
        assert await verdict(served) == "differs"
        (alarm,) = (await served.store())["alarms"]
        assert alarm["kind"] == "digest_differs"
        assert words in alarm["words"]


async def test_of_articles_left_out_nothing_is_said(tmp_path: Path, box: Box) -> None:
    async with serve(tmp_path, box) as served, served.session(box) as (line, _):
        await line.say(msgspec.structs.replace(digest_of(box), articles=(), whole=False))
        await line.upload(box.frame())
        assert await verdict(served) == "agrees"


async def test_a_newer_digest_takes_the_place_of_an_older_one(tmp_path: Path, box: Box) -> None:
    async with serve(tmp_path, box) as served:
        async with served.session(box) as (line, _):
            await line.say(digest_of(box))
            await line.upload(box.frame())
            assert await verdict(served) == "agrees"
        after = len(box.bodies)
        box.sell("later")
        async with served.session(box) as (line, _):
            await line.say(digest_of(box, after))
            while (await digest(served))["after_seq"] != after:
                await asyncio.sleep(0.01)
            assert (await digest(served))["sales"] == 1
            await line.upload(box.frame(after))
            assert await verdict(served) == "agrees"


@pytest.mark.parametrize("changed", [{"gen": 2}, {"after": 30}])
async def test_a_digest_that_cannot_be_is_refused(
    tmp_path: Path, box: Box, changed: dict[str, Any]
) -> None:
    async with serve(tmp_path, box) as served, served.session(box) as (line, _):
        await line.say(msgspec.structs.replace(digest_of(box), **changed))
        assert (await line.hear(Denied)).code == "digest_misplaced"


async def test_a_digest_lost_with_its_line_leaves_nothing_behind(tmp_path: Path, box: Box) -> None:
    async with serve(tmp_path, box) as served:
        async with served.session(box) as (line, _):
            assert isinstance(await line.upload(box.frame()), Ack)
        assert (await served.ask("GET", "/api/v1/stores/harbour-street/digest"))[0] == 404
        assert (await served.ask("GET", "/api/v1/stores/nowhere/digest"))[0] == 404


async def test_voided_lines_and_goods_that_come_back_count_as_the_box_counts_them(
    tmp_path: Path,
) -> None:
    box = Box()
    opened, line_added, tendered, completed = sale_events("mixed")
    assert isinstance(line_added, LineAdded)
    box.record(
        opened,
        line_added,
        msgspec.structs.replace(line_added, line="2", sku="100002"),
        LineVoided(sale="mixed", line="2", reason=""),
        LineReturned(
            sale="mixed",
            line="3",
            sku="100003",
            name="Bottle",
            quantity=2000,
            price_minor=25,
            tax="reduced",
            rate_ppm=0,
            net_minor=50,
            tax_minor=0,
            gross_minor=50,
            reason="empty",
        ),
        tendered,
        completed,
    )
    said = digest_of(box)
    assert said.articles == (DigestArticle("100001", 1000), DigestArticle("100003", -2000))
    async with serve(tmp_path, box) as served, served.session(box) as (line, _):
        await line.say(said)
        await line.upload(box.frame())
        assert await verdict(served) == "agrees"
