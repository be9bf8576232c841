"""What a till may not do in a sale is refused in words, and nothing happens."""

from __future__ import annotations

import string

import pytest

from edge.contract.errors import Refused
from edge.contract.limits import AMOUNT_MINOR_MAX
from tests.engine.shop_in_memory import (
    CHEESE_742_G,
    DEAR,
    ROLL,
    UNKNOWN,
    UNPRICED,
    UNTAXED,
    coded,
)
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import (
    Story,
    cancel,
    card_charged,
    done,
    idle,
    in_doubt,
    open_sale,
    part_paid,
    paying,
    voided,
    weighed_by_label,
)

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
