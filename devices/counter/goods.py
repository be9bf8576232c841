"""The goods on the shelf: read from a shop's article and price files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from edge.contract.device_limits import (
    COUNTER_GOODS_BYTES_MAX,
)
from edge.contract.errors import Refused, SettingsInvalid

T = TypeVar("T")
FIRST_PLAIN: Final = 10
"""So many plain piece goods stand first: scripts take them without looking."""
_GTIN_13: Final = 13
_WEIGHT_G_EXAMPLE: Final = 742
COUPON: Final = "coupon"
CARD: Final = "card"


class Good(msgspec.Struct, frozen=True, omit_defaults=True):
    """One article. Weighed goods have a `plu`, a price per kilogram and a label's `code`.

    `code` is what a scanner reads: the printed GTIN, or a scale's label of `weight_g`. Coupons
    and customers' cards lie there too, with the unit `coupon` or `card` and no price.
    """

    code: str
    name: str
    price_minor: int
    unit: str
    group: str
    sku: str
    icon: str = ""
    plu: str = ""
    weight_g: int = 0


class _Template(msgspec.Struct, frozen=True):
    """A label of the shop's scales: prefix, item digits, value digits, check digit."""

    prefix: str
    item_digits: int
    value_digits: int
    kind: str
    decimals: int


class _Campaign(msgspec.Struct, frozen=True):
    name: str
    codes: tuple[str, ...]


class _Customer(msgspec.Struct, frozen=True):
    name: str
    cards: tuple[str, ...] = ()


class _Profile(msgspec.Struct, frozen=True):
    name: str = ""
    currency: str = "EUR"
    code_templates: tuple[_Template, ...] = ()


class _Store(msgspec.Struct, frozen=True):
    profile: _Profile = _Profile()


@dataclass(frozen=True)
class Shelf:
    """All goods; the first ten are plain piece goods in the order of the file."""

    goods: tuple[Good, ...]
    store_name: str
    currency: str
    weight_label: _Template | None

    def named(self, code: str) -> str:
        """Return the name of what carries this code, or ""."""
        return next((good.name for good in self.goods if good.code == code), "")

    def label(self, plu: str, weight_g: int) -> str:
        """Return the label that the shop's scale would print; raises Refused."""
        good = next((good for good in self.goods if good.plu == plu), None)
        template = self.weight_label
        if good is None or template is None:
            raise Refused(
                "nothing_to_weigh",
                f"No weighed article has the number {plu[:20]!r}.",
                advice="Take one of the goods that have a plu.",
                status=422,
            )
        return _label(template, plu, weight_g)


def load_shelf(folder: Path) -> Shelf:
    """Read articles.csv and prices.csv; where they are, store.json, coupons.json, customers.json.

    Raises SettingsInvalid.
    """
    prices: dict[str, int] = {}
    for at, row in _rows(folder / "prices.csv", ("sku", "price_minor")):
        if not (row["price_minor"].isascii() and row["price_minor"].isdecimal()):
            raise _damaged(folder / "prices.csv", at, f"{row['price_minor']!r} is no price")
        prices[row["sku"]] = int(row["price_minor"])
    profile = _profile(folder / "store.json")
    weight_label = next((each for each in profile.code_templates if each.kind == "weight"), None)
    goods = []
    columns = ("sku", "name", "unit", "group", "codes", "plu", "icon")
    for at, row in _rows(folder / "articles.csv", columns):
        if not row["codes"] and not row["plu"]:
            continue  # a department: its price is typed, and nothing of it stands on the shelf
        if row["sku"] not in prices:
            raise _damaged(folder / "articles.csv", at, f"article {row['sku']!r} has no price")
        good = _good(row, prices[row["sku"]], weight_label)
        if good is not None:
            goods.append(good)
    plain = [good for good in goods if not good.plu and len(good.code) == _GTIN_13][:FIRST_PLAIN]
    if not plain:
        raise _damaged(folder / "articles.csv", 1, "there is nothing to scan in it")
    rest = [good for good in goods if good not in plain]
    rest += [
        Good(code, campaign.name, 0, COUPON, COUPON, "")
        for campaign in _listed(folder / "coupons.json", _Campaign)
        for code in campaign.codes
    ]
    rest += [
        Good(card, customer.name, 0, CARD, CARD, "")
        for customer in _listed(folder / "customers.json", _Customer)
        for card in customer.cards
    ]
    return Shelf((*plain, *rest), profile.name, profile.currency, weight_label)


def _good(row: dict[str, str], price_minor: int, weight_label: _Template | None) -> Good | None:
    codes = row["codes"].split()
    if codes:
        code, weight_g = codes[0], 0
    elif row["plu"] and row["unit"] == "kg" and weight_label is not None:
        code, weight_g = _label(weight_label, row["plu"], _WEIGHT_G_EXAMPLE), _WEIGHT_G_EXAMPLE
    else:
        return None  # nothing that a scanner could read
    return Good(
        code=code,
        name=row["name"],
        price_minor=price_minor,
        unit=row["unit"],
        group=row["group"],
        sku=row["sku"],
        icon=row["icon"],
        plu=row["plu"] if weight_g else "",
        weight_g=weight_g,
    )


def _label(template: _Template, plu: str, weight_g: int) -> str:
    value = weight_g * 10**template.decimals // 1_000
    digits = (
        template.prefix
        + plu.zfill(template.item_digits)[-template.item_digits :]
        + str(value).zfill(template.value_digits)
    )
    if value >= 10**template.value_digits:
        raise Refused("too_heavy", f"{weight_g} g do not fit on a label.", status=422)
    return digits + _check_digit(digits)


def _check_digit(digits: str) -> str:
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(digits[::-1]))
    return str(-total % 10)


def _listed(path: Path, shape: type[T]) -> list[T]:
    if not path.exists():
        return []
    try:
        return msgspec.json.decode(_read(path), type=list[shape])  # type: ignore[valid-type] # a type for msgspec
    except msgspec.DecodeError as error:
        raise _damaged(path, 1, str(error)) from None


def _profile(path: Path) -> _Profile:
    if not path.exists():
        return _Profile()
    try:
        return msgspec.json.decode(_read(path), type=_Store).profile
    except msgspec.DecodeError as error:
        raise _damaged(path, 1, str(error)) from None


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and row."""
    try:
        text = _read(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _damaged(path, 1, "it is not UTF-8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise _damaged(path, 1, f"the column {missing[0]!r} is missing")
    try:
        for row in reader:
            if None in row or None in row.values():
                raise _damaged(path, reader.line_num, "it has another number of columns")
            yield reader.line_num, row
    except csv.Error as error:
        raise _damaged(path, reader.line_num, str(error)) from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(COUNTER_GOODS_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsInvalid(
            "goods_missing",
            f"The goods cannot be read: {path}: {error.strerror}.",
            advice="Let `goods` name a folder with articles.csv and prices.csv.",
        ) from None
    if len(content) > COUNTER_GOODS_BYTES_MAX:
        raise _damaged(path, 1, f"it is over {COUNTER_GOODS_BYTES_MAX} bytes")
    return content


def _damaged(path: Path, line: int, why: str) -> SettingsInvalid:
    return SettingsInvalid(
        "goods_damaged",
        f"{path}, line {line}: {why}.",
        advice="Correct the file, or let `goods` name another folder.",
    )
