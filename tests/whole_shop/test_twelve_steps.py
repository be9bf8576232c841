"""The twelve steps of a sale, each with its process killed and its connection cut *at that step*.

`design`'s life of a sale, cell by cell. A line between two processes is held, so that the
message of the step is on its way and nowhere else; then the process is killed (SIGKILL) or
the connection reset. `CELLS` below is the table; what holds in every cell is `Day.prove`:
the ledger is whole, the sale ended exactly once and is at head office exactly once, the
acquirer booked what the ledger says was approved, one original receipt at most, and one
pulse of the drawer at most.

| step | killed | cut |
|---|---|---|
| 1 bytes become text | devices, counter | scanner's serial cable |
| 2 the scan on the bus | broker, devices | devices-broker, before and after delivery |
| 3 the scan finds its till | edge | edge-broker |
| 4 decide | edge | till-edge, the command sent |
| 5 events, reply, projections | edge, after the commit, answer held | till-edge, the answer lost |
| 6 the view to the till | edge under an open socket | the till's socket, a view on its way |
| 7 intent, then authorise | edge, the job held | edge-broker, the job lost |
| 8 the terminal's dialogue | devices, counter (the terminal) | terminal, before and after booking |
| 9 completed, with its jobs | edge, before and after the commit | edge-broker, the jobs lost |
| 10 jobs and their results | devices, edge | devices-broker, edge-broker, printer in mid-receipt |
| 11 sync asks edge | sync, edge | sync-edge: before, in and after a frame |
| 12 head office takes it | office before and after the disk, sync | link in mid-frame, before ack |

`test_killed_anywhere` kills every process at every stage of a sale as well, without holding
anything; `test_cut_anywhere` pulls the cables of the devices.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.whole_shop.demo_shop import Shop, eventually
from tests.whole_shop.lines import Line, Lines, wired_shop

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wired(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Shop, Lines]]:
    async with wired_shop(tmp_path_factory.mktemp("wired")) as (shop, lines):
        yield shop, lines


@dataclass
class Day:
    """One sale, and what was there before it."""

    shop: Shop
    lines: Lines
    booked: int
    papers: int
    pulses: int
    sale_id: str = ""
    paid: str = ""
    lines_of: Counter[str] = field(default_factory=Counter)

    # --- what people do -------------------------------------------------------------------

    @property
    def first(self) -> dict[str, Any]:
        return self.shop.goods[0]

    @property
    def second(self) -> dict[str, Any]:
        return self.shop.goods[1]

    async def key(self, article: dict[str, Any] | None = None) -> dict[str, Any]:
        """Type a code at the till; return the view."""
        status, view = await self.shop.insist("add_item", code=(article or self.first)["code"])
        assert status == 200, view
        return view

    async def scan_again(self) -> None:
        """Scan another article, as a customer waits, until it is in the basket."""
        await self.shop.until_devices_well()
        await self.shop.until_scanner_held()
        await self.shop.scan(self.second["code"])
        await self.shop.until_view(
            lambda view: view["state"] == "open" and count_lines(view)[self.second["sku"]] == 1,
            what="the second scan",
        )

    async def until_first_line(self) -> None:
        await self.shop.until_view(
            lambda view: view["state"] == "open" and len(view["lines"]) == 1, what="the line"
        )

    async def pay_cash(self) -> dict[str, Any]:
        """Take what is due until the sale is done."""
        view = await self.shop.view()
        self.sale_id = self.sale_id or view["sale_id"]
        while view["state"] != "done":
            status, view = await self.shop.insist("take_cash", amount_minor=view["due_minor"])
            assert status == 200, view
        self.paid = "cash"
        return view

    async def ask_card(self) -> dict[str, Any]:
        """Ask for the card; return the view with the intent on disk."""
        view = await self.shop.view()
        self.sale_id = self.sale_id or view["sale_id"]
        status, view = await self.shop.insist("pay_by_card", amount_minor=view["due_minor"])
        assert status == 200, view
        return view

    async def until_definite(self) -> dict[str, Any]:
        return await self.shop.until_view(
            lambda view: view["state"] in {"done", "open"}, what="the payment is definite"
        )

    async def until_paid(self) -> None:
        """See the payment end; what was declined is paid in cash."""
        view = await self.until_definite()
        self.paid = "card"
        if view["state"] == "open":
            await self.pay_cash()

    # --- what is on its way ---------------------------------------------------------------

    async def send(self, command_id: str, kind: str, *, line: Line | None, **fields: Any) -> Any:
        """Send a command and do not read the answer; returns the connection's writer."""
        host, port = self.shop.ready["edge_api"].removeprefix("http://").split(":")
        body = json.dumps({"command_id": command_id, "type": kind, **fields}).encode()
        head = [
            f"POST /api/v1/tills/{self.shop.ready['till']}/commands HTTP/1.1",
            f"Host: {host}:{port}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.shop.ready["session"].items()),
        ]
        _, writer = await asyncio.open_connection(host, line.port if line else int(port))
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        return writer

    async def until_ledger_has(self, kind: str, count: int = 1) -> None:
        """Wait until a kind of event is on disk of the sale (the newest, if none is known)."""

        async def attempt() -> bool | None:
            events = self.shop.ledger_events()
            opened = [e["data"]["sale"] for e in events if e["type"] == "sale_opened"]
            sale = self.sale_id or (opened[-1] if opened else "")
            found = [e for e in events if e["type"] == kind and e["data"].get("sale") == sale]
            return True if len(found) >= count else None

        await eventually(attempt, what=f"{kind} in the ledger")

    async def until_paper(self) -> None:
        async def attempt() -> bool | None:
            return True if len(await self.shop.papers()) > self.papers else None

        await eventually(attempt, what="a receipt came out")

    async def until_booked(self) -> None:
        async def attempt() -> bool | None:
            return True if len(await self.shop.booked()) > self.booked else None

        await eventually(attempt, what="the acquirer has booked")

    async def until_asked(self) -> None:
        async def attempt() -> bool | None:
            return True if (await self.shop.counter("GET", "terminal"))["asked_minor"] else None

        await eventually(attempt, what="the terminal asks for a card")

    def counter_is_new(self) -> None:
        """A new counter has an empty paper tray and a drawer that was never kicked."""
        self.papers = self.pulses = 0

    # --- what must be true ----------------------------------------------------------------

    async def prove(self) -> None:
        """The sale ended exactly once, everywhere."""
        self.lines.flow()
        view = await self.shop.view()
        assert (view["state"], view["sale_id"]) == ("done", self.sale_id), view
        there = await self.shop.until_office_has(self.sale_id)
        events = await self._until_settled()
        kinds = Counter(event["type"] for event in events)
        assert self.shop.verify()["whole"]
        assert (kinds["sale_opened"], kinds["sale_completed"]) == (1, 1), kinds
        assert there["total_minor"] == view["total_minor"]
        assert there["receipt_number"] == view["receipt_number"]
        assert len(there["lines"]) == len(view["lines"]) == kinds["line_added"]
        every = [sale["sale_id"] for sale in await self.shop.office_sales()]
        assert len(every) == len(set(every))
        # money
        approved = [
            e["data"]["amount_minor"] for e in events if e["type"] == "card_payment_approved"
        ]
        charged = [row["amount_minor"] for row in (await self.shop.booked())[self.booked :]]
        assert charged == approved
        cash = [e["data"]["amount_minor"] for e in events if e["type"] == "cash_tendered"]
        assert sum(charged) + sum(cash) == view["total_minor"]
        # paper and drawer
        tray = (await self.shop.papers())[self.papers :]
        mine = [paper for paper in tray if view["receipt_number"] in paper]
        assert len([paper for paper in mine if "COPY" not in paper]) <= 1, mine
        printed = [event for event in events if event["type"] == "receipt_printed"]
        assert mine or printed[-1]["data"]["evidence"] != "confirmed"
        pulses = (await self.shop.counter("GET", "drawer"))["pulses"] - self.pulses
        assert pulses <= (1 if cash else 0)
        # and the link is as it should be
        await self.shop.until_view(
            lambda view: view["link"]["state"] == "up" and view["link"]["waiting_sales"] == 0,
            what="head office has everything",
        )

    async def _until_settled(self) -> list[dict[str, Any]]:
        async def attempt() -> list[dict[str, Any]] | None:
            events = [e for e in self.shop.ledger_events() if e["data"].get("sale") == self.sale_id]
            kinds = {event["type"] for event in events}
            wanted = {"receipt_printed"} | (
                {"drawer_opened"} if "cash_tendered" in kinds else set()
            )
            return events if wanted <= kinds else None

        settled: list[dict[str, Any]] = await eventually(attempt, what="receipt and drawer settled")
        return settled


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Cut a connection of ours without a word."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def count_lines(view: dict[str, Any]) -> Counter[str]:
    return Counter(line["sku"] for line in view["lines"] if not line["voided"])


