"""The desk of cards in doubt: what terminals were asked, what people settled, what contradicts it.

What people settled, and the contradictions that wait for somebody, follow from the ledger. When a
terminal was asked last is in memory only: after a restart it is asked again within seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import UNSET, UnsetType

from edge.contract.card_desk_events import (
    CardAlarmSettled,
    CardAnsweredLate,
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
    CardReversalRequested,
)
from edge.contract.card_desk_views import CardAlarmView, DoubtView, SignatureView
from edge.contract.device_messages import TERMINAL_CANNOT_SAY
from edge.contract.event_registry import Event
from edge.contract.health import HealthItem
from edge.contract.terminal_messages import PaymentOutcome
from edge.contract.till_commands import (
    AnyTillCommand,
    AttachEvidence,
    RefuseSignature,
    ReverseInDoubt,
    SettleCardAlarm,
)
from edge.contract.till_protocol import TillState
from edge.engine.cart import APPROVED, DECLINED, OTHER, SIGNING, Cart
from edge.engine.circumstances import AtTheDesk
from edge.ledger.past_sales import PastSales
from edge.ledger.replay import PastEvent

Resolved = CardPaymentResolved | CardRefundResolved
"""A person's word on a payment, or on a refund."""

_REVERSAL: Final = "reversal"
_HEARD: Final = frozenset(
    {
        CardPaymentResolved,
        CardRefundResolved,
        CardReversalRequested,
        CardAnsweredLate,
        CardReversalApproved,
        CardAlarmSettled,
    }
)
"""Events that the desk keeps something of."""


@dataclass
class Asking:
    """When a terminal was asked about a payment, and what it last answered; ms since 1970 UTC."""

    asked_at: int = 0
    answered_at: int = 0
    code: str = ""
    words: str = ""


