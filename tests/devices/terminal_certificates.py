"""A maker's root and the certificates of its terminals, made for one test."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from edge.runtime.system_clock import SystemClock


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass
class Maker:
    """`root_file` is what a shop installs."""

    folder: Path
    name: str = "Terminal Maker Root"

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._signed(self.name, self._key, is_root=True)
        self.root_file = self.folder / f"{self.name.replace(' ', '-')}.pem"
        self.root_file.write_bytes(self.root.public_bytes(Encoding.PEM))

    def server(self, common_name: str, *dns_names: str, days: int = 30) -> ssl.SSLContext:
        """Return what a terminal of this name serves with; below 0 days it has run out."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(common_name, key, dns_names, days=days)
        file = self.folder / "terminal.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(
        self,
        common_name: str,
        key: ec.EllipticCurvePrivateKey,
        dns_names: tuple[str, ...] = (),
        *,
        days: int = 30,
        is_root: bool = False,
    ) -> x509.Certificate:
        now = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)
        day = timedelta(days=1)
        start = now - 60 * day
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(common_name))
            .issuer_name(_named(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(now + days * day)
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        )
        if dns_names:
            names = x509.SubjectAlternativeName([x509.DNSName(name) for name in dns_names])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())
