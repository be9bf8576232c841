from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols.zvt_apdu import Apdu
from devices.protocols.zvt_fields import bcd_encode, encode_field
from devices.protocols.zvt_messages import StatusInformation, read_message
from devices.protocols.zvt_recovery import (
    Booking,
    LastStored,
    PaymentNote,
    booking_of,
    judge,
    outcome_of,
    refused,
    undecided,
)
from devices.protocols.zvt_text import TextEncoding
from devices.protocols.zvt_transactions import Kind
from edge.contract.device_messages import ALREADY_REVERSED
from edge.contract.terminal_messages import PaymentOutcome


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


def reversal(receipt: int, trace: int | None, amount: int, of: int | None) -> StatusInformation:
    """Return a stored reversal; `of`: the trace it names, None when it names none."""
    data = encode_field(0x04, bcd_encode(amount, 6)) + encode_field(0x87, bcd_encode(receipt, 2))
    data += encode_field(0x49, bcd_encode(978, 2))
    if trace is not None:
        data += encode_field(0x0B, bcd_encode(trace, 3))
    if of is not None:
        data += encode_field(0x37, bcd_encode(of, 3))
    return status_information(f"27 00 {data.hex()}")


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


def refund_note(baseline: StatusInformation | None = BASE) -> PaymentNote:
    return msgspec.structs.replace(note(baseline), kind=Kind.REFUND)


def reversal_note(
    baseline: StatusInformation | None = BASE, of: str = "0006", amount: int = 700
) -> PaymentNote:
    changed = {"kind": Kind.REVERSAL, "reverses": of, "amount_minor": amount}
    return msgspec.structs.replace(note(baseline), **changed)


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


SAME_AMOUNT = stored(6, 10, 1234)


@pytest.mark.parametrize(
    ("kept", "said", "outcome", "code"),
    [
        pytest.param(refund_note(), last(OURS), "approved", "00", id="refunded"),
        pytest.param(refund_note(), last(BASE), "declined", "not_booked", id="not refunded"),
        pytest.param(
            refund_note(SAME_AMOUNT), last(SAME_AMOUNT), "declined", "not_booked", id="payment only"
        ),
        pytest.param(
            refund_note(SAME_AMOUNT), last(OURS), "approved", "00", id="payment, then its refund"
        ),
        pytest.param(refund_note(), last(stored(5, 9, 1234)), None, "", id="an older one"),
        pytest.param(
            refund_note(), last(reversal(7, 11, 1234, 10)), None, "", id="a reversal is no refund"
        ),
        pytest.param(
            note(), last(reversal(7, 11, 1234, 10)), None, "", id="a reversal is no payment"
        ),
        pytest.param(refund_note(), last(stored(6, 11, 1234, 5)), "declined", "05", id="declined"),
        pytest.param(refund_note(), NOTHING, None, "", id="refund, journal was emptied"),
        pytest.param(refund_note(), CANNOT_SAY, None, "", id="refund, cannot say"),
        pytest.param(
            reversal_note(), last(reversal(7, 11, 700, 10)), "approved", "00", id="reversed"
        ),
        pytest.param(
            reversal_note(), last(reversal(7, 11, 700, None)), "approved", "00", id="says of none"
        ),
        pytest.param(
            reversal_note(), last(reversal(7, 11, 700, 9)), None, "", id="took another back"
        ),
        pytest.param(
            reversal_note(of="0004"), last(reversal(7, 11, 700, 8)), "approved", "00", id="older of"
        ),
        pytest.param(
            reversal_note(of="0004"), last(reversal(7, 11, 700, 10)), None, "", id="took the last"
        ),
        pytest.param(
            reversal_note(None, of="0004"),
            last(reversal(7, 11, 700, 8)),
            "approved",
            "00",
            id="of one not stored",
        ),
        pytest.param(reversal_note(), last(BASE), "declined", "not_booked", id="not reversed"),
        pytest.param(
            reversal_note(stored(6, None, 700)),
            last(stored(6, None, 700)),
            None,
            "",
            id="may stand under the number of its payment",
        ),
        pytest.param(
            reversal_note(stored(6, None, 700), of="0004"),
            last(stored(6, None, 700)),
            "declined",
            "not_booked",
            id="a number of its own",
        ),
        pytest.param(
            reversal_note(), last(reversal(6, 11, 700, 10)), "approved", "00", id="same receipt"
        ),
        pytest.param(
            reversal_note(), last(reversal(7, 11, 800, 10)), None, "", id="of another amount"
        ),
    ],
)
def test_verdicts_on_money_that_goes_back(
    kept: PaymentNote, said: LastStored, outcome: str | None, code: str
) -> None:
    test_verdicts(kept, said, outcome, code)


