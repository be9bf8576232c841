"""How programs trust each other over TLS: contexts of servers and clients, pinned certificates.

Apart from what makes certificates: the library for that takes longer to load than the rest of
TLS, and a running box makes none.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from pathlib import Path

from edge.contract.errors import ProtocolViolation, SettingsInvalid
from edge.runtime.private_file import read_private_file


def server_context(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    """Return the TLS context of a server. Raises SettingsInvalid naming the file that is wrong."""
    read_private_file(key_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _ = _certificates(certificate_file)
    try:
        context.load_cert_chain(certificate_file, key_file, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise SettingsInvalid(
            "certificate_key_mismatch",
            f"{key_file} is not the key of {certificate_file}, or is none.",
            advice="Give the two files that were made together.",
        ) from error
    return context


def server_context_if_any(
    certificate_file: Path | None, key_file: Path | None
) -> ssl.SSLContext | None:
    """Return the TLS context of a server; None where the settings name no certificate."""
    if certificate_file is None or key_file is None:
        return None
    return server_context(certificate_file, key_file)


def client_context(ca_file: Path) -> ssl.SSLContext:
    """Return the TLS context of a client that trusts the authorities in a file and no others.

    Two may stand in it one after the other, such as a shop's own and the retailer's. Raises
    SettingsInvalid when the file holds no certificate, or one that is none.
    """
    return _trusting(_certificates(ca_file))


def own_context(certificate_file: Path) -> ssl.SSLContext:
    """Return what a server's own programs trust it by: its very certificate, whatever its name.

    Raises SettingsInvalid.
    """
    context = _trusting(_certificates(certificate_file)[:1])
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _trusting(certificates: list[bytes]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=b"".join(certificates))
    return context


def check_pinned(der: bytes, pinned: str) -> None:
    """Return when a peer's certificate (DER) is the pinned one. Raises ProtocolViolation."""
    if not hmac.compare_digest(hashlib.sha256(der).hexdigest(), pinned.lower().replace(":", "")):
        raise ProtocolViolation(
            "certificate_not_pinned",
            "The server shows another certificate than the one it was enrolled with.",
            advice="Compare the fingerprints at both ends before trusting the new one.",
        )


def _no_password() -> str:
    # without this OpenSSL would ask on the terminal, and a service would hang
    raise ValueError("the key is protected by a password")


def _certificates(file: Path) -> list[bytes]:
    """Return the certificates of a file in PEM, as DER, in their order: one at least."""
    try:
        text = file.read_text("ascii", errors="replace")
    except OSError as error:
        raise SettingsInvalid(
            "certificate_unreadable", f"{file} cannot be read: {error.strerror}."
        ) from None
    found: list[bytes] = []
    start = text.find(ssl.PEM_HEADER)
    try:
        while start >= 0 or not found:
            end = text.find(ssl.PEM_FOOTER, max(start, 0))
            der = ssl.PEM_cert_to_DER_cert(text[start : end + len(ssl.PEM_FOOTER)])
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
            found.append(der)
            start = text.find(ssl.PEM_HEADER, end)
    except (ssl.SSLError, ValueError):
        raise SettingsInvalid(
            "certificate_unusable", f"{file} holds no certificate in PEM."
        ) from None
    return found
