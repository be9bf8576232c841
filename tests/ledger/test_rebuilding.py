"""A burnt box: its ledger made anew from signed frames, event for event, or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.contract.envelope import link_all, unseal
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.history_file import HistoryBox, HistoryHeader
from edge.contract.sale_events import SaleOpened
from edge.contract.system_events import GenerationOpened, TillEnrolled
from edge.ledger.event_log import BusinessCalendar, Ledger
from edge.ledger.integrity import verify
from edge.ledger.projections import PROJECTED_TABLES
from edge.ledger.rebuilding import rebuild_ledger
from edge.ledger.records import LedgerIdentity, Record
from edge.runtime.frame_codec import encode_frame, shipped_dictionaries
from edge.runtime.history_file import read_history, write_history
from edge.runtime.keys import SigningKey, create_key
from edge.runtime.system_clock import SystemClock
from tests.ledger.ledger_at import cash_sale, ledger_at

DICTIONARIES = shipped_dictionaries()
STORE = ("harbour-street", 1)
SALES = 30


class Burnt:
    """A box that is gone: what its frames were, and the file that somebody kept of them."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder = folder
        self.ledger = ledger
        self.key = create_key(folder / "old.key")
        self.bodies: list[bytes] = []
        self.frames: list[bytes] = []

    async def cut(self, *, events: int = 7, **changed: Any) -> None:
        """Pack all that the ledger has, so many events a frame."""
        _, self.bodies = await self.ledger.events_after(0, raw_max=10**9, count_max=10**6)
        self.frames = []
        for at in range(0, len(self.bodies), events):
            self.frames.append(self.frame(at, at + events, **changed))

    def frame(self, after: int, upto: int, **changed: Any) -> bytes:
        bodies = self.bodies[after:upto]
        values: dict[str, Any] = {
            "store": 1,
            "gen": 1,
            "first_seq": after + 1,
            "last_hash": link_all(bytes(32), self.bodies[: after + len(bodies)]),
            "bodies": bodies,
            "sign": self.key.sign,
            "dictionary": DICTIONARIES[1],
        }
        return encode_frame(**{**values, **changed})

    def file(self, key: SigningKey | None = None, **changed: Any) -> Path:
        path = self.folder / "shop.history"
        values: dict[str, Any] = {
            "store_number": 1,
            "slug": "harbour-street",
            "boxes": (HistoryBox(1, (key or self.key).public.hex),),
            "written_by": "tillbox keep, back room",
            "written_at": 5,
        }
        write_history(path, HistoryHeader(**{**values, **changed}), self.frames)
        return path


@pytest.fixture
async def burnt(tmp_path: Path) -> AsyncIterator[Burnt]:
    async with ledger_at(tmp_path / "burnt.db") as ledger:
        enrolled: Event = TillEnrolled(till="till-1", label="Counter", secret_sha256="ab" * 32)
        await ledger.record(Record((enrolled,), "till-1"))
        for number in range(1, SALES + 1):
            await ledger.record(Record(cash_sale(f"sale-{number}", number), "till-1", "marta"))
        await ledger.record(Record((SaleOpened(sale="open", currency="EUR"),), "till-1"))
        box = Burnt(tmp_path, ledger)
        await box.cut()
        yield box


async def rebuilt(path: Path, history: Path, **changed: Any) -> Any:
    identity = LedgerIdentity(
        changed.get("slug", STORE[0]), changed.get("number", STORE[1]), changed.get("gen", 2)
    )
    return await rebuild_ledger(
        path,
        read_history(history),
        identity,
        DICTIONARIES,
        SystemClock(),
        BusinessCalendar(ZoneInfo("UTC")),
    )


def tables(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)  # noqa: S608 - our own names
            for name in PROJECTED_TABLES
        }


async def test_every_event_is_back_with_what_follows_from_it(burnt: Burnt) -> None:
    path = burnt.folder / "ledger.db"
    done = await rebuilt(path, burnt.file())
    assert (done.events, done.sales, done.newest_receipt) == (
        len(burnt.bodies),
        SALES,
        f"till-1-{SALES:06d}",
    )
    assert sorted(each.name for each in burnt.folder.iterdir() if "unfinished" in each.name) == []
    verdict = verify(path)
    assert (verdict.whole, verdict.gen, verdict.events) == (True, 2, len(burnt.bodies) + 1)
    assert tables(path) == tables(burnt.folder / "burnt.db")
    async with ledger_at(path, gen=2) as ledger:
        _, bodies = await ledger.events_after(0, raw_max=10**9, count_max=10**6)
        assert bodies[: len(burnt.bodies)] == burnt.bodies
        opened = unseal(bodies[-1])
        assert (opened.gen, opened.seq) == (2, len(burnt.bodies) + 1)
        assert opened.event() == GenerationOpened(
            parent_gen=1,
            parent_seq=len(burnt.bodies),
            parent_hash=link_all(bytes(32), burnt.bodies).hex(),
            source="tillbox keep, back room",
        )
        with pytest.raises(Refused, match="names another sale"):
            await ledger.record(Record(cash_sale("sale-3", 99), "till-2"))
        await ledger.record(Record(cash_sale("new", SALES + 1), "till-2"))


