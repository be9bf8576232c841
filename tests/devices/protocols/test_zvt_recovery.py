from __future__ import annotations

import msgspec
import pytest

from devices.protocols.zvt_apdu import Apdu
from devices.protocols.zvt_fields import bcd_encode, encode_field
from devices.protocols.zvt_messages import StatusInformation, read_message
from devices.protocols.zvt_recovery import (
    LastStored,
    PaymentNote,
    booking_of,
    judge,
    outcome_of,
    refused,
    undecided,
)
from devices.protocols.zvt_text import TextEncoding
from edge.contract.device_messages import PaymentOutcome


def status_information(data: str) -> StatusInformation:
    message = read_message(Apdu(0x040F, bytes.fromhex(data)), TextEncoding.CP437)
    assert isinstance(message, StatusInformation)
    return message


def stored(
    receipt: int, trace: int | None, amount: int, result: int = 0, currency: int | None = 978
) -> StatusInformation:
    data = bytes((0x27, result)) + encode_field(0x04, bcd_encode(amount, 6))
    data += encode_field(0x87, bcd_encode(receipt, 2))
    if trace is not None:
        data += encode_field(0x0B, bcd_encode(trace, 3))
    if currency is not None:
        data += encode_field(0x49, bcd_encode(currency, 2))
    return status_information(data.hex())


def bare(amount: int, numbers: str = "") -> StatusInformation:
    return status_information(f"27 00 04 {amount:012d} {numbers}")


BASE = stored(6, 10, 700)
OURS = stored(7, 11, 1234)
UNREADABLE = status_information("FE 01 27 00 04 000000001234 0B 000011")
"""An unknown field first: nothing behind it can be read."""
NO_CURRENCY = stored(7, 11, 1234, 0, None)


def note(
    baseline: StatusInformation | None = BASE,
    seen: StatusInformation | None = None,
    *,
    asked: bool = True,
) -> PaymentNote:
    return PaymentNote(
        "pay-0001",
        1234,
        978,
        asked,
        None if baseline is None else booking_of(baseline),
        None if seen is None else booking_of(seen),
        None if seen is None else outcome_of(seen, 1234),
    )


NOTHING = LastStored(said=True)
CANNOT_SAY = LastStored(said=False)


def last(status: StatusInformation) -> LastStored:
    return LastStored(said=True, status=status)


@pytest.mark.parametrize(
    ("kept", "said", "outcome", "code"),
    [
        pytest.param(note(), last(OURS), "approved", "00", id="booked"),
        pytest.param(note(), last(BASE), "declined", "not_booked", id="same as before"),
        pytest.param(note(None), NOTHING, "declined", "not_booked", id="nothing then and now"),
        pytest.param(note(None), last(OURS), "approved", "00", id="the first one ever"),
        pytest.param(note(), NOTHING, None, "", id="journal was emptied"),
        pytest.param(note(), CANNOT_SAY, None, "", id="cannot say"),
        pytest.param(note(), last(stored(7, 11, 999)), None, "", id="another amount"),
        pytest.param(note(), last(stored(7, 11, 1234, 0, 756)), None, "", id="other currency"),
        pytest.param(
            note(), last(stored(7, 11, 1234, 0, None)), "approved", "00", id="no currency"
        ),
        pytest.param(note(), last(stored(6, 11, 1234, 5)), "declined", "05", id="next one failed"),
        pytest.param(note(), last(stored(6, 11, 1234, 0x6C)), "cancelled", "6C", id="given up"),
        pytest.param(note(), last(stored(6, 12, 1234, 5)), None, "", id="a later one failed"),
        pytest.param(note(), last(stored(6, None, 1234, 5)), None, "", id="no trace"),
        pytest.param(note(None), last(stored(0, 1, 1234, 5)), "declined", "05", id="first failed"),
        pytest.param(
            note(stored(6, None, 700)), last(stored(6, 1, 1234, 5)), None, "", id="no trace before"
        ),
        pytest.param(note(seen=OURS), last(OURS), "approved", "00", id="seen and stands"),
        pytest.param(note(seen=OURS), last(BASE), "declined", "reversed", id="seen, taken back"),
        pytest.param(note(seen=OURS), last(stored(8, 12, 1234)), None, "", id="another behind it"),
        pytest.param(note(seen=OURS), last(stored(7, 11, 1234, 5)), None, "", id="seen, now not"),
        pytest.param(note(None, asked=False), last(OURS), None, "", id="no baseline"),
        pytest.param(note(None, OURS, asked=False), last(OURS), "approved", "00", id="seen only"),
        pytest.param(note(None, asked=False), NOTHING, None, "", id="never asked"),
        pytest.param(note(bare(1234)), last(bare(1234)), None, "", id="two alike without numbers"),
        pytest.param(
            note(bare(1234, "87 0000 0B 000000")),
            last(bare(1234, "87 0000 0B 000000")),
            None,
            "",
            id="zeros are no numbers",
        ),
        pytest.param(note(UNREADABLE), last(UNREADABLE), None, "", id="nothing could be read"),
        pytest.param(
            note(bare(1234), bare(1234)), last(bare(1234)), None, "", id="seen, and alike"
        ),
        pytest.param(
            note(bare(1234, "0C 101112 0D 1126")),
            last(bare(1234, "0C 101112 0D 1126")),
            "declined",
            "not_booked",
            id="of the same second",
        ),
        pytest.param(note(bare(700)), last(bare(1234)), "approved", "00", id="only the amount"),
        pytest.param(note(), last(stored(5, 9, 1234)), None, "", id="an older trace"),
        pytest.param(note(), last(stored(7, 10, 1234)), None, "", id="the same trace"),
        pytest.param(
            note(stored(6, 999_999, 700)), last(stored(7, 1, 1234)), "approved", "00", id="around"
        ),
        pytest.param(
            note(stored(6, None, 700)), last(stored(5, None, 1234)), None, "", id="older receipt"
        ),
        pytest.param(
            note(None), LastStored(said=True, code=0xE0), None, "", id="gave up the question"
        ),
    ],
)
def test_verdicts(kept: PaymentNote, said: LastStored, outcome: str | None, code: str) -> None:
    verdict = judge(kept, said)
    assert (verdict.outcome if verdict else None) == outcome
    assert (verdict.code if verdict else "") == code


def test_an_approved_payment_keeps_what_was_heard() -> None:
    heard = PaymentOutcome("approved", 1234, merchant_receipt=("one line",))
    kept = msgspec.structs.replace(note(seen=OURS), heard=heard)
    assert judge(kept, last(OURS)) is heard


def test_outcomes() -> None:
    assert outcome_of(stored(7, 11, 1000), 1234).amount_minor == 1000
    assert outcome_of(status_information("27 00"), 1234).amount_minor == 1234
    assert refused(None) == PaymentOutcome("declined", reason="The terminal gave up the payment.")
    assert refused(0) == refused(None)
    assert refused(None, "Abbruch").reason == "Abbruch"
    assert refused(5, "Nein").reason == "The card issuer declined the payment. (Nein)"
    assert undecided().outcome == "unknown"


@pytest.mark.parametrize(
    ("kept", "is_open"),
    [
        (note(), True),
        (msgspec.structs.replace(note(), undecided=True), False),
        (msgspec.structs.replace(note(), outcome=refused(5)), False),
    ],
)
def test_a_note_survives_the_disk_and_knows_whether_it_is_open(
    kept: PaymentNote, is_open: bool
) -> None:
    assert msgspec.json.decode(msgspec.json.encode(kept), type=PaymentNote) == kept
    assert kept.open is is_open
