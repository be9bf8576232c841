"""What each event leaves in the projections, and that it touches no other sale, till or tender."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

import edge.ledger
from edge.contract.card_desk_events import (
    CardAlarmSettled,
    CardAnsweredLate,
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
    CardReversalRequested,
)
from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundRequested,
)
from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.device_events import (
    DeviceAdopted,
    DeviceBound,
    DeviceReleased,
    DeviceReplaced,
)
from edge.contract.device_messages import ALREADY_REVERSED
from edge.contract.event_registry import Event
from edge.contract.receipt_events import (
    GiftReceiptPrinted,
    ReceiptEmailRequested,
    ReceiptPresented,
    ReceiptReprinted,
)
from edge.contract.return_events import CashReturned, LineReturned, RefundPart, TenderReturned
from edge.contract.sale_events import (
    DrawerOpened,
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    SaleParked,
    SaleResumed,
)
from edge.contract.system_events import TillEnrolled
from edge.contract.terminal_day_events import TerminalDayAsked, TerminalDayEnded
from edge.contract.training_events import TrainingBegan, TrainingEnded
from edge.ledger.projections import PROJECTED_TABLES, project

SCHEMA: Final = Path(edge.ledger.__file__).parent / "schema"
PARTS: Final = (RefundPart("old-1", "p-1", 70), RefundPart("old-2", "p-2", 30))


class Projected:
    """A ledger without events: `hear` projects one, each at a seq of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.seq = 0

    def hear(self, *events: Event, till: str = "till-1") -> None:
        for event in events:
            self.seq += 1
            project(self.connection, event, till, self.seq)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        assert table in PROJECTED_TABLES
        return self.connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608


@pytest.fixture
def books() -> Iterator[Projected]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in sorted(SCHEMA.glob("*.sql")):
            connection.executescript(script.read_text("utf-8"))
        yield Projected(connection)


def opened(sale: str) -> SaleOpened:
    return SaleOpened(sale=sale, currency="EUR")


def completed(sale: str, receipt: str, total: int = 100, **more: Any) -> SaleCompleted:
    return SaleCompleted(sale=sale, receipt=receipt, total_minor=total, taxes=(), **more)


def returned(sale: str, line: str, original: str = "old-1") -> LineReturned:
    return LineReturned(
        sale=sale, line=line, sku="R1", name="Roll", quantity=2_000, price_minor=45, tax="reduced",
        rate_ppm=70_000, net_minor=84, tax_minor=6, gross_minor=90, reason="stale",
        original_sale=original, original_line="7",
    )  # fmt: skip


def test_tills_number_their_own_receipts_and_know_where_their_sales_begin(
    books: Projected,
) -> None:
    books.hear(opened("a"))
    books.hear(opened("b"), till="till-2")
    assert books.rows("till") == [("till-1", 0, 1, 0), ("till-2", 0, 2, 0)]
    books.hear(completed("a", "till-1-000001", 120))
    assert books.rows("till") == [("till-1", 1, 0, 1), ("till-2", 0, 2, 0)]
    assert books.rows("sale") == [(3, "till-1-000001", 1, 120)]
    books.hear(opened("c"), SaleAbandoned(sale="c"))
    assert books.rows("till") == [("till-1", 1, 0, 1), ("till-2", 0, 2, 0)]
    books.hear(opened("d"), completed("d", "till-1-000002", -5))
    assert books.rows("till") == [("till-1", 2, 0, 6), ("till-2", 0, 2, 0)]
    assert books.rows("sale")[1:] == [(7, "till-1-000002", 6, -5)]


def test_a_parked_sale_goes_to_the_till_that_takes_it_up(books: Projected) -> None:
    books.hear(opened("a"))
    books.hear(opened("b"), till="till-2")
    books.hear(SaleParked(sale="a"))
    assert books.rows("parked") == [("a", 1, 3)]
    assert books.rows("till") == [("till-1", 0, 0, 0), ("till-2", 0, 2, 0)]
    books.hear(SaleParked(sale="b"), till="till-2")
    books.hear(SaleResumed(sale="a"), till="till-3")
    assert books.rows("parked") == [("b", 2, 4)]
    assert books.rows("till") == [
        ("till-1", 0, 0, 0), ("till-2", 0, 0, 0), ("till-3", 0, 1, 0),
    ]  # fmt: skip
    books.hear(SaleResumed(sale="b"), till="till-1")
    assert books.rows("till")[0] == ("till-1", 0, 2, 0)


