"""Receipts say what was sold, paid and taxed, and nothing that was voided."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.contract.receipt_document import (
    Align,
    ColumnsBlock,
    Emphasis,
    QrBlock,
    ReceiptDocument,
    RowBlock,
    TextBlock,
)
from edge.contract.reference_data import StoreProfile
from edge.contract.till_commands import OtherTender
from edge.contract.wire import encode
from edge.engine.card_slips import CardSlip
from edge.engine.cart import Cart
from edge.engine.receipt_layout import format_rate, lay_out_receipt, qr_text
from edge.engine.receipt_words import WORDS, language_of
from tests.engine.shop_in_memory import (
    CAKE_2_50,
    CHEESE_3_49,
    CHEESE_742_G,
    MILK,
    ROLL,
    SOAP,
    profile,
    shop,
)
from tests.engine.till_in_memory import TillInMemory

LISBON = ZoneInfo("Europe/Lisbon")


def printed(document: ReceiptDocument) -> list[str]:
    """Return the words of a document, a line each, a bar between start and end."""
    texts = []
    for block in document.blocks:
        match block:
            case TextBlock(text):
                texts.append(text)
            case RowBlock(start, end):
                texts.append(f"{start}|{end}")
            case ColumnsBlock(cells):
                texts.append("|".join(cells))
            case QrBlock(data):
                texts.append(data)
            case _:
                texts.append("--")
    return texts


def lay_out(
    cart: Cart,
    store: StoreProfile | None = None,
    *,
    cashier: str = "Marta",
    copy: int = 0,
) -> ReceiptDocument:
    return lay_out_receipt(
        cart,
        store or profile(),
        till="till-1",
        cashier=cashier,
        zone=LISBON,
        copy=copy,
    )


def cash_sale() -> Cart:
    till = TillInMemory()
    till.now_ms = 1_795_000_000_000  # 2026-11-18 11:06:40 UTC
    till.add(ROLL, 3_000)
    till.add(MILK)
    till.add(SOAP)
    till.void("3")
    till.add(CHEESE_742_G)
    till.add(CHEESE_3_49)
    till.add(CAKE_2_50)
    till.cash(3_000)
    return till.cart


def test_a_receipt_of_a_cash_sale_whole() -> None:
    cart = cash_sale()
    assert printed(lay_out(cart)) == [
        "Harbour Street",
        "12 Harbour Street",
        "VAT no. PT 000",
        "--",
        "Receipt|till-1-000001",
        "Date|2026-11-18 11:06",
        "Till|till-1",
        "Served by|Marta",
        "--",
        "Bread roll|1.35",
        "  3 \u00d7 0.45",
        "Whole milk 1 l|1.29",
        "Aged cheese|14.02",
        "  0.742\u00a0kg \u00d7 18.90/kg",
        "Aged cheese|3.49",
        "Carrot cake|2.50",
        "--",
        "TOTAL EUR|22.65",
        "Cash|30.00",
        "Change|7.35",
        "--",
        "VAT %|Net|VAT|Gross",
        "5.5%|20.25|1.11|21.36",
        "0%|1.29|0.00|1.29",
        "--",
        "Thank you",
        f"TILLBOX1|till-1-000001|{cart.sale}|2265|EUR",
    ]


def test_the_total_and_the_shop_are_large() -> None:
    document = lay_out(cash_sale())
    large = [b for b in document.blocks if getattr(b, "emphasis", None) is Emphasis.LARGE]
    assert large == [
        TextBlock("Harbour Street", document.blocks[0].align, Emphasis.LARGE),  # type: ignore[union-attr]  # the first block is a text
        RowBlock("TOTAL EUR", "22.65", Emphasis.LARGE),
    ]
    assert document.title == "Receipt till-1-000001"
    assert document.copy == 0


def test_what_the_shop_says_is_centred_and_change_is_bold() -> None:
    document = lay_out(cash_sale())
    texts = {block.text: block.align for block in document.blocks if isinstance(block, TextBlock)}
    of_the_shop = ("Harbour Street", "12 Harbour Street", "VAT no. PT 000", "Thank you")
    assert {texts[text] for text in of_the_shop} == {Align.CENTRE}
    assert RowBlock("Change", "7.35", Emphasis.BOLD) in document.blocks


def test_a_receipt_is_no_copy_unless_it_is_said() -> None:
    document = lay_out_receipt(cash_sale(), profile(), till="till-1", cashier="", zone=UTC)
    assert document.copy == 0
    assert "COPY" not in printed(document)


def test_a_copy_says_so_at_top_and_bottom_and_is_the_same_otherwise() -> None:
    cart = cash_sale()
    original, copy = lay_out(cart), lay_out(cart, copy=2)
    assert printed(copy) == ["*** COPY 2 ***", *printed(original), "*** COPY 2 ***"]
    assert copy.blocks[0] == copy.blocks[-1]
    assert isinstance(copy.blocks[0], TextBlock)
    assert copy.blocks[0].emphasis is Emphasis.LARGE
    assert copy.copy == 2


def test_notes_stand_below_their_line_and_at_the_end_and_none_of_a_voided_line() -> None:
    till = TillInMemory()
    for code in (ROLL, MILK, SOAP):
        till.add(code)
    till.note("seeds", "1")
    till.note("never seen", "2")
    till.note("for the school")
    till.void("2")
    till.cash(1_000)
    texts = printed(lay_out(till.cart))
    assert texts[texts.index("Bread roll|0.45") + 1] == "  seeds"
    assert "never seen" not in " ".join(texts)
    assert texts.count("for the school") == 1
    assert texts.index("for the school") > texts.index("Change|8.56")


def test_prices_without_tax_are_added_up_before_the_taxes() -> None:
    till = TillInMemory(shop(included=False))
    till.add(SOAP, 7_000)
    till.cash(839)
    texts = printed(lay_out(till.cart, profile(included=False)))
    at = texts.index("Subtotal|6.93")
    assert texts[at : at + 4] == ["Subtotal|6.93", "VAT 21%|1.46", "TOTAL EUR|8.39", "Cash|8.39"]
    assert "21%|6.93|1.46|8.39" in texts
    assert not any(text.startswith("Change") for text in texts)


def test_cash_rounding_stands_below_the_total() -> None:
    till = TillInMemory(shop(cash_step_minor=5))
    till.add(MILK)
    till.cash(200)
    texts = printed(lay_out(till.cart))
    at = texts.index("TOTAL EUR|1.29")
    assert texts[at : at + 4] == [
        "TOTAL EUR|1.29", "Cash rounding|0.01", "Cash|2.00", "Change|0.70",
    ]  # fmt: skip


def card_sale() -> TillInMemory:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    till.decline()
    till.card(129)
    till.approve("4242", "Example")
    return till


def test_a_card_payment_shows_the_terminals_words_and_no_declined_try() -> None:
    till = card_sale()
    texts = printed(lay_out(till.cart, cashier=""))
    assert "Card Example|1.29" in texts
    assert "  **** 4242" in texts
    assert sum(text.startswith("Card") for text in texts) == 1
    assert not any(text.startswith("Served by") for text in texts)


def test_the_terminals_own_receipt_takes_the_place_of_ours() -> None:
    cart = card_sale().cart
    declined, approved = (tender.tender_id for tender in cart.tenders)
    slips = (
        CardSlip(declined, "declined", ("NOT CHARGED",)),
        CardSlip(approved, "approved", ("APPROVED", "ref 77"), ("MERCHANT COPY",)),
    )
    with_slips = msgspec.structs.replace(cart, card_slips=slips)
    document = lay_out(with_slips)
    texts = printed(document)
    at = texts.index("Card Example|1.29")
    assert texts[at + 1 : at + 3] == ["APPROVED", "ref 77"]
    assert TextBlock("APPROVED", fixed=True) in document.blocks
    assert not {"  **** 4242", "MERCHANT COPY", "NOT CHARGED"} & set(texts)


@pytest.mark.parametrize(
    ("placed", "at_once", "on_a_copy"),
    [
        ("with_receipt", True, True),
        ("own_slip", False, True),
        ("ask", False, True),
        ("never", False, False),
    ],
)
def test_where_the_store_has_the_terminals_receipt(
    placed: Literal["with_receipt", "own_slip", "ask", "never"], at_once: bool, on_a_copy: bool
) -> None:
    cart = card_sale().cart
    slip = CardSlip(cart.tenders[-1].tender_id, "approved", ("ref 77",))
    cart = msgspec.structs.replace(cart, card_slips=(slip,))
    store = msgspec.structs.replace(profile(), card_slips=placed)
    for copy, there in ((0, at_once), (1, on_a_copy)):
        texts = printed(lay_out(cart, store, copy=copy))
        assert ("ref 77" in texts, "  **** 4242" in texts) == (there, not there)


def test_all_that_is_known_of_a_card_payment_is_printed() -> None:
    cart = card_sale().cart
    known = msgspec.structs.replace(
        cart.tenders[-1], last4="", scheme="", authorisation="A1", terminal_id="T2",
        receipt="R3", trace="X4",
    )  # fmt: skip
    texts = printed(lay_out(msgspec.structs.replace(cart, tenders=(known,))))
    at = texts.index("Card|1.29")
    assert texts[at + 1 : at + 5] == [
        "  Authorisation A1", "  Terminal T2", "  Terminal receipt R3", "  Trace X4",
    ]  # fmt: skip


def test_a_sale_that_costs_nothing_has_no_tax_table() -> None:
    till = TillInMemory()
    till.add("F1")
    till.cash(100)
    store = msgspec.structs.replace(profile(), tax_number="", address=())
    texts = printed(lay_out(till.cart, store))
    assert not any(text.startswith("VAT") for text in texts)
    assert "Change|1.00" in texts


def test_the_date_is_the_stores() -> None:
    cart = msgspec.structs.replace(cash_sale(), completed_at=1_782_860_400_000)
    assert "Date|2026-07-01 00:00" in printed(lay_out(cart))
    utc = lay_out_receipt(cart, profile(), till="till-1", cashier="", zone=UTC)
    assert "Date|2026-06-30 23:00" in printed(utc)


def test_a_sale_that_is_not_complete_has_no_receipt() -> None:
    till = TillInMemory()
    till.add(MILK)
    with pytest.raises(ValueError, match="not completed"):
        lay_out(till.cart)


def test_a_document_travels() -> None:
    document = lay_out(cash_sale(), copy=1)
    assert msgspec.json.decode(encode(document), type=ReceiptDocument) == document


def returning(*, included: bool = True) -> TillInMemory:
    till = TillInMemory(shop(included=included))
    till.role = "supervisor"
    till.add(ROLL, 3_000)
    till.add(CHEESE_742_G)
    till.discount("1", minor=15)
    till.cash(3_000)
    till.next_sale()
    return till


def test_a_refund_says_so_and_where_the_goods_come_from() -> None:
    till = returning()
    till.bring_back("till-1-000001", "1", 2_000)
    till.bring_back("till-1-000001", "1", 1_000)
    till.bring_back("till-1-000001", "2", 742)
    till.bring_back_without(ROLL, 2_000)
    till.note("crushed", "4")
    till.give(till.cart.refund_due_minor)
    document = lay_out(till.cart)
    assert TextBlock("REFUND", Align.CENTRE, Emphasis.LARGE) in document.blocks
    texts = printed(document)
    at = texts.index("Bread roll|-0.80")
    assert texts[at : at + 20] == [
        "Bread roll|-0.80",
        "  \u00d7 2",  # they cost less than their price
        "  Returned, receipt till-1-000001",
        "Bread roll|-0.40",
        "  Returned, receipt till-1-000001",
        "Aged cheese|-14.02",
        "  0.742\u00a0kg \u00d7 18.90/kg",
        "  Returned, receipt till-1-000001",
        "Bread roll|-0.90",
        "  2 \u00d7 0.45",
        "  Returned without receipt",
        "  crushed",
        "--",
        "TOTAL EUR|-16.12",
        "Cash|-16.12",
        "--",
        "VAT %|Net|VAT|Gross",
        "5.5%|-15.28|-0.84|-16.12",
        "--",
        "Thank you",
    ]
    assert texts[-1] == f"TILLBOX1|till-1-000002|{till.cart.sale}|-1612|EUR"


def test_what_was_taken_off_is_on_the_receipt_that_sold_it_alone() -> None:
    till = returning()
    sold = printed(lay_out(till.books.sold["till-1-000001"]))
    assert {"  dented|-0.15", "You saved|0.15"} <= set(sold)
    till.bring_back("till-1-000001", "1", 3_000)
    till.give(120)
    texts = printed(lay_out(till.cart))
    assert "Bread roll|-1.20" in texts
    assert not any(text.startswith(("  dented", "You saved")) for text in texts)


def test_an_exchange_says_so_and_adds_up_before_the_taxes() -> None:
    till = returning(included=False)
    till.bring_back("till-1-000001", "1", 3_000)
    till.add(SOAP)
    till.void("2")
    till.add(SOAP, 2_000)
    till.cash(till.cart.due_minor)
    texts = printed(lay_out(till.cart, profile(included=False)))
    assert ("EXCHANGE" in texts, "REFUND" in texts) == (True, False)
    at = texts.index("Subtotal|0.78")
    assert texts[at : at + 4] == [
        "Subtotal|0.78",
        "VAT 21%|0.42",
        "VAT 5.5%|-0.07",
        "TOTAL EUR|1.13",
    ]


def test_a_voided_return_makes_no_refund_of_a_sale() -> None:
    till = returning()
    till.bring_back("till-1-000001")
    till.add(MILK)
    till.void("1")
    till.cash(129)
    texts = printed(lay_out(till.cart))
    assert not {"EXCHANGE", "REFUND"} & set(texts)


def test_money_on_another_tender_is_named_as_when_it_paid() -> None:
    till = returning()
    till.bring_back("till-1-000001")
    till.give_on(OtherTender.VOUCHER, 40, "V-9")
    texts = printed(lay_out(till.cart))
    at = texts.index("Voucher|-0.40")
    assert texts[at + 1] == "  V-9"


def test_money_on_a_card_shows_the_terminals_words_and_no_declined_try() -> None:
    till = card_sale()
    till.next_sale()
    till.bring_back("till-1-000001")
    till.refund(129)
    till.decline()
    till.refund(129)
    till.approve("9999", "Debit", "0043")
    texts = printed(lay_out(till.cart))
    at = texts.index("Card Debit|-1.29")
    assert texts[at + 1 : at + 3] == ["  **** 9999", "  Terminal receipt 0043"]
    assert sum(text.startswith("Card") for text in texts) == 1
    assert "REFUND" in texts


@pytest.mark.parametrize(
    ("rate_ppm", "text"),
    [(0, "0%"), (55_000, "5.5%"), (210_000, "21%"), (100_000, "10%"), (1_000_000, "100%"),
     (81_000, "8.1%"), (1, "0.0001%"), (20_010, "2.001%")],
)  # fmt: skip
def test_rates_are_written_without_needless_digits(rate_ppm: int, text: str) -> None:
    assert format_rate(rate_ppm) == text


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("en", "en"), ("en-IE", "en"), ("pt-BR", "pt"), ("zh-Hans", "zh"), ("zz", "en"), ("", "en")],
)
def test_a_language_has_its_own_words_or_those_of_its_root_or_english(
    wanted: str, language: str
) -> None:
    assert language_of(wanted) == language
    document = lay_out(cash_sale(), msgspec.structs.replace(profile(), receipt_language=wanted))
    assert document.language == language


def test_the_languages_of_the_screens_are_those_of_the_receipts() -> None:
    screens = Path(__file__).parents[2] / "edge" / "screens" / "words"
    assert set(WORDS) == {path.stem for path in screens.glob("*.js")}


@pytest.mark.parametrize("language", list(WORDS))
def test_every_language_is_complete(language: str) -> None:
    words = msgspec.structs.asdict(WORDS[language])
    assert all(word.strip() == word and word for word in words.values())


def test_the_qr_code_is_short() -> None:
    assert len(qr_text(cash_sale())) < 100


def test_weights_are_said_in_the_language_of_the_receipt() -> None:
    words = printed(lay_out(cash_sale(), msgspec.structs.replace(profile(), receipt_language="ar")))
    kilogram = WORDS["ar"].kilogram
    assert f"  0.742\u00a0{kilogram} \u00d7 18.90/{kilogram}" in words
