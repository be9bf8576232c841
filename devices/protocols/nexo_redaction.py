"""Messages as the flight recorder may keep them: what is known to be harmless, and nothing else.

A list of what may be kept: a field that is new, or hidden in a text, is blanked without anybody
having thought of it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

BLANK: Final = "*"
_KEPT: Final = frozenset(
    {
        # header
        "ProtocolVersion", "MessageClass", "MessageCategory", "MessageType",
        "ServiceID", "SaleID", "POIID",
        # references and times
        "TransactionID", "TimeStamp", "POIReconciliationID",
        # what is asked and answered
        "AbortReason", "ReversalReason", "PaymentType", "HostDiagnosisFlag",
        "ReceiptReprintFlag", "DocumentQualifier", "Result", "ErrorCondition",
        "Currency", "RequestedAmount", "AuthorizedAmount", "ReversedAmount",
        "PaymentBrand", "OnlineFlag", "EntryMode", "GlobalStatus", "CommunicationOKFlag",
        "PrinterStatus", "EventToNotify", "EndOfLineFlag", "OutputFormat",
    }
)  # fmt: skip
_DEPTH_MAX: Final = 16
_TEXT_CHARS_MAX: Final = 64
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


def redact(plain: bytes) -> bytes:
    """Return a decrypted message with card data, receipts and all free text blanked."""
    try:
        message = msgspec.json.decode(plain)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return b'"unreadable"'
    return _encoder.encode(_blanked(message, 0))


def _blanked(value: Any, depth: int) -> Any:
    if depth > _DEPTH_MAX:
        return BLANK
    if isinstance(value, dict):
        return {key[:_TEXT_CHARS_MAX]: _field(key, each, depth) for key, each in value.items()}
    if isinstance(value, list):
        return [_blanked(each, depth + 1) for each in value]
    return BLANK


def _field(key: str, value: Any, depth: int) -> Any:
    if key not in _KEPT:
        return _blanked(value, depth + 1)
    if isinstance(value, str):
        return value[:_TEXT_CHARS_MAX]
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return [each[:_TEXT_CHARS_MAX] for each in value]
    return _blanked(value, depth + 1)
