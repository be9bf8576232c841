"""`edge/contract/EVENTS.md`: every declared event with its fields, from the declarations."""

from __future__ import annotations

import inspect
from pathlib import Path

import msgspec

from edge.contract import (
    age_events,
    card_desk_events,
    card_refund_events,
    card_signature_events,
    card_slip_events,
    cash_events,
    coupon_events,
    customer_events,
    device_events,
    fiscal_events,
    payment_events,
    price_events,
    receipt_events,
    return_events,
    sale_events,
    system_events,
    terminal_day_events,
    tip_events,
    training_events,
    weighing_events,
)
from edge.contract.event_registry import Event, declared

FILE = Path(__file__).parents[2] / "edge" / "contract" / "EVENTS.md"
ROOMS = (
    sale_events,
    price_events,
    coupon_events,
    age_events,
    customer_events,
    return_events,
    receipt_events,
    weighing_events,
    tip_events,
    payment_events,
    card_refund_events,
    card_signature_events,
    card_slip_events,
    card_desk_events,
    terminal_day_events,
    cash_events,
    device_events,
    fiscal_events,
    system_events,
    training_events,
)


def text() -> str:
    """Return the catalogue as it should stand in the file."""
    lines = [
        "# Events",
        "",
        "Everything the ledger can hold, written by `make golden` from the declarations in",
        "this folder. Every event stands in an envelope with store, gen, seq, type, v, day,",
        "at, till and actor; the columns below are its `data`. A default is left out of the",
        "bytes and means exactly the default.",
        "",
    ]
    for room in ROOMS:
        lines += [f"## {inspect.getdoc(room)}", ""]
        for event in declared():
            if event.__module__ == room.__name__:
                lines += _entry(event)
    return "\n".join(lines).rstrip() + "\n"


def _entry(event: type[Event]) -> list[str]:
    about = (inspect.getdoc(event) or "").replace("\n\n", "\n").replace("\n", " ")
    lines = [f"### {event.TYPE} (version {event.VERSION})", "", about, ""]
    fields = msgspec.structs.fields(event)
    if fields:
        lines += ["| field | type | default |", "|---|---|---|"]
        for field in fields:
            kind = getattr(field.type, "__name__", str(field.type)).replace("|", "or")
            default = "" if field.required else f"`{field.default!r}`"
            lines.append(f"| `{field.encode_name}` | {kind} | {default} |")
        lines.append("")
    return lines


def write() -> None:
    """Write the catalogue."""
    FILE.write_text(text(), "utf-8")