def test_goods_that_come_back_are_held_until_their_line_or_sale_is_given_up(
    books: Projected,
) -> None:
    books.hear(returned("a", "1"), returned("a", "2"), returned("b", "1"), returned("b", "2", ""))
    row = ("old-1", "7", 2_000, 84, 6, 90)
    assert books.rows("returned_line") == [("a", "1", *row), ("a", "2", *row), ("b", "1", *row)]
    books.hear(LineVoided(sale="a", line="1"))
    assert books.rows("returned_line") == [("a", "2", *row), ("b", "1", *row)]
    books.hear(SaleAbandoned(sale="a"))
    assert books.rows("returned_line") == [("b", "1", *row)]


def test_money_that_went_back_stands_by_its_parts(books: Projected) -> None:
    books.hear(
        CashReturned(sale="a", tender="t-1", amount_minor=100, parts=PARTS),
        TenderReturned(
            sale="b", tender="t-1", kind="voucher", amount_minor=30, reference="V", parts=PARTS[1:]
        ),
    )
    assert books.rows("refunded_tender") == [
        ("a", "t-1", "old-1", "p-1", 70),
        ("a", "t-1", "old-2", "p-2", 30),
        ("b", "t-1", "old-2", "p-2", 30),
    ]
    books.hear(SaleAbandoned(sale="a"))
    assert books.rows("refunded_tender") == [("b", "t-1", "old-2", "p-2", 30)]


def asked(sale: str, refund: str) -> CardRefundRequested:
    return CardRefundRequested(
        sale=sale, refund=refund, amount_minor=100, terminal="terminal-1", parts=PARTS
    )


def test_a_card_refund_holds_its_money_from_the_wish_on(books: Projected) -> None:
    books.hear(asked("a", "r-1"), asked("a", "r-2"), asked("b", "r-1"))
    assert len(books.rows("refunded_tender")) == 6
    books.hear(CardRefundApproved(sale="a", refund="r-1", amount_minor=70, parts=PARTS[:1]))
    rest = [
        ("a", "r-2", "old-1", "p-1", 70),
        ("a", "r-2", "old-2", "p-2", 30),
        ("b", "r-1", "old-1", "p-1", 70),
        ("b", "r-1", "old-2", "p-2", 30),
    ]
    assert books.rows("refunded_tender") == [("a", "r-1", "old-1", "p-1", 70), *rest]
    books.hear(CardRefundDeclined(sale="a", refund="r-1", reason="no"))
    assert books.rows("refunded_tender") == rest
    assert books.rows("reversed_before") == []
    books.hear(
        CardRefundDeclined(sale="a", refund="r-2", reason="known", code=ALREADY_REVERSED),
        asked("c", "r-9"),
        CardRefundDeclined(sale="c", refund="r-9", reason="known", code=ALREADY_REVERSED),
    )
    assert books.rows("refunded_tender") == rest[2:]
    assert books.rows("reversed_before") == [("old-1", "p-1"), ("old-2", "p-2")]


def test_what_a_person_settled_of_a_refund_takes_its_parts(books: Projected) -> None:
    books.hear(asked("a", "r-1"), asked("b", "r-1"))
    for parts in (PARTS[:1], ()):
        books.hear(
            CardRefundResolved(
                sale="a", refund="r-1", outcome="approved", amount_minor=70, source="slip",
                reason="x", parts=parts,
            )
        )  # fmt: skip
        held = [row for row in books.rows("refunded_tender") if row[0] == "a"]
        assert held == [("a", "r-1", "old-1", "p-1", 70)][: len(parts)]
    assert len(books.rows("refunded_tender")) == 2
    assert books.rows("card_desk") == [("r-1", 0, 4, 0)]


