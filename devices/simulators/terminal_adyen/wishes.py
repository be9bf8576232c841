"""What a till wants of the terminal: a payment, a refund (a payment of that type), a reversal."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from devices.simulators.terminal_adyen.acquirer import Acquirer, Transaction, TransactionKind
from devices.simulators.terminal_adyen.replies import failure
from devices.simulators.terminal_adyen.scripts import SimulatedAdyenSettings
from edge.contract.money import CURRENCY_DIGITS


@dataclass(frozen=True)
class Wish:
    """A request that makes sense. `of` is the payment that a reversal names."""

    kind: TransactionKind
    amount_minor: int
    currency: str
    of: Transaction | None = None


def read_wish(
    content: dict[str, Any], settings: SimulatedAdyenSettings, acquirer: Acquirer
) -> Wish | dict[str, Any]:
    """Return what the till wants, or the Response to a request that is bound to fail."""
    try:
        if "ReversalRequest" in content:
            return _reversal(content["ReversalRequest"], settings, acquirer)
        return _payment(content["PaymentRequest"], settings)
    except (KeyError, TypeError, ArithmeticError, ValueError):
        return failure("MessageFormat", "The request is not complete")


def _payment(asked: dict[str, Any], settings: SimulatedAdyenSettings) -> Wish | dict[str, Any]:
    kind: TransactionKind = "payment"
    match asked.get("PaymentData", {}).get("PaymentType", "Normal"):
        case "Refund":
            kind = "refund"
        case "Normal":
            pass
        case _:
            return failure("NotAllowed", "This type of payment is not offered")
    if kind == "refund" and not settings.refunds:
        return failure("NotAllowed", "Unreferenced refunds are not enabled")
    named = asked["SaleData"]["SaleTransactionID"]
    if not named["TransactionID"] or not named["TimeStamp"]:
        return failure("MessageFormat", "SaleTransactionID is empty")
    amounts = asked["PaymentTransaction"]["AmountsReq"]
    currency = amounts["Currency"]
    if currency != settings.currency:
        return failure("NotAllowed", "This currency is not enabled")
    minor = Decimal(str(amounts["RequestedAmount"])) * 10 ** CURRENCY_DIGITS[currency]
    if minor != int(minor) or minor <= 0:
        return failure("MessageFormat", "RequestedAmount makes no sense")
    return Wish(kind, int(minor), currency)


def _reversal(
    asked: dict[str, Any], settings: SimulatedAdyenSettings, acquirer: Acquirer
) -> Wish | dict[str, Any]:
    if not settings.reversals:
        return failure("NotAllowed", "Refunds are not enabled")
    if asked["ReversalReason"] != "MerchantCancel":
        return failure("MessageFormat", "ReversalReason makes no sense")
    named = asked["OriginalPOITransaction"]["POITransactionID"]
    payment = acquirer.named(named["TransactionID"])
    if payment is None or payment.time != named["TimeStamp"] or payment.kind != "payment":
        return failure("NotFound", "The original transaction was not found")
    if acquirer.is_undone(payment):
        return failure("NotAllowed", "The original transaction was refunded before")
    return Wish("reversal", payment.amount_minor, payment.currency, payment)
