"""What goes wrong on the line between a simulated device and whoever uses it.

The same for every device: it is done to the bytes, whatever they mean. Only what the device
says is spoilt; what it hears comes whole.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from devices.scripted_actions import Action, Actions, NoArguments
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    FAULT_GARBAGE_BYTES_MAX,
)
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

_BYTE_GAP_S: Final = 0.001
"""Between single bytes, so that a network does not put them together again."""
_SLICES_PER_S: Final = 20
"""A slow line gives its bytes out this often."""

Spawn = Callable[[str, Coroutine[Any, Any, None]], object]


class LineFaults:
    """The line's faults, all off at first; they hold over connections.

    `spawn` runs what takes its time.
    """

    def __init__(self, clock: Clock, spawn: Spawn) -> None:
        self.plug: Callable[[bool], Awaitable[None]] = _no_cable
        """Pulls the cable (False) or puts it in, at whatever door stands in front."""
        self._clock = clock
        self._spawn = spawn
        self._live: list[ByteStream] = []
        self.mend()

    def mend(self) -> None:
        """Let everything pass as it is again; a cable that is out stays out."""
        self.silent = False
        self.byte_by_byte = False
        self.late_ms = 0
        self.bytes_per_s = 0
        self.halves = 0
        self.duplicates = 0
        self.damages = 0

    def wrap(self, stream: ByteStream) -> FaultyStream:
        """Return a connection's stream as the device sees it."""
        return FaultyStream(stream, self, self._clock)

    def begun(self, stream: ByteStream) -> None:
        """Take note of a connection; noise goes to the newest."""
        self._live.append(stream)

    def ended(self, stream: ByteStream) -> None:
        """Forget a connection."""
        self._live.remove(stream)

    async def say(self, data: bytes) -> None:
        """Put bytes on the line that the device did not say; raises DeviceUnreachable."""
        if not self._live:
            raise DeviceUnreachable("nobody_connected", "Nobody is connected to the device.")
        await self._live[-1].write(data)

    async def cut(self, for_s: float) -> None:
        """Pull the cable, and put it in again after so long; 0 leaves it out."""
        await self.plug(False)
        if for_s:
            self._spawn("cable put in", self._put_in_after(for_s))

    async def put_in(self) -> None:
        """Put the cable in."""
        await self.plug(True)

    async def _put_in_after(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        await self.plug(True)


async def _no_cable(_plugged: bool) -> None:  # noqa: FBT001 - the shape of `LineFaults.plug`
    """Do nothing: no door is in front of the device yet."""


class FaultyStream:
    """A `ByteStream` whose writes suffer what is switched on."""

    def __init__(self, stream: ByteStream, faults: LineFaults, clock: Clock) -> None:
        self._stream = stream
        self._faults = faults
        self._clock = clock

    async def read(self, max_bytes: int) -> bytes:
        """Read; see `ByteStream.read`."""
        return await self._stream.read(max_bytes)

    async def write(self, data: bytes) -> None:
        """Write, as far as the faults let it; see `ByteStream.write`."""
        faults = self._faults
        if faults.silent:
            return
        if faults.late_ms:
            await self._clock.sleep(faults.late_ms / 1000)
        if faults.halves:
            faults.halves -= 1
            data = data[: len(data) // 2]
        if faults.damages:
            faults.damages -= 1
            data = _damaged(data)
        copies = 1
        if faults.duplicates:
            faults.duplicates -= 1
            copies = 2
        for piece, pause_s in self._pieces(data * copies):
            await self._stream.write(piece)
            if pause_s:
                await self._clock.sleep(pause_s)

    def _pieces(self, data: bytes) -> Iterator[tuple[bytes, float]]:
        """Yield what to write and how long to wait behind it."""
        faults = self._faults
        size = len(data) or 1
        if faults.bytes_per_s:
            size = max(1, faults.bytes_per_s // _SLICES_PER_S)
        if faults.byte_by_byte:
            size = 1
        gap_s = _BYTE_GAP_S if faults.byte_by_byte else 0.0
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            yield piece, len(piece) / faults.bytes_per_s if faults.bytes_per_s else gap_s

    async def close(self) -> None:
        """Close it; see `ByteStream.close`."""
        await self._stream.close()


def _damaged(data: bytes) -> bytes:
    """Return it with a bit turned over in its middle: a wrong digit, or a wrong checksum."""
    middle = len(data) // 2
    return (
        data[:middle]
        + bytes(byte ^ 0x04 for byte in data[middle : middle + 1])
        + data[middle + 1 :]
    )


# --- as actions ---------------------------------------------------------------------------


class CutArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the cable is out; 0 until `line_plug_in`."""

    for_s: Annotated[float, Meta(ge=0, le=86_400)] = 1.0


class SwitchArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On, or off again."""

    on: bool = True


class CountArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many messages from now on; 0 none any more."""

    messages: Annotated[int, Meta(ge=0, le=1_000_000)] = 1


class GarbageArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much noise; the same seed is the same noise."""

    bytes: Annotated[int, Meta(ge=1, le=FAULT_GARBAGE_BYTES_MAX)] = 64
    seed: int = 1


class SlowArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast; 0 as fast as it goes. 9600 baud are 960."""

    bytes_per_s: Annotated[int, Meta(ge=0, le=10_000_000)] = 10


class LateArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long each message is held back; 0 not any more."""

    ms: Annotated[int, Meta(ge=0, le=3_600_000)] = 1_000


def _byte_by_byte(faults: LineFaults, args: SwitchArgs) -> None:
    faults.byte_by_byte = args.on


def _silent(faults: LineFaults, args: SwitchArgs) -> None:
    faults.silent = args.on


def _half(faults: LineFaults, args: CountArgs) -> None:
    faults.halves = args.messages


def _duplicate(faults: LineFaults, args: CountArgs) -> None:
    faults.duplicates = args.messages


def _damage(faults: LineFaults, args: CountArgs) -> None:
    faults.damages = args.messages


def _slow(faults: LineFaults, args: SlowArgs) -> None:
    faults.bytes_per_s = args.bytes_per_s


def _late(faults: LineFaults, args: LateArgs) -> None:
    faults.late_ms = args.ms


async def _garbage(faults: LineFaults, args: GarbageArgs) -> None:
    chance = random.Random(args.seed)  # noqa: S311 - seeded noise, not a secret
    await faults.say(chance.randbytes(args.bytes))


async def _cut(faults: LineFaults, args: CutArgs) -> None:
    await faults.cut(args.for_s)


LINE_ACTIONS: Final[Actions] = {
    "line_cut": Action(
        "Pull the cable, and put it in again after so long; 0 leaves it out.", CutArgs, _cut
    ),
    "line_plug_in": Action("Put the cable in.", NoArguments, lambda faults, _: faults.put_in()),
    "line_half": Action("Send only the first half of the next messages.", CountArgs, _half),
    "line_byte_by_byte": Action("Send each byte by itself.", SwitchArgs, _byte_by_byte),
    "line_garbage": Action("Put noise on the line now.", GarbageArgs, _garbage),
    "line_silent": Action("Hear everything and say nothing.", SwitchArgs, _silent),
    "line_slow": Action("Send so many bytes a second.", SlowArgs, _slow),
    "line_late": Action("Hold each message back for so long.", LateArgs, _late),
    "line_duplicate": Action("Send the next messages twice.", CountArgs, _duplicate),
    "line_damage": Action(
        "Turn one bit over in the next messages: a wrong digit or checksum.", CountArgs, _damage
    ),
    "line_mend": Action(
        "End all of these but a cable that is out.", NoArguments, lambda faults, _: faults.mend()
    ),
}
"""What every simulated device offers besides its own actions; no device may use these names."""
