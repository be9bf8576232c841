"""The payment terminal itself: a customer, a card network, and all the ways to go wrong."""

from __future__ import annotations

from typing import Any, Final

from devices.driver import SimulatorPorts
from devices.simulators.terminal_zvt import paper
from devices.simulators.terminal_zvt.acquirer import Acquirer, Transaction, TransactionKind
from devices.simulators.terminal_zvt.scripts import (
    Point,
    Script,
    SimulatedTerminalSettings,
    script_named,
)
from devices.simulators.terminal_zvt.serial_line import SerialTillLine
from devices.simulators.terminal_zvt.wire import (
    CONTAINER,
    Heard,
    LineLost,
    Manners,
    TillLine,
    command_fields,
    digits,
    things,
)
from devices.simulators.terminal_zvt.wishes import COMMANDS, Wish, read_wish
from devices.transports.byte_stream import ByteStream
from edge.contract.errors import Refused
from edge.contract.money import CURRENCY_NUMBERS

_LAST4: Final = "0042"
_ABORTED: Final = 0x6C
_ASK_EVERY_S: Final = 0.05
_CONFIG_RECEIPTS_BY_TILL: Final = 0x82
_CONFIG_INTERMEDIATE: Final = 0x08
_SERVICE_NO_PRINT: Final = 0x01
_SHOWN: Final[dict[TransactionKind, tuple[str, str]]] = {
    "payment": ("Insert card", "Approved"),
    "refund": ("Refund to card", "Refunded"),
    "reversal": ("Reverse payment", "Payment reversed"),
}
"""What the display says while it waits for the customer, and when it is done."""


