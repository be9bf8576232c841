"""A till as the box holds it: its sale, its version, who looks at it, and its view."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from msgspec import UNSET, UnsetType

from edge.contract.article_views import PriceCheckView
from edge.contract.card_desk_views import CardAlarmView, DoubtView, SignatureView
from edge.contract.till_protocol import (
    DeviceView,
    DotsView,
    LinkView,
    NoticeView,
    ParkedView,
    ReceiptView,
    TillState,
    TillView,
    WeighingView,
)
from edge.contract.wire import encode
from edge.engine.age_rules import age_check_view
from edge.engine.cart import EMPTY, Cart
from edge.engine.tender_rules import receipt_number

VERSIONS_PER_SEQ: Final = 1 << 22
"""Versions of views between two events: a restart begins above every earlier one. A scale that
never comes to rest uses them up in twelve days, and a browser counts two thousand million events.
"""
_REPLIES_KEPT: Final = 256


class Screen(Protocol):
    """Something that shows a till: handed the newest view's bytes, never waits."""

    def show(self, view: bytes) -> None:
        """Take the newest view; an older one not sent yet may be dropped."""
        ...


class Face(NamedTuple):
    """What of a till its view shows: as it is, or as it will be once a step is on disk.

    `completed_seq` is where the sale was completed, 0 for not (yet) known.
    """

    cart: Cart
    notice: NoticeView | None
    receipt: ReceiptView | None
    completed_seq: int
    parked: tuple[ParkedView, ...] | None = None
    """The store's parked sales once a step is on disk; None for as they are."""
    card_alarms: tuple[CardAlarmView, ...] | None = None
    """The same of the contradictions about cards."""
    training: bool | None = None
    """Whether the till is in training then; None for as it is."""


@dataclass
class Till:
    """One point of sale. `lock` is held over decide, record and apply: one step at a time.

    `completed_seq` is where the sale on the screen was completed, 0 for none; `replies`
    are the newest answers and refusals by command id. `price_check` is there while its scans
    go to that; `empties` is the cashier for whom they are empties that come back.
    In `training` it counts its receipts (`training_receipts`) from 1 at each start.
    """

    id: str
    cart: Cart = EMPTY
    receipts: int = 0
    version: int = 0
    completed_seq: int = 0
    receipt: ReceiptView | None = None
    notice: NoticeView | None = None
    notices: int = 0
    price_check: PriceCheckView | None = None
    empties: str = ""
    training: bool = False
    training_receipts: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    screens: set[Screen] = field(default_factory=set)
    replies: OrderedDict[str, object] = field(default_factory=OrderedDict)

    @property
    def face(self) -> Face:
        """What the till shows now."""
        return Face(self.cart, self.notice, self.receipt, self.completed_seq)

    def move_to(self, cart: Cart) -> None:
        """Let the till's sale be this one; empties end with the customer."""
        self.cart = cart
        if cart.state is not TillState.OPEN:
            self.empties = ""

    def remember(self, command_id: str, answer: object) -> None:
        """Keep an answer for a repeat that comes soon."""
        self.replies[command_id] = answer
        if len(self.replies) > _REPLIES_KEPT:
            self.replies.popitem(last=False)

    def say(self, code: str, tone: str, words: str, params: dict[str, str] | None = None) -> None:
        """Put a notice on the till's message line."""
        self.notices += 1
        self.notice = NoticeView(self.notices, code, tone, words, params or {})


def takes_empties(till: Till, cart: Cart) -> bool:
    """Say whether a till's scans are empties that come back, with this sale on it."""
    if not till.empties:
        return False
    return cart.state in {TillState.IDLE, TillState.OPEN} and not cart.tendered_minor


def _newest_receipt(till: Till) -> str:
    return receipt_number(till.id, till.receipts) if till.receipts else ""


