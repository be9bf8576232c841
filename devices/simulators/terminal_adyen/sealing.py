"""The terminal's own sealing and opening of messages: shares no code with the driver's."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

_BLOCK_BITS: Final = 128
PARSING, VERSION, HEADER, OPENING = 1, 2, 3, 9
"""Numbers of the terminal's "crypto error"."""


class CryptoError(Exception):
    """What the terminal complains of: its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True)
class Opened:
    """A request as it was before it was sealed."""

    header: dict[str, str]
    content: dict[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """What makes a request one of its kind."""
        return self.header.get("SaleID", ""), self.header.get("ServiceID", "")


class SharedSecret:
    """The key as the terminal got it from its own maker."""

    def __init__(self, identifier: str, version: int, passphrase: str) -> None:
        made = PBKDF2HMAC(hashes.SHA1(), 80, b"AdyenNexoV1Salt", 4000)  # noqa: S303 - the maker's
        material = made.derive(passphrase.encode())
        self._mac_key, self._key, self._start = material[:32], material[32:64], material[64:]
        self.identifier = identifier
        self.version = version

    def open(self, body: bytes) -> Opened:
        """Return what is in a till's request; raises CryptoError."""
        try:
            outer = json.loads(body)["SaleToPOIRequest"]
            trailer = outer["SecurityTrailer"]
            blob, mac, nonce = (
                base64.b64decode(each)
                for each in (outer["NexoBlob"], trailer["Hmac"], trailer["Nonce"])
            )
            named = trailer["KeyIdentifier"], trailer["KeyVersion"]
            sensible = trailer["AdyenCryptoVersion"] == 1
        except (ValueError, KeyError, TypeError):
            raise CryptoError(PARSING) from None
        if named != (self.identifier, self.version) or not sensible:
            raise CryptoError(VERSION)
        try:
            plain = self._decrypted(blob, mac, nonce)
            content = json.loads(plain)["SaleToPOIRequest"]
            header = content["MessageHeader"]
        except (ValueError, KeyError, TypeError, InvalidSignature):
            raise CryptoError(OPENING) from None
        if header != outer["MessageHeader"]:
            raise CryptoError(HEADER)
        return Opened(header, content)

    def seal(
        self, message: dict[str, Any], header: dict[str, str], *, damage: str = ""
    ) -> dict[str, Any]:
        """Return the sealed form of a message; `damage`: seal, padding, key_version."""
        plain = json.dumps(message).encode()
        nonce = secrets.token_bytes(16)
        mac = HMAC(self._mac_key, hashes.SHA256())
        mac.update(plain)
        told = mac.finalize()
        if damage == "seal":
            told = bytes([told[0] ^ 1]) + told[1:]
        padder = padding.PKCS7(_BLOCK_BITS).padder()
        padded = padder.update(plain) + padder.finalize()
        if damage == "padding":
            padded = padded[:-1] + b"\x11"
        encryptor = self._cipher(nonce).encryptor()
        (kind,) = message
        return {
            kind: {
                "MessageHeader": header,
                "NexoBlob": _text(encryptor.update(padded) + encryptor.finalize()),
                "SecurityTrailer": {
                    "AdyenCryptoVersion": 1,
                    "KeyIdentifier": self.identifier,
                    "KeyVersion": self.version + (damage == "key_version"),
                    "Nonce": _text(nonce),
                    "Hmac": _text(told),
                },
            }
        }

    def _decrypted(self, blob: bytes, mac: bytes, nonce: bytes) -> bytes:
        decryptor = self._cipher(nonce).decryptor()
        unpadder = padding.PKCS7(_BLOCK_BITS).unpadder()
        padded = decryptor.update(blob) + decryptor.finalize()
        plain = unpadder.update(padded) + unpadder.finalize()
        verifier = HMAC(self._mac_key, hashes.SHA256())
        verifier.update(plain)
        verifier.verify(mac)
        return plain

    def _cipher(self, nonce: bytes) -> Cipher[CBC]:
        start = int.from_bytes(self._start) ^ int.from_bytes(nonce)
        return Cipher(AES(self._key), CBC(start.to_bytes(16)))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