class SimulatedTerminal:
    """One terminal. What is booked and its counters survive; the rest is as after power-on.

    `next_script` is the script of the next transaction, after which it is `approve` again.
    `display` is what a customer reads; `pending_minor` and `pending_kind` are what is under way.
    """

    def __init__(self, settings: SimulatedTerminalSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._clock = ports.clock
        self._log = ports.log
        self._acquirer = Acquirer(settings.journal)
        self._currency = CURRENCY_NUMBERS[settings.currency]
        self._line: TillLine | None = None
        self._busy = False
        self._registered = False
        self._config = 0
        self._blocks = False
        self._next = Script.APPROVE
        self._decision = ""
        self._abort_heard = False
        self.mode: str = settings.mode
        self.manners = Manners()
        self.display = "Ready"
        self.pending_minor: int | None = None
        self.pending_kind: TransactionKind = "payment"
        self.cut_at: Point | None = None
        self.stall_at: Point | None = None
        self.stall_s = 0.0
        self.abort_instead_of_completion = False

    # --- for the counter and for tests -----------------------------------------------------

    @property
    def next_script(self) -> str:
        """The script of the next payment, refund or reversal."""
        return self._next.value

    @next_script.setter
    def next_script(self, script: str) -> None:
        self._next = script_named(script)

    @property
    def busy(self) -> bool:
        """Whether a payment, refund or reversal is under way."""
        return self._busy

    def booked(self) -> list[dict[str, Any]]:
        """Return what the acquirer has, oldest first.

        Keys: kind, amount_minor, receipt, trace, state, when, and of: the receipt undone or "".
        """
        return [each.told() for each in self._acquirer.transactions]

    @property
    def balance_minor(self) -> int:
        """What the acquirer owes the shop: payments less refunds, without what was taken back."""
        return self._acquirer.balance_minor

    def decide(self, script: str) -> None:
        """Press a key in `ask` mode; raises Refused when no payment waits."""
        wanted = script_named(script)
        if self.pending_minor is None:
            raise Refused("no_payment", "No payment waits at the terminal.")
        self._decision = wanted

    # --- connections -----------------------------------------------------------------------

    async def attend(self, stream: ByteStream) -> None:
        """Serve a till's connection; a new one takes over from one that is idle."""
        kind = SerialTillLine if self._settings.line == "serial" else TillLine
        line = kind(stream, self._clock, self.manners)
        if self._line is not None and not self._busy:
            await self._line.pull()
        self._line = line
        try:
            while True:
                try:
                    heard = await line.hear(None)
                    if heard is not None:
                        await self._obey(line, heard)
                except LineLost:
                    self._log.debug("till_gone")
                    if not line.mend():
                        return
        finally:
            if self._line is line:
                self._line = None
            await stream.close()

    async def _obey(self, line: TillLine, heard: Heard) -> None:
        if heard.command[:2] in ("80", "84"):
            return
        if self._busy:
            await line.say("849c")
            return
        match heard.command:
            case "0600":
                await self._register(line, heard.data)
            case command if command in COMMANDS:
                await self._transact(line, heard)
            case "0620":
                await self._repeat(line, heard.data)
            case "0501" | "0670":
                await line.say("8000")
                software = b"SIM 1.0"
                await self._say_and_wait(
                    line, "060f", bytes([0xF0, 0xF0, 0xF0 + len(software)]) + software + b"\x00"
                )
            case "0602" | "06b0":
                await line.say("8000")
            case _:
                await line.say("8483")

    async def _register(self, line: TillLine, data: bytes) -> None:
        if data[:3] != bytes.fromhex(self._settings.password):
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
        done = b"\x19\x00\x29" + digits(paper.TERMINAL_ID, 4) + b"\x49" + digits(self._currency, 2)
        await self._say_and_wait(line, "060f", done + b"\x06\x00")

    async def _repeat(self, line: TillLine, data: bytes) -> None:
        if data[:3] != bytes.fromhex(self._settings.password):
            await line.say("8483")
            return
        self._busy = True
        try:
            await line.say("8000")
            await self._point(line, Point.REPEAT)
            last = self._acquirer.last
            if last is not None:
                await self._say_and_wait(line, "040f", self._status(last))
                await self._point(line, Point.REPEAT_TOLD)
                if not command_fields(data[3:]).get(0x03, b"\0")[0] & _SERVICE_NO_PRINT:
                    await self._print(line, last)
            await self._say_and_wait(line, "060f")
        finally:
            self._busy = False

    # --- a payment, a refund, a reversal ----------------------------------------------------

    async def _transact(self, line: TillLine, heard: Heard) -> None:
        script, self._next = self._next, Script.APPROVE
        if script is Script.SILENT:
            self.display = "No answer"
            await line.ignore(self._settings.patience_s)
            return
        self._busy = True
        try:
            await self._point(line, Point.COMMAND)
            wish = read_wish(heard, self._settings, self._currency, self._acquirer)
            if not self._registered:
                await line.say("846b")
            elif isinstance(wish, str):
                await line.say(wish)
            else:
                self.pending_minor, self.pending_kind = wish.amount_minor, wish.kind
                self._decision, self._abort_heard = "", False
                await self._carry_out(line, script, wish)
        finally:
            self._busy, self.pending_minor = False, None

    async def _carry_out(self, line: TillLine, script: Script, wish: Wish) -> None:
        """Go through one transaction; a lost line ends the talking, not the transaction."""
        await line.say("8000")
        await self._point(line, Point.ACKNOWLEDGED)
        self._take_back_unsynchronised(wish.mirrored)
        if wish.refusal:
            await self._decline(line, wish, wish.refusal)
            return
        waits, done_words = _SHOWN[wish.kind]
        self.display = f"{waits}: {wish.amount_minor / 100:.2f}"
        await self._show(line, 0x0A)
        script = await self._customer(line, script)
        if script is Script.ABORT:
            self.display = "Cancelled"
            await self._say_and_wait(line, "061e", bytes([_ABORTED]))
            return
        self.display = "Connecting"
        await self._show(line, 0x04)
        await self._wait(line, self._settings.network_ms / 1000, online=True)
        if script in (Script.CUT_BEFORE_RESULT, Script.APPROVE_AFTER_CUT):
            await line.pull()
        await self._point(line, Point.BEFORE_BOOKING)
        if line.lost and script is not Script.APPROVE_AFTER_CUT:
            self.display = "Cancelled: no connection to the till"
            return
        if script is Script.DECLINE:
            await self._decline(line, wish, self._settings.decline_code)
            return
        done = self._book(wish)
        self.display = done_words
        if script is Script.CUT_AFTER_APPROVAL:
            await line.pull()
        await self._point(line, Point.BOOKED)
        if not await self._tell(line, done):
            return
        await self._print(line, done)
        await self._point(line, Point.PRINTED)
        if self.abort_instead_of_completion:
            await self._say_and_wait(line, "061e", b"\xff")
            return
        await line.say("060f")
        await self._point(line, Point.COMPLETED)

    def _book(self, wish: Wish) -> Transaction:
        now = self._clock.now_ms()
        if wish.of is not None:
            return self._acquirer.reverse(wish.of, now)
        return self._acquirer.book(wish.amount_minor, now, _LAST4, kind=wish.kind)

    async def _tell(self, line: TillLine, done: Transaction) -> bool:
        """Send the result; say whether the payment stands and the till heard it."""
        refused = heard = False
        try:
            await line.say("040f", self._status(done))
            await self._point(line, Point.TOLD)
            answer = await self._answer(line, online=True)
            heard = answer is not None and answer.command in ("8000", "8400")
            refused = answer is not None and not heard
            await self._point(line, Point.HEARD)
        except LineLost:
            self._log.debug("result_not_heard")
        settings = self._settings
        can_be = done.kind != "reversal" or settings.takes_back_reversals
        if can_be and (refused or not (heard or settings.sync_receipt)):
            self._acquirer.take_back(done.receipt)
            self.display = "Taken back"
            return False
        return heard

    async def _decline(self, line: TillLine, wish: Wish, code: int) -> None:
        self.display = "Declined"
        status = paper.declined_status(
            code,
            wish.kind,
            wish.amount_minor,
            self._currency,
            self._acquirer.next_trace(),
            self._settings.text_encoding,
        )
        await self._say_and_wait(line, "040f", status)
        await self._say_and_wait(line, "061e", bytes([code]))

    async def _customer(self, line: TillLine, script: Script) -> Script:
        """Return what happens, once the customer has (or has not) shown a card."""
        settings = self._settings
        if self.mode == "automatic":
            stays = await self._wait(line, settings.customer_ms / 1000, online=False)
            return script if stays else Script.ABORT
        asked_ms = self._clock.monotonic_ms()
        while not self._decision:
            stays = await self._wait(line, _ASK_EVERY_S, online=False)
            waited_s = (self._clock.monotonic_ms() - asked_ms) / 1000
            if not stays or waited_s > settings.patience_s:
                return Script.ABORT
        return Script(self._decision)

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
        )

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
        if self._config & _CONFIG_RECEIPTS_BY_TILL != _CONFIG_RECEIPTS_BY_TILL:
            return
        encoding = self._settings.text_encoding
        for kind in (paper.MERCHANT, paper.CUSTOMER):
            if self._blocks:
                await self._say_and_wait(line, "06d3", paper.as_block(kind, done, encoding))
            else:
                for data in paper.as_lines(kind, done, encoding):
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

    def _take_back_unsynchronised(self, mirrored: bytes | None) -> None:
        """Undo the last booking when the till's 1F1F is one behind: it never heard of it."""
        last = self._acquirer.last
        if not self._settings.sync_receipt or not mirrored or last is None:
            return
        if int(mirrored.hex()) == last.receipt - 1:
            self._acquirer.take_back(last.receipt)
