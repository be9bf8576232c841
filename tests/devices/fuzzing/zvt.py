"""Payment terminals: any bytes are read to an end, and no card number gets out of them."""

from __future__ import annotations

import unicodedata
from random import Random

from devices.protocols import zvt_commands as commands
from devices.protocols.zvt_apdu import Apdu, ApduReader, Control, encode_apdu
from devices.protocols.zvt_blocks import Block, BlockReader, Mark, checksum, encode_block
from devices.protocols.zvt_end_of_day import (
    EndOfDayNote,
    TotalsAnswer,
    closed,
    judge_end_of_day,
    not_closed,
    totals_of,
)
from devices.protocols.zvt_fields import (
    SIZES,
    Field,
    bcd_decode,
    bcd_encode,
    encode_field,
    encode_fields,
    read_fields,
    read_length_digits,
)
from devices.protocols.zvt_messages import (
    Aborted,
    Completion,
    IntermediateStatus,
    PrintedText,
    StatusInformation,
    read_message,
    read_status_enquiry,
)
from devices.protocols.zvt_receipts import ReceiptCollector
from devices.protocols.zvt_recovery import (
    LastStored,
    PaymentNote,
    booking_of,
    judge,
    outcome_of,
    refused,
    undecided,
)
from devices.protocols.zvt_redaction import redact
from devices.protocols.zvt_results import (
    card_type_words,
    intermediate_words,
    result_words,
    status_words,
)
from devices.protocols.zvt_text import TextEncoding, decode_text, without_card_numbers
from devices.protocols.zvt_tlv import encode_length, encode_tlv, find, read_length, read_tlv, walk
from devices.protocols.zvt_transactions import Kind, refusal, refusal_code
from edge.contract.device_limits import (
    TERMINAL_RECEIPT_LINES_MAX,
    ZVT_APDU_BYTES_MAX,
)
from edge.contract.errors import ProtocolViolation
from tests.devices.fuzzing.hostile import Play, pieces, some_bytes, some_text

CARD = "4111111111111111"
ENCODINGS = tuple(TextEncoding)

_CARD_FIELD = b"\x22\xf0\xf8" + bytes.fromhex(CARD)
_STATUS = (
    b"\x27\x00\x04" + bytes(5) + b"\x12\x49\x09\x78\x0c\x12\x30\x00\x0d\x11\x27\x0b\x00\x00\x42"
    b"\x87\x00\x17\x29\x52\x00\x00\x42" + _CARD_FIELD + b"\x8a\x05\x8b\xf0\xf5Karte"
    b"\x3b12345678\x3c\xf0\xf0\xf5genau\x06\x06\x1f\x1f\x02\x00\x17\x1f\x88\x00\x00\x07"
)
_BODIES = (
    _STATUS,
    b"\x19\x00\x29\x52\x00\x00\x42\x49\x09\x78\x06\x00",
    b"\x6c",
    b"\x0a\x01\x06\x05\x24\x03\x07\x01a",
    b"\x83** Beleg ** 4111 1111 1111 1111",
    b"\x06\x0e\x1f\x07\x01\x01\x25\x08\x09\x01\x40\x07\x03abc",
    b"\xf0\xf0\xf7SIM 1.0\x00",
    b"\xff\x06\x1b\x14\x01\x0f\x1f\x17\x15K 4111 1111 1111 1111",
    b"\x6f\x09\x78\x06\x06\x1f\x17\x03abc",
    b"\x27\xff\x8a\xff\x06\x13\x1f\x16\x08"
    + bytes.fromhex(CARD)
    + b"\x41\x02\x01\x05\x1f\x10\x01\x01",
)
_CONTROLS = (*(each.value for each in Control), 0x8000, 0x8400, 0x8483, 0x04FF, 0x0000, 0xFFFF)


_TOLD = (0x040F, 0x040F, 0x04FF, 0x06D1, 0x06D3, 0x060F, 0x061E)
"""What a terminal says most, and what there is most in."""


def _unit(chance: Random) -> Apdu:
    roll = chance.random()
    if roll < 0.05:
        control = chance.randrange(1 << 16)
    else:
        control = chance.choice(_TOLD if roll < 0.6 else _CONTROLS)
    return Apdu(control, some_bytes(chance, _BODIES)[:ZVT_APDU_BYTES_MAX])


