"""One trouble of each kind, as the MQTT client would raise it."""

from __future__ import annotations

import socket
import ssl

from edge.runtime.broker_trouble import BrokerPlace, BrokerTrouble

PLACE = BrokerPlace("box.local", 8883, "till2", tls=True)


def wrapped(error: BaseException) -> BaseException:
    """Return an error as aiomqtt raises it: its own, `from None`."""
    outer = RuntimeError(str(error))
    outer.__context__, outer.__suppress_context__ = error, True
    return outer


def certificate_refused(number: int) -> ssl.SSLCertVerificationError:
    """Return what Python raises for OpenSSL's verify code."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = number
    error.verify_message = "what OpenSSL says"
    return error


def every_trouble() -> list[BrokerTrouble]:
    errors = [
        certificate_refused(62),
        certificate_refused(10),
        certificate_refused(19),
        ssl.SSLError(1, "wrong version number"),
        socket.gaierror(-2, "Name or service not known"),
        ConnectionRefusedError(111, "Connection refused"),
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError(),
        OSError(101, "Network is unreachable"),
        RuntimeError("something else"),
    ]
    found = [PLACE.trouble(wrapped(error)) for error in errors[:-1]]
    found.append(PLACE.trouble(errors[-1]))
    refusals = (134, 133, 132, 136)
    found += [PLACE.trouble(RuntimeError(""), refused=number) for number in refusals]
    return found
