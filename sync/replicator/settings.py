"""The settings of `tillbox sync`: where edge is, where head office is, and whom to trust."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta

from edge.contract.errors import SettingsInvalid
from edge.contract.limits import KEEPERS_MAX
from edge.contract.replication import PublicKey
from edge.runtime.settings_file import load, require_tls
from edge.runtime.tls_contexts import client_context
from sync.replicator.line_use import LineSettings

SESSION_PATH: Final = "/sync/v1/session"


class KeeperAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A second copy in the shop: `url` (`wss://back-office:8095`) and its public `key`.

    Without a `ca_file` of its own it is trusted by that of head office.
    """

    url: str
    key: PublicKey
    ca_file: Path | None = None


class SyncSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything `tillbox sync` is told. Relative paths are relative to the file's folder.

    `edge_url` is the box (`http://127.0.0.1:8080`), `office_url` head office
    (`wss://office.example`). Every address but loopback needs TLS and `ca_file`, the
    retailer's authority, and no other authority is trusted. `keepers` are second copies.
    `line` says what the line to head office costs.
    """

    edge_url: str
    service_token_file: Path
    office_url: str
    ca_file: Path | None = None
    keepers: Annotated[tuple[KeeperAddress, ...], Meta(max_length=KEEPERS_MAX)] = ()
    line: LineSettings = LineSettings()


_OPEN_LINE: Final = LineSettings()


@dataclass(frozen=True)
class KeeperPeer:
    """A second copy: where its sessions are, the trust, and its public key."""

    session_url: str
    tls: ssl.SSLContext | None
    key: str


@dataclass(frozen=True)
class Peers:
    """What the settings come to: addresses without a closing slash, the secret, the trust."""

    edge_url: str
    token: str
    session_url: str
    tls: ssl.SSLContext | None
    keepers: tuple[KeeperPeer, ...] = ()
    line: LineSettings = _OPEN_LINE


def load_peers(path: Path) -> Peers:
    """Read a settings file whole. Raises SettingsInvalid saying what to correct."""
    settings = load(path, SyncSettings)
    edge = _address(path, "edge_url", settings.edge_url, ("http", "https"), "The box")
    office = _address(path, "office_url", settings.office_url, ("ws", "wss"), "Head office")
    tls = None
    if edge.scheme == "https" or office.scheme == "wss":
        if settings.ca_file is None:
            raise SettingsInvalid(
                "ca_file_missing",
                f"{path}: ca_file is not set, but an address with TLS is.",
                advice="Name the certificate of the retailer's authority (PEM).",
            )
        tls = client_context(settings.ca_file)
    return Peers(
        edge.geturl().rstrip("/"),
        _token(settings.service_token_file),
        office.geturl().rstrip("/") + SESSION_PATH,
        tls,
        tuple(
            _keeper(path, number, keeper, settings.ca_file)
            for number, keeper in enumerate(settings.keepers)
        ),
        _line(path, settings.line),
    )


def _line(path: Path, line: LineSettings) -> LineSettings:
    if line.monthly_mib and line.count_file is None:
        raise SettingsInvalid(
            "count_file_missing",
            f"{path}: line.monthly_mib is set, but no line.count_file, which keeps what was used.",
            advice="Name a file in a folder that `tillbox sync` may write to.",
        )
    return line


def _keeper(path: Path, number: int, keeper: KeeperAddress, ca_file: Path | None) -> KeeperPeer:
    key = f"keepers[{number}].url"
    url = _address(path, key, keeper.url, ("ws", "wss"), "The second copy")
    trusted = keeper.ca_file or ca_file
    if url.scheme == "wss" and trusted is None:
        raise SettingsInvalid(
            "ca_file_missing",
            f"{path}: {key} is an address with TLS, but no ca_file is set.",
            advice="Name the certificate of the retailer's authority (PEM).",
        )
    tls = client_context(trusted) if url.scheme == "wss" and trusted else None
    return KeeperPeer(url.geturl().rstrip("/") + SESSION_PATH, tls, keeper.key)


def _address(path: Path, key: str, text: str, schemes: tuple[str, str], what: str) -> SplitResult:
    allowed = f"Write {schemes[0]}://HOST:PORT or {schemes[1]}://HOST:PORT."
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise _malformed(path, key, text, allowed) from None
    odd = url.query or url.fragment or "@" in url.netloc or not text.isprintable() or " " in text
    if url.scheme not in schemes or not url.hostname or port == 0 or odd:
        raise _malformed(path, key, text, allowed)
    require_tls(url.hostname, url.scheme == schemes[1], what)
    return url


def _malformed(path: Path, key: str, text: str, allowed: str) -> SettingsInvalid:
    shown = text.rpartition("@")[2]
    return SettingsInvalid(
        "settings_invalid_value",
        f"{path}: {key} is {shown!r}, which is no address.",
        advice=allowed,
    )


def _token(path: Path) -> str:
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(
            "token_unreadable",
            f"The service token file {path} cannot be read: {error}.",
            advice="Name the same file as in the settings of edge.",
        ) from None
    if not token or not token.isprintable():
        raise SettingsInvalid(
            "token_empty",
            f"The service token file {path} holds no token.",
            advice="Name the same file as in the settings of edge.",
        )
    return token
