"""Keys: made once, kept, and compared by people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from edge.contract.errors import ProtocolViolation, SettingsInvalid
from edge.runtime.keys import (
    VerifyingKey,
    create_key,
    fingerprint,
    load_key,
    load_or_create_key,
)
from edge.runtime.private_file import create_private_file


def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "box.key"
    key = load_or_create_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    again = load_or_create_key(file)
    assert again.public.raw == key.public.raw
    with pytest.raises(SettingsInvalid):
        create_key(file)
    assert load_key(file).public.raw == key.public.raw


def test_signed_and_verified(tmp_path: Path) -> None:
    key = create_key(tmp_path / "box.key")
    signature = key.sign(b"a head")
    assert len(signature) == 64
    public = VerifyingKey.from_hex(key.public.hex)
    public.verify(signature, b"a head")
    other = create_key(tmp_path / "other.key").public
    for verifier, sign, message in (
        (public, signature, b"A head"),
        (public, signature[:-1] + bytes((signature[-1] ^ 1,)), b"a head"),
        (public, b"", b"a head"),
        (other, signature, b"a head"),
    ):
        with pytest.raises(ProtocolViolation) as caught:
            verifier.verify(sign, message)
        assert caught.value.code == "signature_wrong"


@pytest.mark.parametrize("text", ["", "xy", "00" * 31, "00" * 33, "0" * 63, "é" * 64])
def test_what_is_no_public_key(text: str) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        VerifyingKey.from_hex(text)
    assert caught.value.code == "key_malformed"


def _pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        _pem(ec.generate_private_key(ec.SECP256R1())),
        _pem(Ed25519PrivateKey.generate(), b"protected"),
    ],
)
def test_a_file_that_holds_no_key_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "box.key"
    create_private_file(file, content)
    with pytest.raises(SettingsInvalid) as caught:
        load_or_create_key(file)
    assert caught.value.code == "key_unusable"
    assert file.read_bytes() == content


def test_fingerprints_are_short_words() -> None:
    # a fixed vector: what is printed on a label today is what is read out in ten years
    assert VerifyingKey(bytes(32)).fingerprint == "ruju-mimo-pulu-mivo-kino"
    words = fingerprint(bytes(32))
    assert re.fullmatch(r"([bdfghjklmnprstvz][aiou]){2}(-([bdfghjklmnprstvz][aiou]){2}){4}", words)
    many = {fingerprint(number.to_bytes(32, "big")) for number in range(2_000)}
    assert len(many) == 2_000
