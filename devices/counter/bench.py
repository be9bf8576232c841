"""The counter: simulated scanner, printer with drawer, terminal, scale, and the office's line."""

from __future__ import annotations

import asyncio
import base64
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final, cast

import msgspec

from devices.counter.counter_messages import (
    BookedPayment,
    CablesBody,
    CounterState,
    DeviceName,
    DrawerState,
    Key,
    LinkState,
    Next,
    PrinterBody,
    PrinterState,
    ScaleBody,
    ScaleState,
    ScannerState,
    Slip,
    SlipLine,
    TerminalState,
)
from devices.counter.office_line import OfficeLine
from devices.counter.settings import CounterSettings
from devices.doors.pty_door import PtyDoor
from devices.doors.tcp_door import Serve, TcpDoor
from devices.driver import Simulator, SimulatorPorts
from devices.simulators.printer_escpos import (
    PaperLine,
    Receipt,
    SimulatedPrinter,
    SimulatedPrinterSettings,
)
from devices.simulators.scale_cas import SimulatedScale, SimulatedScaleSettings
from devices.simulators.scanner_serial import SimulatedScanner, SimulatedScannerSettings
from devices.simulators.terminal_zvt.scripts import Script, SimulatedTerminalSettings
from devices.simulators.terminal_zvt.terminal import SimulatedTerminal
from devices.transports.asyncio_stream import AsyncioStream
from edge.contract.device_limits import (
    COUNTER_BOOKED_SHOWN_MAX,
    COUNTER_SCAN_S_MAX,
    COUNTER_SLIPS_SHOWN_MAX,
)
from edge.contract.errors import DeviceUnreachable, Refused, SettingsInvalid
from edge.contract.instant import Clock
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

_ASK: Final = "ask"
_AUTOMATIC: Final = "automatic"
_SUFFIX: Final = "\r"
_PRESSED: Final[dict[Key, Script]] = {
    "approve": Script.APPROVE,
    "decline": Script.DECLINE,
    "stop": Script.ABORT,
    "cut": Script.CUT_BEFORE_RESULT,
    "approve_and_cut": Script.CUT_AFTER_APPROVAL,
}


