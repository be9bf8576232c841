"""A scan goes to the basket of the till that its scanner serves, from any screen.

While the till checks prices (`price_checking`) it goes there instead, and to no basket; while
empties come back, it is one of them.

A scan older than its expiry belongs to the last customer: it is dropped and shown, never
put in the next one's basket. The scan's id is the command's id: delivered twice, it is
added once. A receipt's code is no article: the till is told of it, and its screen shows
what of that sale may come back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.device_messages import EVENT_SCAN, BarcodeScanned, DeviceEvent
from edge.contract.device_topics import every_device, parse_topic
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.limits import (
    RECEIPT_TEXT_CHARS_MAX,
    SCAN_AGE_MS_MAX,
    SCANS_WAITING_MAX,
)
from edge.contract.till_commands import AddItem, ReturnEmpties
from edge.contract.wire import UNREADABLE
from edge.engine.receipt_finding import is_receipt_code, receipt_asked
from edge.flows.device_directory import DeviceDirectory
from edge.flows.price_checking import PriceChecks
from edge.flows.selling import Selling
from edge.flows.till import Till, takes_empties
from edge.runtime.bus import Bus, BusMessage
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

_SCANS: Final = f"/event/{EVENT_SCAN}"
_EVENT: Final = msgspec.json.Decoder(DeviceEvent)
_SCAN: Final = msgspec.json.Decoder(BarcodeScanned)
_SHOWN_CHARS_MAX: Final = 40

CashierOf = Callable[[str], str | None]
"""Says who is signed in at a till; None for nobody."""


@dataclass
class Scanning:
    """Hears the scanners of a store. `dropped` counts what was no scan for any till."""

    store: str
    bus: Bus
    directory: DeviceDirectory
    selling: Selling
    checks: PriceChecks
    cashier_of: CashierOf
    clock: Clock
    log: Log
    tasks: Supervisor
    dropped: int = 0
    _waiting: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """Hear scans until cancelled."""
        # as those say it who hear all events: of two filters that overlap each gets its own copy
        scans = self.bus.subscribe([every_device(self.store, "event/+")])
        try:
            async for message in scans:
                if message.topic.endswith(_SCANS):
                    self._take(message)
        finally:
            scans.close()

    def _take(self, message: BusMessage) -> None:
        topic = parse_topic(message.topic)
        till_id = topic and self.directory.served_till(topic.host, topic.device, "scanner")
        if not till_id or message.retained:
            self.dropped += 1
            self.log.warning("scan_foreign", topic=message.topic, retained=message.retained)
            return
        try:
            event = _EVENT.decode(message.payload)
            scan = _SCAN.decode(event.data)
        except UNREADABLE as error:
            self.dropped += 1
            self.log.warning("scan_garbled", topic=message.topic, reason=str(error))
            return
        till = self.selling.tills[till_id]
        if self._waiting[till_id] >= SCANS_WAITING_MAX:
            self._flooded(till)
            return
        # tills take their scans side by side; one till's wait for each other at its lock
        self._waiting[till_id] += 1
        _ = self.tasks.spawn(f"scan {event.id}", self._take_one(till, event, scan))

    def _flooded(self, till: Till) -> None:
        self.dropped += 1
        if till.notice is not None and till.notice.code == "scans_too_many":
            return
        self.log.warning("scans_too_many", till=till.id, waiting=SCANS_WAITING_MAX)
        till.say(
            "scans_too_many",
            "refused",
            "Scans come faster than they can be taken, and some were dropped. "
            "Check what is in the sale.",
        )
        self.selling.views.publish(till)

    async def _take_one(self, till: Till, event: DeviceEvent, scan: BarcodeScanned) -> None:
        try:
            await self._add(till, event, scan)
        finally:
            self._waiting[till.id] -= 1

    async def _add(self, till: Till, event: DeviceEvent, scan: BarcodeScanned) -> None:
        now = self.clock.now_ms()
        if not event.ts - SCAN_AGE_MS_MAX <= now <= event.expires_at:
            till.say(
                "scan_stale",
                "refused",
                f"The scan of {scan.text[:_SHOWN_CHARS_MAX]} came too late and was dropped. "
                "Scan it again.",
                {"code": scan.text[:_SHOWN_CHARS_MAX]},
            )
            self.selling.views.publish(till)
            return
        cashier = self.cashier_of(till.id)
        if cashier is None:
            till.say("scan_not_signed_in", "refused", "Sign in first, then scan again.")
            self.selling.views.publish(till)
            return
        if till.price_check is not None:
            self.checks.scan(till, event.id, scan.text, scan.aim)
            return
        if is_receipt_code(scan.text):
            self._show_receipt(till, event.id, scan.text)
            return
        command: AddItem | ReturnEmpties = (
            ReturnEmpties(command_id=event.id, code=scan.text)
            if till.empties == cashier and takes_empties(till, till.cart)
            else AddItem(command_id=event.id, code=scan.text)
        )
        try:
            await self.selling.command(till, cashier, command, entry="scanned", aim=scan.aim)
        except Refused as refusal:
            self.log.info("scan_refused", till=till.id, code=refusal.code)

    def _show_receipt(self, till: Till, scan: str, text: str) -> None:
        if till.notice is not None and till.notice.params.get("scan") == scan:
            return  # delivered twice
        code = text.strip()[:RECEIPT_TEXT_CHARS_MAX]
        try:
            number = receipt_asked(code)[0][:_SHOWN_CHARS_MAX]
        except Refused as refusal:
            till.say(refusal.code, "refused", refusal.message, {"scan": scan})
            self.selling.views.publish(till)
            return
        till.say(
            "receipt_scanned",
            "ok",
            f"Receipt {number} was scanned. Choose what comes back.",
            {"code": code, "receipt": number, "scan": scan},
        )
        self.selling.views.publish(till)
