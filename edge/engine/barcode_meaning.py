"""What a scanned or typed code means, before anyone looks it up.

GTINs are checked and brought to 14 digits; the shop's own 13-digit codes are taken apart by
the store's templates and are never treated as GTINs; element strings and Digital Links are
read by `gs1_syntax`; the rest is an own number (SKU or PLU).
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

import msgspec

from edge.contract.errors import Refused
from edge.contract.money import CURRENCY_DIGITS, Rounding, divide
from edge.contract.quantity import ONE
from edge.contract.reference_data import CodeTemplate

GTIN_DIGITS: Final = 14
RCN_DIGITS: Final = 13
UPC_E_DIGITS: Final = 8

_ASCII_DIGITS: Final = re.compile(r"[0-9]+")
_GTIN: Final = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_CONTROL: Final = re.compile(r"[\x00-\x1c\x1e\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters but for GS (0x1D), and the marks that turn text round."""
_AIM: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_ELEMENT_STRING_AIMS: Final = frozenset({"]C1", "]e0", "]d2", "]Q3", "]J1"})
_EAN_AIMS: Final = frozenset({"]E0", "]E3", "]E4"})
_ITF_AIMS: Final = frozenset({"]I0", "]I1", "]I3"})
GS: Final = "\x1d"
_ZERO: Final = ord("0")


class GtinMeaning(msgspec.Struct, frozen=True):
    """A valid GTIN in 14 digits, and what else the code says.

    `weight` in thousandths of a kg, `amount_minor`, `count` of pieces in thousandths; `serial`,
    `lot` and `expiry` (`YYMMDD`) as AI 21, 10 and 17 have them, empty for none.
    """

    gtin: str
    weight: int | None = None
    amount_minor: int | None = None
    count: int | None = None
    serial: str = ""
    lot: str = ""
    expiry: str = ""


class LabelMeaning(msgspec.Struct, frozen=True):
    """The shop's own label: a PLU with a weight (thousandths of a kg) or a price inside."""

    plu: str
    weight: int | None = None
    amount_minor: int | None = None


class OwnNumber(msgspec.Struct, frozen=True):
    """An SKU or a PLU, or nothing this shop knows."""

    text: str


class WrongCheckDigit(msgspec.Struct, frozen=True):
    """As long as a GTIN, but its last digit should be `expected`."""

    text: str
    expected: str


Meaning = GtinMeaning | LabelMeaning | OwnNumber | WrongCheckDigit


def check_digit(payload: str) -> str:
    """Return the GS1 check digit (modulo 10, weights 3 and 1 from the right) of ASCII digits."""
    digits = payload.encode()
    # every scan comes by here, so the sums run in C; a digit's byte is its value and 48
    threes = digits[::-2]
    total = sum(digits) + 2 * sum(threes) - _ZERO * (len(digits) + 2 * len(threes))
    return str(-total % 10)


def is_in_store(gtin14: str) -> bool:
    """Say whether these 14 digits are a restricted circulation number (02, 04, 20 to 29)."""
    return gtin14[1] == "2" or gtin14[1:3] in {"02", "04"}


def meaning_of(
    text: str, templates: tuple[CodeTemplate, ...], *, currency: str, aim: str = ""
) -> Meaning:
    """Return what a code means. `aim` is the scanner's symbology identifier, if it gave one.

    Raises Refused for an empty code and for control characters.
    """
    code = text.strip(" \t\r\n")
    if found := _AIM.match(code):
        aim, code = aim or found.group(), code[found.end() :]
    if _CONTROL.search(code):
        raise Refused(
            "code_control_characters",
            "The code holds control characters and is no barcode this shop can read.",
            advice="Scan it again; if it stays so, check the scanner's settings.",
        )
    if not code:
        raise Refused("code_empty", "The code is empty.", advice="Scan or type it again.")
    if aim in _ELEMENT_STRING_AIMS or GS in code:
        return _gs1(code, templates, currency)
    if code[:8].lower().startswith(("http://", "https://")):
        return _gs1(code, templates, currency)
    if _ASCII_DIGITS.fullmatch(code):
        return _digits(code, templates, currency, aim)
    return OwnNumber(code)


def refuse_check_digit(meaning: WrongCheckDigit) -> NoReturn:
    """Refuse a code whose check digit is wrong."""
    raise Refused(
        "check_digit",
        f"The code {meaning.text} is misread or mistyped: its last digit should be "
        f"{meaning.expected}.",
        advice="Scan it again, or type the number below the bars.",
        params={"code": meaning.text, "expected": meaning.expected},
    )


