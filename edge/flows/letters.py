"""Receipts by e-mail on their way to head office: laid out when they are asked for, then erased.

They travel beside the frames. Head office may get one again (the line broke, or a process was
killed between its answer and our disk): it acts once for each `ref`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from edge.contract.event_registry import Event
from edge.contract.instant import Clock
from edge.contract.limits import (
    LINK_WAIT_S,
)
from edge.contract.receipt_document import QrBlock, ReceiptBlock, ReceiptDocument
from edge.contract.receipt_events import ReceiptEmailRequested
from edge.contract.receipt_letter import LetterWaiting, ReceiptLetter
from edge.contract.till_commands import AnyTillCommand, EmailReceipt
from edge.engine.letter_rules import checked_address
from edge.engine.originals import Original
from edge.engine.receipt_layout import email_mark
from edge.flows.fiscal_desk import FiscalDesk
from edge.flows.receipt_codes import ReceiptCodes
from edge.flows.returning import SoldSales
from edge.ledger.event_log import Ledger
from edge.ledger.letters import Letters
from edge.ledger.records import Recorded, WaitingLetter
from edge.runtime.structured_log import Log

LayOut = Callable[[Original], ReceiptDocument]
"""Lays a completed sale out as its receipt."""


def letters_asked(
    command: AnyTillCommand, events: tuple[Event, ...], salt: str, at: int
) -> tuple[WaitingLetter, ...]:
    """Return what is to be kept beside the chain with the events of a command."""
    if not isinstance(command, EmailReceipt):
        return ()
    return tuple(
        WaitingLetter(event.ref, event.receipt, at, checked_address(command.address), salt)
        for event in events
        if isinstance(event, ReceiptEmailRequested)
    )


@dataclass
class LetterPost:
    """Gives `sync` what waits; `store_name` is what customers call the store."""

    letters: Letters
    sold: SoldSales
    codes: ReceiptCodes
    fiscal: FiscalDesk
    lay_out: LayOut
    store_name: Callable[[], str]
    clock: Clock
    log: Log
    _closing: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self, ledger: Ledger) -> None:
        """Hear of new letters."""
        ledger.listeners.append(self._recorded)

    def _recorded(self, _: Recorded, events: tuple[Event, ...]) -> None:
        if ReceiptEmailRequested in map(type, events):
            self._news.set()

    def close(self) -> None:
        """Let nobody wait any more: the box is stopping."""
        self._closing = True
        self._news.set()

    async def next(self, after: int, *, wait_s: float) -> LetterWaiting | None:
        """Return the first letter behind a place; None when there is none in time."""
        until = self.clock.monotonic_ms() + round(min(wait_s, LINK_WAIT_S) * 1000)
        while not self._closing:
            self._news.clear()
            found = await self._first(after)
            left = until - self.clock.monotonic_ms()
            if found is not None or left <= 0:
                return found
            try:
                async with self.clock.timeout(left / 1000):
                    await self._news.wait()
            except TimeoutError:
                return None
        return None

    async def _first(self, after: int) -> LetterWaiting | None:
        while (waiting := await self.letters.after(after)) is not None:
            # of two with one number, this box's own was written last: it asked for the letter
            original = await self.sold.newest(waiting.receipt)
            if original is not None:
                return await self._complete(waiting, original)
            self.log.error("letter_without_sale", ref=waiting.ref, receipt=waiting.receipt)
            await self.letters.erase((waiting.ref,))
        return None

    async def _complete(self, waiting: WaitingLetter, original: Original) -> LetterWaiting:
        document = self.lay_out(original)
        blocks: list[ReceiptBlock] = []
        sale, receipt = original.cart.sale, waiting.receipt
        for block in document.blocks:
            if not isinstance(block, QrBlock):
                blocks.append(block)
                continue
            blocks += await self.fiscal.blocks(receipt, sale, document.language, original=False)
            blocks.append(await self.codes.block(block))
        mark = email_mark(document.language)
        letter = ReceiptLetter(
            waiting.ref,
            sale,
            receipt,
            waiting.asked_at,
            waiting.address,
            waiting.salt,
            self.store_name(),
            replace(document, blocks=(mark, *blocks, mark), copy=1),
        )
        return LetterWaiting(waiting.n, letter)

    async def taken(self, refs: tuple[str, ...]) -> None:
        """Erase what head office has on its disk."""
        await self.letters.erase(refs)
