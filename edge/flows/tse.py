"""The port to a security device (TSE): what every adapter offers, whatever stands behind it."""

from __future__ import annotations

from typing import Protocol

from edge.contract.fiscal import OpenTransaction, TseFinished, TseStarted


class Tse(Protocol):
    """One device with the transactions of one box.

    All may raise DeviceUnreachable (no answer; whether it happened is not known) and
    DeviceNeedsPerson (it takes nothing more: full, locked). None is called while another is
    under way.
    """

    async def start(self, client: str) -> TseStarted:
        """Start a transaction for a client (the till, as the authorities know it)."""
        ...

    async def finish(
        self, client: str, transaction: int, process_type: str, process_data: str
    ) -> TseFinished:
        """Sign the end of a transaction.

        Raises Refused with code `transaction_not_open` for one that it does not hold open.
        """
        ...

    async def update(
        self, client: str, transaction: int, process_type: str, process_data: str
    ) -> None:
        """Let an open transaction say what it is so far. Raises as `finish`."""
        ...

    async def open_transactions(self) -> tuple[OpenTransaction, ...]:
        """Return what it holds open."""
        ...
