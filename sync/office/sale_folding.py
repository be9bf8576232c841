"""A batch of frames, folded into the sales they change: all that one transaction is to keep. Pure.

Whoever keeps sales reads those that a batch names, lets this fold the events in, and writes what
has changed, in one transaction with its cursor. What depends on sales of other batches (a receipt
of a sale that is not here, goods of which more came back than was sold) is only asked for here:
the tables answer it, each question as of its place in the order in which sales were completed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from edge.contract.envelope import SealedEnvelope
from edge.contract.event_registry import Event
from edge.contract.receipt_events import ReceiptPresented
from edge.contract.sale_events import SaleCompleted
from edge.contract.system_events import HistoryMended, SurvivorSalvaged
from sync.office.event_reading import ReadEvent, ReadFrame
from sync.office.sale_projection import is_of_a_sale, project
from sync.office.sale_records import (
    SALE_COLUMNS,
    TABLES,
    Place,
    Sale,
    Written,
    head_row,
    part_rows,
)


class Aside(msgspec.Struct, frozen=True):
    """An event that goes into quarantine, for a plain reason."""

    store: int
    gen: int
    seq: int
    reason: str
    body: bytes


class Parked(msgspec.Struct, frozen=True):
    """An event of a type that is not known here, and the position of its frame."""

    store: int
    gen: int
    seq: int
    type: str
    v: int
    position: int


class UsedCode(msgspec.Struct, frozen=True):
    """A single-use code that a completed sale used up, at a time in ms since 1970 UTC."""

    code: str
    store: int
    receipt: str
    at: int


class ReceiptShown(msgspec.Struct, frozen=True):
    """The signed receipt of the sale `of` was shown in a store (event `seq` of it).

    `behind` is how many sales of this batch were completed before.
    """

    store: int
    seq: int
    at: int
    of: Place
    event: ReceiptPresented
    behind: int


class Mended(msgspec.Struct, frozen=True):
    """A store's box got back a history that it had lost, or took up what another had sold late."""

    store: int
    at: int
    event: HistoryMended | SurvivorSalvaged


class Completion(msgspec.Struct, frozen=True):
    """A sale that was completed now, for the first time. `originals` had sold what it took back."""

    place: Place
    at: int
    originals: tuple[str, ...]


@dataclass
class Folded:
    """What a batch comes to. Sales that it completed have an `arrival` of -1, -2, and so on."""

    sales: dict[Place, Sale] = field(default_factory=dict)
    completions: list[Completion] = field(default_factory=list)
    used_codes: list[UsedCode] = field(default_factory=list)
    shown: list[ReceiptShown] = field(default_factory=list)
    mended: list[Mended] = field(default_factory=list)
    aside: list[Aside] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    projected: dict[int, int] = field(default_factory=dict)

    def number_arrivals(self, newest: int) -> None:
        """Give the sales that were completed now the places behind the newest one."""
        for number, each in enumerate(self.completions, newest + 1):
            self.sales[each.place].head.arrival = number


def named_sales(frames: Iterable[ReadFrame]) -> set[Place]:
    """Return the sales that the events of a batch may change."""
    found: set[Place] = set()
    for frame in frames:
        store = frame.store
        for read in frame.events:
            if read.event is not None and is_of_a_sale(read.event):
                found.add((store, str(getattr(read.event, "sale", ""))))
    return found


def fold(frames: Sequence[ReadFrame], known: Mapping[Place, Sale]) -> Folded:
    """Fold the events of a batch into the sales that are known; `known` are changed by that."""
    folded = Folded(dict(known))
    for frame in frames:
        for read in frame.events:
            _take(folded, frame, read)
        folded.projected[frame.store] = max(
            frame.last_seq, folded.projected.get(frame.store, frame.last_seq)
        )
    return folded


def _take(folded: Folded, frame: ReadFrame, read: ReadEvent) -> None:
    reason = read.reason
    if read.envelope is not None:
        if read.event is None:
            envelope = read.envelope
            folded.parked.append(
                Parked(frame.store, read.gen, read.seq, envelope.type, envelope.v, frame.position)
            )
        else:
            try:
                _project(folded, read.envelope, read.event)
            except ValueError as error:
                reason = f"It does not fit: {error}."
    if reason:
        folded.aside.append(Aside(frame.store, read.gen, read.seq, reason, read.body))


def _project(folded: Folded, envelope: SealedEnvelope, event: Event) -> None:
    if isinstance(event, ReceiptPresented):
        folded.shown.append(
            ReceiptShown(
                envelope.store,
                envelope.seq,
                envelope.at,
                (event.store, event.sale),
                event,
                len(folded.completions),
            )
        )
        return
    if isinstance(event, HistoryMended | SurvivorSalvaged):
        folded.mended.append(Mended(envelope.store, envelope.at, event))
    if not is_of_a_sale(event):
        return
    place = (envelope.store, str(getattr(event, "sale", "")))
    sale = project(folded.sales.get(place), envelope, event)
    folded.sales[place] = sale
    if isinstance(event, SaleCompleted):
        _complete(folded, place, sale, envelope)


def _complete(folded: Folded, place: Place, sale: Sale, envelope: SealedEnvelope) -> None:
    used = sorted(each.code for each in sale.coupons.values() if each.single_use)
    folded.used_codes += [
        UsedCode(code, envelope.store, sale.head.receipt, envelope.at) for code in used
    ]
    if sale.head.arrival is not None:  # read again it is no news, and keeps its place
        return
    originals = dict.fromkeys(
        each.original_sale for each in sale.details.values() if each.original_sale
    )
    folded.completions.append(Completion(place, envelope.at, tuple(originals)))
    sale.head.arrival = -len(folded.completions)


Before = Mapping[Place, Written]
"""The rows of sales as they were read, before anything was folded into them."""


def written_of(known: Mapping[Place, Sale]) -> dict[Place, Written]:
    """Return the rows of sales that were just read."""
    return {place: Written.of(place, sale) for place, sale in known.items()}


class Rows(msgspec.Struct, frozen=True):
    """What to do with a table: take out the rows of sales in `outdated`, then put in `new`."""

    name: str
    columns: tuple[str, ...]
    outdated: list[Place] = msgspec.field(default_factory=list)
    new: list[tuple[Any, ...]] = msgspec.field(default_factory=list)


def changed_parts(sales: Mapping[Place, Sale], before: Before) -> list[Rows]:
    """Return what a batch changes in the tables of parts; nothing of what is as it was."""
    found = {table.name: Rows(table.name, table.columns) for table in TABLES}
    for place, sale in sales.items():
        known = before.get(place)
        tables = TABLES if known is None else known.changed(place, sale)
        for table in tables:
            rows = found[table.name]
            rows.new.extend(part_rows(table, place, sale))
            if known is not None:
                rows.outdated.append(place)
    return [rows for rows in found.values() if rows.new or rows.outdated]


def changed_heads(sales: Mapping[Place, Sale], before: Before) -> Rows:
    """Return what a batch changes in table `sale`, once its arrivals are numbered."""
    rows = Rows("sale", SALE_COLUMNS)
    for place, sale in sales.items():
        known = before.get(place)
        row = head_row(place, sale)
        if known is None:
            rows.new.append(row)
        elif known.head != row:
            rows.outdated.append(place)
            rows.new.append(row)
    return rows
