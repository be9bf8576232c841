"""Laws that hold whatever a till is told, in whatever order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from edge.contract.card_refund_events import CardRefundRequested
from edge.contract.device_messages import ALREADY_REVERSED
from edge.contract.errors import Refused
from edge.contract.event_registry import Event, decode_data
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
)
from edge.contract.money import Rounding, divide
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentUnknown,
)
from edge.contract.promotion_data import (
    BasketAmountOff,
    Bundle,
    BundlePart,
    BuyGet,
    FixedPrice,
    PercentOff,
    Promotion,
    Selection,
)
from edge.contract.reference_data import Tips
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import (
    LineAdded,
    LineVoided,
    ReceiptPrinted,
    SaleAbandoned,
    SaleCompleted,
)
from edge.contract.system_events import BoxStarted
from edge.contract.till_commands import CancelCard, OtherTender
from edge.contract.till_protocol import TillState
from edge.contract.tip_events import TipReturned
from edge.contract.wire import encode
from edge.engine.cart import EMPTY
from edge.engine.cart_changes import apply, replay
from edge.engine.originals import tender_rests
from edge.engine.tax import RateSum, tax_total
from edge.engine.tendering import cash_due, settle_in_cash
from tests.engine.shop_in_memory import (
    BEER,
    CAKE_2_50,
    CHEESE_3_49,
    CHEESE_742_G,
    CHEESE_PLU,
    DEAR,
    DEPOSIT,
    FREE,
    FRUIT,
    MILK,
    ROLL,
    SOAP,
    SPIRITS,
    TIPS,
    UNKNOWN,
    WATER,
    shop,
)
from tests.engine.till_in_memory import TillInMemory

CODES = (
    ROLL, MILK, SOAP, FREE, DEAR, CHEESE_PLU, CHEESE_742_G, CHEESE_3_49, CAKE_2_50, UNKNOWN, "?",
    BEER, SPIRITS, WATER, DEPOSIT,
)  # fmt: skip
SOUND_CODES = (ROLL, MILK, SOAP, CHEESE_PLU, WATER)
CASH_STEPS = (0, 5, 10)
PROMOTIONS = (
    Promotion("rolls", "3 for 2", BuyGet(2, 1, Selection(skus=("R1",)))),
    Promotion("milk", "2 milk", Bundle(199, (BundlePart(2, Selection(skus=("M1",))),))),
    Promotion("cheese", "Cheese", FixedPrice(1_499, Selection(skus=("C1",))), limit=2),
    Promotion("all", "A third", PercentOff(333_333), priority=5, combines=True),
    Promotion("basket", "Every 3.00", BasketAmountOff(50, 300, every=True), combines=True),
)


selling = precondition(lambda self: self.till.cart.state is TillState.OPEN)
weighing = precondition(lambda self: self.till.cart.weighing is not None)
charging = precondition(lambda self: self.till.cart.open_payment is not None)


class TillMachine(RuleBasedStateMachine):
    """A cashier who presses anything at any time, and a terminal that answers anything."""

    @initialize(
        included=st.booleans(),
        step=st.sampled_from(CASH_STEPS),
        promotions=st.lists(st.sampled_from(PROMOTIONS), unique=True),
        tips=st.sampled_from([TIPS, TIPS, None]),
    )
    def open_shop(
        self, included: bool, step: int, promotions: list[Promotion], tips: Tips | None
    ) -> None:
        self.step = step
        self.till = TillInMemory(
            shop(included=included, cash_step_minor=step, promotions=tuple(promotions), tips=tips)
        )
        self.till.role = "supervisor"
        self.charged: dict[str, int] = {}

    def attempt(self, wish: Any, *arguments: Any) -> tuple[Event, ...]:
        before = self.till.cart, len(self.till.history), self.till.receipts
        try:
            events: tuple[Event, ...] = wish(*arguments)
        except Refused:
            assert (self.till.cart, len(self.till.history), self.till.receipts) == before
            return ()
        for event in events:
            if isinstance(event, SaleCompleted):
                self.check_completed(event)
            if isinstance(event, SaleAbandoned):
                assert event.returned_minor == before[0].cash_minor
                assert before[0].charged_minor == 0
                assert before[0].card_refund_minor == 0
        return events

    def check_completed(self, event: SaleCompleted) -> None:
        cart = self.till.cart
        live = sum(line.net_minor for line in cart.lines)
        moved = {"taken", "approved", "returned"}
        tendered = sum(t.amount_minor for t in cart.tenders if t.state in moved)
        assert tendered == cart.tendered_minor
        assert event.tip_minor == cart.tip_minor
        paid = event.total_minor + event.tip_minor + event.rounding_minor
        assert tendered - event.change_minor == paid
        assert sum(tax.gross_minor for tax in event.taxes) == event.total_minor
        assert all(tax.net_minor + tax.tax_minor == tax.gross_minor for tax in event.taxes)
        as_priced = (tax.gross_minor if cart.prices_include_tax else tax.net_minor
                     for tax in event.taxes)  # fmt: skip
        assert sum(as_priced) == live
        assert event.change_minor >= 0
        assert abs(event.rounding_minor) <= self.step // 2
        assert self.till.receipts == int(event.receipt.rpartition("-")[2])
        assert sum(self.charged.values()) == cart.card_minor
        ages = [line.minimum_age for line in cart.lines if not line.voided]
        assert ages or cart.tips_back
        assert max(ages, default=0) <= cart.age_checked
        self.charged.clear()

    @rule(code=st.sampled_from(SOUND_CODES), pieces=st.integers(1, 4))
    def ring_up(self, code: str, pieces: int) -> None:
        self.attempt(self.till.add, code, pieces * 1000)

    @rule(code=st.sampled_from([WATER, DEPOSIT, ROLL]), pieces=st.integers(1, 9))
    def take_empties_back(self, code: str, pieces: int) -> None:
        self.attempt(self.till.empties, code, pieces * 1000)

    @invariant()
    def deposits_follow_their_goods(self) -> None:
        live = {line.line_id: line for line in self.till.cart.lines if not line.voided}
        bound = [line for line in live.values() if line.deposit_of]
        assert all(live[each.deposit_of].quantity == each.quantity for each in bound)
        goods = {line.line_id for line in live.values() if line.sku == "W1" and not line.back}
        assert {each.deposit_of for each in bound} == goods
        assert all(line.reduced_minor == 0 for line in live.values() if line.deposit)

    @rule(code=st.sampled_from([FRUIT, FRUIT, ROLL]), price=st.sampled_from([0, 1, 45, 250]),
          pieces=st.integers(1, 3))  # fmt: skip
    def sell_at_a_typed_price(self, code: str, price: int, pieces: int) -> None:
        self.attempt(self.till.add_open, code, price, pieces * 1000)

    @selling
    @rule(age=st.sampled_from([16, 18]), old=st.booleans())
    def answer_about_the_age(self, age: int, old: bool) -> None:
        self.attempt(self.till.old_enough if old else self.till.too_young, age)

    @rule(code=st.sampled_from(CODES), quantity=st.sampled_from([1000, 9000, 742, 0]))
    def scan_anything(self, code: str, quantity: int) -> None:
        self.attempt(self.till.add, code, quantity)

    @selling
    @rule(number=st.integers(1, 6), reason=st.sampled_from(["", "dropped", "4" + "1" * 15]))
    def void(self, number: int, reason: str) -> None:
        self.attempt(self.till.void, str(number), reason)

    @selling
    @rule(number=st.integers(1, 6), quantity=st.sampled_from([1000, 3000, 250]))
    def set_quantity(self, number: int, quantity: int) -> None:
        self.attempt(self.till.set_quantity, str(number), quantity)

    @selling
    @rule(number=st.integers(0, 4), ppm=st.sampled_from([0, 0, 1, 333_333, 1_000_000]),
          minor=st.sampled_from([0, 0, 1, 45, 2_000]))  # fmt: skip
    def give_discount(self, number: int, ppm: int, minor: int) -> None:
        line = str(number) if number else None
        _ = self.attempt(lambda: self.till.discount(line, ppm=ppm, minor=minor))

    @selling
    @rule(number=st.integers(1, 3))
    def take_discount_back(self, number: int) -> None:
        self.attempt(self.till.take_back, str(number))

    @selling
    @rule(number=st.integers(1, 4), price=st.sampled_from([0, 45, 100, 1_890]))
    def override(self, number: int, price: int) -> None:
        self.attempt(self.till.override, str(number), price)

    @rule(code=st.sampled_from([CHEESE_PLU, CHEESE_PLU, ROLL, UNKNOWN]),
          tare=st.sampled_from([0, 0, 10]), shown=st.sampled_from([0, 742]))  # fmt: skip
    def weigh(self, code: str, tare: int, shown: int) -> None:
        self.attempt(self.till.weigh, code, tare, shown)

    @weighing
    @rule(grams=st.sampled_from([742, 742, 500, 10, 0, 99_999]))
    def the_scale_answers(self, grams: int) -> None:
        before = self.till.cart
        for event in self.attempt(self.till.scale_says, grams):
            if isinstance(event, LineAdded):
                assert before.weighing is not None
                assert event.quantity + before.weighing.tare_g == grams
                assert before.weighing.shown_g in {0, grams}

    @weighing
    @rule()
    def the_scale_gives_up(self) -> None:
        self.attempt(self.till.scale_fails)

    @selling
    @rule(over=st.sampled_from([0, 1, -1, -2, -40, 4, 500]))
    def about_the_right_cash(self, over: int) -> None:
        self.attempt(self.till.cash, self.till.cart.due_minor + over)

    @selling
    @rule(over=st.sampled_from([0, 0, 0, 1, -1, -50]))
    def card(self, over: int) -> None:
        events = self.attempt(self.till.card, self.till.cart.due_minor + over)
        assert all(isinstance(event, CardPaymentRequested) for event in events)

    @selling
    @rule(kind=st.sampled_from(list(OtherTender)), over=st.sampled_from([0, 0, 1, -1, -60]))
    def other_tender(self, kind: OtherTender, over: int) -> None:
        self.attempt(self.till.tender, kind, self.till.cart.due_minor + over)

    @precondition(lambda self: bool(self.till.books.sold))
    @rule(data=st.data(), number=st.integers(1, 4), pieces=st.sampled_from([1, 1, 2, 3]))
    def bring_back(self, data: st.DataObject, number: int, pieces: int) -> None:
        receipt = data.draw(st.sampled_from(sorted(self.till.books.sold)))
        before = self.till.cart
        for event in self.attempt(self.till.bring_back, receipt, str(number), pieces * 1000):
            if isinstance(event, LineReturned) and before.state is TillState.OPEN:
                assert self.till.cart.total_minor == before.total_minor - event.gross_minor
                assert self.till.cart.reductions == before.reductions

    @rule(code=st.sampled_from([ROLL, SOAP, UNKNOWN]), pieces=st.integers(1, 3))
    def bring_back_without_receipt(self, code: str, pieces: int) -> None:
        self.attempt(self.till.bring_back_without, code, pieces * 1000)

    @selling
    @rule(less=st.sampled_from([0, 0, 1, -1, -2, 2, 40]))
    def about_the_right_refund(self, less: int) -> None:
        self.attempt(self.till.give, self.till.cart.refund_due_minor - less)

    @selling
    @rule(kind=st.sampled_from(list(OtherTender)), less=st.sampled_from([0, 1, -1, 40]))
    def refund_on_another_tender(self, kind: OtherTender, less: int) -> None:
        self.attempt(self.till.give_on, kind, self.till.cart.refund_due_minor - less)

    @selling
    @rule(data=st.data(), less=st.sampled_from([0, 0, 0, 1, -1, 40, 90]))
    def refund_by_card(self, data: st.DataObject, less: int) -> None:
        cards = {each.tender_id for sale in self.till.books.sold.values() for each in sale.tenders}
        self.till.reversible = data.draw(st.sampled_from(["", *sorted(cards)]))
        for event in self.attempt(self.till.refund, self.till.cart.refund_due_minor - less):
            assert isinstance(event, CardRefundRequested)
            assert event.reverses in {"", self.till.reversible}
            assert not event.reverses or event.reverses == event.parts[0].original_tender

    @selling
    @rule(amount=st.sampled_from([0, 0, 1, 40, 250, 2_001, -1, AMOUNT_MINOR_MAX]))
    def tip(self, amount: int) -> None:
        before = self.till.cart
        if self.attempt(self.till.tip, amount):
            cart = self.till.cart
            assert (cart.tip_minor, cart.total_minor) == (amount, before.total_minor)
            assert cart.tips_back == ()
            assert cart.taxes == before.taxes
            assert cart.reductions == before.reductions
            assert cart.tenders == before.tenders
            assert not cart.tendered_minor or cart.payable_minor >= cart.tendered_minor

    @precondition(lambda self: bool(self.till.books.sold))
    @rule(data=st.data())
    def give_a_tip_back(self, data: st.DataObject) -> None:
        sold = self.till.books.sold
        tipped = sorted(each for each, cart in sold.items() if cart.tip_minor) or sorted(sold)
        receipt = data.draw(st.sampled_from(tipped))
        for event in self.attempt(self.till.tip_back, receipt):
            if isinstance(event, TipReturned):
                assert event.amount_minor == sold[receipt].tip_minor > 0
                assert self.till.cart.tip_minor < 0

    @selling
    @rule()
    def settle(self) -> None:
        due = self.till.cart.due_minor + self.till.cart.refund_due_minor
        if self.attempt(self.till.settle):
            assert due <= self.step // 2

    @selling
    @rule(currency=st.sampled_from(["USD", "JPY", "GBP"]), amount=st.sampled_from([1, 100, 5_000]))
    def foreign_cash(self, currency: str, amount: int) -> None:
        self.attempt(self.till.foreign, currency, amount)

    @rule(data=st.data(), amount=st.integers(-1, 3_000) | st.just(AMOUNT_MINOR_MAX))
    def press_anything(self, data: st.DataObject, amount: int) -> None:
        till = self.till
        wish, *arguments = data.draw(
            st.sampled_from(
                [
                    (till.void, "1"),
                    (till.set_quantity, "1", 2000),
                    (till.cash, amount),
                    (till.card, amount),
                    (till.do, CancelCard(command_id="command-cancel")),
                    (till.abandon,),
                    (till.next_sale,),
                ]
            )
        )
        self.attempt(wish, *arguments)

    @charging
    @rule(less=st.sampled_from([0, 0, 0, 1, 30]))
    def approve(self, less: int) -> None:
        asked = self.till.cart.open_payment
        assert asked is not None
        amount = asked.amount_minor
        if amount < -less:  # a terminal may give less back than it was asked for
            amount += less
        self.charged[asked.tender_id] = amount
        self.attempt(lambda: self.till.approve(amount_minor=abs(amount)))

    @charging
    @rule(code=st.sampled_from(["", "6D", ALREADY_REVERSED]))
    def decline(self, code: str) -> None:
        self.till.decline(code)

    @charging
    @rule()
    def lose(self) -> None:
        self.till.lose()

    @selling
    @rule()
    def void_everything(self) -> None:
        for line in self.till.cart.lines:
            self.attempt(self.till.void, line.line_id)
        cart = self.till.cart
        if cart.state is TillState.OPEN and not cart.tendered_minor:
            assert cart.total_minor == 0
            assert cart.live_lines == 0
            assert cart.taxes == ()

    @invariant()
    def the_cart_adds_up(self) -> None:
        cart = self.till.cart
        live = [line for line in cart.lines if not line.voided]
        assert cart.live_lines == len(live)
        assert all(line.amount_minor == 0 for line in cart.lines if line.voided)
        sold = [line for line in live if line.back is None]
        back = [line for line in live if line.back is not None]
        assert sum(each.amount_minor for each in cart.rate_sums) == sum(
            line.net_minor for line in sold
        )
        assert all(0 <= line.net_minor <= line.amount_minor for line in sold)
        assert all(line.net_minor == line.amount_minor <= 0 for line in back)
        assert cart.returned_minor == sum(line.back.gross_minor for line in back if line.back)
        assert cart.returned_minor == sum(each.gross_minor for each in cart.returned)
        assert sum(line.reduced_minor for line in live) == sum(
            reduction.amount_minor for reduction in cart.reductions
        )
        assert cart.total_minor == sum(tax.gross_minor for tax in cart.taxes)
        assert cart.total_minor + cart.returned_minor >= 0
        assert cart.due_minor >= 0 <= cart.refund_due_minor
        assert cart.due_minor == 0 or cart.refund_due_minor == 0
        taken = [t for t in cart.tenders if t.state in {"taken", "returned"}]
        signs = {t.amount_minor > 0 for t in cart.tenders if t.state != "declined"}
        assert len(signs) < 2
        assert (False not in signs) or cart.payable_minor < 0
        assert cart.cash_minor == sum(t.amount_minor for t in taken if t.kind == "cash")
        assert cart.other_minor == sum(t.amount_minor for t in taken if t.kind != "cash")
        assert cart.card_minor == sum(t.amount_minor for t in cart.tenders if t.state == "approved")
        assert len({line.line_id for line in cart.lines}) == len(cart.lines)
        assert len({tender.tender_id for tender in cart.tenders}) == len(cart.tenders)

    @invariant()
    def an_open_sale_is_not_covered(self) -> None:
        cart = self.till.cart
        if cart.state is TillState.OPEN and cart.tendered_minor:
            assert cart.due_minor if cart.payable_minor > 0 else cart.refund_due_minor

    @invariant()
    def a_tip_is_for_what_is_sold(self) -> None:
        cart = self.till.cart
        tips = self.till.reference.store.tips
        assert cart.tip_minor <= 0 or tips is not None
        assert min(0, cart.tip_minor) == -sum(each.amount_minor for each in cart.tips_back)
        if cart.tip_minor > 0 and cart.tenders:
            assert cart.total_minor >= 0
            assert any(line.back is None and not line.voided for line in cart.lines)

    @invariant()
    def nothing_comes_back_that_was_not_sold(self) -> None:
        for receipt in self.till.books.sold:
            original = self.till.books.original(receipt)
            for line in original.lines:
                assert 0 <= original.returned(line.line_id) <= line.quantity
            back = sum(each.gross_minor for each in original.returns)
            total = original.cart.total_minor + original.cart.returned_minor
            assert back <= total
            carts = {each.sale: each for each in (*self.till.books.sold.values(), self.till.cart)}
            tips = [
                each.amount_minor
                for cart in carts.values()
                for each in cart.tips_back
                if each.original_sale == original.cart.sale
            ]
            assert tips in ([], [original.cart.tip_minor])
            assert all(each.refunded_minor <= each.paid_minor for each in tender_rests(original))

    @invariant()
    def the_scale_is_asked_only_about_an_open_sale(self) -> None:
        assert self.till.cart.weighing is None or self.till.cart.state is TillState.OPEN

    @invariant()
    def the_state_says_what_the_card_does(self) -> None:
        cart = self.till.cart
        states = {tender.state for tender in cart.tenders}
        assert (cart.state is TillState.PAYING) == ("asked" in states)
        assert (cart.state is TillState.IN_DOUBT) == ("unknown" in states)

    @invariant()
    def the_events_alone_give_the_same_cart(self) -> None:
        if self.till.cart == EMPTY:
            return
        assert replay(self.till.history) == self.till.cart

    def teardown(self) -> None:
        # and so do their bytes
        if not hasattr(self, "till") or self.till.cart == EMPTY:
            return
        read = [
            (decode_data(event.TYPE, event.VERSION, encode(event)), at)
            for event, at in self.till.history
        ]
        assert replay([(event, at) for event, at in read if event]) == self.till.cart


TillMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestTill = TillMachine.TestCase


# --- tax and cash by themselves ------------------------------------------------------------


@given(amount=st.integers(0, AMOUNT_MINOR_MAX), rate=st.integers(0, 1_000_000), inc=st.booleans())
def test_net_and_tax_make_gross_and_the_rate_is_kept(amount: int, rate: int, inc: bool) -> None:
    total = tax_total(RateSum("any", rate, amount), included=inc)
    assert total.net_minor + total.tax_minor == total.gross_minor
    assert (total.gross_minor if inc else total.net_minor) == amount
    assert 0 <= total.tax_minor <= total.gross_minor
    # within half a unit of the exact tax, computed the other way round
    if inc:
        exact_times, over = amount * rate, 1_000_000 + rate
    else:
        exact_times, over = amount * rate, 1_000_000
    assert abs(2 * (total.tax_minor * over - exact_times)) <= over


def test_the_worked_tax_example() -> None:
    lines = RateSum("standard", 210_000, 7 * 99)
    included = tax_total(lines, included=True)
    assert (included.net_minor, included.tax_minor, included.gross_minor) == (573, 120, 693)
    excluded = tax_total(lines, included=False)
    assert (excluded.net_minor, excluded.tax_minor, excluded.gross_minor) == (693, 146, 839)
    assert 7 * divide(99 * 21, 121, Rounding.HALF_UP) == 119
    assert 7 * divide(99 * 21, 100, Rounding.HALF_UP) == 147


def test_a_tax_tie_goes_up() -> None:
    assert tax_total(RateSum("any", 100_000, 5), included=False).tax_minor == 1
    assert tax_total(RateSum("any", 1_000_000, 1), included=True).tax_minor == 1


@given(
    due=st.integers(0, AMOUNT_MINOR_MAX),
    given_minor=st.integers(1, AMOUNT_MINOR_MAX),
    step=st.sampled_from([0, 1, 5, 10, 50, 100]),
)
def test_cash_settles_exactly_or_not_at_all(due: int, given_minor: int, step: int) -> None:
    settled = settle_in_cash(due, given_minor, step)
    if settled is None:
        assert given_minor < due
        assert given_minor < cash_due(due, step)
        return
    assert given_minor - settled.change_minor == due + settled.rounding_minor
    assert settled.change_minor >= 0
    assert abs(settled.rounding_minor) <= step // 2


@pytest.mark.parametrize(
    ("due", "step", "in_coins"),
    [(234, 5, 235), (232, 5, 230), (233, 5, 235), (235, 10, 240), (234, 10, 230), (2, 5, 0),
     (234, 0, 234), (234, 1, 234), (0, 5, 0)],
)  # fmt: skip
def test_cash_due_is_a_multiple_of_the_smallest_coin(due: int, step: int, in_coins: int) -> None:
    assert cash_due(due, step) == in_coins


def test_the_worked_cash_example() -> None:
    settled = settle_in_cash(1_234 - 1_000, 500, 5)
    assert settled is not None
    assert (settled.change_minor, settled.rounding_minor) == (265, 1)
    exact = settle_in_cash(234, 234, 5)
    assert exact is not None
    assert (exact.change_minor, exact.rounding_minor) == (0, 0)


# --- events that are not the cart's --------------------------------------------------------


def test_events_of_other_things_and_other_sales_leave_the_cart_alone() -> None:
    till = TillInMemory()
    till.add(MILK)
    cart = till.cart
    strangers: tuple[Event, ...] = (
        BoxStarted(version="1", sqlite="3", clean=True),
        ReceiptPrinted(sale=cart.sale, evidence="confirmed"),
        SaleAbandoned(sale="another-sale"),
        till.history[-1][0].__class__(  # the same line, of another sale
            **{f: getattr(till.history[-1][0], f) for f in LineAdded.__struct_fields__}
            | {"sale": "another-sale"}
        ),
    )
    for stranger in strangers:
        assert apply(cart, stranger, 1) is cart


def test_events_about_lines_and_payments_that_are_not_there_change_nothing() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.void("1")
    till.add(MILK)
    till.cash(29)
    cart = till.cart
    for stranger in (
        LineVoided(sale=cart.sale, line="9"),
        LineVoided(sale=cart.sale, line="1"),
        CardPaymentDeclined(sale=cart.sale, payment="nobody", reason="Declined."),
        CardPaymentUnknown(sale=cart.sale, payment="nobody", reason="No answer."),
    ):
        assert apply(cart, stranger, 1) is cart


def test_doubt_weighs_more_than_waiting_and_waiting_more_than_an_answer() -> None:
    # the rules ask for one payment at a time; events are believed all the same
    till = TillInMemory()
    till.add(MILK)
    sale = till.cart.sale
    for payment in ("payment-1", "payment-2"):
        till.take(
            CardPaymentRequested(sale=sale, payment=payment, amount_minor=50, terminal="terminal-1")
        )
    till.take(CardPaymentUnknown(sale=sale, payment="payment-2", reason="No answer."))
    assert till.cart.state is TillState.IN_DOUBT
    till.take(CardPaymentApproved(sale=sale, payment="payment-2", amount_minor=50))
    assert till.cart.state is TillState.PAYING
    till.take(CardPaymentDeclined(sale=sale, payment="payment-1", reason="Declined."))
    assert till.cart.state is TillState.OPEN
    assert till.cart.due_minor == 79


def test_the_cart_shows_lines_tenders_and_taxes_as_the_till_protocol_says() -> None:
    till = TillInMemory()
    till.add(SOAP, 7_000)
    till.add(ROLL)
    till.void("2")
    till.card(93)
    till.approve("4242", "Example")
    cart = till.cart
    assert [line.view().amount_minor for line in cart.lines] == [693, 0]
    view = cart.lines[1].view()
    assert (view.line_id, view.name, view.quantity, view.price_minor) == (
        "2",
        "Bread roll",
        1000,
        45,
    )
    assert (view.sku, view.unit, view.tax, view.voided, view.entry) == (
        "R1", "piece", "reduced", True, "keyed",
    )  # fmt: skip
    (tender,) = (each.view() for each in cart.tenders)
    assert (tender.kind, tender.amount_minor, tender.state) == ("card", 93, "approved")
    assert (tender.tender_id, tender.last4, tender.scheme) == (
        cart.tenders[0].tender_id, "4242", "Example",
    )  # fmt: skip
    assert [encode(tax) for tax in cart.tax_views] == [encode(tax) for tax in cart.taxes]
