"""A ZVT unit without card data and passwords: what a flight recorder may keep.

What is not known to be free of card data is blanked. Lengths stay as they were, so that a
saved flight can still be played into the driver.
"""

from __future__ import annotations

from typing import Final

from devices.protocols import zvt_fields as bmp
from devices.protocols.zvt_apdu import Apdu, Control
from devices.protocols.zvt_commands import PASSWORD_BYTES, PASSWORD_COMMANDS, TAG_SYNC_RECEIPT
from devices.protocols.zvt_fields import Field, encode_fields, read_fields
from devices.protocols.zvt_messages import (
    NUMBER_BYTES_MAX,
    TAG_CARD_TYPE,
    TAG_CARDHOLDER,
    TAG_ERROR_CODE,
    TAG_LONG_TRACE,
    TAG_RECEIPT_TYPE,
    TAG_TERMINAL_ID,
)
from devices.protocols.zvt_tlv import CONTAINER, encode_tlv, read_tlv

_BLANK: Final = b"\xee"
"""The half-byte E is what terminals themselves mask digits with."""

_KEPT_FIELDS: Final = frozenset(
    {
        bmp.TIMEOUT, bmp.SERVICE_BYTE, bmp.AMOUNT, bmp.TRACE, bmp.TIME, bmp.DATE,
        bmp.STATUS_BYTE, bmp.RESULT, bmp.TERMINAL_ID, bmp.ORIGINAL_TRACE,
        bmp.AUTHORISATION_ATTRIBUTE, bmp.CURRENCY, bmp.RECEIPT, bmp.TURNOVER, bmp.CARD_TYPE,
        bmp.CARD_NAME, bmp.TOTALS,
    }
)  # fmt: skip
_KEPT_TAGS: Final = frozenset(
    {
        TAG_RECEIPT_TYPE, TAG_SYNC_RECEIPT, TAG_LONG_TRACE, TAG_TERMINAL_ID, TAG_CARD_TYPE,
        TAG_CARDHOLDER, TAG_ERROR_CODE,
        0x09, 0x0A, 0x12, 0x14,
        0x1F11,  # whether it was done online
        0x1F12,  # stripe, chip or contactless
        0x1F26,  # mode of an end of day
        0x1F64,  # number of payments
        0x1F73,  # number of the message
    }
)  # fmt: skip
"""Numbers and switches; whatever is not named here may hold a card's data and is blanked."""
_FIELD_UNITS: Final = frozenset(
    {
        Control.STATUS_INFORMATION,
        Control.AUTHORISATION,
        Control.RESERVATION,
        Control.PARTIAL_REVERSAL,
        Control.RESERVATION_REVERSAL,
        Control.COMPLETION,
    }
)
"""Units that are read field by field; what is neither named here nor below is blanked whole."""
_STATUS_BYTES: Final = 1
"""The completion of 05 01 may be a status byte alone."""


def redact(apdu: Apdu) -> Apdu:
    """Return the unit with card data, receipt texts and passwords blanked; same length."""
    data = apdu.data
    if apdu.control == Control.COMPLETION and len(data) == _STATUS_BYTES:
        return apdu
    if apdu.control == Control.ABORTED:
        return Apdu(apdu.control, data[:1] + _blank(data[1:]))
    if apdu.control in PASSWORD_COMMANDS:
        return Apdu(apdu.control, _blank(data[:PASSWORD_BYTES]) + data[PASSWORD_BYTES:])
    if apdu.control in _FIELD_UNITS:
        return Apdu(apdu.control, _fields(data))
    if apdu.control == Control.INTERMEDIATE_STATUS:
        return Apdu(apdu.control, data[:2] + _blank(data[2:]))
    return Apdu(apdu.control, _blank(data))


def _blank(data: bytes) -> bytes:
    return _BLANK * len(data)


def _fields(data: bytes) -> bytes:
    read = read_fields(data)
    kept: list[Field] = []
    for item in read.items:
        if item.tag == CONTAINER:
            kept.append(Field(item.tag, _objects(item.value)))
        elif item.tag in _KEPT_FIELDS:
            kept.append(item)
        else:
            kept.append(Field(item.tag, _blank(item.value)))
    whole = encode_fields(kept) + _blank(read.rest)
    # a container whose length was not coded the shortest way would come out shorter
    return whole if len(whole) == len(data) else _blank(data)


def _objects(data: bytes) -> bytes:
    read = read_tlv(data)
    out = b"".join(
        encode_tlv(
            item.tag,
            item.value
            if item.tag in _KEPT_TAGS and len(item.value) <= NUMBER_BYTES_MAX
            else _objects(item.value)
            if item.children
            else _blank(item.value),
        )
        for item in read.items
    )
    whole = out + _blank(read.rest)
    return whole if len(whole) == len(data) else _blank(data)
