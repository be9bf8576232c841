"""What a German security device signs of a sale, and how that stands on its receipt."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge.contract.fiscal_events import FiscalMissed, FiscalSigned
from edge.contract.receipt_document import QrBlock, RowBlock, TextBlock
from edge.contract.reference_data import ForeignCash, TaxRule
from edge.contract.till_commands import OtherTender
from edge.engine.fiscal_process import RateUnknown, process_data
from edge.engine.fiscal_receipt import fiscal_blocks, qr_v0
from edge.engine.receipt_words import WORDS
from tests.engine.shop_in_memory import MILK, ShopInMemory, profile
from tests.engine.till_in_memory import TillInMemory

SIGNED = FiscalSigned(
    sale="s",
    receipt="till-1-000001",
    client="955002-00",
    transaction=18,
    counter=112,
    started_at=1_562_784_062_000,
    finished_at=1_562_784_063_000,
    process_type="Kassenbeleg-V1",
    process_data="Beleg^0.00_2.55_0.00_0.00_0.00^2.55:Bar",
    signature="c2ln",
    serial="ab" * 32,
    public_key="cHVi",
    algorithm="ecdsa-plain-SHA384",
    time_format="unixTime",
)


def selling(rate_ppm: int = 70_000, **settings: Any) -> TillInMemory:
    store = profile()
    taxes = tuple(TaxRule(rule.code, rule.name, rate_ppm) for rule in store.taxes)
    store = msgspec.structs.replace(store, taxes=taxes, **settings)
    till = TillInMemory(ShopInMemory(store))
    till.add(MILK)
    return till


@pytest.mark.parametrize(
    ("rate_ppm", "takings"),
    [
        (190_000, "1.29_0.00_0.00_0.00_0.00"),
        (70_000, "0.00_1.29_0.00_0.00_0.00"),
        (107_000, "0.00_0.00_1.29_0.00_0.00"),
        (55_000, "0.00_0.00_0.00_1.29_0.00"),
        (0, "0.00_0.00_0.00_0.00_1.29"),
    ],
)
def test_takings_stand_at_the_place_of_their_rate(rate_ppm: int, takings: str) -> None:
    till = selling(rate_ppm)
    till.cash(129)
    assert process_data(till.cart) == f"Beleg^{takings}^1.29:Bar"


def test_a_rate_that_the_scheme_lacks_is_refused() -> None:
    till = selling(230_000)
    till.cash(129)
    with pytest.raises(RateUnknown, match="230000"):
        process_data(till.cart)


def test_change_is_no_payment_and_cards_are_not_cash() -> None:
    till = selling()
    till.tender(OtherTender.MANUAL_CARD, 100)
    till.cash(500)
    assert process_data(till.cart).endswith("^0.29:Bar_1.00:Unbar")


def test_foreign_notes_are_said_in_their_currency_and_the_change_in_ours() -> None:
    till = selling(foreign_cash=(ForeignCash("USD", 850_000),))
    till.foreign("USD", 500)
    assert process_data(till.cart).endswith("^-2.96:Bar_5.00:Bar:USD")


def test_the_code_has_the_fields_of_dsfinv_k_in_their_order() -> None:
    assert qr_v0(SIGNED) == (
        "V0;955002-00;Kassenbeleg-V1;Beleg^0.00_2.55_0.00_0.00_0.00^2.55:Bar;18;112;"
        "2019-07-10T18:41:02.000Z;2019-07-10T18:41:03.000Z;ecdsa-plain-SHA384;unixTime;c2ln;cHVi"
    )


@pytest.mark.parametrize("language", WORDS)
def test_a_signed_receipt_says_all_of_it_in_text_too(language: str) -> None:
    blocks = fiscal_blocks(SIGNED, language)
    assert QrBlock(qr_v0(SIGNED), instead="TSE 955002-00") in blocks
    rows = {block.start: block.end for block in blocks if isinstance(block, RowBlock)}
    assert rows == {
        "TSE-Transaktion": "18",
        "TSE-Signaturzähler": "112",
        "TSE-Start": "2019-07-10T18:41:02.000Z",
        "TSE-Stop": "2019-07-10T18:41:03.000Z",
    }
    texts = [block.text for block in blocks if isinstance(block, TextBlock)]
    assert texts == [f"TSE-Seriennummer {'ab' * 32}", "TSE-Signatur c2ln"]


@pytest.mark.parametrize("language", [*WORDS, "de"])
def test_a_receipt_without_a_signature_says_so_in_german_and_in_its_language(
    language: str,
) -> None:
    missed = FiscalMissed(sale="s", receipt="r", reason="tse_down")
    texts = [b.text for b in fiscal_blocks(missed, language) if isinstance(b, TextBlock)]
    assert texts == ["TSE ausgefallen", WORDS.get(language, WORDS["en"]).fiscal_failed]
