"""Writes what is kept of a branch that is set aside behind the one that stays, event by event.

An event that is written again has its own content, its instant and its till, and says where it
stood (`Origin`); only what refers to places in the chain, and the id of a doubtful sale, change.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec

from edge.contract.envelope import Origin, link, seal, seal_again, unseal
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.fiscal_events import FiscalStarted
from edge.contract.history_mending import GenerationGiven
from edge.contract.instant import Clock
from edge.contract.mending_limits import MENDED_RECEIPTS_NAMED_MAX
from edge.contract.replication import Head
from edge.contract.sale_events import SaleOpened, SaleParked, SaleResumed
from edge.contract.system_events import GenerationOpened, HistoryMended, SurvivorSalvaged
from edge.ledger.branch_merging import (
    OF_THE_CHAIN,
    BeforeFork,
    BranchEvent,
    Fate,
    OfficeBranch,
    completion_of,
    renamed_in,
)
from edge.ledger.event_log import BusinessCalendar, claim_sale
from edge.ledger.packing import JOBS
from edge.ledger.projections import project
from edge.ledger.records import LedgerIdentity
from edge.runtime.database_file import DatabaseFile

R = TypeVar("R", HistoryMended, SurvivorSalvaged)

LATE: Final = "late"
"""The label of a sale that was open on a box when another one took its place."""
FOUND_AGAIN: Final = "restored"
"""The label of a sale that was open in head office's branch when its box was lost."""
_NOT_WRITABLE: Final = (sqlite3.IntegrityError, TypeError)
"""What a projection raises where an event does not follow from those before it."""


