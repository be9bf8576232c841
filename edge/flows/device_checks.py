"""Technicians ask devices to show themselves: a test page, a health check, the drawer.

Written in the ledger before the device is asked. Never a payment. A drawer opens as without a sale:
the ledger has that as it has a cashier's, its job is kicked once, and its end is recorded.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.cash_events import NoSale
from edge.contract.device_adoption import BoundDevice
from edge.contract.device_events import DeviceTested
from edge.contract.device_messages import (
    DELIVERY,
    CheckHealthArgs,
    Job,
    JobKind,
    JobResult,
    JobStatus,
    KickDrawerArgs,
    PrintReceiptArgs,
)
from edge.contract.device_topics import HostTopics, ParsedTopic
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.limits import (
    DEVICE_TEST_MS_MAX,
    DEVICE_TESTS_OPEN_MAX,
    DRAWER_AGE_MS_MAX,
)
from edge.contract.receipt_document import (
    Align,
    Emphasis,
    FeedBlock,
    ReceiptDocument,
    RowBlock,
    RuleBlock,
    TextBlock,
)
from edge.contract.technician_views import DeviceTest, TestBody, TestRequest
from edge.contract.wire import encode
from edge.engine.text_safety import check_free_text
from edge.flows.device_wall import DeviceWall
from edge.flows.job_dispatch import JobDispatch
from edge.ledger.event_log import Ledger
from edge.ledger.records import CommandReply, OpenJob, Record, Repeated
from edge.runtime.bus import Bus, BusUnavailable

_RESULT: Final = msgspec.json.Decoder(JobResult)
_WAITING: Final = TestBody(
    "waiting",
    "test_no_answer",
    "The device has not answered yet.",
    "Look at the device; its state on the wall goes on.",
)
_ASKED_BEFORE: Final = TestBody(
    "unknown",
    "test_asked_before",
    "The device was asked for this test before; how it went is not remembered.",
    "Look at the device, or test it again.",
)
_FINGERPRINT_BYTES: Final = 16


@dataclass
class DeviceChecks:
    """Carries tests out, one after the other for each device, and hears how they went."""

    store: str
    bus: Bus
    wall: DeviceWall
    ledger: Ledger
    dispatch: JobDispatch
    clock: Clock
    _waiting: dict[str, tuple[BoundDevice, asyncio.Future[TestBody]]] = field(default_factory=dict)
    _done: dict[str, TestBody] = field(default_factory=dict)

    async def test(self, till: str, actor: str, device_id: str, wish: TestRequest) -> TestBody:
        """Ask a device to show itself and say how it went; the same id asks it once.

        Raises Refused when it cannot be asked at all; nothing was sent then.
        """
        device = self._testable(device_id, wish.test)
        job = wish.command_id
        if job in self._done:
            return self._done[job]
        known = self._waiting.get(job)
        if known is None:
            known = await self._begin(till, actor, device, wish)
        try:
            async with self.clock.timeout(DEVICE_TEST_MS_MAX / 1000):
                return await asyncio.shield(known[1])
        except TimeoutError:
            return _WAITING

    def _testable(self, device_id: str, test: DeviceTest) -> BoundDevice:
        directory = self.wall.adoption.directory
        device = next((each for each in directory.devices if each.id == device_id), None)
        if device is None:
            raise Refused(
                "device_unknown",
                f"This store has no device {device_id[:40]}.",
                advice="Look at the device wall again: it may have been given up meanwhile.",
                status=404,
                params={"device": device_id[:40]},
            )
        called = device.name or device.id
        if test not in self.wall.tests_of(device):
            raise Refused(
                "test_unfit",
                f"{called} cannot be tested like this.",
                advice="Choose one of the tests that its card offers.",
                params={"device": called},
            )
        if not directory.host_online(device.host) or not self.bus.connected:
            raise Refused(
                "host_offline",
                f"{called} is not reachable: its service is not running.",
                advice="Start the device service of its machine, then test again.",
                params={"device": called},
            )
        return device

    async def _begin(
        self, till: str, actor: str, device: BoundDevice, wish: TestRequest
    ) -> tuple[BoundDevice, asyncio.Future[TestBody]]:
        job = wish.command_id
        reason = check_free_text(" ".join(wish.reason.split()), field="reason")
        if wish.test is DeviceTest.OPEN_DRAWER and not reason:
            raise Refused(
                "reason_needed",
                "A drawer opens for a reason.",
                advice="Write why: it stands in the shop's books beside your name.",
            )
        if len(self._waiting) >= DEVICE_TESTS_OPEN_MAX:
            raise Refused("busy", "Too many tests are under way.", advice="Wait a moment.")
        answer: asyncio.Future[TestBody] = asyncio.get_running_loop().create_future()
        known = self._waiting[job] = (device, answer)
        text = f"{actor}|{device.id}|{wish.test}|{reason}".encode()
        reply = CommandReply(
            job, hashlib.sha256(text).digest()[:_FINGERPRINT_BYTES], encode(_ASKED_BEFORE)
        )
        try:
            if wish.test is DeviceTest.OPEN_DRAWER:
                asked = await self._kick(device, reason, actor, reply)
            else:
                asked = await self._ask(till, actor, device, wish.test, reply)
        except BaseException:
            del self._waiting[job]
            answer.cancel()
            raise
        if not asked:
            del self._waiting[job]
            answer.set_result(_ASKED_BEFORE)
        return known

    async def _kick(
        self, device: BoundDevice, reason: str, actor: str, reply: CommandReply
    ) -> bool:
        job = reply.command_id
        args = encode(KickDrawerArgs("no_sale"))
        deadline = self.clock.now_ms() + DRAWER_AGE_MS_MAX
        kick = OpenJob(job, JobKind.KICK_DRAWER, device.till, "", device.id, 0, deadline, args)
        event = NoSale(job=job, reason=reason)
        record = Record((event,), device.till, actor, (kick,), reply=reply)
        if isinstance(await self.ledger.record(record), Repeated):
            return False  # never a second time
        self.dispatch.add(kick)
        return True

    async def _ask(
        self, till: str, actor: str, device: BoundDevice, test: DeviceTest, reply: CommandReply
    ) -> bool:
        kind, args = self._what(device, test)
        job = reply.command_id
        event = DeviceTested(device=device.id, test=test.value, job=job)
        record = Record((event,), till, actor, reply=reply)
        if isinstance(await self.ledger.record(record), Repeated):
            return False
        message = Job(
            job,
            kind,
            msgspec.Raw(encode(args)),
            self.clock.now_ms() + DEVICE_TEST_MS_MAX,
            DELIVERY[kind],
        )
        topic = HostTopics(self.store, device.host).device(device.id).job
        try:
            await self.bus.publish(topic, encode(message))
        except BusUnavailable:
            raise Refused(
                "busy",
                "The message broker does not answer.",
                advice="It is tried again by itself; test again then.",
                status=503,
            ) from None
        return True

    def _what(self, device: BoundDevice, test: DeviceTest) -> tuple[JobKind, msgspec.Struct]:
        if test is DeviceTest.HEALTH:
            return JobKind.CHECK_HEALTH, CheckHealthArgs()
        return JobKind.PRINT_RECEIPT, PrintReceiptArgs(test_page(device, self.wall.store_name()))

    def hear(self, topic: ParsedTopic, result: JobResult) -> None:
        """Hear how a test went."""
        waiting = self._waiting.get(result.id)
        if waiting is None:
            return
        device, answer = waiting
        if (topic.host, topic.device) != (device.host, device.id):
            return
        if result.status is JobStatus.ACCEPTED:
            return
        del self._waiting[result.id]
        body = _body(result)
        self._done[result.id] = body
        while len(self._done) > DEVICE_TESTS_OPEN_MAX:
            del self._done[next(iter(self._done))]
        if not answer.done():
            answer.set_result(body)


def test_page(device: BoundDevice, store: str) -> ReceiptDocument:
    """Return a page that says which device printed it: no sale, no money, one look."""
    rows = [
        ("Device", device.id),
        ("Till", device.till),
        ("Roles", ", ".join(device.roles)),
        ("Driver", device.driver),
        ("Host", device.host),
    ]
    return ReceiptDocument(
        "Test page",
        (
            TextBlock("TEST PAGE", Align.CENTRE, Emphasis.LARGE),
            TextBlock(store, Align.CENTRE),
            RuleBlock(),
            TextBlock(device.name or device.id, emphasis=Emphasis.BOLD),
            *(RowBlock(start, end) for start, end in rows),
            RuleBlock(),
            TextBlock("0123456789 ABC abc ÄÖÜ äöü ß ñ ç € £", Align.CENTRE),
            TextBlock("Żółć · 你好 · 안녕 · مرحبا", Align.CENTRE),
            FeedBlock(),
            TextBlock("This is no receipt.", Align.CENTRE, Emphasis.BOLD),
        ),
    )


def _body(result: JobResult) -> TestBody:
    error = result.error
    if result.status is JobStatus.DONE:
        return TestBody("done")
    words = error.detail if error else "It is not known whether the device did it."
    return TestBody(
        result.status.value,
        error.code if error else "",
        words,
        error.advice if error else "Look at the device.",
    )