AMOUNTS = st.sampled_from([700, 1234])
NUMBERS = st.integers(1, 6)
STORED = st.one_of(
    st.builds(stored, NUMBERS, st.none() | NUMBERS, AMOUNTS, st.sampled_from([0, 5])),
    st.builds(reversal, NUMBERS, st.none() | NUMBERS, AMOUNTS, st.none() | NUMBERS),
    st.builds(bare, AMOUNTS, st.sampled_from(["", "0C 101112 0D 1126"])),
)
NOTES = st.one_of(
    st.builds(note, st.none() | STORED),
    st.builds(refund_note, st.none() | STORED),
    st.builds(reversal_note, st.none() | STORED, st.sampled_from(["0001", "0002"]), AMOUNTS),
)


@given(NOTES, st.none() | STORED)
def test_what_stood_before_is_never_ours_and_what_is_new_never_denies_it(
    kept: PaymentNote, status: StatusInformation | None
) -> None:
    verdict = judge(kept, LastStored(said=True, status=status))
    now = None if status is None else booking_of(status)
    if verdict is None:
        return
    if now == kept.baseline:
        assert (verdict.outcome, verdict.code) == ("declined", "not_booked")
    else:
        assert now is not None
        assert verdict.amount_minor == kept.amount_minor or verdict.outcome != "approved"
        assert (verdict.outcome == "approved") == (now.result == 0)
        assert kept.kind is Kind.REVERSAL or not now.original_trace
        assert not older(kept.baseline, now)


def older(before: Booking | None, now: Booking) -> bool:
    """Say whether a number says so; the numbers here are too small to have begun anew."""
    pairs = [] if before is None else zip(before.identity[:2], now.identity[:2], strict=True)
    (receipts, traces) = pairs or (("", ""), ("", ""))
    before_no, now_no = traces if all(traces) else receipts
    return bool(before_no and now_no) and int(now_no) <= int(before_no)


@pytest.mark.parametrize("kind", list(Kind))
def test_words_name_what_was_not_done(kind: Kind) -> None:
    assert f"the {kind}" in undecided(kind).reason
    assert ("in no other way" in undecided(kind).advice) == (kind is not Kind.PAYMENT)
    assert f"the {kind}" in refused(None, kind=kind).reason
    assert outcome_of(status_information("27 05"), 1, kind).reason == (
        f"The card issuer declined the {kind}."
    )
    kept = msgspec.structs.replace(note(seen=OURS), kind=kind)
    verdict = judge(kept, last(BASE))
    assert verdict is not None
    assert verdict.reason == f"The terminal took the {kind} back by itself."


@pytest.mark.parametrize(
    ("kind", "code", "outcome", "words", "advice"),
    [
        (Kind.REVERSAL, 0xB4, "declined", "was reversed already", "has the money back already"),
        (Kind.REVERSAL, 0xB5, "declined", "can no longer be reversed", "Refund the amount"),
        (Kind.REVERSAL, 0x83, "declined", "does not reverse payments", "Refund the amount"),
        (Kind.REVERSAL, 0x6D, "declined", "does not reverse payments", "Refund the amount"),
        (Kind.REFUND, 0x83, "declined", "does not give refunds", "Reverse the payment"),
        (Kind.REFUND, 0x6D, "declined", "does not give refunds", "Reverse the payment"),
        (Kind.REFUND, 0x6C, "cancelled", "refund was given up", ""),
        (Kind.REFUND, 0x05, "declined", "declined the refund", "in another way"),
        (Kind.PAYMENT, 0x83, "declined", "cannot do this now", ""),
        (Kind.PAYMENT, 0x6D, "declined", "does not offer this", ""),
    ],
)
def test_a_refusal_says_what_to_do_instead(
    kind: Kind, code: int, outcome: str, words: str, advice: str
) -> None:
    said = refused(code, kind=kind)
    assert said.outcome == outcome
    assert words in said.reason
    assert advice in said.advice
    assert bool(advice) == bool(said.advice)


def test_only_a_reversal_says_that_the_customer_has_the_money() -> None:
    assert refused(0xB4, kind=Kind.REVERSAL).code == ALREADY_REVERSED
    assert refused(0xB4, kind=Kind.REFUND).code == "B4"
    assert refused(0xB5, kind=Kind.REVERSAL).code == "B5"


def test_a_note_of_before_there_were_refunds_is_a_payments() -> None:
    old = b'{"job":"pay-0001","amount_minor":1,"currency_number":978,"asked":true,"begun_ms":5}'
    kept = msgspec.json.decode(old, type=PaymentNote)
    assert (kept.kind, kept.reverses) == (Kind.PAYMENT, "")


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
        (reversal_note(), True),
        (msgspec.structs.replace(note(), undecided=True), False),
        (msgspec.structs.replace(note(), outcome=refused(5)), False),
    ],
)
def test_a_note_survives_the_disk_and_knows_whether_it_is_open(
    kept: PaymentNote, is_open: bool
) -> None:
    assert msgspec.json.decode(msgspec.json.encode(kept), type=PaymentNote) == kept
    assert kept.open is is_open
