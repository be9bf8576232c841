"""Holes that a mutation run found in the tests of the rules, closed by their meaning."""

from __future__ import annotations

import msgspec
import pytest

from edge.contract.coupon_data import Coupon, UsedCoupon
from edge.contract.customer_data import Customer
from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    LINES_PER_SALE_MAX,
    TENDERS_PER_SALE_MAX,
)
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentUnknown,
)
from edge.contract.promotion_data import Promotion
from edge.contract.reference_data import Article, GroupBook, Price, StoreProfile, TaxRule, Urgent
from edge.contract.sale_events import CashTendered, LineAdded, SaleOpened
from edge.contract.till_commands import Abandon, AddItem, PayByCard, SetQuantity, TakeCash, VoidLine
from edge.engine.cart import CARD, EMPTY, Cart
from edge.engine.cart_changes import replay
from edge.engine.circumstances import Circumstances
from edge.engine.receipt_words import language_of
from edge.engine.sale_rules import decide
from edge.engine.tax import add_to_rate

GIVEN = Circumstances("till-1", 0, "new-sale", terminal="terminal-1")
STORE = StoreProfile(
    name="Shop", currency="EUR", time_zone="UTC", taxes=(TaxRule("A", "a", 70_000),)
)


class OneArticle:
    """A shop with one article, sold by SKU and by a GTIN."""

    def __init__(self, price_minor: int = 100) -> None:
        self.store = STORE
        self._article = Article("1000", "Thing", "A", ("9520000000011",))
        self._price = Price("1000", price_minor)

    def by_gtin(self, gtin: str) -> Article | None:
        return self._article if gtin.endswith("9520000000011") else None

    def by_sku(self, sku: str) -> Article | None:
        return self._article if sku in {"1000", "9520000000011"} else None

    def by_plu(self, _: str) -> Article | None:
        return None

    def price(self, _: str, __: int) -> Price | None:
        return self._price

    @property
    def has_promotions(self) -> bool:
        return False

    def promotions_for(self, _: object) -> tuple[Promotion, ...]:
        return ()

    def customer(self, _: str) -> Customer | None:
        return None

    def customer_by_card(self, _: str) -> Customer | None:
        return None

    def coupon(self, _: str) -> Coupon | None:
        return None

    def used_coupon(self, _: str) -> UsedCoupon | None:
        return None

    def urgent(self, _: str) -> Urgent | None:
        return None

    def price_book(self, _: int) -> str:
        return ""

    def group_books(self, _: str, __: int) -> tuple[GroupBook, ...]:
        return ()

    def price_in(self, _: str, __: str) -> Price | None:
        return None

    def tax(self, _: str) -> TaxRule | None:
        return self.store.taxes[0]


def line(number: int, *, amount: int = 100, tax: str = "A", rate: int = 70_000) -> LineAdded:
    return LineAdded(
        sale="s",
        line=str(number),
        sku="1000",
        name="Thing",
        quantity=1000,
        price_minor=amount,
        amount_minor=amount,
        tax=tax,
        rate_ppm=rate,
    )


def cart_of(*events: object) -> Cart:
    opened = SaleOpened(sale="s", currency="EUR")
    return replay((event, 7) for event in (opened, *events))  # type: ignore[misc]


ASKED = CardPaymentRequested(sale="s", payment="p", amount_minor=100, terminal="t")


def test_a_card_payment_keeps_what_the_terminal_said() -> None:
    asked = cart_of(line(1), ASKED)
    assert (asked.tenders[0].kind, asked.opened_at) == (CARD, 7)
    approved = CardPaymentApproved(
        sale="s",
        payment="p",
        amount_minor=100,
        last4="1881",
        scheme="Debit",
        authorisation="a-1",
        terminal_id="t-1",
        receipt="r-1",
        trace="n-1",
    )
    tender = cart_of(line(1), ASKED, approved).tenders[0]
    assert (tender.authorisation, tender.terminal_id, tender.receipt, tender.trace) == (
        "a-1",
        "t-1",
        "r-1",
        "n-1",
    )
    assert tender.words == ""
    for event in (
        CardPaymentDeclined(sale="s", payment="p", reason="expired"),
        CardPaymentUnknown(sale="s", payment="p", reason="expired"),
    ):
        changed = cart_of(line(1), ASKED, event).tenders[0]
        assert changed.words == changed.view().words == "expired"


def test_one_rate_under_two_names_and_one_name_with_two_rates_stay_apart() -> None:
    sums = add_to_rate((), "A", 70_000, 100)
    for tax, rate in (("B", 70_000), ("A", 190_000)):
        assert len(add_to_rate(sums, tax, rate, 100)) == 2
    assert len(add_to_rate(sums, "A", 70_000, 100)) == 1


