"""A box that was restored from an older copy asks head office: hashes, frames, a generation.

Every test is of frames and sales in `office.db`, and of both in PostgreSQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import WSMsgType, web

from edge.contract.digest import Digest
from edge.contract.envelope import Origin, link_all, seal_again, unseal
from edge.contract.history_mending import (
    MENDING,
    MENDING_PATH,
    FrameAsked,
    GenerationAsked,
    GenerationGiven,
    HashAsked,
    HashSaid,
    MendingAsked,
    MendingSaid,
    Standing,
    generation_bytes,
)
from edge.contract.replication import Ack, Challenge, Denied, Head, Hello, Proof, proof_bytes
from edge.contract.system_events import GenerationOpened, HistoryMended
from edge.runtime.frame_codec import open_frame
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from sync.appending.denial import DeniedError
from sync.office.admission import Admission
from sync.office.mending import HistoryMending
from tests.sync.office.conftest import NewSales
from tests.sync.office.head_office import AT, DICTIONARIES, Box, Served, new_key, serve

_SAID: msgspec.json.Decoder[Any] = msgspec.json.Decoder(MendingSaid)


class Asking:
    """The box's end of the line."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket

    async def say(self, message: MendingAsked) -> None:
        await self.socket.send_str(msgspec.json.encode(message).decode())

    async def hear(self) -> Any:
        message = await self.socket.receive(timeout=20)
        if message.type is WSMsgType.BINARY:
            return message.data
        return None if message.type is not WSMsgType.TEXT else _SAID.decode(message.data)

    async def ask(self, message: MendingAsked) -> Any:
        await self.say(message)
        return await self.hear()


@contextlib.asynccontextmanager
async def line(
    served: Served, box: Box, *, signer: Any = None, **more: Any
) -> AsyncIterator[Asking]:
    """A line on which the box has proved who it is, up to (not with) the answer."""
    async with served.http.ws_connect(f"{served.url}{MENDING_PATH}") as socket:
        asking = Asking(socket)
        challenge = await asking.hear()
        assert isinstance(challenge, Challenge)
        public = box.key.public.hex
        hello = Hello(box.store, public, box.head, {}, AT, "0.1", challenge.nonce, **more)
        await asking.say(hello)
        signed = proof_bytes(box.store, challenge.nonce, public)
        await asking.say(Proof((signer or box.key).sign(signed).hex()))
        yield asking


@pytest.fixture
def box() -> Box:
    box = Box()
    for number in range(4):
        box.sell(f"sale-{number}")
    return box


@pytest.fixture
async def served(tmp_path: Path, box: Box, new_sales: NewSales) -> AsyncIterator[Served]:
    """Head office with all of the box, in two frames, whichever database keeps them."""
    async with serve(tmp_path, box, **await new_sales()) as served:
        async with served.session(box) as (up, _):
            await up.upload(box.frame(0, 10))
            await up.upload(box.frame(10, 16))
        yield served


def copy_of(box: Box, upto: int) -> Box:
    """The box as it comes back from an older copy."""
    return Box(box.store, box.number, box.gen, box.key, box.bodies[:upto])


async def test_every_box_hears_that_it_may_ask(served: Served) -> None:
    async with served.raw_line() as raw:
        assert MENDING in (await raw.hear(Challenge)).hears


async def test_hashes_and_frames_are_those_that_came(served: Served, box: Box) -> None:
    async with line(served, copy_of(box, 7)) as asking:
        assert await asking.hear() == Standing(1, box.head, 1)
        for seq in (0, 1, 7, 10, 11, 16):
            said = await asking.ask(HashAsked(seq))
            assert said == HashSaid(seq, link_all(bytes(32), box.bodies[:seq]).hex())
        assert await asking.ask(HashAsked(17)) == HashSaid(17, "")
        frame = await asking.ask(FrameAsked(8))
        opened = open_frame(frame, verify=box.key.public.verify, dictionaries=DICTIONARIES)
        assert list(opened.bodies) == box.bodies[:10]
        assert (await asking.ask(FrameAsked(17))).code == "no_such_event"
        assert await asking.hear() is None


