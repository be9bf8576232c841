"""What people do with copies of boxes: put one back, start one beside its box, say which is right.

A box's files may be copied at any moment. A copy that is put back gets what head office has of its
box; two boxes that run with one key are told apart by a person alone, whom this module plays.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.flows.ratchet import RATCHET_FILE
from edge.ledger.mending_stage import STAGE
from edge.runtime.keys import SigningKey
from tests.replication_laws.box import Box
from tests.replication_laws.history import standing_in
from tests.replication_laws.inline_file import Death, copy_database
from tests.replication_laws.memory_line import Trouble, Way
from tests.replication_laws.sales import Sold

if TYPE_CHECKING:
    from tests.replication_laws.world import World

Lines = tuple[tuple[str, int], ...]
ALARMS: Final = {
    "fork",
    "behind",
    "frame_of_other_generation",
    "box_twice",
    "box_copied",
    "history_mended",
}
"""What people are told of a box that was put back, or runs twice."""
_LEDGER: Final = "ledger.db"
_FILES: Final = (_LEDGER, "reference.db", STAGE, RATCHET_FILE)
_BESIDE: Final = 2
"""The line of a second box has the number of its shop and so many more."""


@dataclass
class OldDisk:
    """A copy of a box's files from some time ago, and what its tills had been told by then."""

    folder: Path
    key: SigningKey
    gen: int
    seq: int
    done: tuple[Sold, ...]
    unsure: tuple[Sold, ...]


@dataclass
class Mishap:
    """What goes wrong while a box gets its history back: with its line, the box, head office."""

    line: tuple[Way, int, Trouble] | None = None
    box: Death | None = None
    office: Death | None = None


