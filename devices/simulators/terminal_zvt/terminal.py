"""The payment terminal itself: a customer, a card network, and all the ways to go wrong."""

from __future__ import annotations

from typing import Any, Final

from devices.driver import SimulatorPorts
from devices.simulators.terminal_zvt import paper
from devices.simulators.terminal_zvt.acquirer import Transaction, TransactionKind
from devices.simulators.terminal_zvt.administration import TerminalOffice
from devices.simulators.terminal_zvt.scripts import (
    Point,
    Script,
    SimulatedTerminalSettings,
    script_named,
)
from devices.simulators.terminal_zvt.serial_line import SerialTillLine
from devices.simulators.terminal_zvt.wire import (
    Heard,
    LineLost,
    TillLine,
)
from devices.simulators.terminal_zvt.wishes import COMMANDS, Wish, read_wish
from devices.transports.byte_stream import ByteStream
from edge.contract.errors import Refused

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
    "reservation": ("Reserve on card", "Reserved"),
    "capture": ("Charge reservation", "Charged"),
    "release": ("Release reservation", "Released"),
}
"""What the display says while it waits for the customer, and when it is done."""


class SimulatedTerminal(TerminalOffice):
    """One terminal. What is booked and its counters survive; the rest is as after power-on.

    `next_script` is the script of the next transaction, after which it is `approve` again.
    `display` is what a customer reads; `pending_minor` and `pending_kind` are what is under way.
    """

    def __init__(self, settings: SimulatedTerminalSettings, ports: SimulatorPorts) -> None:
        super().__init__(settings, ports)
        self._line: TillLine | None = None
        self._next = Script.APPROVE
        self._decision = ""
        self.mode: str = settings.mode
        self.pending_minor: int | None = None
        self.pending_kind: TransactionKind = "payment"
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

    def closed(self) -> list[dict[str, int]]:
        """Return the batches that were handed in, oldest first: count, sum_minor, first, last."""
        return [
            {
                "count": each.count,
                "sum_minor": each.sum_minor,
                "first": each.first,
                "last": each.last,
            }
            for each in self._acquirer.closed
        ]

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
            case "0650":
                await self._close_day(line, heard.data)
            case _:
                await self.administer(line, heard)

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

    async def _close_day(self, line: TillLine, data: bytes) -> None:
        script, self._next = self._next, Script.APPROVE
        if script is Script.SILENT:
            self.display = "No answer"
            await line.ignore(self._settings.patience_s)
            return
        await self.close_day(line, data, script)

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
            return self._acquirer.use_up(wish.of, now, wish.kind, wish.amount_minor)
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
        settings = self._settings
        error = paper.named_error(settings.error_code, settings.error_text, settings.text_encoding)
        if settings.error_told == "abort":
            await self._say_and_wait(line, "061e", bytes([code]) + error)
            return
        await self._say_and_wait(line, "040f", status + error)
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

    def _take_back_unsynchronised(self, mirrored: bytes | None) -> None:
        """Undo the last booking when the till's 1F1F is one behind: it never heard of it."""
        last = self._acquirer.last
        if not self._settings.sync_receipt or not mirrored or last is None:
            return
        if int(mirrored.hex()) == last.receipt - 1:
            self._acquirer.take_back(last.receipt)
