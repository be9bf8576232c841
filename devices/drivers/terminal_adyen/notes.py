"""The driver's notes of transactions in devices.db: what survives a crash of this process."""

from __future__ import annotations

from typing import Final

import msgspec

from devices.driver import DriverPorts
from devices.protocols.nexo_outcomes import APPROVED, Ended, PaymentNote

_PAYMENT: Final = "payment"
_LAST: Final = "last-payment"
_TIME_OF: Final = "time-of-"

_decode: Final = msgspec.json.Decoder(PaymentNote).decode


class PaymentNotes:
    """One note a transaction, under its job; and which of them was this terminal's last.

    Notes of the terminal itself stand under a name that no job can have.
    """

    def __init__(self, ports: DriverPorts) -> None:
        self._ports = ports
        self._device = f"nexo:{ports.device}"

    async def of(self, job: str) -> PaymentNote | None:
        """Return the note of a transaction, or None: not a byte of it was ever sent."""
        kept = await self._ports.recall(job, _PAYMENT)
        return None if kept is None else _decode(kept)

    async def last(self) -> PaymentNote | None:
        """Return the note of this terminal's last transaction."""
        job = await self._ports.recall(self._device, _LAST)
        return None if job is None else await self.of(job.decode())

    async def begin(self, note: PaymentNote) -> None:
        """Put a new transaction on disk: before its first byte."""
        await self._keep(note)
        await self._ports.remember(self._device, _LAST, note.job.encode())

    async def end(self, note: PaymentNote, ended: Ended) -> PaymentNote:
        """Put on disk how a transaction ended and return its note."""
        outcome = ended.outcome
        if outcome.outcome == APPROVED and outcome.receipt and ended.booked_at:
            # the shop keeps the receipt alone, and reversing it takes the terminal's time too
            name = _TIME_OF + outcome.receipt
            await self._ports.remember(self._device, name, ended.booked_at.encode())
        return await self._keep(
            msgspec.structs.replace(note, outcome=outcome, booked_at=ended.booked_at)
        )

    async def give_up(self, note: PaymentNote) -> PaymentNote:
        """Put on disk that the terminal cannot say, and return the note."""
        return await self._keep(msgspec.structs.replace(note, undecided=True))

    async def time_of(self, receipt: str) -> str | None:
        """Return the terminal's time of an approved transaction of this host, or None."""
        kept = await self._ports.recall(self._device, _TIME_OF + receipt)
        return None if kept is None else kept.decode()

    async def _keep(self, note: PaymentNote) -> PaymentNote:
        await self._ports.remember(note.job, _PAYMENT, msgspec.json.encode(note))
        return note