async def test_who_has_everything_gets_a_generation_and_nobody_else_goes_on(
    served: Served, box: Box
) -> None:
    async with line(served, copy_of(box, 7)) as asking:
        await asking.hear()
        given = await asking.ask(GenerationAsked(box.head))
        assert isinstance(given, GenerationGiven)
        assert (given.store, given.gen, given.parent) == (box.store, 2, box.head)
        signed = generation_bytes(box.store, 2, box.head, box.key.public.hex, given.at)
        served.key.public.verify(bytes.fromhex(given.signature), signed)
        # its answer may be lost with the line: it is the same generation then
        assert (await asking.ask(GenerationAsked(box.head))).gen == 2
    for each in (box, copy_of(box, 7)):
        async with served.line(each) as denied:
            assert (await denied.hear(Denied)).code == "frame_of_other_generation"
    mended = Box(box.store, box.number, 2, box.key, list(box.bodies))
    opened = GenerationOpened(
        parent_gen=1, parent_seq=16, parent_hash=box.head.hash, source="head office"
    )
    mended.record(opened)
    async with served.session(mended) as (up, welcome):
        assert welcome.head == box.head
        assert (await up.upload(mended.frame(16))).accepted == mended.head
    # once more, so soon: another copy may be at work, and a person has to say that there is none
    async with line(served, copy_of(box, 12)) as asking:
        assert await asking.hear() == Standing(1, mended.head, 2)
        denied = await asking.ask(GenerationAsked(mended.head))
        assert (denied.code, "office confirm-box" in denied.message) == ("box_twice", True)
    assert "box_twice" in {alarm["kind"] for alarm in (await served.store())["alarms"]}
    async with served.session(mended):
        pass  # the one that has the generation goes on
    confirm = "/api/v1/stores/harbour-street/box/confirm"
    assert (await served.ask("POST", confirm, signed_in=False))[0] == 401
    assert (await served.ask("POST", confirm.replace("harbour-street", "elsewhere")))[0] == 404
    assert (await served.ask("POST", confirm))[0] == 204
    # what came in the second generation is its history too
    async with line(served, copy_of(box, 12)) as asking:
        assert await asking.hear() == Standing(1, mended.head, 2)
        assert (await asking.ask(GenerationAsked(mended.head))).gen == 3


async def test_behind_what_is_not_the_newest_there_is_no_generation(
    served: Served, box: Box
) -> None:
    async with line(served, box) as asking:
        await asking.hear()
        for parent in (copy_of(box, 10).head, Head(1, 16, "ab" * 32), Head(2, 16, box.head.hash)):
            assert await asking.ask(GenerationAsked(parent)) == Standing(1, box.head, 1)
    async with served.session(box):
        pass  # nothing was given: it goes on


async def test_while_another_copy_is_at_work_there_is_no_generation(
    served: Served, box: Box
) -> None:
    async with served.session(box), line(served, copy_of(box, 7)) as asking:
        await asking.hear()
        denied = await asking.ask(GenerationAsked(box.head))
        assert (denied.code, "switch the other off" in denied.message) == ("box_twice", True)
        assert [alarm["kind"] for alarm in (await served.store())["alarms"]] == ["box_twice"]
    # alone, it waits for a person all the same: the other one may only be without a line
    async with line(served, copy_of(box, 7)) as asking:
        await asking.hear()
        denied = await asking.ask(GenerationAsked(box.head))
        assert (denied.code, "confirm-box" in denied.message) == ("box_twice", True)
    confirm = "/api/v1/stores/harbour-street/box/confirm"
    assert (await served.ask("POST", confirm))[0] == 204
    assert (await served.store())["alarms"] == []
    async with line(served, copy_of(box, 7)) as asking:
        await asking.hear()
        assert (await asking.ask(GenerationAsked(box.head))).gen == 2


