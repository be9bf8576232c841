"""What the acquirer has booked: the terminal's journal, in a file that survives restarts."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

TransactionKind = Literal["payment", "refund", "reversal"]
_SIGNS: Final[dict[TransactionKind, int]] = {"payment": 1, "refund": -1, "reversal": 0}


class Transaction(msgspec.Struct, frozen=True):
    """One booking. `when` is milliseconds since 1970 UTC; `of`: the name of what it undid.

    `asked_by`: SaleID and ServiceID of the request. `part`: less than was asked for.
    """

    number: int
    kind: TransactionKind
    amount_minor: int
    currency: str
    when: int
    asked_by: tuple[str, str]
    part: bool = False
    of: str = ""

    @property
    def psp(self) -> str:
        """The acquirer's own reference: letters and digits."""
        return f"NC6HT9CRT65Z{self.number:04d}"

    @property
    def name(self) -> str:
        """The POITransactionID: tender reference with the seconds in it, and PSP reference."""
        return f"BV0q{self.when // 1000:012d}{self.number % 1000:03d}.{self.psp}"

    @property
    def time(self) -> str:
        """The time that goes with the name."""
        return datetime.fromtimestamp(self.when // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Acquirer:
    """Books payments, refunds and reversals; `path` "" keeps everything in memory only."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._transactions: list[Transaction] = []
        if path and Path(path).exists():
            for line in Path(path).read_bytes().splitlines():
                self._transactions.append(msgspec.json.decode(line, type=Transaction))

    @property
    def transactions(self) -> tuple[Transaction, ...]:
        """All bookings, those taken back too, oldest first."""
        return tuple(self._transactions)

    @property
    def balance_minor(self) -> int:
        """What the shop is owed: payments that stand less refunds that stand."""
        return sum(
            each.amount_minor * _SIGNS[each.kind]
            for each in self._transactions
            if not self.is_undone(each)
        )

    def named(self, name: str) -> Transaction | None:
        """Return the transaction of a name."""
        return next((each for each in self._transactions if each.name == name), None)

    def is_undone(self, transaction: Transaction) -> bool:
        """Whether a reversal took it back."""
        return any(each.of == transaction.name for each in self._transactions)

    def book(
        self,
        kind: TransactionKind,
        amount_minor: int,
        currency: str,
        when: int,
        asked_by: tuple[str, str],
        *,
        part: bool = False,
        of: str = "",
    ) -> Transaction:
        """Move money: on disk, with the request that wanted it, when this returns."""
        number = len(self._transactions) + 1
        done = Transaction(number, kind, amount_minor, currency, when, asked_by, part, of)
        if self._path:
            with Path(self._path).open("ab") as file:
                file.write(msgspec.json.encode(done) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        self._transactions.append(done)
        return done

    def told(self) -> list[dict[str, Any]]:
        """Return the books as they are shown to people."""
        return [
            {
                "kind": each.kind,
                "amount_minor": each.amount_minor,
                "receipt": each.name,
                "trace": each.psp,
                "state": "reversed" if self.is_undone(each) else "booked",
                "when": each.when,
                "of": each.of,
            }
            for each in self._transactions
        ]
