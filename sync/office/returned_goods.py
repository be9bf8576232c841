"""Goods that came back, over all stores: an alarm where more came back than was sold.

A box counts what it took back itself, and takes goods of another store's receipt with a second
person's approval, since it cannot see what others took. Head office sees all of it, whichever
arrives first: the sale, or what came back of it.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from edge.contract.envelope import SealedEnvelope

KIND: Final = "returned_more_than_sold"
_ORIGINALS: Final = (
    "SELECT DISTINCT original_sale FROM line_detail"
    " WHERE store = ? AND sale = ? AND original_sale <> ''"
)
_TOO_MUCH: Final = (
    "SELECT sale.receipt, store.slug, sold.name, sold.quantity, sum(taken.quantity),"
    " group_concat(DISTINCT at.slug)"
    " FROM line_detail AS back"
    " JOIN sale_line AS taken USING (store, sale, line)"
    " JOIN sale AS taking ON taking.store = back.store AND taking.sale = back.sale"
    " JOIN store AS at ON at.number = back.store"
    # few stores, each a point query: no sale pays for an index of ids
    " CROSS JOIN store"
    " JOIN sale ON sale.store = store.number AND sale.sale = back.original_sale"
    " JOIN sale_line AS sold ON sold.store = sale.store AND sold.sale = sale.sale"
    " AND sold.line = back.original_line"
    " WHERE back.original_sale = ? AND taken.voided = 0 AND taking.state = 'completed'"
    " AND sale.state = 'completed' AND sold.returned = 0"
    " GROUP BY sale.store, sale.sale, sold.line HAVING sum(taken.quantity) > sold.quantity"
    " ORDER BY sold.number"
)


def check_returned(connection: sqlite3.Connection, envelope: SealedEnvelope, sale: str) -> None:
    """Raise an alarm where a completed sale makes more come back of a line than was sold.

    It is the sale that took goods back, or the one that had sold them and came late.
    """
    originals = connection.execute(_ORIGINALS, (envelope.store, sale)).fetchall()
    for original in dict.fromkeys((sale, *(each for (each,) in originals))):
        for receipt, slug, name, quantity, back, where in connection.execute(
            _TOO_MUCH, (original,)
        ).fetchall():
            words = (
                f"Of {name} on receipt {receipt} of {slug} {back / 1000:g} came back and"
                f" {quantity / 1000:g} were sold; they came back in: {where}. Look at these"
                " returns, at who approved them, and at the receipt: copies of it may go round."
            )
            connection.execute(
                "INSERT INTO alarm (store, kind, words, first_at, last_at, count)"
                " VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (store, kind) DO UPDATE SET"
                " words = excluded.words, count = count + (excluded.last_at > last_at),"
                " last_at = max(last_at, excluded.last_at)",
                (envelope.store, KIND, words, envelope.at, envelope.at),
            )