async def test_a_box_that_was_rebuilt_may_burn_too(burnt: Burnt) -> None:
    second = burnt.folder / "second.db"
    await rebuilt(second, burnt.file())
    heir = create_key(burnt.folder / "heir.key")
    async with ledger_at(second, gen=2) as ledger:
        await ledger.record(Record(cash_sale("second", SALES + 1), "till-2"))
        old = len(burnt.bodies)
        _, burnt.bodies = await ledger.events_after(0, raw_max=10**9, count_max=10**6)
    burnt.frames.append(burnt.frame(old, len(burnt.bodies), gen=2, sign=heir.sign))
    boxes = (HistoryBox(1, burnt.key.public.hex), HistoryBox(2, heir.public.hex))
    path = burnt.folder / "third.db"
    with pytest.raises(Refused, match="gen = 3") as refused:
        await rebuilt(path, burnt.file(boxes=boxes))
    assert refused.value.code == "generation_taken"
    done = await rebuilt(path, burnt.file(boxes=boxes), gen=3)
    assert (done.events, done.sales) == (len(burnt.bodies), SALES + 1)
    assert verify(path).whole


@pytest.mark.parametrize(
    "cuts",
    [
        [(0, 20), (13, 40), (39, None)],  # each begins before the head
        [(0, 20), (0, 40), (0, None)],  # from the first event again and again
        [(0, 20), (0, 20), (20, 40), (3, 11), (19, 20), (40, None), (0, 20)],  # nothing new in some
    ],
)
async def test_frames_that_overlap_count_once(
    burnt: Burnt, cuts: list[tuple[int, int | None]]
) -> None:
    burnt.frames = [burnt.frame(after, upto or len(burnt.bodies)) for after, upto in cuts]
    path = burnt.folder / "ledger.db"
    done = await rebuilt(path, burnt.file())
    assert (done.events, done.sales, done.newest_receipt) == (
        len(burnt.bodies),
        SALES,
        f"till-1-{SALES:06d}",
    )
    assert verify(path).whole
    assert tables(path) == tables(burnt.folder / "burnt.db")
    async with ledger_at(path, gen=2) as ledger:
        _, bodies = await ledger.events_after(0, raw_max=10**9, count_max=10**6)
    assert bodies[:-1] == burnt.bodies


@pytest.mark.parametrize("first", ["heir", "old"])
async def test_a_generation_that_two_boxes_sent_is_taken_of_both(burnt: Burnt, first: str) -> None:
    """A box that took another one's place has sent what that one could not, with its own key."""
    second = burnt.folder / "second.db"
    await rebuilt(second, burnt.file())
    heir = create_key(burnt.folder / "heir.key")
    async with ledger_at(second, gen=2) as ledger:
        await ledger.record(Record(cash_sale("second", SALES + 1), "till-2"))
        old = len(burnt.bodies)
        _, burnt.bodies = await ledger.events_after(0, raw_max=10**9, count_max=10**6)
    burnt.frames = [
        burnt.frame(0, 40),
        burnt.frame(40, 60, sign=heir.sign),
        burnt.frame(50, 70),  # carried in of what the old box had sent elsewhere
        burnt.frame(65, old, sign=heir.sign),
        burnt.frame(old, len(burnt.bodies), gen=2, sign=heir.sign),
        burnt.frame(30, 50),  # late, and known
    ]
    both = (HistoryBox(1, heir.public.hex), HistoryBox(1, burnt.key.public.hex))
    boxes = (*(both if first == "heir" else both[::-1]), HistoryBox(2, heir.public.hex))
    path = burnt.folder / "third.db"
    done = await rebuilt(path, burnt.file(boxes=boxes), gen=3)
    assert (done.events, done.sales) == (len(burnt.bodies), SALES + 1)
    verdict = verify(path)
    assert (verdict.whole, verdict.gen) == (True, 3)
    async with ledger_at(path, gen=3) as ledger:
        _, bodies = await ledger.events_after(0, raw_max=10**9, count_max=10**6)
        assert bodies[:-1] == burnt.bodies
        opened = unseal(bodies[-1]).event()
        assert isinstance(opened, GenerationOpened)
        assert (opened.parent_gen, opened.parent_seq) == (2, len(burnt.bodies))
    # the old box's key signs for its own generation only
    burnt.frames[-2] = burnt.frame(old, len(burnt.bodies), gen=2)
    with pytest.raises(Refused, match=f"breaks at event {old + 1}"):
        await rebuilt(burnt.folder / "fourth.db", burnt.file(boxes=boxes), gen=3)


Spoil = Callable[[Burnt], None]


def _drop(burnt: Burnt) -> None:
    del burnt.frames[3]


