from __future__ import annotations

import base64
from decimal import Decimal

import msgspec
import pytest

from devices.protocols.nexo_messages import (
    AmountsResp,
    CannotSay,
    CardData,
    InstrumentData,
    OutputContent,
    OutputText,
    PaymentReceipt,
    PaymentResponse,
    PaymentResult,
    PoiData,
    RepeatedBody,
    RepeatedMessage,
    Response,
    ReversalResponse,
    TransactionName,
    TransactionStatusResponse,
)
from devices.protocols.nexo_outcomes import NotFoundSince, PaymentNote, ended, judged, undecided
from devices.protocols.nexo_words import Kind, last_digits, receipt_lines, scheme_words
from edge.contract.device_limits import (
    NEXO_MEMORY_MS,
    NEXO_SETTLED_MS,
    TERMINAL_RECEIPT_LINES_MAX,
)

BEGUN_MS = 1_795_000_000_000
NOTE = PaymentNote(
    "pay-000001", Kind.PAYMENT, 1099, "EUR", "Tillbox", "S1F2-1", "0123456789", BEGUN_MS
)
REVERSING = msgspec.structs.replace(NOTE, kind=Kind.REVERSAL, reverses="4r7i.881")
SUCCESS = Response("Success")


def paid(
    amount: str | None = "10.99", currency: str = "EUR", response: Response = SUCCESS
) -> PaymentResponse:
    amounts = AmountsResp(currency, None if amount is None else Decimal(amount))
    result = PaymentResult(amounts, InstrumentData(CardData("mc", "541333 **** 0010")))
    return PaymentResponse(response, PoiData(TransactionName("4r7i.881", "2019-05-08")), result)


def failed(condition: str, additional: str = "") -> PaymentResponse:
    return PaymentResponse(Response("Failure", condition, additional))


# --- the answer itself ---------------------------------------------------------------------


def test_an_approved_payment_is_told_with_its_name() -> None:
    end = ended(NOTE, paid())
    assert end is not None
    assert end.booked_at == "2019-05-08"
    outcome = end.outcome
    assert (outcome.outcome, outcome.amount_minor) == ("approved", 1099)
    assert (outcome.scheme, outcome.last4) == ("Mastercard", "0010")
    assert (outcome.receipt, outcome.terminal_id) == ("4r7i.881", "S1F2-1")


@pytest.mark.parametrize(
    ("answer", "minor"),
    [
        (paid("5.00", response=Response("Partial")), 500),
        (paid("12.00"), 1200),
        (paid(None), 1099),
        (paid("10.990000"), 1099),
        (paid(currency=""), 1099),
    ],
)
def test_the_amount_is_the_terminals_where_it_says_one(answer: PaymentResponse, minor: int) -> None:
    end = ended(NOTE, answer)
    assert end is not None
    assert end.outcome.amount_minor == minor


@pytest.mark.parametrize(
    "answer",
    [
        paid("10.995"),
        paid("-1"),
        paid("NaN"),
        paid(currency="USD"),
        paid(None, response=Response("Partial")),
        paid(response=Response("")),
        paid(response=Response("success")),
        paid(response=Response("Perhaps")),
    ],
)
def test_what_contradicts_itself_is_neither_yes_nor_no(answer: PaymentResponse) -> None:
    with pytest.raises(CannotSay):
        ended(NOTE, answer)


@pytest.mark.parametrize(
    ("condition", "outcome", "words"),
    [
        ("Refusal", "declined", "The payment was declined."),
        ("Cancel", "cancelled", "given up at the terminal"),
        ("Aborted", "cancelled", "given up at the till"),
        ("Busy", "declined", "The terminal is busy."),
        ("NotFound", "declined", "does not know the payment"),
        ("UnreachableHost", "declined", "no connection to the card network"),
        ("WrongPIN", "declined", "The PIN was wrong."),
        ("NewCondition", "declined", "refused the payment: NewCondition."),
        ("", "declined", "The payment failed."),
    ],
)
def test_a_failure_is_told_with_its_condition(condition: str, outcome: str, words: str) -> None:
    end = ended(NOTE, failed(condition))
    assert end is not None
    assert (end.outcome.outcome, end.outcome.code) == (outcome, condition)
    assert words in end.outcome.reason
    assert end.outcome.advice == ""


@pytest.mark.parametrize("condition", ["{}", "{0}", "{card", "{what.__class__}"])
def test_a_condition_of_the_terminal_is_no_form_of_ours(condition: str) -> None:
    end = ended(NOTE, failed(condition))  # found by fuzzing
    assert end is not None
    assert end.outcome.reason == f"The terminal refused the payment: {condition}."