# --- the cells ----------------------------------------------------------------------------

AUTHORISATION = b"\x06\x01"
"""How ZVT's command for a payment begins."""

Cell = Callable[[Day], Awaitable[None]]
CELLS: dict[str, Cell] = {}
"""By "step kind what": kind is `killed` or `cut`."""


def cell(name: str) -> Callable[[Cell], Cell]:
    def keep(work: Cell) -> Cell:
        assert name not in CELLS
        CELLS[name] = work
        return work

    return keep


async def sell_after_a_lost_scan(day: Day, *, surely: bool = False) -> None:
    """The first scan came once or not at all (`surely`: once); the customer goes on."""
    await day.scan_again()
    await day.pay_cash()
    view = await day.shop.view()
    assert count_lines(view)[day.first["sku"]] in ({1} if surely else {0, 1}), view["lines"]
    assert count_lines(view)[day.second["sku"]] == 1


@cell("01 killed devices")
async def _(day: Day) -> None:
    day.shop.pause("devices")
    await day.shop.scan(day.first["code"])
    await day.shop.kill_and_wait("devices")
    await sell_after_a_lost_scan(day)


@cell("01 killed counter")
async def _(day: Day) -> None:
    day.shop.pause("devices")
    await day.shop.scan(day.first["code"])
    old = day.shop.kill("counter")
    day.shop.go_on("devices")
    await day.shop.until_restarted("counter", old)
    day.counter_is_new()
    await sell_after_a_lost_scan(day)


