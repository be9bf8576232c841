"""Holes that a mutation run found in the tests of cards in doubt, deposits, open prices, ages."""

from __future__ import annotations

from dataclasses import replace as replaced
from datetime import UTC
from typing import Any

import pytest
from msgspec.structs import replace

from edge.contract.age_events import AgeRefused
from edge.contract.card_desk_events import CardRefundResolved
from edge.contract.coupon_data import Coupon
from edge.contract.customer_data import Customer
from edge.contract.errors import Refused
from edge.contract.limits import (
    COUPON_CHARS_MAX,
)
from edge.contract.permissions import Permission
from edge.contract.receipt_document import Align, Emphasis, TextBlock
from edge.contract.reference_data import Price
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import LineAdded, LineVoided, SaleCompleted, SaleOpened
from edge.contract.till_commands import AddItem, ReturnEmpties
from edge.engine.cart import APPROVED, ASKED, DECLINED, OTHER, UNKNOWN
from edge.engine.circumstances import Approval
from edge.engine.coupon_rules import coupon_asked
from edge.engine.customer_rules import customer_of_card
from edge.engine.promotions import Occasion
from edge.engine.receipt_coding import code_of
from edge.engine.receipt_layout import lay_out_receipt
from edge.engine.receipt_words import WORDS
from edge.engine.restored_originals import proved_sale_view
from edge.engine.tracking import expiry_of
from tests.engine.desk_stories import (
    PAN,
    another_taken_back,
    cannot_say,
    in_doubt,
    number_taken,
    reversal_declined,
    reversal_unknown,
    reversing,
    with_an_alarm,
)
from tests.engine.shop_in_memory import (
    BEER,
    CASE,
    FRUIT,
    MILK,
    ROLL,
    SPIRITS,
    WATER,
    ShopInMemory,
    coded,
    profile,
    shop,
)
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import Story, back_in_doubt

APPROVAL = Approval(Permission.RESOLVE_PAYMENT, "sofia")


def refused(before: Story, wish: Story) -> Refused:
    till = TillInMemory()
    before(till)
    with pytest.raises(Refused) as caught:
        wish(till)
    return caught.value


# --- a card in doubt --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "wish", "field"),
    [
        (in_doubt, lambda till: till.attach(receipt=PAN), "receipt"),
        (in_doubt, lambda till: till.attach(trace=PAN), "trace"),
        (in_doubt, lambda till: till.attach(terminal_id=PAN), "terminal_id"),
        (in_doubt, lambda till: till.attach(reason=PAN), "reason"),
        (cannot_say, lambda till: till.reverse(PAN), "receipt"),
        (cannot_say, lambda till: till.reverse(reason=PAN), "reason"),
        (with_an_alarm, lambda till: till.settle_alarm(PAN), "reason"),
    ],
)
def test_a_card_number_is_refused_with_the_field_it_stood_in(
    before: Story, wish: Story, field: str
) -> None:
    assert refused(before, wish).params == {"field": field}


def test_a_slip_of_another_payment_is_named() -> None:
    for wish in (lambda till: till.attach(), lambda till: till.reverse()):
        assert refused(number_taken, wish).params == {"number": "0042"}
    wrong = refused(in_doubt, lambda till: till.attach(amount_minor=44))
    assert wrong.params == {"asked": "0.45"}
    below = refused(in_doubt, lambda till: till.attach(amount_minor=-1))
    assert "The amount on the slip" in below.message


def test_one_unit_in_doubt_is_a_payment() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.card(1)
    till.lose()
    till.approval = APPROVAL
    till.attach()
    (tender,) = till.cart.tenders
    assert (tender.state, tender.amount_minor, tender.parts, tender.by_hand) == (
        APPROVED, 1, (), True,
    )  # fmt: skip
    assert tender.words == ""
    assert till.cart.due_minor == 44


