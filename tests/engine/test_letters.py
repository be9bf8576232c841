"""Receipts by e-mail: of what, to what addresses, and with nothing of these in the chain."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.errors import Refused
from edge.contract.limits import (
    EMAIL_CHARS_MAX,
    LETTERS_PER_SALE_MAX,
)
from edge.contract.receipt_events import ReceiptEmailRequested
from edge.contract.receipt_letter import address_seal, masked
from edge.contract.wire import encode
from edge.engine.letter_rules import checked_address
from edge.engine.receipt_layout import email_mark, qr_text
from edge.engine.receipt_words import WORDS
from tests.engine.refusal_cases import SOLD
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import both_came_back, done, in_doubt, sold_two

ANNA = "anna@example.org"
LABEL = "a" * 63


def asked(till: TillInMemory, receipt: str = SOLD, address: str = ANNA) -> ReceiptEmailRequested:
    (event,) = till.email(receipt, address)
    assert isinstance(event, ReceiptEmailRequested)
    return event


def test_letters_of_a_sale_are_numbered_and_hold_the_seal_of_the_address_alone() -> None:
    till = TillInMemory()
    both_came_back(till)
    before = till.cart
    first, second = asked(till), asked(till, address=f" {ANNA} ")
    assert (first.sale, first.receipt) == (till.books.sold[SOLD].sale, SOLD)
    assert (first.letter, second.letter) == (1, 2)
    assert first.ref != second.ref
    assert first.address_seal == second.address_seal == address_seal("salt", ANNA)
    assert b"anna" not in encode(first)
    assert b"example" not in encode(first)
    assert asked(till, "till-1-000002").letter == 1  # a refund has a receipt too
    assert till.cart == before


def test_a_past_receipt_is_sent_by_its_code_and_in_the_middle_of_a_sale() -> None:
    till = TillInMemory()
    sold_two(till)
    assert asked(till, qr_text(till.books.sold[SOLD])).receipt == SOLD
    other = TillInMemory()
    done(other)
    other.next_sale()
    in_doubt(other)
    assert asked(other).receipt == SOLD


def test_it_needs_no_printer_and_ends_at_the_limit() -> None:
    till = TillInMemory()
    till.has_printer = False
    sold_two(till)
    for letter in range(1, LETTERS_PER_SALE_MAX + 1):
        assert asked(till).letter == letter
    with pytest.raises(Refused) as refused:
        till.email(SOLD)
    assert refused.value.code == "too_many_letters"


@pytest.mark.parametrize(
    "address",
    [
        ANNA,
        "a@b.co",
        "anna.maria+receipts@mail.example.org",
        "o'hara_{x}!#$%&'*/=?^`|~-@example.org",
        "anna@xn--bcher-kva.example",
        "4111@4.example",
        f"{'a' * 64}@{LABEL}.{LABEL}.{'b' * 58}.eu",
    ],
)
def test_addresses_that_mail_servers_take(address: str) -> None:
    assert len(address) <= EMAIL_CHARS_MAX
    assert checked_address(f"  {address}\t") == address


@pytest.mark.parametrize(
    "address",
    [
        "", " ", "@", "anna", "anna@", "@example.org", "anna@example", "anna@@example.org",
        "anna@b@example.org", "an na@example.org", "anna@exa mple.org", ".anna@example.org",
        "anna.@example.org", "an..na@example.org", "anna@.example.org", "anna@example..org",
        "anna@example.org.", "anna@-example.org", "anna@example-.org", "anna@10.0.0.1",
        "anna@[10.0.0.1]", '"anna"@example.org', "anna@example.org\r\nBcc: x@example.org",
        "anna@example.org\n", "an\x00na@example.org", "Anna <anna@example.org>",
        "anna@example.org,bert@example.org", "jos\u00e9@example.org", "anna@b\u00fccher.example",
        "anna\u202e@example.org", f"{'a' * 65}@example.org", f"anna@{'a' * 64}.org",
        f"{'a' * 64}@{LABEL}.{LABEL}.{'b' * 59}.eu",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_repeating_it(address: str) -> None:
    if address == "anna@example.org\n":
        assert checked_address(address) == ANNA  # the blanks around it are nobody's
        return
    with pytest.raises(Refused) as refused:
        checked_address(address)
    assert refused.value.code == "address_malformed"
    said = f"{refused.value}".replace("name@example.org", "").replace("one @", "")
    assert not address.strip() or address not in said
    assert refused.value.params == {}


def test_a_card_number_is_no_address() -> None:
    with pytest.raises(Refused) as refused:
        checked_address("4111111111111111@example.org")
    assert refused.value.code == "looks_like_card_number"
    assert refused.value.params == {"field": "address"}


@given(st.text(max_size=300))
def test_whatever_is_typed_what_is_taken_cannot_break_out_of_a_header(text: str) -> None:
    try:
        address = checked_address(text)
    except Refused:
        return
    assert re.fullmatch(r"[!-~]+", address)
    assert address.count("@") == 1
    assert not set(address) & set('<>,;:"()[]\\')


@given(st.emails())
def test_what_is_taken_is_taken_again_as_it_is(address: str) -> None:
    try:
        taken = checked_address(address)
    except Refused:
        return
    assert checked_address(taken) == taken == address


def test_another_salt_is_another_seal() -> None:
    assert address_seal("a", ANNA) != address_seal("b", ANNA)
    assert len(address_seal("a", ANNA)) == 64


@pytest.mark.parametrize(
    ("address", "shown"), [(ANNA, "a…@example.org"), ("nothing", "…"), ("", "…")]
)
def test_an_address_is_shown_masked(address: str, shown: str) -> None:
    assert masked(address) == shown


def test_every_language_marks_what_goes_out_by_e_mail() -> None:
    marks = {email_mark(language).text for language in WORDS}
    assert len(marks) == len(WORDS)
    assert email_mark("xx") == email_mark("en")
    for language, words in WORDS.items():
        assert words.by_email in msgspec.structs.asdict(email_mark(language))["text"]
