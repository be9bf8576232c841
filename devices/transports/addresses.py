"""Where a device is, as one text.

- `tcp://192.0.2.7:9100`
- `tls://192.0.2.7:8443?ca=FILE&name=DEVICE.maker.example`: a device with a certificate
- `serial:///dev/ttyACM0?baud=9600`
- `usb:///dev/usb/lp0`, or `usb:04b8:0e15:SERIAL` for a printer wherever it is plugged in (the
  serial number may be left out)
- `input:///dev/input/by-id/usb-NAME-event-kbd` for a scanner in keyboard mode, or where that is
  not stable `input:usb/VID:PID`, `input:usb/VID:PID:SERIAL`, `input:port/usb-0000:00:14.0-1.2`;
  for one in point-of-sale mode the same with `hidraw:`

What a URL means something by (`?`, `#`, `%`) is written as %XX.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from devices.transports.byte_stream import Connector
from devices.transports.hidraw_reports import hidraw_connector
from devices.transports.input_events import input_connector
from devices.transports.plugged_in import PluggedAddress
from devices.transports.serial_port import PARITIES, SerialLine, serial_connector
from devices.transports.tcp_stream import tcp_connector
from devices.transports.tls_stream import tls_connector
from devices.transports.usb_printer import UsbId, usb_printer_connector
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock

_WAYS: Final = (
    "tcp://HOST:PORT",
    "tls://HOST:PORT?ca=FILE with, where the certificate does not name the host, &name=NAME",
    "serial:///dev/NAME with, where needed, ?baud=9600&bits=8&parity=n&stop=1",
    "usb:///dev/usb/lp0 or usb:VENDOR:PRODUCT for a printer",
    "input:///dev/input/by-id/NAME, input:usb/VID:PID[:SERIAL] or input:port/PORT for a scanner",
    "hidraw: in the place of input: for one in point-of-sale mode",
)
_ADVICE: Final = f"Write one of: {'; '.join(_WAYS)}."
_USB_ID: Final = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4})(?::([!-~]{1,126}))?", re.IGNORECASE)
"""A serial number has at most 126 characters (USB 2.0, 9.6.7)."""
_BITS: Final = ("7", "8")
_STOP_BITS: Final = ("1", "2")
_BAUD_MAX: Final = 4_000_000


@dataclass(frozen=True)
class _Address:
    """An address taken apart; `host` is empty without one, `path` is unquoted."""

    text: str
    host: str
    port: int
    path: str
    modem_lines: bool
    query: dict[str, str] = field(default_factory=dict)

    def invalid(self, why: str) -> SettingsInvalid:
        return _invalid(self.text, why)

    def nothing_else(self, what: str) -> None:
        """Refuse what is left of the query."""
        if self.query:
            raise self.invalid(f"{next(iter(self.query))!r} is no setting of {what}")


def connector_to(address: str, clock: Clock, *, modem_lines: bool = False) -> Connector:
    """Return a connector to an address; raises SettingsInvalid naming what is wrong in it.

    `modem_lines`: whether those of a serial port are wanted beside its bytes (`lines_of`).
    """
    try:
        parts = urlsplit(address)
        port = parts.port or 0
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError as error:
        raise _invalid(address, str(error)) from None
    connector = _CONNECTORS.get(parts.scheme)
    if connector is None or parts.fragment or "@" in parts.netloc:
        raise _invalid(address, f"it begins with none of {', '.join(_CONNECTORS)} as written here")
    host = parts.hostname or ""
    return connector(_Address(address, host, port, unquote(parts.path), modem_lines, query), clock)


def _tcp(address: _Address, clock: Clock) -> Connector:
    _check_peer(address)
    address.nothing_else("a TCP connection")
    return tcp_connector(address.host, address.port, clock)


def _tls(address: _Address, clock: Clock) -> Connector:
    _check_peer(address)
    ca_file, name = address.query.pop("ca", ""), address.query.pop("name", "")
    address.nothing_else("a TLS connection")
    if not ca_file:
        raise address.invalid("it does not say which root certificate to believe")
    return tls_connector(address.host, address.port, ca_file, name, clock)


def _check_peer(address: _Address) -> None:
    if not (address.host and address.port) or address.path:
        raise address.invalid("it needs a host and a port, and nothing behind them")


def _serial(address: _Address, clock: Clock) -> Connector:
    _check_here(address)
    if not address.path.startswith("/"):
        raise address.invalid("it does not name a file")
    line = _line(address)
    return serial_connector(replace(line, modem_lines=address.modem_lines), clock)


def _usb(address: _Address, clock: Clock) -> Connector:
    _check_here(address)
    address.nothing_else("a printer at USB")
    if address.path.startswith("/"):
        return usb_printer_connector(address.path, clock)
    found = _USB_ID.fullmatch(address.path)
    if found is None:
        raise address.invalid("no printer at USB is named like that")
    vendor, product, serial = found.groups("")
    return usb_printer_connector(UsbId(vendor.lower(), product.lower(), serial), clock)


def _input(address: _Address, clock: Clock) -> Connector:
    _check_here(address)
    address.nothing_else("a scanner in keyboard mode")
    return input_connector(_scanner(address), clock)


def _hidraw(address: _Address, clock: Clock) -> Connector:
    _check_here(address)
    address.nothing_else("a scanner in point-of-sale mode")
    return hidraw_connector(_scanner(address), clock)


def _scanner(address: _Address) -> PluggedAddress:
    path = address.path
    if path.startswith("/dev/"):
        return PluggedAddress(path=path)
    kind, _, where = path.partition("/")
    if kind == "port" and where:
        return PluggedAddress(port=where)
    if kind == "usb" and (ids := _USB_ID.fullmatch(where)):
        vendor, product, serial = ids.groups("")
        return PluggedAddress(vendor=int(vendor, 16), product=int(product, 16), serial=serial)
    raise address.invalid("no scanner is named like that")


def _check_here(address: _Address) -> None:
    if address.host or address.port:
        raise address.invalid("what is plugged in here has no host: write three slashes")


def _line(address: _Address) -> SerialLine:
    query = address.query
    baud = query.pop("baud", "9600")
    bits = query.pop("bits", "8")
    parity = query.pop("parity", "n")
    stop_bits = query.pop("stop", "1")
    address.nothing_else("a serial line")
    if not (baud.isascii() and baud.isdigit() and 0 < int(baud[:9]) <= _BAUD_MAX):
        raise address.invalid(f"baud {baud!r} is no speed")
    if bits not in _BITS or parity not in PARITIES or stop_bits not in _STOP_BITS:
        raise address.invalid("bits is 7 or 8, parity n, e or o, stop 1 or 2")
    return SerialLine(address.path, int(baud[:9]), int(bits), parity, int(stop_bits))


def _invalid(address: str, why: str) -> SettingsInvalid:
    return SettingsInvalid(
        "address_invalid", f"The address {address[:200]!r} cannot be used: {why}.", advice=_ADVICE
    )


_CONNECTORS: Final[dict[str, Callable[[_Address, Clock], Connector]]] = {
    "tcp": _tcp,
    "tls": _tls,
    "serial": _serial,
    "usb": _usb,
    "input": _input,
    "hidraw": _hidraw,
}
