"""What the box says to a customer display: what the customer may see of a till, and no more.

It is a list of what is shown, not of what is left out: a field that a till's view gets tomorrow
reaches no customer unless it is named here. There are no ids, no staff, no devices' troubles, no
notes and no reasons.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from edge.contract.limits import (
    BARCODE_CHARS_MAX,
    SCALE_WEIGHT_G_MAX,
)


class DisplayState(StrEnum):
    """What a customer display shows."""

    CLOSED = "closed"
    """Nobody is signed in at the till."""
    READY = "ready"
    """The till waits for a customer."""
    SELLING = "selling"
    CARD = "card"
    """The payment terminal waits for a card, for a payment or for money that goes back."""
    ASK_STAFF = "ask_staff"
    """Nobody knows yet what became of a card payment: a person will say."""
    DONE = "done"


class SavingView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a line costs less: the promotion's `name`, empty where a person took it off.

    Or the name of the customer's price book, and the `price_minor` that it has.
    """

    name: str
    amount_minor: int
    price_minor: int | None = None


class DisplayLineView(msgspec.Struct, frozen=True):
    """A line of the sale, in the units of `LineView`. Voided lines are not there.

    `listed_minor` less `savings` is `amount_minor`, below zero for goods that come back
    (`returned`). A `deposit` that is `bound` belongs to the line before it. `weighed`: on the
    till's scale, with `tare_g` taken off.
    """

    name: str
    quantity: int
    unit: str
    price_minor: int
    listed_minor: int
    amount_minor: int
    savings: tuple[SavingView, ...] = ()
    returned: bool = False
    deposit: bool = False
    bound: bool = False
    weighed: bool = False
    tare_g: int = 0


class DisplayTenderView(msgspec.Struct, frozen=True):
    """A payment that stands, or that a terminal is asked for (`waits`); `kind` as in `TenderView`.

    An `amount_minor` below zero goes back to the customer.
    """

    kind: str
    amount_minor: int
    waits: bool = False


class ScaleView(msgspec.Struct, frozen=True):
    """What lies on the scale while an article is weighed: OIML R 76 calls it price computing.

    `weight_g` is net, after `tare_g`; it costs `amount_minor` at `price_minor` a kilogram. Without
    a weight that the scale shows, `shown` is false and both are 0. Only a `still` one is sold by.
    `at_price` stands there only for a scale that weighs once and shows weight and price itself.
    """

    name: str
    price_minor: int
    tare_g: int
    shown: bool = False
    still: bool = False
    weight_g: int = 0
    amount_minor: int = 0
    at_price: bool | UnsetType = UNSET


class ScaleGoods(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A till tells which article it weighs, for the customer to see; `code` empty for none."""

    code: Annotated[str, Meta(max_length=BARCODE_CHARS_MAX)] = ""
    tare_g: Annotated[int, Meta(ge=0, le=SCALE_WEIGHT_G_MAX)] = 0


class CustomerDisplayView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a customer display shows, whole. Money is in the smallest unit of `currency`.

    `language` is the cashier's, empty while nobody is signed in. `began_at` says which sale it is
    (milliseconds since 1970 UTC, 0 for none): a language that the customer chose is for one sale.
    `tip_minor` is beside the total. `saved_minor` is what all reductions took off. `paid_minor` is
    what was paid so far, below zero for what went back; of `due_minor` and `back_minor`, what is
    left either way, one is 0. Once done `change_minor` is given back in cash, and `receipt_code`
    says whether the receipt's QR code is of use: goods were sold that may come back by it.
    `greeting` is the customer's first name. `logo` is another word for each logo of the store,
    empty for none.
    """

    state: DisplayState
    currency: str
    language: str = ""
    began_at: int = 0
    lines: tuple[DisplayLineView, ...] = ()
    tenders: tuple[DisplayTenderView, ...] = ()
    total_minor: int = 0
    tip_minor: int = 0
    saved_minor: int = 0
    paid_minor: int = 0
    due_minor: int = 0
    back_minor: int = 0
    change_minor: int = 0
    rounding_minor: int = 0
    weighing: ScaleView | None = None
    receipt_code: bool = False
    training: bool = False
    greeting: str = ""
    logo: str = ""
