"""Completed sales by their receipts, and what came back of them: read from one state of the file.

No index of receipts is kept, since every sale would pay for it with a page: the small table of
sales is read from its newest end, where most receipts are that people come back with; all of it
only where two histories became one, and a number may have been given twice.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from edge.contract.envelope import unseal
from edge.contract.errors import Refused
from edge.contract.limits import (
    CARD_NUMBERS_LOOKED_BACK,
)
from edge.ledger.records import StoredEvent
from edge.runtime.database_file import DatabaseFile

_WHICH: Final = "#"


class ReturnedGoods(NamedTuple):
    """A live line of `sale` that took goods of a `line` of the original back."""

    sale: str
    line: str
    quantity: int
    net_minor: int
    tax_minor: int
    gross_minor: int


class RefundedMoney(NamedTuple):
    """What `sale` gave back of a `tender` of the original."""

    sale: str
    tender: str
    amount_minor: int


@dataclass(frozen=True)
class CameBack:
    """What came back of a sale in others, of this ledger."""

    returned: list[ReturnedGoods]
    refunded: list[RefundedMoney]
    reversed_before: list[str]
    """Card payments of which a terminal said that they had been reversed before."""


@dataclass(frozen=True)
class PresentedSale:
    """A sale that this ledger does not have: the text of its signed code, and what came back."""

    code: str
    came_back: CameBack


@dataclass(frozen=True)
class SoldSale:
    """A completed sale: its events from opening to completion, and what came back of it.

    `copies` of its receipt, `gifts` (gift receipts) and `letters` (by e-mail) were asked for.
    """

    events: list[StoredEvent]
    came_back: CameBack
    copies: int = 0
    gifts: int = 0
    letters: int = 0
    tip_back: str = ""
    """The sale in which its tip goes, or went, back."""
    name: str = ""
    """What names it alone: its receipt's number, with `#` and its place where others have that."""


@dataclass(frozen=True)
class PastSales:
    """Answers about completed sales, over the ledger's file."""

    file: DatabaseFile

    async def find(self, receipt: str, sale: str = "") -> SoldSale | None:
        """Return the sale with that receipt; None where no completed sale has it.

        Two histories that became one may both have given a number: `sale` says then which one is
        meant, or `#` and its place behind the number, as in `SoldSale.name`. Raises Refused where
        neither does.
        """
        return await self.file.read(lambda connection: _find(connection, receipt, sale))

    async def all_with(self, receipt: str) -> list[SoldSale]:
        """Return every sale whose receipt has that number, nearly always one at most."""
        return await self.file.read(lambda connection: _all_with(connection, receipt))

    async def was_presented(self, sale: str) -> bool:
        """Say whether the signed receipt of a sale that this box lacks was shown before."""
        found = await self.file.read(
            lambda connection: connection.execute(
                "SELECT 1 FROM presented WHERE sale = ?", (sale,)
            ).fetchone()
        )
        return found is not None

    async def presented(self, sale: str) -> PresentedSale | None:
        """Return a sale that this box lacks and whose signed receipt was shown; None if none was.

        The signature was checked before the code was kept.
        """
        return await self.file.read(lambda connection: _presented(connection, sale))

    async def last_asked(self, terminal: str, since_receipt: str) -> str:
        """Return the payment, refund or reversal that a terminal was asked for last, or empty.

        Only those since the sale with that receipt was opened are looked for.
        """
        return await self.file.read(
            lambda connection: _last_asked(connection, terminal, since_receipt)
        )

    async def card_number_of(self, terminal: str, receipt: str, trace: str, *, besides: str) -> str:
        """Return a payment or refund at a terminal that has this number of it; empty for none.

        `receipt` and `trace` are looked for as far as they are not empty, `besides` is not
        meant. Of the newest `CARD_NUMBERS_LOOKED_BACK` events.
        """
        if not receipt and not trace:
            return ""
        wanted = _Wanted(terminal, _plain(receipt), _plain(trace), besides)
        return await self.file.read(lambda connection: _card_number_of(connection, wanted))


class _Wanted(NamedTuple):
    terminal: str
    receipt: str
    trace: str
    besides: str


def _plain(number: str) -> str:
    """Return a number as terminals and people agree on it: 0042 is 42."""
    return number.lstrip("0") if number.isascii() and number.isdecimal() else number


def _card_number_of(connection: sqlite3.Connection, wanted: _Wanted) -> str:
    rows = connection.execute(
        "SELECT body FROM event WHERE seq > (SELECT max(seq) FROM event) - ?"
        " AND instr(body, ?) > 0 ORDER BY seq",
        (CARD_NUMBERS_LOOKED_BACK, b'"type":"card_'),
    )
    here: set[str] = set()
    for (body,) in rows:
        data = msgspec.json.decode(body)["data"]
        name = data.get("reversal") or data.get("refund") or data.get("payment", "")
        if data.get("terminal") == wanted.terminal:
            here.add(name)  # requests name it, answers do not
        elif name in here and name != wanted.besides and _has_number(data, wanted):
            return str(name)
    return ""


def _has_number(data: dict[str, str], wanted: _Wanted) -> bool:
    return bool(
        (wanted.receipt and _plain(data.get("receipt", "")) == wanted.receipt)
        or (wanted.trace and _plain(data.get("trace", "")) == wanted.trace)
    )


_ASKED: Final = (
    b'"type":"card_payment_requested"',
    b'"type":"card_refund_requested"',
    b'"type":"card_reversal_requested"',
)


_DAY_CLOSED: Final = (b'"type":"terminal_day_ended"', b'"outcome":"closed"')
"""What was handed in is not reversed any more: after it a terminal was asked for nothing."""