@dataclass
class TillViews:
    """Builds views and hands them to the screens.

    `devices` and `link` say how those are now; `accepted_seq` is what head office has; `day` is
    the business day of an instant; `doubt`, `card_alarms` and `signature` are what the desk of
    cards knows; `goods` names the state of articles and listed prices; `kept_by` names a second
    copy in the shop that has an event.
    """

    tills: dict[str, Till]
    devices: Callable[[str], tuple[DeviceView, ...]]
    link: Callable[[], LinkView]
    accepted_seq: Callable[[], int]
    currency: Callable[[], str]
    day: Callable[[int], str]
    parked: Callable[[], tuple[ParkedView, ...]] = tuple
    doubt: Callable[[Cart], DoubtView | None] = lambda _cart: None
    card_alarms: Callable[[], tuple[CardAlarmView, ...]] = tuple
    signature: Callable[[Cart], SignatureView | UnsetType] = lambda _cart: UNSET
    goods: Callable[[], str] = str
    kept_by: Callable[[int], str] = lambda _seq: ""

    def build(self, till: Till, coming: Face | None = None) -> bytes:
        """Return the till's view as JSON, under a new version; of what is coming if given."""
        face = coming or till.face
        shown = face.cart
        till.version += 1
        asked = shown.weighing
        done = shown.state is TillState.DONE
        office = 0 < face.completed_seq <= self.accepted_seq()
        keeper = self.kept_by(face.completed_seq) if done and face.completed_seq else ""
        return encode(
            TillView(
                version=till.version,
                till=till.id,
                state=shown.state,
                sale_id=shown.sale or None,
                receipt_number=shown.receipt or None,
                lines=shown.line_views,
                tenders=tuple(tender.view() for tender in shown.tenders),
                taxes=shown.tax_views,
                total_minor=shown.total_minor,
                due_minor=shown.due_minor,
                change_minor=shown.change_minor,
                rounding_minor=shown.rounding_minor,
                currency=shown.currency or self.currency(),
                opened_at=shown.opened_at or None,
                devices=self.devices(till.id),
                link=self.link(),
                notice=face.notice,
                dots=DotsView(True, bool(keeper), office, keeper or UNSET) if done else None,
                receipt=face.receipt if done else None,
                discounts=tuple(discount.view() for discount in shown.discounts),
                note=shown.note,
                parked=self.parked() if face.parked is None else face.parked,
                weighing=WeighingView(asked.name, asked.tare_g) if asked else None,
                refund_due_minor=shown.refund_due_minor,
                last_receipt=shown.receipt or _newest_receipt(till),
                price_check=till.price_check,
                doubt=self.doubt(shown),
                signature=self.signature(shown),
                card_alarms=self.card_alarms() if face.card_alarms is None else face.card_alarms,
                coupons=shown.coupon_views,
                age_checked=shown.age_checked,
                age_check=age_check_view(shown.age_asked, self.day(shown.opened_at))
                if shown.age_asked
                else None,
                empties=takes_empties(till, shown),
                training=till.training if face.training is None else face.training,
                customer=shown.customer_view,
                tip_minor=shown.tip_minor,
                tips_from=tuple([back.receipt for back in shown.tips_back])
                if shown.tips_back
                else (),
                goods=self.goods(),
            )
        )

    def publish(self, till: Till) -> bytes:
        """Build the till's view and hand it to its screens; return it."""
        view = self.build(till)
        self.show(till, view)
        return view

    @staticmethod
    def show(till: Till, view: bytes) -> None:
        """Hand a view to the till's screens."""
        for screen in till.screens:
            screen.show(view)

    def publish_by_id(self, till_id: str) -> None:
        """Publish one till's view; unknown ids are none of ours."""
        till = self.tills.get(till_id)
        if till is not None:
            self.publish(till)

    def publish_finished(self, after: int, upto: int) -> None:
        """Publish the views of tills whose finished sale is behind one seq, up to another."""
        for till in self.tills.values():
            if after < till.completed_seq <= upto:
                self.publish(till)

    def publish_all(self) -> None:
        """Publish every till's view: the link changed."""
        for till in self.tills.values():
            self.publish(till)
