"""What the terminal answers, as JSON that is not sealed yet."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from devices.simulators.terminal_adyen.acquirer import Transaction
from edge.contract.money import CURRENCY_DIGITS

_LAST4: Final = "0042"


def success(result: str = "Success") -> dict[str, Any]:
    """Return the Response of what was done; it is full of what nobody but the shop may see."""
    return {
        "Result": result,
        "AdditionalResponse": urlencode(
            {
                "cardHolderName": "A. Customer",
                "cardBin": "541333",
                "expiryDate": "12/2028",
                "alias": "K182596230843790",
            }
        ),
    }


def failure(condition: str, words: str = "", reason: str = "") -> dict[str, Any]:
    """Return the Response of what was not done."""
    told = {"message": words, "refusalReason": reason, "cardBin": "541333"}
    return {
        "Result": "Failure",
        "ErrorCondition": condition,
        "AdditionalResponse": urlencode({key: each for key, each in told.items() if each}),
    }


def failed_transaction(kind: str, response: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a payment, refund or reversal that was not made."""
    return {_name(kind): {"Response": response}}


def approved_transaction(done: Transaction, terminal: str) -> dict[str, Any]:
    """Return the answer to what was booked."""
    amount = done.amount_minor / 10 ** CURRENCY_DIGITS[done.currency]
    answer: dict[str, Any] = {
        "Response": success("Partial" if done.part else "Success"),
        "POIData": {
            "POITransactionID": {"TransactionID": done.name, "TimeStamp": done.time},
            "POIReconciliationID": "1000",
        },
        "PaymentReceipt": [
            _receipt("CashierReceipt", "MERCHANT COPY", done, amount),
            _receipt("CustomerReceipt", "CARDHOLDER COPY", done, amount),
        ],
    }
    if done.kind == "reversal":
        return {_name(done.kind): answer | {"ReversedAmount": amount}}
    answer["PaymentResult"] = {
        "AmountsResp": {"AuthorizedAmount": amount, "Currency": done.currency},
        "AuthenticationMethod": ["Bypass"],
        "OnlineFlag": True,
        "PaymentAcquirerData": {
            "AcquirerPOIID": terminal,
            "AcquirerTransactionID": {"TransactionID": done.psp, "TimeStamp": done.time},
            "ApprovalCode": "123456",
            "MerchantID": "SimulatedShop",
        },
        "PaymentInstrumentData": {
            "CardData": {
                "CardCountryCode": "276",
                "EntryMode": ["Contactless"],
                "MaskedPan": f"541333 **** {_LAST4}",
                "PaymentBrand": "mc",
                "SensitiveCardData": {"CardSeqNumb": "01", "ExpiryDate": "1228"},
            },
            "PaymentInstrumentType": "Card",
        },
    }
    return {_name(done.kind): answer}


def without_receipts(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as it is repeated for who did not ask for receipts."""
    return {
        name: {key: each for key, each in body.items() if key != "PaymentReceipt"}
        for name, body in answer.items()
    }


def _name(kind: str) -> str:
    return "ReversalResponse" if kind == "reversal" else "PaymentResponse"


def _receipt(qualifier: str, title: str, done: Transaction, amount: float) -> dict[str, Any]:
    digits = CURRENCY_DIGITS[done.currency]
    lines = (
        _line(name=title, key="title"),
        _line(key="filler"),
        _line(name="Card", value=f"************{_LAST4}", key="pan"),
        _line(name="Tender", value=done.name.partition(".")[0], key="txRef"),
        _line(name="TOTAL", value=f"{done.currency} {amount:.{digits}f}", key="totalAmount"),
        _line(name="APPROVED", key="approved"),
    )
    texts = [{"Text": line, "EndOfLineFlag": True, "CharacterStyle": "Normal"} for line in lines]
    return {
        "DocumentQualifier": qualifier,
        "RequiredSignatureFlag": False,
        "OutputContent": {"OutputFormat": "Text", "OutputText": texts},
    }


def _line(**parts: str) -> str:
    return "&".join(f"{name}={quote_plus(value)}" for name, value in parts.items())
