"""What both lines of a customer display say, step by step of a sale."""

from __future__ import annotations

from typing import Any

import pytest

from edge.contract.display_view import (
    CustomerDisplayView,
    DisplayLineView,
    DisplayState,
    DisplayTenderView,
    ScaleView,
)
from edge.contract.till_commands import OtherTender
from edge.engine.line_display import display_lines
from edge.engine.receipt_words import WORDS

S = DisplayState
SHOP = "Harbour Street"


def goods(name: str, amount: int, quantity: int = 1000, **more: Any) -> DisplayLineView:
    given: dict[str, Any] = {"unit": "piece", "price_minor": amount, "listed_minor": amount, **more}
    return DisplayLineView(name=name, quantity=quantity, amount_minor=amount, **given)


MILK = goods("Whole milk 1 l", 129)
TWO = goods("Bread roll", 90, 2000)
APPLES = goods("Apples", 212, 732, unit="kg")
BACK = goods("Lamp", -1999, returned=True)
BOTTLE = goods("Deposit", 8, deposit=True, bound=True)
EMPTIES = goods("Empties", -25, deposit=True)


def lines(state: DisplayState, language: str = "en", **fields: Any) -> list[tuple[str, str]]:
    view = CustomerDisplayView(state=state, currency=fields.pop("currency", "EUR"), **fields)
    return [(line.start, line.end) for line in display_lines(view, SHOP, language)]


def cash(amount: int, **more: Any) -> DisplayTenderView:
    return DisplayTenderView(more.pop("kind", "cash"), amount, **more)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": S.CLOSED}, [(SHOP, ""), ("Till closed", "")]),
        ({"state": S.READY}, [(SHOP, ""), ("Welcome", "")]),
        ({"state": S.READY, "training": True}, [(SHOP, ""), ("TRAINING - NOT A RECEIPT", "")]),
        ({"state": S.SELLING}, [("", ""), ("TOTAL", "0.00")]),
        (
            {"state": S.SELLING, "lines": (MILK,), "total_minor": 129},
            [("Whole milk 1 l", "1.29"), ("TOTAL", "1.29")],
        ),
        (
            {"state": S.SELLING, "lines": (MILK, TWO), "total_minor": 219},
            [("2 x Bread roll", "0.90"), ("TOTAL", "2.19")],
        ),
        (
            {"state": S.SELLING, "lines": (MILK, APPLES), "total_minor": 341},
            [("0.732\u00a0kg Apples", "2.12"), ("TOTAL", "3.41")],
        ),
        (
            {"state": S.SELLING, "lines": (MILK, BOTTLE), "total_minor": 137},
            [("Whole milk 1 l", "1.29"), ("TOTAL", "1.37")],
        ),
        (
            {"state": S.SELLING, "lines": (MILK, EMPTIES), "total_minor": 104},
            [("Empties", "-0.25"), ("TOTAL", "1.04")],
        ),
        (
            {"state": S.SELLING, "lines": (BACK,), "total_minor": -1999, "back_minor": 1999},
            [("Lamp", "-19.99"), ("REFUND", "19.99")],
        ),
        (
            {"state": S.SELLING, "lines": (MILK,), "total_minor": 129, "training": True},
            [("Whole milk 1 l", "1.29"), ("TRAINING", "1.29")],
        ),
        (
            {
                "state": S.SELLING,
                "lines": (MILK,),
                "total_minor": 129,
                "tip_minor": 20,
                "tenders": (cash(100),),
                "due_minor": 49,
            },
            [("TOTAL", "1.49"), ("To pay", "0.49")],
        ),
        (
            {
                "state": S.SELLING,
                "lines": (BACK,),
                "total_minor": -1999,
                "tenders": (cash(-1000),),
                "back_minor": 999,
            },
            [("REFUND", "19.99"), ("REFUND", "9.99")],
        ),
        (
            {
                "state": S.CARD,
                "total_minor": 1234,
                "tenders": (cash(234), cash(1000, kind="card", waits=True)),
            },
            [("TOTAL", "12.34"), ("Card", "10.00")],
        ),
        (
            {"state": S.ASK_STAFF, "total_minor": 1234, "tenders": (cash(234),)},
            [("TOTAL", "12.34"), ("", "")],
        ),
        (
            {
                "state": S.DONE,
                "total_minor": 1234,
                "tenders": (cash(2000),),
                "change_minor": 766,
            },
            [("TOTAL", "12.34"), ("Change", "7.66")],
        ),
        (
            {"state": S.DONE, "total_minor": 1234, "tenders": (cash(1234, kind="card"),)},
            [("TOTAL", "12.34"), ("Card", "12.34")],
        ),
        (
            {"state": S.DONE, "total_minor": -500, "tenders": (cash(-500),)},
            [("REFUND", "5.00"), ("Cash", "5.00")],
        ),
        ({"state": S.DONE, "total_minor": 0}, [("TOTAL", "0.00"), ("", "")]),
    ],
)
def test_the_lines_follow_the_sale(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert lines(**fields) == expected


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (ScaleView("Apples", 289, 10), [("Apples", ""), ("", "2.89/kg")]),
        (
            ScaleView("Apples", 289, 10, shown=True, weight_g=732, amount_minor=212),
            [("Apples", ""), ("0.732\u00a0kg", "2.12")],
        ),
        (ScaleView("Apples", 289, 10, shown=True, weight_g=-10), [("Apples", ""), ("", "2.89/kg")]),
    ],
)
def test_goods_on_the_scale_come_before_everything(
    scale: ScaleView, expected: list[tuple[str, str]]
) -> None:
    assert lines(S.SELLING, weighing=scale, lines=(MILK,), total_minor=129) == expected


@pytest.mark.parametrize(
    ("language", "welcome", "total", "change"),
    [
        ("en", "Welcome", "TOTAL", "Change"),
        ("pl", "Witamy", "SUMA", "Reszta"),
        ("pt", "Boas-vindas", "TOTAL", "Troco"),
        ("pt-PT", "Boas-vindas", "TOTAL", "Troco"),
        ("zh", "Welcome", "TOTAL", "Change"),
        ("ar", "Welcome", "TOTAL", "Change"),
        ("ko", "Welcome", "TOTAL", "Change"),
        ("eo", "Welcome", "TOTAL", "Change"),
    ],
)
def test_words_are_those_of_receipts_where_a_display_has_letters_for_them(
    language: str, welcome: str, total: str, change: str
) -> None:
    assert lines(S.READY, language)[1] == (welcome, "")
    done = lines(S.DONE, language, total_minor=100, change_minor=5)
    assert [start for start, _ in done] == [total, change]


@pytest.mark.parametrize("kind", OtherTender)
def test_every_tender_has_its_word(kind: OtherTender) -> None:
    tender = DisplayTenderView(kind.value, 100)
    (_, (word, amount)) = lines(S.DONE, total_minor=100, tenders=(tender,))
    assert word
    assert amount == "1.00"


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "129"), ("KWD", "0.129")])
def test_amounts_have_the_places_of_their_currency(currency: str, amount: str) -> None:
    assert lines(S.SELLING, currency=currency, total_minor=129)[1] == ("TOTAL", amount)


@pytest.mark.parametrize("language", sorted(WORDS))
@pytest.mark.parametrize("state", DisplayState)
def test_the_words_beside_an_amount_leave_room_for_it(language: str, state: DisplayState) -> None:
    tenders = (cash(123_456, kind="card", waits=True),)
    for start, end in lines(state, language, total_minor=123_456, tenders=tenders):
        assert not end or len(start) + 1 + len(end) <= 20, (start, end)
