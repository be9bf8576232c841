"""The demo shop's files are whole: every key, code, rate and price fits the others."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.contract.money import CURRENCY_DIGITS
from edge.contract.reference_data import Article, Price, StaffMember, StoreProfile
from edge.contract.session_views import SignInRequest
from edge.engine.barcode_meaning import (
    GtinMeaning,
    LabelMeaning,
    check_digit,
    is_in_store,
    meaning_of,
)
from edge.engine.text_safety import looks_like_pan

SHOP: Final = Path(__file__).parents[2] / "sync" / "office" / "demo_shop"
COLUMNS: Final = ["sku", "name", "unit", "tax", "group", "codes", "plu", "key", "icon"]
PLACES_PER_PAGE: Final = 24


def rows(name: str) -> list[dict[str, str]]:
    with (SHOP / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def articles() -> list[Article]:
    rules = {rule["sku"]: rule for rule in article_rules()}
    return [
        msgspec.convert(
            {**row, "codes": row["codes"].split(), **rules.get(row["sku"], {})}, Article
        )
        for row in rows("articles.csv")
    ]


def article_rules() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads((SHOP / "article_rules.json").read_text("utf-8"))
    return rules


def store() -> dict[str, Any]:
    whole: dict[str, Any] = json.loads((SHOP / "store.json").read_text("utf-8"))
    return whole


def profile() -> StoreProfile:
    return msgspec.convert(store()["profile"], StoreProfile)


def staff() -> list[dict[str, str]]:
    people: list[dict[str, str]] = json.loads((SHOP / "staff.json").read_text("utf-8"))
    return people


def test_the_columns_are_the_documented_ones() -> None:
    header = (SHOP / "articles.csv").read_text("utf-8").splitlines()[0]
    assert header.split(",") == COLUMNS
    assert (SHOP / "prices.csv").read_text("utf-8").splitlines()[0] == "sku,price_minor"
    readme = (SHOP / "README.md").read_text("utf-8")
    assert all(f"| `{column}` |" in readme for column in COLUMNS)


def test_the_store_is_whole() -> None:
    assert store()["slug"] == "harbour-street"
    assert store()["number"] == 1
    shop = profile()
    assert shop.currency in CURRENCY_DIGITS
    assert ZoneInfo(shop.time_zone).key == "Europe/Lisbon"
    assert len({tax.code for tax in shop.taxes}) == 4
    assert shop.prices_include_tax
    assert shop.cash_step_minor == 0
    for template in shop.code_templates:
        digits = template.item_digits + template.inner_check_digits + template.value_digits
        assert len(template.prefix) + digits == 12
    assert {template.kind for template in shop.code_templates} == {"weight", "price"}


def test_there_are_about_three_hundred_articles_and_25_are_weighed() -> None:
    goods = articles()
    assert 290 <= len(goods) <= 340
    assert 22 <= sum(article.unit == "kg" for article in goods) <= 30
    assert {article.unit for article in goods} == {"piece", "kg"}


@pytest.mark.parametrize("column", ["sku", "name"])
def test_own_numbers_and_names_are_unique(column: str) -> None:
    values = [row[column] for row in rows("articles.csv")]
    assert [value for value, count in Counter(values).items() if count > 1] == []


def test_no_two_articles_share_a_code() -> None:
    goods = articles()
    keys = [code.rjust(14, "0") for article in goods for code in article.codes]
    keys += [article.sku for article in goods]
    keys += [article.plu.lstrip("0") for article in goods if article.plu]
    assert [key for key, count in Counter(keys).items() if count > 1] == []


def test_every_gtin_is_valid_and_in_a_prefix_for_examples() -> None:
    shop, lengths = profile(), Counter[int]()
    for article in articles():
        for code in article.codes:
            assert re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", code), article
            assert check_digit(code[:-1]) == code[-1], article
            body = code[1:] if len(code) == 14 else code
            assert body.startswith("614141" if len(code) == 12 else "952"), article
            assert not is_in_store(code.rjust(14, "0")), article
            meant = meaning_of(code, shop.code_templates, currency=shop.currency)
            assert meant == GtinMeaning(code.rjust(14, "0")), article
            lengths[len(code)] += 1
    assert set(lengths) == {8, 12, 13, 14}


def test_weighed_goods_have_a_plu_that_fits_the_labels_and_piece_goods_a_gtin() -> None:
    shop = profile()
    for article in articles():
        if article.unit == "piece":
            assert bool(article.codes) is not (article.open_price or article.deposit), article
            assert not article.plu, article
            continue
        assert not article.codes, article
        for template in shop.code_templates:
            body = template.prefix + article.plu.rjust(template.item_digits, "0")
            body += "742".rjust(template.value_digits, "0")
            code = body + check_digit(body)
            meant = meaning_of(code, shop.code_templates, currency=shop.currency)
            assert isinstance(meant, LabelMeaning)
            assert meant.plu.lstrip("0") == article.plu


def test_the_first_ten_are_plain_piece_goods() -> None:
    for article in articles()[:10]:
        assert article.unit == "piece"
        assert [len(code) for code in article.codes] == [13]


def test_every_article_has_one_price_and_a_tax_rule_of_the_store() -> None:
    prices = [msgspec.convert(row, Price, strict=False) for row in rows("prices.csv")]
    priced = [article.sku for article in articles() if not article.open_price]
    assert sorted(price.sku for price in prices) == sorted(priced)
    assert all(price.price_minor > 0 for price in prices)
    codes = {tax.code for tax in profile().taxes}
    assert {article.tax for article in articles()} == codes


def test_every_rule_is_of_an_article_and_none_of_the_first_ten() -> None:
    skus = [article.sku for article in articles()]
    ruled = [rule["sku"] for rule in article_rules()]
    assert len(set(ruled)) == len(ruled)
    assert set(ruled) <= set(skus[10:])


def test_beer_is_sold_from_16_and_spirits_from_18() -> None:
    ages = {article.name: article.minimum_age for article in articles() if article.minimum_age}
    assert ages["Lager 0.33 l"] == 16
    assert ages["Aged brandy 0.7 l"] == 18
    assert {name for name in ages if "wine 0.75" in name} >= {"Red wine 0.75 l"}
    assert "Wine gums 200 g" not in ages


def test_bottles_and_crates_have_a_deposit_with_a_key() -> None:
    goods = {article.sku: article for article in articles()}
    bound = {article.name: goods[article.deposit_sku] for article in goods.values()
             if article.deposit_sku}  # fmt: skip
    assert {name: deposit.name for name, deposit in bound.items()} == {
        "Lager 0.33 l": "Bottle deposit",
        "Lager, crate of 20": "Crate deposit, 20 bottles",
    }
    assert all(deposit.deposit and deposit.key for deposit in bound.values())
    assert profile().empties_max_minor == 2_500


def test_a_phone_has_a_serial_number_and_infant_milk_a_lot() -> None:
    tracked = {article.name: article.tracking for article in articles() if article.tracking}
    assert tracked == {"Prepaid phone": "serial", "Infant milk 800 g": "lot"}


def test_departments_have_keys_and_take_up_to_a_hundred_euros() -> None:
    departments = [article for article in articles() if article.open_price]
    assert {article.group for article in departments} == {"bakery", "produce", "household"}
    assert all(article.key for article in departments)
    assert profile().open_price_max_minor == 10_000


def test_quick_keys_stand_on_pages_of_six_by_four_without_clashes() -> None:
    pages = {page.id for page in profile().quick_key_pages}
    assert 4 <= len(pages) <= 6
    keys = [article.key for article in articles() if article.key]
    assert [key for key, count in Counter(keys).items() if count > 1] == []
    for key in keys:
        page, _, place = key.partition(":")
        assert page in pages
        assert 1 <= int(place) <= PLACES_PER_PAGE
    assert {key.partition(":")[0] for key in keys} == pages
    first_page = {key for key in keys if key.startswith("favourites:")}
    assert len(first_page) == PLACES_PER_PAGE


def test_names_come_in_several_scripts_and_are_printable() -> None:
    names = [article.name for article in articles()]
    assert all(name.isprintable() and name == name.strip() for name in names)
    assert all(name == unicodedata.normalize("NFC", name) for name in names)
    everything = "".join(names)
    for letters in ("żółąś", "ãéá", "绿茶", "عصير", "김치"):
        assert all(letter in everything for letter in letters), letters


def test_no_cell_opens_a_formula_or_looks_like_a_card() -> None:
    for name in ("articles.csv", "prices.csv"):
        for row in rows(name):
            assert not any(cell[:1] in set("=+-@") for cell in row.values() if cell), row
    for article in articles():
        assert not looks_like_pan(article.name)


def test_staff_have_roles_and_pins_in_clear_and_no_hashes() -> None:
    people = staff()
    assert 3 <= len(people) <= 5
    assert len({person["id"] for person in people}) == len(people)
    assert len({person["demo_pin"] for person in people}) == len(people)
    assert {person["role"] for person in people} == {"cashier", "supervisor"}
    for person in people:
        assert "pin_hash" not in person
        pin = person["demo_pin"]
        msgspec.convert({**person, "pin_hash": "-"}, StaffMember)
        msgspec.convert({"cashier": person["id"], "pin": pin}, SignInRequest)


def promotions() -> list[dict[str, Any]]:
    whole: list[dict[str, Any]] = json.loads((SHOP / "promotions.json").read_text("utf-8"))
    return whole


def named(value: object) -> set[str]:
    """Return every SKU that a promotion names."""
    if isinstance(value, dict):
        return set(value.get("skus", ())).union(*(named(each) for each in value.values()))
    return set().union(*(named(each) for each in value)) if isinstance(value, list) else set()


def test_promotions_name_articles_of_the_shop_and_none_that_the_counter_offers_first() -> None:
    skus = [article.sku for article in articles()]
    for promotion in promotions():
        assert named(promotion) <= set(skus[10:]), promotion["id"]
        assert named(promotion)
    assert len({promotion["id"] for promotion in promotions()}) == len(promotions())