def test_all_that_a_person_found_of_a_refund_stands_in_the_sale() -> None:
    till = TillInMemory()
    back_in_doubt(till)
    till.approval = APPROVAL
    asked = till.asked
    assert asked.doubtful_since == till.now_ms
    resolved, *_ = till.attach(trace=" 9 ", terminal_id=" T-1 ", reason=" seen ")
    assert resolved == CardRefundResolved(
        sale=till.cart.sale,
        refund=asked.tender_id,
        outcome=APPROVED,
        amount_minor=100,
        source="slip",
        reason="seen",
        parts=asked.parts,
        receipt="0042",
        terminal_id="T-1",
        trace="9",
        approver="sofia",
    )
    assert asked.parts
    assert till.cart.tenders == (
        replace(
            asked, state=APPROVED, words="", receipt="0042", terminal_id="T-1", trace="9",
            by_hand=True,
        ),
    )  # fmt: skip


def test_a_resolved_amount_is_the_one_that_the_event_says() -> None:
    till = TillInMemory()
    back_in_doubt(till)
    asked = till.asked
    till.take(
        CardRefundResolved(
            sale=till.cart.sale, refund=asked.tender_id, outcome=APPROVED, amount_minor=60,
            source="slip", reason="seen", parts=(),
        )
    )  # fmt: skip
    (tender,) = till.cart.tenders
    assert (tender.amount_minor, tender.parts) == (-60, ())


@pytest.mark.parametrize(
    ("story", "state", "words"),
    [
        (reversing, ASKED, ""),
        (reversal_declined, DECLINED, "It knows no such payment."),
        (reversal_unknown, UNKNOWN, "No answer."),
        (another_taken_back, OTHER, ""),
    ],
)
def test_a_reversal_stands_beside_its_payment(story: Story, state: str, words: str) -> None:
    till = TillInMemory()
    story(till)
    asked = till.asked
    assert asked.reversal.startswith("command-")
    assert (asked.reversal_state, asked.reversal_words) == (state, words)


# --- empties ----------------------------------------------------------------------------------


def test_all_that_is_said_of_an_empty() -> None:
    till = TillInMemory(shop(included=False))
    till.role = "supervisor"
    opened, returned = till.do(
        ReturnEmpties(command_id="c-1", code=WATER, quantity=2_000, sale_id="sale-of-the-till")
    )
    assert isinstance(opened, SaleOpened)
    assert opened.sale == "sale-of-the-till"
    article = till.reference.by_sku("P25")
    assert article is not None
    assert isinstance(returned, LineReturned)
    assert (returned.sku, returned.name, returned.quantity) == ("P25", article.name, 2_000)
    assert (returned.price_minor, returned.code, returned.deposit) == (25, WATER, True)
    assert (returned.tax, returned.net_minor) == (article.tax, 50)
    assert returned.gross_minor == returned.net_minor + returned.tax_minor


def test_empties_have_the_price_of_their_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    till = TillInMemory()
    asked: list[Any] = []
    known = type(till.reference).price
    monkeypatch.setattr(
        type(till.reference),
        "price",
        lambda self, sku, at_ms: (asked.append(at_ms), known(self, sku, at_ms))[1],
    )
    till.role = "supervisor"
    till.occasion = Occasion(77, 1, 600)
    till.empties(WATER)
    assert set(asked) == {77}


def test_all_that_is_said_of_the_deposit_of_goods() -> None:
    till = TillInMemory()
    till.entry = "scanned"
    *_, goods, deposit = till.add(WATER, 2_000)
    assert isinstance(goods, LineAdded)
    assert isinstance(deposit, LineAdded)
    assert (deposit.entry, deposit.code, deposit.deposit_of) == ("scanned", "P25", goods.line)
    assert isinstance(deposit.quantity, int)


def test_goods_and_their_deposit_have_the_price_of_their_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    till = TillInMemory()
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(
        type(till.reference),
        "price",
        lambda _, sku, at_ms: (asked.append((sku, at_ms)), Price(sku, 25))[1],
    )
    till.occasion = Occasion(77, 1, 600)
    till.add(WATER)
    assert asked == [("W1", 77), ("P25", 77)]


# --- prices that are typed ----------------------------------------------------------------------