def test_what_is_under_way_has_not_ended() -> None:
    assert ended(NOTE, failed("InProgress")) is None


JSON = base64.b64encode(b'{"refusalReason":"199 Card expired","cardBin":"541333"}').decode()


@pytest.mark.parametrize(
    ("additional", "told"),
    [
        ("refusalReason=210+Not+enough+balance&cardBin=541333", " (210 Not enough balance)"),
        ("message=Declined&expiryDate=12%2f2028", " (Declined)"),
        (JSON, " (199 Card expired)"),
        ("cardHolderName=A.+Customer", ""),
        ("message=%1b%5b2J", " ([2J)"),
        ("message=" + "x" * 999, f" ({'x' * 160})"),
        ("&" * 500 + "message=x", ""),
        ("not=base64!", ""),
        ("====", ""),
        ("", ""),
    ],
)
def test_the_terminals_own_words_are_kept_and_nothing_of_the_card(
    additional: str, told: str
) -> None:
    end = ended(NOTE, failed("Refusal", additional))
    assert end is not None
    assert end.outcome.reason == f"The payment was declined.{told}"


def test_money_that_goes_back_has_advice_when_it_does_not() -> None:
    refunding = msgspec.structs.replace(NOTE, kind=Kind.REFUND)
    for note, words in (
        (refunding, "in another way"),
        (REVERSING, "if it was not reversed before"),
    ):
        refused = Response("Failure", "NotAllowed")
        answer = ReversalResponse(refused) if note is REVERSING else PaymentResponse(refused)
        end = ended(note, answer)
        assert end is not None
        assert words in end.outcome.advice
        cancelled = msgspec.structs.replace(answer, response=Response("Failure", "Cancel"))
        end = ended(note, cancelled)
        assert end is not None
        assert end.outcome.advice == ""


def test_a_reversal_says_what_went_back() -> None:
    answer = ReversalResponse(SUCCESS, PoiData(TransactionName("rev.1", "x")), Decimal("10.99"))
    end = ended(REVERSING, answer)
    assert end is not None
    assert (end.outcome.amount_minor, end.outcome.receipt) == (1099, "rev.1")
    silent = ended(REVERSING, ReversalResponse(SUCCESS))
    assert silent is not None
    assert silent.outcome.amount_minor == 1099


# --- what the terminal remembers -------------------------------------------------------------


def status(
    response: Response,
    said: PaymentResponse | ReversalResponse | None = None,
    note: PaymentNote = NOTE,
    **header: str,
) -> TransactionStatusResponse:
    if said is None:
        return TransactionStatusResponse(response)
    head = msgspec.structs.replace(note.header, message_type="Response", **header)
    body = (
        RepeatedBody(payment_response=said)
        if isinstance(said, PaymentResponse)
        else RepeatedBody(reversal_response=said)
    )
    return TransactionStatusResponse(response, RepeatedMessage(head, body))


def failure(condition: str) -> TransactionStatusResponse:
    return status(Response("Failure", condition))


def test_the_repeated_answer_decides_and_not_the_status() -> None:
    end = judged(NOTE, status(SUCCESS, paid()), BEGUN_MS, 0)
    assert end is not None
    assert end.outcome.outcome == "approved"
    end = judged(NOTE, status(SUCCESS, failed("Refusal")), BEGUN_MS, 0)
    assert end is not None
    assert end.outcome.outcome == "declined"
    assert judged(NOTE, status(SUCCESS, failed("InProgress")), BEGUN_MS, 0) is None
    reversed_ = ReversalResponse(SUCCESS)
    end = judged(REVERSING, status(SUCCESS, reversed_, REVERSING), BEGUN_MS, 0)
    assert end is not None
    assert end.outcome.outcome == "approved"


@pytest.mark.parametrize(
    "condition",
    ["InProgress", "Busy", "UnreachableHost", "DeviceOut", "LoggedOut", "UnavailableService"],
)
def test_a_question_that_could_not_be_answered_is_put_again(condition: str) -> None:
    assert judged(NOTE, failure(condition), BEGUN_MS, NEXO_SETTLED_MS) is None


def test_never_got_it_is_believed_when_it_is_still_said_later() -> None:
    assert judged(NOTE, failure("NotFound"), BEGUN_MS, 0) is None
    assert judged(NOTE, failure("NotFound"), BEGUN_MS, NEXO_SETTLED_MS - 1) is None
    end = judged(NOTE, failure("NotFound"), BEGUN_MS, NEXO_SETTLED_MS)
    assert end is not None
    assert (end.outcome.outcome, end.outcome.code) == ("declined", "not_booked")


