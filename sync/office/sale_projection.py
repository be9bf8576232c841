"""From events to sales: what each event changes in the tables of sales.

Every step sets what is so now, so that reading an event a second time changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

import msgspec

from edge.contract.customer_events import CustomerSet
from edge.contract.envelope import SealedEnvelope
from edge.contract.event_registry import Event
from edge.contract.limits import (
    SALE_TOTAL_MINOR_MAX,
)
from edge.contract.price_events import PriceOverridden, PricesReduced
from edge.contract.receipt_events import ReceiptPresented
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import (
    LineAdded,
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
)
from edge.contract.system_events import HistoryMended
from edge.contract.tip_events import TipReturned, TipSet
from sync.office.coupon_projection import COUPON_STEPS, drop_coupons, use_coupons
from sync.office.detail_projection import DETAIL_STEPS
from sync.office.mended_words import project_mended
from sync.office.returned_goods import check_returned
from sync.office.tender_projection import TENDER_STEPS, DoesNotFitError

_JUST_OPENED: Final = ("open", 0)


Standing = dict[tuple[int, str], tuple[str, int]]
"""State and seq of sales by store and sale, as the tables of this transaction have them."""


def project(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: Event, standing: Standing
) -> None:
    """Write what an event means for its sale; nothing for events that are of no sale.

    `standing` remembers for the events that follow; whoever rolls back forgets it.

    Raises DoesNotFitError or sqlite3.IntegrityError, ValueError, OverflowError for an event
    that does not fit: the caller keeps nothing of it then.
    """
    if (tell := _TELLING.get(type(event))) is not None:
        tell(connection, envelope, event)
        return
    step, detail = _STEPS.get(type(event)), DETAIL_STEPS.get(type(event))
    if step is None and detail is None:
        return
    sale = getattr(event, "sale", "")
    key = (envelope.store, sale)
    found = standing.get(key)
    if found is None:
        found = connection.execute(
            "SELECT state, seq FROM sale WHERE store = ? AND sale = ?", key
        ).fetchone()
    if found is None and not isinstance(event, SaleOpened):
        raise DoesNotFitError(f"sale {sale} was never opened")
    for each in (step, detail):
        if each is not None:
            each(connection, envelope, event)
    # the caller keeps nothing of the step then
    if found is not None and found[0] == "completed" and envelope.seq > found[1]:
        # money that stands is not changed by what comes later, whoever signed it
        raise DoesNotFitError(f"sale {sale} was completed by event {found[1]}")
    if found is not None and found[0] == "abandoned" and isinstance(event, SaleCompleted):
        raise DoesNotFitError(f"sale {sale} was abandoned before")
    if isinstance(event, (SaleCompleted, SaleAbandoned)):
        standing.pop(key, None)
    else:
        standing[key] = found or _JUST_OPENED


def _presented(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: ReceiptPresented
) -> None:
    """Raise an alarm where the proof of a sale has come, and the sale itself has not."""
    known = connection.execute(
        "SELECT 1 FROM sale WHERE store = ? AND sale = ? AND state = 'completed'",
        (event.store, event.sale),
    ).fetchone()
    if known is not None:
        return
    words = (
        f"Receipt {event.receipt} of store {event.store} was shown here, and its signature holds; "
        f"head office does not have that sale (event {event.sale_seq} of generation "
        f"{event.sale_gen}). See whether that box lost part of its ledger; the code is in event "
        f"{envelope.seq} of this store."
    )
    connection.execute(
        "INSERT INTO alarm (store, kind, words, first_at, last_at, count)"
        " VALUES (?, 'receipt_of_lost_sale', ?, ?, ?, 1) ON CONFLICT (store, kind) DO UPDATE SET"
        " words = excluded.words, count = count + (excluded.last_at > last_at),"
        " last_at = max(last_at, excluded.last_at)",
        (envelope.store, words, envelope.at, envelope.at),
    )


def _opened(connection: sqlite3.Connection, envelope: SealedEnvelope, event: SaleOpened) -> None:
    connection.execute(
        "INSERT INTO sale (store, sale, till, cashier, currency, prices_include_tax, opened_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (store, sale) DO UPDATE SET currency = excluded.currency,"
        " prices_include_tax = excluded.prices_include_tax",
        (
            envelope.store,
            event.sale,
            envelope.till,
            envelope.actor,
            event.currency,
            event.prices_include_tax,
            envelope.at,
        ),
    )


def _line_added(connection: sqlite3.Connection, envelope: SealedEnvelope, event: LineAdded) -> None:
    connection.execute(
        "INSERT INTO sale_line (store, sale, number, line, sku, name, quantity, unit, price_minor,"
        " amount_minor, tax, rate_ppm, entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (store, sale, line) DO UPDATE SET number = excluded.number",
        (
            envelope.store,
            event.sale,
            envelope.seq,
            event.line,
            event.sku,
            event.name,
            event.quantity,
            event.unit,
            event.price_minor,
            event.amount_minor,
            event.tax,
            event.rate_ppm,
            event.entry,
        ),
    )


def _line_voided(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: LineVoided
) -> None:
    changed = connection.execute(
        "UPDATE sale_line SET voided = 1 WHERE store = ? AND sale = ? AND line = ?",
        (envelope.store, event.sale, event.line),
    )
    if not changed.rowcount:
        raise DoesNotFitError(f"sale {event.sale} has no line {event.line} to void")
    _add_up_returns(connection, (envelope.store, event.sale))


def _line_returned(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: LineReturned
) -> None:
    if not 0 <= event.gross_minor <= SALE_TOTAL_MINOR_MAX:
        raise DoesNotFitError(f"a line of sale {event.sale} gives back {event.gross_minor}")
    place = (envelope.store, event.sale)
    connection.execute(
        "INSERT INTO sale_line (store, sale, number, line, sku, name, quantity, unit, price_minor,"
        " amount_minor, tax, rate_ppm, returned, returned_from, back_minor)"
        " SELECT store, sale, ?, ?, ?, ?, ?, ?, ?,"
        " CASE prices_include_tax WHEN 1 THEN ? ELSE ? END, ?, ?, 1, ?, ?"
        " FROM sale WHERE store = ? AND sale = ?"
        " ON CONFLICT (store, sale, line) DO UPDATE SET number = excluded.number",
        (
            envelope.seq,
            event.line,
            event.sku,
            event.name,
            event.quantity,
            event.unit,
            event.price_minor,
            -event.gross_minor,
            -event.net_minor,
            event.tax,
            event.rate_ppm,
            event.receipt,
            event.gross_minor,
            *place,
        ),
    )
    _add_up_returns(connection, place)


def _add_up_returns(connection: sqlite3.Connection, place: tuple[int, str]) -> None:
    connection.execute(
        "UPDATE sale SET returned_minor = (SELECT coalesce(sum(line.back_minor), 0)"
        " FROM sale_line AS line WHERE line.store = sale.store AND line.sale = sale.sale"
        " AND line.voided = 0) WHERE store = ? AND sale = ?",
        place,
    )


def _price_overridden(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: PriceOverridden
) -> None:
    changed = connection.execute(
        "UPDATE sale_line SET price_minor = ?, amount_minor = ?, reduced_minor = 0, overridden = 1"
        " WHERE store = ? AND sale = ? AND line = ?",
        (event.price_minor, event.amount_minor, envelope.store, event.sale, event.line),
    )
    if not changed.rowcount:
        raise DoesNotFitError(f"sale {event.sale} has no line {event.line} to price")


def _prices_reduced(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: PricesReduced
) -> None:
    place = (envelope.store, event.sale)
    connection.execute("DELETE FROM sale_reduction WHERE store = ? AND sale = ?", place)
    parts = [
        (*place, part.line, reduction.source, reduction.id, reduction.name, part.amount_minor)
        for reduction in event.reductions
        for part in reduction.lines
    ]
    connection.executemany(
        "INSERT INTO sale_reduction (number, store, sale, line, source, id, name, amount_minor)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(number, *part) for number, part in enumerate(parts)],
    )
    connection.execute(
        "UPDATE sale_line SET reduced_minor = (SELECT coalesce(sum(part.amount_minor), 0)"
        " FROM sale_reduction AS part WHERE part.store = sale_line.store"
        " AND part.sale = sale_line.sale AND part.line = sale_line.line)"
        " WHERE store = ? AND sale = ?",
        place,
    )


def _customer_set(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CustomerSet
) -> None:
    connection.execute(
        "UPDATE sale SET customer = ?, groups = ? WHERE store = ? AND sale = ?",
        (
            event.customer,
            msgspec.json.encode(event.groups).decode(),
            envelope.store,
            event.sale,
        ),
    )


def _completed(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: SaleCompleted
) -> None:
    if abs(event.total_minor) > SALE_TOTAL_MINOR_MAX:
        # one such amount in the day's takings, and no store's figures could be added up
        raise DoesNotFitError(
            f"sale {event.sale} comes to {event.total_minor}; {SALE_TOTAL_MINOR_MAX} is the most"
        )
    if abs(event.tip_minor) > SALE_TOTAL_MINOR_MAX:
        raise DoesNotFitError(f"sale {event.sale} has a tip of {event.tip_minor}")
    connection.executemany(
        "INSERT INTO sale_tax (store, sale, tax, rate_ppm, net_minor, tax_minor, gross_minor)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (
                envelope.store,
                event.sale,
                tax.tax,
                tax.rate_ppm,
                tax.net_minor,
                tax.tax_minor,
                tax.gross_minor,
            )
            for tax in event.taxes
        ],
    )
    (arrival,) = connection.execute(
        "SELECT arrival FROM sale WHERE store = ? AND sale = ?", (envelope.store, event.sale)
    ).fetchone()
    # a terminal's answer completes a sale with nobody as its actor: who opened it sold it
    # a sale has one place in the order of arrival, however often its events are read
    connection.execute(
        "UPDATE sale SET state = 'completed', receipt = ?, day = ?, total_minor = ?,"
        " change_minor = ?, rounding_minor = ?, tip_minor = ?, completed_at = ?, seq = ?, till = ?,"
        " cashier = coalesce(nullif(?, ''), cashier),"
        " arrival = coalesce(arrival, (SELECT coalesce(max(arrival), 0) + 1 FROM sale"
        " WHERE arrival IS NOT NULL))"
        " WHERE store = ? AND sale = ?",
        (
            event.receipt,
            envelope.day,
            event.total_minor,
            event.change_minor,
            event.rounding_minor,
            event.tip_minor,
            envelope.at,
            envelope.seq,
            envelope.till,
            envelope.actor,
            envelope.store,
            event.sale,
        ),
    )
    use_coupons(connection, envelope, event)
    if arrival is None:  # read again it is no news
        check_returned(connection, envelope, event.sale)


def _tip_returned(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: TipReturned
) -> None:
    connection.execute(
        "INSERT INTO tip_back (store, sale, original_sale, amount_minor) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (envelope.store, event.sale, event.original_sale, event.amount_minor),
    )


def _tip_set(connection: sqlite3.Connection, envelope: SealedEnvelope, event: TipSet) -> None:
    # a tip of its own stands in the completion; those that were to go back stay
    connection.execute(
        "DELETE FROM tip_back WHERE store = ? AND sale = ?", (envelope.store, event.sale)
    )


def _abandoned(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: SaleAbandoned
) -> None:
    connection.execute(
        "UPDATE sale SET state = 'abandoned' WHERE store = ? AND sale = ? AND arrival IS NULL",
        (envelope.store, event.sale),
    )
    drop_coupons(connection, (envelope.store, event.sale))


_TELLING: Final[dict[type[Event], Callable[[sqlite3.Connection, SealedEnvelope, Any], None]]] = {
    ReceiptPresented: _presented,
    HistoryMended: project_mended,
}
"""What is of no sale here, and is told to people."""
_STEPS: Final[dict[type[Event], Callable[[sqlite3.Connection, SealedEnvelope, Any], None]]] = {
    SaleOpened: _opened,
    LineAdded: _line_added,
    LineVoided: _line_voided,
    PricesReduced: _prices_reduced,
    PriceOverridden: _price_overridden,
    LineReturned: _line_returned,
    **TENDER_STEPS,
    **COUPON_STEPS,
    CustomerSet: _customer_set,
    TipReturned: _tip_returned,
    TipSet: _tip_set,
    SaleCompleted: _completed,
    SaleAbandoned: _abandoned,
}
