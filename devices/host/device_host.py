"""A host: takes its configuration from the bus and runs its devices; each connection is a birth."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from devices import driver_catalogue
from devices.driver import DriverSpec
from devices.host.device_finder import DeviceFinder, Discovered, NothingToFind
from devices.host.driver_offers import all_specs, names_path, offer_of, with_drivers
from devices.host.look_again import LookAgain
from devices.host.running_device import DevicePlan, RunningDevice, Surroundings
from devices.job_journal import JobJournal, KnownJob
from devices.job_router.incoming_jobs import read_job
from edge.contract.device_limits import (
    STATISTICS_EVERY_S,
)
from edge.contract.device_messages import (
    DEVICE_NOT_CONFIGURED,
    MESSAGE_VERSION,
    Job,
    JobError,
    JobResult,
    JobStatus,
)
from edge.contract.device_states import (
    OFFLINE,
    ONLINE,
    HostConfig,
    HostInfo,
    UnfitDevice,
    WantedDevice,
)
from edge.contract.device_topics import HostTopics, parse_topic
from edge.contract.errors import Refused, SettingsInvalid
from edge.contract.limits import (
    MQTT_PAYLOAD_BYTES_MAX,
)
from edge.contract.wire import decode_strict
from edge.runtime.bus import BusMessage, BusUnavailable

_TALLIES: Final = ("foreign", "garbled", "retained_job", "no_such_device")


class DeviceHost:
    """Runs the devices that edge wants here. `run` serves the bus, `close` stops all.

    What `finder` finds and nobody wants is reported, with the drivers that could run it, and
    `network_trouble`, words on why it does not look into the network.
    """

    def __init__(
        self,
        topics: HostTopics,
        version: str,
        around: Surroundings,
        finder: DeviceFinder | None = None,
        *,
        network_trouble: str = "",
    ) -> None:
        self._topics = topics
        self._around = around
        self._bus = around.bus
        self._log = around.log
        self._journal: JobJournal = around.journal
        self._info = HostInfo(version, around.ids.new(), network_trouble=network_trouble)
        self._finder = finder or NothingToFind()
        self._specs: tuple[DriverSpec[Any], ...] = ()
        self._plugged_in: tuple[Discovered, ...] = ()
        self._looks = LookAgain(around.clock)
        self._wanted: tuple[WantedDevice, ...] = ()
        self._devices: dict[str, RunningDevice] = {}
        self._broken_off: list[KnownJob] = []
        self._closing = False
        self.counts: dict[str, int] = dict.fromkeys(_TALLIES, 0)
        """Messages dropped, by reason."""

    @property
    def devices(self) -> tuple[str, ...]:
        """The ids of the devices that run now."""
        return tuple(self._devices)

    async def open(self) -> None:
        """Open the record of jobs; raises StorageFailed."""
        self._broken_off = list(await self._journal.open())
        if self._broken_off:
            self._log.warning("jobs_broken_off", count=len(self._broken_off))
        self._specs = all_specs()
        self._info = msgspec.structs.replace(self._info, drivers=tuple(map(offer_of, self._specs)))
        self._bus.on_connect(self._greet)

    async def close(self) -> None:
        """Stop all devices, say goodbye, and close the record of jobs."""
        self._closing = True
        await asyncio.gather(*(device.stop() for device in self._devices.values()))
        self._devices.clear()
        try:
            await self._bus.publish(self._topics.availability, OFFLINE, retain=True)
        except BusUnavailable:
            self._log.info("no_goodbye")  # the broker says it for us: last will
        await self._journal.close()

    async def run(self) -> None:
        """Take configuration and jobs from the bus until cancelled."""
        incoming = self._bus.subscribe([self._topics.config, self._topics.all_jobs])
        try:
            async for message in incoming:
                if not self._closing:
                    await self.take(message)
        finally:
            incoming.close()

    async def run_statistics(self) -> None:
        """Publish statistics and tidy the record of jobs, every minute, until cancelled."""
        while True:
            await self._around.clock.sleep(STATISTICS_EVERY_S)
            for device in list(self._devices.values()):
                await device.publish_statistics()
            await self._journal.tidy()

    async def run_discovery(self) -> None:
        """Look at what is plugged in, every few seconds and after news, until cancelled."""
        while True:
            await self.look()
            await self._looks.wait()

    def look_soon(self) -> None:
        """Have `run_discovery` look: something was plugged in, pulled, or has announced itself."""
        self._looks.news()

    async def look(self) -> None:
        """Look once at what is plugged in, and report it when it is something else."""
        plugged_in = await asyncio.to_thread(self._finder.find)
        if plugged_in != self._plugged_in:
            self._plugged_in = plugged_in
            await self._say_found()

    # --- what comes in --------------------------------------------------------------------

    async def take(self, message: BusMessage) -> None:
        """Take one delivery; what is foreign or garbled is counted, never raised."""
        topic = parse_topic(message.topic)
        if topic is None or (topic.store, topic.host) != (self._topics.store, self._topics.host):
            self._drop("foreign", message)
        elif len(message.payload) > MQTT_PAYLOAD_BYTES_MAX:
            self._drop("garbled", message)
        elif topic.leaf == "config":
            await self._take_config(message)
        elif topic.leaf != "job":
            self._drop("foreign", message)
        elif message.retained:
            self._drop("retained_job", message)  # stored by somebody: how old it is nobody knows
        elif (job := read_job(message.payload)) is None:
            self._drop("garbled", message)
        elif (device := self._devices.get(topic.device)) is None:
            self._drop("no_such_device", message)
            await self._answer_orphan(topic.device, job)
        else:
            device.take(job)

    def _drop(self, reason: str, message: BusMessage) -> None:
        self.counts[reason] += 1
        log = self._log.warning if self.counts[reason] == 1 else self._log.debug
        log("message_dropped", reason=reason, topic=message.topic[:200], times=self.counts[reason])

    async def _answer_orphan(self, device: str, job: Job) -> None:
        known = await self._journal.find(job.id)
        if known is not None and known.result is not None:
            result = known.result
        else:
            # a job that was begun may have happened, whoever asks now
            status = JobStatus.FAILED if known is None else JobStatus.UNKNOWN
            error = JobError(
                DEVICE_NOT_CONFIGURED,
                f"{device} is not among the devices of this host.",
                advice="Assign the device again.",
            )
            result = JobResult(job.id, status, self._around.clock.now_ms(), error=error)
        await self._publish_result(
            device, msgspec.structs.replace(result, correlation=job.correlation)
        )

    async def _publish_result(self, device: str, result: JobResult) -> bool:
        topic = self._topics.device(device).result
        try:
            await self._bus.publish(topic, msgspec.json.encode(result))
        except BusUnavailable:
            return False
        return True

    # --- configuration --------------------------------------------------------------------

    async def _take_config(self, message: BusMessage) -> None:
        if not message.payload:
            return  # the retained topic was cleared: what runs goes on until told otherwise
        try:
            config = decode_strict(message.payload, HostConfig, what="The configuration")
        except Refused as error:
            self.counts["garbled"] += 1
            await self._say_config_error(error.message)
            return
        if config.v != MESSAGE_VERSION:
            await self._say_config_error(f"The configuration's version {config.v} is not known.")
            return
        troubles: list[str] = []
        unfit: list[UnfitDevice] = []
        wanted: dict[str, WantedDevice] = {}
        for device in config.devices:
            if device.id in wanted:
                troubles.append(f"{device.id} stands in it twice.")
            else:
                wanted[device.id] = device
        for device_id in [known for known in self._devices if known not in wanted]:
            await self._devices.pop(device_id).remove()
            self._log.info("device_removed", device=device_id)
        for device in wanted.values():
            try:
                await self._want(device)
            except SettingsInvalid as error:
                troubles.append(f"{device.id}: {error}")
                unfit.append(UnfitDevice(device.id, str(error)))
        await self._say_config_error(" ".join(troubles), tuple(unfit))
        self._wanted = config.devices
        await self._say_found()

    async def _want(self, wanted: WantedDevice) -> None:
        running = self._devices.get(wanted.id)
        if running is not None and running.plan.wanted == wanted:
            return
        plan = plan_device(wanted, self._around)
        device = RunningDevice(plan, self._topics.device(wanted.id), self._around)
        if running is not None:
            await running.stop()
            await device.queue.take_over(running.queue)
            device.outbox.take_over(running.outbox)
        self._devices[wanted.id] = device
        device.start()
        self._log.info("device_started", device=wanted.id, driver=wanted.driver)

    async def _say_config_error(self, words: str, unfit: tuple[UnfitDevice, ...] = ()) -> None:
        if words != self._info.config_error:
            if words:
                self._log.warning("config_refused", detail=words)
            await self._inform(config_error=words, unfit=unfit)

    async def _say_found(self) -> None:
        found = with_drivers(self._plugged_in, self._in_use, self._specs, self._around.clock)
        if found == self._info.found:
            return
        before = {device.address for device in self._info.found}
        for device in found:
            if device.address not in before:
                self._log.info(
                    "device_found", address=device.address, description=device.description
                )
        await self._inform(found=found)

    def _in_use(self, discovered: Discovered) -> bool:
        return any(names_path(wanted, discovered.paths) for wanted in self._wanted)

    async def _inform(self, **changes: object) -> None:
        self._info = msgspec.structs.replace(self._info, **changes)
        try:
            await self._publish_info()
        except BusUnavailable:
            return  # the greeting after the next connection says it

    # --- births ---------------------------------------------------------------------------

    async def _greet(self) -> None:
        await self._bus.publish(self._topics.availability, ONLINE, retain=True)
        await self._publish_info()
        for device in self._devices.values():
            device.outbox.greet()
        while self._broken_off:
            job = self._broken_off[0]
            if job.result is None or await self._publish_result(job.device, job.result):
                self._broken_off.pop(0)
            else:
                return

    async def _publish_info(self) -> None:
        await self._bus.publish(self._topics.info, msgspec.json.encode(self._info), retain=True)


def plan_device(wanted: WantedDevice, around: Surroundings) -> DevicePlan:
    """Find the driver and check the settings; raises SettingsInvalid in words."""
    spec: DriverSpec[Any] = driver_catalogue.driver(wanted.driver)
    try:
        settings = msgspec.convert(wanted.settings, spec.settings)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(
            "device_settings_invalid",
            f"The settings do not fit the driver {spec.name}: {error}.",
            advice=f"It takes: {', '.join(spec.settings.__struct_fields__)}.",
        ) from None
    return DevicePlan(wanted, spec, settings, spec.connector(settings, around.clock))
