"""What tills show of a sale's customer, and of the coupons that the customer brought."""

from __future__ import annotations

import msgspec


class CouponView(msgspec.Struct, frozen=True):
    """A coupon that the sale holds. `counts`: it takes something off what is in the basket now.

    One that does not is not used up when the sale is completed.
    """

    code: str
    name: str
    single_use: bool
    counts: bool


class CustomerView(msgspec.Struct, frozen=True):
    """Whose sale it is: number and groups. The name is asked for by itself (`FoundCustomer`).

    Views are kept as answers to commands, and a name must not outlive its erasure there.
    """

    number: str
    groups: tuple[str, ...]


class FoundCustomer(msgspec.Struct, frozen=True):
    """A customer as the reference of the box has them now."""

    number: str
    name: str
    groups: tuple[str, ...]
