"""A box in memory that speaks the till's API: the shop's own rules, simulated devices, no disk.

It lets the page be driven and looked at without the real processes. The rules of a sale are
`edge.engine`, so that refusals and states are the real ones; nothing here decides a price.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import WSMsgType, web

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.instant import business_day
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentUnknown,
)
from edge.contract.permissions import Verdict, verdict
from edge.contract.sale_events import SaleCompleted
from edge.contract.session_views import (
    ApprovalRequest,
    ApprovalView,
    CashierView,
    EnrolRequest,
    SessionView,
    SignInRequest,
    TipsView,
)
from edge.contract.till_commands import (
    AddItem,
    AnyTillCommand,
    ApprovedCommand,
    BeginTraining,
    CancelCard,
    EndTraining,
    NextSale,
    PayByCard,
    Resume,
    ReturnEmpties,
)
from edge.contract.till_protocol import (
    DeviceView,
    DotsView,
    LinkView,
    NoticeView,
    ReceiptView,
    TillState,
    TillView,
    WeighingView,
)
from edge.contract.wire import encode
from edge.engine.age_rules import age_check_view
from edge.engine.basket_pricing import with_reductions
from edge.engine.cart import EMPTY, Cart
from edge.engine.cart_changes import replay
from edge.engine.circumstances import Approval, Circumstances
from edge.engine.promotions import Occasion
from edge.engine.receipt_finding import is_receipt_code, receipt_asked
from edge.engine.sale_rules import decide
from edge.engine.tender_rules import complete_if_covered
from edge.engine.weighing_rules import weighed, weighing_ended
from edge.flows.approvals import Approvals
from edge.runtime.static_files import StaticFiles
from tests.screens.demo_reference import DemoReference, demo_staff
from tests.screens.fake_again import PastAndPrices
from tests.screens.fake_customers import customer_routes
from tests.screens.fake_desk import FakeDesk
from tests.screens.fake_display import FakeDisplays
from tests.screens.fake_http import as_json, refusals
from tests.screens.fake_parking import TILLS, ParkingShelf, foreign_cash
from tests.screens.fake_returns import SoldShelf

SCREENS: Final = Path(__file__).parents[2] / "edge" / "screens"
ENROL_CODE: Final = "7K3MPQ9X"
TILL: Final = "till-2"
NOW_MS: Final = 1_792_000_000_000
TILL_COOKIE: Final = "till"
SESSION_COOKIE: Final = "session"
_COMMAND: Final = msgspec.json.Decoder(AnyTillCommand)


def well_devices() -> tuple[DeviceView, ...]:
    """Return the devices of a till on a good day."""
    return (
        DeviceView("scanner-2", "scanner", "ready", well=True),
        DeviceView("printer-2", "printer", "ready", well=True, paper="ok"),
        DeviceView("printer-2", "drawer", "ready", well=True, drawer="closed"),
        DeviceView("terminal-2", "terminal", "ready", well=True),
    )


@dataclass
class FakeBox:
    """One store with one till. `terminal` says what the next card does: approve, decline, wait."""

    terminal: str = "wait"
    delay_s: float = 0.0
    reference: DemoReference = field(default_factory=DemoReference)
    devices: tuple[DeviceView, ...] = field(default_factory=well_devices)
    link: LinkView = field(default_factory=lambda: LinkView("up", 0, NOW_MS))
    brand: dict[str, str] = field(default_factory=lambda: {"name": "Harbour Street", "accent": ""})
    cart: Cart = EMPTY
    commands: list[AnyTillCommand] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self.version = itertools.count(1)
        self.notices = itertools.count(1)
        self.receipts = 0
        self.notice: NoticeView | None = None
        self.receipt: ReceiptView | None = None
        self.dots = DotsView(box=True, shop=False, office=False)
        self.staff, self.pins = demo_staff()
        self.enrolled: set[str] = set()
        self.sessions: dict[str, str] = {}
        self.replies: dict[str, tuple[bytes, bytes]] = {}
        self.approvals = Approvals()
        self.monotonic_ms = 0
        self.empties = False
        self.shelf = ParkingShelf()
        self.sold = SoldShelf()
        self.again = PastAndPrices()
        self.desk = FakeDesk()
        self.displays = FakeDisplays(self)
        self.training = False
        self.goods = "1"
        self.valid_s = 60.0
        self.sockets: set[web.WebSocketResponse] = set()
        self.shown = 0
        self.at = NOW_MS
        self._runner: web.AppRunner | None = None
        self._screens = StaticFiles.together(
            StaticFiles.load(SCREENS / name, prefix=f"{name}/")
            for name in ("till", "display", "kit", "vendor", "words")
        )

    @property
    def day(self) -> str:
        return business_day(self.at, ZoneInfo(self.reference.store.time_zone))

    @property
    def occasion(self) -> Occasion:
        """When the sale was, or now is, opened."""
        return Occasion(self.cart.opened_at or self.at, 1, 0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- life -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        app = web.Application(middlewares=[refusals])
        app.add_routes(
            [
                web.get("/", self._root),
                web.get("/branding.json", self._branding),
                web.post("/api/v1/enrol", self._enrol),
                web.get("/api/v1/session", self._session),
                web.post("/api/v1/session", self._sign_in),
                web.delete("/api/v1/session", self._sign_out),
                web.get("/api/v1/quick-keys", self._quick_keys),
                web.get("/api/v1/articles", self._articles),
                web.get("/api/v1/receipts/{number}", self._receipt),
                web.get("/api/v1/tills/{till}/view", self._view),
                web.get("/api/v1/tills/{till}/socket", self._socket),
                web.post("/api/v1/tills/{till}/commands", self._command),
                web.post("/api/v1/tills/{till}/approvals", self._approve),
                web.route("*", "/api/v1/tills/{till}/empties", self._empties),
                *self.again.routes(self),
                *customer_routes(self),
                *self.displays.routes(),
                web.get("/{name:(till|display|kit|vendor|words)/.*}", self._file),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Vanish: sockets break, nothing listens."""
        for socket in [*self.sockets, *self.displays.sockets]:
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # --- what a test does to the shop -------------------------------------------------------

    async def scan(self, code: str) -> None:
        """A scanner of the till reads a code; a receipt's is no article."""
        if self.again.check is not None:
            await self.again.look(self, code)
            return
        if is_receipt_code(code):
            self.say("receipt_scanned", "A receipt was scanned.", _receipt(code), "ok")
            await self.publish()
            return
        shape = ReturnEmpties if self.empties else AddItem
        command = shape(command_id=secrets.token_hex(16), code=code)
        try:
            await self._carry_out(command, encode(command), "cashier", entry="scanned")
        except Refused:
            return

    async def approve(self, amount_minor: int | None = None) -> None:
        """The terminal says yes."""
        payment = self._payment()
        await self.settle(
            CardPaymentApproved(
                sale=self.cart.sale,
                payment=payment.tender_id,
                amount_minor=amount_minor or payment.amount_minor,
                last4="4417",
                scheme="girocard",
                authorisation="",
                terminal_id="",
                receipt="",
                trace="",
                resolved_by="",
            )
        )

    async def decline(self, reason: str = "not enough cover") -> None:
        """The terminal says no."""
        payment = self._payment()
        self.say("card_declined", f"The card was not charged: {reason}.", {"reason": reason})
        await self.settle(
            CardPaymentDeclined(
                sale=self.cart.sale,
                payment=payment.tender_id,
                reason=reason,
                code="declined",
                resolved_by="",
            )
        )

    async def doubt(self) -> None:
        """Nobody knows what the terminal did."""
        await self.settle(
            CardPaymentUnknown(
                sale=self.cart.sale,
                payment=self._payment().tender_id,
                reason="The cable to the terminal was cut after the card was read.",
            )
        )

    async def carry_out(self, command: AnyTillCommand, role: str) -> None:
        """Somebody else at this till gives a command."""
        await self._carry_out(command, encode(command), role, entry="keyed")

    async def change_device(self, role: str, **changes: Any) -> None:
        """A device changed its state."""
        self.devices = tuple(
            msgspec.structs.replace(d, **changes) if d.role == role else d for d in self.devices
        )
        await self.publish()

    async def put_on_scale(self, grams: int, state: str = "stable") -> None:
        """The till has a scale, and this lies on it."""
        if not any(device.role == "scale" for device in self.devices):
            self.devices = (*self.devices, DeviceView("scale-2", "scale", "ready", well=True))
        calm = state in {"stable", "unstable"}
        await self.change_device(
            "scale",
            weight=state,
            weight_g=grams,
            well=calm,
            state="ready" if calm else "attention",
        )

    async def have_scale_at_price(self) -> None:
        """The till has a scale that weighs once, at the price it is told."""
        scale = DeviceView("scale-2", "scale", "ready", well=True, weighs_at_price=True)
        self.devices = (*self.devices, scale)
        await self.publish()

    async def weigh(self, grams: int) -> None:
        """The scale answers what it was asked."""
        try:
            line = weighed(self.cart, grams, self.reference)
        except Refused as refusal:
            await self.weighing_fails(refusal.code, str(refusal), refusal.params)
            return
        given = Circumstances(TILL, self.receipts, "", occasion=self.occasion)
        self._take(with_reductions(self.cart, line, self.reference, given))
        await self.publish()

    async def weighing_fails(self, code: str, words: str, params: dict[str, str]) -> None:
        """The scale gave no weight."""
        self.say(code, words, params)
        self._take(weighing_ended(self.cart, code))
        await self.publish()

    async def change_link(self, state: str, waiting: int) -> None:
        """The line to head office changed."""
        self.link = LinkView(state, waiting, NOW_MS)
        await self.publish()

    def say(self, code: str, words: str, params: dict[str, str], tone: str = "refused") -> None:
        """Put a notice on the till."""
        self.notice = NoticeView(next(self.notices), code, tone, words, params)

    # --- the rules ------------------------------------------------------------------------

    def _payment(self) -> Any:
        payment = self.cart.open_payment
        assert payment is not None, "no card payment is open"
        return payment

    async def settle(self, event: Event) -> None:
        """Let the terminal's answer come; the sale is complete once nothing is due."""
        self._take((event,))
        self._take(complete_if_covered(self.cart, till=TILL, receipts=self.receipts))
        await self.publish()

    def take(self, *events: Event) -> None:
        """Let events happen to the sale; nobody is shown it yet."""
        self._take(events)

    def _take(self, events: tuple[Event, ...]) -> None:
        self.cart = replay(((event, self.at) for event in events), self.cart)
        self.sold.hear(self.cart, events)
        self.again.hear(self.cart, events)
        self.desk.take(events, TILL, self.at)
        if any(isinstance(event, SaleCompleted) for event in events):
            self.receipts += 1
            self.receipt = ReceiptView("printed")

    async def _carry_out(
        self, command: AnyTillCommand, body: bytes, role: str, *, entry: str, cashier: str = ""
    ) -> bytes:
        kept = self.replies.get(command.command_id)
        if kept is not None:
            if kept[0] != body:
                raise Refused("command_id_reused", "This command id was used for another command.")
            return kept[1]
        approval_id = command.approval if isinstance(command, ApprovedCommand) else None
        try:
            given = Circumstances(
                TILL,
                self.receipts,
                secrets.token_hex(16),
                "terminal-2",
                entry,
                occasion=self.occasion,
                role=role,
                approval=self.approvals.find(approval_id, TILL, self.monotonic_ms)
                if approval_id
                else None,
                has_drawer=any(device.role == "drawer" for device in self.devices),
                scale="scale-2" if any(device.role == "scale" for device in self.devices) else "",
                parked=self.shelf.carts.get(command.sale_id)
                if isinstance(command, Resume)
                else None,
                parked_sales=len(self.shelf.carts),
                originals=(
                    *self.sold.originals(command, self.cart),
                    *self.again.originals(command),
                ),
                has_printer=any(device.role == "printer" for device in self.devices),
                desk=self.desk.known(command, self.cart),
                business_day=self.day,
                training=self.training,
            )
            events = decide(self.cart, command, self.reference, given)
        except Refused as refusal:
            self.say(refusal.code, refusal.message, refusal.params)
            await self.publish()
            raise
        self.commands.append(command)
        self.desk.carried_out(command, self.at)
        if approval_id:
            self.approvals.spend(approval_id)
        self.notice = None
        if isinstance(command, NextSale):
            self.cart, self.receipt = EMPTY, None
        else:
            moved = {"till": TILL, "cashier": cashier, "at": self.at}
            self.cart = self.shelf.move(self.cart, events, **moved)
            self._take(events)
        if isinstance(command, (BeginTraining, EndTraining)):
            self.training, self.cart = isinstance(command, BeginTraining), EMPTY
        view = await self.publish()
        self.replies[command.command_id] = (body, view)
        if isinstance(command, CancelCard):
            await self.decline("cancelled at the till")
        elif isinstance(command, PayByCard) and self.terminal != "wait" and not self.training:
            await (self.approve() if self.terminal == "approve" else self.decline())
        return view

    # --- views ----------------------------------------------------------------------------

    def view(self) -> bytes:
        """Return the whole view under a new version."""
        cart, done = self.cart, self.cart.state is TillState.DONE
        self.shown = next(self.version)
        asked = cart.weighing
        return encode(
            TillView(
                version=self.shown,
                till=TILL,
                state=cart.state,
                sale_id=cart.sale or None,
                receipt_number=cart.receipt or None,
                lines=cart.line_views,
                tenders=tuple(tender.view() for tender in cart.tenders),
                taxes=cart.tax_views,
                total_minor=cart.total_minor,
                due_minor=cart.due_minor,
                change_minor=cart.change_minor,
                rounding_minor=cart.rounding_minor,
                currency=cart.currency or "EUR",
                opened_at=cart.opened_at or None,
                devices=self.devices,
                link=self.link,
                notice=self.notice,
                dots=self.dots if done else None,
                receipt=self.receipt if done else None,
                discounts=tuple(discount.view() for discount in cart.discounts),
                note=cart.note,
                parked=self.shelf.views,
                weighing=WeighingView(asked.name, asked.tare_g) if asked else None,
                last_receipt=self.again.last_receipt,
                price_check=self.again.check,
                age_checked=cart.age_checked,
                empties=self.empties and cart.state in {TillState.IDLE, TillState.OPEN},
                age_check=age_check_view(cart.age_asked, self.day) if cart.age_asked else None,
                refund_due_minor=cart.refund_due_minor,
                signature=self.desk.signature(cart),
                doubt=self.desk.doubt(cart),
                card_alarms=self.desk.alarms(),
                coupons=cart.coupon_views,
                training=self.training,
                customer=cart.customer_view,
                tip_minor=cart.tip_minor,
                tips_from=tuple(back.receipt for back in cart.tips_back),
                goods=self.goods,
            )
        )

    async def publish(self) -> bytes:
        """Build a view and hand it to every open page."""
        view = self.view()
        for socket in list(self.sockets):
            if not socket.closed:
                await socket.send_str(view.decode())
        await self.displays.show(view)
        return view

    def admit(self, person: str) -> tuple[tuple[str, str], ...]:
        """Enrol a till and sign a person in; returns the cookies that say so, by name."""
        return (TILL_COOKIE, self._secret()), (SESSION_COOKIE, self._token(person))

    def _secret(self) -> str:
        self.enrolled.add(secret := secrets.token_hex(8))
        return secret

    def _token(self, person: str) -> str:
        self.sessions[token := secrets.token_hex(8)] = person
        return token

    # --- HTTP -----------------------------------------------------------------------------

    def _cashier(self, request: web.Request) -> CashierView | None:
        person = self.sessions.get(request.cookies.get(SESSION_COOKIE, ""))
        found = next((m for m in self.staff if m.id == person), None)
        return CashierView(found.id, found.name, found.role, found.language) if found else None

    def check_till(self, request: web.Request) -> None:
        if request.cookies.get(TILL_COOKIE) not in self.enrolled:
            raise Refused(
                "not_enrolled", "This device is not a till of this store yet.", status=401
            )

    def _seller(self, request: web.Request) -> CashierView:
        self.check_till(request)
        cashier = self._cashier(request)
        if cashier is None:
            raise Refused("not_signed_in", "Nobody is signed in.", status=401)
        return cashier

    def _session_view(self, cashier: CashierView | None) -> SessionView:
        staff = tuple(CashierView(m.id, m.name, m.role, m.language) for m in self.staff)
        store = self.reference.store
        rates = foreign_cash(store)
        return SessionView(
            TILL,
            "store-1",
            store.name,
            "EUR",
            cashier,
            staff,
            TILLS,
            store.cash_step_minor,
            rates,
            TipsView(store.tips.offers_ppm) if store.tips else None,
        )

    async def _root(self, _: web.Request) -> web.Response:
        raise web.HTTPFound("/till/")

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return self._screens.respond(request, f"{name}index.html" if name.endswith("/") else name)

    async def _branding(self, _: web.Request) -> web.Response:
        return web.json_response(self.brand)

    async def _enrol(self, request: web.Request) -> web.Response:
        wish = msgspec.json.decode(await request.read(), type=EnrolRequest)
        if wish.code.upper() != ENROL_CODE:
            raise Refused(
                "enrol_code_wrong", "This code is not valid, or not any more.", status=403
            )
        response = as_json(self._session_view(None))
        response.set_cookie(TILL_COOKIE, self._secret(), httponly=True, samesite="Strict")
        return response

    async def _session(self, request: web.Request) -> web.Response:
        self.check_till(request)
        return as_json(self._session_view(self._cashier(request)))

    async def _sign_in(self, request: web.Request) -> web.Response:
        self.check_till(request)
        wish = msgspec.json.decode(await request.read(), type=SignInRequest)
        if self.pins.get(wish.cashier) != wish.pin:
            raise Refused("pin_wrong", "The PIN does not fit.", advice="Type it again.", status=403)
        member = next(m for m in self.staff if m.id == wish.cashier)
        view = CashierView(member.id, member.name, member.role, member.language)
        response = as_json(self._session_view(view))
        response.set_cookie(
            SESSION_COOKIE, self._token(wish.cashier), httponly=True, samesite="Strict"
        )
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        self.check_till(request)
        self.sessions.pop(request.cookies.get(SESSION_COOKIE, ""), None)
        response = as_json(self._session_view(None))
        response.del_cookie(SESSION_COOKIE)
        return response

    async def _quick_keys(self, request: web.Request) -> web.Response:
        self._seller(request)
        return as_json({"pages": self.reference.quick_keys(), "goods": self.goods})

    async def _articles(self, request: web.Request) -> web.Response:
        self._seller(request)
        return as_json({"articles": self.reference.search(request.query.get("q", ""))})

    async def _receipt(self, request: web.Request) -> web.Response:
        self._seller(request)
        return as_json(self.sold.find(request.match_info["number"], self.cart))

    async def _view(self, request: web.Request) -> web.Response:
        self._seller(request)
        return web.Response(body=self.view(), content_type="application/json")

    async def _command(self, request: web.Request) -> web.Response:
        cashier = self._seller(request)
        body = await request.read()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        try:
            command = _COMMAND.decode(body)
        except msgspec.DecodeError as error:
            raise Refused("bad_request", str(error), status=400) from error
        view = await self._carry_out(command, body, cashier.role, entry="keyed", cashier=cashier.id)
        return web.Response(body=view, content_type="application/json")

    async def _empties(self, request: web.Request) -> web.Response:
        self._seller(request)
        self.empties = request.method == "POST"
        return web.Response(body=await self.publish(), content_type="application/json")

    async def _approve(self, request: web.Request) -> web.Response:
        cashier = self._seller(request)
        wish = msgspec.json.decode(await request.read(), type=ApprovalRequest)
        member = next(m for m in self.staff if m.id == wish.approver)
        if member.id == cashier.id:
            raise Refused("approver_is_self", "Nobody approves what they do themselves.")
        if self.pins[member.id] != wish.pin:
            raise Refused("pin_wrong", "The PIN does not fit.", status=403)
        if verdict(member.role, wish.permission) is not Verdict.ALLOWED:
            raise Refused("approver_may_not", "May not.", params={"name": member.name})
        approval = secrets.token_hex(16)
        given = Approval(wish.permission, member.id)
        self.approvals.keep(approval, given, TILL, self.monotonic_ms)
        return as_json(ApprovalView(approval, self.valid_s))

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self._seller(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        try:
            if int(request.query.get("after", "0")) < self.shown or self.shown == 0:
                await socket.send_str(self.view().decode())
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
        finally:
            self.sockets.discard(socket)
        return socket


def _receipt(code: str) -> dict[str, str]:
    return {"code": code, "receipt": receipt_asked(code)[0]}