def _digits(code: str, templates: tuple[CodeTemplate, ...], currency: str, aim: str) -> Meaning:
    if aim == "]E3":
        # a magazine's two or five digits of issue follow the code; they are not ours to judge
        code = code[:RCN_DIGITS]
    if not _GTIN.fullmatch(code):
        if len(code) > GTIN_DIGITS:
            return _element_digits(code, templates, currency)
        return OwnNumber(code)
    expected = check_digit(code[:-1])
    if len(code) == UPC_E_DIGITS:
        return _eight_digits(code, expected, aim)
    if code[-1] != expected:
        return _wrong(code, expected, aim)
    gtin = code.rjust(GTIN_DIGITS, "0")
    if is_in_store(gtin):
        return _label(gtin[1:], templates, currency)
    return GtinMeaning(gtin)


def _wrong(code: str, expected: str, aim: str) -> Meaning:
    # symbologies that carry anything say nothing about check digits: such a code may be ours
    if aim and aim not in _EAN_AIMS | _ITF_AIMS:
        return OwnNumber(code)
    return WrongCheckDigit(code, expected)


def _eight_digits(code: str, expected: str, aim: str) -> Meaning:
    # GTIN-8 begin with 1 and 3 to 9; 0 and 2 are free inside a shop, and 0 is also UPC-E
    if code[0] == "0" and aim != "]E4":
        upc_a = expand_upc_e(code)
        if check_digit(upc_a[:-1]) == upc_a[-1]:
            return GtinMeaning(upc_a.rjust(GTIN_DIGITS, "0"))
    if code[-1] != expected:
        return _wrong(code, expected, aim)
    return OwnNumber(code) if code[0] in "02" else GtinMeaning(code.rjust(GTIN_DIGITS, "0"))


def expand_upc_e(code: str) -> str:
    """Return the 12 digits of UPC-A that 8 digits of UPC-E stand for; nothing is checked."""
    system, a, b, c, d, e, last, check = list(code)
    if last in "012":
        middle = f"{a}{b}{last}0000{c}{d}{e}"
    elif last == "3":
        middle = f"{a}{b}{c}00000{d}{e}"
    elif last == "4":
        middle = f"{a}{b}{c}{d}00000{e}"
    else:
        middle = f"{a}{b}{c}{d}{e}0000{last}"
    return f"{system}{middle}{check}"


def _label(code: str, templates: tuple[CodeTemplate, ...], currency: str) -> Meaning:
    for template in sorted(templates, key=lambda each: -len(each.prefix)):
        start = len(template.prefix)
        item_end = start + template.item_digits
        value_start = item_end + template.inner_check_digits
        value_end = value_start + template.value_digits
        if not code.startswith(template.prefix) or value_end != RCN_DIGITS - 1:
            continue
        plu, value = code[start:item_end], int(code[value_start:value_end])
        if template.kind == "weight":
            return LabelMeaning(plu, weight=_scale(value, template.decimals, 3))
        digits = CURRENCY_DIGITS[currency]
        return LabelMeaning(plu, amount_minor=_scale(value, template.decimals, digits))
    return OwnNumber(code)


def _scale(value: int, decimals: int, wanted: int) -> int:
    if wanted >= decimals:
        return int(value * 10 ** (wanted - decimals))
    return divide(value, 10 ** (decimals - wanted), Rounding.HALF_UP)


def _element_digits(code: str, templates: tuple[CodeTemplate, ...], currency: str) -> Meaning:
    # without FNC1 or AIM only a code that opens with a GTIN is an element string for certain
    if code.startswith("01") and check_digit(code[2:15]) == code[15:16]:
        return _gs1(code, templates, currency)
    return OwnNumber(code)


def _gs1(code: str, templates: tuple[CodeTemplate, ...], currency: str) -> Meaning:
    from edge.engine import gs1_syntax  # noqa: PLC0415 - its library costs 0.1 s at start

    elements = gs1_syntax.read(code)
    gtin = elements.get("01", "")
    if not re.fullmatch(r"[0-9]{14}", gtin):
        return OwnNumber(code)
    if check_digit(gtin[:-1]) != gtin[-1]:
        return WrongCheckDigit(gtin, check_digit(gtin[:-1]))
    if is_in_store(gtin):
        return _label(gtin[1:], templates, currency)
    digits = CURRENCY_DIGITS[currency]
    weight = amount_minor = None
    for ai, value in elements.items():
        if ai.startswith("310"):
            weight = _scale(int(value), int(ai[3]), 3)
        elif ai.startswith("392"):
            amount_minor = _scale(int(value), int(ai[3]), digits)
    count = elements.get("30")
    return GtinMeaning(
        gtin,
        weight,
        amount_minor,
        int(count) * ONE if count else None,
        elements.get("21", ""),
        elements.get("10", ""),
        elements.get("17", ""),
    )
