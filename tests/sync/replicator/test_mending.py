"""How `sync` finds where two histories part, and what it asks for then."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aiohttp import WSMessage, WSMsgType

from edge.contract.errors import ProtocolViolation, ReplicaFork
from edge.contract.history_mending import (
    FrameAsked,
    GenerationAsked,
    GenerationGiven,
    HashAsked,
    HashSaid,
    MendingBegun,
    MendingState,
    Standing,
)
from edge.contract.replication import Challenge, Head, LinkReport, Proof, ReplicaStatus
from edge.runtime.structured_log import Log
from edge.runtime.system_clock import SystemClock
from sync.replicator.mending import Mending, MendingLine
from sync.replicator.replicator import Replicator
from sync.replicator.troubles import EdgeUnreachable, OfficeDenied, OfficeUnreachable


def hash_of(branch: str, seq: int) -> str:
    return "0" * 64 if seq == 0 else f"{branch}{seq:063x}"


@dataclass
class History:
    """`upto` events, the first `fork` of which the other end has too."""

    branch: str
    upto: int
    fork: int

    def hash(self, seq: int) -> str:
        if seq > self.upto:
            return ""
        return hash_of("a" if seq <= self.fork else self.branch, seq)

    def head(self, gen: int = 1) -> Head:
        return Head(gen, self.upto, self.hash(self.upto))


@dataclass
class FakeBox:
    """`edge`: what was begun, and the frames that it took, by where each ends."""

    history: History
    gen: int = 1
    head: Head | None = None
    ready: bool = False
    begun: list[MendingBegun] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    given: list[GenerationGiven] = field(default_factory=list)

    async def status(self) -> ReplicaStatus:
        mine = self.history.head(self.gen)
        return ReplicaStatus("s", 1, "ab" * 32, mine, mine, {})

    async def prove(self, nonce: str) -> Proof:
        return Proof(nonce)

    async def hash_at(self, seq: int) -> HashSaid:
        return HashSaid(seq, self.history.hash(seq))

    async def begin_mending(self, begun: MendingBegun) -> MendingState:
        self.begun.append(begun)
        if self.head is None or begun.anew:
            self.head = Head(1, begun.fork_seq, begun.fork_hash)
        return MendingState(self.head, self.ready)

    async def take_lost_frame(self, frame: bytes) -> MendingState:
        self.taken.append(frame)
        seq = int(frame)
        self.head = Head(1, seq, hash_of("c", seq))
        return MendingState(self.head, self.ready)

    async def take_generation(self, given: GenerationGiven) -> MendingState:
        self.given.append(given)
        return MendingState(self.head, ready=True)


@dataclass
class FakeHeadOffice:
    """The line: frames have three events each; `grows` while the box is fetching."""

    history: History
    gen: int = 1
    grows: int = 0
    asked: list[Any] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers.append(Challenge("nonce"))

    def standing(self) -> Standing:
        return Standing(1, self.history.head(), self.gen)

    async def say(self, message: Any) -> None:
        self.asked.append(message)
        if isinstance(message, Proof):
            self.answers.append(self.standing())
        elif isinstance(message, HashAsked):
            self.answers.append(HashSaid(message.seq, self.history.hash(message.seq)))
        elif isinstance(message, FrameAsked):
            self.answers.append(b"%d" % min(message.seq + 2, self.history.upto))
        elif isinstance(message, GenerationAsked):
            if self.grows:
                self.history.upto += self.grows
                self.grows = 0
            same = message.parent == self.history.head()
            given = GenerationGiven("s", self.gen + 1, message.parent, 5, "")
            self.answers.append(given if same else self.standing())

    async def next(self) -> Any:
        return self.answers.pop(0)

    async def hear(self, shape: type) -> Any:
        said = self.answers.pop(0)
        assert isinstance(said, shape)
        return said

    async def frame(self) -> Any:
        return self.answers.pop(0)

    def hashes_asked(self) -> int:
        return sum(isinstance(each, HashAsked) for each in self.asked)


def mending(box: FakeBox, office: FakeHeadOffice, *, copied: bool = False) -> Mending:
    clock = SystemClock()
    log = Log(io.StringIO(), clock, {})
    return Mending(cast("Any", box), cast("MendingLine", office), clock, log, copied=copied)


@pytest.mark.parametrize("fork", [0, 1, 2, 7, 30, 31])
@pytest.mark.parametrize(("mine", "theirs"), [(31, 40), (40, 33), (32, 32)])
async def test_the_last_event_that_both_have_is_found(fork: int, mine: int, theirs: int) -> None:
    box = FakeBox(History("b", mine, fork))
    office = FakeHeadOffice(History("c", theirs, fork))
    assert await mending(box, office).run()
    assert box.begun == [MendingBegun(fork, hash_of("a", fork))]
    assert office.hashes_asked() <= 6
    assert int(box.taken[0]) == min(fork + 3, theirs)
    assert int(box.taken[-1]) == theirs
    assert [given.parent.seq for given in box.given] == [theirs]


async def test_a_box_that_is_only_behind_fetches_the_rest() -> None:
    box, office = FakeBox(History("b", 20, 20)), FakeHeadOffice(History("c", 25, 20))
    assert await mending(box, office).run()
    assert [int(frame) for frame in box.taken] == [23, 25]


async def test_a_box_that_has_all_of_it_fetches_nothing() -> None:
    box, office = FakeBox(History("b", 30, 25)), FakeHeadOffice(History("c", 25, 25))
    assert not await mending(box, office).run()
    assert box.begun == []
    # but where its generation was given away, it needs another one to go on
    later = FakeHeadOffice(History("c", 25, 25), gen=2)
    assert await mending(box, later).run()
    assert (box.taken, box.given[0].gen) == ([], 3)


async def test_a_copy_of_the_box_needs_a_generation_even_where_nothing_is_missing() -> None:
    for mine in (25, 30):
        box, office = FakeBox(History("b", mine, 25)), FakeHeadOffice(History("c", 25, 25))
        assert await mending(box, office, copied=True).run()
        assert (box.taken, box.given[0].gen) == ([], 2)
        assert box.begun == [MendingBegun(25, hash_of("a", 25))]


async def test_what_was_fetched_before_is_not_fetched_again() -> None:
    box, office = FakeBox(History("b", 30, 10)), FakeHeadOffice(History("c", 25, 10))
    box.head = Head(1, 22, hash_of("c", 22))
    assert await mending(box, office).run()
    assert [int(frame) for frame in box.taken] == [25]


async def test_it_begins_anew_where_head_office_has_another_history_by_now() -> None:
    box, office = FakeBox(History("b", 30, 10)), FakeHeadOffice(History("c", 25, 10))
    box.head = Head(1, 22, hash_of("d", 22))
    assert await mending(box, office).run()
    assert [begun.anew for begun in box.begun] == [False, True]
    assert int(box.taken[0]) == 13


async def test_what_came_meanwhile_is_fetched_too() -> None:
    box, office = FakeBox(History("b", 30, 10)), FakeHeadOffice(History("c", 25, 10), grows=2)
    assert await mending(box, office).run()
    assert [int(frame) for frame in box.taken][-2:] == [25, 27]
    assert len(box.given) == 1


async def test_one_that_is_ready_waits_for_the_box_alone() -> None:
    box, office = FakeBox(History("b", 30, 10), ready=True), FakeHeadOffice(History("c", 25, 10))
    box.head = Head(1, 25, hash_of("c", 25))
    assert await mending(box, office).run()
    assert (box.taken, box.given) == ([], [])


async def test_an_answer_to_another_question_ends_it() -> None:
    """A line that says things twice would else have each answer taken for the next one."""
    box, office = FakeBox(History("b", 30, 10)), FakeHeadOffice(History("c", 25, 10))
    say = office.say

    async def twice(message: Any) -> None:
        await say(message)
        if isinstance(message, HashAsked):
            office.answers.append(office.answers[-1])

    office.say = twice  # type: ignore[method-assign]
    with pytest.raises(ProtocolViolation, match="something else than it was asked"):
        await mending(box, office).run()
    assert box.begun == []


class Saying:
    """A socket on which one message comes."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    async def receive(self) -> Any:
        return WSMessage(WSMsgType.TEXT, self.text, None)


