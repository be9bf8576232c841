"""Looks through the whole archive: each piece, each frame's signature, each shop's chain.

It trusts nothing but head office's key, the boxes' keys and what was noted: whoever passes it
can show that what is settled is there.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from edge.contract.envelope import GENESIS
from edge.contract.errors import ProtocolViolation, Refused
from edge.contract.reference_data import BoxKey, Feed
from edge.contract.replication import FrameHeader, parse_header
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import Dictionaries, OpenedFrame, open_frame
from edge.runtime.keys import VerifyingKey
from sync.office.archive import segment_name
from sync.office.archive_file import NO_ROOT, SegmentReader

_PROBLEMS_MAX: Final = 100
"""More than that says no more."""


class _NotedSegment(msgspec.Struct, frozen=True):
    events: str
    partition: int
    number: int
    root: str


@dataclass
class ArchiveCheck:
    """What was found. `ends` is the last event of each store that is there, with its hash."""

    segments: int = 0
    frames: int = 0
    events: int = 0
    ends: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def note(self, problem: str) -> None:
        """Keep what is wrong, in words."""
        if len(self.problems) < _PROBLEMS_MAX:
            self.problems.append(problem)


async def check_archive(
    folder: Path, file: DatabaseFile, key: VerifyingKey, dictionaries: Dictionaries
) -> ArchiveCheck:
    """Read all that is noted, from first to last."""
    noted, settled, signers = await file.read(_what_is_noted)
    found = ArchiveCheck()
    roots: dict[tuple[str, int], str] = {}
    for each in noted:
        place = (each.events, each.partition)
        before, roots[place] = roots.get(place, NO_ROOT), each.root
        await asyncio.to_thread(
            _check_segment, found, folder, each, before, key, dictionaries, signers
        )
    for store, seq in settled.items():
        there = found.ends.get(store, (0, GENESIS))[0]
        if there < seq:
            found.note(f"Store {store} is settled up to event {seq}, and archived up to {there}.")
    _note_strangers(found, folder, {segment_name(each.partition, each.number) for each in noted})
    return found


def _what_is_noted(
    connection: sqlite3.Connection,
) -> tuple[list[_NotedSegment], dict[int, int], dict[tuple[int, int], list[VerifyingKey]]]:
    noted = [
        _NotedSegment(*row)
        for row in connection.execute(
            "SELECT events, partition, number, root FROM archive_segment ORDER BY partition, number"
        )
    ]
    settled = dict(connection.execute("SELECT store, seq FROM archive_span").fetchall())
    signers: dict[tuple[int, int], list[VerifyingKey]] = {}
    for number, gen, public in connection.execute("SELECT number, gen, box_key FROM store"):
        signers.setdefault((number, gen), []).append(VerifyingKey.from_hex(public))
    for (value,) in connection.execute(
        "SELECT value FROM feed_item WHERE feed = ?", (Feed.BOX_KEY,)
    ):
        box = msgspec.json.decode(value, type=BoxKey)
        signers.setdefault((box.store, box.gen), []).append(VerifyingKey.from_hex(box.public))
    return noted, settled, signers


def _check_segment(
    found: ArchiveCheck,
    folder: Path,
    noted: _NotedSegment,
    before: str,
    key: VerifyingKey,
    dictionaries: Dictionaries,
    signers: Mapping[tuple[int, int], Iterable[VerifyingKey]],
) -> None:
    name = segment_name(noted.partition, noted.number)
    reader = SegmentReader(folder / name, key)
    try:
        for frame in reader.frames():
            _check_frame(found, name, frame, dictionaries, signers)
    except FileNotFoundError:
        found.note(f"{name} is not there.")
        return
    except (Refused, OSError) as error:
        found.note(str(error))
        return
    header, end = reader.header, reader.end
    found.segments += 1
    place = (header.events, header.partition, header.number)
    if place != (noted.events, noted.partition, noted.number) or header.before != before:
        found.note(f"{name} does not follow the piece before it.")
    elif end is None or end.root != noted.root:
        found.note(f"{name} is another one than was noted.")


def _check_frame(
    found: ArchiveCheck,
    name: str,
    frame: bytes,
    dictionaries: Dictionaries,
    signers: Mapping[tuple[int, int], Iterable[VerifyingKey]],
) -> None:
    header = parse_header(frame)
    where = f"{name}: events {header.first_seq} to {header.last_seq} of store {header.store}"
    seq, end = found.ends.get(header.store, (0, GENESIS))
    found.frames += 1
    if header.first_seq > seq + 1:
        found.note(f"{where} leave out what is between event {seq} and them.")
    else:
        try:
            opened = _opened(frame, header, dictionaries, signers)
            if header.last_seq > seq:
                opened.check_chain(end, known=seq + 1 - header.first_seq)
        except ProtocolViolation as error:
            found.note(f"{where}: {error.message}")
    if header.last_seq > seq:
        found.events += header.last_seq - seq
        found.ends[header.store] = (header.last_seq, header.last_hash)


def _opened(
    frame: bytes,
    header: FrameHeader,
    dictionaries: Dictionaries,
    signers: Mapping[tuple[int, int], Iterable[VerifyingKey]],
) -> OpenedFrame:
    refusal = ProtocolViolation(
        "signer_unknown",
        f"No box of store {header.store} in generation {header.gen} is known that signed them.",
    )
    for signer in signers.get((header.store, header.gen), ()):
        try:
            return open_frame(frame, verify=signer.verify, dictionaries=dictionaries)
        except ProtocolViolation as error:
            refusal = error
    raise refusal


def _note_strangers(found: ArchiveCheck, folder: Path, known: set[str]) -> None:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name not in known and not path.name.startswith("."):
            found.note(f"{path.name} is there and not noted; it may be of before a restore.")
