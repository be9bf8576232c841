"""People adopt devices, bind them to tills, replace them and give them up.

Each is an event in the ledger first; then the directory has it, and the host is told what it is
to run. What stands in edge.toml is the fixed part and comes first.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.device_adoption import (
    AdoptDevice,
    AdoptionBody,
    BindDevice,
    BoundDevice,
    ReleaseDevice,
    ReplaceDevice,
)
from edge.contract.device_events import (
    DeviceAdopted,
    DeviceBound,
    DeviceReleased,
    DeviceReplaced,
)
from edge.contract.device_states import DriverOffer
from edge.contract.wire import encode
from edge.engine import adoption_rules
from edge.engine.adoption_rules import ShopDevices
from edge.flows.device_directory import DeviceDirectory
from edge.flows.device_reports import DeviceReports
from edge.ledger.adopted_devices import AdoptedDevices
from edge.ledger.event_log import Ledger
from edge.ledger.records import CommandReply, Record, Repeated
from edge.runtime.bus import BusUnavailable
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

Wish = AdoptDevice | BindDevice | ReplaceDevice | ReleaseDevice
AdoptionEvent = DeviceAdopted | DeviceBound | DeviceReplaced | DeviceReleased
_FINGERPRINT_BYTES: Final = 16


@dataclass
class Adoption:
    """The devices of a store, fixed and adopted. One wish at a time is decided and recorded.

    `hold(device)` raises Refused while its hardware may not go, since it owes an answer.
    """

    ledger: Ledger
    adopted: AdoptedDevices
    directory: DeviceDirectory
    reports: DeviceReports
    tills: tuple[str, ...]
    fixed: tuple[BoundDevice, ...]
    log: Log
    tasks: Supervisor
    hold: Callable[[str], None] = lambda _device: None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def open(self) -> None:
        """Read what was adopted, before the first greeting: the directory has it from then on."""
        await self.directory.assign(await self._all())

    async def adopt(self, till: str, actor: str, wish: AdoptDevice) -> bytes:
        """Adopt a device and return the answer; the same wish gets the same one.

        Raises Refused with nothing changed, StorageFailed when the outcome is not known.
        `till` and `actor` are where and by whom it is wished; so for the others.
        """
        return await self._carry_out(
            till, actor, "", wish, lambda shop: adoption_rules.adopt(shop, wish)
        )

    async def bind(self, till: str, actor: str, device: str, wish: BindDevice) -> bytes:
        """Give a device another till, other roles, another name."""
        return await self._carry_out(
            till, actor, device, wish, lambda shop: adoption_rules.bind(shop, device, wish)
        )

    async def replace(self, till: str, actor: str, device: str, wish: ReplaceDevice) -> bytes:
        """Put other hardware in a device's place."""

        def decide(shop: ShopDevices) -> AdoptionEvent:
            event = adoption_rules.replace(shop, device, wish)
            self.hold(device)
            return event

        return await self._carry_out(till, actor, device, wish, decide)

    async def release(self, till: str, actor: str, device: str, wish: ReleaseDevice) -> bytes:
        """Give a device up."""

        def decide(shop: ShopDevices) -> AdoptionEvent:
            event = adoption_rules.release(shop, device, wish)
            self.hold(device)
            return event

        return await self._carry_out(till, actor, device, wish, decide)

    def shop(self) -> ShopDevices:
        """Return the store's devices as the rules look at them."""
        return ShopDevices(
            self.tills,
            tuple(self.directory.devices),
            frozenset(device.id for device in self.fixed),
            {host: self.offers(host) for host, seen in self.reports.hosts.items() if seen.info},
        )

    def offers(self, host: str) -> dict[str, DriverOffer]:
        """Return the drivers that a host has said it has, by name."""
        report = self.reports.hosts.get(host)
        info = report.info if report else None
        return {offer.name: offer for offer in info.drivers} if info else {}

    def host_seen(self, host: str) -> None:
        """Tell a host that has no device so: what the broker kept for it may be old."""
        if all(device.host != host for device in self.directory.devices):
            _ = self.tasks.spawn(f"relieve {host}", self._relieve(host))

    async def _relieve(self, host: str) -> None:
        try:
            await self.directory.configure(host)
        except BusUnavailable:
            return  # its next birth asks again

    async def _carry_out(
        self,
        till: str,
        actor: str,
        device: str,
        wish: Wish,
        decide: Callable[[ShopDevices], AdoptionEvent],
    ) -> bytes:
        text = f"{actor}|{device}|{type(wish).__name__}|".encode() + encode(wish)
        identity = CommandReply(
            wish.command_id, hashlib.sha256(text).digest()[:_FINGERPRINT_BYTES], b""
        )
        async with self._turn:
            kept = await self.ledger.find_reply(identity)
            if kept is not None:
                return kept
            event = decide(self.shop())
            reply = encode(AdoptionBody(event.device))
            answered = msgspec.structs.replace(identity, reply=reply)
            record = Record((event,), till, actor, reply=answered)
            recorded = await self.ledger.record(record)
            if isinstance(recorded, Repeated):
                return recorded.reply
            self.log.info(event.TYPE, device=event.device, by=actor)
            await self.directory.assign(await self._all())
        self.reports.changed()
        return reply

    async def _all(self) -> tuple[BoundDevice, ...]:
        """Return the fixed devices and those adopted; of two of one id the fixed one."""
        fixed = {device.id for device in self.fixed}
        adopted = await self.adopted.all()
        for device in adopted:
            if device.id in fixed:
                self.log.error("adopted_device_hidden", device=device.id)
        return (*self.fixed, *(device for device in adopted if device.id not in fixed))
