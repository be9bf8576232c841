"""What was found on the network, as devices that a person may adopt; several services are one.

An address is the one of this moment, and so what an adopted device is bound to: a name that any
machine of the network can claim would let it take the place of a printer, or of a payment
terminal, whose answers are money. When a printer is given another address, it shows as found at
that one, and is put in its own place by hand; better, the router always gives it the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Protocol

from devices.host import network_names
from devices.host.device_finder import DeviceFinder, Discovered
from devices.host.network_names import IPP, LPR, NETWORK_PRINTER, RAW
from devices.protocols.service_text import plain, read_service_text
from devices.transports.service_announcements import Announcement
from edge.contract.device_limits import FOUND_DEVICES_MAX, FOUND_TEXT_CHARS_MAX
from edge.contract.device_states import FoundDevice

_RAW_PORT: Final = 9_100
"""Where receipt and label printers take plain bytes, also those that announce only IPP or LPR."""
_SCHEMES: Final = {RAW: "tcp", LPR: "lpr", IPP: "ipp"}
_PRINTING: Final = (RAW, LPR, IPP)


class Heard(Protocol):
    """Who listens to the network."""

    def heard(self) -> tuple[Announcement, ...]:
        """Return what announces itself now, by address."""
        ...


@dataclass(frozen=True)
class NetworkFinder:
    """Finds what announces itself."""

    listener: Heard

    def find(self) -> tuple[Discovered, ...]:
        """Return everything that announces itself, adopted or not, by address."""
        return devices_of(self.listener.heard())


@dataclass(frozen=True)
class SeveralFinders:
    """Asks several. Together they find no more than a report holds, the first ones' first.

    However much a network announces, what is plugged in stays in sight.
    """

    finders: Sequence[DeviceFinder]

    def find(self) -> tuple[Discovered, ...]:
        """Return what all of them find."""
        found = tuple(each for finder in self.finders for each in finder.find())
        return found[:FOUND_DEVICES_MAX]


def devices_of(announcements: Iterable[Announcement]) -> tuple[Discovered, ...]:
    """Return a device for each printer, however many services it announces, and each other one."""

    def device(each: Announcement) -> tuple[str, str]:
        return each.address, "" if each.kind in _PRINTING else f"{each.kind} {each.name}"

    in_order = sorted(announcements, key=lambda each: (device(each), _rank(each), each.name))
    return tuple(_discovered(tuple(services)) for _, services in groupby(in_order, device))


def _rank(each: Announcement) -> int:
    """Put what takes plain bytes first, and last what has port 0: that is not offered."""
    kinds = network_names.KINDS
    return (kinds.index(each.kind) if each.kind in kinds else len(kinds)) + 10 * (not each.port)


def _discovered(services: tuple[Announcement, ...]) -> Discovered:
    """Describe a device by its services, the one that takes plain bytes first."""
    first = services[0]
    # of a key that several services tell, the first one's word counts
    text = {
        key: value
        for each in reversed(services)
        for key, value in read_service_text(each.text).items()
        if value
    }
    name = plain(first.name)
    kind, driver = network_names.what_it_is(first.kind, name, text)
    raw_ports = [each.port for each in services if each.kind == RAW and each.port]
    if raw_ports or kind == NETWORK_PRINTER:
        scheme, port = "tcp", next(iter(raw_ports), _RAW_PORT)
    else:
        scheme, port = _SCHEMES.get(first.kind, first.kind.strip("_").partition(".")[0]), first.port
    places = {
        f"{host}:{each}"
        for host in (first.address, plain(first.host))
        for each in {port, _RAW_PORT, *raw_ports}
    }
    return Discovered(
        FoundDevice(
            f"{scheme}://{first.address}:{port}",
            network_names.called(name, text)[:FOUND_TEXT_CHARS_MAX],
            driver,
            kind=kind,
        ),
        frozenset(places),
    )
