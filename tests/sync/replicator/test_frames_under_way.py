"""The window of unacknowledged frames, and frames that a box should not have given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from typing_extensions import override

from edge.contract.limits import (
    BACKOFF_MS_MAX,
    BACKOFF_MS_MIN,
    LINK_ACK_S_MAX,
)
from edge.contract.replication import FrameHeader
from edge.runtime.backoff import Backoff
from edge.runtime.system_clock import SystemClock
from sync.replicator.troubles import OfficeUnreachable
from sync.replicator.upload import Upload
from tests.sync.fake_edge import NUMBER
from tests.sync.replicator.shop import Shop, until


class SteppedClock(SystemClock):
    """Monotonic time that is moved by hand."""

    def __init__(self) -> None:
        self.ms = 1_000

    @override
    def monotonic_ms(self) -> int:
        return self.ms


class Ends:
    """Edge and head office for an upload alone: frames of one event up to a seq."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.sent: list[int] = []

    async def frame(self, after: int, *, metered: bool = False) -> bytes:
        assert not metered
        if after >= self.last:
            await asyncio.Event().wait()
        return FrameHeader(NUMBER, 1, after + 1, 1, 0, 0, bytes(32)).pack() + bytes(64)

    async def send_frame(self, frame: bytes) -> None:
        self.sent.append(int.from_bytes(frame[12:20], "big"))


async def run_upload(last: int, check: Callable[[Upload, Ends, SteppedClock], None]) -> Ends:
    ends, clock = Ends(last), SteppedClock()
    async with asyncio.TaskGroup() as tasks:
        pause = Backoff(BACKOFF_MS_MIN, BACKOFF_MS_MAX, 1)
        upload = Upload(ends, ends, tasks, NUMBER, pause, clock)  # type: ignore[arg-type]  # only these two calls are made
        upload.begin(0)
        await until(lambda: len(ends.sent) == min(last, 4))
        check(upload, ends, clock)
        for _ in range(10):
            await asyncio.sleep(0)
        upload.stop()
    return ends


async def test_no_acknowledgement_for_long_ends_the_session() -> None:
    def check(upload: Upload, _: Ends, clock: SteppedClock) -> None:
        clock.ms += int(LINK_ACK_S_MAX * 1000)
        upload.check_moving()
        clock.ms += 1
        with pytest.raises(OfficeUnreachable, match="acknowledged nothing"):
            upload.check_moving()
        assert upload.accepted(1)
        upload.check_moving()
        clock.ms += int(LINK_ACK_S_MAX * 1000) + 1
        with pytest.raises(OfficeUnreachable):
            upload.check_moving()

    _ = await run_upload(2, check)


async def test_nothing_under_way_may_last_for_ever() -> None:
    def check(upload: Upload, _: Ends, clock: SteppedClock) -> None:
        assert upload.accepted(2)
        clock.ms += 10**9
        upload.check_moving()

    _ = await run_upload(2, check)


async def test_what_is_accepted_already_is_no_news() -> None:
    def check(upload: Upload, _: Ends, __: SteppedClock) -> None:
        assert [upload.accepted(seq) for seq in (2, 1, 2, 3)] == [True, False, True, True]
        assert upload.advances == 2

    _ = await run_upload(4, check)


async def test_a_stopped_upload_does_not_begin_again() -> None:
    def check(upload: Upload, ends: Ends, _: SteppedClock) -> None:
        upload.stop()
        ends.sent.clear()
        upload.begin(0)

    assert (await run_upload(4, check)).sent == []


@pytest.mark.parametrize("fault", ["gap", "store", "no frame"])
async def test_a_frame_that_does_not_belong_there_is_not_sent(shop: Shop, fault: str) -> None:
    shop.edge.sell(5)
    right = shop.edge.frame_behind

    def wrong(after: int) -> bytes:
        if fault == "gap":
            return right(after + 1)
        if fault == "store":
            return right(after)[:4] + (NUMBER + 1).to_bytes(4, "big") + right(after)[8:]
        return b"\x00" * 200

    shop.edge.give = wrong
    async with shop.replicating():
        await until(lambda: shop.link == "down")
        assert shop.office.events == []
        shop.edge.give = right
        await until(lambda: shop.in_step)
    code = "frame_malformed" if fault == "no frame" else "frame_misplaced"
    assert shop.lines("link_down")[0]["code"] == code
