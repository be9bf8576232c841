"""Tokens by which head office knows a copy of a box: no honest box is doubted, every copy is found.

The first half has no line and no disk: every way in which either end can die or a message can be
lost is gone through, several sessions deep. The second half is a real head office.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from edge.contract.history_mending import GenerationAsked, GenerationGiven
from edge.contract.ratchet import RATCHET, RatchetKept, RatchetShown
from edge.contract.ratchet_limits import RATCHET_CHARS_MAX, RATCHETS_OLD_KEPT_MAX
from edge.contract.replication import Challenge, Denied, Hello, Welcome
from edge.contract.system_events import GenerationOpened
from edge.runtime.database_file import DatabaseFile
from edge.runtime.migrations import apply
from sync.appending.postgres_address import PostgresAddress
from sync.office.database import MIGRATIONS
from sync.office.ratchets import Copied, Ratchets, begin_anew, confirm_one, open_for
from tests.sync.office.head_office import AT, Box, Served, serve
from tests.sync.office.postgres_office import kept_in
from tests.sync.office.test_mending import line as mending_line

STORE = 7
OURS = ("ratchet", "ratchet_old", "box_twice")


def completed(work: Any) -> Any:
    """Run what never waits for anything."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


class InMemory:
    """`office.db` of which a copy can be made and put back."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        apply(self.connection, MIGRATIONS)

    async def write(self, unit: Callable[[sqlite3.Connection], Any]) -> Any:
        result = unit(self.connection)
        self.connection.commit()
        return result

    read = write

    def copied(self) -> dict[str, list[Any]]:
        return {
            name: self.connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - names of ours
            for name in OURS
        }

    def put_back(self, copy: dict[str, list[Any]]) -> None:
        for name, rows in copy.items():
            self.connection.execute(f"DELETE FROM {name}")  # noqa: S608 - names of ours
            for row in rows:
                marks = ", ".join("?" * len(row))
                self.connection.execute(f"INSERT INTO {name} VALUES ({marks})", row)  # noqa: S608 - names of ours
        self.connection.commit()


class Ticking:
    """A clock that is later each time."""

    def __init__(self) -> None:
        self.now = AT

    def now_ms(self) -> int:
        self.now += 60_000
        return self.now


@dataclass
class Centre:
    """Head office's tokens, and the numbers that it makes them of."""

    file: InMemory = field(default_factory=InMemory)
    clock: Ticking = field(default_factory=Ticking)
    made: Iterator[int] = field(default_factory=itertools.count)

    @property
    def ratchets(self) -> Ratchets:
        return Ratchets(cast("DatabaseFile", self.file), cast("Any", self.clock))

    def greet(self, box: Disk, gen: int = 1) -> tuple[str, Copied]:
        fresh = f"token-{next(self.made)}"
        shown = RatchetShown(box.ledger, box.beside)
        token, verdict = completed(self.ratchets.greet(STORE, gen, shown, fresh))
        return token, verdict.copied

    def kept(self, token: str) -> None:
        completed(self.ratchets.kept(STORE, token))

    def look(self, box: Disk) -> Any:
        return completed(self.ratchets.look(STORE, RatchetShown(box.ledger, box.beside)))

    def open(self, gen: int, box: Disk) -> None:
        shown = RatchetShown(box.ledger, box.beside)
        now = self.clock.now_ms()
        completed(self.file.write(lambda db: open_for(db, STORE, gen, shown, now)))


@dataclass
class Disk:
    """What a box has on disk."""

    ledger: str = ""
    beside: str = ""


STEPS = ("greeted", "heard", "file", "ledger", "said", "noted")
"""What a session consists of; it may end behind any of these."""


def session(centre: Centre, box: Disk, until: str = "noted", gen: int = 1) -> Copied:
    """Run a session that breaks behind a step; return what head office thought of the box."""
    token, copied = centre.greet(box, gen)
    if copied is not Copied.NOTHING:
        return copied
    assert token
    if until in {"greeted", "heard"}:
        return copied
    box.beside = token
    if until == "file":
        return copied
    box.ledger = token
    if until == "noted":
        centre.kept(token)
    return copied


