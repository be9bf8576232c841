"""One sale as people make it, and the proof that it ended exactly once, everywhere."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.whole_shop.demo_shop import Shop, eventually
from tests.whole_shop.lines import Line, Lines


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


async def carry_one_up(shop: Shop) -> None:
    """Sell something and see it at head office.

    After the cell before, sync may still be greeting edge and head office: a line that is
    held then would hold the greeting, and the message that the cell is about is never sent.
    """
    _, view = await shop.insist("add_item", code=shop.goods[0]["code"])
    _, view = await shop.insist("take_cash", amount_minor=view["due_minor"])
    await shop.until_office_has(view["sale_id"])
    await shop.make_well()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Cut a connection of ours without a word."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def count_lines(view: dict[str, Any]) -> Counter[str]:
    return Counter(line["sku"] for line in view["lines"] if not line["voided"])


Cell = Callable[[Day], Awaitable[None]]


class Cells(dict[str, Cell]):
    """What is done to a sale, by "step kind what": kind is `killed` or `cut`."""

    def cell(self, name: str) -> Callable[[Cell], Cell]:
        """Keep the function below under a name."""

        def keep(work: Cell) -> Cell:
            assert name not in self
            self[name] = work
            return work

        return keep
