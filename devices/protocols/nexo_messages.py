"""The nexo retailer messages that a till and an Adyen terminal exchange, as JSON.

Requests are written here, answers are read: what is not known in them is skipped, what is
missing has a default. Amounts are decimal numbers on the wire and integers of the smallest
unit everywhere else. Source: Adyen Terminal API (nexo retailer 3.0, JSON).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from edge.contract.errors import ProtocolViolation
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
)
from edge.contract.money import CURRENCY_DIGITS

PROTOCOL_VERSION: Final = "3.0"
_DETAILS_CHARS_MAX: Final = 200
_HEADER: Final = "MessageHeader"
_SPECIAL: Final = {"id": "ID", "poi": "POI", "poiid": "POIID"}


def nexo_name(name: str) -> str:
    """Return a field's name as it is on the wire: `poi_transaction_id` is POITransactionID."""
    return "".join(_SPECIAL.get(word, word.capitalize()) for word in name.split("_"))


class Category(StrEnum):
    """What a message is about."""

    PAYMENT = "Payment"
    REVERSAL = "Reversal"
    STATUS = "TransactionStatus"
    ABORT = "Abort"
    DIAGNOSIS = "Diagnosis"


class _Nexo(msgspec.Struct, frozen=True, omit_defaults=True, rename=nexo_name):
    """Fields are named as the maker names them."""


class Header(_Nexo, frozen=True):
    """Who speaks to whom about what. `service_id` pairs an answer with its request."""

    protocol_version: str = ""
    message_class: str = ""
    message_category: str = ""
    message_type: str = ""
    service_id: str = ""
    sale_id: str = ""
    poiid: str = ""

    def answers(self, request: Header) -> bool:
        """Whether this is the header of the answer to a request."""
        return self.message_type == "Response" and (
            self.message_category,
            self.service_id,
            self.sale_id,
            self.poiid,
        ) == (request.message_category, request.service_id, request.sale_id, request.poiid)


class Request(_Nexo, frozen=True):
    """A message to the terminal: `body` stands under the name of its category."""

    header: Header
    body: dict[str, Any]

    @property
    def plain(self) -> bytes:
        """The JSON that is encrypted as a whole."""
        content = {
            _HEADER: self.header,
            f"{self.header.message_category}Request": self.body,
        }
        return _encoder.encode({"SaleToPOIRequest": content})


_encoder: Final = msgspec.json.Encoder(decimal_format="number")


# --- requests ----------------------------------------------------------------------------


class Parties(msgspec.Struct, frozen=True):
    """`sale_id`: the till's own name at the terminal; `poi_id`: the terminal's."""

    sale_id: str
    poi_id: str

    def header(self, category: Category, service_id: str) -> Header:
        """Return the header of a request; `service_id`: at most 10 letters and digits, new."""
        return Header(
            PROTOCOL_VERSION,
            "Service",
            category.value,
            "Request",
            service_id,
            self.sale_id,
            self.poi_id,
        )


def payment(
    header: Header, transaction: str, timestamp: str, amount_minor: int, currency: str
) -> Request:
    """Return the request for money from a card; `transaction` is the shop's name for it."""
    return Request(header, _payment(transaction, timestamp, amount_minor, currency))


def refund(
    header: Header, transaction: str, timestamp: str, amount_minor: int, currency: str
) -> Request:
    """Return the request for money to a card, whatever was paid before."""
    body = _payment(transaction, timestamp, amount_minor, currency)
    return Request(header, {**body, "PaymentData": {"PaymentType": "Refund"}})


def _payment(transaction: str, timestamp: str, amount_minor: int, currency: str) -> dict[str, Any]:
    amount = {"Currency": currency, "RequestedAmount": decimal_amount(amount_minor, currency)}
    return {
        "SaleData": _sale_data(transaction, timestamp),
        "PaymentTransaction": {"AmountsReq": amount},
    }


def reversal(
    header: Header, transaction: str, timestamp: str, poi_transaction: str, poi_timestamp: str
) -> Request:
    """Return the request to take a whole payment back, named as the terminal named it."""
    original = {"TransactionID": poi_transaction, "TimeStamp": poi_timestamp}
    body = {
        "OriginalPOITransaction": {"POITransactionID": original},
        "ReversalReason": "MerchantCancel",
        "SaleData": _sale_data(transaction, timestamp),
    }
    return Request(header, body)


