"""What the counter API says and takes, as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from devices.counter.goods import Good
from edge.contract.limits import (
    BARCODE_CHARS_MAX,
    SCALE_WEIGHT_G_MAX,
)

Next = Literal[
    "approve",
    "decline",
    "abort",
    "silent",
    "cut_before_result",
    "cut_after_approval",
    "approve_after_cut",
    "ask",
]
Key = Literal["approve", "decline", "stop", "cut", "approve_and_cut"]
TransactionKind = Literal["payment", "refund", "reversal", "reservation", "capture", "release"]
PaperState = Literal["ok", "near_end", "out"]
DeviceName = Literal["scanner", "printer", "terminal", "scale"]


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body from outside: a key that nobody reads is refused."""


# --- what is taken -----------------------------------------------------------------------


class ScanBody(_Asked, frozen=True):
    """`raw`: every character is one byte (U+0000 to U+00FF), control characters too."""

    code: Annotated[str, Meta(max_length=BARCODE_CHARS_MAX)]
    raw: bool = False


class WeighBody(_Asked, frozen=True):
    """The shop's scale prints a label for `weight_g` of the goods `plu`; it is scanned."""

    plu: Annotated[str, Meta(min_length=1, max_length=10)]
    weight_g: Annotated[int, Meta(ge=1, le=99_999)]


class ScaleBody(_Asked, frozen=True):
    """What lies on the scale from now on; 0 takes all off, below zero it was zeroed with goods.

    `stable`: whether it comes to rest, or keeps swaying.
    """

    grams: Annotated[int, Meta(ge=-9_999, le=SCALE_WEIGHT_G_MAX)]
    stable: bool = True


class TerminalBody(_Asked, frozen=True):
    """What the next payment, refund or reversal does, then it is `approve` again.

    `ask` stays: a person presses.
    """

    next: Next


class PressBody(_Asked, frozen=True):
    """A key at the terminal while it asks.

    `cut`: the cable is pulled, nothing is booked; `approve_and_cut`: booked, and the cable
    is out before the till hears it; `stop`: the customer's red key.
    """

    key: Key


class PrinterBody(_Asked, frozen=True):
    """What is named is changed. `lines_left`: the paper runs out after so many lines."""

    paper: PaperState | None = None
    cover: Literal["open", "closed"] | None = None
    lines_left: Annotated[int, Meta(ge=1, le=10_000)] | None = None


class LinkBody(_Asked, frozen=True):
    """The line to head office: whole, or cut."""

    up: bool


class CableBody(_Asked, frozen=True):
    """The cable of one device: in, or pulled."""

    device: DeviceName
    plugged: bool


# --- what is said ------------------------------------------------------------------------


class GoodsBody(msgspec.Struct, frozen=True):
    """The shelf; the first ten are plain piece goods."""

    goods: tuple[Good, ...]
    currency: str
    store_name: str


class ScannedBody(msgspec.Struct, frozen=True):
    """What the scanner typed, and which goods on the shelf have that code ("" for none)."""

    code: str
    name: str


class PaperBody(msgspec.Struct, frozen=True):
    """The text of the receipts that came out, newest last."""

    receipts: list[str]


class SlipLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line as it looks. `mark`: qr, barcode or picture; `png`: a picture in base64.

    A picture begins at `left_dots` and is `width_dots` wide; a sign of text takes 12.
    """

    text: str
    bold: bool = False
    height: int = 1
    width: int = 1
    mark: str = ""
    png: str = ""
    left_dots: int = 0
    width_dots: int = 0


class Slip(msgspec.Struct, frozen=True):
    """A receipt that was cut off."""

    lines: tuple[SlipLine, ...]


class SlipsBody(msgspec.Struct, frozen=True):
    """The last slips as they look, newest last."""

    slips: list[Slip]


class ScannerState(msgspec.Struct, frozen=True):
    """`connected`: somebody holds its port open. `port`: the path to open."""

    plugged: bool
    connected: bool
    port: str


class PrinterState(msgspec.Struct, frozen=True):
    """`slips`: how many came out; `hanging`: lines that are not cut off yet.

    `pole`: what the customer display on it shows, two rows of 20 signs.
    """

    paper: PaperState
    cover: Literal["open", "closed"]
    plugged: bool
    connected: bool
    slips: int
    hanging: tuple[SlipLine, ...]
    pole: tuple[str, str]


class DrawerState(msgspec.Struct, frozen=True):
    """`pulses` so far; `opened_at`: milliseconds since 1970 UTC, 0 while shut."""

    pulses: int
    open: bool
    opened_at: int


class BookedPayment(msgspec.Struct, frozen=True):
    """What the acquirer has: a payment, a refund, a reservation, or what became of `of`.

    `state`: booked, or reversed once it was taken back; `of`: a receipt number, "" for none;
    `at`: milliseconds since 1970 UTC.
    """

    kind: TransactionKind
    amount_minor: int
    receipt: str
    trace: str
    state: str
    of: str
    at: int


class TerminalState(msgspec.Struct, frozen=True):
    """`asked_minor`, `asked_kind`: what is under way; `next` as in TerminalBody.

    `balance_minor`: what the acquirer owes the shop: payments less refunds, of all that stand.
    """

    booked: tuple[BookedPayment, ...]
    balance_minor: int
    next: Next
    display: str
    asked_minor: int | None
    asked_kind: TransactionKind
    plugged: bool
    connected: bool
    currency: str


class ScaleState(msgspec.Struct, frozen=True):
    """What lies on the scale, and what it makes of it."""

    grams: int
    stable: bool
    overloaded: bool
    plugged: bool
    connected: bool


class LinkState(msgspec.Struct, frozen=True):
    """The line to head office and what goes through it now."""

    up: bool
    connections: int


class CablesBody(msgspec.Struct, frozen=True):
    """Which cables are in."""

    scanner: bool
    printer: bool
    terminal: bool
    scale: bool


class CounterState(msgspec.Struct, frozen=True):
    """Everything that the page shows. `slip`: the newest one; `booked`: the newest few."""

    scanner: ScannerState
    printer: PrinterState
    drawer: DrawerState
    terminal: TerminalState
    scale: ScaleState
    link: LinkState
    slip: Slip | None
    till_url: str
