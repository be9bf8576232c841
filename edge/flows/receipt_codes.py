"""Signed codes of receipts: made of what is on disk when a receipt goes to its printer.

The job of a receipt holds the short form of its code. When it is sent, which is after it was put on
disk with its sale, the signed code takes that place: so nothing is signed that is not committed,
the place in the chain is known, the ledger's jobs stay as small as they were, and every copy of a
receipt has the same code (Ed25519 gives one signature for one message).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from msgspec.structs import replace

from edge.contract.envelope import unseal
from edge.contract.errors import ProtocolViolation, Refused
from edge.contract.event_registry import Event
from edge.contract.limits import (
    FRESH_RECEIPTS_MAX,
)
from edge.contract.receipt_code import (
    ReceiptCode,
    SignedCode,
    code_text,
    is_signed_code,
    pack_code,
    read_code,
    signed_bytes,
)
from edge.contract.receipt_document import QrBlock
from edge.contract.sale_events import SaleCompleted
from edge.engine.cart import Cart
from edge.engine.receipt_coding import code_of
from edge.engine.receipt_finding import receipt_asked, says_amounts
from edge.flows.parking import sale_cart
from edge.ledger.past_sales import PastSales, SoldSale
from edge.ledger.records import LedgerIdentity, Recorded
from edge.ledger.replay import past_events
from edge.runtime.keys import SigningKey, VerifyingKey


def _no_others(_: int) -> Iterable[VerifyingKey]:
    return ()


@dataclass(frozen=True)
class ReceiptCodes:
    """Signs with the box's `key`, and believes it; `others` are further keys, by store number.

    A key is believed about its own store only: no box can sign what another one sold.
    """

    past: PastSales
    identity: LedgerIdentity
    key: SigningKey
    others: Callable[[int], Iterable[VerifyingKey]] = _no_others
    _fresh: OrderedDict[str, tuple[Cart, Recorded]] = field(default_factory=OrderedDict)

    def keep(self, cart: Cart, last: Event, recorded: Recorded) -> None:
        """Remember a sale that was just put on disk, its completion as `last`.

        Its code says what the ledger would say a moment later; reading the sale back costs more
        than all the rest. A receipt that waits for paper is made from the ledger.
        """
        if not isinstance(last, SaleCompleted):
            return  # its place in the chain is another
        self._fresh[cart.sale] = (cart, recorded)
        if len(self._fresh) > FRESH_RECEIPTS_MAX:
            self._fresh.popitem(last=False)

    async def block(self, block: QrBlock) -> QrBlock:
        """Return the block with the signed code in the place of a receipt's short one.

        A gift receipt keeps its short code, which says no amount.
        """
        text = await self.text(*receipt_asked(block.data)) if says_amounts(block.data) else ""
        return QrBlock(text, instead=block.data) if text else block

    async def text(self, receipt: str, sale: str) -> str:
        """Return the signed code of a completed sale; empty where the ledger has no such sale."""
        code = await self._code(receipt, sale)
        if code is None or code.sale_id != sale:
            return ""
        body = pack_code(code)
        return code_text(self.key.sign(signed_bytes(body)), body)

    async def _code(self, receipt: str, sale: str) -> ReceiptCode | None:
        fresh = self._fresh.get(sale)  # its printer and its display ask, in any order
        if fresh is None:
            sold = await self.past.find(receipt, sale)
            return None if sold is None else code_in_ledger(sold)
        cart, recorded = fresh
        return code_of(
            cart,
            store=self.identity.store_number,
            gen=self.identity.gen,
            seq=recorded.last_seq,
            chain_hash=recorded.last_hash,
        )

    def signed_by_known(self, signed: SignedCode) -> bool:
        """Say whether a key that this box believes about that store made the signature."""
        store = signed.code.store
        own = (self.key.public,) if store == self.identity.store_number else ()
        for key in (*own, *self.others(store)):
            try:
                key.verify(signed.signature, signed_bytes(signed.body))
            except ProtocolViolation:
                continue
            return True
        return False

    async def check(self, text: str) -> ReceiptCode | None:
        """Return what a signed code proves, where the ledger has no such sale; else None.

        Of a sale that the ledger has, the ledger decides: the code must say the same. Of any
        other the signature does. Raises Refused for a code that is damaged, forged or altered.
        None for a receipt's number and for a code of the older form, which prove nothing.
        """
        if not is_signed_code(text):
            return None
        signed = read_code(text)
        sold = await self.past.all_with(signed.code.receipt)
        known = [code_in_ledger(each) for each in sold]
        if any(signed.body == pack_code(each) for each in known):
            return None
        if any(each.sale_id == signed.code.sale_id for each in known):
            _refuse_forged(signed.code)
        if not self.signed_by_known(signed):
            _refuse_forged(signed.code)
        return signed.code

    async def name_of(self, text: str) -> str:
        """Return what names the sale of a signed code alone in this ledger; the text itself else.

        Of two sales with one number, and even one id, the code says which is meant.
        """
        if not is_signed_code(text):
            return text
        signed = read_code(text)
        for each in await self.past.all_with(signed.code.receipt):
            if each.name != signed.code.receipt and signed.body == pack_code(code_in_ledger(each)):
                return each.name
        return text


def code_in_ledger(sold: SoldSale) -> ReceiptCode:
    """Return the code of a completed sale, from its events alone.

    Of one that was written again it is the code that stands on its paper, of its place then.
    """
    completed = sold.events[-1]
    envelope = unseal(completed.body)
    cart = sale_cart(past_events(sold.events))
    gen, seq, chain_hash = envelope.gen, completed.seq, completed.hash
    if (origin := envelope.origin) is not None:
        gen, seq, chain_hash = origin.gen, origin.seq, bytes.fromhex(origin.hash)
        cart = replace(cart, sale=origin.sale or cart.sale)
    return code_of(cart, store=envelope.store, gen=gen, seq=seq, chain_hash=chain_hash)


def _refuse_forged(code: ReceiptCode) -> NoReturn:
    shown = "".join(char for char in code.receipt if char.isprintable())[:40]
    raise Refused(
        "receipt_code_forged",
        f"The code says receipt {shown}, but no box that this one knows has signed that.",
        advice="The paper may be forged or altered. Keep it and call a supervisor.",
        params={"receipt": shown},
    )
