from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from devices.protocols import nexo_messages as nexo
from devices.protocols.nexo_envelope import Sealed, complaint_of, encode_envelope, read_envelope
from devices.protocols.nexo_messages import (
    CannotSay,
    Category,
    DiagnosisResponse,
    Parties,
    PaymentResponse,
    ReversalResponse,
    TransactionStatusResponse,
    decimal_amount,
    minor_amount,
    read_answer,
)
from devices.protocols.nexo_names import service_id_of, time_in, timestamp
from devices.protocols.nexo_redaction import redact
from edge.contract.errors import ProtocolViolation
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
)

AT = "2019-05-08T14:24:48.598Z"
TILL = Parties("POSSystemID12345", "P400Plus-275039202")
PAYING = TILL.header(Category.PAYMENT, "0207111104")

# --- requests, as the maker's pages have them ----------------------------------------------


def head(category: str) -> str:
    return (
        f'"MessageHeader":{{"ProtocolVersion":"3.0","MessageClass":"Service",'
        f'"MessageCategory":"{category}","MessageType":"Request","ServiceID":"0207111104",'
        f'"SaleID":"POSSystemID12345","POIID":"P400Plus-275039202"}}'
    )


SALE = f'"SaleData":{{"SaleTransactionID":{{"TransactionID":"pay-1","TimeStamp":"{AT}"}}}}'
AMOUNT = '"PaymentTransaction":{"AmountsReq":{"Currency":"EUR","RequestedAmount":10.99}}'
REFERENCE = (
    '"MessageReference":{"MessageCategory":"Payment","SaleID":"POSSystemID12345",'
    '"ServiceID":"0207111104"}'
)
ORIGINAL = (
    '"OriginalPOITransaction":{"POITransactionID":{"TransactionID":"4r7i001.88155",'
    f'"TimeStamp":"{AT}"}}}}'
)
COPIES = '"ReceiptReprintFlag":true,"DocumentQualifier":["CashierReceipt","CustomerReceipt"]'
REQUESTS: dict[str, tuple[nexo.Request, str]] = {
    "Payment": (
        nexo.payment(PAYING, "pay-1", AT, 1099, "EUR"),
        f"{SALE},{AMOUNT}",
    ),
    "refund": (
        nexo.refund(PAYING, "pay-1", AT, 1099, "EUR"),
        SALE + "," + AMOUNT + ',"PaymentData":{"PaymentType":"Refund"}',
    ),
    "Reversal": (
        nexo.reversal(
            TILL.header(Category.REVERSAL, "0207111104"), "pay-1", AT, "4r7i001.88155", AT
        ),
        f'{ORIGINAL},"ReversalReason":"MerchantCancel",{SALE}',
    ),
    "TransactionStatus": (
        nexo.transaction_status(TILL.header(Category.STATUS, "0207111104"), PAYING),
        f"{REFERENCE},{COPIES}",
    ),
    "Abort": (
        nexo.abort(TILL.header(Category.ABORT, "0207111104"), PAYING),
        f'"AbortReason":"MerchantAbort",{REFERENCE}',
    ),
    "Diagnosis": (
        nexo.diagnosis(TILL.header(Category.DIAGNOSIS, "0207111104"), host_too=True),
        '"HostDiagnosisFlag":true',
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_written_as_the_maker_has_it(name: str) -> None:
    request, body = REQUESTS[name]
    category = "Payment" if name == "refund" else name
    wanted = f'{{"SaleToPOIRequest":{{{head(category)},"{category}Request":{{{body}}}}}}}'
    assert request.plain.decode() == wanted


@pytest.mark.parametrize(
    ("minor", "currency", "wire"),
    [
        (1, "EUR", "0.01"),
        (10, "EUR", "0.10"),
        (1999, "EUR", "19.99"),
        (2000, "EUR", "20.00"),
        (1999, "JPY", "1999"),
        (1999, "KWD", "1.999"),
        (AMOUNT_MINOR_MAX, "EUR", None),
    ],
)
def test_an_amount_goes_out_and_comes_back_exactly(
    minor: int, currency: str, wire: str | None
) -> None:
    written = nexo.payment(PAYING, "x", AT, minor, currency).plain
    number = written.partition(b'"RequestedAmount":')[2].partition(b"}")[0].decode()
    assert wire in {number, None}
    assert minor_amount(msgspec.json.decode(number, type=Decimal), currency) == minor
    assert minor_amount(decimal_amount(minor, currency), currency) == minor


@pytest.mark.parametrize(
    "wire", ["-0.01", "0.001", "1e30", "1e-30", "1e999999999", "1e-999999999", "NaN", "Infinity"]
)
def test_an_amount_that_is_none_is_told(wire: str) -> None:
    with pytest.raises(CannotSay, match="names an amount that is none"):
        minor_amount(Decimal(wire), "EUR")


# --- answers -------------------------------------------------------------------------------


def answered(category: str, body: dict[str, Any], **header: str) -> bytes:
    header_fields = {
        "ProtocolVersion": "3.0",
        "MessageClass": "Service",
        "MessageCategory": category,
        "MessageType": "Response",
        "ServiceID": "0207111104",
        "SaleID": "POSSystemID12345",
        "POIID": "P400Plus-275039202",
    }
    content = {"MessageHeader": header_fields | header, f"{category}Response": body}
    return json.dumps({"SaleToPOIResponse": content}).encode()


def read(category: Category, plain: bytes) -> nexo.Answer:
    return read_answer(plain, TILL.header(category, "0207111104"))


PAID = {
    "POIData": {
        "POIReconciliationID": "1000",
        "POITransactionID": {
            "TimeStamp": "2019-05-08T14:25:15.000Z",
            "TransactionID": "4r7i001557325515012.8815573255107661",
        },
    },
    "PaymentResult": {
        "AmountsResp": {"AuthorizedAmount": 10.99, "Currency": "EUR"},
        "OnlineFlag": True,
        "PaymentAcquirerData": {
            "AcquirerTransactionID": {"TransactionID": "8815573255107661", "TimeStamp": "x"},
            "ApprovalCode": "123456",
        },
        "PaymentInstrumentData": {
            "CardData": {"MaskedPan": "541333 **** 0010", "PaymentBrand": "mc", "New": {"a": 1}},
            "PaymentInstrumentType": "Card",
        },
    },
    "Response": {"Result": "Success", "AdditionalResponse": "tid=75039202&cardBin=541333"},
    "ANewField": [{"of": "the maker"}],
}


def test_a_payment_is_read_whatever_else_stands_there() -> None:
    answer = read(Category.PAYMENT, answered("Payment", PAID))
    assert isinstance(answer, PaymentResponse)
    assert answer.response.result == "Success"
    assert answer.poi_data.poi_transaction_id.transaction_id.startswith("4r7i001557325515012.")
    assert answer.payment_result.amounts_resp.authorized_amount == Decimal("10.99")
    card = answer.payment_result.payment_instrument_data.card_data
    assert (card.payment_brand, card.masked_pan) == ("mc", "541333 **** 0010")
    acquirer = answer.payment_result.payment_acquirer_data
    assert acquirer.approval_code == "123456"
    assert acquirer.acquirer_transaction_id.transaction_id == "8815573255107661"


def test_the_other_answers_are_read() -> None:
    said = {"Response": {"Result": "Failure", "ErrorCondition": "NotFound"}}
    reversal = read(Category.REVERSAL, answered("Reversal", said | {"ReversedAmount": 1.5}))
    assert isinstance(reversal, ReversalResponse)
    assert reversal.reversed_amount == Decimal("1.5")
    status = read(Category.STATUS, answered("TransactionStatus", said))
    assert isinstance(status, TransactionStatusResponse)
    assert status.response.error_condition == "NotFound"
    assert status.repeated_message_response is None
    poi = {"POIStatus": {"GlobalStatus": "OK", "CommunicationOKFlag": False}}
    diagnosis = read(Category.DIAGNOSIS, answered("Diagnosis", said | poi))
    assert isinstance(diagnosis, DiagnosisResponse)
    assert diagnosis.poi_status.global_status == "OK"
    assert diagnosis.poi_status.communication_ok_flag is False


@pytest.mark.parametrize(
    "header",
    [
        {"ServiceID": "0207111105"},
        {"SaleID": "Another"},
        {"POIID": "P400Plus-1"},
        {"MessageType": "Request"},
        {"MessageType": "Notification"},
        {"MessageCategory": "Reversal"},
    ],
    ids=str,
)
def test_an_answer_to_another_request_is_none_and_decides_nothing(header: dict[str, str]) -> None:
    with pytest.raises(ProtocolViolation, match="answered another request") as caught:
        read(Category.PAYMENT, answered("Payment", PAID, **header))
    assert not isinstance(caught.value, CannotSay)


REJECTED = (
    b'{"SaleToPOIRequest":{"EventNotification":{"EventToNotify":"Reject",'
    b'"EventDetails":"message=Did+not+receive+a+POIID"}}}'
)


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"[]", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"{}", "message of its own instead of an answer: empty"),
        (answered("Payment", {"POIData": {}}), "cannot be read"),
        (answered("Payment", PAID | {"Response": "Success"}), "cannot be read"),
        (
            answered("Payment", PAID).replace(b"PaymentResponse", b"PaymentAnswer"),
            "says nothing of the Payment",
        ),
        (
            b'{"SaleToPOIRequest":{"MessageHeader":{},"DisplayRequest":{"DisplayOutput":[]}}}',
            "message of its own instead of an answer: DisplayRequest",
        ),
        (
            REJECTED,
            "instead of an answer: EventNotification \\(Did not receive a POIID\\)",
        ),
    ],
)
def test_what_is_no_answer_is_told(plain: bytes, words: str) -> None:
    with pytest.raises(CannotSay, match=words):
        read(Category.PAYMENT, plain)