def _sale_data(transaction: str, timestamp: str) -> dict[str, Any]:
    return {"SaleTransactionID": {"TransactionID": transaction, "TimeStamp": timestamp}}


def transaction_status(header: Header, asked: Header) -> Request:
    """Return the question what became of an earlier request, with its receipts again."""
    body = {
        "MessageReference": _reference(asked),
        "ReceiptReprintFlag": True,
        "DocumentQualifier": ["CashierReceipt", "CustomerReceipt"],
    }
    return Request(header, body)


def abort(header: Header, asked: Header) -> Request:
    """Return the wish that the terminal gives an earlier request up."""
    body = {"AbortReason": "MerchantAbort", "MessageReference": _reference(asked)}
    return Request(header, body)


def _reference(asked: Header) -> dict[str, str]:
    return {
        "MessageCategory": asked.message_category,
        "SaleID": asked.sale_id,
        "ServiceID": asked.service_id,
    }


def diagnosis(header: Header, *, host_too: bool) -> Request:
    """Return the question how the terminal is; `host_too`: it tries its own connection out."""
    return Request(header, {"HostDiagnosisFlag": host_too})


# --- answers -----------------------------------------------------------------------------


class Response(_Nexo, frozen=True):
    """How a request ended: `result` is Success, Partial or Failure."""

    result: str = ""
    error_condition: str = ""
    additional_response: str = ""


class TransactionName(_Nexo, frozen=True):
    """How somebody names a transaction: both are needed to take it back."""

    transaction_id: str = ""
    time_stamp: str = ""


class PoiData(_Nexo, frozen=True):
    """What the terminal calls it."""

    poi_transaction_id: TransactionName = TransactionName()


class AmountsResp(_Nexo, frozen=True):
    """What was authorised."""

    currency: str = ""
    authorized_amount: Decimal | None = None


class CardData(_Nexo, frozen=True):
    """Only what may be kept: the masked number and the scheme."""

    payment_brand: str = ""
    masked_pan: str = ""


class InstrumentData(_Nexo, frozen=True):
    """What was paid with."""

    card_data: CardData = CardData()


class AcquirerData(_Nexo, frozen=True):
    """The acquirer's own references."""

    approval_code: str = ""
    acquirer_transaction_id: TransactionName = TransactionName()


class PaymentResult(_Nexo, frozen=True):
    """What a payment came to."""

    amounts_resp: AmountsResp = AmountsResp()
    payment_instrument_data: InstrumentData = InstrumentData()
    payment_acquirer_data: AcquirerData = AcquirerData()


class OutputText(_Nexo, frozen=True):
    """A piece of a line: `name=TOTAL&value=12.34&key=totalAmount`, or plain text."""

    text: str = ""
    end_of_line_flag: bool = True


class OutputContent(_Nexo, frozen=True):
    """Lines to be printed or shown."""

    output_text: tuple[OutputText, ...] = ()


class PaymentReceipt(_Nexo, frozen=True):
    """`document_qualifier`: CashierReceipt or CustomerReceipt."""

    document_qualifier: str = ""
    output_content: OutputContent = OutputContent()


class PaymentResponse(_Nexo, frozen=True):
    """The end of a payment or of a refund."""

    response: Response
    poi_data: PoiData = PoiData()
    payment_result: PaymentResult = PaymentResult()
    payment_receipt: tuple[PaymentReceipt, ...] = ()


class ReversalResponse(_Nexo, frozen=True):
    """The end of a reversal."""

    response: Response
    poi_data: PoiData = PoiData()
    reversed_amount: Decimal | None = None
    payment_receipt: tuple[PaymentReceipt, ...] = ()


class RepeatedBody(_Nexo, frozen=True):
    """The earlier answer itself."""

    payment_response: PaymentResponse | None = None
    reversal_response: ReversalResponse | None = None


class RepeatedMessage(_Nexo, frozen=True):
    """An earlier answer, said again."""

    message_header: Header = Header()
    repeated_response_message_body: RepeatedBody = RepeatedBody()


class TransactionStatusResponse(_Nexo, frozen=True):
    """What became of an earlier request."""

    response: Response
    repeated_message_response: RepeatedMessage | None = None


