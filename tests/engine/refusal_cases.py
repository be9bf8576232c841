"""What a till may not do in a sale: the code of the refusal, the till before it, and the wish."""

from __future__ import annotations

from typing import Final

from edge.contract.limits import AMOUNT_MINOR_MAX
from edge.contract.receipt_code import code_text
from edge.contract.till_commands import OtherTender
from tests.engine.desk_stories import DESK_REFUSALS
from tests.engine.shop_in_memory import (
    BEER,
    CHEESE_742_G,
    CHEESE_PLU,
    DEAR,
    MILK,
    ROLL,
    UNKNOWN,
    UNPRICED,
    UNTAXED,
    coded,
)
from tests.engine.till_stories import (
    Story,
    back_at_another_till,
    back_in_doubt,
    back_on_the_card,
    back_to_the_card,
    both_came_back,
    by_a_technician,
    cancel,
    card_charged,
    card_comes_back,
    comes_back_without_terminal,
    coupon_at_another_till,
    coupon_held_somewhere,
    coupon_in_sale,
    coupon_parked,
    coupon_was_used,
    crowded,
    done,
    idle,
    in_doubt,
    long_sale,
    many_coupons,
    nearly_paid_for_less,
    often_discounted,
    often_paid,
    on_the_scale,
    one_comes_back,
    open_sale,
    part_paid,
    part_refunded,
    paying,
    refunded_on_a_card,
    sold_two,
    spirits_and_beer,
    voided,
    weighed_by_label,
    weighed_here,
    with_a_tare,
    without_drawer,
    without_printer,
    without_scale,
    without_terminal,
)

