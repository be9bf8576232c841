"""What a till wants of the terminal: a payment (06 01), a reversal (06 30), a refund (06 31)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from devices.simulators.terminal_zvt.acquirer import Acquirer, Transaction, TransactionKind
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from devices.simulators.terminal_zvt.wire import CONTAINER, Heard, command_fields, digits, things

_KINDS: Final[dict[str, TransactionKind]] = {
    "0601": "payment",
    "0630": "reversal",
    "0631": "refund",
}
COMMANDS: Final = frozenset(_KINDS)
NOT_POSSIBLE: Final = "8483"
_WRONG_CURRENCY: Final = "846f"
_PASSWORD_BYTES: Final = 3
_AMOUNT, _CURRENCY, _RECEIPT = 0x04, 0x49, 0x87
_ALREADY_REVERSED: Final = 0xB4
_NOT_REVERSIBLE: Final = 0xB5


@dataclass(frozen=True)
class Wish:
    """A command that makes sense. `refusal`: the result code if it is bound to fail, else 0.

    `of` is the payment that a reversal names; `mirrored` the till's 1F1F, None without one.
    """

    kind: TransactionKind
    amount_minor: int
    of: Transaction | None = None
    refusal: int = 0
    mirrored: bytes | None = None


def read_wish(
    heard: Heard, settings: SimulatedTerminalSettings, currency: int, acquirer: Acquirer
) -> Wish | str:
    """Return what the till wants, or the answer 84 xx to a command that makes no sense."""
    kind, data = _KINDS[heard.command], heard.data
    offered = {"payment": True, "refund": settings.refunds, "reversal": settings.reversals}
    if not offered[kind]:
        return NOT_POSSIBLE
    if kind != "payment":
        if data[:_PASSWORD_BYTES] != bytes.fromhex(settings.password):
            return NOT_POSSIBLE
        data = data[_PASSWORD_BYTES:]
    fields = command_fields(data)
    if fields.get(_CURRENCY, digits(currency, 2)) != digits(currency, 2):
        return _WRONG_CURRENCY
    mirrored = dict(things(fields.get(CONTAINER, b""))).get("1f1f")
    number = _number(fields.get(_RECEIPT if kind == "reversal" else _AMOUNT, b""))
    if not number:
        return NOT_POSSIBLE
    if kind == "reversal":
        return _reversal(acquirer.with_receipt(number), mirrored, acquirer.handed_in_receipt)
    return Wish(kind, number, mirrored=mirrored)


def _reversal(payment: Transaction | None, mirrored: bytes | None, handed_in: int) -> Wish:
    if payment is None or payment.kind != "payment" or payment.receipt <= handed_in:
        return Wish("reversal", 0, refusal=_NOT_REVERSIBLE, mirrored=mirrored)
    refusal = 0 if payment.stands else _ALREADY_REVERSED
    return Wish("reversal", payment.amount_minor, payment, refusal, mirrored)


def _number(bcd: bytes) -> int:
    """Return a number in BCD; 0 for what is none."""
    return int(bcd.hex()) if bcd.hex().isdecimal() else 0
