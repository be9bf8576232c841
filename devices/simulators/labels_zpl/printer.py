"""The label printer as a peer: a buffer of formats, a head that a hand opens, answers to `~HS`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from devices.driver import SimulatorPorts
from devices.simulators.labels_zpl.labels import Command, CommandReader, Format, Label
from devices.transports.byte_stream import ByteStream
from edge.contract.errors import DeviceUnreachable

_READ_BYTES_MAX: Final = 256
_LABELS_KEPT_MAX: Final = 1_000


class SimulatedLabelPrinterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`label_ms`: how long a label takes; 0 prints at once. `formats_max`: then it takes no more.

    `answers` `always`, `when_well` (nothing while labels or ribbon are out or the head is open,
    as some models are) or `never`.
    """

    label_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0
    formats_max: Annotated[int, Meta(ge=1, le=999)] = 40
    answers: Literal["always", "when_well", "never"] = "always"


@dataclass
class _Waiting:
    label: Label
    left: int


class SimulatedLabelPrinter:
    """Keeps its labels, its buffer and its faults over connections, like the metal would.

    `printed` are the labels that came out, each copy for itself. `damage` changes what it answers.
    """

    def __init__(self, settings: SimulatedLabelPrinterSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._clock = ports.clock
        self._log = ports.log
        self._reader = CommandReader()
        self._format: Format | None = None
        self._waiting: list[_Waiting] = []
        self._stirred = asyncio.Event()
        self._switched_off = asyncio.Event()
        self._labels_on_roll: int | None = None
        self._paper_out = self._head_open = self._ribbon_out = False
        self._paused = self._hot = False
        self._cold = False
        self._drop_after_bytes: int | None = None
        self.answers: str = settings.answers
        self.damage: Callable[[bytes], bytes] = lambda answer: answer
        self.printed: list[Label] = []
        self.asked = 0
        self.asked_inside_a_label = 0
        self.forgotten_formats = 0
        self.connections = 0

    # --- what a person does ---------------------------------------------------------------

    def set(
        self,
        *,
        paper_out: bool = False,
        head_open: bool = False,
        ribbon_out: bool = False,
        paused: bool = False,
        hot: bool = False,
        cold: bool = False,
    ) -> None:
        """Set all of these at once; what is not named is well again."""
        self._paper_out, self._head_open, self._ribbon_out = paper_out, head_open, ribbon_out
        self._paused, self._hot, self._cold = paused, hot, cold
        self._stirred.set()

    def roll_lasts(self, labels: int) -> None:
        """Let the labels run out after so many more."""
        self._labels_on_roll = labels

    def drop_after(self, count: int) -> None:
        """Take so many more bytes, then close the connection."""
        self._drop_after_bytes = count

    def power_cycle(self) -> None:
        """Switch it off and on: what was not printed is gone, the connection too."""
        self._reader.clear()
        self._format = None
        self._waiting.clear()
        self._switched_off.set()

    @property
    def labels_waiting(self) -> int:
        """How many labels it was sent and has not printed, copies counted."""
        return sum(each.left for each in self._waiting)

    @property
    def stopped(self) -> bool:
        """Whether nothing comes out now."""
        return self._paused or self._in_trouble or self._hot or self._cold

    @property
    def _in_trouble(self) -> bool:
        return self._paper_out or self._head_open or self._ribbon_out

    # --- the connection -------------------------------------------------------------------

    async def attend(self, stream: ByteStream) -> None:
        """Serve one client until it is gone."""
        self.connections += 1
        self._switched_off.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                others = [
                    tasks.create_task(self._print_all()),
                    tasks.create_task(self._hang_up(stream)),
                ]
                await self._listen(stream)
                for other in others:
                    other.cancel()
        finally:
            await stream.close()

    async def _hang_up(self, stream: ByteStream) -> None:
        await self._switched_off.wait()
        await stream.close()

    async def _listen(self, stream: ByteStream) -> None:
        try:
            while True:
                while len(self._waiting) >= self._settings.formats_max:
                    await self._clock.sleep(0.05)  # nothing is taken: the other end feels it
                data = await stream.read(_READ_BYTES_MAX)
                if self._drop_after_bytes is not None:
                    data = data[: self._drop_after_bytes]
                    self._drop_after_bytes -= len(data)
                for command in self._reader.feed(data):
                    answer = self._obey(command)
                    if answer:
                        await stream.write(answer)
                if not data or self._drop_after_bytes == 0:
                    self._drop_after_bytes = None
                    return
        except DeviceUnreachable:
            self._log.debug("client_gone")

    def _obey(self, command: Command) -> bytes:
        match command.name:
            case "~HS":
                return self._host_status()
            case "~JX":
                self.forgotten_formats += self._format is not None
                self._format = None
            case "~JA":
                self._format = None
                self._waiting.clear()
            case "^XA":
                self._format = Format()
            case "^XZ" if self._format is not None:
                label = self._format.label
                self._format = None
                self._waiting.append(_Waiting(label, label.copies))
                if not self._settings.label_ms:
                    self._print_now()
                self._stirred.set()
            case _ if self._format is not None:
                self._format.take(command)
            case _:
                pass
        return b""

    def _host_status(self) -> bytes:
        self.asked += 1
        self.asked_inside_a_label += self._format is not None
        silent = self.answers == "never" or (self.answers == "when_well" and self._in_trouble)
        if silent:
            return b""
        begun = self._format is not None
        waiting = max(0, len(self._waiting) - 1)
        left = self._waiting[0].left if self._waiting else 0
        full = len(self._waiting) >= self._settings.formats_max
        buffer = f"{waiting:03d},{full:d},0,{begun:d}"
        strings = (
            f"030,{self._paper_out:d},{self._paused:d},0304,{buffer},000,0,{self._cold:d},{self._hot:d}",
            f"000,0,{self._head_open:d},{self._ribbon_out:d},0,2,4,0,{left:08d},1,000",
            "1234,0",
        )
        return self.damage(b"".join(b"\x02" + text.encode() + b"\x03\r\n" for text in strings))

    # --- paper ----------------------------------------------------------------------------

    async def _print_all(self) -> None:
        while True:
            self._stirred.clear()
            if self.stopped or not self._waiting:
                await self._stirred.wait()
                continue
            if self._settings.label_ms:
                await self._clock.sleep(self._settings.label_ms / 1000)
            if self._waiting and not self.stopped:
                self._print_one()

    def _print_now(self) -> None:
        while self._waiting and not self.stopped:
            self._print_one()

    def _print_one(self) -> None:
        first = self._waiting[0]
        self.printed.append(first.label)
        del self.printed[:-_LABELS_KEPT_MAX]
        first.left -= 1
        if first.left <= 0:
            del self._waiting[0]
        if self._labels_on_roll is not None:
            self._labels_on_roll -= 1
            if self._labels_on_roll <= 0:
                self._labels_on_roll = None
                self._paper_out = True
