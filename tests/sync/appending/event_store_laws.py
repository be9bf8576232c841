"""What every event store keeps to, whatever it is made of."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Final

import pytest

from edge.contract.envelope import GENESIS, link_all
from edge.contract.errors import ProtocolViolation, ReplicaFork
from edge.contract.replication import Head
from sync.appending.event_store import SEQ_MAX, Accepted, Conflict, EventStore, StoredFrame
from sync.appending.ingest import BoxIdentity, Ingest, Taken
from tests.sync.office.head_office import DICTIONARIES, Box

_START: Final = Head(1, 0, GENESIS.hex())


def _box(number: int = 1) -> Box:
    box = Box(number=number)
    box.sell("a")
    box.sell("b")
    return box


def _at(box: Box, seq: int) -> Head:
    return Box(key=box.key, bodies=box.bodies[:seq]).head


def _chain(box: Box, frames: int) -> list[tuple[Head, Head, bytes]]:
    """Let a box sell; return what each sale's frame expects, leads to, and is."""
    heads = [box.head]
    for number in range(frames):
        box.sell(f"sale-{number}")
        heads.append(box.head)
    return [(before, after, box.frame(before.seq, after.seq)) for before, after in pairwise(heads)]


async def _append(store: EventStore, box: Box, link: tuple[Head, Head, bytes]) -> object:
    before, _, frame = link
    return await store.append(box.number, box.gen, before.seq + 1, frame, before)


async def read_all(store: EventStore, partition: int, page: int = 1_000) -> list[StoredFrame]:
    """Read a partition in pages, as a projector does."""
    found: list[StoredFrame] = []
    cursor = 0
    while frames := await store.read(partition, cursor, frames_max=page):
        assert len(frames) <= page
        cursor = frames[-1].position
        found += frames
    return found


async def _all(store: EventStore) -> list[StoredFrame]:
    return [frame for partition in store.partitions for frame in await read_all(store, partition)]


def check_whole(frames: list[StoredFrame]) -> None:
    """Frames of one store follow each other without a gap, from its first event on."""
    assert [frame.first_seq for frame in frames] == [
        1,
        *(frame.last_seq + 1 for frame in frames[:-1]),
    ]


# --- one store ----------------------------------------------------------------------------


async def begins_with_nothing(store: EventStore) -> None:
    assert await store.head(7, 3) == Head(3, 0, GENESIS.hex())
    assert await store.settled(7) == 0
    assert await store.frame_at(7, 3, 1) is None
    for partition in store.partitions:
        assert await store.read(partition, 0, frames_max=9) == []
        assert await store.newest(partition) == 0


async def keeps_what_follows(store: EventStore) -> None:
    box = _box()
    assert await store.head(1, 1) == _START
    first = await store.append(1, 1, 1, box.frame(0, 3), _START)
    assert first == Accepted(_at(box, 3))
    second = await store.append(1, 1, 4, box.frame(3), _at(box, 3))
    assert second == Accepted(box.head)
    assert await store.head(1, 1) == box.head
    frames = await _all(store)
    assert [frame.body for frame in frames] == [box.frame(0, 3), box.frame(3)]
    assert [(each.store, each.gen, each.first_seq, each.last_seq) for each in frames] == [
        (1, 1, 1, 3),
        (1, 1, 4, 8),
    ]
    assert await store.settled(1) == 0  # nothing is, before history is archived


async def keeps_large_frames_byte_for_byte(store: EventStore) -> None:
    box = Box()
    chance = random.Random(5)
    box.bodies.append(b'{"noise":"' + chance.randbytes(200_000).hex().encode() + b'"}')
    frame = box.frame()
    assert len(frame) > 100_000
    await store.append(1, 1, 1, frame, _START)
    assert [each.body for each in await _all(store)] == [frame]


async def refuses_another_expected_head(store: EventStore) -> None:
    box, other = _box(), _box()
    await store.append(1, 1, 1, box.frame(0, 3), _START)
    for wrong in (_START, _at(box, 2), Head(1, 3, "0" * 64), Head(2, 3, _at(box, 3).hash)):
        result = await store.append(1, 1, 4, other.frame(3), wrong)
        assert result == Conflict(_at(box, 3)), wrong
    assert await store.head(1, 1) == _at(box, 3)
    assert len(await _all(store)) == 1
    # and for a store that never sent anything
    far = _box(2)
    assert await store.append(2, 1, 4, far.frame(3), _at(far, 3)) == Conflict(_START)
    assert await store.head(2, 1) == _START


