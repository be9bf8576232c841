"""What head office sends down about customers: who they are, and which prices are theirs.

Personal data: a name and its cards stand in the reference of the box and nowhere else. Ledger,
answers to commands and head office's sales hold the number, which says nothing by itself: head
office draws it at random, never from a card, a name or a telephone number, and never again.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from edge.contract.limits import (
    CUSTOMER_CARDS_MAX,
    CUSTOMER_CHARS_MAX,
    CUSTOMER_GROUPS_MAX,
)
from edge.contract.reference_data import Group, Name

CustomerNumber = Annotated[str, Meta(pattern=rf"^[0-9A-Za-z-]{{4,{CUSTOMER_CHARS_MAX}}}$(?!\n)")]
CardCode = CustomerNumber
"""What a scanner reads from a customer's card: digits, letters and dashes."""


class Customer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A customer. Key in the customer feed: the number; with the key gone, so is the name.

    `groups` are those that promotions and price books are for; receipts are printed in the
    customer's `language` where it is one that receipts have, else in the store's.
    """

    number: CustomerNumber
    name: Name
    cards: Annotated[tuple[CardCode, ...], Meta(max_length=CUSTOMER_CARDS_MAX)] = ()
    groups: Annotated[tuple[Group, ...], Meta(max_length=CUSTOMER_GROUPS_MAX)] = ()
    language: str = ""