@dataclass
class BranchWriter:
    """Takes the branch's events in order. `places`: where each stands now, by where it stood.

    `names` are pairs of a doubtful sale's id and the one that it gets.
    """

    made: DatabaseFile
    identity: LedgerIdentity
    fates: Mapping[str, Fate]
    names: list[tuple[str, str]]
    before: BeforeFork
    office: OfficeBranch
    clock: Clock
    calendar: BusinessCalendar
    keeps_open: Mapping[str, str] | None = None
    """By till: the sale that is to be open on it in the end. None where whatever the branch was in
    the middle of goes on."""
    places: dict[int, int] = field(default_factory=dict)
    _seq: int = 0
    _previous: bytes = b""
    _again: int = 0
    _known: int = 0
    _sales_again: int = 0
    _sales_known: int = 0
    _doubtful: int = 0
    _twice: list[str] = field(default_factory=list)
    _ended: set[str] = field(default_factory=set)
    """Sales of which the completion came by, whatever became of it."""
    _delayed: dict[str, list[BranchEvent]] = field(default_factory=dict)
    _opened_at: dict[str, int] = field(default_factory=dict)
    _waiting: dict[str, str] = field(default_factory=dict)
    """By till: its own sale, set aside while a doubtful one is written there."""

    def stand_behind(self, head: Head) -> None:
        """Go on behind an event of the file, in the generation that it is in."""
        self._seq, self._previous = head.seq, bytes.fromhex(head.hash)

    async def begin(self, parent: Head) -> None:
        """Open the generation behind head office's branch."""
        self.stand_behind(parent)
        opened = GenerationOpened(
            parent_gen=parent.gen,
            parent_seq=parent.seq,
            parent_hash=parent.hash,
            source="head office",
        )
        await self.made.write(lambda db: self._fresh(db, opened, ""))

    async def take(self, events: list[BranchEvent]) -> None:
        """Write again what has to be, of the next events of the branch."""

        def unit(connection: sqlite3.Connection) -> None:
            for event in events:
                self._take(connection, event)

        await self.made.write(unit)

    async def end(self, report: R) -> R:
        """Write what was held back, and the report with what was counted; return that."""

        def unit(connection: sqlite3.Connection) -> R:
            for sale in list(self._delayed):  # not ended yet, and money moved
                self._write_whole(connection, sale)
                self._doubtful += 1
            self._leave_tills_as_they_were(connection)
            done = msgspec.structs.replace(
                report,
                events_again=self._again,
                events_known=self._known,
                sales_again=self._sales_again,
                sales_known=self._sales_known,
                sales_doubtful=self._doubtful,
                receipts_twice=tuple(self._twice),
            )
            self._fresh(connection, done, "")
            return done

        return await self.made.write(unit)

    @property
    def written(self) -> int:
        """How many events of the branch were written again so far."""
        return self._again

    def _leave_tills_as_they_were(self, connection: sqlite3.Connection) -> None:
        """Park what the branch left open, and give each till back the sale it was in the middle of.

        Where the branch's tills are these, nothing is to be done.
        """
        if self.keeps_open is None:
            return
        for till, other in open_sales(connection).items():
            mine = self.keeps_open.get(till, "")
            if other and other != mine:
                self._fresh(connection, SaleParked(sale=other, label=LATE), till)
            if mine and other != mine:
                self._fresh(connection, SaleResumed(sale=mine), till)

    # --- what becomes of an event -----------------------------------------------------------

    def _take(self, connection: sqlite3.Connection, event: BranchEvent) -> None:
        if event.sealed.type in OF_THE_CHAIN:
            self._known += 1
            return
        sale = event.sale
        fate = self.fates.get(sale, Fate.TOLD)
        ended = sale in self._ended
        if completion_of(event) is not None:
            self._ended.add(sale)
        if fate is Fate.DOUBTFUL and not ended:
            self._delayed.setdefault(sale, []).append(event)
            if sale in self._ended:
                self._write_whole(connection, sale)
        elif fate is Fate.AGAIN or fate is Fate.DOUBTFUL:
            self._write(connection, event)
        elif fate is Fate.KNOWN or (fate is Fate.SAME and not ended):
            self._known += 1
            self._sales_known += completion_of(event) is not None
        else:
            self._write_unless_known(connection, event)

    def _write_unless_known(self, connection: sqlite3.Connection, event: BranchEvent) -> None:
        if self.office.has(event.sealed, renamed_in(bytes(event.sealed.data), self.names)):
            self._known += 1
        else:
            self._write(connection, event)

    def _write_whole(self, connection: sqlite3.Connection, sale: str) -> None:
        """Write a doubtful sale in one piece, from its opening on: its tills may be busy."""
        for event in self.before.events.get(sale, ()):
            self._write(connection, event, counts=False)
        for event in self._delayed.pop(sale):
            self._write(connection, event)
        for till, other in self._waiting.items():
            self._fresh(connection, SaleResumed(sale=other), till)
        self._waiting.clear()

    # --- writing ----------------------------------------------------------------------------

    def _write(
        self, connection: sqlite3.Connection, event: BranchEvent, *, counts: bool = True
    ) -> None:
        sealed = event.sealed
        data = renamed_in(bytes(sealed.data), self.names)
        named = dict(self.names)
        sale = named.get(event.sale, event.sale)
        if sealed.type == FiscalStarted.TYPE and sale in self._opened_at:
            data = self._moved(sealed.event(), data, sale)
        if sealed.type in {SaleOpened.TYPE, SaleResumed.TYPE}:
            self._free(connection, sealed.till, sale)
        if sealed.type == SaleOpened.TYPE:
            self._opened_at[sale] = self._seq + 1
        before = sealed.origin
        renamed = event.sale if event.sale in named else ""
        origin = (
            Origin(before.gen, before.seq, before.hash, before.sale or renamed)
            if before is not None
            else Origin(sealed.gen, event.seq, event.hash.hex(), renamed)
        )
        self._seq += 1
        body = seal_again(sealed, data, gen=self.identity.gen, seq=self._seq, origin=origin)
        self._insert(connection, body, sealed.till)
        if not counts:
            return
        self.places[event.seq] = self._seq
        self._again += 1
        done = completion_of(event)
        if done is None:
            return
        if renamed:
            self._doubtful += 1
        else:
            self._sales_again += 1
        if done.receipt in self.office.receipts and len(self._twice) < MENDED_RECEIPTS_NAMED_MAX:
            self._twice.append(done.receipt)

    def _moved(self, event: Event | None, data: bytes, sale: str) -> bytes:
        """Let what a security device holds name the place where its sale is opened now."""
        if not isinstance(event, FiscalStarted):
            return data
        moved = msgspec.structs.replace(event, sale=sale, opened_seq=self._opened_at[sale])
        return msgspec.json.encode(moved)

    def _free(self, connection: sqlite3.Connection, till: str, sale: str) -> None:
        """Set aside what is open on a till where another sale is about to be.

        What head office's branch left open there stays parked, for people to look at.
        """
        row = connection.execute("SELECT open_seq FROM till WHERE till = ?", (till,)).fetchone()
        if row is None or row[0] == 0:
            return
        other = _sale_at(connection, row[0])
        if other == sale:
            return
        self._fresh(connection, SaleParked(sale=other, label=FOUND_AGAIN), till)
        if self.fates.get(other) is Fate.AGAIN:
            self._waiting[till] = other

    def _fresh(self, connection: sqlite3.Connection, event: Event, till: str) -> None:
        at = self.clock.now_ms()
        self._seq += 1
        body = seal(
            event,
            store=self.identity.store_number,
            gen=self.identity.gen,
            seq=self._seq,
            day=self.calendar.day(at),
            at=at,
            till=till,
            actor="",
        )
        self._insert(connection, body, till)

    def _insert(self, connection: sqlite3.Connection, body: bytes, till: str) -> None:
        self._previous = link(self._previous, body)
        connection.execute(
            "INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)",
            (self._seq, body, self._previous),
        )
        known = unseal(body).event()
        if known is None:
            return
        try:
            project(connection, known, till, self._seq)
        except _NOT_WRITABLE as error:
            raise Refused(
                "history_unmendable",
                f"This box's history cannot be mended: an event ({known.TYPE}) does not follow "
                f"behind head office's ({error}).",
                advice="Nothing was changed, and selling goes on. Keep a copy of the box's data "
                "folder and call head office.",
            ) from None