@cell("01 cut scanner cable")
async def _(day: Day) -> None:
    day.shop.pause("devices")
    await day.shop.scan(day.first["code"])
    await day.shop.counter("POST", "cables", {"device": "scanner", "plugged": False})
    day.shop.go_on("devices")
    # the cable is put back by somebody who sees that the scanner is gone: before that the till
    # shows it well, and what is scanned while its port is being opened is nobody's
    await day.shop.until_view(
        lambda view: any(not device["well"] for device in view["devices"]),
        what="the till knows that the scanner is gone",
    )
    await day.shop.counter("POST", "cables", {"device": "scanner", "plugged": True})
    await sell_after_a_lost_scan(day)


@cell("02 killed broker")
async def _(day: Day) -> None:
    line = day.lines.devices_to_broker
    await line.until_idle()  # an acknowledgement that is waited for would hold the scan up
    line.hold("out")
    await day.shop.scan(day.first["code"])
    await line.until_held("out", day.first["code"].encode())
    old = day.shop.kill("broker")
    line.drop()
    await day.shop.until_restarted("broker", old)
    await sell_after_a_lost_scan(day)


@cell("02 killed devices, the scan delivered and not acknowledged")
async def _(day: Day) -> None:
    line = day.lines.devices_to_broker
    await line.until_idle()  # an acknowledgement that is waited for would hold the scan up
    line.hold("back")
    await day.shop.scan(day.first["code"])
    await day.until_first_line()
    old = day.shop.kill("devices")
    line.drop()
    await day.shop.until_restarted("devices", old)
    await sell_after_a_lost_scan(day, surely=True)


@cell("02 cut devices-broker, the scan on its way")
async def _(day: Day) -> None:
    line = day.lines.devices_to_broker
    await line.until_idle()  # an acknowledgement that is waited for would hold the scan up
    line.hold("out")
    await day.shop.scan(day.first["code"])
    await line.until_held("out", day.first["code"].encode())
    line.cut()
    await sell_after_a_lost_scan(day)


@cell("02 cut devices-broker, the scan delivered and not acknowledged")
async def _(day: Day) -> None:
    line = day.lines.devices_to_broker
    await line.until_idle()  # an acknowledgement that is waited for would hold the scan up
    line.hold("back")
    await day.shop.scan(day.first["code"])
    await day.until_first_line()
    line.cut()
    await sell_after_a_lost_scan(day, surely=True)


