"""What a driver is, what it is given, and the life that all connected drivers share.

A module in `devices/drivers` offers `DRIVER: DriverSpec`, its namesake in
`devices/simulators` offers `SIMULATOR: SimulatorSpec`; there is no list to edit.
"""

from __future__ import annotations

import asyncio
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from devices.scripted_actions import Actions
from devices.transports.byte_stream import ByteStream, Connector
from devices.transports.flight_recorder import (
    CONNECTED,
    DISCONNECTED,
    NOTE,
    FlightRecorder,
    RecordedStream,
)
from edge.contract.device_limits import (
    DEVICE_LOST_AFTER_MS,
)
from edge.contract.device_messages import JobError, JobKind, JobResult, JobStatus
from edge.contract.device_states import LEGAL_MOVES, DeviceClass, DriverState
from edge.contract.errors import DeviceUnreachable, ProtocolViolation, TillboxError
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import (
    BACKOFF_MS_MAX,
    BACKOFF_MS_MIN,
)
from edge.runtime.backoff import Backoff
from edge.runtime.structured_log import Log

S = TypeVar("S", bound=msgspec.Struct)

_LOST_ADVICE: Final = "Check its power and its cable; switch it off and on."
"""What a person can always do about a device that is lost."""
SERVING: Final = frozenset({DriverState.READY, DriverState.ATTENTION})
"""States in which the device answers."""


class Rung(StrEnum):
    """How well a driver is proven."""

    SIMULATED = "simulated"
    BENCH = "bench"
    """On a real device; model and firmware are named in `DriverSpec.model`."""
    IN_SHOPS = "in_shops"


class Replay(StrEnum):
    """What a driver's recordings are good for."""

    WHOLE = "whole"
    """Every byte is in them."""
    REDACTED = "redacted"
    """Its messages are, as long as they were, with card data and passwords blanked."""
    READ_ONLY = "read_only"
    """They are for people: the conversation was encrypted, or went over lines beside the bytes."""


# --- jobs as a driver sees them ----------------------------------------------------------


class DeviceJob(msgspec.Struct, frozen=True):
    """A job that was checked: `args` is the struct that `JOB_ARGS` names for `kind`."""

    id: str
    kind: JobKind
    args: msgspec.Struct
    deadline: int

    def done(self, ts: int, outcome: object) -> JobResult:
        """Return the result of a job that happened."""
        return JobResult(self.id, JobStatus.DONE, ts, outcome)

    def failed(self, ts: int, code: str, detail: str, advice: str = "") -> JobResult:
        """Return the result of a job that certainly did not happen."""
        return JobResult(self.id, JobStatus.FAILED, ts, error=JobError(code, detail, advice))

    def unknown(self, ts: int, code: str, detail: str, advice: str = "") -> JobResult:
        """Return the result of a job that may have happened."""
        return JobResult(self.id, JobStatus.UNKNOWN, ts, error=JobError(code, detail, advice))


# --- what a driver is given --------------------------------------------------------------


class DriverPorts(Protocol):
    """Everything a driver may touch; the host implements it for each device."""

    @property
    def device(self) -> str:
        """The device's id."""
        ...

    @property
    def clock(self) -> Clock:
        """The only source of time."""
        ...

    @property
    def ids(self) -> Ids:
        """The only source of ids."""
        ...

    @property
    def log(self) -> Log:
        """A log that names the device already."""
        ...

    @property
    def recorder(self) -> FlightRecorder:
        """The device's flight recorder."""
        ...

    async def connect(self) -> ByteStream:
        """Open the connection; raises DeviceUnreachable in words."""
        ...

    def report(self, **changes: str | int) -> None:
        """Change fields of the reported `DeviceState`: state, health, advice, paper and so on.

        Costs nothing when nothing changed; many changes at once leave as one snapshot.
        """
        ...

    def describe(self, **changes: str) -> None:
        """Change fields of `DeviceMeta` learnt from the device: model, serial_number, firmware."""
        ...

    def emit(self, kind: str, data: msgspec.Struct, expires_in_ms: int) -> None:
        """Send an event with an id of its own; it leaves at once or is dropped when too old."""
        ...

    def count(self, name: str, by: int = 1) -> None:
        """Count for the UnifiedPOS statistics, such as `GoodScanCount`."""
        ...

    async def remember(self, job_id: str, key: str, value: bytes) -> None:
        """Keep a note of a job in devices.db; on disk (synced) when this returns."""
        ...

    async def recall(self, job_id: str, key: str) -> bytes | None:
        """Return a note of a job, or None."""
        ...