def test_a_damaged_answer_is_told_and_nothing_else_happens() -> None:
    chance = random.Random(20_261_127)
    whole = answered("Payment", PAID)
    for _ in range(5_000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 4)] = chance.randbytes(chance.randint(0, 4))
        try:
            read(Category.PAYMENT, bytes(data))
        except ProtocolViolation:
            continue


# --- the envelope --------------------------------------------------------------------------

SEALED = Sealed(b"blob" * 4, bytes(16), b"m" * 32, "CryptoKeyIdentifier12345", 2)
ENVELOPE = (
    '{"SaleToPOIRequest":{' + head("Payment") + ","
    '"NexoBlob":"YmxvYmJsb2JibG9iYmxvYg==","SecurityTrailer":'
    '{"AdyenCryptoVersion":1,"KeyIdentifier":"CryptoKeyIdentifier12345","KeyVersion":2,'
    '"Nonce":"AAAAAAAAAAAAAAAAAAAAAA==",'
    '"Hmac":"bW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW0="}}}'
).encode()


def test_an_envelope_is_written_and_read() -> None:
    assert encode_envelope(PAYING, SEALED) == ENVELOPE
    assert read_envelope(ENVELOPE) == SEALED
    assert read_envelope(ENVELOPE.replace(b"SaleToPOIRequest", b"SaleToPOIResponse")) == SEALED
    assert read_envelope(b'{"eventType":"REJECT",' + ENVELOPE[1:]) == SEALED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"\xff\xfe",
        b"{" * 50_000,
        b'{"errors":["Nexo Service: crypto error (9)"]}',
        ENVELOPE[:-1],
        ENVELOPE.replace(b"YmxvYmJsb2JibG9iYmxvYg==", b"YmxvY"),
        ENVELOPE.replace(b"YmxvYmJsb2JibG9iYmxvYg==", "ж".encode()),
        ENVELOPE.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"AAAA"),
        ENVELOPE.replace(b'CryptoVersion":1', b'CryptoVersion":2'),
        ENVELOPE.replace(b'KeyVersion":2', b'KeyVersion":"2"'),
        ENVELOPE.replace(b"NexoBlob", b"PaymentRequest"),
        ENVELOPE.replace(b"SecurityTrailer", b"Trailer"),
    ],
)
def test_what_is_not_sealed_is_told_without_its_content(body: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="not encrypted as it was asked to be") as caught:
        read_envelope(body)
    assert caught.value.code == "nexo_unsealed"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"errors":["Nexo Service: crypto error (9)"]}', "Nexo Service: crypto error (9)"),
        (b'{"errors":["a","b"]}', "a; b"),
        (b'{"errors":["' + b"x" * 999 + b'"]}', "x" * 200),
        (b'{"errors":["\\u001b[2J"]}', "[2J"),
        (b'{"errors":5}', ""),
        (b"<html>", ""),
        (b"", ""),
    ],
)
def test_a_complaint_in_clear_is_kept_short_for_people(body: bytes, words: str) -> None:
    assert complaint_of(body) == words


