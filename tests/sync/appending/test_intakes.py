"""Frames on their way through a session, as the intake of whoever keeps them hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from edge.contract.limits import ADMISSIONS_AT_ONCE_MAX
from edge.contract.replication import Denied, Head, Hello, Kept, Proof
from sync.appending.denial import DeniedError
from sync.appending.visits import Intake
from sync.keeper.desk import KeeperDesk, KeeperVisit
from tests.sync.keeper.second_copy import SecondCopy, keep
from tests.sync.office.head_office import Box


@dataclass
class Noted:
    """An intake that notes what it hears, and gives room while `open` is set."""

    heard: list[object] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    is_full: bool = False

    def came(self, frame: bytes) -> None:
        self.heard.append(("came", len(frame)))
        if self.is_full:
            raise DeniedError("busy", "There is no room for it.")

    @asynccontextmanager
    async def room(self, frames: Sequence[bytes]) -> AsyncIterator[None]:
        self.heard.append(("waits", len(frames)))
        await self.open.wait()
        yield
        self.heard.append("gone through")

    def taken(self, head_seq: int, frames: Sequence[bytes]) -> None:
        self.heard.append(("taken", head_seq, len(frames)))

    def leave(self) -> None:
        self.heard.append("left")


@dataclass
class NotedVisit(KeeperVisit):
    intake: Noted = field(default_factory=Noted)
    entered: list[tuple[int, int]] = field(default_factory=list)

    @override
    def enter(self, hello: Hello, head: Head) -> Intake:
        self.entered.append((hello.head.seq, head.seq))
        return self.intake


@dataclass
class NotedDesk(KeeperDesk):
    """The desk of a second copy whose boxes are let in while `open` is set."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    coming: int = 0
    visits: list[NotedVisit] = field(default_factory=list)
    is_full: bool = False

    @override
    async def identify(self, hello: Hello, proof: Proof, nonce: str) -> NotedVisit:
        self.coming += 1
        await self.open.wait()
        known = await super().identify(hello, proof, nonce)
        intake = Noted(is_full=self.is_full)
        self.visits.append(NotedVisit(self, known.known, known.looks_at, intake))
        return self.visits[-1]


@dataclass
class Noting:
    copy: SecondCopy
    desk: NotedDesk
    box: Box

    async def until(self, done: Any) -> None:
        async with asyncio.timeout(20):
            while not done():
                await asyncio.sleep(0.005)


@pytest.fixture
async def noting(tmp_path: Path) -> AsyncIterator[Noting]:
    box = Box()
    for number in range(3):
        box.sell(f"sale-{number}")
    async with keep(tmp_path / "keep", box) as copy:
        desk = copy.keeper.sessions.desk
        assert isinstance(desk, KeeperDesk)
        parts = (desk.boxes, desk.key, desk.dictionaries, desk.clock, desk.log)
        noted = NotedDesk(*parts, desk.branches, desk.events)
        copy.keeper.sessions.desk = noted
        yield Noting(copy, noted, box)


async def test_frames_are_told_of_as_they_come_and_wait_for_room(noting: Noting) -> None:
    noting.desk.open.set()
    copy, box = noting.copy, noting.box
    first, second = box.frame(0, 8), box.frame(8)
    async with copy.session(box) as (line, _):
        [visit] = noting.desk.visits
        heard = visit.intake.heard
        assert visit.entered == [(12, 0)]
        await line.send(first)
        await noting.until(lambda: len(heard) == 2)
        assert heard == [("came", len(first)), ("waits", 1)]
        await line.send(second)
        await noting.until(lambda: len(heard) == 3)
        assert heard[2:] == [("came", len(second))]
        assert (await copy.head(box)).seq == 0
        visit.intake.open.set()
        assert [(await line.hear(Kept)).kept.seq for _ in range(2)] == [8, 12]
    await noting.until(lambda: "left" in heard)
    assert heard[3:] == [
        "gone through", ("taken", 8, 1), ("waits", 1), "gone through", ("taken", 12, 1), "left",
    ]  # fmt: skip


async def test_a_gap_is_told_of_with_where_the_store_stands(noting: Noting) -> None:
    noting.desk.open.set()
    async with noting.copy.session(noting.box) as (line, _):
        [visit] = noting.desk.visits
        visit.intake.open.set()
        await line.send(noting.box.frame(4))
        assert (await line.next()).head.seq == 0
        assert ("taken", 0, 1) in visit.intake.heard


async def test_a_frame_for_which_there_is_no_room_ends_the_session(noting: Noting) -> None:
    noting.desk.open.set()
    noting.desk.is_full = True
    async with noting.copy.session(noting.box) as (line, _):
        [visit] = noting.desk.visits
        visit.intake.open.set()
        await line.send(noting.box.frame())
        # what came is taken all the same, or dropped
        while not isinstance(word := await line.next(), Denied):
            assert isinstance(word, Kept)
        assert (word.code, await line.next()) == ("busy", None)
    await noting.until(lambda: "left" in visit.intake.heard)


async def test_so_many_are_let_in_at_once_and_the_others_after_them(noting: Noting) -> None:
    boxes = [Box(f"shop-{number}", number) for number in range(2, ADMISSIONS_AT_ONCE_MAX + 4)]
    for box in boxes:
        await noting.copy.add(box)
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(noting.copy.line(box)) for box in boxes]
        await noting.until(lambda: noting.desk.coming == ADMISSIONS_AT_ONCE_MAX)
        # all have said who they are by now; only so many are looked at
        await asyncio.sleep(0.1)
        assert noting.desk.coming == ADMISSIONS_AT_ONCE_MAX
        noting.desk.open.set()
        for line in lines:
            assert (await line.next()).head.seq == 0
        assert noting.desk.coming == len(boxes)
        assert len(noting.copy.keeper.sessions.connected) == len(boxes)
