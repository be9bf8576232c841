"""Goods that came back, over all stores: an alarm where more came back than was sold.

A box counts what it took back itself, and takes goods of another store's receipt with a second
person's approval, since it cannot see what others took. Head office sees all of it, whichever
arrives first: the sale, or what came back of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

RETURNED_KIND: Final = "returned_more_than_sold"
"""The kind of the alarm."""


def returned_words(
    name: str, receipt: str, slug: str, back: int, sold: int, where: Iterable[str]
) -> str:
    """Return the words of the alarm: quantities in thousandths, stores by their slugs."""
    return (
        f"Of {name} on receipt {receipt} of {slug} {back / 1000:g} came back and"
        f" {sold / 1000:g} were sold; they came back in: {','.join(where)}. Look at these"
        " returns, at who approved them, and at the receipt: copies of it may go round."
    )
