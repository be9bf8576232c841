"""What drivers of line displays share: they are only written to, and never say anything.

So nothing is known of the display but that its line takes bytes; what it shows is written anew
now and then, for a display that was without power meanwhile is dark and nobody would hear of it.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from typing_extensions import override

from devices.driver import ConnectedDriver, DeviceJob, DriverPorts
from devices.protocols.display_text import BLANK, DisplayText, Rows
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    DISPLAY_REFRESH_MS,
    DISPLAY_WRITE_MS_MAX,
)
from edge.contract.device_messages import JobResult, ShowLinesArgs, ShowOutcome
from edge.contract.errors import DeviceUnreachable
from edge.contract.limits import (
    BACKOFF_MS_MIN,
)

_READ_BYTES_MAX: Final = 1_024


class DisplayLanguage(Protocol):
    """The commands that a display understands."""

    def begin(self) -> bytes:
        """Return what makes a display dark and ready, whatever it was told before."""
        ...

    def show(self, rows: Rows) -> bytes:
        """Return what writes both rows over what stands there."""
        ...


class DisplayWriter(ConnectedDriver):
    """Keeps one display showing the last lines it was given. All writing is under one lock."""

    def __init__(self, language: DisplayLanguage, text: DisplayText, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._language = language
        self._text = text
        self._rows = BLANK
        self._line = asyncio.Lock()

    @override
    async def serve(self, stream: ByteStream) -> None:
        async with self._line:
            await self._write(stream, self._language.begin() + self._language.show(self._rows))
        self.ready()
        clock = self.ports.clock
        due_ms = clock.monotonic_ms() + DISPLAY_REFRESH_MS
        while True:
            try:
                async with clock.timeout(max(0, due_ms - clock.monotonic_ms()) / 1000):
                    if not await stream.read(_READ_BYTES_MAX):  # what it babbles says nothing
                        return
            except TimeoutError:
                async with self._line:
                    await self._write(stream, self._language.show(self._rows))
                due_ms = clock.monotonic_ms() + DISPLAY_REFRESH_MS

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        if not isinstance(job.args, ShowLinesArgs):
            await self.live_stream()
            return job.done(self.ports.clock.now_ms(), {"health": "connected"})
        rows = self._text.rows(job.args.lines)
        if rows.substituted:
            self.ports.count("SubstitutedCharacterCount", rows.substituted)
        await self._show(rows, job.deadline)
        return job.done(self.ports.clock.now_ms(), ShowOutcome(rows.substituted))

    async def _show(self, rows: Rows, deadline: int) -> None:
        """Write rows, over a blip of the line again; raises DeviceUnreachable at the deadline."""
        while True:
            stream = await self.live_stream()
            try:
                async with self._line:
                    await self._write(stream, self._language.show(rows))
                    self._rows = rows
            except DeviceUnreachable:
                if self.ports.clock.now_ms() >= deadline:
                    raise
                await self.ports.clock.sleep(BACKOFF_MS_MIN / 1000)
            else:
                return

    async def _write(self, stream: ByteStream, data: bytes) -> None:
        try:
            async with self.ports.clock.timeout(DISPLAY_WRITE_MS_MAX / 1000):
                await stream.write(data)
        except TimeoutError:
            await stream.close()
            raise DeviceUnreachable(
                "display_takes_nothing",
                f"{self.ports.device} takes no data.",
                advice="Check its power, its cable, and that no flow control is set.",
            ) from None
