"""The signed code on a receipt: the sale itself, small enough for a QR code.

    text = "TILLBOX2:" Base45(signature || body) "."
    body = 0x01, then `ReceiptCode` as a MessagePack array; or
           0x02, then `TippedCode`, for a sale with a tip
    signature = Ed25519 by the box's key over `SIGNED_AS || body`, 64 bytes

The stop at the end shows that nothing was cut off; Base45 may end with a space. Nothing is
compressed: deflate saves 4 % at ten lines and takes longer than signing does. A sale whose text
would be too long is coded without its lines, but with a digest of them: such a code proves the
sale and its totals, and does not restore its lines.
"""

from __future__ import annotations

import hashlib
from typing import Final, NoReturn
from uuid import UUID

import msgspec

from edge.contract.base45 import decode45, encode45
from edge.contract.errors import Refused
from edge.contract.limits import (
    RECEIPT_TEXT_CHARS_MAX,
)
from edge.contract.money import CURRENCY_DIGITS
from edge.contract.quantity import ONE, Unit
from edge.contract.wire import UNREADABLE

FORM: Final = "TILLBOX2:"
"""Opens the text of a signed code."""
END: Final = "."
SIGNED_AS: Final = b"tillbox receipt 2\0"
"""Stands before the body when it is signed: no other thing that a box signs begins like it."""
SIGNATURE_BYTES: Final = 64
_UUID_BYTES: Final = 16
CHAIN_BYTES: Final = 8
"""So much of the chain's hash is in the code; the seq beside it says where to look."""
_PLAIN: Final = b"\x01"
_TIPPED: Final = b"\x02"
_DIGITS_MAX: Final = 18
"""A longer number may not fit 64 bits."""


