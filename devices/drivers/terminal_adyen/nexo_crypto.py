"""The seal of Adyen's local messages: what only the holder of the passphrase can write or read.

Keys by PBKDF2-HMAC-SHA1 ("AdyenNexoV1Salt", 4,000 rounds, 80 bytes: hmac 32, aes 32, iv 16);
AES-256-CBC with PKCS#7 and the IV xor the message's nonce; HMAC-SHA256 over the plain text.
The MAC is under the encryption, so a reader must not tell bad padding from a bad MAC. Pure: the
nonce is given. It stands with its driver, not in `devices.protocols`, which must stay free of
the cryptography library. Source: Adyen Terminal API, "Protect with your own code".
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

from devices.protocols.nexo_envelope import NONCE_BYTES
from edge.contract.errors import ProtocolViolation

_SALT: Final = b"AdyenNexoV1Salt"
_ROUNDS: Final = 4_000
_HMAC_BYTES: Final = 32
_AES_BYTES: Final = 32
_BLOCK_BYTES: Final = 16


@dataclass(frozen=True)
class NexoKeys:
    """Never shown in a log or a message."""

    hmac: bytes = field(repr=False)
    aes: bytes = field(repr=False)
    iv: bytes = field(repr=False)


def derive_keys(passphrase: str) -> NexoKeys:
    """Return the keys of a passphrase (ASCII); takes some ten milliseconds."""
    size = _HMAC_BYTES + _AES_BYTES + _BLOCK_BYTES
    key = hashlib.pbkdf2_hmac("sha1", passphrase.encode("ascii"), _SALT, _ROUNDS, size)
    aes_end = _HMAC_BYTES + _AES_BYTES
    return NexoKeys(key[:_HMAC_BYTES], key[_HMAC_BYTES:aes_end], key[aes_end:])


def encrypt(plain: bytes, keys: NexoKeys, nonce: bytes) -> tuple[bytes, bytes]:
    """Return blob and MAC of a message; `nonce`: 16 bytes that were never used with these keys."""
    missing = _BLOCK_BYTES - len(plain) % _BLOCK_BYTES
    encryptor = _cipher(keys, nonce).encryptor()
    blob = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
    return blob, _mac(plain, keys)


def decrypt(blob: bytes, mac: bytes, keys: NexoKeys, nonce: bytes) -> bytes:
    """Return the plain text; raises ProtocolViolation, the same for whatever is wrong."""
    if not blob or len(blob) % _BLOCK_BYTES or len(nonce) != NONCE_BYTES:
        raise _broken()
    decryptor = _cipher(keys, nonce).decryptor()
    padded = decryptor.update(blob) + decryptor.finalize()
    count = padded[-1]
    sensible = 1 <= count <= _BLOCK_BYTES
    # bad padding is gone on with as if it were some, so that it takes as long as a bad MAC
    count = count if sensible else 1
    padding_holds = hmac.compare_digest(padded[-count:], bytes([count]) * count)
    plain = padded[:-count]
    mac_holds = hmac.compare_digest(_mac(plain, keys), mac)
    if not (sensible & padding_holds & mac_holds):
        raise _broken()
    return plain


def _cipher(keys: NexoKeys, nonce: bytes) -> Cipher[CBC]:
    iv = bytes(mine ^ theirs for mine, theirs in zip(keys.iv, nonce, strict=True))
    return Cipher(AES256(keys.aes), CBC(iv))


def _mac(plain: bytes, keys: NexoKeys) -> bytes:
    return hmac.digest(keys.hmac, plain, "sha256")


def _broken() -> ProtocolViolation:
    return ProtocolViolation("nexo_seal_broken", "The seal of the terminal's answer is broken.")
