from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols import zvt_commands as commands
from devices.protocols.zvt_apdu import Apdu, Control, encode_apdu
from devices.protocols.zvt_messages import (
    Aborted,
    Answer,
    Completion,
    IntermediateStatus,
    OtherMessage,
    PrintedText,
    StatusInformation,
    read_message,
    read_status_enquiry,
)
from devices.protocols.zvt_receipts import ReceiptCollector
from devices.protocols.zvt_redaction import redact
from devices.protocols.zvt_results import (
    card_type_words,
    intermediate_words,
    result_words,
    status_words,
)
from devices.protocols.zvt_text import TextEncoding, decode_text, without_card_numbers
from edge.contract.device_limits import (
    TERMINAL_RECEIPT_LINES_MAX,
)

CP437 = TextEncoding.CP437
GROUPED = " ".join(["41" + "1" * 2, *["1" * 4] * 3])
TEST_NUMBER = "41" + "1" * 14  # passes Luhn, belongs to nobody; composed so that no scanner trips


def read(control: int, data: str = "") -> object:
    return read_message(Apdu(control, bytes.fromhex(data)), CP437)


def status(data: str, encoding: TextEncoding = CP437) -> StatusInformation:
    message = read_message(Apdu(0x040F, bytes.fromhex(data)), encoding)
    assert isinstance(message, StatusInformation)
    return message


# --- commands ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "wire"),
    [
        (commands.registration("123456", 978), "0600 0E 123456 BE 0978 06 06 26 04 0A 02 06D3"),
        (commands.registration("000000", 756, 0x08), "0600 06 000000 08 0756"),
        (commands.authorisation(1, 978), "0601 0A 04 000000000001 49 0978"),
        (
            commands.authorisation(123_456, 978, sync_receipt=b"\x00\x42"),
            "0601 11 04 000000123456 49 0978 06 05 1F1F 02 0042",
        ),
        (
            commands.authorisation(1, 978, sync_receipt=b""),
            "0601 0F 04 000000000001 49 0978 06 03 1F1F 00",
        ),
        (commands.refund("123456", 1_999, 978), "0631 0D 123456 04 000000001999 49 0978"),
        (
            commands.refund("000000", 1, 756, sync_receipt=b"\x00\x42"),
            "0631 14 000000 04 000000000001 49 0756 06 05 1F1F 02 0042",
        ),
        (commands.reversal("123456", 7), "0630 06 123456 87 0007"),
        (
            commands.reversal("000000", 9_999, sync_receipt=b""),
            "0630 0B 000000 87 9999 06 03 1F1F 00",
        ),
        (commands.reservation(2_500, 978), "0622 0A 04 000000002500 49 0978"),
        (
            commands.reservation(1, 978, sync_receipt=b"\x00\x42"),
            "0622 11 04 000000000001 49 0978 06 05 1F1F 02 0042",
        ),
        (commands.capture(491, 1_295, 978), "0623 0D 87 0491 04 000000001295 49 0978"),
        (
            commands.capture(7, 0, 978, sync_receipt=b""),
            "0623 12 87 0007 04 000000000000 49 0978 06 03 1F1F 00",
        ),
        (commands.release(231, 978), "0625 06 87 0231 49 0978"),
        (commands.repeat_receipt("000000"), "0620 05 000000 03 03"),
        (commands.status_enquiry("000000"), "0501 03 000000"),
        (commands.diagnosis(), "0670 00"),
        (commands.abort(), "06B0 00"),
        (commands.log_off(), "0602 00"),
        (commands.POSITIVE, "8000 00"),
        (commands.NOT_SUPPORTED, "8483 00"),
    ],
)
def test_commands(command: Apdu, wire: str) -> None:
    assert encode_apdu(command) == bytes.fromhex(wire)


