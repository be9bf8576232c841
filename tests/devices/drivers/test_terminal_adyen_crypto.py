"""The seal, against the published algorithm written out step by step, and against literals.

The literals were made with an AES and a PBKDF2 written by hand (checked by FIPS 197, C.3).
"""

from __future__ import annotations

import hashlib
import hmac
import random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from devices.drivers.terminal_adyen.nexo_crypto import NexoKeys, decrypt, derive_keys, encrypt
from devices.simulators.terminal_adyen.sealing import SharedSecret
from edge.contract.errors import ProtocolViolation

PASSPHRASE = "correct horse battery staple"
MATERIAL = (
    "4a6d29898941aa7957a2b21b5f001b41f684edc5e45739ca2ae2b58df6df4b93"
    "40dc887457945d4fc4befdead88dea1edafcb6b410589e5b04ad87629abb19e9"
    "d5514d02b4f9a145df741465fe1fe75c"
)
VECTORS = {
    "a message": (
        PASSPHRASE,
        b'{"SaleToPOIRequest":{}}',
        "000102030405060708090a0b0c0d0e0f",
        "4e9b3f13af2370a8a26e6360cb89229d841fb1c3cc4a262b2dc44ac43205f970",
        "099db8e65a1b42d72c440bfa2701034a4f45c438b0ecfed8ef80af43f11891fa",
    ),
    "a whole block": (
        PASSPHRASE,
        b"sixteen bytes ok",
        "ff" * 16,
        "9f444b3b4e82fc3802fdea914b060b7503e6c5f2db757b4926c337a70ff936d1",
        "dc4290cc2adac25616dfe80de1263fd9e0b9c02493415ead86d3168dded707f3",
    ),
    "nothing": (
        "mysupersecretpassphrase",
        b"",
        "00" * 16,
        "0ba5148d6f69ec6a479d679ca675d81c",
        "6793b6e812413683be9e55c6dde2a64bfb5a84a3d622784c86b7d694c6be3981",
    ),
}


# --- the algorithm once more, written out ------------------------------------------------


def written_out_material(passphrase: bytes) -> bytes:
    """PBKDF2 by its definition (RFC 8018): four blocks of 20 bytes."""
    material = b""
    for number in range(1, 5):
        last = hmac.digest(passphrase, b"AdyenNexoV1Salt" + number.to_bytes(4), "sha1")
        total = int.from_bytes(last)
        for _ in range(3_999):
            last = hmac.digest(passphrase, last, "sha1")
            total ^= int.from_bytes(last)
        material += total.to_bytes(20)
    return material


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def written_out_seal(material: bytes, plain: bytes, nonce: bytes) -> tuple[bytes, bytes]:
    """CBC by its definition, over single blocks; PKCS#7; HMAC-SHA256 by its definition."""
    mac_key, key, iv = material[:32], material[32:64], material[64:]
    block = Cipher(AES(key), ECB()).encryptor()  # noqa: S305 - CBC is written out here
    fill = 16 - len(plain) % 16
    padded = plain + bytes([fill]) * fill
    last, blob = xor(iv, nonce), b""
    for at in range(0, len(padded), 16):
        last = block.update(xor(padded[at : at + 16], last))
        blob += last
    inner_key = mac_key.ljust(64, b"\0")
    inner = hashlib.sha256(xor(inner_key, b"\x36" * 64) + plain).digest()
    return blob, hashlib.sha256(xor(inner_key, b"\x5c" * 64) + inner).digest()


# --- literals ----------------------------------------------------------------------------


def test_the_keys_are_those_of_the_passphrase() -> None:
    keys = derive_keys(PASSPHRASE)
    assert (keys.hmac + keys.aes + keys.iv).hex() == MATERIAL
    assert [len(keys.hmac), len(keys.aes), len(keys.iv)] == [32, 32, 16]
    assert written_out_material(PASSPHRASE.encode()).hex() == MATERIAL


