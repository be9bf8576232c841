"""Why there is no connection to a broker, in words that say what a person should do."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Final

_HOST_NAMES: Final = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH (OpenSSL, x509_vfy.h)."""
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_USER_OR_PASSWORD: Final = frozenset({4, 134})
"""CONNACK's code in MQTT 3.1.1 (3.2.2.3) and in MQTT 5 (3.2.2.2)."""
_NOT_AUTHORISED: Final = frozenset({5, 135})
_CLIENT_ID: Final = frozenset({2, 133})
_VERSION: Final = frozenset({1, 132})


@dataclass(frozen=True)
class BrokerTrouble:
    """`code` is stable and names the kind of trouble; the words name broker and user."""

    code: str
    words: str
    advice: str = ""


@dataclass(frozen=True)
class BrokerPlace:
    """Which broker was asked, and by whom."""

    host: str
    port: int
    user: str
    tls: bool

    def trouble(self, error: BaseException, *, refused: int | None = None) -> BrokerTrouble:
        """Return the words for what the MQTT client raised. Never raises.

        `refused` is the code with which the broker itself said no (CONNACK), None for none. Why
        it ended a connection that stood is not known: paho keeps no reason shorter than three
        bytes (DISCONNECT of MQTT 5), and Mosquitto's has one.
        """
        if refused is not None:
            return self._refused(refused)
        found = _root(error)
        if isinstance(found, ssl.SSLCertVerificationError):
            return self._certificate(found)
        if isinstance(found, ssl.SSLError):
            reason = getattr(found, "reason", None) or found
            return BrokerTrouble(
                "broker_no_tls",
                f"{self._broker} does not speak TLS as it must: {reason}.",
                "Give the broker's TLS port, usually 8883; the one without TLS is for "
                "programs of the box itself.",
            )
        if isinstance(found, OSError):
            return self._unreachable(found)
        return BrokerTrouble(
            "broker_lost",
            f"The connection to the broker at {self.host}:{self.port} is lost.",
            f"It is tried again by itself. If it is lost every few seconds, two programs come as "
            f"{self.user}: give one of them a name and credentials of its own.",
        )

    @property
    def _broker(self) -> str:
        return f"The broker at {self.host}:{self.port}"

    def _refused(self, code: int) -> BrokerTrouble:
        if code in _USER_OR_PASSWORD or code in _NOT_AUTHORISED:
            return BrokerTrouble(
                "broker_refuses_password",
                f"{self._broker} does not let {self.user} in: it has no such user, "
                "or another password.",
                "Check user and password_file. New credentials for a device host are made on the "
                "box by `tillbox broker add-host` and taken by `tillbox devices join --again`.",
            )
        if code in _CLIENT_ID:
            return BrokerTrouble(
                "broker_refuses_name",
                f"{self._broker} does not take {self.user} for the name of a client.",
                "The user must be a name that the box gave out.",
            )
        if code in _VERSION:
            return BrokerTrouble(
                "broker_other_protocol",
                f"{self._broker} speaks another version of MQTT.",
                'Set protocol to "3.1.1" for the embedded broker, to "5" for Mosquitto.',
            )
        return BrokerTrouble(
            "broker_refuses", f"{self._broker} refuses {self.user} with code {code}."
        )

    def _certificate(self, error: ssl.SSLCertVerificationError) -> BrokerTrouble:
        number = error.verify_code
        if number in _HOST_NAMES:
            return BrokerTrouble(
                "broker_other_name",
                f"{self._broker} shows a certificate that is not made for the name {self.host!r}.",
                "Call the broker by a name or address that its certificate has, or have one made "
                f"that has {self.host!r} too. If neither explains it, somebody else answers there.",
            )
        if number in {_NOT_YET_VALID, _EXPIRED}:
            past = "has expired" if number == _EXPIRED else "is not valid yet"
            return BrokerTrouble(
                "broker_certificate_date",
                f"{self._broker} shows a certificate that {past}, by the clock of this machine.",
                "Check the clock of this machine; if it is right, renew the certificate.",
            )
        return BrokerTrouble(
            "broker_not_trusted",
            f"{self._broker} shows a certificate of another authority than the one in ca_file: "
            f"{error.verify_message}.",
            "Take ca_file from the box that this machine belongs to. If it is from there, "
            "somebody else answers at that address: do not trust it.",
        )

    def _unreachable(self, error: OSError) -> BrokerTrouble:
        if isinstance(error, socket.gaierror):
            return BrokerTrouble(
                "broker_name_unknown",
                f"Nobody here knows where {self.host!r} is.",
                "Check the name and this machine's network, or give the box's address.",
            )
        if isinstance(error, ConnectionRefusedError):
            return BrokerTrouble(
                "broker_not_listening",
                f"Nothing listens at {self.host}:{self.port}.",
                "Start the broker there, or correct host and port.",
            )
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            return self._closed()
        if isinstance(error, TimeoutError):
            return BrokerTrouble(
                "broker_silent",
                f"{self._broker} does not answer.",
                "Check that the box is on, the cable is in, and no firewall is between."
                + ("" if self.tls else " If that port is the one for TLS, give ca_file."),
            )
        return BrokerTrouble(
            "broker_unreachable",
            f"{self._broker} cannot be reached: {error.strerror or error}.",
            "Check this machine's network and that the box is on.",
        )

    def _closed(self) -> BrokerTrouble:
        if self.tls:
            advice = "Check that this is the broker's TLS port and that the box is well."
        else:
            advice = "If this is its TLS port, give ca_file; else check that the box is well."
        return BrokerTrouble("broker_no_answer", f"{self._broker} cut the connection.", advice)


def _root(error: BaseException) -> BaseException | None:
    """Return the error of the socket or of TLS behind the client's own."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, OSError):
        # aiomqtt raises `from None`: the context still has it
        seen = seen.__cause__ or seen.__context__
    return seen
