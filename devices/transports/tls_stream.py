"""TLS connections to devices whose certificate names the device and not its address.

A terminal in the shop's network is reached by a number, and its certificate bears the name its
maker gave it. So the chain is verified as always, against the maker's root only, and the name
here instead of in the library. Source: the maker's rules for validating terminal certificates
(common names such as `P400Plus-123456789.live.terminal.adyen.com`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Final

from devices.transports.asyncio_stream import READER_BYTES_MAX, AsyncioStream
from devices.transports.byte_stream import ByteStream, Connector
from devices.transports.tcp_stream import keep_watch
from edge.contract.device_limits import (
    DEVICE_CONNECT_MS_MAX,
)
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

_ANY_LABEL: Final = "*"
_CERTIFICATE_ADVICE: Final = (
    "Check that this is the right device and the right certificate file. Do not use it before that."
)

Certificate = Mapping[str, Any]
"""A verified certificate as `ssl.SSLSocket.getpeercert` returns it."""


def tls_connector(host: str, port: int, ca_file: str, name: str, clock: Clock) -> Connector:
    """Return a connector to `host:port` that believes only certificates below `ca_file` (PEM).

    `name` is what the certificate must be for, `*` standing for one whole label between dots;
    empty: the host itself. A try takes `DEVICE_CONNECT_MS_MAX` at most.
    """

    async def connect() -> ByteStream:
        where = f"{host}:{port}"
        context = _context(ca_file, where, checks_host=not name)
        try:
            async with clock.timeout(DEVICE_CONNECT_MS_MAX / 1000):
                reader, writer = await asyncio.open_connection(
                    host, port, limit=READER_BYTES_MAX, ssl=context, server_hostname=host
                )
        except ssl.SSLCertVerificationError as error:
            raise DeviceUnreachable(
                "certificate_not_trusted",
                f"The device at {where} shows a certificate that is not to be trusted: "
                f"{error.verify_message or error.reason}.",
                advice=_CERTIFICATE_ADVICE,
            ) from error
        except ssl.SSLError as error:
            raise DeviceUnreachable(
                "no_tls",
                f"The device at {where} does not speak TLS as it should: {error.reason or error}.",
                advice="Check the address and the port.",
            ) from error
        except OSError as error:  # TimeoutError and unknown names are among them
            raise DeviceUnreachable(
                "no_connection",
                f"Nothing answers at {where}: {error.strerror or 'no answer in time'}.",
                advice="Check that the device is on, its network cable, and its address.",
            ) from error
        stream = AsyncioStream(reader, writer, clock, where)
        certificate = writer.get_extra_info("peercert") or {}
        if name and not any(name_fits(name, each) for each in certificate_names(certificate)):
            await stream.close()
            raise DeviceUnreachable(
                "certificate_of_another",
                f"The device at {where} is {_listed(certificate_names(certificate))}, "
                f"and not {name}.",
                advice=_CERTIFICATE_ADVICE,
            )
        keep_watch(writer.get_extra_info("socket"))
        return stream

    return connect


def name_fits(pattern: str, name: str) -> bool:
    """Say whether a certificate's name is as wanted; `*` is one whole label, case is nothing."""
    wanted, found = pattern.lower().split("."), name.lower().split(".")
    return len(wanted) == len(found) and all(
        label == mine or (label == _ANY_LABEL and bool(mine))
        for label, mine in zip(wanted, found, strict=True)
    )


def certificate_names(certificate: Certificate) -> tuple[str, ...]:
    """Return the DNS names of a certificate; where it has none, its common names."""
    names = tuple(
        str(value) for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"
    )
    if names:
        return names
    return tuple(
        str(value)
        for part in certificate.get("subject", ())
        for kind, value in part
        if kind == "commonName"
    )


def _listed(names: Sequence[str]) -> str:
    return " or ".join(name[:100] for name in names[:3]) or "nobody by name"


def _context(ca_file: str, where: str, *, checks_host: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = checks_host
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one: a file without a certificate in it
        raise DeviceUnreachable(
            "ca_file_unusable",
            f"The certificate file {ca_file} for the device at {where} cannot be used: "
            f"{error.strerror or 'there is no certificate in it'}.",
            advice="Write the maker's root certificate there, as PEM, readable for this service.",
        ) from error
    return context
