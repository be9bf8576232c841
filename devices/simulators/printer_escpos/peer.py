"""A simulated receipt printer as a peer, whatever it speaks: buffer, paper, drawer, one client."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final, Protocol

from devices.driver import SimulatorPorts
from devices.simulators.printer_escpos.mechanics import Mechanics, Paper
from devices.simulators.printer_escpos.roll import PULSES_KEPT_MAX, PaperLine, Pulse, Roll
from devices.transports.byte_stream import ByteStream
from edge.contract.errors import DeviceUnreachable

_RESERVE_BYTES: Final = 256
"""A printer says "busy" before its buffer is full and still hears real-time commands."""
_ANSWER_BYTES_MAX: Final = 4_096
"""What waits for a client that does not read; a printer drops the rest."""
_DOTS_PER_MM: Final = 8


class PeerSettings(Protocol):
    """What every printer is set to. `speed_mm_s` 0 prints at once; `idle_close_s` 0 stays."""

    @property
    def columns(self) -> int:
        """How many signs of font A fit on a line."""
        ...

    @property
    def buffer_bytes(self) -> int:
        """How much it takes before it is busy."""
        ...

    @property
    def speed_mm_s(self) -> int:
        """How fast paper comes out."""
        ...

    @property
    def idle_close_s(self) -> float:
        """After how long without data it hangs up."""
        ...


class CommandReader(Protocol):
    """Works off the buffer's beginning."""

    unknown_commands: int

    def step(self, buffer: bytearray) -> int:
        """Work off one command or one run of text; 0 when more bytes are needed."""
        ...

    def reset(self) -> None:
        """Be as after switching on."""
        ...


