"""What is settled is in a closed, signed piece that was read again; and the whole can be shown."""

from __future__ import annotations

import asyncio
import io
import random
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.contract.errors import StorageFailed
from edge.contract.replication import Head
from edge.runtime.database_file import DatabaseFile
from edge.runtime.keys import create_key
from edge.runtime.structured_log import Log
from sync.appending.event_store import Accepted, StoredFrame
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.office import archive
from sync.office.archive import Archive, segment_name
from sync.office.archive_check import ArchiveCheck, check_archive
from sync.office.archive_file import SegmentReader
from sync.office.database import office_database
from sync.office.store_directory import RegisteredStore, StoreDirectory
from tests.sync.office.head_office import DICTIONARIES, Box, Served, new_key
from tests.sync.office.test_office_command import tillbox
from tests.virtual_time import FakeClock

DAY_S = 86_400


class Shelf:
    """An office's database, its event store and the archive of it, without anything around."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "archive"
        self.path = folder / "office.db"
        self.clock = FakeClock()
        self.said = io.StringIO()
        self.key = new_key()
        self.boxes: dict[int, Box] = {}
        self.sent: dict[int, int] = {}
        self.projected = 2**62

    async def open(self) -> None:
        self.file: DatabaseFile = office_database(self.path)
        await self.file.open()
        self.events = SqliteEventStore(self.file, self.clock)
        self.archive = self.made(self.events)
        await self.archive.open()

    def made(self, events: SqliteEventStore) -> Archive:
        return Archive(
            self.folder,
            self.file,
            events,
            self.key,
            lambda: {0: self.projected},
            self.clock,
            Log(self.said, self.clock, {}),
            DAY_S,
        )

    async def close(self) -> None:
        await self.file.close()

    async def again(self) -> None:
        await self.close()
        await self.open()

    async def box(self, number: int = 1) -> Box:
        if number not in self.boxes:
            box = self.boxes[number] = Box(f"shop-{number}", number)
            store = RegisteredStore(number, box.store, "Shop", box.key.public.hex, 1)
            await StoreDirectory(self.file, self.clock).add(store)
            self.sent[number] = 0
        return self.boxes[number]

    async def sell(self, sale: str, number: int = 1) -> None:
        """Let a shop sell, and its frame come."""
        box = await self.box(number)
        after = self.sent[number]
        box.sell(sale)
        before = Box(number=number, bodies=box.bodies[:after]).head
        taken = await self.events.append(number, 1, after + 1, box.frame(after), before)
        assert taken == Accepted(box.head)
        self.sent[number] = len(box.bodies)

    async def close_day(self) -> int:
        """Look once, and again a day later."""
        closed = await self.archive.step()
        self.clock.at_ms += DAY_S * 1000
        return closed + await self.archive.step()

    async def checked(self) -> ArchiveCheck:
        return await check_archive(self.folder, self.file, self.key.public, DICTIONARIES)

    async def is_whole(self) -> ArchiveCheck:
        """Everything is archived, settled, and stands any look."""
        found = await self.checked()
        assert found.problems == []
        for number, box in self.boxes.items():
            assert found.ends[number] == (len(box.bodies), bytes.fromhex(box.head.hash))
            assert await self.events.settled(number) == len(box.bodies)
        return found


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    shelf = Shelf(tmp_path)
    await shelf.open()
    yield shelf
    await shelf.close()


async def test_a_day_becomes_a_piece_and_is_settled(shelf: Shelf) -> None:
    for number in (1, 2, 1, 3):
        await shelf.sell("a", number)
    assert await shelf.archive.step() == 0
    shelf.clock.at_ms += (DAY_S - 1) * 1000
    assert await shelf.archive.step() == 0, "the day is not over"
    assert await shelf.events.settled(1) == 0
    shelf.clock.at_ms += 1_000
    assert await shelf.archive.step() == 1
    found = await shelf.is_whole()
    assert (found.segments, found.frames) == (1, 4)
    assert await shelf.close_day() == 0, "nothing has come"
    await shelf.sell("b")
    await shelf.sell("c", 2)
    assert await shelf.close_day() == 1
    found = await shelf.is_whole()
    assert (found.segments, found.frames, found.events) == (2, 6, 24)
    reader = SegmentReader(shelf.folder / segment_name(0, 2), shelf.key.public)
    end = reader.read_through()
    assert [(each.store, each.first_seq, each.last_seq) for each in end.spans] == [
        (1, 9, 12),
        (2, 5, 8),
    ]


async def test_what_the_sales_do_not_show_is_not_archived(shelf: Shelf) -> None:
    await shelf.sell("a")
    await shelf.sell("b")
    shelf.projected = 1
    assert await shelf.close_day() == 1
    assert await shelf.events.settled(1) == 4
    shelf.projected = 2
    assert await shelf.close_day() == 1
    await shelf.is_whole()


async def test_much_is_closed_before_the_day_is_over(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ARCHIVE_SEGMENT_BYTES", 3_000)
    monkeypatch.setattr(archive, "_PAGE", 2)
    for number in range(40):
        await shelf.sell(f"sale-{number}", number % 3 + 1)
    closed = await shelf.archive.step()
    assert closed > 2
    assert (await shelf.checked()).problems == []
    assert await shelf.close_day() == 1, "the rest, at the end of the day"
    assert (await shelf.is_whole()).segments == closed + 1


async def test_a_clock_that_was_set_back_does_not_keep_a_day_open(shelf: Shelf) -> None:
    await shelf.sell("a")
    assert await shelf.archive.step() == 0
    shelf.clock.at_ms -= 400 * DAY_S * 1000
    assert await shelf.archive.step() == 1


# --- killed ------------------------------------------------------------------------------


class Killed(Exception):
    """The process is gone at this point."""


@pytest.mark.parametrize("at", ["writing", "before the end", "read", "noted", "settled"])
async def test_killed_at_any_step_it_goes_on(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    await shelf.sell("a")
    await shelf.sell("b", 2)
    with monkeypatch.context() as plan:

        def die(*_: object) -> None:
            raise Killed

        async def die_late(*_: object) -> None:
            raise Killed

        if at == "writing":
            plan.setattr(archive, "_add", die)
        elif at == "before the end":
            plan.setattr(archive.SegmentWriter, "close", die)
        elif at == "read":
            plan.setattr(SegmentReader, "read_through", die)
        elif at == "noted":
            plan.setattr(Archive, "_note", die_late)
        else:
            plan.setattr(SqliteEventStore, "settle", die_late)
        # nobody cleans up
        plan.setattr(archive.SegmentWriter, "give_up", lambda writer: writer._file.close())
        with pytest.raises(Killed):
            await shelf.close_day()
    assert await shelf.events.settled(1) == 0
    await shelf.again()
    await shelf.sell("c")  # comes before it is taken up
    await shelf.close_day()
    await shelf.is_whole()
    assert "archive_set_aside" not in shelf.said.getvalue()
    assert sorted(path.suffix for path in shelf.folder.iterdir()) == [".archive"] * len(
        list(shelf.folder.iterdir())
    )


async def test_a_disk_that_takes_nothing_is_said_and_tried_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.sell("a")
    assert shelf.archive.health().well
    with monkeypatch.context() as plan:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        plan.setattr(archive, "_add", full)
        shelf.archive.close_after_s = 1
        looking = asyncio.create_task(shelf.archive.run())
        async with asyncio.timeout(10):
            while shelf.archive.trouble is None:
                await asyncio.sleep(0)
        told = shelf.archive.health()
        assert not told.well
        assert "No space left" in told.words
        assert "boxes keep what is not settled" in told.advice
        assert await shelf.events.settled(1) == 0
    async with asyncio.timeout(10):
        while not shelf.archive.health().well:
            await asyncio.sleep(0)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    await shelf.is_whole()
    assert shelf.said.getvalue().count("archive_trouble") == 1


# --- restored ----------------------------------------------------------------------------


@pytest.mark.parametrize("same", [True, False])
async def test_an_office_of_an_older_copy_writes_over_no_piece(
    shelf: Shelf, tmp_path: Path, *, same: bool
) -> None:
    await shelf.sell("a")
    await shelf.close_day()
    await shelf.close()
    shutil.copy(shelf.path, tmp_path / "copy.db")
    await shelf.open()
    await shelf.sell("b")
    await shelf.close_day()
    lost = (shelf.folder / segment_name(0, 2)).read_bytes()
    await shelf.close()
    shutil.copy(tmp_path / "copy.db", shelf.path)
    for rest in ("office.db-wal", "office.db-shm"):
        (tmp_path / rest).unlink(missing_ok=True)
    await shelf.open()
    box = shelf.boxes[1]
    shelf.sent[1] = 4
    if same:  # the box sends again what was lost, in the same frame
        assert await shelf.events.append(
            1, 1, 5, box.frame(4), Box(bodies=box.bodies[:4]).head
        ) == Accepted(box.head)
        shelf.sent[1] = len(box.bodies)
    else:
        await shelf.sell("c")  # it comes in one frame with what was lost
    await shelf.close_day()
    await shelf.close_day()
    found = await shelf.checked()
    assert {number: end[0] for number, end in found.ends.items()} == {1: len(box.bodies)}
    assert await shelf.events.settled(1) == len(box.bodies)
    aside = [path for path in shelf.folder.iterdir() if "aside" in path.name]
    if same:
        assert (aside, found.problems) == ([], [])
    else:
        assert [path.read_bytes() for path in aside] == [lost]
        assert len(found.problems) == 1
        assert "is there and not noted" in found.problems[0]


async def test_frames_that_come_in_the_place_of_lost_ones_are_archived(shelf: Shelf) -> None:
    """An event store on a server was restored, and gives positions once more."""
    await shelf.sell("a")
    await shelf.sell("b")
    await shelf.close_day()
    await shelf.file.write(lambda db: db.execute("DELETE FROM frame WHERE position > 1"))
    kept = Box(bodies=shelf.boxes[1].bodies[:4]).head
    await shelf.file.write(
        lambda db: db.execute("UPDATE head SET seq = 4, hash = ?", (bytes.fromhex(kept.hash),))
    )
    await shelf.again()
    shelf.sent[1] = 4
    await shelf.sell("c")  # with "b", which the box sends again
    await shelf.close_day()
    await shelf.is_whole()


# --- the look at all of it ---------------------------------------------------------------


async def two_days(shelf: Shelf) -> None:
    for day in range(2):
        for number in (1, 2):
            await shelf.sell(f"sale-{day}", number)
        await shelf.close_day()
    await shelf.is_whole()


@pytest.mark.parametrize("seed", range(12))
async def test_no_byte_can_be_changed_unseen(shelf: Shelf, seed: int) -> None:
    await two_days(shelf)
    chance = random.Random(seed)
    path = shelf.folder / segment_name(0, chance.choice((1, 2)))
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    assert (await shelf.checked()).problems, f"seed {seed}"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("gone", "is not there"),
        ("cut", "it is cut off"),
        ("longer", "something follows it"),
        ("swapped", "does not follow the piece before it"),
        ("stranger", "is there and not noted"),
    ],
)
async def test_a_folder_that_is_not_what_was_written_is_found(
    shelf: Shelf, what: str, words: str
) -> None:
    await two_days(shelf)
    one, two = (shelf.folder / segment_name(0, number) for number in (1, 2))
    first, second = one.read_bytes(), two.read_bytes()
    match what:
        case "gone":
            one.unlink()
        case "cut":
            two.write_bytes(second[:-70])
        case "longer":
            two.write_bytes(second + b"x")
        case "swapped":
            one.write_bytes(second)
            two.write_bytes(first)
        case _:
            (shelf.folder / segment_name(0, 9)).write_bytes(first)
    found = await shelf.checked()
    assert any(words in problem for problem in found.problems), found.problems


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE archive_segment SET root = printf('%064d', 7) WHERE number = 2", "was noted"),
        ("UPDATE archive_span SET seq = 9 WHERE store = 1", "Store 1 is settled up to event 9"),
        ("UPDATE store SET gen = 2 WHERE number = 1", "No box of store 1 in generation 1"),
        (
            "UPDATE store SET box_key = (SELECT box_key FROM store WHERE number = 2)",
            "of store 1: ",
        ),
    ],
)
async def test_notes_that_do_not_fit_the_archive_are_found(
    shelf: Shelf, change: str, words: str
) -> None:
    await two_days(shelf)
    await shelf.file.write(lambda db: db.execute(change))
    found = await shelf.checked()
    assert any(words in problem for problem in found.problems), found.problems


async def test_an_archive_that_another_head_office_signed_is_found(shelf: Shelf) -> None:
    await two_days(shelf)
    shelf.key = new_key()
    assert "another head office signed it" in (await shelf.checked()).problems[0]


async def test_a_gap_between_pieces_is_found(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    await shelf.sell("a")
    await shelf.sell("b")
    await shelf.sell("c")
    whole = SqliteEventStore.read

    async def careless(
        store: SqliteEventStore, partition: int, cursor: int, *, frames_max: int
    ) -> list[StoredFrame]:
        found = await whole(store, partition, cursor, frames_max=frames_max)
        return [frame for frame in found if frame.position != 2]

    with monkeypatch.context() as plan:
        plan.setattr(SqliteEventStore, "read", careless)
        await shelf.close_day()
    (problem,) = (await shelf.checked()).problems
    assert "events 9 to 12 of store 1 leave out what is between event 4 and them" in problem


async def test_a_chain_that_does_not_lead_on_is_found(shelf: Shelf) -> None:
    """No box would sign it, and nobody took it in: only the archive's check stands against it."""
    await shelf.sell("a")
    box = shelf.boxes[1]
    before = box.head
    box.sell("b")
    wrong = bytes(31) + b"x"
    frame = box.frame(4, last_hash=wrong)
    taken = await shelf.events.append(1, 1, 5, frame, before)
    assert taken == Accepted(Head(1, 8, wrong.hex()))
    await shelf.close_day()
    (problem,) = (await shelf.checked()).problems
    assert "do not lead from the hash before them to the hash behind them" in problem


