"""Thin text: exact for every event, whole for what is none, and harmless when it is hostile."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.envelope import seal
from edge.contract.event_registry import Event
from edge.contract.sale_events import CashTendered, LineAdded, SaleOpened
from edge.runtime.frame_codec import shipped_dictionaries
from edge.runtime.frame_thinning import (
    FORMS_MAX,
    BadThinTextError,
    FormBook,
    form_of,
    thicken,
    thin,
)
from tests.bench.synthetic_sales import SyntheticShop

SHIPPED = shipped_dictionaries()[1].book
NONE = FormBook()
BOOKS = [NONE, SHIPPED]


def _round_trip(bodies: list[bytes], book: FormBook, first_seq: int = 1) -> bytes:
    place = {"store": 7, "gen": 2, "first_seq": first_seq}
    text = thin(bodies, **place, book=book)
    back = thicken(text, **place, count=len(bodies), bytes_max=sum(map(len, bodies)), book=book)
    assert back == bodies
    return text


def _seal(event: Event, seq: int = 1, **more: object) -> bytes:
    where = {"store": 7, "gen": 2, "seq": seq, "day": "2026-11-22", "at": 1_795_000_000_000}
    return seal(event, **(where | {"till": "till-1", "actor": "anna"} | more))  # type: ignore[arg-type]


names = st.text(st.characters(codec="utf-8"), max_size=20)
small = st.integers(-(2**53), 2**53)
events = st.one_of(
    st.builds(SaleOpened, sale=names, currency=names, price_book=names),
    st.builds(
        LineAdded,
        sale=names,
        line=names,
        sku=names,
        name=names,
        quantity=small,
        price_minor=small,
        amount_minor=small,
        tax=names,
        rate_ppm=small,
        code=names,
        unit=names,
        entry=names,
    ),
    st.builds(CashTendered, sale=names, tender=names, amount_minor=small),
)
envelopes = st.tuples(
    events, names, st.integers(0, 2**43), st.sampled_from(["till-1", "till-2", ""]), names
)


@given(st.lists(envelopes, max_size=12), st.integers(1, 2**40), st.sampled_from(BOOKS))
def test_every_event_comes_back_exactly(
    drawn: list[tuple[Event, str, int, str, str]], first_seq: int, book: FormBook
) -> None:
    bodies = [
        _seal(event, seq, day=day, at=at, till=till, actor=actor)
        for seq, (event, day, at, till, actor) in enumerate(drawn, first_seq)
    ]
    _round_trip(bodies, book, first_seq)


json_values = st.recursive(
    st.none() | st.booleans() | small | st.floats(allow_nan=False) | names,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(names, inside, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(names, json_values, max_size=5), max_size=6))
def test_data_of_any_shape_come_back_exactly(data: list[dict[str, object]]) -> None:
    bodies = []
    for seq, each in enumerate(data, 1):
        body = b'{"store":7,"gen":2,"seq":%d,"type":"unknown_yet","v":9,"day":"d","at":%d,' % (
            seq,
            1_000 - seq,
        )
        body += b'"till":"t","actor":"a","data":' + msgspec.json.encode(each) + b"}"
        bodies.append(body)
    _round_trip(bodies, NONE)


@given(st.lists(st.binary(max_size=60).filter(lambda body: b"\x1f" not in body), max_size=5))
def test_what_is_no_event_goes_in_whole(bodies: list[bytes]) -> None:
    text = _round_trip(bodies, NONE)
    assert text == b"".join(b"\x00" + body + b"\x1f" for body in bodies)


@pytest.mark.parametrize(
    "changed",
    [
        (b'"seq":1', b'"seq":2'),
        (b'"seq":1', b'"seq":01'),
        (b'"store":7', b'"store":8'),
        (b'"gen":2', b'"gen":3'),
        (b'"at":1795000000000', b'"at":01795000000000'),
        (b'"at":1795000000000', b'"at":-5'),
        (b'"at":1795000000000', b'"at":1795000000000.0'),
        (b'"at":1795000000000', b'"at":11795000000000000'),
        (b'"till":"till-1"', b'"till":"till\\"1"'),
        (b'"till":"till-1"', b'"till": "till-1"'),
        (b'"type":"cash_tendered"', b'"type":"Cash"'),
        (b'"amount_minor":5', b'"amount_minor":5\n'),
        (b'"tender":"1"', b'"tender":"\\u0001"'),
        (b"}}", b"}} "),
        (b"}}", b"}]"),
    ],
)
@pytest.mark.parametrize("book", BOOKS)
def test_what_is_not_canonical_goes_in_whole(changed: tuple[bytes, bytes], book: FormBook) -> None:
    body = _seal(CashTendered(sale="s", tender="1", amount_minor=5))
    assert _round_trip([body], book)[:1] != b"\x00"
    other = body.replace(*changed)
    assert other != body
    assert _round_trip([other], book) == b"\x00" + other + b"\x1f"
    # behind others of its sale it is not looked at as closely
    before = [
        SaleOpened(sale="s", currency="EUR"),
        CashTendered(sale="s", tender="0", amount_minor=-4),
    ]
    run = [_seal(event, seq) for seq, event in enumerate(before, 1)]
    third = body.replace(b'"seq":1', b'"seq":3')
    assert b"\x00" not in _round_trip([*run, third], book)
    other = third.replace(changed[0].replace(b'"seq":1', b'"seq":3'), changed[1])
    assert other != third
    assert _round_trip([*run, other], book).endswith(b"\x1f\x00" + other + b"\x1f")


def test_what_cannot_be_separated_is_refused() -> None:
    with pytest.raises(BadThinTextError, match="event 1"):
        thin([b"a\x1fb"], store=1, gen=1, first_seq=1, book=NONE)


def test_a_form_is_written_once() -> None:
    bodies = [
        _seal(CashTendered(sale="sale-1", tender=str(seq), amount_minor=seq), seq)
        for seq in range(1, 10)
    ]
    text = _round_trip(bodies, NONE)
    assert text.count(b"tender") == 2  # the type and the key, once
    assert text.count(b"sale-1") == 1
    assert len(_round_trip(bodies[:1], SHIPPED)) < 60


def test_a_value_with_a_percent_sign_is_just_a_value() -> None:
    bodies = [
        _seal(CashTendered(sale="%s%d%", tender="100 %", amount_minor=1)),
        b'{"store":7,"gen":2,"seq":2,"type":"x","v":1,"day":"d","at":1,"till":"","actor":"",%b'
        % b'"data":{"a%b":[1.5,"50%"]}}',
    ]
    assert _round_trip(bodies, NONE).count(b"\x01") == 2


def test_forms_are_as_many_as_a_byte_can_name() -> None:
    bodies = [
        b'{"store":7,"gen":2,"seq":%d,"type":"kind_%d","v":1,"day":"d","at":1,"till":"",'
        b'"actor":"","data":{"sale":"s"}}' % (seq, seq % (FORMS_MAX + 3))
        for seq in range(1, 2 * FORMS_MAX)
    ]
    text = _round_trip(bodies, NONE)
    assert text.count(b"\x01") == FORMS_MAX
    assert text.count(b"\x00") > 0
    with pytest.raises(ValueError, match="forms"):
        FormBook([b"x"] * (FORMS_MAX + 1))


def test_forms_to_know_beforehand() -> None:
    body = _seal(CashTendered(sale="s", tender="1", amount_minor=5))
    assert form_of(body) in SHIPPED.forms
    assert form_of(b"nonsense") is None
    assert form_of(body[:-1]) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x1f",
        b"\x00body",
        b"\x00one\x1f\x00two\x1f\x00three\x1f",
        b"\xff\x20" + b"1\x1f",
        b"\x20\x1f",
        b"\x20\x20\x1f",
        b"\x20\x20x\x1f",
        b"\x20\x2f1\x1f",
        b"\x02\x201\x1f\x00b\x1f",
        b'\x01"type":"x","v":1,"data":{}\x1f\x00b\x1f',
        b'\x01"type":"x","v":1,"data":{"a":\x02}\x1e\x201\x1f',
    ],
)
@pytest.mark.parametrize("book", BOOKS)
def test_hostile_text_is_refused(text: bytes, book: FormBook) -> None:
    with pytest.raises(BadThinTextError):
        thicken(text, store=1, gen=1, first_seq=1, count=2, bytes_max=10_000, book=book)


@given(st.binary(max_size=200), st.integers(0, 4))
def test_any_text_is_refused_or_bounded(text: bytes, count: int) -> None:
    try:
        bodies = thicken(
            text, store=1, gen=1, first_seq=1, count=count, bytes_max=500, book=SHIPPED
        )
    except BadThinTextError:
        return
    assert len(bodies) == count
    assert sum(map(len, bodies)) <= 500


def test_a_small_text_cannot_become_a_large_one() -> None:
    form = b'\x01"type":"x","v":1,"data":{"a":"%s"}\x1e\x2010\x1f' % (b"a" * 8_000)
    with pytest.raises(BadThinTextError, match="over 100000 bytes"):
        thicken(
            form + b"\x20\x201\x1f" * 60_000,
            store=1,
            gen=1,
            first_seq=1,
            count=60_001,
            bytes_max=100_000,
            book=NONE,
        )


def test_damaged_text_never_gives_the_same_events() -> None:
    shop = SyntheticShop(3, store=7, gen=2)
    bodies = shop.sale(lines=4, plain=True)
    place = {"store": 7, "gen": 2, "first_seq": 1}
    text = thin(bodies, **place, book=SHIPPED)
    chance = random.Random(20_261_122)
    limit = sum(map(len, bodies))
    for _ in range(2_000):
        damaged = bytearray(text)
        damaged[chance.randrange(len(text))] ^= 1 << chance.randrange(8)
        try:
            back = thicken(
                bytes(damaged), **place, count=len(bodies), bytes_max=limit, book=SHIPPED
            )
        except BadThinTextError:
            continue
        assert back != bodies