@pytest.mark.parametrize("password", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦"])
def test_a_password_has_six_digits(password: str) -> None:
    with pytest.raises(ValueError, match="six digits"):
        commands.status_enquiry(password)


# --- messages ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("control", "data", "message"),
    [
        (0x8000, "", Answer(0)),
        (0x8400, "", Answer(0)),
        (0x8483, "", Answer(0x83)),
        (0x84FF, "00", Answer(0xFF)),
        (0x060F, "", Completion(b"")),
        (0x061E, "6C", Aborted(0x6C)),
        (0x061E, "", Aborted(None)),
        (0x061E, "FF 06 09 1F17 06 4E6F20534E4D", Aborted(0xFF, "No SNM")),
        (0x061E, "FF 06 05 1F16 02 2105", Aborted(0xFF, "error 2105")),
        (0x061E, "FF 06 0A 1F16 02 2105 1F17 02 4F4B", Aborted(0xFF, "OK")),
        (0x061E, "6F 0978 06 04 1F17 01 41", Aborted(0x6F, "A")),
        (0x061E, "6F 06 04 1F17 01 41", Aborted(0x6F, "A")),
        (0x061E, "6F 49 0978 06 04 1F17 01 41", Aborted(0x6F, "A")),
        (0x061E, "FF 06 05 1F17 02 0000", Aborted(0xFF)),
        (0x061E, "FF 06 09 1F16 06 123456789012", Aborted(0xFF, "error 123456789012")),
        (0x061E, "FF 06 0A 1F16 07 41111111111111", Aborted(0xFF)),
        (0x061E, "FF 06 07 14 01 FE 1F17 00", Aborted(0xFF)),
        (0x061E, "FF 06 08 14 01 FE 1F17 02 C3BC", Aborted(0xFF, "ü")),
        (0x061E, "FF 06 09 1F17 06 41", Aborted(0xFF)),
        (0x0401, "", OtherMessage(0x0401)),
        (0x04FF, "", OtherMessage(0x04FF)),
        (0x06D1, "", OtherMessage(0x06D1)),
        (0x04FF, "0A", IntermediateStatus(0x0A)),
        (0x04FF, "0A 03", IntermediateStatus(0x0A, 3)),
        (0x04FF, "0A 06", IntermediateStatus(0x0A, 6)),
        (0x04FF, "0A FF", IntermediateStatus(0x0A, 0)),
        (0x04FF, "FF 06 08 24 06 07 04 48616C6F", IntermediateStatus(0xFF, 0, "Halo")),
        (0x04FF, "FF 02 06 05 24 03 07 01 41", IntermediateStatus(0xFF, 2, "A")),
        (0x04FF, "0A 06 06 05 24 03 07 01 41", IntermediateStatus(0x0A, 6, "A")),
        (0x04FF, "0A 06 03 24 01 07", IntermediateStatus(0x0A, 0, "")),
        (0x04FF, "FF 06 05 24 03 09 01 41", IntermediateStatus(0xFF, 0, "")),
        (0x06D1, "00 4142", PrintedText(("AB",))),
        (0x06D1, "80 41", PrintedText(("A",))),
        (0x06D1, "81 41", PrintedText(("A",), ends=True)),
        (0x06D1, "FF", PrintedText(("",), ends=True)),
        (0x06D1, "81 41 06 04 1F07 01 01", PrintedText(("A",), 1, ends=True)),
        (0x06D1, "00 06 00", PrintedText(("",))),
        (0x06D1, "00 41 06 02 07 05", PrintedText(("A",))),
        (0x06D3, "", PrintedText(())),
        (0x06D3, "06 0F 1F07 01 02 25 09 09 01 40 07 01 41 07 01 42", PrintedText(("A", "B"), 2)),
        (0x06D3, "06 08 25 06 07 01 41 09 01 83", PrintedText(("A",), ends=True)),
        (0x06D3, "06 08 25 06 07 01 41 09 01 80", PrintedText(("A",))),
    ],
)
def test_what_the_terminal_says(control: int, data: str, message: object) -> None:
    assert read(control, data) == message


def test_a_container_like_text_that_does_not_fit_stays_text() -> None:
    assert read(0x06D1, "00 41 06 09 42") == PrintedText(("A  B",))


FULL = (
    "27 00 04 000000001234 49 0978 0B 000123 87 0045 88 000007 0C 101112 0D 1122 29 52000042"
    " 22 F0F8 EEEEEEEEEEEE1234 8B F0F5 5669736100 8A 0A 3B 4131323334350000 3C F0F0F2 4F4B"
    " 06 05 1F1F 02 0045"
)