def apdu() -> Play:
    readers = [ApduReader()]

    def play(chance: Random) -> None:
        units = [_unit(chance) for _ in range(chance.randint(1, 3))]
        whole = b"".join(map(encode_apdu, units))
        if chance.random() < 0.5:
            fresh, found = ApduReader(), []
            for piece in pieces(chance, whole):
                fresh.feed(piece)
                try:
                    while (read := fresh.next_apdu()) is not None:
                        found.append(read)
                except ProtocolViolation:
                    break
            if all(encode_apdu(unit)[0] in b"\x04\x05\x06\x08\x80\x84" for unit in units):
                assert found == units
            return
        reader = readers[0]
        try:
            for piece in pieces(chance, some_bytes(chance, (whole,))):
                reader.feed(piece)
                while reader.next_apdu() is not None:
                    pass
                assert reader.pending_bytes <= ZVT_APDU_BYTES_MAX + 5
        except ProtocolViolation:
            readers[0] = ApduReader()

    return play


def tlv() -> Play:
    def play(chance: Random) -> None:
        data = some_bytes(
            chance, (_STATUS[-15:], b"\x26\x04\x0a\x02\x06\xd3", b"\x1f\x81\x01\x01a")
        )
        read = read_tlv(data)
        assert data.endswith(read.rest)
        assert sum(len(item.value) for item in read.items) + len(read.rest) <= len(data)
        for item in walk(read.items):
            assert find(read.items, item.tag) is not None
        value = some_bytes(chance)
        if len(value) <= 0xFFFF:
            tag = chance.choice((0x07, 0x1F07, 0x1F8001, 0x0A))
            (again,) = read_tlv(encode_tlv(tag, value)).items
            assert (again.tag, again.value) == (tag, value)
        size = chance.randint(-5, 70_000)
        try:
            coded = encode_length(size)
        except ValueError:
            assert not 0 <= size <= 0xFFFF
        else:
            assert read_length(coded, 0) == (size, len(coded))

    return play


def fields() -> Play:
    def play(chance: Random) -> None:
        data = some_bytes(chance, _BODIES)
        read = read_fields(data)
        assert data.endswith(read.rest)
        for item in read.items:
            assert read.get(item.tag) is not None
            assert read.number(item.tag) is None or read.number(item.tag) >= 0
            assert read.digits(item.tag).isdigit() or not read.digits(item.tag)
        assert read_fields(encode_fields(read.items)).items == read.items
        assert all(walk(read.tlv))
        tag, value = chance.choice((*SIZES, 0x01, 0xFE)), some_bytes(chance)
        try:
            coded = encode_field(tag, value)
        except ValueError:
            pass
        else:
            assert read_fields(coded).items == (Field(tag, value),)
        number, size = chance.randint(-3, 10**13), chance.randint(1, 6)
        try:
            assert bcd_decode(bcd_encode(number, size)) == number
        except ValueError:
            assert not 0 <= number < 100**size
        read_length_digits(data, 3)

    return play


def messages() -> Play:
    def play(chance: Random) -> None:
        encoding = chance.choice(ENCODINGS)
        message = read_message(_unit(chance), encoding)
        match message:
            case StatusInformation():
                assert len(message.last4) in {0, 4}
                for told in (message.scheme, message.words):
                    assert CARD not in told
                    _harmless(told)
                assert len(message.identity) == 5
                assert message.amount_minor is None or message.amount_minor >= 0
                _ = message.result, message.currency_number, message.original_trace
                _ = message.sync_receipt, message.authorisation, message.terminal_id
                assert message.signature in {True, False}
            case Aborted(_, words):
                assert CARD not in words
                _harmless(words)
            case IntermediateStatus():
                assert message.words
                assert message.minutes >= 0
            case PrintedText(lines):
                for line in lines:
                    assert CARD not in line
                    _harmless(line)
            case Completion(body):
                assert 0 <= message.status_byte <= 255
                software, byte = read_status_enquiry(body, encoding)
                _harmless(software)
                assert 0 <= byte <= 255
            case _:
                pass

    return play


