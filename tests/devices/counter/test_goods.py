from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.counter.goods import load_shelf
from edge.contract.device_limits import (
    COUNTER_GOODS_BYTES_MAX,
)
from edge.contract.errors import Refused, SettingsInvalid
from tests.devices.counter.running_counter import GOODS

HEAD = "sku,name,unit,tax,group,codes,plu,key,icon\n"
MILK = "1,Milk,piece,a,dairy,9520000395957,,,milk\n"
APPLES = "2,Apples,kg,a,produce,,101,,\n"
BULK = "3,No code,piece,a,pantry,,,,\n"
PRICES = "sku,price_minor\n1,129\n2,289\n3,100\n"
TEMPLATE = {"prefix": "21", "item_digits": 5, "value_digits": 5, "kind": "weight", "decimals": 3}


def shop(folder: Path, articles: str, prices: str = PRICES, store: object = None) -> Path:
    (folder / "articles.csv").write_text(articles)
    (folder / "prices.csv").write_text(prices)
    if store is not None:
        (folder / "store.json").write_text(json.dumps(store))
    return folder


def test_plain_pieces_come_first_and_what_no_scanner_reads_is_left_out(tmp_path: Path) -> None:
    store = {"profile": {"name": "Corner", "currency": "CHF", "code_templates": [TEMPLATE]}}
    shelf = load_shelf(shop(tmp_path, HEAD + APPLES + BULK + MILK, store=store))
    assert [good.name for good in shelf.goods] == ["Milk", "Apples"]
    assert (shelf.store_name, shelf.currency) == ("Corner", "CHF")
    assert shelf.named("9520000395957") == "Milk"
    assert shelf.named("1") == ""


def test_a_department_needs_no_price_and_stands_on_no_shelf(tmp_path: Path) -> None:
    shelf = load_shelf(shop(tmp_path, HEAD + MILK + "9,Other,piece,a,pantry,,,pantry:1,\n"))
    assert [good.name for good in shelf.goods] == ["Milk"]


def test_without_a_template_nothing_is_weighed(tmp_path: Path) -> None:
    shelf = load_shelf(shop(tmp_path, HEAD + MILK + APPLES))
    assert [good.name for good in shelf.goods] == ["Milk"]
    with pytest.raises(Refused, match="No weighed article"):
        shelf.label("101", 742)


SHELF = load_shelf(GOODS)


@given(weight_g=st.integers(1, 99_999))
def test_a_label_holds_plu_and_weight_and_checks(weight_g: int) -> None:
    label = SHELF.label("101", weight_g)
    digits = [int(digit) for digit in label]
    assert label[:7] == "2100101"
    assert int(label[7:12]) == weight_g
    assert (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0


def test_more_than_a_label_holds_is_refused() -> None:
    with pytest.raises(Refused, match="do not fit"):
        SHELF.label("101", 100_000)


@pytest.mark.parametrize(
    ("articles", "prices", "words"),
    [
        ("sku,name\n", PRICES, "column 'unit' is missing"),
        (HEAD + MILK, "sku\n1\n", "column 'price_minor' is missing"),
        (HEAD + MILK, "sku,price_minor\n1,1.29\n", "line 2: '1.29' is no price"),
        (HEAD + MILK, "sku,price_minor\n2,129\n", "article '1' has no price"),
        (HEAD + "1,Milk\n", PRICES, "line 2: it has another number of columns"),
        (HEAD + MILK.strip() + ",more\n", PRICES, "line 2: it has another number of columns"),
        (HEAD, PRICES, "there is nothing to scan in it"),
        (HEAD + "1," + "M" * 200_000 + "\n", PRICES, "field larger than field limit"),
        ("x" * (COUNTER_GOODS_BYTES_MAX + 1), PRICES, "it is over"),
    ],
)
def test_damaged_files_are_told_in_words(
    tmp_path: Path, articles: str, prices: str, words: str
) -> None:
    with pytest.raises(SettingsInvalid, match=words) as refused:
        load_shelf(shop(tmp_path, articles, prices))
    assert refused.value.advice


def test_other_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        load_shelf(tmp_path)
    shop(tmp_path, HEAD + MILK)
    (tmp_path / "store.json").write_text("[]")
    with pytest.raises(SettingsInvalid, match=r"store\.json, line 1"):
        load_shelf(tmp_path)
    (tmp_path / "articles.csv").write_bytes(b"\xff")
    (tmp_path / "store.json").unlink()
    with pytest.raises(SettingsInvalid, match="not UTF-8"):
        load_shelf(tmp_path)


def test_coupons_lie_on_the_shelf_behind_the_goods(tmp_path: Path) -> None:
    folder = shop(tmp_path, HEAD + MILK)
    (folder / "coupons.json").write_text('[{"name": "Off", "codes": ["ONE-1", "TWO-2"]}]')
    *_, one, two = load_shelf(folder).goods
    assert (one.code, one.name, one.unit, one.group, one.price_minor) == (
        "ONE-1", "Off", "coupon", "coupon", 0,
    )  # fmt: skip
    assert load_shelf(folder).named(two.code) == "Off"
    (folder / "coupons.json").write_text("[{]")
    with pytest.raises(SettingsInvalid, match=r"coupons\.json, line 1"):
        load_shelf(folder)