@pytest.fixture
def centre() -> Centre:
    return Centre()


def cleared(centre: Centre) -> None:
    completed(centre.file.write(lambda db: begin_anew(db, STORE)))


def test_wherever_sessions_end_an_honest_box_is_never_doubted(centre: Centre) -> None:
    for ends in itertools.product(STEPS, repeat=5):
        cleared(centre)
        box = Disk()
        for end in (*ends, "noted", "noted"):
            assert session(centre, box, end) is Copied.NOTHING, ends
        assert box.ledger == box.beside != ""


def test_nor_where_head_office_is_put_back_to_any_earlier_copy(centre: Centre) -> None:
    """Once or twice, to any moment; what it gave since is unknown to it, and believed."""
    for ends in itertools.product(STEPS, repeat=3):
        for back_at, back_to in itertools.product(range(1, 4), range(4)):
            if back_to >= back_at:
                continue
            cleared(centre)
            box, copies = Disk(), []
            for number, end in enumerate((*ends, "file", "noted", "ledger", "noted")):
                if number in {back_at, back_at + 2}:
                    centre.file.put_back(copies[back_to])
                copies.append(centre.file.copied())
                assert session(centre, box, end) is Copied.NOTHING, (ends, back_at, back_to)


def test_a_box_put_back_as_a_whole_is_found_once_its_newer_token_was_kept(centre: Centre) -> None:
    for ends in itertools.product(STEPS, repeat=3):
        cleared(centre)
        box = Disk()
        session(centre, box)
        copy = replace(box)
        for end in ends:
            session(centre, box, end)
        session(centre, box)
        assert session(centre, copy) is Copied.WHOLE, ends
        assert session(centre, box) is Copied.NOTHING


def test_of_two_copies_one_is_found_as_soon_as_each_has_kept_a_token(centre: Centre) -> None:
    """At once, as a rule; one contact later where both had kept the very same one."""
    for first, second in itertools.product(STEPS[:5], repeat=2):
        for of_file in (False, True):
            cleared(centre)
            box = Disk()
            session(centre, box)
            if of_file:  # the image was made in the middle of keeping one
                session(centre, box, "file")
            copy = replace(box)
            session(centre, copy, first)
            session(centre, box, second)
            assert session(centre, copy) is Copied.NOTHING
            same = copy.ledger == box.ledger
            assert (session(centre, box) is Copied.NOTHING) == same, (first, second, of_file)
            if same:
                assert session(centre, copy) is Copied.WHOLE, (first, second, of_file)


@pytest.mark.parametrize("until", ["file", "ledger"])
def test_who_was_given_a_token_that_was_not_said_to_be_kept_is_the_same_box(
    centre: Centre, until: str
) -> None:
    """Its ledger is put back alone twice: its session broke off before it said what it kept."""
    box = Disk()
    session(centre, box)
    copy = replace(box)
    session(centre, box, until)
    centre.open(2, replace(copy, beside=box.beside) if until == "file" else box)
    back = Disk("", box.beside)  # a ledger made anew of both histories has no token
    session(centre, back, gen=2)
    again = replace(copy, beside=back.beside)
    assert centre.look(again).copied is Copied.LEDGER


def test_a_ledger_put_back_alone_is_told_from_a_whole_box(centre: Centre) -> None:
    box = Disk()
    session(centre, box)
    copy = replace(box)
    session(centre, box)
    session(centre, box)
    assert session(centre, Disk(copy.ledger, box.beside)) is Copied.LEDGER
    assert session(centre, Disk("", box.beside)) is Copied.LEDGER
    assert session(centre, Disk(copy.ledger, copy.beside)) is Copied.WHOLE
    # a file that was put back, or is gone, has lost no sale
    assert session(centre, Disk(box.ledger, copy.beside), "greeted") is Copied.NOTHING
    assert session(centre, Disk(box.ledger, ""), "greeted") is Copied.NOTHING
    assert session(centre, box) is Copied.NOTHING


