"""Gift cards, points, accounts, vouchers, other terminals' cards, and cash of other currencies."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
)
from edge.contract.payment_events import ForeignCashTendered, TenderTaken
from edge.contract.permissions import Permission
from edge.contract.receipt_document import RowBlock, TextBlock
from edge.contract.reference_data import ForeignCash
from edge.contract.sale_events import SaleCompleted
from edge.contract.till_commands import OtherTender
from edge.contract.till_protocol import TillState
from edge.engine.circumstances import Approval
from edge.engine.other_tenders import worth_of
from edge.engine.receipt_layout import lay_out_receipt
from edge.engine.receipt_words import WORDS, tender_word
from tests.engine.shop_in_memory import MILK, shop
from tests.engine.till_in_memory import TillInMemory

UNCHECKED = (OtherTender.GIFT_CARD, OtherTender.POINTS, OtherTender.HOUSE_ACCOUNT)


def selling(**settings: Any) -> TillInMemory:
    till = TillInMemory(shop(**settings))
    till.role = "supervisor"
    till.add(MILK)
    return till


def refusal(wish: Any, *arguments: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        wish(*arguments)
    return caught.value


@pytest.mark.parametrize("kind", OtherTender)
def test_what_covers_the_rest_completes_the_sale_without_the_drawer(kind: OtherTender) -> None:
    till = selling()
    taken, completed = till.tender(kind, 129, " A-17 ")
    assert taken == TenderTaken(
        sale=till.cart.sale, tender="1", kind=kind, amount_minor=129, reference="A-17"
    )
    assert isinstance(completed, SaleCompleted)
    assert (completed.jobs, completed.change_minor) == (("receipt",), 0)
    view = till.cart.tenders[0].view()
    assert (view.kind, view.state, view.reference) == (kind, "taken", "A-17")


def test_a_part_leaves_the_rest_to_be_paid() -> None:
    till = selling()
    (taken,) = till.tender(OtherTender.VOUCHER, 100)
    assert isinstance(taken, TenderTaken)
    assert (till.cart.due_minor, till.cart.tendered_minor) == (29, 100)
    completed = till.cash(50)[-1]
    assert isinstance(completed, SaleCompleted)
    assert (completed.change_minor, completed.jobs) == (21, ("receipt", "drawer"))


@pytest.mark.parametrize("kind", OtherTender)
def test_what_nobody_can_check_a_second_person_allows(kind: OtherTender) -> None:
    till = selling()
    till.role = "cashier"
    if kind not in UNCHECKED:
        assert till.tender(kind, 10)
        return
    refused = refusal(till.tender, kind, 10)
    assert (refused.code, refused.params) == ("needs_approval", {"permission": "unchecked_tender"})
    till.approval = Approval(Permission.UNCHECKED_TENDER, "pawel")
    (taken,) = till.tender(kind, 10)
    assert isinstance(taken, TenderTaken)
    assert taken.approver == "pawel"


@pytest.mark.parametrize(
    ("amount", "reference", "code"),
    [
        (130, "A-17", "tender_over_due"),
        (0, "A-17", "amount_not_positive"),
        (AMOUNT_MINOR_MAX + 1, "A-17", "amount_too_large"),
        (10, "  ", "no_reference"),
        (10, "4" + "1" * 15, "looks_like_card_number"),
    ],
)
def test_what_is_no_tender(amount: int, reference: str, code: str) -> None:
    till = selling()
    assert refusal(till.tender, OtherTender.VOUCHER, amount, reference).code == code
    assert till.cart.tenders == ()


def test_nothing_is_paid_for_no_sale_and_there_is_an_end_of_parts() -> None:
    assert refusal(TillInMemory().tender, OtherTender.VOUCHER, 1).code == "no_sale_open"
    assert refusal(TillInMemory().foreign, "USD", 1).code == "no_sale_open"
    till = selling()
    for _ in range(20):
        till.tender(OtherTender.VOUCHER, 1)
    assert refusal(till.tender, OtherTender.VOUCHER, 1).code == "too_many_tenders"
    assert refusal(till.foreign, "USD", 1).code == "amount_not_positive"  # worth nothing


def test_a_card_charged_elsewhere_is_not_dropped_and_a_voucher_is() -> None:
    till = selling()
    till.tender(OtherTender.MANUAL_CARD, 100)
    refused = refusal(till.abandon)
    assert (refused.code, refused.params) == ("card_was_charged", {"charged": "1.00"})
    other = selling()
    other.tender(OtherTender.VOUCHER, 100)
    (abandoned,) = other.abandon()
    assert abandoned.returned_minor == 0  # type: ignore[attr-defined] # it is a SaleAbandoned


def test_foreign_notes_count_at_the_rate_and_change_is_our_own() -> None:
    till = selling()
    tendered, completed = till.foreign("USD", 500)
    assert tendered == ForeignCashTendered(
        sale=till.cart.sale, tender="1", currency="USD", foreign_minor=500, rate_ppm=850_000,
        amount_minor=425,
    )  # fmt: skip
    assert isinstance(completed, SaleCompleted)
    assert (completed.change_minor, completed.jobs) == (296, ("receipt", "drawer"))
    assert till.cart.tenders[0].view().reference == "USD 5.00"


def test_notes_are_taken_at_the_worth_that_the_screen_showed_or_not_at_all() -> None:
    till = selling()
    refused = refusal(till.foreign, "USD", 100, 86)
    assert refused.code == "rate_changed"
    assert refused.params == {"shown": "0.86", "now": "0.85"}
    assert till.cart.tenders == ()
    (tendered,) = till.foreign("USD", 100, 85)
    assert isinstance(tendered, ForeignCashTendered)
    assert tendered.amount_minor == 85


def test_foreign_cash_in_part_with_rounding_of_the_rest() -> None:
    till = selling(cash_step_minor=5)
    (tendered,) = till.foreign("JPY", 100)
    assert isinstance(tendered, ForeignCashTendered)
    assert (tendered.amount_minor, till.cart.due_minor) == (61, 68)
    completed = till.cash(100)[-1]
    assert isinstance(completed, SaleCompleted)
    assert (completed.change_minor, completed.rounding_minor) == (30, 2)
    assert till.cart.tenders[0].view().reference == "JPY 100"


@pytest.mark.parametrize(
    ("foreign", "rate", "currency", "worth"),
    [
        (500, ForeignCash("USD", 850_000), "EUR", 425),
        (1, ForeignCash("USD", 999_999), "EUR", 0),
        (100, ForeignCash("JPY", 6_100), "EUR", 61),
        (1_000, ForeignCash("EUR", 163_500_000), "JPY", 1_635),
        (1_000, ForeignCash("KWD", 3_000_000), "EUR", 300),
    ],
)
def test_worth_between_currencies_of_other_digits(
    foreign: int, rate: ForeignCash, currency: str, worth: int
) -> None:
    found = worth_of(foreign, rate, currency)
    assert isinstance(found, int)  # money is never a floating-point number
    assert found == worth


def test_a_currency_that_is_not_taken_is_refused() -> None:
    till = selling()
    refused = refusal(till.foreign, "GBP", 500)
    assert (refused.code, refused.params) == ("currency_not_taken", {"currency": "GBP"})
    assert refusal(till.foreign, "USD", 0).code == "amount_not_positive"


def test_the_receipt_names_every_tender() -> None:
    till = selling()
    till.tender(OtherTender.GIFT_CARD, 29, "GC-0042")
    till.foreign("USD", 200)
    assert till.cart.state is TillState.DONE
    document = lay_out_receipt(
        till.cart, till.reference.store, till="Till 1", cashier="", zone=ZoneInfo("UTC")
    )
    rows = {b.start: b.end for b in document.blocks if isinstance(b, RowBlock)}
    assert (rows["Gift card"], rows["Cash USD 2.00"]) == ("0.29", "1.70")
    assert TextBlock("  GC-0042") in document.blocks
    for words in WORDS.values():
        assert len({tender_word(words, kind) for kind in OtherTender}) == len(OtherTender)