@cell("03 killed edge")
async def _(day: Day) -> None:
    line = day.lines.edge_to_broker
    line.hold("back")
    await day.shop.scan(day.first["code"])
    await line.until_held("back", day.first["code"].encode())
    old = day.shop.kill("edge")
    line.drop()
    await day.shop.until_restarted("edge", old)
    await sell_after_a_lost_scan(day)


@cell("03 cut edge-broker")
async def _(day: Day) -> None:
    line = day.lines.edge_to_broker
    line.hold("back")
    await day.shop.scan(day.first["code"])
    await line.until_held("back", day.first["code"].encode())
    line.cut()
    await sell_after_a_lost_scan(day)


async def sell_with_a_repeat(day: Day, command_id: str, kind: str, **fields: Any) -> None:
    """The till repeats its command until there is an answer: it happened once."""
    status, view = await day.shop.insist(kind, command_id=command_id, **fields)
    assert status == 200, view
    assert count_lines(view) == {day.first["sku"]: 1}
    await day.pay_cash()


@cell("04 killed edge")
async def _(day: Day) -> None:
    wish = {"command_id": str(uuid.uuid4()), "kind": "add_item", "code": day.first["code"]}
    day.shop.pause("edge")
    writer = await day.send(**wish, line=None)
    await day.shop.kill_and_wait("edge")
    await hang_up(writer)
    await sell_with_a_repeat(day, **wish)


@cell("04 cut till-edge, the command sent")
async def _(day: Day) -> None:
    wish = {"command_id": str(uuid.uuid4()), "kind": "add_item", "code": day.first["code"]}
    day.shop.pause("edge")
    await hang_up(await day.send(**wish, line=None))
    day.shop.go_on("edge")
    await sell_with_a_repeat(day, **wish)


@cell("05 killed edge, after the commit and before the answer")
async def _(day: Day) -> None:
    wish = {"command_id": str(uuid.uuid4()), "kind": "add_item", "code": day.first["code"]}
    line = day.lines.till_to_edge
    line.hold("back")
    writer = await day.send(**wish, line=line)
    await line.until_held("back", b"200 OK")
    old = day.shop.kill("edge")
    line.drop()
    await hang_up(writer)
    await day.shop.until_restarted("edge", old)
    await sell_with_a_repeat(day, **wish)


@cell("05 cut till-edge, the answer lost")
async def _(day: Day) -> None:
    wish = {"command_id": str(uuid.uuid4()), "kind": "add_item", "code": day.first["code"]}
    line = day.lines.till_to_edge
    line.hold("back")
    writer = await day.send(**wish, line=line)
    await line.until_held("back", b"200 OK")
    line.cut()
    await hang_up(writer)
    await sell_with_a_repeat(day, **wish)


@cell("05 cut till-edge, in the middle of the answer")
async def _(day: Day) -> None:
    wish = {"command_id": str(uuid.uuid4()), "kind": "add_item", "code": day.first["code"]}
    line = day.lines.till_to_edge
    line.cut_after("back", 200)
    writer = await day.send(**wish, line=line)
    await line.until_cut()
    await hang_up(writer)
    await sell_with_a_repeat(day, **wish)


def socket_of(day: Day, after: int, line: Line | None = None) -> Any:
    """Open the till's socket as its page does, resuming behind a version."""
    origin = day.shop.ready["edge_api"]
    port = line.port if line else origin.rpartition(":")[2]
    return day.shop.client.ws_connect(
        f"http://127.0.0.1:{port}/api/v1/tills/{day.shop.ready['till']}/socket?after={after}",
        headers={**day.shop.ready["session"], "Host": origin.removeprefix("http://")},
    )


async def next_view(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any] | None:
    """Return the next view, or None once the socket has ended."""
    async with asyncio.timeout(30):
        message = await socket.receive()
    return json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else None


async def until_lines(socket: aiohttp.ClientWebSocketResponse, number: int) -> dict[str, Any]:
    while (view := await next_view(socket)) is not None:
        if len(view["lines"]) == number and view["state"] == "open":
            return view
    raise AssertionError(f"the socket ended before {number} lines were shown")


