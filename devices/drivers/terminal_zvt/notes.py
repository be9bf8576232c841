"""The driver's notes of payments in devices.db: what survives a crash of this process."""

from __future__ import annotations

from typing import Final

import msgspec

from devices.driver import DriverPorts
from devices.protocols.zvt_recovery import NOT_BOOKED, LastStored, PaymentNote, judge
from edge.contract.device_messages import PaymentOutcome

_PAYMENT: Final = "payment"
_LAST: Final = "last-payment"
_REPEATS: Final = "repeats"

_decode: Final = msgspec.json.Decoder(PaymentNote).decode


class PaymentNotes:
    """One note a payment, under its job; and which payment was this terminal's last.

    Notes of the terminal itself stand under a name that no job can have.
    """

    def __init__(self, ports: DriverPorts, answer_ms_max: int) -> None:
        self._ports = ports
        self._answer_ms_max = answer_ms_max
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
        """Settle an open payment by what the terminal has stored, or leave it to a person.

        "Not booked" is believed once T3 is over: until then 06 01 may still be on its way
        to the terminal, on a connection that is gone already. The note then stays open.
        """
        outcome = judge(note, last)
        age_ms = self._ports.clock.now_ms() - note.begun_ms
        if outcome is not None and outcome.code == NOT_BOOKED and 0 <= age_ms < self._answer_ms_max:
            return note
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