def test_in_words_it_is_said_between_when_the_copy_was_made(centre: Centre) -> None:
    box = Disk()
    session(centre, box)
    copy = replace(box)
    session(centre, box)
    words = centre.look(copy).words("harbour-street")
    assert words.startswith("The whole box was put back to a copy from between 2026-11-18 ")
    assert words.endswith("or it is a second box that was made from such a copy.")
    alone = centre.look(Disk(copy.ledger, box.beside)).words("harbour-street")
    assert alone.startswith("Its ledger alone was put back, to a copy from between 2026-11-18 ")
    empty = centre.look(Disk("", "")).words("harbour-street")
    assert "a copy from before 2026-11-18 " in empty
    assert centre.look(box).words("harbour-street") == ""


def test_who_had_the_newest_token_when_another_went_on_is_a_second_box(centre: Centre) -> None:
    box = Disk()
    session(centre, box)
    clone = replace(box)
    session(centre, box)
    centre.open(2, clone)  # its history differed, and the box was away
    assert centre.look(box).copied is Copied.TWICE
    assert session(centre, clone, gen=2) is Copied.NOTHING
    assert centre.look(box).copied is Copied.TWICE
    words = centre.look(box).words("harbour-street")
    assert "alive with one key" in words
    assert "which it was known by until 2026-11-18 " in words
    now = centre.clock.now_ms()
    completed(centre.file.write(lambda db: confirm_one(db, STORE, now)))
    assert centre.look(box).copied is Copied.WHOLE  # a person said that it may go on
    centre.open(3, box)
    assert centre.look(clone).copied is Copied.TWICE


def test_a_restored_box_that_goes_on_alone_is_no_second_box(centre: Centre) -> None:
    for beside in ("old", "new", ""):
        cleared(centre)
        box = Disk()
        session(centre, box)
        old = replace(box)
        session(centre, box)
        back = Disk(old.ledger, {"old": old.beside, "new": box.beside, "": ""}[beside])
        centre.open(2, back)
        centre.open(2, back)  # given again: the answer was lost
        assert centre.look(back).copied is (Copied.LEDGER if beside == "new" else Copied.WHOLE)
        made_anew = Disk("", back.beside)
        for end in (*STEPS, "noted"):
            assert session(centre, made_anew, end, gen=2) is Copied.NOTHING


def test_only_so_many_old_tokens_are_remembered(centre: Centre) -> None:
    box = Disk()
    most = 0
    for _ in range(RATCHETS_OLD_KEPT_MAX + 120):
        session(centre, box)
        rows = centre.file.connection.execute("SELECT count(*) FROM ratchet_old").fetchone()
        most = max(most, rows[0])
    assert RATCHETS_OLD_KEPT_MAX <= rows[0] < most < RATCHETS_OLD_KEPT_MAX + 60
    assert session(centre, box) is Copied.NOTHING


def test_an_answer_of_a_session_long_over_changes_nothing(centre: Centre) -> None:
    box = Disk()
    session(centre, box)
    first = box.ledger
    session(centre, box)
    centre.kept(first)
    centre.kept("")
    centre.kept("never given")
    assert session(centre, box) is Copied.NOTHING
    assert centre.look(Disk(first, first)).copied is Copied.WHOLE


# --- a real head office -----------------------------------------------------------------------


@dataclass
class Tokens:
    """A box and its tokens."""

    box: Box
    disk: Disk = field(default_factory=Disk)

    def copy(self, upto: int | None = None) -> Tokens:
        box = self.box
        copied = Box(box.store, box.number, box.gen, box.key, list(box.bodies[:upto]))
        return Tokens(copied, replace(self.disk))

    @property
    def shown(self) -> dict[str, Any]:
        return {
            "ratchet": RatchetShown(self.disk.ledger, self.disk.beside),
            "hears": (RATCHET,),
        }

    async def contact(self, served: Served, *, keeps: bool = True) -> str:
        """Have a session in which all that the box has goes up; return the token it was given."""
        async with served.session(self.box, **self.shown) as (line, welcome):
            if welcome.head.seq < len(self.box.bodies):
                await line.upload(self.box.frame(welcome.head.seq))
            if keeps:
                self.disk.ledger = self.disk.beside = welcome.ratchet
                await line.say(RatchetKept(welcome.ratchet))
                await until_kept(served, welcome.ratchet)
        return welcome.ratchet

    async def refused(self, served: Served) -> Denied:
        async with served.line(self.box, **self.shown) as line:
            return await line.hear(Denied)

    async def asks(self, served: Served) -> Any:
        async with mending_line(served, self.box, **self.shown) as asking:
            standing = await asking.hear()
            return await asking.ask(GenerationAsked(standing.head))

    def goes_on(self, given: GenerationGiven, common: list[bytes]) -> None:
        """Begin a generation behind head office's history, as a mended box does."""
        self.box = Box(self.box.store, self.box.number, given.gen, self.box.key, list(common))
        parent = given.parent
        self.box.record(
            GenerationOpened(
                parent_gen=parent.gen,
                parent_seq=parent.seq,
                parent_hash=parent.hash,
                source="head office",
            )
        )