def test_what_is_refused_of_a_typed_price_is_named() -> None:
    till = TillInMemory()
    for code, wish, params in (
        ("price_is_listed", lambda: till.add_open(ROLL, 100), {"name": "Bread roll"}),
        ("open_price_out_of_range", lambda: till.add_open(FRUIT, 10**12), {"most": "9999999.99"}),
        ("looks_like_card_number", lambda: till.add_open(FRUIT, 1, unknown=PAN), {"field": "code"}),
    ):
        with pytest.raises(Refused) as caught:
            wish()
        assert (caught.value.code, caught.value.params) == (code, params)


def test_an_unknown_price_label_is_kept_as_it_was_scanned() -> None:
    """It is one by the store's templates, in the store's currency; no card number."""
    till = TillInMemory()
    label = coded("22" + "09999" + "00250")
    *_, added = till.add_open(FRUIT, 250, unknown=label)
    assert isinstance(added, LineAdded)
    assert added.code == label


def test_a_case_counts_whole_pieces() -> None:
    *_, added = TillInMemory().add(CASE, 2_000)
    assert isinstance(added, LineAdded)
    assert isinstance(added.quantity, int)


# --- codes as long as they may be -----------------------------------------------------------------


def test_a_coupon_and_a_customer_s_card_may_have_forty_signs() -> None:
    long = "A" * COUPON_CHARS_MAX
    known = replaced(
        ShopInMemory(profile()),
        coupons=(Coupon(long, "c", "C"), Coupon(f"{long}A", "d", "D")),
        customers=(Customer("N-1", "Ana", (f"{long[1:]}B", f"{long}B")),),
    )
    add = AddItem(command_id="c", code=long, quantity=1_000)
    assert coupon_asked(add, known) == long
    assert coupon_asked(replace(add, code=f"{long}A"), known) == ""
    assert customer_of_card(f"{long[1:]}B", known) == known.customers[0]
    assert customer_of_card(f"{long}B", known) is None


# --- lines ------------------------------------------------------------------------------------


def test_a_counted_line_is_the_same_goods() -> None:
    till = TillInMemory()
    till.add(ROLL)
    voided, added = till.set_quantity("1", 3_000)
    assert isinstance(voided, LineVoided)
    assert isinstance(added, LineAdded)
    first, second = till.cart.lines
    assert (second.name, second.tax, second.rate_ppm) == (first.name, first.tax, first.rate_ppm)
    assert (added.name, added.tax) == (first.name, first.tax)


def test_who_was_old_enough_for_less_is_too_young_for_the_next_year_only() -> None:
    till = TillInMemory()
    till.add(BEER)
    till.old_enough(16)
    till.add(SPIRITS)
    refused, *gone = till.too_young(16)
    assert refused == AgeRefused(sale=till.cart.sale, minimum_age=17)
    assert [event.line for event in gone if isinstance(event, LineVoided)] == ["2"]


def test_forty_nine_years_back_are_back() -> None:
    assert expiry_of("500101", "2099-06-01") == "2050-01-01"


# --- the receipt ------------------------------------------------------------------------------


def test_a_code_says_all_of_its_sale() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.cash(200)
    code = code_of(till.cart, store=1, gen=1, seq=1, chain_hash=bytes(32))
    assert (code.currency, code.prices_include_tax) == (till.cart.currency, True)
    view = proved_sale_view(code, till.reference)
    assert (view.sale_id, view.completed_at, view.currency, view.total_minor) == (
        till.cart.sale, till.cart.completed_at, till.cart.currency, 129,
    )  # fmt: skip


def test_training_is_large_and_in_the_middle_of_its_paper() -> None:
    till = TillInMemory()
    till.training = True
    till.add(ROLL)
    till.card(45)
    completed = till.history[-1][0]
    assert isinstance(completed, SaleCompleted)
    assert completed.receipt == "till-1-000001"
    sale = replace(till.cart, sale="training-1")
    document = lay_out_receipt(sale, profile(), till="1", cashier="", zone=UTC)
    mark = TextBlock(WORDS[document.language].training, Align.CENTRE, Emphasis.LARGE)
    assert (document.blocks[0], document.blocks[-1]) == (mark, mark)
