"""Whose backlog comes up: in order, in slices, and never in the way of a live sale."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from edge.contract.limits import (
    BULK_BATCHES_AT_ONCE_MAX,
    FRAMES_QUEUED_BYTES_MAX,
    LIVE_BATCH_RAW_BYTES_MAX,
    UPLOAD_LAG_BYTES_MAX,
    UPLOAD_LAG_PAUSE_MS,
    UPLOAD_QUIET_MS,
    UPLOAD_SLICE_FRAMES,
    UPLOAD_TAIL_EVENTS_MAX,
    UPLOADS_AT_ONCE_MAX,
)
from edge.contract.replication import HEADER_BYTES, FrameHeader
from sync.appending.denial import DeniedError
from sync.office.upload_turns import TurnIntake, Upload, UploadTurns
from tests.virtual_time import FakeClock

DAY = 9_000


def frame_of(raw_len: int, size: int) -> bytes:
    """A frame as far as its header tells; a backlog of 256 kB has 13 kB on the line."""
    return FrameHeader(1, 1, 1, 9, 1, raw_len, bytes(32)).pack() + bytes(size - HEADER_BYTES)


BULK = frame_of(LIVE_BATCH_RAW_BYTES_MAX + 1, 5_000)
LIVE = frame_of(LIVE_BATCH_RAW_BYTES_MAX // 4, 5_000)


class Office:
    """Turns with a clock that stands still; `told` is what each box was told so far."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.turns = UploadTurns(self.clock)

    def behind(self, upto: int = DAY) -> Upload:
        return self.turns.enter(here=0, upto=upto, hears_budget=True)

    async def pass_ms(self, passed_ms: int) -> None:
        self.clock.elapsed_ms += passed_ms
        self.turns._news.set()
        await settle()

    async def send(self, upload: Upload, frames: int, *, head: int) -> None:
        """Frames come and are taken, one after the other; the last one leads to `head`."""
        intake = TurnIntake(self.turns, upload)
        for left in reversed(range(frames)):
            intake.came(BULK)
            async with intake.room([BULK]):
                pass
            intake.taken(head - left, [BULK])
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def told(upload: Upload) -> list[int | None]:
    """What a box was told and has not heard yet."""
    return list(upload._grants)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    office = Office()
    task = asyncio.create_task(office.turns.run())
    await settle()
    yield office
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_box_in_step_waits_for_nobody(office: Office) -> None:
    for _ in range(50):
        office.behind()
    tail = office.turns.enter(here=100, upto=100 + UPLOAD_TAIL_EVENTS_MAX, hears_budget=True)
    ahead = office.turns.enter(here=100, upto=99, hears_budget=True)
    assert (tail.budget, tail.is_paced) == (ahead.budget, ahead.is_paced) == (None, False)


async def test_a_backlog_waits_from_the_first_event_over_a_tail(office: Office) -> None:
    box = office.turns.enter(here=100, upto=101 + UPLOAD_TAIL_EVENTS_MAX, hears_budget=True)
    assert (box.budget, box.is_paced) == (0, True)


async def test_a_box_that_knows_no_budgets_is_given_none(office: Office) -> None:
    box = office.turns.enter(here=0, upto=DAY, hears_budget=False)
    await settle()
    assert (box.budget, box.is_paced, told(box)) == (None, False, [])
    await office.send(box, 40, head=DAY)
    assert told(box) == []


async def test_turns_are_given_in_order_and_few_at_once(office: Office) -> None:
    boxes = [office.behind() for _ in range(UPLOADS_AT_ONCE_MAX + 2)]
    await settle()
    first, rest = boxes[:UPLOADS_AT_ONCE_MAX], boxes[UPLOADS_AT_ONCE_MAX:]
    assert [told(box) for box in first] == [[UPLOAD_SLICE_FRAMES]] * UPLOADS_AT_ONCE_MAX
    assert [told(box) for box in rest] == [[], []]
    assert office.turns.waiting == 2
    await office.send(first[2], 9, head=DAY)
    assert told(first[2]) == [UPLOAD_SLICE_FRAMES, None]
    assert [told(box) for box in rest] == [[UPLOAD_SLICE_FRAMES], []]


async def test_weeks_of_one_shop_take_several_turns_behind_the_others(office: Office) -> None:
    boxes = [office.behind(upto=1_000_000) for _ in range(UPLOADS_AT_ONCE_MAX + 3)]
    await settle()
    weeks = boxes[0]
    await office.send(weeks, UPLOAD_SLICE_FRAMES - 1, head=100)
    assert told(boxes[UPLOADS_AT_ONCE_MAX]) == [], "its turn ended before its slice did"
    await office.send(weeks, 1, head=101)
    assert told(boxes[UPLOADS_AT_ONCE_MAX]) == [UPLOAD_SLICE_FRAMES]
    assert told(weeks) == [UPLOAD_SLICE_FRAMES], "it has another turn while others wait"
    for other in boxes[1:3]:
        await office.send(other, UPLOAD_SLICE_FRAMES, head=101)
    assert told(weeks) == [UPLOAD_SLICE_FRAMES]
    await office.send(boxes[3], UPLOAD_SLICE_FRAMES, head=101)
    assert told(weeks) == [UPLOAD_SLICE_FRAMES] * 2


