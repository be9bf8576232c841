"""Which receipts go out by e-mail, and to what: an address that every mail server takes.

Decisions that are this shop's policy:

- Any completed sale, refunds and exchanges too: the one on the screen, or by its receipt's number.
  Nobody has to approve it, and the till may be in the middle of the next sale. A sale that was
  given up has no receipt; what is done in training leaves the screen by no door.
- What is sent is marked as a copy by e-mail, for paper may lie about as well.
- Few letters a sale: a till is no machine that writes to strangers.
- Addresses are plain ASCII: a dot-atom (RFC 5322, 3.2.3) before one @, and a host name with a dot
  (RFC 1123, 2.1) behind it. Quoted names, comments, address literals and letters of other scripts
  (RFC 6531) are refused, for many servers on the way refuse them too; a domain in another script
  has a form that begins with `xn--`.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.limits import (
    EMAIL_CHARS_MAX,
    EMAIL_LABEL_CHARS_MAX,
    EMAIL_LOCAL_CHARS_MAX,
    LETTERS_PER_SALE_MAX,
)
from edge.contract.receipt_events import ReceiptEmailRequested
from edge.contract.receipt_letter import address_seal
from edge.contract.till_commands import EmailReceipt
from edge.engine.cart import Cart
from edge.engine.circumstances import Circumstances
from edge.engine.receipt_asking import completed_sale
from edge.engine.reference_view import ReferenceView
from edge.engine.text_safety import check_free_text

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = rf"[A-Za-z0-9](?:[A-Za-z0-9-]{{0,{EMAIL_LABEL_CHARS_MAX - 2}}}[A-Za-z0-9])?"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?=[A-Za-z]){_LABEL}")
_AT: Final = "@"


def email_receipt(
    cart: Cart, command: EmailReceipt, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Let the receipt of a completed sale go out by e-mail, once head office is reached."""
    address = checked_address(command.address)
    original = completed_sale(cart, command.receipt, given)
    sold = original.cart
    if original.letters >= LETTERS_PER_SALE_MAX:
        raise Refused(
            "too_many_letters",
            f"Receipt {sold.receipt} was sent {original.letters} times already.",
            advice="Print a copy instead.",
            params={"receipt": sold.receipt, "count": str(original.letters)},
        )
    return (
        ReceiptEmailRequested(
            sale=sold.sale,
            receipt=sold.receipt,
            ref=command.command_id,
            address_seal=address_seal(given.letter_salt, address),
            letter=original.letters + 1,
        ),
    )


def checked_address(text: str) -> str:
    """Return an e-mail address without the blanks around it. Raises Refused; nothing repeats it."""
    address = check_free_text(text.strip(), field="address")
    local, _, domain = address.rpartition(_AT)
    if (
        len(address) > EMAIL_CHARS_MAX
        or len(local) > EMAIL_LOCAL_CHARS_MAX
        or _LOCAL.fullmatch(local) is None
        or _DOMAIN.fullmatch(domain) is None
    ):
        _refuse()
    return address


def _refuse() -> NoReturn:
    raise Refused(
        "address_malformed",
        "That is no e-mail address like name@example.org.",
        advice="Ask for it again; it has one @, no blanks, and plain letters only.",
    )