class PoiStatus(_Nexo, frozen=True):
    """How the terminal is: `global_status` OK, Busy, Maintenance or Unreachable."""

    global_status: str = ""
    communication_ok_flag: bool | None = msgspec.field(default=None, name="CommunicationOKFlag")


class DiagnosisResponse(_Nexo, frozen=True):
    """The answer to a diagnosis."""

    response: Response
    poi_status: PoiStatus = msgspec.field(default=PoiStatus(), name="POIStatus")


Answer = PaymentResponse | ReversalResponse | TransactionStatusResponse | DiagnosisResponse


class _AnswerContent(_Nexo, frozen=True):
    message_header: Header
    payment_response: PaymentResponse | None = None
    reversal_response: ReversalResponse | None = None
    transaction_status_response: TransactionStatusResponse | None = None
    diagnosis_response: DiagnosisResponse | None = None


class _Answered(_Nexo, frozen=True):
    sale_to_poi_response: _AnswerContent | None = msgspec.field(
        default=None, name="SaleToPOIResponse"
    )
    sale_to_poi_request: dict[str, msgspec.Raw] = msgspec.field(
        default_factory=dict, name="SaleToPOIRequest"
    )


class CannotSay(ProtocolViolation):
    """The terminal itself said it (its seal holds), and it does not tell how it ended."""


_decode: Final = msgspec.json.Decoder(_Answered).decode


def read_answer(plain: bytes, request: Header) -> Answer:
    """Return the answer to a request out of decrypted JSON.

    Raises ProtocolViolation for an answer to another request, and CannotSay for what makes no
    sense or is a message of the terminal's own.
    """
    try:
        answered = _decode(plain)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        words = f"The terminal's answer cannot be read: {str(error)[:200]}."
        raise CannotSay("nexo_unreadable", words) from error
    content = answered.sale_to_poi_response
    if content is None:
        # a DisplayRequest, PrintRequest, EventNotification: nothing can be said back to it here,
        # and the answer that it stands in place of will not come any more
        own = answered.sale_to_poi_request
        words = "The terminal sent a message of its own instead of an answer: "
        raise CannotSay("nexo_no_answer", f"{words}{_own_words(own)}.")
    if not content.message_header.answers(request):
        raise ProtocolViolation("nexo_other_answer", "The terminal answered another request.")
    answer: Answer | None = {
        Category.PAYMENT: content.payment_response,
        Category.REVERSAL: content.reversal_response,
        Category.STATUS: content.transaction_status_response,
        Category.DIAGNOSIS: content.diagnosis_response,
    }.get(Category(request.message_category))
    if answer is None:
        words = f"The terminal's answer says nothing of the {request.message_category}."
        raise CannotSay("nexo_unreadable", words)
    return answer


class _Event(_Nexo, frozen=True):
    event_details: str = ""


def _own_words(own: dict[str, msgspec.Raw]) -> str:
    """Return what a message of the terminal's own is, and why a rejected request was."""
    name = next((name for name in own if name != _HEADER), "empty")
    try:
        event = msgspec.json.decode(own.get(name, b""), type=_Event)
    except (msgspec.MsgspecError, RecursionError):
        event = _Event()
    details = dict(parse_qsl(event.event_details[:_DETAILS_CHARS_MAX])).get("message", "")
    return f"{name[:40]} ({details})" if details.isprintable() and details else name[:40]


# --- amounts -----------------------------------------------------------------------------


def decimal_amount(amount_minor: int, currency: str) -> Decimal:
    """Return an amount as it is on the wire: 1999 EUR is 19.99, 1999 JPY is 1999."""
    return Decimal(amount_minor).scaleb(-CURRENCY_DIGITS[currency])


_WIRE_DIGITS_MAX: Final = 24


def minor_amount(amount: Decimal, currency: str) -> int:
    """Return an amount of the wire as an integer; raises CannotSay for what is none."""
    digits = CURRENCY_DIGITS[currency]
    sensible = amount.is_finite() and abs(amount.adjusted()) <= _WIRE_DIGITS_MAX
    minor = amount.scaleb(digits) if sensible else Decimal(-1)
    if not 0 <= minor <= AMOUNT_MINOR_MAX or minor != minor.to_integral_value():
        words = f"The terminal names an amount that is none: {str(amount)[:40]} {currency}."
        raise CannotSay("nexo_amount", words)
    return int(minor)
