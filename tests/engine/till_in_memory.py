"""A till that decides and applies, as `edge.flows` does, without a disk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edge.contract.card_desk_events import CardRefundResolved
from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundRequested,
    CardRefundUnknown,
)
from edge.contract.card_signature_events import CardSignatureAsked
from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.device_messages import ALREADY_REVERSED
from edge.contract.event_registry import Event
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentUnknown,
)
from edge.contract.receipt_events import (
    GiftReceiptPrinted,
    ReceiptEmailRequested,
    ReceiptReprinted,
)
from edge.contract.return_events import CashReturned, RefundPart, TenderReturned
from edge.contract.sale_events import SaleAbandoned, SaleCompleted
from edge.contract.till_commands import (
    Abandon,
    AddCoupon,
    AddItem,
    AnyTillCommand,
    AskTerminal,
    AttachEvidence,
    BeginTraining,
    ConfirmAge,
    ConfirmSignature,
    EmailReceipt,
    EndTraining,
    EvidenceSource,
    GiveCash,
    GiveDiscount,
    GiveTender,
    NextSale,
    OpenDrawer,
    OtherTender,
    OverridePrice,
    Park,
    PayByCard,
    PrintGiftReceipt,
    RefundByCard,
    RefuseAge,
    RefuseSignature,
    RemoveCoupon,
    RemoveDiscount,
    ReprintReceipt,
    Resume,
    ReturnEmpties,
    ReturnItem,
    ReturnLine,
    ReturnTip,
    ReverseInDoubt,
    SetCustomer,
    SetNote,
    SetQuantity,
    SetTip,
    Settle,
    SettleCardAlarm,
    TakeCash,
    TakeForeignCash,
    TakeTender,
    VoidLine,
    WeighItem,
)
from edge.engine.basket_pricing import with_reductions
from edge.engine.card_refund_rules import parts_given
from edge.engine.cart import EMPTY, Cart, Tender
from edge.engine.cart_changes import apply, replay
from edge.engine.circumstances import Approval, AtTheDesk, Circumstances, CouponUse
from edge.engine.coupon_rules import coupon_asked
from edge.engine.originals import Original, Refunded, Returned, Unfinished
from edge.engine.promotions import Occasion
from edge.engine.receipt_finding import receipt_asked
from edge.engine.reference_view import ReferenceView
from edge.engine.sale_rules import decide_and_price
from edge.engine.tender_rules import complete_if_covered
from edge.engine.weighing_rules import weighed, weighing_ended
from tests.engine.shop_in_memory import shop

_LOOKING_BACK = (ReturnLine, ReturnTip, ReprintReceipt, PrintGiftReceipt, EmailReceipt)


@dataclass
class Books:
    """What the tills of one shop sold and gave back, by their carts and events alone."""

    tills: dict[str, TillInMemory] = field(default_factory=dict)
    sold: dict[str, Cart] = field(default_factory=dict)
    refunds: dict[str, dict[str, tuple[RefundPart, ...]]] = field(default_factory=dict)
    reversed_before: set[str] = field(default_factory=set)
    copies: Counter[str] = field(default_factory=Counter)
    gifts: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    coupons: dict[str, CouponUse] = field(default_factory=dict)
    parked: dict[str, Unfinished] = field(default_factory=dict)

    def hear(self, cart: Cart, event: Event) -> None:
        if isinstance(event, SaleCompleted):
            self.sold[event.receipt] = cart
            used = {each: CouponUse(event.sale, event.receipt) for each in event.coupons}
            self.release(event.sale)
            self.coupons.update(used)
        elif isinstance(event, (CashReturned, TenderReturned)):
            self.refunds.setdefault(event.sale, {})[event.tender] = event.parts
        elif isinstance(event, (CardRefundRequested, CardRefundApproved)):
            self.refunds.setdefault(event.sale, {})[event.refund] = event.parts
        elif isinstance(event, CardRefundDeclined):
            parts = self.refunds[event.sale].pop(event.refund)
            if event.code == ALREADY_REVERSED:
                self.reversed_before |= {part.original_tender for part in parts}
        elif isinstance(event, CardRefundResolved):
            self.refunds[event.sale][event.refund] = event.parts
        elif isinstance(event, SaleAbandoned):
            self.refunds.pop(event.sale, None)
            self.release(event.sale)
        else:
            self._count(event)

    def _count(self, event: Event) -> None:
        if isinstance(event, ReceiptReprinted):
            self.copies[event.sale] += 1
        elif isinstance(event, GiftReceiptPrinted):
            self.gifts[event.sale] += 1
        elif isinstance(event, ReceiptEmailRequested):
            self.letters[event.sale] += 1
        elif isinstance(event, CouponPresented) and event.single_use:
            self.coupons[event.code] = CouponUse(event.sale)
        elif isinstance(event, CouponRemoved):
            self.coupons.pop(event.code, None)

    def release(self, sale: str) -> None:
        held = {code: use for code, use in self.coupons.items() if use.receipt or use.sale != sale}
        self.coupons = held

    def coupon(self, code: str) -> CouponUse | None:
        use = self.coupons.get(code)
        if use is None or use.receipt:
            return use
        tills = (name for name, till in self.tills.items() if till.cart.sale == use.sale)
        place = next((Unfinished(use.sale, name) for name in tills), None)
        return CouponUse(use.sale, place=place or self.parked.get(use.sale))

    def paid_by(self, receipt: str) -> list[str]:
        return [each.tender_id for each in self.sold[receipt].tenders]

    def original(self, receipt: str) -> Original:
        cart = self.sold[receipt]
        open_carts = {t.cart.sale: t.cart for t in self.tills.values() if t.cart.sale}
        carts = {**{each.sale: each for each in self.sold.values()}, **open_carts}
        returns = tuple(
            Returned(
                each.sale, line.back.original_line, line.quantity,
                line.back.net_minor, line.back.tax_minor, line.back.gross_minor,
            )
            for each in carts.values()
            for line in each.lines
            if line.back and not line.voided and line.back.original_sale == cart.sale
        )  # fmt: skip
        refunds = tuple(
            Refunded(sale, part.original_tender, part.amount_minor)
            for sale, tenders in self.refunds.items()
            for parts in tenders.values()
            for part in parts
            if part.original_sale == cart.sale
        )
        unfinished = tuple(
            Unfinished(till.cart.sale, name)
            for name, till in self.tills.items()
            if till.cart.sale and not till.cart.receipt
        )
        before = tuple(self.reversed_before)
        copies, gifts = self.copies[cart.sale], self.gifts[cart.sale]
        return Original(
            cart, returns, refunds, unfinished, before,
            copies=copies, gifts=gifts, letters=self.letters[cart.sale],
            tip_back=next((
                each.sale for each in carts.values()
                for back in each.tips_back if back.original_sale == cart.sale
            ), ""),
        )  # fmt: skip


class TillInMemory:
    """One till: `cart`, the `history` that made it, and the receipts numbered so far."""

    def __init__(
        self,
        reference: ReferenceView | None = None,
        books: Books | None = None,
        name: str = "till-1",
    ) -> None:
        self.name = name
        self.books = books or Books()
        self.books.tills[name] = self
        self.reference = reference or shop()
        self.cart: Cart = EMPTY
        self.history: list[tuple[Event, int]] = []
        self.receipts = 0
        self.now_ms = 1_795_000_000_000
        self._ids = 0
        self.terminal = "terminal-1"
        self.scale = "scale-1"
        self.reversible = ""
        self.entry = "keyed"
        self.aim = ""
        self.role = "cashier"
        self.approval: Approval | None = None
        self.has_drawer = True
        self.has_printer = True
        self.parked: Cart | None = None
        self.parked_sales = 0
        self.desk = AtTheDesk()
        self.business_day = "2026-11-26"
        self.training = False
        self.occasion = Occasion(self.now_ms, 1, 600)

    def new_id(self, kind: str) -> str:
        self._ids += 1
        return f"{kind}-{self._ids:06d}" if self.name == "till-1" else f"{kind}-{self._ids:06d}-b"

    def originals(self, command: AnyTillCommand | None) -> tuple[Original, ...]:
        if isinstance(
            command, (ReturnLine, ReturnTip, ReprintReceipt, PrintGiftReceipt, EmailReceipt)
        ):
            asked, _ = receipt_asked(command.receipt)
            return tuple(self.books.original(each) for each in self.books.sold if each == asked)
        if isinstance(command, (GiveCash, GiveTender, RefundByCard)):
            receipts = [line.back.receipt for line in self.cart.lines if line.back]
            receipts += [back.receipt for back in self.cart.tips_back]
            return tuple(self.books.original(each) for each in dict.fromkeys(receipts) if each)
        return ()

    def given(self, command: AnyTillCommand | None = None) -> Circumstances:
        return Circumstances(
            self.name,
            self.receipts,
            self.new_id("sale"),
            self.terminal,
            self.entry,
            occasion=self.occasion,
            role=self.role,
            approval=self.approval,
            has_drawer=self.has_drawer,
            scale=self.scale,
            parked=self.parked,
            parked_sales=self.parked_sales,
            originals=self.originals(command),
            reversible=self.reversible,
            letter_salt="salt",
            has_printer=self.has_printer,
            desk=self.desk,
            coupon=self.books.coupon(coupon_asked(command, self.reference)) if command else None,
            business_day=self.business_day,
            training=self.training,
            aim=self.aim,
        )

    def do(self, command: AnyTillCommand) -> tuple[Event, ...]:
        given = self.given(command)
        events, after = decide_and_price(self.cart, command, self.reference, given)
        at_once = replay(((event, given.at_ms) for event in events), self.cart)
        assert after is None or after == at_once, "pricing made another cart than the events do"
        self.take(*events)
        if isinstance(command, NextSale):
            self.cart = EMPTY
        return events

    def take(self, *events: Event) -> None:
        for event in events:
            self.now_ms += 1_000
            self.cart = apply(self.cart, event, self.now_ms)
            self.history.append((event, self.now_ms))
            self.receipts += isinstance(event, SaleCompleted)
            self.books.hear(self.cart, event)

    # --- wishes -------------------------------------------------------------------------

    def add(self, code: str, quantity: int = 1000) -> tuple[Event, ...]:
        return self.do(AddItem(command_id=self.new_id("command"), code=code, quantity=quantity))

    def add_open(
        self, code: str, price_minor: int, quantity: int = 1000, *, unknown: str = ""
    ) -> tuple[Event, ...]:
        return self.do(
            AddItem(
                command_id=self.new_id("command"),
                code=code,
                quantity=quantity,
                price_minor=price_minor,
                unknown_code=unknown,
            )
        )

    def add_tracked(
        self, code: str, quantity: int = 1000, *, serial: str = "", lot: str = ""
    ) -> tuple[Event, ...]:
        return self.do(
            AddItem(
                command_id=self.new_id("command"),
                code=code,
                quantity=quantity,
                serial=serial,
                lot=lot,
            )
        )

    def empties(self, code: str, quantity: int = 1000) -> tuple[Event, ...]:
        return self.do(
            ReturnEmpties(command_id=self.new_id("command"), code=code, quantity=quantity)
        )

    def old_enough(self, age: int, born: str | None = None) -> tuple[Event, ...]:
        return self.do(
            ConfirmAge(command_id=self.new_id("command"), minimum_age=age, birth_date=born)
        )

    def too_young(self, age: int) -> tuple[Event, ...]:
        return self.do(RefuseAge(command_id=self.new_id("command"), minimum_age=age))

    def void(self, line_id: str, reason: str = "") -> tuple[Event, ...]:
        return self.do(VoidLine(command_id=self.new_id("command"), line_id=line_id, reason=reason))

    def set_quantity(self, line_id: str, quantity: int) -> tuple[Event, ...]:
        return self.do(
            SetQuantity(command_id=self.new_id("command"), line_id=line_id, quantity=quantity)
        )

    def override(self, line_id: str, price_minor: int, reason: str = "shelf") -> tuple[Event, ...]:
        return self.do(
            OverridePrice(
                command_id=self.new_id("command"),
                line_id=line_id,
                price_minor=price_minor,
                reason=reason,
            )
        )

    def discount(
        self, line_id: str | None = None, *, ppm: int = 0, minor: int = 0, reason: str = "dented"
    ) -> tuple[Event, ...]:
        return self.do(
            GiveDiscount(
                command_id=self.new_id("command"),
                line_id=line_id,
                off_ppm=ppm,
                off_minor=minor,
                reason=reason,
            )
        )

    def take_back(self, discount_id: str) -> tuple[Event, ...]:
        return self.do(RemoveDiscount(command_id=self.new_id("command"), discount_id=discount_id))

    def note(self, text: str, line_id: str | None = None) -> tuple[Event, ...]:
        return self.do(SetNote(command_id=self.new_id("command"), line_id=line_id, text=text))

    def coupon(self, code: str) -> tuple[Event, ...]:
        return self.do(AddCoupon(command_id=self.new_id("command"), code=code))

    def customer(self, customer: str) -> tuple[Event, ...]:
        return self.do(SetCustomer(command_id=self.new_id("command"), customer=customer))

    def take_coupon_out(self, code: str) -> tuple[Event, ...]:
        return self.do(RemoveCoupon(command_id=self.new_id("command"), code=code))

    def drawer(self, reason: str = "change") -> tuple[Event, ...]:
        return self.do(OpenDrawer(command_id=self.new_id("command"), reason=reason))

    def copy(self, receipt: str) -> tuple[Event, ...]:
        return self.do(ReprintReceipt(command_id=self.new_id("command"), receipt=receipt))

    def gift(self, receipt: str) -> tuple[Event, ...]:
        return self.do(PrintGiftReceipt(command_id=self.new_id("command"), receipt=receipt))

    def email(self, receipt: str, address: str = "anna@example.org") -> tuple[Event, ...]:
        return self.do(
            EmailReceipt(command_id=self.new_id("command"), receipt=receipt, address=address)
        )

    def cash(self, amount_minor: int) -> tuple[Event, ...]:
        return self.do(TakeCash(command_id=self.new_id("command"), amount_minor=amount_minor))

    def card(self, amount_minor: int) -> tuple[Event, ...]:
        return self.do(PayByCard(command_id=self.new_id("command"), amount_minor=amount_minor))

    def abandon(self, reason: str = "") -> tuple[Event, ...]:
        return self.do(Abandon(command_id=self.new_id("command"), reason=reason))

    def tender(
        self, kind: OtherTender, amount_minor: int, reference: str = "A-17"
    ) -> tuple[Event, ...]:
        return self.do(
            TakeTender(
                command_id=self.new_id("command"),
                kind=kind,
                amount_minor=amount_minor,
                reference=reference,
            )
        )

    def foreign(self, currency: str, amount_minor: int, shown: int = 0) -> tuple[Event, ...]:
        return self.do(
            TakeForeignCash(
                command_id=self.new_id("command"),
                currency=currency,
                amount_minor=amount_minor,
                shown_minor=shown,
            )
        )

    def bring_back(
        self, receipt: str, line_id: str = "1", quantity: int = 1000, reason: str = "too small"
    ) -> tuple[Event, ...]:
        return self.do(
            ReturnLine(
                command_id=self.new_id("command"),
                receipt=receipt,
                line_id=line_id,
                quantity=quantity,
                reason=reason,
            )
        )

    def bring_back_without(
        self, code: str, quantity: int = 1000, reason: str = "no receipt"
    ) -> tuple[Event, ...]:
        return self.do(
            ReturnItem(
                command_id=self.new_id("command"), code=code, quantity=quantity, reason=reason
            )
        )

    def give(self, amount_minor: int) -> tuple[Event, ...]:
        return self.do(GiveCash(command_id=self.new_id("command"), amount_minor=amount_minor))

    def give_on(
        self, kind: OtherTender, amount_minor: int, reference: str = "A-17"
    ) -> tuple[Event, ...]:
        return self.do(
            GiveTender(
                command_id=self.new_id("command"),
                kind=kind,
                amount_minor=amount_minor,
                reference=reference,
            )
        )

    def refund(self, amount_minor: int) -> tuple[Event, ...]:
        return self.do(RefundByCard(command_id=self.new_id("command"), amount_minor=amount_minor))

    def tip(self, amount_minor: int) -> tuple[Event, ...]:
        return self.do(SetTip(command_id=self.new_id("command"), amount_minor=amount_minor))

    def tip_back(self, receipt: str, reason: str = "mistyped") -> tuple[Event, ...]:
        return self.do(ReturnTip(command_id=self.new_id("command"), receipt=receipt, reason=reason))

    def settle(self) -> tuple[Event, ...]:
        return self.do(Settle(command_id=self.new_id("command")))

    def next_sale(self) -> tuple[Event, ...]:
        return self.do(NextSale(command_id=self.new_id("command")))

    def park(self, label: str = "") -> tuple[Event, ...]:
        return self.do(Park(command_id=self.new_id("command"), label=label))

    def resume(self) -> tuple[Event, ...]:
        return self.do(Resume(command_id=self.new_id("command"), sale_id=self.new_id("sale")))

    def weigh(self, code: str, tare_g: int = 0, shown_g: int = 0) -> tuple[Event, ...]:
        return self.do(
            WeighItem(command_id=self.new_id("command"), code=code, tare_g=tare_g, shown_g=shown_g)
        )

    def ask_again(self, payment: str = "") -> tuple[Event, ...]:
        name = payment or self.payment
        return self.do(AskTerminal(command_id=self.new_id("command"), payment=name))

    def attach(
        self,
        *,
        approved: bool = True,
        amount_minor: int | None = None,
        receipt: str = "0042",
        trace: str = "",
        terminal_id: str = "",
        reason: str = "on the slip",
        payment: str = "",
    ) -> tuple[Event, ...]:
        asked = abs(self.asked.amount_minor) if amount_minor is None and approved else 0
        return self.do(
            AttachEvidence(
                command_id=self.new_id("command"),
                payment=payment or self.payment,
                approved=approved,
                source=EvidenceSource.SLIP,
                reason=reason,
                amount_minor=asked if amount_minor is None else amount_minor,
                receipt=receipt,
                terminal_id=terminal_id,
                trace=trace,
            )
        )

    def reverse(self, receipt: str = "0042", reason: str = "in its journal") -> tuple[Event, ...]:
        return self.do(
            ReverseInDoubt(
                command_id=self.new_id("command"),
                payment=self.payment,
                receipt=receipt,
                reason=reason,
            )
        )

    def signed(self, payment: str = "") -> tuple[Event, ...]:
        name = payment or self.payment
        return self.do(ConfirmSignature(command_id=self.new_id("command"), payment=name))

    def not_signed(self, payment: str = "") -> tuple[Event, ...]:
        name = payment or self.payment
        return self.do(RefuseSignature(command_id=self.new_id("command"), payment=name))

    def settle_alarm(self, reason: str = "booked by hand") -> tuple[Event, ...]:
        return self.do(
            SettleCardAlarm(
                command_id=self.new_id("command"), payment="payment-000001", reason=reason
            )
        )

    def begin_training(self) -> tuple[Event, ...]:
        return self.do(BeginTraining(command_id=self.new_id("command")))

    def end_training(self) -> tuple[Event, ...]:
        return self.do(EndTraining(command_id=self.new_id("command")))

    # --- what the scale says ------------------------------------------------------------

    def scale_says(self, grams: int) -> tuple[Event, ...]:
        line = weighed(self.cart, grams, self.reference)
        events = with_reductions(self.cart, line, self.reference, self.given())
        self.take(*events)
        return events

    def scale_fails(self, reason: str = "scale_unstable") -> tuple[Event, ...]:
        events = weighing_ended(self.cart, reason)
        self.take(*events)
        return events

    # --- what the terminal says ---------------------------------------------------------

    @property
    def asked(self) -> Tender:
        tender = self.cart.open_payment
        assert tender is not None
        return tender

    @property
    def payment(self) -> str:
        return self.asked.tender_id

    def approve(
        self, last4: str = "", scheme: str = "", receipt: str = "", amount_minor: int = 0
    ) -> tuple[Event, ...]:
        asked = self.asked
        amount = amount_minor or abs(asked.amount_minor)
        approved: Event
        if asked.amount_minor > 0:
            approved = CardPaymentApproved(
                sale=self.cart.sale,
                payment=asked.tender_id,
                amount_minor=amount,
                last4=last4,
                scheme=scheme,
                receipt=receipt,
            )
        else:
            approved = CardRefundApproved(
                sale=self.cart.sale,
                refund=asked.tender_id,
                amount_minor=amount,
                parts=parts_given(asked, amount),
                last4=last4,
                scheme=scheme,
                receipt=receipt,
            )
        self.take(approved)
        completed = complete_if_covered(self.cart, till=self.name, receipts=self.receipts)
        self.take(*completed)
        return (approved, *completed)

    def approve_to_sign(self, receipt: str = "0042") -> None:
        """The terminal charges the card, and the customer is to sign."""
        sale, asked = self.cart.sale, self.asked
        self.take(
            CardPaymentApproved(
                sale=sale,
                payment=asked.tender_id,
                amount_minor=asked.amount_minor,
                receipt=receipt,
            ),
            CardSignatureAsked(sale=sale, payment=asked.tender_id),
        )

    def decline(self, code: str = "") -> None:
        sale, name = self.cart.sale, self.asked.tender_id
        if self.asked.amount_minor > 0:
            self.take(CardPaymentDeclined(sale=sale, payment=name, reason="Declined.", code=code))
        else:
            self.take(CardRefundDeclined(sale=sale, refund=name, reason="Declined.", code=code))

    def lose(self) -> None:
        sale, name = self.cart.sale, self.asked.tender_id
        if self.asked.amount_minor > 0:
            self.take(CardPaymentUnknown(sale=sale, payment=name, reason="No answer."))
        else:
            self.take(CardRefundUnknown(sale=sale, refund=name, reason="No answer."))
