"""What the terminal writes about a transaction: status information and two receipts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from devices.simulators.terminal_zvt.acquirer import Batch, Transaction, TransactionKind
from devices.simulators.terminal_zvt.wire import digits, long_text, short_text, thing, written

MERCHANT: Final = 1
CUSTOMER: Final = 2
ADMINISTRATION: Final = 3
TERMINAL_ID: Final = 52_000_042
_SCHEME: Final = "Testkarte"
_LAST_LINE: Final = 0x83
"""The last line and three lines of feed."""
_CENTRED: Final = 0x40
_SETS: Final = {
    "cp437": 0xFF, "utf-8": 0xFE, "latin-1": 0x01, "iso8859-2": 0x02, "iso8859-15": 0x0F,
}  # fmt: skip
_NAMES: Final[dict[TransactionKind, str]] = {
    "payment": "Zahlung",
    "refund": "Gutschrift",
    "reversal": "Storno",
    "reservation": "Reservierung",
    "capture": "Buchung",
    "release": "Freigabe",
}


def approved_status(
    done: Transaction,
    currency: int,
    encoding: str,
    *,
    sync_receipt: bool,
    told_minor: int,
    signs: bool = False,
) -> bytes:
    """Return the data of 04 0F for a booking; `told_minor` is what it calls its amount."""
    at = datetime.fromtimestamp(done.when / 1000, tz=UTC)
    data = b"\x27\x00" + b"\x04" + digits(told_minor, 6) + b"\x49" + digits(currency, 2)
    data += b"\x0c" + bytes.fromhex(at.strftime("%H%M%S"))
    data += b"\x0d" + bytes.fromhex(at.strftime("%m%d"))
    data += b"\x0b" + digits(done.trace, 3) + b"\x87" + digits(done.receipt, 2)
    data += b"\x29" + digits(TERMINAL_ID, 4)
    data += short_text(0x22, bytes.fromhex("EEEEEEEEEEEE" + done.last4))
    data += b"\x8a\x05" + short_text(0x8B, written(_SCHEME, encoding) + b"\x00")
    data += b"\x3b" + f"A{done.trace:06d}".encode() + b"\x00"
    data += long_text(0x3C, written(f"{_NAMES[done.kind]} erfolgt", encoding))
    if done.of_trace:
        data += b"\x37" + digits(done.of_trace, 3)
    sync = (thing("1F1F", digits(done.receipt, 2)),) if sync_receipt else ()
    signed = (thing("1F10", b"\x01"),) if signs else ()
    if sync or signed:
        data += thing("06", *sync, *signed)
    return data + b"\x88" + digits(done.turnover, 3)


def declined_status(
    code: int, kind: TransactionKind, amount_minor: int, currency: int, trace: int, encoding: str
) -> bytes:
    """Return the data of 04 0F for a transaction that was not made."""
    data = bytes([0x27, code, 0x04]) + digits(amount_minor, 6) + b"\x49" + digits(currency, 2)
    data += b"\x0b" + digits(trace, 3) + b"\x29" + digits(TERMINAL_ID, 4)
    return data + long_text(0x3C, written(f"{_NAMES[kind]} abgelehnt für diese Karte", encoding))


def named_error(code: str, text: str, encoding: str) -> bytes:
    """Return the container that names what went wrong; empty when nothing is to be named."""
    number = thing("1F16", bytes.fromhex(code)) if code else b""
    words = thing("1F17", written(text, encoding)) if text else b""
    return thing("06", number, words) if number or words else b""


def receipt_lines(kind: int, done: Transaction) -> list[tuple[int, str]]:
    """Return the lines of a receipt with their attributes; the last one ends it."""
    title = "Händlerbeleg" if kind == MERCHANT else "Kundenbeleg"
    amount = f"{done.amount_minor // 100},{done.amount_minor % 100:02d}"
    name = _NAMES[done.kind]
    named = f"{done.of:04d}"
    of = [(0, f"{name} zu Beleg{named:>{15 - len(name)}}")] if done.of else []
    return [
        (_CENTRED, f"** {title} **"),
        (0, f"Terminal-ID     {TERMINAL_ID}"),
        (0, f"Beleg-Nr.           {done.receipt:04d}"),
        (0, f"Trace-Nr.         {done.trace:06d}"),
        (0, f"Karte {_SCHEME}  ####{done.last4}"),
        (0, f"{'Betrag' if done.kind == 'payment' else name} EUR{amount:>{20 - len(name)}}"),
        *of,
        (_LAST_LINE, f"{name} erfolgt" if kind == MERCHANT else "Bitte Beleg aufbewahren"),
    ]


def totals_status(batch: Batch) -> bytes:
    """Return the data of 04 0F for a batch: its sum, and BMP 60 with all kinds of cards."""
    at = datetime.fromtimestamp(batch.when / 1000, tz=UTC)
    data = b"\x27\x00\x04" + digits(abs(batch.sum_minor), 6)
    if batch.trace:
        data += b"\x0b" + digits(batch.trace, 3)
    data += b"\x0c" + bytes.fromhex(at.strftime("%H%M%S"))
    data += b"\x0d" + bytes.fromhex(at.strftime("%m%d"))
    parts = digits(batch.first, 2) + digits(batch.last, 2)
    parts += bytes([batch.count]) + digits(abs(batch.sum_minor), 6)
    return data + long_text(0x60, parts + bytes(6 * 7))


def totals_lines(batch: Batch) -> list[tuple[int, str]]:
    """Return the slip of an end of day."""
    return [
        (_CENTRED, "** Kassenschnitt **"),
        (0, f"Terminal-ID     {TERMINAL_ID}"),
        (0, f"Belege      {batch.first:04d} - {batch.last:04d}"),
        (0, f"Anzahl              {batch.count:4d}"),
        (_LAST_LINE, f"Summe EUR{_money(batch.sum_minor):>15}"),
    ]


def service_lines(title: str) -> list[tuple[int, str]]:
    """Return the slip of a diagnosis or an initialisation."""
    return [(_CENTRED, f"** {title} **"), (_LAST_LINE, f"Terminal-ID     {TERMINAL_ID}")]


def _money(amount_minor: int) -> str:
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{abs(amount_minor) // 100},{abs(amount_minor) % 100:02d}"


def as_lines(kind: int, lines: Iterable[tuple[int, str]], encoding: str) -> Iterator[bytes]:
    """Yield the data of one 06 D1 a line, the receipt's type appended to the last."""
    for attribute, text in lines:
        data = bytes([attribute]) + written(text, encoding)
        if attribute == _LAST_LINE:
            data += thing("06", thing("1F07", bytes([kind])))
        yield data


def as_block(
    kind: int, lines: Iterable[tuple[int, str]], encoding: str, *, names_set: bool = False
) -> bytes:
    """Return the data of one 06 D3 with the whole receipt; it may name the set of its texts."""
    body = b"".join(
        thing("09", bytes([attribute])) + thing("07", written(text, encoding))
        for attribute, text in lines
    )
    named = thing("14", bytes([_SETS[encoding]])) if names_set and encoding in _SETS else b""
    return thing("06", thing("1F07", bytes([kind])), named, thing("25", body))
