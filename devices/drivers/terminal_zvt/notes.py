"""The driver's notes of transactions in devices.db: what survives a crash of this process."""

from __future__ import annotations

from typing import Final

import msgspec

from devices.driver import DriverPorts
from devices.protocols.zvt_recovery import (
    APPROVED,
    NOT_BOOKED,
    LastStored,
    PaymentNote,
    booking_of,
    judge,
)
from devices.protocols.zvt_transactions import Kind
from edge.contract.terminal_messages import PaymentOutcome

_PAYMENT: Final = "payment"
_LAST: Final = "last-payment"
_REPEATS: Final = "repeats"
_NAMES: Final = "names-"
_SENDS_SYNC: Final = "sends-sync-receipt"
_YES: Final = b"1"
_NO: Final = b"0"

_decode: Final = msgspec.json.Decoder(PaymentNote).decode


class PaymentNotes:
    """One note a transaction, under its job; and which of them was this terminal's last.

    Notes of the terminal itself stand under a name that no job can have.
    """

    def __init__(self, ports: DriverPorts, answer_ms_max: int) -> None:
        self._ports = ports
        self._answer_ms_max = answer_ms_max
        self._device = f"zvt:{ports.device}"

    async def of(self, job: str) -> PaymentNote | None:
        """Return the note of a transaction, or None: not a byte of it was ever sent."""
        kept = await self._ports.recall(job, _PAYMENT)
        return None if kept is None else _decode(kept)

    async def last(self) -> PaymentNote | None:
        """Return the note of this terminal's last transaction."""
        job = await self._ports.recall(self._device, _LAST)
        return None if not job else await self.of(job.decode())

    async def batch_closed(self) -> None:
        """Keep that the terminal begins anew: what it names now says nothing of what was before."""
        await self._ports.remember(self._device, _LAST, b"")

    async def begin(self, note: PaymentNote) -> None:
        """Put a new transaction on disk: before its first byte."""
        await self.keep(note)
        await self._ports.remember(self._device, _LAST, note.job.encode())

    async def keep(self, note: PaymentNote) -> PaymentNote:
        """Put a note on disk and return it."""
        await self._ports.remember(note.job, _PAYMENT, msgspec.json.encode(note))
        return note

    async def end(self, note: PaymentNote, outcome: PaymentOutcome) -> PaymentOutcome:
        """Put on disk how a transaction ended and return it."""
        await self.keep(msgspec.structs.replace(note, outcome=outcome))
        return outcome

    async def decide(self, note: PaymentNote, last: LastStored) -> PaymentNote:
        """Settle an open transaction by what the terminal has stored, or leave it to a person.

        "Not booked" is believed once T3 is over: until then the command may still be on its
        way to the terminal, on a connection that is gone already. The note then stays open.
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

    async def mirrored(self, last: LastStored) -> bytes | None:
        """Return what the next transaction says in 1F1F: the last receipt number that we know.

        None when this terminal never sent one; b"" when it does, and we know none.
        """
        sent = None if last.status is None else last.status.sync_receipt
        known = await self._ports.recall(self._device, _SENDS_SYNC) is not None
        if sent is None:
            return b"" if known else None
        if not known:
            await self._ports.remember(self._device, _SENDS_SYNC, _YES)
        return sent

    async def can_repeat(self) -> bool:
        """Say whether this terminal ever named its last stored transaction."""
        return await self._ports.recall(self._device, _REPEATS) is not None

    async def note_can_repeat(self) -> None:
        """Keep that this terminal can name its last stored transaction."""
        if not await self.can_repeat():
            await self._ports.remember(self._device, _REPEATS, _YES)

    async def names(self, kind: Kind, earlier: PaymentNote | None, last: LastStored) -> bool:
        """Say whether this terminal names transactions of a kind as its last stored one.

        The standard wants it to; one that was once found not to is not believed any more when
        it says that nothing new is stored. `earlier` is the transaction before and `last` what
        the terminal says now: it tells, when `earlier` was approved in so many words.
        """
        if earlier is not None and earlier.seen is not None and _approved(earlier):
            now = None if last.status is None else booking_of(last.status)
            if now is not None and now.receipt_and_trace == earlier.seen.receipt_and_trace:
                await self._found(earlier.kind, _YES)
            elif last.said and now == earlier.baseline:
                self._ports.log.warning("terminal_does_not_repeat", kind=earlier.kind.value)
                await self._found(earlier.kind, _NO)
        return await self._ports.recall(self._device, _NAMES + kind) != _NO

    async def _found(self, kind: Kind, answer: bytes) -> None:
        kept = await self._ports.recall(self._device, _NAMES + kind)
        if (kept or _YES) != answer:
            await self._ports.remember(self._device, _NAMES + kind, answer)


def _approved(note: PaymentNote) -> bool:
    return note.outcome is not None and note.outcome.outcome == APPROVED
