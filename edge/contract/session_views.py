"""Who may use a till, and what a till knows of itself before a sale."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from edge.contract.identity import ShortId
from edge.contract.limits import (
    PIN_DIGITS_MAX,
    PIN_DIGITS_MIN,
)
from edge.contract.permissions import Permission


class EnrolRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device asks to become a till, with the code a person read off the box."""

    code: Annotated[str, Meta(min_length=6, max_length=64)]
    till: ShortId | None = None
    label: Annotated[str, Meta(max_length=80)] = ""


class SignInRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cashier signs in on an enrolled till."""

    cashier: ShortId
    pin: Annotated[str, Meta(pattern=rf"^[0-9]{{{PIN_DIGITS_MIN},{PIN_DIGITS_MAX}}}$(?!\n)")]


class ApprovalRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A second person allows something at a till, with a PIN of their own."""

    approver: ShortId
    pin: Annotated[str, Meta(pattern=rf"^[0-9]{{{PIN_DIGITS_MIN},{PIN_DIGITS_MAX}}}$(?!\n)")]
    permission: Permission


class ApprovalView(msgspec.Struct, frozen=True):
    """What goes as `approval` into the command that needs it: once, at this till, soon."""

    approval: str
    valid_s: float


class CashierView(msgspec.Struct, frozen=True):
    """Who is signed in."""

    id: str
    name: str
    role: str
    language: str


class ForeignCashView(msgspec.Struct, frozen=True):
    """A currency whose notes the store takes; `rate_ppm` as in `ForeignCash`."""

    currency: str
    rate_ppm: int


class TipsView(msgspec.Struct, frozen=True):
    """Which tips the store offers, in ppm of the total; `Tips` says more."""

    offers_ppm: tuple[int, ...]


class SessionView(msgspec.Struct, frozen=True):
    """What a till knows of itself; `cashier` is None before anyone signed in.

    `tills` are the ids of all tills of the store, its own too. `cash_step_minor` is the
    smallest coin; 0 or 1 for no cash rounding. `tips` is None where the store takes none.
    """

    till: str
    store: str
    store_name: str
    currency: str
    cashier: CashierView | None
    staff: tuple[CashierView, ...]
    """Who may sign in here; empty until the first contact with head office."""
    tills: tuple[str, ...] = ()
    cash_step_minor: int = 0
    foreign_cash: tuple[ForeignCashView, ...] = ()
    tips: TipsView | None = None