class SoldGoods(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A line that was not voided.

    `article` is the SKU, as a number where it is one. `count` is pieces above zero, or grams
    below it. `amount_minor` is what the line cost, all reductions taken off, or what it gave
    back, below zero; `tax` is its place in `ReceiptCode.taxes`.
    """

    line: int | str
    article: int | str
    count: int
    amount_minor: int
    tax: int

    @property
    def sku(self) -> str:
        """The article's SKU."""
        return str(self.article)

    @property
    def line_id(self) -> str:
        """The line's id in its sale."""
        return str(self.line)

    @property
    def unit(self) -> Unit:
        """What `quantity` counts."""
        return Unit.PIECE if self.count > 0 else Unit.KILOGRAM

    @property
    def quantity(self) -> int:
        """How much, in thousandths."""
        return self.count * ONE if self.count > 0 else -self.count


class PaidBy(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A tender that was taken or approved, by its kind; below zero it went back."""

    kind: str
    amount_minor: int


class TaxPart(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The takings of one tax rate, as in `TaxTotal`; gross is net and tax together."""

    tax: str
    rate_ppm: int
    net_minor: int
    tax_minor: int


class LeftOut(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Lines that had no room: how many, and the SHA-256 of them as a MessagePack array."""

    lines: int
    sha256: bytes


class ReceiptCode(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A completed sale. `store` is the store's number, `at` ms since 1970 UTC.

    `gen` and `seq` name the event that completed it, `chain` begins the chain's hash there.
    `uuid` is the sale's id as 16 bytes where it is one, else `other_id` is the id.
    """

    store: int
    gen: int
    seq: int
    chain: bytes
    receipt: str
    uuid: bytes
    other_id: str
    at: int
    currency: str
    prices_include_tax: bool
    total_minor: int
    rounding_minor: int
    change_minor: int
    taxes: tuple[TaxPart, ...]
    tenders: tuple[PaidBy, ...]
    lines: tuple[SoldGoods, ...]
    left_out: LeftOut | None = None

    @property
    def sale_id(self) -> str:
        """The sale's id as tills write it."""
        return str(UUID(bytes=self.uuid)) if self.uuid else self.other_id

    @property
    def till(self) -> str:
        """The till that completed it: its number's beginning."""
        return self.receipt.rpartition("-")[0]


class TippedCode(ReceiptCode, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A completed sale with a tip; one without is coded as ever. The tip is never 0."""

    tip_minor: int = 0


def tip_of(code: ReceiptCode) -> int:
    """Return what the staff got beside the total of a sale, in minor units."""
    return code.tip_minor if isinstance(code, TippedCode) else 0


class SignedCode(msgspec.Struct, frozen=True):
    """A code as it was read: nobody has looked at the signature yet."""

    signature: bytes
    body: bytes
    code: ReceiptCode


_DECODERS: Final[dict[bytes, msgspec.msgpack.Decoder[ReceiptCode]]] = {
    _PLAIN: msgspec.msgpack.Decoder(ReceiptCode),
    _TIPPED: msgspec.msgpack.Decoder(TippedCode),
}
_ENCODER: Final = msgspec.msgpack.Encoder()


def new_code(
    *,
    store: int,
    gen: int,
    seq: int,
    chain_hash: bytes,
    receipt: str,
    sale: str,
    at: int,
    currency: str,
    prices_include_tax: bool,
    totals: tuple[int, int, int],
    taxes: tuple[TaxPart, ...],
    tenders: tuple[PaidBy, ...],
    lines: tuple[SoldGoods, ...],
    tip_minor: int = 0,
) -> ReceiptCode:
    """Return the code of a sale; `totals` are total, rounding and change in minor units."""
    parts = (
        store,
        gen,
        seq,
        chain_hash[:CHAIN_BYTES],
        receipt,
        *_short_id(sale),
        at,
        currency,
        prices_include_tax,
        *totals,
        taxes,
        tenders,
        lines,
    )
    return TippedCode(*parts, None, tip_minor) if tip_minor else ReceiptCode(*parts)


def sold_goods(
    line_id: str, sku: str, quantity: int, unit: str, amount_minor: int, tax: int
) -> SoldGoods:
    """Return a line of a code; `quantity` in thousandths of its unit."""
    count = quantity // ONE if unit == Unit.PIECE else -quantity
    return SoldGoods(_number(line_id), _number(sku), count, amount_minor, tax)


def pack_code(code: ReceiptCode) -> bytes:
    """Return the body to be signed: with its lines, or with a digest of them if too long."""
    version = _TIPPED if tip_of(code) else _PLAIN
    body = version + _ENCODER.encode(code)
    if _chars_of(len(body)) <= RECEIPT_TEXT_CHARS_MAX:
        return body
    digest = LeftOut(len(code.lines), hashlib.sha256(_ENCODER.encode(code.lines)).digest())
    return version + _ENCODER.encode(msgspec.structs.replace(code, lines=(), left_out=digest))


def signed_bytes(body: bytes) -> bytes:
    """Return what the signature of a body is over."""
    return SIGNED_AS + body


def code_text(signature: bytes, body: bytes) -> str:
    """Return the text of a QR code."""
    return f"{FORM}{encode45(signature + body)}{END}"


def is_signed_code(text: str) -> bool:
    """Say whether a text begins as a signed code does."""
    return text.strip().startswith(FORM)


def read_code(text: str) -> SignedCode:
    """Read the text of a signed code. Raises Refused when it is damaged, or newer than this."""
    text = text.strip()
    if not text.startswith(FORM) or not text.endswith(END) or len(text) > RECEIPT_TEXT_CHARS_MAX:
        _refuse_damaged()
    try:
        data = decode45(text[len(FORM) : -len(END)])
    except ValueError:
        _refuse_damaged()
    signature, body = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
    if body[:1] > _TIPPED:
        raise Refused(
            "receipt_code_newer",
            "This receipt's code is of a newer kind than this box can read.",
            advice="Type the receipt's number instead, or update the box.",
        )
    decoder = _DECODERS.get(body[:1])
    if decoder is None:
        _refuse_damaged()
    try:
        code = decoder.decode(body[1:])
    except UNREADABLE:
        _refuse_damaged()
    if not _makes_sense(code):
        _refuse_damaged()
    return SignedCode(signature, body, code)


def _makes_sense(code: ReceiptCode) -> bool:
    return (
        code.currency in CURRENCY_DIGITS
        and (not isinstance(code, TippedCode) or code.tip_minor != 0)
        and (len(code.uuid) == _UUID_BYTES if code.uuid else bool(code.other_id))
        and all(0 <= line.tax < len(code.taxes) and line.count for line in code.lines)
    )


def _refuse_damaged() -> NoReturn:
    raise Refused(
        "receipt_code_damaged",
        "This receipt's code was not read whole, or is none.",
        advice="Scan it again, or type the receipt's number.",
    )


def _chars_of(body_bytes: int) -> int:
    pairs, rest = divmod(SIGNATURE_BYTES + body_bytes, 2)
    return len(FORM) + 3 * pairs + 2 * rest + len(END)


def _number(text: str) -> int | str:
    """Return a text as the number it is the plain form of: shorter as MessagePack."""
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS_MAX:
        return text
    return int(text) if text == "0" or text[0] != "0" else text


def _short_id(sale: str) -> tuple[bytes, str]:
    try:
        short = UUID(sale)
    except ValueError:
        return b"", sale
    return (short.bytes, "") if str(short) == sale else (b"", sale)
