"""Shops and head office in one loop, under one clock, with lines that the test controls.

Everything that stores, sends, takes and adds up is the product's; what happens to it is said here.
"""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from edge.contract.errors import Refused
from edge.contract.history_file import HistoryBox, HistoryHeader
from edge.contract.mending_limits import MENDING_AGAIN_MS_MIN
from edge.contract.replication import Ack
from edge.ledger.event_log import BusinessCalendar
from edge.ledger.rebuilding import rebuild_ledger
from edge.ledger.records import LedgerIdentity
from edge.runtime.frame_codec import CURRENT_DICTIONARY, shipped_dictionaries
from edge.runtime.history_file import read_history, write_history
from edge.runtime.keys import SigningKey
from edge.runtime.structured_log import Log
from tests.replication_laws.box import Box, key_of
from tests.replication_laws.history import standing_in
from tests.replication_laws.inline_file import copy_database, threads
from tests.replication_laws.memory_line import Net, Trouble, Way
from tests.replication_laws.office import Office
from tests.replication_laws.restored import RestoredBoxes
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
class World:
    """`faults` are what was seen that must never be; `expected_alarms` those that are in order."""

    folder: Path
    raw_max: int
    tokens: bool = True
    """Whether the boxes keep the tokens that tell a copy of one."""
    clock: VirtualClock = field(default_factory=VirtualClock)
    boxes: dict[int, Box] = field(default_factory=dict)
    gone: dict[int, list[Box]] = field(default_factory=dict)
    """Boxes whose place another one took."""
    copies: list[Copy] = field(default_factory=list)
    kept_upto: dict[int, int] = field(default_factory=dict)
    """Where a shop's history goes on whose box burnt with sales that nobody else had."""
    faults: list[str] = field(default_factory=list)
    was_set_back: bool = False
    """Boxes may believe of a head office that was set back that it has more."""
    expected_alarms: set[str] = field(default_factory=set)
    stream: io.StringIO = field(default_factory=io.StringIO)
    registered: dict[int, int] = field(default_factory=dict)
    """The generation of the box that a person registered last."""
    restored: RestoredBoxes = field(init=False)
    net: Net = field(init=False)
    office: Office = field(init=False)
    _burials: set[asyncio.Task[None]] = field(default_factory=set)
    _names: itertools.count[int] = field(default_factory=itertools.count)

    async def open(self, shops: int) -> None:
        """Found the shops and their head office."""
        # no machine was ever started at the instant that its clock calls 0
        await self.clock.advance(1)
        self.net = Net(self.clock)
        self.restored = RestoredBoxes(self)
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
            folder = self.folder / f"box-{number}-1"
            box = self.new_box(number, 1, folder, key_of("box", number, 1))
            await self.office.register(number, box.slug, box.key.public.hex, 1)
            self.boxes[number] = box
            await self.start_box(number)
            await self.restored.keep_disk(number)

    async def close(self) -> None:
        """End everything as it stands."""
        for box in (*self.restored.boxes, *itertools.chain(*self.gone.values())):
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
        await self.start(self.boxes[number])

    async def start(self, box: Box, *, connected: bool = True) -> None:
        """Start a box that is down; its tills ask for what they got no answer to."""
        await self.buried()
        await self._begin(box, connected=connected)

    async def _begin(self, box: Box, *, connected: bool) -> None:
        await box.start(connected=connected)
        if box.unmended is not None:
            self.faults.append(f"a history of shop {box.number} stays lost: {box.unmended}")
        await box.ask_again()

    async def _start_anew(self, box: Box) -> None:
        """Let a box start anew that has its history back; it may die meanwhile."""
        with suppress(asyncio.CancelledError):
            await box.stop()
            await self._begin(box, connected=True)

    async def _steady_office(self) -> None:
        """Have head office be there, and stay for as long as what follows takes."""
        self.office.file.death.steps = 0
        await self.buried()
        if not self.office.is_up:
            await self.start_office()

    def office_dies(self, commits: int, *, behind: bool) -> None:
        """Let head office die at a commit from now: before it, or once it is on disk."""
        death = self.office.file.death
        death.steps, death.behind = commits, behind

    def box_dies(self, number: int, commits: int, *, behind: bool) -> None:
        """Let a box die at a commit of its ledger from now."""
        death = self.boxes[number].file.death
        death.steps, death.behind = commits, behind

    def somebody_died(self) -> bool:
        """Say whether a process died at a commit and is not buried yet."""
        return bool(self._burials)

    async def buried(self) -> None:
        """Return once nothing runs any more of what died."""
        while self._burials:
            await asyncio.gather(*self._burials)

    def _bury(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
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
        self.restored.office_was_set_back()
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
            if number in self.restored.astray:
                return  # it is another history than head office has
            if self.was_set_back and error.code == "frame_of_other_generation":
                return  # head office forgot the generation: the box itself has to call
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
        at_office = standing_in(self.office.frames(number))
        if any(sold.named not in at_office for sold in (*old.done, *old.unsure)):
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
        # head office may have given the old one a generation that this never heard of
        gen = max(old.gen, await self._gen_at_office(old.slug)) + 1
        folder = self.folder / f"box-{number}-{gen}"
        folder.mkdir()
        new = self.new_box(number, gen, folder, key_of("box", number, gen))
        rebuilt = await rebuild_ledger(
            new.ledger_path,
            read_history(history),
            LedgerIdentity(new.slug, number, gen),
            DICTIONARIES,
            self.clock,
            BusinessCalendar(ZoneInfo("UTC")),
        )
        assert upto is None or rebuilt.events == upto
        has = standing_in(list(read_history(history).frames()))
        told = {sold.named: sold for sold in (*old.done, *old.afar, *old.unsure)}
        new.done = [sold for named, sold in told.items() if named in has]
        self.restored.astray.discard(number)
        self.boxes[number] = new
        await self._steady_office()
        await self.office.register(number, new.slug, new.key.public.hex, gen)
        self.registered[number] = gen
        await self.start_box(number)
        await self.restored.keep_disk(number)

    async def _gen_at_office(self, slug: str) -> int:
        await self._steady_office()
        return await self.office.gen(slug)

    # --- boxes that should not be there ---------------------------------------------------

    async def survivor_calls(self, number: int, pick: int) -> None:
        """A box whose place was taken is switched on again: it is not let in."""
        box = self.gone[number][pick % len(self.gone[number])]
        # a head office that was set back may never have heard of its key
        self.expected_alarms |= {"late_survivor", "wrong_key"}
        words = ("took its place", "is not registered at head office")
        # what it is told is looked at: no trouble of the line, no death in between
        self.net.fate(number).plan.clear()
        await self._steady_office()
        box.denials.clear()
        box.mending_death.steps = 0
        # no two boxes start in one instant: their first events would be the same
        await self.clock.advance(1)
        await box.start()
        await self.clock.advance(10)
        if not any(word in said for said in box.denials for word in words):
            self.faults.append(f"the wrong box of shop {number} heard only {box.denials}")
        await box.crash()

    # --- time -----------------------------------------------------------------------------

    async def rest(self) -> None:
        """Mend all lines, start what is down, and let time pass until all is in step.

        Of two boxes with one key a person lets one go on.
        """
        self.net.without_line.clear()
        self.net.cut_spoilt()
        for number in list(self.restored.twins):
            await self.restored.end_twin(number, stays=False)
        await self.rest_of(*self.boxes.values())
        self.restored.astray.clear()

    async def rest_of(self, *boxes: Box) -> None:
        """Start what is down, and let time pass until head office has all of these boxes."""
        for box in boxes:
            self.net.without_line.discard(box.line)
            box.file.death.steps = box.mending_death.steps = 0
        await self._steady_office()
        for box in boxes:
            if not box.is_up:
                await self.start(box)
        waited = 0
        while not all([await self._in_step(box) for box in boxes]):
            if waited >= REST_S_MAX:
                self.faults.append(f"it never comes to rest: {await self._standings()}")
                return
            await self.clock.advance(_LOOK_S)
            await self.buried()
            for box in boxes:
                if not box.is_up:  # it died as it started anew
                    await self.start(box)
                await self.restored.help_along(box)
            waited += _LOOK_S
        for box in boxes:
            box.merge()

    async def _standings(self) -> dict[int, Any]:
        return {
            number: (
                (await box.ledger.head()).seq,
                box.link.accepted_seq,
                self.office.head(number)[0],
                self.office.rows("SELECT seq FROM projected WHERE store = ?", number),
                (box.gen, await self.office.gen(box.slug), box.lost.state()),
                box.denials[-3:],
            )
            for number, box in self.boxes.items()
        }

    async def _in_step(self, box: Box) -> bool:
        if not box.is_up:
            return False
        head = await box.ledger.head()
        if self.office.head(box.number) != (head.seq, head.hash):
            return False
        if box.link.accepted_seq != head.seq:
            return False
        projected = self.office.rows("SELECT seq FROM projected WHERE store = ?", box.number)
        return projected == [(head.seq,)]

    def is_mended_unasked(self, number: int) -> bool:
        """Say whether head office gave a box a second generation in a shift, and no person said so.

        A head office that was set back has forgotten what it gave.
        """
        if self.was_set_back or self.clock.monotonic_ms() > MENDING_AGAIN_MS_MIN:
            return False
        [(gen,)] = self.office.rows("SELECT gen FROM store WHERE number = ?", number)
        registered = self.registered.get(number, 1)
        asked = self.restored.confirmed.get(number, 0) + self.restored.same.get(number, 0)
        return bool(gen - registered > 1 + asked)

    # --- parts ----------------------------------------------------------------------------

    def trouble(self, number: int, way: Way, ahead: int, kind: Trouble) -> None:
        """Let trouble strike one of a shop's next messages."""
        if kind == "shorten":
            self.expected_alarms |= {"signature_wrong", "frame_malformed"}
        self.net.fate(number).foretell(way, ahead, kind)

    def new_folder(self, what: str) -> Path:
        """Make a folder of its own."""
        folder = self.folder / f"{what}-{next(self._names)}"
        folder.mkdir()
        return folder

    def new_box(self, number: int, gen: int, folder: Path, key: SigningKey) -> Box:
        """Return a box of a shop over a folder; it is not started."""
        box = Box(
            folder,
            number,
            gen,
            key,
            self.net,
            _OFFICE_KEY.public.hex,
            DICTIONARIES[CURRENT_DICTIONARY],
            self.clock,
            self._log(f"box {number}"),
            self.raw_max,
            self._heard,
        )
        box.keeps_tokens = self.tokens
        box.again = lambda: self._bury(self._start_anew(box))
        box.on_death = lambda: self._bury(box.crash())
        return box

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
