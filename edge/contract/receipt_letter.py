"""A receipt by e-mail: what goes up to head office beside the chain, and is erased in the end.

The chain holds `address_seal` alone. As long as salt and address are kept anywhere they prove
which address was meant; once they are erased, nothing leads from the seal to a person.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.identity import CommandId
from edge.contract.limits import (
    EMAIL_CHARS_MAX,
    LETTER_SALT_CHARS_MAX,
)
from edge.contract.receipt_document import ReceiptDocument

LETTER: Final = "letter"
"""What a head office that takes letters says in its `Welcome`."""

Address = Annotated[str, Meta(min_length=1, max_length=EMAIL_CHARS_MAX)]
Salt = Annotated[str, Meta(min_length=1, max_length=LETTER_SALT_CHARS_MAX)]


class ReceiptLetter(msgspec.Struct, frozen=True):
    """One receipt to one address. `ref` is that of its event; `asked_at` in ms since 1970 UTC.

    `store_name` is what customers call the store.
    """

    ref: CommandId
    sale: str
    receipt: str
    asked_at: int
    address: Address
    salt: Salt
    store_name: str
    document: ReceiptDocument


class LetterWaiting(msgspec.Struct, frozen=True):
    """What `edge` gives `sync`: a letter, and its place `n` among those that wait."""

    n: int
    letter: ReceiptLetter


class LettersTaken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `sync` tells `edge`: head office has these letters on its disk."""

    refs: tuple[CommandId, ...]


def address_seal(salt: str, address: str) -> str:
    """Return what stands in the chain for an address: SHA-256 in hexadecimal."""
    return hashlib.sha256(f"tillbox address v1|{salt}|{address}".encode()).hexdigest()


def masked(address: str) -> str:
    """Return an address as logs and screens may show it: `a…@example.org`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}" if local else "…"
