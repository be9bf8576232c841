"""The signed code of a receipt, checked with public keys alone: what an auditor needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge.contract.errors import ProtocolViolation, SettingsInvalid
from edge.contract.money import format_amount
from edge.contract.quantity import Unit, format_quantity
from edge.contract.receipt_code import ReceiptCode, read_code, signed_bytes, tip_of
from edge.runtime.keys import VerifyingKey


class CheckedLine(msgspec.Struct, frozen=True):
    """A line of the sale; `quantity` in thousandths of its unit."""

    line: str
    sku: str
    quantity: int
    unit: str
    amount_minor: int
    tax: str


class CheckedTax(msgspec.Struct, frozen=True):
    """The takings of a rate in parts per million."""

    tax: str
    rate_ppm: int
    net_minor: int
    tax_minor: int


class CheckedTender(msgspec.Struct, frozen=True):
    """What was paid by one means, or went back on it."""

    kind: str
    amount_minor: int


class CheckedReceipt(msgspec.Struct, frozen=True):
    """A sale as its code says it; `signed_by` is the key (hexadecimal), or empty: no proof.

    `chain` begins the hash of event `seq` of generation `gen` in the store's ledger
    (hexadecimal). Of lines that had no room in the code there is their number and the SHA-256
    of them as a MessagePack array: such a code proves the sale and does not restore its lines.
    """

    signed_by: str
    store: int
    gen: int
    seq: int
    chain: str
    receipt: str
    sale: str
    at: int
    currency: str
    prices_include_tax: bool
    total_minor: int
    rounding_minor: int
    change_minor: int
    taxes: tuple[CheckedTax, ...]
    tenders: tuple[CheckedTender, ...]
    lines: tuple[CheckedLine, ...]
    lines_left_out: int = 0
    lines_sha256: str = ""
    tip_minor: int = 0


def read_keys(files: Iterable[Path]) -> tuple[VerifyingKey, ...]:
    """Read public keys, one a line; what follows a key on its line is a remark, as after `#`.

    Raises SettingsInvalid naming file and line, or that there is no key at all.
    """
    keys: list[VerifyingKey] = []
    for path in files:
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(
                "key_unreadable", f"The key file {path} cannot be read: {error}."
            ) from None
        for number, line in enumerate(lines, 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            try:
                keys.append(VerifyingKey.from_hex(words[0]))
            except ProtocolViolation:
                raise SettingsInvalid(
                    "key_malformed",
                    f"Line {number} of {path} is no public key.",
                    advice="A key is 64 hexadecimal digits: `tillbox edge --config FILE key`.",
                ) from None
    if not keys:
        raise SettingsInvalid("no_key", "There is no public key in these files.")
    return tuple(keys)


def check(text: str, keys: Sequence[VerifyingKey]) -> CheckedReceipt:
    """Return what a code says, and which key signed it. Raises Refused for no signed code."""
    read = read_code(text)
    for key in keys:
        try:
            key.verify(read.signature, signed_bytes(read.body))
        except ProtocolViolation:
            continue
        return _checked(read.code, key.hex)
    return _checked(read.code, "")


def _checked(code: ReceiptCode, signed_by: str) -> CheckedReceipt:
    return CheckedReceipt(
        signed_by,
        code.store,
        code.gen,
        code.seq,
        code.chain.hex(),
        code.receipt,
        code.sale_id,
        code.at,
        code.currency,
        code.prices_include_tax,
        code.total_minor,
        code.rounding_minor,
        code.change_minor,
        tuple(CheckedTax(t.tax, t.rate_ppm, t.net_minor, t.tax_minor) for t in code.taxes),
        tuple(CheckedTender(each.kind, each.amount_minor) for each in code.tenders),
        tuple(
            CheckedLine(
                line.line_id,
                line.sku,
                line.quantity,
                line.unit,
                line.amount_minor,
                code.taxes[line.tax].tax,
            )
            for line in code.lines
        ),
        *((code.left_out.lines, code.left_out.sha256.hex()) if code.left_out else (0, "")),
        tip_of(code),
    )


def in_words(found: CheckedReceipt) -> Iterator[str]:
    """Return a signed sale as lines of text."""
    currency = found.currency
    when = datetime.fromtimestamp(found.at / 1000, tz=UTC)
    yield f"Signed by {VerifyingKey.from_hex(found.signed_by).fingerprint} ({found.signed_by})."
    yield f"Receipt {found.receipt} of store {found.store}, {when:%Y-%m-%d %H:%M:%S} UTC"
    yield f"Sale {found.sale}; event {found.seq} of generation {found.gen}, hash {found.chain}..."
    for line in found.lines:
        quantity = format_quantity(line.quantity, Unit(line.unit))
        amount = format_amount(line.amount_minor, currency)
        yield f"  {line.line:>3}  {line.sku:<16} x {quantity:<10} {amount:>12}  {line.tax}"
    if found.lines_left_out:
        yield f"  {found.lines_left_out} lines had no room; their SHA-256 is {found.lines_sha256}"
    yield f"Total {format_amount(found.total_minor, currency)} {currency}"
    if found.tip_minor:
        yield f"Tip {format_amount(found.tip_minor, currency)} {currency}"
    for tax in found.taxes:
        net, part = (format_amount(each, currency) for each in (tax.net_minor, tax.tax_minor))
        yield f"  tax {tax.tax} {tax.rate_ppm / 10_000:g} %: net {net}, tax {part}"
    for tender in found.tenders:
        yield f"  {tender.kind} {format_amount(tender.amount_minor, currency)}"
    if found.change_minor:
        yield f"  change {format_amount(found.change_minor, currency)}"
    if found.rounding_minor:
        yield f"  rounding {format_amount(found.rounding_minor, currency)}"
