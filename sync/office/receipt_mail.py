"""A receipt as a mail: the same blocks as on paper, as plain text and as plain tables.

The signed code goes along as a picture inside the mail: nothing is loaded from anywhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from html import escape
from typing import Final

from edge.contract.receipt_document import (
    Align,
    BarcodeBlock,
    ColumnsBlock,
    Emphasis,
    FeedBlock,
    QrBlock,
    ReceiptBlock,
    ReceiptDocument,
    RowBlock,
    RuleBlock,
    TextBlock,
)
from edge.contract.receipt_letter import ReceiptLetter
from edge.runtime.qr_picture import qr_png

COLUMNS: Final = 44
"""Of the plain text: what a mail program shows on a telephone held sideways."""
_RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur"})
_WIDE: Final = frozenset("WF")
_ALIGN: Final = {Align.START: "start", Align.CENTRE: "center", Align.END: "end"}
_STYLES: Final = {
    Emphasis.NORMAL: "",
    Emphasis.BOLD: "font-weight:bold;",
    Emphasis.LARGE: "font-weight:bold;font-size:125%;",
}


def compose(
    letter: ReceiptLetter, *, store: str, sender: str, sender_name: str, at_ms: int
) -> EmailMessage:
    """Return the mail of a letter of a store (its slug). `at_ms` in ms since 1970 UTC.

    Its Message-ID is that of the letter: sent twice, it is one mail to who looks at that.
    """
    document = letter.document
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = formataddr((_one_line(sender_name or letter.store_name), sender))
    mail["To"] = letter.address
    mail["Subject"] = _one_line(f"{document.title} · {letter.store_name}")
    mail["Date"] = format_datetime(datetime.fromtimestamp(at_ms / 1000, tz=UTC))
    mail["Message-ID"] = f"<{letter.ref}.{store}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday message comes back
    pictures = {
        block.data: f"code-{place}.{letter.ref}@{domain}"
        for place, block in enumerate(document.blocks)
        if isinstance(block, QrBlock)
    }
    mail.set_content(as_text(document), cte="base64")
    mail.add_alternative(as_html(document, pictures), subtype="html", cte="base64")
    mail["Content-Language"] = document.language  # made before its parts it would be theirs
    page = mail.get_payload(1)
    assert isinstance(page, EmailMessage)  # noqa: S101 - it was added a line ago
    for text, name in pictures.items():
        page.add_related(qr_png(text), "image", "png", cid=f"<{name}>", disposition="inline")
    return mail


def _one_line(text: str) -> str:
    """Return a text that cannot break out of a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


# --- plain text -----------------------------------------------------------------------------


def as_text(document: ReceiptDocument) -> str:
    """Return a receipt as plain text."""
    return "\n".join(line.rstrip() for block in document.blocks for line in _text(block)) + "\n"


def _text(block: ReceiptBlock) -> Iterator[str]:
    match block:
        case TextBlock(text, align, _):
            free = max(0, COLUMNS - _width(text))
            yield " " * {Align.START: 0, Align.CENTRE: free // 2, Align.END: free}[align] + text
        case RowBlock(start, end, _):
            free = COLUMNS - _width(start) - _width(end)
            yield f"{start}{' ' * free}{end}" if free > 0 else f"{start}\n{end}"
        case ColumnsBlock(cells):
            room = COLUMNS // len(cells)
            padded = (" " * max(0, room - _width(cell)) + cell for cell in cells[1:])
            yield cells[0] + " " * max(0, room - _width(cells[0])) + "".join(padded)
        case RuleBlock():
            yield "-" * COLUMNS
        case FeedBlock(lines):
            yield from [""] * lines
        case BarcodeBlock(data):
            yield data
        case _:
            return  # a code is in the other part, a picture for paper alone


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in _WIDE)
        for c in text
    )


# --- tables ---------------------------------------------------------------------------------


def as_html(document: ReceiptDocument, pictures: dict[str, str]) -> str:
    """Return a receipt as a page of plain tables; `pictures` names the parts of its codes."""
    language = escape(document.language)
    direction = "rtl" if document.language.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"
    rows = "\n".join(f"<tr><td>{_html(block, pictures)}</td></tr>" for block in document.blocks)
    return (
        f'<!doctype html>\n<html lang="{language}" dir="{direction}"><head><meta charset="utf-8">'
        f"<title>{escape(document.title)}</title></head>\n"
        '<body style="margin:0;padding:16px;background:#ffffff;color:#111111">\n'
        f'<table role="presentation" dir="{direction}" cellpadding="0" cellspacing="0"'
        ' align="center" style="width:100%;max-width:420px;font:15px/1.4 sans-serif">\n'
        f"{rows}\n</table></body></html>\n"
    )


def _html(block: ReceiptBlock, pictures: dict[str, str]) -> str:
    match block:
        case TextBlock(text, fixed=True):
            return f'<pre dir="auto" style="margin:0;white-space:pre-wrap">{escape(text)}</pre>'
        case TextBlock(text, align, emphasis):
            style = f"text-align:{_ALIGN[align]};{_STYLES[emphasis]}white-space:pre-wrap"
            return f'<div style="{style}"><bdi>{escape(text)}</bdi></div>'
        case RowBlock(start, end, emphasis):
            return _cells((start, end), "", _STYLES[emphasis], first="100%")
        case ColumnsBlock(cells):
            even = "table-layout:fixed;"  # one row is one table: they stand below each other
            return _cells(cells, even, "", first=f"{100 // len(cells)}%")
        case _:
            return _html_between(block, pictures)


def _html_between(block: ReceiptBlock, pictures: dict[str, str]) -> str:
    match block:
        case RuleBlock():
            return '<hr style="border:0;border-top:1px solid #999999;margin:8px 0">'
        case FeedBlock(lines):
            return "<br>" * lines
        case QrBlock(data, _):
            return (
                f'<div style="text-align:center"><img src="cid:{escape(pictures[data])}" alt="QR"'
                ' style="width:100%;max-width:260px;height:auto"></div>'
            )
        case BarcodeBlock(data):
            return f'<div style="text-align:center"><bdi>{escape(data)}</bdi></div>'
        case _:
            return ""


def _cells(cells: tuple[str, ...], layout: str, style: str, *, first: str) -> str:
    head, *others = (f"<bdi>{escape(cell)}</bdi>" for cell in cells)
    ends = "".join(
        f'<td style="text-align:end;white-space:nowrap;padding-inline-start:12px">{cell}</td>'
        for cell in others
    )
    return (
        '<table role="presentation" cellpadding="0" cellspacing="0"'
        f' style="{layout}width:100%"><tr style="vertical-align:bottom;{style}">'
        f'<td style="width:{first};white-space:pre-wrap">'
        f"{head}</td>{ends}</tr></table>"
    )
