"""A counter in the test's own process, and what scripts say to it over HTTP."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from devices.counter.main import serve
from devices.counter.settings import (
    CounterSettings,
    LinkPlace,
    PrinterPlace,
    ScalePlace,
    ScannerPlace,
    TerminalPlace,
)
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from tests.devices.host_bench import until

GOODS = Path(__file__).parents[3] / "sync" / "office" / "demo_shop"
MILK = "9520000395957"
TILL_URL = "http://127.0.0.1:8080/till/"


def settings_in(folder: Path, office_port: int = 9, **terminal: Any) -> CounterSettings:
    """Every port is a free one; the terminal's customer takes no time unless told."""
    quick = {"customer_ms": 1, "network_ms": 1, **terminal}
    return CounterSettings(
        port=0,
        goods=GOODS,
        scanner=ScannerPlace(folder / "scanner"),
        printer=PrinterPlace(0),
        terminal=TerminalPlace(0, folder / "terminal.journal", **quick),
        link=LinkPlace(0, office_port),
        scale=ScalePlace(0, settle_ms=0),
        till_url=TILL_URL,
    )


class CounterClient:
    """Speaks the counter API."""

    def __init__(self, ready: dict[str, Any], session: aiohttp.ClientSession) -> None:
        self.origin = str(ready["origin"])
        self.printer = int(ready["printer"])
        self.terminal = int(ready["terminal"])
        self.scale = int(ready["scale"])
        self.link = int(ready["link"])
        self.session = session

    async def get(self, path: str) -> Any:
        async with self.session.get(f"{self.origin}/counter/api/{path}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, path: str, body: object = None, status: int = 200) -> Any:
        url = f"{self.origin}/counter/api/{path}"
        sent = {} if body is None else {"json": body}
        async with self.session.post(url, **sent) as answer:
            said = await answer.json()
            assert answer.status == status, said
            return said


@asynccontextmanager
async def running_counter(settings: CounterSettings) -> AsyncIterator[CounterClient]:
    written = io.StringIO()
    clock = SystemClock()
    stop = asyncio.Event()
    work = asyncio.create_task(serve(settings, clock, open_log("counter", written), stop))
    try:
        await until(lambda: '"ready"' in written.getvalue() or work.done())
        if work.done():
            await work
        lines = map(json.loads, written.getvalue().splitlines())
        ready = next(line for line in lines if line["event"] == "ready")
        async with aiohttp.ClientSession() as session:
            yield CounterClient(ready, session)
    finally:
        stop.set()
        await work
    assert '"counter_stopped"' in written.getvalue()
    assert "defect" not in written.getvalue(), written.getvalue()