class Returning:
    """A clock, and sessions in which a box is back after some looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.connected: set[str] = set()

    async def sleep(self, _: float) -> None:
        self.looks -= 1
        if self.looks == 0:
            self.connected = {"harbour-street"}


@pytest.mark.parametrize(("looks", "refused"), [(1, True), (7, True), (12, True), (13, False)])
async def test_another_copy_that_comes_back_in_a_moment_is_at_work_too(
    served: Served,
    looks: int,
    refused: bool,
) -> None:
    """Its session was ended by the one that asks: a store has one at a time."""
    office, again = served.office, Returning(looks)
    admission = Admission(office.directory, office.feeds, SystemClock(), open_log("test"))
    nobody: Any = None
    others: Any = again
    mending = HistoryMending(
        office.directory, nobody, nobody, {}, admission, others, others, nobody, nobody
    )
    store = await office.directory.by_slug("harbour-street")
    assert store is not None
    if refused:
        with pytest.raises(DeniedError) as denied:
            await mending._refuse_twin(store, None)
        assert denied.value.code == "box_twice"
    else:
        await mending._refuse_twin(store, None)


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"key": "other"}, "box_not_registered"), ({"signer": "other"}, "proof_wrong")],
)
async def test_strangers_get_nothing(
    served: Served, box: Box, changed: dict[str, Any], code: str
) -> None:
    other = new_key()
    asker = Box(box.store, key=other) if "key" in changed else copy_of(box, 7)
    async with line(served, asker, signer=other) as asking:
        assert (await asking.hear()).code == code
        assert await asking.hear() is None


@pytest.mark.parametrize("said", ["no JSON", '{"msg":"hash_asked","seq":-1}', '{"msg":"welcome"}'])
async def test_what_is_no_question_ends_the_line(served: Served, box: Box, said: str) -> None:
    async with line(served, box) as asking:
        await asking.hear()
        await asking.socket.send_str(said)
        assert (await asking.hear()).code == "message_malformed"
        assert await asking.hear() is None


async def test_a_question_before_the_proof_is_out_of_turn(served: Served) -> None:
    async with served.http.ws_connect(f"{served.url}{MENDING_PATH}") as socket:
        asking = Asking(socket)
        await asking.hear()
        await asking.say(HashAsked(1))
        await asking.say(HashAsked(1))
        assert (await asking.hear()).code == "out_of_turn"


async def test_a_digest_of_the_other_history_is_forgotten(served: Served, box: Box) -> None:
    ahead = copy_of(box, 16)
    ahead.sell("never comes")
    digest = Digest(1, 16, 20, 1, (), ())
    rows = "SELECT count(*) FROM digest"
    file = served.office.file
    async with served.session(ahead) as (up, _), asyncio.timeout(20):
        await up.say(digest)
        while await file.read(lambda db: db.execute(rows).fetchone()) != (1,):
            await asyncio.sleep(0.005)
    async with line(served, copy_of(box, 7)) as asking:
        await asking.hear()
        assert await file.read(lambda db: db.execute(rows).fetchone()) == (0,)


async def test_a_digest_ahead_of_frames_that_fork_is_forgotten_with_them(
    served: Served, box: Box
) -> None:
    """Else it would be held against the history that goes on here, once that is as long."""
    forked, file = copy_of(box, 12), served.office.file
    forked.sell("x")
    forked.sell("y")
    rows = "SELECT count(*) FROM digest"
    async with served.session(forked) as (up, _), asyncio.timeout(20):
        await up.say(Digest(1, 12, 20, 2, (), ()))
        while await file.read(lambda db: db.execute(rows).fetchone()) != (1,):
            await asyncio.sleep(0.005)
        await up.send(forked.frame(16))
        assert (await up.hear(Denied)).code == "fork"
    assert await file.read(lambda db: db.execute(rows).fetchone()) == (0,)


async def test_what_was_said_of_the_other_history_is_no_alarm_any_more(
    served: Served, box: Box
) -> None:
    ahead, file = copy_of(box, 16), served.office.file
    ahead.sell("never comes")
    async with served.session(ahead) as (up, _):
        await up.say(Digest(1, 16, 20, 1, (), ()))
        await up.upload(ahead.frame(16))
        await served.until_projected(20)  # a sale came, but nothing that it brought was said
        async with asyncio.timeout(20):
            while "digest_differs" not in {a["kind"] for a in (await served.store())["alarms"]}:
                await asyncio.sleep(0.005)
    async with line(served, copy_of(box, 7)) as asking:
        await asking.hear()
        assert isinstance(await asking.ask(GenerationAsked(ahead.head)), GenerationGiven)
    assert (await served.store())["alarms"] == []
    rows = "SELECT count(*) FROM digest_differing"
    assert await file.read(lambda db: db.execute(rows).fetchone()) == (0,)


def in_generation(box: Box, gen: int) -> Box:
    """The box as it goes on in a generation that head office gave it."""
    later = Box(box.store, box.number, gen, box.key, list(box.bodies))
    opened = GenerationOpened(
        parent_gen=1, parent_seq=16, parent_hash=box.head.hash, source="head office"
    )
    later.record(opened)
    return later


async def test_a_head_office_that_was_restored_takes_its_box_in_the_generation_it_has(
    served: Served, box: Box
) -> None:
    """Head office gave generation 3, and then came back from a copy that knows of 1."""
    later = in_generation(box, 3)
    async with served.session(later) as (up, welcome):
        assert welcome.head == box.head
        assert (await up.upload(later.frame(16))).accepted == later.head
    (alarm,) = (await served.store())["alarms"]
    assert alarm["kind"] == "feed_ahead"
    assert "is in generation 3, and was known here in 1" in alarm["words"]
    async with served.line(box) as denied:  # and a copy of before has to be mended
        assert (await denied.hear(Denied)).code == "frame_of_other_generation"


async def test_one_that_has_no_more_than_head_office_is_given_the_next(
    served: Served, box: Box
) -> None:
    """It is in generation 3 of another history: 2 would be one that it had already."""
    other = copy_of(box, 9)
    other.gen = 3
    other.sell("x")
    async with served.line(other) as denied:
        assert (await denied.hear(Denied)).code == "frame_of_other_generation"
    async with line(served, other) as asking:
        assert await asking.hear() == Standing(1, box.head, 1)
        assert (await asking.ask(GenerationAsked(box.head))).gen == 4


async def test_a_generation_that_nobody_can_have_given_uses_none_up(
    served: Served, box: Box
) -> None:
    async with served.line(in_generation(box, 66)) as denied:
        assert (await denied.hear(Denied)).code == "frame_of_other_generation"
    other = copy_of(box, 9)
    other.gen = 2**40
    async with line(served, other) as asking:
        await asking.hear()
        assert (await asking.ask(GenerationAsked(box.head))).gen == 66


async def test_a_line_that_is_lost_while_it_opens_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The machine found it: the end of a line that never was open was a defect in the log."""

    class Gone(web.StreamResponse):
        async def prepare(self, _: object) -> None:
            raise ConnectionResetError("Connection lost")

    nobody: Any = None
    mending = HistoryMending(nobody, nobody, nobody, {}, nobody, nobody, nobody, nobody, nobody)
    monkeypatch.setattr(web, "WebSocketResponse", lambda **_: Gone())
    with pytest.raises(ConnectionResetError):
        await mending.serve(nobody)
    assert mending._open == 0


