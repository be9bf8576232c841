"""A box in another one's place: it sends what that one could not, and then its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edge.contract.replication import Denied
from edge.contract.system_events import GenerationOpened
from tests.sync.office.head_office import Box, Served, serve
from tests.sync.office.test_mending import line as mending_line

PATH = "/api/v1/stores/harbour-street/box"


def successor(old: Box, upto: int | None = None, gen: int = 2) -> Box:
    """A new box with a new key that was rebuilt from a copy of the old one's history."""
    bodies = old.bodies[:upto]
    head = Box(old.store, old.number, old.gen, old.key, bodies).head
    box = Box(old.store, old.number, gen, bodies=list(bodies))
    box.record(
        GenerationOpened(
            parent_gen=old.gen, parent_seq=head.seq, parent_hash=head.hash, source="keeper"
        ),
        actor="",
    )
    return box


def frames_of(box: Box, after: int, opened: int) -> list[bytes]:
    """Frames behind a seq, cut where the generation was opened, all signed by the new box."""
    tail = box.frame(after, opened, gen=1) if after < opened else b""
    return [each for each in (tail, box.frame(max(after, opened))) if each]


async def replace(served: Served, box: Box, **changed: Any) -> tuple[int, Any]:
    body = {"box_key": box.key.public.hex, "gen": box.gen, **changed}
    return await served.ask("PUT", PATH, body)


@pytest.fixture
def old() -> Box:
    box = Box()
    for number in range(6):
        box.sell(f"sale-{number}")
    return box


async def sales(served: Served, count: int) -> list[str]:
    for _ in range(500):
        found = [sale["sale_id"] for sale in await served.sales()]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.01)
    return found


async def test_every_sale_of_the_burnt_box_and_of_the_new_one_is_here_once(
    tmp_path: Path, old: Box
) -> None:
    async with serve(tmp_path, old) as served:
        async with served.session(old) as (line, _):
            await line.upload(old.frame(0, 10))
        new = successor(old)
        new.sell("later")
        assert (await replace(served, new))[0] == 200
        async with served.session(new) as (line, welcome):
            assert welcome.head.seq == 10
            for frame in frames_of(new, 10, len(old.bodies)):
                ack = await line.upload(frame)
            assert ack.accepted == new.head
        assert sorted(await sales(served, 7)) == ["later", *(f"sale-{n}" for n in range(6))]
        store = await served.store()
        assert (store["quarantined"], store["alarms"]) == (0, [])
        # sent once more, over the border and with each key of its time: nothing changes
        async with served.session(new) as (line, _):
            await line.upload(new.frame(4, 12, gen=1))
            await line.upload(new.frame(len(old.bodies)))
        assert len(await sales(served, 7)) == 7


async def test_the_old_box_is_let_in_no_more(tmp_path: Path, old: Box) -> None:
    async with serve(tmp_path, old) as served:
        async with served.session(old) as (line, _):
            await line.upload(old.frame(0, 10))
            new = successor(old)
            assert (await replace(served, new))[0] == 200
            denied = await line.hear(Denied)
            assert denied.code == "box_replaced"
        for _ in range(2):
            async with served.line(old) as line:
                denied = await line.hear(Denied)
            assert denied.code == "box_replaced"
            assert "do not erase its disk" in denied.message
        (alarm,) = (await served.store())["alarms"]
        assert (alarm["kind"], alarm["count"]) == ("late_survivor", 1)
        for words in ("generation 1 calls again", "is in generation 2", "ends at event 24"):
            assert words in alarm["words"]
        # who only says that he is it, and proves nothing, hears nothing of that
        async with served.line(old, signer=new.key) as line:
            assert (await line.hear(Denied)).code == "proof_wrong"
        # its history is not for it either: it is in no generation any more
        async with mending_line(served, old) as asking:
            assert (await asking.hear()).code == "box_replaced"
        stranger = Box(old.store)
        async with served.line(stranger) as line:
            assert (await line.hear(Denied)).code == "box_not_registered"


async def test_a_new_box_without_what_head_office_has_is_a_fork(tmp_path: Path, old: Box) -> None:
    async with serve(tmp_path, old) as served:
        async with served.session(old) as (line, _):
            await line.upload(old.frame(0, 16))
        new = successor(old, upto=12)
        new.sell("a")
        new.sell("b")
        await replace(served, new)
        async with served.session(new) as (line, _):
            await line.send(*frames_of(new, 16, 12))
            assert (await line.hear(Denied)).code == "fork"
        (alarm,) = (await served.store())["alarms"]
        assert alarm["kind"] == "fork"


async def test_no_frame_of_the_old_generation_follows_the_new_one(tmp_path: Path, old: Box) -> None:
    async with serve(tmp_path, old) as served:
        new = successor(old)
        await replace(served, new)
        async with served.session(new) as (line, _):
            for frame in frames_of(new, 0, len(old.bodies)):
                await line.upload(frame)
            new.sell("more")
            await line.send(new.frame(len(new.bodies) - 4, gen=1))
            assert (await line.hear(Denied)).code == "frame_of_other_generation"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"gen": 1}, 422, "wrong_shape"),
        ({"box_key": "zz"}, 422, "wrong_shape"),
        ({"gen": 4, "box_key": "old"}, 409, "generation_taken"),
    ],
)
async def test_a_box_that_cannot_take_over_is_refused(
    tmp_path: Path, old: Box, changed: dict[str, Any], status: int, code: str
) -> None:
    if changed.get("box_key") == "old":
        changed = {**changed, "box_key": old.key.public.hex}
    async with serve(tmp_path, old) as served:
        answer, body = await replace(served, successor(old), **changed)
        assert (answer, body["code"]) == (status, code)
        assert (
            await served.ask(
                "PUT", PATH.replace("harbour-street", "nowhere"), {"box_key": "ab" * 32, "gen": 2}
            )
        )[0] == 404


async def test_a_box_that_was_replaced_never_takes_the_place_again(
    tmp_path: Path, old: Box
) -> None:
    async with serve(tmp_path, old) as served:
        new = successor(old)
        assert (await replace(served, new))[0] == 200
        status, body = await replace(served, successor(old, gen=3), box_key=old.key.public.hex)
        assert (status, body["code"]) == (409, "box_replaced")
        assert "tillbox salvage" in body["advice"]
        async with served.session(new):
            pass  # nothing has changed


async def test_told_twice_it_is_the_same(tmp_path: Path, old: Box) -> None:
    async with serve(tmp_path, old) as served:
        new = successor(old)
        first, second = await replace(served, new), await replace(served, new)
        assert first == second == (200, {"box_key": new.key.public.hex, "gen": 2})
        assert (await replace(served, successor(old, gen=2)))[1]["code"] == "generation_taken"
