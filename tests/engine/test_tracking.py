"""Serial and lot numbers and expiry dates: from GS1 codes or typed, once a sale, on the receipt."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.errors import Refused
from edge.contract.receipt_document import TextBlock
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import LineAdded
from edge.engine.barcode_meaning import GS, GtinMeaning, meaning_of
from edge.engine.receipt_finding import sold_sale_view
from edge.engine.receipt_layout import lay_out_receipt
from edge.engine.tracking import expiry_of
from tests.engine.shop_in_memory import BABY_MILK, PHONE, ROLL, shop
from tests.engine.till_in_memory import TillInMemory

DAY = "2026-11-26"
PHONE_SCAN = f"]d201{PHONE:0>14}21SN-42"
MILK_SCAN = f"]d201{BABY_MILK:0>14}1727013110LOT7"


def line_of(events: tuple[object, ...]) -> LineAdded:
    (added,) = (event for event in events if isinstance(event, LineAdded))
    return added


def test_a_gs1_code_says_serial_lot_and_expiry() -> None:
    code = f"01{PHONE:0>14}1728123110L9{GS}21SN-1"
    meant = meaning_of(code, (), currency="EUR", aim="]d2")
    assert meant == GtinMeaning(f"{PHONE:0>14}", serial="SN-1", lot="L9", expiry="281231")


@pytest.mark.parametrize(
    ("yymmdd", "expected"),
    [
        ("270131", "2027-01-31"),
        ("270200", "2027-02-28"),
        ("280200", "2028-02-29"),
        ("760101", "2076-01-01"),
        ("770101", "1977-01-01"),
        ("000101", "2000-01-01"),
        ("270230", ""),
        ("271301", ""),
        ("27013", ""),
        ("", ""),
    ],
)
def test_an_expiry_date_has_the_century_of_the_standard(yymmdd: str, expected: str) -> None:
    assert expiry_of(yymmdd, DAY) == expected


def test_late_in_a_century_the_next_one_is_meant() -> None:
    assert expiry_of("010101", "2060-01-01") == "2101-01-01"
    assert expiry_of("490101", "2099-06-01") == "2149-01-01"


@given(day=st.dates(date(1990, 1, 1), date(2149, 12, 31)), ahead=st.integers(-49, 50))
def test_a_century_of_dates_is_read_back(day: date, ahead: int) -> None:
    year = day.year + ahead
    assert expiry_of(f"{year % 100:02d}0615", day.isoformat()) == f"{year}-06-15"


def test_a_scan_fills_what_is_asked() -> None:
    till = TillInMemory()
    phone = line_of(till.add(PHONE_SCAN))
    assert (phone.serial, phone.lot, phone.expires) == ("SN-42", "", "")
    milk = line_of(till.add(MILK_SCAN, 2_000))
    assert (milk.lot, milk.expires, milk.quantity) == ("LOT7", "2027-01-31", 2_000)
    assert till.cart.line_views[1].lot == "LOT7"
    assert till.cart.line_views[0].serial == "SN-42"


def test_what_is_typed_goes_before_what_the_code_says() -> None:
    till = TillInMemory()
    assert line_of(till.add_tracked(PHONE_SCAN, serial=" SN-43 ")).serial == "SN-43"


def test_an_untracked_article_keeps_what_its_code_says() -> None:
    till = TillInMemory()
    added = line_of(till.add(f"]d201{ROLL:0>14}1726112610B1", 3_000))
    assert (added.lot, added.expires) == ("B1", DAY)
    till.set_quantity("1", 4_000)
    assert (till.cart.lines[1].lot, till.cart.lines[1].expires) == ("B1", DAY)


def test_a_serial_number_may_come_again_once_its_line_is_void() -> None:
    till = TillInMemory()
    till.add_tracked(PHONE, serial="A1")
    till.add_tracked(PHONE, serial="A2")
    with pytest.raises(Refused, match="in this sale already"):
        till.add_tracked(PHONE, serial="A2")
    till.void("2")
    till.add_tracked(PHONE, serial="A2")
    till.add_tracked(BABY_MILK, lot="A2")
    till.add_tracked(BABY_MILK, lot="A2")
    assert till.cart.live_lines == 4


@given(serials=st.lists(st.sampled_from(["A", "B", "C"]), max_size=8))
def test_no_serial_number_is_in_a_sale_twice(serials: list[str]) -> None:
    till = TillInMemory()
    for serial in serials:
        with suppress(Refused):
            till.add_tracked(PHONE, serial=serial)
    assert sorted(line.serial for line in till.cart.lines) == sorted(set(serials))


def test_a_date_on_its_last_day_is_sold() -> None:
    till = TillInMemory()
    assert line_of(till.add(f"]d201{ROLL:0>14}17261126")).expires == DAY
    with pytest.raises(Refused, match="expired on 2026-11-25"):
        till.add(f"]d201{ROLL:0>14}17261125")


def test_the_number_stands_on_the_receipt_and_comes_back_with_its_line() -> None:
    till = TillInMemory()
    till.add_tracked(PHONE, serial="SN-42")
    till.add_tracked(BABY_MILK, lot="LOT7")
    till.cash(30_000)
    texts = [
        block.text
        for block in lay_out_receipt(till.cart, shop().store, till="1", cashier="", zone=UTC).blocks
        if isinstance(block, TextBlock)
    ]
    assert "  Serial no. SN-42" in texts
    assert "  Lot LOT7" in texts
    lines = sold_sale_view(till.books.original("till-1-000001")).lines
    assert [(line.serial, line.lot) for line in lines] == [("SN-42", ""), ("", "LOT7")]
    till.next_sale()
    (_, back) = till.bring_back("till-1-000001", "1")
    assert isinstance(back, LineReturned)
    assert back.serial == "SN-42"
    assert till.cart.line_views[0].serial == "SN-42"
    (lot,) = till.bring_back("till-1-000001", "2")
    assert isinstance(lot, LineReturned)
    assert lot.lot == "LOT7"


def test_a_phone_that_comes_back_may_be_sold_again_in_the_same_sale() -> None:
    till = TillInMemory()
    till.add_tracked(PHONE, serial="SN-42")
    till.cash(30_000)
    till.next_sale()
    till.bring_back("till-1-000001", "1")
    assert line_of(till.add_tracked(PHONE, serial="SN-42")).serial == "SN-42"
