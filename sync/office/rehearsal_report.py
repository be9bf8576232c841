"""What a rehearsal found, for people to read and for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from edge.contract.money import format_amount
from sync.office.rehearsal import NOT_PRICED, Rehearsal

_SHOWN: Final = 20
_THOUSANDTHS: Final = 1_000


def as_text(found: Rehearsal, zone: ZoneInfo) -> str:
    """Return the report: totals, what changes most, promotions, and what keeps its price."""
    moment = datetime.fromtimestamp(found.at_ms / 1000, tz=zone).strftime("%Y-%m-%d %H:%M")
    book = f"price book {found.book}" if found.book else "no price book"
    before, after = found.before_minor, found.after_minor
    same = found.sales - found.dearer - found.cheaper
    head = (
        f"{found.store}: {found.sales} sales since {found.from_day}, priced as from {moment},"
        f" {book}.\n"
        f"They brought {_money(found, before)} and would bring {_money(found, after)}:"
        f" {_change(found, before, after)}.\n"
        f"{found.dearer} would cost more, {found.cheaper} less, {same} the same."
    )
    return "\n".join((head, *_changes(found), *_promotions(found), *_kept(found)))


def _changes(found: Rehearsal) -> Iterator[str]:
    rows = [
        (
            each.sku,
            each.name,
            _quantity(each.quantity),
            _money(found, each.before_minor),
            _money(found, each.after_minor),
            _change(found, each.before_minor, each.after_minor),
        )
        for each in found.articles
        if each.before_minor != each.after_minor
    ]
    head = ("SKU", "Article", "Sold", "Brought", "Would bring", "Change")
    yield from _table("What changes most", head, rows, left=2)


def _promotions(found: Rehearsal) -> Iterator[str]:
    rows = [
        (each.id, each.name, str(each.sales), _money(found, -each.amount_minor))
        for each in found.promotions
    ]
    yield from _table("Promotions", ("Promotion", "Name", "Sales", "Takes off"), rows, left=2)


def _kept(found: Rehearsal) -> Iterator[str]:
    rows = [(each.sku, each.name, NOT_PRICED[each.reason], str(each.lines)) for each in found.kept]
    head = ("SKU", "Article", "Keeps its price:", "Lines")
    yield from _table("Not priced anew", head, rows, left=3)


def as_csv(found: Rehearsal) -> str:
    """Return every article as a row; amounts in the smallest unit, quantities in thousandths."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("sku", "name", "quantity", "before_minor", "after_minor", "currency"))
    for each in found.articles:
        name = f"'{each.name}" if each.name.startswith(("=", "+", "-", "@")) else each.name
        writer.writerow(
            (each.sku, name, each.quantity, each.before_minor, each.after_minor, found.currency)
        )
    return out.getvalue()


def _money(found: Rehearsal, minor: int) -> str:
    return format_amount(minor, found.currency)


def _change(found: Rehearsal, before: int, after: int) -> str:
    difference = after - before
    sign = "+" if difference > 0 else ""
    share = f" ({sign}{difference * 100 / before:.1f} %)" if before else ""
    return f"{sign}{_money(found, difference)}{share}"


def _quantity(thousandths: int) -> str:
    whole, rest = divmod(thousandths, _THOUSANDTHS)
    return f"{whole}.{rest:03d}" if rest else str(whole)


def _table(
    title: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int
) -> Iterator[str]:
    """Yield columns in line, the first `left` of them from the left, figures from the right."""
    if not rows:
        return
    shown = rows[:_SHOWN]
    widths = [max(map(len, column)) for column in zip(head, *shown, strict=True)]
    yield f"\n{title}" + (f", the first {_SHOWN} of {len(rows)}" if len(rows) > _SHOWN else "")
    for row in (head, *shown):
        cells = [
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