async def takes_a_generation_up_behind_the_one_before(store: EventStore) -> None:
    box = _box()
    await store.append(1, 1, 1, box.frame(0, 3), _START)
    later = Box(gen=2, key=box.key, bodies=box.bodies)
    assert await store.append(1, 2, 4, later.frame(3), _START) == Conflict(_at(box, 3))
    assert await store.append(1, 2, 4, later.frame(3), _at(box, 3)) == Accepted(later.head)
    assert await store.head(1, 1) == later.head == await store.head(1, 2)
    found = await store.frame_at(1, 2, 5)
    assert found is not None
    assert found[1].gen == 2
    assert await store.frame_at(1, 1, 5) is None


async def refuses_a_place_that_is_taken_and_that_frame_alone(store: EventStore) -> None:
    home = store.partition_of(1)
    same = (number for number in range(2, 999) if store.partition_of(number) == home)
    box, far = _box(), _box(next(same))
    await store.append(1, 1, 1, box.frame(0, 3), _START)
    await store.append(1, 2, 4, Box(gen=2, key=box.key, bodies=box.bodies).frame(3), _at(box, 3))
    head = await store.head(1, 2)
    links = _chain(far, 1)  # in the same partition, and so in the same commit
    first = (Head(1, 0, GENESIS.hex()), _at(far, 8), far.frame(0, 8))
    results = await asyncio.gather(
        _append(store, far, first),
        store.append(1, 1, 1, box.frame(0, 3), head),
        _append(store, far, links[0]),
        return_exceptions=True,
    )
    assert results[0] == Accepted(_at(far, 8))
    assert isinstance(results[1], ProtocolViolation)
    assert results[1].code == "frame_place_taken"
    assert results[2] == Accepted(far.head)
    assert await store.head(1, 2) == head


async def refuses_a_seq_past_all_counting(store: EventStore) -> None:
    box = _box()
    frame = box.frame(0, 3, first_seq=SEQ_MAX - 1)
    with pytest.raises(ProtocolViolation):
        await store.append(1, 1, SEQ_MAX - 1, frame, _START)
    assert await store.head(1, 1) == _START
    assert await store.append(1, 1, 1, box.frame(), _START) == Accepted(box.head)


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


# --- many stores --------------------------------------------------------------------------


async def reads_a_mended_history_through_its_generations(store: EventStore) -> None:
    """A box got its history back twice: each event is found, and each other branch told."""
    box = _box()
    old = box.head
    await store.append(1, 1, 1, box.frame(0, 3), _START)
    await store.append(1, 1, 4, box.frame(3), _at(box, 3))
    whole, before = list(box.bodies), old
    for gen in (2, 3):
        mended = Box(gen=gen, key=box.key, bodies=whole)
        mended.sell(f"in-{gen}")
        cut = before.seq + 2
        middle = Head(gen, cut, link_all(GENESIS, whole[:cut]).hex())
        frames = (mended.frame(before.seq, cut), before), (mended.frame(cut), middle)
        for frame, expected in frames:
            first = expected.seq + 1
            done = await store.append(1, gen, first, frame, expected)
            assert isinstance(done, Accepted), (gen, first, done)
        before = mended.head
    identity = BoxIdentity(1, box.store, 3, box.key.public.hex)
    ingest = Ingest(identity, store, DICTIONARIES)
    assert await ingest.open() == before
    for seq in range(len(whole) + 1):
        assert await ingest.hash_at(seq) == link_all(GENESIS, whole[:seq]), seq
    assert await ingest.hash_at(len(whole) + 1) is None
    # the copy that went on behind an old head, in any generation that there was
    for gen in (1, 2):
        for seq in (6, old.seq):
            copy = Box(gen=gen, key=box.key, bodies=whole[:seq])
            copy.sell("otherwise")
            with pytest.raises((ReplicaFork, ProtocolViolation)):
                await ingest.take([copy.frame(seq)])
    # sent again, frame by frame or cut otherwise, nothing changes
    again = Box(gen=3, key=box.key, bodies=whole)
    assert await ingest.take([box.frame(0, 5), again.frame(len(whole) - 2)]) == Taken(before, 0)
    assert await store.head(1, 3) == before