# --- names ---------------------------------------------------------------------------------


def test_service_ids_have_ten_letters_and_do_not_come_again() -> None:
    chance = random.Random(1)
    made = set()
    for _ in range(20_000):
        bits = 0x019A_C000_0000 << 80 | 7 << 76 | 2 << 62 | chance.getrandbits(62)
        unique = f"{bits:032x}"
        made.add(service_id_of(unique))
    assert len(made) == 20_000
    assert all(len(each) == 10 and each.isascii() and each.isalnum() for each in made)


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("4r7i001557325515012.8815573255107661", "2019-05-08T14:25:15.000Z"),
        ("BV0q001643892070000.VK9DRSLLRCQ2WN82", "2022-02-03T12:41:10.000Z"),
        ("4r7i001557325515012", "2019-05-08T14:25:15.000Z"),
        ("0001", ""),
        ("", ""),
        ("22339000-b171-4956-ac1f-4a263a8c26c6", ""),
        ("4r7i00155732551", ""),
        ("4r7i00" + "\N{ARABIC-INDIC DIGIT ONE}" * 10 + "012", ""),
    ],
)
def test_a_transaction_tells_its_time(name: str, time: str) -> None:
    assert time_in(name) == time


def test_an_instant_is_written_with_its_milliseconds() -> None:
    assert timestamp(1_557_325_488_598) == AT
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"
    assert timestamp(1_557_325_488_007) == "2019-05-08T14:24:48.007Z"


