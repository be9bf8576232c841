"""What every dialogue of the simulated terminal is made of: messages, waiting, and faults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from devices.driver import SimulatorPorts
from devices.simulators.terminal_zvt import paper
from devices.simulators.terminal_zvt.acquirer import RECEIPTS, Acquirer, Transaction
from devices.simulators.terminal_zvt.scripts import Point, SimulatedTerminalSettings
from devices.simulators.terminal_zvt.wire import Heard, LineLost, Manners, TillLine
from edge.contract.money import CURRENCY_NUMBERS

_CONFIG_RECEIPTS_BY_TILL: Final = 0x82
_CONFIG_SLIPS_BY_TILL: Final = 0x84
_CONFIG_INTERMEDIATE: Final = 0x08


class TerminalTalk:
    """State that all dialogues share, and how one message leaves and is answered."""

    def __init__(self, settings: SimulatedTerminalSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._clock = ports.clock
        self._log = ports.log
        self._acquirer = Acquirer(settings.journal)
        self._currency = CURRENCY_NUMBERS[settings.currency]
        self._busy = False
        self._registered = False
        self._config = 0
        self._blocks = False
        self._abort_heard = False
        self.manners = Manners()
        self.display = "Ready"
        self.status_byte = settings.status_byte
        self.cut_at: Point | None = None
        self.stall_at: Point | None = None
        self.stall_s = 0.0

    async def _wait(self, line: TillLine, seconds: float, *, online: bool) -> bool:
        """Let time pass with an ear on the till; False when it asked to give up in time."""
        until_ms = self._clock.monotonic_ms() + seconds * 1000
        while not self._abort_heard:
            left_s = (until_ms - self._clock.monotonic_ms()) / 1000
            if left_s <= 0:
                return True
            if line.lost:
                await self._clock.sleep(left_s)
                return True
            try:
                heard = await line.hear(left_s)
                if heard is not None:
                    await self._interrupt(line, heard, online=online)
            except LineLost:
                self._log.debug("till_gone_during_payment")
        return False

    async def _interrupt(self, line: TillLine, heard: Heard, *, online: bool) -> None:
        """Answer the till in the middle of a payment: only 06 B0 is allowed, and not for long."""
        if heard.command == "06b0":
            self._abort_heard = self._abort_heard or not online
            await line.say("8483" if online else "8000")
        elif heard.command[:2] not in ("80", "84"):
            await line.say("849c")

    # --- single messages -------------------------------------------------------------------

    def _status(self, done: Transaction) -> bytes:
        return paper.approved_status(
            done,
            self._currency,
            self._settings.text_encoding,
            sync_receipt=self._settings.sync_receipt,
            told_minor=self._told_minor(done),
            signs=self._settings.signs and done.kind == "payment",
        )

    def _told_minor(self, done: Transaction) -> int:
        """Return what it calls the amount: of a release nothing, of a capture as it is set up."""
        if done.kind == "release":
            return 0
        named = self._acquirer.with_receipt(done.of % RECEIPTS) if done.of else None
        if done.kind == "capture" and self._settings.capture_tells == "released" and named:
            return named.amount_minor - done.amount_minor
        return done.amount_minor

    async def _show(self, line: TillLine, status: int) -> None:
        """Send an intermediate status if the till wants them; a lost line is noticed later."""
        if not self._config & _CONFIG_INTERMEDIATE:
            return
        try:
            await line.say("04ff", bytes([status]))
            await self._answer(line, online=False)
        except LineLost:
            self._log.debug("till_gone_during_payment")

    async def _print(self, line: TillLine, done: Transaction) -> None:
        """Send both receipts of a transaction, if the till prints them."""
        if self._config & _CONFIG_RECEIPTS_BY_TILL == _CONFIG_RECEIPTS_BY_TILL:
            for kind in (paper.MERCHANT, paper.CUSTOMER):
                await self._send_paper(line, kind, paper.receipt_lines(kind, done))

    async def _slip(self, line: TillLine, lines: Iterable[tuple[int, str]]) -> None:
        """Send a slip that belongs to no transaction, if the till prints those."""
        if self._config & _CONFIG_SLIPS_BY_TILL == _CONFIG_SLIPS_BY_TILL:
            await self._send_paper(line, paper.ADMINISTRATION, lines)

    async def _send_paper(
        self, line: TillLine, kind: int, lines: Iterable[tuple[int, str]]
    ) -> None:
        encoding = self._settings.text_encoding
        if self._blocks:
            named = self._settings.names_text_set
            data = paper.as_block(kind, lines, encoding, names_set=named)
            await self._say_and_wait(line, "06d3", data)
            return
        for data in paper.as_lines(kind, lines, encoding):
            await self._say_and_wait(line, "06d1", data)

    async def _say_and_wait(self, line: TillLine, command: str, data: bytes = b"") -> None:
        await line.say(command, data)
        await self._answer(line, online=True)

    async def _answer(self, line: TillLine, *, online: bool) -> Heard | None:
        """Return the till's answer, or None after T3; commands in between are dealt with."""
        until_ms = self._clock.monotonic_ms() + self._settings.answer_s * 1000
        while (left_s := (until_ms - self._clock.monotonic_ms()) / 1000) > 0:
            heard = await line.hear(left_s)
            if heard is None or heard.command[:2] in ("80", "84"):
                return heard
            await self._interrupt(line, heard, online=online)
        return None

    async def _point(self, line: TillLine, point: Point) -> None:
        if self.stall_at is point:
            self.stall_at = None
            await self._clock.sleep(self.stall_s)
        if self.cut_at is point:
            self.cut_at = None
            await line.pull()