def _last_asked(connection: sqlite3.Connection, terminal: str, since_receipt: str) -> str:
    row = connection.execute(
        "SELECT body FROM event WHERE seq > (SELECT first_seq FROM sale WHERE receipt = ?"
        " ORDER BY seq DESC LIMIT 1) AND instr(body, ?) > 0"
        " AND (instr(body, ?) > 0 OR instr(body, ?) > 0 OR instr(body, ?) > 0"
        " OR (instr(body, ?) > 0 AND instr(body, ?) > 0)) ORDER BY seq DESC LIMIT 1",
        (since_receipt, b'"terminal":' + msgspec.json.encode(terminal), *_ASKED, *_DAY_CLOSED),
    ).fetchone()
    if row is None:
        return ""
    asked = msgspec.json.decode(row[0])["data"]
    return str(asked.get("reversal") or asked.get("payment") or asked.get("refund", ""))


def _find(connection: sqlite3.Connection, receipt: str, sale: str) -> SoldSale | None:
    number, _, place = receipt.partition(_WHICH)
    rows = _rows_with(connection, number)
    if len(rows) == 1 and not place:
        return _sold(connection, rows[0], number)
    found = [
        _sold(connection, row, f"{number}{_WHICH}{which}") for which, row in enumerate(rows, 1)
    ]
    if place:
        return next((each for each in found if each.name == receipt), None)
    if sale:
        return next((each for each in found if sale_of(each) == sale), None) or next(
            (each for each in found if sale_of(each, before=True) == sale), None
        )
    if not found:
        return None
    raise Refused(
        "receipt_number_twice",
        f"{len(found)} sales have the receipt number {number}: this box was restored from an older "
        "copy, and gave it once more before it heard from head office. They are "
        + "; ".join(f"{each.name}, sold {_sold_at(each)}" for each in found)
        + ".",
        advice="Scan the code on the receipt, or type the number with # and its place.",
        params={"receipt": number},
    )


def _all_with(connection: sqlite3.Connection, receipt: str) -> list[SoldSale]:
    number, _, place = receipt.partition(_WHICH)
    if place:
        found = _find(connection, receipt, "")
        return [] if found is None else [found]
    rows = _rows_with(connection, number)
    if len(rows) == 1:
        return [_sold(connection, rows[0], receipt)]
    return [_sold(connection, row, f"{receipt}{_WHICH}{n}") for n, row in enumerate(rows, 1)]


def _rows_with(connection: sqlite3.Connection, receipt: str) -> list[tuple[int, int]]:
    """Return where the sales with a number are, oldest first: one, unless it was given twice."""
    mended = connection.execute("SELECT 1 FROM mended").fetchone() is not None
    rows = connection.execute(
        "SELECT first_seq, seq FROM sale WHERE receipt = ? ORDER BY seq DESC LIMIT ?",
        (receipt, -1 if mended else 1),
    ).fetchall()
    return rows[::-1]


def sale_of(sold: SoldSale, *, before: bool = False) -> str:
    """Return a sale's id; with `before` the one it had in a history that was set aside."""
    opened = unseal(sold.events[0].body)
    if before and opened.origin is not None and opened.origin.sale:
        return opened.origin.sale
    sale: str = msgspec.json.decode(opened.data)["sale"]
    return sale


def _sold_at(sold: SoldSale) -> str:
    done = unseal(sold.events[-1].body)
    return f"on {done.day} for {msgspec.json.decode(done.data)['total_minor']} minor units"


def _sold(connection: sqlite3.Connection, row: tuple[int, int], name: str) -> SoldSale:
    first, last = row
    (opened,) = connection.execute("SELECT body FROM event WHERE seq = ?", (first,)).fetchone()
    sale = msgspec.json.decode(opened)["data"]["sale"]
    events = connection.execute(
        "SELECT seq, body, hash FROM event WHERE seq BETWEEN ? AND ? AND instr(body, ?) > 0"
        " ORDER BY seq",
        (first, last, f'"sale":"{sale}"'.encode()),
    )
    copies, gifts, letters = connection.execute(
        "SELECT copies, gifts, letters FROM reprinted WHERE sale = ?", (sale,)
    ).fetchone() or (0, 0, 0)
    (tip_back,) = connection.execute(
        "SELECT sale FROM returned_tip WHERE original_sale = ?", (sale,)
    ).fetchone() or ("",)
    return SoldSale(
        [StoredEvent(*event) for event in events],
        _came_back(connection, sale),
        copies,
        gifts,
        letters,
        tip_back,
        name,
    )


def _presented(connection: sqlite3.Connection, sale: str) -> PresentedSale | None:
    row = connection.execute(
        "SELECT body FROM presented JOIN event USING (seq) WHERE sale = ?", (sale,)
    ).fetchone()
    if row is None:
        return None
    return PresentedSale(msgspec.json.decode(row[0])["data"]["code"], _came_back(connection, sale))


def _came_back(connection: sqlite3.Connection, sale: str) -> CameBack:
    returned = connection.execute(
        "SELECT sale, original_line, quantity, net_minor, tax_minor, gross_minor"
        " FROM returned_line WHERE original_sale = ? ORDER BY sale, line",
        (sale,),
    )
    refunded = connection.execute(
        "SELECT sale, original_tender, amount_minor FROM refunded_tender"
        " WHERE original_sale = ? ORDER BY sale, tender",
        (sale,),
    )
    reversed_before = connection.execute(
        "SELECT original_tender FROM reversed_before WHERE original_sale = ?", (sale,)
    )
    return CameBack(
        [ReturnedGoods(*goods) for goods in returned],
        [RefundedMoney(*money) for money in refunded],
        [tender for (tender,) in reversed_before],
    )
