"""Alarms that follow from frames in PostgreSQL: goods back too often, lost sales and histories."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from sync.appending.postgres_connection import Connection
from sync.office.mended_words import mended_kind, mended_words
from sync.office.returned_goods import RETURNED_KIND, returned_words
from sync.office.sale_folding import Completion, Folded, ReceiptShown
from sync.office.shown_receipts import SHOWN_KIND, shown_words

_ALARM: Final = (
    "INSERT INTO alarm (store, kind, words, first_at, last_at, count)"
    " VALUES ($1, $2, $3, $4, $4, 1) ON CONFLICT (store, kind) DO UPDATE SET"
    " words = excluded.words,"
    " count = alarm.count + (excluded.last_at > alarm.last_at)::integer,"
    " last_at = greatest(alarm.last_at, excluded.last_at)"
)
_CAME_BACK: Final = (
    "SELECT DISTINCT original_sale FROM line_detail"
    " WHERE original_sale = ANY($1::text[]) AND original_sale <> ''"
)
_TOO_MUCH: Final = (
    "SELECT sold.name, sale.receipt, sale.store, sum(taken.quantity), sold.quantity,"
    " array_agg(DISTINCT back.store)"
    " FROM line_detail AS back"
    " JOIN sale_line AS taken USING (store, sale, line)"
    " JOIN sale AS taking ON taking.store = back.store AND taking.sale = back.sale"
    # few stores, each a point query: no sale pays for an index of ids
    " CROSS JOIN unnest($3::bigint[]) AS store(number)"
    " JOIN sale ON sale.store = store.number AND sale.sale = back.original_sale"
    " JOIN sale_line AS sold ON sold.store = sale.store AND sold.sale = sale.sale"
    " AND sold.line = back.original_line"
    " WHERE back.original_sale = $1 AND back.original_sale <> '' AND NOT taken.voided"
    " AND taking.arrival <= $2 AND sale.arrival <= $2 AND NOT sold.returned"
    " GROUP BY sale.store, sale.sale, sold.line, sold.name, sale.receipt, sold.quantity,"
    " sold.number"
    " HAVING sum(taken.quantity) > sold.quantity ORDER BY sold.number"
)

Slugs = Callable[[], Awaitable[Mapping[int, str]]]
"""Returns the slugs of all stores by their numbers."""


async def raise_alarms(connection: Connection, folded: Folded, newest: int, slugs: Slugs) -> None:
    """Raise what a batch gives cause for, its sales being written; `newest` came before them."""
    for shown in folded.shown:
        await _check_shown(connection, shown, newest + shown.behind)
    for each in folded.mended:
        words = mended_words(each.event)
        await connection.execute(_ALARM, each.store, mended_kind(each.event), words, each.at)
    names = {name: None for each in folded.completions for name in (each.place[1], *each.originals)}
    came_back = {name for (name,) in await connection.fetch(_CAME_BACK, list(names))}
    if not came_back:
        return
    known = await slugs()
    for arrival, completion in enumerate(folded.completions, newest + 1):
        for original in dict.fromkeys((completion.place[1], *completion.originals)):
            if original in came_back:
                await _check_returned(connection, completion, original, arrival, known)


async def _check_shown(connection: Connection, shown: ReceiptShown, arrival: int) -> None:
    known = await connection.fetchval(
        "SELECT 1 FROM sale WHERE store = $1 AND sale = $2 AND arrival <= $3", *shown.of, arrival
    )
    if known is None:
        words = shown_words(shown)
        await connection.execute(_ALARM, shown.store, SHOWN_KIND, words, shown.at)


async def _check_returned(
    connection: Connection,
    completion: Completion,
    original: str,
    arrival: int,
    slugs: Mapping[int, str],
) -> None:
    """Raise an alarm where a completed sale makes more come back of a line than was sold.

    It is the sale that took goods back, or the one that had sold them and came late.
    """
    for name, receipt, seller, back, sold, where in await connection.fetch(
        _TOO_MUCH, original, arrival, list(slugs)
    ):
        places = [slugs.get(store, str(store)) for store in where]
        words = returned_words(name, receipt, slugs[seller], int(back), sold, places)
        await connection.execute(_ALARM, completion.place[0], RETURNED_KIND, words, completion.at)
