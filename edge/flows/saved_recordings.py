"""The flight recorder of a device is saved where its host keeps recordings, and fetched here.

The device is not touched: its host answers, also while the device is lost. Nothing stands in the
ledger of it, since nothing happened to money or goods; the box's log says who asked.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import zlib
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.device_adoption import BoundDevice
from edge.contract.device_limits import (
    RECORDING_ANSWER_MS_MAX,
    RECORDING_BYTES_MAX,
    RECORDINGS_ASKED_MAX,
)
from edge.contract.device_messages import (
    DELIVERY,
    Job,
    JobKind,
    JobResult,
    JobStatus,
    RecordingOutcome,
    SaveRecordingArgs,
)
from edge.contract.device_topics import HostTopics, every_device, parse_topic
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.technician_views import RecordingBody, RecordingRequest
from edge.contract.wire import UNREADABLE, encode
from edge.flows.device_directory import DeviceDirectory
from edge.runtime.bus import Bus, BusMessage, BusUnavailable
from edge.runtime.structured_log import Log

_RESULT: Final = msgspec.json.Decoder(JobResult)


@dataclass
class SavedRecordings:
    """Asks hosts for recordings and hears what they answer."""

    store: str
    bus: Bus
    directory: DeviceDirectory
    clock: Clock
    log: Log
    _waiting: dict[str, tuple[BoundDevice, asyncio.Future[RecordingBody]]] = field(
        default_factory=dict
    )

    async def run(self) -> None:
        """Hear results until cancelled."""
        results = self.bus.subscribe([every_device(self.store, "result")])
        try:
            async for message in results:
                if self._waiting:
                    self._take(message)
        finally:
            results.close()

    async def save(self, actor: str, device_id: str, wish: RecordingRequest) -> RecordingBody:
        """Have a device's recorder saved and return the recording; a repeat saves no second one.

        Raises Refused when its host cannot be asked.
        """
        device = self._there(device_id)
        job = wish.command_id
        known = self._waiting.get(job)
        if known is None:
            known = await self._ask(device, job)
            self.log.info("recording_asked", device=device.id, job=job, by=actor)
        try:
            async with self.clock.timeout(RECORDING_ANSWER_MS_MAX / 1000):
                return await asyncio.shield(known[1])
        except TimeoutError:
            self._waiting.pop(job, None)
            return RecordingBody(
                "waiting",
                device.host,
                code="recording_no_answer",
                words="The machine has not answered yet.",
                advice="Save it again in a moment; the recorder goes on.",
            )

    def can_save(self, device: BoundDevice) -> bool:
        """Say whether a device's host can be asked now."""
        return self.bus.connected and self.directory.host_online(device.host)

    def _there(self, device_id: str) -> BoundDevice:
        device = next((each for each in self.directory.devices if each.id == device_id), None)
        if device is None:
            raise Refused(
                "device_unknown",
                f"This store has no device {device_id[:40]}.",
                advice="Look at the device wall again: it may have been given up meanwhile.",
                status=404,
                params={"device": device_id[:40]},
            )
        if not self.can_save(device):
            called = device.name or device.id
            raise Refused(
                "recording_out_of_reach",
                f"The recording of {called} lies on {device.host}, which does not answer.",
                advice="Start the device service there, or list its recordings on that machine.",
                params={"device": called, "host": device.host},
            )
        return device

    async def _ask(
        self, device: BoundDevice, job: str
    ) -> tuple[BoundDevice, asyncio.Future[RecordingBody]]:
        if len(self._waiting) >= RECORDINGS_ASKED_MAX:
            raise Refused("busy", "Too many recordings are under way.", advice="Wait a moment.")
        answer: asyncio.Future[RecordingBody] = asyncio.get_running_loop().create_future()
        known = self._waiting[job] = (device, answer)
        kind = JobKind.SAVE_RECORDING
        deadline = self.clock.now_ms() + RECORDING_ANSWER_MS_MAX
        message = Job(job, kind, msgspec.Raw(encode(SaveRecordingArgs())), deadline, DELIVERY[kind])
        topic = HostTopics(self.store, device.host).device(device.id).job
        try:
            await self.bus.publish(topic, encode(message))
        except BusUnavailable:
            del self._waiting[job]
            raise Refused(
                "busy",
                "The message broker does not answer.",
                advice="It is tried again by itself; save the recording then.",
                status=503,
            ) from None
        return known

    def _take(self, message: BusMessage) -> None:
        topic = parse_topic(message.topic)
        try:
            result = _RESULT.decode(message.payload)
        except UNREADABLE:
            return
        known = self._waiting.get(result.id)
        if known is None or topic is None or message.retained:
            return
        device, answer = known
        if (topic.host, topic.device) != (device.host, device.id):
            return
        if result.status is JobStatus.ACCEPTED:
            return
        del self._waiting[result.id]
        if not answer.done():
            answer.set_result(_body(device, result))


def _body(device: BoundDevice, result: JobResult) -> RecordingBody:
    if result.status is JobStatus.DONE:
        try:
            outcome = msgspec.convert(result.result, RecordingOutcome)
            content = _unpacked(outcome.bundle)
        except (msgspec.ValidationError, ValueError, binascii.Error, zlib.error):
            return RecordingBody(
                "failed",
                device.host,
                code="recording_garbled",
                words="The machine's answer cannot be read.",
                advice="Update both machines to one version, or fetch the file there.",
            )
        return RecordingBody("done", device.host, outcome.file, outcome.size_bytes, content)
    error = result.error
    return RecordingBody(
        result.status.value,
        device.host,
        code=error.code if error else "recording_no_answer",
        words=error.detail if error else "It is not known whether it was saved.",
        advice=error.advice if error else "Save it again.",
    )


def _unpacked(packed: str) -> str:
    """Return a recording as it was sent; raises when it is none, or larger than any."""
    if not packed:
        return ""
    unpacking = zlib.decompressobj()
    content = unpacking.decompress(base64.b64decode(packed, validate=True), RECORDING_BYTES_MAX + 1)
    if len(content) > RECORDING_BYTES_MAX or not unpacking.eof:
        raise ValueError("it is larger than a recording, or not whole")
    return content.decode("ascii")
