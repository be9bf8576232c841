"""What every event store of head office keeps to, whatever it is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from edge.contract.envelope import GENESIS
from edge.contract.replication import Head
from sync.appending.event_store import Accepted, Conflict, EventStore
from tests.sync.office.head_office import Box

_START: Final = Head(1, 0, GENESIS.hex())


def _box() -> Box:
    box = Box()
    box.sell("a")
    box.sell("b")
    return box


def _at(box: Box, seq: int) -> Head:
    return Box(key=box.key, bodies=box.bodies[:seq]).head


async def keeps_what_follows(store: EventStore) -> None:
    box = _box()
    assert await store.head(1, 1) == _START
    first = await store.append(1, 1, 1, box.frame(0, 3), _START)
    assert first == Accepted(_at(box, 3))
    second = await store.append(1, 1, 4, box.frame(3), _at(box, 3))
    assert second == Accepted(box.head)
    assert await store.head(1, 1) == box.head
    frames = [
        frame
        for partition in store.partitions
        for frame in await store.read(partition, 0, frames_max=9)
    ]
    assert [frame.body for frame in frames] == [box.frame(0, 3), box.frame(3)]


async def refuses_another_expected_head(store: EventStore) -> None:
    box, other = _box(), _box()
    await store.append(1, 1, 1, box.frame(0, 3), _START)
    for wrong in (_START, _at(box, 2), Head(1, 3, "0" * 64), Head(2, 3, _at(box, 3).hash)):
        result = await store.append(1, 1, 4, other.frame(3), wrong)
        assert result == Conflict(_at(box, 3)), wrong
    assert await store.head(1, 1) == _at(box, 3)
    assert len(await store.read(store.partitions[0], 0, frames_max=9)) == 1


async def keeps_stores_apart(store: EventStore) -> None:
    box, far = _box(), Box(number=2)
    far.sell("far")
    await store.append(1, 1, 1, box.frame(), _START)
    await store.append(2, 1, 1, far.frame(), _START)
    assert await store.head(1, 1) == box.head
    assert await store.head(2, 1) == far.head


async def finds_the_frame_of_an_event(store: EventStore) -> None:
    box = _box()
    await store.append(1, 1, 1, box.frame(0, 3), _START)
    await store.append(1, 1, 4, box.frame(3), _at(box, 3))
    for seq, first, before in ((1, 1, _START), (3, 1, _START), (4, 4, _at(box, 3))):
        found = await store.frame_at(1, 1, seq)
        assert found is not None
        assert (found[0].hex(), found[1].first_seq) == (before.hash, first)
    assert await store.frame_at(1, 1, 9) is None


async def finds_the_frame_of_an_earlier_generation(store: EventStore) -> None:
    box = _box()
    await store.append(1, 1, 1, box.frame(0, 3), _START)
    old = box.head
    await store.append(1, 1, 4, box.frame(3), _at(box, 3))
    successor = Box(gen=2, bodies=list(box.bodies))
    successor.sell("c")
    last = len(successor.bodies)
    third = await store.append(1, 2, old.seq + 1, successor.frame(old.seq), old)
    assert third == Accepted(successor.head)
    assert await store.head(1, 2) == successor.head
    for seq, first, before in (
        (2, 1, _START),
        (old.seq, 4, _at(box, 3)),
        (old.seq + 1, old.seq + 1, old),
        (last, old.seq + 1, old),
    ):
        found = await store.frame_at(1, 2, seq)
        assert found is not None
        assert (found[0].hex(), found[1].first_seq) == (before.hash, first), seq
    assert await store.frame_at(1, 2, last + 1) is None
    assert await store.frame_at(1, 1, last) is None


LAWS: Final[tuple[Callable[[EventStore], Awaitable[None]], ...]] = (
    keeps_what_follows,
    refuses_another_expected_head,
    keeps_stores_apart,
    finds_the_frame_of_an_event,
    finds_the_frame_of_an_earlier_generation,
)
