"""A till asks what things cost. While it does, its scans go there, and none to the basket.

The box knows it, since the box decides where a scan goes: a till's screen shows the price check
exactly as long as the box has it. It ends when the cashier closes it, or nobody used it for
`PRICE_CHECK_S_MAX`. Nothing of it is an event, and a restart ends it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from edge.contract.article_views import PriceCheckView, PriceView
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.limits import (
    PRICE_CHECK_S_MAX,
)
from edge.contract.refusal_body import RefusalBody
from edge.contract.till_protocol import TillState
from edge.engine.price_check import price_shown
from edge.flows.selling import Selling
from edge.flows.till import Till
from edge.ledger.records import CommandReply
from edge.runtime.supervisor import Supervisor

_NO_COMMAND = CommandReply("", b"", b"")
"""Stands for a scan that was looked up: delivered again, it is no command with that id."""


def customer_groups(till: Till) -> tuple[str, ...]:
    """Return the groups of the customer whose sale a till has; of one that is done nobody asks."""
    return () if till.cart.state is TillState.DONE else till.cart.groups


@dataclass
class PriceChecks:
    """The price checks of a store's tills."""

    selling: Selling
    clock: Clock
    tasks: Supervisor
    _until: dict[str, int] = field(default_factory=dict)

    def price(self, code: str, *, aim: str = "", groups: tuple[str, ...] = ()) -> PriceView:
        """Return what a code costs now, a customer of these groups too. Raises Refused in words."""
        occasion = self.selling.gathering.occasion(self.clock.now_ms())
        if groups:
            occasion = replace(occasion, groups=groups)
        return price_shown(self.selling.reference, code, occasion, aim=aim)

    def look(self, till: Till, code: str, *, aim: str = "") -> PriceCheckView:
        """Begin a till's price check, or go on with it; look a code up unless it is empty."""
        price = refused = None
        if code:
            try:
                price = self.price(code, aim=aim, groups=customer_groups(till))
            except Refused as refusal:
                refused = RefusalBody(refusal.code, refusal.message, refusal.advice, refusal.params)
        serial = till.price_check.serial + 1 if till.price_check else 1
        till.price_check = PriceCheckView(serial, code, price, refused)
        begun = till.id in self._until
        self._until[till.id] = self.clock.monotonic_ms() + int(PRICE_CHECK_S_MAX * 1_000)
        if not begun:
            _ = self.tasks.spawn(f"price check of {till.id}", self._end_late(till))
        self.selling.views.publish(till)
        return till.price_check

    def scan(self, till: Till, scan_id: str, code: str, aim: str) -> None:
        """Look a scanned code up; delivered twice, neither a basket nor this takes it again."""
        if scan_id in till.replies:
            return
        till.remember(scan_id, _NO_COMMAND)
        self.look(till, code, aim=aim)

    def end(self, till: Till) -> None:
        """End a till's price check, if it has one."""
        if till.price_check is not None:
            till.price_check = None
            self.selling.views.publish(till)

    async def _end_late(self, till: Till) -> None:
        while (left := self._until[till.id] - self.clock.monotonic_ms()) > 0:
            await self.clock.sleep(left / 1_000)
        del self._until[till.id]
        self.end(till)
