"""The Ed25519 key of a box or of head office: made once, never leaves, never replaced silently."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edge.contract.errors import ProtocolViolation, SettingsInvalid
from edge.runtime.private_file import create_private_file, read_private_file

PUBLIC_KEY_BYTES: Final = 32
_FINGERPRINT_WORDS: Final = 5
_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aiou"


class SigningKey:
    """A private key that signs; its bytes stay inside."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = VerifyingKey(private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of a signature."""
        return self._private.sign(message)


class VerifyingKey:
    """A public key: `raw` are its 32 bytes. Raises ProtocolViolation when they are none."""

    def __init__(self, raw: bytes) -> None:
        try:
            self._key = Ed25519PublicKey.from_public_bytes(raw)
        except ValueError:
            raise _bad_key() from None
        self.raw = raw

    @classmethod
    def from_hex(cls, text: str) -> VerifyingKey:
        """Read a key as `hex` gives it. Raises ProtocolViolation."""
        try:
            return cls(bytes.fromhex(text))
        except ValueError:
            raise _bad_key() from None

    @property
    def hex(self) -> str:
        """The key as 64 hexadecimal digits: what `Hello.box` says."""
        return self.raw.hex()

    @property
    def fingerprint(self) -> str:
        """Five short words that two people can compare: 60 bits of the key's SHA-256."""
        return fingerprint(self.raw)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return when the signature is this key's. Raises ProtocolViolation otherwise."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise ProtocolViolation(
                "signature_wrong",
                f"The signature is not that of {self.fingerprint}.",
                advice="Compare the fingerprints at both ends; where they differ, enrol anew.",
            ) from None


def fingerprint(public: bytes) -> str:
    """Return short words for a public key, each a consonant-vowel pair twice: `bado-fiku-...`.

    12 bits a word; five words are 60 bits: too many to find another key for within the
    life of a claim code, few enough to read out over a telephone.
    """
    number = int.from_bytes(hashlib.sha256(public).digest()[:8], "big") >> 4
    words = []
    for _ in range(_FINGERPRINT_WORDS):
        number, word = divmod(number, 4096)
        words.append(
            _CONSONANTS[word >> 8]
            + _VOWELS[word >> 6 & 3]
            + _CONSONANTS[word >> 2 & 15]
            + _VOWELS[word & 3]
        )
    return "-".join(words)


def create_key(path: Path) -> SigningKey:
    """Make a key and its file (PEM, 0600). Raises SettingsInvalid when the file is there."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    create_private_file(path, pem)
    return SigningKey(private)


def load_key(path: Path) -> SigningKey:
    """Read a key. Raises SettingsInvalid: not there, not private, or no Ed25519 key."""
    pem = read_private_file(path)
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise SettingsInvalid(
            "key_unusable",
            f"{path} holds no Ed25519 private key.",
            advice="Put back the key that belongs here; a new one has to be enrolled.",
        )
    return SigningKey(private)


def load_or_create_key(path: Path) -> SigningKey:
    """Read a key, or make it when its file is not there yet: the first start of a box."""
    return load_key(path) if path.exists() else create_key(path)


def _bad_key() -> ProtocolViolation:
    return ProtocolViolation("key_malformed", "This is no Ed25519 public key.")
