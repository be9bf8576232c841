"""What a driver is given, in a test: everything it says is kept in lists."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import msgspec

from devices.transports.byte_stream import ByteStream, Connector
from devices.transports.flight_recorder import FlightRecorder
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.runtime.ids import SystemIds
from edge.runtime.structured_log import Log, open_log


@dataclass
class KeptPorts:
    """`DriverPorts` that keep: `states` (each snapshot), `events`, `counts`, `notes`."""

    connector: Connector
    clock: Clock
    device: str = "device-1"
    states: list[dict[str, Any]] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    events: list[tuple[str, msgspec.Struct, int]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: dict[tuple[str, str], bytes] = field(default_factory=dict)
    log_text: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.ids: Ids = SystemIds(self.clock)
        self.log: Log = open_log("test", self.log_text)
        self.recorder = FlightRecorder(self.clock)

    @property
    def state(self) -> dict[str, Any]:
        return self.states[-1] if self.states else {}

    @property
    def moves(self) -> list[str]:
        """The states gone through, without repeats."""
        seen = [snapshot["state"] for snapshot in self.states if "state" in snapshot]
        return [state for i, state in enumerate(seen) if i == 0 or seen[i - 1] != state]

    async def connect(self) -> ByteStream:
        return await self.connector()

    def report(self, **changes: str | int) -> None:
        self.states.append(self.state | changes)

    def describe(self, **changes: str) -> None:
        self.meta |= changes

    def emit(self, kind: str, data: msgspec.Struct, expires_in_ms: int) -> None:
        self.events.append((kind, data, expires_in_ms))

    def count(self, name: str, by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by

    async def remember(self, job_id: str, key: str, value: bytes) -> None:
        self.notes[job_id, key] = value

    async def recall(self, job_id: str, key: str) -> bytes | None:
        return self.notes.get((job_id, key))
