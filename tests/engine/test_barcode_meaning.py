"""What codes mean: a table of codes, and laws over invented ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.errors import Refused
from edge.contract.reference_data import CodeTemplate
from edge.engine.barcode_meaning import (
    GtinMeaning,
    LabelMeaning,
    Meaning,
    OwnNumber,
    WrongCheckDigit,
    check_digit,
    expand_upc_e,
    is_in_store,
    meaning_of,
)
from tests.engine.shop_in_memory import TEMPLATES, coded

GS = "\x1d"
DEMO = "09520123456788"


def meant(code: str, aim: str = "", currency: str = "EUR") -> Meaning:
    return meaning_of(code, TEMPLATES, currency=currency, aim=aim)


# check digits worked out by hand or printed in GS1's own examples, not by our function
@pytest.mark.parametrize(
    ("payload", "digit"),
    [
        ("400638133393", "1"),
        ("9638507", "4"),
        ("61414112345", "2"),
        ("629104150021", "3"),
        ("0952012345678", "8"),
        ("000000000000", "0"),
    ],
)
def test_check_digits_are_those_of_gs1(payload: str, digit: str) -> None:
    assert check_digit(payload) == digit


@pytest.mark.parametrize(
    ("code", "aim", "expected"),
    [
        ("4006381333931", "", GtinMeaning("04006381333931")),
        ("4006381333931", "]E0", GtinMeaning("04006381333931")),
        ("]E04006381333931", "", GtinMeaning("04006381333931")),
        (" 4006381333931\r\n", "", GtinMeaning("04006381333931")),
        ("614141123452", "", GtinMeaning("00614141123452")),
        ("0614141123452", "", GtinMeaning("00614141123452")),
        ("96385074", "", GtinMeaning("00000096385074")),
        ("96385074", "]E4", GtinMeaning("00000096385074")),
        ("09520123456788", "]I1", GtinMeaning("09520123456788")),
        ("400638133393112", "]E3", GtinMeaning("04006381333931")),
        ("400638133393154321", "]E3", GtinMeaning("04006381333931")),
        # biip reads these as (400)… and (96)…: never
        ("4006381333932", "", WrongCheckDigit("4006381333932", "1")),
        ("4006381333932", "]E0", WrongCheckDigit("4006381333932", "1")),
        ("96385075", "", WrongCheckDigit("96385075", "4")),
        ("952012345678", "", WrongCheckDigit("952012345678", "2")),
        ("09520123456787", "]I1", WrongCheckDigit("09520123456787", "8")),
        # a symbology that carries anything promises no check digit
        ("4006381333932", "]C0", OwnNumber("4006381333932")),
        ("96385075", "]A0", OwnNumber("96385075")),
        ("]A096385075", "", OwnNumber("96385075")),
        ("4006381333931", "]C0", GtinMeaning("04006381333931")),
        # UPC-E, by GS1's example 0 425261 4 -> 0 42100 00526 4 and one of each kind
        ("04252614", "", GtinMeaning("00042100005264")),
        ("04252614", "]E0", GtinMeaning("00042100005264")),
        ("01234558", "", GtinMeaning("00012345000058")),
        # free inside a shop, never sent anywhere as a GTIN
        ("00000017", "]E4", OwnNumber("00000017")),
        ("20000004", "", OwnNumber("20000004")),
        ("21345678", "", OwnNumber("21345678")),
        ("00001311", "", OwnNumber("00001311")),
        ("00001313", "", WrongCheckDigit("00001313", "1")),
        ("00000018", "]E4", WrongCheckDigit("00000018", "7")),
        (coded("290000000000"), "", OwnNumber(coded("290000000000"))),
        (coded("040000000000"), "", OwnNumber(coded("040000000000"))),
        # own numbers
        ("4101", "", OwnNumber("4101")),
        ("A-100", "", OwnNumber("A-100")),
        ("1234567890", "", OwnNumber("1234567890")),
        ("123456789012345", "", OwnNumber("123456789012345")),
        ("010952012345678917", "", OwnNumber("010952012345678917")),
        ("\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2", "", OwnNumber("\u00b2" * 8)),
        ("\u0664\u0660\u0660\u0666", "", OwnNumber("\u0664\u0660\u0660\u0666")),
        # labels of the shop's own scales
        (coded("210410100742"), "", LabelMeaning("04101", weight=742)),
        (coded("220410100349"), "", LabelMeaning("04101", amount_minor=349)),
        ("0" + coded("210410100742"), "", LabelMeaning("04101", weight=742)),
        # 020 is taken before any shorter prefix; the inner check digit is skipped
        (coded("020" + "4101" + "9" + "0250"), "", LabelMeaning("4101", amount_minor=250)),
        (coded("020" + "4101" + "9" + "0250")[1:], "", LabelMeaning("4101", amount_minor=250)),
        # element strings and Digital Links
        ("01" + DEMO + "17251231", "", GtinMeaning(DEMO, expiry="251231")),
        ("]C101" + DEMO + "10A" + GS + "3103000742", "", GtinMeaning(DEMO, weight=742, lot="A")),
        ("01" + DEMO + "3102000074", "]d2", GtinMeaning(DEMO, weight=740)),
        ("01" + DEMO + "3105074250", "]d2", GtinMeaning(DEMO, weight=743)),
        ("01" + DEMO + "3922349", "]e0", GtinMeaning(DEMO, amount_minor=349)),
        ("01" + DEMO + "30" + "12", "]C1", GtinMeaning(DEMO, count=12_000)),
        (GS + "01" + DEMO + "30" + "12", "]C1", GtinMeaning(DEMO, count=12_000)),
        (GS + "01" + DEMO, "", GtinMeaning(DEMO)),
        ("01" + DEMO[:-1] + "7", "]C1", WrongCheckDigit(DEMO[:-1] + "7", "8")),
        ("010" + coded("210410100742"), "]C1", LabelMeaning("04101", weight=742)),
        ("010" + coded("210410100742"), "", LabelMeaning("04101", weight=742)),
        ("010" + coded("220410100349"), "]C1", LabelMeaning("04101", amount_minor=349)),
        ("01" + "19520123456785", "", GtinMeaning("19520123456785")),
        ("01" + "19520123456785" + "10A", "]C1", GtinMeaning("19520123456785", lot="A")),
        ("01" + "19520123456785" + "17251231", "", GtinMeaning("19520123456785", expiry="251231")),
        # a date first: without FNC1 it may be anything, also where its digits fit by chance
        ("11260109" + "01" + DEMO, "", OwnNumber("11260109" + "01" + DEMO)),
        ("10ABC", "]C1", OwnNumber("10ABC")),
        ("no such thing", "]C1", OwnNumber("no such thing")),
        (
            f"https://shop.example/01/{DEMO}/10/A?17=251231",
            "",
            GtinMeaning(DEMO, lot="A", expiry="251231"),
        ),
        (
            "https://shop.example/01/0" + coded("210410100742"),
            "",
            LabelMeaning("04101", weight=742),
        ),
        (f"HTTPS://shop.example/01/{DEMO}?3103=000742", "", GtinMeaning(DEMO, weight=742)),
        ("https://shop.example/", "", OwnNumber("https://shop.example/")),
        ("https://[shop.example/01/", "", OwnNumber("https://[shop.example/01/")),
    ],
)
def test_codes_mean(code: str, aim: str, expected: Meaning) -> None:
    assert meant(code, aim) == expected


@pytest.mark.parametrize(
    ("upc_e", "upc_a"),
    [
        ("04252614", "042100005264"),
        ("01234505", "012000003455"),
        ("01234514", "012100003454"),
        ("01234531", "012300000451"),
        ("01234543", "012340000053"),
        ("01234558", "012345000058"),
        ("01234590", "012345000090"),
    ],
)
def test_upc_e_stands_for_upc_a(upc_e: str, upc_a: str) -> None:
    assert expand_upc_e(upc_e) == upc_a


@pytest.mark.parametrize(
    "code", ["", " ", "]E0", "12\x0034", "\x1b@", "1\x9f2", "a\u202eb", "x\u2028y", "]C1\x1e12"]
)
def test_empty_codes_and_control_characters_are_refused(code: str) -> None:
    with pytest.raises(Refused) as refused:
        meant(code)
    assert refused.value.code in {"code_empty", "code_control_characters"}
    assert refused.value.advice


@pytest.mark.parametrize(
    ("currency", "decimals", "value", "amount_minor"),
    [("EUR", 2, "00349", 349), ("JPY", 0, "00349", 349), ("KWD", 2, "00349", 3490),
     ("JPY", 2, "00349", 3), ("JPY", 2, "00350", 4), ("EUR", 0, "00012", 1200)],
)  # fmt: skip
def test_a_label_price_comes_in_the_currency(
    currency: str, decimals: int, value: str, amount_minor: int
) -> None:
    templates = (CodeTemplate("23", 5, 5, "price", decimals),)
    code = coded("23" + "00042" + value)
    meaning = meaning_of(code, templates, currency=currency)
    assert meaning == LabelMeaning("00042", amount_minor=amount_minor)


def test_the_longest_prefix_has_the_say() -> None:
    code = coded("231004200349")
    wide = CodeTemplate("23", 5, 5, "price", 2)
    narrow = CodeTemplate("231", 4, 5, "weight", 3)
    for templates in ((wide, narrow), (narrow, wide)):
        assert meaning_of(code, templates, currency="EUR") == LabelMeaning("0042", weight=349)


def test_a_template_that_does_not_add_up_is_not_used() -> None:
    code = coded("230004200349")
    templates = (CodeTemplate("23", 5, 4, "price", 2), CodeTemplate("231", 4, 5, "price", 2))
    assert meaning_of(code, templates, currency="EUR") == OwnNumber(code)


@given(
    payload=st.from_regex(r"[0-9]{12}", fullmatch=True),
    place=st.integers(0, 12),
    by=st.integers(1, 9),
)
def test_no_single_misread_digit_gets_through(payload: str, place: int, by: int) -> None:
    code = coded(payload)
    wrong = code[:place] + str((int(code[place]) + by) % 10) + code[place + 1 :]
    assert isinstance(meant(wrong), WrongCheckDigit)


@given(payload=st.from_regex(r"[0-9]{11,13}", fullmatch=True))
def test_in_store_codes_are_never_gtins(payload: str) -> None:
    gtin = coded(payload).rjust(14, "0")
    assert isinstance(meant(coded(payload)), GtinMeaning) != is_in_store(gtin)


@given(
    text=st.text(max_size=60)
    | st.text(alphabet="0123456789]CEd1x\x1d/:htps.?=&%", max_size=60)
    | st.from_regex(r"(\]C1|\]d2|https://a/)(01[0-9]{14}|310[0-9]{7}|392.*|30[0-9]*){1,3}")
)
def test_any_text_means_something_or_is_refused_in_words(text: str) -> None:
    outcome: object
    try:
        outcome = meant(text)
    except Refused as refused:
        outcome = refused.code
    assert isinstance(outcome, Meaning) or outcome in {"code_empty", "code_control_characters"}