async def test_a_piece_that_follows_another_past_is_found(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.sell("a")
    await shelf.close_day()
    await shelf.sell("b")
    noted = Archive.noted

    async def of_another_past(self: Archive, partition: int) -> archive.Noted:
        return replace(await noted(self, partition), root="ab" * 32)

    with monkeypatch.context() as plan:
        plan.setattr(Archive, "noted", of_another_past)
        shelf.clock.at_ms += DAY_S * 1000
        await shelf.archive.step()
        shelf.clock.at_ms += DAY_S * 1000
        await shelf.archive.step()
    (problem,) = (await shelf.checked()).problems
    assert problem == "p000-00000002.archive does not follow the piece before it."


# --- at a running head office ------------------------------------------------------------


async def test_a_box_is_told_what_is_settled(served: Served, box: Box) -> None:
    settle = served.office.boxes.desk.events.settle
    async with served.session(box) as (line, welcome):
        assert welcome.settled_seq == 0
        box.sell("a")
        assert (await line.upload(box.frame(0))).settled_seq == 0
        await settle({box.number: 4})
        box.sell("b")
        ack = await line.upload(box.frame(4))
        assert (ack.accepted, ack.settled_seq) == (box.head, 4)
    async with served.session(box) as (_, welcome):
        assert welcome.settled_seq == 4


async def test_a_broken_database_ends_the_archive_too(shelf: Shelf) -> None:
    await shelf.sell("a")
    await shelf.close()
    with pytest.raises(StorageFailed):
        await shelf.archive.step()
    await shelf.open()


async def test_a_person_looks_through_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "office.toml"
    config.write_text(
        'data_dir = "data"\npepper_file = "pepper"\nsigning_key_file = "office.key"\n'
    )
    (tmp_path / "data").mkdir()
    shelf = Shelf(tmp_path / "data")
    shelf.key = create_key(tmp_path / "office.key")
    await shelf.open()
    try:
        assert await asyncio.to_thread(tillbox, "--config", config, "check-archive") == 0
        assert "0 pieces, 0 frames, 0 events of 0 stores: all of it" in capsys.readouterr().out
        await two_days(shelf)
        assert await asyncio.to_thread(tillbox, "--config", config, "check-archive") == 0
        said = capsys.readouterr().out
        assert said == "2 pieces, 4 frames, 16 events of 2 stores: all of it is whole.\n"
        (shelf.folder / segment_name(0, 1)).unlink()
        assert await asyncio.to_thread(tillbox, "--config", config, "check-archive") == 1
        said = capsys.readouterr().out
        assert "p000-00000001.archive is not there." in said
        assert "see above" in said
    finally:
        await shelf.close()
