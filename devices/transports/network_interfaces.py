"""At which addresses this machine is on which networks, and who could be its neighbour there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Interface
from typing import Final

_NETWORK_BITS_MAX: Final = 30
"""A network of fewer than two other addresses is a tunnel: nobody announces himself there."""


class NetworkInterfaces:
    """The machine's own addresses. `only`: these and no others, a test's loopback among them."""

    def __init__(self, only: Sequence[str] = ()) -> None:
        self._only = frozenset(only)

    def now(self) -> tuple[IPv4Interface, ...]:
        """Return those that are up, with their networks."""
        import ifaddr  # noqa: PLC0415 - comes with the optional library of service_announcements

        return tuple(
            sorted(
                interface
                for adapter in ifaddr.get_adapters()
                for each in adapter.ips
                if isinstance(each.ip, str)
                and self._wanted(interface := IPv4Interface(f"{each.ip}/{each.network_prefix}"))
            )
        )

    def _wanted(self, interface: IPv4Interface) -> bool:
        if self._only:
            return str(interface.ip) in self._only
        return not interface.is_loopback and interface.network.prefixlen <= _NETWORK_BITS_MAX


def is_neighbour(address: IPv4Address, interfaces: Iterable[IPv4Interface]) -> bool:
    """Say whether an address can be another machine of one of our networks."""
    interfaces = tuple(interfaces)
    return all(address != interface.ip for interface in interfaces) and any(
        address in (network := interface.network)
        and address not in {network.network_address, network.broadcast_address}
        for interface in interfaces
    )
