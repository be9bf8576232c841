"""What people may do at a till: by role allowed, to be approved by a second person, or denied.

The table is deny by default: a role or a permission that is not in it may nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """Something that not everybody who sells may do."""

    DISCOUNT = "discount"
    OVERRIDE_PRICE = "override_price"
    NO_SALE = "no_sale"
    UNCHECKED_TENDER = "unchecked_tender"
    RETURN_WITHOUT_RECEIPT = "return_without_receipt"
    REFUND_OTHER_TENDER = "refund_other_tender"
    """Give money back otherwise than as it was paid."""
    RESOLVE_PAYMENT = "resolve_payment"
    """Say from evidence what became of a card payment in doubt, or have it taken back."""
    TIP = "tip"
    """Take a tip above the store's most, or give one back."""
    TRAINING = "training"
    """Put a till in training: nothing that is done there counts."""


class Verdict(StrEnum):
    """What a role's rule says."""

    ALLOWED = "allowed"
    APPROVAL = "approval"
    """Allowed once a second person, who may do it, has approved it with a PIN."""
    DENIED = "denied"


_CASHIER: Final = {
    Permission.DISCOUNT: Verdict.APPROVAL,
    Permission.OVERRIDE_PRICE: Verdict.APPROVAL,
    Permission.NO_SALE: Verdict.APPROVAL,
    Permission.UNCHECKED_TENDER: Verdict.APPROVAL,
    Permission.RETURN_WITHOUT_RECEIPT: Verdict.APPROVAL,
    Permission.REFUND_OTHER_TENDER: Verdict.APPROVAL,
    Permission.RESOLVE_PAYMENT: Verdict.APPROVAL,
    Permission.TIP: Verdict.APPROVAL,
    Permission.TRAINING: Verdict.APPROVAL,
}
_SUPERVISOR: Final = dict.fromkeys(Permission, Verdict.ALLOWED)
ROLES: Final[dict[str, dict[Permission, Verdict]]] = {
    "cashier": _CASHIER,
    "supervisor": _SUPERVISOR,
    "manager": _SUPERVISOR,
}


def verdict(role: str, permission: Permission) -> Verdict:
    """Return what a role may do about a permission."""
    return ROLES.get(role, {}).get(permission, Verdict.DENIED)
