"""Card receipts out of the lines and blocks that a ZVT terminal sends to be printed."""

from __future__ import annotations

from dataclasses import dataclass, field

from devices.protocols.zvt_messages import RECEIPT_CUSTOMER, RECEIPT_MERCHANT, PrintedText
from edge.contract.device_limits import (
    TERMINAL_RECEIPT_LINES_MAX,
)


@dataclass(slots=True)
class _Receipt:
    receipt_type: int = 0
    lines: list[str] = field(default_factory=list)
    whole: bool = False


class ReceiptCollector:
    """Collects what is printed during one payment.

    A receipt whose type is not said counts as the merchant's when it comes first, then as
    the customer's: the order in which terminals print. Lines beyond the limit are dropped.
    """

    def __init__(self) -> None:
        self._receipts: list[_Receipt] = []

    def take(self, printed: PrintedText) -> None:
        """Add lines to the receipt that is under way, or begin the next."""
        if not self._receipts or self._receipts[-1].whole or self._is_another(printed):
            self._receipts.append(_Receipt())
        receipt = self._receipts[-1]
        receipt.receipt_type = receipt.receipt_type or printed.receipt_type
        room = TERMINAL_RECEIPT_LINES_MAX - sum(len(each.lines) for each in self._receipts)
        receipt.lines += printed.lines[: max(0, room)]
        receipt.whole = printed.ends

    def _is_another(self, printed: PrintedText) -> bool:
        begun = self._receipts[-1].receipt_type
        return 0 != begun != printed.receipt_type != 0

    @property
    def merchant(self) -> tuple[str, ...]:
        """The lines of the merchant's receipt; empty when none came."""
        return self._lines(RECEIPT_MERCHANT)

    @property
    def customer(self) -> tuple[str, ...]:
        """The lines of the customer's receipt; empty when none came."""
        return self._lines(RECEIPT_CUSTOMER)

    def _lines(self, wanted: int) -> tuple[str, ...]:
        said = [each.receipt_type for each in self._receipts]
        unsaid = [kind for kind in (RECEIPT_MERCHANT, RECEIPT_CUSTOMER) if kind not in said]
        lines: list[str] = []
        for receipt in self._receipts:
            kind = receipt.receipt_type or (unsaid.pop(0) if unsaid else 0)
            if kind == wanted:
                lines += receipt.lines
        return tuple(lines)