SOLD: Final = "till-1-000001"
CODE_OF_TOMORROW: Final = code_text(bytes(64), b"\x02")
"""A signed code in a form that comes after those of today."""
PAN: Final = "4111 1111 1111 1111"
"""The test number of a card scheme: no reason and no note may hold such a one."""
REFUSALS: Final[list[tuple[str, Story, Story]]] = [
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
    ("code_empty", idle, lambda till: till.add(" ")),
    ("too_many_lines", long_sale, lambda till: till.add(ROLL)),
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
    ("looks_like_card_number", open_sale, lambda till: till.void("1", PAN)),
    # ages
    ("age_unchecked", spirits_and_beer, lambda till: till.cash(5_000)),
    ("age_unchecked", spirits_and_beer, lambda till: till.card(1_618)),
    ("age_unchecked", spirits_and_beer, lambda till: till.settle()),
    ("no_age_asked", open_sale, lambda till: till.old_enough(16)),
    ("no_age_asked", open_sale, lambda till: till.too_young(16)),
    ("no_age_asked", spirits_and_beer, lambda till: till.too_young(21)),
    ("no_sale_open", idle, lambda till: till.old_enough(16)),
    ("age_after_money", part_paid, lambda till: till.add(BEER)),
    ("too_young", spirits_and_beer, lambda till: till.old_enough(18, "2008-11-27")),
    ("birth_date_unlikely", spirits_and_beer, lambda till: till.old_enough(18, "2026-11-27")),
    ("birth_date_unlikely", spirits_and_beer, lambda till: till.old_enough(18, "1895-12-31")),
    ("birth_date_unlikely", spirits_and_beer, lambda till: till.old_enough(18, "2001-02-29")),
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
    # set aside and taken up again
    ("nothing_to_park", voided, lambda till: till.park()),
    ("tendered_already", part_paid, lambda till: till.park()),
    ("card_payment_running", paying, lambda till: till.park()),
    ("no_sale_open", idle, lambda till: till.park()),
    ("sale_is_done", done, lambda till: till.park()),
    ("too_many_parked", crowded, lambda till: till.park()),
    ("looks_like_card_number", open_sale, lambda till: till.park(PAN)),
    ("sale_still_open", open_sale, lambda till: till.resume()),
    ("not_parked", idle, lambda till: till.resume()),
    # by hand
    ("no_drawer", without_drawer, lambda till: till.drawer()),
    ("payment_in_doubt", in_doubt, lambda till: till.drawer()),
    ("looks_like_card_number", open_sale, lambda till: till.drawer(PAN)),
    ("needs_approval", open_sale, lambda till: till.drawer()),
    ("not_permitted", by_a_technician, lambda till: till.drawer()),
    ("unknown_line", open_sale, lambda till: till.note("seeds", "7")),
    ("unknown_line", voided, lambda till: till.note("seeds", "1")),
    ("looks_like_card_number", open_sale, lambda till: till.note(PAN)),
    ("price_out_of_range", open_sale, lambda till: till.override("1", -1)),
    ("needs_approval", open_sale, lambda till: till.override("1", 40)),
    ("looks_like_card_number", open_sale, lambda till: till.override("1", 1, PAN)),
    ("discount_part_or_amount", open_sale, lambda till: till.discount()),
    ("discount_out_of_range", open_sale, lambda till: till.discount(ppm=1_000_001)),
    ("discount_over_price", open_sale, lambda till: till.discount(minor=46)),
    ("discount_over_price", open_sale, lambda till: till.discount("1", minor=46)),
    ("needs_approval", open_sale, lambda till: till.discount(ppm=100_000)),
    ("looks_like_card_number", open_sale, lambda till: till.discount(ppm=1, reason=PAN)),
    ("too_many_discounts", often_discounted, lambda till: till.discount(minor=1)),
    ("unknown_discount", open_sale, lambda till: till.take_back("4")),
    # tenders beside cash and card
    ("tender_over_due", open_sale, lambda till: till.tender(OtherTender.VOUCHER, 46)),
    ("no_reference", open_sale, lambda till: till.tender(OtherTender.VOUCHER, 45, " ")),
    ("looks_like_card_number", open_sale, lambda till: till.tender(OtherTender.VOUCHER, 45, PAN)),
    ("needs_approval", open_sale, lambda till: till.tender(OtherTender.GIFT_CARD, 45)),
    ("currency_not_taken", open_sale, lambda till: till.foreign("CHF", 100)),
    ("amount_not_positive", open_sale, lambda till: till.foreign("USD", 0)),
    ("amount_too_large", open_sale, lambda till: till.foreign("USD", AMOUNT_MINOR_MAX + 1)),
    ("rate_changed", open_sale, lambda till: till.foreign("USD", 100, shown=86)),
    ("no_terminal", without_terminal, lambda till: till.card(45)),
    ("too_many_tenders", often_paid, lambda till: till.cash(1)),
    ("paid_already", nearly_paid_for_less, lambda till: till.add(MILK)),
    # goods that come back
    ("unknown_receipt", idle, lambda till: till.bring_back("till-9-000001")),
    ("unknown_line", sold_two, lambda till: till.bring_back("till-1-000001", "7")),
    ("more_than_returnable", one_comes_back, lambda till: till.bring_back(SOLD, "1", 2_000)),
    ("returned_already", both_came_back, lambda till: till.bring_back(SOLD)),
    ("was_a_return", both_came_back, lambda till: till.bring_back("till-1-000002")),
    ("other_till_returns_it", back_at_another_till, lambda till: till.bring_back(SOLD)),
    ("line_is_a_return", one_comes_back, lambda till: till.set_quantity("1", 2_000)),
    ("looks_like_card_number", sold_two, lambda till: till.bring_back(SOLD, reason=PAN)),
    ("needs_approval", idle, lambda till: till.bring_back_without(ROLL)),
    # money that goes back
    ("money_goes_back", one_comes_back, lambda till: till.cash(45)),
    ("no_refund_due", open_sale, lambda till: till.give(45)),
    ("refund_over_due", one_comes_back, lambda till: till.give(46)),
    ("refunded_already", part_refunded, lambda till: till.add(ROLL)),
    ("refunded_already", part_refunded, lambda till: till.park()),
    ("card_was_refunded", refunded_on_a_card, lambda till: till.abandon()),
    ("refund_over_card", card_comes_back, lambda till: till.refund(129)),
    ("refund_over_due", card_comes_back, lambda till: till.refund(130)),
    ("no_refund_due", open_sale, lambda till: till.refund(45)),
    ("no_terminal_to_refund", comes_back_without_terminal, lambda till: till.refund(100)),
    ("card_was_refunded", back_on_the_card, lambda till: till.abandon()),
    ("refunded_already", back_on_the_card, lambda till: till.void("1")),
    ("refunded_already", back_on_the_card, lambda till: till.park()),
    *(
        (code, before, wish)
        for code, before in (
            ("card_refund_running", back_to_the_card),
            ("refund_in_doubt", back_in_doubt),
        )
        for wish in (
            lambda till: till.add(ROLL),
            lambda till: till.void("1"),
            lambda till: till.bring_back(SOLD),
            lambda till: till.give(1),
            lambda till: till.refund(1),
            lambda till: till.give_on(OtherTender.VOUCHER, 1),
            lambda till: till.settle(),
            lambda till: till.abandon(),
            lambda till: till.next_sale(),
            lambda till: till.drawer(),
        )
    ),
    ("refund_in_doubt", back_in_doubt, cancel),
    ("card_refund_running", back_to_the_card, lambda till: till.park()),
    ("not_even", one_comes_back, lambda till: till.settle()),
    ("not_even", open_sale, lambda till: till.settle()),
    # printed again
    *(
        refusal
        for again in (lambda till: till.copy(SOLD), lambda till: till.gift(SOLD))
        for refusal in (
            ("unknown_receipt", idle, again),
            ("sale_still_open", open_sale, again),
            ("sale_still_open", paying, again),
            ("no_printer", without_printer, again),
        )
    ),
    ("unknown_receipt", open_sale, lambda till: till.copy("till-1-000002")),
    ("receipt_of_other_store", done, lambda till: till.copy(f"TILLBOX1|{SOLD}|another|45|EUR")),
    ("receipt_code_damaged", done, lambda till: till.copy("TILLBOX2:0")),
    ("receipt_code_newer", done, lambda till: till.copy(CODE_OF_TOMORROW)),
    ("nothing_to_give", both_came_back, lambda till: till.gift("till-1-000002")),
    # coupons
    ("unknown_coupon", open_sale, lambda till: till.coupon("WELCOME-99")),
    ("looks_like_card_number", open_sale, lambda till: till.coupon(PAN)),
    ("coupon_expired", open_sale, lambda till: till.coupon("OLD-ONE")),
    ("coupon_not_yet", open_sale, lambda till: till.coupon("TOMORROW")),
    ("coupon_not_now", open_sale, lambda till: till.coupon("SUNDAYS")),
    ("coupon_in_sale_already", coupon_in_sale, lambda till: till.add("welcome-17")),
    ("coupon_of_same_kind", coupon_in_sale, lambda till: till.coupon("WELCOME-18")),
    ("too_many_coupons", many_coupons, lambda till: till.coupon("WELCOME-17")),
    ("coupon_used", coupon_was_used, lambda till: till.coupon("WELCOME-17")),
    ("coupon_used_elsewhere", open_sale, lambda till: till.coupon("WINTER-GONE")),
    ("coupon_held", coupon_held_somewhere, lambda till: till.coupon("WELCOME-17")),
    ("coupon_held_at_till", coupon_at_another_till, lambda till: till.coupon("WELCOME-17")),
    ("coupon_held_parked", coupon_parked, lambda till: till.coupon("WELCOME-17")),
    ("tendered_already", part_paid, lambda till: till.coupon("WELCOME-17")),
    ("coupon_not_in_sale", open_sale, lambda till: till.take_coupon_out("WELCOME-17")),
    ("no_sale_open", idle, lambda till: till.take_coupon_out("WELCOME-17")),
    ("sale_is_done", coupon_was_used, lambda till: till.take_coupon_out("WELCOME-17")),
    # the scale
    ("no_scale", without_scale, lambda till: till.weigh(CHEESE_PLU)),
    ("not_sold_by_weight", open_sale, lambda till: till.weigh(ROLL)),
    ("label_has_its_quantity", open_sale, lambda till: till.weigh(CHEESE_742_G)),
    ("weighing_running", on_the_scale, lambda till: till.park()),
    ("weighed_on_scale", weighed_here, lambda till: till.set_quantity("1", 500)),
    ("scale_empty", on_the_scale, lambda till: till.scale_says(0)),
    ("weight_changed", on_the_scale, lambda till: till.scale_says(743)),
    ("tare_too_large", with_a_tare, lambda till: till.scale_says(20)),
    # the desk of cards in doubt
    *DESK_REFUSALS,
]
