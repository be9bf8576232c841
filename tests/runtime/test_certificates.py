"""The retailer's authority: names, times, files, and what is refused."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edge.contract.errors import ProtocolViolation, SettingsInvalid
from edge.runtime.certificates import (
    CA_DAYS,
    SERVER_DAYS,
    certificate_fingerprint,
    issue_server_certificate,
    load_ca,
    load_certificate,
    make_ca,
    write_ca,
)
from edge.runtime.private_file import create_private_file
from edge.runtime.tls_contexts import check_pinned, client_context, server_context
from tests.runtime.hand_clock import HandClock

NOW = datetime.fromtimestamp(1_795_000_000, tz=UTC)


def _clock() -> HandClock:
    return HandClock(1_795_000_000_000)


def test_an_authority_signs_and_is_read_again(tmp_path: Path) -> None:
    authority = make_ca("Some Shops", _clock())
    write_ca(authority, tmp_path / "ca.pem", tmp_path / "ca.key")
    again = load_ca(tmp_path / "ca.pem", tmp_path / "ca.key")
    assert again.certificate == authority.certificate
    for file in tmp_path.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
    certificate = authority.certificate
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca
    assert constraints.value.path_length == 0
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign
    assert not usage.digital_signature
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc == NOW + timedelta(days=CA_DAYS)
    with pytest.raises(SettingsInvalid):
        write_ca(authority, tmp_path / "ca.pem", tmp_path / "other.key")


def test_a_server_certificate_says_what_it_is_for() -> None:
    authority = make_ca("Some Shops", _clock())
    issued = issue_server_certificate(
        authority, names=["box.shop", "box"], ips=["10.0.0.2", "fd00::2"], clock=_clock()
    )
    own, behind = x509.load_pem_x509_certificates(issued.certificate_pem)
    assert behind == authority.certificate
    own.verify_directly_issued_by(authority.certificate)
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["box.shop", "box"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ip_address("10.0.0.2"),
        ip_address("fd00::2"),
    ]
    assert not own.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert own.not_valid_after_utc == NOW + timedelta(days=SERVER_DAYS)
    assert own.not_valid_before_utc < NOW
    key = load_pem_private_key(issued.key_pem, password=None)
    assert key.public_key() == own.public_key()


def test_no_certificate_outlives_its_authority() -> None:
    clock = _clock()
    authority = make_ca("Some Shops", clock)
    clock.advance((CA_DAYS - 10) * 86_400)
    issued = issue_server_certificate(authority, names=["box"], ips=[], clock=clock)
    own, _ = x509.load_pem_x509_certificates(issued.certificate_pem)
    assert own.not_valid_after_utc == authority.certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("names", "ips", "code"),
    [
        ([], [], "certificate_without_name"),
        (["bäcker.example"], [], "certificate_name_malformed"),
        ([], ["10.0.0.256"], "certificate_name_malformed"),
        ([], ["127.1"], "certificate_name_malformed"),
    ],
)
def test_names_that_are_none(names: list[str], ips: list[str], code: str) -> None:
    authority = make_ca("Some Shops", _clock())
    with pytest.raises(SettingsInvalid) as caught:
        issue_server_certificate(authority, names=names, ips=ips, clock=_clock())
    assert caught.value.code == code


def test_a_retailer_with_a_long_name() -> None:
    assert make_ca("Shops " * 40, _clock()).certificate.subject


def _key_file(path: Path, key: ec.EllipticCurvePrivateKey, password: bytes = b"") -> Path:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    create_private_file(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return path


def test_an_authority_with_another_key(tmp_path: Path) -> None:
    write_ca(make_ca("Some Shops", _clock()), tmp_path / "ca.pem", tmp_path / "ca.key")
    foreign = _key_file(tmp_path / "foreign.key", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(SettingsInvalid) as caught:
        load_ca(tmp_path / "ca.pem", foreign)
    assert caught.value.code == "ca_key_foreign"
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    for name, content in (("none", b"garbage"), ("other", pem)):
        create_private_file(tmp_path / name, content)
        with pytest.raises(SettingsInvalid) as caught:
            load_ca(tmp_path / "ca.pem", tmp_path / name)
        assert caught.value.code == "ca_key_unusable"


def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    (tmp_path / "garbage.pem").write_bytes(b"garbage")
    for name, code in (
        ("garbage.pem", "certificate_unusable"),
        ("nowhere.pem", "certificate_unreadable"),
    ):
        for use in (load_certificate, client_context):
            with pytest.raises(SettingsInvalid) as caught:
                use(tmp_path / name)
            assert caught.value.code == code


def test_contexts(tmp_path: Path) -> None:
    authority = make_ca("Some Shops", _clock())
    issued = issue_server_certificate(authority, names=["box"], ips=[], clock=_clock())
    issued.write(tmp_path / "box.pem", tmp_path / "box.key")
    context = server_context(tmp_path / "box.pem", tmp_path / "box.key")
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    trusting = client_context(tmp_path / "ca.pem")
    assert trusting.verify_mode is ssl.CERT_REQUIRED
    assert trusting.check_hostname
    assert len(trusting.get_ca_certs()) == 1
    two = authority.certificate_pem + make_ca("Other Shops", _clock()).certificate_pem
    (tmp_path / "two.pem").write_bytes(two)
    assert len(client_context(tmp_path / "two.pem").get_ca_certs()) == 2
    (tmp_path / "cut.pem").write_bytes(two[:-40])
    with pytest.raises(SettingsInvalid, match=r"cut\.pem holds no certificate"):
        client_context(tmp_path / "cut.pem")


@pytest.mark.parametrize("password", [b"", b"protected"])
def test_a_key_that_does_not_fit(tmp_path: Path, password: bytes) -> None:
    authority = make_ca("Some Shops", _clock())
    issued = issue_server_certificate(authority, names=["box"], ips=[], clock=_clock())
    issued.write(tmp_path / "box.pem", tmp_path / "box.key")
    foreign = _key_file(tmp_path / "foreign", ec.generate_private_key(ec.SECP256R1()), password)
    with pytest.raises(SettingsInvalid) as caught:
        server_context(tmp_path / "box.pem", foreign)
    assert caught.value.code == "certificate_key_mismatch"


def test_a_key_that_others_may_read(tmp_path: Path) -> None:
    authority = make_ca("Some Shops", _clock())
    issued = issue_server_certificate(authority, names=["box"], ips=[], clock=_clock())
    issued.write(tmp_path / "box.pem", tmp_path / "box.key")
    (tmp_path / "box.key").chmod(0o644)
    with pytest.raises(SettingsInvalid) as caught:
        server_context(tmp_path / "box.pem", tmp_path / "box.key")
    assert caught.value.code == "file_not_private"


def test_a_pinned_certificate() -> None:
    certificate = make_ca("Some Shops", _clock()).certificate
    der = certificate.public_bytes(Encoding.DER)
    pinned = certificate_fingerprint(certificate)
    check_pinned(der, pinned)
    with_colons = ":".join(pinned[at : at + 2] for at in range(0, 64, 2)).upper()
    check_pinned(der, with_colons)
    for wrong in ("", "00" * 32, pinned[:-2]):
        with pytest.raises(ProtocolViolation) as caught:
            check_pinned(der, wrong)
        assert caught.value.code == "certificate_not_pinned"
