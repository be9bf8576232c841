"""A completed sale as returns see it: what of it may come back, and what that gives back.

A line gives back what was paid for it, promotions and discounts taken off. Each part is what
all that came back so far, and this, is worth, less what was given back for it already: so in
whatever parts, order and sales a sale comes back, it gives back what was paid, to the last
unit. The tax goes the same way, by rate, since it was rounded once per rate of the sale.

Worked example at 21 % on top: three lines of 0.99, net 2.97, tax 0.62, together 3.59. The
first to come back gives 0.99 + (0.62 - 0.42) = 1.19, the second 0.99 + (0.42 - 0.21) = 1.20,
the third 0.99 + 0.21 = 1.20.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from edge.contract.errors import Refused
from edge.contract.money import Rounding, divide
from edge.contract.quantity import Unit, check_quantity, format_quantity
from edge.contract.return_events import RefundPart
from edge.engine.cart import APPROVED, CASH, TAKEN, Cart, GoodsBack, Line, Tender
from edge.engine.tax import RateSum, tax_total


class Returned(msgspec.Struct, frozen=True):
    """A line of `sale` that took goods of a `line` of the original back, and was not voided."""

    sale: str
    line: str
    quantity: int
    net_minor: int
    tax_minor: int
    gross_minor: int


class Refunded(msgspec.Struct, frozen=True):
    """Money that `sale` gave back of a `tender` of the original."""

    sale: str
    tender: str
    amount_minor: int


class Unfinished(msgspec.Struct, frozen=True):
    """A sale that is not completed: open on a till, or parked by it under a label."""

    sale: str
    till: str
    parked: bool = False
    label: str = ""


class Original(msgspec.Struct, frozen=True):
    """A completed sale, with all that came back of it; `unfinished` are those sales not done.

    `reversed_before` are card payments of which a terminal said, when it was to take them back,
    that they had been reversed already: the customer may have that money. `till` completed it,
    `cashier` (an id, or empty) took the money; `copies` of its receipt, `gifts` (gift receipts)
    and `letters` (by e-mail) were asked for so far. `tip_back` is the sale in which its tip goes,
    or went, back; empty for none.
    """

    cart: Cart
    returns: tuple[Returned, ...] = ()
    refunds: tuple[Refunded, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    reversed_before: tuple[str, ...] = ()
    till: str = ""
    cashier: str = ""
    copies: int = 0
    gifts: int = 0
    letters: int = 0
    tip_back: str = ""
    store: int = 0
    """The number of the store whose signed receipt restores the sale; 0 for one of this ledger."""
    left_out: int = 0
    """Lines of such a sale that its code had no room for: all of them, or 0."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines that sold something."""
        return tuple(each for each in self.cart.lines if not each.voided and each.back is None)

    def returned(self, line_id: str) -> int:
        """Return how much of a line came back, in sales that are not finished too."""
        return sum(each.quantity for each in self.returns if each.line == line_id)

    def priced(self, part: Returned) -> int:
        """Return what a part gave back as the sale priced its lines: with its tax or without."""
        return part.gross_minor if self.cart.prices_include_tax else part.net_minor

    def holders(self, line_id: str, *, but: str = "") -> tuple[Unfinished, ...]:
        """Return the unfinished sales, but one, in which goods of a line are coming back."""
        holding = {each.sale for each in self.returns if each.line == line_id} - {but}
        return tuple(each for each in self.unfinished if each.sale in holding)


class TenderRest(msgspec.Struct, frozen=True):
    """A tender of the original: what it paid, change taken off, and what went back on it."""

    tender: Tender
    paid_minor: int
    refunded_minor: int

    @property
    def rest_minor(self) -> int:
        """What may go back on it still."""
        return max(0, self.paid_minor - self.refunded_minor)


def sold_line(original: Original, line_id: str) -> Line:
    """Return a line that sold something, or refuse."""
    line = next((each for each in original.cart.lines if each.line_id == line_id), None)
    if line is None or line.voided:
        raise Refused(
            "unknown_line",
            f"Receipt {original.cart.receipt} has no such line.",
            advice="Look at the receipt again.",
            status=404,
            params={"line": line_id},
        )
    if line.back is not None:
        raise Refused(
            "was_a_return",
            f"On receipt {original.cart.receipt} {line.name} came back; it was not sold.",
            advice="Look for the receipt that sold it.",
            params={"name": line.name},
        )
    return line


def check_returnable(original: Original, line: Line, quantity: int, *, sale: str) -> int:
    """Return a quantity of a line that may come back in a sale, or refuse in words."""
    quantity = check_quantity(quantity, Unit(line.unit))
    rest = line.quantity - original.returned(line.line_id)
    if quantity <= rest:
        return quantity
    left = format_quantity(rest, Unit(line.unit))
    params = {"name": line.name, "left": left}
    for holder in original.holders(line.line_id, but=sale):
        label = f" ({holder.label})" if holder.label else ""
        where = (
            f"in a sale that {holder.till} parked{label}" if holder.parked else f"at {holder.till}"
        )
        raise Refused(
            "parked_return_holds_it" if holder.parked else "other_till_returns_it",
            f"{line.name} is being returned {where}; {left} of it is left.",
            advice="Finish or abandon that return first.",
            params={**params, "till": holder.till, "label": holder.label},
        )
    if rest <= 0:
        raise Refused(
            "returned_already",
            f"{line.name} of receipt {original.cart.receipt} was returned already.",
            advice="Look at the receipt again; nothing of this line is left.",
            params=params,
        )
    raise Refused(
        "more_than_returnable",
        f"Of {line.name} on receipt {original.cart.receipt} at most {left} may come back.",
        advice="Type what is left, or less.",
        params=params,
    )