def _swap(burnt: Burnt) -> None:
    burnt.frames[3], burnt.frames[4] = burnt.frames[4], burnt.frames[3]


def _forged(burnt: Burnt) -> None:
    frame = bytearray(burnt.frames[3])
    frame[-1] ^= 1
    burnt.frames[3] = bytes(frame)


def _other_hash(burnt: Burnt) -> None:
    burnt.frames[3] = burnt.frame(21, 28, last_hash=bytes(32))


def _other_generation(burnt: Burnt) -> None:
    burnt.frames[3] = burnt.frame(21, 28, gen=2)


def _other_store(burnt: Burnt) -> None:
    burnt.frames[3] = burnt.frame(21, 28, store=2)


def _other_before_the_head(burnt: Burnt) -> None:
    """A frame that is right in itself, of a history in which two events changed places."""
    bodies = list(burnt.bodies)
    bodies[18], bodies[19] = bodies[19], bodies[18]
    burnt.frames[3] = burnt.frame(
        14, 28, bodies=bodies[14:28], last_hash=link_all(bytes(32), bodies[:28])
    )


def _other_before_the_head_that_says_it_is_ours(burnt: Burnt) -> None:
    bodies = list(burnt.bodies)
    bodies[18], bodies[19] = bodies[19], bodies[18]
    burnt.frames[3] = burnt.frame(14, 28, bodies=bodies[14:28])


def _other_behind_the_head(burnt: Burnt) -> None:
    """Its events up to the head are those that are there; it does not end where it says."""
    burnt.frames[3] = burnt.frame(14, 28, last_hash=bytes(32))


def _other_end_of_a_repeat(burnt: Burnt) -> None:
    burnt.frames[3] = burnt.frame(9, 18, last_hash=bytes(32))


def _newer_generation_over_the_head(burnt: Burnt) -> None:
    burnt.frames[3] = burnt.frame(14, 28, gen=3)


def _older_generation_behind_the_head(burnt: Burnt) -> None:
    burnt.frames[3] = burnt.frame(21, 28, gen=0)


def _repeat_by_a_stranger(burnt: Burnt) -> None:
    burnt.frames[3] = burnt.frame(7, 21, sign=create_key(burnt.folder / "stranger.key").sign)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_drop, "breaks at event 22"),
        (_swap, "breaks at event 22"),
        (_forged, "breaks at event 22"),
        (_other_hash, "breaks at event 22"),
        (_other_generation, "generation 2"),
        (_other_store, "breaks at event 22"),
        (_other_before_the_head, "breaks at event 19: Two of its frames tell it differently"),
        (_other_before_the_head_that_says_it_is_ours, "breaks at event 19: Two of its frames"),
        (_other_behind_the_head, "breaks at event 22"),
        (_other_end_of_a_repeat, "breaks at event 18"),
        (_newer_generation_over_the_head, "breaks at event 15: It says that it is event 15 of 1"),
        (_older_generation_behind_the_head, "breaks at event 22: The next frame is of generation"),
        (_repeat_by_a_stranger, "breaks at event 22"),
    ],
)
async def test_of_frames_that_do_not_fit_nothing_is_made(
    burnt: Burnt, spoil: Spoil, words: str
) -> None:
    spoil(burnt)
    path = burnt.folder / "ledger.db"
    boxes = tuple(HistoryBox(gen, burnt.key.public.hex) for gen in (0, 1, 3))
    with pytest.raises(Refused, match=words) as refused:
        await rebuilt(path, burnt.file(boxes=boxes), gen=4)
    assert refused.value.code == "history_unusable"
    assert [each.name for each in burnt.folder.iterdir() if each.name.startswith("ledger")] == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"slug": "other"}, "history_of_other_store"),
        ({"number": 2}, "history_of_other_store"),
        ({"gen": 1}, "generation_taken"),
    ],
)
async def test_another_store_or_a_generation_that_was_is_refused(
    burnt: Burnt, changed: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        await rebuilt(burnt.folder / "ledger.db", burnt.file(), **changed)
    assert refused.value.code == code


async def test_a_history_signed_by_another_key_is_refused(burnt: Burnt) -> None:
    stranger = create_key(burnt.folder / "stranger.key")
    with pytest.raises(Refused, match="breaks at event 1"):
        await rebuilt(burnt.folder / "ledger.db", burnt.file(stranger))


async def test_a_ledger_that_is_there_is_never_written_over(burnt: Burnt) -> None:
    path = burnt.folder / "burnt.db"
    before = path.read_bytes()
    with pytest.raises(Refused) as refused:
        await rebuilt(path, burnt.file())
    assert refused.value.code == "ledger_is_there"
    assert path.read_bytes() == before


async def test_what_a_power_cut_left_is_begun_anew(burnt: Burnt) -> None:
    path = burnt.folder / "ledger.db"
    path.with_name("ledger.db.unfinished").write_bytes(b"half a file")
    await rebuilt(path, burnt.file())
    assert verify(path).whole