async def until_kept(served: Served, token: str) -> None:
    for _ in range(2_000):
        row = await served.office.file.read(
            lambda db: db.execute("SELECT kept FROM ratchet").fetchone()
        )
        if row == (token,):
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{token} is not kept: {row}")


async def alarms(served: Served) -> dict[str, str]:
    return {alarm["kind"]: alarm["words"] for alarm in (await served.store())["alarms"]}


@pytest.fixture
def mine() -> Tokens:
    box = Box()
    for number in range(3):
        box.sell(f"sale-{number}")
    return Tokens(box)


async def test_each_session_brings_a_token_that_no_other_had(tmp_path: Path, mine: Tokens) -> None:
    async with serve(tmp_path, mine.box) as served:
        given = [await mine.contact(served) for _ in range(4)]
        assert len(set(given)) == 4
        assert all(20 < len(token) <= RATCHET_CHARS_MAX for token in given)
        lost = [await mine.contact(served, keeps=False) for _ in range(3)]
        assert len(set(lost)) == 1
        assert lost[0] not in given
    async with serve(tmp_path, mine.box) as served:  # it is as before after a restart
        assert await mine.contact(served) == lost[0]
        assert await alarms(served) == {}


async def test_a_box_without_tokens_is_given_none_and_doubted_never(
    tmp_path: Path, mine: Tokens
) -> None:
    """A box of before; also one that was put back to the program of before."""
    async with serve(tmp_path, mine.box) as served:
        async with served.session(mine.box) as (_, welcome):
            assert welcome.ratchet == ""
        await mine.contact(served)
        async with served.session(mine.box) as (_, welcome):
            assert welcome.ratchet == ""
        assert await mine.contact(served) != ""
        assert await alarms(served) == {}


