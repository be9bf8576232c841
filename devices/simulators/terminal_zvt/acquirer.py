"""What the acquirer has booked: the terminal's journal, in a file that survives restarts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

BOOKED: Final = "booked"
REVERSED: Final = "reversed"


class Transaction(msgspec.Struct, frozen=True):
    """One booking. `when` is milliseconds since 1970 UTC."""

    amount_minor: int
    receipt: int
    trace: int
    turnover: int
    when: int
    last4: str
    state: Literal["booked", "reversed"] = "booked"


class _Entry(msgspec.Struct, frozen=True):
    """One line of the file: a booking, a reversal of a receipt number, or a used-up trace."""

    kind: Literal["book", "reverse", "trace"]
    trace: int
    receipt: int = 0
    transaction: Transaction | None = None


@dataclass
class _Counters:
    receipt: int = 0
    trace: int = 0
    turnover: int = 0


class Acquirer:
    """Books and reverses; `path` "" keeps everything in memory only."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._transactions: list[Transaction] = []
        self._counters = _Counters()
        self._opened = False

    @property
    def transactions(self) -> tuple[Transaction, ...]:
        """All bookings, reversed ones too, oldest first."""
        self._open()
        return tuple(self._transactions)

    @property
    def receipt(self) -> int:
        """The last receipt number used; 0 when there was none."""
        self._open()
        return self._counters.receipt

    @property
    def last(self) -> Transaction | None:
        """The last transaction that stands."""
        standing = [each for each in self.transactions if each.state == BOOKED]
        return standing[-1] if standing else None

    def next_trace(self) -> int:
        """Use up a trace number: each talk with the card network has one."""
        self._open()
        trace = self._counters.trace + 1
        self._write(_Entry("trace", trace))
        return trace

    def book(self, amount_minor: int, when: int, last4: str) -> Transaction:
        """Charge the card: on disk when this returns."""
        trace = self.next_trace()
        counters = self._counters
        transaction = Transaction(
            amount_minor, counters.receipt + 1, trace, counters.turnover + 1, when, last4
        )
        self._write(_Entry("book", trace, transaction.receipt, transaction))
        return transaction

    def reverse(self, receipt: int) -> None:
        """Give the money of one booking back; reversing twice changes nothing."""
        self._write(_Entry("reverse", self.next_trace(), receipt))

    def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        path = Path(self._path)
        if self._path and path.exists():
            for line in path.read_bytes().splitlines():
                self._apply(msgspec.json.decode(line, type=_Entry))

    def _write(self, entry: _Entry) -> None:
        if self._path:
            with Path(self._path).open("ab") as file:
                file.write(msgspec.json.encode(entry) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        self._apply(entry)

    def _apply(self, entry: _Entry) -> None:
        counters = self._counters
        counters.trace = max(counters.trace, entry.trace)
        if entry.transaction is not None:
            counters.receipt = entry.receipt
            counters.turnover = entry.transaction.turnover
            self._transactions.append(entry.transaction)
        elif entry.kind == "reverse":
            self._transactions = [
                msgspec.structs.replace(each, state=REVERSED)
                if each.receipt == entry.receipt
                else each
                for each in self._transactions
            ]
