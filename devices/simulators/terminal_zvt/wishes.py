"""What a till wants of the terminal: 06 01, 06 22, 06 23, 06 25, 06 30, 06 31."""

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
    "0622": "reservation",
    "0623": "capture",
    "0625": "release",
}
COMMANDS: Final = frozenset(_KINDS)
NOT_POSSIBLE: Final = "8483"
_WRONG_CURRENCY: Final = "846f"
_PASSWORD_BYTES: Final = 3
_AMOUNT, _CURRENCY, _RECEIPT = 0x04, 0x49, 0x87
_ALREADY_REVERSED: Final = 0xB4
_NOT_REVERSIBLE: Final = 0xB5
_AMOUNT_WRONG: Final = 0xB7
_NO_RESERVATION: Final = 0xB8


@dataclass(frozen=True)
class Wish:
    """A command that makes sense. `refusal`: the result code if it is bound to fail, else 0.

    `of` is what a reversal, a capture or a release names; `mirrored` the till's 1F1F, None
    without one.
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
    offered = {"refund": settings.refunds, "reversal": settings.reversals}
    if not offered.get(kind, kind == "payment" or settings.reservations):
        return NOT_POSSIBLE
    if kind in offered:
        if data[:_PASSWORD_BYTES] != bytes.fromhex(settings.password):
            return NOT_POSSIBLE
        data = data[_PASSWORD_BYTES:]
    fields = command_fields(data)
    if fields.get(_CURRENCY, digits(currency, 2)) != digits(currency, 2):
        return _WRONG_CURRENCY
    return _wish(kind, fields, acquirer) or NOT_POSSIBLE


def _wish(kind: TransactionKind, fields: dict[int, bytes], acquirer: Acquirer) -> Wish | None:
    mirrored = dict(things(fields.get(CONTAINER, b""))).get("1f1f")
    amount = _number(fields.get(_AMOUNT, b""))
    receipt = _number(fields.get(_RECEIPT, b""))
    match kind:
        case "reversal":
            found = acquirer.with_receipt(receipt)
            wish = _reversal(found, mirrored, acquirer.handed_in_receipt)
            return wish if receipt else None
        case "capture" | "release":
            rest = amount if kind == "capture" else 0
            wish = _use_up(kind, acquirer.with_receipt(receipt), rest, mirrored)
            return wish if receipt else None
        case _:
            return Wish(kind, amount, mirrored=mirrored) if amount else None


def _reversal(payment: Transaction | None, mirrored: bytes | None, handed_in: int) -> Wish:
    if payment is None or payment.kind != "payment" or payment.receipt <= handed_in:
        return Wish("reversal", 0, refusal=_NOT_REVERSIBLE, mirrored=mirrored)
    refusal = 0 if payment.stands else _ALREADY_REVERSED
    return Wish("reversal", payment.amount_minor, payment, refusal, mirrored)


def _use_up(
    kind: TransactionKind, reserved: Transaction | None, rest_minor: int, mirrored: bytes | None
) -> Wish:
    if reserved is None or reserved.kind != "reservation" or not reserved.stands:
        return Wish(kind, 0, refusal=_NO_RESERVATION, mirrored=mirrored)
    if rest_minor >= reserved.amount_minor:
        return Wish(kind, 0, refusal=_AMOUNT_WRONG, mirrored=mirrored)
    return Wish(kind, reserved.amount_minor - rest_minor, reserved, mirrored=mirrored)


def _number(bcd: bytes) -> int:
    """Return a number in BCD; 0 for what is none."""
    return int(bcd.hex()) if bcd.hex().isdecimal() else 0
