"""Copies are numbered and say COPY; gift receipts say what was sold, and nowhere what it cost."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.receipt_document import Align, Emphasis, QrBlock, RowBlock, TextBlock
from edge.contract.receipt_events import GiftReceiptPrinted, ReceiptReprinted
from edge.engine.receipt_finding import receipt_asked
from edge.engine.receipt_layout import copy_mark, lay_out_gift_receipt, qr_text
from edge.engine.receipt_words import WORDS
from tests.engine.refusal_cases import SOLD
from tests.engine.shop_in_memory import CHEESE_3_49, CHEESE_742_G, MILK, ROLL, SMALL, SOAP, profile
from tests.engine.test_receipt_layout import LISBON, cash_sale, lay_out, printed, returning
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import both_came_back, done, in_doubt, sold_two


def gift(till: TillInMemory, receipt: str = SOLD) -> list[str]:
    cart = till.books.sold[receipt]
    return printed(lay_out_gift_receipt(cart, profile(), till="1", zone=LISBON))


def test_copies_and_gift_receipts_of_a_sale_are_numbered_each_by_themselves() -> None:
    till = TillInMemory()
    both_came_back(till)
    sale = till.books.sold[SOLD].sale
    before = till.cart
    assert till.copy(SOLD) == (ReceiptReprinted(sale=sale, receipt=SOLD, copy=1),)
    assert till.gift(SOLD) == (GiftReceiptPrinted(sale=sale, receipt=SOLD, copy=1),)
    assert till.copy(SOLD) == (ReceiptReprinted(sale=sale, receipt=SOLD, copy=2),)
    (other,) = till.copy("till-1-000002")
    assert other.copy == 1  # type: ignore[attr-defined] # it is a ReceiptReprinted
    assert till.cart == before


def test_the_code_of_a_receipt_names_it_as_its_number_does() -> None:
    till = TillInMemory()
    sold_two(till)
    cart = till.books.sold[SOLD]
    assert till.copy(f" {qr_text(cart)} ") == (
        ReceiptReprinted(sale=cart.sale, receipt=SOLD, copy=1),
    )


def test_a_past_receipt_is_copied_in_the_middle_of_a_sale_and_of_a_doubt() -> None:
    till = TillInMemory()
    done(till)
    till.next_sale()
    in_doubt(till)
    before = till.cart
    (event,) = till.copy(SOLD)
    assert event == ReceiptReprinted(sale=till.books.sold[SOLD].sale, receipt=SOLD, copy=1)
    assert till.cart == before


@pytest.mark.parametrize("language", list(WORDS))
def test_a_copy_is_the_receipt_between_two_marks_that_say_which_one_it_is(language: str) -> None:
    store = msgspec.structs.replace(profile(), receipt_language=language)
    cart = cash_sale()
    original = lay_out(cart, store)
    word = WORDS[language].copy
    for copy, text in (
        (1, f"*** {word} ***"),
        (2, f"*** {word} 2 ***"),
        (13, f"*** {word} 13 ***"),
    ):
        document = lay_out(cart, store, copy=copy)
        mark = TextBlock(text, Align.CENTRE, Emphasis.LARGE)
        assert document == msgspec.structs.replace(
            original, blocks=(mark, *original.blocks, mark), copy=copy
        )
        assert copy_mark(language, copy) == mark


def test_a_gift_receipt_whole() -> None:
    till = TillInMemory()
    till.now_ms = 1_795_000_000_000
    till.add(ROLL, 3_000)
    till.add(SOAP)
    till.void("2")
    till.add(CHEESE_742_G)
    till.add(CHEESE_3_49)
    till.add(MILK)
    till.note("only 0.45 each", "1")
    till.note("paid 22.65")
    till.cash(3_000)
    assert gift(till) == [
        "Harbour Street",
        "12 Harbour Street",
        "VAT no. PT 000",
        "--",
        "GIFT RECEIPT",
        f"Receipt|{SOLD}",
        "Date|2026-11-18 11:06",
        "Till|1",
        "--",
        "Bread roll|3",
        "Aged cheese|0.742\u00a0kg",
        "Aged cheese",  # a label with a price: nobody weighed it
        "Whole milk 1 l|1",
        "--",
        "--",
        "Thank you",
        "For exchange or return",
        f"TILLBOX1|{SOLD}|{till.cart.sale}",
    ]


def test_what_came_back_in_an_exchange_is_no_gift() -> None:
    till = returning()
    till.bring_back(SOLD, "1", 3_000)
    till.add(SOAP)
    till.add(SOAP)
    till.void("3")
    till.give(till.cart.refund_due_minor)
    texts = gift(till, "till-1-000002")
    goods = texts[texts.index("Till|1") + 2 : texts.index("Thank you") - 2]
    assert goods == ["Soap|1"]


@given(
    st.lists(
        st.tuples(st.sampled_from((ROLL, MILK, CHEESE_742_G, SMALL, SOAP)), st.integers(1, 9)),
        min_size=1,
        max_size=6,
    )
)
def test_a_gift_receipt_never_says_an_amount_and_its_code_finds_the_sale(
    goods: list[tuple[str, int]],
) -> None:
    till = TillInMemory()
    for code, pieces in goods:
        till.add(code, 1_000 if code == CHEESE_742_G else pieces * 1_000)
    till.cash(100_000)
    cart = till.cart
    document = lay_out_gift_receipt(cart, profile(), till="1", zone=LISBON)
    rows = [block for block in document.blocks if isinstance(block, RowBlock)]
    said = {row.end for row in rows[3:]}
    assert said <= {"0.742\u00a0kg", *(str(number) for number in range(1, 10))}
    (code,) = [block.data for block in document.blocks if isinstance(block, QrBlock)]
    assert receipt_asked(code) == (cart.receipt, cart.sale)
    assert code.count("|") == 2


def test_a_sale_that_is_not_complete_has_no_gift_receipt() -> None:
    till = TillInMemory()
    till.add(MILK)
    with pytest.raises(ValueError, match="not completed"):
        lay_out_gift_receipt(till.cart, profile(), till="1", zone=LISBON)