def _harmless(told: str) -> None:
    assert all(unicodedata.category(sign)[0] != "C" for sign in told), ascii(told)


def receipts() -> Play:
    collectors = [ReceiptCollector()]

    def play(chance: Random) -> None:
        if chance.random() < 0.01:
            collectors[0] = ReceiptCollector()
        collector = collectors[0]
        lines = tuple("x" * chance.randint(0, 9) for _ in range(chance.randint(0, 60)))
        collector.take(
            PrintedText(lines, chance.choice((0, 0, 1, 2, 3, 255)), ends=chance.random() < 0.3)
        )
        assert len(collector.merchant) + len(collector.customer) <= TERMINAL_RECEIPT_LINES_MAX

    return play


def _strange_control(chance: Random) -> int:
    """Return any control but the till's own commands, which hold a password and no card."""
    while (control := chance.randrange(1 << 16)) in commands.PASSWORD_COMMANDS:
        pass
    return control


def redaction() -> Play:
    def play(chance: Random) -> None:
        unit = _unit(chance)
        kept = redact(unit)
        assert (kept.control, len(kept.data)) == (unit.control, len(unit.data))
        # a card in its field, in an object of a container, on a receipt, behind anything readable
        place = chance.choice(
            (
                (Control.STATUS_INFORMATION, _CARD_FIELD),
                (Control.STATUS_INFORMATION, b"\x06\x0b\x5f\x24\x08" + bytes.fromhex(CARD)),
                (Control.STATUS_INFORMATION, b"\xfe" + _CARD_FIELD),
                (Control.PRINT_LINE, b"\x00" + CARD.encode()),
                (Control.PRINT_BLOCK, b"\x06\x12\x07\x10" + CARD.encode()),
                (_strange_control(chance), _CARD_FIELD),
            )
        )
        before = b"" if chance.random() < 0.5 else b"\x27\x00\x0b\x00\x00\x42"
        carded = redact(Apdu(place[0], before + place[1])).data
        assert bytes.fromhex(CARD) not in carded
        assert CARD.encode() not in carded
        number = chance.randrange(10**6)
        with_password = redact(commands.repeat_receipt(f"{number:06}")).data
        assert with_password[:3] == b"\xee\xee\xee"

    return play


def recovery() -> Play:
    def play(chance: Random) -> None:
        told = [
            StatusInformation(read_fields(some_bytes(chance, (_STATUS,))), chance.choice(ENCODINGS))
            for _ in range(2)
        ]
        kind = chance.choice(list(Kind))
        note = PaymentNote(
            "job-00001",
            chance.choice((12, 1, 10**9)),
            978,
            asked=chance.random() < 0.8,
            baseline=chance.choice((None, booking_of(told[0]))),
            seen=chance.choice((None, None, booking_of(told[1]))),
            kind=kind,
            reverses=chance.choice(("", "0017")),
        )
        last = LastStored(
            chance.random() < 0.9, chance.choice((None, *told)), chance.choice((0, 0x64, 0x6C))
        )
        outcome = judge(note, last)
        assert outcome is None or outcome.outcome in {"approved", "declined", "cancelled"}
        if not last.said:
            assert outcome is None
        if outcome is not None and outcome.outcome == "approved":
            assert last.status is not None
            assert booking_of(last.status) != note.baseline or not note.asked
        for each in told:
            said = outcome_of(each, note.amount_minor, kind)
            assert (said.outcome == "approved") == (each.result == 0)
            assert CARD not in repr(said)
        assert refused(chance.choice((None, chance.randrange(256))), "", kind).outcome != "approved"
        assert undecided(kind).outcome == "unknown"

    return play


def results() -> Play:
    def play(chance: Random) -> None:
        code = chance.randint(-10, 300)
        assert result_words(code, chance.choice(("payment", "refund", "reversal")))
        assert intermediate_words(code)
        assert isinstance(card_type_words(code), str)
        assert isinstance(status_words(code), str)

    return play


def transactions() -> Play:
    def play(chance: Random) -> None:
        kind, code = chance.choice(list(Kind)), chance.randint(1, 255)
        words, _advice = refusal(kind, code)
        assert words
        assert refusal_code(kind, code)

    return play


