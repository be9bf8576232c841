"""Printers and liars that announce themselves by mDNS, on loopback only.

Made with dnspython and plain sockets, which know nothing of the library that listens. Answers go
to 127.0.0.1 port 5353 alone; questions are heard in the group, on the loopback interface, where
the listener asks them. One at a time on a machine: a lock keeps test processes apart.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

GROUP = "224.0.0.251"
PORT = 5353
LISTENER = "127.0.0.1"
FLUSH = 0x8001
"""Class IN with the cache-flush bit (RFC 6762, 10.2): these records replace what was known."""


def dns_name(*labels: bytes) -> dns.name.Name:
    return dns.name.Name([*labels, b"local", b""])


@dataclass
class Service:
    """One announced service: `kind` such as `_ipp._tcp`, its strings as they lie in the TXT."""

    kind: str
    name: bytes
    address: str
    port: int = 9100
    strings: tuple[bytes, ...] = ()
    host: bytes = b"printer"
    records: str = "SRV TXT A"
    """Those that are told together with the pointer; others wait to be asked for."""

    @property
    def kind_name(self) -> dns.name.Name:
        return dns_name(*self.kind.encode().split(b"."))

    @property
    def instance(self) -> dns.name.Name:
        return dns_name(self.name, *self.kind.encode().split(b"."))

    def record(self, kind: str, ttl: int) -> dns.rrset.RRset:
        host = dns_name(self.host)
        match kind:
            case "PTR":
                return _rrset(self.kind_name, 1, "PTR", self.instance.to_wire() or b"", ttl)
            case "SRV":
                data = struct.pack(">HHH", 0, 0, self.port) + (host.to_wire() or b"")
                return _rrset(self.instance, FLUSH, "SRV", data, ttl)
            case "TXT":
                data = b"".join(bytes([len(each)]) + each for each in self.strings) or b"\0"
                return _rrset(self.instance, FLUSH, "TXT", data, ttl)
            case _:
                data = socket.inet_aton(self.address)
                return _rrset(host, FLUSH, "A", data, ttl)


def _rrset(name: dns.name.Name, cls: int, kind: str, data: bytes, ttl: int) -> dns.rrset.RRset:
    rdclass, rdtype = dns.rdataclass.RdataClass.make(cls), dns.rdatatype.from_text(kind)
    made = dns.rrset.RRset(name, rdclass, rdtype)
    made.add(dns.rdata.GenericRdata(rdclass, rdtype, data), ttl)
    return made


def answer(records: Iterable[dns.rrset.RRset]) -> bytes:
    message = dns.message.Message(id=0)
    message.flags = dns.flags.QR | dns.flags.AA
    message.answer.extend(records)
    return message.to_wire(max_size=65_535)


@dataclass
class SimulatedNetwork:
    """Everything that announces itself; `asked` are the questions that were heard."""

    services: list[Service] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    silent: bool = False

    def open(self) -> None:
        self._mouth, self._ears = _shared("127.0.0.2"), _shared(GROUP)
        member = socket.inet_aton(GROUP) + socket.inet_aton(LISTENER)
        self._ears.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        self._ears.setblocking(False)
        asyncio.get_running_loop().add_reader(self._ears, self._hear)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._ears)
        self._ears.close()
        self._mouth.close()

    def say(self, packet: bytes) -> None:
        self._mouth.sendto(packet, (LISTENER, PORT))

    def announce(self, *services: Service, ttl: int = 4500) -> None:
        """Tell of services by themselves, as one does who was just switched on."""
        for service in services:
            kinds = ("PTR", *service.records.split())
            self.say(answer(service.record(kind, ttl if kind == "PTR" else min(ttl, 120))
                            for kind in kinds))  # fmt: skip

    def goodbye(self, *services: Service) -> None:
        self.say(answer(service.record("PTR", 0) for service in services))

    def _hear(self) -> None:
        try:
            packet = self._ears.recv(9_000)
            question = dns.message.from_wire(packet, ignore_trailing=True)
        except (BlockingIOError, dns.exception.DNSException):
            return
        if question.flags & dns.flags.QR:
            return
        for each in question.question:
            kind = dns.rdatatype.to_text(each.rdtype)
            self.asked.append(f"{each.name} {kind}")
            if self.silent:
                continue
            for service in list(self.services):
                if each.name == service.kind_name and kind in {"PTR", "ANY"}:
                    self.announce(service)
                elif each.name == service.instance and kind in {"SRV", "TXT", "ANY"}:
                    self.say(answer([service.record(kind, 120)]))
                elif each.name == dns_name(service.host) and kind in {"A", "ANY"}:
                    self.say(answer([service.record("A", 120)]))


def _shared(address: str) -> socket.socket:
    """Bind to the port as every mDNS responder of a machine does: beside others."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    made.bind((address, PORT))
    return made


@contextmanager
def alone_on_loopback() -> Iterator[None]:
    """Keep other test processes of this machine off port 5353 meanwhile."""
    lock = Path(tempfile.gettempdir()) / "tillbox-mdns-tests.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
