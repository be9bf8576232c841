"""Mosquitto's files: configuration, users and access rules, as the shop needs them."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.contract.errors import SettingsInvalid
from edge.contract.identity import is_short_id
from edge.contract.limits import (
    MQTT_CONNECTIONS_MAX,
    MQTT_PACKET_BYTES_MAX,
    MQTT_PAYLOAD_BYTES_MAX,
    MQTT_QUEUE_MAX,
)
from edge.runtime.broker_access import BrokerAccess
from edge.runtime.broker_passwords import password_file
from edge.runtime.private_file import replace_private_file
from edge.runtime.settings_file import require_tls

CONFIGURATION: Final = "mosquitto.conf"
PASSWORDS: Final = "passwords"


@dataclass(frozen=True)
class MosquittoListener:
    """Where the broker listens; every address but loopback needs certificate and key (PEM)."""

    address: str = "127.0.0.1"
    port: int = 1883
    certificate_file: Path | None = None
    key_file: Path | None = None


def write_mosquitto_files(
    folder: Path,
    access: BrokerAccess,
    users: Mapping[str, str],
    *listeners: MosquittoListener,
) -> Path:
    """Write `mosquitto.conf`, `passwords` and `acl`; return the path of the first.

    `users` are names and passwords: `access.edge_user` and one of each device host's own
    name. `listeners`: by default one on loopback. Files are replaced whole, readable by this
    user alone; `mosquitto -c` takes the first, and SIGHUP reads users and rules again.
    Raises SettingsInvalid.
    """
    conf = write_mosquitto_rules(folder, access, *listeners)
    replace_private_file(folder / PASSWORDS, password_file(users))
    return conf


def write_mosquitto_rules(
    folder: Path, access: BrokerAccess, *listeners: MosquittoListener
) -> Path:
    """Write `mosquitto.conf` and `acl` and leave `passwords` alone; as `write_mosquitto_files`."""
    if not is_short_id(access.store) or not is_short_id(access.edge_user):
        raise SettingsInvalid(
            "store_invalid", f"{access.store!r} or {access.edge_user!r} is no short id."
        )
    acl, conf = folder / "acl", folder / CONFIGURATION
    text = _configuration(listeners or (MosquittoListener(),), folder / PASSWORDS, acl)
    replace_private_file(acl, access.acl_file().encode())
    replace_private_file(conf, text.encode())
    return conf


def _configuration(listeners: Sequence[MosquittoListener], passwords: Path, acl: Path) -> str:
    lines = [
        "# written by Tillbox",
        # as root, Mosquitto would become a user who may not read the files beside this one
        f"user {pwd.getpwuid(os.getuid()).pw_name}",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        # nobody may read $SYS, and each update wakes the processor
        "sys_interval 0",
        # nothing is kept over a restart: edge publishes configuration and hosts publish state
        # anew after each connection, jobs are in the ledger; and it spares the memory card
        "persistence false",
        "allow_anonymous false",
        f"password_file {passwords}",
        f"acl_file {acl}",
        # the default of 1,000 silently dropped most of a burst of 2,000
        f"max_queued_messages {MQTT_QUEUE_MAX}",
        f"message_size_limit {MQTT_PAYLOAD_BYTES_MAX}",
        # what is larger than that is not even read
        f"max_packet_size {MQTT_PACKET_BYTES_MAX}",
        "set_tcp_nodelay true",
        *(line for listener in listeners for line in _door(listener)),
    ]
    for line in lines:
        if "\n" in line or "\r" in line:
            raise SettingsInvalid("line_break", f"A line break in the broker's settings: {line!r}.")
    return "\n".join(lines) + "\n"


def _door(listener: MosquittoListener) -> list[str]:
    tls = listener.certificate_file is not None and listener.key_file is not None
    require_tls(listener.address, tls, "The broker")
    lines = [
        "",
        f"listener {listener.port} {listener.address}",
        f"max_connections {MQTT_CONNECTIONS_MAX}",
        # without it who has a password of his own may throw off another by his client id
        "use_username_as_clientid true",
    ]
    if tls:
        lines += [f"certfile {listener.certificate_file}", f"keyfile {listener.key_file}"]
        lines += ["tls_version tlsv1.2"]
    return lines