def test_a_whole_status_information() -> None:
    whole = status(FULL)
    assert (whole.result, whole.amount_minor, whole.currency_number) == (0, 1234, 978)
    assert whole.identity == ("0045", "000123", "000007", "1122", "101112")
    assert (whole.last4, whole.scheme, whole.authorisation) == ("1234", "Visa", "A12345")
    assert (whole.terminal_id, whole.words, whole.sync_receipt) == ("52000042", "OK", b"\x00\x45")


def test_an_empty_status_information() -> None:
    empty = status("")
    assert (empty.result, empty.amount_minor, empty.currency_number) == (None, None, None)
    assert empty.identity == ("", "", "", "", "")
    assert (empty.last4, empty.scheme, empty.authorisation) == ("", "", "")
    assert (empty.terminal_id, empty.words, empty.sync_receipt) == ("", "", None)


@pytest.mark.parametrize(
    ("data", "name", "value"),
    [
        ("27 00 EE 04", "result", 0),
        ("27 6C 04 00", "amount_minor", None),
        ("87 FFFF", "receipt", ""),
        ("0B 000000 06 07 1F2B 04 00123456", "trace", "00123456"),
        ("0B 000000 06 05 1F2B 02 FFFF", "trace", "000000"),
        ("0B 000000", "trace", "000000"),
        ("22 F0F5 EEEE1234DF", "last4", "1234"),
        ("22 F0F4 EEEE1234", "last4", "1234"),
        ("22 F0F5 EEEEEE123F", "last4", ""),
        ("22 F0F4 12345EEE", "last4", ""),
        ("8A 06", "scheme", "Mastercard"),
        ("8A FE", "scheme", ""),
        ("27 00", "sync_receipt", None),
        ("8B F0F1 00 8A 2E", "scheme", "Maestro"),
        ("8A FF 06 04 41 02 0105", "scheme", "WeChat Pay"),
        ("8A FF 06 04 41 02 0104", "scheme", "Bluecode"),
        ("8A FF", "scheme", ""),
        ("8A 05 06 04 41 02 0105", "scheme", "girocard"),
        ("06 0B 60 09 44 07 4465626974204D", "scheme", "Debit M"),
        ("06 06 60 04 42 02 4162", "scheme", "Ab"),
        ("8A 0A 06 06 60 04 44 02 4162", "scheme", "Visa"),
        ("06 04 1F10 01 00", "signature", False),
        ("06 04 1F10 01 01", "signature", True),
        ("06 04 1F10 01 02", "signature", False),
        ("06 04 1F10 01 05", "signature", True),
        ("06 06 60 04 1F10 01 07", "signature", True),
        ("06 04 1F10 01 FF", "signature", False),
        ("06 03 1F10 00", "signature", False),
        ("27 00", "signature", False),
        ("27 FF 06 06 1F17 03 416263", "words", "Abc"),
        ("27 FF 3C F0F0F2 4E6F 06 06 1F17 03 416263", "words", "No, Abc"),
        ("27 FF 3C F0F0F4 41626321 06 06 1F17 03 416263", "words", "Abc!"),
        ("27 FF 06 07 1F16 04 00001234", "words", "error 00001234"),
        ("06 07 1F44 04 52000001", "terminal_id", "52000001"),
        ("06 05 1F1F 02 0000", "sync_receipt", b""),
    ],
)
def test_single_values(data: str, name: str, value: object) -> None:
    assert getattr(status(data), name) == value


def test_completion() -> None:
    assert Completion(bytes.fromhex("19 02 29 52000042 06 00")).status_byte == 2
    assert Completion(b"").status_byte == 0


@pytest.mark.parametrize(
    ("body", "software", "byte"),
    [
        ("F0F0F3 312E30 00", "1.0", 0),
        ("F0F0F3 312E30 9C 06 00", "1.0", 0x9C),
        ("DC", "", 0xDC),
        ("", "", 0),
        ("F0F0F9 31", "1", 0),
        ("F00141", "", 0xF0),
    ],
)
def test_status_enquiry_is_positional(body: str, software: str, byte: int) -> None:
    assert read_status_enquiry(bytes.fromhex(body), CP437) == (software, byte)


