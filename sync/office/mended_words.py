"""What head office tells its people of a box whose history was mended."""

from __future__ import annotations

from typing import Final

from edge.contract.system_events import HistoryMended

MENDED_KIND: Final = "history_mended"
"""The kind of the alarm."""
_NAMED_MAX: Final = 10
"""Receipt numbers in a line for people; the event names more."""


def mended_words(event: HistoryMended) -> str:
    """Return the words of the alarm: what was done."""
    words = (
        "The box was restored from an older copy. Sales that came back from head office: "
        f"{event.sales_back}; that it had made since and that were added: {event.sales_again}; in "
        f"both, and standing once: {event.sales_known}."
    )
    if event.sales_doubtful:
        words += (
            f" Sales that went on in both and ended otherwise: {event.sales_doubtful}. They stand "
            "twice, under two ids: look at them."
        )
    if event.receipts_twice:
        more = " and others" if len(event.receipts_twice) > _NAMED_MAX else ""
        words += (
            " Receipt numbers that two sales have: "
            f"{', '.join(event.receipts_twice[:_NAMED_MAX])}{more}."
        )
    return f"{words} The box keeps its own history as {event.set_aside}."
