"""A shop's goods, prices and people as files: read, checked row by row, made into feed items.

The columns stand in the folder's README. Every fault is told with its file and line, all of
them at once.
"""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from edge.contract.customer_data import Customer
from edge.contract.errors import Refused
from edge.contract.identity import ShortId
from edge.contract.limits import (
    PIN_DIGITS_MAX,
    PIN_DIGITS_MIN,
)
from edge.contract.reference_data import Feed, price_key
from edge.engine.barcode_meaning import check_digit
from sync.office.feeds import STORE_KEY, NewItem, canonical
from sync.office.logo_file import LOGO_FILE, read_logo

_GTIN_DIGITS: Final = frozenset({8, 12, 13, 14})
_ARTICLE_COLUMNS: Final = (
    "sku",
    "name",
    "unit",
    "tax",
    "group",
    "codes",
    "plu",
    "key",
    "icon",
)
_PRICE_COLUMNS: Final = ("sku", "price_minor")
_PROMOTIONS: Final = "promotions.json"
_COUPONS: Final = "coupons.json"
_RULES: Final = "article_rules.json"
_CUSTOMERS: Final = "customers.json"
_BOOKS: Final = ("price_books", "group_books")
_FAULTS_TOLD_MAX: Final = 50
_NO_HASH: Final = "$argon2id$"

HashPin = Callable[[str, str], str]
"""Takes a person's id and PIN, returns the hash to keep."""


class StoreFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`store.json`."""

    slug: ShortId
    number: int
    profile: msgspec.Raw


class StaffRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person of `staff.json`."""

    id: ShortId
    name: str
    role: str
    demo_pin: str
    language: str = "en"


class CouponRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One campaign of `coupons.json`: all its codes."""

    campaign: str
    name: str
    codes: list[str]
    hours: dict[str, Any] = {}
    single_use: bool = False


@dataclass
class ShopFolder:
    """What a folder holds, once `read`: feed items by feed. `faults` are told in words."""

    folder: Path
    slug: str = ""
    number: int = 0
    items: dict[Feed, list[NewItem]] = field(default_factory=dict)
    people: list[StaffRow] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _taxes: set[str] = field(default_factory=set)
    _skus: set[str] = field(default_factory=set)
    _zone: tzinfo = UTC
    _books: list[str] = field(default_factory=list)
    _group_books: list[dict[str, Any]] = field(default_factory=list)

    def read(self) -> None:
        """Read all files. Raises Refused naming every fault (the first fifty) and its line."""
        self._read_store()
        self._read_articles()
        self._read_prices()
        self._read_promotions()
        self._read_coupons()
        self._read_customers()
        self._read_staff()
        self.refuse_faults()

    def refuse_faults(self) -> None:
        """Raise Refused when something does not fit."""
        if not self.faults:
            return
        told = "\n".join(f"  {fault}" for fault in self.faults[:_FAULTS_TOLD_MAX])
        raise Refused(
            "shop_folder_faulty",
            f"{len(self.faults)} faults in {self.folder}:\n{told}\n",
            advice="Nothing was loaded. Correct them and load again.",
            status=422,
        )

    def staff_items(self, hash_pin: HashPin) -> list[NewItem]:
        """Return the staff feed, with hashes in the place of PINs."""
        return [_staff_item(person, hash_pin(person.id, person.demo_pin)) for person in self.people]

    # --- files ----------------------------------------------------------------------------

    def _read_store(self) -> None:
        try:
            store = msgspec.json.decode(self._content("store.json"), type=StoreFile)
        except msgspec.DecodeError as error:
            self.faults.append(f"store.json: {error}")
            return
        self.slug, self.number = store.slug, store.number
        profile = json.loads(bytes(store.profile))
        if not isinstance(profile, dict):
            self.faults.append("store.json: profile is no object")
            return
        self._taxes = {
            str(rule.get("code")) for rule in profile.get("taxes", []) if isinstance(rule, dict)
        }
        # a zone that is none is told as a fault of the profile
        with contextlib.suppress(ZoneInfoNotFoundError, ValueError, OSError):
            self._zone = ZoneInfo(str(profile.get("time_zone")))
        self._read_profile(profile)

    def _read_profile(self, profile: dict[str, Any]) -> None:
        named: list[str] = []
        for field_ in _BOOKS:
            books = profile.get(field_, [])
            try:
                if isinstance(books, list) and books:
                    profile[field_] = [self._with_instants(book) for book in books]
            except ValueError as error:
                self.faults.append(f"store.json, {field_}: {error}")
                return
            named += [str(book.get("id")) for book in books if isinstance(book, dict)]
        if (self.folder / LOGO_FILE).exists():
            try:
                profile["logo"] = msgspec.to_builtins(read_logo(self.folder / LOGO_FILE))
            except ValueError as error:
                self.faults.append(f"{LOGO_FILE}: {error}")
                return
        faults = len(self.faults)
        self._add(Feed.CONFIG, STORE_KEY, _json(profile), "store.json")
        if len(self.faults) == faults:
            self._books = named
            self._group_books = profile.get("group_books", [])

    def _read_articles(self) -> None:
        codes: dict[str, str] = {}
        rules = self._article_rules()
        deposits = {
            sku: str(row["deposit_sku"]) for sku, row in rules.items() if "deposit_sku" in row
        }
        are_deposits = {sku for sku, row in rules.items() if row.get("deposit") is True}
        for at, row in self._rows("articles.csv", _ARTICLE_COLUMNS):
            sku = row["sku"]
            if sku in self._skus:
                self.faults.append(f"{at}: SKU {sku} stands above already")
                continue
            self._skus.add(sku)
            if row["tax"] not in self._taxes:
                self.faults.append(f"{at}: the store has no tax {row['tax']!r}")
            own = [*row["codes"].split(), *([f"PLU {row['plu']}"] if row["plu"] else [])]
            for code in own:
                self._check_code(at, code)
                if (other := codes.setdefault(code, sku)) != sku:
                    self.faults.append(f"{at}: {code} is already that of {other}")
            value = {**row, "codes": row["codes"].split(), **rules.pop(sku, {})}
            self._add(Feed.CATALOGUE, sku, _json(value), at)
        self.faults += [f"{_RULES}: there is no article {sku!r}" for sku in rules]
        self.faults += [
            f'{_RULES}: the deposit {deposit!r} of {sku} is no article with "deposit": true'
            for sku, deposit in deposits.items()
            if deposit not in are_deposits
        ]

    def _article_rules(self) -> dict[str, dict[str, Any]]:
        """Return what few articles have beside their row, by SKU; a shop need not have any."""
        if not (self.folder / _RULES).exists():
            return {}
        try:
            rows = msgspec.json.decode(self._content(_RULES), type=list[dict[str, Any]])
        except msgspec.DecodeError as error:
            self.faults.append(f"{_RULES}: {error}")
            return {}
        rules: dict[str, dict[str, Any]] = {}
        for number, row in enumerate(rows, 1):
            sku = str(row.get("sku"))
            if sku in rules:
                self.faults.append(f"{_RULES}, article {number}: SKU {sku} stands above already")
            elif written := sorted(set(row) & {*_ARTICLE_COLUMNS} - {"sku"}):
                told = ", ".join(written)
                self.faults.append(f"{_RULES}, article {number}: {told} stands in articles.csv")
            else:
                rules[sku] = row
        return rules

    def _check_code(self, at: str, code: str) -> None:
        if code.startswith("PLU "):
            return
        if not (code.isascii() and code.isdigit() and len(code) in _GTIN_DIGITS):
            self.faults.append(f"{at}: {code!r} is no GTIN of 8, 12, 13 or 14 digits")
        elif check_digit(code[:-1]) != code[-1]:
            self.faults.append(f"{at}: the check digit of {code} is {check_digit(code[:-1])}")

    def _read_prices(self) -> None:
        self._read_book("prices.csv", "")
        for book in self._books:
            self._read_book(f"prices-{book}.csv", book)
        for of_group in self._group_books:
            name = f"prices-{of_group['id']}.csv"
            if not any(self._content(name).splitlines()[1:]):
                group = of_group["group"]
                self.faults.append(f"{name}: the group {group!r} has no price in its book")
        if self._books or not self.faults:  # of a store that was not read nobody knows the books
            known = {f"prices-{book}.csv" for book in self._books}
            self.faults += [
                f"{file.name}: store.json names no such book in {' or '.join(_BOOKS)}"
                for file in sorted(self.folder.glob("prices-*.csv"))
                if file.name not in known
            ]

    def _read_book(self, name: str, book: str) -> None:
        seen: set[str] = set()
        for at, row in self._rows(name, _PRICE_COLUMNS):
            sku, price = row["sku"], row["price_minor"]
            if sku not in self._skus:
                self.faults.append(f"{at}: there is no article {sku!r}")
            elif sku in seen:
                self.faults.append(f"{at}: {sku} has a price above already")
            elif not (price.isascii() and price.isdigit()):
                self.faults.append(f"{at}: {price!r} is no price in the smallest unit")
            else:
                listed = {"sku": sku, "price_minor": int(price), "book": book}
                self._add(Feed.PRICE, price_key(sku, book), _json(listed), at)
            seen.add(sku)

    def _read_promotions(self) -> None:
        if not (self.folder / _PROMOTIONS).exists():
            return  # a shop need not have any
        try:
            rows = msgspec.json.decode(self._content(_PROMOTIONS), type=list[dict[str, Any]])
        except msgspec.DecodeError as error:
            self.faults.append(f"{_PROMOTIONS}: {error}")
            return
        for number, row in enumerate(rows, 1):
            at = f"{_PROMOTIONS}, promotion {number}"
            key = str(row.get("id", ""))
            try:
                hours = row.get("hours")
                value = _json({**row, "hours": self._with_instants(hours)} if hours else row)
            except ValueError as error:
                self.faults.append(f"{at}: {error}")
                continue
            self._add(Feed.PROMOTION, key, value, at)

    def _read_coupons(self) -> None:
        if not (self.folder / _COUPONS).exists():
            return  # a shop need not have any
        try:
            rows = msgspec.json.decode(self._content(_COUPONS), type=list[CouponRow])
        except msgspec.DecodeError as error:
            self.faults.append(f"{_COUPONS}: {error}")
            return
        unread = bool(self.faults)  # of promotions too, perhaps: then nobody knows what they need
        campaigns = {self._campaign_of(item) for item in self.items.get(Feed.PROMOTION, [])}
        seen: set[str] = set()
        for number, row in enumerate(rows, 1):
            at = f"{_COUPONS}, campaign {number}"
            value = msgspec.to_builtins(row)
            codes = value.pop("codes")
            if row.campaign not in campaigns and not unread:
                self.faults.append(f"{at}: no promotion needs a coupon of {row.campaign!r}")
            try:
                value["hours"] = self._with_instants(row.hours)
            except ValueError as error:
                self.faults.append(f"{at}: {error}")
                continue
            for code in codes:
                if code in seen:
                    self.faults.append(f"{at}: the code {code} stands above already")
                    continue
                seen.add(code)
                self._add(Feed.COUPON, code, _json({**value, "code": code}), f"{at}, code {code}")

    def _read_customers(self) -> None:
        if not (self.folder / _CUSTOMERS).exists():
            return  # most shops have them from elsewhere
        try:
            rows = msgspec.json.decode(self._content(_CUSTOMERS), type=list[dict[str, Any]])
        except msgspec.DecodeError as error:
            self.faults.append(f"{_CUSTOMERS}: {error}")
            return
        cards: dict[str, str] = {}
        for number, row in enumerate(rows, 1):
            at = f"{_CUSTOMERS}, customer {number}"
            key = str(row.get("number", ""))
            self._add(Feed.CUSTOMER, key, _json(row), at)
            for card in row.get("cards", ()):
                if (other := cards.setdefault(str(card), key)) != key:
                    self.faults.append(f"{at}: the card {card} is already that of {other}")
        customers = [
            msgspec.json.decode(item.value, type=Customer)
            for item in self.items.get(Feed.CUSTOMER, ())
        ]
        if len(customers) < len(rows):
            return  # of somebody who was not read nobody knows the groups
        groups = {group for customer in customers for group in customer.groups}
        self.faults += [
            f"store.json, group book {book['id']}: no customer is in the group {book['group']!r}"
            for book in self._group_books
            if book["group"] not in groups
        ]

    @staticmethod
    def _campaign_of(item: NewItem) -> str:
        return str(msgspec.json.decode(item.value).get("coupon", ""))

    def _with_instants(self, row: Any) -> Any:
        """Return a row with `from` and `until`, local times, as instants."""
        if not isinstance(row, dict):
            return row
        instants = dict(row)
        for name in ("from", "until"):
            if name in instants:
                local = datetime.fromisoformat(str(instants.pop(name)))
                if local.tzinfo is not None:
                    raise ValueError(f"{name} is a local time of the store, without a zone")
                instants[f"{name}_ms"] = int(local.replace(tzinfo=self._zone).timestamp() * 1000)
        return instants

    def _read_staff(self) -> None:
        try:
            self.people = msgspec.json.decode(self._content("staff.json"), type=list[StaffRow])
        except msgspec.DecodeError as error:
            self.faults.append(f"staff.json: {error}")
        for number, person in enumerate(self.people, 1):
            at = f"staff.json, person {number}"
            pin = person.demo_pin
            if not (
                pin.isascii() and pin.isdigit() and PIN_DIGITS_MIN <= len(pin) <= PIN_DIGITS_MAX
            ):
                self.faults.append(f"{at}: a PIN has {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits")
            item = _staff_item(person, _NO_HASH)
            self._check(Feed.STAFF, item.key, bytes(item.value), at)

    # --- parts ----------------------------------------------------------------------------

    def _add(self, feed: Feed, key: str, value: bytes, at: str) -> None:
        if self._check(feed, key, value, at):
            self.items.setdefault(feed, []).append(NewItem(key, msgspec.Raw(value)))

    def _check(self, feed: Feed, key: str, value: bytes, at: str) -> bool:
        try:
            canonical(feed, key, value)
        except ValueError as error:
            self.faults.append(f"{at}: {error}")
            return False
        return True

    def _content(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise Refused(
                "shop_folder_unreadable",
                f"{self.folder / name} cannot be read: {error.strerror}.",
                advice="A shop's folder holds store.json, articles.csv, prices.csv, staff.json.",
            ) from None

    def _rows(self, name: str, columns: tuple[str, ...]) -> Iterator[tuple[str, Mapping[str, str]]]:
        try:
            text = self._content(name).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.faults.append(f"{name}: byte {error.start} is not UTF-8")
            return
        reader = csv.reader(text.splitlines(), strict=True)
        try:
            if (header := tuple(next(reader, ()))) != columns:
                self.faults.append(f"{name}, line 1: the columns are {','.join(columns)}")
                return
            for row in reader:
                at = f"{name}, line {reader.line_num}"
                if len(row) != len(columns):
                    self.faults.append(f"{at}: {len(row)} cells in place of {len(columns)}")
                    continue
                yield at, dict(zip(header, row, strict=True))
        except csv.Error as error:
            self.faults.append(f"{name}, line {reader.line_num}: {error}")


def _staff_item(person: StaffRow, pin_hash: str) -> NewItem:
    value: dict[str, Any] = {
        "id": person.id,
        "name": person.name,
        "role": person.role,
        "language": person.language,
        "pin_hash": pin_hash,
    }
    return NewItem(person.id, msgspec.Raw(_json(value)))


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
