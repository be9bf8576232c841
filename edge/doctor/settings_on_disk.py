"""The files in the settings folder, as far as the doctor needs them: read, never written."""

from __future__ import annotations

import ssl
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edge.contract.errors import SettingsInvalid
from edge.doctor.finding import Finding, State
from edge.runtime.settings_file import load
from edge.runtime.tls_contexts import client_context
from edge.settings import EdgeSettings

BROKER: Final = "broker/mosquitto.conf"
_PORTS: Final = {"wss": 443, "ws": 80, "https": 443, "http": 80}


@dataclass(frozen=True)
class Office:
    """Head office: host, port, and by whom it is trusted (None: without TLS)."""

    host: str
    port: int
    tls: ssl.SSLContext | None


@dataclass(frozen=True)
class BoxFiles:
    """The settings folder of a box."""

    folder: Path

    @property
    def services(self) -> tuple[str, ...]:
        """Return the programs that have settings here, in the order of their starts."""
        order = ("edge", "devices", "sync", "keep", "office")
        return tuple(name for name in order if (self.folder / f"{name}.toml").exists())

    @property
    def certificates(self) -> tuple[Path, ...]:
        """Return the certificates that this box shows to others."""
        named = (self.folder / "web.pem", self.folder / "broker/broker.pem")
        return tuple(path for path in named if path.exists())

    def edge(self) -> EdgeSettings:
        """Return the box's settings. Raises SettingsInvalid."""
        return load(self.folder / "edge.toml", EdgeSettings)

    def office(self) -> Office | None:
        """Return where head office is; None when nothing is replicated. Raises SettingsInvalid."""
        path = self.folder / "sync.toml"
        if not path.exists():
            return None
        try:
            given = tomllib.loads(path.read_text("utf-8"))
            address = urlsplit(str(given["office_url"]))
            host, port = address.hostname, address.port or _PORTS[address.scheme]
        except (OSError, ValueError, KeyError) as error:
            raise SettingsInvalid(
                "settings_unreadable",
                f"{path} does not say where head office is ({error}).",
                advice="`tillbox sync --config` with this file says what is wrong in it.",
            ) from None
        tls = None
        if address.scheme in ("wss", "https"):
            tls = client_context(self.folder / str(given.get("ca_file", "")))
        return Office(host or "", port, tls)

    def findings(self) -> list[Finding]:
        """Return what is wrong with the files themselves; the settings of edge are read whole."""
        if not self.services:
            return [
                Finding(
                    "settings",
                    State.ILL,
                    f"{self.folder} has no settings: this machine is no box yet.",
                    "sudo tillbox setup --store NAME --name ADDRESS",
                )
            ]
        try:
            if "edge" in self.services:
                self.edge()
        except SettingsInvalid as error:
            return [Finding("settings", State.ILL, error.message, error.advice)]
        return [Finding("settings", State.WELL, f"Settings of {', '.join(self.services)}.")]
