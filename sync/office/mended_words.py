"""What head office tells its people of a mended history, and of sales that came late."""

from __future__ import annotations

from typing import Final

from edge.contract.system_events import HistoryMended, SurvivorSalvaged

_NAMED_MAX: Final = 10
"""Receipt numbers in a line for people; the event names more."""


def mended_kind(event: HistoryMended | SurvivorSalvaged) -> str:
    """Return the kind of the alarm."""
    return event.TYPE


def mended_words(event: HistoryMended | SurvivorSalvaged) -> str:
    """Return the words of the alarm: what was done."""
    if isinstance(event, HistoryMended):
        words = (
            "The box was restored from an older copy. Sales that came back from head office: "
            f"{event.sales_back}; that it had made since and that were added: {event.sales_again}; "
            f"in both, and standing once: {event.sales_known}."
        )
        kept = f"The box keeps its own history as {event.set_aside}."
    else:
        words = (
            f"The box took up what another one of generation {event.branch_gen} had sold late. "
            f"Sales that were added: {event.sales_again}; known already: {event.sales_known}."
        )
        kept = f"The box keeps the other one's history as {event.set_aside}."
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
    return f"{words} {kept}"