@given(control=st.sampled_from([0x040F, 0x04FF, 0x060F, 0x061E, 0x06D1, 0x06D3]), data=st.binary())
def test_reading_and_redacting_never_raise(control: int, data: bytes) -> None:
    for encoding in TextEncoding:
        message = read_message(Apdu(control, data), encoding)
        if isinstance(message, StatusInformation):
            assert (message.identity, message.last4, message.scheme) is not None
            assert message.terminal_id + message.words + message.authorisation is not None
    redacted = redact(Apdu(control, data))
    assert len(redacted.data) == len(data)


@pytest.mark.parametrize(
    ("data", "trace"),
    [("27 00 37 000123", "000123"), ("37 000000", ""), ("37 00012A", ""), ("27 00", "")],
)
def test_a_reversal_names_the_trace_that_it_took_back(data: str, trace: str) -> None:
    assert status(data).original_trace == trace


def test_a_result_survives_any_damage_behind_it() -> None:
    seed = 2_008
    chance = random.Random(seed)
    for _ in range(500):
        noise = chance.randbytes(chance.randrange(40)).hex()
        assert status("27 00" + noise).result == 0, f"seed {seed}"


# --- words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (result_words(0), "Done."),
        (result_words(5), "The card issuer declined the payment."),
        (result_words(99), "The card network declined the payment with code 99."),
        (result_words(0x6C), "The payment was given up at the terminal, or time ran out."),
        (result_words(0xF9), "The terminal answered with code F9."),
        (result_words(5, "refund"), "The card issuer declined the refund."),
        (result_words(98, "reversal"), "The card network has a fault."),
        (result_words(99, "reversal"), "The card network declined the reversal with code 99."),
        (result_words(0x6C, "refund"), "The refund was given up at the terminal, or time ran out."),
        (intermediate_words(0x0A), "Insert card"),
        (intermediate_words(0x55), "Wrong PIN: please remove the card"),
        (intermediate_words(0xFF), "Please wait"),
        (IntermediateStatus(0x0A).words, "Insert card"),
        (IntermediateStatus(0xFF, text="Karte einstecken").words, "Karte einstecken"),
        (card_type_words(5), "girocard"),
        (card_type_words(96), ""),
        (card_type_words(261), "WeChat Pay"),
        (intermediate_words(0x4A), "Remove card"),
        (intermediate_words(0x4B), "Remove card"),
        (intermediate_words(0x4E), "Please wait: please remove the card"),
        (intermediate_words(0x66), "Waiting for a mobile number: please remove the card"),
        (intermediate_words(0x68), "The card is in the terminal"),
        (intermediate_words(0x69), "Choose the currency on the terminal"),
        (intermediate_words(0xA1), "The payment was made: please remove the card"),
        (status_words(0), ""),
        (status_words(4), "The terminal waits for its personalisation."),
        (status_words(3).count("."), 2),
    ],
)  # fmt: skip
def test_words(words: object, text: object) -> None:
    assert words == text


@pytest.mark.parametrize(
    ("encoding", "wire", "text"),
    [
        (TextEncoding.CP437, "81 84 94 9A E1", "üäöÜß"),
        (TextEncoding.LATIN_1, "FC E4 F6 DC DF", "üäöÜß"),
        (TextEncoding.ZVT7, "7D 7B 7C 5D 7E 41 C1", "üäöÜßAA"),
        (TextEncoding.UTF_8, "C3BC C39F", "üß"),
        (TextEncoding.UTF_8, "FF 41", "\ufffdA"),
        (TextEncoding.LATIN_1, "41 1B 70 00 0A 42", "A p  B"),
        (TextEncoding.LATIN_1, "A4", "¤"),
        (TextEncoding.LATIN_9, "FC E4 F6 DC DF A4", "üäöÜß€"),
        (TextEncoding.LATIN_2, "FC E4 F6 DC DF A3 F3 BC", "üäöÜßŁóź"),
    ],
)
def test_texts(encoding: TextEncoding, wire: str, text: str) -> None:
    assert decode_text(bytes.fromhex(wire), encoding) == text


WRITTEN = {
    "FF": ("81 84 94 E1 9C", "üäöß£"),
    "FE": ("C3BC C3A4 C3B6 C39F E282AC", "üäöß€"),
    "01": ("FC E4 F6 DF D0", "üäößÐ"),
    "02": ("FC E4 F6 DF D0", "üäößĐ"),
    "0F": ("FC E4 F6 DF A4", "üäöß€"),
    "03": ("7D 7B 7C 7E 5B", "üäößÄ"),  # none that we know: as the terminal is set
}
"""How a text is written in each set that tag 14 names."""