@cell("06 killed edge under an open socket")
async def _(day: Day) -> None:
    async with socket_of(day, 0) as socket:
        await day.key()
        view = await until_lines(socket, 1)
        old = day.shop.kill("edge")
        while await next_view(socket) is not None:
            pass
    await day.shop.until_restarted("edge", old)
    await day.shop.view()
    async with socket_of(day, view["version"]) as socket:
        await day.key(day.second)
        assert (await until_lines(socket, 2))["version"] > view["version"]
    await day.pay_cash()


@cell("06 cut the till's socket, a view on its way")
async def _(day: Day) -> None:
    line = day.lines.till_to_edge
    async with socket_of(day, 0, line) as socket:
        before = await next_view(socket)
        assert before is not None
        line.hold("back")
        await day.key()
        await line.until_held("back", day.first["sku"].encode())
        line.cut()
        while await next_view(socket) is not None:
            pass
    async with socket_of(day, before["version"], line) as socket:
        view = await until_lines(socket, 1)
        assert view["version"] > before["version"]
    await day.pay_cash()


async def lose_the_authorisation(day: Day) -> None:
    """Ask for the card; the intent is on disk, the job on its way and nowhere else."""
    await day.key()
    await day.lines.edge_to_broker.until_idle()
    day.lines.edge_to_broker.hold("out")
    view = await day.ask_card()
    assert view["state"] == "paying"
    await day.lines.edge_to_broker.until_held("out", b"authorise_payment")


@cell("07 killed edge, the intent on disk and the job not sent")
async def _(day: Day) -> None:
    await lose_the_authorisation(day)
    old = day.shop.kill("edge")
    day.lines.edge_to_broker.drop()
    await day.shop.until_restarted("edge", old)
    await day.until_paid()


@cell("07 cut edge-broker, the job lost")
async def _(day: Day) -> None:
    await lose_the_authorisation(day)
    day.lines.edge_to_broker.cut()
    await day.until_paid()


@cell("07 killed broker with the job in it")
async def _(day: Day) -> None:
    await day.key()
    day.lines.devices_to_broker.hold("back")
    await day.ask_card()
    await day.lines.devices_to_broker.until_held("back", b"authorise_payment")
    old = day.shop.kill("broker")
    day.lines.devices_to_broker.drop()
    await day.shop.until_restarted("broker", old)
    await day.until_paid()


@cell("08 killed devices while the terminal asks for the card")
async def _(day: Day) -> None:
    await day.shop.counter("POST", "terminal", {"next": "ask"})
    await day.key()
    await day.ask_card()
    await day.until_asked()
    old = day.shop.kill("devices")
    await day.shop.until_view(lambda view: view["state"] == "in_doubt", what="the doubt is shown")
    await day.shop.until_restarted("devices", old)
    status, _ = await day.shop.command("take_cash", amount_minor=day.first["price_minor"])
    assert status == 409, "money was taken beside a payment that may be charged"
    await day.shop.counter("POST", "terminal/press", {"key": "approve"})
    await day.until_paid()


@cell("08 killed devices, the acquirer has booked and the result is on its way")
async def _(day: Day) -> None:
    await day.key()
    day.lines.terminal.hold("back")
    await day.ask_card()
    # the terminal's messages are acknowledged one by one: let all but the result pass
    await let_pass_until_booked(day)
    old = day.shop.kill("devices")
    day.lines.terminal.drop()
    await day.shop.until_restarted("devices", old)
    await day.until_paid()
    assert day.paid == "card"


@cell("08 killed counter while its terminal asks for the card")
async def _(day: Day) -> None:
    await day.shop.counter("POST", "terminal", {"next": "ask"})
    await day.key()
    await day.ask_card()
    await day.until_asked()
    await day.shop.kill_and_wait("counter")
    day.counter_is_new()
    await day.until_paid()


@cell("08 cut terminal, the authorisation on its way")
async def _(day: Day) -> None:
    await day.key()
    day.lines.terminal.hold_from("out", AUTHORISATION)
    await day.ask_card()
    await day.lines.terminal.until_held("out", AUTHORISATION)
    day.lines.terminal.cut()
    await day.until_paid()