def test_the_largest_sale_is_allowed_and_a_cent_more_is_not() -> None:
    almost = cart_of(line(1, amount=AMOUNT_MINOR_MAX - 100))
    command = AddItem(command_id="command-1", code="1000")
    (added,) = decide(almost, command, OneArticle(), GIVEN)
    assert isinstance(added, LineAdded)
    with pytest.raises(Refused) as refusal:
        decide(almost, command, OneArticle(101), GIVEN)
    assert refusal.value.code == "total_too_large"


def test_refusals_have_their_names_and_their_amounts() -> None:
    full = cart_of(*(line(number) for number in range(1, LINES_PER_SALE_MAX + 1)))
    parts = [CashTendered(sale="s", tender=str(n), amount_minor=1) for n in range(1, 21)]
    paid = cart_of(line(1), *parts[:TENDERS_PER_SALE_MAX])
    approved = CardPaymentApproved(sale="s", payment="p", amount_minor=60)
    charged = cart_of(line(1), ASKED, approved)
    no_terminal = Circumstances("till-1", 0, "new-sale")
    cases = [
        (
            full,
            AddItem(command_id="command-1", code="1000"),
            GIVEN,
            "too_many_lines",
            {"limit": "500"},
        ),
        (
            paid,
            TakeCash(command_id="command-1", amount_minor=1),
            GIVEN,
            "too_many_tenders",
            {"limit": "20"},
        ),
        (
            cart_of(line(1)),
            PayByCard(command_id="command-1", amount_minor=1),
            no_terminal,
            "no_terminal",
            {},
        ),
        (
            cart_of(line(1)),
            PayByCard(command_id="command-1", amount_minor=101),
            GIVEN,
            "card_over_due",
            {"due": "1.00"},
        ),
        (charged, Abandon(command_id="command-1"), GIVEN, "card_was_charged", {"charged": "0.60"}),
        (
            cart_of(line(1)),
            VoidLine(command_id="command-1", line_id="1", reason="4111 1111 1111 1111"),
            GIVEN,
            "looks_like_card_number",
            {"field": "reason"},
        ),
        (
            cart_of(line(1)),
            Abandon(command_id="command-1", reason="4111 1111 1111 1111"),
            GIVEN,
            "looks_like_card_number",
            {"field": "reason"},
        ),
    ]
    for cart, command, given, code, params in cases:
        with pytest.raises(Refused) as refusal:
            decide(cart, command, OneArticle(), given)  # type: ignore[arg-type]
        assert refusal.value.code == code
        assert refusal.value.params == params
        assert refusal.value.message.endswith(".")


def test_what_the_scanner_says_of_the_symbol_decides() -> None:
    # thirteen digits in a Code 128 are no EAN: the shop's own number, not a GTIN
    scanned = Circumstances("till-1", 0, "new-sale", entry="scanned", aim="]E0")
    events = decide(
        EMPTY, AddItem(command_id="command-1", code="9520000000011"), OneArticle(), scanned
    )
    assert isinstance(events[1], LineAdded)
    with pytest.raises(Refused):
        decide(EMPTY, AddItem(command_id="command-1", code="9520000000012"), OneArticle(), scanned)


@pytest.mark.parametrize(("wanted", "found"), [("en", "en"), ("en-GB", "en"), ("xx-en", "en")])
def test_a_language_is_found_by_its_first_part(wanted: str, found: str) -> None:
    assert language_of(wanted) == found


def test_the_scanners_symbology_reaches_the_meaning_of_the_code() -> None:
    misread = AddItem(command_id="c", code="9520000000012")
    for aim, refused in (("", "check_digit"), ("]E0", "check_digit"), ("]C0", "unknown_code")):
        given = Circumstances("till-1", 0, "new-sale", aim=aim)
        with pytest.raises(Refused) as caught:
            decide(EMPTY, misread, OneArticle(), given)
        assert caught.value.code == refused, aim


def test_only_blanks_around_a_code_are_taken_off() -> None:
    decide(EMPTY, AddItem(command_id="c", code=" 1000\r\n"), OneArticle(), GIVEN)
    with pytest.raises(Refused) as caught:
        decide(EMPTY, AddItem(command_id="c", code="\x0b1000"), OneArticle(), GIVEN)
    assert caught.value.code == "code_control_characters"


def test_a_changed_weight_is_still_a_weight() -> None:
    weighed = msgspec.structs.replace(line(1), unit="kg", quantity=742)
    cart = cart_of(weighed)
    _, added = decide(
        cart, SetQuantity(command_id="c", line_id="1", quantity=500), OneArticle(), GIVEN
    )
    assert isinstance(added, LineAdded)
    assert (added.unit, added.quantity) == ("kg", 500)