def text() -> Play:
    def play(chance: Random) -> None:
        data = some_bytes(chance, (CARD.encode(), b"4111 1111-1111 1111 12/29", *_BODIES))
        told = decode_text(data, chance.choice(ENCODINGS))
        _harmless(told)
        masked = without_card_numbers(told)
        assert len(masked) == len(told)
        assert CARD not in without_card_numbers(some_text(chance) + " " + CARD + " 1")
        assert without_card_numbers(masked) == masked

    return play


def command_bytes() -> Play:
    def play(chance: Random) -> None:
        password = f"{chance.randrange(10**6):06}"
        amount, currency = chance.randint(1, 10**9), chance.choice((978, 756, 36))
        sync = chance.choice((None, b"", b"\x00\x17", chance.randbytes(4)))
        paid = commands.authorisation(amount, currency, sync_receipt=sync)
        read = read_fields(paid.data)
        assert read.rest == b""
        assert (read.number(0x04), read.number(0x49)) == (amount, currency)
        mirrored = find(read.tlv, commands.TAG_SYNC_RECEIPT)
        assert mirrored == sync
        back = commands.refund(password, amount, currency, sync_receipt=sync)
        assert read_fields(back.data[3:]).number(0x04) == amount
        receipt = chance.randint(1, 9_999)
        undone = commands.reversal(password, receipt, sync_receipt=sync)
        assert read_fields(undone.data[3:]).number(0x87) == receipt
        for unit in (
            commands.registration(password, currency, chance.randrange(256)),
            commands.repeat_receipt(password),
            commands.status_enquiry(password),
        ):
            assert unit.data[:3].hex() == password
        wrong = some_text(chance)
        if not (len(wrong) == 6 and wrong.isascii() and wrong.isdecimal()):
            try:
                commands.status_enquiry(wrong)
            except ValueError:
                return
            raise AssertionError(f"a password {wrong!a} was taken")

    return play


def blocks() -> Play:
    reader = BlockReader()

    def play(chance: Random) -> None:
        unit = encode_apdu(_unit(chance))
        block = encode_block(unit)
        assert BlockReader().feed(block) == [Block(unit)]
        spoilt = bytearray(block)
        spoilt[chance.randrange(2, len(spoilt))] ^= 1 << chance.randrange(8)
        assert Block(unit) not in BlockReader().feed(bytes(spoilt))
        assert 0 <= checksum(unit) <= 0xFFFF
        for piece in pieces(chance, some_bytes(chance, (block, b"\x06", b"\x15", block + b"\x06"))):
            for told in reader.feed(piece):
                assert isinstance(told, Mark) or len(told.unit) <= ZVT_APDU_BYTES_MAX + 5
            assert len(reader._unit) <= ZVT_APDU_BYTES_MAX + 5
        if chance.random() < 0.1:
            assert reader.break_off() in ([], [Mark.DAMAGED])
            assert not reader.in_block

    return play


def end_of_day() -> Play:
    totals = b"\x60\xf0\xf5\xf3" + b"\x00\x01\x00\x17" + (b"\x02" + bytes(5) + b"\x12") * 7
    bodies = (_STATUS, b"\x27\x00" + totals, b"\x27\x00\x04" + bytes(6) + totals)

    def play(chance: Random) -> None:
        told = [
            StatusInformation(read_fields(some_bytes(chance, bodies)), chance.choice(ENCODINGS))
            for _ in range(2)
        ]
        before, after = map(totals_of, told)
        for each in (before, after):
            assert each is None or all(scheme.count for scheme in each.schemes)
        heard = closed(told[0]) if chance.random() < 0.2 else None
        note = EndOfDayNote("job-00001", chance.random() < 0.8, before, heard)
        said = chance.random() < 0.8
        outcome = judge_end_of_day(note, TotalsAnswer(said, after))
        assert outcome is None or outcome.outcome in {"closed", "not_closed"}
        if not said and heard is None:
            assert outcome is None
        assert not_closed(chance.choice((None, 0, chance.randrange(256)))).outcome == "not_closed"
        assert CARD not in repr(closed(told[1]))

    return play
