"""What the terminal says during one transaction, and how that makes it end."""

from __future__ import annotations

import msgspec

from devices.driver import DriverPorts
from devices.drivers.terminal_zvt.line import End
from devices.drivers.terminal_zvt.notes import PaymentNotes
from devices.protocols.zvt_messages import (
    Aborted,
    Answer,
    Completion,
    IntermediateStatus,
    Message,
    PrintedText,
    StatusInformation,
)
from devices.protocols.zvt_receipts import ReceiptCollector
from devices.protocols.zvt_recovery import PaymentNote, booking_of, outcome_for, refused
from devices.protocols.zvt_results import OK
from edge.contract.errors import ProtocolViolation
from edge.contract.terminal_messages import PaymentOutcome


class Hearing:
    """Listens to one transaction; what moves money is on disk before it is acknowledged."""

    def __init__(self, note: PaymentNote, notes: PaymentNotes, ports: DriverPorts) -> None:
        self.note = note
        self._notes = notes
        self._ports = ports
        self._receipts = ReceiptCollector()
        self._status: StatusInformation | None = None

    async def listen(self, message: Message) -> None:
        """Take a message; on disk when this returns.

        Raises ProtocolViolation for a result that was the terminal's last before this began:
        it answers an older question, and must not be taken for this transaction's.
        """
        match message:
            case IntermediateStatus():
                self._ports.report(health=message.words)
            case StatusInformation():
                self._status = message
                if message.result == OK:
                    booking = booking_of(message)
                    if booking == self.note.baseline and booking.has_its_own_moment:
                        raise ProtocolViolation(
                            "zvt_old_result", "The payment terminal told the last result again."
                        )
                    await self._keep(
                        seen=booking,
                        heard=outcome_for(self.note, message),
                    )
            case PrintedText():
                self._receipts.take(message)
                if message.ends and self.note.heard is not None:
                    await self._keep(heard=self._with_receipts(self.note.heard))
            case _:
                pass  # 06 0F and 06 1E: the end is put on disk as a whole

    def outcome(self, end: End) -> PaymentOutcome | None:
        """Return how it ended, or None when that is not said or contradicts itself."""
        kind = self.note.kind
        match end:
            case Answer(refusal):
                return refused(refusal, kind=kind)
            case Aborted(code, named) if self.note.heard is None:
                status = self._status
                told = None if status is None else status.result
                words = named if status is None else status.words or named
                return self._with_receipts(refused(told or code, words, kind))
            case Completion() if self.note.heard is not None and self._unsaid:
                return None
            case Completion() if self.note.heard is not None:
                return self._with_receipts(self.note.heard)
            case Completion() if self._status is not None and self._status.result is not None:
                return self._with_receipts(refused(self._status.result, self._status.words, kind))
            case _:
                return None

    @property
    def _unsaid(self) -> bool:
        """Whether a failure was told behind the approval."""
        return self._status is not None and self._status.result not in {OK, None}

    async def _keep(self, **changes: object) -> None:
        self.note = await self._notes.keep(msgspec.structs.replace(self.note, **changes))

    def _with_receipts(self, outcome: PaymentOutcome) -> PaymentOutcome:
        return msgspec.structs.replace(
            outcome,
            merchant_receipt=self._receipts.merchant,
            customer_receipt=self._receipts.customer,
        )