@dataclass
class RestoredBoxes:
    """The copies that there are of boxes, and the boxes that run beside their own copy."""

    world: World
    disks: dict[int, list[OldDisk]] = field(default_factory=dict)
    twins: dict[int, Box] = field(default_factory=dict)
    """By shop: the copy that runs beside its box, with the same key."""
    astray: set[int] = field(default_factory=set)
    """Shops whose box may have another history than head office until all is at rest."""
    ever: set[int] = field(default_factory=set)
    """Shops whose box was put back once, or ran twice."""
    confirmed: dict[int, int] = field(default_factory=dict)
    """How often a person said of a shop that it has one box."""
    same: dict[int, int] = field(default_factory=dict)
    """How often the ledger of a shop's box was put back and nothing else: it shows that itself."""
    _marks: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def boxes(self) -> list[Box]:
        """All boxes that belong to a shop now."""
        return [*self.world.boxes.values(), *self.twins.values()]

    def known(self, number: int) -> list[Sold]:
        """Return what tills of a shop were told stands, or may stand, wherever it is."""
        mine = [box for box in self.boxes if box.number == number]
        return [sold for box in mine for sold in (*box.done, *box.afar, *box.unsure)]

    # --- copies ---------------------------------------------------------------------------

    async def keep_disk(self, number: int) -> None:
        """Copy a box's files, as people do with the disk of a box that runs."""
        box = self.world.boxes[number]
        folder = self.world.new_folder("disk")
        _copy_files(box.folder, folder)
        seq = (await box.ledger.head()).seq
        disk = OldDisk(folder, box.key, box.first_gen, seq, tuple(box.done), tuple(box.unsure))
        self.disks.setdefault(number, []).append(disk)

    def useful_disks(self, number: int) -> list[OldDisk]:
        """The copies of a shop's box: not those of a box that another one took the place of."""
        key = self.world.boxes[number].key.public.hex
        return [each for each in self.disks.get(number, []) if each.key.public.hex == key]

    # --- one is put back ------------------------------------------------------------------

    async def put_back(
        self,
        number: int,
        pick: int,
        sales: int,
        mishap: Mishap,
        more: Lines | None = None,
        *,
        whole: bool = True,
    ) -> None:
        """Put a copy in place of a box; it sells before it has a line, and then has one.

        With `more` it completes the sale that it has open. Not `whole`: what lies beside the ledger
        stays.

        What only the disk had that it replaces is gone, as with a box that burnt.
        """
        world, old = self.world, self.world.boxes[number]
        disks = self.useful_disks(number)
        disk = disks[pick % len(disks)]
        await old.crash()
        await world.clock.advance(0)  # what came before is taken
        self._lose(old, disk)
        box = self._started_from(disk, number)
        if not whole:
            _copy_files(old.folder, box.folder, _FILES[1:])
            self.same[number] = self.same.get(number, 0) + 1
        box.afar = self._at_office(number, (*old.done, *old.unsure, *old.afar), box.done)
        world.boxes[number] = box
        await self._start(box, sales)
        if more is not None and box.waiting is not None:
            await box.finish(more)
        self._strike(box, mishap)
        box.connect()

    async def goes_on_twice(
        self, number: int, lines: Lines, here: Lines, there: Lines, mishap: Mishap
    ) -> None:
        """Copy a box in the middle of a sale, which both complete: with what was taken `here`, and
        with what was taken `there`, before the copy is put back in the box's place.
        """
        box = self.world.boxes[number]
        if box.waiting is None:
            await box.begin(lines)
        await self.keep_disk(number)
        await box.finish(here)
        await self.world.clock.advance(2)
        await self.put_back(number, len(self.useful_disks(number)) - 1, 0, Mishap(), there)
        self._strike(self.world.boxes[number], mishap)

    def _strike(self, box: Box, mishap: Mishap) -> None:
        world = self.world
        if mishap.line is not None:
            world.trouble(box.line, *mishap.line)
        if mishap.box is not None:
            box.mending_death.steps = mishap.box.steps
            box.mending_death.behind = mishap.box.behind
        if mishap.office is not None and world.office.is_up:
            world.office_dies(mishap.office.steps, behind=mishap.office.behind)

    def _lose(self, old: Box, disk: OldDisk) -> None:
        """Note that head office may have been told of sales that are gone with a disk."""
        here = {sold.named for sold in disk.done}
        at_office = standing_in(self.world.office.frames(old.number))
        gone = [sold for sold in old.done if sold.named not in here | at_office.keys()]
        if gone or old.unsure:
            upto = min(self.world.office.head(old.number)[0], disk.seq)
            kept = self.world.kept_upto.get(old.number, upto)
            self.world.kept_upto[old.number] = min(kept, upto)

    def _at_office(self, number: int, told: tuple[Sold, ...], here: list[Sold]) -> list[Sold]:
        """Return which of the sales that were told head office has, and a box has not."""
        at_office = standing_in(self.world.office.frames(number))
        mine = {sold.named for sold in here}
        found = {sold.named: sold for sold in told if sold.named in at_office}
        return [sold for named, sold in found.items() if named not in mine]

    def _started_from(self, disk: OldDisk, number: int) -> Box:
        folder = self.world.new_folder("restored")
        _copy_files(disk.folder, folder)
        box = self.world.new_box(number, disk.gen, folder, disk.key)
        box.done, box.unsure = list(disk.done), list(disk.unsure)
        box._counter = 1_000 * next(self._marks)
        self.world.expected_alarms |= ALARMS
        self.astray.add(number)
        self.ever.add(number)
        return box

    async def _start(self, box: Box, sales: int) -> None:
        # no two boxes start in one instant: their first events would be the same
        await self.world.clock.advance(1)
        await self.world.start(box, connected=False)
        for _ in range(sales):
            await box.sell((("100", 1),), 0)

    def office_was_set_back(self) -> None:
        """What head office lost and no box has may still be on its way to one, or gone."""
        for box in self.boxes:
            at_office = standing_in(self.world.office.frames(box.number))
            lost = [sold for sold in box.afar if sold.named not in at_office]
            box.afar = [sold for sold in box.afar if sold.named in at_office]
            box.unsure += lost

    # --- two run --------------------------------------------------------------------------

    async def start_twin(self, number: int, sales: int) -> None:
        """Copy a box that runs and start the copy beside it: one key, two that sell."""
        await self.keep_disk(number)
        box = self._started_from(self.disks[number][-1], number)
        box.line = number + _BESIDE
        box.afar = list(self.world.boxes[number].afar)
        self.twins[number] = box
        await self._start(box, sales)
        box.connect()

    async def end_twin(self, number: int, *, stays: bool) -> None:
        """A person looks which of two is the shop's box; `stays`: it is the copy.

        The other one runs alone until head office has all of it, and then never again.
        """
        world = self.world
        boxes = (world.boxes[number], self.twins.pop(number))
        kept, other = reversed(boxes) if stays else boxes
        await kept.crash()
        await world.buried()
        world.boxes[number] = other
        await self._alone(other)
        await other.stop()
        await world.buried()
        kept.afar = self._at_office(number, (*kept.afar, *other.done, *other.unsure), kept.done)
        other.line, kept.line = number + _BESIDE, number
        world.boxes[number] = kept
        await self._alone(kept)

    async def _alone(self, box: Box) -> None:
        box.mending_death.steps = 0
        await self.world.rest_of(box)

    # --- a person at head office ----------------------------------------------------------

    async def confirm(self, box: Box) -> None:
        """A person who was asked to says that this is the one box of its shop."""
        self.confirmed[box.number] = self.confirmed.get(box.number, 0) + 1
        await self.world.office.confirm(box.slug)

    async def help_along(self, box: Box) -> None:
        """Do what the product asks people for, if it does: finish a sale, confirm a box."""
        if box.is_up and box.lost.is_ready and box.waiting is not None:
            await box.finish()
        if box.denials and "confirm-box" in box.denials[-1]:
            box.denials.clear()
            await self.confirm(box)


def _copy_files(source: Path, target: Path, names: Sequence[str] = _FILES) -> None:
    for name in names:
        (target / name).unlink(missing_ok=True)
        if not (source / name).exists():
            continue
        if name == RATCHET_FILE:
            shutil.copy(source / name, target / name)
        else:
            copy_database(source / name, target / name)