@dataclass
class CardDesk:
    """What is known of cards in doubt beside their sales.

    `can_reverse` says whether a terminal takes payments back.
    """

    can_reverse: Callable[[str], bool] = lambda _terminal: False
    _asking: dict[str, Asking] = field(default_factory=dict)
    _resolved: dict[str, tuple[Resolved, int]] = field(default_factory=dict)
    _reversals: dict[str, str] = field(default_factory=dict)
    _alarms: dict[str, CardAlarmView] = field(default_factory=dict)

    def load(self, history: Iterable[PastEvent]) -> None:
        """Take what the ledger holds of people's words and of contradictions, in order."""
        for past in history:
            self.take((past.event,), past.till, past.at)

    def take(self, events: Sequence[Event], till: str, at: int) -> None:
        """Take events of a till that have just been committed."""
        if _HEARD.isdisjoint(map(type, events)):
            return
        for event in events:
            if isinstance(event, CardPaymentResolved):
                self._resolved[event.payment] = (event, at)
            elif isinstance(event, CardRefundResolved):
                self._resolved[event.refund] = (event, at)
            elif isinstance(event, CardReversalRequested):
                self._reversals[event.reversal] = event.payment
            elif isinstance(event, CardAnsweredLate) and event.differs:
                self._alarms[event.payment] = self._late(event, till, at)
            elif isinstance(event, CardReversalApproved) and not event.fits:
                self._alarms[event.payment] = _another(event, till, at)
            elif isinstance(event, CardAlarmSettled):
                self._alarms.pop(event.payment, None)

    def resolution(self, job: str) -> Resolved | None:
        """Return what a person settled about a payment or refund, or about one being reversed."""
        kept = self._resolved.get(self._reversals.get(job, job))
        return None if kept is None else kept[0]

    def is_reversal(self, job: str) -> bool:
        """Say whether it is the reversal of a payment in doubt."""
        return job in self._reversals

    def settled_for_ms(self, job: str, now: int) -> int:
        """Return for how long a person has settled it; negative when nobody has."""
        kept = self._resolved.get(self._reversals.get(job, job))
        return -1 if kept is None else max(0, now - kept[1])

    # --- what is asked and answered -------------------------------------------------------

    def asked(self, job: str, at: int) -> None:
        """Note that a terminal is asked about a payment, refund or reversal."""
        self._asking.setdefault(job, Asking()).asked_at = at

    def answered(self, job: str, at: int, code: str, words: str) -> None:
        """Note an answer that does not decide it."""
        asking = self._asking.setdefault(job, Asking())
        asking.answered_at, asking.code, asking.words = at, code, words

    def ended(self, job: str) -> None:
        """Forget it: it is definite, or nobody asks any more."""
        self._asking.pop(job, None)

    def says(self, job: str) -> str:
        """Return the code of a terminal's last answer about it; empty for none."""
        return self._asking.get(job, Asking()).code

    # --- what tills and technicians see ---------------------------------------------------

    def doubt(self, cart: Cart) -> DoubtView | None:
        """Return what is known of the payment, or refund, that is in doubt on a till."""
        tender = cart.open_payment
        if cart.state is not TillState.IN_DOUBT or tender is None:
            return None
        asking = self._asking.get(tender.tender_id, Asking())
        return DoubtView(
            payment=tender.tender_id,
            kind="payment" if tender.amount_minor > 0 else "refund",
            amount_minor=abs(tender.amount_minor),
            terminal=tender.terminal,
            since=tender.doubtful_since,
            asked_at=asking.asked_at,
            answered_at=asking.answered_at,
            code=asking.code,
            words=asking.words,
            may_reverse=tender.amount_minor > 0
            and tender.reversal_state in {"", DECLINED}
            and asking.code == TERMINAL_CANNOT_SAY
            and self.can_reverse(tender.terminal),
            reversal=tender.reversal_state,
            reversal_words=tender.reversal_words,
        )

    def signature(self, cart: Cart) -> SignatureView | UnsetType:
        """Return the payment on a till that the customer signs for; hardly any view has one."""
        tender = cart.open_payment
        if tender is None or tender.state != SIGNING:
            return UNSET
        return SignatureView(
            payment=tender.tender_id,
            amount_minor=tender.amount_minor,
            may_refuse=tender.reversal_state in {"", DECLINED}
            and bool(tender.receipt)
            and self.can_reverse(tender.terminal),
            printed=any(
                slip.payment == tender.tender_id and slip.merchant for slip in cart.card_slips
            ),
            reversal=tender.reversal_state,
            reversal_words=tender.reversal_words,
        )

    def alarms(self) -> tuple[CardAlarmView, ...]:
        """Return the contradictions that wait for a person, oldest first."""
        return tuple(self._alarms.values())

    def alarms_after(self, events: Sequence[Event]) -> tuple[CardAlarmView, ...] | None:
        """Return those that will wait once these events are on disk; None for as many as now."""
        if CardAlarmSettled not in map(type, events):
            return None
        ended = {event.payment for event in events if isinstance(event, CardAlarmSettled)}
        return tuple(alarm for alarm in self._alarms.values() if alarm.payment not in ended)

    def health(self) -> HealthItem:
        """Return how cards are, in words."""
        if not self._alarms:
            return HealthItem("cards", well=True, words="No terminal contradicts the sales.")
        tills = ", ".join(sorted({alarm.till for alarm in self._alarms.values()}))
        return HealthItem(
            "cards",
            well=False,
            words=f"Terminals contradict what people settled: {len(self._alarms)} (of {tills}).",
            advice="Open the card alarms at a till, look into each with the acquirer, and write "
            "down there what was done.",
        )

    async def facts(self, command: AnyTillCommand, cart: Cart, past: PastSales) -> AtTheDesk:
        """Return what the rules of the desk need for a command; `past` knows the other numbers."""
        if isinstance(command, SettleCardAlarm):
            alarm = self._alarms.get(command.payment)
            return AtTheDesk(alarm="" if alarm is None else alarm.sale_id)
        tender = cart.open_payment
        if tender is not None and isinstance(command, RefuseSignature):
            return AtTheDesk(can_reverse=self.can_reverse(tender.terminal))
        if tender is None or not isinstance(command, (AttachEvidence, ReverseInDoubt)):
            return AtTheDesk()
        trace = command.trace if isinstance(command, AttachEvidence) else ""
        taken_by = await past.card_number_of(
            tender.terminal, command.receipt.strip(), trace.strip(), besides=tender.tender_id
        )
        return AtTheDesk(
            says=self.says(tender.tender_id),
            can_reverse=self.can_reverse(tender.terminal),
            taken_by=taken_by,
        )

    def _late(self, event: CardAnsweredLate, till: str, at: int) -> CardAlarmView:
        kept = self._resolved.get(event.payment)
        settled, minor, about = "", 0, "payment"
        if kept is not None:
            settled, minor = kept[0].outcome, kept[0].amount_minor
            about = "payment" if isinstance(kept[0], CardPaymentResolved) else "refund"
        return CardAlarmView(
            payment=event.payment,
            sale_id=event.sale,
            till=till,
            at=at,
            about=_REVERSAL if event.reversal else about,
            settled=settled,
            settled_minor=minor,
            said=event.outcome,
            said_minor=event.amount_minor,
            receipt=event.receipt,
        )


def _another(event: CardReversalApproved, till: str, at: int) -> CardAlarmView:
    return CardAlarmView(
        payment=event.payment,
        sale_id=event.sale,
        till=till,
        at=at,
        about=_REVERSAL,
        settled="",
        settled_minor=event.asked_minor,
        said=OTHER,
        said_minor=event.amount_minor,
        receipt=event.receipt,
    )


def late_event(
    resolved: Resolved, outcome: PaymentOutcome, resolved_by: str, reversal: str = ""
) -> CardAnsweredLate:
    """Return what a terminal said of something that a person had settled.

    `reversal` names the reversal that the answer is about, empty for the payment or refund.
    """
    approved = outcome.outcome == APPROVED
    name = resolved.payment if isinstance(resolved, CardPaymentResolved) else resolved.refund
    settled = resolved.amount_minor if resolved.outcome == APPROVED else 0
    said = (outcome.amount_minor or settled) if approved else 0
    if reversal:
        # money that went back contradicts "charged"; that none went back contradicts nothing
        differs = approved and resolved.outcome == APPROVED
    else:
        differs = approved != (resolved.outcome == APPROVED) or said != settled
    return CardAnsweredLate(
        sale=resolved.sale,
        payment=name,
        outcome=outcome.outcome,
        amount_minor=outcome.amount_minor if approved else 0,
        differs=differs,
        reversal=reversal,
        last4=outcome.last4,
        scheme=outcome.scheme,
        authorisation=outcome.authorisation,
        terminal_id=outcome.terminal_id,
        receipt=outcome.receipt,
        trace=outcome.trace,
        code=outcome.code,
        reason=outcome.reason,
        resolved_by=resolved_by,
    )
