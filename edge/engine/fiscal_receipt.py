"""How a fiscal signature stands on a receipt: the QR code V0 of DSFinV-K, and the same in text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from edge.contract.fiscal_events import FiscalMissed, FiscalSigned
from edge.contract.receipt_document import (
    Align,
    Emphasis,
    QrBlock,
    ReceiptBlock,
    RowBlock,
    TextBlock,
)
from edge.engine.receipt_words import WORDS, language_of

FAILED: Final = "TSE ausgefallen"
"""What the law's application decree (AEAO to section 146a) wants to be seen on the receipt."""


def fiscal_blocks(outcome: FiscalSigned | FiscalMissed, language: str) -> tuple[ReceiptBlock, ...]:
    """Return what a receipt in a language says of its signature, or of the lack of one."""
    if isinstance(outcome, FiscalMissed):
        words = WORDS[language_of(language)].fiscal_failed
        return (
            TextBlock(FAILED, Align.CENTRE, Emphasis.BOLD),
            TextBlock(words, Align.CENTRE),
        )
    return (
        RowBlock("TSE-Transaktion", str(outcome.transaction)),
        RowBlock("TSE-Signaturz\u00e4hler", str(outcome.counter)),
        RowBlock("TSE-Start", _time(outcome.started_at)),
        RowBlock("TSE-Stop", _time(outcome.finished_at)),
        TextBlock(f"TSE-Seriennummer {outcome.serial}"),
        TextBlock(f"TSE-Signatur {outcome.signature}"),
        QrBlock(qr_v0(outcome), instead=f"TSE {outcome.client}"),
    )


def qr_v0(signed: FiscalSigned) -> str:
    """Return the text of the QR code, from which anybody can check the signature."""
    return ";".join(
        (
            "V0",
            signed.client,
            signed.process_type,
            signed.process_data,
            str(signed.transaction),
            str(signed.counter),
            _time(signed.started_at),
            _time(signed.finished_at),
            signed.algorithm,
            signed.time_format,
            signed.signature,
            signed.public_key,
        )
    )


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
