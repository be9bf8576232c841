"""A folder's price books of customer groups: read from files, and every fault told."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from edge.contract.errors import Refused
from edge.contract.reference_data import Feed
from sync.office import main as office_main
from sync.office.feeds import canonical
from sync.office.shop_folder import ShopFolder

DEMO = Path(office_main.__file__).parent / "demo_shop"


def _with_group_book(folder: Path, book: str, prices: str | None = "100015,700\n") -> Path:
    shutil.copytree(DEMO, folder)
    store = json.loads((folder / "store.json").read_text("utf-8"))
    store["profile"]["group_books"] = [json.loads(book)]
    (folder / "store.json").write_text(json.dumps(store), "utf-8")
    (folder / "prices-staff-2026.csv").unlink()
    if prices is not None:
        (folder / "prices-club.csv").write_text(f"sku,price_minor\n{prices}")
    return folder


CLUB_BOOK = '{"id": "club", "name": "Club", "from": "2026-07-01T00:00", "group": "club"}'
MISSPELT = CLUB_BOOK.replace('"club"}', '"clup"}')
OTHER_BOOK = CLUB_BOOK.replace('"id": "club"', '"id": "staff"')


def test_a_group_has_its_book_from_a_local_time_on(tmp_path: Path) -> None:
    shop = ShopFolder(_with_group_book(tmp_path / "shop", CLUB_BOOK))
    shop.read()
    (config,) = shop.items[Feed.CONFIG]
    profile = msgspec.json.decode(config.value)
    assert profile["group_books"] == [
        {"id": "club", "name": "Club", "from_ms": 1_782_860_400_000, "group": "club"}
    ]
    assert "price_books" not in profile  # where a box that knows no groups looks
    prices = {item.key: msgspec.json.decode(item.value) for item in shop.items[Feed.PRICE]}
    assert prices["club/100015"] == {"sku": "100015", "price_minor": 700, "book": "club"}


@pytest.mark.parametrize(
    ("book", "prices", "fault"),
    [
        (CLUB_BOOK, "", "prices-club.csv: the group 'club' has no price in its book"),
        (MISSPELT, "100015,700\n", "book club: no customer is in the group 'clup'"),
        (OTHER_BOOK, "100015,700\n", "prices-staff.csv cannot be read"),
        (CLUB_BOOK, "999999,700\n", "prices-club.csv, line 2: there is no article '999999'"),
        (CLUB_BOOK.replace("2026-07-01T00:00", "soon"), "", "group_books: Invalid isoformat"),
        ('{"id": "club", "name": "Club", "from_ms": 1}', "", "missing required field `group`"),
    ],
)  # fmt: skip
def test_faults_of_group_books_are_told(tmp_path: Path, book: str, prices: str, fault: str) -> None:
    with pytest.raises(Refused) as caught:
        ShopFolder(_with_group_book(tmp_path / "shop", book, prices)).read()
    assert fault in str(caught.value)


def test_prices_of_a_book_that_nobody_names_are_told(tmp_path: Path) -> None:
    folder = _with_group_book(tmp_path / "shop", CLUB_BOOK)
    (folder / "prices-trade.csv").write_text("sku,price_minor\n100015,700\n")
    with pytest.raises(
        Refused, match=r"prices-trade\.csv: store\.json names no such book in price"
    ):
        ShopFolder(folder).read()


def test_of_customers_who_cannot_be_read_no_group_is_missed(tmp_path: Path) -> None:
    folder = _with_group_book(tmp_path / "shop", CLUB_BOOK)
    people = json.loads((folder / "customers.json").read_text("utf-8"))
    for person in people:
        person["number"] = "?"
    (folder / "customers.json").write_text(json.dumps(people), "utf-8")
    with pytest.raises(Refused) as caught:
        ShopFolder(folder).read()
    assert "customer 1" in str(caught.value)
    assert "no customer is in the group" not in str(caught.value)
    (folder / "customers.json").unlink()  # they come from elsewhere
    ShopFolder(folder).read()


@pytest.mark.parametrize(
    ("books", "fault"),
    [
        ([("a", "club"), ("a", "staff")], "price_books and group_books together hold each id once"),
        ([(f"b{n}", "club") for n in range(13)], "the group 'club' has more than 12 books"),
    ],
)
def test_books_that_a_box_could_not_tell_apart_or_look_through_are_refused(
    books: list[tuple[str, str]], fault: str
) -> None:
    shop = ShopFolder(DEMO)
    shop.read()
    profile = msgspec.json.decode(shop.items[Feed.CONFIG][0].value)
    profile["group_books"] = [
        {"id": id_, "name": "Book", "from_ms": 1, "group": group} for id_, group in books
    ]
    with pytest.raises(ValueError, match=fault):
        canonical(Feed.CONFIG, "store", msgspec.json.encode(profile))


@pytest.mark.parametrize(
    ("zone", "local", "instant"),
    [
        # clocks go from 24:00 to 01:00: the day has no midnight, it begins at one
        ("Africa/Cairo", "2026-04-24T00:00", "2026-04-23T22:00:00Z"),
        # clocks go from 24:00 back to 23:00: midnight is the second one
        ("Africa/Cairo", "2026-10-30T00:00", "2026-10-29T22:00:00Z"),
        # 01:30 comes twice: a book holds from the first on
        ("Europe/Lisbon", "2026-10-25T01:30", "2026-10-25T00:30:00Z"),
        ("Europe/Lisbon", "2026-12-01T00:00", "2026-12-01T00:00:00Z"),
        ("Asia/Shanghai", "2026-12-01T00:00", "2026-11-30T16:00:00Z"),
    ],
)
def test_a_local_time_is_one_instant_also_when_clocks_change(
    tmp_path: Path, zone: str, local: str, instant: str
) -> None:
    folder = _with_group_book(tmp_path / "shop", CLUB_BOOK.replace("2026-07-01T00:00", local))
    store = json.loads((folder / "store.json").read_text("utf-8"))
    store["profile"]["time_zone"] = zone
    (folder / "store.json").write_text(json.dumps(store), "utf-8")
    shop = ShopFolder(folder)
    shop.read()
    [config] = shop.items[Feed.CONFIG]
    [book] = msgspec.json.decode(config.value)["group_books"]
    assert book["from_ms"] == datetime.fromisoformat(instant).timestamp() * 1000