@pytest.mark.parametrize("name", VECTORS)
def test_a_message_is_sealed_and_opened_as_published(name: str) -> None:
    passphrase, plain, nonce, blob, mac = VECTORS[name]
    keys = derive_keys(passphrase)
    sealed = encrypt(plain, keys, bytes.fromhex(nonce))
    assert [each.hex() for each in sealed] == [blob, mac]
    assert decrypt(*sealed, keys, bytes.fromhex(nonce)) == plain
    material = keys.hmac + keys.aes + keys.iv
    assert written_out_seal(material, plain, bytes.fromhex(nonce)) == sealed


def test_messages_of_every_length_are_sealed_as_the_algorithm_written_out_does() -> None:
    chance = random.Random(20_261_127)
    for length in range(100):
        material = chance.randbytes(80)
        keys = NexoKeys(material[:32], material[32:64], material[64:])
        plain, nonce = chance.randbytes(length), chance.randbytes(16)
        blob, mac = encrypt(plain, keys, nonce)
        assert (blob, mac) == written_out_seal(material, plain, nonce)
        assert decrypt(blob, mac, keys, nonce) == plain


# --- what is wrong is told in one way ----------------------------------------------------

KEYS = derive_keys(PASSPHRASE)
NONCE = bytes(range(16))
BLOB, MAC = encrypt(b'{"SaleToPOIResponse":{"much":"more than a block"}}', KEYS, NONCE)


def with_padding(tail: bytes, taken_off: int) -> tuple[bytes, bytes]:
    """Return blob and the MAC of what a careless reader would take for the plain text."""
    plain = b"0123456789abcdef" * 2
    whole = plain[: -len(tail)] + tail
    blob, _ = encrypt(whole, KEYS, NONCE)
    return blob[:-16], hmac.digest(KEYS.hmac, whole[:-taken_off], "sha256")


BROKEN = {
    "mac": (BLOB, MAC[:-1] + bytes([MAC[-1] ^ 1])),
    "no mac": (BLOB, b""),
    "short mac": (BLOB, MAC[:16]),
    "first block": (bytes([BLOB[0] ^ 1]) + BLOB[1:], MAC),
    "last block": (BLOB[:-1] + bytes([BLOB[-1] ^ 1]), MAC),
    "a block less": (BLOB[:-16], MAC),
    "half a block": (BLOB[:-8], MAC),
    "no blob": (b"", MAC),
    "padding 0": with_padding(b"\x00", 1),
    "padding 17": with_padding(b"\x11", 1),
    "padding 255": with_padding(b"\xff", 1),
    "padding of two kinds": with_padding(b"\x02\x03\x03", 3),
    "padding of one": with_padding(b"\x00" * 15 + b"\x10", 16),
}


@pytest.mark.parametrize("name", BROKEN)
def test_whatever_is_wrong_with_a_seal_is_told_in_the_same_words(name: str) -> None:
    blob, mac = BROKEN[name]
    with pytest.raises(ProtocolViolation) as caught:
        decrypt(blob, mac, KEYS, NONCE)
    assert caught.value.code == "nexo_seal_broken"
    assert str(caught.value) == "The seal of the terminal's answer is broken."
    assert caught.value.__cause__ is None


def test_another_nonce_or_passphrase_opens_nothing() -> None:
    with pytest.raises(ProtocolViolation):
        decrypt(BLOB, MAC, KEYS, bytes(16))
    with pytest.raises(ProtocolViolation):
        decrypt(BLOB, MAC, KEYS, NONCE[:-1])
    with pytest.raises(ProtocolViolation):
        decrypt(BLOB, MAC, derive_keys(PASSPHRASE + " "), NONCE)


def test_garbage_never_opens() -> None:
    chance = random.Random(20_261_128)
    for _ in range(2_000):
        blob = chance.randbytes(chance.choice([0, 1, 15, 16, 32, 160]))
        with pytest.raises(ProtocolViolation):
            decrypt(blob, chance.randbytes(32), KEYS, chance.randbytes(16))


def test_keys_are_in_no_text() -> None:
    assert MATERIAL[:8] not in repr(KEYS).lower()
    assert repr(KEYS) == "NexoKeys()"


def test_the_terminal_with_code_of_its_own_reads_it() -> None:
    theirs = SharedSecret("key", 1, PASSPHRASE)
    assert theirs._decrypted(BLOB, MAC, NONCE).startswith(b'{"SaleToPOIResponse"')
