"""What head office sends down about coupons: the codes, and which of them were used already.

A code names a campaign; the promotions of that campaign (`Promotion.coupon`) count in a sale that
holds it. The codes are a feed of their own, read one by one: there may be a hundred thousand of
them, where promotions are few and are all kept in memory.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from edge.contract.identity import ShortId
from edge.contract.limits import (
    COUPON_CHARS_MAX,
    RECEIPT_CHARS_MAX,
)
from edge.contract.promotion_data import ALWAYS, Hours
from edge.contract.reference_data import Name

CouponCode = Annotated[
    str,
    Meta(
        pattern=rf"^(?:(?=[0-9-]*[A-Z])[0-9A-Z-]{{4,{COUPON_CHARS_MAX}}}"
        r"|98[1-4][0-9]{10}|99[0-9]{11})$(?!\n)"
    ),
]
"""Capitals, digits and dashes, one of them a letter; who types it may type small letters.

Or 13 digits in the prefixes that GS1 keeps for coupons (981 to 984, and 99): digits of any other
beginning may be those of an article.
"""


class Coupon(msgspec.Struct, frozen=True, omit_defaults=True):
    """A code that customers bring. Key in the coupon feed: the code.

    `name` is what the till shows, `hours` are those in which it may be presented. One with
    `single_use` counts in one completed sale, and never again.
    """

    code: CouponCode
    campaign: Annotated[str, Meta(min_length=1, max_length=COUPON_CHARS_MAX)]
    name: Name
    hours: Hours = ALWAYS
    single_use: bool = False


class UsedCoupon(msgspec.Struct, frozen=True, omit_defaults=True):
    """A single-use code that some store took. Key in its feed: the code.

    Head office writes it when it reads the completed sale; `at` in ms since 1970 UTC.
    """

    code: CouponCode
    store: ShortId
    receipt: Annotated[str, Meta(max_length=RECEIPT_CHARS_MAX)]
    at: Annotated[int, Meta(ge=0)]
