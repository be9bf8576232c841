"""A bundle's parts into the slot that is not in use: refused whole, or written and read back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from edge.contract.errors import Refused, StorageFailed
from edge.contract.update_limits import CHUNK_BYTES
from edge.updating.boot_choice import BootChoice, Slot
from edge.updating.bundle import Manifest, OpenBundle, Part, Version
from edge.updating.update_record import Phase, UpdateRecord, note, read_record

_NOTHING: Final = "Nothing was written."


@dataclass(frozen=True)
class Box:
    """The box that is to be updated.

    `record` is the folder of its update record; `version` and `slot` are what runs; `machine` is
    what it is (`pi`, `vm`); `place` says where a part of a slot is written.
    """

    record: Path
    choice: BootChoice
    version: str
    slot: Slot
    machine: str
    place: Callable[[str, Slot], Path]


def by_partition_label(part: str, slot: Slot) -> Path:
    """Return the block device of a part: the disk's partitions are labelled `root-a` and so on."""
    return Path("/dev/disk/by-partlabel") / f"{part}-{slot.value}"


def install(bundle: OpenBundle, box: Box) -> UpdateRecord:
    """Write a bundle into the idle slot and read it back; what starts stays as it is.

    Raises Refused, with nothing written: for another machine, older than what runs or than the
    floor, one under trial. ProtocolViolation: a part was changed on its way. StorageFailed: a
    partition is missing, too small, or keeps something else than it was given.
    """
    record = read_record(box.record)
    _check(bundle.manifest, box, record)
    idle = box.slot.other
    places = {part.name: box.place(part.name, idle) for part in bundle.manifest.parts}
    for part in bundle.manifest.parts:
        _check_room(part, places[part.name])
    record = note(
        box.record,
        msgspec.structs.replace(
            record,
            phase=Phase.WRITING,
            version=bundle.manifest.version,
            slot=idle,
            why="",
            next_floor=bundle.manifest.floor,
        ),
    )
    for part in bundle.manifest.parts:
        _write(bundle, part, places[part.name])
    return note(box.record, msgspec.structs.replace(record, phase=Phase.WRITTEN))


def _check(manifest: Manifest, box: Box, record: UpdateRecord) -> None:
    if manifest.machine != box.machine:
        raise Refused(
            "update_for_another_machine",
            f"The update is for {manifest.machine}; this box is {box.machine}.",
            advice=_NOTHING,
        )
    version, running = Version.parse(manifest.version), Version.parse(box.version)
    floor = Version.parse(record.floor)
    if version <= running or version < floor:
        what = "what runs" if version <= running else "what this box may go back to"
        raise Refused(
            "update_older",
            f"The update is {version}; {what} is {max(running, floor)}.",
            advice=_NOTHING,
        )
    if box.slot is not box.choice.chosen() or record.phase is Phase.TRYING:
        raise Refused(
            "update_under_trial",
            f"{record.version} is under trial.",
            advice=f"{_NOTHING} Try again in some minutes.",
        )


def _check_room(part: Part, place: Path) -> None:
    try:
        with place.open("rb") as file:
            room = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise StorageFailed(
            "slot_missing",
            f"{place} cannot be used: {error.strerror}.",
            advice=f"{_NOTHING} This machine has not the disk of a box.",
        ) from error
    if part.size > room:
        raise StorageFailed(
            "slot_too_small",
            f"{part.name} has {part.size} bytes, {place} has room for {room}.",
            advice=_NOTHING,
        )


def _write(bundle: OpenBundle, part: Part, place: Path) -> None:
    try:
        with place.open("r+b", buffering=0) as file:
            for chunk in bundle.chunks(part):
                _write_all(file, chunk)
            os.fsync(file.fileno())
            # read from the card, not from what the kernel remembers of having written
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            file.seek(0)
            _read_back(file, part, place)
    except OSError as error:
        raise StorageFailed(
            "slot_not_written",
            f"{place} cannot be written: {error.strerror}.",
            advice="The version that runs stays. Check the card.",
        ) from error


def _write_all(file: BinaryIO, chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[file.write(left) :]


def _read_back(file: BinaryIO, part: Part, place: Path) -> None:
    left = part.size
    for number, wanted in enumerate(part.chunks):
        pieces = []
        want = min(CHUNK_BYTES, left)
        left -= want
        while want and (piece := file.read(want)):
            pieces.append(piece)
            want -= len(piece)
        if hashlib.sha256(b"".join(pieces)).hexdigest() != wanted:
            raise StorageFailed(
                "slot_keeps_otherwise",
                f"Chunk {number} of {place} is not what was written to it.",
                advice="The version that runs stays. Replace the card: it forgets.",
            )