def goes_back(original: Original, line: Line, quantity: int) -> GoodsBack:
    """Return what a quantity of a line gives back that `check_returnable` let pass."""
    cart = original.cart
    parts = [each for each in original.returns if each.line == line.line_id]
    given = sum(original.priced(each) for each in parts)
    done = sum(each.quantity for each in parts) + quantity
    # parts that were voided meanwhile leave gaps: what is left may have given its share already
    amount = max(0, divide(line.net_minor * done, line.quantity, Rounding.HALF_UP) - given)
    tax = _tax_back(original, line, amount)
    net, gross = (amount - tax, amount) if cart.prices_include_tax else (amount, amount + tax)
    return GoodsBack(net, tax, gross, cart.sale, line.line_id, cart.receipt)


def _tax_back(original: Original, line: Line, amount: int) -> int:
    included = original.cart.prices_include_tax
    of_rate = [
        each for each in original.lines if (each.tax, each.rate_ppm) == (line.tax, line.rate_ppm)
    ]
    ids = {each.line_id for each in of_rate}
    parts = [each for each in original.returns if each.line in ids]
    sold = sum(each.net_minor for each in of_rate)
    kept = sold - sum(original.priced(each) for each in parts) - amount
    whole = tax_total(RateSum(line.tax, line.rate_ppm, sold), included=included)
    after = tax_total(RateSum(line.tax, line.rate_ppm, kept), included=included)
    tax_left = whole.tax_minor - sum(each.tax_minor for each in parts)
    # parts that were voided meanwhile leave gaps here too
    tax = max(0, tax_left - after.tax_minor)
    return min(tax, amount) if included else tax


def tender_rests(original: Original) -> tuple[TenderRest, ...]:
    """Return what each tender paid, and what went back on it.

    Change comes off the cash, the newest first, and off other tenders once there is none: it
    was given for a card that was charged too much.
    """
    paying = [
        each
        for each in original.cart.tenders
        if each.state in {TAKEN, APPROVED} and each.amount_minor > 0
    ]
    change = original.cart.change_minor
    paid: dict[str, int] = {}
    others = [each for each in paying if each.kind != CASH]
    for tender in reversed((*others, *(each for each in paying if each.kind == CASH))):
        off = min(change, tender.amount_minor)
        change -= off
        paid[tender.tender_id] = tender.amount_minor - off
    return tuple(
        TenderRest(
            each,
            paid[each.tender_id],
            sum(r.amount_minor for r in original.refunds if r.tender == each.tender_id),
        )
        for each in paying
    )


def parts_of_refund(
    cart: Cart, originals: Iterable[Original], kind: str, amount_minor: int
) -> tuple[tuple[RefundPart, ...], int]:
    """Return of which tenders of the originals a refund gives money back, by its own kind first.

    The second is how much of it was paid with another kind. What no tender of the originals
    brought (goods without a receipt, exchanged ones) is in neither. No original gives back
    more than its goods in this sale are worth.
    """
    parts: list[RefundPart] = []
    left, other = amount_minor, 0
    rests = [(each, tender_rests(each)) for each in originals]
    room = {each.cart.sale: room_of(cart, each) for each, _ in rests}
    for own in (True, False):
        for original, tenders in rests:
            for rest in tenders:
                sale = original.cart.sale
                part = min(left, rest.rest_minor, room[sale])
                if (rest.tender.kind == kind) is not own or part <= 0:
                    continue
                parts.append(RefundPart(sale, rest.tender.tender_id, part))
                left -= part
                room[sale] -= part
                other += 0 if own else part
    return tuple(parts), other


def room_of(cart: Cart, original: Original) -> int:
    """Return what a sale may still give back for the goods, and the tip, of an original in it."""
    worth = sum(
        line.back.gross_minor
        for line in cart.lines
        if line.back and not line.voided and line.back.original_sale == original.cart.sale
    )
    tip = sum(
        back.amount_minor for back in cart.tips_back if back.original_sale == original.cart.sale
    )
    given = sum(each.amount_minor for each in original.refunds if each.sale == cart.sale)
    return worth + tip - given


def all_back(original: Original) -> tuple[GoodsBack, ...]:
    """Return what each line would give back if all that may come back came now, in order."""
    backs = []
    for line in original.lines:
        rest = line.quantity - original.returned(line.line_id)
        back = goes_back(original, line, rest)
        part = Returned("", line.line_id, rest, back.net_minor, back.tax_minor, back.gross_minor)
        original = msgspec.structs.replace(original, returns=(*original.returns, part))
        backs.append(back)
    return tuple(backs)
