"""A ledger made anew from the frames of an earlier box: its history goes on in a new generation.

The frames are checked as head office checks them: signed by a box of their generation, without a
gap, each leading on from the one before, and telling the same where two overlap. Nothing stands at
the ledger's place before all of it is on disk.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from edge.contract.envelope import GENESIS, link, unseal
from edge.contract.errors import ProtocolViolation, Refused
from edge.contract.history_file import HistoryBox
from edge.contract.instant import Clock
from edge.contract.replication import parse_header
from edge.contract.sale_events import SaleCompleted, SaleOpened
from edge.contract.system_events import GenerationOpened
from edge.contract.wire import UNREADABLE
from edge.ledger.event_log import MIGRATIONS, BusinessCalendar, Ledger, claim_sale
from edge.ledger.projections import project
from edge.ledger.records import LedgerIdentity, Record
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import Dictionaries, OpenedFrame, Verify, open_frame
from edge.runtime.history_file import HistoryFile
from edge.runtime.keys import VerifyingKey


class Rebuilt(NamedTuple):
    """What a new ledger holds of the old one: events, completed sales, the newest receipt."""

    events: int
    sales: int
    newest_receipt: str


class _Place(NamedTuple):
    gen: int
    seq: int
    hash: bytes


async def rebuild_ledger(
    path: Path,
    history: HistoryFile,
    identity: LedgerIdentity,
    dictionaries: Dictionaries,
    clock: Clock,
    calendar: BusinessCalendar,
) -> Rebuilt:
    """Make the ledger of a new box at `path`; `identity` says which store and generation.

    Raises Refused, with nothing left behind, where a ledger is already, for the history of another
    store, for a generation that is taken, and for frames that do not lead from the first to the
    last.
    """
    _check(path, history, identity)
    unfinished = path.with_name(f"{path.name}.unfinished")
    _remove(unfinished)
    try:
        file = DatabaseFile(unfinished, MIGRATIONS)
        ledger = Ledger(file, identity, clock, calendar)
        await ledger.open()
        try:
            place, rebuilt = await _take_all(file, history, identity, dictionaries)
            opened = GenerationOpened(
                parent_gen=place.gen,
                parent_seq=place.seq,
                parent_hash=place.hash.hex(),
                source=history.header.written_by,
            )
            await ledger.record(Record((opened,)))
        finally:
            await ledger.close()
        unfinished.rename(path)
    finally:
        _remove(unfinished)
    return rebuilt


def _check(path: Path, history: HistoryFile, identity: LedgerIdentity) -> None:
    if path.exists():
        raise Refused(
            "ledger_is_there",
            f"There is a ledger at {path} already.",
            advice="A ledger is never written over. Move it away first if it is to be replaced.",
        )
    header = history.header
    if (header.store_number, header.slug) != (identity.store_number, identity.store):
        raise Refused(
            "history_of_other_store",
            f"{history.path.name} is the history of store {header.slug} ({header.store_number}); "
            f"this box is of {identity.store} ({identity.store_number}).",
            advice="Take the file of this store, or correct the store in the settings.",
        )
    newest = max(box.gen for box in header.boxes)
    if identity.gen <= newest:
        raise Refused(
            "generation_taken",
            f"The settings say generation {identity.gen}; the box before was generation {newest}.",
            advice=f"Set gen = {newest + 1} under [store] in the settings.",
        )


async def _take_all(
    file: DatabaseFile,
    history: HistoryFile,
    identity: LedgerIdentity,
    dictionaries: Dictionaries,
) -> tuple[_Place, Rebuilt]:
    place = _Place(0, 0, GENESIS)
    sales, receipt = 0, ""
    for frame in history.frames():
        opened = _opened(frame, history.header.boxes, dictionaries, place, identity)
        start = place

        def unit(
            connection: sqlite3.Connection, opened: OpenedFrame = opened, start: _Place = start
        ) -> list[str]:
            return _take(connection, opened, start, identity.store_number)

        receipts = await file.write(unit)
        sales += len(receipts)
        receipt = receipts[-1] if receipts else receipt
        header = opened.header
        if header.last_seq > place.seq:
            place = _Place(header.gen, header.last_seq, header.last_hash)
    return place, Rebuilt(place.seq, sales, receipt)


def _opened(
    frame: bytes,
    boxes: tuple[HistoryBox, ...],
    dictionaries: Dictionaries,
    place: _Place,
    identity: LedgerIdentity,
) -> OpenedFrame:
    """Return a frame that a box of its generation signed, and that does not begin too late.

    What was carried in from another copy was cut elsewhere: it may begin with events that are here.
    """
    try:
        header = parse_header(frame)
        keys = [box.key for box in boxes if box.gen == header.gen]
        new = header.last_seq > place.seq
        if not keys or (new and header.gen < place.gen):
            raise _unusable(place.seq + 1, f"The next frame is of generation {header.gen}.")
        opened = open_frame(frame, verify=_any_of(keys), dictionaries=dictionaries)
    except ProtocolViolation as error:
        raise _unusable(place.seq + 1, str(error)) from None
    if header.store != identity.store_number or header.first_seq > place.seq + 1:
        raise _unusable(
            place.seq + 1, f"There is event {header.first_seq} of store {header.store} instead."
        )
    return opened


def _any_of(keys: list[str]) -> Verify:
    """Return what takes the signature of any box that sent a generation's events.

    They are two where a box took another one's place and sent what that one could not.
    """

    def verify(signature: bytes, message: bytes) -> None:
        for key in keys[:-1]:
            with suppress(ProtocolViolation):
                VerifyingKey.from_hex(key).verify(signature, message)
                return
        VerifyingKey.from_hex(keys[-1]).verify(signature, message)

    return verify


def _take(
    connection: sqlite3.Connection, opened: OpenedFrame, place: _Place, store: int
) -> list[str]:
    """Put a frame's new events down with what follows from them; return the receipts of its sales.

    Those up to `place` are here already: they must be the same.
    """
    previous = _compare(connection, opened, place)
    receipts = []
    for seq, body in enumerate(opened.bodies, opened.header.first_seq):
        try:
            sealed = unseal(body)
            event = sealed.event()
        except UNREADABLE as error:
            raise _unusable(seq, f"It cannot be read: {error}.") from None
        if (sealed.store, sealed.gen, sealed.seq) != (store, opened.header.gen, seq):
            raise _unusable(seq, f"It says that it is event {sealed.seq} of {sealed.gen}.")
        if seq <= place.seq:
            continue
        previous = link(previous, body)
        connection.execute(
            "INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)", (seq, body, previous)
        )
        if event is None:
            continue
        if isinstance(event, SaleOpened):
            claim_sale(connection, event.sale, seq)
        elif isinstance(event, SaleCompleted):
            receipts.append(event.receipt)
        project(connection, event, sealed.till, seq)
    return receipts


def _compare(connection: sqlite3.Connection, opened: OpenedFrame, place: _Place) -> bytes:
    """Return the hash behind `place` when a frame tells what is here, and leads on to its end."""
    header = opened.header
    first = header.first_seq
    before = _hash_at(connection, first - 1)
    previous = before
    for seq, body in enumerate(opened.bodies[: place.seq - first + 1], first):
        previous = link(previous, body)
        if previous != _hash_at(connection, seq):
            raise _unusable(seq, "Two of its frames tell it differently.")
    try:
        opened.check_chain(before)
    except ProtocolViolation as error:
        raise _unusable(min(header.last_seq, place.seq + 1), str(error)) from None
    return place.hash


def _hash_at(connection: sqlite3.Connection, seq: int) -> bytes:
    if seq == 0:
        return GENESIS
    found: bytes = connection.execute("SELECT hash FROM event WHERE seq = ?", (seq,)).fetchone()[0]
    return found


def _unusable(seq: int, why: str) -> Refused:
    return Refused(
        "history_unusable",
        f"The history breaks at event {seq}: {why}",
        advice="Nothing was made of it. Take another copy: head office's, or a second copy's.",
    )


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