async def test_a_slow_line_keeps_nobody_else_from_its_turn(office: Office) -> None:
    slow = [office.behind() for _ in range(UPLOADS_AT_ONCE_MAX)]
    waiting = office.behind()
    await settle()
    await office.pass_ms(UPLOAD_QUIET_MS)
    assert told(waiting) == []
    office.turns.came(slow[0], BULK)  # and it is not taken yet: that is head office's fault
    await office.pass_ms(1)
    assert told(waiting) == [UPLOAD_SLICE_FRAMES]
    assert told(slow[0]) == [UPLOAD_SLICE_FRAMES], "what was allowed stays allowed, once"


async def test_frames_that_wait_in_memory_keep_a_turn_busy(office: Office) -> None:
    boxes = [office.behind() for _ in range(UPLOADS_AT_ONCE_MAX)]
    for box in boxes:
        office.turns.came(box, BULK)
    waiting = office.behind()
    await office.pass_ms(10 * UPLOAD_QUIET_MS)
    assert told(waiting) == []


async def test_a_box_that_goes_frees_its_turn_and_its_place(office: Office) -> None:
    boxes = [office.behind() for _ in range(UPLOADS_AT_ONCE_MAX + 2)]
    await settle()
    office.turns.leave(boxes[-2])
    office.turns.leave(boxes[0])
    await settle()
    assert [told(box) for box in boxes[-2:]] == [[], [UPLOAD_SLICE_FRAMES]]
    assert office.turns.waiting == 0


async def test_behind_a_projector_that_lags_turns_are_rare_and_never_none(office: Office) -> None:
    box = office.behind()
    await settle()
    assert told(box) == [UPLOAD_SLICE_FRAMES]
    office.turns.taken(office.turns.enter(here=0, upto=0, hears_budget=True), 1, 2**30)
    one, two = office.behind(), office.behind()
    await office.pass_ms(UPLOAD_LAG_PAUSE_MS - 1)
    assert told(one) == []
    await office.pass_ms(1)
    assert (told(one), told(two)) == ([UPLOAD_SLICE_FRAMES], [])
    office.turns.projected(2**30 - UPLOAD_LAG_BYTES_MAX)
    await office.pass_ms(1)
    assert told(two) == [UPLOAD_SLICE_FRAMES]


async def test_nothing_left_to_project_is_no_lag(office: Office) -> None:
    office.turns.taken(office.turns.enter(here=0, upto=0, hears_budget=True), 1, 5_000)
    office.turns.projected(4_000)
    assert office.turns.lag_bytes == 1_000
    office.turns.projected(0)
    assert office.turns.lag_bytes == 0


async def test_a_live_sale_passes_all_backlogs(office: Office) -> None:
    box = office.turns.enter(here=0, upto=0, hears_budget=True)
    async with AsyncExitStack() as stack:
        for _ in range(BULK_BATCHES_AT_ONCE_MAX):
            await stack.enter_async_context(office.turns.room(box, [BULK]))
        bulk = asyncio.create_task(enter(office, box, [LIVE] * 3 + [BULK]))
        live = asyncio.create_task(enter(office, box, [LIVE] * 4))
        await settle()
        assert (bulk.done(), live.done()) == (False, True)
    await settle()
    assert bulk.done()


async def enter(office: Office, box: Upload, batch: list[bytes]) -> None:
    async with TurnIntake(office.turns, box).room(batch):
        pass


async def test_memory_is_bounded_over_all_boxes_and_live_sales_fit(office: Office) -> None:
    frame = frame_of(262_144, 500_000)
    boxes = [office.turns.enter(here=0, upto=DAY, hears_budget=False) for _ in range(200)]
    came = FRAMES_QUEUED_BYTES_MAX // len(frame)
    for box in boxes[:came]:
        office.turns.came(box, frame)
    with pytest.raises(DeniedError) as refused:
        office.turns.came(boxes[came], frame)
    assert refused.value.code == "busy"
    office.turns.came(boxes[-1], LIVE)
    assert office.turns.queued_bytes == came * len(frame) + len(LIVE)
    await enter(office, boxes[0], [frame])
    office.turns.came(boxes[-1], frame)


async def test_what_a_session_leaves_behind_is_out_of_memory_once(office: Office) -> None:
    box = office.turns.enter(here=0, upto=DAY, hears_budget=False)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            office.turns.came(box, BULK)
        await stack.enter_async_context(office.turns.room(box, [BULK]))
        office.turns.leave(box)
        assert office.turns.queued_bytes == 0
    assert office.turns.queued_bytes == 0


async def test_a_session_s_frames_count_for_the_turns_of_all(office: Office) -> None:
    first, other = (TurnIntake(office.turns, office.behind()) for _ in range(2))
    first.came(BULK)
    first.came(BULK)
    other.came(LIVE)
    assert office.turns.queued_bytes == 2 * len(BULK) + len(LIVE)
    first.taken(1, [BULK, BULK])
    assert office.turns.lag_bytes == 2 * len(BULK)
    await settle()
    first.leave()
    assert office.turns.queued_bytes == len(LIVE)
    assert office.turns._at_it == {other.upload}
