"""Histories that are carried by hand: written whole, and taken whole or not at all."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.contract.errors import Refused, StorageFailed
from edge.contract.history_file import HISTORY_END, HistoryBox, HistoryHeader
from edge.contract.replication import Head, parse_header
from edge.contract.system_events import GenerationOpened
from edge.ledger.event_log import BusinessCalendar
from edge.ledger.integrity import verify
from edge.ledger.rebuilding import rebuild_ledger
from edge.ledger.records import LedgerIdentity
from edge.runtime.frame_codec import shipped_dictionaries
from edge.runtime.history_file import read_history, write_history
from edge.runtime.system_clock import SystemClock
from sync.appending import carrying
from sync.appending.carrying import Carried, take_history, write_store
from sync.appending.ingest import BoxIdentity, Ingest
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.keeper.database import keeper_database
from tests.sync.office.head_office import Box, new_key

DICTIONARIES = shipped_dictionaries()


def identity(box: Box) -> BoxIdentity:
    return BoxIdentity(box.number, box.store, box.gen, box.key.public.hex)


def owner(box: Box) -> HistoryBox:
    return HistoryBox(box.gen, box.key.public.hex)


def header(box: Box, *others: HistoryBox) -> HistoryHeader:
    return HistoryHeader(box.number, box.store, (owner(box), *others), "a test", 1)


@dataclass
class Kept:
    """Frames in a file of their own."""

    path: Path
    events: SqliteEventStore

    async def have(self, box: Box, *frames: bytes) -> None:
        ingest = Ingest(identity(box), self.events, DICTIONARIES)
        await ingest.take(frames)

    async def head(self, box: Box) -> Head:
        return await self.events.head(box.number, box.gen)

    async def bodies(self) -> list[bytes]:
        return [each.body for each in await self.events.read(0, 0, frames_max=99)]

    async def write(self, box: Box, out: Path, *before: HistoryBox) -> Carried:
        return await write_store(
            out,
            identity(box),
            self.events,
            DICTIONARIES,
            before=before,
            written_by="a test",
            written_at=1,
        )

    async def take(self, box: Box, path: Path, *before: HistoryBox) -> Carried:
        return await take_history(
            read_history(path),
            identity(box),
            self.events,
            DICTIONARIES,
            keeper="head office",
            before=before,
        )


@asynccontextmanager
async def kept(path: Path) -> AsyncIterator[Kept]:
    file = keeper_database(path)
    await file.open()
    try:
        yield Kept(path, SqliteEventStore(file, SystemClock()))
    finally:
        await file.close()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Kept]:
    async with kept(tmp_path / "here.db") as here:
        yield here


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Kept]:
    async with kept(tmp_path / "there.db") as there:
        yield there


@pytest.fixture
async def box() -> Box:
    box = Box()
    for number in range(6):
        box.sell(f"sale-{number}")
    return box


def carried(tmp_path: Path, box: Box, frames: Sequence[bytes], *others: HistoryBox) -> Path:
    path = tmp_path / "carried.history"
    write_history(path, header(box, *others), frames)
    return path


async def test_what_is_kept_here_is_there_afterwards_byte_for_byte(
    tmp_path: Path, here: Kept, there: Kept, box: Box
) -> None:
    await here.have(box, box.frame(0, 7), box.frame(7, 16), box.frame(16))
    path = tmp_path / "out.history"
    written = await here.write(box, path)
    assert (written.head, written.frames) == (box.head, 3)
    history = read_history(path)
    assert (history.header.slug, history.header.boxes) == (box.store, (owner(box),))
    taken = await there.take(box, path)
    assert (taken.before.seq, taken.head, taken.frames) == (0, box.head, 3)
    assert await there.bodies() == await here.bodies()
    # a repeat is nothing
    again = await there.take(box, path)
    assert (again.before, again.head, again.frames) == (box.head, box.head, 0)
    assert len(await there.bodies()) == 3


async def test_only_what_is_lacking_is_appended(tmp_path: Path, there: Kept, box: Box) -> None:
    await there.have(box, box.frame(0, 9))
    path = carried(tmp_path, box, [box.frame(0, 9), box.frame(9, 12), box.frame(12)])
    taken = await there.take(box, path)
    assert (taken.before.seq, taken.head, taken.frames) == (9, box.head, 2)


@pytest.mark.parametrize("there_upto", [1, 5, 8, 9, 13, 23])
async def test_a_frame_that_was_cut_elsewhere_gives_its_tail(
    tmp_path: Path, here: Kept, there: Kept, box: Box, there_upto: int
) -> None:
    await there.have(box, box.frame(0, there_upto))
    path = carried(tmp_path, box, [box.frame(0, 6), box.frame(6, 14), box.frame(14)])
    taken = await there.take(box, path)
    assert taken.head == await there.head(box) == box.head
    ingest = Ingest(identity(box), there.events, DICTIONARIES)
    for seq in range(1, len(box.bodies) + 1):
        expected = Box(bodies=box.bodies[:seq]).head.hash
        assert (await ingest.hash_at(seq) or b"").hex() == expected, seq
    # the box comes back all the same, and goes on from there
    box.sell("later")
    await there.have(box, box.frame(taken.head.seq))
    # what lies cut like this is written and taken once more
    out = tmp_path / "again.history"
    await there.write(box, out)
    await here.take(box, out)
    assert await here.head(box) == box.head
    assert await here.bodies() == await there.bodies()


async def test_a_large_frame_may_begin_many_small_ones_before_the_head(
    tmp_path: Path, here: Kept, there: Kept, box: Box
) -> None:
    small = [box.frame(seq, seq + 1) for seq in range(15)]
    await there.have(box, *small)
    path = carried(tmp_path, box, [box.frame(0, 5), box.frame(5)])
    assert (await there.take(box, path)).head == box.head
    out = tmp_path / "again.history"
    assert (await there.write(box, out)).frames == 16
    # nothing is here yet: what it overlaps is in the file alone
    assert (await here.take(box, out)).head == box.head
    assert await here.bodies() == await there.bodies()


async def test_of_a_file_no_more_is_remembered_than_a_frame_can_overlap(
    tmp_path: Path, there: Kept, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying, "FRAME_EVENTS_MAX", 8)
    small = [box.frame(seq, seq + 1) for seq in range(15)]
    # wholly behind what is remembered, and new in nothing: it cannot be compared
    path = carried(tmp_path, box, [*small, box.frame(5, 7)])
    assert await refused(there, box, path) == "fork"
    path = carried(tmp_path, box, [*small, box.frame(8, 16), box.frame(16)])
    assert (await there.take(box, path)).head == box.head


async def test_a_large_frame_of_another_history_is_refused_behind_small_ones(
    tmp_path: Path, there: Kept, box: Box
) -> None:
    fork = Box(key=box.key, bodies=box.bodies[:10])
    for number in range(4):
        fork.sell(f"other-{number}", 777)
    small = [box.frame(seq, seq + 1) for seq in range(15)]
    assert await refused(there, box, carried(tmp_path, box, [*small, fork.frame(5)])) == "fork"


async def refused(there: Kept, box: Box, path: Path, *before: HistoryBox) -> str:
    """Say how a file is refused, with nothing taken."""
    head, bodies = await there.head(box), await there.bodies()
    with pytest.raises(Refused) as caught:
        await there.take(box, path, *before)
    assert "Nothing was taken" in caught.value.advice or caught.value.code == "history_gap"
    assert (await there.head(box), await there.bodies()) == (head, bodies)
    return caught.value.code


async def test_a_gap_is_refused_wherever_it_is(tmp_path: Path, there: Kept, box: Box) -> None:
    path = carried(tmp_path, box, [box.frame(4)])
    assert await refused(there, box, path) == "history_gap"
    path = carried(tmp_path, box, [box.frame(0, 8), box.frame(9)])
    assert await refused(there, box, path) == "history_gap"
    await there.have(box, box.frame(0, 3))
    assert await refused(there, box, path) == "history_gap"


async def test_another_history_is_refused_wherever_it_begins(
    tmp_path: Path, there: Kept, box: Box
) -> None:
    fork = Box(key=box.key, bodies=box.bodies[:10])
    for number in range(4):
        fork.sell(f"other-{number}", 777)
    await there.have(box, box.frame(0, 12))
    frames = [fork.frame(0, 7), fork.frame(7, 14), fork.frame(14)]
    assert await refused(there, box, carried(tmp_path, fork, frames)) == "fork"
    whole = [fork.frame(0, 12), fork.frame(12)]
    assert await refused(there, box, carried(tmp_path, fork, whole)) == "fork"
    # two halves of different histories in one file
    mixed = carried(tmp_path, box, [box.frame(0, 12), fork.frame(12)])
    assert await refused(there, box, mixed) == "fork"


async def test_one_bad_frame_at_the_end_spoils_all(tmp_path: Path, there: Kept, box: Box) -> None:
    last = bytearray(box.frame(20))
    last[-70] ^= 1
    frames = [box.frame(seq, seq + 1) for seq in range(20)]
    path = carried(tmp_path, box, [*frames, bytes(last)])
    assert await refused(there, box, path) == "signature_wrong"
    forged = box.frame(20, sign=new_key().sign)
    path = carried(tmp_path, box, [*frames, forged])
    assert await refused(there, box, path) == "signature_wrong"
    path = carried(tmp_path, box, [*frames, b"T" * 200])
    assert await refused(there, box, path) == "frame_malformed"


async def test_the_history_of_another_store_or_box_is_refused(
    tmp_path: Path, there: Kept, box: Box
) -> None:
    far = Box(store="far-street", number=2, bodies=box.bodies)
    assert await refused(there, box, carried(tmp_path, far, [far.frame()])) == "foreign_history"
    other = Box(bodies=box.bodies)
    assert await refused(there, box, carried(tmp_path, other, [other.frame()])) == "foreign_box"
    # a header that lies does not help
    path = carried(tmp_path, other, [other.frame()], owner(box))
    assert await refused(there, box, path) == "signature_wrong"
    path = carried(tmp_path, box, [far.frame(sign=box.key.sign)])
    assert await refused(there, box, path) == "frame_of_other_store"


async def test_a_file_that_was_cut_or_changed_is_refused(
    tmp_path: Path, there: Kept, box: Box
) -> None:
    path = carried(tmp_path, box, [box.frame(seq, seq + 4) for seq in range(0, 24, 4)])
    whole = path.read_bytes()
    for size in (0, 10, 40, len(whole) // 2, len(whole) - 41, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(Refused, match="cannot be used"):
            await there.take(box, path)
    for place in range(20, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])
        with pytest.raises(Refused):
            await there.take(box, path)
    # frames out of order, and the sum put right again: signatures alone would not tell
    frames = [box.frame(0, 8), box.frame(8, 16), box.frame(16)]
    path = carried(tmp_path, box, [frames[1], frames[0], frames[2]])
    assert await refused(there, box, path) == "history_gap"
    whole = carried(tmp_path, box, frames).read_bytes()[: -HISTORY_END.size]
    body = whole.replace(b'"written_at":1', b'"written_at":2')
    assert body != whole
    digest = hashlib.sha256(body).digest()
    path.write_bytes(body + HISTORY_END.pack(0, 3, digest))
    assert (await there.take(box, path)).head == box.head  # the header is nobody's word


async def test_the_late_sales_of_a_box_that_was_replaced_are_taken(
    tmp_path: Path, here: Kept, there: Kept, box: Box
) -> None:
    new = Box(gen=2, bodies=list(box.bodies))
    head = box.head
    new.record(
        GenerationOpened(parent_gen=1, parent_seq=head.seq, parent_hash=head.hash, source="x")
    )
    await there.have(box, box.frame(0, 10))
    path = carried(tmp_path, box, [box.frame()])
    assert await refused(there, new, path) == "foreign_box"
    taken = await there.take(new, path, owner(box))
    assert taken.head == head
    # the old key signs for its generation only
    later = box.frame(head.seq - 1, sign=box.key.sign, gen=2)
    path = carried(tmp_path, new, [later], owner(box))
    assert await refused(there, new, path, owner(box)) == "signature_wrong"
    # the new box goes on; all of it is written with both keys, and taken elsewhere
    await there.have(new, new.frame(head.seq))
    out = tmp_path / "both.history"
    await there.write(new, out, owner(box))
    assert read_history(out).header.boxes == (owner(box), owner(new))
    await here.take(new, out, owner(box))
    assert await here.head(new) == new.head
    # frames of the old generation come no more behind the new one's
    box.sell("far too late")
    path = carried(tmp_path, box, [box.frame()])
    assert await refused(there, new, path, owner(box)) == "fork"


async def test_a_ledger_is_made_of_what_was_carried_and_written_again(
    tmp_path: Path, here: Kept, there: Kept, box: Box
) -> None:
    """Frames cut twice, and a generation that two boxes sent: `tillbox rebuild` takes both."""
    new = Box(gen=2, bodies=list(box.bodies))
    head = box.head
    new.record(
        GenerationOpened(parent_gen=1, parent_seq=head.seq, parent_hash=head.hash, source="x")
    )
    new.sell("later")
    await there.have(box, box.frame(0, 10))
    # the new box sends of the old one's what it has; a copy of the old one's has it otherwise
    ingest = Ingest(identity(new), there.events, DICTIONARIES)
    await ingest.take([new.frame(10, 16, gen=1)])
    await there.take(new, carried(tmp_path, box, [box.frame(0, 7), box.frame(7)]), owner(box))
    await there.have(new, new.frame(head.seq))
    out = tmp_path / "both.history"
    written = await there.write(new, out, owner(box))
    assert (written.head, written.frames) == (new.head, 4)
    history = read_history(out)
    assert history.header.boxes == (HistoryBox(1, owner(new).key), owner(box), owner(new))
    await here.take(new, out, owner(box))
    assert await here.bodies() == await there.bodies()
    path = tmp_path / "ledger.db"
    rebuilt = await rebuild_ledger(
        path,
        history,
        LedgerIdentity(box.store, box.number, 3),
        DICTIONARIES,
        SystemClock(),
        BusinessCalendar(ZoneInfo("UTC")),
    )
    assert (rebuilt.events, rebuilt.sales) == (len(new.bodies), 7)
    assert verify(path).whole
    with closing(sqlite3.connect(path)) as raw:
        bodies = [body for (body,) in raw.execute("SELECT body FROM event ORDER BY seq")]
    assert bodies[:-1] == new.bodies


async def test_nothing_is_written_of_nothing_or_of_a_damaged_disk(
    tmp_path: Path, here: Kept, box: Box
) -> None:
    out = tmp_path / "out.history"
    with pytest.raises(Refused, match="Nothing of store"):
        await here.write(box, out)
    await here.have(box, box.frame(0, 8), box.frame(8))
    with pytest.raises(Refused, match="cannot be written"):
        await here.write(box, tmp_path / "no" / "folder" / "out.history")
    with closing(sqlite3.connect(here.path)) as raw, raw:
        frame = box.frame(8)
        raw.execute(
            "UPDATE frame SET body = ? WHERE first_seq = 9", (frame[:-80] + b"?" + frame[-79:],)
        )
    out.write_bytes(b"the one from yesterday")
    with pytest.raises(StorageFailed, match="damaged on this disk at event 9"):
        await here.write(box, out)
    assert out.read_bytes() == b"the one from yesterday"
    with closing(sqlite3.connect(here.path)) as raw, raw:
        raw.execute("DELETE FROM frame WHERE first_seq = 9")
    with pytest.raises(StorageFailed, match="at event 9: it is not there"):
        await here.write(box, out)


async def test_a_repeated_frame_within_a_file_is_passed_over(
    tmp_path: Path, there: Kept, box: Box
) -> None:
    path = carried(tmp_path, box, [box.frame(0, 6), box.frame(2, 6), box.frame(4, 9), box.frame(9)])
    assert (await there.take(box, path)).head == box.head
    assert [parse_header(body).last_seq for body in await there.bodies()] == [6, 9, 24]