# --- what the flight recorder may keep -------------------------------------------------------


def test_what_is_kept_has_no_card_no_receipt_and_no_text() -> None:
    secret = "5413330000000010"
    body = PAID | {
        "PaymentReceipt": [
            {
                "DocumentQualifier": "CashierReceipt",
                "OutputContent": {"OutputText": [{"Text": f"Card {secret}"}]},
            }
        ],
        "Track2": secret,
        "Nested": [[[{"Deep": secret}]]],
    }
    kept = redact(answered("Payment", body)).decode()
    for hidden in (secret, "541333", "0010", "cardBin", "123456", "Card "):
        assert hidden not in kept, hidden
    for told in ("0207111104", "Success", "10.99", "4r7i001557325515012.8815573255107661", "mc"):
        assert told in kept, told
    assert json.loads(kept)["SaleToPOIResponse"]["PaymentResponse"]["Track2"] == "*"


def test_a_kept_field_holds_no_more_than_its_kind() -> None:
    hidden = {"CardData": {"MaskedPan": "x"}}
    kept = json.loads(redact(json.dumps({"Result": hidden, "POIID": "y" * 999}).encode()))
    assert kept == {"Result": {"CardData": {"MaskedPan": "*"}}, "POIID": "y" * 64}


@pytest.mark.parametrize("plain", [b"", b"\xff", b"[" * 90_000, b'{"a":'])
def test_what_cannot_be_read_is_not_kept(plain: bytes) -> None:
    assert redact(plain) == b'"unreadable"'
