"""The payment terminal itself: a customer, a card network, and all the ways to go wrong."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from devices.driver import SimulatorPorts
from devices.simulators.terminal_adyen import replies
from devices.simulators.terminal_adyen.acquirer import Acquirer, Transaction, TransactionKind
from devices.simulators.terminal_adyen.http_door import Asked, Manners, TillDoor, TillGone
from devices.simulators.terminal_adyen.scripts import (
    Point,
    Script,
    SimulatedAdyenSettings,
    Spoil,
    script_named,
)
from devices.simulators.terminal_adyen.sealing import CryptoError, Opened, SharedSecret
from devices.simulators.terminal_adyen.wishes import Wish, read_wish
from devices.transports.byte_stream import ByteStream
from edge.contract.errors import Refused

_Content = dict[str, Any]
_SHOWN: Final[dict[TransactionKind, tuple[str, str]]] = {
    "payment": ("Present card", "Approved"),
    "refund": ("Refund to card", "Refunded"),
    "reversal": ("Reverse payment", "Payment reversed"),
}
"""What the display says while it waits for the customer, and when it is done."""
_DAMAGES: Final = frozenset({Spoil.SEAL, Spoil.PADDING, Spoil.KEY_VERSION})


class SimulatedAdyenTerminal:
    """One terminal. What is booked survives; the rest is as after power-on.

    `next_script` is the script of the next transaction, after which it is `approve` again;
    `spoil` damages the next answer to one. `online`: its own line is there. `repeated`: how
    often a till used a ServiceID again. `display` is what a customer reads.
    """

    def __init__(self, settings: SimulatedAdyenSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._clock = ports.clock
        self._log = ports.log
        self._acquirer = Acquirer(settings.journal)
        self._secret = SharedSecret(
            settings.key_identifier, settings.key_version, settings.passphrase
        )
        # what it was asked, and the answer once there is one
        self._asked: dict[tuple[str, str], _Content | None] = {
            each.asked_by: self._approved(each) for each in self._acquirer.transactions
        }
        self._under_way: tuple[str, str] | None = None
        self._next = Script.APPROVE
        self._decision = ""
        self._nudge = asyncio.Event()
        self._abort_heard = False
        self.mode: str = settings.mode
        self.manners = Manners()
        self.online = True
        self.display = "Ready"
        self.pending_minor: int | None = None
        self.pending_kind: TransactionKind = "payment"
        self.cut_at: Point | None = None
        self.stall_at: Point | None = None
        self.stall_s = 0.0
        self.spoil: Spoil | None = None
        self.repeated = 0

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
        return self._under_way is not None

    def booked(self) -> list[dict[str, Any]]:
        """Return what the acquirer has, oldest first.

        Keys: kind, amount_minor, receipt, trace, state, when, and of: the receipt undone or "".
        """
        return self._acquirer.told()

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
        self._nudge.set()

    def forget(self) -> None:
        """Forget all requests, as after 48 hours; what is booked stays booked."""
        self._asked.clear()

    # --- connections -----------------------------------------------------------------------

    async def attend(self, stream: ByteStream) -> None:
        """Serve a till's connection; others may be there at the same time."""
        door = TillDoor(stream, self._clock, self.manners)
        try:
            while True:
                await self._obey(door, await door.hear())
        except TillGone:
            self._log.debug("till_gone")
        finally:
            await stream.close()

    async def _obey(self, door: TillDoor, asked: Asked) -> None:
        if asked.what != "POST /nexo":
            await door.answer(404, b"{}")
            return
        try:
            request = self._secret.open(asked.body)
        except CryptoError as error:
            await self._complain(door, error.number)
            return
        if request.header.get("POIID") != self._settings.poi_id:
            await self._reject(door, request)
            return
        match request.header.get("MessageCategory"):
            case "Payment" | "Reversal":
                await self._transact(door, request)
            case "TransactionStatus":
                await self._tell_status(door, request)
            case "Diagnosis":
                await self._diagnose(door, request)
            case "Abort":
                await self._abort(door, request)
            case _:
                await self._reject(door, request)

    async def _complain(self, door: TillDoor, number: int) -> None:
        errors = {"errors": [f"Nexo Service: crypto error ({number})"]}
        await door.answer(401, json.dumps(errors).encode())

    async def _reject(self, door: TillDoor, request: Opened) -> None:
        details = "message=Did+not+receive+a+POIID+or+category+that+is+known"
        event = {"EventToNotify": "Reject", "EventDetails": details}
        await door.answer(200, self._own_message(request, {"EventNotification": event}))

    async def _diagnose(self, door: TillDoor, request: Opened) -> None:
        await self._point(door, Point.DIAGNOSIS)
        response = replies.failure("Busy") if self.busy else replies.success()
        status = {"GlobalStatus": "Busy" if self.busy else "OK", "PrinterStatus": "OK"}
        answer = {"Response": response, "POIStatus": status | {"CommunicationOKFlag": self.online}}
        await door.answer(200, self._answer(request, {"DiagnosisResponse": answer}))

    async def _abort(self, door: TillDoor, request: Opened) -> None:
        await self._point(door, Point.ABORT)
        if self._reference(request, "AbortRequest") == self._under_way:
            self._abort_heard = True
            self._nudge.set()
        await door.answer(200, b"")

    async def _tell_status(self, door: TillDoor, request: Opened) -> None:
        await self._point(door, Point.STATUS)
        key = self._reference(request, "TransactionStatusRequest")
        reference = {"SaleID": key[0], "ServiceID": key[1], "MessageCategory": "Payment"}
        answer: _Content = {"MessageReference": reference}
        if key not in self._asked:
            answer["Response"] = replies.failure("NotFound", "Message not found")
        elif (said := self._asked[key]) is None:
            answer["Response"] = replies.failure("InProgress", "Message still in progress")
        else:
            if not request.content["TransactionStatusRequest"].get("ReceiptReprintFlag"):
                said = replies.without_receipts(said)
            (kind,) = said
            header = request.header | {
                "MessageType": "Response",
                "SaleID": key[0],
                "ServiceID": key[1],
                "MessageCategory": kind.removesuffix("Response"),
            }
            answer["Response"] = replies.success()
            answer["RepeatedMessageResponse"] = {
                "MessageHeader": header,
                "RepeatedResponseMessageBody": said,
            }
        body = self._answer(request, {"TransactionStatusResponse": answer})
        await self._tell(door, 200, body, Point.STATUS_TOLD)

    def _reference(self, request: Opened, name: str) -> tuple[str, str]:
        asked = request.content.get(name, {}).get("MessageReference", {})
        return asked.get("SaleID", request.header["SaleID"]), asked.get("ServiceID", "")

    # --- a payment, a refund, a reversal ----------------------------------------------------

    async def _transact(self, door: TillDoor, request: Opened) -> None:
        script, self._next = self._next, Script.APPROVE
        if script is Script.SILENT:
            self.display = "No answer"
            await door.until_gone()
        await self._point(door, Point.UNREAD)
        category = request.header["MessageCategory"].lower()
        if request.key in self._asked:
            self.repeated += 1
            words = "ServiceID was used in the last 48 hours"
            refusal = replies.failed_transaction(category, replies.failure("NotAllowed", words))
            await door.answer(200, self._answer(request, refusal))
            return
        if self.busy or script is Script.BUSY:
            # not gone about, so not remembered either
            busy = replies.failed_transaction(category, replies.failure("Busy"))
            await door.answer(200, self._answer(request, busy))
            return
        self._under_way, self._asked[request.key] = request.key, None
        try:
            answer = await self._carry_out(door, request, script)
            self._asked[request.key] = answer
        finally:
            self._under_way, self.pending_minor = None, None
        await self._answer_transaction(door, request, answer)
        await self._point(door, Point.TOLD)

    async def _carry_out(self, door: TillDoor, request: Opened, script: Script) -> _Content:
        """Go through one transaction; a lost line ends the talking, not the transaction."""
        await self._point(door, Point.REQUEST)
        category = request.header["MessageCategory"].lower()
        wish = read_wish(request.content, self._settings, self._acquirer)
        if isinstance(wish, dict):
            return replies.failed_transaction(category, wish)
        self.pending_minor, self.pending_kind = wish.amount_minor, wish.kind
        self._decision, self._abort_heard = "", False
        waits, done_words = _SHOWN[wish.kind]
        self.display = f"{waits}: {wish.amount_minor / 100:.2f}"
        script, refusal = await self._customer(script)
        if refusal:
            self.display = "Cancelled"
            return replies.failed_transaction(category, refusal)
        self.display = "Connecting"
        await self._clock.sleep(self._settings.network_ms / 1000)
        if script in {Script.CUT_BEFORE_RESULT, Script.APPROVE_AFTER_CUT}:
            await door.pull()
        if script is Script.LATE:
            await self._clock.sleep(self._settings.late_ms / 1000)
        await self._point(door, Point.BEFORE_BOOKING)
        refusal = _refusal(script)
        if refusal:
            self.display = "Declined"
            return replies.failed_transaction(category, refusal)
        done = self._book(wish, request, part=script is Script.PARTIAL)
        self.display = done_words
        answer = self._approved(done)
        self._asked[request.key] = answer
        if script is Script.CUT_AFTER_APPROVAL:
            await door.pull()
        await self._point(door, Point.BOOKED)
        return answer

    def _book(self, wish: Wish, request: Opened, *, part: bool) -> Transaction:
        part = part and wish.kind == "payment" and wish.amount_minor > 1
        return self._acquirer.book(
            wish.kind,
            wish.amount_minor // 2 if part else wish.amount_minor,
            wish.currency,
            self._clock.now_ms(),
            request.key,
            part=part,
            of="" if wish.of is None else wish.of.name,
        )

    async def _customer(self, script: Script) -> tuple[Script, _Content]:
        """Return what happens once the customer has shown a card, or why nothing does."""
        settings = self._settings
        asks = self.mode == "ask"
        wait_ms = settings.patience_ms if asks else settings.customer_ms
        self._nudge.clear()
        try:
            async with self._clock.timeout(wait_ms / 1000):
                await self._nudge.wait()
        except TimeoutError:
            if asks:
                return script, replies.failure("Cancel", "Time ran out")
        if self._abort_heard:
            return script, replies.failure("Aborted", "108 Merchant abort")
        script = Script(self._decision) if self._decision else script
        if script is Script.ABORT:
            return script, replies.failure("Cancel", "108 Shopper cancelled tx")
        return script, {}

    def _approved(self, done: Transaction) -> _Content:
        return replies.approved_transaction(done, self._settings.poi_id)

    # --- answers -----------------------------------------------------------------------------

    def _answer(self, request: Opened, content: _Content, damage: str = "") -> bytes:
        header = request.header | {"MessageType": "Response"}
        message = {"SaleToPOIResponse": {"MessageHeader": header} | content}
        return json.dumps(self._secret.seal(message, header, damage=damage)).encode()

    def _own_message(self, request: Opened, content: _Content) -> bytes:
        header = request.header | {"MessageClass": "Device", "MessageType": "Notification"}
        message = {"SaleToPOIRequest": {"MessageHeader": header} | content}
        return json.dumps(self._secret.seal(message, header)).encode()

    async def _answer_transaction(self, door: TillDoor, request: Opened, answer: _Content) -> None:
        spoil, self.spoil = self.spoil, None
        status, body = 200, self._answer(request, answer, spoil if spoil in _DAMAGES else "")
        match spoil:
            case Spoil.SERVICE_ID:
                header = request.header | {"ServiceID": "ANOTHER"}
                body = self._answer(Opened(header, {}), answer)
            case Spoil.NO_JSON:
                body = b"<html>not today</html>"
            case Spoil.IN_CLEAR:
                header = request.header | {"MessageType": "Response"}
                body = json.dumps(
                    {"SaleToPOIResponse": {"MessageHeader": header} | answer}
                ).encode()
            case Spoil.HTTP_ERROR:
                status, body = 500, b"{}"
            case Spoil.KEY_REFUSED:
                status, body = 401, b'{"errors":["Nexo Service: crypto error (2)"]}'
            case Spoil.OWN_MESSAGE:
                shown = {"DisplayRequest": {"DisplayOutput": [{"Device": "CashierDisplay"}]}}
                body = self._own_message(request, shown)
            case Spoil.NO_RESULT:
                (name,) = answer
                body = self._answer(request, {name: {"Response": {"Result": "Perhaps"}}})
            case Spoil.EMPTY:
                body = b""
            case _:
                pass
        times = 2 if spoil is Spoil.TWICE else 1
        await self._tell(door, status, body, Point.HALF_TOLD, times=times)

    async def _tell(
        self, door: TillDoor, status: int, body: bytes, between: Point, *, times: int = 1
    ) -> None:
        first, second = door.halves(status, body, times=times)
        await door.put(first)
        await self._point(door, between)
        await door.put(second)
        await door.done()

    async def _point(self, door: TillDoor, point: Point) -> None:
        if self.stall_at is point:
            self.stall_at = None
            await self._clock.sleep(self.stall_s)
        if self.cut_at is point:
            self.cut_at = None
            await door.pull()


def _refusal(script: Script) -> _Content:
    """Return the Response of what is not booked; empty when it is."""
    match script:
        case Script.DECLINE:
            return replies.failure("Refusal", "Declined", "210 Not enough balance")
        case Script.UNREACHABLE:
            return replies.failure("UnreachableHost", "No connection")
        case Script.CUT_BEFORE_RESULT:
            return replies.failure("Aborted", "Connection to the till lost")
        case _:
            return {}
