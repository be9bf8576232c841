"""Messages travel as declared: small, whole, and never with a card number's room to spare."""

from __future__ import annotations

import importlib
import pkgutil

import msgspec
import pytest

import edge.contract
from edge.contract.device_limits import (
    LABELS_PER_JOB_MAX,
)
from edge.contract.device_messages import (
    DELIVERY,
    JOB_ARGS,
    BarcodeScanned,
    Delivery,
    DeviceEvent,
    DisplayLine,
    Job,
    JobKind,
    JobResult,
    JobStatus,
    PrintLabelsArgs,
    ShelfLabel,
    ShowLinesArgs,
    WeighArgs,
)
from edge.contract.device_states import DeviceState, DriverState
from edge.contract.health import HealthBody, HealthItem
from edge.contract.limits import (
    MQTT_PAYLOAD_BYTES_MAX,
)
from edge.contract.reference_data import FEED_ORDER, Feed, Price, StaffMember
from edge.contract.session_views import SignInRequest
from edge.contract.terminal_messages import (
    AuthorisePaymentArgs,
    BatchTotals,
    CaptureReservationArgs,
    EndOfDayOutcome,
    InquireEndOfDayArgs,
    PaymentOutcome,
    RefundPaymentArgs,
    ReleaseReservationArgs,
    ReservePaymentArgs,
    ReversePaymentArgs,
    SchemeTotal,
    ServiceTerminalArgs,
)
from edge.contract.wire import encode


@pytest.mark.parametrize(
    "message",
    [
        Job(
            "job-00000001", JobKind.AUTHORISE_PAYMENT,
            msgspec.Raw(b'{"payment":"payment-1","amount_minor":5,"currency":"EUR"}'), 9,
            "inquire_only",
        ),
        JobResult("job-00000001", JobStatus.DONE, 1, {"outcome": "opened"}),
        DeviceEvent("scan-0001", 1, 2, 3, msgspec.Raw(b'{"text":"9520000079192"}')),
        DeviceState(DriverState.ATTENTION, "boot", 1, 2, paper="out", advice="Put in a roll."),
        PaymentOutcome("approved", 5, "4242", "Example"),
        PaymentOutcome("declined", code="already_reversed", reason="Reversed.", advice="No."),
        BarcodeScanned("9520000079192", "]E0"),
        ShowLinesArgs((DisplayLine("Whole milk 1 l", "1.29"), DisplayLine("TOTAL", "1.29"))),
        PrintLabelsArgs((ShelfLabel("Milk", "1.29 EUR", "1.29 EUR/l", "9520000000011", 3),)),
        HealthBody(ready=True, items=(HealthItem("disk", well=True, words="Well."),)),
    ],
    ids=lambda message: type(message).__name__,
)  # fmt: skip
def test_messages_come_back_as_they_went(message: msgspec.Struct) -> None:
    body = encode(message)
    back = msgspec.json.decode(body, type=type(message))
    assert encode(back) == body


def test_a_jobs_arguments_are_those_of_its_kind() -> None:
    raw = msgspec.Raw(b'{"payment":"payment-1","amount_minor":5,"currency":"EUR"}')
    assert msgspec.json.decode(raw, type=AuthorisePaymentArgs).amount_minor == 5
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(
            b'{"payment":"payment-1","amount_minor":0,"currency":"EUR"}', type=AuthorisePaymentArgs
        )


def test_money_that_goes_back_is_never_sent_a_second_time() -> None:
    for kind in (
        JobKind.REFUND_PAYMENT,
        JobKind.REVERSE_PAYMENT,
        JobKind.RESERVE_PAYMENT,
        JobKind.CAPTURE_RESERVATION,
        JobKind.RELEASE_RESERVATION,
    ):
        assert DELIVERY[kind] is Delivery.INQUIRE_ONLY
    refund = b'{"refund":"refund-1","amount_minor":5,"currency":"EUR"}'
    assert msgspec.json.decode(refund, type=JOB_ARGS[JobKind.REFUND_PAYMENT]) == RefundPaymentArgs(
        "refund-1", 5, "EUR"
    )
    reversal = b'{"refund":"refund-1","amount_minor":5,"currency":"EUR","receipt":"0042"}'
    assert msgspec.json.decode(
        reversal, type=JOB_ARGS[JobKind.REVERSE_PAYMENT]
    ) == ReversePaymentArgs("refund-1", 5, "EUR", "0042")


def test_a_day_is_ended_at_most_once_and_asked_about_as_often_as_one_likes() -> None:
    assert DELIVERY[JobKind.END_OF_DAY] is Delivery.AT_MOST_ONCE
    asked = b'{"job":"eod-000001"}'
    assert msgspec.json.decode(
        asked, type=JOB_ARGS[JobKind.INQUIRE_END_OF_DAY]
    ) == InquireEndOfDayArgs("eod-000001")
    assert msgspec.json.decode(b"{}", type=ServiceTerminalArgs) == ServiceTerminalArgs(
        initialise=False
    )
    for kind in (
        JobKind.INQUIRE_END_OF_DAY,
        JobKind.REPEAT_CARD_RECEIPT,
        JobKind.SERVICE_TERMINAL,
        JobKind.LOG_OFF_TERMINAL,
    ):
        assert DELIVERY[kind] is Delivery.REPEATABLE


