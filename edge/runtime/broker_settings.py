"""The settings of a shop's broker, as they stand in its TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.contract.identity import ShortId
from edge.runtime.broker_access import BrokerAccess


class BrokerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of `tillbox broker`.

    `password_file` has Mosquitto's format. Every address but loopback needs
    `certificate_file` and `key_file`. Port 0 takes a free one; the line `ready` says which.
    `loopback_port` is a second door, without TLS, for the programs of this machine alone.
    `home_assistant_user` may read what edge tells Home Assistant; by default there is none.
    """

    store: ShortId
    password_file: Path
    address: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 1883
    edge_user: ShortId = "edge"
    certificate_file: Path | None = None
    key_file: Path | None = None
    loopback_port: Annotated[int, Meta(ge=0, le=65_535)] | None = None
    home_assistant_user: ShortId | None = None

    @property
    def access(self) -> BrokerAccess:
        """Who may say and hear what."""
        return BrokerAccess(self.store, self.edge_user, self.home_assistant_user or "")
