"""A till's connection to a ZVT terminal: registered, in order, and asked what it holds.

Before the connection serves any job the till is registered, what was left open is asked
about, and the terminal has the diagnosis or the initialisation that it asks for.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final

from typing_extensions import override

from devices.driver import ConnectedDriver, DriverPorts
from devices.drivers.terminal_zvt.blocks import BlockStream
from devices.drivers.terminal_zvt.line import End, ZvtLine, code_of
from devices.drivers.terminal_zvt.notes import PaymentNotes
from devices.drivers.terminal_zvt.settings import TerminalZvtSettings, read_password
from devices.protocols import zvt_commands as commands
from devices.protocols.zvt_apdu import Apdu
from devices.protocols.zvt_fields import TERMINAL_ID
from devices.protocols.zvt_messages import (
    Answer,
    Completion,
    IntermediateStatus,
    Message,
    StatusInformation,
)
from devices.protocols.zvt_recovery import LastStored
from devices.protocols.zvt_results import (
    ASK_AGAIN,
    BUSY,
    OK,
    result_words,
    status_words,
    wants_diagnosis,
    wants_initialisation,
)
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    TERMINAL_BUSY_RETRY_MS,
    TERMINAL_QUIET_EXTRA_MS,
    TERMINAL_SERVICE_EVERY_MS,
)
from edge.contract.errors import Refused, SettingsInvalid
from edge.contract.money import CURRENCY_NUMBERS

LOOK: Final = "Look at the terminal and try again."
STILL_BUSY: Final = (
    "The terminal is still at the last payment.",
    "Look at the terminal's display.",
)
_NOT_CONNECTED: Final = "The payment terminal is not connected."


class TerminalConnection(ConnectedDriver):
    """What all jobs at a terminal need: a registered line, and questions that move nothing."""

    records_bytes = False

    def __init__(self, settings: TerminalZvtSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._settings = settings
        self._notes = PaymentNotes(ports, settings.answer_ms_max)
        self._line: ZvtLine | None = None
        self._password = ""
        self._why_not = _NOT_CONNECTED
        self._standing = ""
        self._logged_off = False
        self._serviced_ms: dict[Apdu, int] = {}

    @abstractmethod
    async def _settle_open(self, line: ZvtLine) -> None:
        """Find out what became of everything that was not heard to its end."""

    # --- life ----------------------------------------------------------------------------

    @override
    async def serve(self, stream: ByteStream) -> None:
        if self._settings.serial:
            stream = await self._settled(stream)
        line = ZvtLine(stream, self._settings, self.ports)
        status_byte = await self._register(line)
        await self._settle_open(line)
        await self._give_what_it_asks_for(line, status_byte)
        self._line = line
        self._say_standing()
        try:
            await line.pump()
        finally:
            self._line, self._why_not = None, _NOT_CONNECTED

    async def _settled(self, stream: ByteStream) -> ByteStream:
        """Return a serial line on which nothing of an earlier dialogue is left.

        No connection ends there with the dialogue: what the terminal still has to say would
        be taken for the answer to the next question.
        """
        blocks = BlockStream(stream, self.ports)
        await blocks.settle(self._settings.answer_ms_max + TERMINAL_QUIET_EXTRA_MS)
        return blocks

    async def _register(self, line: ZvtLine) -> int:
        """Register until the terminal takes it; meanwhile a person is told why it does not.

        Returns the status byte: what the terminal asks for.
        """
        settings = self._settings
        number = CURRENCY_NUMBERS[settings.currency]
        while True:
            try:
                self._password = read_password(settings.password_file)
                end = await line.converse(
                    commands.registration(self._password, number, settings.config_byte), ignore
                )
                if isinstance(end, Completion):
                    self._logged_off = False
                    if terminal_id := end.fields.digits(TERMINAL_ID):
                        self.ports.describe(serial_number=terminal_id)
                    self._standing = status_words(end.status_byte)
                    return end.status_byte
                why, advice = _refusal_words(end)
            except SettingsInvalid as error:
                why, advice = error.message, error.advice
            await self._wait_for_person(why, advice)

    async def _give_what_it_asks_for(self, line: ZvtLine, status_byte: int) -> None:
        """Run what the status byte of the registration asks for, once an hour at most."""
        wanted: list[tuple[int, Apdu]] = []
        if wants_initialisation(status_byte):
            wanted.append((1, commands.initialisation(self._password)))
        if wants_diagnosis(status_byte):
            wanted.append((2, commands.diagnosis()))
        for bit, command in wanted:
            now_ms = self.ports.clock.monotonic_ms()
            last_ms = self._serviced_ms.get(command)
            if last_ms is not None and now_ms - last_ms < TERMINAL_SERVICE_EVERY_MS:
                continue
            self._serviced_ms[command] = now_ms
            end = await line.converse(command, self._show)
            done = isinstance(end, Completion)
            self.ports.log.info("terminal_serviced", command=f"{command.control:04X}", done=done)
            if done:
                status_byte &= ~bit
        self._standing = status_words(status_byte)

    def _say_standing(self) -> None:
        if self._standing:
            self.attention(self._standing, "Start that function on the terminal.")
        else:
            self.ready()

    async def _wait_for_person(self, why: str, advice: str) -> None:
        self._why_not = why
        self.attention(why, advice)
        await self.ports.clock.sleep(TERMINAL_BUSY_RETRY_MS / 1000)

    # --- what jobs use -------------------------------------------------------------------

    async def _ready_line(self) -> ZvtLine:
        """Return the line, the till registered; raises DeviceUnreachable, Refused."""
        await self.live_stream()
        if self._line is None:
            raise Refused("terminal_not_ready", self._why_not, advice=LOOK)
        line = self._line
        if self._logged_off or line.forgotten:
            await self._register_again(line)
        return line

    async def _register_again(self, line: ZvtLine) -> None:
        """Register on a connection that serves: the terminal was set free or switched off."""
        await self._register(line)
        self._say_standing()

    async def _show(self, message: Message) -> None:
        """Show the till what the terminal shows, in a dialogue of which only the end matters."""
        if isinstance(message, IntermediateStatus):
            self.ports.report(health=message.words)

    async def _ask_last_stored(self, line: ZvtLine) -> LastStored | None:
        """Return the terminal's last stored transaction; None: ask again.

        It is busy, or was switched off and wants the till to be registered first: neither says
        anything about what it has stored.
        """
        heard: list[StatusInformation] = []

        async def listen(message: Message) -> None:
            if isinstance(message, StatusInformation):
                heard.append(message)

        end = await line.converse(commands.repeat_receipt(self._password), listen)
        if heard:
            await self._notes.note_can_repeat()
            return LastStored(said=True, status=heard[0])
        if code_of(end) in ASK_AGAIN:
            return None
        if isinstance(end, Answer):
            return LastStored(said=False)
        # a terminal that gives up the question has nothing stored, if it ever could answer
        if isinstance(end, Completion):
            return LastStored(said=True)
        return LastStored(said=await self._notes.can_repeat(), code=end.code or OK)


async def ignore(_message: Message) -> None:
    """Listen to a dialogue of which only the end matters."""


def busy() -> Refused:
    """Return the refusal of a job that a busy terminal could not even be asked about."""
    return Refused("terminal_busy", result_words(BUSY), advice=LOOK)


def _refusal_words(end: End) -> tuple[str, str]:
    code = code_of(end)
    if code == BUSY:
        return STILL_BUSY
    words = "" if code is None else f" {result_words(code)}"
    return f"The terminal refuses the till.{words}", "Check the terminal's password and currency."
