"""The signed code of a receipt: Base45 by its RFC, there and back, and nothing altered is read."""

from __future__ import annotations

import hashlib
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.contract.base45 import ALPHABET, decode45, encode45
from edge.contract.errors import Refused
from edge.contract.limits import (
    RECEIPT_TEXT_CHARS_MAX,
)
from edge.contract.receipt_code import (
    END,
    FORM,
    LeftOut,
    PaidBy,
    ReceiptCode,
    SoldGoods,
    TaxPart,
    code_text,
    is_signed_code,
    new_code,
    pack_code,
    read_code,
    signed_bytes,
    sold_goods,
    tip_of,
)
from tests.golden.signed_receipt import BODY, CODE, TEXT, TIPPED, TIPPED_BODY, TIPPED_TEXT

SIGNATURE = bytes(range(64))


@pytest.mark.parametrize(
    ("data", "text"),
    [  # RFC 9285, section 4.3 and 4.4
        (b"AB", "BB8"),
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),
        (b"", ""),
    ],
)
def test_the_examples_of_the_rfc(data: bytes, text: str) -> None:
    assert encode45(data) == text
    assert decode45(text) == data


@given(st.binary(max_size=700))
def test_bytes_come_back_from_signs_that_qr_codes_hold_well(data: bytes) -> None:
    text = encode45(data)
    assert set(text) <= set(ALPHABET)
    assert decode45(text) == data


@given(st.text(alphabet=ALPHABET + "az_", max_size=9))
def test_bytes_have_one_text(text: str) -> None:
    try:
        data = decode45(text)
    except ValueError:
        return
    assert encode45(data) == text


@pytest.mark.parametrize("text", ["GGW", "::", ":::", "A", "BB8B", "bb8", "BB\u0660"])
def test_other_signs_are_no_bytes(text: str) -> None:
    with pytest.raises(ValueError, match="sign"):
        decode45(text)


AMOUNTS = st.integers(-(2**40), 2**40)
TAXES = st.lists(st.builds(TaxPart, st.text(), st.integers(0, 10**6), AMOUNTS, AMOUNTS), min_size=1)
SKUS = st.one_of(st.text(), st.from_regex(r"\A[0-9]{1,20}\Z"))
IDS = st.one_of(st.uuids().map(str), st.from_regex(r"\A[A-Za-z0-9_-]{8,64}\Z"))


@st.composite
def codes(draw: st.DrawFn) -> ReceiptCode:
    taxes = tuple(draw(TAXES))
    lines = st.builds(
        sold_goods,
        st.integers(1, 999).map(str),
        SKUS,
        st.one_of(st.integers(1, 9_999).map(lambda pieces: pieces * 1_000)),
        st.just("piece"),
        AMOUNTS,
        st.integers(0, len(taxes) - 1),
    )
    weighed = st.builds(
        sold_goods, st.just("1"), SKUS, st.integers(1, 99_999), st.just("kg"), AMOUNTS, st.just(0)
    )
    return new_code(
        store=draw(st.integers(1, 99_999)),
        gen=draw(st.integers(1, 99)),
        seq=draw(st.integers(1, 2**40)),
        chain_hash=draw(st.binary(min_size=32, max_size=32)),
        receipt=draw(st.text(max_size=64)),
        sale=draw(IDS),
        at=draw(st.integers(0, 2**42)),
        currency=draw(st.sampled_from(["EUR", "JPY", "KWD"])),
        prices_include_tax=draw(st.booleans()),
        totals=(draw(AMOUNTS), draw(AMOUNTS), draw(AMOUNTS)),
        taxes=taxes,
        tenders=tuple(draw(st.lists(st.builds(PaidBy, st.text(), AMOUNTS), max_size=5))),
        lines=tuple(draw(st.lists(st.one_of(lines, weighed), max_size=40))),
        tip_minor=draw(st.just(0) | AMOUNTS),
    )


@given(codes(), st.binary(min_size=64, max_size=64))
def test_a_code_comes_back_as_it_was(code: ReceiptCode, signature: bytes) -> None:
    body = pack_code(code)
    text = code_text(signature, body)
    if len(text) > RECEIPT_TEXT_CHARS_MAX:
        return  # names as long as no shop has
    assert is_signed_code(text)
    read = read_code(f" {text}\r")
    assert (read.signature, read.body) == (signature, body)
    if read.code.left_out is None:
        assert read.code == code
    else:
        assert read.code == replace(code, lines=(), left_out=read.code.left_out)
        assert read.code.left_out.lines == len(code.lines)


def many(lines: int, sku: int = 1_234_567) -> ReceiptCode:
    goods = tuple(SoldGoods(number, sku, 1, 1_299, 0) for number in range(1, lines + 1))
    return replace(CODE, lines=goods)


