"""Fiscal signatures of sales, where the store has a security device.

A device that does not answer never stops a sale: the sale is marked.
"""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class FiscalStarted(Event, frozen=True):
    """The security device holds a transaction open for a sale.

    `opened_seq` is where the sale was opened in this chain; `started_at` the device's own time.
    """

    TYPE: ClassVar[str] = "fiscal_started"

    sale: str
    client: str
    transaction: int
    started_at: int
    opened_seq: int


@declare
class FiscalSigned(Event, frozen=True):
    """The security device signed the end of a sale; of one given up, `receipt` is empty.

    Of a transaction whose sale this ledger does not know, `sale` is empty too. The fields are
    those of `TseFinished`, and what was signed with them.
    """

    TYPE: ClassVar[str] = "fiscal_signed"

    sale: str
    receipt: str
    client: str
    transaction: int
    counter: int
    started_at: int
    finished_at: int
    process_type: str
    process_data: str
    signature: str
    serial: str
    public_key: str
    algorithm: str
    time_format: str


@declare
class FiscalMissed(Event, frozen=True):
    """A sale goes out without a signature, and its receipt says so; `reason` is a code.

    `tse_down`, `tse_full`, `tse_slow` (no answer within the receipt's wait), `tse_busy` (too many
    sales wait for it), `tse_missing` (none is set up) or `tax_rate` (one that the scheme lacks).
    """

    TYPE: ClassVar[str] = "fiscal_missed"

    sale: str
    receipt: str
    reason: str


@declare
class FiscalClosed(Event, frozen=True):
    """A transaction that stood open is none any more: the device does not know it."""

    TYPE: ClassVar[str] = "fiscal_closed"

    sale: str
    client: str
    transaction: int
