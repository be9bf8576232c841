"""What the bytes of events say of sales, read by a rule of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from edge.runtime.frame_codec import open_frame, shipped_dictionaries
from tests.replication_laws.sales import Sold

_DICTIONARIES = shipped_dictionaries()
Named = tuple[str, str, int]
"""A sale's id when it was sold, its receipt, its total."""


def standing(bodies: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, Sold, str]]:
    """Yield the sales that events complete, each with the seq of that and its id when it was sold.

    That is another one than it has now where two histories told of one sale otherwise.
    """
    lines: dict[str, list[tuple[str, int]]] = {}
    money: dict[str, int] = {}
    for seq, body in bodies:
        envelope = msgspec.json.decode(body)
        data = envelope["data"]
        sale = data.get("sale", "")
        match envelope["type"]:
            case "sale_opened":
                lines[sale], money[sale] = [], 0
            case "line_added":
                lines[sale].append((data["sku"], data["quantity"]))
            case "line_returned":
                lines[sale].append((data["sku"], -data["quantity"]))
            case "cash_tendered":
                money[sale] += data["amount_minor"]
            case "cash_returned":
                money[sale] -= data["amount_minor"]
            case "sale_completed":
                total = money[sale] - data.get("change_minor", 0)
                origin = envelope.get("origin") or ("",)
                sold_as = origin[3] if len(origin) > 3 and origin[3] else sale
                yield (
                    seq,
                    Sold(sale, data["receipt"], total, tuple(lines[sale]), seq, envelope["day"]),
                    sold_as,
                )


def bodies_in(frames: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Return the events of frames in order; a frame may begin with some that came before."""
    found: list[tuple[int, bytes]] = []
    for frame in frames:
        opened = open_frame(frame, verify=lambda _, __: None, dictionaries=_DICTIONARIES)
        for seq, body in enumerate(opened.bodies, opened.header.first_seq):
            if seq == len(found) + 1:
                found.append((seq, body))
    return found


def standing_in(frames: Sequence[bytes]) -> Counter[Named]:
    """Return the sales that frames complete, by the ids that they were sold under."""
    return Counter(
        (sold_as, sold.receipt, sold.total_minor)
        for _, sold, sold_as in standing(bodies_in(frames))
    )
