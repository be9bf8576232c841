"""Terminals that speak nexo: JSON and HTTP of any kind are read to an end, and no card gets out."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from random import Random
from typing import Any

from devices.protocols.http_exchange import HttpClient
from devices.protocols.nexo_envelope import (
    MAC_BYTES,
    NONCE_BYTES,
    Sealed,
    complaint_of,
    encode_envelope,
    read_envelope,
)
from devices.protocols.nexo_messages import (
    Category,
    Header,
    Parties,
    PaymentResponse,
    ReversalResponse,
    TransactionStatusResponse,
    decimal_amount,
    minor_amount,
    payment,
    read_answer,
    refund,
)
from devices.protocols.nexo_names import service_id_of, time_in, timestamp
from devices.protocols.nexo_outcomes import (
    NotFoundSince,
    PaymentNote,
    ended,
    judged,
    not_booked,
    undecided,
)
from devices.protocols.nexo_redaction import redact
from devices.protocols.nexo_words import (
    Kind,
    additional_words,
    condition_words,
    last_digits,
    plain,
    refusal_advice,
    scheme_words,
)
from edge.contract.device_limits import NEXO_BODY_BYTES_MAX
from edge.contract.errors import ProtocolViolation
from edge.contract.limits import AMOUNT_MINOR_MAX
from tests.devices.fuzzing.hostile import Play, pieces, some_bytes, some_text

CARD = "4111111111111111"
_PARTIES = Parties("till-1", "S1F2-000158213605014")
_CURRENCIES = ("EUR", "JPY", "KWD")


def _answer(category: Category, result: str, **more: Any) -> dict[str, Any]:
    header = {
        "ProtocolVersion": "3.0",
        "MessageClass": "Service",
        "MessageCategory": category.value,
        "MessageType": "Response",
        "ServiceID": "A1B2C3D4E5",
        "SaleID": _PARTIES.sale_id,
        "POIID": _PARTIES.poi_id,
    }
    body = {
        "Response": {
            "Result": result,
            "ErrorCondition": "Refusal",
            "AdditionalResponse": "refusalReason=no&message=never",
        },
        "POIData": {
            "POITransactionID": {
                "TransactionID": "4r7i001557325515012.8815573255107661",
                "TimeStamp": "2019-05-08T14:25:15.000Z",
            }
        },
        "PaymentResult": {
            "AmountsResp": {"Currency": "EUR", "AuthorizedAmount": 12.0},
            "PaymentInstrumentData": {
                "CardData": {"PaymentBrand": "mc", "MaskedPan": "411111 **** 1111"}
            },
            "PaymentAcquirerData": {"ApprovalCode": "123456"},
        },
        "PaymentReceipt": [
            {
                "DocumentQualifier": "CustomerReceipt",
                "OutputContent": {"OutputText": [{"Text": "name=TOTAL&value=12.00&key=total"}]},
            }
        ],
        "ReversedAmount": 12.0,
        **more,
    }
    return {"MessageHeader": header, f"{category.value}Response": body}


def _spoilt(chance: Random, value: Any) -> Any:
    """Return a message with a few of its values others, or gone."""
    if chance.random() < 0.04:
        return chance.choice(
            (None, True, -1, 10**40, 1e300, 0.1, "", [], {}, some_text(chance), CARD, "{what}")
        )
    if isinstance(value, dict):
        return {
            (key if chance.random() > 0.01 else some_text(chance, 6)): _spoilt(chance, each)
            for key, each in value.items()
            if chance.random() > 0.01
        }
    if isinstance(value, list):
        return [_spoilt(chance, each) for each in value] * chance.choice((1, 1, 1, 2))
    return value


def _message(chance: Random, category: Category) -> bytes:
    result = chance.choice(("Success", "Success", "Partial", "Failure", "", "Maybe"))
    said = _answer(category, result)
    if category is Category.STATUS:
        body = said["TransactionStatusResponse"]
        told = _answer(Category.PAYMENT, result)
        body["RepeatedMessageResponse"] = {
            "MessageHeader": told["MessageHeader"],
            "RepeatedResponseMessageBody": {"PaymentResponse": told["PaymentResponse"]},
        }
        body["Response"]["ErrorCondition"] = chance.choice(("NotFound", "InProgress", "Busy", "{}"))
    name = "SaleToPOIResponse" if chance.random() > 0.05 else "SaleToPOIRequest"
    data = json.dumps({name: _spoilt(chance, said)}).encode()
    return data if chance.random() < 0.8 else some_bytes(chance, (data,))


def messages() -> Play:
    def play(chance: Random) -> None:
        category = chance.choice(
            (Category.PAYMENT, Category.REVERSAL, Category.STATUS, Category.DIAGNOSIS)
        )
        header = _PARTIES.header(category, "A1B2C3D4E5")
        with suppress(ProtocolViolation):
            read_answer(_message(chance, category), header)
        currency = chance.choice(_CURRENCIES)
        amount = chance.randint(1, AMOUNT_MINOR_MAX)
        assert minor_amount(decimal_amount(amount, currency), currency) == amount
        for request in (payment, refund):
            asked = request(header, "sale-1", timestamp(amount), amount, currency)
            assert (
                json.loads(asked.plain)["SaleToPOIRequest"]["MessageHeader"]["SaleID"] == "till-1"
            )

    return play


def outcomes() -> Play:
    since = NotFoundSince()

    def play(chance: Random) -> None:
        kind = chance.choice(list(Kind))
        note = PaymentNote(
            "job-00001", kind, 1_200, "EUR", "till-1", _PARTIES.poi_id, "A1B2C3D4E5", 1
        )
        asked = chance.choice((note.category, Category.STATUS))
        try:
            answer = read_answer(_message(chance, asked), _PARTIES.header(asked, "A1B2C3D4E5"))
            match answer:
                case PaymentResponse() | ReversalResponse():
                    end = ended(note, answer)
                case TransactionStatusResponse():
                    unheard = since.for_ms(chance.choice(("a", "b")), chance.randint(0, 10**6))
                    end = judged(note, answer, chance.choice((2, 10**12)), unheard)
                case _:
                    return
        except ProtocolViolation:
            return
        if end is None:
            return
        outcome = end.outcome
        assert outcome.outcome in {"approved", "declined", "cancelled"}
        assert 0 <= outcome.amount_minor <= AMOUNT_MINOR_MAX
        assert len(outcome.last4) in {0, 4}
        for said in (outcome.receipt, outcome.scheme, outcome.reason, *outcome.customer_receipt):
            assert said.isprintable(), ascii(said)
        assert not_booked(kind).outcome == "declined"
        assert undecided(kind).outcome == "unknown"

    return play


def envelope() -> Play:
    def play(chance: Random) -> None:
        sealed = Sealed(
            chance.randbytes(chance.randint(0, 60)),
            chance.randbytes(NONCE_BYTES),
            chance.randbytes(MAC_BYTES),
            some_text(chance),
            chance.randint(0, 9),
        )
        header = Header("3.0", "Service", "Payment", "Request", "A1", "till", "poi")
        body = encode_envelope(header, sealed)
        assert read_envelope(body) == sealed
        for spoilt in (
            some_bytes(chance, (body,)),
            json.dumps(_spoilt(chance, json.loads(body))).encode(),
        ):
            try:
                read = read_envelope(spoilt)
            except ProtocolViolation:
                pass
            else:
                assert len(read.nonce) == NONCE_BYTES
        complaint = json.dumps({"errors": [some_text(chance), "Nexo Service: crypto error (9)"]})
        said = complaint_of(some_bytes(chance, (complaint.encode(),)))
        assert len(said) <= 200
        assert said.isprintable()

    return play


def redaction() -> Play:
    def play(chance: Random) -> None:
        said = _answer(Category.PAYMENT, "Success")
        places = (
            {"CardData": {"PAN": CARD, "Track2": f"{CARD}=2512"}},
            {CARD: {"a": CARD}, "SaleData": [CARD, {"b": CARD}]},
            {"AdditionalResponse": f"pan={CARD}"},
            {"OutputText": [{"Text": CARD}]},
        )
        said["PaymentResponse"]["New"] = {"Nested": [{"deep": CARD}, CARD, int(CARD)]}
        said["PaymentResponse"]["PaymentInstrumentData"] = chance.choice(places[:1] + places[2:])
        kept = redact(json.dumps({"SaleToPOIResponse": said}).encode())
        assert CARD.encode() not in kept
        assert b"4r7i001557325515012" in kept
        anything = redact(some_bytes(chance, (_message(chance, Category.PAYMENT),)))
        json.loads(anything)

    return play


def names() -> Play:
    def play(chance: Random) -> None:
        bits = chance.getrandbits(128)
        name = service_id_of(f"{bits:032x}")
        assert len(name) == 10
        assert name.isalnum()
        at = timestamp(chance.randint(0, 10**14))
        assert at.endswith("Z")
        for said in (some_text(chance), f"abcdef{chance.randint(0, 10**10):010}xyz.12"):
            told = time_in(said)
            assert not told or told.endswith(".000Z")

    return play


def words() -> Play:
    def play(chance: Random) -> None:
        kind, said = (
            chance.choice(list(Kind)),
            chance.choice((some_text(chance), "{}", "{0}", "{x")),
        )
        assert condition_words(said, kind)
        assert isinstance(refusal_advice(kind, said), str)
        packed = base64.b64encode(json.dumps({"message": said, "x": 1}).encode()).decode()
        for text in (said, f"message={said}&refusalReason={said}", packed, "a=1&" * 300):
            assert additional_words(text).isprintable()
        assert len(plain(said, 10)) <= 10
        assert scheme_words(said).isprintable()
        assert len(last_digits(said)) in {0, 4}

    return play


def http() -> Play:
    right = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    )
    state = [HttpClient("device")]

    def play(chance: Random) -> None:
        client = state[0]
        if not client.can_ask:
            client = state[0] = HttpClient("device")
        asked = client.post("/nexo", some_bytes(chance))
        assert asked.startswith(b"POST /nexo HTTP/1.1\r\n")
        try:
            for piece in (*pieces(chance, some_bytes(chance, right)), b""):
                if not piece and chance.random() < 0.5:
                    break
                client.feed(piece)
                while (answer := client.next_answer()) is not None:
                    assert 200 <= answer.status < 1_000
                    assert len(answer.body) <= NEXO_BODY_BYTES_MAX
                    assert client.can_ask is not answer.last
        except ProtocolViolation:
            state[0] = HttpClient("device")

    return play