def test_the_outcome_of_a_day_goes_over_the_wire_and_back() -> None:
    told = EndOfDayOutcome(
        "closed", BatchTotals(958, "0233", "0234", (SchemeTotal("Visa", 2, 958),)), lines=("a",)
    )
    wire = msgspec.json.encode(told)
    assert wire == (
        b'{"outcome":"closed","totals":{"amount_minor":958,"first_receipt":"0233",'
        b'"last_receipt":"0234","schemes":[{"scheme":"Visa","count":2,"amount_minor":958}]},'
        b'"lines":["a"]}'
    )
    assert msgspec.json.decode(wire, type=EndOfDayOutcome) == told
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"amount_minor":-1}', type=BatchTotals)


LABEL = b'{"name":"x","price":"1","copies":%s}'
REVERSAL = b'{"refund":"refund-1","amount_minor":%d,"currency":"EUR","receipt":"%s"}'


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (RefundPaymentArgs, b'{"refund":"refund-1","amount_minor":0,"currency":"EUR"}'),
        (RefundPaymentArgs, b'{"refund":"r","amount_minor":5,"currency":"EUR"}'),
        (ReversePaymentArgs, REVERSAL % (0, b"1")),
        (ReversePaymentArgs, REVERSAL % (5, b"")),
        (ReversePaymentArgs, REVERSAL % (5, b"1" * 41)),
        (ShowLinesArgs, b'{"lines":[{},{},{}]}'),
        (ShowLinesArgs, b'{"lines":[{"start":"%s"}]}' % (b"x" * 201)),
        (ShowLinesArgs, b"{}"),
        (PrintLabelsArgs, b'{"labels":[]}'),
        (PrintLabelsArgs, b'{"labels":[%s]}' % b",".join([LABEL % b"1"] * 101)),
        (ShelfLabel, LABEL % b"0"),
        (ShelfLabel, LABEL % b"101"),
        (ShelfLabel, b'{"name":"","price":"1"}'),
        (ShelfLabel, b'{"name":"x","price":""}'),
        (ShelfLabel, b'{"name":"x","price":"1","barcode":"1\\n"}'),
        (ShelfLabel, '{"name":"x","price":"1","barcode":"\u0661"}'.encode()),
        (WeighArgs, b'{"price_minor":-1}'),
        (WeighArgs, b'{"price_minor":1000000000}'),
        (ReservePaymentArgs, b'{"payment":"payment-1","amount_minor":0,"currency":"EUR"}'),
        (
            CaptureReservationArgs,
            b'{"payment":"payment-1","amount_minor":5,"currency":"EUR","receipt":"0042"}',
        ),
        (ReleaseReservationArgs, b'{"payment":"payment-1","amount_minor":5,"currency":"EUR"}'),
        (Price, b'{"sku":"1","price_minor":-1}'),
        (Price, b'{"sku":"1","price_minor":1000000000}'),
        (StaffMember, b'{"id":"Marta","name":"Marta","role":"cashier","pin_hash":""}'),
        (StaffMember, b'{"id":"marta","name":"","role":"cashier","pin_hash":""}'),
        (SignInRequest, b'{"cashier":"marta","pin":"123"}'),
        (SignInRequest, b'{"cashier":"marta","pin":"123456789"}'),
        (SignInRequest, b'{"cashier":"marta","pin":"12a4"}'),
        (SignInRequest, b'{"cashier":"marta","pin":"1234\\n"}'),
        (SignInRequest, '{"cashier":"marta","pin":"\u0661\u0662\u0663\u0664"}'.encode()),
    ],
)
def test_values_out_of_bounds_do_not_get_in(shape: type[msgspec.Struct], body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=shape)


def test_a_weighing_without_a_price_is_what_it_always_was() -> None:
    class BeforePrices(msgspec.Struct, frozen=True):
        """`WeighArgs` as a host knows it that was not brought up to date."""

    assert msgspec.json.decode(b"{}", type=WeighArgs) == WeighArgs(price_minor=0)
    assert encode(WeighArgs()) == b"{}"
    assert encode(WeighArgs(289)) == b'{"price_minor":289}'
    assert msgspec.json.decode(encode(WeighArgs(289)), type=BeforePrices) == BeforePrices()


def test_every_feed_has_its_turn() -> None:
    assert set(FEED_ORDER) == set(Feed)


def test_every_word_of_the_contract_is_explained() -> None:
    unexplained = []
    for module in pkgutil.iter_modules(edge.contract.__path__):
        loaded = importlib.import_module(f"edge.contract.{module.name}")
        unexplained += [
            f"{module.name}.{name}"
            for name, shape in vars(loaded).items()
            if isinstance(shape, type)
            and shape.__module__ == loaded.__name__
            and not name.startswith("_")
            and not shape.__doc__
        ]
    assert unexplained == []


def test_the_most_labels_with_the_longest_names_fit_into_one_message() -> None:
    label = ShelfLabel("\U0001f9c0" * 200, "\u20ac" * 40, "\u20ac" * 40, "~" * 48, 100)
    args = msgspec.Raw(encode(PrintLabelsArgs((label,) * LABELS_PER_JOB_MAX)))
    job = Job("job-00000001", JobKind.PRINT_LABELS, args, 2**53, Delivery.AT_LEAST_ONCE)
    assert len(encode(job)) < MQTT_PAYLOAD_BYTES_MAX