async def test_what_was_done_is_told_and_sales_written_again_count_once(
    served: Served, box: Box
) -> None:
    forked = copy_of(box, 7)
    forked.sell("x", 750)
    async with served.line(forked) as denied:
        assert (await denied.hear(Denied)).code == "fork"
    assert [alarm["kind"] for alarm in (await served.store())["alarms"]] == ["fork"]
    async with line(served, forked) as asking:
        await asking.hear()
        await asking.ask(GenerationAsked(box.head))
    mended = Box(box.store, box.number, 2, box.key, list(box.bodies))
    opened = GenerationOpened(
        parent_gen=1, parent_seq=16, parent_hash=box.head.hash, source="head office"
    )
    mended.record(opened)
    for seq in range(8, len(forked.bodies) + 1):
        sealed = unseal(forked.bodies[seq - 1])
        origin = Origin(1, seq, link_all(bytes(32), forked.bodies[:seq]).hex())
        place = len(mended.bodies) + 1
        mended.bodies.append(
            seal_again(sealed, bytes(sealed.data), gen=2, seq=place, origin=origin)
        )
    mended.record(
        HistoryMended(
            fork_seq=7,
            fork_hash="ab" * 32,
            branch_gen=1,
            branch_seq=11,
            branch_hash="cd" * 32,
            set_aside="set-aside/x.db",
            sales_back=3,
            sales_again=1,
            sales_doubtful=2,
            receipts_twice=tuple(f"till-1-{number:06d}" for number in range(12)),
        )
    )
    # the box's clock says when it was mended: not before it was refused
    body = json.loads(mended.bodies[-1])
    body["at"] = 4_000_000_000_000
    mended.bodies[-1] = json.dumps(body, separators=(",", ":")).encode()
    async with served.session(mended) as (up, _):
        assert isinstance(await up.upload(mended.frame(16)), Ack)
        await served.until_projected(len(mended.bodies))
        (alarm,) = (await served.store())["alarms"]
    assert alarm["kind"] == "history_mended"
    for words in ("head office: 3", "were added: 1", "otherwise: 2", "000009 and others", "x.db"):
        assert words in alarm["words"]
    totals = {sale["sale_id"]: sale["total_minor"] for sale in await served.sales()}
    assert totals == {**{f"sale-{number}": 300 for number in range(4)}, "x": 750}
    assert (await served.store())["quarantined"] == 0