class Driver(Protocol):
    """The code that speaks one device's protocol."""

    @property
    def state(self) -> DriverState:
        """Where it is in its life."""
        ...

    async def run(self) -> None:
        """Connect, serve and connect again until cancelled; STOPPED at the end."""
        ...

    async def perform(self, job: DeviceJob) -> JobResult:
        """Do one job and say how it ended. One at a time; only ABORT_PAYMENT comes in between.

        Raising instead of returning: DeviceUnreachable, DeviceNeedsPerson and Refused mean
        that it certainly did not happen (a receipt or labels then wait for their turn again);
        OutcomeUnknown, ProtocolViolation, a cancellation and any defect count as unknown.
        """
        ...


@dataclass(frozen=True)
class DriverSpec(Generic[S]):
    """What a module in `devices/drivers` offers as `DRIVER`; `name` is the module's name.

    `settings` is the shape of `WantedDevice.settings`, `example` one that documents and
    tests use, `connector` how the settings lead to the hardware (raises SettingsInvalid).
    `job_kinds` are the jobs it takes; `model` what it was tried with. `replay` says what its
    recordings hold: a driver with `records_bytes` False names another than `WHOLE`.
    """

    name: str
    device_class: DeviceClass
    settings: type[S]
    example: S
    connector: Callable[[S, Clock], Connector]
    build: Callable[[S, DriverPorts], Driver]
    job_kinds: frozenset[JobKind]
    model: str
    capabilities: tuple[str, ...]
    rung: Rung
    replay: Replay = Replay.WHOLE


# --- simulators --------------------------------------------------------------------------


class Simulator(Protocol):
    """The other role: a device that keeps its state over connections, like the metal would."""

    async def attend(self, stream: ByteStream) -> None:
        """Serve one connection until its other end is gone; garbage never ends it."""
        ...


@dataclass(frozen=True)
class SimulatorPorts:
    """What a simulator is given."""

    clock: Clock
    log: Log


@dataclass(frozen=True)
class SimulatorSpec(Generic[S]):
    """What a module in `devices/simulators` offers as `SIMULATOR`; `name` is its driver's.

    `actions` is what a script can do to it; `shows` what a person would see of it, as plain
    values, without changing anything.
    """

    name: str
    device_class: DeviceClass
    settings: type[S]
    build: Callable[[S, SimulatorPorts], Simulator]
    actions: Actions = field(default_factory=dict)
    shows: Callable[[Any], dict[str, Any]] = lambda _device: {}


# --- the shared life ---------------------------------------------------------------------


class LifeCycle:
    """Holds a driver's state and allows only the moves of `LEGAL_MOVES`."""

    def __init__(self) -> None:
        self.state = DriverState.CONFIGURED

    def move(self, to: DriverState) -> bool:
        """Go to a state; False when it is there already. An illegal move is a defect."""
        if to is self.state:
            return False
        if to not in LEGAL_MOVES[self.state]:
            raise ValueError(f"a driver cannot go from {self.state} to {to}")
        self.state = to
        return True


