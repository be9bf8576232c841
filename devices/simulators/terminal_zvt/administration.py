"""What the simulated terminal does beside transactions: registration, totals, service."""

from __future__ import annotations

from typing import Final

from devices.simulators.terminal_zvt import paper
from devices.simulators.terminal_zvt.scripts import Point, Script
from devices.simulators.terminal_zvt.talking import TerminalTalk
from devices.simulators.terminal_zvt.wire import (
    CONTAINER,
    Heard,
    TillLine,
    command_fields,
    digits,
    things,
)

_SERVICE_NO_PRINT: Final = 0x01
_ABORTED: Final = 0x6C
_END_OF_DAY_IMPOSSIBLE: Final = 0x77
_INITIALISE: Final = 0x01
_DIAGNOSE: Final = 0x02
_SOFTWARE: Final = b"SIM 1.0"


class TerminalOffice(TerminalTalk):
    """Dialogues that move nobody's money."""

    async def administer(self, line: TillLine, heard: Heard) -> None:
        """Do what a till asks for beside transactions; refuse what is not offered."""
        match heard.command:
            case "0501":
                await line.say("8000")
                size = len(_SOFTWARE)
                await self._say_and_wait(
                    line, "060f", bytes([0xF0, 0xF0, 0xF0 + size]) + _SOFTWARE + b"\x00"
                )
            case "0610":
                await self._tell_totals(line, heard.data)
            case "0670":
                await self._serve_itself(line, _DIAGNOSE, 0xC9, "Diagnose")
            case "0693" if self._right_password(heard.data):
                await self._serve_itself(line, _INITIALISE, 0xCA, "Initialisierung")
            case "0602":
                self._registered = False
                await line.say("8000")
            case "06b0":
                await line.say("8000")
            case _:
                await line.say("8483")

    def _standing(self) -> bytes:
        """Return what it asks for, and its number."""
        return bytes([0x19, self.status_byte, 0x29]) + digits(paper.TERMINAL_ID, 4)

    def _right_password(self, data: bytes) -> bool:
        return data[:3] == bytes.fromhex(self._settings.password)

    async def _register(self, line: TillLine, data: bytes) -> None:
        if not self._right_password(data):
            await line.say("8483")
            return
        rest = data[4:]
        if rest[:2] and rest[0] != CONTAINER and rest[:2] != digits(self._currency, 2):
            await line.say("846f")
            return
        fields = command_fields(rest if rest[:1] == bytes([CONTAINER]) else rest[2:])
        self._config = (data[3:4] or b"\0")[0]
        self._blocks = any(
            value == bytes.fromhex("06D3")
            for tag, body in things(fields.get(CONTAINER, b""))
            if tag == "26"
            for _, value in things(body)
        )
        await line.say("8000")
        await self._point(line, Point.REGISTER)
        self._registered = True
        currency = b"\x49" + digits(self._currency, 2)
        await self._say_and_wait(line, "060f", self._standing() + currency + b"\x06\x00")

    async def _repeat(self, line: TillLine, data: bytes) -> None:
        if not self._registered:
            await line.say("846b")
            return
        if not self._right_password(data):
            await line.say("8483")
            return
        self._busy = True
        try:
            await line.say("8000")
            await self._point(line, Point.REPEAT)
            last = self._acquirer.repeatable(self._settings.after_end_of_day)
            closing = self._acquirer.closing
            if last is None and closing and self._settings.after_end_of_day == "names":
                await self._say_and_wait(line, "040f", paper.totals_status(closing))
            elif last is not None:
                await self._say_and_wait(line, "040f", self._status(last))
                await self._point(line, Point.REPEAT_TOLD)
                if not command_fields(data[3:]).get(0x03, b"\0")[0] & _SERVICE_NO_PRINT:
                    await self._print(line, last)
            await self._say_and_wait(line, "060f")
        finally:
            self._busy = False

    async def _tell_totals(self, line: TillLine, data: bytes) -> None:
        if not self._registered:
            await line.say("846b")
            return
        if not (self._settings.totals and self._right_password(data)):
            await line.say("8483")
            return
        await line.say("8000")
        batch = self._acquirer.open_batch(self._clock.now_ms())
        if batch.count or self._settings.totals == "always":
            await self._say_and_wait(line, "040f", paper.totals_status(batch))
        await self._say_and_wait(line, "060f")

    async def close_day(self, line: TillLine, data: bytes, script: Script) -> None:
        """Go through an end of day; a lost line ends the talking, not what was handed in."""
        if not self._registered:
            await line.say("846b")
            return
        if not (self._settings.ends_days and self._right_password(data)):
            await line.say("8483")
            return
        self._busy, self._abort_heard = True, False
        try:
            await self._point(line, Point.COMMAND)
            await line.say("8000")
            await self._point(line, Point.ACKNOWLEDGED)
            await self._hand_in(line, script)
        finally:
            self._busy, self.display = False, "Ready"

    async def _hand_in(self, line: TillLine, script: Script) -> None:
        self.display = "End of day"
        await self._show(line, 0x0F)
        await self._wait(line, self._settings.network_ms / 1000, online=True)
        if script in (Script.CUT_BEFORE_RESULT, Script.APPROVE_AFTER_CUT):
            await line.pull()
        await self._point(line, Point.BEFORE_BOOKING)
        if script in (Script.DECLINE, Script.ABORT):
            code = _END_OF_DAY_IMPOSSIBLE if script is Script.DECLINE else _ABORTED
            await self._say_and_wait(line, "061e", bytes([code]))
            return
        if line.lost and script is not Script.APPROVE_AFTER_CUT:
            return
        batch = self._acquirer.close_batch(self._clock.now_ms())
        if script is Script.CUT_AFTER_APPROVAL:
            await line.pull()
        await self._point(line, Point.BOOKED)
        await line.say("040f", paper.totals_status(batch))
        await self._point(line, Point.TOLD)
        await self._answer(line, online=True)
        await self._point(line, Point.HEARD)
        await self._slip(line, paper.totals_lines(batch))
        await self._point(line, Point.PRINTED)
        await line.say("060f")
        await self._point(line, Point.COMPLETED)

    async def _serve_itself(self, line: TillLine, bit: int, shown: int, title: str) -> None:
        await line.say("8000")
        await self._show(line, shown)
        await self._wait(line, self._settings.network_ms / 1000, online=True)
        self.status_byte &= ~bit
        await self._slip(line, paper.service_lines(title))
        await self._say_and_wait(line, "060f", self._standing())