def test_an_introduction_of_before_is_read_and_one_of_now_is_read_by_an_office_of_before() -> None:
    older: dict[str, Any] = {
        "msg": "hello", "store": "s", "box": "ab", "head": {"gen": 1, "seq": 0, "hash": "0" * 64},
        "cursors": {}, "clock": 1, "version": "0.1", "nonce": "n",
    }  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(older), type=Hello).ratchet is None

    class OlderHello(msgspec.Struct, tag="hello", tag_field="msg"):
        store: str
        nonce: str
        hears: tuple[str, ...] = ()

    newer = msgspec.json.decode(
        msgspec.json.encode({**older, "hears": [RATCHET], "ratchet": {"ledger": "a"}}), type=Hello
    )
    assert newer.ratchet == RatchetShown("a", "")
    assert msgspec.json.decode(msgspec.json.encode(newer), type=OlderHello).nonce == "n"
    for token in ("x" * 65, "with space", "line\n", "é"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(
                msgspec.json.encode({**older, "ratchet": {"ledger": token}}), type=Hello
            )


async def test_a_copy_with_the_same_history_goes_on_in_a_generation_of_its_own(
    tmp_path: Path, mine: Tokens
) -> None:
    async with serve(tmp_path, mine.box) as served:
        await mine.contact(served)
        copy = mine.copy()
        await mine.contact(served)
        denied = await copy.refused(served)
        assert denied.code == "box_copied"
        assert "The whole box was put back to a copy from between" in denied.message
        assert list(await alarms(served)) == ["box_copied"]
        given = await copy.asks(served)
        assert (given.gen, given.parent) == (2, mine.box.head)
        assert await alarms(served) == {}
        copy.goes_on(given, mine.box.bodies)
        await copy.contact(served)
        await copy.contact(served)
        assert await alarms(served) == {}


async def test_a_copy_that_sold_on_is_found_by_its_token_alone(
    tmp_path: Path, mine: Tokens
) -> None:
    """Its head is ahead and its chain fits: nothing but the token tells it from the box."""
    async with serve(tmp_path, mine.box) as served:
        await mine.contact(served)
        copy = mine.copy()
        copy.box.sell("of the copy")
        await mine.contact(served)
        denied = await copy.refused(served)
        assert denied.code == "box_copied"
        mine.box.sell("of the box")
        await mine.contact(served)
        assert sorted(sale["sale_id"] for sale in await projected(served, mine.box)) == [
            "of the box",
            "sale-0",
            "sale-1",
            "sale-2",
        ]


async def projected(served: Served, box: Box) -> list[dict[str, Any]]:
    await served.until_projected(len(box.bodies))
    return await served.sales()


async def test_while_both_are_connected_they_are_two_until_a_person_confirms_one(
    tmp_path: Path, mine: Tokens
) -> None:
    async with serve(tmp_path, mine.box) as served:
        await mine.contact(served)
        clone = mine.copy()
        clone.box.sell("of the clone")
        await clone.contact(served)  # it is here first, with the token that both have
        assert (await mine.refused(served)).code in {"behind", "box_copied"}
        async with served.session(clone.box, **clone.shown):
            denied = await mine.asks(served)
            assert denied.code == "box_twice"
        for words in ("Both go on selling", "confirm-box --store harbour-street", "of a copy"):
            assert words in denied.message
        assert list(await alarms(served)) == ["box_twice"]
        # alone, and again, it waits: whoever is known goes on, and is not disturbed by the other
        async with served.session(clone.box, **clone.shown) as (line, _):
            assert (await mine.refused(served)).code == "box_twice"
            assert (await mine.asks(served)).code == "box_twice"
            clone.box.sell("more of it")
            await line.upload(clone.box.frame(len(clone.box.bodies) - 4))
        assert (await served.ask("POST", "/api/v1/stores/harbour-street/box/confirm"))[0] == 204
        assert await alarms(served) == {}
        given = await mine.asks(served)
        assert (given.gen, given.parent) == (2, clone.box.head)
        # the other one is the second box now
        mine.goes_on(given, clone.box.bodies)
        await mine.contact(served)
        assert (await clone.refused(served)).code == "box_twice"
        await mine.contact(served)


async def test_who_comes_back_after_another_went_on_is_told_as_a_second_box(
    tmp_path: Path, mine: Tokens
) -> None:
    """They were never connected at once: the line of the shop's box was cut meanwhile."""
    async with serve(tmp_path, mine.box) as served:
        await mine.contact(served)
        clone = mine.copy(7)
        clone.box.sell("of the clone")
        await mine.contact(served)
        given = await clone.asks(served)
        assert given.gen == 2
        for denied in (await mine.asks(served), await mine.refused(served)):
            assert denied.code == "box_twice"
            assert "which it was known by until 20" in denied.message
        assert list(await alarms(served)) == ["box_twice"]
        assert (await mine.asks(served)).code == "box_twice"
        clone.goes_on(given, mine.box.bodies)
        await clone.contact(served)


async def test_a_ledger_put_back_alone_needs_no_person_however_often(
    tmp_path: Path, mine: Tokens
) -> None:
    """What lies beside it says that it is the very box: no second one can have that."""
    async with serve(tmp_path, mine.box) as served:
        await mine.contact(served)
        early = mine.copy(5)
        for gen in (2, 3, 4):
            mine.box.sell(f"before {gen}")
            await mine.contact(served)
            common = list(mine.box.bodies)
            back = early.copy()
            back.disk.beside = mine.disk.beside
            denied = await back.refused(served)
            assert denied.code == ("behind" if gen == 2 else "frame_of_other_generation")
            assert "Its ledger alone was put back, to a copy from between" in denied.message
            given = await back.asks(served)
            assert given.gen == gen, given
            back.goes_on(given, common)
            back.disk.ledger = ""
            await back.contact(served)
            mine = back
        assert await alarms(served) == {}
        # as a whole it may be a second box: so soon after, that is for a person to say
        assert (await early.asks(served)).code == "box_twice"


async def test_another_box_with_a_key_of_its_own_begins_with_no_token(
    tmp_path: Path, mine: Tokens
) -> None:
    async with serve(tmp_path, mine.box) as served:
        await mine.contact(served)
        await mine.contact(served)
        new = Tokens(Box(mine.box.store, 1, 2, bodies=list(mine.box.bodies)))
        new.goes_on(GenerationGiven(mine.box.store, 2, mine.box.head, AT, ""), mine.box.bodies)
        new.box.key = Box().key
        body = {"box_key": new.box.key.public.hex, "gen": 2}
        assert (await served.ask("PUT", "/api/v1/stores/harbour-street/box", body))[0] == 200
        await new.contact(served)
        await new.contact(served)
        assert await alarms(served) == {}


async def test_two_boxes_are_no_matter_any_more_once_a_third_has_their_place(
    tmp_path: Path, mine: Tokens
) -> None:
    async with serve(tmp_path, mine.box) as served:
        await mine.contact(served)
        clone = mine.copy()
        await mine.contact(served)
        async with served.session(mine.box, **mine.shown):
            assert (await clone.asks(served)).code == "box_twice"
        new = Tokens(Box(mine.box.store, 1, 2, bodies=list(mine.box.bodies)))
        new.goes_on(GenerationGiven(mine.box.store, 2, mine.box.head, AT, ""), mine.box.bodies)
        new.box.key = Box().key
        body = {"box_key": new.box.key.public.hex, "gen": 2}
        assert list(await alarms(served)) == ["box_twice"]
        assert (await served.ask("PUT", "/api/v1/stores/harbour-street/box", body))[0] == 200
        assert await alarms(served) == {}
        await new.contact(served)
        old = new.copy()
        await new.contact(served)
        assert (await old.refused(served)).code == "box_copied"
        assert (await old.asks(served)).gen == 3


async def test_head_office_put_back_three_hours_doubts_nobody(tmp_path: Path, mine: Tokens) -> None:
    async with serve(tmp_path, mine.box) as served:
        await mine.contact(served)
    copy = (tmp_path / "office.db").read_bytes()
    async with serve(tmp_path, mine.box) as served:
        for number in range(3):
            mine.box.sell(f"later-{number}")
            await mine.contact(served)
    for path in tmp_path.glob("office.db*"):
        path.unlink()
    (tmp_path / "office.db").write_bytes(copy)
    async with serve(tmp_path, mine.box) as served:
        await mine.contact(served)
        await mine.contact(served)
        assert "box_copied" not in await alarms(served)
        assert len(await projected(served, mine.box)) == 6


async def test_frames_that_move_to_postgresql_leave_tokens_as_they_are(
    tmp_path: Path, mine: Tokens, address: PostgresAddress
) -> None:
    async with serve(tmp_path / "a", mine.box) as served:
        await mine.contact(served)
        await mine.contact(served)
    more = kept_in(tmp_path, address)
    async with serve(tmp_path / "b", mine.box, **more) as served:
        # tokens are no part of an event store: another head office with other frames knows none
        await mine.contact(served)
        copy = mine.copy()
        await mine.contact(served)
        assert (await copy.refused(served)).code == "box_copied"
        assert (await copy.asks(served)).gen == 2


async def test_the_token_is_on_disk_before_the_box_hears_of_it(
    tmp_path: Path, mine: Tokens
) -> None:
    async with serve(tmp_path, mine.box) as served, served.raw_line() as raw:
        assert isinstance(await raw.next(), Challenge)
        async with served.session(mine.box, **mine.shown) as (_, welcome):
            assert isinstance(welcome, Welcome)
            row = await served.office.file.read(
                lambda db: db.execute("SELECT given, kept FROM ratchet").fetchone()
            )
            assert row == (welcome.ratchet, "")