class ConnectedDriver(ABC):
    """A driver with one connection: concrete ones write `serve` and `perform`.

    A connection that breaks and is back within `DEVICE_LOST_AFTER_MS` was never lost: the
    state stays, only `live_stream` waits. Lost and back are logged once each.
    """

    records_bytes = True
    """False: the driver writes its own messages into `ports.recorder`, card data taken out."""

    def __init__(self, ports: DriverPorts) -> None:
        self.ports = ports
        self._life = LifeCycle()
        self._stream: ByteStream | None = None
        self._live = asyncio.Event()
        self._gone_since_ms = 0
        self._backoff = Backoff(
            BACKOFF_MS_MIN, BACKOFF_MS_MAX, seed=zlib.crc32(ports.device.encode())
        )

    @property
    def state(self) -> DriverState:
        """Where it is in its life."""
        return self._life.state

    @abstractmethod
    async def serve(self, stream: ByteStream) -> None:
        """Speak with the device until the connection ends; call `ready` once it answers.

        Returning means that the other end closed. May raise DeviceUnreachable and
        ProtocolViolation: the connection is then closed and made anew.
        """

    @abstractmethod
    async def perform(self, job: DeviceJob) -> JobResult:
        """Do one job; see `Driver.perform`."""

    def ready(self, **changes: str | int) -> None:
        """Say that the device answers and all is well; `changes` as in `ports.report`."""
        self._serving(DriverState.READY, {"health": "", "advice": "", **changes})

    def attention(self, health: str, advice: str, **changes: str | int) -> None:
        """Say that the device answers and a person should do something."""
        self._serving(DriverState.ATTENTION, {"health": health, "advice": advice, **changes})

    async def live_stream(self, within_ms: int = DEVICE_LOST_AFTER_MS) -> ByteStream:
        """Return the connection that is being served, waiting over a blip.

        Raises DeviceUnreachable when there is none in time: nothing was sent.
        """
        try:
            async with self.ports.clock.timeout(within_ms / 1000):
                while True:
                    await self._live.wait()
                    if self._stream is not None:  # it may have ended before we were woken
                        return self._stream
        except TimeoutError:
            raise DeviceUnreachable(
                "device_not_connected",
                f"{self.ports.device} is not connected.",
                advice="Check its power and its cable.",
            ) from None

    async def run(self) -> None:
        """Connect, serve and connect again until cancelled."""
        self._gone_since_ms = self.ports.clock.monotonic_ms()
        self._move(DriverState.CONNECTING, {})
        try:
            while True:
                self._missing(await self._one_connection())
                lost = self.state is DriverState.LOST
                wait_ms = self._backoff.next_ms() if lost else BACKOFF_MS_MIN
                await self.ports.clock.sleep(wait_ms / 1000)
        finally:
            self._move(DriverState.STOPPED, {"health": "Stopped.", "advice": ""})

    async def _one_connection(self) -> TillboxError:
        """Hold one connection; return why it could not be made or how it ended."""
        left_ms = self._left_before_lost_ms()
        try:
            async with self.ports.clock.timeout(left_ms and left_ms / 1000):
                stream = await self.ports.connect()
        except TimeoutError:
            return DeviceUnreachable(
                "no_answer",
                f"{self.ports.device} does not answer.",
                advice="Check its power and its cable.",
            )
        except DeviceUnreachable as error:
            return error
        self._stream = stream
        if self.records_bytes:
            self._stream = RecordedStream(stream, self.ports.recorder, self.ports.clock)
        self.ports.recorder.record(NOTE, CONNECTED)
        try:
            await self.serve(self._stream)
        except (DeviceUnreachable, ProtocolViolation) as error:
            if isinstance(error, ProtocolViolation):
                self.ports.count("ProtocolViolationCount")
            return error
        finally:
            if self._live.is_set():
                self._live.clear()
                self._gone_since_ms = self.ports.clock.monotonic_ms()
            self.ports.recorder.record(NOTE, DISCONNECTED)
            self._stream = None
            await stream.close()
        return DeviceUnreachable(
            "connection_closed",
            f"{self.ports.device} closed the connection.",
            advice="Check its power and its cable.",
        )

    def _left_before_lost_ms(self) -> int | None:
        """How long the device may stay away before it is lost; None when it is already."""
        if self.state is DriverState.LOST:
            return None
        gone_ms = self.ports.clock.monotonic_ms() - self._gone_since_ms
        return max(1, DEVICE_LOST_AFTER_MS - gone_ms)

    def _missing(self, trouble: TillboxError) -> None:
        gone_ms = self.ports.clock.monotonic_ms() - self._gone_since_ms
        if self.state is DriverState.LOST or gone_ms < DEVICE_LOST_AFTER_MS:
            return
        advice = trouble.advice or _LOST_ADVICE
        self._move(DriverState.LOST, {"health": trouble.message, "advice": advice})
        self.ports.count("CommunicationErrorCount")
        self.ports.log.warning("device_lost", code=trouble.code, detail=trouble.message)

    def _serving(self, state: DriverState, changes: dict[str, str | int]) -> None:
        if self._stream is None:
            return  # a job that ended after the connection did has nothing to say about it
        if self.state is DriverState.LOST:
            self._move(DriverState.CONNECTING, {})
            self.ports.log.info("device_back")
        self._backoff.reset()
        self._live.set()
        self._move(state, changes)

    def _move(self, to: DriverState, changes: dict[str, str | int]) -> None:
        self._life.move(to)
        self.ports.report(state=to.value, **changes)
