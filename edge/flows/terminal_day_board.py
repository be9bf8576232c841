"""How the days of a store's terminals are: ends under way, and how the last ones ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from edge.contract.device_messages import JobResult
from edge.contract.errors import Refused
from edge.contract.health import HealthItem
from edge.contract.technician_views import TerminalDayView
from edge.contract.terminal_day_events import TerminalDayEnded
from edge.engine.terminal_day_rules import words_of
from edge.ledger.records import OpenJob


@dataclass
class EndingDay:
    """One end of day that is not known yet.

    `code` and `words` are the last answer that did not decide it. `doubtful`: an answer is lost,
    a person may settle it. `cannot_say`: the terminal was asked, and only a person can.
    """

    job: OpenJob
    code: str = ""
    words: str = ""
    doubtful: bool = False
    cannot_say: bool = False
    answer: JobResult | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class TerminalDayBoard:
    """What is known of terminals' days, by their ids. `currency` is the store's, empty before it.

    `closing` are those that are about to be asked; `last` is how the newest day ended, and when.
    """

    currency: Callable[[], str]
    ending: dict[str, EndingDay] = field(default_factory=dict)
    closing: set[str] = field(default_factory=set)
    last: dict[str, tuple[TerminalDayEnded, int]] = field(default_factory=dict)

    def refuse_card(self, terminal: str) -> None:
        """Raise Refused while no card may be asked for at a terminal, since its day ends."""
        ending = self.ending.get(terminal)
        if terminal in self.closing or (ending is not None and not ending.cannot_say):
            raise Refused(
                "terminal_ends_day",
                "The terminal is ending its day: it takes no card now.",
                advice="Wait until it is done, or take the money in another way.",
            )

    def hold(self, terminal: str) -> None:
        """Raise Refused while a terminal may not be replaced or given up: its day ends.

        Another in its place would be asked about a day that it knows nothing of.
        """
        if terminal in self.ending or terminal in self.closing:
            raise Refused(
                "day_under_way",
                f"{terminal} is ending its day.",
                advice="Wait for it; if it is in doubt, settle that first.",
                params={"device": terminal},
            )

    def in_doubt(self, terminal: str) -> EndingDay:
        """Return the end of day that a person may settle. Raises Refused when there is none."""
        ending = self.ending.get(terminal)
        if ending is None:
            raise Refused(
                "no_day_in_doubt",
                "No end of day of this terminal is in doubt.",
                advice="Look at its card again: it may have answered meanwhile.",
            )
        if not ending.doubtful:
            raise Refused(
                "day_under_way",
                "The terminal is ending its day.",
                advice="Wait for its answer.",
            )
        return ending

    def view(self, terminal: str) -> TerminalDayView:
        """Return how a terminal's day is."""
        currency = self.currency()
        view = TerminalDayView(currency=currency)
        if terminal in self.last and currency:
            event, at = self.last[terminal]
            code, words, advice = words_of(event, currency)
            view = TerminalDayView(
                job=event.job,
                code=code,
                words=words,
                advice=advice,
                outcome=event.outcome,
                at=at,
                told=event.told,
                amount_minor=event.amount_minor,
                ledger_minor=event.ledger_minor,
                difference_minor=event.difference_minor,
                inferred=event.inferred,
                currency=currency,
                reason=event.reason,
                schemes=event.schemes,
            )
        ending = self.ending.get(terminal)
        return view if ending is None else _under_way(view, ending)

    @property
    def differing(self) -> list[str]:
        """The terminals that handed in another sum last than the ledger has."""
        return sorted(name for name, (event, _) in self.last.items() if event.difference_minor)

    @property
    def doubtful(self) -> list[str]:
        """The terminals of which it is not known whether they ended their day."""
        return sorted(name for name, ending in self.ending.items() if ending.doubtful)

    def health(self) -> HealthItem:
        """Return how terminals' days are, in words."""
        differing, doubtful = self.differing, self.doubtful
        words, advice = "Terminals hand in what the ledger has.", ""
        if differing:
            words = f"Terminals handed in another sum than the ledger has: {', '.join(differing)}."
            advice = "Look at their cards on the device wall, and compare their slips."
        if doubtful:
            words = f"It is not known whether terminals ended their day: {', '.join(doubtful)}."
            advice = "They are asked again by themselves; else settle it on the device wall."
        well = not (differing or doubtful)
        return HealthItem("terminal_days", well=well, words=words, advice=advice)


def _under_way(view: TerminalDayView, ending: EndingDay) -> TerminalDayView:
    if not ending.doubtful:
        return replace(
            view,
            state="asked",
            job=ending.job.job_id,
            code="day_asked",
            words="The terminal is ending its day.",
            advice="Wait; no card is taken meanwhile.",
            reason="",
        )
    why = ending.words.rstrip(".") or "its answer is lost"
    return replace(
        view,
        state="in_doubt",
        job=ending.job.job_id,
        code="day_in_doubt",
        words=f"It is not known whether the terminal ended its day: {why}.",
        advice="It is asked again by itself. If it cannot say, look at its slip and settle it.",
        reason=why,
    )
