"""A receipt as a document: what it says, not how wide the paper is.

The engine lays it out in blocks; the printer's driver sets it for its columns and scripts.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Align(StrEnum):
    """Where a text stands between the edges, in reading order."""

    START = "start"
    CENTRE = "centre"
    END = "end"


class Emphasis(StrEnum):
    """How loud a text is."""

    NORMAL = "normal"
    BOLD = "bold"
    LARGE = "large"
    """Double height and bold: the total, the shop's name."""


class TextBlock(msgspec.Struct, frozen=True, tag="text", tag_field="kind", omit_defaults=True):
    """A paragraph; wrapped at words, then at characters.

    `fixed`: a line that another machine set in columns of its own, as a card terminal does. It
    stays as it is; where the paper is narrower its gaps give way first. A line that begins with
    letters from left to right begins at the left on every receipt.
    """

    text: str
    align: Align = Align.START
    emphasis: Emphasis = Emphasis.NORMAL
    fixed: bool = False


class RowBlock(msgspec.Struct, frozen=True, tag="row", tag_field="kind", omit_defaults=True):
    """A text at the start and an amount at the end of one line; the text wraps, the amount not."""

    start: str
    end: str
    emphasis: Emphasis = Emphasis.NORMAL


class ColumnsBlock(msgspec.Struct, frozen=True, tag="columns", tag_field="kind"):
    """Cells of equal width, all but the first set at the end: the tax table."""

    cells: tuple[str, ...]


class RuleBlock(msgspec.Struct, frozen=True, tag="rule", tag_field="kind"):
    """A line across the paper."""


class FeedBlock(msgspec.Struct, frozen=True, tag="feed", tag_field="kind", omit_defaults=True):
    """Empty lines."""

    lines: int = 1


class QrBlock(msgspec.Struct, frozen=True, tag="qr", tag_field="kind", omit_defaults=True):
    """A QR code, centred. `instead` is written where the printer has none; empty for `data`."""

    data: str
    instead: str = ""


class BarcodeBlock(msgspec.Struct, frozen=True, tag="barcode", tag_field="kind"):
    """A Code 128 bar code, centred, its text below."""

    data: str


class PictureBlock(msgspec.Struct, frozen=True, tag="picture", tag_field="kind"):
    """Dots, centred; `rows` as in `Logo`. A printer that prints no dots leaves it out."""

    width_dots: int
    rows: bytes


ReceiptBlock = (
    TextBlock
    | RowBlock
    | ColumnsBlock
    | RuleBlock
    | FeedBlock
    | QrBlock
    | BarcodeBlock
    | PictureBlock
)


class ReceiptDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one receipt says. `language` is the customer's (BCP 47), for shaping and direction.

    `copy` is 0 for the original; from 1 on the printer's driver is handed a document that
    already says COPY in its blocks.
    """

    title: str
    blocks: tuple[ReceiptBlock, ...]
    language: str = "en"
    copy: int = 0
