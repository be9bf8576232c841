"""What a security device (TSE) that signs sales says; of one scheme so far, the German one.

KassenSichV, TR-03153: a transaction is started when a sale opens and finished with it; its
signature stands on the receipt. Off unless head office says so.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

RECEIPT_PROCESS: Final = "Kassenbeleg-V1"
"""The process type of everything that a till does with a customer."""


class TseState(StrEnum):
    """How the security device stands."""

    OFF = "off"
    """The store has none, and needs none."""
    OK = "ok"
    DOWN = "down"
    """It does not answer, or takes nothing more; no sale has suffered yet."""
    MARKED = "marked"
    """The same, and sales have gone out without a signature since."""


class TseStarted(msgspec.Struct, frozen=True):
    """What a device says of a started transaction; `at` in ms since 1970 UTC."""

    transaction: int
    at: int


class TseFinished(msgspec.Struct, frozen=True):
    """What a device says of a finished transaction.

    `counter` is the signature counter; `signature` and `public_key` base64, `serial` the SHA-256
    of the public key in hexadecimal; `at` in ms since 1970 UTC.
    """

    transaction: int
    counter: int
    at: int
    signature: str
    serial: str
    public_key: str
    algorithm: str
    time_format: str


class OpenTransaction(msgspec.Struct, frozen=True):
    """A transaction that a device holds open for a client."""

    client: str
    transaction: int