def test_a_sale_too_long_for_a_code_is_proved_but_not_restored() -> None:
    most = next(n for n in range(1, 100) if read_code(text_of(many(n + 1))).code.left_out)
    assert most == 29
    assert len(text_of(many(most))) <= RECEIPT_TEXT_CHARS_MAX
    long = many(most + 1)
    code = read_code(text_of(long)).code
    digest = hashlib.sha256(msgspec.msgpack.encode(long.lines)).digest()
    assert code == replace(long, lines=(), left_out=LeftOut(most + 1, digest))
    assert len(text_of(many(5_000))) < 350


def text_of(code: ReceiptCode) -> str:
    return code_text(SIGNATURE, pack_code(code))


def test_what_a_line_says() -> None:
    pieces = sold_goods("3", "4011", 2_000, "piece", 178, 1)
    assert pieces == SoldGoods(3, 4011, 2, 178, 1)
    assert (pieces.line_id, pieces.sku, pieces.quantity, pieces.unit) == (
        "3",
        "4011",
        2_000,
        "piece",
    )
    weighed = sold_goods("line-4", "0042", 742, "kg", -214, 0)
    assert weighed == SoldGoods("line-4", "0042", -742, -214, 0)
    assert (weighed.line_id, weighed.sku, weighed.quantity, weighed.unit) == (
        "line-4", "0042", 742, "kg",
    )  # fmt: skip
    for sku in ("0", "00", "\u0661", "9" * 18, "9" * 19, "", "A1", "-1"):
        assert sold_goods("1", sku, 1_000, "piece", 1, 0).sku == sku
    assert sold_goods("1", "0", 1_000, "piece", 1, 0).article == 0
    assert sold_goods("1", "9" * 18, 1_000, "piece", 1, 0).article == int("9" * 18)
    assert sold_goods("1", "9" * 19, 1_000, "piece", 1, 0).article == "9" * 19


def test_a_sale_is_named_by_any_id() -> None:
    name = "0193b2a4-7c00-7000-8000-0123456789ab"
    assert (CODE.sale_id, CODE.uuid, CODE.other_id, CODE.till) == (
        name, UUID(name).bytes, "", "till-1",
    )  # fmt: skip
    for other in (name.upper(), name.replace("-", ""), "sale-000001"):
        code = read_code(text_of(replace(CODE, uuid=b"", other_id=other))).code
        assert code.sale_id == other


def test_the_bytes_are_those_of_the_golden_file() -> None:
    assert pack_code(CODE) == BODY
    assert text_of(CODE) == TEXT
    assert read_code(TEXT).code == CODE
    assert signed_bytes(BODY) == b"tillbox receipt 2\0" + BODY


def test_a_tip_stands_behind_the_bytes_of_a_sale_without_one() -> None:
    assert pack_code(TIPPED) == TIPPED_BODY
    assert text_of(TIPPED) == TIPPED_TEXT
    assert read_code(TIPPED_TEXT).code == TIPPED
    assert (tip_of(TIPPED), tip_of(CODE)) == (264, 0)
    eighteen, seventeen = b"\x02\xdc\x00\x12", b"\x01\xdc\x00\x11"
    assert eighteen + BODY.removeprefix(seventeen) + b"\xcd\x01\x08" == TIPPED_BODY


@pytest.mark.parametrize(
    "text",
    [
        TEXT[:-1],  # cut off
        TEXT[:-2] + END,
        TEXT.lower(),
        TEXT[1:],
        f"{FORM}{END}",
        f"{FORM}A{END}",
        f"{FORM}{encode45(SIGNATURE)}{END}",
        f"{FORM}{encode45(SIGNATURE + BODY[:-1])}{END}",
        f"{FORM}{encode45(SIGNATURE + BODY + b'0')}{END}",
        f"{FORM}{encode45(SIGNATURE + bytes(1) + BODY[1:])}{END}",
        f"{FORM}{'0' * RECEIPT_TEXT_CHARS_MAX}{END}",
        text_of(replace(CODE, currency="EUX")),
        text_of(replace(CODE, uuid=b"123")),
        text_of(replace(CODE, uuid=b"", other_id="")),
        text_of(replace(CODE, taxes=CODE.taxes[:1])),
        text_of(replace(CODE, lines=(SoldGoods(1, 1, 1, 1, -1),))),
        text_of(replace(CODE, lines=(SoldGoods(1, 1, 0, 1, 0),))),
        "TILLBOX1|till-1-000001|sale-1|129|EUR",
        code_text(SIGNATURE, b"\x02" + BODY[1:]),
        code_text(SIGNATURE, b"\x02" + msgspec.msgpack.encode(replace(TIPPED, tip_minor=0))),
        code_text(SIGNATURE, b"\x01" + TIPPED_BODY[1:]),
        code_text(SIGNATURE, b"\x00" + BODY[1:]),
    ],
)
def test_what_is_damaged_is_refused_in_words(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_code(text)
    assert refused.value.code == "receipt_code_damaged"
    assert "number" in refused.value.advice


def test_a_code_of_a_later_kind_says_so() -> None:
    with pytest.raises(Refused) as refused:
        read_code(code_text(SIGNATURE, b"\x03" + BODY[1:]))
    assert refused.value.code == "receipt_code_newer"
