"""Shops and head office in one loop, under one clock, with lines that the test controls.

Everything that stores, sends, takes and adds up is the product's; what happens to it is said here.
"""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from edge.contract.errors import Refused
from edge.contract.history_file import HistoryBox, HistoryHeader
from edge.contract.replication import Ack
from edge.ledger.event_log import BusinessCalendar
from edge.ledger.rebuilding import rebuild_ledger
from edge.ledger.records import LedgerIdentity
from edge.runtime.frame_codec import CURRENT_DICTIONARY, shipped_dictionaries
from edge.runtime.history_file import read_history, write_history
from edge.runtime.structured_log import Log
from tests.replication_laws.box import Box, key_of
from tests.replication_laws.inline_file import copy_database, threads
from tests.replication_laws.memory_line import Net, Trouble, Way
from tests.replication_laws.office import Office
from tests.virtual_time import VirtualClock

DICTIONARIES = shipped_dictionaries()
REST_S_MAX = 1_200
"""Longer than any wait of the product: what is not in step by then never will be."""
_LOOK_S = 3
_OFFICE_KEY = key_of("head office")


@dataclass
class Copy:
    """A copy of head office's database: how far it had each shop's history."""

    path: Path
    heads: dict[int, int]


@dataclass
class OldDisk:
    """A copy of a box's files from some time ago."""

    folder: Path
    gen: int
    seq: int


