"""The cash drawers that stand by themselves: kicked once, believed open when their switch says so.

What they share is the sensor on a signal line beside the bytes; how they are kicked is theirs.
A kick is also the test by which the sensor's level is learnt (`DrawerSensor`); asking for their
health never opens one.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final

from typing_extensions import override

from devices.drawer_answers import drawer_answer, drawer_lost
from devices.driver import ConnectedDriver, DeviceJob, DriverPorts
from devices.protocols.drawer_sensor import DrawerSensor, Position
from devices.transports.byte_stream import ByteStream
from devices.transports.signal_lines import SignalLines, lines_of
from edge.contract.device_limits import (
    DRAWER_OPENS_MS_MAX,
    DRAWER_SENSOR_WAKES_MS,
)
from edge.contract.device_messages import JobResult, KickDrawerArgs
from edge.contract.errors import DeviceUnreachable

_READ_BYTES_MAX: Final = 1_024


class LinedDrawer(ConnectedDriver, ABC):
    """One drawer. `sensor` names the line its switch is on; empty: it has none."""

    def __init__(self, ports: DriverPorts, sensor: str, open_level: str) -> None:
        super().__init__(ports)
        self._sensor_line = sensor
        self._sensor = DrawerSensor(open_level)
        self._lines: SignalLines | None = None
        self._moved = asyncio.Event()
        self._connections = 0
        self._trouble: DeviceUnreachable | None = None
        self._kicked_at_ms: int | None = None
        self._opened_at_ms = 0

    # --- what each of them does -----------------------------------------------------------

    @abstractmethod
    async def begin(self, lines: SignalLines | None) -> None:
        """Make a fresh connection fit for use; raises DeviceUnreachable."""

    @abstractmethod
    def wait_ms(self) -> int:
        """Return how long a kick has to wait now, 0 for not at all."""

    @abstractmethod
    async def kick(self, stream: ByteStream, lines: SignalLines | None) -> None:
        """Tell the drawer to open, once.

        Raises DeviceUnreachable when it is not certain that nothing was told.
        """

    # --- listening ------------------------------------------------------------------------

    @override
    async def serve(self, stream: ByteStream) -> None:
        lines = lines_of(stream)
        await self.begin(lines)
        self._lines = lines
        self._trouble = None
        try:
            self.ready(drawer="")
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch(stream, lines))
                try:
                    await self._drain(stream)
                except DeviceUnreachable as error:
                    self._trouble = error
                finally:
                    watching.cancel()
        finally:
            self._lines = None
            self._connections += 1
            self._sensor.forget_level()
            self._wake()
            self.ports.report(drawer="")
        if self._trouble is not None:
            raise self._trouble

    async def _drain(self, stream: ByteStream) -> None:
        """Read until it is over: a drawer says nothing by bytes, a babbling line may."""
        while data := await stream.read(_READ_BYTES_MAX):
            self.ports.count("GarbageByteCount", len(data))

    async def _watch(self, stream: ByteStream, lines: SignalLines | None) -> None:
        if lines is None or not self._sensor_line:
            return
        try:
            await self.ports.clock.sleep(DRAWER_SENSOR_WAKES_MS / 1000)
            levels = await lines.levels()
            while True:
                self._take(levels)
                levels = await lines.changed(levels)
        except DeviceUnreachable as error:
            self._trouble = error
            await stream.close()  # ends the reading, and so the connection

    def _take(self, levels: frozenset[str]) -> None:
        before = self._sensor.position
        now_ms = self.ports.clock.monotonic_ms()
        level = self._sensor.open_level
        self._sensor.saw(high=self._sensor_line in levels, at_ms=now_ms)
        if self._sensor.open_level != level:
            self.ports.log.info("drawer_level_learnt", open_level=self._sensor.open_level)
        position = self._sensor.position
        if position is before:
            return
        self.ports.report(drawer=position.value)
        if position is Position.OPEN:
            self._opened_at_ms = now_ms
            by_hand = "hand" if before is Position.CLOSED else "unseen"
            self.ports.log.info("drawer_open", by="kick" if self._kick_is_on else by_hand)
        elif before is Position.OPEN:
            self.ports.log.info("drawer_closed", open_ms=now_ms - self._opened_at_ms)
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    @property
    def _kick_is_on(self) -> bool:
        if self._kicked_at_ms is None:
            return False
        return self.ports.clock.monotonic_ms() - self._kicked_at_ms <= DRAWER_OPENS_MS_MAX

    # --- jobs -----------------------------------------------------------------------------

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        stream = await self.live_stream()
        if isinstance(job.args, KickDrawerArgs):
            return await self._kick(job, stream, job.args.reason)
        return job.done(
            self.ports.clock.now_ms(),
            {
                "state": self.state.value,
                "health": "connected",
                "drawer": self._sensor.position.value,
                "drawer_open_level": self._sensor.open_level,
                "sensor": self._sensor_line if self._lines is not None else "",
            },
        )

    async def _kick(self, job: DeviceJob, stream: ByteStream, reason: str) -> JobResult:
        clock = self.ports.clock
        while wait_ms := self.wait_ms():
            if clock.now_ms() + wait_ms > job.deadline:
                return job.failed(
                    clock.now_ms(),
                    "drawer_not_ready",
                    f"The drawer can open in {-(-wait_ms // 1000)} s: its coil was just used.",
                    "Open it with its key.",
                )
            await clock.sleep(wait_ms / 1000)
            stream = await self.live_stream()  # a new connection may have to wait again
        connection = self._connections
        self._kicked_at_ms = clock.monotonic_ms()
        self._sensor.kicked(self._kicked_at_ms)
        self.ports.log.info("drawer_kicked", job=job.id, reason=reason)
        try:
            await self.kick(stream, self._lines)
        except DeviceUnreachable as error:
            return self._lost(job, error.code)
        self.ports.count("DrawerPulseCount")
        await self._until_open(connection)
        if self._connections != connection:
            return self._lost(job, "drawer_lost")
        return drawer_answer(job, self.ports, self._sensor.position)

    async def _until_open(self, connection: int) -> None:
        """Wait until the sensor sees it open, but no longer than that may take."""
        if self._lines is None or not self._sensor_line:
            return
        try:
            async with self.ports.clock.timeout(DRAWER_OPENS_MS_MAX / 1000):
                while (
                    self._connections == connection and self._sensor.position is not Position.OPEN
                ):
                    await self._moved.wait()
        except TimeoutError:
            return

    def _lost(self, job: DeviceJob, code: str) -> JobResult:
        return drawer_lost(job, self.ports, code, "its connection")
