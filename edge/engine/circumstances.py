"""What a decision about a sale needs beside the cart, the command and the reference."""

from __future__ import annotations

from typing import Final

import msgspec

from edge.contract.permissions import Permission
from edge.engine.cart import Cart
from edge.engine.originals import Original, Unfinished
from edge.engine.promotions import Occasion

_NO_OCCASION: Final = Occasion(0, 1, 0)


class Approval(msgspec.Struct, frozen=True):
    """What a second person allowed with a PIN."""

    permission: Permission
    approver: str


class AtTheDesk(msgspec.Struct, frozen=True):
    """What the box knows about a card in doubt, or in contradiction, that a command is about.

    `says` is the code of the terminal's last answer about it, `can_reverse` whether the terminal
    takes payments back, `taken_by` another payment of that terminal with the number that was
    typed, `alarm` the sale of the contradiction that waits for a person; empty for none.
    """

    says: str = ""
    can_reverse: bool = False
    taken_by: str = ""
    alarm: str = ""


_NOT_AT_DESK: Final = AtTheDesk()


class CouponUse(msgspec.Struct, frozen=True):
    """Where this store took a single-use coupon: `receipt` of the sale that used it up.

    Without a receipt a sale holds it that is not completed, and `place` says where that is; None
    if nobody knows.
    """

    sale: str
    receipt: str = ""
    place: Unfinished | None = None


class Circumstances(msgspec.Struct, frozen=True):
    """What a decision needs beside cart, command and reference; values only.

    `receipts` counts the receipts this till has numbered so far; `new_sale_id` names a sale
    that the command opens without naming it; `terminal` is the id of the till's payment
    terminal and `scale` that of its scale, empty when it has none; `entry` says how a code
    came in (`scanned`, `keyed`) and `aim` the scanner's symbology identifier. `occasion` is
    the one at which the sale was (or now is) opened; `role` is that of whoever is at the till,
    `approval` what a second person allowed for this command. `parked` is the sale that a
    command takes up again, `parked_sales` counts all of the store. `originals` are the completed
    sales of which goods come back: the one that the command names, or all that the sale does; or
    the one that is printed again, by the till's printer (`has_printer`). `reversible` is the
    card payment that the till's terminal may be asked to take back: the last one that it was
    asked for, today, where it can take payments back. `coupon` says where the coupon is that the
    command presents, None while no sale has it. `business_day` (`YYYY-MM-DD`) is the one on
    which the sale was (or now is) opened. In `training` nothing leaves the screen.
    `letter_salt` is what an address is sealed with, unguessed and never used before. `at_ms` is the
    instant at which the command is decided, in ms since 1970 UTC. A command about goods alone is
    told nothing of devices and of other sales.
    """

    till: str
    receipts: int
    new_sale_id: str
    terminal: str = ""
    entry: str = "keyed"
    aim: str = ""
    occasion: Occasion = _NO_OCCASION
    role: str = ""
    approval: Approval | None = None
    has_drawer: bool = False
    parked: Cart | None = None
    parked_sales: int = 0
    scale: str = ""
    originals: tuple[Original, ...] = ()
    reversible: str = ""
    has_printer: bool = False
    desk: AtTheDesk = _NOT_AT_DESK
    coupon: CouponUse | None = None
    business_day: str = ""
    training: bool = False
    letter_salt: str = ""
    at_ms: int = 0
