"""Plays a script: at its times, and when what it waits for happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from devices.scripted_actions import Play
from devices.simulating.line_faults import Spawn
from devices.simulating.script import Cue, Happening
from devices.transports.byte_stream import ByteStream
from edge.contract.errors import TillboxError
from edge.contract.instant import Clock
from edge.runtime.structured_log import Log


class _Watch:
    """A step that waits for an event: how often it was seen, and the end of what was looked at."""

    def __init__(self, cue: Cue) -> None:
        self.cue = cue
        self.playing = False
        """What the step itself makes happen does not play it again."""
        self._seen = 0
        self._tail = b""

    def due(self, happening: Happening, data: bytes) -> int:
        """Return how often the step is to be played for what happened now."""
        step = self.cue.step
        if happening == "connected":
            self._tail = b""  # what the last connection said does not begin anything in this one
        if happening != step.on:
            return 0
        return sum(self._counts() for _ in range(self._found(data)))

    def _found(self, data: bytes) -> int:
        wanted = self.cue.has
        if not wanted:
            return 1
        looked_at = self._tail + data
        found = looked_at.count(wanted)
        end = looked_at.rfind(wanted) + len(wanted) if found else 0
        self._tail = looked_at[max(end, len(looked_at) - len(wanted) + 1) :]
        return found

    def _counts(self) -> bool:
        self._seen += 1
        step = self.cue.step
        last = step.count + step.times - 1 if step.times else self._seen
        return step.count <= self._seen <= last


class ScriptPlayer:
    """`play` does one action; `spawn` owns what waits. Steps that fail are told in the log."""

    def __init__(
        self, play: Callable[[Play], Awaitable[None]], clock: Clock, log: Log, spawn: Spawn
    ) -> None:
        self._play = play
        self._clock = clock
        self._log = log
        self._spawn = spawn
        self._watches: list[_Watch] = []

    def add(self, cues: Iterable[Cue]) -> None:
        """Take steps over; times count from now."""
        for cue in cues:
            if cue.step.on is not None:
                self._watches.append(_Watch(cue))
            else:
                self._spawn(f"step {cue.play.name}", self._by_time(cue))

    async def tell(self, happening: Happening, data: bytes = b"") -> None:
        """Say that something happened; what is due at once has been played on return."""
        for watch in list(self._watches):
            if watch.playing:
                continue
            for _ in range(watch.due(happening, data)):
                if watch.cue.step.after_s:
                    self._spawn(f"step {watch.cue.play.name}", self._later(watch.cue))
                    continue
                watch.playing = True
                try:
                    await self._do(watch.cue)
                finally:
                    watch.playing = False

    async def _by_time(self, cue: Cue) -> None:
        step = cue.step
        if step.at_s:
            await self._clock.sleep(step.at_s)
        played = 0
        while True:
            await self._do(cue)
            played += 1
            if played == step.times:
                return
            await self._clock.sleep(step.every_s)

    async def _later(self, cue: Cue) -> None:
        await self._clock.sleep(cue.step.after_s)
        await self._do(cue)

    async def _do(self, cue: Cue) -> None:
        try:
            await self._play(cue.play)
        except TillboxError as error:
            self._log.warning("step_failed", play=cue.play.name, reason=str(error))
        else:
            self._log.info("played", play=cue.play.name, args=cue.play.args)


class WatchedStream:
    """A connection as the device sees it, told to the player as it goes."""

    def __init__(self, stream: ByteStream, player: ScriptPlayer) -> None:
        self._stream = stream
        self._player = player

    async def read(self, max_bytes: int) -> bytes:
        """Read; the device hears it once the script has had its turn."""
        data = await self._stream.read(max_bytes)
        if data:
            await self._player.tell("received", data)
        return data

    async def write(self, data: bytes) -> None:
        """Write, and tell what the device has said."""
        await self._stream.write(data)
        await self._player.tell("sent", data)

    async def close(self) -> None:
        """Close it; see `ByteStream.close`."""
        await self._stream.close()
