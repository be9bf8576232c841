"""The driver's notes of payments in devices.db: what survives a crash of this process."""

from __future__ import annotations

from typing import Final

import msgspec

from devices.driver import DriverPorts
from devices.protocols.zvt_recovery import LastStored, PaymentNote, judge
from edge.contract.device_messages import PaymentOutcome

_PAYMENT: Final = "payment"
_LAST: Final = "last-payment"
_REPEATS: Final = "repeats"

_decode: Final = msgspec.json.Decoder(PaymentNote).decode


class PaymentNotes:
    """One note a payment, under its job; and which payment was this terminal's last.

    Notes of the terminal itself stand under a name that no job can have.
    """

    def __init__(self, ports: DriverPorts) -> None:
        self._ports = ports
        self._device = f"zvt:{ports.device}"

    async def of(self, job: str) -> PaymentNote | None:
        """Return the note of a payment, or None: not a byte of it was ever sent."""
        kept = await self._ports.recall(job, _PAYMENT)
        return None if kept is None else _decode(kept)

    async def last(self) -> PaymentNote | None:
        """Return the note of this terminal's last payment."""
        job = await self._ports.recall(self._device, _LAST)
        return None if job is None else await self.of(job.decode())

    async def begin(self, note: PaymentNote) -> None:
        """Put a new payment on disk: before its first byte."""
        await self.keep(note)
        await self._ports.remember(self._device, _LAST, note.job.encode())

    async def keep(self, note: PaymentNote) -> PaymentNote:
        """Put a note on disk and return it."""
        await self._ports.remember(note.job, _PAYMENT, msgspec.json.encode(note))
        return note

    async def end(self, note: PaymentNote, outcome: PaymentOutcome) -> PaymentOutcome:
        """Put on disk how a payment ended and return it."""
        await self.keep(msgspec.structs.replace(note, outcome=outcome))
        return outcome

    async def decide(self, note: PaymentNote, last: LastStored) -> PaymentNote:
        """Settle an open payment by what the terminal has stored, or leave it to a person."""
        outcome = judge(note, last)
        if outcome is None:
            self._ports.log.warning("payment_undecided", job=note.job)
            return await self.keep(msgspec.structs.replace(note, undecided=True))
        self._ports.log.info("payment_settled", job=note.job, outcome=outcome.outcome)
        return await self.keep(msgspec.structs.replace(note, outcome=outcome))

    async def can_repeat(self) -> bool:
        """Say whether this terminal ever named its last stored transaction."""
        return await self._ports.recall(self._device, _REPEATS) is not None

    async def note_can_repeat(self) -> None:
        """Keep that this terminal can name its last stored transaction."""
        if not await self.can_repeat():
            await self._ports.remember(self._device, _REPEATS, b"1")