@cell("08 cut terminal, the acquirer has booked and the result is on its way")
async def _(day: Day) -> None:
    await day.key()
    day.lines.terminal.hold("back")
    await day.ask_card()
    await let_pass_until_booked(day)
    day.lines.terminal.cut()
    await day.until_paid()
    assert day.paid == "card"


async def let_pass_until_booked(day: Day) -> None:
    """Let the terminal's intermediate messages through one by one, and hold its result."""

    async def attempt() -> bool | None:
        if len(await day.shop.booked()) > day.booked:
            return True
        if day.lines.terminal.held("back"):
            day.lines.terminal.flow()
            day.lines.terminal.hold("back")
        return None

    await eventually(attempt, what="the acquirer has booked")


@cell("09 killed edge, the command sent and nothing on disk")
async def _(day: Day) -> None:
    view = await day.key()
    day.sale_id = view["sale_id"]
    wish = {"command_id": str(uuid.uuid4()), "amount_minor": view["due_minor"]}
    day.shop.pause("edge")
    writer = await day.send(kind="take_cash", line=None, **wish)
    await day.shop.kill_and_wait("edge")
    await hang_up(writer)
    status, view = await day.shop.insist("take_cash", **wish)
    assert (status, view["state"]) == (200, "done"), view


@cell("09 killed edge, completed on disk and nothing sent")
async def _(day: Day) -> None:
    view = await day.key()
    day.sale_id = view["sale_id"]
    await day.lines.edge_to_broker.until_idle()
    day.lines.edge_to_broker.hold("out")
    day.lines.till_to_edge.hold("back")
    wish = {"command_id": str(uuid.uuid4()), "amount_minor": view["due_minor"]}
    writer = await day.send(kind="take_cash", line=day.lines.till_to_edge, **wish)
    await day.lines.till_to_edge.until_held("back", b"200 OK")
    await day.lines.edge_to_broker.until_held("out", b"print_receipt")
    old = day.shop.kill("edge")
    day.lines.edge_to_broker.drop()
    day.lines.till_to_edge.drop()
    await hang_up(writer)
    await day.shop.until_restarted("edge", old)
    status, view = await day.shop.insist("take_cash", **wish)
    assert (status, view["state"]) == (200, "done"), view
    await day.until_paper()


@cell("09 cut edge-broker, the jobs lost")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.edge_to_broker.until_idle()
    day.lines.edge_to_broker.hold("out")
    await day.pay_cash()
    await day.lines.edge_to_broker.until_held("out", b"print_receipt")
    day.lines.edge_to_broker.cut()
    await day.until_paper()


@cell("10 killed devices, done and the result not told")
async def _(day: Day) -> None:
    await day.key()
    day.lines.devices_to_broker.hold("out")
    await day.pay_cash()
    await day.until_paper()
    old = day.shop.kill("devices")
    day.lines.devices_to_broker.drop()
    await day.shop.until_restarted("devices", old)


@cell("10 killed edge, the results on their way")
async def _(day: Day) -> None:
    await day.key()
    day.lines.edge_to_broker.hold("back")
    await day.pay_cash()
    await day.lines.edge_to_broker.until_held("back", b'"done"')
    old = day.shop.kill("edge")
    day.lines.edge_to_broker.drop()
    await day.shop.until_restarted("edge", old)
    await day.until_paper()


@cell("10 cut devices-broker, the results lost")
async def _(day: Day) -> None:
    await day.key()
    day.lines.devices_to_broker.hold("out")
    await day.pay_cash()
    await day.until_paper()
    day.lines.devices_to_broker.cut()


@cell("10 cut edge-broker, the results lost")
async def _(day: Day) -> None:
    await day.key()
    day.lines.edge_to_broker.hold("back")
    await day.pay_cash()
    await day.lines.edge_to_broker.until_held("back", b'"done"')
    day.lines.edge_to_broker.cut()


@cell("10 cut printer, in the middle of the receipt")
async def _(day: Day) -> None:
    await day.key()
    day.lines.printer.cut_after("out", 300)
    await day.pay_cash()
    await day.lines.printer.until_cut()


async def carry_one_up(shop: Shop) -> None:
    """Sell something and see it at head office.

    After the cell before, sync may still be greeting edge and head office: a line that is
    held then would hold the greeting, and the message that the cell is about is never sent.
    """
    _, view = await shop.insist("add_item", code=shop.goods[0]["code"])
    _, view = await shop.insist("take_cash", amount_minor=view["due_minor"])
    await shop.until_office_has(view["sale_id"])
    await shop.make_well()


