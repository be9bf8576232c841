"""What the acquirer has booked: the terminal's journal, in a file that survives restarts."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

BOOKED: Final = "booked"
REVERSED: Final = "reversed"

TransactionKind = Literal["payment", "refund", "reversal", "reservation", "capture", "release"]
SIGNS: Final[dict[TransactionKind, int]] = {"payment": 1, "capture": 1, "refund": -1}
"""Which way money moves; all else moves none."""
RECEIPTS: Final = 10_000
"""Receipt numbers have four digits and begin anew."""


class Transaction(msgspec.Struct, frozen=True):
    """One booking. `when` is milliseconds since 1970 UTC; `of`: the receipt a reversal undid.

    `state`: `reversed` once it was taken back, by a reversal or by the terminal itself.
    """

    amount_minor: int
    receipt: int
    trace: int
    turnover: int
    when: int
    last4: str
    state: Literal["booked", "reversed"] = "booked"
    kind: TransactionKind = "payment"
    of: int = 0
    of_trace: int = 0

    @property
    def stands(self) -> bool:
        """Whether nobody took it back."""
        return self.state == BOOKED

    def told(self) -> dict[str, Any]:
        """Return it as it is shown to people: numbers as they stand on receipts."""
        return {
            "kind": self.kind,
            "amount_minor": self.amount_minor,
            "receipt": f"{self.receipt:04d}",
            "trace": f"{self.trace:06d}",
            "state": self.state,
            "when": self.when,
            "of": f"{self.of:04d}" if self.of else "",
        }


class _Entry(msgspec.Struct, frozen=True):
    """One line of the file: a booking, a receipt number taken back, or a used-up trace."""

    kind: Literal["book", "reverse", "trace", "close"]
    trace: int
    receipt: int = 0
    transaction: Transaction | None = None
    when: int = 0


@dataclass(frozen=True)
class Batch:
    """What was booked since the last end of day and stands. `trace` 0: it is still open.

    `sum_minor`: payments less refunds; `first` and `last`: receipt numbers, 0 for none.
    """

    count: int
    sum_minor: int
    first: int
    last: int
    when: int
    trace: int = 0


@dataclass
class _Counters:
    receipt: int = 0
    trace: int = 0
    turnover: int = 0


class Acquirer:
    """Books payments, refunds and reversals; `path` "" keeps everything in memory only."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._transactions: list[Transaction] = []
        self._counters = _Counters()
        self._opened = False
        self._handed_in = 0
        self._closed: list[Batch] = []

    @property
    def closed(self) -> tuple[Batch, ...]:
        """The batches that were handed in, oldest first."""
        self._open()
        return tuple(self._closed)

    @property
    def closing(self) -> Batch | None:
        """The batch that was handed in last; None before the first end of day."""
        return self.closed[-1] if self.closed else None

    @property
    def handed_in_receipt(self) -> int:
        """The last receipt number that an end of day handed in; 0 for none."""
        return self.transactions[self._handed_in - 1].receipt if self._handed_in else 0

    def repeatable(self, after_end_of_day: str) -> Transaction | None:
        """Return the transaction that is named as the last one, None for none."""
        last = self.last
        gone = last is None or last.receipt <= self.handed_in_receipt
        return None if gone and after_end_of_day != "keeps" else last

    def open_batch(self, when: int) -> Batch:
        """Return what has not been handed in."""
        booked = self.transactions[self._handed_in :]
        money = [each for each in booked if each.stands and each.kind in SIGNS]
        total = sum(each.amount_minor * SIGNS[each.kind] for each in money)
        first, last = (booked[0].receipt, booked[-1].receipt) if booked else (0, 0)
        return Batch(len(money), total, first, last, when)

    def close_batch(self, when: int) -> Batch:
        """Hand in what was booked, on disk when this returns; return it."""
        self._write(_Entry("close", self.next_trace(), when=when))
        return self._closed[-1]

    @property
    def transactions(self) -> tuple[Transaction, ...]:
        """All bookings, those taken back too, oldest first."""
        self._open()
        return tuple(self._transactions)

    @property
    def receipt(self) -> int:
        """The last receipt number used; 0 when there was none."""
        self._open()
        return self._counters.receipt

    @property
    def last(self) -> Transaction | None:
        """The last transaction that stands: a reversed payment is followed by its reversal."""
        standing = [each for each in self.transactions if each.stands]
        return standing[-1] if standing else None

    @property
    def balance_minor(self) -> int:
        """What the shop is owed: payments that stand less refunds that stand."""
        return sum(
            each.amount_minor * SIGNS.get(each.kind, 0) for each in self.transactions if each.stands
        )

    def with_receipt(self, number: int) -> Transaction | None:
        """Return the newest transaction whose receipt has this number of four digits."""
        found = (each for each in reversed(self.transactions) if each.receipt % RECEIPTS == number)
        return next(found, None)

    def next_trace(self) -> int:
        """Use up a trace number: each talk with the card network has one."""
        self._open()
        trace = self._counters.trace + 1
        self._write(_Entry("trace", trace))
        return trace

    def book(
        self, amount_minor: int, when: int, last4: str, *, kind: TransactionKind = "payment"
    ) -> Transaction:
        """Move money from the card or to it: on disk when this returns."""
        return self._book(Transaction(amount_minor, 0, 0, 0, when, last4, kind=kind))

    def use_up(
        self, named: Transaction, when: int, kind: TransactionKind, amount_minor: int
    ) -> Transaction:
        """Undo a payment, or capture or release a reservation: with numbers of its own."""
        return self._book(
            Transaction(
                amount_minor,
                0,
                0,
                0,
                when,
                named.last4,
                kind=kind,
                of=named.receipt,
                of_trace=named.trace,
            )
        )

    def reverse(self, payment: Transaction, when: int) -> Transaction:
        """Undo a payment."""
        return self.use_up(payment, when, "reversal", payment.amount_minor)

    def take_back(self, receipt: int) -> None:
        """Undo a transaction without a new one; what it had reversed stands again.

        Taking back twice changes nothing.
        """
        self._write(_Entry("reverse", self.next_trace(), receipt))

    def _book(self, wish: Transaction) -> Transaction:
        trace = self.next_trace()
        counters = self._counters
        done = msgspec.structs.replace(
            wish, receipt=counters.receipt + 1, trace=trace, turnover=counters.turnover + 1
        )
        self._write(_Entry("book", trace, done.receipt, done))
        return done

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
        done = entry.transaction
        if done is not None:
            counters.receipt = entry.receipt
            counters.turnover = done.turnover
            self._transactions.append(done)
            if done.of:
                self._mark(done.of, REVERSED)
        elif entry.kind == "close":
            self._closed.append(replace(self.open_batch(entry.when), trace=entry.trace))
            self._handed_in = len(self._transactions)
        elif entry.kind == "reverse":
            for each in self._transactions:
                if each.receipt == entry.receipt and each.stands and each.of:
                    self._mark(each.of, BOOKED)
            self._mark(entry.receipt, REVERSED)

    def _mark(self, receipt: int, state: Literal["booked", "reversed"]) -> None:
        self._transactions = [
            msgspec.structs.replace(each, state=state) if each.receipt == receipt else each
            for each in self._transactions
        ]