async def keeps_stores_apart(store: EventStore) -> None:
    box, far = _box(), Box(number=2)
    far.sell("far")
    await store.append(1, 1, 1, box.frame(), _START)
    await store.append(2, 1, 1, far.frame(), _START)
    assert await store.head(1, 1) == box.head
    assert await store.head(2, 1) == far.head


async def has_each_store_in_one_partition(store: EventStore) -> None:
    boxes = [Box(number=number) for number in (1, 2, 3, 40, 1_000, 4_294_967_295)]
    for box in boxes:
        for link in _chain(box, 2):
            assert await _append(store, box, link) == Accepted(link[1])
    for box in boxes:
        assert store.partition_of(box.number) in store.partitions
        found = [
            partition
            for partition in store.partitions
            for frame in await read_all(store, partition)
            if frame.store == box.number
        ]
        assert found == [store.partition_of(box.number)] * 2
    for nowhere in (-1, store.partitions.stop):
        with pytest.raises(ValueError, match="no partition"):
            await store.read(nowhere, 0, frames_max=1)
        with pytest.raises(ValueError, match="no partition"):
            await store.newest(nowhere)


async def reads_in_order_of_arrival_page_by_page(store: EventStore) -> None:
    chance = random.Random(11)
    boxes = {number: Box(number=number) for number in (1, 2, 9, 17, 18)}
    todo = [
        (number, link)
        for number, box in boxes.items()
        for link in _chain(box, chance.randint(1, 6))
    ]
    arrived: list[tuple[int, int]] = []
    waiting = {number: [link for each, link in todo if each == number] for number in boxes}
    while any(waiting.values()):
        number = chance.choice([number for number, links in waiting.items() if links])
        link = waiting[number].pop(0)
        assert await _append(store, boxes[number], link) == Accepted(link[1])
        arrived.append((number, link[1].seq))
    for partition in store.partitions:
        for page in (1, 2, 1_000):
            frames = await read_all(store, partition, page)
            assert [(frame.store, frame.last_seq) for frame in frames] == [
                each for each in arrived if store.partition_of(each[0]) == partition
            ]
            positions = [frame.position for frame in frames]
            assert positions == sorted(set(positions))
        newest = await store.newest(partition)
        assert newest == (positions[-1] if positions else 0)
        assert await store.read(partition, newest, frames_max=9) == []


# --- at once ------------------------------------------------------------------------------


async def takes_appends_of_one_store_at_once_in_their_order(store: EventStore) -> None:
    box = Box()
    links = _chain(box, 40)
    results = await asyncio.gather(*(_append(store, box, link) for link in links))
    assert results == [Accepted(after) for _, after, _ in links]
    assert await store.head(1, 1) == box.head
    check_whole(await _all(store))


async def takes_appends_of_many_stores_at_once(store: EventStore) -> None:
    boxes = [Box(number=number) for number in range(1, 14)]
    chains = {box.number: _chain(box, 4) for box in boxes}
    everything = [(box, link) for step in range(4) for box in boxes for link in
                  chains[box.number][step : step + 1]]  # fmt: skip
    results = await asyncio.gather(*(_append(store, box, link) for box, link in everything))
    assert results == [Accepted(link[1]) for _, link in everything]
    frames = await _all(store)
    assert len(frames) == len(everything)
    for box in boxes:
        assert await store.head(box.number, 1) == box.head
        check_whole([frame for frame in frames if frame.store == box.number])


async def takes_one_of_rivals_and_tells_the_others_of_it(store: EventStore) -> None:
    rivals = [_box() for _ in range(6)]
    for number, box in enumerate(rivals):
        box.sell(f"of rival {number}")
    results = await asyncio.gather(*(store.append(1, 1, 1, box.frame(), _START) for box in rivals))
    won = [index for index, result in enumerate(results) if isinstance(result, Accepted)]
    assert len(won) == 1
    winner = rivals[won[0]]
    assert [each for each in results if isinstance(each, Conflict)] == [Conflict(winner.head)] * 5
    assert [frame.body for frame in await _all(store)] == [winner.frame()]