def test_after_two_days_never_got_it_means_nothing() -> None:
    last = BEGUN_MS + NEXO_MEMORY_MS
    assert judged(NOTE, failure("NotFound"), last, NEXO_SETTLED_MS) is not None
    with pytest.raises(CannotSay, match="too long ago"):
        judged(NOTE, failure("NotFound"), last + 1, NEXO_SETTLED_MS)


@pytest.mark.parametrize(
    "answer",
    [
        status(SUCCESS),
        status(SUCCESS, paid(), service_id="9876543210"),
        status(SUCCESS, paid(), sale_id="Another"),
        status(SUCCESS, paid(), poiid="S1F2-2"),
        status(SUCCESS, paid(), message_category="Reversal"),
        status(SUCCESS, ReversalResponse(SUCCESS)),
        status(SUCCESS, paid(response=Response("Perhaps"))),
        failure("NotAllowed"),
        failure("MessageFormat"),
        failure(""),
        status(Response("")),
        status(Response("Partial", "NotFound")),
    ],
)
def test_whatever_else_it_says_a_person_decides(answer: TransactionStatusResponse) -> None:
    with pytest.raises(CannotSay):
        judged(NOTE, answer, BEGUN_MS, NEXO_SETTLED_MS)


def test_how_long_it_was_never_got_begins_anew_with_each_request() -> None:
    since = NotFoundSince()
    assert since.for_ms("A", 100) == 0
    assert since.for_ms("A", 400) == 300
    assert since.for_ms("B", 500) == 0
    assert since.for_ms("A", 900) == 0


def test_what_only_people_can_settle_is_told_so() -> None:
    assert undecided(Kind.PAYMENT).code == "terminal_cannot_say"
    assert "in no other way until that is known" in undecided(Kind.REFUND).advice


def test_a_note_comes_back_as_it_was_kept() -> None:
    kept = msgspec.json.encode(REVERSING)
    assert msgspec.json.decode(kept, type=PaymentNote) == REVERSING
    assert REVERSING.header.message_category == "Reversal"
    assert NOTE.header.service_id == "0123456789"
    assert NOTE.open
    assert not msgspec.structs.replace(NOTE, undecided=True).open


# --- texts -----------------------------------------------------------------------------------


def receipt(qualifier: str, *texts: str | tuple[str, bool]) -> PaymentReceipt:
    lines = [OutputText(*((text, True) if isinstance(text, str) else text)) for text in texts]
    return PaymentReceipt(qualifier, OutputContent(tuple(lines)))


def test_receipts_come_as_lines() -> None:
    receipts = (
        receipt(
            "CashierReceipt",
            "name=MERCHANT%20COPY&key=merchantTitle",
            "key=filler",
            "name=TOTAL&value=%e2%82%ac%c2%a01.00&key=totalAmount",
            ("plain ", False),
            ("text", True),
            ("no end", False),
        ),
        receipt("CustomerReceipt", "name=Thank%20you&key=thanks"),
    )
    lines = receipt_lines(receipts, "CashierReceipt")
    assert lines == ("MERCHANT COPY", "", "TOTAL \N{EURO SIGN} 1.00", "plaintext", "no end")
    assert receipt_lines(receipts, "CustomerReceipt") == ("Thank you",)


def test_receipts_are_bounded_and_move_no_printer() -> None:
    many = receipt("CashierReceipt", *["x" * 5_000] * (TERMINAL_RECEIPT_LINES_MAX + 9))
    lines = receipt_lines((many,), "CashierReceipt")
    assert len(lines) == TERMINAL_RECEIPT_LINES_MAX
    assert max(map(len, lines)) == 100
    (line,) = receipt_lines(
        (receipt("CashierReceipt", "name=a%1bp%00&value=b\x07"),), "CashierReceipt"
    )
    assert line.isprintable()
    joined = receipt("CashierReceipt", *[("x" * 90, False)] * 50)
    assert [len(each) for each in receipt_lines((joined,), "CashierReceipt")] == [100]


@pytest.mark.parametrize(
    ("masked", "told"),
    [
        ("541333 **** 0010", "0010"),
        ("************0010", "0010"),
        ("541333******", ""),
        ("0010", "0010"),
        ("10", ""),
        ("", ""),
        ("\N{ARABIC-INDIC DIGIT ONE}" * 4, ""),
    ],
)
def test_of_a_card_the_last_four_digits_are_kept(masked: str, told: str) -> None:
    assert last_digits(masked) == told


def test_schemes_have_their_names() -> None:
    assert scheme_words("visa") == "Visa"
    assert scheme_words("newscheme\x1b") == "newscheme"
    assert scheme_words("x" * 99) == "x" * 32