def test_the_desk_knows_where_each_of_its_cards_stands(books: Projected) -> None:
    settled = {"outcome": "declined", "amount_minor": 0, "source": "slip", "reason": "x"}
    wish = {"amount_minor": 45, "terminal": "terminal-1", "receipt": "1", "reason": "x"}
    books.hear(
        CardPaymentResolved(sale="a", payment="p-1", **settled),  # type: ignore[arg-type] # fields
        CardReversalRequested(sale="a", payment="p-2", reversal="v", **wish),  # type: ignore[arg-type] # fields
        CardReversalRequested(sale="a", payment="p-1", reversal="v", **wish),  # type: ignore[arg-type] # fields
    )
    assert books.rows("card_desk") == [("p-1", 3, 1, 0), ("p-2", 2, 0, 0)]
    took = {"sale": "a", "payment": "p-2", "reversal": "v", "amount_minor": 45}
    books.hear(CardReversalApproved(**took, asked_minor=45))  # type: ignore[arg-type] # fields
    assert books.rows("card_desk") == [("p-1", 3, 1, 0), ("p-2", 2, 0, 0)]
    books.hear(CardReversalApproved(**took, asked_minor=44))  # type: ignore[arg-type] # fields
    assert books.rows("card_desk") == [("p-1", 3, 1, 0), ("p-2", 2, 0, 5)]
    said = {"sale": "a", "payment": "p-1", "outcome": "approved", "amount_minor": 45}
    books.hear(CardAnsweredLate(**said, differs=False))  # type: ignore[arg-type] # fields
    assert books.rows("card_desk")[0] == ("p-1", 3, 1, 0)
    books.hear(CardAnsweredLate(**said, differs=True))  # type: ignore[arg-type] # fields
    assert books.rows("card_desk") == [("p-1", 3, 1, 7), ("p-2", 2, 0, 5)]
    books.hear(CardAlarmSettled(sale="a", payment="p-2", reason="x"))
    assert books.rows("card_desk") == [("p-1", 3, 1, 7), ("p-2", 2, 0, 0)]


def presented(sale: str, code: str, *, single: bool = True) -> CouponPresented:
    return CouponPresented(sale=sale, code=code, campaign="c", name="C", single_use=single)


def test_coupons_are_held_used_up_and_let_go(books: Projected) -> None:
    books.hear(
        opened("a"), presented("a", "X"), presented("a", "Y"), presented("a", "Z", single=False)
    )
    books.hear(opened("b"), presented("b", "W"), till="till-2")
    assert books.rows("coupon") == [("W", "b", ""), ("X", "a", ""), ("Y", "a", "")]
    books.hear(CouponRemoved(sale="b", code="X"), CouponRemoved(sale="a", code="Y"))
    assert books.rows("coupon") == [("W", "b", ""), ("X", "a", "")]
    # what was of no use is free again, what took something off is used up
    books.hear(presented("a", "Y"), completed("a", "till-1-000001", coupons=("X", "W")))
    assert books.rows("coupon") == [("W", "b", ""), ("X", "a", "till-1-000001")]
    books.hear(CouponRemoved(sale="a", code="X"), SaleAbandoned(sale="a"))
    assert books.rows("coupon") == [("W", "b", ""), ("X", "a", "till-1-000001")]
    books.hear(SaleAbandoned(sale="b"), till="till-2")
    assert books.rows("coupon") == [("X", "a", "till-1-000001")]