@pytest.mark.parametrize("named", WRITTEN)
def test_a_named_set_is_that_of_every_text_of_its_message(named: str) -> None:
    def thing(tag: str, *values: str) -> str:
        body = bytes.fromhex("".join(values))
        return f"{tag} {len(body):02X} {body.hex()} "

    def read_with(control: int, data: str) -> object:
        return read_message(Apdu(control, bytes.fromhex(data)), TextEncoding.ZVT7)

    wire, words = WRITTEN[named]
    text, set_named = thing("07", wire), thing("14", named)
    shown = read_with(0x04FF, "FF" + thing("06", set_named, thing("24", text)))
    line = read_with(0x06D1, "00" + wire + thing("06", set_named))
    block = read_with(0x06D3, thing("06", set_named, thing("25", text)))
    error = read_with(0x061E, "FF" + thing("06", set_named, thing("1F17", wire)))
    assert shown == IntermediateStatus(0xFF, 0, words)
    assert line == block == PrintedText((words,))
    assert error == Aborted(0xFF, words)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (TEST_NUMBER, "*" * 12 + "1111"),
        (f"Karte {TEST_NUMBER}.", "Karte " + "*" * 12 + "1111."),
        ("-".join([TEST_NUMBER[:4], TEST_NUMBER[4:8], "1111", "1111"]), "****-****-****-1111"),
        (TEST_NUMBER[:-1] + "2", TEST_NUMBER[:-1] + "2"),
        ("Terminal-ID 52000042", "Terminal-ID 52000042"),
        ("0" * 16, "0" * 16),
        (f"Karte {TEST_NUMBER} 0", "Karte " + "*" * 12 + "1111 0"),
        (f"Karte {GROUPED} 12/28", "Karte **** **** **** 1111 12/28"),
        (f"2 {TEST_NUMBER}", "2 " + "*" * 12 + "1111"),
        (f"{TEST_NUMBER} {GROUPED}", "*" * 12 + "1111 **** **** **** 1111"),
        (f"{TEST_NUMBER}0000", f"{TEST_NUMBER}0000"),
        # a number that ends in the first digits of a card's
        (f"6 1111 1111{GROUPED} 12/28", "* **** ******** **** **** 1111 12/28"),
    ],
)
def test_card_numbers_in_texts_are_masked(text: str, kept: str) -> None:
    assert without_card_numbers(text) == kept


def test_a_card_number_is_no_name_of_a_card() -> None:
    name = f"VISA {TEST_NUMBER}".encode()
    assert status(f"27 00 8B F2 F1 {name.hex()}").scheme == "VISA " + "*" * 12 + "1111"


def test_a_card_number_is_no_error() -> None:
    text = f"Karte {TEST_NUMBER}".encode()
    named = f"06 {len(text) + 3:02X} 1F17 {len(text):02X} {text.hex()}"
    masked = "Karte " + "*" * 12 + "1111"
    assert read(0x061E, "FF" + named) == Aborted(0xFF, masked)
    assert status("27 FF" + named).words == masked
    assert status(f"27 FF 06 0B 1F16 08 {TEST_NUMBER}").words == ""


# --- receipts ------------------------------------------------------------------------------


def collect(*printed: PrintedText) -> tuple[tuple[str, ...], tuple[str, ...]]:
    collector = ReceiptCollector()
    for each in printed:
        collector.take(each)
    return collector.merchant, collector.customer


def test_untyped_receipts_are_the_merchants_and_then_the_customers() -> None:
    one = PrintedText(("m1",)), PrintedText(("m2",), ends=True)
    two = PrintedText(("c1",)), PrintedText(("c2",), ends=True)
    assert collect(*one, *two, PrintedText(("?",))) == (("m1", "m2"), ("c1", "c2"))


