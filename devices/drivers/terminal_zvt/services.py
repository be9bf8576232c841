"""What a till asks of a terminal beside money: health, diagnosis, a receipt again, log-off."""

from __future__ import annotations

from typing import Final

import msgspec

from devices.driver import DeviceJob, DriverPorts
from devices.drivers.terminal_zvt.line import End, ZvtLine, code_of
from devices.drivers.terminal_zvt.settings import TerminalZvtSettings
from devices.protocols import zvt_commands as commands
from devices.protocols.zvt_messages import (
    Aborted,
    Completion,
    IntermediateStatus,
    Message,
    PrintedText,
    StatusInformation,
    read_status_enquiry,
)
from devices.protocols.zvt_receipts import ReceiptCollector
from devices.protocols.zvt_recovery import outcome_of
from devices.protocols.zvt_results import OK, result_words, status_words
from edge.contract.device_limits import (
    TERMINAL_RECEIPT_LINES_MAX,
)
from edge.contract.device_messages import JobResult
from edge.contract.terminal_messages import TerminalServiceOutcome

_LOOK: Final = "Look at the terminal and try again."
_OK: Final = "ok"


class TerminalServices:
    """Dialogues that move no money and can be repeated without harm."""

    def __init__(self, settings: TerminalZvtSettings, ports: DriverPorts) -> None:
        self._settings = settings
        self._ports = ports

    async def check_health(self, job: DeviceJob, line: ZvtLine, password: str) -> JobResult:
        """Ask the terminal how it is (05 01)."""
        heard = _Heard(self._ports)
        end = await line.converse(commands.status_enquiry(password), heard.listen)
        if not isinstance(end, Completion):
            return self._failed(job, end)
        software, status = read_status_enquiry(end.body, self._settings.text_encoding)
        if software:
            self._ports.describe(firmware=software)
        health = result_words(status) if status else ""
        return job.done(self._ports.clock.now_ms(), {"health": health or _OK})

    async def service(
        self, job: DeviceJob, line: ZvtLine, password: str, *, initialise: bool
    ) -> JobResult:
        """Run the terminal's diagnosis (06 70) or its initialisation (06 93)."""
        heard = _Heard(self._ports)
        command = commands.initialisation(password) if initialise else commands.diagnosis()
        end = await line.converse(command, heard.listen)
        if not isinstance(end, Completion):
            return self._failed(job, end)
        health = status_words(end.status_byte)
        outcome = TerminalServiceOutcome(health or _OK, heard.lines)
        return job.done(self._ports.clock.now_ms(), outcome)

    async def repeat_receipt(self, job: DeviceJob, line: ZvtLine, password: str) -> JobResult:
        """Have the last transaction told and its receipts composed again (06 20)."""
        heard = _Heard(self._ports)
        end = await line.converse(commands.repeat_receipt(password, prints=True), heard.listen)
        now_ms = self._ports.clock.now_ms()
        status = heard.status
        if status is None and isinstance(end, Completion):
            return job.failed(now_ms, "nothing_stored", "The terminal has no receipt to repeat.")
        if status is None or not isinstance(end, Completion):
            return self._failed(job, end)
        outcome = msgspec.structs.replace(
            outcome_of(status, 0),
            merchant_receipt=heard.receipts.merchant,
            customer_receipt=heard.receipts.customer,
        )
        return job.done(now_ms, outcome)

    async def log_off(self, job: DeviceJob, line: ZvtLine) -> tuple[JobResult, bool]:
        """Set the terminal free (06 02); also say whether it is."""
        answer = await line.ask(commands.log_off())
        if answer.refusal == OK:
            return job.done(self._ports.clock.now_ms(), None), True
        return self._failed(job, answer), False

    def _failed(self, job: DeviceJob, end: End) -> JobResult:
        code = code_of(end)
        words = result_words(OK if code is None else code)
        if isinstance(end, Aborted) and end.words:
            words = f"{words} ({end.words})"
        return job.failed(self._ports.clock.now_ms(), "terminal_refused", words, _LOOK)


class _Heard:
    """What the terminal said in one dialogue."""

    def __init__(self, ports: DriverPorts) -> None:
        self._ports = ports
        self.status: StatusInformation | None = None
        self.receipts = ReceiptCollector()
        self._lines: list[str] = []

    async def listen(self, message: Message) -> None:
        match message:
            case IntermediateStatus():
                self._ports.report(health=message.words)
            case StatusInformation():
                self.status = message
            case PrintedText():
                self.receipts.take(message)
                room = TERMINAL_RECEIPT_LINES_MAX - len(self._lines)
                self._lines += message.lines[: max(0, room)]
            case _:
                pass

    @property
    def lines(self) -> tuple[str, ...]:
        """All that was to be printed, in order."""
        return tuple(self._lines)