async def hides_nothing_from_a_reader_who_follows(store: EventStore) -> None:
    """A position that becomes visible late would be behind the cursor for good."""
    boxes = [Box(number=number) for number in range(1, 9)]
    chains = {box.number: _chain(box, 12) for box in boxes}
    seen: list[tuple[int, int]] = []
    done = False

    async def follow(partition: int) -> None:
        cursor = 0
        while True:
            last = done
            frames = await store.read(partition, cursor, frames_max=3)
            for frame in frames:
                assert frame.position > cursor
                cursor = frame.position
                seen.append((frame.store, frame.last_seq))
            if last and not frames:
                return
            await asyncio.sleep(0)

    async def sell(box: Box) -> None:
        for link in chains[box.number]:
            assert await _append(store, box, link) == Accepted(link[1])

    readers = [asyncio.create_task(follow(partition)) for partition in store.partitions]
    await asyncio.gather(*(sell(box) for box in boxes))
    done = True
    await asyncio.gather(*readers)
    assert sorted(seen) == sorted(
        (number, link[1].seq) for number, chain in chains.items() for link in chain
    )


# --- callers that go away -----------------------------------------------------------------


async def outlives_callers_that_are_cancelled(store: EventStore) -> None:
    """Whatever became of a frame whose caller went away, the head says so, and it goes on."""
    for turns in (0, 1, 2, 5, 20):
        box = Box(number=100 + turns)
        links = _chain(box, 6)
        callers = [asyncio.create_task(_append(store, box, link)) for link in links[:4]]
        for _ in range(turns):
            await asyncio.sleep(0)
        for caller in callers[1:3]:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        head = await store.head(box.number, 1)
        for link in links:
            if link[0].seq >= head.seq:
                assert await _append(store, box, link) == Accepted(link[1])
            else:  # it is there, and asked for again it changes nothing
                assert isinstance(await _append(store, box, link), Conflict)
                assert await store.frame_at(box.number, 1, link[1].seq) is not None
            head = await store.head(box.number, 1)
        assert head == box.head
        check_whole([frame for frame in await _all(store) if frame.store == box.number])


async def keeps_the_tail_of_a_frame_that_was_cut_elsewhere(store: EventStore) -> None:
    """It begins with events that are there: what is new of it begins behind the head."""
    box = _box()
    await store.append(1, 1, 1, box.frame(0, 3), _START)
    tail = box.frame(1, 5)
    assert await store.append(1, 1, 4, tail, _at(box, 3)) == Accepted(_at(box, 5))
    await store.append(1, 1, 6, box.frame(5), _at(box, 5))
    for seq, first, before in (
        (3, 1, _START),
        (4, 4, _at(box, 3)),
        (5, 4, _at(box, 3)),
        (6, 6, _at(box, 5)),
    ):
        found = await store.frame_at(1, 1, seq)
        assert found is not None
        assert (found[0].hex(), found[1].first_seq) == (before.hash, first), seq
    found = await store.frame_at(1, 1, 4)
    assert found is not None
    assert found[1].body == tail


async def settles_what_there_is_and_takes_nothing_back(store: EventStore) -> None:
    one, other = _box(), _box(2)
    for box in (one, other):
        await store.append(box.number, 1, 1, box.frame(0, 5), _START)
    await store.settle({})
    await store.settle({1: 3, 7: 9})
    assert [await store.settled(number) for number in (1, 2, 7)] == [3, 0, 0]
    await store.settle({1: 2, 2: 5})
    assert [await store.settled(number) for number in (1, 2)] == [3, 5]
    await store.settle({1: 99})
    assert await store.settled(1) == 5, "more than there is cannot be archived"
    await store.append(1, 1, 6, one.frame(5), _at(one, 5))
    assert await store.settled(1) == 5


LAWS: Final[tuple[Callable[[EventStore], Awaitable[None]], ...]] = (
    begins_with_nothing,
    keeps_what_follows,
    keeps_large_frames_byte_for_byte,
    refuses_another_expected_head,
    takes_a_generation_up_behind_the_one_before,
    refuses_a_place_that_is_taken_and_that_frame_alone,
    refuses_a_seq_past_all_counting,
    finds_the_frame_of_an_event,
    finds_the_frame_of_an_earlier_generation,
    reads_a_mended_history_through_its_generations,
    keeps_stores_apart,
    has_each_store_in_one_partition,
    reads_in_order_of_arrival_page_by_page,
    takes_appends_of_one_store_at_once_in_their_order,
    takes_appends_of_many_stores_at_once,
    takes_one_of_rivals_and_tells_the_others_of_it,
    hides_nothing_from_a_reader_who_follows,
    outlives_callers_that_are_cancelled,
    keeps_the_tail_of_a_frame_that_was_cut_elsewhere,
    settles_what_there_is_and_takes_nothing_back,
)