def test_typed_receipts_go_where_they_belong() -> None:
    customer = PrintedText(("c",), 2), PrintedText(("c2",), 2, ends=True)
    assert collect(*customer, PrintedText(("m",), ends=True)) == (("m",), ("c", "c2"))
    assert collect(PrintedText(("m",), 1), PrintedText(("c",), 2)) == (("m",), ("c",))
    assert collect(PrintedText(("admin",), 3, ends=True)) == ((), ())
    assert collect() == ((), ())


def test_a_receipt_without_end_is_cut() -> None:
    merchant, _ = collect(*[PrintedText(("x",) * 7)] * TERMINAL_RECEIPT_LINES_MAX)
    assert len(merchant) == TERMINAL_RECEIPT_LINES_MAX


# --- redaction -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("control", "data", "kept"),
    [
        (0x8483, "", ""),
        (0x8000, "", ""),
        (0x061E, "6C", "6C"),
        (0x061E, "6C 22 F0F2 4111", "6C EEEEEEEEEE"),
        (0x8000, "22 F0F2 4111", "EEEEEEEEEE"),
        (0x060F, "19 00 29 52000042 22 F0F2 4111", "19 00 29 52000042 22 F0F2 EEEE"),
        (0x060F, "F0", "F0"),
        (0x0600, "123456 BE 0978", "EEEEEE BE 0978"),
        (0x0620, "123456 03 03", "EEEEEE 03 03"),
        (0x04FF, "FF 01 06 05 24 03 07 01 41", "FF 01 EEEEEEEEEEEEEE"),
        (0x06D1, "00 4142", "EEEEEE"),
        (0x0401, "4142", "EEEE"),
        (0x0601, "04 000000000100 22 F0F2 4111", "04 000000000100 22 F0F2 EEEE"),
        (
            0x040F,
            "27 00 22 F0F4 41111111 23 F0F2 4111 24 F0F0F2 4111 2D F0F2 4111 0E 2812 87 0001",
            "27 00 22 F0F4 EEEEEEEE 23 F0F2 EEEE 24 F0F0F2 EEEE 2D F0F2 EEEE 0E EEEE 87 0001",
        ),
        (0x0630, "123456 87 0007", "EEEEEE 87 0007"),
        (0x0631, "123456 04 000000001999 49 0978", "EEEEEE 04 000000001999 49 0978"),
        (0x0622, "04 000000002500 49 0978 22 F0F2 4111", "04 000000002500 49 0978 22 F0F2 EEEE"),
        (0x0623, "87 0491 04 000000001295 49 0978", "87 0491 04 000000001295 49 0978"),
        (0x0625, "87 0231 49 0978", "87 0231 49 0978"),
        (0x0650, "123456", "EEEEEE"),
        (0x040F, "27 00 EF 4111", "27 00 EE EEEE"),
        (
            0x040F,
            "06 10 1F1F 02 0001 1F17 01 41 60 05 43 03 A00000",
            "06 10 1F1F 02 0001 1F17 01 EE 60 05 43 03 EEEEEE",
        ),
        (
            0x040F,
            "06 15 1F10 01 02 1F12 01 02 1F73 02 0007 1F16 02 2105 4C 01 41",
            "06 15 1F10 01 02 1F12 01 02 1F73 02 0007 1F16 02 2105 4C 01 EE",
        ),
        (
            0x040F,
            "06 15 1F16 07 41111111111111 1F2B 08 4111111111111111",
            "06 15 1F16 07 EEEEEEEEEEEEEE 1F2B 08 EEEEEEEEEEEEEEEE",
        ),
        (0x040F, "06 04 1F07 05 01", "06 04 EEEEEEEE"),
        (0x040F, "06 81 03 07 01 41", "EEEEEEEEEEEE"),
        (0x040F, "06 05 09 81 01 40 07", "06 05 EEEEEEEEEE"),
    ],
)
def test_card_data_texts_and_passwords_are_blanked(control: int, data: str, kept: str) -> None:
    assert redact(Apdu(control, bytes.fromhex(data))).data.hex() == bytes.fromhex(kept).hex()


def test_the_result_of_a_redacted_message_can_still_be_read() -> None:
    kept = read_message(redact(Apdu(Control.STATUS_INFORMATION, bytes.fromhex(FULL))), CP437)
    assert isinstance(kept, StatusInformation)
    assert (kept.result, kept.amount_minor, kept.identity) == (0, 1234, status(FULL).identity)
    assert kept.last4 == ""