def test_what_was_printed_again_is_counted_by_its_number(books: Projected) -> None:
    books.hear(ReceiptReprinted(sale="a", receipt="1", copy=1))
    books.hear(GiftReceiptPrinted(sale="b", receipt="2", copy=1))
    assert books.rows("reprinted") == [("a", 1, 0, 0), ("b", 0, 1, 0)]
    books.hear(
        GiftReceiptPrinted(sale="a", receipt="1", copy=1),
        ReceiptReprinted(sale="b", receipt="2", copy=1),
        ReceiptReprinted(sale="a", receipt="1", copy=2),
        GiftReceiptPrinted(sale="b", receipt="2", copy=3),
    )
    assert books.rows("reprinted") == [("a", 2, 1, 0), ("b", 1, 3, 0)]
    books.hear(
        ReceiptEmailRequested(sale="a", receipt="1", ref="r", address_seal="s", letter=1),
        ReceiptEmailRequested(sale="c", receipt="3", ref="t", address_seal="s", letter=2),
    )
    assert books.rows("reprinted") == [("a", 2, 1, 1), ("b", 1, 3, 0), ("c", 0, 0, 2)]


def test_presented_receipts_training_and_enrolments(books: Projected) -> None:
    books.hear(
        ReceiptPresented(
            sale="a", receipt="1", store=7, sale_gen=1, sale_seq=9, total_minor=1, currency="EUR",
            code="c",
        ),
        TrainingBegan(),
        TrainingBegan(),
    )  # fmt: skip
    books.hear(TrainingBegan(), till="till-2")
    assert books.rows("presented") == [("a", 1)]
    rows = books.connection.execute("SELECT till FROM training ORDER BY till").fetchall()
    assert rows == [("till-1",), ("till-2",)]
    books.hear(TrainingEnded())
    assert books.connection.execute("SELECT till FROM training").fetchall() == [("till-2",)]
    books.hear(TillEnrolled(till="till-2", secret_sha256="ab", label="Window"))
    assert books.rows("enrolment") == [("ab", "till-2", "Window", 6)]


def test_adopted_devices_are_as_people_left_them(books: Projected) -> None:
    def adopted(device: str, **more: Any) -> DeviceAdopted:
        return DeviceAdopted(
            device=device, host="box", driver="printer_escpos", bound_to="till-1",
            roles=("printer", "drawer"), **more,
        )  # fmt: skip

    books.hear(adopted("z-1", name="Bar"), adopted("a-1", settings='{"columns":48}'))
    z = ("z-1", "box", "printer_escpos", "till-1", "printer drawer", "{}", "Bar", 1)
    assert books.rows("adopted_device") == [
        ("a-1", "box", "printer_escpos", "till-1", "printer drawer", '{"columns":48}', "", 2),
        z,
    ]
    books.hear(
        DeviceBound(device="a-1", bound_to="till-2", roles=("printer",), name="Back"),
        DeviceReplaced(device="a-1", host="attic", driver="printer_star", settings="{}"),
    )
    assert books.rows("adopted_device") == [
        ("a-1", "attic", "printer_star", "till-2", "printer", "{}", "Back", 2),
        z,
    ]
    books.hear(DeviceReleased(device="a-1"))
    assert books.rows("adopted_device") == [z]


def test_a_terminals_next_day_begins_where_its_closed_one_was_asked_for(books: Projected) -> None:
    def ended(terminal: str, outcome: str) -> TerminalDayEnded:
        return TerminalDayEnded(terminal=terminal, job="j", outcome=outcome, ledger_minor=0)

    books.hear(
        TerminalDayAsked(terminal="t-1", job="a"),
        TerminalDayAsked(terminal="t-2", job="b"),
        ended("t-1", "not_closed"),
    )
    assert books.rows("terminal_day") == [("t-1", 1, 3, 0), ("t-2", 2, 0, 0)]
    books.hear(TerminalDayAsked(terminal="t-1", job="c"), ended("t-1", "closed"))
    assert books.rows("terminal_day") == [("t-1", 4, 5, 4), ("t-2", 2, 0, 0)]
    books.hear(TerminalDayAsked(terminal="t-1", job="d"), ended("t-1", "unknown"))
    assert books.rows("terminal_day") == [("t-1", 6, 7, 4), ("t-2", 2, 0, 0)]


def test_other_events_leave_nothing(books: Projected) -> None:
    before = list(books.connection.iterdump())
    books.hear(DrawerOpened(reason="change", outcome="opened"))
    assert list(books.connection.iterdump()) == before