@cell("11 killed sync, a frame on its way to it")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_edge.until_idle()
    day.lines.sync_to_edge.hold_from("back", b"octet-stream")
    await day.pay_cash()
    await day.lines.sync_to_edge.until_held("back", b"octet-stream")
    old = day.shop.kill("sync")
    day.lines.sync_to_edge.drop()
    await day.shop.until_restarted("sync", old)


@cell("11 killed edge, while sync waits for a frame")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_edge.until_idle()
    day.lines.sync_to_edge.hold_from("back", b"octet-stream")
    await day.pay_cash()
    await day.lines.sync_to_edge.until_held("back", b"octet-stream")
    old = day.shop.kill("edge")
    day.lines.sync_to_edge.drop()
    await day.shop.until_restarted("edge", old)


@cell("11 cut sync-edge, a frame on its way")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_edge.until_idle()
    day.lines.sync_to_edge.hold_from("back", b"octet-stream")
    await day.pay_cash()
    await day.lines.sync_to_edge.until_held("back", b"octet-stream")
    day.lines.sync_to_edge.cut()


@cell("11 cut sync-edge, in the middle of a frame")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_edge.until_idle()
    day.lines.sync_to_edge.cut_after("back", 700)
    await day.pay_cash()
    await day.lines.sync_to_edge.until_cut()


@cell("11 cut sync-edge, the acknowledgement on its way back")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_edge.until_idle()
    day.lines.sync_to_edge.hold_from("out", b"/replica/ack")
    await day.pay_cash()
    await day.lines.sync_to_edge.until_held("out", b"/replica/ack")
    await day.shop.until_office_has(day.sale_id)
    day.lines.sync_to_edge.cut()


@cell("12 killed office, the frame on its way")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_office.until_idle()
    day.lines.sync_to_office.hold("out")
    await day.pay_cash()
    await day.lines.sync_to_office.until_held("out")
    old = day.shop.kill("office")
    day.lines.sync_to_office.drop()
    await day.shop.until_restarted("office", old)


@cell("12 killed office, durable and not acknowledged")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_office.until_idle()
    day.lines.sync_to_office.hold("back")
    await day.pay_cash()
    await day.shop.until_office_has(day.sale_id)
    old = day.shop.kill("office")
    day.lines.sync_to_office.drop()
    await day.shop.until_restarted("office", old)


@cell("12 killed sync, durable and not acknowledged")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_office.until_idle()
    day.lines.sync_to_office.hold("back")
    await day.pay_cash()
    await day.shop.until_office_has(day.sale_id)
    old = day.shop.kill("sync")
    day.lines.sync_to_office.drop()
    await day.shop.until_restarted("sync", old)


@cell("12 cut link, in the middle of a frame")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_office.until_idle()
    day.lines.sync_to_office.cut_after("out", 150)
    await day.pay_cash()
    await day.lines.sync_to_office.until_cut()


@cell("12 cut link, durable and not acknowledged")
async def _(day: Day) -> None:
    await day.key()
    await day.lines.sync_to_office.until_idle()
    day.lines.sync_to_office.hold("back")
    await day.pay_cash()
    await day.shop.until_office_has(day.sale_id)
    day.lines.sync_to_office.cut()


# --- the tests ----------------------------------------------------------------------------


async def test_every_step_is_killed_and_cut() -> None:
    kinds = {(name.split()[0], name.split()[1]) for name in CELLS}
    assert kinds == {(f"{step:02}", kind) for step in range(1, 13) for kind in ("killed", "cut")}


@pytest.mark.parametrize("name", sorted(CELLS))
async def test_a_sale_survives(wired: tuple[Shop, Lines], name: str) -> None:
    shop, lines = wired
    lines.flow()
    await shop.make_well()
    if name.startswith(("11", "12")):
        await carry_one_up(shop)
    day = Day(
        shop,
        lines,
        booked=len(await shop.booked()),
        papers=len(await shop.papers()),
        pulses=(await shop.counter("GET", "drawer"))["pulses"],
    )
    await CELLS[name](day)
    await day.prove()
