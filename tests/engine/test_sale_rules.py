"""What may happen in a sale, case by case."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from edge.contract.errors import Refused
from edge.contract.limits import AMOUNT_MINOR_MAX, LINES_PER_SALE_MAX, TENDERS_PER_SALE_MAX
from edge.contract.payment_events import CardPaymentApproved, CardPaymentRequested
from edge.contract.sale_events import (
    CashTendered,
    LineAdded,
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    TaxTotal,
)
from edge.contract.till_protocol import AddItem, CancelCard, NextSale, TillState
from edge.engine.cart import EMPTY, apply
from edge.engine.sale_rules import complete_if_covered, decide, receipt_number
from tests.engine.shop_in_memory import (
    AT_TILL,
    CAKE_2_50,
    CASE,
    CHEESE_3_49,
    CHEESE_742_G,
    CHEESE_PLU,
    DEAR,
    FREE,
    MILK,
    PLUM_PLU,
    ROLL,
    SMALL,
    SOAP,
    UNKNOWN,
    UNPRICED,
    UNTAXED,
    UPC,
    coded,
    shop,
)
from tests.engine.till_in_memory import TillInMemory


def test_the_first_article_opens_a_sale_at_once() -> None:
    events = decide(EMPTY, AddItem(command_id="command-1", code=ROLL), shop(), AT_TILL)
    assert events == (
        SaleOpened(sale="sale-0001", currency="EUR"),
        LineAdded(
            sale="sale-0001", line="1", sku="R1", name="Bread roll", quantity=1000,
            price_minor=45, amount_minor=45, tax="reduced", rate_ppm=55_000, code=ROLL,
            entry="keyed",
        ),
    )  # fmt: skip


def test_the_till_may_name_the_sale_that_it_opens() -> None:
    command = AddItem(command_id="command-1", code=ROLL, sale_id="my-own-sale")
    opened, added = decide(EMPTY, command, shop(), AT_TILL)
    assert isinstance(opened, SaleOpened)
    assert isinstance(added, LineAdded)
    assert opened.sale == added.sale == "my-own-sale"
    till = TillInMemory()
    till.add(MILK)
    first = till.cart.sale
    till.do(AddItem(command_id="command-2", code=ROLL, sale_id="my-own-sale"))
    assert till.cart.sale == first


def test_a_sale_remembers_that_its_prices_exclude_tax() -> None:
    till = TillInMemory(shop(included=False))
    (opened, _) = till.add(SOAP, 7_000)
    assert opened == SaleOpened(sale=till.cart.sale, currency="EUR", prices_include_tax=False)
    assert till.cart.total_minor == 839
    assert till.cart.taxes == (TaxTotal("standard", 210_000, 693, 146, 839),)


@dataclass(frozen=True)
class Sold:
    code: str
    quantity: int
    sku: str
    sold_quantity: int
    price_minor: int
    amount_minor: int
    entry: str = "scanned"


@pytest.mark.parametrize(
    "case",
    [
        Sold(ROLL, 1000, "R1", 1000, 45, 45),
        Sold(ROLL, 12_000, "R1", 12_000, 45, 540),
        Sold(CASE, 1000, "R1", 1000, 45, 45),
        Sold("R1", 2000, "R1", 2000, 45, 90),
        Sold(SMALL, 1000, "S1", 1000, 115, 115),
        Sold(UPC, 1000, "U1", 1000, 299, 299),
        Sold("0" + UPC, 1000, "U1", 1000, 299, 299),
        Sold(CHEESE_PLU, 742, "C1", 742, 1890, 1402),
        Sold(CHEESE_742_G, 1000, "C1", 742, 1890, 1402, "weight_code"),
        # 3.49 / 18.90 = 0.18466 kg -> 185 g; the label's price stands
        Sold(CHEESE_3_49, 1000, "C1", 185, 1890, 349, "price_code"),
        # a label price on piece goods is the price
        Sold(CAKE_2_50, 1000, "K1", 1000, 250, 250, "price_code"),
        Sold(coded("22" + "00077" + "00100"), 1000, "P1", 1000, 100, 100, "price_code"),
        # a price far below one gram's worth still is one gram
        Sold(coded("22" + "04101" + "00001"), 1000, "C1", 1, 1890, 1, "price_code"),
        # a wrong check digit that happens to be an own number
        Sold("12345678", 1000, "12345678", 1000, 100, 100),
        Sold("2000004", 1000, "2000004", 1000, 100, 100),
        Sold(FREE, 1000, "F1", 1000, 0, 0),
        # a GS1 code that carries a count of three
        Sold("]C101" + ROLL.rjust(14, "0") + "303", 2000, "R1", 6000, 45, 270),
    ],
)
def test_articles_are_priced(case: Sold) -> None:
    till = TillInMemory()
    till.entry = "scanned"
    added = till.add(case.code, case.quantity)[-1]
    assert isinstance(added, LineAdded)
    assert (added.sku, added.quantity, added.price_minor, added.amount_minor, added.entry) == (
        case.sku, case.sold_quantity, case.price_minor, case.amount_minor, case.entry,
    )  # fmt: skip
    assert till.cart.total_minor == case.amount_minor


# --- refusals ----------------------------------------------------------------------------

Story = Callable[[TillInMemory], object]


def paying(till: TillInMemory) -> None:
    till.add(DEAR)
    till.card(1_000)


def in_doubt(till: TillInMemory) -> None:
    paying(till)
    till.lose()


def done(till: TillInMemory) -> None:
    till.add(ROLL)
    till.cash(45)


def part_paid(till: TillInMemory) -> None:
    till.add(ROLL)
    till.cash(5)


def card_charged(till: TillInMemory) -> None:
    till.add(MILK)
    till.card(29)
    till.approve()


def voided(till: TillInMemory) -> None:
    till.add(ROLL)
    till.void("1")


def open_sale(till: TillInMemory) -> None:
    till.add(ROLL)


def idle(till: TillInMemory) -> None:
    assert till.cart == EMPTY


def weighed_by_label(till: TillInMemory) -> None:
    till.add(CHEESE_742_G)


def cancel(till: TillInMemory) -> object:
    return till.do(CancelCard(command_id="command-x"))


REFUSALS: list[tuple[str, Story, Story]] = [
    # nothing happens while a card payment runs or is in doubt
    *(
        (code, before, wish)
        for code, before in (("card_payment_running", paying), ("payment_in_doubt", in_doubt))
        for wish in (
            lambda till: till.add(ROLL),
            lambda till: till.void("1"),
            lambda till: till.set_quantity("1", 2000),
            lambda till: till.cash(1),
            lambda till: till.card(1),
            lambda till: till.abandon(),
            lambda till: till.next_sale(),
        )
    ),
    ("payment_in_doubt", in_doubt, cancel),
    ("no_card_payment", open_sale, cancel),
    ("no_card_payment", idle, cancel),
    *(
        (code, before, wish)
        for code, before in (("no_sale_open", idle), ("sale_is_done", done))
        for wish in (
            lambda till: till.void("1"),
            lambda till: till.set_quantity("1", 2000),
            lambda till: till.cash(1),
            lambda till: till.card(1),
            lambda till: till.abandon(),
        )
    ),
    # codes
    ("unknown_code", idle, lambda till: till.add(UNKNOWN)),
    ("unknown_code", idle, lambda till: till.add("no such thing")),
    ("unknown_code", idle, lambda till: till.add(coded("210999900742"))),
    ("check_digit", idle, lambda till: till.add("4006381333932")),
    ("code_control_characters", idle, lambda till: till.add("\x1bp")),
    ("no_price", idle, lambda till: till.add(UNPRICED)),
    ("no_tax_rule", idle, lambda till: till.add(UNTAXED)),
    # quantities
    ("quantity_not_positive", idle, lambda till: till.add(ROLL, 0)),
    ("quantity_not_positive", idle, lambda till: till.add(ROLL, -1000)),
    ("quantity_too_large", idle, lambda till: till.add(ROLL, 10_000_000)),
    ("quantity_not_whole", idle, lambda till: till.add(ROLL, 1500)),
    ("quantity_not_positive", idle, lambda till: till.add(coded("210410100000"))),
    ("label_without_price", idle, lambda till: till.add(coded("220410100000"))),
    ("label_has_its_quantity", idle, lambda till: till.add(CHEESE_742_G, 2000)),
    ("not_weighed", idle, lambda till: till.add(coded("210020000742"))),
    ("label_has_its_quantity", weighed_by_label, lambda till: till.set_quantity("1", 500)),
    ("quantity_not_whole", open_sale, lambda till: till.set_quantity("1", 500)),
    ("total_too_large", idle, lambda till: till.add(DEAR, 11_000)),
    ("total_too_large", open_sale, lambda till: till.add(DEAR, 10_000)),
    # lines
    ("unknown_line", open_sale, lambda till: till.void("2")),
    ("unknown_line", open_sale, lambda till: till.set_quantity("nine", 1000)),
    ("line_is_voided", voided, lambda till: till.void("1")),
    ("line_is_voided", voided, lambda till: till.set_quantity("1", 2000)),
    ("tendered_already", part_paid, lambda till: till.void("1")),
    ("tendered_already", card_charged, lambda till: till.set_quantity("1", 2000)),
    ("looks_like_card_number", open_sale, lambda till: till.void("1", "4111 1111 1111 1111")),
    # tenders
    ("nothing_to_pay", voided, lambda till: till.cash(100)),
    ("nothing_to_pay", voided, lambda till: till.card(100)),
    ("amount_not_positive", open_sale, lambda till: till.cash(0)),
    ("amount_not_positive", open_sale, lambda till: till.cash(-45)),
    ("amount_too_large", open_sale, lambda till: till.cash(AMOUNT_MINOR_MAX + 1)),
    ("amount_not_positive", open_sale, lambda till: till.card(0)),
    ("amount_too_large", open_sale, lambda till: till.card(AMOUNT_MINOR_MAX + 1)),
    ("card_over_due", open_sale, lambda till: till.card(46)),
    ("card_over_due", part_paid, lambda till: till.card(41)),
    # the sale
    ("card_was_charged", card_charged, lambda till: till.abandon()),
    ("looks_like_card_number", open_sale, lambda till: till.abandon("4111-1111-1111-1111")),
    ("sale_still_open", open_sale, lambda till: till.next_sale()),
]


@pytest.mark.parametrize(("code", "before", "wish"), REFUSALS)
def test_refused_in_words_and_nothing_happens(code: str, before: Story, wish: Story) -> None:
    till = TillInMemory()
    before(till)
    cart, history = till.cart, list(till.history)
    with pytest.raises(Refused) as refused:
        wish(till)
    assert refused.value.code == code
    assert refused.value.message[0] not in string.ascii_lowercase
    assert refused.value.message.endswith(".")
    assert refused.value.status == (404 if code in {"unknown_code", "unknown_line"} else 409)
    assert till.cart is cart
    assert till.history == history


def test_every_refusal_of_the_rules_names_what_it_is_about() -> None:
    till = TillInMemory()
    with pytest.raises(Refused) as refused:
        till.add("4006381333932")
    assert refused.value.params == {"code": "4006381333932", "expected": "1"}
    with pytest.raises(Refused) as refused:
        till.add("x" * 4_000 + "\u200b")
    assert refused.value.params == {"code": "x" * 60}
    with pytest.raises(Refused) as refused:
        till.add("a\u200bb")
    assert refused.value.params == {"code": "ab"}
    part_paid(till)
    with pytest.raises(Refused) as refused:
        till.void("1")
    assert refused.value.params == {"tendered": "0.05"}


def test_a_till_without_a_terminal_charges_no_card() -> None:
    till = TillInMemory()
    till.terminal = ""
    till.add(ROLL)
    with pytest.raises(Refused, match="no payment terminal"):
        till.card(45)


# --- lines -------------------------------------------------------------------------------


def test_a_voided_line_stays_struck_out_and_keeps_its_number() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.add(MILK)
    assert till.void("1", "dropped") == (
        LineVoided(sale=till.cart.sale, line="1", reason="dropped"),
    )
    till.add(ROLL)
    assert [(line.line_id, line.voided, line.amount_minor) for line in till.cart.lines] == [
        ("1", True, 0),
        ("2", False, 129),
        ("3", False, 45),
    ]
    assert till.cart.live_lines == 2
    assert till.cart.total_minor == 174


def test_another_quantity_is_a_void_and_a_new_line_at_the_same_price() -> None:
    till = TillInMemory()
    till.add(PLUM_PLU, 500)
    till.add(ROLL)
    voided_line, added = till.set_quantity("2", 3000)
    assert voided_line == LineVoided(sale=till.cart.sale, line="2", reason="quantity")
    assert isinstance(added, LineAdded)
    assert (added.line, added.quantity, added.amount_minor) == ("3", 3000, 135)
    assert (added.sku, added.code, added.tax, added.rate_ppm) == ("R1", ROLL, "reduced", 55_000)
    assert (added.price_minor, added.unit, added.entry) == (45, "piece", "keyed")
    assert till.cart.total_minor == 135


def test_only_a_line_counted_anew_names_the_one_it_replaces() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.add(MILK)
    till.set_quantity("1", 2000)
    till.add(ROLL)
    till.set_quantity("3", 3000)
    till.void("2", "dropped")
    till.add(MILK)
    shown = [(line.view().line_id, line.view().replaces) for line in till.cart.lines]
    assert shown == [("1", ""), ("2", ""), ("3", "1"), ("4", ""), ("5", "3"), ("6", "")]


def test_the_same_quantity_again_changes_nothing() -> None:
    till = TillInMemory()
    till.add(ROLL, 2000)
    assert till.set_quantity("1", 2000) == ()


def test_a_quantity_is_changed_up_to_the_limit_of_the_total_and_no_further() -> None:
    till = TillInMemory()
    till.add(DEAR, 9_000)
    till.set_quantity("1", 10_000)
    assert till.cart.total_minor == 999_999_990
    with pytest.raises(Refused, match="Gold watch"):
        till.set_quantity("2", 11_000)


def test_a_sale_has_at_most_so_many_lines() -> None:
    till = TillInMemory()
    for _ in range(LINES_PER_SALE_MAX):
        till.add(ROLL)
    with pytest.raises(Refused, match="at most"):
        till.add(ROLL)
    with pytest.raises(Refused, match="at most"):
        till.set_quantity("1", 2000)
    till.void("500")
    till.cash(45 * (LINES_PER_SALE_MAX - 1))
    assert till.cart.state is TillState.DONE


# --- tenders -----------------------------------------------------------------------------


def test_cash_that_covers_what_is_due_completes_the_sale_with_change() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.add(SOAP)
    sale = till.cart.sale
    assert till.cash(200) == (
        CashTendered(sale=sale, tender="1", amount_minor=200),
        SaleCompleted(
            sale=sale,
            receipt="till-1-000001",
            total_minor=144,
            taxes=(
                TaxTotal("reduced", 55_000, 43, 2, 45),
                TaxTotal("standard", 210_000, 82, 17, 99),
            ),
            change_minor=56,
            jobs=("receipt", "drawer"),
        ),
    )
    assert till.cart.state is TillState.DONE
    assert till.cart.due_minor == 0
    assert till.cart.change_minor == 56
    assert till.cart.completed_at > till.cart.opened_at


def test_cash_in_parts_completes_with_the_last() -> None:
    till = TillInMemory()
    till.add(MILK)
    assert till.cash(100) == (CashTendered(sale=till.cart.sale, tender="1", amount_minor=100),)
    assert till.cart.due_minor == 29
    till.add(ROLL)
    assert till.cart.due_minor == 74
    completed = till.cash(74)[-1]
    assert isinstance(completed, SaleCompleted)
    assert completed.change_minor == 0


def test_a_card_that_covers_what_is_due_completes_the_sale_without_a_drawer() -> None:
    till = TillInMemory()
    till.add(MILK)
    (requested,) = till.card(129)
    assert requested == CardPaymentRequested(
        sale=till.cart.sale, payment=till.payment, amount_minor=129, terminal="terminal-1"
    )
    assert till.cart.state is TillState.PAYING
    assert till.do(CancelCard(command_id="command-x")) == ()
    completed = till.approve("4242", "Example")[-1]
    assert isinstance(completed, SaleCompleted)
    assert completed.receipt == "till-1-000001"
    assert completed.jobs == ("receipt",)
    assert completed.change_minor == completed.rounding_minor == 0


def test_the_payment_is_named_by_the_command() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(29)
    first = till.payment
    till.decline()
    till.card(29)
    assert first.startswith("command-")
    assert till.payment != first


def test_card_and_cash_together_open_the_drawer() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.cash(100)
    till.card(29)
    completed = till.approve()[-1]
    assert isinstance(completed, SaleCompleted)
    assert completed.jobs == ("receipt", "drawer")


def test_a_declined_card_leaves_the_sale_open_and_changeable() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    till.decline()
    assert till.cart.state is TillState.OPEN
    assert till.cart.due_minor == 129
    till.void("1")
    assert complete_if_covered(till.cart, till="till-1", receipts=0) == ()


def test_an_unknown_payment_found_charged_completes_the_sale_once() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    till.lose()
    assert till.cart.state is TillState.IN_DOUBT
    assert complete_if_covered(till.cart, till="till-1", receipts=0) == ()
    till.approve()
    assert till.cart.state is TillState.DONE
    assert complete_if_covered(till.cart, till="till-1", receipts=1) == ()


def test_an_unknown_payment_found_not_charged_leaves_the_sale_open() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    till.lose()
    till.decline()
    assert till.cart.state is TillState.OPEN
    assert [tender.state for tender in till.cart.tenders] == ["declined"]


def test_part_by_card_is_not_enough_to_complete() -> None:
    till = TillInMemory()
    card_charged(till)
    assert till.cart.state is TillState.OPEN
    assert till.cart.due_minor == 100


@pytest.mark.parametrize("voids", [(), ("1",)])
def test_an_untouched_or_empty_sale_is_not_covered(voids: tuple[str, ...]) -> None:
    till = TillInMemory()
    till.add(FREE)
    for line_id in voids:
        till.void(line_id)
    assert complete_if_covered(till.cart, till="till-1", receipts=0) == ()
    assert complete_if_covered(EMPTY, till="till-1", receipts=0) == ()


def test_a_sale_that_costs_nothing_is_completed_by_cash_that_all_goes_back() -> None:
    till = TillInMemory()
    till.add(FREE)
    completed = till.cash(500)[-1]
    assert isinstance(completed, SaleCompleted)
    assert (completed.total_minor, completed.change_minor) == (0, 500)
    assert completed.taxes == ()


def test_too_many_payments_lock_nobody_in() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(1)
    till.approve()
    for _ in range(TENDERS_PER_SALE_MAX - 1):
        till.card(128)
        till.decline()
    with pytest.raises(Refused, match="at most"):
        till.card(128)
    with pytest.raises(Refused, match="at most"):
        till.cash(127)
    till.cash(128)
    assert till.cart.state is TillState.DONE


@pytest.mark.parametrize(("given", "rounding", "change"), [(129, 0, 0), (130, 1, 0), (200, 1, 70)])
def test_cash_is_rounded_to_the_smallest_coin(given: int, rounding: int, change: int) -> None:
    till = TillInMemory(shop(cash_step_minor=5))
    till.add(MILK)
    completed = till.cash(given)[-1]
    assert isinstance(completed, SaleCompleted)
    assert (completed.rounding_minor, completed.change_minor) == (rounding, change)
    assert completed.total_minor == 129


def test_cash_short_of_the_rounded_amount_does_not_complete() -> None:
    till = TillInMemory(shop(cash_step_minor=5))
    till.add(MILK)
    assert len(till.cash(128)) == 1
    assert till.cart.due_minor == 1
    # one cent left: no coin for it, so any cash closes and comes back whole
    completed = till.cash(5)[-1]
    assert isinstance(completed, SaleCompleted)
    assert (completed.rounding_minor, completed.change_minor) == (-1, 5)


# --- the sale ----------------------------------------------------------------------------


def test_abandoning_gives_the_cash_back_and_clears_the_till() -> None:
    till = TillInMemory()
    part_paid(till)
    sale = till.cart.sale
    assert till.abandon("changed their mind") == (
        SaleAbandoned(sale=sale, reason="changed their mind", returned_minor=5),
    )
    assert till.cart == EMPTY


def test_a_declined_card_does_not_hinder_abandoning() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    till.decline()
    till.abandon()
    assert till.cart == EMPTY


@pytest.mark.parametrize("before", [idle, done])
def test_the_next_sale_clears_the_screen_without_an_event(before: Story) -> None:
    till = TillInMemory()
    before(till)
    assert decide(till.cart, NextSale(command_id="command-x"), till.reference, AT_TILL) == ()
    till.next_sale()
    assert till.cart == EMPTY


def test_a_scan_after_a_finished_sale_begins_the_next() -> None:
    till = TillInMemory()
    done(till)
    first = till.cart
    till.add(MILK)
    assert till.cart.sale != first.sale
    assert [line.line_id for line in till.cart.lines] == ["1"]
    assert till.cart.tenders == ()
    completed = till.cash(129)[-1]
    assert isinstance(completed, SaleCompleted)
    assert completed.receipt == "till-1-000002"


def test_receipt_numbers_grow_past_their_padding() -> None:
    assert receipt_number("till-1", 42) == "till-1-000042"
    assert receipt_number("till-1", 1_000_000) == "till-1-1000000"


def test_the_terminal_that_charges_more_than_asked_owes_change() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    requested = till.history[-1][0]
    assert isinstance(requested, CardPaymentRequested)
    paid = apply(till.cart, approved_for(till, 150), till.now_ms)
    (completed,) = complete_if_covered(paid, till="till-1", receipts=0)
    assert isinstance(completed, SaleCompleted)
    assert completed.change_minor == 21


def approved_for(till: TillInMemory, amount_minor: int) -> CardPaymentApproved:
    return CardPaymentApproved(sale=till.cart.sale, payment=till.payment, amount_minor=amount_minor)
