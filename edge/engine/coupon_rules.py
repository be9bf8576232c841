"""When a coupon counts in a sale, and when it is taken back.

What it takes off is worked out by `basket_pricing`, with everything else in the basket. A
single-use coupon is held by the sale that it is in, open or parked, and used up by the completion
of that sale if it took something off; `edge.ledger` keeps both, so that no second sale of this
store takes it. What other stores took is known as far as head office has said.
"""

from __future__ import annotations

from typing import NoReturn

from edge.contract.coupon_data import Coupon
from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.limits import (
    COUPON_CHARS_MAX,
    COUPONS_PER_SALE_MAX,
)
from edge.contract.till_commands import AddCoupon, AddItem, AnyTillCommand, RemoveCoupon
from edge.engine.cart import Cart
from edge.engine.circumstances import Circumstances, CouponUse
from edge.engine.promotions import Occasion, is_on
from edge.engine.reference_view import ReferenceView
from edge.engine.sale_lines import open_if_needed
from edge.engine.state_refusals import (
    refuse_once_tendered,
    refuse_unless_open,
    refuse_while_paying,
)
from edge.engine.text_safety import check_free_text


def coupon_code(text: str) -> str:
    """Return the code that was scanned or typed, as head office writes it."""
    return text.strip().upper()


def coupon_asked(command: AnyTillCommand, reference: ReferenceView) -> str:
    """Return the code of the coupon that a command presents; empty for every other command."""
    if isinstance(command, AddCoupon):
        return coupon_code(command.code)
    if isinstance(command, AddItem):
        code = coupon_code(command.code)
        return code if len(code) <= COUPON_CHARS_MAX and reference.coupon(code) else ""
    return ""


def add_coupon(
    cart: Cart, command: AddCoupon | AddItem, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Let a coupon count; opens a sale on an idle till."""
    refuse_while_paying(cart)
    code = coupon_code(check_free_text(command.code, field="coupon"))
    events, cart = open_if_needed(cart, command.sale_id, reference, given)
    refuse_once_tendered(cart)
    coupon = reference.coupon(code)
    if coupon is None:
        _refuse_unknown(code)
    _check_sale(cart, coupon)
    _check_hours(coupon, given.occasion)
    if coupon.single_use:
        _check_unused(coupon, reference, given.coupon)
    presented = CouponPresented(
        sale=cart.sale,
        code=coupon.code,
        campaign=coupon.campaign,
        name=coupon.name,
        single_use=coupon.single_use,
    )
    return (*events, presented)


def remove_coupon(
    cart: Cart, command: RemoveCoupon, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    """Take a coupon out of the sale."""
    refuse_unless_open(cart)
    code = coupon_code(command.code)
    if all(each.code != code for each in cart.coupons):
        raise Refused(
            "coupon_not_in_sale",
            "This sale does not hold that coupon.",
            advice="Look at the sale again; it may have changed.",
            status=404,
        )
    refuse_once_tendered(cart)
    return (CouponRemoved(sale=cart.sale, code=code),)


def _refuse_unknown(code: str) -> NoReturn:
    shown = "".join(char for char in code[:COUPON_CHARS_MAX] if char.isprintable())
    raise Refused(
        "unknown_coupon",
        f"There is no coupon {shown}.",
        advice="Type the code as it is printed. Sell without it, or ask head office.",
        status=404,
        params={"code": shown},
    )


def _check_sale(cart: Cart, coupon: Coupon) -> None:
    if any(each.code == coupon.code for each in cart.coupons):
        raise Refused(
            "coupon_in_sale_already",
            f"The coupon {coupon.code} is in this sale already.",
            params={"code": coupon.code},
        )
    if any(each.campaign == coupon.campaign for each in cart.coupons):
        raise Refused(
            "coupon_of_same_kind",
            f"A coupon for {coupon.name} is in this sale already; a second one would not count.",
            advice="Give it back to the customer for another time.",
            params={"name": coupon.name},
        )
    if len(cart.coupons) >= COUPONS_PER_SALE_MAX:
        raise Refused(
            "too_many_coupons",
            f"A sale holds at most {COUPONS_PER_SALE_MAX} coupons.",
            advice="Use the others in another sale.",
            params={"limit": str(COUPONS_PER_SALE_MAX)},
        )


def _check_hours(coupon: Coupon, occasion: Occasion) -> None:
    hours = coupon.hours
    if is_on(hours, occasion):
        return
    if hours.until_ms and occasion.at_ms >= hours.until_ms:
        code, words = "coupon_expired", f"The coupon {coupon.code} has expired."
    elif occasion.at_ms < hours.from_ms:
        code, words = "coupon_not_yet", f"The coupon {coupon.code} is not valid yet."
    else:
        code, words = "coupon_not_now", f"The coupon {coupon.code} is not valid at this hour."
    raise Refused(
        code, words, advice="Go on without it.", params={"code": coupon.code, "name": coupon.name}
    )


def _check_unused(coupon: Coupon, reference: ReferenceView, use: CouponUse | None) -> None:
    code = coupon.code
    if use is not None and use.receipt:
        raise Refused(
            "coupon_used",
            f"The coupon {code} was used on receipt {use.receipt}; it counts once.",
            advice="Go on without it.",
            params={"code": code, "receipt": use.receipt},
        )
    if use is not None:
        _refuse_held(code, use)
    elsewhere = reference.used_coupon(code)
    if elsewhere is not None:
        raise Refused(
            "coupon_used_elsewhere",
            f"The coupon {code} was used in store {elsewhere.store} on receipt "
            f"{elsewhere.receipt}; it counts once.",
            advice="Go on without it.",
            params={"code": code, "store": elsewhere.store, "receipt": elsewhere.receipt},
        )


def _refuse_held(code: str, use: CouponUse) -> NoReturn:
    place = use.place
    if place is None:
        raise Refused(
            "coupon_held",
            f"Another sale holds the coupon {code}.",
            advice="Complete or abandon that sale first.",
            params={"code": code},
        )
    if place.parked:
        raise Refused(
            "coupon_held_parked",
            f"A parked sale of till {place.till} holds the coupon {code}.",
            advice="Take that sale up again and take the coupon out, or abandon it.",
            params={"code": code, "till": place.till, "label": place.label},
        )
    raise Refused(
        "coupon_held_at_till",
        f"The sale on till {place.till} holds the coupon {code}.",
        advice="Take the coupon out there, or wait until that sale is finished.",
        params={"code": code, "till": place.till},
    )
