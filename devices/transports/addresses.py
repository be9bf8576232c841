"""Where a device is, as one text.

- `tcp://192.0.2.7:9100`
- `tls://192.0.2.7:8443?ca=FILE&name=DEVICE.maker.example`: a device with a certificate
- `serial:///dev/ttyACM0?baud=9600`
- `usb:///dev/usb/lp0`, or `usb:04b8:0e15:SERIAL` for a printer wherever it is plugged in (the
  serial number may be left out)
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from devices.transports.byte_stream import Connector
from devices.transports.serial_port import PARITIES, SerialLine, serial_connector
from devices.transports.tcp_stream import tcp_connector
from devices.transports.tls_stream import tls_connector
from devices.transports.usb_printer import UsbId, usb_printer_connector
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock

_ADVICE: Final = (
    "Write tcp://HOST:PORT; tls://HOST:PORT?ca=FILE with, where the certificate does not name the "
    "host, &name=NAME; usb:///dev/usb/lp0 or usb:VENDOR:PRODUCT; or serial:///dev/NAME with, "
    "where needed, ?baud=9600&bits=8&parity=n&stop=1."
)
_USB_ID: Final = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4})(?::([!-~]{1,126}))?", re.IGNORECASE)
"""A serial number has at most 126 characters (USB 2.0, 9.6.7)."""
_BITS: Final = ("7", "8")
_STOP_BITS: Final = ("1", "2")
_BAUD_MAX: Final = 4_000_000


def connector_to(address: str, clock: Clock, *, modem_lines: bool = False) -> Connector:
    """Return a connector to an address; raises SettingsInvalid naming what is wrong in it.

    `modem_lines`: whether those of a serial port are wanted beside its bytes (`lines_of`).
    """
    try:
        parts = urlsplit(address)
        port = parts.port
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError as error:
        raise _invalid(address, str(error)) from None
    if parts.scheme == "tcp" and parts.hostname and port and not (parts.path or query):
        return tcp_connector(parts.hostname, port, clock)
    if parts.scheme == "tls" and parts.hostname and port and not parts.path:
        return tls_connector(parts.hostname, port, *_certificate(address, query), clock)
    if parts.scheme == "serial" and not parts.netloc and parts.path.startswith("/"):
        line = replace(_line(address, parts.path, query), modem_lines=modem_lines)
        return serial_connector(line, clock)
    if parts.scheme == "usb" and not (parts.netloc or query):
        return usb_printer_connector(_printer(address, parts), clock)
    raise _invalid(address, "it is neither tcp, tls, usb nor serial as they are written")


def _certificate(address: str, query: dict[str, str]) -> tuple[str, str]:
    ca_file, name = query.pop("ca", ""), query.pop("name", "")
    if query:
        raise _invalid(address, f"{next(iter(query))!r} is no setting of a TLS connection")
    if not ca_file:
        raise _invalid(address, "it does not say which root certificate to believe")
    return ca_file, name


def _printer(address: str, parts: SplitResult) -> str | UsbId:
    if parts.path.startswith("/"):
        return parts.path
    found = _USB_ID.fullmatch(address.partition(":")[2])
    if found is None:
        raise _invalid(address, "no printer at USB is named like that")
    vendor, product, serial = found.groups("")
    return UsbId(vendor.lower(), product.lower(), serial)


def _line(address: str, path: str, query: dict[str, str]) -> SerialLine:
    baud = query.pop("baud", "9600")
    bits = query.pop("bits", "8")
    parity = query.pop("parity", "n")
    stop_bits = query.pop("stop", "1")
    if query:
        raise _invalid(address, f"{next(iter(query))!r} is no setting of a serial line")
    if not (baud.isascii() and baud.isdigit() and 0 < int(baud[:9]) <= _BAUD_MAX):
        raise _invalid(address, f"baud {baud!r} is no speed")
    if bits not in _BITS or parity not in PARITIES or stop_bits not in _STOP_BITS:
        raise _invalid(address, "bits is 7 or 8, parity n, e or o, stop 1 or 2")
    return SerialLine(path, int(baud[:9]), int(bits), parity, int(stop_bits))


def _invalid(address: str, why: str) -> SettingsInvalid:
    return SettingsInvalid(
        "address_invalid", f"The address {address[:200]!r} cannot be used: {why}.", advice=_ADVICE
    )
