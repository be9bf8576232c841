"""How an Adyen terminal is reached and named, and the key of its messages from a file."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from devices.drivers.terminal_adyen.nexo_crypto import NexoKeys, derive_keys
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import Connector
from edge.contract.device_limits import (
    NEXO_ANSWER_MS_MAX,
    NEXO_PAYMENT_MS_MAX,
)
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock

_KEY_FILE_BYTES_MAX: Final = 4_096
_ADVICE: Final = (
    "Write tls://HOST:8443?ca=FILE&name=POIID.live.terminal.adyen.com, with the maker's root "
    "certificate in FILE; tcp://127.0.0.1:PORT is for a simulated terminal on this machine."
)


class TerminalAdyenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address`: `tls://HOST:8443?ca=FILE&name=NAME`; `poi_id`: model and serial number.

    `key_file`: a file on this host with the shared key that was set up for the terminal:
    `{"key_identifier": …, "key_version": …, "passphrase": …}`. `sale_id` names the shop's side
    to the terminal. `answer_ms_max` is for questions, `payment_ms_max` for money.
    """

    address: str
    poi_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    key_file: str
    sale_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,40}$")] = "Tillbox"
    answer_ms_max: Annotated[int, Meta(ge=100, le=120_000)] = NEXO_ANSWER_MS_MAX
    payment_ms_max: Annotated[int, Meta(ge=100, le=300_000)] = NEXO_PAYMENT_MS_MAX

    @property
    def host(self) -> str:
        """Host and port, as HTTP names them."""
        return urlsplit(self.address).netloc


class SharedKey(msgspec.Struct, frozen=True):
    """What both sides hold; `keys` come of the passphrase, which is not kept."""

    key_identifier: str
    key_version: int
    keys: NexoKeys


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key_identifier: Annotated[str, Meta(min_length=1, max_length=200)]
    key_version: Annotated[int, Meta(ge=0, le=2**31)]
    passphrase: Annotated[str, Meta(pattern=r"^[ -~]{1,200}$")]


def terminal_connector(settings: TerminalAdyenSettings, clock: Clock) -> Connector:
    """Return a connector to the terminal; raises SettingsInvalid naming what is wrong."""
    parts = urlsplit(settings.address)
    if parts.scheme != "tls" and not (parts.scheme == "tcp" and _is_here(parts.hostname or "")):
        raise SettingsInvalid(
            "address_invalid",
            f"The terminal's address {settings.address[:200]!r} is not one for TLS.",
            advice=_ADVICE,
        )
    return connector_to(settings.address, clock)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class KeyReader:
    """Reads the key file each time it is asked, and works the keys out when it has changed."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._content = b""
        self._key: SharedKey | None = None

    def read(self) -> SharedKey:
        """Return the key; raises SettingsInvalid naming the file and never what is in it."""
        content = self._read_file()
        if self._key is None or content != self._content:
            try:
                held = msgspec.json.decode(content, type=_KeyFile)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                # without its cause: that would quote the file
                raise SettingsInvalid(
                    "key_file_invalid",
                    f"The terminal's key file {self._file} does not hold a shared key.",
                    advice="Write key_identifier, key_version and passphrase into it, as JSON, "
                    "as they are in the terminal's settings at Adyen.",
                ) from None
            keys = derive_keys(held.passphrase)
            self._key = SharedKey(held.key_identifier, held.key_version, keys)
            self._content = content
        return self._key

    def _read_file(self) -> bytes:
        try:
            with Path(self._file).open("rb") as opened:
                return opened.read(_KEY_FILE_BYTES_MAX)
        except OSError as error:
            raise SettingsInvalid(
                "key_file_unreadable",
                f"The terminal's key file {self._file} cannot be read: {error.strerror}.",
                advice="Check key_file and who may read the file.",
            ) from error
