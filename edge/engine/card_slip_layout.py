"""A card receipt on a slip of its own: the terminal's words, with the store's above and below."""

from __future__ import annotations

from datetime import datetime, tzinfo

from edge.contract.receipt_document import (
    Align,
    Emphasis,
    FeedBlock,
    ReceiptBlock,
    ReceiptDocument,
    RowBlock,
    RuleBlock,
    TextBlock,
)
from edge.contract.reference_data import StoreProfile
from edge.engine.card_slips import MERCHANT, CardSlip
from edge.engine.receipt_layout import head_of, slip_blocks
from edge.engine.receipt_words import WORDS, ReceiptWords, language_of

_LINES_TO_SIGN_IN = 3


def lay_out_card_slip(
    slip: CardSlip, what: str, store: StoreProfile, *, till: str, at: int, zone: tzinfo
) -> ReceiptDocument:
    """Return the customer's or the merchant's copy (`what`) of what a terminal composed.

    `at` is when the box heard of it, in ms since 1970 UTC. The merchant's copy has a line to sign
    on where the terminal wants a signature. It has no code: it proves no sale.
    """
    language = language_of(store.receipt_language)
    words = WORDS[language]
    of_merchant = what == MERCHANT
    title = words.merchant_copy if of_merchant else words.customer_copy
    moment = datetime.fromtimestamp(at / 1000, tz=zone)
    blocks: tuple[ReceiptBlock, ...] = (
        *head_of(store, words),
        TextBlock(title, Align.CENTRE, Emphasis.BOLD),
        RowBlock(words.date, moment.strftime("%Y-%m-%d %H:%M")),
        RowBlock(words.till, till),
        RuleBlock(),
        *slip_blocks(slip.lines(what)),
        *(_to_sign(words) if of_merchant and slip.signature else ()),
    )
    return ReceiptDocument(f"{words.card_slip}, {title}", blocks, language)


def _to_sign(words: ReceiptWords) -> tuple[ReceiptBlock, ...]:
    return (
        FeedBlock(_LINES_TO_SIGN_IN),
        RuleBlock(),
        TextBlock(words.signature, Align.CENTRE),
    )