@pytest.mark.parametrize("text", [b'{"msg":"denied","code":"no_su', b"\xff", b"[" * 9_999])
async def test_half_a_word_where_a_frame_is_due_ends_the_line(text: bytes) -> None:
    """It ended the process: only what was due was read with care."""
    line = MendingLine(cast("Any", Saying(text)), SystemClock())
    for due in (line.frame, line.next):
        with pytest.raises(ProtocolViolation, match="what is no message"):
            await due()


async def test_answers_that_lead_nowhere_end_it() -> None:
    box, office = FakeBox(History("b", 2**62, 10)), FakeHeadOffice(History("c", 2**62, 2**61))
    office.history.hash = lambda seq: hash_of("a", seq)  # type: ignore[method-assign]
    box.history.hash = lambda seq: hash_of("a", seq)  # type: ignore[method-assign]
    assert not await mending(box, office).run()
    assert office.hashes_asked() <= 64


# --- when it is asked for -----------------------------------------------------------------


class Told:
    """An edge that only listens."""

    keeper = ""

    def __init__(self) -> None:
        self.reports: list[LinkReport] = []

    async def report(self, report: LinkReport) -> None:
        self.reports.append(report)


@pytest.mark.parametrize(
    ("ended", "mends", "dials"),
    [
        (OfficeDenied("fork", "x"), True, True),
        (OfficeDenied("behind", "x"), True, True),
        (OfficeDenied("frame_of_other_generation", "x"), True, True),
        (OfficeDenied("box_copied", "x"), True, True),
        (OfficeDenied("box_twice", "x"), True, False),  # a person has to say something first
        (OfficeDenied("box_replaced", "x"), True, False),
        (ReplicaFork("box_behind_office", "x"), True, True),
        (OfficeDenied("fork", "x"), False, False),  # an older head office
        (OfficeDenied("box_not_registered", "x"), True, False),
        (OfficeUnreachable("link_lost", "x"), True, False),
        (EdgeUnreachable("history_waits", "x"), True, False),
        (ProtocolViolation("office_out_of_turn", "x"), True, False),
    ],
)
async def test_only_another_history_is_mended(ended: Any, mends: bool, dials: bool) -> None:
    dialled = []

    def dial() -> Any:
        dialled.append(True)
        raise OfficeUnreachable("office_unreachable", "nobody is there")

    clock = SystemClock()
    replicator = Replicator(
        cast("Any", Told()),
        cast("Any", None),
        clock,
        Log(io.StringIO(), clock, {}),
        dial_mending=dial,
    )
    replicator._mends = mends
    still = await replicator._mended(ended)
    assert bool(dialled) == dials
    assert still is not None
    assert still.code == ("office_unreachable" if dials else ended.code)
