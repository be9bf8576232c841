"""The sealed form of a nexo message: header in clear, everything encrypted as one blob.

Only the shapes; sealing is done by who holds the key. The header in clear is not covered by the
seal and is never believed. Source: Adyen Terminal API, "Protect with your own code".
"""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from devices.protocols.nexo_messages import Header, nexo_name
from edge.contract.errors import ProtocolViolation

CRYPTO_VERSION: Final = 1
NONCE_BYTES: Final = 16
MAC_BYTES: Final = 32


class Sealed(msgspec.Struct, frozen=True):
    """What travels besides the header. `blob` is AES-CBC, `mac` HMAC-SHA256 over the plain."""

    blob: bytes
    nonce: bytes
    mac: bytes
    key_identifier: str
    key_version: int


class _Trailer(msgspec.Struct, frozen=True, rename=nexo_name):
    adyen_crypto_version: int
    key_identifier: str
    key_version: int
    nonce: str
    hmac: str


class _Content(msgspec.Struct, frozen=True, rename=nexo_name):
    message_header: Header
    nexo_blob: str
    security_trailer: _Trailer


class _Request(msgspec.Struct, frozen=True):
    content: _Content = msgspec.field(name="SaleToPOIRequest")


class _SealedContent(msgspec.Struct, frozen=True, rename=nexo_name):
    nexo_blob: str
    security_trailer: _Trailer


class _Received(msgspec.Struct, frozen=True):
    """A message of the terminal's own (`SaleToPOIRequest`) is sealed in the same way."""

    answer: _SealedContent | None = msgspec.field(default=None, name="SaleToPOIResponse")
    own: _SealedContent | None = msgspec.field(default=None, name="SaleToPOIRequest")


def encode_envelope(header: Header, sealed: Sealed) -> bytes:
    """Return the body of a request."""
    trailer = _Trailer(
        CRYPTO_VERSION,
        sealed.key_identifier,
        sealed.key_version,
        base64.b64encode(sealed.nonce).decode(),
        base64.b64encode(sealed.mac).decode(),
    )
    content = _Content(header, base64.b64encode(sealed.blob).decode(), trailer)
    return msgspec.json.encode(_Request(content))


def read_envelope(body: bytes) -> Sealed:
    """Return the sealed part of a body; raises ProtocolViolation for anything else."""
    try:
        received = msgspec.json.decode(body, type=_Received)
        content = received.answer or received.own
        if content is None:
            raise _unsealed()
        trailer = content.security_trailer
        sealed = Sealed(
            base64.b64decode(content.nexo_blob, validate=True),
            base64.b64decode(trailer.nonce, validate=True),
            base64.b64decode(trailer.hmac, validate=True),
            trailer.key_identifier,
            trailer.key_version,
        )
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:  # base64 too
        raise _unsealed() from error
    if trailer.adyen_crypto_version != CRYPTO_VERSION or len(sealed.nonce) != NONCE_BYTES:
        raise _unsealed()
    return sealed


class _Complaint(msgspec.Struct, frozen=True):
    errors: tuple[str, ...] = ()


def complaint_of(body: bytes) -> str:
    """Return what a terminal says in clear when it cannot use a request, in its words.

    `{"errors":["Nexo Service: crypto error (9)"]}`. Anybody can have written it: it is good for
    people to read and decides nothing.
    """
    try:
        said = msgspec.json.decode(body, type=_Complaint).errors
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return "".join(char for char in "; ".join(said)[:200] if char.isprintable())


def _unsealed() -> ProtocolViolation:
    return ProtocolViolation(
        "nexo_unsealed", "The terminal's answer is not encrypted as it was asked to be."
    )
