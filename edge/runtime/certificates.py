"""The retailer's certificate authority and server certificates.

ECDSA P-256 throughout: what every browser takes (they refuse Ed25519).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock
from edge.runtime.private_file import create_private_file, read_private_file

CA_DAYS: Final = 3_650
"""As long as head office keeps the ledger: renewing it means a visit to every box."""
SERVER_DAYS: Final = 397
"""Browsers refuse more than 398."""
_BACKDATED: Final = timedelta(days=2)
"""A box whose clock is behind still accepts a new certificate."""
_NAME_CHARS_MAX: Final = 64

PrivateKey = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Authority:
    """The retailer's CA: its certificate, and the key that only head office holds."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """What every box and tablet is given."""
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True)
class ServerCertificate:
    """A certificate with the authority's behind it, and its private key; PEM."""

    certificate_pem: bytes
    key_pem: bytes

    def write(self, certificate_file: Path, key_file: Path) -> None:
        """Write both files, 0600. Raises SettingsInvalid when one is there already."""
        create_private_file(key_file, self.key_pem)
        create_private_file(certificate_file, self.certificate_pem)


def make_ca(retailer: str, clock: Clock) -> Authority:
    """Make the authority of a retailer: may sign server certificates, and nothing below it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{retailer} Tillbox CA")
    now = _now(clock)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def write_ca(authority: Authority, certificate_file: Path, key_file: Path) -> None:
    """Write certificate and key, 0600. Raises SettingsInvalid when one is there already."""
    create_private_file(key_file, _key_pem(authority.key))
    create_private_file(certificate_file, authority.certificate_pem)


def load_ca(certificate_file: Path, key_file: Path) -> Authority:
    """Read an authority. Raises SettingsInvalid naming the file that does not fit."""
    certificate = load_certificate(certificate_file)
    try:
        key = load_pem_private_key(read_private_file(key_file), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, PrivateKey):
        raise SettingsInvalid("ca_key_unusable", f"{key_file} holds no ECDSA private key.")
    if key.public_key() != certificate.public_key():
        raise SettingsInvalid("ca_key_foreign", f"{key_file} is not the key of {certificate_file}.")
    return Authority(certificate, key)


def load_certificate(file: Path) -> x509.Certificate:
    """Read a certificate in PEM. Raises SettingsInvalid."""
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except OSError as error:
        raise SettingsInvalid(
            "certificate_unreadable", f"{file} cannot be read: {error.strerror}."
        ) from None
    except ValueError:
        raise SettingsInvalid(
            "certificate_unusable", f"{file} holds no certificate in PEM."
        ) from None


def issue_server_certificate(
    authority: Authority, *, names: Sequence[str], ips: Sequence[str], clock: Clock
) -> ServerCertificate:
    """Make key and certificate for a server reached under some names and IP addresses.

    Raises SettingsInvalid when there is none of either, or one is malformed.
    """
    if not names and not ips:
        raise SettingsInvalid(
            "certificate_without_name", "A server's certificate needs a name or an IP address."
        )
    key = ec.generate_private_key(ec.SECP256R1())
    now = _now(clock)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name([*names, *ips][0]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(
            min(now + timedelta(days=SERVER_DAYS), authority.certificate.not_valid_after_utc)
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_alternative_names(names, ips), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )
    chain = certificate.public_bytes(Encoding.PEM) + authority.certificate_pem
    return ServerCertificate(chain, _key_pem(key))


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the host names of a server's certificate, and behind them its IP addresses."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    found = extension.value
    ips = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return [*found.get_values_for_type(x509.DNSName), *ips]


def certificate_fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate, hexadecimal: what both ends show."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.now_ms() // 1000, tz=UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:_NAME_CHARS_MAX])])


def _key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(names: Sequence[str], ips: Sequence[str]) -> x509.SubjectAlternativeName:
    entries: list[x509.GeneralName] = []
    try:
        entries += [x509.DNSName(name) for name in names]
        entries += [x509.IPAddress(ip_address(address)) for address in ips]
    except ValueError as error:
        raise SettingsInvalid(
            "certificate_name_malformed",
            f"A certificate cannot be made for that: {error}.",
            advice="Names are plain ASCII host names, addresses plain IPv4 or IPv6.",
        ) from None
    return x509.SubjectAlternativeName(entries)
