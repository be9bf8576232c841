"""What a decision is told beside the cart and the command, gathered where it lies.

A command is told what it can have to do with, and no more: every article that is scanned comes
by here, while most of what a box knows is about money, paper and other sales.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from edge.contract.instant import Clock, local_minute
from edge.contract.till_commands import (
    AddCoupon,
    AddItem,
    AnyTillCommand,
    ApprovedCommand,
    EmailReceipt,
    PayByCard,
    RefundByCard,
    Resume,
    SetQuantity,
    VoidLine,
    WeighItem,
)
from edge.engine.circumstances import Approval, Circumstances
from edge.engine.promotions import Occasion
from edge.engine.reference_view import ReferenceView
from edge.flows.approvals import Approvals
from edge.flows.card_desk import CardDesk
from edge.flows.coupons import Coupons
from edge.flows.parking import ParkedSales
from edge.flows.receipt_codes import ReceiptCodes
from edge.flows.returning import Reprinting, SoldSales, receipts_asked_for
from edge.flows.till import Till
from edge.flows.training import numbering

_ABOUT_GOODS: Final = frozenset({AddItem, AddCoupon, VoidLine, SetQuantity})
"""Commands that have to do with nothing beside what is in the basket."""
_OPEN_SALES_MAX: Final = 256
"""Sales whose occasion is remembered: more than a store has open."""


@dataclass(frozen=True)
class TillDevices:
    """What a till has, by its id: its terminal's and its scale's id, empty for none.

    `scale_of` refuses in words while the scale cannot weigh, and `refuse_card` while a terminal
    takes no card.
    """

    terminal_of: Callable[[str], str] = lambda _till: ""
    scale_of: Callable[[str], str] = lambda _till: ""
    has_drawer: Callable[[str], bool] = lambda _till: False
    has_printer: Callable[[str], bool] = lambda _till: False
    refuse_card: Callable[[str], None] = lambda _terminal: None


@dataclass(frozen=True)
class Gathering:
    """Tells decisions what the box knows.

    `sold` answers about completed sales, whose receipts `codes` checks; `coupons` about where
    those are, `desk` about cards in doubt; `parked` are the sales set aside; `day` is the business
    day of an instant, `role_of` what a person is; `approvals` holds what second persons allowed;
    `new_salt` makes what seals an address.
    """

    reference: ReferenceView
    clock: Clock
    sold: SoldSales
    codes: ReceiptCodes
    coupons: Coupons
    desk: CardDesk
    parked: ParkedSales
    day: Callable[[int], str]
    role_of: Callable[[str], str]
    new_salt: Callable[[], str]
    devices: TillDevices
    approvals: Approvals = field(default_factory=Approvals)

    def occasion(self, at_ms: int) -> Occasion:
        """Return what promotions ask about an instant, in the store's own time."""
        return _occasion(at_ms, self.reference.store.time_zone)

    async def told(
        self,
        till: Till,
        actor: str,
        command: AnyTillCommand,
        *,
        at: int,
        opens: str,
        read: tuple[str, str],
        coupon: str,
    ) -> Circumstances:
        """Return what the decision about a command is told.

        `at` is the instant, `opens` the id of the sale that the command opens unless it names one,
        empty while a sale is open; `read` says how a code came in and by which symbology;
        `coupon` is the code of the coupon that the command presents. Raises Refused for an
        approval or a receipt that does not hold.
        """
        began = at if opens else till.cart.opened_at
        number, receipts = numbering(till)
        entry, aim = read
        goods = Circumstances(
            number,
            receipts,
            opens,
            entry=entry,
            aim=aim,
            occasion=self.occasion(began),
            role=self.role_of(actor),
            approval=self._approval(till, command),
            coupon=await self.coupons.find(coupon) if coupon else None,
            business_day=self.day(began),
            training=till.training,
            at_ms=at,
        )
        return goods if type(command) in _ABOUT_GOODS else await self._more(till, command, goods)

    async def _more(
        self, till: Till, command: AnyTillCommand, goods: Circumstances
    ) -> Circumstances:
        devices = self.devices
        terminal = devices.terminal_of(till.id)
        if isinstance(command, (PayByCard, RefundByCard)) and not till.training:
            devices.refuse_card(terminal)
        if isinstance(command, Reprinting):
            _ = await self.codes.check(command.receipt)
        originals = await self.sold.named(receipts_asked_for(command, till.cart))
        parked = self.parked.find(command.sale_id) if isinstance(command, Resume) else None
        return replace(
            goods,
            terminal=terminal,
            has_drawer=devices.has_drawer(till.id),
            has_printer=devices.has_printer(till.id),
            parked=None if parked is None else parked.cart,
            parked_sales=len(self.parked),
            scale=devices.scale_of(till.id) if isinstance(command, WeighItem) else "",
            originals=originals,
            reversible=await self.sold.reversible(originals, terminal, goods.at_ms)
            if isinstance(command, RefundByCard) and self.desk.can_reverse(terminal)
            else "",
            desk=await self.desk.facts(command, till.cart, self.sold.past),
            letter_salt=self.new_salt() if isinstance(command, EmailReceipt) else "",
        )

    def _approval(self, till: Till, command: AnyTillCommand) -> Approval | None:
        if not isinstance(command, ApprovedCommand) or command.approval is None:
            return None
        return self.approvals.find(command.approval, till.id, self.clock.monotonic_ms())


@lru_cache(maxsize=_OPEN_SALES_MAX)
def _occasion(at_ms: int, time_zone: str) -> Occasion:
    weekday, minute = local_minute(at_ms, ZoneInfo(time_zone))
    return Occasion(at_ms, weekday, minute)