@dataclass
class World:
    """`faults` are what was seen that must never be; `expected_alarms` those that are in order."""

    folder: Path
    raw_max: int
    clock: VirtualClock = field(default_factory=VirtualClock)
    boxes: dict[int, Box] = field(default_factory=dict)
    gone: dict[int, list[Box]] = field(default_factory=dict)
    """Boxes whose place another one took."""
    copies: list[Copy] = field(default_factory=list)
    disks: dict[int, list[OldDisk]] = field(default_factory=dict)
    kept_upto: dict[int, int] = field(default_factory=dict)
    """Where a shop's history goes on whose box burnt with sales that nobody else had."""
    faults: list[str] = field(default_factory=list)
    was_set_back: bool = False
    """Boxes may believe of a head office that was set back that it has more."""
    expected_alarms: set[str] = field(default_factory=set)
    strange_digests: dict[int, set[bytes]] = field(default_factory=dict)
    """What boxes said ahead of their frames that were then not let in."""
    stream: io.StringIO = field(default_factory=io.StringIO)
    net: Net = field(init=False)
    office: Office = field(init=False)
    _burials: set[asyncio.Task[None]] = field(default_factory=set)
    _names: itertools.count[int] = field(default_factory=itertools.count)

    async def open(self, shops: int) -> None:
        """Found the shops and their head office."""
        # no machine was ever started at the instant that its clock calls 0
        await self.clock.advance(1)
        self.net = Net(self.clock)
        self.office = Office(
            self.folder / "office.db",
            self.net,
            _OFFICE_KEY,
            DICTIONARIES,
            self.clock,
            self._log("office"),
        )
        await self.start_office()
        for number in range(1, shops + 1):
            box = self._new_box(number, 1, self.folder / f"box-{number}-1")
            await self.office.register(number, box.slug, box.key.public.hex, 1)
            self.boxes[number] = box
            await self.start_box(number)
            await self.keep_disk(number)

    async def close(self) -> None:
        """End everything as it stands."""
        for box in (*self.boxes.values(), *itertools.chain(*self.gone.values())):
            await box.crash()
        await self.office.crash()
        await self.buried()
        self.office.look_away()

    # --- processes ------------------------------------------------------------------------

    async def start_office(self) -> None:
        await self.buried()
        await self.office.start()
        self.office.file.on_death = lambda: self._bury(self.office.crash())

    async def start_box(self, number: int) -> None:
        await self.buried()
        box = self.boxes[number]
        await box.start()
        box.file.on_death = lambda: self._bury(box.crash())
        await box.ask_again()

    async def _steady_office(self) -> None:
        """Have head office be there, and stay for as long as what follows takes."""
        self.office.file.dies_in = 0
        await self.buried()
        if not self.office.is_up:
            await self.start_office()

    def office_dies(self, commits: int, *, behind: bool) -> None:
        """Let head office die at a commit from now: before it, or once it is on disk."""
        self.office.file.dies_in, self.office.file.dies_behind = commits, behind

    def box_dies(self, number: int, commits: int, *, behind: bool) -> None:
        """Let a box die at a commit of its ledger from now."""
        file = self.boxes[number].file
        file.dies_in, file.dies_behind = commits, behind

    def somebody_died(self) -> bool:
        """Say whether a process died at a commit and is not buried yet."""
        return bool(self._burials)

    async def buried(self) -> None:
        """Return once nothing runs any more of what died."""
        while self._burials:
            await asyncio.gather(*self._burials)

    def _bury(self, crash: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(crash)
        self._burials.add(task)
        task.add_done_callback(self._burials.discard)

    # --- head office set back -------------------------------------------------------------

    def copy_office(self) -> None:
        """Make a copy of head office's database while it runs."""
        path = self.folder / f"office-copy-{next(self._names)}.db"
        copy_database(self.office.path, path)
        self.copies.append(Copy(path, {n: self.office.head(n)[0] for n in self.boxes}))

    async def set_office_back(self, pick: int) -> None:
        """Restore head office from one of its copies; a person tells it of new boxes again."""
        place = pick % len(self.copies)
        await self.office.crash()
        await self.buried()
        await self.office.set_back(self.copies[place].path)
        del self.copies[place + 1 :]
        await self.start_office()
        for box in self.boxes.values():
            await self.office.register(box.number, box.slug, box.key.public.hex, box.gen)
        self.expected_alarms.add("feed_ahead")
        self.was_set_back = True

    # --- another box in a shop ------------------------------------------------------------

    async def hand_over(self, number: int) -> None:
        """Let a new box take over with all that the old one had, carried by hand."""
        await self._succeed(number, await self._carried(number), None)

    async def carry(self, number: int) -> None:
        """Have a person carry a box's history to head office, which takes what is new of it."""
        path = await self._carried(number)
        try:
            await self.office.take(path)
        except Refused as error:
            # the box sends too, and was faster: the person is told so, and tries again
            assert error.code == "history_gap"  # noqa: PT017 - nothing else is in order
            await self.clock.advance(1)
            await self.office.take(path)

    async def burn(self, number: int) -> None:
        """Let a box burn and a new one go on with what head office has."""
        old = self.boxes[number]
        await self._steady_office()
        await old.crash()
        await self.clock.advance(0)  # what came before is taken
        upto = self.office.head(number)[0]
        if any(sold.last_seq > upto for sold in (*old.done, *old.unsure)):
            self.kept_upto[number] = upto
        path = self.folder / f"exported-{next(self._names)}"
        with threads():
            await self.office.export(old.slug, path)
        await self._succeed(number, path, upto)

    async def _carried(self, number: int) -> Path:
        box = self.boxes[number]
        # what the box of a generation could not send, this one signs with its own key
        signers = tuple(HistoryBox(gen, box.key.public.hex) for gen in range(1, box.gen + 1))
        header = HistoryHeader(number, box.slug, signers, "a person", self.clock.now_ms())
        path = self.folder / f"carried-{next(self._names)}"
        write_history(path, header, await box.frames())
        return path

    async def _succeed(self, number: int, history: Path, upto: int | None) -> None:
        old = self.boxes[number]
        await old.crash()
        self.gone.setdefault(number, []).append(old)
        gen = old.gen + 1
        folder = self.folder / f"box-{number}-{gen}"
        folder.mkdir()
        new = self._new_box(number, gen, folder)
        rebuilt = await rebuild_ledger(
            new.ledger_path,
            read_history(history),
            LedgerIdentity(new.slug, number, gen),
            DICTIONARIES,
            self.clock,
            BusinessCalendar(ZoneInfo("UTC")),
        )
        assert upto is None or rebuilt.events == upto
        new.done = [sold for sold in old.done if sold.last_seq <= rebuilt.events]
        new.unsure = [sold for sold in old.unsure if sold.last_seq <= rebuilt.events]
        if old.waiting is not None and old.waiting[2] <= rebuilt.events:
            new.waiting = old.waiting
        self.boxes[number] = new
        await self._steady_office()
        await self.office.register(number, new.slug, new.key.public.hex, gen)
        await self.start_box(number)
        await self.keep_disk(number)

    # --- boxes that should not be there ---------------------------------------------------

    async def survivor_calls(self, number: int, pick: int) -> None:
        """A box whose place was taken is switched on again: it is not let in."""
        box = self.gone[number][pick % len(self.gone[number])]
        self.expected_alarms.add("late_survivor")
        await self._calls_in_vain(box, ["took its place"])

    async def keep_disk(self, number: int) -> None:
        """Copy a box's files, as people do with the disk of a box that runs."""
        box = self.boxes[number]
        folder = self.folder / f"disk-{next(self._names)}"
        folder.mkdir()
        for name in ("ledger.db", "reference.db"):
            copy_database(box.folder / name, folder / name)
        seq = (await box.ledger.head()).seq
        self.disks.setdefault(number, []).append(OldDisk(folder, box.gen, seq))

    def useful_disks(self, number: int) -> list[OldDisk]:
        """The copies of a box's disk that are older than what head office has of this box."""
        head = self.office.head(number)[0]
        gen = self.boxes[number].gen
        return [each for each in self.disks.get(number, []) if each.gen == gen and each.seq < head]

    async def restored_box_calls(self, number: int, pick: int, sales: int) -> None:
        """A box is put back to an old copy of its disk and sells: it is not let in.

        Nothing of what it sold is lost: it is on that disk. Then it gets its right disk again.
        """
        disks = self.useful_disks(number)
        disk = disks[pick % len(disks)]
        box = self.boxes[number]
        await box.crash()
        folder = self.folder / f"restored-{next(self._names)}"
        folder.mkdir()
        for name in ("ledger.db", "reference.db"):
            copy_database(disk.folder / name, folder / name)
        restored = self._new_box(number, box.gen, folder)
        restored._counter = 1_000 * next(self._names)
        self.expected_alarms |= {"fork", "behind"}
        await self._calls_in_vain(
            restored, ["Call head office", "another event", "another history"], sales
        )
        await self.start_box(number)

    async def _calls_in_vain(self, box: Box, words: list[str], sales: int = 0) -> None:
        # what it is told is looked at: no trouble of the line, no death in between
        self.net.fate(box.number).plan.clear()
        await self._steady_office()
        before = self._at_office(box.number)
        box.denials.clear()
        # no two boxes start in one instant: their first events would be the same
        await self.clock.advance(1)
        await box.start(connected=False)
        for _ in range(sales):
            await box.sell((("100", 1),), 0)
        box.connect()
        await self.clock.advance(10)
        if not any(word in said for said in box.denials for word in words):
            self.faults.append(f"the wrong box of shop {box.number} heard only {box.denials}")
        mine = [
            sale
            for (sale,) in self.office.rows("SELECT sale FROM sale WHERE store = ?", box.number)
        ]
        if any(sold.sale in mine for sold in box.done[len(box.done) - sales :] if sales):
            self.faults.append(f"a wrong box of shop {box.number} was believed")
        if sales and self._at_office(box.number) != before:
            self.faults.append(f"a wrong box of shop {box.number} changed what is at head office")
        kept = (await box.ledger.head()).seq
        if sales and box.done[-1].last_seq > kept:
            self.faults.append(f"a wrong box of shop {box.number} lost what it sold")
        await box.crash()
        said = self.office.rows("SELECT body FROM digest WHERE store = ?", box.number)
        self.strange_digests.setdefault(box.number, set()).update(body for (body,) in said)

    def _at_office(self, number: int) -> tuple[Any, ...]:
        return self.office.head(number), len(self.office.frames(number))

    # --- time -----------------------------------------------------------------------------

    async def rest(self) -> None:
        """Mend all lines, start what is down, and let time pass until all is in step."""
        self.net.without_line.clear()
        self.net.cut_spoilt()
        for box in self.boxes.values():
            box.file.dies_in = 0
        await self._steady_office()
        for number, box in self.boxes.items():
            if not box.is_up:
                await self.start_box(number)
        waited = 0
        while not await self._in_step():
            if waited >= REST_S_MAX:
                self.faults.append(f"it never comes to rest: {await self._standings()}")
                return
            await self.clock.advance(_LOOK_S)
            await self.buried()
            waited += _LOOK_S

    async def _standings(self) -> dict[int, Any]:
        return {
            number: (
                (await box.ledger.head()).seq,
                box.link.accepted_seq,
                self.office.head(number)[0],
                self.office.rows("SELECT seq FROM projected WHERE store = ?", number),
                box.denials[-3:],
            )
            for number, box in self.boxes.items()
        }

    async def _in_step(self) -> bool:
        for number, box in self.boxes.items():
            head = await box.ledger.head()
            if self.office.head(number) != (head.seq, head.hash):
                return False
            if box.link.accepted_seq != head.seq:
                return False
            projected = self.office.rows("SELECT seq FROM projected WHERE store = ?", number)
            if projected != [(head.seq,)]:
                return False
        return True

    # --- parts ----------------------------------------------------------------------------

    def trouble(self, number: int, way: Way, ahead: int, kind: Trouble) -> None:
        """Let trouble strike one of a shop's next messages."""
        if kind == "shorten":
            self.expected_alarms |= {"signature_wrong", "frame_malformed"}
        self.net.fate(number).foretell(way, ahead, kind)

    def _new_box(self, number: int, gen: int, folder: Path) -> Box:
        return Box(
            folder,
            number,
            gen,
            key_of("box", number, gen),
            self.net,
            _OFFICE_KEY.public.hex,
            DICTIONARIES[CURRENT_DICTIONARY],
            self.clock,
            self._log(f"box {number}"),
            self.raw_max,
            self._heard,
        )

    def _heard(self, ack: Ack) -> None:
        """Hold what head office signed for against its disk."""
        number = int(ack.store.removeprefix("shop-"))
        durable = self.office.head(number)[0]
        if ack.accepted.seq > durable:
            self.faults.append(
                f"head office signed for event {ack.accepted.seq} of {ack.store} and has {durable}"
            )

    def _log(self, who: str) -> Log:
        return Log(self.stream, self.clock, {"who": who}, listeners=[self._told])

    def _told(self, line: str) -> None:
        # who waited for a disk that died was cancelled: that is no defect
        if '"task_defect"' in line and "TaskCancelledItself" not in line:
            self.faults.append(f"a defect: {msgspec.json.decode(line)['reason']}")