class PrinterPeer(ABC):
    """Keeps its paper, its buffer and its drawer over connections, like the metal would."""

    def __init__(self, settings: PeerSettings, ports: SimulatorPorts, mechanics: Mechanics) -> None:
        self._peer_settings = settings
        self._clock = ports.clock
        self._log = ports.log
        self._roll = Roll()
        self._mechanics = mechanics
        self._buffer = bytearray()
        self._answers = bytearray()
        self._busy_until_ms = 0
        self._paper_left_lines: int | None = None
        self._drop_after_bytes: int | None = None
        self._one_client = asyncio.Lock()
        self._stirred = asyncio.Event()
        self._room = asyncio.Event()
        self._attended = False
        self._hang_up = False
        self.pulses: list[Pulse] = []
        self.connections = 0
        self.received_bytes = 0

    # --- the language it speaks -----------------------------------------------------------

    @property
    @abstractmethod
    def _reader(self) -> CommandReader: ...

    @abstractmethod
    def _hear(self, data: bytes) -> bytes:
        """Act at once on what is obeyed at once; return what goes into the buffer."""

    @abstractmethod
    def _reset(self) -> None:
        """Be as after switching on."""

    @abstractmethod
    def _report(self) -> None:
        """Send the status, where it is sent on every change."""

    @abstractmethod
    def _greet(self) -> None:
        """Say what is said to a new client unasked."""

    # --- what a person sees ---------------------------------------------------------------

    @property
    def columns(self) -> int:
        """How many signs fit on a line."""
        return self._peer_settings.columns

    def receipts(self) -> list[str]:
        """Return the text of every receipt that was cut off, newest last."""
        return [receipt.text for receipt in self._roll.receipts]

    @property
    def roll(self) -> Roll:
        """The paper with its looks: emphasis, marks, pictures, cuts."""
        return self._roll

    def current(self) -> list[str]:
        """Return the lines that hang out of the printer and are not cut off."""
        return [line.text for line in self._roll.current]

    @property
    def unknown_commands(self) -> int:
        """How many commands were met that this model does not know."""
        return self._reader.unknown_commands

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait in the buffer to be worked off."""
        return len(self._buffer)

    # --- what a person does ---------------------------------------------------------------

    @property
    def paper(self) -> Paper:
        """The roll: ok, near its end, or out; set it to change it."""
        return self._mechanics.paper

    @paper.setter
    def paper(self, paper: str) -> None:
        self._mechanics.paper = Paper(paper)
        self._paper_left_lines = None
        self._changed()

    def paper_lasts(self, lines: int) -> None:
        """Let the paper run out after so many more lines."""
        self._paper_left_lines = lines

    @property
    def cover_open(self) -> bool:
        """The cover; set it to open or close it."""
        return self._mechanics.cover_open

    @cover_open.setter
    def cover_open(self, is_open: bool) -> None:
        self._mechanics.cover_open = is_open
        self._changed()

    def set_trouble(
        self,
        *,
        cutter_jammed: bool = False,
        broken: bool = False,
        hot: bool = False,
        switched_offline: bool = False,
    ) -> None:
        """Set all of these at once; what is not named is well again."""
        self._mechanics.cutter_jammed = cutter_jammed
        self._mechanics.broken = broken
        self._mechanics.hot = hot
        self._mechanics.switched_offline = switched_offline
        self._changed()

    @property
    def drawer_open(self) -> bool:
        """Whether the drawer stands open."""
        return self._mechanics.drawer_open

    @property
    def drawer_locked(self) -> bool:
        """Whether the key is turned, so that a pulse does not open it; set it to turn it."""
        return self._mechanics.drawer_locked

    @drawer_locked.setter
    def drawer_locked(self, locked: bool) -> None:
        self._mechanics.drawer_locked = locked

    def close_drawer(self) -> None:
        """Push the drawer shut."""
        self._mechanics.drawer_open = False
        self._changed()

    def open_drawer(self) -> None:
        """Open the drawer with its key."""
        self._mechanics.drawer_open = True
        self._changed()

    def power_cycle(self) -> None:
        """Switch it off and on: what was not printed is gone, the connection too."""
        self._forget_buffer()
        self._answers.clear()
        self._busy_until_ms = 0
        self._reset()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection of the client that is being served."""
        self._hang_up = self._attended
        self._stirred.set()

    def drop_after(self, count: int) -> None:
        """Take so many more bytes, then close the connection."""
        self._drop_after_bytes = count

    # --- the connection -------------------------------------------------------------------

    async def attend(self, stream: ByteStream) -> None:
        """Serve one client until it is gone; the next one waits its turn."""
        async with self._one_client:
            self.connections += 1
            self._attended, self._hang_up = True, False
            self._answers.clear()
            self._greet()
            try:
                async with asyncio.TaskGroup() as tasks:
                    reading = tasks.create_task(self._read_all(stream))
                    await self._work_and_answer(stream, reading)
            finally:
                self._attended = False
            self._busy_until_ms = 0
            self._work()

    async def _read_all(self, stream: ByteStream) -> None:
        idle_s = self._peer_settings.idle_close_s or None
        try:
            while not self._hang_up:
                room = self._peer_settings.buffer_bytes + _RESERVE_BYTES - len(self._buffer)
                if room <= 0:
                    # nothing is taken from the line: the other end feels it
                    self._room.clear()
                    await self._room.wait()
                    continue
                async with self._clock.timeout(idle_s):
                    data = await stream.read(room)
                if not data:
                    break
                self._receive(data)
        except (DeviceUnreachable, TimeoutError):
            self._log.debug("client_gone")
        self._stirred.set()

    def _receive(self, data: bytes) -> None:
        if self._drop_after_bytes is not None:
            data = data[: self._drop_after_bytes]
            self._drop_after_bytes -= len(data)
            if not self._drop_after_bytes:
                self._drop_after_bytes = None
                self.hang_up()
        self.received_bytes += len(data)
        self._buffer += self._hear(data)
        self._stirred.set()

    async def _work_and_answer(self, stream: ByteStream, reading: asyncio.Task[None]) -> None:
        try:
            while True:
                self._stirred.clear()
                self._work()
                if self._answers:
                    data = bytes(self._answers)
                    self._answers.clear()
                    await stream.write(data)
                if self._hang_up or reading.done():
                    break
                try:
                    async with self._clock.timeout(self._busy_s()):
                        await self._stirred.wait()
                except TimeoutError:
                    continue
        except DeviceUnreachable:
            self._log.debug("client_gone")
        finally:
            self._hang_up = True
            self._room.set()
            await stream.close()

    def _busy_s(self) -> float | None:
        left_ms = self._busy_until_ms - self._clock.monotonic_ms()
        return left_ms / 1000 if left_ms > 0 and self._buffer else None

    def _work(self) -> None:
        """Work off the buffer until it is empty, the paper moves, or printing stands still."""
        while (
            self._buffer
            and not self._mechanics.offline
            and self._busy_until_ms <= self._clock.monotonic_ms()
        ):
            used = self._reader.step(self._buffer)
            if not used:
                return
            del self._buffer[:used]
            self._room.set()

    def _changed(self) -> None:
        """Say what changed, go on printing where that is possible again."""
        self._report()
        if not self._attended:
            self._work()
        self._stirred.set()

    def _send(self, data: bytes) -> None:
        if self._attended and len(self._answers) < _ANSWER_BYTES_MAX:
            self._answers += data

    def _forget_buffer(self) -> None:
        self._buffer.clear()
        self._room.set()

    # --- what commands move ---------------------------------------------------------------

    def _give_pulse(self, pulse: Pulse) -> None:
        self.pulses.append(pulse)
        del self.pulses[:-PULSES_KEPT_MAX]
        was_open = self._mechanics.drawer_open
        self._mechanics.pulse(pulse.pin)
        if self._mechanics.drawer_open != was_open:
            self._changed()

    def print_line(self, line: PaperLine, dots: int) -> None:
        """Let a line come out; it takes its time while a client looks on; the paper may end."""
        self._roll.add(line)
        if self._peer_settings.speed_mm_s and self._attended:
            took_ms = round(dots * 1000 / _DOTS_PER_MM / self._peer_settings.speed_mm_s)
            self._busy_until_ms = self._clock.monotonic_ms() + took_ms
        if self._paper_left_lines is not None:
            self._paper_left_lines -= 1
            if self._paper_left_lines <= 0:
                self.paper = Paper.OUT

    def cut(self, how: str) -> None:
        """Cut the paper."""
        self._roll.cut(how)

    def pulse(self, pin: int, on_ms: int, off_ms: int) -> None:
        """Give a pulse that waited its turn behind the data."""
        self._give_pulse(Pulse(pin, on_ms, off_ms, self._clock.now_ms()))
