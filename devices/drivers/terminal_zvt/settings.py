"""How a ZVT terminal is reached and spoken to, and its password from a file of the host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from devices.protocols.zvt_commands import CONFIG_TILL_PRINTS
from devices.protocols.zvt_text import TextEncoding
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import Connector
from edge.contract.device_limits import (
    TERMINAL_T3_MS,
    TERMINAL_T4_MS,
)
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock
from edge.contract.money import CURRENCY_NUMBERS

_FACTORY_PASSWORD: Final = "000000"  # noqa: S105 - the standard's factory value, in every manual
_PASSWORD_DIGITS: Final = 6
_PASSWORD_FILE_BYTES_MAX: Final = 64
_SERIAL: Final = "serial://"
_SCHEMES: Final = ("tcp://", _SERIAL)
_STOP_BITS: Final = "stop="


class TerminalZvtSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the terminal is reached, and how it speaks.

    `address`: `tcp://HOST:20007`, or `serial:///dev/NAME` with, where needed, `?baud=115200`;
    ZVT's serial line has 9600 baud and two stop bits unless told. `password_file`: a file on
    this host with six digits. Without a file the standard's factory value 000000 is used.
    `text_encoding` is the maker's: cp437, utf-8, zvt7, latin-1, iso8859-2 or
    iso8859-15. `config_byte` as in 06 00; BE (190): the till prints what the
    terminal composes. `answer_ms_max` is T3, `silence_ms_max` T4.
    """

    address: str
    password_file: str = ""
    currency: str = "EUR"
    text_encoding: TextEncoding = TextEncoding.CP437
    config_byte: Annotated[int, Meta(ge=0, le=255)] = CONFIG_TILL_PRINTS
    answer_ms_max: Annotated[int, Meta(ge=100, le=60_000)] = TERMINAL_T3_MS
    silence_ms_max: Annotated[int, Meta(ge=100, le=600_000)] = TERMINAL_T4_MS

    @property
    def serial(self) -> bool:
        """Whether units travel in blocks over a serial line."""
        return self.address.startswith(_SERIAL)


def terminal_connector(settings: TerminalZvtSettings, clock: Clock) -> Connector:
    """Return a connector to the terminal; raises SettingsInvalid naming what is wrong."""
    if not settings.address.startswith(_SCHEMES):
        raise SettingsInvalid(
            "address_invalid",
            f"The terminal's address {settings.address[:200]!r} is neither tcp nor serial.",
            advice="Write tcp://HOST:20007 or serial:///dev/NAME.",
        )
    if settings.currency not in CURRENCY_NUMBERS:
        raise SettingsInvalid(
            "currency_unknown",
            f"The terminal's currency {settings.currency[:20]!r} is not known.",
            advice=f"Choose one of: {', '.join(CURRENCY_NUMBERS)}.",
        )
    return connector_to(full_address(settings), clock)


def full_address(settings: TerminalZvtSettings) -> str:
    """Return the address; on a serial line with the standard's two stop bits unless told."""
    address = settings.address
    if not settings.serial or _STOP_BITS in address:
        return address
    return f"{address}{'&' if '?' in address else '?'}{_STOP_BITS}2"


def read_password(file: str) -> str:
    """Return the terminal's six digits; raises SettingsInvalid naming the file.

    The password itself is never part of a message.
    """
    if not file:
        return _FACTORY_PASSWORD
    try:
        with Path(file).open("rb") as opened:
            text = opened.read(_PASSWORD_FILE_BYTES_MAX + 1).decode("ascii", errors="replace")
    except OSError as error:
        raise SettingsInvalid(
            "password_file_unreadable",
            f"The terminal's password file {file} cannot be read: {error.strerror}.",
            advice="Check password_file and who may read the file.",
        ) from error
    password = text.strip()
    if len(password) != _PASSWORD_DIGITS or not (password.isascii() and password.isdecimal()):
        raise SettingsInvalid(
            "password_file_invalid",
            f"The terminal's password file {file} does not hold six digits.",
            advice="Write the terminal's six-digit password into it and nothing else.",
        )
    return password