def open_sales(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the sale that is open on each till; an empty text where there is none."""
    rows = connection.execute("SELECT till, open_seq FROM till").fetchall()
    return {till: _sale_at(connection, seq) for till, seq in rows}


def _sale_at(connection: sqlite3.Connection, seq: int) -> str:
    """Return the sale that an event tells of; nothing for event 0."""
    row = connection.execute("SELECT body FROM event WHERE seq = ?", (seq,)).fetchone()
    return "" if row is None else str(msgspec.json.decode(bytes(unseal(row[0]).data))["sale"])


# --- what stands beside the chain -----------------------------------------------------------


class GivenBeside(msgspec.Struct, frozen=True, omit_defaults=True):
    """What head office signed for a mending, beside the report's data in table `mended`."""

    given: GenerationGiven | None = None


@dataclass(frozen=True)
class Beside:
    """What a ledger holds that does not follow from events, made to fit another chain.

    Answers to commands, so that a till's repeat is known; jobs that devices owe; receipts by
    e-mail that wait; earlier mendings. What second copies have said is of the other chain.
    """

    clean: int
    replies: list[tuple[Any, ...]]
    timed_replies: list[tuple[Any, ...]]
    jobs: list[tuple[Any, ...]]
    letters: list[tuple[Any, ...]]
    mended: list[tuple[Any, ...]]
    names: list[tuple[str, str]]

    def write(
        self,
        connection: sqlite3.Connection,
        identity: LedgerIdentity,
        parent: Head,
        box_key: str,
        report: HistoryMended,
        office: OfficeBranch,
        given: GenerationGiven | None,
    ) -> None:
        """Write all of it, and whose ledger it is: head office has everything up to `parent`."""
        connection.execute(
            "INSERT INTO identity (one, store, store_number, gen, clean, accepted_seq)"
            " VALUES (1, ?, ?, ?, ?, ?)",
            (identity.store, identity.store_number, identity.gen, self.clean, parent.seq),
        )
        for table, rows in (
            ("command_reply", self.replies),
            ("timed_reply", self.timed_replies),
            ("device_job", self.jobs),
            ("letter", self.letters),
            ("mended", self.mended),
        ):
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - names of ours
        for sale in (*office.sales, *(new for _, new in self.names)):
            with suppress(Refused):  # it names its sale already
                claim_sale(connection, sale, parent.seq)
        connection.execute(
            "INSERT INTO mended (gen, box_key, report) VALUES (?, ?, ?)",
            (
                identity.gen,
                box_key,
                msgspec.json.encode(
                    {**msgspec.to_builtins(report), **msgspec.to_builtins(GivenBeside(given))}
                ),
            ),
        )


def copied_beside(
    connection: sqlite3.Connection,
    fork_seq: int,
    places: Mapping[int, int],
    names: list[tuple[str, str]],
    fates: Mapping[str, Fate],
) -> Beside:
    """Read what stands beside the chain of the ledger that is set aside."""

    def rows(table: str, order: str) -> Iterable[tuple[Any, ...]]:
        return connection.execute(f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608 - names of ours

    renamed = dict(names)
    replies, timed = (
        [
            (n, command, fingerprint, seq if seq <= fork_seq else places.get(seq, fork_seq), reply)
            for n, command, fingerprint, seq, reply in rows(table, "n")
        ]
        for table in ("command_reply", "timed_reply")
    )
    jobs = [
        (
            *(job_id, n, kind, till, renamed.get(sale, sale), device, attempt, deadline),
            JOBS.pack(renamed_in(JOBS.unpack(args), names)) if names else args,
        )
        for job_id, n, kind, till, sale, device, attempt, deadline, args in rows("device_job", "n")
        if fates.get(sale) is not Fate.KNOWN
    ]
    (clean,) = connection.execute("SELECT clean FROM identity").fetchone()
    return Beside(
        clean, replies, timed, jobs, list(rows("letter", "n")), list(rows("mended", "gen")), names
    )


def identity_of(connection: sqlite3.Connection) -> tuple[str, int]:
    """Return the slug and number of the store that a ledger is of."""
    row = connection.execute("SELECT store, store_number FROM identity").fetchone()
    return row[0], row[1]
