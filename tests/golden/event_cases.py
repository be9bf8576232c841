"""One example of every declared event, and the golden files that hold their bytes for ever.

A golden file is never changed once its event has been released: a change of an event is a
new version with an upcaster, and a new file.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Final

import msgspec

import edge.contract
from edge.contract.age_events import AgeChecked, AgeRefused
from edge.contract.card_desk_events import (
    CardAlarmSettled,
    CardAnsweredLate,
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
    CardReversalDeclined,
    CardReversalRequested,
    CardReversalUnknown,
)
from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundRequested,
    CardRefundUnknown,
)
from edge.contract.card_signature_events import (
    CardSignatureAsked,
    CardSignatureChecked,
    CardSignatureRefused,
)
from edge.contract.card_slip_events import CardSlipComposed, CardSlipPrinted
from edge.contract.cash_events import NoSale
from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.customer_events import CustomerSet
from edge.contract.device_events import (
    DeviceAdopted,
    DeviceBound,
    DeviceReleased,
    DeviceReplaced,
    DeviceTested,
    TechnicianSignedIn,
    TechnicianSignedOut,
)
from edge.contract.envelope import GENESIS, link, seal
from edge.contract.event_registry import Event, declared
from edge.contract.fiscal_events import FiscalClosed, FiscalMissed, FiscalSigned, FiscalStarted
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentUnknown,
    ForeignCashTendered,
    TenderTaken,
)
from edge.contract.price_events import (
    DiscountGiven,
    DiscountRemoved,
    LineReduction,
    NoteSet,
    PriceOverridden,
    PricesReduced,
    Reduction,
)
from edge.contract.receipt_events import (
    GiftReceiptPrinted,
    ReceiptEmailRequested,
    ReceiptPresented,
    ReceiptReprinted,
    ReprintEnded,
)
from edge.contract.receipt_letter import address_seal
from edge.contract.return_events import (
    CashReturned,
    LineReturned,
    RefundPart,
    TenderReturned,
)
from edge.contract.sale_events import (
    CashTendered,
    DrawerOpened,
    LineAdded,
    LineVoided,
    ReceiptPrinted,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    SaleParked,
    SaleResumed,
    TaxTotal,
)
from edge.contract.system_events import (
    ApprovalGiven,
    BoxStarted,
    BoxStopped,
    CashierSignedIn,
    CashierSignedOut,
    ClockStepped,
    GenerationOpened,
    HistoryMended,
    PanRefused,
    ReferenceApplied,
    SignInLocked,
    SurvivorSalvaged,
    TillEnrolled,
)
from edge.contract.terminal_day_events import SchemeSum, TerminalDayAsked, TerminalDayEnded
from edge.contract.tip_events import TipReturned, TipSet
from edge.contract.training_events import TrainingBegan, TrainingEnded, TrainingNoted
from edge.contract.weighing_events import WeighingAsked, WeighingEnded

FOLDER: Final = Path(__file__).parent / "events"
SALE: Final = "0199f0a4-7d10-7c3e-8a55-3b1de5f20c41"
WEIGHING: Final = "0199f0a4-8c11-7a02-b3f4-6d1f2a90c3e5"
ORIGINAL: Final = "0199ee31-2c44-7b1d-9f20-7c61a8e0b355"
PAYMENT: Final = "0199f0a4-9b02-7f60-9c11-5e0a44d1b7aa"
REFUND: Final = "0199f0a5-1c3a-7e11-a0d2-84b6f3c9e7d1"
REVERSAL: Final = "018f5e3a-0000-7000-8000-0000000000d5"

CASES: Final[tuple[Event, ...]] = (
    AgeChecked(sale=SALE, minimum_age=18, how="birth_date"),
    AgeRefused(sale=SALE, minimum_age=18),
    ApprovalGiven(permission="discount", approver="pawel", cashier="marta"),
    BoxStarted(version="0.1.0", sqlite="3.45.1", clean=True),
    BoxStopped(),
    CardAlarmSettled(
        sale=SALE, payment=PAYMENT, reason="The acquirer has it: booked by hand.", approver="pawel"
    ),
    CardAnsweredLate(
        # of the payment's reversal, so that every field is seen
        sale=SALE, payment=PAYMENT, outcome="approved", amount_minor=1702, differs=True,
        reversal=REVERSAL, last4="4242", scheme="Example", authorisation="A1B2C4",
        terminal_id="T-0001", receipt="0019", trace="000125", code="00", reason="Approved.",
        resolved_by="inquiry",
    ),
    CardPaymentApproved(
        sale=SALE, payment=PAYMENT, amount_minor=1702, last4="4242", scheme="Example",
        authorisation="A1B2C3", terminal_id="T-0001", receipt="0017", trace="000123",
        resolved_by="inquiry",
    ),
    CardPaymentDeclined(
        sale=SALE, payment=PAYMENT, reason="Declined by the issuer.", code="declined",
        resolved_by="inquiry",
    ),
    CardPaymentResolved(
        sale=SALE, payment=PAYMENT, outcome="approved", amount_minor=1702, source="slip",
        reason="The terminal printed a slip before it died.", receipt="0017",
        terminal_id="T-0001", trace="000123", approver="pawel",
    ),
    CardPaymentRequested(sale=SALE, payment=PAYMENT, amount_minor=1702, terminal="terminal-1"),
    CardPaymentUnknown(sale=SALE, payment=PAYMENT, reason="The terminal does not answer."),
    CardRefundApproved(
        sale=SALE, refund=REFUND, amount_minor=701, parts=(RefundPart(ORIGINAL, PAYMENT, 701),),
        last4="4242", scheme="Example", authorisation="A1B2C9", terminal_id="T-0001",
        receipt="0018", trace="000124", resolved_by="inquiry",
    ),
    CardRefundDeclined(
        sale=SALE, refund=REFUND, reason="The terminal does not offer this.", code="6D",
        resolved_by="inquiry",
    ),
    CardRefundRequested(
        # all of it, so that every field is seen; an approver is named where no card had paid
        sale=SALE, refund=REFUND, amount_minor=701, terminal="terminal-1",
        parts=(RefundPart(ORIGINAL, PAYMENT, 701),), approver="pawel", reverses=PAYMENT,
        receipt="0017", last4="4242", scheme="Example",
    ),
    CardRefundUnknown(sale=SALE, refund=REFUND, reason="The terminal does not answer."),
    CardRefundResolved(
        sale=SALE, refund=REFUND, outcome="approved", amount_minor=701, source="portal",
        reason="The acquirer has it.", parts=(RefundPart(ORIGINAL, PAYMENT, 701),),
        receipt="0018", terminal_id="T-0001", trace="000124", approver="pawel",
    ),
    CardReversalApproved(
        sale=SALE, payment=PAYMENT, reversal=REVERSAL, amount_minor=1702, asked_minor=1702,
        last4="4242", scheme="Example", authorisation="A1B2C4", terminal_id="T-0001",
        receipt="0019", trace="000125", resolved_by="inquiry",
    ),
    CardReversalDeclined(
        sale=SALE, payment=PAYMENT, reversal=REVERSAL, reason="It knows no such payment.",
        code="B5", resolved_by="inquiry",
    ),
    CardReversalRequested(
        sale=SALE, payment=PAYMENT, reversal=REVERSAL, amount_minor=1702, terminal="terminal-1",
        receipt="0017", reason="It is in the terminal's journal.", approver="pawel",
    ),
    CardReversalUnknown(
        sale=SALE, payment=PAYMENT, reversal=REVERSAL, reason="The terminal does not answer."
    ),
    CardSignatureAsked(sale=SALE, payment=PAYMENT),
    CardSignatureChecked(sale=SALE, payment=PAYMENT),
    CardSignatureRefused(sale=SALE, payment=PAYMENT),
    CardSlipComposed(
        sale=SALE, payment=PAYMENT, outcome="approved",
        customer=("** Kundenbeleg **", "Betrag EUR         17,02", "Nr. ************4242"),
        merchant=("** Händlerbeleg **", "Betrag EUR         17,02"), signature=True,
    ),
    CardSlipPrinted(sale=SALE, number=1, what="merchant", evidence="confirmed", copy=1),
    CashReturned(
        sale=SALE, tender="1", amount_minor=300, parts=(RefundPart(ORIGINAL, "2", 299),),
        approver="pawel",
    ),
    CashTendered(sale=SALE, tender="1", amount_minor=2000),
    CashierSignedIn(cashier="marta", stale_staff_list=True),
    CashierSignedOut(cashier="marta", reason="idle"),
    ClockStepped(by_ms=-3_600_000),
    DeviceAdopted(
        device="printer-2", host="box", driver="printer_escpos", bound_to="till-2",
        roles=("printer", "drawer"), settings='{"address":"tcp://192.0.2.8:9100","columns":48}',
        name="Bar",
    ),
    DeviceBound(device="printer-2", bound_to="till-1", roles=("printer",), name="Front"),
    DeviceReleased(device="printer-2", reason="It fell."),
    DeviceReplaced(
        device="printer-2", host="box", driver="printer_escpos",
        settings='{"address":"tcp://192.0.2.9:9100"}',
    ),
    DeviceTested(
        device="printer-2", test="test_page", job="0199f0a4-9b02-7f60-9c11-5e0a44d1b7ab"
    ),
    DiscountGiven(
        # both, so that every field is seen; a till gives one of them
        sale=SALE, discount="1", reason="dented tin", line="3", off_ppm=100_000, off_minor=150,
        approver="pawel",
    ),
    DiscountRemoved(sale=SALE, discount="1"),
    DrawerOpened(reason="sale", outcome="opened", sale=SALE),
    ForeignCashTendered(
        sale=SALE, tender="2", currency="USD", foreign_minor=2000, rate_ppm=850_000,
        amount_minor=1700,
    ),
    LineAdded(
        sale=SALE, line="1", sku="100024", name="Aged cheese, Żółty ser, 奶酪, جبن, 치즈",
        quantity=742, price_minor=1890, amount_minor=1402, tax="reduced", rate_ppm=50_000,
        code="2100105007427", unit="kg", entry="weight_code", tare_g=10, minimum_age=18,
        open_price=True, approver="pawel", deposit=True, deposit_of="2",
        serial="350123451234560", lot="L2027A", expires="2027-01-31",
    ),
    LineReturned(
        sale=SALE, line="4", sku="100024", name="Aged cheese, Żółty ser, 奶酪, جبن, 치즈",
        quantity=371, price_minor=1890, tax="reduced", rate_ppm=50_000, net_minor=668,
        tax_minor=33, gross_minor=701, reason="gone off", original_sale=ORIGINAL,
        original_line="1", receipt="till-2-000123", unit="kg", code="2100105007427",
        approver="pawel", deposit=True, serial="350123451234560", lot="L2027A",
    ),
    LineVoided(sale=SALE, line="1", reason="changed their mind"),
    NoSale(job="0199f0a4-9c44-7d00-8f6b-2b7a10c3e5d9", reason="change", approver="pawel"),
    NoteSet(sale=SALE, text="For Saturday", line="3"),
    PanRefused(field="reason"),
    PriceOverridden(
        sale=SALE, line="2", price_minor=150, amount_minor=300, reason="shelf label",
        approver="pawel",
    ),
    CouponPresented(
        sale=SALE, code="WELCOME-7F3K", campaign="welcome", name="5.00 off 优惠券", single_use=True
    ),
    CouponRemoved(sale=SALE, code="WELCOME-7F3K"),
    TechnicianSignedIn(person="tech", stale_staff_list=True),
    TechnicianSignedOut(person="tech"),
    CustomerSet(sale=SALE, customer="K7Q4-M2XD", groups=("club", "staff")),
    PricesReduced(
        sale=SALE,
        reductions=(
            Reduction(
                "promotion", "cheese-3-for-2", "3 for 2: cheese, Żółty ser, 奶酪, جبن, 치즈",
                (LineReduction("3", 1402), LineReduction("1", 1)),
            ),
            Reduction("promotion", "members", "Members save 10 %", (LineReduction("2", 30),)),
        ),
    ),
    ReceiptPrinted(sale=SALE, evidence="confirmed", copy=1),
    ReceiptReprinted(sale=SALE, receipt="till-1-000417", copy=2),
    ReceiptPresented(
        sale=SALE,
        receipt="till-1-000417",
        store=12,
        sale_gen=1,
        sale_seq=90_125,
        total_minor=1_736,
        currency="EUR",
        code="TILLBOX2:%69 VD92EX0.",
    ),
    ReprintEnded(sale=SALE, what="gift", copy=1, evidence="confirmed"),
    FiscalClosed(sale=SALE, client="harbour-street-till-1", transaction=17),
    FiscalMissed(sale=SALE, receipt="till-1-000042", reason="tse_down"),
    FiscalSigned(
        sale=SALE, receipt="till-1-000042", client="harbour-street-till-1", transaction=17,
        counter=35, started_at=1_795_000_000_000, finished_at=1_795_000_031_000,
        process_type="Kassenbeleg-V1",
        process_data="Beleg^0.00_1.29_0.00_0.00_0.00^1.29:Bar",
        signature="c2lnbmF0dXJl", serial="5f" * 32, public_key="cHVibGljLWtleQ==",
        algorithm="ecdsa-plain-SHA384", time_format="unixTime",
    ),
    FiscalStarted(
        sale=SALE, client="harbour-street-till-1", transaction=17, started_at=1_795_000_000_000,
        opened_seq=1234,
    ),
    GenerationOpened(parent_gen=1, parent_seq=48213, parent_hash="5d" * 32, source="keeper"),
    HistoryMended(
        fork_seq=47_000,
        fork_hash="5d" * 32,
        branch_gen=1,
        branch_seq=47_100,
        branch_hash="6e" * 32,
        set_aside="set-aside/ledger-gen1-47100-6e6e6e6e6e6e.db",
        events_back=1_213,
        events_again=90,
        events_known=10,
        sales_back=150,
        sales_again=11,
        sales_known=1,
        sales_doubtful=1,
        receipts_twice=("till-1-000417",),
    ),
    SurvivorSalvaged(
        fork_seq=47_000,
        fork_hash="5d" * 32,
        branch_gen=1,
        branch_seq=47_100,
        branch_hash="6e" * 32,
        set_aside="set-aside/late-gen1-47100-6e6e6e6e6e6e.db",
        events_again=90,
        events_known=10,
        sales_again=11,
        sales_known=1,
        sales_doubtful=1,
        receipts_twice=("till-1-000417",),
    ),
    GiftReceiptPrinted(sale=SALE, receipt="till-1-000417", copy=1),
    ReceiptEmailRequested(
        sale=SALE, receipt="till-1-000417", ref="0198c0de-0000-7000-8000-00000000e417",
        address_seal=address_seal("a-salt-of-the-golden-files", "anna@example.org"), letter=1,
    ),
    ReferenceApplied(feed="price", cursor=318),
    SaleAbandoned(sale=SALE, reason="left", returned_minor=500),
    SaleCompleted(
        sale=SALE, receipt="till-1-000417", total_minor=1703,
        taxes=(
            TaxTotal("reduced", 50_000, 1335, 67, 1402),
            TaxTotal("standard", 210_000, 249, 52, 301),
        ),
        change_minor=295, rounding_minor=2, jobs=("receipt", "drawer"),
        coupons=("WELCOME-7F3K",), tip_minor=300,
    ),
    SaleOpened(sale=SALE, currency="EUR", price_book="summer", prices_include_tax=False),
    SaleParked(sale=SALE, label="Lady in red", for_till="till-2"),
    SaleResumed(sale=SALE),
    TipReturned(
        sale=SALE, original_sale=ORIGINAL, receipt="till-2-000123", amount_minor=300,
        reason="mistyped", approver="pawel",
    ),
    TipSet(sale=SALE, amount_minor=2500, approver="pawel"),
    SignInLocked(cashier="marta", scope="person"),
    TenderReturned(
        sale=SALE, tender="2", kind="voucher", amount_minor=400, reference="V-17",
        parts=(RefundPart(ORIGINAL, "1", 400),), approver="pawel",
    ),
    TenderTaken(
        sale=SALE, tender="3", kind="gift_card", amount_minor=500, reference="GC-0042",
        approver="pawel",
    ),
    TerminalDayAsked(terminal="terminal-1", job="0199f0a4-9b02-7f60-9c11-5e0a44d1b7ac"),
    TerminalDayEnded(
        terminal="terminal-1", job="0199f0a4-9b02-7f60-9c11-5e0a44d1b7ac", outcome="closed",
        ledger_minor=12_840, told=True, amount_minor=13_340, difference_minor=500, inferred=True,
        resolved_by="inquiry", trace="000417", code="00", reason="It is handed in.",
        schemes=(
            SchemeSum("Visa", told=True, count=3, amount_minor=13_340, ledger_count=2,
                      ledger_minor=12_840),
            SchemeSum("girocard", ledger_count=1, ledger_minor=-500),
        ),
    ),
    TillEnrolled(till="till-1", label="By the door", secret_sha256="00" * 32),
    TrainingBegan(approver="pawel"),
    TrainingEnded(),
    TrainingNoted(
        sale=f"training-{SALE}", did="cash_tendered", version=1,
        fields='{"sale":"training-1","tender":"1","amount_minor":2000}',
    ),
    WeighingAsked(
        sale=SALE, weighing=WEIGHING, scale="scale-1", code="4011", sku="100031", name="Bananas",
        tare_g=10, shown_g=752,
    ),
    WeighingEnded(sale=SALE, weighing=WEIGHING, reason="scale_unstable"),
)  # fmt: skip


def declared_events() -> dict[str, type[Event]]:
    """Return every declared event by `type.version`, of every module of the contract."""
    for module in pkgutil.iter_modules(edge.contract.__path__):
        if module.name.endswith("_events"):
            importlib.import_module(f"edge.contract.{module.name}")
    # tests declare events of their own
    return {
        f"{shape.TYPE}.{shape.VERSION}": shape
        for shape in declared()
        if shape.__module__.startswith("edge.contract.")
    }


def name_of(event: Event) -> str:
    """Return `type.version`."""
    return f"{event.TYPE}.{event.VERSION}"


def least_of(event: Event) -> Event:
    """Return the event with all that has a default left at it."""
    required = {
        field.name: getattr(event, field.name)
        for field in msgspec.structs.fields(type(event))
        if field.required
    }
    return type(event)(**required)


def canonical(event: Event) -> bytes:
    """Return the event's bytes in one fixed envelope."""
    return seal(
        event, store=1, gen=1, seq=417, day="2026-11-22", at=1_795_000_000_123, till="till-1",
        actor="marta",
    )  # fmt: skip


def golden(event: Event) -> str:
    """Return what the golden file of an event says: both forms, bytes as text, and hashes.

    `left_out` says what the fields mean that are not in the bytes.
    """
    forms = {"full": canonical(event), "least": canonical(least_of(event))}
    said: dict[str, object] = {
        name: {"canonical": body.decode(), "hash": link(GENESIS, body).hex()}
        for name, body in forms.items()
    }
    said["left_out"] = {
        field.name: field.default
        for field in msgspec.structs.fields(type(event))
        if not field.required
    }
    return json.dumps(said, ensure_ascii=False, indent=2) + "\n"


def write() -> None:
    """Write the golden file of every case."""
    FOLDER.mkdir(exist_ok=True)
    for event in CASES:
        (FOLDER / f"{name_of(event)}.json").write_text(golden(event), "utf-8")
