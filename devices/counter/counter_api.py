"""The counter API: drives the simulated hardware; people through the page, tests directly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from devices.counter.bench import Counter
from devices.counter.counter_messages import (
    CableBody,
    CablesBody,
    DrawerState,
    GoodsBody,
    LinkBody,
    LinkState,
    PaperBody,
    PressBody,
    PrinterBody,
    PrinterState,
    ScaleBody,
    ScaleState,
    ScanBody,
    ScannedBody,
    ScannerState,
    SlipsBody,
    TerminalBody,
    TerminalState,
    WeighBody,
)
from devices.counter.goods import Shelf
from devices.counter.state_stream import StateStream
from edge.contract.health import HealthBody, HealthItem
from edge.runtime.http_errors import JSON_TYPE, json_response
from edge.runtime.http_guard import read_message
from edge.runtime.openapi import ANYONE, Handler, Route, openapi_document
from edge.runtime.static_files import StaticFiles


@dataclass(frozen=True)
class CounterApi:
    """The routes of the counter. Nobody signs in: it is a bench on this machine alone."""

    counter: Counter
    shelf: Shelf
    stream: StateStream
    pages: StaticFiles

    def routes(self) -> tuple[Route, ...]:
        """Return the whole route table."""
        document: dict[str, Any] = {}

        async def openapi(_: web.Request) -> web.Response:
            return web.Response(body=msgspec.json.encode(document), content_type=JSON_TYPE)

        table = (*self._says(), *self._does())
        document.update(
            openapi_document(
                table,
                title="Tillbox counter",
                version="v1",
                description="Drives the simulated hardware of the demo shop.",
            )
        )
        described = _get("/openapi.json", openapi, "This document", None)
        return (*table, described, *self._static())

    def _says(self) -> tuple[Route, ...]:
        counter = self.counter
        shelf = self.shelf
        goods = GoodsBody(shelf.goods, shelf.currency, shelf.store_name)
        return (
            _get("/health", self._health, "What is well", HealthBody),
            _get("/counter/api/goods", _saying(lambda: goods), "What can be scanned", GoodsBody),
            _get(
                "/counter/api/scanner",
                _saying(lambda: counter.scanner_state),
                "Where the scanner's port is and whether somebody holds it",
                ScannerState,
            ),
            _get(
                "/counter/api/paper",
                _saying(lambda: PaperBody(counter.receipts())),
                "The text of the receipts that came out, newest last",
                PaperBody,
            ),
            _get(
                "/counter/api/slips",
                _saying(lambda: SlipsBody(counter.slips())),
                "The last receipts as they look, newest last",
                SlipsBody,
            ),
            _get(
                "/counter/api/printer",
                _saying(lambda: counter.printer_state),
                "Paper, cover and connection of the printer",
                PrinterState,
            ),
            _get(
                "/counter/api/drawer",
                _saying(lambda: counter.drawer_state),
                "Pulses so far, and whether the drawer stands open",
                DrawerState,
            ),
            _get(
                "/counter/api/terminal",
                _saying(counter.terminal_state),
                "What the acquirer has booked, and what the terminal shows",
                TerminalState,
            ),
            _get(
                "/counter/api/scale",
                _saying(lambda: counter.scale_state),
                "What lies on the scale",
                ScaleState,
            ),
            _get(
                "/counter/api/link",
                _saying(lambda: counter.link_state),
                "The line to head office",
                LinkState,
            ),
            _get(
                "/counter/api/cables",
                _saying(lambda: counter.cables),
                "Which devices' cables are in",
                CablesBody,
            ),
            Route(
                method="GET",
                path="/counter/api/events",
                handler=self.stream.serve,
                summary="The whole state as server-sent events, whenever it changed",
                access=ANYONE,
                gives="text/event-stream",
                refusals={503: "Too many pages watch already."},
            ),
        )

    def _does(self) -> tuple[Route, ...]:
        unread = {503: "Nobody reads the scanner's port."}
        return (
            _post("scan", self._scan, "Scan a code", ScanBody, ScannedBody, unread),
            _post(
                "weigh",
                self._weigh,
                "Weigh goods and scan the label",
                WeighBody,
                ScannedBody,
                unread,
            ),
            _post(
                "terminal",
                self._set_terminal,
                "What the next payment, refund or reversal does",
                TerminalBody,
                TerminalState,
            ),
            _post(
                "terminal/press",
                self._press,
                "Press a key of the terminal",
                PressBody,
                TerminalState,
                {409: "No payment waits for a key."},
            ),
            _post(
                "scale", self._put_on_scale, "Put goods on or take them off", ScaleBody, ScaleState
            ),
            _post("printer", self._set_printer, "Paper and cover", PrinterBody, PrinterState),
            _post("drawer/close", self._close_drawer, "Push the drawer shut", None, DrawerState),
            _post("link", self._set_link, "Cut or restore the line", LinkBody, LinkState),
            _post("cables", self._set_cable, "Pull a cable or put it in", CableBody, CablesBody),
        )

    def _static(self) -> tuple[Route, ...]:
        async def root(_: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": "/counter/"})

        routes = [
            Route(
                method="GET",
                path="/",
                handler=root,
                summary="To the counter",
                access=ANYONE,
                status=302,
            )
        ]
        for name in self.pages.names:
            path = "/counter/" if name == "counter/index.html" else f"/{name}"
            routes.append(_get(path, self._file(name), f"The file {name}", None))
        return tuple(routes)

    def _file(self, name: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            return self.pages.respond(request, name)

        return handler

    # --- handlers -------------------------------------------------------------------------

    async def _health(self, _: web.Request) -> web.Response:
        state = self.counter.state()
        link = state.link.up
        items = (
            _item("scanner", connected=state.scanner.connected),
            _item("printer", connected=state.printer.connected),
            _item("terminal", connected=state.terminal.connected),
            _item("scale", connected=state.scale.connected),
            HealthItem(
                "link",
                link,
                "The line to head office is whole." if link else "The line is cut.",
                "" if link else "Switch it on again when you are done.",
            ),
        )
        return json_response(HealthBody(True, items))

    async def _scan(self, request: web.Request) -> web.Response:
        body = await read_message(request, ScanBody)
        await self.counter.scan(body.code, raw=body.raw)
        return json_response(ScannedBody(body.code, self.shelf.named(body.code)))

    async def _weigh(self, request: web.Request) -> web.Response:
        body = await read_message(request, WeighBody)
        code = self.shelf.label(body.plu, body.weight_g)
        await self.counter.scan(code, raw=False)
        name = next(good.name for good in self.shelf.goods if good.plu == body.plu)
        return json_response(ScannedBody(code, name))

    async def _set_terminal(self, request: web.Request) -> web.Response:
        body = await read_message(request, TerminalBody)
        self.counter.set_terminal(body.next)
        return json_response(self.counter.terminal_state())

    async def _press(self, request: web.Request) -> web.Response:
        body = await read_message(request, PressBody)
        self.counter.press(body.key)
        return json_response(self.counter.terminal_state())

    async def _put_on_scale(self, request: web.Request) -> web.Response:
        self.counter.put_on_scale(await read_message(request, ScaleBody))
        return json_response(self.counter.scale_state)

    async def _set_printer(self, request: web.Request) -> web.Response:
        self.counter.set_printer(await read_message(request, PrinterBody))
        return json_response(self.counter.printer_state)

    async def _close_drawer(self, _: web.Request) -> web.Response:
        self.counter.close_drawer()
        return json_response(self.counter.drawer_state)

    async def _set_link(self, request: web.Request) -> web.Response:
        body = await read_message(request, LinkBody)
        self.counter.set_link(up=body.up)
        return json_response(self.counter.link_state)

    async def _set_cable(self, request: web.Request) -> web.Response:
        body = await read_message(request, CableBody)
        await self.counter.set_cable(body.device, plugged=body.plugged)
        return json_response(self.counter.cables)


def _item(name: str, *, connected: bool) -> HealthItem:
    if connected:
        return HealthItem(name, True, f"The {name} is in use.")
    return HealthItem(
        name,
        False,
        f"Nobody is connected to the {name}.",
        "See that its cable is in and that `tillbox devices` runs.",
    )


def _saying(message: Callable[[], object]) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return json_response(message())

    return handler


def _get(path: str, handler: Handler, summary: str, response: Any) -> Route:
    return Route(
        method="GET", path=path, handler=handler, summary=summary, access=ANYONE, response=response
    )


def _post(
    name: str,
    handler: Handler,
    summary: str,
    request: Any,
    response: Any,
    refusals: dict[int, str] | None = None,
) -> Route:
    return Route(
        method="POST",
        path=f"/counter/api/{name}",
        handler=handler,
        summary=summary,
        access=ANYONE,
        request=request,
        response=response,
        refusals=refusals or {},
    )