class Counter:
    """Everything that stands on the counter, and what a person does with it."""

    def __init__(
        self, settings: CounterSettings, clock: Clock, log: Log, tasks: Supervisor
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._tasks = tasks
        self._scans = asyncio.Lock()
        place = settings.terminal
        self._scanner = SimulatedScanner(
            SimulatedScannerSettings(suffix=_SUFFIX),
            SimulatorPorts(clock, log.bind(device="scanner")),
        )
        self._printer = SimulatedPrinter(
            SimulatedPrinterSettings(
                columns=settings.printer.columns, speed_mm_s=settings.printer.speed_mm_s
            ),
            SimulatorPorts(clock, log.bind(device="printer")),
        )
        self._terminal = SimulatedTerminal(
            SimulatedTerminalSettings(
                journal=str(place.journal),
                currency=place.currency,
                customer_ms=place.customer_ms,
                network_ms=place.network_ms,
            ),
            SimulatorPorts(clock, log.bind(device="terminal")),
        )
        self._scale = SimulatedScale(
            SimulatedScaleSettings(settle_ms=settings.scale.settle_ms),
            SimulatorPorts(clock, log.bind(device="scale")),
        )
        line = OfficeLine(settings.link.office_host, settings.link.office_port, clock, log)
        self._port = PtyDoor("scanner", settings.scanner.link, self._scanner.attend, clock, log)
        self._printer_door = TcpDoor(
            "printer", settings.printer.port, self._serving("printer", self._printer), tasks, log
        )
        self._terminal_door = TcpDoor(
            "terminal", place.port, self._serving("terminal", self._terminal), tasks, log
        )
        self._scale_door = TcpDoor(
            "scale", settings.scale.port, self._serving("scale", self._scale), tasks, log
        )
        self._link = TcpDoor("line to head office", settings.link.port, line.carry, tasks, log)

    def _serving(self, name: str, simulator: Simulator) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await simulator.attend(AsyncioStream(reader, writer, self._clock, f"till at {name}"))

        return serve

    # --- life -----------------------------------------------------------------------------

    async def open(self) -> None:
        """Put everything in its place; raises SettingsInvalid (a port taken, files damaged)."""
        _check_journal(self._terminal, self._settings.terminal.journal)
        for door in self._doors:
            await door.open()
        _ = self._tasks.start("scanner port", self._port.run)

    async def close(self) -> None:
        """Take everything away; safe to call twice. The scanner's port ends with its task."""
        await self._port.plug(plugged=False)
        for door in self._doors:
            await door.close()

    @property
    def _doors(self) -> tuple[TcpDoor, ...]:
        return (self._printer_door, self._terminal_door, self._scale_door, self._link)

    @property
    def ports(self) -> dict[str, int]:
        """The TCP ports: printer, terminal, scale, link."""
        return {
            "printer": self._printer_door.port,
            "terminal": self._terminal_door.port,
            "scale": self._scale_door.port,
            "link": self._link.port,
        }

    # --- scanner --------------------------------------------------------------------------

    async def scan(self, code: str, *, raw: bool) -> None:
        """Type a code and the suffix; raises Refused (what no scanner sends) or DeviceUnreachable.

        On the line when this returns.
        """
        data = _raw_bytes(code) if raw else _plain_bytes(code)
        if not self._port.connected:
            raise DeviceUnreachable(
                "scanner_not_connected",
                "Nobody holds the scanner's port open: the code would be lost.",
                advice="Put the scanner's cable in, and see that `tillbox devices` runs.",
            )
        try:
            async with self._scans, self._clock.timeout(COUNTER_SCAN_S_MAX):
                await self._scanner.type_bytes(data + _SUFFIX.encode())
        except TimeoutError:
            raise DeviceUnreachable(
                "scanner_not_read",
                "The code was typed, but nobody takes it off the line.",
                advice="See that `tillbox devices` is not stuck.",
            ) from None

    @property
    def scanner_state(self) -> ScannerState:
        """How the scanner is."""
        return ScannerState(
            self._port.plugged, self._port.connected, str(self._settings.scanner.link)
        )

    # --- printer and drawer ---------------------------------------------------------------

    def set_printer(self, wish: PrinterBody) -> None:
        """Change paper and cover; raises Refused when nothing is asked for."""
        if wish == PrinterBody():
            raise Refused(
                "nothing_asked",
                "The body names nothing to change.",
                advice="Name paper, cover or lines_left.",
                status=422,
            )
        if wish.paper is not None:
            self._printer.paper = wish.paper
        if wish.cover is not None:
            self._printer.cover_open = wish.cover == "open"
        if wish.lines_left is not None:
            self._printer.paper_lasts(wish.lines_left)

    def receipts(self) -> list[str]:
        """Return the text of the receipts that came out, newest last."""
        return self._printer.receipts()

    def slips(self, most: int = COUNTER_SLIPS_SHOWN_MAX) -> list[Slip]:
        """Return the last receipts as they look, newest last."""
        receipts: list[Receipt] = list(self._printer.roll.receipts)
        return [Slip(tuple(map(_slip_line, each.lines))) for each in receipts[-most:]]

    @property
    def printer_state(self) -> PrinterState:
        """How the printer is."""
        printer = self._printer
        return PrinterState(
            paper=printer.paper.value,
            cover="open" if printer.cover_open else "closed",
            plugged=self._printer_door.plugged,
            connected=self._printer_door.connections > 0,
            slips=len(printer.roll.receipts),
            hanging=tuple(map(_slip_line, printer.roll.current)),
            pole=printer.pole,
        )

    def close_drawer(self) -> None:
        """Push the drawer shut."""
        self._printer.close_drawer()

    @property
    def drawer_state(self) -> DrawerState:
        """How the drawer is."""
        printer = self._printer
        opened_at = printer.pulses[-1].at_ms if printer.drawer_open and printer.pulses else 0
        return DrawerState(len(printer.pulses), printer.drawer_open, opened_at)

    # --- terminal -------------------------------------------------------------------------

    def set_terminal(self, wanted: Next) -> None:
        """Say what the next payment or refund does; `ask` waits for a person's key from now on."""
        if wanted == _ASK:
            self._terminal.mode = _ASK
            self._terminal.next_script = Script.APPROVE.value
        else:
            self._terminal.mode = _AUTOMATIC
            self._terminal.next_script = wanted

    def press(self, key: Key) -> None:
        """Press a key of the terminal; raises Refused when nobody asked for one."""
        if self._terminal.mode != _ASK:
            raise Refused(
                "terminal_automatic",
                "The terminal goes on by itself.",
                advice='Set {"next": "ask"} first: then it waits for a key.',
            )
        self._terminal.decide(_PRESSED[key].value)

    def terminal_state(self, booked_most: int | None = None) -> TerminalState:
        """How the terminal is, and what the acquirer booked, oldest first."""
        terminal = self._terminal
        booked = [BookedPayment(at=each.pop("when"), **each) for each in terminal.booked()]
        return TerminalState(
            booked=tuple(booked if booked_most is None else booked[-booked_most:]),
            balance_minor=terminal.balance_minor,
            next=cast("Next", _ASK if terminal.mode == _ASK else terminal.next_script),
            display=terminal.display,
            asked_minor=terminal.pending_minor,
            asked_kind=terminal.pending_kind,
            plugged=self._terminal_door.plugged,
            connected=self._terminal_door.connections > 0,
            currency=self._settings.terminal.currency,
        )

    # --- scale ----------------------------------------------------------------------------

    def put_on_scale(self, wish: ScaleBody) -> None:
        """Let so much lie on the scale, still or swaying."""
        self._scale.put(wish.grams, swaying=not wish.stable)

    @property
    def scale_state(self) -> ScaleState:
        """What lies on the scale, and how it is."""
        scale = self._scale
        return ScaleState(
            scale.grams,
            scale.still,
            scale.overloaded,
            self._scale_door.plugged,
            self._scale_door.connections > 0,
        )

    # --- cables ---------------------------------------------------------------------------

    async def set_cable(self, device: DeviceName, *, plugged: bool) -> None:
        """Put a device's cable in, or pull it."""
        match device:
            case "scanner":
                await self._port.plug(plugged=plugged)
            case "printer":
                self._printer_door.plug(plugged=plugged)
            case "terminal":
                self._terminal_door.plug(plugged=plugged)
            case "scale":
                self._scale_door.plug(plugged=plugged)

    @property
    def cables(self) -> CablesBody:
        """Which cables are in."""
        return CablesBody(
            self._port.plugged,
            self._printer_door.plugged,
            self._terminal_door.plugged,
            self._scale_door.plugged,
        )

    def set_link(self, *, up: bool) -> None:
        """Restore the line to head office, or cut it: what goes through it is reset at once."""
        self._link.plug(plugged=up)

    @property
    def link_state(self) -> LinkState:
        """How the line to head office is."""
        return LinkState(self._link.plugged, self._link.connections)

    # --- everything -----------------------------------------------------------------------

    def state(self) -> CounterState:
        """Return what the page shows."""
        newest = self.slips(1)
        return CounterState(
            scanner=self.scanner_state,
            printer=self.printer_state,
            drawer=self.drawer_state,
            terminal=self.terminal_state(COUNTER_BOOKED_SHOWN_MAX),
            scale=self.scale_state,
            link=self.link_state,
            slip=newest[0] if newest else None,
            till_url=self._settings.till_url,
        )


def _slip_line(line: PaperLine) -> SlipLine:
    return SlipLine(
        text=line.text,
        bold=line.bold,
        height=line.height,
        width=line.width,
        mark=line.mark,
        png=base64.b64encode(line.png).decode(),
        left_dots=line.left_dots,
        width_dots=line.width_dots,
    )


def _plain_bytes(code: str) -> bytes:
    if not code:
        raise Refused("code_empty", "There is no code to scan.", status=422)
    if _has_control(code):
        raise Refused(
            "code_unprintable",
            "The code has control characters, which no label has.",
            advice='Set {"raw": true} to send them all the same.',
            status=422,
        )
    return code.encode()


def _raw_bytes(code: str) -> bytes:
    if not code:
        raise Refused("code_empty", "There is no code to scan.", status=422)
    try:
        return code.encode("latin-1")
    except UnicodeEncodeError:
        raise Refused(
            "code_not_bytes",
            "With raw every character is one byte, U+0000 to U+00FF.",
            status=422,
        ) from None


def _has_control(text: Iterable[str]) -> bool:
    return any(unicodedata.category(char) == "Cc" for char in text)


def _check_journal(terminal: SimulatedTerminal, path: Path) -> None:
    """Read what was booked before; raises SettingsInvalid."""
    try:
        _ = terminal.booked()
    except (msgspec.DecodeError, OSError) as error:
        raise SettingsInvalid(
            "journal_unusable",
            f"The terminal's journal {path} cannot be read: {error}.",
            advice="Let terminal.journal name another file, or delete this one.",
        ) from None
